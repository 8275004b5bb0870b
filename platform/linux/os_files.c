/* Files and folders of platform/os.h on Linux.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/os.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define WRITER_WAIT_MS 10000 /* for another process that replaces the same file */
#define LOCK_RETRY_MS 10

/* --- reading --- */

/* Reads what is left of 'fd'.  /proc says a size of 0, so the end is where read() says it is. */
static int read_all(int fd, const char *path, size_t max, struct buf *out, struct err *err)
{
	char data[8192];
	size_t left = max;

	for (;;) {
		ssize_t n = read(fd, data, sizeof(data));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "read '%s'", path);
		if (n == 0)
			break;
		if ((size_t)n > left)
			return err_set(err, ERR_INVALID, "'%s' is larger than %zu bytes", path,
				       max);
		left -= (size_t)n;
		buf_add(out, data, (size_t)n);
	}
	return buf_check(out, err) ? err_wrap(err, "read '%s'", path) : 0;
}

static int check_private(const char *path, const struct stat *st, struct err *err)
{
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return err_set(err, ERR_DENIED,
			       "'%s' belongs to user %u, not to us: its content is not trusted",
			       path, (unsigned)st->st_uid);
	if (st->st_mode & 077)
		return err_set(err, ERR_DENIED,
			       "'%s' can be used by others (mode %04o): chmod 600 it, and replace "
			       "it if somebody may have read it",
			       path, (unsigned)st->st_mode & 07777);
	return 0;
}

static int read_file(const char *path, bool private, size_t max, struct buf *out, struct err *err)
{
	/* O_NONBLOCK: a FIFO put where a file should be must not hold us. */
	int fd = open(path,
		      O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (private ? O_NOFOLLOW : 0));
	struct stat st;
	int ret = -1;

	if (fd < 0 && errno == ELOOP)
		return err_set(err, ERR_DENIED, "'%s' is a symbolic link; a file is expected",
			       path);
	if (fd < 0)
		return err_errno(err, errno, "open '%s'", path);
	if (fstat(fd, &st))
		err_errno(err, errno, "stat '%s'", path);
	else if (!S_ISREG(st.st_mode))
		err_set(err, ERR_INVALID, "'%s' is not a regular file", path);
	else if (st.st_size > 0 && (uint64_t)st.st_size > max)
		err_set(err, ERR_INVALID, "'%s' is larger than %zu bytes", path, max);
	else if (!private || check_private(path, &st, err) == 0)
		ret = read_all(fd, path, max, out, err);
	close(fd);
	return ret;
}

int plat_file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
	return read_file(path, false, max, out, err);
}

int plat_file_read_private(const char *path, size_t max, struct buf *out, struct err *err)
{
	return read_file(path, true, max, out, err);
}

/* --- writing --- */

/* "/a/b" is "/a" and "b"; "b" is "." and "b". */
static int split_path(const char *path, char folder[PATH_MAX], const char **out_name,
		      struct err *err)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 1;

	if (strlen(path) >= PATH_MAX)
		return err_errno(err, ENAMETOOLONG, "'%.80s...'", path);
	*out_name = slash ? slash + 1 : path;
	if (!**out_name)
		return err_set(err, ERR_INVALID, "'%s' names no file", path);
	if (slash == path)
		len = 1;
	memcpy(folder, slash ? path : ".", len);
	folder[len] = '\0';
	return 0;
}

static int sync_folder(const char *folder, struct err *err)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return err_errno(err, errno, "open '%s'", folder);
	if (fsync(fd) && errno != EINVAL) /* EINVAL: a file system that cannot, and says so */
		ret = err_errno(err, errno, "sync '%s'", folder);
	close(fd);
	return ret;
}

/* flock() has no time limit of its own. */
static int lock_within(int fd, unsigned wait_ms)
{
	const struct timespec pause = {.tv_nsec = LOCK_RETRY_MS * 1000000L};
	int64_t end = plat_uptime_ms() + wait_ms;

	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -1;
		if (plat_uptime_ms() >= end) {
			errno = EWOULDBLOCK;
			return -1;
		}
		(void)nanosleep(&pause, NULL); /* cut short: asks a little early */
	}
	return 0;
}

enum beside { OURS, RENAMED, PLANTED };

/* What the file that 'fd' has open became while we waited for its lock. */
static enum beside look_beside(int fd, const char *path)
{
	struct stat open_st, path_st;

	if (fstat(fd, &open_st) || lstat(path, &path_st) || open_st.st_ino != path_st.st_ino ||
	    open_st.st_dev != path_st.st_dev)
		return RENAMED;
	/* A second name would let what we write be read, or written, by another path. */
	return S_ISREG(open_st.st_mode) && open_st.st_nlink == 1 && open_st.st_uid == geteuid()
		       ? OURS
		       : PLANTED;
}

/* Opens the file beside, or -1 with errno. */
static int open_locked(const char *beside)
{
	int fd = open(beside, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct stat st;
	int errnum;

	if (fd < 0)
		return -1;
	/* Another user's is never waited for. */
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && lock_within(fd, WRITER_WAIT_MS)) {
		errnum = errno;
		close(fd);
		errno = errnum;
		return -1;
	}
	return fd;
}

/* The file beside, locked and empty.  A fixed name leaves at most one behind whatever kills us; the
 * lock keeps two writers apart; what another user put in its place is removed, not used. */
static int open_beside(const char *beside, struct err *err)
{
	for (int attempt = 0; attempt < 1000; attempt++) {
		int fd = open_locked(beside);
		int errnum = errno;
		enum beside what = PLANTED;

		if (fd < 0 && errnum == EWOULDBLOCK)
			return err_set(err, ERR_TIMEOUT,
				       "another program has been writing '%s' for %d s", beside,
				       WRITER_WAIT_MS / 1000);
		if (fd < 0 && errnum != ELOOP && errnum != EACCES && errnum != ENXIO)
			return err_errno(err, errnum, "create '%s'", beside);
		if (fd >= 0)
			what = look_beside(fd, beside);
		if (what == OURS && ftruncate(fd, 0) == 0)
			return fd;
		if (fd >= 0)
			close(fd);
		if (what == PLANTED && unlink(beside) && errno != ENOENT)
			return err_errno(err, fd < 0 ? errnum : errno, "create '%s'", beside);
	}
	return err_set(err, ERR_IO, "'%s' is taken away each time it is made", beside);
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int plat_file_replace(const char *path, const void *data, size_t len, enum plat_file_mode mode,
		      struct err *err)
{
	char folder[PATH_MAX], beside[PATH_MAX + 8];
	const char *name;
	int fd, ret = -1;

	if (split_path(path, folder, &name, err))
		return -1;
	snprintf(beside, sizeof(beside), "%.*s.%s.new", (int)(name - path), path, name);
	fd = open_beside(beside, err);
	if (fd < 0)
		return -1;
	if (fchmod(fd, mode == PLAT_FILE_PRIVATE ? 0600 : 0644) || write_all(fd, data, len) ||
	    fsync(fd))
		err_errno(err, errno, "write '%s'", path);
	else if (rename(beside, path))
		err_errno(err, errno, "replace '%s'", path);
	else
		ret = 0;
	if (ret)
		(void)unlink(beside); /* best effort; the next write takes it over */
	else
		ret = sync_folder(folder, err); /* what is beside now is another writer's */
	close(fd); /* after unlink(): until now nobody else could take it */
	return ret;
}

int plat_file_remove(const char *path, struct err *err)
{
	char folder[PATH_MAX];
	const char *name;

	if (split_path(path, folder, &name, err))
		return -1;
	if (unlink(path)) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return err_errno(err, errno, "remove '%s'", path);
	}
	return sync_folder(folder, err);
}

/* --- what is there --- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

int plat_file_info(const char *path, struct plat_file_info *out, struct err *err)
{
	struct stat st;
	uint64_t identity = 0;

	if (stat(path, &st)) {
		if (errno != ENOENT && errno != ENOTDIR)
			return err_errno(err, errno, "stat '%s'", path);
		*out = (struct plat_file_info){.exists = false};
		return 0;
	}
	identity = mix(identity, st.st_dev);
	identity = mix(identity, st.st_ino);
	identity = mix(identity, (uint64_t)st.st_size);
	identity = mix(identity, (uint64_t)st.st_mtim.tv_sec);
	identity = mix(identity, (uint64_t)st.st_mtim.tv_nsec);
	/* Its owner sets the time above at will, this one nobody. */
	identity = mix(identity, (uint64_t)st.st_ctim.tv_sec);
	identity = mix(identity, (uint64_t)st.st_ctim.tv_nsec);
	*out = (struct plat_file_info){
		.exists = true,
		.is_dir = S_ISDIR(st.st_mode),
		.size = (uint64_t)st.st_size,
		.changed_at = st.st_mtim.tv_sec,
		.identity = identity,
	};
	return 0;
}

static int make_one(const char *path, mode_t mode, struct err *err)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return err_errno(err, errno, "make folder '%s'", path);
	if (stat(path, &st))
		return err_errno(err, errno, "stat '%s'", path);
	return S_ISDIR(st.st_mode) ? 0 : err_set(err, ERR_INVALID, "'%s' is not a folder", path);
}

int plat_dir_make(const char *path, enum plat_file_mode mode, struct err *err)
{
	char folder[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(folder))
		return err_errno(err, len ? ENAMETOOLONG : ENOENT, "make folder '%.80s'", path);
	memcpy(folder, path, len + 1);
	while (len > 1 && folder[len - 1] == '/')
		folder[--len] = '\0';
	for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (make_one(folder, 0755, err))
			return -1;
		*slash = '/';
	}
	if (make_one(folder, mode == PLAT_FILE_PRIVATE ? 0700 : 0755, err))
		return -1;
	for (char *slash = strrchr(folder + 1, '/'); slash; slash = strrchr(folder + 1, '/')) {
		*slash = '\0';
		if (access(folder, R_OK) == 0 && sync_folder(folder, err))
			return -1;
	}
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char **list;
	size_t count, size;
};

static int read_names(DIR *dir, struct names *names)
{
	struct dirent *entry;

	while (errno = 0, (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (names->count == names->size) {
			size_t size = names->size ? names->size * 2 : 64;
			char **list = realloc(names->list, size * sizeof(*list));

			if (!list)
				return -1;
			names->list = list;
			names->size = size;
		}
		names->list[names->count] = strdup(entry->d_name);
		if (!names->list[names->count])
			return -1;
		names->count++;
	}
	return errno ? -1 : 0;
}

int plat_dir_list(const char *path, int (*each)(void *ctx, const char *name, struct err *err),
		  void *ctx, struct err *err)
{
	struct names names = {NULL, 0, 0};
	DIR *dir = opendir(path); /* glibc's is close-on-exec */
	int ret = -1;

	if (!dir)
		return err_errno(err, errno, "open folder '%s'", path);
	if (read_names(dir, &names)) {
		err_errno(err, errno, "list folder '%s'", path);
		goto out;
	}
	if (names.count)
		qsort(names.list, names.count, sizeof(*names.list), compare_names);
	for (size_t i = 0; i < names.count; i++) {
		if (each(ctx, names.list[i], err))
			goto out;
	}
	ret = 0;
out:
	for (size_t i = 0; i < names.count; i++)
		free(names.list[i]);
	free(names.list);
	closedir(dir);
	return ret;
}

/* --- locks --- */

struct plat_lock {
	int fd;
};

/* Who holds it, as they wrote into it: for the message only. */
static int refuse_lock(int fd, const char *path, struct err *err)
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid = n > 0 ? strtol(text, NULL, 10) : 0;

	return pid > 0 ? err_set(err, ERR_DENIED, "'%s' is held: process %ld is running", path, pid)
		       : err_set(err, ERR_DENIED, "'%s' is held: another process is running", path);
}

int plat_lock(const char *path, unsigned wait_ms, struct plat_lock **out, struct err *err)
{
	struct plat_lock *lock;
	char pid[16];
	int len;
	int fd =
		open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);

	if (fd < 0)
		return err_errno(err, errno, "open lock '%s'", path);
	if (lock_within(fd, wait_ms)) {
		if (errno == EWOULDBLOCK)
			refuse_lock(fd, path, err);
		else
			err_errno(err, errno, "lock '%s'", path);
		close(fd);
		return -1;
	}
	lock = malloc(sizeof(*lock));
	if (!lock) {
		close(fd);
		return err_set(err, ERR_NOMEM, "out of memory");
	}
	len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)len, 0) != len)
		errno = 0; /* a full disk: the lock holds, only its message is poorer */
	lock->fd = fd;
	*out = lock;
	return 0;
}

void plat_unlock(struct plat_lock *lock)
{
	if (!lock)
		return;
	/* The file stays: removing it would let two processes lock two files of one name. */
	close(lock->fd);
	free(lock);
}

int plat_disk_free(const char *path, uint64_t *out, struct err *err)
{
	struct statvfs vfs;

	if (statvfs(path, &vfs))
		return err_errno(err, errno, "free space of '%s'", path);
	*out = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	return 0;
}
