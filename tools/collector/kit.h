/* The recovery kit: what a school keeps on paper in its safe, so that a lost collector can be made
 * again without touching a device.  A text for people that kit_parse() reads back.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_KIT_H
#define CARETAKER_COLLECTOR_KIT_H

#include <stdint.h>

#include "agent/proto/heartbeat.h"

struct buf;
struct err;

#define KIT_MAX (64 * 1024)

struct kit {
	char org[UUID_LEN + 1];
	char host[260];
	int64_t serial; /* of the key set in force when it was printed */
	char *policy_key, *online_key, *ca_key, *ca_cert; /* PEM */
};

/* Reads the keys from the data directory, where the policy key and the CA's must still lie. */
int kit_gather(const char *dir, const char *host, struct kit *out, struct err *err);
void kit_write(const struct kit *kit, int64_t now, struct buf *out);
/* Takes what kit_write() made, blanks at the ends of lines or not; names what is missing. */
int kit_parse(const char *text, struct kit *out, struct err *err);
void kit_clear(struct kit *kit);

#endif
