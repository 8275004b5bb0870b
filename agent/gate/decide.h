/* What becomes of a device: rules and facts in, a decision out; no clock, no file, no device.
 *
 * In two steps.  gate_decide() judges the device before anything of it is opened.  Where the rules
 * want to know the medium too (encrypted, scanned), it says GATE_JUDGE: the block device may come,
 * closed to all but root and read-only, and gate_decide_medium() judges each partition.
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
	int64_t now;       /* trusted time, unix seconds */
	bool now_known;    /* false: an end that lies ahead cannot be trusted to */
	bool locked;       /* the seat's screen is locked */
	bool holds_system; /* /, /boot, /home, swap or a key of theirs lies on it */
	bool known_since_enrolment;
	bool twin;    /* another device with the same vendor, product and serial is plugged in */
	bool changed; /* an approved id whose descriptors are not what they were */
	const char *user; /* who sits at the seat; "" nobody */
};

struct gate_decision {
	enum gate_verb verb;
	/* A token for the reason, reason_storage.c makes the sentence: "not-approved",
	 * "approval-ended", "weak-serial", "wrong-port", "screen-locked", "holds-system",
	 * "class-set", "refused-class", "assistive", "plain", "unscannable", "infected" ... */
	char why[32];
	int line;           /* of the policy */
	char exception[64]; /* the approval used; "" none */
	int64_t until;      /* when the answer changes by itself; 0: not by time alone */
	unsigned encrypted; /* GATE_JUDGE: how the medium must be encrypted; 0: need not be */
	enum gate_scan scan;
	bool read_only;
	uint64_t max_bytes; /* GATE_JUDGE, a class set: a larger disk is not one; 0: no bound */
	bool quiet;         /* no event worth a row: counted, one a device a day */
};

void gate_decide(const struct gate_rules *rules, const struct gate_device *device,
		 const struct gate_around *around, struct gate_decision *out);

/* A disk or a partition that came of a device in judgement. */
struct gate_medium {
	uint64_t bytes;
	bool whole_disk;      /* holds a partition table or nothing: its partitions are judged */
	char file_system[24]; /* libblkid's type: "crypto_LUKS", "BitLocker", "vfat"; "" none */
	bool null_cipher;
	bool optical; /* the unlocker's CD-ROM of a hardware-encrypted stick */
	enum { GATE_UNSCANNED, GATE_CLEAN, GATE_INFECTED, GATE_UNSCANNABLE } scanned;
};
void gate_decide_medium(const struct gate_decision *device, const struct gate_medium *medium,
			struct gate_decision *out);

#endif
