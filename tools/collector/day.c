/* See day.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/day.h"

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ZONES "/usr/share/zoneinfo"

int day_zone(const char *zone, struct err *err)
{
	struct plat_file_info info = {.exists = false};
	char path[128];
	struct err unread;

	if (!*zone)
		return 0;
	/* The C library takes a zone that it does not know for UTC, without a word. */
	if (strstr(zone, "..") || zone[0] == '/' ||
	    snprintf(path, sizeof(path), ZONES "/%s", zone) >= (int)sizeof(path) ||
	    plat_file_info(path, &info, &unread) < 0 || !info.exists || info.is_dir)
		return err_set(err, ERR_NOTFOUND,
			       "[collector] time_zone: no zone '%.60s' in " ZONES
			       ": expected one such as Europe/London",
			       zone);
	if (setenv("TZ", zone, 1) < 0)
		return err_set(err, ERR_NOMEM, "out of memory");
	tzset();
	return 0;
}

int day_of(const char *zone, int64_t at, char out[DAY_TEXT], struct err *err)
{
	time_t when = (time_t)at;
	struct tm tm;

	if (day_zone(zone, err))
		return -1;
	if (!localtime_r(&when, &tm) || strftime(out, DAY_TEXT, "%Y-%m-%d", &tm) != DAY_TEXT - 1)
		return err_set(err, ERR_INVALID,
			       "this machine's clock is of no year that has days");
	return 0;
}

int day_end(const char *zone, const char *day, int64_t *out, struct err *err)
{
	struct tm tm = {.tm_hour = 23, .tm_min = 59, .tm_sec = 59, .tm_isdst = -1};
	char noon[32];
	int64_t unused;

	/* Whatever makes a date wrong is checked there. */
	snprintf(noon, sizeof(noon), "%.10sT12:00:00Z", day);
	if (strlen(day) != DAY_TEXT - 1 || text_time_parse(noon, &unused))
		return err_set(err, ERR_INVALID, "'%.40s' is no day such as 2026-11-22", day);
	if (day_zone(zone, err))
		return -1;
	tm.tm_year = (int)strtol(day, NULL, 10) - 1900;
	tm.tm_mon = (int)strtol(day + 5, NULL, 10) - 1;
	tm.tm_mday = (int)strtol(day + 8, NULL, 10);
	*out = (int64_t)mktime(&tm);
	return 0;
}

void day_spoken(int64_t at, char out[DAY_SPOKEN])
{
	time_t when = (time_t)at;
	struct tm tm;

	if (!localtime_r(&when, &tm) || !strftime(out, DAY_SPOKEN, "%H:%M on %A %e %B %Y", &tm))
		out[0] = '\0';
}
