/* What the tests of agent/proto share: keys, JWS with any header, comparing refusals by their
 * words. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_PROTO_HELPERS_H
#define CARETAKER_TESTS_PROTO_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/text.h"
#include "agent/proto/jws.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define DEVICE "6f1cb9a4-3c0e-4b57-9a55-0d9e8a7c41f2"
#define OTHER_DEVICE "11111111-2222-4333-8444-555555555555"
#define ORG "b3c7e0d2-91fa-4d08-8f36-52ce17a94b60"
#define EPOCH "99999999-2222-4333-8444-555555555555"

static inline struct crypto_signer *new_signer(void)
{
	struct crypto_signer *signer;
	struct err err = {0};

	if (crypto_signer_generate(&signer, &err) != 0)
		fail_msg("%s", err.msg);
	return signer;
}

static inline const char *kid_of(const struct crypto_signer *signer)
{
	return crypto_key_kid(crypto_signer_key(signer));
}

/* A copy of the public half, for structs that own their keys. */
static inline struct crypto_key *public_of(const struct crypto_signer *signer)
{
	struct crypto_key *key;
	struct err err = {0};

	if (crypto_key_new(crypto_key_point(crypto_signer_key(signer)), &key, &err) != 0)
		fail_msg("%s", err.msg);
	return key;
}

/* A good signature over any header at all; "@" in 'header' becomes the signer's kid. */
static inline void forge(const struct crypto_signer *signer, const char *header,
			 const void *payload, size_t len, struct buf *out)
{
	uint8_t signature[CRYPTO_SIGNATURE_SIZE];
	struct err err = {0};
	struct buf text;

	buf_init(&text, 0);
	for (; *header; header++) {
		if (*header == '@')
			buf_adds(&text, kid_of(signer));
		else
			buf_addc(&text, *header);
	}
	buf_reset(out);
	text_b64url(out, buf_text(&text), text.len);
	buf_addc(out, '.');
	text_b64url(out, payload, len);
	assert_int_equal(crypto_signer_sign(signer, out->data, out->len, signature, &err), 0);
	buf_addc(out, '.');
	text_b64url(out, signature, sizeof(signature));
	buf_clear(&text);
}

static inline void forge_typ(const struct crypto_signer *signer, const char *typ,
			     const char *payload, struct buf *out)
{
	char header[160];

	snprintf(header, sizeof(header),
		 "{\"alg\":\"ES256\",\"typ\":\"caretaker-%s+jws\",\"kid\":\"@\"}", typ);
	forge(signer, header, payload, strlen(payload), out);
}

/* Replaces the first 'from' of 'text' by 'to'; a table's case that changes nothing is a mistake. */
static inline char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *copy = malloc(strlen(text) + strlen(to) + 1);

	assert_non_null(copy);
	if (!at)
		fail_msg("the case wants to replace '%s', which is not in %s", from, text);
	sprintf(copy, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	return copy;
}

/* Another base64url character, whatever stood there: '^ 1' would now and then leave the alphabet.
 */
static inline void spoil(char *c)
{
	*c = *c == 'A' ? 'B' : 'A';
}

#endif
