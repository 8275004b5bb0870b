/* What a person leaves for caretaker-check: "please approve this device", or a one-time code that
 * was read out to them (phone_code.h).  A frame of one size, as it comes out of a pupil's session:
 * every byte of it is checked, and who leaves it is not in it, but told by the system
 * (platform/ask.h).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_ASK_H
#define CARETAKER_PROTO_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/proto/phone_code.h"

struct err;

#define ASK_SIZE 256
#define ASK_REFERENCE 16 /* with its NUL: capital letters and digits, at least 4 */
#define ASK_REASON 201   /* with its NUL */
#define ASK_TICKET_HEX 16

struct ask {
	char reference[ASK_REFERENCE]; /* as 'caretaker hardware' and the notice show it */
	char reason[ASK_REASON];       /* a person's words, ""; never from a pupil */
};

bool ask_reference_holds(const char *reference);
/* ERR_INVALID when the reference is none or the reason does not fit or cannot be shown. */
int ask_encode(const struct ask *ask, unsigned char out[ASK_SIZE], struct err *err);
/* '*out' is untouched on failure. */
int ask_parse(const void *frame, size_t len, struct ask *out, struct err *err);

struct ask_code {
	char code[PHONE_CODE_LEN + 1];   /* as phone_text_read() leaves it */
	char ticket[ASK_TICKET_HEX + 1]; /* random; the answer names it */
};
int ask_code_encode(const struct ask_code *ask, unsigned char out[ASK_SIZE], struct err *err);
int ask_code_parse(const void *frame, size_t len, struct ask_code *out, struct err *err);

#endif
