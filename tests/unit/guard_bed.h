/* A stick on a file system that exists in this process's mount namespace only, guarded by a process
 * of its own with this machine's fanotify; a clamd and a service manager that are threads.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_GUARD_BED_H
#define CARETAKER_TESTS_GUARD_BED_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "platform/linux/guard_parts.h"
#include "platform/os.h"
#include "tests/unit/unit.h"

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

static inline int take_fd(struct msghdr *message)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fd = -1;

	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static inline void *manage(void *arg)
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

static inline bool is_kept(const char *name)
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

static inline void *scan(void *arg)
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

static inline void say(const char *medium, const char *what, const char *word)
{
	char line[160];
	int len = snprintf(line, sizeof(line), "%s %s %s\n", medium, what, word);

	(void)!write(guard.said[1], line, (size_t)len);
}

static inline void told_infected(void *ctx, const struct plat_guard_medium *medium,
				 const char *signature)
{
	(void)ctx;
	say(medium->name, "infected", signature);
}

static inline void told_refused(void *ctx, const struct plat_guard_medium *medium, const char *why)
{
	(void)ctx;
	say(medium->name, "refused", why);
}

static inline void told_changed(void *ctx)
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
static inline void run_guard(bool first)
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
static inline const char *heard(void)
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

static inline bool said_more(void)
{
	struct pollfd more = {guard.said[0], POLLIN, 0};

	return poll(&more, 1, 0) == 1;
}

static inline void start_guard(bool first)
{
	guard.process = fork();
	assert_true(guard.process >= 0);
	if (guard.process == 0)
		run_guard(first);
	assert_string_equal(heard(), "sda1 guarded 17");
}

static inline void end_guard(int signal)
{
	if (guard.process > 0) {
		(void)kill(guard.process, signal);
		(void)waitpid(guard.process, NULL, 0);
	}
	guard.process = 0;
}

/* --- the bed --- */

static inline int listen_at(const char *name, int type)
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

static inline void put(const char *where, const char *name, const char *text)
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

static inline void close_low(void)
{
	for (int fd = 3; fd < 60; fd++)
		(void)close(fd);
}

static inline int bed_made(void **state)
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

static inline int bed_gone(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	return strstr(folder, "XXXXXX") ? 0 : system(command);
}

/* A stick with files, guarded as sda1. */
static inline int plugged(void **state)
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

static inline int pulled(void **state)
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
static inline int try_open(const char *where, const char *name)
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, plugged, pulled)

#endif
