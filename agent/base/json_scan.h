/* One pass over JSON text that holds it to RFC 8259, our bounds and I-JSON's integers (RFC 7493),
 * and counts what a tree of it takes.  It allocates nothing and knows no library; json_parse() is
 * what callers want. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_BASE_JSON_SCAN_H
#define CARETAKER_BASE_JSON_SCAN_H

#include <stddef.h>

struct err;

struct json_size {
	size_t values;       /* objects, arrays, texts, numbers, words */
	size_t strings;      /* texts and members' names */
	size_t string_bytes; /* theirs as written, with the quotes */
};

/* The whole of 'text', which is never trusted, must be one value. */
int json_scan(const char *text, size_t len, struct json_size *out, struct err *err);

#endif
