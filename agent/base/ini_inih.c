/* See ini.h.  Lines reach inih one at a time through a reader of ours, which counts them and
 * refuses first whatever inih would quietly take for something else. SPDX-License-Identifier:
 * Apache-2.0 */
#include "agent/base/ini.h"

#include "agent/base/err.h"
#include "agent/base/text.h"

#include <stdbool.h>
#include <string.h>

#define ini_handler inih_handler /* both headers have one; theirs is a pointer */
#include <ini.h>
#undef ini_handler

#define SECTION_MAX 48 /* inih cuts names of sections at 49 */

struct parse {
	const char *at, *end;
	int line;
	char section[SECTION_MAX + 1];
	ini_handler *handler;
	void *ctx;
	bool failed; /* inih goes on after an error; we do not */
	struct err *err;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int refuse(struct parse *parse, const char *what)
{
	return err_set(parse->err, ERR_INVALID, "%s", what);
}

/* "[name]", 'line' at the bracket. */
static int take_section(struct parse *parse, const char *line, size_t len)
{
	const char *close = memchr(line, ']', len);
	const char *after = close ? close + 1 : NULL;
	size_t name_len;

	if (!close)
		return refuse(parse, "expected ']' after the section's name");
	while (after < line + len && is_blank(*after))
		after++;
	if (after < line + len)
		return refuse(parse, "expected nothing after the section's ']'");
	name_len = (size_t)(close - line) - 1;
	if (name_len == 0)
		return refuse(parse, "a section without a name");
	if (name_len > SECTION_MAX)
		return refuse(parse, "a section's name of more than 48 bytes");
	memcpy(parse->section, line + 1, name_len);
	parse->section[name_len] = '\0';
	return parse->handler(parse->ctx, parse->line, parse->section, NULL, NULL, parse->err);
}

static int check_pair(struct parse *parse, const char *line, size_t len)
{
	const char *equals = memchr(line, '=', len);

	if (!equals)
		return refuse(parse, "expected 'key = value', '[section]' or a comment");
	if (memchr(line, ':', (size_t)(equals - line)))
		return refuse(parse, "a ':' before the '=', which would end the key there");
	if (equals == line)
		return refuse(parse, "expected a key before '='");
	for (size_t i = 1; i < len; i++) {
		if (line[i] == ';' && is_blank(line[i - 1]))
			return refuse(parse, "a ';' after a blank, which would begin a comment; "
					     "give a comment a line of its own");
	}
	return 0;
}

/* Returns -1 with 'err' set unless inih will read this line as a person would. */
static int check_line(struct parse *parse, const char *line, size_t len)
{
	if (len > INI_MAX_LINE)
		return err_set(parse->err, ERR_INVALID, "a line of %zu bytes; at most %d are taken",
			       len, INI_MAX_LINE);
	if (!text_utf8_valid(line, len))
		return refuse(parse, "not valid UTF-8");
	for (size_t i = 0; i < len; i++) {
		if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
			return err_set(parse->err, ERR_INVALID, "the control character 0x%02x",
				       (unsigned)(unsigned char)line[i]);
	}
	if (parse->line == 1 && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0)
		return refuse(parse, "begins with a byte order mark; save it as UTF-8 without one");
	while (len && is_blank(line[len - 1]))
		len--;
	if (len == 0)
		return 0;
	if (is_blank(line[0])) {
		while (is_blank(*line))
			line++, len--;
		return *line == ';' || *line == '#'
			       ? 0
			       : refuse(parse, "begins with a blank, which would make it part of "
					       "the line before");
	}
	if (line[0] == ';' || line[0] == '#')
		return 0;
	return line[0] == '[' ? take_section(parse, line, len) : check_pair(parse, line, len);
}

/* inih's reader, as fgets(): the next line into 'out', NULL at the end. */
static char *next_line(char *out, int size, void *stream)
{
	struct parse *parse = stream;
	const char *newline;
	size_t len, whole;

	if (parse->failed || parse->at == parse->end)
		return NULL;
	newline = memchr(parse->at, '\n', (size_t)(parse->end - parse->at));
	len = (size_t)((newline ? newline : parse->end) - parse->at);
	whole = newline ? len + 1 : len;
	if (newline && len && newline[-1] == '\r')
		len--;
	parse->line++;
	if (check_line(parse, parse->at, len)) {
		parse->failed = true;
		return NULL;
	}
	if ((size_t)size <
	    len + 2) { /* an inih that was built with a smaller line than any known */
		parse->failed = true;
		refuse(parse, "a line too long for this build of inih");
		return NULL;
	}
	memcpy(out, parse->at, len);
	memcpy(out + len, "\n", 2);
	parse->at += whole;
	return out;
}

/* 1 to go on, 0 for an error: inih's way. */
static int take_pair(void *user, const char *section, const char *key, const char *value)
{
	struct parse *parse = user;

	(void)section; /* ours is the same, whole */
	if (!parse->failed && key && value &&
	    parse->handler(parse->ctx, parse->line, parse->section, key, value, parse->err))
		parse->failed = true;
	return !parse->failed;
}

int ini_parse_text(const char *name, const char *text, size_t len, ini_handler *handler, void *ctx,
		   struct err *err)
{
	struct parse parse = {
		.at = text, .end = text + len, .handler = handler, .ctx = ctx, .err = err};
	int ret;

	if (len > INI_MAX_BYTES)
		return err_set(err, ERR_INVALID, "%s: %zu bytes; at most %d are taken", name, len,
			       INI_MAX_BYTES);
	ret = ini_parse_stream(next_line, &parse, take_pair, &parse);
	if (parse.failed)
		return err_wrap(err, "%s:%d", name, parse.line);
	if (ret < 0)
		return err_set(err, ERR_NOMEM, "%s: out of memory", name);
	if (ret > 0)
		return err_set(err, ERR_INVALID, "%s:%d: expected 'key = value'", name, ret);
	return 0;
}
