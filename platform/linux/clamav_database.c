/* How old ClamAV's signatures are, by the heads of its database files.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/clamav_parts.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/text.h"
#include "platform/antivirus.h"
#include "platform/linux/clamav.h"
#include "platform/linux/clamd_conf.h"
#include "platform/linux/fact.h"

static bool header_field(const char *head, size_t len, unsigned want, char *out, size_t size)
{
	const char *at = head, *end = head + len;

	while (want--) {
		at = memchr(at, ':', (size_t)(end - at));
		if (!at)
			return false;
		at++;
	}
	len = 0;
	/* The date holds blanks; the last field is padded with them. */
	while (at + len < end && at[len] != ':' && isprint((unsigned char)at[len]))
		len++;
	text_clean(out, size, at, len);
	for (len = strlen(out); len && out[len - 1] == ' ';)
		out[--len] = '\0';
	return *out != '\0';
}

static int64_t build_date(const char *text)
{
	struct tm tm = {0};
	const char *zone = strptime(text, "%d %b %Y %H-%M", &tm);
	int64_t offset = 0;

	if (!zone)
		return 0;
	zone += strspn(zone, " ");
	if (*zone && text_int(zone + 1, 0, 1400, &offset) == 0)
		offset = (offset / 100 * 60 + offset % 100) * 60;
	return (int64_t)timegm(&tm) - (*zone == '-' ? -offset : offset);
}

bool clamav_read_header(const char *head, size_t len, int64_t *out_built, unsigned *out_version)
{
	char date[64], version[16], seconds[24];
	int64_t number, built = 0;

	if (len < 32 || memcmp(head, "ClamAV-VDB:", 11) != 0)
		return false;
	if (!header_field(head, len, 1, date, sizeof(date)) ||
	    !header_field(head, len, 2, version, sizeof(version)) ||
	    text_int(version, 0, INT32_MAX, &number) < 0)
		return false;
	/* The ninth field is the same in Unix seconds; old databases lack it. */
	if (header_field(head, len, 8, seconds, sizeof(seconds)))
		(void)text_int(seconds, 1, INT64_MAX / 2, &built);
	if (!built)
		built = build_date(date);
	if (!built)
		return false;
	*out_built = built;
	*out_version = (unsigned)number;
	return true;
}

struct databases {
	const char *dir;
	int64_t daily_at, main_at;
	unsigned daily_version, main_version;
};

static bool one_database(void *ctx, const char *name)
{
	struct databases *all = ctx;
	bool daily = text_match("daily.c?d", name);
	char path[FACT_PATH_MAX], head[512];
	unsigned version;
	int64_t built;
	ssize_t n;
	int fd;

	if (!daily && !text_match("main.c?d", name))
		return true;
	(void)snprintf(path, sizeof(path), "%s/%s", all->dir, name);
	fd = fact_open(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return true;
	n = read(fd, head, sizeof(head));
	(void)close(fd);
	if (n <= 0 || !clamav_read_header(head, (size_t)n, &built, &version))
		return true;
	if (daily && built > all->daily_at) {
		all->daily_at = built;
		all->daily_version = version;
	} else if (!daily && built > all->main_at) {
		all->main_at = built;
		all->main_version = version;
	}
	return true;
}

void clamav_date_signatures(const struct clamd_conf *conf, unsigned loaded, int64_t loaded_at,
			    struct plat_av_product *out)
{
	struct databases files = {.dir = conf->database};

	fact_each(conf->database, one_database, &files);
	if (!files.daily_at) {
		files.daily_at = files.main_at;
		files.daily_version = files.main_version;
	}
	if (out->running == PLAT_YES && !loaded) {
		/* clamd runs with signatures of others only, or with none. */
		(void)text_copy(out->detail, sizeof(out->detail),
				"clamd has loaded no official signatures");
		return;
	}
	if (out->running == PLAT_YES && loaded != files.daily_version) {
		out->signatures_at = loaded_at;
		(void)snprintf(out->signatures, sizeof(out->signatures), "%u", loaded);
		(void)snprintf(out->detail, sizeof(out->detail),
			       "clamd works with signatures %u; %u lie on the disk", loaded,
			       files.daily_version);
		return;
	}
	out->signatures_at = files.daily_at;
	if (files.daily_at)
		(void)snprintf(out->signatures, sizeof(out->signatures), "%u", files.daily_version);
}
