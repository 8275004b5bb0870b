/* What the collector signs: key sets, acknowledgements, policies, exceptions, and the enrolment's
 * answer; each with encode (collector, fleet) and open (device): verify, then decode.
 *
 * Encoders append JSON payloads for jws_sign().  The opened structs own their memory.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_DOCUMENTS_H
#define CARETAKER_PROTO_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/crypto.h"
#include "agent/proto/heartbeat.h"

struct buf;
struct err;

/* --- key set: what a device pins --- */
#define KEYS_MAX 8
#define KEYS_HOST_MAX 260
struct keys {
	char org[UUID_LEN + 1];
	int64_t serial;
	int64_t at;
	unsigned policy_count, online_count, ca_count;
	struct crypto_key *policy[KEYS_MAX];
	struct crypto_key *online[KEYS_MAX];
	uint8_t cas[KEYS_MAX][CRYPTO_HASH_SIZE]; /* SHA-256 of a CA certificate's DER */
	char host[KEYS_HOST_MAX]; /* where the collector is from now on (a school that moved to
				   * another one); "": where it was at the enrolment */
};
void keys_encode(const struct keys *keys, struct buf *out);
/* The first: signed by a key inside it whose thumbprint is 'policy_kid' (from the enrolment code).
 */
int keys_open_first(const char *jws, size_t len, const char *policy_kid, struct keys **out,
		    struct err *err);
/* A successor: signed by a policy key of 'before', same org, higher serial (TUF's root rule). */
int keys_open_next(const char *jws, size_t len, const struct keys *before, struct keys **out,
		   struct err *err);
/* One that was accepted before and lies in our own root-only file: self-consistent only. */
int keys_open_pinned(const char *jws, size_t len, struct keys **out, struct err *err);
void keys_free(struct keys *keys);
const struct crypto_key *keys_policy_key(const struct keys *keys, const char *kid); /* or NULL */
const struct crypto_key *keys_online_key(const struct keys *keys, const char *kid);

/* --- acknowledgement --- */
struct ack_refused {
	unsigned index; /* in the batch */
	int64_t seq;    /* 0: it could not be read */
	char why[160];  /* "signature does not hold" ... */
	/* Of the JWS as it came: a device believes the refusal of its own bytes alone, not of what
	 * somebody on the way made of them.  "": not said. */
	char hash[HASH_TEXT];
};
struct ack {
	char device[UUID_LEN + 1];
	/* SHA-256 (base64url) of the body that it answers: one that was held back answers no later
	 * request, so what it says of the time and of the chain was said after that body was made.
	 * "": not said, which a device does not take. */
	char request[HASH_TEXT];
	int64_t acked;
	char head[HASH_TEXT];
	int64_t trunk_seq; /* 0: none */
	char trunk_head[HASH_TEXT];
	bool need_full;
	bool need_inventory;
	int64_t time;
	struct ack_refused refused[HEARTBEAT_MAX_BATCH];
	unsigned refused_count;
	int64_t keys_serial, policy_serial, exceptions_serial; /* current; 0: none */
	unsigned dicts; /* bit n: dictionary n is understood */
	char epoch[UUID_LEN + 1];
	int64_t poll_s;                   /* 0: the device's own pace */
	char *keys, *policy, *exceptions; /* JWS text or NULL */
};
void ack_encode(const struct ack *ack, struct buf *out);
/* Signed by an online key of 'keys', for 'device'. */
int ack_open(const char *jws, size_t len, const struct keys *keys, const char *device,
	     struct ack **out, struct err *err);
/* Is it the answer to that body?  The caller's to ask: ack_open() has not seen what was sent. */
bool ack_answers(const struct ack *ack, const char *body, size_t len);
void ack_free(struct ack *ack);

/* --- policy --- */
#define POLICY_MAX_INI (64 * 1024)
struct policy_document {
	char org[UUID_LEN + 1];
	int64_t serial;
	char name[64];
	int64_t at;
	char *ini;
	size_t ini_len;
};
void policy_document_encode(const struct policy_document *doc, struct buf *out);
/* Signed by a policy key of 'keys', for its org.  Serial and contents are the caller's to judge. */
int policy_document_open(const char *jws, size_t len, const struct keys *keys,
			 struct policy_document **out, struct err *err);
void policy_document_free(struct policy_document *doc);

/* --- exceptions --- */
#define EXCEPTIONS_MAX 256
struct exception_item {
	char id[UUID_LEN + 1];
	char control[32];
	char what[160]; /* "" : the whole control */
	char reason[300];
	char asked[64], approved[64];
	int64_t until;
	int64_t seen; /* the device's own: when it first saw this id; 0: not noted.  Not signed */
};
struct exceptions {
	char device[UUID_LEN + 1];
	int64_t serial, at, until;
	struct exception_item *items;
	unsigned count;
};
void exceptions_encode(const struct exceptions *exceptions, struct buf *out);
int exceptions_open(const char *jws, size_t len, const struct keys *keys, const char *device,
		    struct exceptions **out, struct err *err);
void exceptions_free(struct exceptions *exceptions);

#endif
