/* A growing run of bytes with a bound, for what is built before its size is known.
 *
 * An append that cannot be done (no memory, over the bound) marks the buffer as failed and every
 * later append does nothing, so that a builder checks once, at the end, with buf_check().
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_BASE_BUF_H
#define CARETAKER_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/compiler.h"

struct err;

struct buf {
	char *data; /* NUL after 'len' bytes once anything was appended; NULL before */
	size_t len;
	size_t size;
	size_t max; /* 'len' never passes it */
	bool failed, out_of_memory;
};

/* 'max' of 0 means BUF_DEFAULT_MAX. */
#define BUF_DEFAULT_MAX (16u * 1024 * 1024)
void buf_init(struct buf *buf, size_t max);
void buf_clear(struct buf *buf); /* frees; the buffer may be used again as after buf_init */
void buf_reset(struct buf *buf); /* empties, keeps the memory, forgets a failure */

void buf_add(struct buf *buf, const void *data, size_t len);
void buf_addc(struct buf *buf, char c);
void buf_adds(struct buf *buf, const char *text);
void buf_addf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* 'len' writable bytes at the end, already counted in buf->len; NULL when they cannot be had. */
char *buf_grow(struct buf *buf, size_t len);

/* -1 with ERR_NOMEM or ERR_INVALID ("more than MAX bytes") when an append failed. */
int buf_check(const struct buf *buf, struct err *err);

/* Text for display: buf->data, or "" before the first append. */
const char *buf_text(const struct buf *buf);

/* Hands the bytes to the caller (who frees them) and leaves the buffer as after buf_init.  NULL
 * when nothing was ever appended; 'out_len' may be NULL. */
char *buf_take(struct buf *buf, size_t *out_len);

#endif
