/* caretaker-gate: lets through what the policy does not hold, with no daemon: called by udev, also
 * in the initramfs.  It only ever opens; what waits stays as the kernel made it, shut.
 *
 * Two gates: USB interfaces, and memory cards in slots of their own (SD on the mmc bus), each shut
 * by the kernel's own switch.  The same switch of the scsi bus (drivers_autoprobe) is left alone.
 * It would be a second gate behind USB's, and the first one for hot-plugged SATA and FireWire
 * disks; but this program would then have to bind every disk, tape and DVD drive of every machine,
 * the system's among them, at each start and in each initramfs: one that fails there, or a
 * controller that nobody thought of, is a machine that does not start.  What it would catch are
 * storage interfaces that were authorised by mistake, and no way to that is known.  SATA, FireWire
 * and optical media have a disk, which udev's rule closes to everybody but root before anyone hears
 * of it (pkg/udev/72-caretaker-media.rules) and caretakerd judges.
 *
 * Every path lies below plat_root(), so that tests give a folder of their own; commands of the
 * system (udevadm, update-initramfs) are run only where that is "".
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_GATEKEEPER_H
#define CARETAKER_GATEKEEPER_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/compiler.h"
#include "agent/gate/device.h"

struct buf;
struct err;
struct gate_rules;

#define KEEP_PATH 768
#define KEEP_USB "/sys/bus/usb/devices"
/* What arm writes and the helper reads: on /etc, which is there before /var is. */
#define KEEP_RULES "/etc/caretaker/gate.rules"
#define KEEP_SYSTEM "/etc/caretaker/gate.system"
#define KEEP_ALIASES "/etc/caretaker/gate.alias" /* in the initramfs alone */
#define KEEP_UDEV "/etc/udev/rules.d/10-caretaker-gate.rules"
#define KEEP_MODPROBE "/etc/modprobe.d/caretaker-gate.conf"
#define KEEP_PARAMETER "/sys/module/usbcore/parameters/authorized_default"

/* --- files.c --- */
/* plat_root() and the rest; a path too long is cut, and then opens nothing. */
void keep_path(char out[KEEP_PATH], const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A short file of /sys or /proc, its closing newline dropped; "" when it cannot be read. */
void keep_attribute(char *out, size_t out_size, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool keep_exists(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Words on stderr when it fails; a device that is gone is none. */
int keep_write(const char *text, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Names in a folder; a folder that is not there has none. */
void keep_list(void (*each)(void *ctx, const char *name), void *ctx, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* The text up to the next of 'stops', which becomes a NUL; NULL at the end, as strsep() has it. */
char *keep_cut(char **at, const char *stops);
/* caretaker.usb=off stands on the kernel's command line. */
bool keep_is_off(void);

/* --- usb.c --- */
/* A root hub "usb1": its devices' interfaces begin shut from here on, devices are authorised. */
int keep_hub(const char *name);
/* A device "2-1.4", an interface of it, or a root hub: authorises all that is not held. */
int keep_device(const char *name);
/* Everything, as the kernel would have it without us. */
void keep_open_all(void);
/* Every root hub gets these; NULL leaves it. */
void keep_hub_defaults(const char *interfaces, const char *devices);
/* Reads what the device at 'port' says of itself: its ids and names, no interface. */
bool keep_read_ids(const char *port, struct gate_device *out);

/* Rules that are not there, or were cut, are NULL: all that is storage is held.  The caller's. */
struct gate_rules *keep_read_rules(void);

/* --- card.c --- */
/* "mmc0:aaaa"; "mmc0" is a slot. */
bool keep_is_card(const char *name);
/* As keep_read_ids(); false for what nobody can put in: eMMC, Wi-Fi, and a USB reader's card. */
bool keep_read_card(const char *name, struct gate_device *out);
/* A card: has the bus bind it unless it is held. */
int keep_card(const char *name);
/* A slot or a card came: from here on cards get no driver by themselves. */
int keep_slot(const char *name);
void keep_cards_default(bool open);
void keep_open_cards(void);
unsigned keep_count_shut_cards(void);

/* --- aliases.c --- */
/* Asks this kernel's tables what would bind; sets 'aliases_unread' where they cannot be read. */
void keep_resolve(struct gate_device *device, const char *modules);
/* Asks the device, where that is worth it, whether an interface of a vendor's own class is MTP. */
void keep_ask(struct gate_device *device, const struct gate_rules *rules);
/* Prints each alias of a storage driver; -1 when the tables cannot be read. */
int keep_print_aliases(const char *modules, struct err *err);
void keep_set_modules(const char *folder); /* instead of /lib/modules/RELEASE; kept */

/* --- system.c --- */
/* A line "ID PORT" for each USB device and each card that the running system lies on, or a key of
 * its disks.  ERR_UNSUPPORTED when that cannot be told and a USB disk or a card is there. */
int keep_system_devices(struct buf *out, struct err *err);
/* Whether 'list' names this device at this port, or, while no other like it is plugged in, at any
 * other one. */
bool keep_is_system(const char *list, const struct gate_device *device);
/* The same of the list that was written when the gate was armed. */
bool keep_is_listed(const struct gate_device *device);
/* What hangs on a USB device: "mmc0:aaaa" in a reader. */
bool keep_is_on_usb(const char *card);

/* --- media.c --- */
/* udev's: exit code 0 when a disk that was made of others (dm-0, md0) is made of plugged-in media
 * alone and the system does not lie on it, 1 when it is the machine's own. */
int keep_plugged(const char *name);

/* --- bluetooth.c --- */
/* Files over Bluetooth go through BlueZ's obexd, which each user's session starts: root's alone
 * while 'shut', by dpkg-statoverride(1), so that its package's upgrades leave it so; an override of
 * the admin's own stays as it is.  Keyboards, headsets and hearing aids need no such program. */
int keep_bluetooth_files(bool shut, struct err *err);
bool keep_shuts_bluetooth_files(void);

/* --- arm.c --- */
int keep_arm(void);
int keep_disarm(void);
int keep_follow(const char *state);
int keep_status(void);
void keep_set_state(const char *state);
const char *keep_state(void);
/* A program of the system's, by argv; below a root of its own it is only named. */
int keep_run(const char *const argv[], unsigned timeout_ms, struct err *err);

#endif
