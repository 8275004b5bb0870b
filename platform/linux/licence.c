/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/licence.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/fact.h"

#define COPYRIGHT_MAX (512u * 1024)
#define NAMES_MAX 6 /* a browser names fifty; the first are its own */

static void add_name(char *out, size_t size, unsigned *count, const char *name, size_t len)
{
	char clean[64];
	size_t have = strlen(out);

	text_clean(clean, sizeof(clean), name, len);
	if (!*clean || *count >= NAMES_MAX)
		return;
	/* Whole names only: "GPL-2" is not in "GPL-2+". */
	for (const char *at = out; (at = strstr(at, clean)); at++) {
		char before = at == out ? ' ' : at[-1], after = at[strlen(clean)];

		if (before == ' ' && (after == ',' || !after))
			return;
	}
	if (have + strlen(clean) + 3 > size)
		return;
	(void)snprintf(out + have, size - have, "%s%s", have ? ", " : "", clean);
	(*count)++;
}

static void read_pointers(const char *text, char *out, size_t size, unsigned *count)
{
	static const char place[] = "/usr/share/common-licenses/";

	for (const char *at = text; (at = strstr(at, place));) {
		size_t len;

		at += sizeof(place) - 1;
		len = strspn(at,
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.+");
		while (len && at[len - 1] == '.')
			len--; /* the end of a sentence */
		add_name(out, size, count, at, len);
	}
}

void licence_read(char *text, char *out, size_t size)
{
	unsigned count = 0;

	*out = '\0';
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (!strncmp(line, "License:", 8)) {
			const char *name = line + 8 + strspn(line + 8, " \t");

			add_name(out, size, &count, name, strcspn(name, "\n"));
		}
	}
	if (!count)
		read_pointers(text, out, size, &count);
}

void licence_of_package(const char *package, char *out, size_t size)
{
	char path[FACT_PATH_MAX];
	struct buf text;
	struct err err;

	*out = '\0';
	(void)snprintf(path, sizeof(path), "/usr/share/doc/%s/copyright", package);
	buf_init(&text, 0);
	if (fact_read(path, COPYRIGHT_MAX, &text, &err) == 0 && text.len)
		licence_read(text.data, out, size);
	buf_clear(&text);
}
