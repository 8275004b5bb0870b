/* The gate's rules: what caretaker-check compiled from the policy in force, the exceptions and
 * conf/hardware, for caretakerd and caretaker-gate, which have neither OpenSSL nor JSON.
 *
 * A text file, one rule a line (caretaker-gate(5)), STATE/gate.rules, readable by root alone,
 * atomically replaced:
 *
 *   caretaker-gate 1
 *   policy NAME SERIAL
 *   clock ACKED UPTIME BOOT          the time last acknowledged, and the uptime it came at
 *   mode storage enforce 12          the last word is always the policy's line, 0: the default
 *   set allow approved 14            allow, encrypted, plain, scan, scan_max_minutes, read_only,
 *                                    weak_serial, kinds, max_depth, shut_while_locked, ask
 *   stick 0951:1666:60A44C41* 0 any - 15      id, end (0: none), what it opens, exception, line
 *   person alice 1790000000 encrypted EX-12 0
 *   stick 0951:1666:1 1790000000 read-only,scanned EX-13 0    or encrypted,read-only,scanned
 *   model hardware-encrypted 0951:16a4 17
 *   model unlocker 0951:16a4 17       its CD-ROM holds the program that unlocks it
 *   class-set microbit 0d28:0204 8388608 12   product, most bytes, line
 *   port front 1-3 16
 *   refuse class network 30
 *   refuse model 1234:5678 31
 *   pass model 0951:1666 0 - 32   model, end, exception, line
 *   assist 0c45:* 0                   conf/hardware/assistive.ini
 *   end                              a file without it was cut: refused
 *
 * Words (word.h) are parted by one blank; in a word a blank, a '%' and what is not printable ASCII
 * stand as %XX, an empty word as '-' (and the word "-" as %2D). Bounded: 256 KiB, 4096 rules.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_GATE_RULES_H
#define CARETAKER_GATE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GATE_RULES_FILE "gate.rules"
#define GATE_REQUEST_FILE "gate.request" /* there: these rules are to be followed */
#define GATE_ARMED_FILE "gate.armed"     /* begins "was ": all that "arm" does is done */
#define GATE_RULES_MAX (256 * 1024)
#define GATE_RULES_COUNT_MAX 4096

struct buf;
struct err;

enum gate_mode { GATE_OFF, GATE_AUDIT, GATE_ENFORCE };
enum gate_allow { GATE_ALLOW_NONE, GATE_ALLOW_APPROVED, GATE_ALLOW_ANY };
/* What an approval opens, the least first. */
enum gate_open { GATE_OPEN_ENCRYPTED, GATE_OPEN_READ_ONLY, GATE_OPEN_ANY };
enum gate_scan { GATE_SCAN_NONE, GATE_SCAN_FULL, GATE_SCAN_ON_OPEN };
enum gate_weak { GATE_WEAK_REFUSE, GATE_WEAK_ASK };
enum gate_plain { GATE_PLAIN_REFUSE, GATE_PLAIN_READ_ONLY };

/* bits: how a medium may be encrypted */
#define GATE_ENCRYPTED_LUKS 1u
#define GATE_ENCRYPTED_BITLOCKER 2u
#define GATE_ENCRYPTED_HARDWARE 4u
#define GATE_ENCRYPTED_ANY \
	(GATE_ENCRYPTED_LUKS | GATE_ENCRYPTED_BITLOCKER | GATE_ENCRYPTED_HARDWARE)

/* bits: what counts as removable storage */
#define GATE_KIND_USB 1u
#define GATE_KIND_CARD 2u
#define GATE_KIND_OPTICAL 4u
#define GATE_KIND_PHONE 8u
#define GATE_KIND_CAMERA 16u
#define GATE_KIND_ESATA 32u

enum gate_rule_kind {
	GATE_RULE_STICK,
	GATE_RULE_PERSON,
	GATE_RULE_HARDWARE_ENCRYPTED,
	GATE_RULE_UNLOCKER,
	GATE_RULE_CLASS_SET,
	GATE_RULE_FRONT_PORT,
	GATE_RULE_REAR_PORT,
	GATE_RULE_REFUSE_CLASS,
	GATE_RULE_REFUSE_MODEL,
	GATE_RULE_PASS_MODEL,
	GATE_RULE_ASSIST,
	GATE_RULE_COUNT,
};

struct gate_rule {
	enum gate_rule_kind kind;
	const char *what;   /* a stick's, model's or port's pattern, an account, a class */
	const char *name;   /* CLASS_SET: "microbit"; else "" */
	int64_t until;      /* STICK, PERSON, PASS_MODEL: unix seconds; 0: no end */
	uint64_t max_bytes; /* CLASS_SET */
	enum gate_open open;
	bool read_only; /* STICK, PERSON: to read alone, beside GATE_OPEN_ENCRYPTED */
	bool scanned;   /* STICK, PERSON: after a scan, where the rules ask for none as well */
	const char *exception; /* its id; "" when the policy itself says so */
	int line;              /* in the policy; 0: not from there */
};

struct gate_rules {
	const char *policy;
	int64_t policy_serial;
	/* clock: trusted time is acked + (uptime now - uptime) in the same boot, else at least
	 * acked */
	int64_t acked;
	int64_t acked_uptime_s;
	char acked_boot[40];
	enum gate_mode storage_mode, hardware_mode;
	int storage_mode_line, hardware_mode_line;
	enum gate_allow allow;
	int allow_line;
	unsigned encrypted; /* GATE_ENCRYPTED_*; 0: need not be */
	int encrypted_line;
	enum gate_plain plain; /* what a plain stick gets where encrypted is asked */
	enum gate_scan scan;
	int scan_line;
	unsigned scan_max_minutes;
	bool read_only;
	int read_only_line;
	enum gate_weak weak_serial;
	int weak_serial_line;
	unsigned kinds;
	unsigned max_depth; /* hubs on the way that storage may sit behind; 7: any */
	int max_depth_line;
	bool shut_while_locked;
	int shut_while_locked_line;
	bool ask; /* a person may ask for an approval */
	const struct gate_rule *rules;
	size_t rule_count;
};

/* On success the caller owns '*out'; strings lie in it.  Errors name the line. */
int gate_rules_parse(const char *text, size_t len, struct gate_rules **out, struct err *err);
void gate_rules_free(struct gate_rules *rules);
/* Whether the rule is the policy's own word and goes with it alone.  What an exception opens ends,
 * and is for caretakerd to judge, which has a clock that it may trust. */
bool gate_rule_lasts(const struct gate_rule *rule);
/* Whether anything is shut at all. */
bool gate_rules_enforce(const struct gate_rules *rules);
/* Whether any medium opens to anybody, unencrypted, unscanned, to be read and written: then files
 * may go by other ways too. */
bool gate_rules_open_to_all(const struct gate_rules *rules);
/* The text that gate_rules_parse() reads back to the same rules. */
void gate_rules_print(const struct gate_rules *rules, struct buf *out);

#endif
