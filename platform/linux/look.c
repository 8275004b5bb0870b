/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/look.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/fact.h"

#define HOMES_MAX 500

bool look_hex(const char *text, uint64_t *out)
{
	size_t len = strspn(text, "0123456789abcdef");

	if (!len || len > 16 || text[len])
		return false;
	*out = strtoull(text, NULL, 16);
	return true;
}

bool look_stat(const char *path, struct stat *out)
{
	int fd = fact_open(path, O_PATH);
	bool ok = fd >= 0 && fstat(fd, out) == 0;

	if (fd >= 0)
		(void)close(fd);
	return ok;
}

int64_t look_stamp(const char *dir, const char *name)
{
	char path[FACT_PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return look_stat(path, &st) ? (int64_t)st.st_mtim.tv_sec : 0;
}

struct homes {
	bool (*each)(void *ctx, const char *home);
	void *ctx;
	unsigned count;
	bool go;
};

static bool may_count(struct homes *homes)
{
	struct err err;

	if (homes->count++ < HOMES_MAX)
		return true;
	err_set(&err, ERR_INVALID, "there are over %d homes", HOMES_MAX);
	fact_note(&err);
	return false;
}

/* Homes come from the password file, not from /home: a school may keep them by year group.  Homes
 * of a directory's accounts that were made on this machine lie in /home. */
static void home_of_line(void *ctx, char *line)
{
	struct homes *homes = ctx;
	char *fields[7];
	int64_t uid;
	int n = 0;

	while (line && n < 7) {
		fields[n++] = line;
		line = strchr(line, ':');
		if (line)
			*line++ = '\0';
	}
	if (n < 6 || !homes->go || text_int(fields[2], 0, UINT32_MAX, &uid) < 0 ||
	    fields[5][0] != '/')
		return;
	if (uid != 0 && (uid < 1000 || uid >= 65534))
		return;
	if (!strncmp(fields[5], "/home/", 6) || !fact_is_dir(fields[5]))
		return; /* found by listing /home */
	homes->go = may_count(homes) && homes->each(homes->ctx, fields[5]);
}

static bool home_of_folder(void *ctx, const char *name)
{
	struct homes *homes = ctx;
	char path[FACT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "/home/%s", name);
	if (!strcmp(name, "lost+found") || !fact_is_dir(path))
		return true;
	homes->go = may_count(homes) && homes->each(homes->ctx, path);
	return homes->go;
}

void look_each_home(bool (*each)(void *ctx, const char *home), void *ctx)
{
	struct homes homes = {.each = each, .ctx = ctx, .go = true};

	fact_each("/home", home_of_folder, &homes);
	(void)fact_lines("/etc/passwd", home_of_line, &homes);
}

struct tilde {
	const char *path;
	size_t len; /* of the longest home that holds it */
};

static bool home_holds(void *ctx, const char *home)
{
	struct tilde *tilde = ctx;
	size_t n = strlen(home);

	if (n > tilde->len && !strncmp(tilde->path, home, n) &&
	    (tilde->path[n] == '/' || !tilde->path[n]))
		tilde->len = n;
	return true;
}

void look_tilde(char *out, size_t size, const char *path)
{
	struct tilde tilde = {.path = path};
	char whole[FACT_PATH_MAX];

	look_each_home(home_holds, &tilde);
	/* A home that is gone, or on a server, still names a person. */
	if (!tilde.len && !strncmp(path, "/home/", 6))
		tilde.len = 6 + strcspn(path + 6, "/");
	(void)snprintf(whole, sizeof(whole), "%s%s", tilde.len ? "~" : "", path + tilde.len);
	text_clean(out, size, whole, strlen(whole));
}

struct wants {
	const char *dir, *unit;
	bool found;
};

static bool in_wants(void *ctx, const char *name)
{
	struct wants *wants = ctx;
	char path[FACT_PATH_MAX], target[8];

	if (!text_match("*.wants", name))
		return true;
	(void)snprintf(path, sizeof(path), "%s/%s/%s", wants->dir, name, wants->unit);
	/* The link itself counts: its target may lie outside a recorded tree. */
	wants->found = fact_link(path, target, sizeof(target));
	return !wants->found;
}

bool look_unit_enabled(const char *unit)
{
	static const char *const dirs[] = {"/etc/systemd/system", "/usr/lib/systemd/system",
					   "/lib/systemd/system"};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		struct wants wants = {.dir = dirs[i], .unit = unit};

		fact_each(dirs[i], in_wants, &wants);
		if (wants.found)
			return true;
	}
	return false;
}

bool look_unit_masked(const char *unit)
{
	static const char *const dirs[] = {"/etc/systemd/system", "/run/systemd/system"};
	char path[FACT_PATH_MAX], target[FACT_PATH_MAX];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dirs[i], unit);
		if (fact_link(path, target, sizeof(target)) && !strcmp(target, "/dev/null"))
			return true;
	}
	return false;
}

bool look_has_systemd(void)
{
	return fact_exists("/usr/lib/systemd/systemd") || fact_exists("/lib/systemd/systemd");
}
