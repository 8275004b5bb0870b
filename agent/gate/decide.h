/* What becomes of a device: rules and facts in, a decision out; no clock, no file, no device.
 *
 * In two steps.  gate_decide() judges the device before anything of it is opened.  Where the rules
 * want to know the medium too (encrypted, scanned, a class set's size), it says GATE_JUDGE: the
 * block device may come, closed to all but root and read-only, and gate_decide_medium() judges the
 * disk and each partition.
 *
 * It says what the rules say whatever the mode: 'mode' tells the caller whether to act (enforce)
 * or only to report what would have been (audit).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_GATE_DECIDE_H
#define CARETAKER_GATE_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/gate/device.h"
#include "agent/gate/rules.h"

enum gate_verb {
	GATE_PASS, /* not the gate's business: let through */
	GATE_REFUSE,
	GATE_JUDGE,     /* the medium decides */
	GATE_READ_ONLY, /* usable, never written */
	GATE_OPEN,
};

/* What is known beside the device itself. */
struct gate_around {
	int64_t now;       /* trusted time, unix seconds; at least this much when not 'now_known' */
	bool now_known;    /* false: an end that lies ahead cannot be trusted to */
	bool locked;       /* the seat's screen is locked; only for what is newly plugged in */
	bool holds_system; /* /, /boot, /home, swap or a key of theirs lies on it */
	bool known_since_enrolment;
	bool twin;    /* another device with the same vendor, product and serial is plugged in */
	bool changed; /* an approved id whose descriptors are not what they were */
	const char *user; /* who sits at the seat; "" nobody */
	/* A medium that is no USB device (an internal card reader, a drive on eSATA): GATE_KIND_*
	 * of it; the device then has no interfaces.  0: a USB device, whose interfaces tell. */
	unsigned kind;
};

struct gate_decision {
	enum gate_verb verb;
	enum gate_mode mode; /* of the control that decided; GATE_OFF: none did */
	bool hardware;       /* that control is 'hardware', not 'removable-storage' */
	/* A token for the reason, reason_storage.c makes the sentence.  Of a device:
	 *   PASS    "free", "assistive", "off", "kind-not-counted"; caretakerd's own "was-storage"
	 *   OPEN    "excepted-model": of what hardware's rules alone would refuse
	 *   REFUSE  "not-allowed", "not-approved", "approval-ended", "clock-unknown",
	 * "weak-serial", "twin-serial", "changed-device", "wrong-port", "rear-port", "too-deep",
	 *           "screen-locked", "refused-class", "refused-model", "cannot-be-judged"
	 *   JUDGE, READ_ONLY, OPEN  "holds-system", "allowed", "approved-stick",
	 *           "approved-person", "class-set"
	 * Of a medium:
	 *   PASS    "no-medium", "parts-decide"
	 *   REFUSE  "plain", "null-cipher", "not-scanned", "infected", "unscannable", "too-large"
	 *   READ_ONLY, OPEN  the device's, or "plain", "unlocker" */
	char why[32];
	int line;           /* of the policy */
	char exception[64]; /* the approval used, or the one that ended; "" none */
	int64_t until;      /* when the answer changes by itself; 0: not by time alone */
	/* An exception for the model stands against hardware's rules: what they hold opens until
	 * then (0: no end), whatever becomes of storage in the same device. */
	bool hardware_opens;
	int64_t hardware_until;
	unsigned encrypted;    /* GATE_JUDGE: how the medium must be encrypted; 0: need not be */
	bool self_encrypting;  /* GATE_JUDGE: the model encrypts by itself, and that counts */
	bool unlocker;         /* 'self_encrypting': by a program on a CD-ROM that it shows */
	enum gate_plain plain; /* GATE_JUDGE: what a plain medium gets where encrypted is asked */
	enum gate_scan scan;
	bool read_only;
	uint64_t max_bytes; /* GATE_JUDGE, a class set: a larger disk is not one; 0: no bound */
	int encrypted_line, scan_line; /* GATE_JUDGE: of the policy, where those decide */
	bool quiet;                    /* no event worth a row: counted, one a device a day */
	bool may_ask;                  /* a person may ask for an approval of it */
};

/* 'device' as gate_hold() left it.  Where storage and other refused interfaces sit in one device,
 * the answer is about the storage: gate_may_open() tells for each interface. */
void gate_decide(const struct gate_rules *rules, const struct gate_device *device,
		 const struct gate_around *around, struct gate_decision *out);

/* Whether this interface of the device may be authorised.  What has no disk to be judged (PTP, MTP)
 * opens on GATE_OPEN alone; what hardware's rules hold stays shut whatever storage's say, unless an
 * exception stands against them. */
bool gate_may_open(const struct gate_rules *rules, const struct gate_decision *decision,
		   const struct gate_interface *interface);

/* A disk or a partition that came of a device in judgement. */
struct gate_medium {
	uint64_t bytes;        /* 0: a reader without a card */
	uint64_t device_bytes; /* of all disks of the device together */
	bool whole_disk; /* holds a partition table: its partitions are judged, and it for size */
	char file_system[24]; /* libblkid's type: "crypto_LUKS", "BitLocker", "vfat"; "" none */
	bool null_cipher;
	/* The clear side of an encrypted container.  The container itself opens without a scan, for
	 * somebody has to unlock it; what it holds is a medium of its own, and is scanned. */
	bool unlocked;
	bool optical;
	enum {
		GATE_UNSCANNED,
		GATE_CLEAN,
		GATE_INFECTED,
		GATE_UNSCANNABLE,
		GATE_GUARDED /* each file is scanned when it is opened */
	} scanned;
};
/* Whether 'scan = on-open' opens a file system of that name file by file.  What another file system
 * can be laid over (overlayfs takes ext4, not vfat) opens files that nobody is asked about: such a
 * medium is scanned whole. */
bool gate_opens_by_file(const char *file_system);
/* 'device' is what gate_decide() said of the device, whatever its verb. */
void gate_decide_medium(const struct gate_decision *device, const struct gate_medium *medium,
			struct gate_decision *out);

#endif
