/* caretaker-check killed at every instant: whatever change of a file is the last one that happens,
 * the next runs put it right.  A collector in memory stands at the other end and watches what comes
 * in; the steps of a machine's life are each cut short after 0, 1, 2 ... changes.  check_mishaps.c
 * has what else can happen to it; check_crash.c the single parts and the faults of one write.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/life.h"

#include "agent/base/log.h"

/* Lives up to step 'which', which is cut short; then goes on as the next runs would.  False when
 * the fault was not reached. */
static bool live(unsigned which, unsigned after, enum err_code code, bool once)
{
	struct err err = {ERR_NONE, ""};
	bool reached = false;
	int ret;

	cut = (struct cut){steps[which].name, once ? "one fault" : "cut short", after,
			   code == ERR_FULL};
	machine_begin();
	collector_begin();
	for (unsigned i = 0; i <= which; i++) {
		if (steps[i].before)
			steps[i].before();
		if (i == which && once)
			fake_fail_change(after, code);
		else if (i == which)
			fake_fail_changes(after, code);
		ret = process(steps[i].work, &err);
		HOLDS(ret == 0 || i == which, err.msg);
	}
	reached = fake_fault_hit();
	fake_fail_changes(0, ERR_NONE);
	collector.lose_answer = false;
	HOLDS(process(steps[which].work, &err) == 0, err.msg); /* the same again */
	HOLDS(process(check_and_ship, &err) == 0, err.msg);
	check_invariants();
	collector_end();
	fake_reset();
	return reached;
}

static void cut_everywhere(enum err_code code, bool once)
{
	for (unsigned which = 0; which < COUNT(steps); which++) {
		unsigned after = 0;

		if (once && steps[which].needs_ring)
			continue;
		while (live(which, after, code, once))
			after++;
	}
}

static void loses_nothing_when_killed_between_any_two_changes(void **state)
{
	(void)state;
	cut_everywhere(ERR_IO, false);
}

static void loses_nothing_when_the_disk_fills_between_any_two_changes(void **state)
{
	(void)state;
	cut_everywhere(ERR_FULL, false);
}

static void loses_nothing_when_any_one_change_fails(void **state)
{
	(void)state;
	cut_everywhere(ERR_FULL, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loses_nothing_when_killed_between_any_two_changes),
		cmocka_unit_test(loses_nothing_when_the_disk_fills_between_any_two_changes),
		cmocka_unit_test(loses_nothing_when_any_one_change_fails),
	};

	log_init("check_cut_short", LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
