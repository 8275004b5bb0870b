/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/updates_rpm.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/apt.h"
#include "platform/linux/fact.h"
#include "platform/linux/look.h"
#include "platform/updates.h"

static enum plat_severity severity_of(const char *word)
{
	if (text_match("critical*", word))
		return PLAT_CRITICAL;
	if (text_match("important*", word))
		return PLAT_HIGH;
	if (text_match("moderate*", word))
		return PLAT_MEDIUM;
	if (text_match("low*", word))
		return PLAT_LOW;
	return PLAT_UNRATED;
}

/* "name-epoch:version-release.arch" */
static void split_nevra(const char *text, struct plat_fix *fix)
{
	const char *release = strrchr(text, '-'), *version = release;

	while (version && version > text && *--version != '-')
		continue;
	if (!release || version <= text) {
		(void)text_copy(fix->name, sizeof(fix->name), text);
		return;
	}
	text_clean(fix->name, sizeof(fix->name), text, (size_t)(version - text));
	text_clean(fix->candidate, sizeof(fix->candidate), version + 1, strlen(version + 1));
}

int updates_read_dnf(char *text, struct plat_updates *out, struct err *err)
{
	char *line;

	while ((line = fact_line(&text))) {
		char *advisory = fact_word(&line), *rating = fact_word(&line);
		char *kind = fact_word(&line), *package = kind, *date;
		struct tm tm = {0};
		struct plat_fix *fix;

		/* dnf: "Important/Sec."; dnf5: "security Important" */
		if (!advisory || !rating || !package)
			continue;
		if (!strcmp(rating, "security")) {
			rating = kind;
			package = fact_word(&line);
			if (!package)
				continue;
		} else if (!text_match("*/sec.", rating)) {
			continue;
		}
		fix = fact_append(&out->fixes, &out->count, sizeof(*fix));
		if (!fix)
			return err_set(err, ERR_NOMEM, "out of memory for the list of updates");
		split_nevra(package, fix);
		(void)text_copy(fix->source, sizeof(fix->source), advisory);
		fix->security = true;
		fix->severity = severity_of(rating);
		date = fact_word(&line);
		if (date && strptime(date, "%Y-%m-%d", &tm))
			fix->released_at = timegm(&tm);
	}
	return 0;
}

int updates_read_zypper(char *text, struct plat_updates *out, struct err *err)
{
	char *line;

	while ((line = fact_line(&text))) {
		char *fields[6];
		struct plat_fix *fix;
		int n = 0;

		for (char *at = line; at && n < 6; n++) {
			fields[n] = at + strspn(at, " ");
			at = strchr(at, '|');
			if (at)
				*at++ = '\0';
			fields[n][strcspn(fields[n], " ")] = '\0';
		}
		if (n < 6 || strcmp(fields[2], "security") != 0 || strcmp(fields[5], "needed") != 0)
			continue;
		fix = fact_append(&out->fixes, &out->count, sizeof(*fix));
		if (!fix)
			return err_set(err, ERR_NOMEM, "out of memory for the list of updates");
		text_clean(fix->name, sizeof(fix->name), fields[1], strlen(fields[1]));
		text_clean(fix->source, sizeof(fix->source), fields[0], strlen(fields[0]));
		fix->security = true;
		fix->severity = severity_of(fields[3]);
	}
	return 0;
}

bool updates_rpm_present(void)
{
	return fact_program("dnf", NULL, 0) || fact_program("zypper", NULL, 0);
}

/* When the newest of the cached repository data was fetched. */
static bool newest_cache(void *ctx, const char *name)
{
	int64_t *newest = ctx, at;
	char path[FACT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "/var/cache/dnf/%s/repodata", name);
	at = look_stamp(path, "repomd.xml");
	if (!at) {
		(void)snprintf(path, sizeof(path), "/var/cache/libdnf5/%s/repodata", name);
		at = look_stamp(path, "repomd.xml");
	}
	if (!at) {
		(void)snprintf(path, sizeof(path), "/var/cache/zypp/raw/%s/repodata", name);
		at = look_stamp(path, "repomd.xml");
	}
	if (at > *newest)
		*newest = at;
	return true;
}

int updates_rpm(int64_t now, struct plat_updates *out, struct err *err)
{
	static const char *const dnf[] = {"dnf",  "-C",         "-q", "updateinfo",
					  "list", "--security", NULL};
	static const char *const zypper[] = {"zypper",
					     "--no-refresh",
					     "--non-interactive",
					     "list-patches",
					     "--category",
					     "security",
					     NULL};
	bool by_dnf = fact_program("dnf", NULL, 0);
	struct buf text;
	int ret;

	buf_init(&text, 0);
	ret = apt_run(by_dnf ? dnf : zypper, 180, &text, err);
	if (ret == 0 && text.len)
		ret = by_dnf ? updates_read_dnf(text.data, out, err)
			     : updates_read_zypper(text.data, out, err);
	buf_clear(&text);
	if (ret < 0)
		return -1;
	out->asked_at = now;
	(void)text_copy(out->manager, sizeof(out->manager), by_dnf ? "dnf" : "zypper");
	fact_each("/var/cache/dnf", newest_cache, &out->lists_at);
	fact_each("/var/cache/libdnf5", newest_cache, &out->lists_at);
	fact_each("/var/cache/zypp/raw", newest_cache, &out->lists_at);
	(void)text_copy(out->lists_from, sizeof(out->lists_from), "repomd.xml");
	return 0;
}
