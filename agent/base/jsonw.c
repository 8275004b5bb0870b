/* See jsonw.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/jsonw.h"

#include "agent/base/buf.h"
#include "agent/base/text.h"

#include <assert.h>
#include <string.h>

#define MAX_DEPTH 31 /* the bits of has_members */

void jsonw_init(struct jsonw *w, struct buf *out)
{
	*w = (struct jsonw){.out = out};
}

static void new_line(struct jsonw *w)
{
	if (!w->indent)
		return;
	buf_addc(w->out, '\n');
	for (unsigned i = 0; i < w->depth; i++)
		buf_adds(w->out, "  ");
}

/* True for what goes into a JSON string as it is. */
static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void add_control(struct buf *out, uint32_t c)
{
	switch (c) {
	case '"': buf_adds(out, "\\\""); break;
	case '\\': buf_adds(out, "\\\\"); break;
	case '\n': buf_adds(out, "\\n"); break;
	case '\r': buf_adds(out, "\\r"); break;
	case '\t': buf_adds(out, "\\t"); break;
	case 0: buf_adds(out, TEXT_REPLACEMENT); break; /* json_parse() refuses U+0000 */
	default: buf_addf(out, "\\u%04x", (unsigned)c); break;
	}
}

static void add_text(struct buf *out, const char *text, size_t len)
{
	size_t i = 0;

	buf_addc(out, '"');
	while (i < len) {
		size_t run = i, size;
		uint32_t c;

		while (run < len && is_plain((unsigned char)text[run]))
			run++;
		buf_add(out, text + i, run - i);
		i = run;
		if (i == len)
			break;
		size = text_utf8_next(text + i, len - i, &c);
		if (size == 0)
			buf_adds(out, TEXT_REPLACEMENT);
		else if (size == 1 || text_unfit(c))
			add_control(out, c);
		else
			buf_add(out, text + i, size);
		i += size ? size : 1;
	}
	buf_addc(out, '"');
}

/* The comma, the line and the name that go before a value. */
static void begin(struct jsonw *w, const char *name)
{
	uint32_t bit = UINT32_C(1) << w->depth;

	if (w->depth > 0) {
		if (w->has_members & bit)
			buf_addc(w->out, ',');
		new_line(w);
	} else {
		assert(!(w->has_members & bit)); /* one root only */
	}
	w->has_members |= bit;
	if (name) {
		add_text(w->out, name, strlen(name));
		buf_adds(w->out, w->indent ? ": " : ":");
	}
}

static void open_level(struct jsonw *w, const char *name, char bracket)
{
	begin(w, name);
	buf_addc(w->out, bracket);
	assert(w->depth < MAX_DEPTH);
	w->depth++;
	w->has_members &= ~(UINT32_C(1) << w->depth);
}

static void close_level(struct jsonw *w, char bracket)
{
	bool empty = !(w->has_members & UINT32_C(1) << w->depth);

	assert(w->depth > 0);
	w->depth--;
	if (!empty)
		new_line(w);
	buf_addc(w->out, bracket);
}

void jsonw_object(struct jsonw *w, const char *name)
{
	open_level(w, name, '{');
}

void jsonw_object_end(struct jsonw *w)
{
	close_level(w, '}');
}

void jsonw_array(struct jsonw *w, const char *name)
{
	open_level(w, name, '[');
}

void jsonw_array_end(struct jsonw *w)
{
	close_level(w, ']');
}

void jsonw_string(struct jsonw *w, const char *name, const char *value)
{
	if (value)
		jsonw_stringn(w, name, value, strlen(value));
	else
		jsonw_null(w, name);
}

void jsonw_stringn(struct jsonw *w, const char *name, const char *value, size_t len)
{
	begin(w, name);
	add_text(w->out, value, len);
}

void jsonw_int(struct jsonw *w, const char *name, int64_t value)
{
	begin(w, name);
	buf_addf(w->out, "%lld", (long long)value);
}

void jsonw_bool(struct jsonw *w, const char *name, bool value)
{
	begin(w, name);
	buf_adds(w->out, value ? "true" : "false");
}

void jsonw_null(struct jsonw *w, const char *name)
{
	begin(w, name);
	buf_adds(w->out, "null");
}

void jsonw_raw(struct jsonw *w, const char *name, const char *json, size_t len)
{
	begin(w, name);
	buf_add(w->out, json, len);
}

void jsonw_foreign(struct jsonw *w, const char *name, const char *json, size_t len)
{
	size_t size;

	begin(w, name);
	for (size_t i = 0; i < len; i += size) {
		uint32_t c = 0;

		size = text_utf8_next(json + i, len - i, &c);
		/* Blanks between members are the only controls outside of strings. */
		if (size == 0)
			buf_adds(w->out, TEXT_REPLACEMENT);
		else if (c > 0x20 && text_unfit(c))
			add_control(w->out, c);
		else
			buf_add(w->out, json + i, size);
		size += size == 0;
	}
}

void jsonw_time(struct jsonw *w, const char *name, int64_t unix_s)
{
	char text[TEXT_TIME_SIZE];

	if (unix_s == 0) {
		jsonw_null(w, name);
		return;
	}
	text_time(text, unix_s);
	jsonw_string(w, name, text);
}
