/* Running other programs, and talking to the uplink: platform/os.h on Linux.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/os.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ERROR_MAX 4096
#define EXIT_POLL_MS 20 /* where the kernel has no pidfd (before 5.3) */
#define DRAIN_READS 64  /* in a row, of what is dropped: one that floods us is timed, too */

extern char **environ;

/* --- starting --- */

struct child {
	pid_t pid;
	int pidfd; /* readable once it ended; -1 where the kernel has none */
	bool reaped;
	bool lost; /* ended, and the kernel kept no status: whoever started us ignores SIGCHLD */
	int status;
};

/* Starts 'path' in a process group of its own, with three descriptors and no others, every signal
 * as a fresh process has it, and the root folder for its own. */
static int start(const char *path, char *const argv[], char *const env[], const int fds[3],
		 struct child *out, struct err *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int ret;

	sigemptyset(&none);
	sigfillset(&all);
	/* These can fail for want of memory only, and then so does posix_spawn(). */
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawnattr_init(&attr);
	for (int i = 0; i < 3; i++)
		(void)posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	(void)posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	(void)posix_spawn_file_actions_addchdir_np(&actions, "/");
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setpgroup(&attr, 0);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	ret = posix_spawn(&out->pid, path, &actions, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (ret)
		return err_errno(err, ret, "start '%s'", path);
	out->reaped = out->lost = false;
	out->status = 0;
	out->pidfd = (int)syscall(SYS_pidfd_open, out->pid, 0);
	if (out->pidfd >= 0)
		(void)fcntl(out->pidfd, F_SETFD, FD_CLOEXEC); /* it has it from the start */
	return 0;
}

/* True once the child has ended, and its exit status is known. */
static bool has_ended(struct child *child)
{
	int status;
	pid_t got;

	if (child->reaped)
		return true;
	do {
		got = waitpid(child->pid, &status, WNOHANG);
	} while (got < 0 && errno == EINTR);
	if (got == 0)
		return false;
	child->lost = got < 0;
	if (got > 0)
		child->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	child->reaped = true;
	return true;
}

/* Ends the child's whole group if it still runs, and leaves no zombie. */
static void finish(struct child *child)
{
	if (!has_ended(child)) {
		/* The group's leader is not reaped yet, so the number cannot be another's. */
		(void)kill(-child->pid, SIGKILL);
		while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
			;
		child->reaped = true;
	}
	if (child->pidfd >= 0)
		close(child->pidfd);
	child->pidfd = -1;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Milliseconds until 'end' for poll(): at least 0. */
static int left_ms(int64_t end)
{
	int64_t left = end - plat_uptime_ms();

	return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* A descriptor of 3 or more: one of 0 to 2 (we may have been started without) would be overwritten
 * on its way into the child. */
static int above_stdio(int fd)
{
	int moved;

	if (fd < 0 || fd > 2)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	close(fd);
	return moved;
}

/* --- plat_run --- */

static const char *const folders[] = {"/usr/sbin", "/usr/bin", "/sbin", "/bin", NULL};

static int look_up(const char *name, char out[PATH_MAX], struct err *err)
{
	if (name[0] == '/') {
		snprintf(out, PATH_MAX, "%s", name);
		if (access(out, X_OK) == 0)
			return 0;
		return err_set(err, errno == EACCES ? ERR_DENIED : ERR_NOTFOUND,
			       "there is no program '%s'", name);
	}
	for (size_t i = 0; folders[i] && name[0] && !strchr(name, '/'); i++) {
		snprintf(out, PATH_MAX, "%s/%s", folders[i], name);
		if (access(out, X_OK) == 0)
			return 0;
	}
	return err_set(err, ERR_NOTFOUND, "there is no program '%s' in the system's folders", name);
}

/* The child's standard input: a file, so that it may read it or not, as it likes. */
static int make_input(const void *data, size_t len, struct err *err)
{
	const char *at = data;
	int fd;

	if (!data) {
		fd = above_stdio(open("/dev/null", O_RDONLY | O_CLOEXEC));
		return fd >= 0 ? fd : err_errno(err, errno, "open '/dev/null'");
	}
	fd = above_stdio(memfd_create("input", MFD_CLOEXEC));
	if (fd < 0)
		return err_errno(err, errno, "make a command's input");
	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno != EINTR) {
			err_errno(err, errno, "make a command's input");
			close(fd);
			return -1;
		}
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
	(void)lseek(fd, 0, SEEK_SET); /* cannot fail on a file */
	return fd;
}

static int make_pipe(int *read_end, int *write_end, struct err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return err_errno(err, errno, "make a pipe");
	*read_end = above_stdio(ends[0]);
	*write_end = above_stdio(ends[1]);
	if (*read_end < 0 || *write_end < 0)
		return err_errno(err, errno, "make a pipe");
	(void)fcntl(*read_end, F_SETFL, O_NONBLOCK);
	return 0;
}

struct run {
	const char *name;
	struct child child;
	int in, out_read, out_write, err_read, err_write;
	struct buf output, errors;
	size_t output_max;
	int64_t end;
};

/* Takes what the pipe holds now; closes it at its end.  -1 when it is more than 'max'; what passes
 * ERROR_MAX of the errors is dropped instead. */
static int drain(int *fd, struct buf *into, size_t max, bool cut)
{
	char data[4096];

	for (int reads = 0; *fd >= 0 && (!cut || reads < DRAIN_READS); reads++) {
		ssize_t n = read(*fd, data, sizeof(data));
		size_t room = max - into->len;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0) {
			close_fd(fd);
			return 0;
		}
		if ((size_t)n > room && !cut)
			return -1;
		buf_add(into, data, (size_t)n > room ? room : (size_t)n);
	}
	return 0;
}

static int drain_both(struct run *run, struct err *err)
{
	if (drain(&run->out_read, &run->output, run->output_max, false))
		return err_set(err, ERR_INVALID, "'%s' wrote more than %zu bytes", run->name,
			       run->output_max);
	return drain(&run->err_read, &run->errors, ERROR_MAX, true);
}

/* Until the child has ended and what it wrote was taken. */
static int attend(struct run *run, unsigned timeout_ms, struct err *err)
{
	for (;;) {
		struct pollfd fds[3] = {{.fd = run->out_read, .events = POLLIN},
					{.fd = run->err_read, .events = POLLIN},
					{.fd = run->child.pidfd, .events = POLLIN}};
		int wait = left_ms(run->end);
		bool ended;

		if (run->child.pidfd < 0 && wait > EXIT_POLL_MS)
			wait = EXIT_POLL_MS;
		if (poll(fds, 3, wait) < 0 && errno != EINTR)
			return err_errno(err, errno, "wait for '%s'", run->name);
		ended = has_ended(&run->child); /* first: what it wrote is in the pipes then */
		if (drain_both(run, err))
			return -1;
		if (ended)
			return 0;
		if (left_ms(run->end) == 0)
			return err_set(err, ERR_TIMEOUT, "'%s' took more than %u ms and was ended",
				       run->name, timeout_ms);
	}
}

static int run_child(struct run *run, const struct plat_command *command, const char *path,
		     struct err *err)
{
	static char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", NULL};
	int ret;

	if (make_pipe(&run->out_read, &run->out_write, err) ||
	    make_pipe(&run->err_read, &run->err_write, err))
		return -1;
	run->in = make_input(command->input, command->input_len, err);
	if (run->in < 0)
		return -1;
	if (start(path, (char *const *)command->argv, env,
		  (const int[]){run->in, run->out_write, run->err_write}, &run->child, err))
		return -1;
	close_fd(&run->in);
	close_fd(&run->out_write);
	close_fd(&run->err_write);
	ret = attend(run, command->timeout_ms, err);
	finish(&run->child);
	if (ret == 0 && run->child.lost)
		ret = err_set(err, ERR_IO,
			      "how '%s' ended is not known: this program was started with SIGCHLD "
			      "ignored",
			      run->name);
	if (ret == 0 && (buf_check(&run->output, err) || buf_check(&run->errors, err)))
		ret = -1;
	return ret;
}

int plat_run(const struct plat_command *command, struct buf *out, struct buf *out_error,
	     int *out_status, struct err *err)
{
	struct run run = {
		.name = command->argv[0],
		.in = -1,
		.out_read = -1,
		.out_write = -1,
		.err_read = -1,
		.err_write = -1,
		.output_max = command->output_max,
		.end = plat_uptime_ms() + command->timeout_ms,
	};
	char path[PATH_MAX];
	int ret = -1;

	if (look_up(command->argv[0], path, err))
		return -1;
	buf_init(&run.output, command->output_max);
	buf_init(&run.errors, ERROR_MAX);
	if (run_child(&run, command, path, err))
		goto out;
	if (out)
		buf_add(out, buf_text(&run.output), run.output.len);
	if (out_error)
		buf_add(out_error, buf_text(&run.errors), run.errors.len);
	if ((out && buf_check(out, err)) || (out_error && buf_check(out_error, err)))
		goto out;
	*out_status = run.child.status;
	ret = 0;
out:
	close_fd(&run.in);
	close_fd(&run.out_read);
	close_fd(&run.out_write);
	close_fd(&run.err_read);
	close_fd(&run.err_write);
	buf_clear(&run.output);
	buf_clear(&run.errors);
	return ret;
}

/* --- the uplink --- */

#define CONNECT_PATIENCE_S 10

/* 1 connected, 0 there is no such socket or nobody listens, -1 an error. */
static int connect_socket(const char *path, int *out, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = CONNECT_PATIENCE_S};
	int fd, ret = 1;

	if (!path)
		return 0;
	if (strlen(path) >= sizeof(address.sun_path))
		return err_errno(err, ENAMETOOLONG, "connect '%s'", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, errno, "make a socket");
	/* A full queue is waited for, though not for ever: the listener is systemd, which accepts.
	 */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		if (errno == EAGAIN || errno == EINPROGRESS)
			ret = err_set(err, ERR_TIMEOUT,
				      "connect '%s': nobody took the connection in %d s", path,
				      CONNECT_PATIENCE_S);
		else
			ret = errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR
				      ? 0
				      : err_errno(err, errno, "connect '%s'", path);
		close(fd);
		return ret;
	}
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	*out = fd;
	return ret;
}

static int start_uplink(const char *program, int *out, struct child *child, struct err *err)
{
	char *argv[] = {(char *)program, NULL};
	int ends[2], ret;

	if (access(program, X_OK))
		return err_errno(err, errno, "start '%s'", program);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return err_errno(err, errno, "make a pair of sockets");
	ends[0] = above_stdio(ends[0]);
	ends[1] = above_stdio(ends[1]);
	if (ends[0] < 0 || ends[1] < 0)
		ret = err_errno(err, errno, "make a pair of sockets");
	else /* our environment: it is our program, with our rights, and proxies are named there */
		ret = start(program, argv, environ, (const int[]){ends[1], ends[1], STDERR_FILENO},
			    child, err);
	close_fd(&ends[1]);
	if (ret) {
		close_fd(&ends[0]);
		return -1;
	}
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	*out = ends[0];
	return 0;
}

/* Sends what the socket takes now; at the end says that no more will come. */
static int send_some(int fd, const char **at, size_t *left, struct err *err)
{
	ssize_t n = send(fd, *at, *left, MSG_NOSIGNAL);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
		*left = 0; /* it has heard enough; its answer says why */
		return 0;
	}
	if (n < 0)
		return err_errno(err, errno, "send to the uplink");
	*at += n;
	*left -= (size_t)n;
	if (*left == 0)
		(void)shutdown(fd, SHUT_WR); /* fails only when it is gone, which read() tells */
	return 0;
}

/* 1 at the end of the answer, 0 when there is more to come. */
static int receive_some(int fd, size_t max, struct buf *out, struct err *err)
{
	char data[16384];
	ssize_t n = recv(fd, data, sizeof(data), 0);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0 && errno == ECONNRESET && out->len > 0)
		return 1; /* it closed without having read all of ours: its answer says why */
	if (n < 0)
		return err_errno(err, errno, "read the uplink's answer");
	if ((size_t)n > max - out->len)
		return err_set(err, ERR_INVALID, "the uplink's answer is larger than %zu bytes",
			       max);
	buf_add(out, data, (size_t)n);
	return n == 0;
}

static int exchange(int fd, const void *request, size_t len, size_t max, int64_t end,
		    struct buf *out, struct err *err)
{
	const char *at = request;
	int ret = 0;

	if (len == 0)
		(void)shutdown(fd, SHUT_WR);
	while (ret == 0) {
		struct pollfd pfd = {.fd = fd, .events = (short)(POLLIN | (len ? POLLOUT : 0))};
		int wait = left_ms(end);

		if (wait == 0)
			return err_set(err, ERR_TIMEOUT, "the uplink did not answer in time");
		if (poll(&pfd, 1, wait) < 0 && errno != EINTR)
			return err_errno(err, errno, "wait for the uplink");
		if (len && (pfd.revents & (POLLOUT | POLLERR)))
			ret = send_some(fd, &at, &len, err);
		if (ret == 0 && (pfd.revents & (POLLIN | POLLHUP | POLLERR)))
			ret = receive_some(fd, max, out, err);
	}
	return ret < 0 ? -1 : 0;
}

int plat_uplink_exchange(const char *socket_path, const char *program, const void *request,
			 size_t len, size_t max, unsigned timeout_ms, struct buf *out,
			 struct err *err)
{
	int64_t end = plat_uptime_ms() + timeout_ms;
	struct child child = {.pidfd = -1, .reaped = true};
	struct buf answer;
	int fd = -1;
	int ret = connect_socket(socket_path, &fd, err);

	if (ret < 0)
		return -1;
	if (ret == 0 && !program)
		return err_set(err, ERR_NOTFOUND, "the uplink's socket '%s' is not there",
			       socket_path ? socket_path : "");
	if (ret == 0 && start_uplink(program, &fd, &child, err))
		return -1;
	buf_init(&answer, max);
	ret = exchange(fd, request, len, max, end, &answer, err);
	close(fd);
	finish(&child); /* it answered and has nothing left to do, or it did not in time */
	if (ret == 0) {
		buf_add(out, buf_text(&answer), answer.len);
		if (buf_check(&answer, err) || buf_check(out, err))
			ret = -1;
	}
	buf_clear(&answer);
	return ret;
}
