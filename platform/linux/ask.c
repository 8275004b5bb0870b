/* See platform/ask.h.  The folder is 01733: sticky, and nobody lists it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/ask.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/os.h"

#define ENTRIES_MAX 4096 /* looked at in one run; the rest waits for the next */
#define FRAME_MAX 4096

int plat_ask_put(const char *folder, const void *frame, size_t len, struct err *err)
{
	char path[512], id[37];
	int fd;

	plat_uuid(id);
	if (snprintf(path, sizeof(path), "%s/%s", folder, id) >= (int)sizeof(path))
		return err_set(err, ERR_INVALID, "'%.80s...' is too long a path", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, errno, "leave a request in '%s'", folder);
	if (write(fd, frame, len) != (ssize_t)len) {
		err_errno(err, errno, "leave a request in '%s'", folder);
		(void)close(fd);
		(void)unlink(path); /* half a request is thrown away unread anyway */
		return -1;
	}
	if (close(fd) < 0)
		return err_errno(err, errno, "leave a request in '%s'", folder);
	return 0;
}

/* The owner's name; false when this system knows none. */
static bool owner(uid_t uid, char *out, size_t size)
{
	char space[4096];
	struct passwd entry, *found = NULL;

	return getpwuid_r(uid, &entry, space, sizeof(space), &found) == 0 && found &&
	       text_copy(out, size, found->pw_name);
}

/* A pipe would block, a link leads elsewhere, a second name may be another's file. */
static bool read_one(int dir, const char *name, size_t size, struct plat_ask *out, void *frame)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	bool good;

	if (fd < 0)
		return false;
	good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	       st.st_size == (off_t)size && owner(st.st_uid, out->account, sizeof(out->account)) &&
	       read(fd, frame, size) == (ssize_t)size;
	(void)close(fd); /* was only read */
	return good && text_copy(out->name, sizeof(out->name), name);
}

int plat_ask_each(const char *folder, size_t size, unsigned max,
		  void (*each)(void *ctx, const struct plat_ask *ask, const void *frame), void *ctx,
		  struct err *err)
{
	char frame[FRAME_MAX];
	unsigned taken = 0, seen = 0;
	struct dirent *entry;
	struct plat_ask ask;
	DIR *dir;

	if (size > sizeof(frame))
		return err_set(err, ERR_INVALID, "a request of %zu bytes", size);
	dir = opendir(folder);
	if (!dir)
		return errno == ENOENT ? 0 : err_errno(err, errno, "open '%s'", folder);
	while (seen++ < ENTRIES_MAX && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (taken < max && read_one(dirfd(dir), entry->d_name, size, &ask, frame)) {
			taken++;
			each(ctx, &ask, frame);
			continue;
		}
		/* Best effort: a folder with something in it stays, and is no request. */
		if (unlinkat(dirfd(dir), entry->d_name, 0) < 0)
			(void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	}
	(void)closedir(dir);
	return 0;
}

void plat_ask_remove(const char *folder, const char *name)
{
	char path[512];

	if (strchr(name, '/') ||
	    snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return;
	(void)unlink(path); /* still there, it is asked once more, and that is one request */
}
