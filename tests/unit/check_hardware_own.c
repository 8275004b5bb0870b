/* A school's own table of what assists people holds for the hardware control as for the gate.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/plugged_in.h"
#include "tests/unit/unit.h"

#include "agent/check/agent.h"
#include "agent/check/hardware_own.h"
#include "agent/check/run.h"
#include "platform/fake/fake_machine.h"
#include "platform/fake/fake_os.h"

#define OURS "/conf/hardware/assistive.ini"
#define TABLE "[Ours]\nkind = switch\nmodel = 1209:0042\nwhy = w\nsource = s\n"

static int set_up(void **state)
{
	(void)state;
	fake_reset();
	fake_machine_reset();
	return 0;
}

/* One process's run of the controls; 'out' is its event of that type, "" none. */
static void run(const char *type, char *out, size_t size)
{
	struct agent agent;

	memset(&agent, 0, sizeof(agent));
	*out = '\0';
	fake_advance(60);
	assert_works(places_init(&agent.places, "/conf", "/state", "/run", &err));
	assert_works(agent_open(&agent, &err));
	assert_works(run_controls(&agent, &err));
	for (unsigned i = 0; i < agent.pending.count; i++)
		if (strcmp(agent.pending.events[i].type, type) == 0)
			(void)snprintf(out, size, "%s", agent.pending.events[i].data);
	agent_close(&agent);
}

static void what_the_school_s_table_names_is_counted_and_never_named(void **state)
{
	struct plat_usb usb[] = {{"046d:c31c", "1-1", "keyboard", true},
				 {"1209:0042", "1-2", "other", true},
				 {"1209:0043", "1-3", "other", true}};
	char event[256];

	(void)state;
	fake_file_put(OURS, TABLE);
	has_plugged(usb, 1);
	run("hardware-new", event, sizeof(event));
	has_plugged(usb, 2);
	run("hardware-new", event, sizeof(event));
	assert_string_equal(event, "{\"kind\":\"other\"}");
	has_plugged(usb, 3);
	run("hardware-new", event, sizeof(event));
	assert_string_equal(event, "{\"kind\":\"other\",\"model\":\"1209:0043\"}");
}

static void without_one_or_with_a_damaged_one_the_table_built_in_holds(void **state)
{
	struct hardware_table table;
	struct places places;
	struct err refused;

	(void)state;
	assert_works(places_init(&places, "/conf", "/state", "/run", &err));
	assert_works(hardware_own_table(&places, HARDWARE_ASSISTIVE, &table, &refused, &err));
	assert_int_equal(refused.code, ERR_NONE);
	assert_non_null(hardware_table_find(&table, "2104:0313"));
	hardware_table_clear(&table);

	fake_file_put(OURS, TABLE);
	assert_works(hardware_own_table(&places, HARDWARE_ASSISTIVE, &table, &refused, &err));
	assert_int_equal(refused.code, ERR_NONE);
	assert_null(hardware_table_find(&table, "2104:0313"));
	assert_non_null(hardware_table_find(&table, "1209:0042"));
	hardware_table_clear(&table);

	fake_file_put(OURS, "[Ours]\nkind = magic\n");
	assert_works(hardware_own_table(&places, HARDWARE_ASSISTIVE, &table, &refused, &err));
	assert_string_equal(refused.msg, OURS ":2: bad value 'magic' for 'kind': expected one of "
					      "eye-tracker,switch,braille,other");
	assert_non_null(hardware_table_find(&table, "2104:0313"));
	hardware_table_clear(&table);

	fake_fail_read(OURS, ERR_DENIED);
	assert_works(hardware_own_table(&places, HARDWARE_ASSISTIVE, &table, &refused, &err));
	assert_int_equal(refused.code, ERR_DENIED);
	assert_non_null(hardware_table_find(&table, "2104:0313"));
	hardware_table_clear(&table);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
	const struct CMUnitTest tests[] = {
		TEST(what_the_school_s_table_names_is_counted_and_never_named),
		TEST(without_one_or_with_a_damaged_one_the_table_built_in_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
