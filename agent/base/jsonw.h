/* Writing JSON into a buf, compact, members in the order they are written.
 *
 * Strings are cleaned on the way out: invalid UTF-8 becomes U+FFFD, and what text_unfit() keeps
 * from a terminal is escaped.  U+0000, which json.h refuses, becomes U+FFFD too.  Nesting is
 * tracked: an _end too many, a second root and more than 31 levels are assertions, not bad JSON.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_BASE_JSONW_H
#define CARETAKER_BASE_JSONW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct jsonw {
	struct buf *out;
	unsigned depth;
	uint32_t has_members; /* bit n: the level n already holds something */
	bool indent;          /* two blanks a level, for people */
};

void jsonw_init(struct jsonw *w, struct buf *out);

/* 'name' is NULL inside an array and for the root. */
void jsonw_object(struct jsonw *w, const char *name);
void jsonw_object_end(struct jsonw *w);
void jsonw_array(struct jsonw *w, const char *name);
void jsonw_array_end(struct jsonw *w);
void jsonw_string(struct jsonw *w, const char *name, const char *value); /* NULL: null */
void jsonw_stringn(struct jsonw *w, const char *name, const char *value, size_t len);
void jsonw_int(struct jsonw *w, const char *name, int64_t value);
void jsonw_bool(struct jsonw *w, const char *name, bool value);
void jsonw_null(struct jsonw *w, const char *name);
/* 'json' must be one well-formed value: it is copied as it is. */
void jsonw_raw(struct jsonw *w, const char *name, const char *json, size_t len);
/* The same for what somebody else wrote and a terminal may show: what text_unfit() names is
 * escaped, which well-formed JSON has inside of strings only. */
void jsonw_foreign(struct jsonw *w, const char *name, const char *json, size_t len);
/* RFC 3339 UTC with seconds; 0 writes null. */
void jsonw_time(struct jsonw *w, const char *name, int64_t unix_s);

#endif
