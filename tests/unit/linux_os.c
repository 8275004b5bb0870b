/* platform/os.h as Linux answers it, in a folder of each test's own.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/buf.h"
#include "platform/os.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

static char folder[] = "/tmp/caretaker-os-XXXXXX";
static char made[4][256];

/* "NAME" in the test's folder; four at a time. */
static const char *in(const char *name)
{
	static unsigned turn;
	char *path = made[turn++ % 4];

	snprintf(path, sizeof(made[0]), "%s/%s", folder, name);
	return path;
}

static int make_folder(void **state)
{
	(void)state;
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int remove_folder(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *name, const char *text, mode_t mode)
{
	int fd = open(in(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static const char *content(const char *name)
{
	static char text[256];
	struct buf buf;

	buf_init(&buf, 0);
	assert_works(plat_file_read(in(name), sizeof(text) - 1, &buf, &err));
	memcpy(text, buf_text(&buf), buf.len);
	text[buf.len] = '\0';
	buf_clear(&buf);
	return text;
}

/* The words that follow a path of the test's folder in a message. */
#define assert_fails_in(call, want_code, before, name, after) \
	do { \
		char want_[512]; \
		snprintf(want_, sizeof(want_), "%s'%s/%s'%s", before, folder, name, after); \
		assert_fails(call, want_code, want_); \
	} while (0)

/* --- files --- */

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

/* --- commands --- */

static int run(const char *const argv[], const char *input, size_t output_max, unsigned timeout_ms,
	       struct buf *out, struct buf *errors, int *status, struct err *err)
{
	const struct plat_command command = {
		.argv = argv,
		.input = input,
		.input_len = input ? strlen(input) : 0,
		.output_max = output_max,
		.timeout_ms = timeout_ms,
	};

	buf_reset(out);
	buf_reset(errors);
	return plat_run(&command, out, errors, status, err);
}

#define SH(script) ((const char *const[]){"sh", "-c", script, NULL})

static void runs_a_command_and_takes_what_it_writes(void **state)
{
	struct buf out, errors;
	int status = -1;

	(void)state;
	buf_init(&out, 0);
	buf_init(&errors, 0);
	setenv("SECRET", "of ours", 1);
	assert_works(run(SH("cat; echo e >&2; exit 3"), "in\n", 100, 5000, &out, &errors, &status,
			 &err));
	assert_string_equal(buf_text(&out), "in\n");
	assert_string_equal(buf_text(&errors), "e\n");
	assert_int_equal(status, 3);
	assert_works(
		run(SH("exec env | sort; pwd"), NULL, 1000, 5000, &out, &errors, &status, &err));
	assert_null(strstr(buf_text(&out), "SECRET"));
	assert_non_null(strstr(buf_text(&out), "LC_ALL=C.UTF-8\n"));
	assert_non_null(strstr(buf_text(&out), "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"));
	assert_works(run(SH("kill -9 $$"), NULL, 100, 5000, &out, &errors, &status, &err));
	assert_int_equal(status, 137);
	assert_works(run(SH("cat"), NULL, 100, 5000, &out, &errors, &status, &err));
	assert_int_equal(out.len, 0);
	assert_works(run(SH("true"), "not read", 100, 5000, &out, &errors, &status, &err));
	buf_clear(&out);
	buf_clear(&errors);
}

static void takes_much_output_and_bounds_it(void **state)
{
	struct buf out, errors;
	int status = -1;

	(void)state;
	buf_init(&out, 0);
	buf_init(&errors, 0);
	assert_works(run(SH("head -c 1000000 /dev/zero; head -c 9000 /dev/zero >&2"), NULL, 1000000,
			 9000, &out, &errors, &status, &err));
	assert_int_equal(out.len, 1000000);
	assert_int_equal(errors.len, 4096);
	status = 42;
	assert_fails(run(SH("cat /dev/zero"), NULL, 1000, 9000, &out, &errors, &status, &err),
		     ERR_INVALID, "'sh' wrote more than 1000 bytes");
	assert_int_equal(status, 42);
	assert_int_equal(out.len, 0);
	/* Errors are dropped past their bound, but not for ever: three write faster than one reads.
	 */
	alarm(60);
	assert_fails(run(SH("cat /dev/zero >&2 & cat /dev/zero >&2 & exec cat /dev/zero >&2"), NULL,
			 100, 300, &out, &errors, &status, &err),
		     ERR_TIMEOUT, "'sh' took more than 300 ms and was ended");
	alarm(0);
	buf_clear(&out);
	buf_clear(&errors);
}

/* Whoever starts us may ignore SIGCHLD, which programs inherit. */
static void takes_no_unknown_end_for_a_good_one(void **state)
{
	struct buf out, errors;
	int status = 42;

	(void)state;
	buf_init(&out, 0);
	buf_init(&errors, 0);
	(void)signal(SIGCHLD, SIG_IGN);
	assert_fails(run(SH("exit 3"), NULL, 100, 5000, &out, &errors, &status, &err), ERR_IO,
		     "how 'sh' ended is not known: this program was started with SIGCHLD ignored");
	(void)signal(SIGCHLD, SIG_DFL);
	assert_int_equal(status, 42);
	buf_clear(&out);
	buf_clear(&errors);
}

static void gives_a_command_no_descriptor_of_ours(void **state)
{
	struct buf out, errors;
	int status = -1;
	char script[80];
	int fd = open("/dev/null", O_RDONLY); /* without O_CLOEXEC, as libraries do */

	(void)state;
	buf_init(&out, 0);
	buf_init(&errors, 0);
	assert_true(fd > 2);
	snprintf(script, sizeof(script), "if [ -e /proc/$$/fd/%d ]; then echo open; fi", fd);
	assert_works(run(SH(script), NULL, 1000, 5000, &out, &errors, &status, &err));
	assert_string_equal(buf_text(&out), "");
	close(fd);
	buf_clear(&out);
	buf_clear(&errors);
}

static void ends_a_command_and_its_children_when_time_is_up(void **state)
{
	struct buf out, errors;
	int status = -1;
	pid_t child;
	int64_t before = plat_uptime_ms();

	(void)state;
	buf_init(&out, 0);
	buf_init(&errors, 0);
	assert_fails(run(((const char *const[]){"sh", "-c", "sleep 60 & echo $! > \"$0\"; wait",
						in("pid"), NULL}),
			 NULL, 100, 300, &out, &errors, &status, &err),
		     ERR_TIMEOUT, "'sh' took more than 300 ms and was ended");
	assert_true(plat_uptime_ms() - before < 5000);
	child = (pid_t)strtol(content("pid"), NULL, 10);
	assert_true(child > 1);
	/* Killed, and for init to reap: a zombie at most. */
	for (int i = 0; i < 500 && kill(child, 0) == 0; i++) {
		char path[64], line[256] = "";
		FILE *stat_file;

		snprintf(path, sizeof(path), "/proc/%ld/stat", (long)child);
		stat_file = fopen(path, "r");
		if (!stat_file)
			break;
		if (!fgets(line, sizeof(line), stat_file))
			line[0] = '\0';
		fclose(stat_file);
		if (strstr(line, ") Z ") || strstr(line, ") X "))
			break;
		assert_true(i < 499);
		(void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	/* One that has closed its output is timed, too. */
	assert_fails(run(SH("exec >&- 2>&-; exec sleep 60"), NULL, 100, 100, &out, &errors, &status,
			 &err),
		     ERR_TIMEOUT, "'sh' took more than 100 ms and was ended");
	buf_clear(&out);
	buf_clear(&errors);
}

static void waits_for_no_background_job(void **state)
{
	struct buf out, errors;
	int status = -1;
	int64_t before = plat_uptime_ms();

	(void)state;
	buf_init(&out, 0);
	buf_init(&errors, 0);
	assert_works(run(SH("sleep 20 & echo $!"), NULL, 100, 15000, &out, &errors, &status, &err));
	assert_true(plat_uptime_ms() - before < 10000);
	(void)kill((pid_t)strtol(buf_text(&out), NULL, 10), SIGKILL);
	buf_clear(&out);
	buf_clear(&errors);
}

static void says_which_program_is_missing(void **state)
{
	struct buf out, errors;
	int status = -1;

	(void)state;
	buf_init(&out, 0);
	buf_init(&errors, 0);
	put("own", "#!/bin/sh\necho own\n", 0755);
	assert_int_equal(setenv("PATH", folder, 1), 0); /* not asked */
	assert_fails(run((const char *const[]){"own", NULL}, NULL, 100, 5000, &out, &errors,
			 &status, &err),
		     ERR_NOTFOUND, "there is no program 'own' in the system's folders");
	assert_fails(run((const char *const[]){"../bin/sh", NULL}, NULL, 100, 5000, &out, &errors,
			 &status, &err),
		     ERR_NOTFOUND, "there is no program '../bin/sh' in the system's folders");
	assert_fails(
		run((const char *const[]){"", NULL}, NULL, 100, 5000, &out, &errors, &status, &err),
		ERR_NOTFOUND, "there is no program '' in the system's folders");
	assert_fails(run((const char *const[]){"/no/such", NULL}, NULL, 100, 5000, &out, &errors,
			 &status, &err),
		     ERR_NOTFOUND, "there is no program '/no/such'");
	assert_works(run((const char *const[]){in("own"), NULL}, NULL, 100, 5000, &out, &errors,
			 &status, &err));
	assert_string_equal(buf_text(&out), "own\n");
	setenv("PATH", "/usr/bin:/bin", 1);
	buf_clear(&out);
	buf_clear(&errors);
}

/* --- the uplink --- */

static void talks_to_a_program_it_starts(void **state)
{
	char request[300000];
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	memset(request, 'r', sizeof(request));
	put("uplink", "#!/bin/sh\ntr r a\n", 0755);
	assert_works(plat_uplink_exchange(in("no-socket"), in("uplink"), request, sizeof(request),
					  sizeof(request), 9000, &out, &err));
	assert_int_equal(out.len, sizeof(request));
	assert_int_equal(out.data[0], 'a');
	assert_int_equal(out.data[out.len - 1], 'a');
	buf_reset(&out);
	assert_fails(plat_uplink_exchange(NULL, in("uplink"), request, 100, 99, 9000, &out, &err),
		     ERR_INVALID, "the uplink's answer is larger than 99 bytes");
	/* One that answers without reading all: its answer counts. */
	put("uplink", "#!/bin/sh\necho no\n", 0755);
	assert_works(plat_uplink_exchange(NULL, in("uplink"), request, sizeof(request), 100, 9000,
					  &out, &err));
	assert_string_equal(buf_text(&out), "no\n");
	put("uplink", "#!/bin/sh\nexec sleep 60\n", 0755);
	assert_fails(plat_uplink_exchange(NULL, in("uplink"), "x", 1, 100, 200, &out, &err),
		     ERR_TIMEOUT, "the uplink did not answer in time");
	assert_string_equal(buf_text(&out), "no\n");
	assert_fails_in(plat_uplink_exchange(in("no"), NULL, "x", 1, 100, 200, &out, &err),
			ERR_NOTFOUND, "the uplink's socket ", "no", " is not there");
	assert_fails_in(plat_uplink_exchange(NULL, in("no"), "x", 1, 100, 200, &out, &err),
			ERR_NOTFOUND, "start ", "no", ": No such file or directory");
	buf_clear(&out);
}

static void talks_to_a_socket_that_listens(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct buf out;
	pid_t pid;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	buf_init(&out, 0);
	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", in("socket"));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		char byte, count = 0;
		int peer = accept(fd, NULL, NULL);

		while (read(peer, &byte, 1) == 1)
			count++;
		byte = (char)('0' + count);
		_exit(write(peer, &byte, 1) == 1 ? 0 : 1);
	}
	assert_works(plat_uplink_exchange(in("socket"), "/no/such/program", "12345", 5, 100, 9000,
					  &out, &err));
	assert_string_equal(buf_text(&out), "5");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(fd);
	/* Nobody listens any more: the program is started. */
	put("uplink", "#!/bin/sh\ncat\n", 0755);
	buf_reset(&out);
	assert_works(
		plat_uplink_exchange(in("socket"), in("uplink"), "hi", 2, 100, 9000, &out, &err));
	assert_string_equal(buf_text(&out), "hi");
	buf_clear(&out);
}

/* --- clocks and ourselves --- */

static void tells_the_time(void **state)
{
	struct timespec boot;
	char id[37] = "", again[37] = "";

	(void)state;
	assert_in_range(plat_now() - (int64_t)time(NULL) + 5, 4, 6);
	assert_in_range(plat_now_ms() / 1000 - (int64_t)time(NULL) + 5, 4, 6);
	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &boot), 0);
	assert_in_range(plat_uptime_ms() - (int64_t)boot.tv_sec * 1000, 0, 5000);
	assert_works(plat_boot_id(id, &err));
	assert_works(plat_boot_id(again, &err));
	assert_string_equal(id, again);
	assert_int_equal(strlen(id), 36);
}

static void makes_random_uuids(void **state)
{
	char a[37], b[37];
	unsigned char bytes[1000];
	size_t zero = 0;

	(void)state;
	plat_uuid(a);
	plat_uuid(b);
	assert_string_not_equal(a, b);
	assert_int_equal(strlen(a), 36);
	assert_int_equal(a[8], '-');
	assert_int_equal(a[14], '4');
	assert_non_null(strchr("89ab", a[19]));
	memset(bytes, 0, sizeof(bytes));
	assert_works(plat_random(bytes, sizeof(bytes), &err));
	for (size_t i = 0; i < sizeof(bytes); i++)
		zero += bytes[i] == 0;
	assert_true(zero < 50);
}

static void finds_programs_beside_itself_in_a_build_tree(void **state)
{
	char self[256];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	(void)state;
	assert_true(len > 0);
	self[len] = '\0';
	*strrchr(self, '/') = '\0';
	assert_string_equal(plat_place(PLAT_LIBEXEC), self);
	assert_false(plat_installed());
	assert_string_equal(plat_place(PLAT_STATE), "/var/lib/caretaker");
}

static void keeps_the_root_it_was_given(void **state)
{
	(void)state;
	assert_string_equal(plat_root(), "");
	plat_set_root("/srv/image/");
	assert_string_equal(plat_root(), "/srv/image");
	plat_set_root("/");
	assert_string_equal(plat_root(), "");
}

static void knows_a_journal_by_its_device_and_inode(void **state)
{
	char stream[64];
	struct stat st;

	(void)state;
	unsetenv("JOURNAL_STREAM");
	assert_false(plat_stderr_is_journal());
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	assert_true(plat_stderr_is_journal());
	setenv("JOURNAL_STREAM", "8:12", 1); /* inherited by a shell in a terminal */
	assert_false(plat_stderr_is_journal());
	unsetenv("JOURNAL_STREAM");
}

static void leaves_no_core_and_lets_nobody_trace_it(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (!pid) {
		struct rlimit core;

		plat_protect_process();
		_exit(prctl(PR_GET_DUMPABLE) == 0 && getrlimit(RLIMIT_CORE, &core) == 0 &&
				      core.rlim_max == 0
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* In a child, which cannot come back: 0, or the number of the step that failed. */
static int act_as_owner(void)
{
	struct stat st;
	struct err err;
	int fd;

	if (plat_act_as_owner(folder, &err) || geteuid() != 12345 || getegid() != 12346)
		return 1;
	if (plat_file_replace(in("made"), "x", 1, PLAT_FILE_PRIVATE, &err) ||
	    stat(in("made"), &st) || st.st_uid != 12345 || st.st_gid != 12346)
		return 2;
	fd = open(in("roots"), O_RDONLY); /* a policy that lies in root's home */
	if (fd < 0)
		return 3;
	close(fd);
	/* Nothing else is left of root. */
	if (setuid(0) == 0 || chown(in("made"), 0, 0) == 0 || kill(getppid(), 0) == 0)
		return 4;
	return 0;
}

static void root_can_act_as_the_owner_of_a_folder(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	assert_works(plat_act_as_owner(folder, &err)); /* our own: nothing happens */
	assert_works(plat_act_as_owner(in("no"), &err));
	if (geteuid() != 0) {
		print_message("needs root: acting as another user\n");
		skip();
	}
	put("roots", "secret", 0600);
	assert_int_equal(chown(folder, 12345, 12346), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(act_as_owner());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(geteuid(), 0);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

static void a_day_is_the_one_on_this_machine_s_wall(void **state)
{
	static const struct {
		const char *zone;
		int64_t at, day, end;
	} rows[] = {
		{"UTC", 1795328400, 20779, 1795391999}, /* 2026-11-22 */
		{"Europe/London", 1795328400, 20779, 1795391999},
		/* Half past midnight in London, the evening before in UTC; 2026-06-30 after it. */
		{"Europe/London", 1782775800, 20634, 1782860399},
		{"Europe/London", 1792972800, 20752,
		 1793059199}, /* the clock goes back: 25 hours */
		{"Pacific/Auckland", 1795347000, 20780, 1795431599}, /* the next day already */
		{"UTC", -1, -1, -1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		setenv("TZ", rows[i].zone, 1);
		tzset();
		if (plat_local_day(rows[i].at) != rows[i].day ||
		    plat_local_day_end(rows[i].day) != rows[i].end)
			fail_msg("row %zu: day %lld ends %lld", i,
				 (long long)plat_local_day(rows[i].at),
				 (long long)plat_local_day_end(rows[i].day));
	}
	unsetenv("TZ");
	tzset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(replaces_a_file_whole_and_leaves_nothing_beside),
		IN_FOLDER(root_can_act_as_the_owner_of_a_folder),
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
		IN_FOLDER(runs_a_command_and_takes_what_it_writes),
		IN_FOLDER(takes_much_output_and_bounds_it),
		cmocka_unit_test(takes_no_unknown_end_for_a_good_one),
		IN_FOLDER(gives_a_command_no_descriptor_of_ours),
		IN_FOLDER(ends_a_command_and_its_children_when_time_is_up),
		IN_FOLDER(waits_for_no_background_job),
		IN_FOLDER(says_which_program_is_missing),
		IN_FOLDER(talks_to_a_program_it_starts),
		IN_FOLDER(talks_to_a_socket_that_listens),
		cmocka_unit_test(tells_the_time),
		cmocka_unit_test(makes_random_uuids),
		cmocka_unit_test(finds_programs_beside_itself_in_a_build_tree),
		cmocka_unit_test(keeps_the_root_it_was_given),
		cmocka_unit_test(knows_a_journal_by_its_device_and_inode),
		cmocka_unit_test(a_day_is_the_one_on_this_machine_s_wall),
		cmocka_unit_test(leaves_no_core_and_lets_nobody_trace_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
