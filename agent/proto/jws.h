/* JWS in compact form (RFC 7515), ES256 only, as DESIGN.md's "The heartbeat" bounds it.
 *
 * Order of work, always: split (bounds, exact header), find the signer by kid, verify, only then
 * inflate and parse.  A typ has one signer's role and one bound; nothing signed for one is taken
 * for another.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_JWS_H
#define CARETAKER_PROTO_JWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/crypto.h"

enum jws_typ {
	JWS_ENROL,
	JWS_ENROLLED,
	JWS_HEARTBEAT,
	JWS_ACK,
	JWS_KEYS,
	JWS_POLICY,
	JWS_EXCEPTIONS,
	JWS_INVENTORY,   /* by the device: inventory.h */
	JWS_DEVICE_KEYS, /* by an online key: device_keys.h */
};
#define JWS_TYP_COUNT 9

#define JWS_MAX (256 * 1024)          /* a compact JWS */
#define JWS_MAX_PAYLOAD (2048 * 1024) /* inflated */

/* "heartbeat": what stands between "caretaker-" and "+jws". */
const char *jws_typ_name(enum jws_typ typ);
/* The largest compact form of a typ (an enrolment is 16 KiB, a heartbeat JWS_MAX ...). */
size_t jws_typ_max(enum jws_typ typ);

struct jws {
	enum jws_typ typ;
	char kid[CRYPTO_KID_LEN + 1];
	bool deflated;
	unsigned dict;
	const char *text; /* the whole compact form, the caller's memory */
	size_t text_len;
	size_t signed_len;              /* text[0..signed_len) is what is signed */
	size_t payload_at, payload_len; /* base64url */
	uint8_t signature[CRYPTO_SIGNATURE_SIZE];
};

/* Splits and checks everything that can be checked without the key.  'text' stays the caller's and
 * must outlive '*out'.  'typ' is the only one accepted. */
int jws_split(enum jws_typ typ, const char *text, size_t len, struct jws *out, struct err *err);
bool jws_verify(const struct jws *jws, const struct crypto_key *key);
/* The payload: decoded, inflated when it says so, at most the typ's bound.  Call after
 * jws_verify(), but for an enrolment, whose key is inside. */
int jws_payload(const struct jws *jws, struct buf *out, struct err *err);
/* jws_split + kid equals the key's + jws_verify + jws_payload. */
int jws_open(enum jws_typ typ, const char *text, size_t len, const struct crypto_key *key,
	     struct buf *out, struct err *err);

/* Signs 'payload' into 'out' (appended).  'zip': DEFLATE with 'dict'. */
int jws_sign(enum jws_typ typ, const void *payload, size_t len, bool zip, unsigned dict,
	     const struct crypto_signer *signer, struct buf *out, struct err *err);

#endif
