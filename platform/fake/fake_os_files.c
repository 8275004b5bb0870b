/* Files of platform/os.h in memory: a list of paths, for tests have few.  Faults as fake_os.h says.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/fake/fake_os.h"

#include "platform/fake/fake_parts.h"
#include "platform/os.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_PATH 256
#define LOCKS_MAX 8
#define DISK_FREE (UINT64_C(1) << 40)

struct entry {
	struct entry *next; /* sorted by path */
	char path[FAKE_PATH];
	bool is_dir;
	enum plat_file_mode mode;
	struct buf data;
	int64_t changed_at;
	uint64_t identity;
	enum err_code read_fails;
};

struct plat_lock {
	char path[FAKE_PATH];
	bool held;
};

/* The one machine's of a test's process. */
static struct {
	struct entry *entries;
	uint64_t next_identity;
	unsigned changes, fail_after;
	enum err_code changes_fail;
	bool fail_once, fault_hit;
	uint64_t disk_free;
	struct plat_lock locks[LOCKS_MAX];
} machine = {.disk_free = DISK_FREE};

void fake_files_reset(void)
{
	while (machine.entries) {
		struct entry *entry = machine.entries;

		machine.entries = entry->next;
		buf_clear(&entry->data);
		free(entry);
	}
	memset(&machine, 0, sizeof(machine));
	machine.disk_free = DISK_FREE;
}

void fake_files_boot(void)
{
	for (size_t i = 0; i < LOCKS_MAX; i++)
		machine.locks[i].held = false;
}

static struct entry *find(const char *path)
{
	for (struct entry *entry = machine.entries; entry; entry = entry->next) {
		if (strcmp(entry->path, path) == 0)
			return entry;
	}
	return NULL;
}

static bool parent_exists(const char *path)
{
	char parent[FAKE_PATH];
	const char *slash = strrchr(path, '/');
	const struct entry *entry;

	if (!slash || slash == path)
		return true;
	snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	entry = find(parent);
	return entry && entry->is_dir;
}

static struct entry *add(const char *path, bool is_dir)
{
	struct entry **at = &machine.entries;
	struct entry *entry = calloc(1, sizeof(*entry));

	fake_must(entry && text_copy(entry->path, sizeof(entry->path), path), "a path too long");
	buf_init(&entry->data, 0);
	entry->is_dir = is_dir;
	while (*at && strcmp((*at)->path, path) < 0)
		at = &(*at)->next;
	entry->next = *at;
	*at = entry;
	return entry;
}

static void touch(struct entry *entry)
{
	entry->changed_at = plat_now();
	entry->identity = ++machine.next_identity;
}

static void make_folders(const char *path, enum plat_file_mode mode)
{
	char folder[FAKE_PATH];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
		if (!find(folder))
			touch(add(folder, true));
	}
	if (!find(path)) {
		struct entry *entry = add(path, true);

		entry->mode = mode;
		touch(entry);
	}
}

static void put(const char *path, const void *data, size_t len, enum plat_file_mode mode)
{
	struct entry *entry = find(path);

	if (!entry)
		entry = add(path, false);
	fake_must(!entry->is_dir, "a file put where a folder is");
	buf_reset(&entry->data);
	buf_add(&entry->data, data, len);
	fake_must(!entry->data.failed, "a file too large");
	entry->mode = mode;
	touch(entry);
}

void fake_file_put_bytes(const char *path, const void *data, size_t len)
{
	char folder[FAKE_PATH];
	const char *slash = strrchr(path, '/');

	if (slash && slash != path) {
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
		make_folders(folder, PLAT_FILE_PUBLIC);
	}
	put(path, data, len, PLAT_FILE_PRIVATE);
}

void fake_file_put(const char *path, const char *text)
{
	fake_file_put_bytes(path, text, strlen(text));
}

void fake_dir_put(const char *path)
{
	make_folders(path, PLAT_FILE_PUBLIC);
}

const char *fake_file_text(const char *path)
{
	const struct entry *entry = find(path);

	return entry && !entry->is_dir ? buf_text(&entry->data) : NULL;
}

/* The name of 'entry' when it lies directly in 'folder', else NULL. */
static const char *name_in(const struct entry *entry, const char *folder)
{
	size_t len = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

	if (strncmp(entry->path, folder, len) != 0 || entry->path[len] != '/' ||
	    !entry->path[len + 1] || strchr(entry->path + len + 1, '/'))
		return NULL;
	return entry->path + len + 1;
}

size_t fake_file_count(const char *folder)
{
	size_t count = 0;

	for (const struct entry *entry = machine.entries; entry; entry = entry->next)
		count += name_in(entry, folder) && !entry->is_dir;
	return count;
}

void fake_fail_changes(unsigned after, enum err_code code)
{
	machine.fail_after = machine.changes + after;
	machine.changes_fail = code;
	machine.fail_once = machine.fault_hit = false;
}

void fake_fail_change(unsigned after, enum err_code code)
{
	fake_fail_changes(after, code);
	machine.fail_once = true;
}

bool fake_fault_hit(void)
{
	return machine.fault_hit;
}

unsigned fake_change_count(void)
{
	return machine.changes;
}

void fake_fail_read(const char *path, enum err_code code)
{
	struct entry *entry = find(path);

	fake_must(entry != NULL, "a failing read of a file that is not there");
	entry->read_fails = code;
}

void fake_set_disk_free(uint64_t bytes)
{
	machine.disk_free = bytes;
}

/* Counts a change and fails it when the test said so. */
static int change(const char *what, const char *path, struct err *err)
{
	enum err_code code = machine.changes_fail;

	if (code == ERR_NONE || machine.changes < machine.fail_after) {
		machine.changes++;
		return 0;
	}
	machine.fault_hit = true;
	if (machine.fail_once)
		machine.changes_fail = ERR_NONE;
	return fake_why(err, code, what, path);
}

int plat_file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
	const struct entry *entry = find(path);

	if (!entry)
		return fake_why(err, ERR_NOTFOUND, "open", path);
	if (entry->read_fails != ERR_NONE)
		return fake_why(err, entry->read_fails, "read", path);
	if (entry->is_dir)
		return err_set(err, ERR_INVALID, "'%s' is not a regular file", path);
	if (entry->data.len > max)
		return err_set(err, ERR_INVALID, "'%s' is larger than %zu bytes", path, max);
	buf_add(out, buf_text(&entry->data), entry->data.len);
	return buf_check(out, err) ? err_wrap(err, "read '%s'", path) : 0;
}

int plat_file_read_private(const char *path, size_t max, struct buf *out, struct err *err)
{
	const struct entry *entry = find(path);

	if (entry && !entry->is_dir && entry->mode != PLAT_FILE_PRIVATE)
		return err_set(err, ERR_DENIED, "'%s' can be used by others (mode 0644)", path);
	return plat_file_read(path, max, out, err);
}

int plat_file_replace(const char *path, const void *data, size_t len, enum plat_file_mode mode,
		      struct err *err)
{
	if (!parent_exists(path))
		return fake_why(err, ERR_NOTFOUND, "create", path);
	if (change("write", path, err))
		return -1;
	put(path, data, len, mode);
	return 0;
}

int plat_file_remove(const char *path, struct err *err)
{
	for (struct entry **at = &machine.entries; *at; at = &(*at)->next) {
		struct entry *entry = *at;

		if (strcmp(entry->path, path) != 0)
			continue;
		if (change("remove", path, err))
			return -1;
		*at = entry->next;
		buf_clear(&entry->data);
		free(entry);
		return 0;
	}
	return 0;
}

int plat_file_info(const char *path, struct plat_file_info *out, struct err *err)
{
	const struct entry *entry = find(path);

	if (entry && entry->read_fails == ERR_DENIED)
		return fake_why(err, ERR_DENIED, "stat", path);
	*out = (struct plat_file_info){0};
	if (entry) {
		out->exists = true;
		out->is_dir = entry->is_dir;
		out->size = entry->data.len;
		out->changed_at = entry->changed_at;
		out->identity = entry->identity;
	}
	return 0;
}

int plat_dir_make(const char *path, enum plat_file_mode mode, struct err *err)
{
	const struct entry *entry = find(path);

	if (entry)
		return entry->is_dir ? 0 : err_set(err, ERR_INVALID, "'%s' is not a folder", path);
	if (change("make folder", path, err))
		return -1;
	make_folders(path, mode);
	return 0;
}

int plat_dir_list(const char *path, int (*each)(void *ctx, const char *name, struct err *err),
		  void *ctx, struct err *err)
{
	const struct entry *folder = find(path);
	char(*names)[FAKE_PATH];
	size_t count = 0, i = 0;
	int ret = 0;

	if (strcmp(path, "/") != 0 && (!folder || !folder->is_dir))
		return fake_why(err, ERR_NOTFOUND, "open folder", path);
	if (folder && folder->read_fails != ERR_NONE)
		return fake_why(err, folder->read_fails, "open folder", path);
	for (const struct entry *entry = machine.entries; entry; entry = entry->next)
		count += name_in(entry, path) != NULL;
	/* Copied first: 'each' may remove what it is shown. */
	names = calloc(count + 1, sizeof(*names));
	fake_must(names != NULL, "out of memory");
	for (const struct entry *entry = machine.entries; entry; entry = entry->next) {
		if (name_in(entry, path))
			(void)text_copy(names[i++], FAKE_PATH, name_in(entry, path));
	}
	for (i = 0; i < count && ret == 0; i++)
		ret = each(ctx, names[i], err) ? -1 : 0;
	free(names);
	return ret;
}

int plat_lock(const char *path, unsigned wait_ms, struct plat_lock **out, struct err *err)
{
	struct plat_lock *spare = NULL;

	for (size_t i = 0; i < LOCKS_MAX; i++) {
		struct plat_lock *lock = &machine.locks[i];

		if (!lock->held) {
			spare = lock;
		} else if (strcmp(lock->path, path) == 0) {
			fake_wait(wait_ms);
			return err_set(err, ERR_DENIED, "'%s' is held: another process is running",
				       path);
		}
	}
	if (!parent_exists(path))
		return fake_why(err, ERR_NOTFOUND, "open lock", path);
	fake_must(spare && text_copy(spare->path, sizeof(spare->path), path), "too many locks");
	spare->held = true;
	*out = spare;
	return 0;
}

void plat_unlock(struct plat_lock *lock)
{
	if (lock)
		lock->held = false;
}

int plat_disk_free(const char *path, uint64_t *out, struct err *err)
{
	if (!find(path) && !parent_exists(path))
		return fake_why(err, ERR_NOTFOUND, "free space of", path);
	*out = machine.disk_free;
	return 0;
}
