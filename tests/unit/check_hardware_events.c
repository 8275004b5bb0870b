/* The gate's events, from its file into pending.json: each once, wherever the run is killed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/check/agent.h"
#include "agent/check/hardware_events.h"
#include "agent/policy/policy.h"
#include "platform/fake/fake_os.h"
#include "platform/os.h"

#define FILE "/state/hardware/events.jsonl"
#define REFUSED \
	"{\"n\":\"0123456789abcdef\",\"at\":1790000000,\"type\":\"storage-refused\",\"count\":1," \
	"\"enforced\":true,\"reference\":\"K7Q2MX\",\"id\":\"0951:1666:60A44C41\",\"port\":\"2-" \
	"1\"," \
	"\"kind\":\"storage\",\"maker\":\"Kingston\",\"model\":\"DataTraveler\"," \
	"\"interfaces\":[\"080650\"],\"bytes\":16777216,\"file_system\":\"vfat\"," \
	"\"verdict\":\"refused\",\"why\":\"not-approved\",\"line\":14,\"user\":\"ann\"}\n"
#define WOULD \
	"{\"n\":\"0123456789abcdee\",\"at\":1790000001,\"type\":\"storage-refused\",\"count\":2," \
	"\"enforced\":false,\"id\":\"0951:1666:1\",\"kind\":\"storage\",\"verdict\":\"refused\"}" \
	"\n"

static struct agent agent;
static struct hardware_seen seen;

static void begin(const char *policy)
{
	fake_reset();
	memset(&agent, 0, sizeof(agent));
	memset(&seen, 0, sizeof(seen));
	assert_works(places_init(&agent.places, "/conf", "/state", "/run", &err));
	assert_works(places_make(&agent.places, &err));
	fake_dir_put("/state/hardware");
	assert_works(policy_parse("p", policy, strlen(policy), &agent.trust.policy, &err));
	pending_init(&agent.pending);
}

static void end(void)
{
	policy_free(agent.trust.policy);
	pending_clear(&agent.pending);
}

/* A new process. */
static void again(void)
{
	pending_clear(&agent.pending);
	if (pending_load(&agent.places, &agent.pending, &(struct err){ERR_NONE, ""}) < 0)
		pending_init(&agent.pending);
}

static void put_file(const char *text)
{
	assert_works(plat_file_replace(FILE, text, strlen(text), PLAT_FILE_PRIVATE, &err));
}

static void takes_each_line_once_and_the_file_goes(void **state)
{
	(void)state;
	begin("");
	put_file(REFUSED WOULD);
	assert_works(hardware_events_take(&agent, &seen, &err));
	assert_int_equal(agent.pending.count, 2);
	assert_int_equal(seen.refused, 1);
	assert_int_equal(seen.would_refuse, 2);
	assert_null(fake_file_text(FILE));
	assert_string_equal(agent.pending.events[0].type, "storage-refused");
	assert_int_equal(agent.pending.events[0].at, 1790000000);
	assert_string_equal(
		agent.pending.events[0].data,
		"{\"reference\":\"K7Q2MX\",\"id\":\"0951:1666:60A44C41\",\"maker\":\"Kingston\","
		"\"model\":\"DataTraveler\",\"kind\":\"storage\",\"port\":\"2-1\","
		"\"interfaces\":[\"080650\"],\"bytes\":16777216,\"file_system\":\"vfat\","
		"\"verdict\":\"refused\",\"why\":\"not-approved\",\"line\":14,"
		"\"user\":\"person-a8b70595\"}");
	assert_int_equal(agent.pending.events[1].count, 2);
	again();
	assert_works(hardware_events_take(&agent, &seen, &err));
	assert_int_equal(agent.pending.count, 2);
	end();
}

static void a_person_appears_as_the_policy_says(void **state)
{
	static const struct {
		const char *policy, *user;
	} rows[] = {
		{"[privacy]\nusers = name\n", "\"user\":\"ann\""},
		{"[privacy]\nusers = never\n", "\"user\":\"a member of staff\""},
		{"[policy]\nused_by = pupils\n", "\"user\":\"a pupil\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		begin(rows[i].policy);
		put_file(REFUSED);
		assert_works(hardware_events_take(&agent, &seen, &err));
		if (!strstr(agent.pending.events[0].data, rows[i].user))
			fail_msg("%s: %s", rows[i].policy, agent.pending.events[0].data);
		end();
	}
}

static void what_was_storage_and_types_now_is_told_with_its_id(void **state)
{
	(void)state;
	begin("");
	put_file("{\"n\":\"1\",\"at\":5,\"type\":\"hardware-changed\",\"count\":1,"
		 "\"enforced\":false,\"id\":\"0951:1666:S\",\"port\":\"1-1\",\"kind\":\"input\","
		 "\"interfaces\":[\"030101\"],\"verdict\":\"passed\",\"why\":\"was-storage\"}\n");
	assert_works(hardware_events_take(&agent, &seen, &err));
	assert_int_equal(agent.pending.count, 1);
	assert_string_equal(agent.pending.events[0].type, "hardware-changed");
	assert_string_equal(agent.pending.events[0].data,
			    "{\"id\":\"0951:1666:S\",\"kind\":\"input\",\"port\":\"1-1\","
			    "\"interfaces\":[\"030101\"],\"enforced\":false,"
			    "\"verdict\":\"passed\",\"why\":\"was-storage\"}");
	assert_int_equal(seen.refused + seen.would_refuse, 0);
	end();
}

static void what_is_not_storage_is_told_by_model_at_most(void **state)
{
	(void)state;
	begin("");
	put_file("{\"n\":\"1\",\"at\":5,\"type\":\"hardware-seen\",\"count\":3,\"id\":\"2104:0313:"
		 "S\","
		 "\"port\":\"1-1\",\"kind\":\"other\",\"maker\":\"Tobii\",\"model\":\"Eye\","
		 "\"verdict\":\"passed\",\"why\":\"assistive\",\"user\":\"ann\"}\n"
		 "{\"n\":\"2\",\"at\":5,\"type\":\"hardware-refused\",\"count\":1,"
		 "\"id\":\"12d1:1506:SERIAL\",\"port\":\"1-1\",\"kind\":\"modem\","
		 "\"maker\":\"Huawei\",\"verdict\":\"refused\",\"why\":\"refused-class\"}\n");
	assert_works(hardware_events_take(&agent, &seen, &err));
	assert_int_equal(agent.pending.count, 2);
	assert_string_equal(agent.pending.events[0].data,
			    "{\"kind\":\"other\",\"verdict\":\"passed\"}");
	assert_int_equal(agent.pending.events[0].count, 3);
	assert_string_equal(agent.pending.events[1].data,
			    "{\"id\":\"12d1:1506\",\"kind\":\"modem\",\"port\":\"1-1\","
			    "\"verdict\":\"refused\",\"why\":\"refused-class\"}");
	end();
}

/* Whichever change of a file is the last one that happens, the next run makes it good. */
static void killed_anywhere_it_loses_nothing_and_doubles_nothing(void **state)
{
	(void)state;
	for (unsigned after = 0; after < 6; after++) {
		bool hit;

		begin("");
		put_file(REFUSED WOULD);
		fake_fail_changes(after, ERR_IO);
		(void)hardware_events_take(&agent, &seen, &(struct err){ERR_NONE, ""});
		hit = fake_fault_hit();
		fake_fail_changes(0, ERR_NONE);
		again();
		assert_works(hardware_events_take(&agent, &seen, &err));
		assert_int_equal(agent.pending.count, 2);
		assert_int_equal(agent.pending.events[0].count + agent.pending.events[1].count, 3);
		assert_null(fake_file_text(FILE));
		end();
		if (!hit && after > 1)
			return;
	}
	fail_msg("it never ran to its end");
}

static void what_came_since_the_kill_is_taken_and_what_was_taken_is_not(void **state)
{
	(void)state;
	begin("");
	put_file(REFUSED);
	fake_fail_change(1, ERR_IO); /* pending.json is there, the file too */
	(void)hardware_events_take(&agent, &seen, &(struct err){ERR_NONE, ""});
	assert_true(fake_fault_hit());
	put_file(REFUSED WOULD); /* the daemon went on */
	again();
	assert_int_equal(agent.pending.count, 1);
	assert_works(hardware_events_take(&agent, &seen, &err));
	assert_int_equal(agent.pending.count, 2);
	assert_int_equal(agent.pending.events[0].count, 1);
	assert_null(fake_file_text(FILE));
	end();
}

static void what_cannot_be_read_is_counted_as_lost(void **state)
{
	static const char *const bad[] = {
		"not json\n",
		"[]\n",
		"{\"at\":1,\"type\":\"storage-refused\"}\n",
		"{\"at\":1,\"type\":\"reboot\",\"count\":1}\n",
		"{\"at\":1,\"type\":\"storage-refused\",\"count\":0}\n",
		"{\"at\":1,\"type\":\"storage-refused\",\"count\":1,\"enforced\":\"no\"}\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		begin("");
		put_file(bad[i]);
		assert_works(hardware_events_take(&agent, &seen, &err));
		assert_int_equal(agent.pending.count, 0);
		assert_int_equal(agent.pending.lost, 1);
		assert_null(fake_file_text(FILE));
		end();
	}
	begin("");
	put_file("{\"n\":\"1\",\"at\":5,\"type\":\"events-lost\",\"count\":7}\n");
	assert_works(hardware_events_take(&agent, &seen, &err));
	assert_int_equal(agent.pending.lost, 7);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_each_line_once_and_the_file_goes),
		cmocka_unit_test(a_person_appears_as_the_policy_says),
		cmocka_unit_test(what_is_not_storage_is_told_by_model_at_most),
		cmocka_unit_test(what_was_storage_and_types_now_is_told_with_its_id),
		cmocka_unit_test(killed_anywhere_it_loses_nothing_and_doubles_nothing),
		cmocka_unit_test(what_came_since_the_kill_is_taken_and_what_was_taken_is_not),
		cmocka_unit_test(what_cannot_be_read_is_counted_as_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
