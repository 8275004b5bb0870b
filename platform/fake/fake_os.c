/* See fake_os.h.  The file system is a list of paths: tests have few.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/fake/fake_os.h"

#include "platform/os.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_PATH 256
#define FAKE_COMMANDS 64
#define FAKE_RUNS 256
#define LOCKS_MAX 8
#define PROCESS_ERROR_MAX 4096

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

struct answer {
	const char *pattern, *output, *errors;
	int status;
	enum err_code fails;
};

struct run {
	char *words, *input;
};

struct plat_lock {
	char path[FAKE_PATH];
	bool held;
};

/* The one machine of a test's process. */
static struct {
	struct entry *entries;
	uint64_t next_identity;
	unsigned changes, fail_after;
	enum err_code changes_fail;
	bool fail_once, fault_hit;
	uint64_t disk_free;
	const char *libexec; /* NULL: as installed */
	int64_t now, uptime_ms;
	unsigned boots;
	char root[FAKE_PATH];
	struct answer answers[FAKE_COMMANDS];
	size_t answer_count;
	struct run runs[FAKE_RUNS];
	size_t run_count;
	struct plat_lock locks[LOCKS_MAX];
	fake_uplink *uplink;
	void *uplink_ctx;
	bool not_admin;
	uint64_t random;
} machine = {.now = FAKE_NOW, .uptime_ms = 3600000, .disk_free = UINT64_C(1) << 40};

void fake_reset(void)
{
	while (machine.entries) {
		struct entry *entry = machine.entries;

		machine.entries = entry->next;
		buf_clear(&entry->data);
		free(entry);
	}
	for (size_t i = 0; i < machine.run_count; i++) {
		free(machine.runs[i].words);
		free(machine.runs[i].input);
	}
	memset(&machine, 0, sizeof(machine));
	machine.now = FAKE_NOW;
	machine.uptime_ms = 3600000;
	machine.disk_free = UINT64_C(1) << 40;
}

void fake_set_libexec(const char *path)
{
	machine.libexec = path;
}

/* What a test asked for and cannot have is the test's bug. */
static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fake platform: %s\n", what);
	abort();
}

static int fail(struct err *err, enum err_code code, const char *what, const char *path)
{
	static const char *const why[] = {
		[ERR_NOMEM] = "out of memory",
		[ERR_IO] = "input/output error",
		[ERR_NOTFOUND] = "no such file or directory",
		[ERR_DENIED] = "permission denied",
		[ERR_FULL] = "no space left on device",
		[ERR_TIMEOUT] = "timed out",
		[ERR_AUTH] = "refused",
	};
	const char *reason = code < sizeof(why) / sizeof(why[0]) && why[code] ? why[code] : "fails";

	return err_set(err, code, "%s '%s': %s", what, path, reason);
}

/* --- files --- */

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

	must(entry && text_copy(entry->path, sizeof(entry->path), path), "a path too long");
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
	entry->changed_at = machine.now;
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
	must(!entry->is_dir, "a file put where a folder is");
	buf_reset(&entry->data);
	buf_add(&entry->data, data, len);
	must(!entry->data.failed, "a file too large");
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

	must(entry != NULL, "a failing read of a file that is not there");
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
	return fail(err, code, what, path);
}

int plat_file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
	const struct entry *entry = find(path);

	if (!entry)
		return fail(err, ERR_NOTFOUND, "open", path);
	if (entry->read_fails != ERR_NONE)
		return fail(err, entry->read_fails, "read", path);
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
		return fail(err, ERR_NOTFOUND, "create", path);
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
		return fail(err, ERR_DENIED, "stat", path);
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
		return fail(err, ERR_NOTFOUND, "open folder", path);
	if (folder && folder->read_fails != ERR_NONE)
		return fail(err, folder->read_fails, "open folder", path);
	for (const struct entry *entry = machine.entries; entry; entry = entry->next)
		count += name_in(entry, path) != NULL;
	/* Copied first: 'each' may remove what it is shown. */
	names = calloc(count + 1, sizeof(*names));
	must(names != NULL, "out of memory");
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
			machine.uptime_ms += wait_ms;
			return err_set(err, ERR_DENIED, "'%s' is held: another process is running",
				       path);
		}
	}
	if (!parent_exists(path))
		return fail(err, ERR_NOTFOUND, "open lock", path);
	must(spare && text_copy(spare->path, sizeof(spare->path), path), "too many locks");
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
		return fail(err, ERR_NOTFOUND, "free space of", path);
	*out = machine.disk_free;
	return 0;
}

/* --- places --- */

const char *plat_place(enum plat_place place)
{
	switch (place) {
	case PLAT_CONF: return "/etc/caretaker";
	case PLAT_STATE: return "/var/lib/caretaker";
	case PLAT_RUN: return "/run/caretaker";
	case PLAT_SHARE: return "/usr/share/caretaker";
	case PLAT_BIN: return "/usr/bin";
	case PLAT_SBIN: return "/usr/sbin";
	case PLAT_UNITS: return "/usr/lib/systemd/system";
	case PLAT_LIBEXEC: break;
	}
	return machine.libexec ? machine.libexec : "/usr/libexec/caretaker";
}

bool plat_installed(void)
{
	return !machine.libexec;
}

void plat_set_root(const char *root)
{
	size_t len;

	must(text_copy(machine.root, sizeof(machine.root), root), "a root too long");
	len = strlen(machine.root);
	while (len > 0 && machine.root[len - 1] == '/')
		machine.root[--len] = '\0';
}

const char *plat_root(void)
{
	return machine.root;
}

/* --- clocks --- */

void fake_set_now(int64_t unix_s)
{
	machine.now = unix_s;
}

void fake_advance(int64_t seconds)
{
	machine.now += seconds;
	machine.uptime_ms += seconds * 1000;
}

void fake_boot(void)
{
	machine.boots++;
	machine.uptime_ms = 0;
	for (size_t i = 0; i < LOCKS_MAX; i++)
		machine.locks[i].held = false;
}

int64_t plat_now(void)
{
	return machine.now;
}

int64_t plat_now_ms(void)
{
	return machine.now * 1000;
}

int64_t plat_uptime_ms(void)
{
	return machine.uptime_ms;
}

int plat_boot_id(char out[37], struct err *err)
{
	(void)err; /* the fake machine always knows */
	snprintf(out, 37, "b0070000-0000-4000-8000-%012x", machine.boots);
	return 0;
}

/* --- processes --- */

static struct answer *new_answer(const char *pattern)
{
	must(machine.answer_count < FAKE_COMMANDS, "too many commands");
	machine.answers[machine.answer_count] = (struct answer){.pattern = pattern};
	return &machine.answers[machine.answer_count++];
}

void fake_command(const char *pattern, int status, const char *output, const char *errors)
{
	struct answer *answer = new_answer(pattern);

	answer->status = status;
	answer->output = output;
	answer->errors = errors;
}

void fake_command_fails(const char *pattern, enum err_code code)
{
	new_answer(pattern)->fails = code;
}

size_t fake_command_count(void)
{
	return machine.run_count;
}

const char *fake_command_run(size_t i)
{
	must(i < machine.run_count, "a command that was not run");
	return machine.runs[i].words;
}

const char *fake_command_input(size_t i)
{
	must(i < machine.run_count, "a command that was not run");
	return machine.runs[i].input;
}

static const char *record_run(const struct plat_command *command)
{
	struct run *run = &machine.runs[machine.run_count];
	struct buf words, input;

	must(machine.run_count < FAKE_RUNS, "too many commands run");
	buf_init(&words, 0);
	for (size_t i = 0; command->argv[i]; i++)
		buf_addf(&words, "%s%s", i ? " " : "", command->argv[i]);
	run->words = buf_take(&words, NULL);
	run->input = NULL;
	if (command->input) {
		buf_init(&input, 0);
		buf_add(&input, command->input, command->input_len);
		run->input = buf_take(&input, NULL);
	}
	machine.run_count++;
	return run->words;
}

int plat_run(const struct plat_command *command, struct buf *out, struct buf *out_error,
	     int *out_status, struct err *err)
{
	const char *words = record_run(command);
	const struct answer *answer = NULL;

	for (size_t i = machine.answer_count; i > 0 && !answer; i--) {
		if (text_match(machine.answers[i - 1].pattern, words))
			answer = &machine.answers[i - 1];
	}
	if (!answer)
		return err_set(err, ERR_NOTFOUND,
			       "there is no program '%s' in the system's folders",
			       command->argv[0]);
	if (answer->fails != ERR_NONE)
		return fail(err, answer->fails, "run", command->argv[0]);
	if (answer->output && strlen(answer->output) > command->output_max)
		return err_set(err, ERR_INVALID, "'%s' wrote more than %zu bytes", command->argv[0],
			       command->output_max);
	if (out && answer->output)
		buf_adds(out, answer->output);
	if (out_error && answer->errors) {
		size_t len = strlen(answer->errors);

		buf_add(out_error, answer->errors,
			len < PROCESS_ERROR_MAX ? len : PROCESS_ERROR_MAX);
	}
	if ((out && buf_check(out, err)) || (out_error && buf_check(out_error, err)))
		return -1;
	*out_status = answer->status;
	return 0;
}

void fake_set_uplink(fake_uplink *uplink, void *ctx)
{
	machine.uplink = uplink;
	machine.uplink_ctx = ctx;
}

int plat_uplink_exchange(const char *socket_path, const char *program, const void *request,
			 size_t len, size_t max, unsigned timeout_ms, struct buf *out,
			 struct err *err)
{
	size_t before = out->len;

	(void)program;    /* there is only the one */
	(void)timeout_ms; /* the test's function says when it was passed */
	if (!machine.uplink)
		return err_set(err, ERR_NOTFOUND, "the uplink's socket '%s' is not there",
			       socket_path ? socket_path : "");
	if (machine.uplink(machine.uplink_ctx, request, len, out, err))
		return -1;
	if (out->len - before > max)
		return err_set(err, ERR_INVALID, "the uplink's answer is larger than %zu bytes",
			       max);
	return buf_check(out, err);
}

/* --- ourselves --- */

void fake_set_admin(bool admin)
{
	machine.not_admin = !admin;
}

bool plat_is_admin(void)
{
	return !machine.not_admin;
}

void fake_seed(uint64_t seed)
{
	machine.random = seed;
}

int plat_random(void *out, size_t len, struct err *err)
{
	unsigned char *at = out;

	(void)err;
	for (size_t i = 0; i < len; i++) { /* splitmix64 */
		uint64_t z = machine.random += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		at[i] = (unsigned char)(z >> 56);
	}
	return 0;
}

void plat_uuid(char out[37])
{
	unsigned char bytes[16];
	char hex[33];
	struct err err;

	(void)plat_random(bytes, sizeof(bytes), &err);
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	text_hex(hex, bytes, sizeof(bytes));
	snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

void plat_protect_process(void)
{
	/* A fake machine has no cores to dump. */
}

int plat_act_as_owner(const char *folder, struct err *err)
{
	(void)folder;
	(void)err;
	return 0; /* a fake machine's files have no owners */
}

bool plat_stderr_is_journal(void)
{
	return false;
}
