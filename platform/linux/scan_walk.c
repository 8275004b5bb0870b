/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/scan_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct walk {
	int (*each)(void *ctx, int fd, uint64_t size);
	void *ctx;
	dev_t device;
	unsigned entries;
};

static enum scan_walk_end walk_folder(struct walk *walk, int fd, unsigned depth);

/* What is opened may be another file than the one that was listed: asked again once it is open. */
static enum scan_walk_end walk_entry(struct walk *walk, int folder, const char *name,
				     unsigned depth)
{
	struct stat st;
	enum scan_walk_end end = SCAN_WALK_DONE;
	int fd;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return SCAN_WALK_UNREADABLE;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return SCAN_WALK_DONE;
	fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return SCAN_WALK_UNREADABLE;
	if (fstat(fd, &st) < 0)
		end = SCAN_WALK_UNREADABLE;
	else if (S_ISDIR(st.st_mode) && st.st_dev == walk->device)
		return walk_folder(walk, fd, depth + 1);
	else if (S_ISREG(st.st_mode) && st.st_size > 0 &&
		 walk->each(walk->ctx, fd, (uint64_t)st.st_size))
		end = SCAN_WALK_STOPPED;
	(void)close(fd);
	return end;
}

static enum scan_walk_end walk_folder(struct walk *walk, int fd, unsigned depth)
{
	enum scan_walk_end end = SCAN_WALK_DONE;
	struct dirent *entry;
	DIR *folder;

	if (depth > SCAN_DEPTH_MAX) {
		(void)close(fd);
		return SCAN_WALK_TOO_MANY;
	}
	folder = fdopendir(fd);
	if (!folder) {
		(void)close(fd);
		return SCAN_WALK_UNREADABLE;
	}
	while (end == SCAN_WALK_DONE) {
		errno = 0;
		entry = readdir(folder);
		if (!entry) {
			end = errno ? SCAN_WALK_UNREADABLE : SCAN_WALK_DONE;
			break;
		}
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (++walk->entries > SCAN_FILES_MAX)
			end = SCAN_WALK_TOO_MANY;
		else
			end = walk_entry(walk, dirfd(folder), entry->d_name, depth);
	}
	(void)closedir(folder);
	return end;
}

enum scan_walk_end scan_walk(int folder_fd, int (*each)(void *ctx, int fd, uint64_t size),
			     void *ctx)
{
	struct walk walk = {.each = each, .ctx = ctx};
	struct stat st;

	if (fstat(folder_fd, &st) < 0) {
		(void)close(folder_fd);
		return SCAN_WALK_UNREADABLE;
	}
	walk.device = st.st_dev;
	return walk_folder(&walk, folder_fd, 0);
}
