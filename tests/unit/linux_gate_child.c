/* platform/linux/gate_child.c: what may wait for a disk for ever.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>

#include "agent/base/err.h"
#include "platform/linux/gate_parts.h"

static struct gate_children *children;
static char folder[] = "/tmp/caretaker-child-XXXXXX";
static char release[64]; /* a pipe by name: whoever opens it lets go what is stuck */

struct work {
	int says;   /* what it exits with; -1: it dies */
	int locked; /* a descriptor of its parent's, which it is not to have */
};

static int do_work(const void *ctx)
{
	const struct work *work = ctx;

	if (work->says < 0)
		(void)raise(SIGKILL);
	return fcntl(work->locked, F_GETFD) < 0 ? work->says : 99;
}

static void what_a_child_finds_comes_back_and_it_has_nothing_of_its_parent_s_open(void **state)
{
	struct work work = {7, fcntl(STDOUT_FILENO, F_DUPFD, 100)};
	const struct gate_job job = {.work = do_work, .ctx = &work, .of = "", .patience_ms = 20000};
	int code = -1;

	(void)state;
	assert_true(work.locked >= 100);
	assert_works(gate_in_child(children, &job, &code, &err));
	assert_int_equal(code, 7);
	work.says = -1;
	assert_works(gate_in_child(children, &job, &code, &err));
	assert_int_equal(code, GATE_JOB_FAILED);
	close(work.locked);
}

/* A process that dies while another traces it is not gone for its parent until that one lets go, as
 * one that a disk keeps in the kernel. */
static int get_stuck(const void *ctx)
{
	pid_t self = getpid();
	int ready[2];
	char byte;

	if (pipe(ready) < 0)
		return 1;
	if (fork() == 0) {
		if (ptrace(PTRACE_SEIZE, self, NULL, NULL) == 0)
			(void)!write(ready[1], "", 1);
		close(ready[0]);
		close(ready[1]);
		(void)open(ctx, O_RDONLY);
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		return 1;
	for (;;)
		(void)pause();
}

static void while_one_is_stuck_no_second_of_its_word_is_started(void **state)
{
	struct work work = {7, -1};
	const struct gate_job stuck = {
		.work = get_stuck, .ctx = release, .of = "17-sda", .patience_ms = 1000};
	struct gate_job next = {
		.work = do_work, .ctx = &work, .of = "17-sda", .patience_ms = 20000};
	int code = -1;
	struct err waits;

	(void)state;
	if (geteuid() != 0) {
		print_message("tracing one's parent needs root\n");
		skip();
	}
	assert_fails(gate_in_child(children, &stuck, &code, &err), ERR_TIMEOUT,
		     "no answer within 1000 ms");
	assert_fails(gate_in_child(children, &next, &code, &err), ERR_TIMEOUT,
		     "what was asked before has not been answered yet");
	assert_int_equal(code, -1);
	next.of = "18-sda";
	assert_works(gate_in_child(children, &next, &code, &err));
	assert_int_equal(code, 7);
	next.of = "";
	assert_works(gate_in_child(children, &next, &code, &err));
	close(open(release, O_WRONLY)); /* the disk answers at last */
	next.of = "17-sda";
	while (gate_in_child(children, &next, &code, &waits) < 0)
		(void)sched_yield();
	assert_int_equal(code, 7);
}

static int set_up(void **state)
{
	(void)state;
	children = gate_children_new();
	assert_non_null(children);
	assert_non_null(mkdtemp(folder));
	(void)snprintf(release, sizeof(release), "%s/release", folder);
	return mkfifo(release, 0600);
}

static int tear_down(void **state)
{
	(void)state;
	gate_children_free(children);
	return unlink(release) < 0 ? -1 : rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_a_child_finds_comes_back_and_it_has_nothing_of_its_parent_s_open),
		cmocka_unit_test(while_one_is_stuck_no_second_of_its_word_is_started),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
