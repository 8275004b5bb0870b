/* The small files by which caretakerd and caretaker-scan talk.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/err.h"

#include "agent/gate/scan_ask.h"

static void reads_back_what_it_prints(void **state)
{
	static const struct scan_state states[] = {
		{.stage = SCAN_WAITING},
		{.stage = SCAN_SCANNING,
		 .files = 12,
		 .bytes = 5000000000,
		 .total_bytes = 64000000000,
		 .seconds = 61},
		{.stage = SCAN_CLEAN, .files = 300, .bytes = 45150},
		{.stage = SCAN_INFECTED, .word = "Eicar-Signature"},
		{.stage = SCAN_UNSCANNABLE, .word = "file-too-large"},
		{.stage = SCAN_STOPPED},
		{.stage = SCAN_GUARDED, .word = "-"},
		{.stage = SCAN_GUARDED, .word = "file-too-large"},
	};
	struct scan_ask ask = {.file_system = "vfat", .minutes = 30}, back;
	char text[SCAN_TEXT_MAX];
	struct scan_state read;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		memset(&read, 0, sizeof(read));
		scan_state_print(&states[i], text);
		assert_int_equal(scan_state_parse(text, &read, &err), 0);
		assert_int_equal(read.stage, states[i].stage);
		assert_int_equal(read.files, states[i].files);
		assert_int_equal(read.bytes, states[i].bytes);
		assert_int_equal(read.total_bytes, states[i].total_bytes);
		assert_int_equal(read.seconds, states[i].seconds);
		assert_string_equal(read.word, states[i].word);
	}
	scan_ask_print(&ask, text);
	assert_string_equal(text, "caretaker-scan 1 vfat 30\n");
	assert_int_equal(scan_ask_parse(text, &back, &err), 0);
	assert_string_equal(back.file_system, "vfat");
	assert_int_equal(back.minutes, 30);
}

static void refuses_damaged_files(void **state)
{
	static const char *const asks[] = {"",
					   "caretaker-scan 1 vfat\n",
					   "caretaker-scan 2 vfat 30\n",
					   "caretaker-scan 1 vfat 0\n",
					   "caretaker-scan 1 vfat 30 more\n",
					   "caretaker-scan 1 a-file-system-of-a-long-name 30\n"};
	static const char *const states[] = {
		"",           "cleaned 1 2\n",    "clean 1\n",   "clean -1 2\n",
		"infected\n", "scanning 1 2 3\n", "waiting 1\n", "guarded\n"};
	struct scan_ask ask = {.minutes = 77};
	struct scan_state read = {.files = 77};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++)
		assert_int_equal(scan_ask_parse(asks[i], &ask, &err), -1);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		assert_int_equal(scan_state_parse(states[i], &read, &err), -1);
	assert_int_equal(ask.minutes, 77);
	assert_int_equal(read.files, 77);
}

static void a_scanners_name_stays_one_word(void **state)
{
	struct scan_state infected = {.stage = SCAN_INFECTED, .word = "Two words\nclean 1 2"};
	char text[SCAN_TEXT_MAX];
	struct scan_state read;
	struct err err;

	(void)state;
	scan_state_print(&infected, text);
	assert_int_equal(scan_state_parse(text, &read, &err), 0);
	assert_int_equal(read.stage, SCAN_INFECTED);
	assert_string_equal(read.word, "Two_words_clean_1_2");
}

static void takes_only_names_of_devices(void **state)
{
	(void)state;
	assert_true(scan_name_valid("sda1"));
	assert_true(scan_name_valid("dm-3"));
	assert_true(scan_name_valid("mmcblk0p1"));
	assert_false(scan_name_valid(""));
	assert_false(scan_name_valid("../sda"));
	assert_false(scan_name_valid("sda 1"));
	assert_false(scan_name_valid("a-name-that-is-longer-than-any-device-has"));
}

static void a_file_is_about_one_disk_by_its_number(void **state)
{
	static const struct {
		const char *file;
		uint64_t sequence;
		const char *name;
	} good[] = {{"1-sda1.ask", 1, "sda1"},
		    {"17-mmcblk0p1.ask", 17, "mmcblk0p1"},
		    {"208-dm-3.ask", 208, "dm-3"},
		    {"9223372036854775807-a-name-as-long-as-any-device-s1.ask", INT64_MAX,
		     "a-name-as-long-as-any-device-s1"}};
	static const char *const bad[] = {
		"",
		".ask",
		"sda1.ask", /* as daemons called it that knew no numbers */
		"dm-3.ask",
		"-sda1.ask",
		"0-sda1.ask",
		"017-sda1.ask",
		"+17-sda1.ask",
		" 17-sda1.ask",
		"17-.ask",
		"17-../sda.ask",
		"17-sda1.guard",
		"17-sda1.ask.ask",
		"17-sda1",
		"9223372036854775808-sda1.ask",
		"1-a-name-that-is-longer-than-any-device-has.ask",
		"000000000000000000000000000000000000000000000000000000000000000000017-sda1.ask"};
	struct scan_medium medium;
	char file[SCAN_FILE];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		memset(&medium, 0, sizeof(medium));
		assert_true(scan_file_parse(good[i].file, SCAN_ASK, &medium));
		assert_int_equal(medium.sequence, good[i].sequence);
		assert_string_equal(medium.name, good[i].name);
		scan_file_print(&medium, SCAN_ASK, file);
		assert_string_equal(file, good[i].file);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		medium.sequence = 77;
		if (scan_file_parse(bad[i], SCAN_ASK, &medium))
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(medium.sequence, 77);
	}
}

static void estimates_by_the_pace_so_far(void **state)
{
	struct scan_state s = {.stage = SCAN_SCANNING,
			       .bytes = 1000000000,
			       .total_bytes = 64000000000,
			       .seconds = 60};

	(void)state;
	assert_int_equal(scan_left_s(&s), 3780);
	s.bytes = 65000000000;
	assert_int_equal(scan_left_s(&s), 0);
	s.bytes = 1000;
	assert_int_equal(scan_left_s(&s), -1);
	s.stage = SCAN_CLEAN;
	assert_int_equal(scan_left_s(&s), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_back_what_it_prints),
		cmocka_unit_test(refuses_damaged_files),
		cmocka_unit_test(a_scanners_name_stays_one_word),
		cmocka_unit_test(takes_only_names_of_devices),
		cmocka_unit_test(a_file_is_about_one_disk_by_its_number),
		cmocka_unit_test(estimates_by_the_pace_so_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
