/* See buf.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/buf.h"

#include "agent/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *buf, size_t max)
{
	*buf = (struct buf){.max = max ? max : BUF_DEFAULT_MAX};
}

void buf_clear(struct buf *buf)
{
	free(buf->data);
	buf_init(buf, buf->max);
}

void buf_reset(struct buf *buf)
{
	buf->len = 0;
	buf->failed = buf->out_of_memory = false;
	if (buf->data)
		buf->data[0] = '\0';
}

/* Makes room for 'more' bytes and a NUL; false, and the buffer failed, when it cannot. */
static bool reserve(struct buf *buf, size_t more)
{
	size_t need, size;
	char *data;

	if (buf->failed)
		return false;
	if (more > buf->max - buf->len) {
		buf->failed = true;
		return false;
	}
	need = buf->len + more + 1;
	if (need <= buf->size)
		return true;
	/* Doubling, but never past the bound; neither sum can wrap, as both are within it. */
	size = buf->size < 64 ? 64 : buf->size <= buf->max / 2 ? buf->size * 2 : buf->max + 1;
	if (size < need)
		size = need;
	data = realloc(buf->data, size);
	if (!data) {
		buf->failed = buf->out_of_memory = true;
		return false;
	}
	buf->data = data;
	buf->size = size;
	return true;
}

char *buf_grow(struct buf *buf, size_t len)
{
	char *at;

	if (!reserve(buf, len))
		return NULL;
	at = buf->data + buf->len;
	buf->len += len;
	buf->data[buf->len] = '\0';
	return at;
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
	char *at = buf_grow(buf, len);

	if (at && len)
		memcpy(at, data, len);
}

void buf_addc(struct buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

void buf_adds(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_addf(struct buf *buf, const char *fmt, ...)
{
	char small[256];
	char *at;
	int len;
	va_list ap;

	va_start(ap, fmt);
	len = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (len < 0) {
		buf->failed = true;
		return;
	}
	at = buf_grow(buf, (size_t)len);
	if (!at)
		return;
	if ((size_t)len < sizeof(small)) {
		memcpy(at, small, (size_t)len);
		return;
	}
	va_start(ap, fmt);
	vsnprintf(at, (size_t)len + 1, fmt, ap);
	va_end(ap);
}

int buf_check(const struct buf *buf, struct err *err)
{
	if (!buf->failed)
		return 0;
	return buf->out_of_memory ? err_set(err, ERR_NOMEM, "out of memory at %zu bytes", buf->len)
				  : err_set(err, ERR_INVALID, "more than %zu bytes", buf->max);
}

const char *buf_text(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}

char *buf_take(struct buf *buf, size_t *out_len)
{
	char *data = buf->data;

	if (out_len)
		*out_len = buf->len;
	buf->data = NULL;
	buf_init(buf, buf->max);
	return data;
}
