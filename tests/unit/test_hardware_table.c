/* conf/hardware: the files that are built in, and what is refused in a school's own.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/err.h"
#include "agent/policy/hardware_table.h"
#include "agent/policy/policy.h"
#include "agent/policy/shape.h"

#include <string.h>

static void every_shipped_table_holds_to_its_grammar(void **state)
{
	(void)state;
	for (int i = 0; i < HARDWARE_TABLE_COUNT; i++) {
		struct hardware_table table;
		struct err err;

		if (hardware_table_builtin((enum hardware_table_id)i, &table, &err))
			fail_msg("%s", err.msg);
		assert_true(table.count > 5);
		for (size_t j = 0; j < table.count; j++) {
			const struct hardware_row *row = &table.rows[j];

			assert_true(row->product[0] && shape_holds("<usb>", row->model));
			assert_int_equal(row->word[0] != '\0', i != HARDWARE_ENCRYPTED);
			assert_int_equal(row->max_bytes != 0, i == HARDWARE_CLASSROOM);
			/* Nothing that could be a real stick of today. */
			assert_true(row->max_bytes <= UINT64_C(256) * 1024 * 1024);
			/* A whole vendor is no model that encrypts. */
			if (i == HARDWARE_ENCRYPTED)
				assert_null(strpbrk(row->model, "*?"));
		}
		hardware_table_clear(&table);
	}
}

static void each_set_that_a_policy_may_name_has_its_boards(void **state)
{
	const char *words = policy_schema(POLICY_REMOVABLE_STORAGE_CLASSROOM)->choices;
	unsigned seen = 0, sets = 1;
	struct hardware_table table;
	struct err err;

	(void)state;
	assert_int_equal(hardware_table_builtin(HARDWARE_CLASSROOM, &table, &err), 0);
	for (size_t i = 0; i < table.count; i++) {
		int at = shape_word(words, table.rows[i].word);

		assert_true(at >= 0);
		seen |= 1u << at;
	}
	for (const char *p = words; *p; p++)
		sets += *p == ',';
	assert_int_equal(seen, (1u << sets) - 1);
	hardware_table_clear(&table);
}

static void finds_a_device_by_its_id(void **state)
{
	static const struct {
		enum hardware_table_id table;
		const char *id, *product; /* NULL: none */
	} looks[] = {
		{HARDWARE_CLASSROOM, "0d28:0204:9904360254974e45", "BBC micro:bit"},
		{HARDWARE_CLASSROOM, "2e8a:000f:", "Raspberry Pi Pico 2, BOOTSEL"},
		{HARDWARE_CLASSROOM, "239A:80F2:1", "CircuitPython on an Adafruit board"},
		{HARDWARE_CLASSROOM, "0951:1666:1", NULL},
		{HARDWARE_ENCRYPTED, "0951:169d:1", "Kingston DataTraveler Locker+ G3"},
		{HARDWARE_ENCRYPTED, "0951:1616:1", NULL}, /* has an open part */
		{HARDWARE_ASSISTIVE, "2104:0313:x", "Tobii eye-trackers"},
		{HARDWARE_ASSISTIVE, "0403:6001:x", NULL}, /* any serial converter */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(looks); i++) {
		const struct hardware_row *row;
		struct hardware_table table;
		struct err err;

		assert_int_equal(hardware_table_builtin(looks[i].table, &table, &err), 0);
		row = hardware_table_find(&table, looks[i].id);
		if (!looks[i].product)
			assert_null(row);
		else if (!row)
			fail_msg("%s is not found", looks[i].id);
		else
			assert_string_equal(row->product, looks[i].product);
		hardware_table_clear(&table);
	}
}

static void reads_a_school_s_own(void **state)
{
	static const char text[] = "[Board]\nmodel = 1209:A182\nset = pico\nmax_mib = 4\nwhy = w\n"
				   "source = a\nsource = b\nmodel = 1209:5687 , 2e8a:1073\n";
	struct hardware_table table;
	struct err err;

	(void)state;
	if (hardware_table_parse(HARDWARE_CLASSROOM, "c.ini", text, sizeof(text) - 1, &table, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(table.count, 3);
	assert_string_equal(table.rows[0].model, "1209:a182");
	assert_string_equal(table.rows[2].model, "2e8a:1073");
	assert_string_equal(table.rows[2].word, "pico");
	assert_int_equal(table.rows[2].max_bytes, 4 * 1024 * 1024);
	hardware_table_clear(&table);
}

static void refuses_with_the_line_and_what_was_expected(void **state)
{
	static const struct {
		enum hardware_table_id table;
		const char *text, *message;
	} bad[] = {
		{HARDWARE_CLASSROOM, "[B]\nset = arduino\n",
		 "t.ini:2: bad value 'arduino' for 'set': expected one of "
		 "microbit,pico,circuitpython,lego"},
		{HARDWARE_CLASSROOM, "[B]\nmodel = 0d28\n",
		 "t.ini:2: bad model '0d28': expected vendor:product such as 0d28:0204"},
		{HARDWARE_CLASSROOM, "[B]\nmodel = 0d28:0204:1\n",
		 "t.ini:2: bad model '0d28:0204:1': expected vendor:product such as 0d28:0204"},
		{HARDWARE_CLASSROOM, "[B]\nmodel = 0d28:0204,, 0d28:0205\n",
		 "t.ini:2: bad model '': expected vendor:product such as 0d28:0204"},
		{HARDWARE_CLASSROOM, "[B]\nmodel = 0d28:0204, 0D28:0204\n",
		 "t.ini:2: model '0d28:0204' stands twice"},
		{HARDWARE_CLASSROOM, "[B]\nmax_mib = 2048\n",
		 "t.ini:2: bad value '2048' for 'max_mib': expected 1 to 1024"},
		{HARDWARE_CLASSROOM, "[B]\nset = pico\nmodel = 1:*\n[C]\n",
		 "t.ini:3: bad model '1:*': expected vendor:product such as 0d28:0204"},
		{HARDWARE_CLASSROOM, "[B]\nset = pico\nmodel = 1209:*\nwhy = w\nsource = s\n[C]\n",
		 "t.ini:6: section [B] on line 1 has no 'max_mib'"},
		{HARDWARE_CLASSROOM, "[B]\nset = pico\nset = pico\n",
		 "t.ini:3: 'set' stands twice in [B]"},
		{HARDWARE_ENCRYPTED, "[B]\nmodel = 1953:0202\ncdrom = yes\nwhy = w\n",
		 "t.ini: section [B] on line 1 has no 'source'"},
		{HARDWARE_ENCRYPTED, "[B]\nmax_mib = 4\n",
		 "t.ini:2: unknown key 'max_mib': expected model, why, source, cdrom"},
		{HARDWARE_ENCRYPTED, "[B]\ncdrom = maybe\n",
		 "t.ini:2: bad value 'maybe' for 'cdrom': expected one of no,yes"},
		{HARDWARE_ASSISTIVE, "model = 2104:*\n",
		 "t.ini:1: 'model' stands before the first [section]"},
		{HARDWARE_ASSISTIVE, "[B]\nwhy =\n", "t.ini:2: 'why' is empty"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct hardware_table table = {NULL, 77};
		struct err err = {ERR_NONE, ""};

		if (hardware_table_parse(bad[i].table, "t.ini", bad[i].text, strlen(bad[i].text),
					 &table, &err) == 0)
			fail_msg("taken: %s", bad[i].text);
		assert_string_equal(err.msg, bad[i].message);
		assert_int_equal(table.count, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shipped_table_holds_to_its_grammar),
		cmocka_unit_test(each_set_that_a_policy_may_name_has_its_boards),
		cmocka_unit_test(finds_a_device_by_its_id),
		cmocka_unit_test(reads_a_school_s_own),
		cmocka_unit_test(refuses_with_the_line_and_what_was_expected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
