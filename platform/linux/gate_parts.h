/* What the files of the storage gate share: reading sysfs, which is full of a device's own words.
 * For platform/linux/gate_*.c alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_GATE_PARTS_H
#define CARETAKER_PLATFORM_LINUX_GATE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/gate.h"
#include "platform/linux/gate_bus.h"

#define GATE_PATH 640

struct plat_gate {
	char root[200]; /* "" or a test's folder */
	char sysfs[220];
	char modules[256];
	bool live;            /* this machine, not a test's folder */
	struct gate_bus *bus; /* NULL: nobody listens for locks */
	struct gate_children *children;
	unsigned luks_patience_ms;   /* that a medium gets to show its header */
	unsigned switch_patience_ms; /* and to be made read-only or writable */
};

/* Up to 'size' - 1 bytes of sysfs/PATH and a NUL; the length, -1 with errno.  The kernel's closing
 * newline goes. */
long gate_attribute(const struct plat_gate *gate, const char *path, char *out, size_t size);
/* A number with nothing after it; 'base' 10 or 16.  False when there is none. */
bool gate_number(const struct plat_gate *gate, const char *path, int base, uint64_t *out);
/* Writes to sysfs/PATH. */
int gate_write(const struct plat_gate *gate, const char *path, const char *text, struct err *err);
bool gate_has(const struct plat_gate *gate, const char *path);
/* sysfs/PATH's place below sysfs/devices: its last part's link followed, and no other is in it;
 * false when there is none. */
bool gate_place(const struct plat_gate *gate, const char *path, char *out, size_t size);
/* Names in sysfs/PATH, in the folder's own order; 'each' returns false to stop. */
void gate_each(const struct plat_gate *gate, const char *path,
	       bool (*each)(void *ctx, const char *name), void *ctx);

/* "2-1.4"; "2-1.4:1.0"; "sda1": nothing else gets into a path. */
bool gate_is_port(const char *name);
bool gate_is_interface(const char *name);
bool gate_is_block(const char *name);
/* The last part of 'place' that is a USB device's port; "" none. */
void gate_port_of(const char *place, char out[32]);

/* gate_card.c: memory cards in slots of their own (SD, on the mmc bus). */
bool gate_is_card(const char *name); /* "mmc0:aaaa" */
int gate_card(const struct plat_gate *gate, const char *name, struct plat_port_device *out,
	      struct err *err);
/* Those that somebody can put in, on no USB device; 'each' as in plat_gate_devices(). */
void gate_cards(const struct plat_gate *gate,
		int (*each)(void *ctx, const struct plat_port_device *device), void *ctx,
		struct plat_port_device *scratch);
/* The card on a block device's way below sysfs/devices; "" none of ours. */
void gate_card_of(const struct plat_gate *gate, const char *place, char out[32]);
int gate_card_let(const struct plat_gate *gate, const char *name, bool let, struct err *err);
/* The next card gets no driver by itself; without such slots that is true. */
bool gate_cards_begin_shut(const struct plat_gate *gate);

/* gate_media.c: by the kernel's name, to be read; 'flags' of open(2) beside that.  -1 with errno.
 */
int gate_open_medium(const struct plat_gate *gate, const char *name, int flags);

/* gate_child.c: what may wait for a disk for ever, done by a child that is given up after a
 * while. */
struct gate_job {
	int (*work)(const void *ctx); /* in the child, which exits with what it returns: 0 to 254 */
	const void *ctx;
	const char
		*of; /* no second is started while one of this word is stuck; "" another may be */
	unsigned patience_ms;
};
#define GATE_JOB_FAILED 255                    /* it was killed, or could not begin */
struct gate_children *gate_children_new(void); /* NULL: no memory */
void gate_children_free(struct gate_children *children);
/* ERR_TIMEOUT: it was given up. */
int gate_in_child(struct gate_children *children, const struct gate_job *job, int *out_code,
		  struct err *err);

/* gate_luks.c: that the header of a LUKS medium promises no encryption; what cannot be read, or is
 * not shown in time, is not believed. */
bool gate_luks_is_null(const struct plat_gate *gate, const struct plat_medium *medium);

/* gate_mapped.c: a disk made of others (LUKS once it is unlocked, LVM, md), followed down. */
struct gate_mapped {
	char below[32];        /* what it was made of, one step down */
	char bottom[32];       /* the disk or partition at the end of that */
	char place[GATE_PATH]; /* the bottom's */
	bool unlocked;         /* some step is a container that was unlocked, itself or below it */
	bool mixed;            /* it is made of several devices' disks: nobody's medium */
};
/* The USB device or the card that a place below sysfs/devices hangs on; "" neither. */
void gate_holder_of(const struct plat_gate *gate, const char *place, char out[32]);
/* False: it is made of no other. */
bool gate_mapped(const struct plat_gate *gate, const char *name, struct gate_mapped *out);

/* gate_media.c: whether a disk or partition that hangs on neither a USB device nor a card can be
 * taken out: optical, removable, on a bus for what is plugged in, behind an external port.  'place'
 * is its own below sysfs/devices.
 *
 * What is so caretakerd judges, and pkg/udev/72-caretaker-media.rules closes: one that is judged
 * and not closed is refused in vain, one that is closed and not judged is never opened. */
bool gate_comes_out(const struct plat_gate *gate, const char *name, const char *place);

/* gate_mounts.c: which block devices hold the running system, and which are mounted. */
#define GATE_DISKS 64
struct gate_mounted {
	struct {
		char name[32]; /* a partition or disk; what lies below device mapper is listed too
				*/
		bool system;
	} disks[GATE_DISKS];
	unsigned count;
	bool unsure; /* more than fit, or what mounts cannot be read: everything may be in use */
};
void gate_mounted(const struct plat_gate *gate, struct gate_mounted *out);

/* gate_udev.c: what udev's database has on a disk. */
struct gate_udev {
	bool told;            /* udev has looked at this disk */
	bool stale;           /* not yet: what it has is another's that had this name before */
	char file_system[24]; /* "" none */
	bool closed;          /* udev's rule has closed it (pkg/udev/72-caretaker-media.rules) */
};
/* 'sequence' is the disk's number, 0: a kernel that gives none. */
void gate_udev_read(const struct plat_gate *gate, const char *name, uint64_t sequence,
		    struct gate_udev *out);
/* 'disk' is the number that the rule wrote down when udev looked (CARETAKER_DISK); NULL none. */
bool gate_udev_is_of_another(const char *disk, uint64_t sequence);

#endif
