/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/apt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/fact.h"
#include "platform/os.h"
#include "platform/updates.h"

#define LISTS "/var/lib/apt/lists"
#define OUTPUT_MAX (16u * 1024 * 1024)
#define NAMES_A_CALL 400

int apt_run(const char *const *argv, unsigned timeout_s, struct buf *out, struct err *err)
{
	struct plat_command command = {
		.argv = argv, .output_max = OUTPUT_MAX, .timeout_ms = timeout_s * 1000};
	struct buf said;
	char first[128];
	int status, ret = -1;

	if (!fact_live())
		return err_set(err, ERR_UNSUPPORTED, "'%s' is not run on a tree that is only read",
			       argv[0]);
	buf_init(&said, 0);
	if (plat_run(&command, out, &said, &status, err) < 0)
		goto out;
	if (status != 0) {
		const char *text = buf_text(&said);

		text_clean(first, sizeof(first), text, strcspn(text, "\n"));
		err_set(err, ERR_IO, "'%s' ended with %d: %s", argv[0], status, first);
		goto out;
	}
	ret = 0;
out:
	buf_clear(&said);
	return ret;
}

/* Cuts the next line, blanks kept: they tell versions from sources. */
static char *next_line(char **cursor)
{
	char *line = *cursor, *end;

	if (!line || !*line)
		return NULL;
	end = strchr(line, '\n');
	if (end)
		*end++ = '\0';
	*cursor = end;
	return line;
}

/* --- the simulation --- */

static bool mentions_security(const char *text)
{
	return text_match("*security*", text);
}

/* "name [1.0] (1.1 Debian:12.8/stable, Debian-Security:12/stable-security [amd64]) []" */
static int read_upgrade(char *line, struct plat_updates *out, struct err *err)
{
	char *open = strchr(line, '('), *close, *blank;
	char *old = strchr(line, '['), *old_end = old ? strchr(old, ']') : NULL;
	struct plat_fix *fix;

	if (!open || !old || !old_end || old > open)
		return 0; /* a new package */
	blank = strchr(line, ' ');
	close = strrchr(open, ')');
	if (!blank || !close)
		return 0;
	*close = '\0';
	fix = fact_append(&out->fixes, &out->count, sizeof(*fix));
	if (!fix)
		return err_set(err, ERR_NOMEM, "out of memory for the list of updates");
	text_clean(fix->name, sizeof(fix->name), line, (size_t)(blank - line));
	text_clean(fix->installed, sizeof(fix->installed), old + 1, (size_t)(old_end - old - 1));
	open++;
	text_clean(fix->candidate, sizeof(fix->candidate), open, strcspn(open, " "));
	open += strcspn(open, " ");
	open += strspn(open, " ");
	blank = strrchr(open, '['); /* the architecture */
	text_clean(fix->source, sizeof(fix->source), open,
		   blank && blank > open ? (size_t)(blank - 1 - open) : strlen(open));
	fix->security = mentions_security(open);
	return 0;
}

int apt_read_simulation(char *text, struct plat_updates *out, struct err *err)
{
	char *line;

	while ((line = next_line(&text)))
		if (!strncmp(line, "Inst ", 5) && read_upgrade(line + 5, out, err) < 0)
			return -1;
	return 0;
}

/* --- policy --- */

/* "500 http://... bookworm/main amd64 Packages" after the blanks: the part after the number. */
static const char *source_of(char *line)
{
	line += strspn(line, " ");
	line += strspn(line, "-0123456789");
	return *line == ' ' ? line + 1 : NULL;
}

static void release_member(const char *list, const char *name, char *out, size_t size)
{
	for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
		if (at[0] == name[0] && at[1] == '=') {
			text_clean(out, size, at + 2, strcspn(at + 2, ","));
			return;
		}
}

int apt_read_archives(char *text, struct apt_archives *out, struct err *err)
{
	struct apt_archive *last = NULL;
	char *line;

	while ((line = next_line(&text))) {
		const char *source;
		char *word = line + strspn(line, " ");

		if (!strncmp(line, "Pinned packages", 15))
			break;
		if (!strncmp(word, "release ", 8) && last) {
			release_member(word + 8, "o", last->origin, sizeof(last->origin));
			release_member(word + 8, "l", last->label, sizeof(last->label));
			release_member(word + 8, "a", last->suite, sizeof(last->suite));
			continue;
		}
		if (*line != ' ' || !(source = source_of(line)) || source == word)
			continue;
		last = fact_append(&out->items, &out->count, sizeof(*last));
		if (!last)
			return err_set(err, ERR_NOMEM, "out of memory for the list of archives");
		text_clean(last->source, sizeof(last->source), source, strlen(source));
	}
	return 0;
}

void apt_archives_clear(struct apt_archives *archives)
{
	free(archives->items);
	memset(archives, 0, sizeof(*archives));
}

const struct apt_archive *apt_archive_find(const struct apt_archives *archives, const char *source)
{
	for (size_t i = 0; i < archives->count; i++)
		if (!strcmp(archives->items[i].source, source))
			return &archives->items[i];
	return NULL;
}

bool apt_archive_security(const struct apt_archive *archive)
{
	/* Debian says it in label and suite, Ubuntu in the suite, and the list's address holds the
	 * suite too. */
	return mentions_security(archive->label) || mentions_security(archive->suite) ||
	       mentions_security(archive->source);
}

void apt_read_policy(char *text, void (*each)(void *ctx, const struct apt_version *version),
		     void *ctx)
{
	char name[128] = "";
	struct apt_version version = {.package = name};
	bool before_installed = true;
	char *line;

	while ((line = next_line(&text))) {
		size_t indent = strspn(line, " ");
		size_t len = strlen(line);

		if (indent == 0 && len > 1 && line[len - 1] == ':') {
			text_clean(name, sizeof(name), line, len - 1);
			version.version = NULL;
			before_installed = true;
		} else if (!strncmp(line, " *** ", 5) || indent == 5) {
			char *word = line + 5;

			word[strcspn(word, " ")] = '\0';
			version.version = word;
			version.installed = line[1] == '*';
			before_installed = before_installed && !version.installed;
			version.above_installed = before_installed;
		} else if (indent >= 7 && version.version) {
			version.source = source_of(line);
			if (version.source)
				each(ctx, &version);
		}
	}
}

int apt_ask_policy(const char *(*name)(void *ctx, size_t i), size_t count,
		   void (*each)(void *ctx, const struct apt_version *version), void *ctx,
		   struct err *err)
{
	const char *argv[NAMES_A_CALL + 3] = {"apt-cache", "policy"};

	for (size_t done = 0; done < count;) {
		size_t n = 0;
		struct buf out;
		int failed;

		while (n < NAMES_A_CALL && done < count)
			argv[2 + n++] = name(ctx, done++);
		argv[2 + n] = NULL;
		buf_init(&out, 0);
		failed = apt_run(argv, 120, &out, err);
		if (!failed && out.len)
			apt_read_policy(out.data, each, ctx);
		buf_clear(&out);
		if (failed)
			return -1;
	}
	return 0;
}

int apt_ask_archives(struct apt_archives *out, struct err *err)
{
	static const char *const argv[] = {"apt-cache", "policy", NULL};
	struct buf text;
	int ret;

	buf_init(&text, 0);
	ret = apt_run(argv, 120, &text, err);
	if (ret == 0 && text.len)
		ret = apt_read_archives(text.data, out, err);
	buf_clear(&text);
	return ret;
}

/* --- configuration --- */

static bool config_line(const char *line, const char *name, const char **out, size_t *out_len)
{
	size_t n = strlen(name);
	const char *close;

	if (strncmp(line, name, n) != 0 || line[n] != ' ' || line[n + 1] != '"')
		return false;
	*out = line + n + 2;
	close = strpbrk(*out, "\"\n");
	*out_len = close ? (size_t)(close - *out) : strlen(*out);
	return true;
}

bool apt_config(const char *text, const char *name, char *out, size_t size)
{
	const char *value;
	size_t len;
	bool found = false;

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (config_line(line, name, &value, &len)) {
			text_clean(out, size, value, len);
			found = true;
		}
	}
	return found;
}

void apt_config_list(const char *text, const char *name, void (*each)(void *ctx, const char *value),
		     void *ctx)
{
	char copy[512];
	const char *value;
	size_t len;

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (config_line(line, name, &value, &len)) {
			text_clean(copy, sizeof(copy), value, len);
			each(ctx, copy);
		}
	}
}

/* --- dates --- */

int64_t apt_date(const char *text)
{
	struct tm tm = {0};
	const char *zone = strptime(text, "%a, %d %b %Y %H:%M:%S", &tm);
	int64_t at, offset = 0;
	char digits[5];

	if (!zone)
		return 0;
	at = timegm(&tm);
	zone += strspn(zone, " ");
	if (*zone == '+' || *zone == '-') {
		if (!memchr(zone, 0, 5)) {
			memcpy(digits, zone + 1, 4);
			digits[4] = '\0';
			if (text_int(digits, 0, 1400, &offset) < 0)
				return 0;
		}
		offset = (offset / 100 * 60 + offset % 100) * 60;
		return *zone == '+' ? at - offset : at + offset;
	}
	return at;
}

void apt_read_release(char *text, struct apt_release *out)
{
	char *line;

	memset(out, 0, sizeof(*out));
	while ((line = next_line(&text))) {
		char *value = strstr(line, ": ");

		/* The lists of files follow the head. */
		if (!strncmp(line, "MD5Sum:", 7) || !strncmp(line, "SHA256:", 7))
			break;
		if (!value)
			continue;
		*value = '\0';
		value += 2;
		if (!strcmp(line, "Origin"))
			text_clean(out->origin, sizeof(out->origin), value, strlen(value));
		else if (!strcmp(line, "Label"))
			text_clean(out->label, sizeof(out->label), value, strlen(value));
		else if (!strcmp(line, "Suite"))
			text_clean(out->suite, sizeof(out->suite), value, strlen(value));
		else if (!strcmp(line, "Codename"))
			text_clean(out->codename, sizeof(out->codename), value, strlen(value));
		else if (!strcmp(line, "Date"))
			out->date = apt_date(value);
		else if (!strcmp(line, "Valid-Until"))
			out->valid_until = apt_date(value);
	}
}

struct release_walk {
	void (*each)(void *ctx, const char *file, const struct apt_release *release);
	void *ctx;
};

static bool one_release(void *ctx, const char *name)
{
	const struct release_walk *walk = ctx;
	char path[FACT_PATH_MAX];
	struct apt_release release;
	struct buf text;
	struct err err;

	if (!text_match("*Release", name))
		return true;
	(void)snprintf(path, sizeof(path), LISTS "/%s", name);
	buf_init(&text, 0);
	if (fact_read(path, FACT_FILE_MAX, &text, &err) < 0) {
		fact_note(&err);
	} else if (text.len) {
		apt_read_release(text.data, &release);
		walk->each(walk->ctx, name, &release);
	}
	buf_clear(&text);
	return true;
}

void apt_each_release(void (*each)(void *ctx, const char *file, const struct apt_release *release),
		      void *ctx)
{
	struct release_walk walk = {each, ctx};

	fact_each(LISTS, one_release, &walk);
}

/* "openssl (3.0.22-1) bookworm-security; urgency=high" ... " -- Name <mail>  Date" */
bool apt_read_changelog(char *text, struct apt_changelog *out)
{
	char *line = next_line(&text), *open, *close, *urgency;

	memset(out, 0, sizeof(*out));
	if (!line || !(open = strchr(line, '(')) || !(close = strchr(open, ')')))
		return false;
	text_clean(out->version, sizeof(out->version), open + 1, (size_t)(close - open - 1));
	urgency = strstr(close, "urgency=");
	if (urgency)
		text_clean(out->urgency, sizeof(out->urgency), urgency + 8,
			   strcspn(urgency + 8, " ,;"));
	while ((line = next_line(&text)))
		if (!strncmp(line, " -- ", 4)) {
			char *date = strstr(line, ">  ");

			out->date = date ? apt_date(date + 3) : 0;
			break;
		}
	return out->date != 0;
}
