/* What a person leaves for caretaker-check: "please approve this device".  A frame of one size, as
 * it comes out of a pupil's session: every byte of it is checked, and who asks is not in it, but
 * told by the system (platform/ask.h).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_ASK_H
#define CARETAKER_PROTO_ASK_H

#include <stdbool.h>
#include <stddef.h>

struct err;

#define ASK_SIZE 256
#define ASK_REFERENCE 16 /* with its NUL: capital letters and digits, at least 4 */
#define ASK_REASON 201   /* with its NUL */

struct ask {
	char reference[ASK_REFERENCE]; /* as 'caretaker hardware' and the notice show it */
	char reason[ASK_REASON];       /* a person's words, ""; never from a pupil */
};

bool ask_reference_holds(const char *reference);
/* ERR_INVALID when the reference is none or the reason does not fit or cannot be shown. */
int ask_encode(const struct ask *ask, unsigned char out[ASK_SIZE], struct err *err);
/* '*out' is untouched on failure. */
int ask_parse(const void *frame, size_t len, struct ask *out, struct err *err);

#endif
