/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/fact.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/os.h"

bool fact_live(void)
{
	return !*plat_root();
}

/* For the whole process, as errno is: files are read in callbacks of callbacks, and what a question
 * must not miss is that one of all these could not be.  One thread asks. */
static struct {
	unsigned count;
	struct err last;
} unread;

/* "open '/home/ann/x'" becomes "open '~/x'": whose home it is, is nobody's business. */
static void without_names(char *message)
{
	static const char home[] = "'/home/";
	char *at = strstr(message, home), *rest;

	if (!at)
		return;
	rest = at + strlen(home);
	rest += strcspn(rest, "/'");
	at[1] = '~';
	memmove(at + 2, rest, strlen(rest) + 1);
}

unsigned fact_unread_count(void)
{
	return unread.count;
}

int fact_unread(unsigned before, struct err *err)
{
	if (unread.count == before)
		return 0;
	*err = unread.last;
	return err_wrap(err, "not all that has to be known could be read");
}

void fact_note(const struct err *err)
{
	if (err->code == ERR_NOTFOUND)
		return;
	unread.last = *err;
	without_names(unread.last.msg);
	unread.count++;
}

static void note_errno(int errnum, const char *what, const char *path)
{
	struct err err;

	err_errno(&err, errnum, "%s '%s'", what, path);
	fact_note(&err);
}

/* A recorded tree holds absolute symlinks (/etc/mtab, units): the kernel resolves them inside the
 * tree.  Kernels before 5.6 and some sandboxes refuse the call; then a link may lead out, which
 * only a test's own tree could be harmed by. */
static int open_below(const char *root, const char *path, int flags)
{
	struct open_how how = {.flags = (unsigned)flags, .resolve = RESOLVE_IN_ROOT};
	char whole[FACT_PATH_MAX];
	int fd, dir, saved;

	dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
	saved = errno;
	(void)close(dir);
	if (fd >= 0 || (saved != ENOSYS && saved != EPERM)) {
		errno = saved;
		return fd;
	}
	if (snprintf(whole, sizeof(whole), "%s%s", root, path) >= (int)sizeof(whole)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(whole, flags);
}

int fact_open(const char *path, int flags)
{
	flags |= O_CLOEXEC;
	return fact_live() ? open(path, flags) : open_below(plat_root(), path, flags);
}

static bool fact_stat(const char *path, struct stat *out)
{
	int fd = fact_open(path, O_PATH);
	bool ok;

	if (fd < 0) {
		note_errno(errno, "look at", path);
		return false;
	}
	ok = fstat(fd, out) == 0;
	(void)close(fd);
	return ok;
}

bool fact_exists(const char *path)
{
	struct stat st;

	return fact_stat(path, &st);
}

bool fact_is_dir(const char *path)
{
	struct stat st;

	return fact_stat(path, &st) && S_ISDIR(st.st_mode);
}

int fact_read(const char *path, size_t max, struct buf *out, struct err *err)
{
	char block[8192];
	size_t total = 0;
	ssize_t n;
	struct stat st;
	/* O_NONBLOCK: a fifo somebody put there must not hold us. */
	int fd = fact_open(path, O_RDONLY | O_NONBLOCK);
	int ret = -1;

	if (fd < 0)
		return err_errno(err, errno, "open '%s'", path);
	/* A link to /dev/null masks a unit or a drop-in: as good as an empty file. */
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode) &&
	    !(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))) {
		err_set(err, ERR_INVALID, "'%s' is not a file", path);
		goto out;
	}
	while ((n = read(fd, block, sizeof(block))) > 0) {
		total += (size_t)n;
		if (total > max) {
			err_set(err, ERR_INVALID, "'%s' is over %zu bytes", path, max);
			goto out;
		}
		buf_add(out, block, (size_t)n);
	}
	if (n < 0) {
		if (errno == ESRCH) /* its process has ended since, and this with it */
			err_set(err, ERR_NOTFOUND, "'%s' is gone", path);
		else
			err_errno(err, errno, "read '%s'", path);
		goto out;
	}
	ret = buf_check(out, err);
out:
	(void)close(fd);
	return ret;
}

static char *trim(char *text)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return text;
}

bool fact_text(const char *path, char *out, size_t size)
{
	struct buf text;
	struct err err;
	char *cursor, *line = NULL;

	*out = '\0';
	buf_init(&text, 0);
	if (fact_read(path, FACT_FILE_MAX, &text, &err) < 0) {
		fact_note(&err);
	} else if (text.len) {
		cursor = text.data;
		line = fact_line(&cursor);
		if (line)
			text_clean(out, size, line, strlen(line));
	}
	buf_clear(&text);
	return line != NULL;
}

bool fact_number(const char *path, int64_t *out)
{
	char text[32];

	return fact_text(path, text, sizeof(text)) &&
	       text_int(text, INT64_MIN / 2, INT64_MAX / 2, out) == 0;
}

bool fact_link(const char *path, char *out, size_t size)
{
	ssize_t n;
	int fd = fact_open(path, O_PATH | O_NOFOLLOW);

	*out = '\0';
	if (fd < 0)
		return false;
	n = readlinkat(fd, "", out, size - 1);
	(void)close(fd);
	out[n > 0 ? n : 0] = '\0';
	return n > 0;
}

bool fact_link_name(const char *path, char *out, size_t size)
{
	char target[FACT_PATH_MAX];
	const char *slash;

	*out = '\0';
	if (!fact_link(path, target, sizeof(target)))
		return false;
	slash = strrchr(target, '/');
	(void)text_copy(out, size, slash ? slash + 1 : target);
	return true;
}

struct names {
	char **items;
	size_t count;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* False with errno. */
static bool list_names(DIR *dir, struct names *out)
{
	struct dirent *entry;
	char **slot, *name;

	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		if (entry->d_name[0] == '.')
			continue;
		name = strdup(entry->d_name);
		slot = name ? fact_append(&out->items, &out->count, sizeof(*slot)) : NULL;
		if (!slot) {
			free(name);
			errno = ENOMEM;
			return false;
		}
		*slot = name;
	}
	/* A process that ends takes its folders in /proc along. */
	return errno == 0 || errno == ENOENT || errno == ESRCH;
}

void fact_each(const char *path, bool (*each)(void *ctx, const char *name), void *ctx)
{
	struct names names = {0};
	int fd = fact_open(path, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	bool go = true;

	if (!dir || !list_names(dir, &names))
		note_errno(errno, "list", path);
	if (dir)
		(void)closedir(dir);
	else if (fd >= 0)
		(void)close(fd);
	if (names.count)
		qsort(names.items, names.count, sizeof(*names.items), by_name);
	for (size_t i = 0; i < names.count; i++) {
		go = go && each(ctx, names.items[i]);
		free(names.items[i]);
	}
	free(names.items);
}

struct files {
	const char *dir;
	bool (*each)(void *ctx, const char *name);
	void *ctx;
};

static bool unless_folder(void *ctx, const char *name)
{
	const struct files *files = ctx;
	char path[FACT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", files->dir, name);
	return fact_is_dir(path) || files->each(files->ctx, name);
}

void fact_each_file(const char *dir, bool (*each)(void *ctx, const char *name), void *ctx)
{
	struct files files = {dir, each, ctx};

	fact_each(dir, unless_folder, &files);
}

char *fact_line(char **cursor)
{
	char *line = *cursor, *end;

	if (!line || !*line)
		return NULL;
	end = strchr(line, '\n');
	if (end)
		*end++ = '\0';
	*cursor = end;
	return trim(line);
}

char *fact_word(char **cursor)
{
	char *word = *cursor, *end;

	if (!word)
		return NULL;
	while (isspace((unsigned char)*word))
		word++;
	if (!*word)
		return NULL;
	end = word;
	while (*end && !isspace((unsigned char)*end))
		end++;
	*cursor = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

bool fact_whole(const char *path, struct buf *out)
{
	struct err err;

	if (fact_read(path, FACT_FILE_MAX, out, &err) == 0) {
		if (!out->len || !memchr(out->data, '\0', out->len))
			return true;
		err_set(&err, ERR_INVALID, "'%s' is not text", path);
	}
	fact_note(&err);
	return false;
}

bool fact_lines(const char *path, void (*each)(void *ctx, char *line), void *ctx)
{
	struct buf text;
	char *cursor, *line;
	bool ok;

	buf_init(&text, 0);
	ok = fact_whole(path, &text);
	cursor = ok ? text.data : NULL;
	while ((line = fact_line(&cursor)))
		if (*line && *line != '#')
			each(ctx, line);
	buf_clear(&text);
	return ok;
}

bool fact_key_value(char *line, char **out_key, char **out_value)
{
	char *value = strchr(line, '=');
	size_t len;

	if (!value)
		return false;
	*value++ = '\0';
	value = trim(value);
	len = strlen(value);
	if (len >= 2 && (*value == '"' || *value == '\'') && value[len - 1] == *value) {
		value[len - 1] = '\0';
		value++;
	}
	*out_key = trim(line);
	*out_value = value;
	return true;
}

struct setting {
	const char *section, *key;
	bool inside, found;
	char *out;
	size_t size;
};

static void look_for_setting(void *ctx, char *line)
{
	struct setting *want = ctx;
	char *key, *value;
	size_t len = strlen(line);

	if (*line == '[' && line[len - 1] == ']') {
		line[len - 1] = '\0';
		want->inside = want->section && !strcmp(line + 1, want->section);
		return;
	}
	if (*line == ';' || (want->section && !want->inside))
		return;
	if (fact_key_value(line, &key, &value) && !strcmp(key, want->key)) {
		text_clean(want->out, want->size, value, strlen(value)); /* the last one wins */
		want->found = true;
	}
}

bool fact_setting(const char *path, const char *section, const char *key, char *out, size_t size)
{
	struct setting want = {.section = section, .key = key, .out = out, .size = size};

	*out = '\0';
	(void)fact_lines(path, look_for_setting, &want);
	return want.found;
}

bool fact_program(const char *name, char *out, size_t size)
{
	static const char *const folders[] = {"/usr/bin", "/usr/sbin",      "/bin",
					      "/sbin",    "/usr/local/bin", "/usr/local/sbin",
					      "/snap/bin"};
	char path[FACT_PATH_MAX];
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folders[i], name);
		if (fact_stat(path, &st) && S_ISREG(st.st_mode) && (st.st_mode & 0111)) {
			if (out)
				(void)text_copy(out, size, path);
			return true;
		}
	}
	return false;
}

struct processes {
	char our_pids[64];
	bool (*each)(void *ctx, const char *pid, const char *program);
	void *ctx;
};

static bool one_process(void *ctx, const char *name)
{
	struct processes *all = ctx;
	char path[64], text[FACT_PATH_MAX], comm[32];
	char *slash, *deleted;

	if (!isdigit((unsigned char)*name))
		return true;
	(void)snprintf(path, sizeof(path), "/proc/%.16s/ns/pid", name);
	if (fact_link(path, text, sizeof(text)) && *all->our_pids &&
	    strcmp(text, all->our_pids) != 0)
		return true; /* a container's process is not this machine's */
	(void)snprintf(path, sizeof(path), "/proc/%.16s/comm", name);
	if (!fact_text(path, comm, sizeof(comm)))
		return true;
	(void)snprintf(path, sizeof(path), "/proc/%.16s/exe", name);
	/* comm is cut at 15 characters and a process may set it; for a script exe is only its
	 * interpreter, so the longer name counts when comm is its beginning. */
	if (fact_link(path, text, sizeof(text)) && (slash = strrchr(text, '/'))) {
		deleted = strstr(slash, " (deleted)");
		if (deleted)
			*deleted = '\0';
		if (!strncmp(slash + 1, comm, strlen(comm)))
			return all->each(all->ctx, name, slash + 1);
	}
	return all->each(all->ctx, name, comm);
}

void fact_each_process(bool (*each)(void *ctx, const char *pid, const char *program), void *ctx)
{
	struct processes all = {.each = each, .ctx = ctx};

	(void)fact_link("/proc/self/ns/pid", all.our_pids, sizeof(all.our_pids));
	fact_each("/proc", one_process, &all);
}

struct wanted {
	const char *program;
	bool found;
};

static bool is_wanted(void *ctx, const char *pid, const char *program)
{
	struct wanted *wanted = ctx;
	size_t len = strlen(program);

	(void)pid;
	/* A script's comm is cut at 15. */
	wanted->found = !strcmp(program, wanted->program) ||
			(len == 15 && !strncmp(program, wanted->program, len));
	return !wanted->found;
}

bool fact_process_runs(const char *program)
{
	struct wanted wanted = {.program = program};

	fact_each_process(is_wanted, &wanted);
	return wanted.found;
}

void *fact_append(void *list, size_t *count, size_t size)
{
	char *items, *grown;

	memcpy(&items, list, sizeof(items)); /* the caller's pointer, whatever it points to */
	grown = realloc(items, (*count + 1) * size);
	if (!grown)
		return NULL;
	memcpy(list, &grown, sizeof(grown));
	memset(grown + *count * size, 0, size);
	return grown + (*count)++ * size;
}
