/* Enrolment: the code a technician carries, the device's request, the collector's answer.
 *
 * The code authenticates both sides whoever opened the TLS: the request proves knowledge of its
 * secret without carrying it, the answer is believed because the key set in it is signed by the
 * policy key whose thumbprint the code names.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_ENROL_H
#define CARETAKER_PROTO_ENROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/documents.h"

#define ENROL_SECRET_SIZE 16
#define ENROL_CODE_ID_LEN 16 /* hex */
#define ENROL_CODE_MAX 512   /* as text */
#define ENROL_HOST_MAX 260

struct enrol_code {
	bool trust_system; /* TLS by the system's store: behind a proxy that opens it */
	uint8_t secret[ENROL_SECRET_SIZE];
	uint8_t ca[CRYPTO_HASH_SIZE];
	char policy_kid[CRYPTO_KID_LEN + 1];
	char host[ENROL_HOST_MAX]; /* "collector.school.example:8443", "[::1]:8443" */
};
/* "CT1-...", with its NUL at most ENROL_CODE_MAX. */
int enrol_code_format(const struct enrol_code *code, char *out, size_t out_size, struct err *err);
/* Blanks and line breaks inside (from a printed page) are ignored; a slip is found by the
 * checksum: "the code has a typing error or is cut". */
int enrol_code_parse(const char *text, size_t len, struct enrol_code *out, struct err *err);
void enrol_code_id(const struct enrol_code *code, char out[ENROL_CODE_ID_LEN + 1]);
void enrol_code_proof(const uint8_t secret[ENROL_SECRET_SIZE], const char *kid,
		      char out[CRYPTO_HASH_B64_LEN + 1]);

/* What identifies a machine; "" where the firmware says nothing or a placeholder. */
struct enrol_hardware {
	char serial[64], uuid[40], board[64], vendor[64], model[64];
};
/* "To be filled by O.E.M.", "0123456789", all the same digit ...: identifies nothing. */
bool enrol_placeholder(const char *serial);

struct enrol_request {
	char code[ENROL_CODE_ID_LEN + 1];
	char proof[CRYPTO_HASH_B64_LEN + 1];
	struct crypto_key *key; /* from cnf.jwk; signed the request */
	int64_t at;
	char nonce[24];
	char name[64]; /* host name; "" when the policy wants none */
	char agent[32];
	struct enrol_hardware hardware;
	bool is_volatile;
};
void enrol_request_encode(const struct enrol_request *request, struct buf *out);
/* Splits, takes the key from inside, verifies by it (proof of possession). */
int enrol_request_open(const char *jws, size_t len, struct enrol_request **out, struct err *err);
void enrol_request_free(struct enrol_request *request);

struct enrol_answer {
	char device[UUID_LEN + 1];
	char request[HASH_TEXT]; /* hash of the request's JWS */
	bool waiting;            /* registered, waiting for a technician's yes: ask again */
	int64_t time;
	char org[UUID_LEN + 1]; /* as in the key set */
	char epoch[UUID_LEN + 1];
	char school[64], group[64];
	int64_t audit_until; /* audit only until then (a newly enrolled school); 0: no */
	char *keys, *policy, *exceptions; /* JWS; the last two may be NULL */
};
void enrol_answer_encode(const struct enrol_answer *answer, struct buf *out);
/* Checks the whole trust path: keys by the code's thumbprint, answer by an online key of them, hash
 * of our own request.  On success the caller owns both. */
int enrol_answer_open(const char *jws, size_t len, const struct enrol_code *code,
		      const char *request_hash, struct enrol_answer **out, struct keys **out_keys,
		      struct err *err);
void enrol_answer_free(struct enrol_answer *answer);

#endif
