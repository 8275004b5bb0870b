/* platform/linux/guard*.c with this machine's own fanotify, on file systems that exist in this
 * process's mount namespace only, with a clamd and a service manager that are threads.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "platform/linux/gate_parts.h"
#include "platform/linux/guard_parts.h"
#include "platform/os.h"
#include "platform/scan.h"

static char folder[] = "/tmp/caretaker-guard-XXXXXX";
static char stick[64], other[64], asks[64]; /* where things are below it */

/* --- the service manager: keeps descriptors, by name --- */

static struct {
	int socket, fds[16];
	char names[16][64];
	unsigned count;
	pthread_t thread;
	pthread_mutex_t lock;
} manager = {.socket = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

static int take_fd(struct msghdr *message)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fd = -1;

	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static void *manage(void *arg)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char text[256];

	for (;;) {
		struct iovec io = {text, sizeof(text) - 1};
		struct msghdr message = {.msg_iov = &io,
					 .msg_iovlen = 1,
					 .msg_control = control.bytes,
					 .msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(manager.socket, &message, MSG_CMSG_CLOEXEC);
		const char *name;
		int fd;

		if (n <= 0)
			return arg;
		text[n] = '\0';
		fd = take_fd(&message);
		name = strstr(text, "FDNAME=");
		pthread_mutex_lock(&manager.lock);
		if (strncmp(text, "FDSTORE=1\n", 10) == 0 && name && fd >= 0) {
			(void)snprintf(manager.names[manager.count], 64, "%s", name + 7);
			/* The guard's own are to begin at 3. */
			manager.fds[manager.count++] = fcntl(fd, F_DUPFD_CLOEXEC, 200);
		}
		for (unsigned i = 0;
		     strncmp(text, "FDSTOREREMOVE=1\n", 16) == 0 && name && i < manager.count; i++)
			if (strcmp(manager.names[i], name + 7) == 0) {
				(void)close(manager.fds[i]);
				manager.count--;
				manager.fds[i] = manager.fds[manager.count];
				memmove(manager.names[i], manager.names[manager.count], 64);
			}
		pthread_mutex_unlock(&manager.lock);
		if (fd >= 0)
			(void)close(fd); /* a barrier waits for that */
	}
}

static bool is_kept(const char *name)
{
	bool kept = false;

	pthread_mutex_lock(&manager.lock);
	for (unsigned i = 0; i < manager.count; i++)
		kept |= strcmp(manager.names[i], name) == 0;
	pthread_mutex_unlock(&manager.lock);
	return kept;
}

/* --- clamd: says of a file what is in it --- */

static struct {
	int socket;
	pthread_t thread;
	bool dies; /* ends each talk without an answer */
	unsigned scanned;
	int waits; /* -1, or a pipe: answers only when it can be read */
} clamd = {.socket = -1, .waits = -1};

static void *scan(void *arg)
{
	for (;;) {
		union {
			char bytes[CMSG_SPACE(sizeof(int))];
			struct cmsghdr align;
		} control;
		char command[16] = "", text[64] = "", byte;
		struct iovec io = {&byte, 1};
		struct msghdr message = {.msg_iov = &io,
					 .msg_iovlen = 1,
					 .msg_control = control.bytes,
					 .msg_controllen = sizeof(control)};
		int talk = accept4(clamd.socket, NULL, NULL, SOCK_CLOEXEC), fd;
		const char *said = "fd[9]: OK";
		bool is_copy;

		if (talk < 0)
			return arg;
		if (recv(talk, command, 8, 0) > 0 && strcmp(command, "zPING") == 0) {
			(void)!send(talk, "PONG", 5, MSG_NOSIGNAL);
		} else if (recvmsg(talk, &message, MSG_CMSG_CLOEXEC) > 0 &&
			   (fd = take_fd(&message)) >= 0) {
			struct pollfd go = {clamd.waits, POLLIN, 0};

			(void)!pread(fd, text, sizeof(text) - 1, 0);
			is_copy = fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE;
			(void)close(fd);
			clamd.scanned++;
			if (strncmp(text, "slow", 4) == 0 && clamd.waits >= 0)
				(void)poll(&go, 1, 20000);
			if (strncmp(text, "virus", 5) == 0)
				said = "fd[9]: Test.Virus FOUND";
			else if (strncmp(text, "odd", 3) == 0 ||
				 (strncmp(text, "sandbox", 7) == 0 && !is_copy))
				said = "fd[9]: cannot be read ERROR";
			if (!clamd.dies)
				(void)!send(talk, said, strlen(said) + 1, MSG_NOSIGNAL);
		}
		(void)close(talk);
	}
}

/* --- the guard: a process of its own, so that it can be killed --- */

static struct {
	pid_t process;
	int said[2]; /* a line for all that it tells */
} guard = {.said = {-1, -1}};

static void say(const char *medium, const char *what, const char *word)
{
	char line[160];
	int len = snprintf(line, sizeof(line), "%s %s %s\n", medium, what, word);

	(void)!write(guard.said[1], line, (size_t)len);
}

static void told_infected(void *ctx, const struct plat_guard_medium *medium, const char *signature)
{
	(void)ctx;
	say(medium->name, "infected", signature);
}

static void told_refused(void *ctx, const struct plat_guard_medium *medium, const char *why)
{
	(void)ctx;
	say(medium->name, "refused", why);
}

static void told_changed(void *ctx)
{
	struct plat_guard *const *g = ctx;
	const struct plat_guard_medium *medium;
	char path[96], number[24] = "";

	(void)snprintf(path, sizeof(path), "%s/drop", asks);
	if (access(path, F_OK) == 0)
		plat_guard_drop(*g, "sda1");
	medium = plat_guard_medium(*g, 0);
	if (medium)
		(void)snprintf(number, sizeof(number), "%llu",
			       (unsigned long long)medium->sequence);
	say(medium ? medium->name : "", "guarded", number);
}

/* As the service manager starts it: what it kept comes as descriptors from 3 on. */
static void run_guard(bool first)
{
	struct plat_guard *g = NULL;
	const struct plat_guard_told told = {.ctx = &g,
					     .changed = told_changed,
					     .infected = told_infected,
					     .refused = told_refused};
	const struct plat_guard_medium sda1 = {"sda1", 17};
	char text[32], names[512] = "";
	struct err err = {ERR_NONE, ""};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that ends early leaves nothing */
	for (unsigned i = 0; i < manager.count; i++) {
		(void)dup2(manager.fds[i], 3 + (int)i);
		(void)snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
			       i ? ":" : "", manager.names[i]);
	}
	(void)snprintf(text, sizeof(text), "%d", (int)getpid());
	setenv("LISTEN_PID", text, 1);
	(void)snprintf(text, sizeof(text), "%u", manager.count);
	setenv("LISTEN_FDS", text, 1);
	setenv("LISTEN_FDNAMES", names, 1);
	for (unsigned i = 0; i < manager.count; i++)
		(void)close(manager.fds[i]); /* nobody but the manager holds them for it */
	if (plat_guard_open(&g, &told, &err) < 0 ||
	    (first &&
	     guard_take(g, &sda1, open(stick, O_RDONLY | O_DIRECTORY | O_CLOEXEC), &err) < 0) ||
	    plat_guard_run(g, asks, &err) < 0)
		say("-", "failed", err.msg);
	else
		say("-", "ended", "");
	_exit(0);
}

/* The next line it says; waits for it. */
static const char *heard(void)
{
	static char line[160];
	struct pollfd more = {guard.said[0], POLLIN, 0};
	size_t len = 0;

	while (len < sizeof(line) - 1) {
		if (poll(&more, 1, 20000) != 1 || read(guard.said[0], line + len, 1) != 1)
			fail_msg("the guard says nothing");
		if (line[len] == '\n')
			break;
		len++;
	}
	line[len] = '\0';
	return line;
}

static bool said_more(void)
{
	struct pollfd more = {guard.said[0], POLLIN, 0};

	return poll(&more, 1, 0) == 1;
}

static void start_guard(bool first)
{
	guard.process = fork();
	assert_true(guard.process >= 0);
	if (guard.process == 0)
		run_guard(first);
	assert_string_equal(heard(), "sda1 guarded 17");
}

static void end_guard(int signal)
{
	if (guard.process > 0) {
		(void)kill(guard.process, signal);
		(void)waitpid(guard.process, NULL, 0);
	}
	guard.process = 0;
}

/* --- the bed --- */

static int listen_at(const char *name, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = fcntl(socket(AF_UNIX, type, 0), F_DUPFD_CLOEXEC, 100);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", folder, name);
	(void)unlink(address.sun_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 64) < 0))
		fail_msg("%s: %s", address.sun_path, strerror(errno));
	return fd;
}

static void put(const char *where, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", where, name);
	file = fopen(path, "we");
	if (!file) {
		fail_msg("%s: %s", path, strerror(errno));
		return;
	}
	(void)fputs(text, file);
	(void)fclose(file);
}

static void close_low(void)
{
	for (int fd = 3; fd < 60; fd++)
		(void)close(fd);
}

static int bed_made(void **state)
{
	char path[128];

	(void)state;
	close_low(); /* what the test's runner left open: the guard's begin there */
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0) {
		print_message("linux_guard needs root and mounts of its own\n");
		return 0;
	}
	assert_non_null(mkdtemp(folder));
	(void)snprintf(stick, sizeof(stick), "%s/stick", folder);
	(void)snprintf(other, sizeof(other), "%s/other", folder);
	(void)snprintf(asks, sizeof(asks), "%s/asks", folder);
	(void)mkdir(stick, 0755);
	(void)mkdir(other, 0755);
	(void)mkdir(asks, 0755);
	(void)snprintf(path, sizeof(path), "%s/etc", folder);
	(void)mkdir(path, 0755);
	(void)snprintf(path, sizeof(path), "%s/etc/clamav", folder);
	(void)mkdir(path, 0755);
	assert_int_equal(pipe2(guard.said, O_CLOEXEC), 0);
	for (unsigned i = 0; i < 2; i++)
		guard.said[i] = fcntl(guard.said[i], F_DUPFD_CLOEXEC, 100);
	manager.socket = listen_at("manager", SOCK_DGRAM);
	clamd.socket = listen_at("clamd", SOCK_STREAM);
	close_low();
	(void)snprintf(path, sizeof(path), "%s/manager", folder);
	setenv("NOTIFY_SOCKET", path, 1);
	(void)snprintf(path, sizeof(path), "LocalSocket %s/clamd\nMaxFileSize 1K\n", folder);
	put(folder, "etc/clamav/clamd.conf", path);
	plat_set_root(folder);
	assert_int_equal(pthread_create(&manager.thread, NULL, manage, NULL), 0);
	assert_int_equal(pthread_create(&clamd.thread, NULL, scan, NULL), 0);
	return 0;
}

static int bed_gone(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	return strstr(folder, "XXXXXX") ? 0 : system(command);
}

/* A stick with files, guarded as sda1. */
static int plugged(void **state)
{
	char film[1100];

	(void)state;
	if (manager.socket < 0)
		skip();
	clamd.scanned = 0;
	clamd.dies = false;
	assert_int_equal(mount("stick", stick, "tmpfs", 0, NULL), 0);
	put(stick, "lesson", "lesson one");
	put(stick, "again", "lesson two");
	put(stick, "virus", "virus");
	put(stick, "odd", "odd");
	put(stick, "slow", "slow");
	put(stick, "empty", "");
	put(stick, "sandbox", "sandbox");
	memset(film, 'f', sizeof(film) - 1);
	film[sizeof(film) - 1] = '\0';
	put(stick, "film", film);
	start_guard(true);
	return 0;
}

static int pulled(void **state)
{
	char path[96];

	(void)state;
	if (manager.socket < 0)
		return 0;
	end_guard(SIGKILL);
	(void)umount2(stick, MNT_DETACH);
	pthread_mutex_lock(&manager.lock);
	while (manager.count)
		(void)close(manager.fds[--manager.count]);
	pthread_mutex_unlock(&manager.lock);
	(void)snprintf(path, sizeof(path), "%s/drop", asks);
	(void)unlink(path);
	while (said_more())
		(void)heard();
	return 0;
}

/* 0, or the errno. */
static int try_open(const char *where, const char *name)
{
	char path[160], byte;
	int fd, ret;

	(void)snprintf(path, sizeof(path), "%s/%s", where, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	ret = read(fd, &byte, 1) < 0 ? errno : 0;
	(void)close(fd);
	return ret;
}

/* --- the tests --- */

static void a_clean_file_opens_and_is_scanned_once(void **state)
{
	(void)state;
	assert_int_equal(try_open(stick, "lesson"), 0);
	assert_int_equal(try_open(stick, "lesson"), 0);
	assert_int_equal(clamd.scanned, 1);
	assert_int_equal(try_open(stick, "empty"), 0);
	assert_int_equal(clamd.scanned, 1);
	assert_int_equal(try_open(stick, "again"), 0);
	assert_int_equal(clamd.scanned, 2);
	assert_false(said_more());
}

static void after_an_infected_file_no_other_is_asked_about(void **state)
{
	(void)state;
	assert_int_equal(try_open(stick, "virus"), EPERM);
	assert_string_equal(heard(), "sda1 infected Test.Virus");
	assert_int_equal(try_open(stick, "virus"), EPERM);
	assert_int_equal(try_open(stick, "lesson"), EPERM);
	assert_int_equal(clamd.scanned, 1);
	assert_false(said_more());
}

static void what_cannot_be_scanned_is_refused_and_said_once(void **state)
{
	(void)state;
	assert_int_equal(try_open(stick, "film"), EPERM);
	assert_int_equal(try_open(stick, "film"), EPERM);
	assert_int_equal(clamd.scanned, 0);
	assert_string_equal(heard(), "sda1 refused file-too-large");
	assert_int_equal(try_open(stick, "odd"), EPERM);
	assert_string_equal(heard(), "sda1 refused scanner-failed");
	assert_int_equal(try_open(stick, "lesson"), 0);
	assert_false(said_more());
}

static void what_clamd_may_not_read_it_gets_a_copy_of(void **state)
{
	(void)state;
	assert_int_equal(try_open(stick, "sandbox"), 0);
	assert_int_equal(clamd.scanned, 2);
	assert_int_equal(try_open(stick, "sandbox"), 0);
	assert_int_equal(clamd.scanned, 2);
	assert_false(said_more());
}

static void without_clamd_no_file_opens_until_it_is_back(void **state)
{
	(void)state;
	clamd.dies = true;
	assert_int_equal(try_open(stick, "lesson"), EPERM);
	assert_string_equal(heard(), "sda1 refused no-scanner");
	clamd.dies = false;
	assert_int_equal(try_open(stick, "lesson"), 0);
}

static void another_mount_of_it_is_no_way_around(void **state)
{
	(void)state;
	assert_int_equal(mount(stick, other, "none", MS_BIND, NULL), 0);
	assert_int_equal(try_open(other, "film"), EPERM);
	assert_int_equal(try_open(other, "lesson"), 0);
	assert_int_equal(umount2(other, MNT_DETACH), 0);
}

static void a_medium_that_was_given_up_opens_nothing_where_it_is_still_mounted(void **state)
{
	(void)state;
	assert_int_equal(try_open(stick, "lesson"), 0);
	assert_true(is_kept("medium-17-sda1"));
	put(asks, "drop.new", "");
	{
		char from[96], to[96];

		(void)snprintf(from, sizeof(from), "%s/drop.new", asks);
		(void)snprintf(to, sizeof(to), "%s/drop", asks);
		assert_int_equal(rename(from, to), 0);
	}
	assert_string_equal(heard(), " guarded ");
	assert_int_equal(try_open(stick, "again"), EPERM);
	assert_int_equal(try_open(stick, "lesson"), EPERM);
	while (is_kept("medium-17-sda1")) /* the manager hears of it when it has time */
		(void)sched_yield();
}

struct opening {
	pthread_t thread;
	const char *name;
	int result;
};

static void *open_it(void *arg)
{
	struct opening *opening = arg;

	opening->result = try_open(stick, opening->name);
	return NULL;
}

/* Whoever opens a file is asked about once the kernel has put it to sleep there. */
static void wait_until_asked(void)
{
	struct pollfd asked = {.fd = -1, .events = POLLIN};

	for (unsigned i = 0; i < manager.count; i++)
		if (strcmp(manager.names[i], "questions") == 0)
			asked.fd = manager.fds[i];
	assert_int_equal(poll(&asked, 1, 20000), 1);
}

static void killed_it_lets_nobody_through_and_the_next_refuses_what_it_left(void **state)
{
	struct opening taken = {.name = "slow"}, waits = {.name = "film"},
		       reads = {.name = "again"};
	int hold[2];

	(void)state;
	assert_int_equal(try_open(stick, "lesson"), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	clamd.waits = hold[0];
	assert_int_equal(pthread_create(&taken.thread, NULL, open_it, &taken), 0);
	while (__atomic_load_n(&clamd.scanned, __ATOMIC_RELAXED) < 2)
		(void)sched_yield();
	end_guard(SIGKILL);
	(void)close(hold[1]); /* clamd's word comes, to nobody */
	assert_int_equal(pthread_create(&waits.thread, NULL, open_it, &waits), 0);
	assert_int_equal(pthread_create(&reads.thread, NULL, open_it, &reads), 0);
	wait_until_asked();
	assert_int_equal(pthread_tryjoin_np(taken.thread, NULL), EBUSY);
	assert_int_equal(pthread_tryjoin_np(waits.thread, NULL), EBUSY);
	start_guard(false);
	(void)pthread_join(taken.thread, NULL);
	(void)pthread_join(waits.thread, NULL);
	(void)pthread_join(reads.thread, NULL);
	assert_int_equal(taken.result, EPERM);
	assert_int_equal(waits.result, EPERM);
	assert_int_equal(reads.result, 0);
	clamd.waits = -1;
	(void)close(hold[0]);
}

static void told_to_end_it_unmounts_what_it_guarded(void **state)
{
	char path[96];

	(void)state;
	assert_int_equal(try_open(stick, "lesson"), 0);
	end_guard(SIGTERM);
	assert_string_equal(heard(), "- ended ");
	(void)snprintf(path, sizeof(path), "%s/lesson", stick);
	assert_int_equal(access(path, F_OK), -1);
}

static void without_a_service_manager_nothing_is_guarded(void **state)
{
	const struct plat_guard_told told = {.ctx = NULL};
	struct plat_guard *none = NULL;
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/manager", folder);
	unsetenv("NOTIFY_SOCKET");
	assert_fails(plat_guard_open(&none, &told, &err), ERR_UNSUPPORTED,
		     "no service manager keeps what must outlive this process (NOTIFY_SOCKET): "
		     "start it as caretaker-on-open.service");
	assert_null(none);
	setenv("NOTIFY_SOCKET", path, 1);
}

static void a_file_system_that_another_can_lie_on_is_not_guarded(void **state)
{
	const struct plat_guard_told told = {.ctx = NULL};
	const struct plat_guard_medium sdb1 = {"sdb1", 18};
	struct plat_guard *g = NULL;
	char why[24] = "";

	(void)state;
	assert_works(plat_guard_open(&g, &told, &err));
	assert_fails(plat_guard_add(g, &sdb1, "ext4", "/nowhere", why, &err), ERR_INVALID,
		     "'ext4' is not opened file by file");
	assert_string_equal(why, "file-system");
	plat_guard_close(g);
}

/* Any disk of this machine; nothing is mounted. */
static bool find_disk(struct plat_guard_medium *out)
{
	const struct plat_gate here = {.sysfs = "/sys", .live = true};
	DIR *disks = opendir("/sys/class/block");
	bool found = false;
	struct dirent *entry;
	char path[96];

	while (disks && !found && (entry = readdir(disks))) {
		(void)snprintf(path, sizeof(path), "class/block/%.32s/diskseq", entry->d_name);
		found = strlen(entry->d_name) < sizeof(out->name) && entry->d_name[0] != '.' &&
			gate_number(&here, path, 10, &out->sequence);
		if (found)
			strcpy(out->name, entry->d_name);
	}
	if (disks)
		closedir(disks);
	return found;
}

static void another_disk_of_that_name_is_neither_guarded_nor_scanned(void **state)
{
	const struct plat_guard_told told = {.ctx = NULL};
	struct plat_guard_medium disk = {0};
	struct plat_guard *g = NULL;
	struct plat_scan scan = {.folder = other, .max_ms = 1000};
	struct plat_scan_result result;
	char why[24] = "";

	(void)state;
	if (!find_disk(&disk)) {
		print_message("no disk here has a number of its own\n");
		skip();
	}
	scan.medium = disk.name;
	scan.sequence = disk.sequence;
	scan.file_system = "none-such";
	plat_scan_medium(&scan, &result);
	assert_int_equal(result.verdict, PLAT_SCAN_UNSCANNABLE);
	assert_string_equal(result.why, "file-system");
	scan.sequence++;
	plat_scan_medium(&scan, &result);
	assert_int_equal(result.verdict, PLAT_SCAN_STOPPED);
	assert_int_equal(result.done.files, 0);
	assert_int_equal(mkdir(other, 0755), 0); /* it takes its folder away */
	disk.sequence++;
	assert_works(plat_guard_open(&g, &told, &err));
	assert_fails(plat_guard_add(g, &disk, "vfat", other, why, &err), ERR_IO,
		     "another disk has its name");
	plat_guard_close(g);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, plugged, pulled)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_clean_file_opens_and_is_scanned_once),
		TEST(after_an_infected_file_no_other_is_asked_about),
		TEST(what_cannot_be_scanned_is_refused_and_said_once),
		TEST(what_clamd_may_not_read_it_gets_a_copy_of),
		TEST(without_clamd_no_file_opens_until_it_is_back),
		TEST(another_mount_of_it_is_no_way_around),
		TEST(a_medium_that_was_given_up_opens_nothing_where_it_is_still_mounted),
		TEST(killed_it_lets_nobody_through_and_the_next_refuses_what_it_left),
		TEST(told_to_end_it_unmounts_what_it_guarded),
		TEST(without_a_service_manager_nothing_is_guarded),
		TEST(a_file_system_that_another_can_lie_on_is_not_guarded),
		TEST(another_disk_of_that_name_is_neither_guarded_nor_scanned),
	};

	return cmocka_run_group_tests(tests, bed_made, bed_gone);
}
