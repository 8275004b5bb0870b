/* From policy, exceptions and tables to the gate's rules.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gate_agent.h"

#include "agent/check/gate_device.h"
#include "agent/gate/decide.h"
#include "agent/gate/hold.h"

/* --- compiling --- */

static void says_what_the_policy_says_with_its_lines(void **state)
{
	struct gate_rules *r;

	(void)state;
	begin("[policy]\nname = staff\n[removable-storage]\nmode = enforce\nallow = approved\n"
	      "approved_sticks = 0951:1666:60A4*\napproved_people = ann\n"
	      "encrypted = luks, hardware\nplain = read-only\nscan = on-open\nread_only = yes\n"
	      "weak_serial = ask\nkinds = usb, phone\nclassroom = pico\nfront_ports = 1-3, 1-4\n"
	      "max_hubs = 2\nshut_while_locked = no\nask = no\nhardware_encrypted = 1234:5678, "
	      "0984:1407\n"
	      "[hardware]\nmode = audit\nrefused_classes = modem, firewire\n"
	      "refused_devices = 1111:2222\napproved_devices = 3333:4444\nrear_ports = 2-*\n");
	r = compiled(&agent);
	assert_string_equal(r->policy, "staff");
	assert_int_equal(r->storage_mode, GATE_ENFORCE);
	assert_int_equal(r->storage_mode_line, 4);
	assert_int_equal(r->hardware_mode, GATE_AUDIT);
	assert_int_equal(r->allow, GATE_ALLOW_APPROVED);
	assert_int_equal(r->allow_line, 5);
	assert_int_equal(r->encrypted, GATE_ENCRYPTED_LUKS | GATE_ENCRYPTED_HARDWARE);
	assert_int_equal(r->encrypted_line, 8);
	assert_int_equal(r->plain, GATE_PLAIN_READ_ONLY);
	assert_int_equal(r->scan, GATE_SCAN_ON_OPEN);
	assert_true(r->read_only && !r->shut_while_locked && !r->ask);
	assert_int_equal(r->weak_serial, GATE_WEAK_ASK);
	assert_int_equal(r->kinds, GATE_KIND_USB | GATE_KIND_PHONE);
	assert_int_equal(r->max_depth, 2);
	assert_int_equal(rule_for(r, GATE_RULE_STICK, "0951:1666:60A4*")->line, 6);
	assert_int_equal(rule_for(r, GATE_RULE_STICK, "0951:1666:60A4*")->open,
			 GATE_OPEN_ENCRYPTED);
	assert_int_equal(rule_for(r, GATE_RULE_PERSON, "ann")->line, 7);
	assert_int_equal(rule_for(r, GATE_RULE_FRONT_PORT, "1-4")->line, 15);
	assert_non_null(rule_for(r, GATE_RULE_HARDWARE_ENCRYPTED, "1234:5678"));
	assert_non_null(rule_for(r, GATE_RULE_HARDWARE_ENCRYPTED, "0951:160d"));
	assert_non_null(rule_for(r, GATE_RULE_UNLOCKER, "0951:160d"));
	assert_non_null(rule_for(r, GATE_RULE_UNLOCKER, "1234:5678")); /* nobody said it has none */
	assert_non_null(rule_for(r, GATE_RULE_HARDWARE_ENCRYPTED, "2009:5004"));
	assert_null(rule_for(r, GATE_RULE_UNLOCKER, "2009:5004"));
	assert_null(rule_for(r, GATE_RULE_UNLOCKER, "0984:1407")); /* the table knows it */
	assert_non_null(rule_for(r, GATE_RULE_REFUSE_CLASS, "modem"));
	assert_non_null(rule_for(r, GATE_RULE_REFUSE_MODEL, "1111:2222"));
	assert_non_null(rule_for(r, GATE_RULE_PASS_MODEL, "3333:4444"));
	assert_non_null(rule_for(r, GATE_RULE_REAR_PORT, "2-*"));
	assert_non_null(rule_for(r, GATE_RULE_ASSIST, "2104:*"));
	assert_int_equal(rule_for(r, GATE_RULE_CLASS_SET, "2e8a:0003")->max_bytes, 128 << 20);
	assert_string_equal(rule_for(r, GATE_RULE_CLASS_SET, "2e8a:0003")->name, "pico");
	assert_null(rule_for(r, GATE_RULE_CLASS_SET, "0d28:0204")); /* not in 'classroom' */
	gate_rules_free(r);
	end();
}

static void an_approved_stick_need_not_be_encrypted_where_nothing_must(void **state)
{
	struct gate_rules *r;

	(void)state;
	begin("[removable-storage]\nallow = approved\nencrypted =\napproved_by = stick\n"
	      "approved_sticks = 0951:1666\napproved_people = ann\n");
	r = compiled(&agent);
	assert_int_equal(rule_for(r, GATE_RULE_STICK, "0951:1666")->open, GATE_OPEN_ANY);
	assert_null(rule_for(r, GATE_RULE_PERSON, "ann")); /* not in 'approved_by' */
	gate_rules_free(r);
	end();
}

static void a_new_school_looks_on_before_anything_is_enforced(void **state)
{
	struct gate_rules *r;

	(void)state;
	begin("[removable-storage]\nmode = enforce\n[hardware]\nmode = enforce\n");
	agent.identity.audit_until = FAKE_NOW + DAY;
	r = compiled(&agent);
	assert_int_equal(r->storage_mode, GATE_AUDIT);
	assert_int_equal(r->hardware_mode, GATE_AUDIT);
	gate_rules_free(r);
	agent.now += 2 * DAY;
	r = compiled(&agent);
	assert_int_equal(r->storage_mode, GATE_ENFORCE);
	gate_rules_free(r);
	end();
}

/* --- exceptions --- */

static void an_exception_opens_no_more_and_no_longer_than_the_policy_lets_it(void **state)
{
	static const struct {
		const char *policy, *what;
		enum gate_rule_kind kind;
		const char *rule; /* NULL: none */
		enum gate_open open;
		int64_t days;
	} rows[] = {
		{"storage = any\nmax_days = 30\n", "0951:1666:60A4", GATE_RULE_STICK,
		 "0951:1666:60A4", GATE_OPEN_ANY, 10},
		{"storage = any\nmax_days = 3\n", "0951:1666:60A4", GATE_RULE_STICK,
		 "0951:1666:60A4", GATE_OPEN_ANY, 3},
		{"storage = any\n", "0951:1666 read-only", GATE_RULE_STICK, "0951:1666",
		 GATE_OPEN_READ_ONLY, 10},
		{"storage = encrypted\n", "0951:1666 any", GATE_RULE_STICK, "0951:1666",
		 GATE_OPEN_ENCRYPTED, 10},
		{"storage = read-only\n", "ann", GATE_RULE_PERSON, "ann", GATE_OPEN_READ_ONLY, 10},
		{"storage = read-only\n", "", GATE_RULE_STICK, "*:*", GATE_OPEN_READ_ONLY, 10},
		{"storage = any\n", "ann scanned", GATE_RULE_PERSON, "ann", GATE_OPEN_ANY, 10},
		{"storage = any\n", "0951:1666 everything", GATE_RULE_STICK, NULL, 0, 0},
		{"storage = any\n", "0951:1666 any read-only", GATE_RULE_STICK, NULL, 0, 0},
		{"storage = any\n", "0951:1666 scanned ", GATE_RULE_STICK, NULL, 0, 0},
		{"storage = any\n", " any", GATE_RULE_STICK, NULL, 0, 0},
		{"storage = any\nallowed = no\n", "0951:1666", GATE_RULE_STICK, NULL, 0, 0},
		{"storage = any\ncontrols = hardware\n", "0951:1666", GATE_RULE_STICK, NULL, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char policy[200];
		const struct gate_rule *rule = NULL;
		struct gate_rules *r;

		snprintf(policy, sizeof(policy),
			 "[exceptions]\n%s[removable-storage]\nclassroom =\n", rows[i].policy);
		begin(policy);
		except("removable-storage", rows[i].what, FAKE_NOW + 10 * DAY);
		r = compiled(&agent);
		if (rows[i].rule)
			rule = rule_for(r, rows[i].kind, rows[i].rule);
		for (size_t k = 0; !rows[i].rule && k < r->rule_count; k++)
			assert_string_equal(r->rules[k].exception, "");
		if (rows[i].rule && !rule)
			fail_msg("row %zu: no rule for '%s'", i, rows[i].rule);
		if (rule) {
			assert_int_equal(rule->open, rows[i].open);
			assert_int_equal(rule->until, FAKE_NOW + rows[i].days * DAY);
			assert_string_equal(rule->exception, EX);
		}
		gate_rules_free(r);
		end();
	}
}

/* A policy that opens only what is encrypted does not turn "to read" into "to write". */
static void what_an_approval_asks_beside_is_kept_whatever_the_policy_lets_it_open(void **state)
{
	static const struct {
		const char *most, *what;
		enum gate_open open;
		bool read_only, scanned;
	} rows[] = {
		{"any", "0951:1666", GATE_OPEN_ANY, false, false},
		{"any", "0951:1666 scanned", GATE_OPEN_ANY, false, true},
		{"any", "0951:1666 read-only scanned", GATE_OPEN_READ_ONLY, true, true},
		{"any", "0951:1666 scanned read-only encrypted", GATE_OPEN_ENCRYPTED, true, true},
		{"read-only", "0951:1666 any scanned", GATE_OPEN_READ_ONLY, true, true},
		{"encrypted", "0951:1666 read-only scanned", GATE_OPEN_ENCRYPTED, true, true},
		{"encrypted", "0951:1666 any", GATE_OPEN_ENCRYPTED, false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct gate_rule *rule;
		struct gate_rules *r;
		char policy[100];

		snprintf(policy, sizeof(policy), "[exceptions]\nstorage = %s\n", rows[i].most);
		begin(policy);
		except("removable-storage", rows[i].what, FAKE_NOW + DAY);
		r = compiled(&agent);
		rule = rule_for(r, GATE_RULE_STICK, "0951:1666");
		assert_non_null(rule);
		if (rule->open != rows[i].open || rule->read_only != rows[i].read_only ||
		    rule->scanned != rows[i].scanned)
			fail_msg("row %zu: open %d read-only %d scanned %d", i, (int)rule->open,
				 rule->read_only, rule->scanned);
		gate_rules_free(r);
		end();
	}
}

static void the_policy_s_own_sticks_say_what_they_are_bound_to(void **state)
{
	const struct gate_rule *rule;
	struct gate_rules *r;

	(void)state;
	begin("[removable-storage]\nallow = approved\nencrypted =\n"
	      "approved_sticks = 0951:1666 read-only scanned, 0951:1667 encrypted, 0951:1668\n");
	r = compiled(&agent);
	rule = rule_for(r, GATE_RULE_STICK, "0951:1666");
	assert_true(rule->open == GATE_OPEN_READ_ONLY && rule->scanned && rule->line == 4);
	rule = rule_for(r, GATE_RULE_STICK, "0951:1667");
	assert_true(rule->open == GATE_OPEN_ENCRYPTED && !rule->scanned);
	rule = rule_for(r, GATE_RULE_STICK, "0951:1668");
	assert_true(rule->open == GATE_OPEN_ANY && !rule->scanned && !rule->read_only);
	gate_rules_free(r);
	end();
}

static void an_exception_to_hardware_lets_a_model_pass_or_every_one_until_its_end(void **state)
{
	const struct gate_rule *rule;
	struct gate_rules *r;

	(void)state;
	begin("[hardware]\nmode = enforce\n");
	except("hardware", "1234:5678", FAKE_NOW + DAY);
	r = compiled(&agent);
	rule = rule_for(r, GATE_RULE_PASS_MODEL, "1234:5678");
	assert_non_null(rule);
	assert_string_equal(rule->exception, EX);
	assert_int_equal(rule->until, FAKE_NOW + DAY);
	gate_rules_free(r);
	except("hardware", "", FAKE_NOW + DAY);
	r = compiled(&agent);
	assert_int_equal(r->hardware_mode, GATE_ENFORCE);
	rule = rule_for(r, GATE_RULE_PASS_MODEL, "*:*");
	assert_non_null(rule);
	assert_int_equal(rule->until, FAKE_NOW + DAY);
	gate_rules_free(r);
	/* Its end is told as any approval's is. */
	agent.now += 2 * DAY;
	r = compiled(&agent);
	assert_int_equal(rule_for(r, GATE_RULE_PASS_MODEL, "*:*")->until, FAKE_NOW + DAY);
	gate_rules_free(r);
	end();
}

/* --- the school's own tables --- */

static void a_school_s_own_table_stands_in_and_a_damaged_one_does_not(void **state)
{
	struct gate_rules *r;

	(void)state;
	begin("");
	fake_file_put("/conf/hardware/classroom.ini",
		      "[Ours]\nset = pico\nmodel = 1209:0001\nmax_mib = 1\n"
		      "why = w\nsource = s\n");
	fake_file_put("/conf/hardware/assistive.ini", "[Ours]\nkind = magic\n");
	r = compiled(&agent);
	assert_non_null(rule_for(r, GATE_RULE_CLASS_SET, "1209:0001"));
	assert_null(rule_for(r, GATE_RULE_CLASS_SET, "0d28:0204"));
	assert_non_null(rule_for(r, GATE_RULE_ASSIST, "2104:*"));
	assert_int_equal(agent.pending.count, 1);
	assert_string_equal(agent.pending.events[0].type, "hardware-table-refused");
	gate_rules_free(r);
	end();
}

/* --- the file --- */

static uint64_t identity(void)
{
	struct plat_file_info info;

	assert_works(plat_file_info("/state/" GATE_RULES_FILE, &info, &err));
	return info.exists ? info.identity : 0;
}

/* Whether the gate was asked to follow the rules since it was asked last. */
static bool asked(void)
{
	bool there = fake_file_text("/state/" GATE_REQUEST_FILE) != NULL;

	assert_works(plat_file_remove("/state/" GATE_REQUEST_FILE, &err));
	return there;
}

static void writes_only_what_is_new(void **state)
{
	uint64_t first;

	(void)state;
	begin("");
	agent.state.clock.acked_time = FAKE_NOW;
	agent.state.clock.acked_uptime_ms = 1000 * 1000;
	strcpy(agent.state.clock.acked_boot, "b");
	assert_works(gate_rules_refresh(&agent, &err));
	first = identity();
	assert_true(first);
	assert_true(asked());
	/* The next acknowledgement tells the same time. */
	agent.state.clock.acked_time += 900;
	agent.state.clock.acked_uptime_ms += 900 * 1000;
	assert_works(gate_rules_refresh(&agent, &err));
	assert_int_equal(identity(), first);
	assert_false(asked());
	agent.state.clock.acked_time += 100; /* a clock that was off */
	assert_works(gate_rules_refresh(&agent, &err));
	assert_int_not_equal(identity(), first);
	first = identity();
	except("removable-storage", "0951:1666:1", FAKE_NOW + DAY);
	assert_works(gate_rules_refresh(&agent, &err));
	assert_int_not_equal(identity(), first);
	assert_true(asked());
	end();
}

static void what_is_damaged_opens_nothing(void **state)
{
	struct policy_document document = {.serial = 7};
	uint64_t first;

	(void)state;
	begin("[removable-storage]\nmode = enforce\n");
	agent.trust.document = &document;
	assert_works(gate_rules_refresh(&agent, &err));
	first = identity();
	/* The policy's file: the default is in force until it comes again. */
	agent.trust.document = NULL;
	policy_free(agent.trust.policy);
	assert_works(policy_default(&agent.trust.policy, &err));
	assert_works(gate_rules_refresh(&agent, &err));
	assert_int_equal(identity(), first);
	/* The enrolment. */
	agent.identity.device[0] = '\0';
	assert_works(gate_rules_refresh(&agent, &err));
	assert_int_equal(identity(), first);
	end();
	/* One that never was has no rules. */
	begin("");
	agent.identity.device[0] = '\0';
	assert_works(gate_rules_refresh(&agent, &err));
	assert_int_equal(identity(), 0);
	end();
}

static void the_gate_is_asked_again_until_it_follows(void **state)
{
	static const struct {
		const char *mode, *mark;
		bool asks;
	} cases[] = {{"enforce", NULL, true},        {"enforce", "changing was -1\n", true},
		     {"enforce", "was -1\n", false}, {"audit", NULL, false},
		     {"audit", "was -1\n", true},    {"audit", "changing was -1\n", true}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char policy[64];

		(void)snprintf(policy, sizeof(policy), "[removable-storage]\nmode = %s\n",
			       cases[i].mode);
		begin(policy);
		gate_rules_follow(&agent); /* no rules, nothing to follow */
		assert_false(asked());
		assert_works(gate_rules_refresh(&agent, &err));
		assert_true(asked());
		if (cases[i].mark)
			fake_file_put("/state/" GATE_ARMED_FILE, cases[i].mark);
		gate_rules_follow(&agent);
		if (asked() != cases[i].asks)
			fail_msg("case %zu", i);
		end();
	}
}

/* --- followed --- */

/* From the policy's text to the gate's answer. */
static void people_are_approved_by_pattern(void **state)
{
	static const struct {
		const char *user;
		enum gate_verb verb;
	} rows[] = {{"teacher1", GATE_OPEN}, {"head", GATE_OPEN}, {"pupil1", GATE_REFUSE}};
	struct plat_port_device port;
	struct gate_device device;
	struct plat_gate *gate;
	struct gate_rules *r;

	(void)state;
	begin("[removable-storage]\nmode = enforce\nallow = approved\nencrypted =\nscan = no\n"
	      "approved_people = teacher*, head\n");
	describe(&port, "2-1", 0x0951, 0x1666, 8, 6, 0x50);
	assert_works(gate_device_open(&gate, &err));
	assert_works(gate_device_from(gate, &port, &device, &err));
	plat_gate_close(gate);
	r = compiled(&agent);
	gate_hold(&device, r);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gate_around around = {.now = FAKE_NOW, .user = rows[i].user};
		struct gate_decision decision;

		gate_decide(r, &device, &around, &decision);
		if (decision.verb != rows[i].verb)
			fail_msg("%s: %d '%s'", rows[i].user, decision.verb, decision.why);
	}
	gate_rules_free(r);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_the_policy_says_with_its_lines),
		cmocka_unit_test(an_approved_stick_need_not_be_encrypted_where_nothing_must),
		cmocka_unit_test(a_new_school_looks_on_before_anything_is_enforced),
		cmocka_unit_test(an_exception_opens_no_more_and_no_longer_than_the_policy_lets_it),
		cmocka_unit_test(
			what_an_approval_asks_beside_is_kept_whatever_the_policy_lets_it_open),
		cmocka_unit_test(the_policy_s_own_sticks_say_what_they_are_bound_to),
		cmocka_unit_test(
			an_exception_to_hardware_lets_a_model_pass_or_every_one_until_its_end),
		cmocka_unit_test(a_school_s_own_table_stands_in_and_a_damaged_one_does_not),
		cmocka_unit_test(writes_only_what_is_new),
		cmocka_unit_test(what_is_damaged_opens_nothing),
		cmocka_unit_test(the_gate_is_asked_again_until_it_follows),
		cmocka_unit_test(people_are_approved_by_pattern),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
