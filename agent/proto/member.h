/* Members of JSON payloads in the shapes that recur on the wire: bounded text, UUIDs, hashes,
 * times.
 *
 * Readers fill a field of the caller's struct and name the member in their refusal.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_MEMBER_H
#define CARETAKER_PROTO_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/crypto.h"
#include "agent/proto/heartbeat.h"

struct err;
struct json;
struct jsonw;

#define MEMBER_INT_MAX 9007199254740991 /* 2^53 - 1: what I-JSON holds exactly */
#define MEMBER_TIME_LEN 40              /* RFC 3339 with a fraction and an offset */

/* 'out' holds 'size' bytes with the NUL. */
int member_text(const struct json *object, const char *name, char *out, size_t size,
		struct err *err);
int member_uuid(const struct json *object, const char *name, char out[UUID_LEN + 1],
		struct err *err);
/* 43 characters of base64url: a SHA-256 or a thumbprint. */
int member_hash(const struct json *object, const char *name, char out[HASH_TEXT], struct err *err);
int member_time(const struct json *object, const char *name, int64_t *out, struct err *err);
/* Lower-case letters, digits and '-', beginning with a letter. */
int member_token(const struct json *object, const char *name, char *out, size_t size,
		 struct err *err);

/* The same for members that may be absent: the field keeps what the caller put there. */
int member_opt_text(const struct json *object, const char *name, char *out, size_t size,
		    struct err *err);
int member_opt_hash(const struct json *object, const char *name, char out[HASH_TEXT],
		    struct err *err);
int member_opt_time(const struct json *object, const char *name, int64_t *out, struct err *err);
int member_opt_token(const struct json *object, const char *name, char *out, size_t size,
		     struct err *err);
/* A text of any length up to 'max', copied to the heap; NULL when absent. */
int member_opt_copy(const struct json *object, const char *name, size_t max, char **out,
		    struct err *err);

/* Refuses payloads of another version than 1. */
int member_version(const struct json *payload, struct err *err);
bool member_is_hash(const char *text);

/* Unlike jsonw_time(), writes the epoch itself too: a clock may well stand in 1970. */
void member_write_time(struct jsonw *w, const char *name, int64_t unix_s);

#endif
