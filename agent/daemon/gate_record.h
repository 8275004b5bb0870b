/* What the gate puts on record: two files, the daemon's alone to write.  It has no JSON parser;
 * what it writes, caretaker-check and `caretaker hardware` read.
 *
 * STATE/hardware/events.jsonl, root's alone: a line an attempt, appended by one write.
 *
 *   {"n":"0123456789abcdef","at":1790000000,"type":"storage-refused","count":1,
 *    "enforced":true,"reference":"K7Q2MX","id":"0951:1666:60A44C41","port":"2-1",
 *    "kind":"storage","maker":"Kingston","model":"DataTraveler","interfaces":["080650"],
 *    "bytes":16777216,"file_system":"vfat","verdict":"refused","why":"not-approved","line":14,
 *    "exception":"EX-12","until":1790000000,"user":"ann"}
 *
 * "n" is random and names the line.  "at" is the best-known time.  "type" is one of
 *   storage-refused   it was kept shut (or, with "enforced":false, would have been)
 *   storage-opened    it may be used, "verdict" says how: "read-only", "open"
 *   storage-shut      it was open and is no more: an approval's end, a revocation, a new policy
 *   hardware-refused, hardware-opened, hardware-shut    the same of what is not storage
 *   hardware-seen     what is not worth an event of its own, once a day a device: "count" of it
 *   hardware-changed  what was storage, and nothing else, came back with a keyboard or a pointer in
 *                     it: they work, "why" is "was-storage"
 *   events-lost       "count" lines could not be written; it has no device
 * "kind" is "storage", "media" (phones and cameras: PTP, MTP), "network", "other" ...; "maker",
 * "model" and the id's serial are the device's own words, cleaned and bounded, no more.  Members
 * that do not apply are left out: "bytes" and "file_system" (of the medium that decided),
 * "exception", "until", "line" (0), "user" (nobody sits there).  "user" is the account: who reads
 * the line makes of it what the privacy setting says.
 *
 * A reader holds STATE/hardware/events.lock while it renames the file, and never longer: the daemon
 * waits for it at each line.  A line that a power cut left torn ends where the next begins.  The
 * file grows to GATE_RECORD_MAX; what comes then is counted, and said as events-lost once there is
 * room.
 *
 * RUN/hardware.json, for everyone, replaced whole when it says something else ("at" aside):
 *
 *   {"v":1,"at":1790000000,"policy":"dfe-2026","serial":7,"storage":"enforce","hardware":"audit",
 *    "rules":"in force","ask":true,
 *    "devices":[{"reference":"K7Q2MX","id":"0951:1666:60A44C41","port":"2-1","kind":"storage",
 *     "maker":"Kingston","model":"DataTraveler","verdict":"refused","enforced":true,
 *     "why":"not-approved","line":14,"exception":"EX-12","until":1790000000,
 *     "media":[{"name":"sda1","bytes":16777216,"file_system":"vfat","verdict":"read-only",
 *               "why":"plain"}]}]}
 *
 * While a medium is scanned it has a "scan" beside its "why":
 *
 *     "scan":{"stage":"scanning","files":120,"bytes":1048576,"total_bytes":60000000,"left_s":70}
 *     "scan":{"stage":"on-open","not_opened":"file-too-large"}
 *
 * "stage" is "waiting" (another medium's turn), "scanning" ("total_bytes" and "left_s" once they
 * can be told) or "on-open": each file is scanned when it is opened, and "not_opened" says why one
 * was not.
 *
 * "storage" and "hardware" are "off", "audit" or "enforce"; "rules" is "in force", "none" or
 * "damaged" (the last good ones hold).  "verdict" is "passed" (not the gate's business), "refused",
 * "judging" (its medium is being looked at), "read-only", "open".  "enforced":false beside it: that
 * is what it would be.  Nobody's name is in this file.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_DAEMON_GATE_RECORD_H
#define CARETAKER_DAEMON_GATE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/gate/device.h"

struct err;

#define GATE_RECORD_FOLDER "hardware"
#define GATE_RECORD_EVENTS "hardware/events.jsonl"
#define GATE_RECORD_LOCK "hardware/events.lock"
#define GATE_RECORD_SHOWN "hardware.json"
#define GATE_RECORD_MAX (256 * 1024)

#define GATE_RECORD_CODES 8     /* interfaces that are named; a dock has more */
#define GATE_RECORD_SPAN_S 60   /* the same again within that is one more line, with a count */
#define GATE_RECORD_KEPT 16     /* devices of which that is known */
#define GATE_RECORD_BURST 40    /* lines ... */
#define GATE_RECORD_BURST_S 600 /* ... in so many seconds; what comes on top is counted as lost */

/* Text of a device's own is cleaned before it gets here. */
struct gate_facts_shown {
	char id[GATE_ID], port[GATE_NAME], reference[8];
	char kind[16], maker[GATE_TEXT], model[GATE_TEXT];
	char codes[GATE_RECORD_CODES][8]; /* "080650" */
	unsigned code_count;
};

struct gate_event {
	char type[24];
	int64_t at;
	uint32_t count;
	bool enforced, without_device;
	struct gate_facts_shown device;
	uint64_t bytes; /* 0: no medium decided */
	char file_system[24];
	const char *verdict; /* static */
	char why[32];
	int line;
	char exception[64];
	int64_t until;
	char user[64];
};

struct gate_record {
	char events[300], lock[300];
	struct gate_kept {
		struct gate_event event; /* of its repeats: 'count' is how many wait */
		int64_t since_ms;        /* 0: this place is free */
	} kept[GATE_RECORD_KEPT];
	int64_t burst_ms;
	unsigned burst;
	uint64_t lost;
	uint64_t written; /* lines, since the start */
};

void gate_record_init(struct gate_record *record, const char *state);
/* Writes the event, or counts it to the one it repeats. */
void gate_record_event(struct gate_record *record, const struct gate_event *event, int64_t now_ms);
/* Writes the counts whose time has come; 'all': every one (the program ends). */
void gate_record_flush(struct gate_record *record, int64_t now_ms, bool all);
/* When that is next; 0: nothing waits. */
int64_t gate_record_due_ms(const struct gate_record *record);

#endif
