/* Why a verdict is what it is: a token on the wire, two sentences for people.
 *
 * A control chooses a token ("signatures-old"); the table here (reason.c) turns it, with the
 * evidence, into one sentence of what is wrong and one of what to do, on the device and at the
 * collector alike.  {name} in a sentence is the evidence's member of that name; {name:duration} and
 * {name:date} format it.  A collector that meets a newer agent's token shows the token itself.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_REASON_H
#define CARETAKER_PROTO_REASON_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/proto/verdict.h"

struct buf;
struct json;

#define REASON_MAX 48 /* a token's longest, with its NUL: lower-case letters, digits, '-' */

struct reason {
	const char *token;
	const char *wrong; /* "The virus signatures are {age:duration} old." */
	const char *todo;  /* "See why {product} does not update itself." */
};

bool reason_known(enum control_id control, const char *token);
/* Appends the sentence; 'evidence' is the control's object, foreign text: it is cleaned. */
void reason_wrong(enum control_id control, const char *token, const struct json *evidence,
		  struct buf *out);
void reason_todo(enum control_id control, const char *token, const struct json *evidence,
		 struct buf *out);
/* Walks the table of a control, for documentation and tests; NULL past the end. */
const struct reason *reason_at(enum control_id control, size_t i);
/* A clause that follows "because", for a token of the gate's ("not-approved": "nobody approved
 * it"); NULL for one of a newer gate. */
const char *reason_storage(const char *token);
/* What whoever holds the device can do ("plug it in at the front"); NULL: nothing but to ask. */
const char *reason_storage_todo(const char *token);

#endif
