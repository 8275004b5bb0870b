/* platform/os.h as Linux answers it: files, folders and locks.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/os_folder.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void replaces_a_file_whole_and_leaves_nothing_beside(void **state)
{
	struct stat st;

	(void)state;
	assert_works(plat_file_replace(in("f"), "one", 3, PLAT_FILE_PRIVATE, &err));
	assert_string_equal(content("f"), "one");
	assert_int_equal(stat(in("f"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	umask(077);
	assert_works(plat_file_replace(in("f"), "two", 3, PLAT_FILE_PUBLIC, &err));
	umask(022);
	assert_string_equal(content("f"), "two");
	assert_int_equal(stat(in("f"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(access(in(".f.new"), F_OK), -1);
	assert_works(plat_file_replace(in("empty"), NULL, 0, PLAT_FILE_PUBLIC, &err));
	assert_string_equal(content("empty"), "");
}

static void takes_over_what_a_killed_writer_left(void **state)
{
	struct stat st;

	(void)state;
	put(".f.new", "a longer half of something", 0666);
	assert_works(plat_file_replace(in("f"), "new", 3, PLAT_FILE_PRIVATE, &err));
	assert_string_equal(content("f"), "new");
	assert_int_equal(stat(in("f"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void writes_through_nothing_that_was_planted_beside(void **state)
{
	(void)state;
	put("victim", "precious", 0600);
	assert_int_equal(symlink(in("victim"), in(".f.new")), 0);
	assert_works(plat_file_replace(in("f"), "new", 3, PLAT_FILE_PRIVATE, &err));
	assert_string_equal(content("victim"), "precious");
	assert_int_equal(link(in("victim"), in(".g.new")), 0); /* a second name of another file */
	assert_works(plat_file_replace(in("g"), "new", 3, PLAT_FILE_PRIVATE, &err));
	assert_string_equal(content("victim"), "precious");
	assert_string_equal(content("g"), "new");
	assert_int_equal(mkfifo(in(".h.new"), 0600), 0);
	assert_works(plat_file_replace(in("h"), "new", 3, PLAT_FILE_PRIVATE, &err));
	assert_string_equal(content("victim"), "precious");
	assert_string_equal(content("h"), "new");
}

static void keeps_the_old_file_when_the_disk_is_full(void **state)
{
	const struct rlimit small = {4, RLIM_INFINITY};
	struct rlimit before;

	(void)state;
	assert_works(plat_file_replace(in("f"), "old", 3, PLAT_FILE_PRIVATE, &err));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	{
		struct err err = {ERR_NONE, ""};

		assert_int_equal(
			plat_file_replace(in("f"), "new and long", 12, PLAT_FILE_PRIVATE, &err),
			-1);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		assert_non_null(strstr(err.msg, "File too large"));
	}
	assert_string_equal(content("f"), "old");
	assert_int_equal(access(in(".f.new"), F_OK), -1);
}

static void two_writers_leave_one_whole_file(void **state)
{
	static const char a[] = "aaaaaaaaaaaaaaaaaaaaaaaa", b[] = "bbbbbbbbbbbb";
	struct err err;
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	for (int i = 0; i < 100; i++) {
		if (plat_file_replace(in("f"), pid ? a : b, pid ? sizeof(a) - 1 : sizeof(b) - 1,
				      PLAT_FILE_PRIVATE, &err)) {
			if (!pid)
				_exit(1);
			fail_msg("%s", err.msg);
		}
		if (pid && strcmp(content("f"), a) != 0 && strcmp(content("f"), b) != 0)
			fail_msg("mixed: '%s'", content("f"));
	}
	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void reads_whole_files_within_a_bound(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 0);
	put("f", "12345", 0600);
	assert_works(plat_file_read(in("f"), 5, &buf, &err));
	assert_string_equal(buf_text(&buf), "12345");
	assert_fails_in(plat_file_read(in("f"), 4, &buf, &err), ERR_INVALID, "", "f",
			" is larger than 4 bytes");
	assert_fails_in(plat_file_read(in("no"), 4, &buf, &err), ERR_NOTFOUND, "open ", "no",
			": No such file or directory");
	assert_fails(plat_file_read(folder, 4, &buf, &err), ERR_INVALID,
		     (snprintf(made[0], sizeof(made[0]), "'%s' is not a regular file", folder),
		      made[0]));
	assert_int_equal(mkfifo(in("fifo"), 0600), 0); /* must not wait for a writer */
	assert_fails_in(plat_file_read(in("fifo"), 4, &buf, &err), ERR_INVALID, "", "fifo",
			" is not a regular file");
	buf_reset(&buf);
	assert_works(plat_file_read("/proc/self/status", 65536, &buf, &err)); /* says size 0 */
	assert_non_null(strstr(buf_text(&buf), "\nPid:"));
	buf_clear(&buf);
}

static void trusts_no_secret_that_others_can_reach(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 0);
	put("key", "secret", 0600);
	assert_works(plat_file_read_private(in("key"), 100, &buf, &err));
	assert_string_equal(buf_text(&buf), "secret");
	assert_int_equal(symlink(in("key"), in("link")), 0);
	assert_fails_in(plat_file_read_private(in("link"), 100, &buf, &err), ERR_DENIED, "", "link",
			" is a symbolic link; a file is expected");
	assert_int_equal(chmod(in("key"), 0640), 0);
	assert_fails_in(plat_file_read_private(in("key"), 100, &buf, &err), ERR_DENIED, "", "key",
			" can be used by others (mode 0640): chmod 600 it, and replace it if "
			"somebody may have read it");
	if (geteuid() == 0) {
		assert_int_equal(chmod(in("key"), 0600), 0);
		assert_int_equal(chown(in("key"), 12345, 0), 0);
		assert_fails_in(plat_file_read_private(in("key"), 100, &buf, &err), ERR_DENIED, "",
				"key",
				" belongs to user 12345, not to us: its content is not trusted");
	}
	assert_string_equal(buf_text(&buf), "secret");
	buf_clear(&buf);
}

static void knows_when_a_file_was_replaced(void **state)
{
	struct plat_file_info before, after;
	struct stat st;

	(void)state;
	assert_works(plat_file_info(in("f"), &before, &err));
	assert_false(before.exists);
	assert_works(plat_file_replace(in("f"), "one", 3, PLAT_FILE_PRIVATE, &err));
	assert_works(plat_file_info(in("f"), &before, &err));
	assert_true(before.exists && !before.is_dir && before.size == 3);
	assert_true(before.changed_at >= plat_now() - 60 && before.changed_at <= plat_now() + 60);
	assert_works(plat_file_info(in("f"), &after, &err));
	assert_true(before.identity == after.identity);
	assert_works(plat_file_replace(in("f"), "two", 3, PLAT_FILE_PRIVATE, &err));
	assert_works(plat_file_info(in("f"), &after, &err));
	assert_true(before.identity != after.identity);
	/* Its owner can give a file the length and the time that it had, but not its change. */
	before = after;
	assert_int_equal(stat(in("f"), &st), 0);
	put("f", "owt", 0600);
	assert_int_equal(
		utimensat(AT_FDCWD, in("f"), (const struct timespec[]){st.st_atim, st.st_mtim}, 0),
		0);
	assert_works(plat_file_info(in("f"), &after, &err));
	assert_int_equal(after.changed_at, before.changed_at);
	assert_true(before.identity != after.identity);
	assert_works(plat_file_info(folder, &after, &err));
	assert_true(after.is_dir);
}

static void removes_a_file_or_finds_it_gone(void **state)
{
	(void)state;
	put("f", "x", 0600);
	assert_works(plat_file_remove(in("f"), &err));
	assert_works(plat_file_remove(in("f"), &err));
	assert_works(plat_file_remove(in("no/such/folder"), &err));
	assert_int_equal(access(in("f"), F_OK), -1);
}

static void makes_folders_with_their_parents(void **state)
{
	struct stat st;

	(void)state;
	assert_works(plat_dir_make(in("a/b/c/"), PLAT_FILE_PRIVATE, &err));
	assert_works(plat_dir_make(in("a/b/c"), PLAT_FILE_PRIVATE, &err));
	assert_int_equal(stat(in("a/b/c"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(in("a/b"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	put("f", "x", 0600);
	assert_fails_in(plat_dir_make(in("f"), PLAT_FILE_PRIVATE, &err), ERR_INVALID, "", "f",
			" is not a folder");
}

static int note_name(void *ctx, const char *name, struct err *err)
{
	if (strcmp(name, "stop") == 0)
		return err_set(err, ERR_INVALID, "stopped");
	buf_addf(ctx, "%s ", name);
	return 0;
}

static void lists_a_folder_sorted(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 0);
	assert_works(plat_dir_list(folder, note_name, &buf, &err));
	assert_string_equal(buf_text(&buf), "");
	put("b", "", 0600);
	put("a", "", 0600);
	put("C", "", 0600);
	put(".d", "", 0600);
	assert_works(plat_dir_list(folder, note_name, &buf, &err));
	assert_string_equal(buf_text(&buf), ".d C a b ");
	put("stop", "", 0600);
	put("x", "", 0600);
	buf_reset(&buf);
	assert_fails(plat_dir_list(folder, note_name, &buf, &err), ERR_INVALID, "stopped");
	assert_string_equal(buf_text(&buf), ".d C a b ");
	assert_fails_in(plat_dir_list(in("no"), note_name, &buf, &err), ERR_NOTFOUND,
			"open folder ", "no", ": No such file or directory");
	buf_clear(&buf);
}

static void lets_one_process_hold_a_lock(void **state)
{
	struct plat_lock *lock = NULL, *other = NULL;
	char want[64];

	(void)state;
	assert_works(plat_lock(in("lock"), 0, &lock, &err));
	snprintf(want, sizeof(want), " is held: process %ld is running", (long)getpid());
	assert_fails_in(plat_lock(in("lock"), 30, &other, &err), ERR_DENIED, "", "lock", want);
	assert_null(other);
	plat_unlock(lock);
	assert_works(plat_lock(in("lock"), 0, &other, &err));
	plat_unlock(other);
	plat_unlock(NULL);
}

static void frees_a_lock_when_its_process_is_killed(void **state)
{
	struct plat_lock *lock;
	int ready[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct err err;

		if (plat_lock(in("lock"), 0, &lock, &err) || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_works(plat_lock(in("lock"), 5000, &lock, &err));
	plat_unlock(lock);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
	close(ready[1]);
}

static void tells_the_space_that_is_free(void **state)
{
	uint64_t bytes = 0;

	(void)state;
	assert_works(plat_disk_free(folder, &bytes, &err));
	assert_true(bytes > 0);
	assert_fails_in(plat_disk_free(in("no"), &bytes, &err), ERR_NOTFOUND, "free space of ",
			"no", ": No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(replaces_a_file_whole_and_leaves_nothing_beside),
		IN_FOLDER(takes_over_what_a_killed_writer_left),
		IN_FOLDER(writes_through_nothing_that_was_planted_beside),
		IN_FOLDER(keeps_the_old_file_when_the_disk_is_full),
		IN_FOLDER(two_writers_leave_one_whole_file),
		IN_FOLDER(reads_whole_files_within_a_bound),
		IN_FOLDER(trusts_no_secret_that_others_can_reach),
		IN_FOLDER(knows_when_a_file_was_replaced),
		IN_FOLDER(removes_a_file_or_finds_it_gone),
		IN_FOLDER(makes_folders_with_their_parents),
		IN_FOLDER(lists_a_folder_sorted),
		IN_FOLDER(lets_one_process_hold_a_lock),
		IN_FOLDER(frees_a_lock_when_its_process_is_killed),
		IN_FOLDER(tells_the_space_that_is_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
