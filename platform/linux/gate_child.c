/* What may wait for a disk for ever is done by a child: a disk that does not answer keeps whoever
 * asked it in the kernel, beyond the reach of any signal, for minutes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/os.h"

#define LEFT_MAX 16

/* Those that were given up, and are still in the kernel. */
struct gate_children {
	struct {
		pid_t process; /* 0: this place is free */
		char of[64];
	} left[LEFT_MAX];
};

struct gate_children *gate_children_new(void)
{
	return calloc(1, sizeof(struct gate_children));
}

static void reap(struct gate_children *children)
{
	for (unsigned i = 0; i < LEFT_MAX; i++)
		if (children->left[i].process &&
		    waitpid(children->left[i].process, NULL, WNOHANG) != 0)
			children->left[i].process = 0;
}

void gate_children_free(struct gate_children *children)
{
	if (children)
		reap(children);
	free(children);
}

/* A place for one more; -1: one of this word is there, or there are too many. */
static int find_place(struct gate_children *children, const char *of)
{
	int place = -1;

	reap(children);
	for (int i = 0; i < LEFT_MAX; i++) {
		if (!children->left[i].process)
			place = i;
		else if (*of && strcmp(children->left[i].of, of) == 0)
			return -1;
	}
	return place;
}

/* Of what its parent has open it keeps the pipe alone: stuck, it would hold locks for a daemon that
 * has ended. */
static void work_and_exit(const struct gate_job *job, int end)
{
	int last = STDERR_FILENO + 1;

	if (end != last && dup2(end, last) < 0)
		_exit(GATE_JOB_FAILED);
	(void)close_range((unsigned)last + 1, ~0u, 0); /* a kernel before 5.9 has none */
	_exit(job->work(job->ctx));
}

/* Whether the child ended in time: its end of the pipe closes with it. */
static bool ends_in_time(int fd, unsigned patience_ms)
{
	struct pollfd end = {.fd = fd, .events = POLLIN};
	int64_t until_ms = plat_uptime_ms() + patience_ms;
	int ready;

	do {
		int64_t left = until_ms - plat_uptime_ms();

		ready = poll(&end, 1, left > 0 ? (int)left : 0);
	} while (ready < 0 && errno == EINTR);
	return ready > 0;
}

int gate_in_child(struct gate_children *children, const struct gate_job *job, int *out_code,
		  struct err *err)
{
	int ends[2], status = 0, place = find_place(children, job->of);
	pid_t child;
	bool ended;

	if (place < 0)
		return err_set(err, ERR_TIMEOUT, "what was asked before has not been answered yet");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, errno, "make a pipe");
	child = fork();
	if (child == 0)
		work_and_exit(job, ends[1]);
	(void)close(ends[1]);
	ended = child > 0 && ends_in_time(ends[0], job->patience_ms);
	(void)close(ends[0]);
	if (child < 0)
		return err_errno(err, errno, "start a process");
	if (!ended) {
		(void)kill(child,
			   SIGKILL); /* stuck in the kernel it stays until the disk answers */
		children->left[place].process = child;
		(void)text_copy(children->left[place].of, sizeof(children->left[place].of),
				job->of);
		return err_set(err, ERR_TIMEOUT, "no answer within %u ms", job->patience_ms);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	*out_code = WIFEXITED(status) ? WEXITSTATUS(status) : GATE_JOB_FAILED;
	return 0;
}
