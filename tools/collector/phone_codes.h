/* One-time codes as people see them: which were read out for which machine, and which the machine
 * says were used (agent/proto/phone_code.h).  The code itself is kept nowhere.
 *
 * What a device says is foreign text: cleaned and bounded here.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_PHONE_CODES_H
#define CARETAKER_COLLECTOR_PHONE_CODES_H

#include <stddef.h>
#include <stdint.h>

#include "agent/proto/phone_code.h"
#include "tools/collector/store_desk.h"

struct err;

#define PHONE_CODES_KEPT_DAYS 62 /* a code may look 31 days ahead, and a laptop be away as long */

enum phone_state {
	PHONE_READ_OUT, /* and not used yet, as far as the machine was heard */
	PHONE_USED,
	PHONE_ENDED,   /* without that it was heard to have been used */
	PHONE_UNKNOWN, /* used, but not made here: somebody else has our online key, or restored us
			*/
};

struct phone_code_row {
	int64_t device, at, used_at; /* 0: it was not */
	char uuid[UUID_LEN + 1], device_name[STORE_NAME_SIZE], school_name[STORE_NAME_SIZE];
	char challenge[PHONE_SHOWN], day[11];
	char reason[300], asked[64], approved[64];
	char what[144], user[64]; /* once it was used */
	int64_t until;            /* the last second of the day, in the school's time zone */
	enum phone_state state;
};
const char *phone_state_name(enum phone_state state);

/* Newest first; the caller frees '*out'. */
int phone_codes_load(struct store *store, int64_t now, struct phone_code_row **out,
		     size_t *out_count, struct err *err);
/* Notes that one was read out: 'at', 'device', 'challenge', 'day', 'until' and who and why. */
int phone_code_note(struct store *store, const struct phone_code_row *row, const char *who,
		    struct err *err);

#endif
