/* What plugs in, and letting it through or not: real devices of this machine.
 *
 * Interfaces are de-authorised, devices never: a keyboard on the same device goes on typing.  All
 * paths lie below the roots given to plat_gate_open(), so that tests give folders of their own.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_GATE_H
#define CARETAKER_PLATFORM_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* A device at a port, raw: what is in these bytes is the device's own word. */
struct plat_port_device {
	char port[32];
	unsigned char descriptors[4096]; /* longer ones are cut, and refused by who reads them */
	size_t descriptors_len;
	unsigned configuration; /* the one in use; 0: none chosen (it is not authorised) */
	unsigned number;        /* of this plugging in: the same port's next has another */
	char serial[256], maker[256], model[256]; /* as sysfs has them: not cleaned; "" none */
	bool builtin;
	/* A memory card in a slot of its own: 'port' is its name ("mmc0:aaaa"), its only
	 * interface's too, and it has no descriptors but these. */
	bool card;
	uint16_t vendor, product; /* of a card: who made it and for whom */
	char panel[16];
	struct plat_port_interface {
		char name[32];
		unsigned number;
		char text[256];
		char modalias[128];
		bool authorized;
		bool bound; /* to a driver */
	} interfaces[32];
	unsigned interface_count;
};

struct plat_gate;
/* 'sysfs' is "/sys" (NULL), 'modules' "/lib/modules/RELEASE" (NULL), but for tests: theirs is
 * FOLDER/sys, and proc, dev, etc, run and lib/modules are looked for beside it. */
int plat_gate_open(struct plat_gate **out, const char *sysfs, const char *modules, struct err *err);
void plat_gate_close(struct plat_gate *gate);

/* Every device at a port, root hubs left out, and every memory card in a slot of its own; -1 ends
 * the walk when 'each' returns it. */
int plat_gate_devices(struct plat_gate *gate,
		      int (*each)(void *ctx, const struct plat_port_device *device), void *ctx,
		      struct err *err);
/* One; ERR_NOTFOUND when it is gone. */
int plat_gate_device(struct plat_gate *gate, const char *port, struct plat_port_device *out,
		     struct err *err);

/* What a device answers where Microsoft's systems ask for its compatible IDs (Microsoft OS 1.0
 * Descriptors), its own bytes; none when it knows of no such question.  Needs no authority of an
 * interface and changes nothing; one that does not answer at all takes a second. */
int plat_gate_compatible(struct plat_gate *gate, const char *port, unsigned char *out, size_t size,
			 size_t *out_len, struct err *err);

/* Every line of this kernel's modules.alias ('builtin' false) and every entry of
 * modules.builtin.modinfo ('builtin' true) that could concern a USB interface. */
int plat_gate_aliases(struct plat_gate *gate,
		      void (*each)(void *ctx, bool builtin, const char *entry, size_t len),
		      void *ctx, struct err *err);

/* Whether what is plugged in next waits for us, whichever controller it comes to: false is not the
 * kernel's refusal but ours after it.  Without a controller it does: a new one begins so. */
bool plat_gate_begins_shut(struct plat_gate *gate);

/* Authorises the interface and has a driver looked for, or takes its driver and its authority.  A
 * card has no authority, only its driver. */
int plat_gate_let(struct plat_gate *gate, const char *interface, struct err *err);
int plat_gate_shut(struct plat_gate *gate, const char *interface, struct err *err);

/* Disks and partitions that hang on a device ("2-1", "mmc0:aaaa") or stand by themselves (eSATA,
 * optical). */
struct plat_medium {
	char name[32];   /* "sda1" */
	char parent[32]; /* "sda"; "" for a disk; of what was unlocked its container, "sda1" */
	char disk[32];   /* that all of it lies on: "sda", itself for a disk */
	char port[32];   /* of the USB device or card it hangs on; "" none */
	char bus[12]; /* "usb", "mmc", "ata", "scsi", "thunderbolt" ...: what it is plugged into */
	uint64_t sequence; /* the kernel's own number of this disk: another card has another */
	uint64_t bytes;
	bool removable, read_only, optical;
	bool mapped;   /* it is made of 'parent' by device mapper or md */
	bool unlocked; /* and on the way is a container (LUKS, BitLocker) that somebody unlocked */
	bool has_parts;
	char file_system[24]; /* as libblkid (udev's ID_FS_TYPE) says; "" none or not yet told */
	bool null_cipher;  /* a LUKS header whose data is not encrypted, or that cannot be read */
	bool told;         /* udev has looked at it */
	bool closed;       /* and its rule has closed it */
	bool stale;        /* not yet: udev knows of another that had this name before */
	bool holds_system; /* a mounted /, /boot, /home, /usr, /var or swap lies on it, through
			      device mapper too */
	bool mounted;
};
int plat_gate_media(struct plat_gate *gate, const char *port,
		    int (*each)(void *ctx, const struct plat_medium *medium), void *ctx,
		    struct err *err);

/* Read-only for everyone from now on (BLKROSET), or writable again.  What is mounted to be written
 * stays so: unmount it first. */
int plat_gate_read_only(struct plat_gate *gate, const char *medium, bool on, struct err *err);
/* Syncs and unmounts every mount of a disk and its partitions, in the host's mount namespace; a
 * mount that is busy is taken from its users lazily after 'patience_ms'. */
int plat_gate_unmount(struct plat_gate *gate, const char *medium, unsigned patience_ms,
		      struct err *err);
/* Opens what is closed to udisks and users, or closes it again, with one "change" event; nothing
 * happens to what is so already.
 *
 * The rule that closes (pkg/udev/72-caretaker-media.rules) holds while STATE/hardware/enforced is
 * there, and goes by a file, so that what nobody opened is shut: RUN/gate/open/SEQ-NAME, SEQ being
 * the disk's diskseq (a number that no disk of this boot had before: sda1 of a pulled stick opens
 * no later sda1) and NAME "sda1".  'medium' is as plat_gate_media() told of it: what has come in
 * its place since is not opened. */
int plat_gate_release(struct plat_gate *gate, const struct plat_medium *medium, bool open,
		      struct err *err);
/* Takes away what says that media are open which are there no more. */
void plat_gate_sweep(struct plat_gate *gate);
/* Has udev look at it once more: a "change" event tells when it has. */
int plat_gate_look_again(struct plat_gate *gate, const char *medium, struct err *err);

/* Whether a disk can be taken out, or one that the kernel made of others is made of plugged-in
 * media alone, and is none that the system lies on: udev's rule closes it then.  "sg0" is asked for
 * too. */
bool plat_gate_is_plugged(struct plat_gate *gate, const char *medium);
/* Locks what was unlocked (or made otherwise) of a plugged-in medium: at once, or when the last who
 * has it open lets go. */
int plat_gate_lock(struct plat_gate *gate, const char *medium, struct err *err);

/* BlueZ's obexd, which sends and takes files over Bluetooth: since 5.65, and before. */
#define PLAT_GATE_SENDERS "/usr/libexec/bluetooth/obexd", "/usr/lib/bluetooth/obexd"

/* Whether anybody here can send files over Bluetooth: there is an adapter, and a sender that is
 * not root's alone; 'program' gets its path. */
bool plat_gate_sends_files(struct plat_gate *gate, char program[64]);

/* Who sits at seat0. */
struct plat_seat {
	char user[64];   /* "" nobody */
	bool locked;     /* the screen */
	bool lock_known; /* false: nobody has said yet, or nobody listens */
};
int plat_gate_seat(struct plat_gate *gate, struct plat_seat *out, struct err *err);
/* Hears of locks from now on: 'out_fd' becomes readable, then plat_gate_seat_heard() is 1 when
 * plat_gate_seat() may answer otherwise, 0 when not, -1 when nothing will be heard any more (the
 * descriptor is closed then).  Without it no lock need be known of. */
int plat_gate_seat_listen(struct plat_gate *gate, int *out_fd, struct err *err);
int plat_gate_seat_heard(struct plat_gate *gate);
/* The same, when it is known whether the screen is locked that plat_gate_seat() was asked for, or
 * so long after. */
int plat_gate_seat_wait(struct plat_gate *gate, unsigned timeout_ms);

#endif
