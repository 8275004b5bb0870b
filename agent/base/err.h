/* What went wrong, in words a school technician can act on.
 *
 * The struct lives on the caller's stack: nothing to free, nothing global.
 * A function that can fail takes 'struct err *' last, returns 0 or -1, and
 * fills 'err' only when it returns -1.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_BASE_ERR_H
#define CARETAKER_BASE_ERR_H

#include "agent/base/compiler.h"

enum err_code {
	ERR_NONE,
	ERR_NOMEM,
	ERR_IO,
	ERR_NOTFOUND,
	ERR_DENIED,
	ERR_INVALID,     /* bad input: file, message, argument */
	ERR_UNSUPPORTED, /* this machine cannot tell; never a failed check */
	ERR_TIMEOUT,
	ERR_FULL, /* no space: disk, quota, queue */
	ERR_AUTH, /* a signature, a pin or a proof does not hold */
};

struct err {
	enum err_code code;
	char msg[256];
};

/* Records a failure.  Always returns -1, so "return err_set(...)" works. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* As err_set(), with the code and the closing words taken from 'errnum'. */
int err_errno(struct err *err, int errnum, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "fmt: " in front of a message already set; keeps the code.  Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The same calls, so that compilers and analysers see the -1, too: without it each of them believes
 * that 'return err_set(...)' may be a success, and warns of what a success would have set. */
static inline int err_minus_one(int ret)
{
	(void)ret;
	return -1;
}
#define err_set(...) err_minus_one(err_set(__VA_ARGS__))
#define err_errno(...) err_minus_one(err_errno(__VA_ARGS__))
#define err_wrap(...) err_minus_one(err_wrap(__VA_ARGS__))

#endif
