/* Reading our own JSON files: texts into fixed fields, numbers within what JSON carries exactly.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_READ_H
#define CARETAKER_CHECK_READ_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct json;

#define READ_MAX INT64_C(9007199254740991) /* 2^53 - 1, RFC 7493 */

/* A member that must be there and must fit. */
int read_text(const struct json *object, const char *name, char *out, size_t size, struct err *err);
/* One that may be absent: '*out' keeps what it holds. */
int read_opt_text(const struct json *object, const char *name, char *out, size_t size,
		  struct err *err);

#endif
