/* platform/os.h as Linux answers it: commands, the uplink, clocks and ourselves.  linux_files.c
 * has what it says of files.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/os_folder.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

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
		IN_FOLDER(root_can_act_as_the_owner_of_a_folder),
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
