/* The storage gate and a lock of the screen that is known by asking: before it looks at anything,
 * and what waits while nobody answers.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gate_machine.h"

#define SHUT_WHILE_LOCKED ANY "set shut_while_locked yes 12\n"

/* One that an earlier daemon let in, and one that came while the screen was locked. */
static void plug_one_of_each(void)
{
	plug("2-1", "1")->interfaces[0].authorized = true;
	plug("2-2", "2");
}

static void heard(void)
{
	assert_int_equal(gate_seat_heard(gate), 1);
}

static void a_restart_while_locked_asks_before_it_looks(void **state)
{
	(void)state;
	put_rules(SHUT_WHILE_LOCKED);
	plug_one_of_each();
	fake_gate.bus = FAKE_BUS_WAITS;
	fake_gate.locked = true;
	start();
	assert_string_equal(done, "");
	shown_has("\"why\":\"allowed\"");
	last_line_has("\"why\":\"screen-locked\"");
	assert_in_range(fake_gate.waited_ms, 1, 2000);
	fake_gate.locked = false;
	heard();
	assert_string_equal(done, "let 2-2:1.0");
}

/* A disk that hangs on no USB device has no authority that would tell: whether it is closed does.
 */
static void a_restart_while_locked_leaves_each_disk_as_it_is(void **state)
{
	(void)state;
	put_rules(SHUT_WHILE_LOCKED);
	hold("", "sdx", "vfat");
	hold("", "sdy", "vfat");
	hold("", "sdz", "vfat");
	medium("sdx")->closed = medium("sdx1")->closed = true;
	medium("sdy")->closed = true; /* a part of it is open */
	medium("sdz")->told = medium("sdz1")->told = false;
	show_media();
	fake_gate.bus = FAKE_BUS_WAITS;
	fake_gate.locked = true;
	start();
	assert_string_equal(opened, "sdy sdy1 ");
	medium("sdz")->told = medium("sdz1")->told = true;
	show_media();
	told("sdz", "");
	assert_string_equal(opened, "sdy sdy1 ");
	fake_gate.locked = false;
	heard();
	assert_non_null(strstr(opened, "sdx sdx1 "));
}

static void a_restart_while_unlocked_refuses_nothing(void **state)
{
	(void)state;
	put_rules(SHUT_WHILE_LOCKED);
	plug_one_of_each();
	fake_gate.bus = FAKE_BUS_WAITS;
	start();
	assert_string_equal(done, "let 2-2:1.0");
	if (fake_file_text(EVENTS))
		assert_null(strstr(fake_file_text(EVENTS), "screen-locked"));
}

static void while_nobody_answers_what_waits_waits_and_what_is_open_stays(void **state)
{
	static const enum fake_bus cases[] = {FAKE_BUS_SILENT, FAKE_BUS_GONE};
	struct err err;
	int fd = -1;

	for (size_t i = 0; i < COUNT(cases); i++) {
		put_rules(SHUT_WHILE_LOCKED);
		plug_one_of_each();
		fake_gate.bus = cases[i];
		start();
		assert_string_equal(done, "");
		last_line_has("\"why\":\"screen-locked\"");
		assert_in_range(fake_gate.waited_ms, 0, 2000);
		plug("2-3", "3"); /* nor is what comes next let in */
		bound("2-3");
		assert_string_equal(done, "");
		assert_int_equal(gate_seat_listen(gate, &fd, &err),
				 cases[i] == FAKE_BUS_GONE ? -1 : 1);
		fake_gate.bus = FAKE_BUS_ANSWERS;
		assert_int_equal(gate_seat_listen(gate, &fd, &err), 1);
		assert_int_equal(fd, FAKE_BUS_FD);
		heard();
		assert_string_equal(done, "let 2-2:1.0, let 2-3:1.0");
		assert_int_equal(tear_down(state) + set_up(state), 0);
	}
}

static void a_connection_that_ends_shuts_what_comes_next_alone(void **state)
{
	struct err err;
	int fd;

	(void)state;
	put_rules(SHUT_WHILE_LOCKED);
	fake_gate.bus = FAKE_BUS_WAITS;
	start();
	plug_in("2-1", "1");
	fake_gate.bus = FAKE_BUS_GONE;
	assert_int_equal(gate_seat_heard(gate), -1);
	assert_int_equal(gate_seat_listen(gate, &fd, &err), -1);
	plug_in("2-2", "2");
	assert_string_equal(done, "let 2-1:1.0");
	shown_has("\"why\":\"screen-locked\"");
	fake_gate.bus = FAKE_BUS_ANSWERS;
	fake_gate.locked = true; /* all the while, as far as anybody knows */
	assert_int_equal(gate_seat_listen(gate, &fd, &err), 1);
	assert_string_equal(done, "let 2-1:1.0");
	fake_gate.locked = false;
	heard();
	assert_string_equal(done, "let 2-1:1.0, let 2-2:1.0");
}

static void rules_that_do_not_care_ask_nobody(void **state)
{
	struct err err;
	int fd;

	(void)state;
	put_rules(ANY);
	plug_one_of_each();
	fake_gate.bus = FAKE_BUS_SILENT;
	start();
	assert_string_equal(done, "let 2-2:1.0");
	assert_int_equal(gate_seat_listen(gate, &fd, &err), 0);
	assert_int_equal(fake_gate.waited_ms, 0);
	new_rules(SHUT_WHILE_LOCKED); /* from now on, and not for what is there */
	assert_int_equal(gate_seat_listen(gate, &fd, &err), 1);
	plug_in("2-3", "3");
	assert_string_equal(done, "let 2-2:1.0");
	new_rules(ANY);
	assert_string_equal(done, "let 2-2:1.0, let 2-3:1.0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_restart_while_locked_asks_before_it_looks),
		TEST(a_restart_while_locked_leaves_each_disk_as_it_is),
		TEST(a_restart_while_unlocked_refuses_nothing),
		TEST(while_nobody_answers_what_waits_waits_and_what_is_open_stays),
		TEST(a_connection_that_ends_shuts_what_comes_next_alone),
		TEST(rules_that_do_not_care_ask_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
