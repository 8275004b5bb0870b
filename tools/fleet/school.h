/* A simulated school: its enrolment code and the key set its computers pinned.
 *
 * Computers of one school are served by several threads, so a newer key set is put in place under a
 * lock and the older ones are kept until the end: who holds one may go on using it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_FLEET_SCHOOL_H
#define CARETAKER_FLEET_SCHOOL_H

#include <pthread.h>

#include "agent/proto/enrol.h"

struct err;

#define SCHOOL_MAX_KEY_SETS 64

struct school {
	char name[64];
	struct enrol_code code;
	unsigned device_count;
	pthread_mutex_t lock;
	struct keys *keys[SCHOOL_MAX_KEY_SETS]; /* the last one is current */
	unsigned keys_count;
	char *keys_jws; /* of the current one */
};

void school_init(struct school *school);
void school_clear(struct school *school);
const struct keys *school_keys(struct school *school); /* NULL before the first enrolment */
/* Takes 'keys' over when it is newer than the current one, else frees it. */
int school_take_keys(struct school *school, struct keys *keys, const char *jws, struct err *err);

#endif
