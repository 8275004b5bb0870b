/* See ask.h.  A request: magic (8), reference (16), reason (201), zeros (31).  A code: magic (8),
 * code (13), ticket (17), zeros (218).
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/ask.h"

#include "agent/base/err.h"
#include "agent/base/text.h"

#include <string.h>

#define MAGIC "CTASK1\0" /* and the literal's own NUL: 8 bytes */
#define MAGIC_CODE "CTCODE1"
#define MAGIC_SIZE 8
#define REFERENCE_AT MAGIC_SIZE
#define REASON_AT (REFERENCE_AT + ASK_REFERENCE)
#define END_AT (REASON_AT + ASK_REASON)
#define CODE_AT MAGIC_SIZE
#define TICKET_AT (CODE_AT + PHONE_CODE_LEN + 1)
#define CODE_END_AT (TICKET_AT + ASK_TICKET_HEX + 1)

bool ask_reference_holds(const char *reference)
{
	size_t len = strlen(reference);

	return len >= 4 && len < ASK_REFERENCE &&
	       strspn(reference, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == len;
}

/* Text that people read as it is: no control characters, nothing that turns it around. */
static bool can_be_shown(const char *text)
{
	char clean[3 * ASK_REASON];

	text_clean(clean, sizeof(clean), text, strlen(text));
	return strcmp(clean, text) == 0;
}

static int check(const struct ask *ask, struct err *err)
{
	if (!ask_reference_holds(ask->reference))
		return err_set(err, ERR_INVALID,
			       "'%.20s' is no reference such as K7Q2MX: 'caretaker hardware' shows "
			       "them",
			       ask->reference);
	if (!can_be_shown(ask->reason))
		return err_set(err, ERR_INVALID,
			       "the reason holds a character that cannot be shown");
	return 0;
}

int ask_encode(const struct ask *ask, unsigned char out[ASK_SIZE], struct err *err)
{
	if (check(ask, err) < 0)
		return -1;
	memset(out, 0, ASK_SIZE);
	memcpy(out, MAGIC, MAGIC_SIZE);
	memcpy(out + REFERENCE_AT, ask->reference, strlen(ask->reference));
	memcpy(out + REASON_AT, ask->reason, strlen(ask->reason));
	return 0;
}

/* A text of at most 'size' - 1 bytes, then zeros alone. */
static bool take(const unsigned char *from, size_t size, char *out)
{
	const unsigned char *end = memchr(from, 0, size);

	if (!end)
		return false;
	for (const unsigned char *p = end; p < from + size; p++)
		if (*p)
			return false;
	memcpy(out, from, size);
	return true;
}

int ask_parse(const void *frame, size_t len, struct ask *out, struct err *err)
{
	static const unsigned char zeros[ASK_SIZE - END_AT];
	const unsigned char *at = frame;
	struct ask ask;

	if (len != ASK_SIZE || memcmp(at, MAGIC, MAGIC_SIZE) != 0 ||
	    !take(at + REFERENCE_AT, ASK_REFERENCE, ask.reference) ||
	    !take(at + REASON_AT, ASK_REASON, ask.reason) ||
	    memcmp(at + END_AT, zeros, sizeof(zeros)) != 0)
		return err_set(err, ERR_INVALID, "not a request of this version");
	if (check(&ask, err) < 0)
		return -1;
	*out = ask;
	return 0;
}

/* --- codes ----------------------------------------------------------------------------------- */

static int check_code(const struct ask_code *ask, struct err *err)
{
	char plain[PHONE_CODE_LEN + 1];

	if (phone_text_read(ask->code, PHONE_CODE_LEN, plain, err) < 0)
		return -1;
	if (strcmp(plain, ask->code) != 0 || strlen(ask->ticket) != ASK_TICKET_HEX ||
	    strspn(ask->ticket, "0123456789abcdef") != ASK_TICKET_HEX)
		return err_set(err, ERR_INVALID, "not a code of this version");
	return 0;
}

int ask_code_encode(const struct ask_code *ask, unsigned char out[ASK_SIZE], struct err *err)
{
	if (check_code(ask, err) < 0)
		return -1;
	memset(out, 0, ASK_SIZE);
	memcpy(out, MAGIC_CODE, MAGIC_SIZE);
	memcpy(out + CODE_AT, ask->code, PHONE_CODE_LEN);
	memcpy(out + TICKET_AT, ask->ticket, ASK_TICKET_HEX);
	return 0;
}

int ask_code_parse(const void *frame, size_t len, struct ask_code *out, struct err *err)
{
	static const unsigned char zeros[ASK_SIZE - CODE_END_AT];
	const unsigned char *at = frame;
	struct ask_code ask;

	if (len != ASK_SIZE || memcmp(at, MAGIC_CODE, MAGIC_SIZE) != 0 ||
	    !take(at + CODE_AT, sizeof(ask.code), ask.code) ||
	    !take(at + TICKET_AT, sizeof(ask.ticket), ask.ticket) ||
	    memcmp(at + CODE_END_AT, zeros, sizeof(zeros)) != 0)
		return err_set(err, ERR_INVALID, "not a code of this version");
	if (check_code(&ask, err) < 0)
		return -1;
	*out = ask;
	return 0;
}
