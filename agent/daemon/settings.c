/* See settings.h; conf/caretakerd.ini explains every key.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/settings.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

#define FILE_MAX 16384
#define LINE_SIZE 300

static const struct number {
	const char *key;
	size_t offset;
	int64_t min, max;
} numbers[] = {
	{"interval_s", offsetof(struct settings, interval_s), 60, 86400},
	{"jitter_s", offsetof(struct settings, jitter_s), 0, 3600},
	{"settle_s", offsetof(struct settings, settle_s), 1, 600},
	{"gap_s", offsetof(struct settings, gap_s), 5, 3600},
};

void settings_default(struct settings *out)
{
	memset(out, 0, sizeof(*out));
	out->interval_s = 900;
	out->jitter_s = 120;
	out->settle_s = 5;
	out->gap_s = 60;
}

/* Cuts blanks at both ends, in place. */
static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t\r");
	len = strlen(text);
	while (len && strchr(" \t\r", text[len - 1]))
		text[--len] = '\0';
	return text;
}

static int take_watch(const char *value, struct settings *out, struct err *err)
{
	if (out->watch_count == SETTINGS_WATCH_MAX)
		return err_set(err, ERR_INVALID, "more than %d lines 'watch'", SETTINGS_WATCH_MAX);
	if (value[0] != '/' ||
	    !text_copy(out->watch[out->watch_count], sizeof(out->watch[0]), value))
		return err_set(err, ERR_INVALID, "'watch': expected a path that begins with '/'");
	out->watch_count++;
	return 0;
}

static int take(const char *key, const char *value, struct settings *out, struct err *err)
{
	const char *known[sizeof(numbers) / sizeof(numbers[0]) + 2] = {"watch"};
	const char *near;
	int64_t number;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const struct number *n = &numbers[i];

		known[i + 1] = n->key;
		if (strcmp(key, n->key) != 0)
			continue;
		if (text_int(value, n->min, n->max, &number) < 0)
			return err_set(err, ERR_INVALID,
				       "'%s': expected seconds from %lld to %lld, got '%.40s'", key,
				       (long long)n->min, (long long)n->max, value);
		*(uint32_t *)(void *)((char *)out + n->offset) = (uint32_t)number;
		return 0;
	}
	if (strcmp(key, "watch") == 0)
		return take_watch(value, out, err);
	near = text_nearest(key, known);
	return near ? err_set(err, ERR_INVALID, "unknown key '%.40s'; did you mean '%s'?", key,
			      near)
		    : err_set(err, ERR_INVALID, "unknown key '%.40s'", key);
}

static int take_line(char *line, struct settings *out, struct err *err)
{
	char *equals;

	line = trim(line);
	if (!line[0] || line[0] == ';' || line[0] == '#' || strcmp(line, "[daemon]") == 0)
		return 0;
	equals = strchr(line, '=');
	if (line[0] == '[' || !equals)
		return err_set(err, ERR_INVALID, "expected '[daemon]' or 'key = value'");
	*equals = '\0';
	return take(trim(line), trim(equals + 1), out, err);
}

int settings_parse(const char *name, const char *text, struct settings *out, struct err *err)
{
	struct settings settings = *out;
	char line[LINE_SIZE];

	for (int number = 1; *text; number++) {
		size_t len = strcspn(text, "\n");

		if (len >= sizeof(line))
			return err_set(err, ERR_INVALID, "%s:%d: the line is too long", name,
				       number);
		memcpy(line, text, len);
		line[len] = '\0';
		if (take_line(line, &settings, err) < 0)
			return err_wrap(err, "%s:%d", name, number);
		text += len + (text[len] == '\n');
	}
	*out = settings;
	return 0;
}

int settings_read(const char *path, struct settings *out, struct err *err)
{
	struct buf text;
	int ret = 0;

	settings_default(out);
	buf_init(&text, FILE_MAX + 1);
	if (plat_file_read(path, FILE_MAX, &text, err) < 0)
		ret = err->code == ERR_NOTFOUND ? 0 : -1;
	else
		ret = settings_parse(path, buf_text(&text), out, err);
	buf_clear(&text);
	return ret;
}
