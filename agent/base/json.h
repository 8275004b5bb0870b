/* Reading JSON strictly.  The text is never trusted.
 *
 * On top of the library (json_cjson.c) this refuses what RFC 8259 leaves open and what cJSON lets
 * through: duplicate names, invalid UTF-8, U+0000, unpaired surrogates, bytes after the value,
 * depth over JSON_MAX_DEPTH, more than JSON_MAX_VALUES values, and integers that a double cannot
 * hold exactly (I-JSON, RFC 7493).  Every getter names the member in its error.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_BASE_JSON_H
#define CARETAKER_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct json; /* one value inside a document; lives as long as the document */

#define JSON_MAX_DEPTH 16
#define JSON_MAX_VALUES 200000

/* Parses exactly one value.  On success the caller owns '*out' (the document's root). */
int json_parse(const char *text, size_t len, struct json **out, struct err *err);
void json_free(struct json *root);

bool json_is_object(const struct json *value);
bool json_is_array(const struct json *value);
bool json_is_string(const struct json *value);

/* Members.  NULL where there is none. */
const struct json *json_get(const struct json *object, const char *name);

/* Typed members.  A missing or wrongly typed member, or one out of bounds, is ERR_INVALID:
 * "member 'seq': expected an integer from 1 to ...".  Strings point into the document. */
int json_get_object(const struct json *object, const char *name, const struct json **out,
		    struct err *err);
int json_get_array(const struct json *object, const char *name, size_t max_count,
		   const struct json **out, struct err *err);
int json_get_string(const struct json *object, const char *name, size_t max_len, const char **out,
		    struct err *err);
int json_get_int(const struct json *object, const char *name, int64_t min, int64_t max,
		 int64_t *out, struct err *err);
int json_get_bool(const struct json *object, const char *name, bool *out, struct err *err);

/* The same for a member that may be absent: '*out' keeps what the caller put there. */
int json_opt_string(const struct json *object, const char *name, size_t max_len, const char **out,
		    struct err *err);
int json_opt_int(const struct json *object, const char *name, int64_t min, int64_t max,
		 int64_t *out, struct err *err);
int json_opt_bool(const struct json *object, const char *name, bool *out, struct err *err);

/* Walking: the first child of an object or array, then its next; NULL at the end. */
const struct json *json_first(const struct json *value);
const struct json *json_next(const struct json *value);
const char *json_name(const struct json *value); /* the member's name; NULL in an array */

/* A value by itself: NULL / false when it is of another type. */
const char *json_string(const struct json *value);
bool json_number(const struct json *value, double *out);
bool json_bool(const struct json *value, bool *out);

/* Checks that every member of 'object' is one of 'names' (NULL-terminated). */
int json_only(const struct json *object, const char *const names[], struct err *err);

#endif
