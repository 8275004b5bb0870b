/* Fixes this machine waits for, whether it fetches them by itself, and how long its release lives.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_UPDATES_H
#define CARETAKER_PLATFORM_UPDATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/answer.h"

struct err;

enum plat_severity {
	PLAT_UNRATED, /* counts as high */
	PLAT_LOW,
	PLAT_MEDIUM,
	PLAT_HIGH,
	PLAT_CRITICAL,
};

struct plat_fix {
	char name[128];
	char installed[96], candidate[96];
	char source[96]; /* "Debian-Security:12/stable-security" */
	bool security;   /* some version above the installed one came by a security archive */
	bool held;       /* kept back by hand */
	enum plat_severity severity;
	int64_t released_at; /* from the fix's own changelog; 0: not known on this machine */
};

struct plat_updates {
	char manager[16]; /* "apt"; "" when no known package manager is here */
	struct plat_fix *fixes;
	size_t count;
	int64_t asked_at;   /* when the package manager was asked; older than now: from the cache */
	bool outdated;      /* packages or lists changed since then: a fix in them that is new shows
			     * within the day */
	int64_t lists_at;   /* how new what the package manager knows is; 0: it has no lists */
	int64_t archive_at; /* the date in the newest security archive's own Release file; 0: none
			     */
	char lists_from[96];

	enum plat_answer automatic; /* security fixes are installed by themselves */
	char automatic_detail[160]; /* what is missing for that, or how it is done */
	int64_t automatic_at;       /* when that last succeeded; 0: not known */
};

/* 'cache_dir' keeps the answer of the costly question until packages or lists change, and a day at
 * most; NULL: asked each time.  No known package manager is ERR_UNSUPPORTED. */
int plat_updates(const char *cache_dir, int64_t now, struct plat_updates *out, struct err *err);
void plat_updates_clear(struct plat_updates *updates);

struct plat_release {
	char id[32];      /* "debian" */
	char name[96];    /* "Debian GNU/Linux 12 (bookworm)" */
	char version[32]; /* "12" */
	char codename[48];
	int64_t end_of_life; /* no security fixes from then on; 0: not known */
	char end_from[48];   /* where that date is from */
};
int plat_release(struct plat_release *out, struct err *err);

struct plat_reboot {
	enum plat_answer pending;
	char why[160]; /* "linux-image-6.1.0-37-amd64 is newer than the running 6.1.0-35-amd64" */
	int64_t since; /* when that became so; 0: not known */
};
int plat_reboot(struct plat_reboot *out, struct err *err);

#endif
