/* What caretakerd and caretaker-scan say to each other: small files in RUN/scan, root's alone.
 *
 * SEQ-NAME.ask
 *   "caretaker-scan 1 FILE-SYSTEM MINUTES\n": caretakerd wants the medium scanned.  Taken away by
 *   caretaker-scan when it has answered, by caretakerd when it no longer wants to know (pulled out,
 *   a new policy): the scan then ends.
 * SEQ-NAME.guard
 *   The same words: caretakerd wants each file of the medium scanned when it is opened, for as long
 *   as the request is there ("scan = on-open"; MINUTES is not looked at).
 * SEQ-NAME.state
 *   The answer, replaced as the scan goes on:
 *   "waiting\n"                               another medium is being scanned
 *   "scanning FILES BYTES TOTAL SECONDS\n"    TOTAL 0: not known
 *   "clean FILES BYTES\n"
 *   "infected SIGNATURE\n"
 *   "unscannable WHY\n"                       a token of platform/scan.h
 *   "stopped\n"
 *   "guarded WHY\n"                           it may be mounted; WHY "-", or why a file of it was
 *                                             not opened
 *
 * NAME is a block device's ("sda1"), which the next medium may get; SEQ is its disk's own number
 * (diskseq), which no other disk or card of this boot has.  So an answer is never taken for another
 * medium's, however late it comes, and nobody takes away what was asked of another.  A request
 * without a number, as daemons before this one wrote, is nobody's and is taken away.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_GATE_SCAN_ASK_H
#define CARETAKER_GATE_SCAN_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define SCAN_FOLDER "scan" /* below RUN */
#define SCAN_ASK ".ask"
#define SCAN_GUARD ".guard"
#define SCAN_STATE ".state"
#define SCAN_NAME 32
#define SCAN_FILE 64      /* a file's name, with number and ending */
#define SCAN_TEXT_MAX 256 /* either file */

struct scan_medium {
	uint64_t sequence; /* 0: it has none, and cannot be asked about */
	char name[SCAN_NAME];
};
void scan_file_print(const struct scan_medium *medium, const char *ending, char out[SCAN_FILE]);
/* False: it is no file of this 'ending', or not one that scan_file_print() names. */
bool scan_file_parse(const char *file, const char *ending, struct scan_medium *out);
/* Letters, digits, '-' and '_': never a path. */
bool scan_name_valid(const char *name);

struct scan_ask {
	char file_system[24];
	unsigned minutes;
};
int scan_ask_parse(const char *text, struct scan_ask *out, struct err *err);
void scan_ask_print(const struct scan_ask *ask, char out[SCAN_TEXT_MAX]);

enum scan_stage {
	SCAN_WAITING,
	SCAN_SCANNING,
	SCAN_CLEAN,
	SCAN_INFECTED,
	SCAN_UNSCANNABLE,
	SCAN_STOPPED,
	SCAN_GUARDED,
};
struct scan_state {
	enum scan_stage stage;
	uint64_t files, bytes, total_bytes; /* SCANNING; CLEAN without the last */
	uint64_t seconds;                   /* SCANNING: since it began */
	char word[96];                      /* INFECTED: the signature; UNSCANNABLE, GUARDED: why */
};
int scan_state_parse(const char *text, struct scan_state *out, struct err *err);
void scan_state_print(const struct scan_state *state, char out[SCAN_TEXT_MAX]);

/* Seconds that a scan will still take at its pace so far; -1: cannot be told yet. */
int64_t scan_left_s(const struct scan_state *state);

#endif
