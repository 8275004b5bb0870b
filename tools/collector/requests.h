/* Requests for an approval as people see them: who asked for what on which device, and what became
 * of it.
 *
 * What a device says is foreign text: cleaned and bounded here.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_REQUESTS_H
#define CARETAKER_COLLECTOR_REQUESTS_H

#include <stddef.h>
#include <stdint.h>

#include "tools/collector/store_desk.h"

struct err;

#define REQUESTS_DAYS 30 /* older ones nobody waits for */

enum request_state { REQUEST_OPEN, REQUEST_APPROVED, REQUEST_REFUSED };

struct request {
	int64_t event, device, school, at, answered_at;
	char uuid[UUID_LEN + 1], device_name[STORE_NAME_SIZE], school_name[STORE_NAME_SIZE];
	char reference[16];
	char what[144]; /* vendor:product:serial */
	char kind[16], maker[65], model[65], why[32];
	char user[64], reason[201];
	enum request_state state;
	char exception[UUID_LEN + 1]; /* REQUEST_APPROVED */
};
const char *request_state_name(enum request_state state); /* "open" ... */

/* Newest first; the caller frees '*out'.  One whose data cannot be read is left out. */
int requests_load(struct store *store, int64_t now, struct request **out, size_t *out_count,
		  struct err *err);

/* Answers the request and all before it of the same device and reference; 'exception' "" when it
 * was refused. */
int request_answer(struct store *store, const struct request *request, const char *exception,
		   const char *why, int64_t now, const char *who, struct err *err);

#endif
