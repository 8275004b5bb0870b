/* Which interfaces wait for caretakerd: by what the kernel would bind to them, not by what they
 * claim to be.  Used by caretaker-gate (udev, initramfs) and by caretakerd alike.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_GATE_HOLD_H
#define CARETAKER_GATE_HOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/gate/device.h"

struct gate_rules;

/* True for usb_storage, uas, ums_*, rtsx_usb*, ushc, vub300, microtek (a scanner's driver that
 * gives a SCSI host, to which a disk may answer); '-' and '_' alike, as in kmod. */
bool gate_driver_stores(const char *module);

/* A pattern of modules.alias ('*', '?', "[0-9A]") against a modalias. */
bool gate_alias_matches(const char *pattern, size_t len, const char *modalias);
/* One line of modules.alias ("alias usb:v0419pAACEd0100dc*... usb_storage"): when its pattern
 * matches the interface's modalias and its module stores, the module is noted in 'drivers'. */
void gate_alias_line(struct gate_interface *interface, const char *line, size_t len);
/* The same for one "module.alias=pattern" of modules.builtin.modinfo. */
void gate_alias_builtin(struct gate_interface *interface, const char *entry, size_t len);

/* Judges each interface of a device whose facts are all there; sets 'held'.  'rules' may be NULL
 * (none compiled yet): storage, PTP and MTP wait all the same.  What assists people, keyboards,
 * pointers, audio, video, smart-card, printer and hubs never wait for GATE_HELD_POLICY; and an
 * interface of class 03 or 09 waits only where a storage driver would bind to it.  What an
 * exception lets pass waits all the same: its end takes a clock, so gate_decide() is asked. */
void gate_hold(struct gate_device *device, const struct gate_rules *rules);
/* Whether the interface stays shut until caretakerd has decided: it is held, and the mode of the
 * control that holds it is enforce.  Without rules whatever is held waits. */
bool gate_waits(const struct gate_interface *interface, const struct gate_rules *rules);

/* The classes that a policy may refuse ("network", "modem" ...); those that are not USB's
 * ("firewire") are known and fit no interface. */
bool gate_class_known(const char *name);
bool gate_class_fits(const char *name, const struct gate_interface *interface);

const char *gate_held_name(enum gate_held held); /* "driver", "class", "mtp" ... */

#endif
