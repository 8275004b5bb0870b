/* The rules' file: what is written reads back alike, what was cut or changed is refused.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/buf.h"
#include "agent/gate/rules.h"

#define HEAD \
	"caretaker-gate 1\npolicy woodcote%20primary 17\n" \
	"mode storage enforce 12\nmode hardware audit 20\n"

static const char full[] = "caretaker-gate 1\n"
			   "policy woodcote%20primary 17\n"
			   "clock 1795328400 3600 5b1f0c4e-6f3a-4e0d-9a7c-2d1e8b6f4a01\n"
			   "mode storage enforce 12\n"
			   "mode hardware audit 20\n"
			   "set allow approved 14\n"
			   "set encrypted luks,hardware 15\n"
			   "set plain read-only 0\n"
			   "set scan on-open 16\n"
			   "set scan_max_minutes 45 0\n"
			   "set read_only yes 17\n"
			   "set weak_serial ask 18\n"
			   "set kinds usb,optical 0\n"
			   "set max_depth 2 0\n"
			   "set shut_while_locked yes 0\n"
			   "set ask yes 0\n"
			   "stick 0951:1666:60A44C41* 0 any - 15\n"
			   "person j.o%27n%C3%A9%20%25 1790000000 read-only EX-12 0\n"
			   "model hardware-encrypted 0951:16a4 17\n"
			   "model unlocker 0951:16a4 17\n"
			   "class-set microbit 0d28:0204 8388608 12\n"
			   "port front 1-3 16\n"
			   "port rear 2-* 18\n"
			   "refuse class network 30\n"
			   "refuse model 1234:5678 31\n"
			   "pass model 0951:1666 0 - 32\n"
			   "pass model 1234:* 1790000000 EX-13 0\n"
			   "assist 0c45:* 0\n"
			   "end\n";

static struct gate_rules *parse(const char *text)
{
	struct gate_rules *rules = NULL;

	assert_works(gate_rules_parse(text, strlen(text), &rules, &err));
	return rules;
}

static void reads_every_line(void **state)
{
	struct gate_rules *rules = parse(full);

	(void)state;
	assert_string_equal(rules->policy, "woodcote primary");
	assert_int_equal(rules->policy_serial, 17);
	assert_int_equal(rules->acked, 1795328400);
	assert_int_equal(rules->acked_uptime_s, 3600);
	assert_string_equal(rules->acked_boot, "5b1f0c4e-6f3a-4e0d-9a7c-2d1e8b6f4a01");
	assert_int_equal(rules->storage_mode, GATE_ENFORCE);
	assert_int_equal(rules->hardware_mode, GATE_AUDIT);
	assert_int_equal(rules->hardware_mode_line, 20);
	assert_int_equal(rules->allow, GATE_ALLOW_APPROVED);
	assert_int_equal(rules->allow_line, 14);
	assert_int_equal(rules->encrypted, GATE_ENCRYPTED_LUKS | GATE_ENCRYPTED_HARDWARE);
	assert_int_equal(rules->plain, GATE_PLAIN_READ_ONLY);
	assert_int_equal(rules->scan, GATE_SCAN_ON_OPEN);
	assert_int_equal(rules->scan_max_minutes, 45);
	assert_true(rules->read_only && rules->shut_while_locked && rules->ask);
	assert_int_equal(rules->weak_serial, GATE_WEAK_ASK);
	assert_int_equal(rules->kinds, GATE_KIND_USB | GATE_KIND_OPTICAL);
	assert_int_equal(rules->max_depth, 2);
	assert_int_equal(rules->rule_count, 12);
	assert_string_equal(rules->rules[0].exception, "");
	assert_string_equal(rules->rules[1].what, "j.o'n\xc3\xa9 %");
	assert_int_equal(rules->rules[1].until, 1790000000);
	assert_int_equal(rules->rules[1].open, GATE_OPEN_READ_ONLY);
	assert_string_equal(rules->rules[1].exception, "EX-12");
	assert_int_equal(rules->rules[3].kind, GATE_RULE_UNLOCKER);
	assert_int_equal(rules->rules[4].kind, GATE_RULE_CLASS_SET);
	assert_string_equal(rules->rules[4].name, "microbit");
	assert_int_equal(rules->rules[4].max_bytes, 8388608);
	assert_int_equal(rules->rules[7].line, 30);
	assert_true(gate_rule_lasts(&rules->rules[9]));
	assert_int_equal(rules->rules[9].line, 32);
	assert_int_equal(rules->rules[10].kind, GATE_RULE_PASS_MODEL);
	assert_string_equal(rules->rules[10].what, "1234:*");
	assert_string_equal(rules->rules[10].exception, "EX-13");
	assert_int_equal(rules->rules[10].until, 1790000000);
	assert_false(gate_rule_lasts(&rules->rules[10]));
	gate_rules_free(rules);
}

static void what_is_printed_reads_back_alike(void **state)
{
	struct gate_rules *rules = parse(full), *again;
	struct buf first, second;

	(void)state;
	buf_init(&first, 0);
	buf_init(&second, 0);
	gate_rules_print(rules, &first);
	again = parse(buf_text(&first));
	gate_rules_print(again, &second);
	assert_string_equal(buf_text(&first), buf_text(&second));
	assert_non_null(strstr(buf_text(&first), "person j.o'n%C3%A9%20%25 1790000000 read-only"));
	buf_clear(&first);
	buf_clear(&second);
	gate_rules_free(rules);
	gate_rules_free(again);
}

static void a_built_set_of_rules_prints_without_a_parser(void **state)
{
	const struct gate_rule rule[] = {
		{.kind = GATE_RULE_STICK, .what = "0951:1666:-", .line = 3},
		{.kind = GATE_RULE_PERSON, .what = "-", .exception = ""}};
	const struct gate_rules rules = {
		.storage_mode = GATE_ENFORCE, .rules = rule, .rule_count = 2};
	struct gate_rules *again;
	struct buf text;

	(void)state;
	buf_init(&text, 0);
	gate_rules_print(&rules, &text);
	again = parse(buf_text(&text));
	assert_string_equal(again->policy, "");
	assert_string_equal(again->rules[0].what, "0951:1666:-");
	assert_string_equal(again->rules[1].what, "-");
	assert_int_equal(again->rules[1].open, GATE_OPEN_ENCRYPTED);
	buf_clear(&text);
	gate_rules_free(again);
}

static void an_approval_says_all_that_it_opens(void **state)
{
	static const struct {
		const char *opens; /* NULL: refused */
		const char *printed;
		enum gate_open open;
		bool read_only, scanned;
	} rows[] = {
		{"any", "any", GATE_OPEN_ANY, false, false},
		{"any,scanned", "any,scanned", GATE_OPEN_ANY, false, true},
		{"scanned,read-only", "read-only,scanned", GATE_OPEN_READ_ONLY, true, true},
		{"read-only,encrypted", "encrypted,read-only", GATE_OPEN_ENCRYPTED, true, false},
		{"encrypted,read-only,scanned", "encrypted,read-only,scanned", GATE_OPEN_ENCRYPTED,
		 true, true},
		{"scanned", NULL, 0, 0, 0},
		{"none", NULL, 0, 0, 0},
		{"any,read-only", NULL, 0, 0, 0},
		{"encrypted,any", NULL, 0, 0, 0},
		{"full", NULL, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *head = "caretaker-gate 1\npolicy p 1\nmode storage enforce 0\n"
				   "mode hardware audit 0\n";
		char text[300], line[100];
		struct gate_rules *rules = NULL;
		struct buf printed;

		snprintf(line, sizeof(line), "stick 0951:1666 5 %s EX-1 0\n", rows[i].opens);
		snprintf(text, sizeof(text), "%s%send\n", head, line);
		if (!rows[i].printed) {
			struct err why;

			assert_int_equal(gate_rules_parse(text, strlen(text), &rules, &why), -1);
			assert_null(rules);
			continue;
		}
		rules = parse(text);
		assert_int_equal(rules->rules[0].open, rows[i].open);
		assert_int_equal(rules->rules[0].read_only, rows[i].read_only);
		assert_int_equal(rules->rules[0].scanned, rows[i].scanned);
		buf_init(&printed, 0);
		gate_rules_print(rules, &printed);
		snprintf(line, sizeof(line), "stick 0951:1666 5 %s EX-1 0\n", rows[i].printed);
		assert_non_null(strstr(buf_text(&printed), line));
		buf_clear(&printed);
		gate_rules_free(rules);
	}
}

static void what_is_not_set_is_what_refuses(void **state)
{
	struct gate_rules *rules = parse(HEAD "end\n");

	(void)state;
	assert_int_equal(rules->allow, GATE_ALLOW_NONE);
	assert_int_equal(rules->plain, GATE_PLAIN_REFUSE);
	assert_int_equal(rules->weak_serial, GATE_WEAK_REFUSE);
	assert_int_equal(rules->kinds, 63);
	assert_false(rules->ask);
	gate_rules_free(rules);
}

static void refuses_bad_lines_and_names_them(void **state)
{
	static const struct {
		const char *text, *msg;
	} cases[] = {
		{"", "it does not end with 'end': the file was cut"},
		{"caretaker-gate 1\n", "it does not end with 'end': the file was cut"},
		{"caretaker-gate 2\nend\n",
		 "line 1: not 'caretaker-gate 1': another program's file, or a newer one's"},
		{"caretaker-gate 1\nend\n", "'policy' or a 'mode' is missing"},
		{HEAD "end", "line 5: it does not end"},
		{HEAD "end\nend\n", "line 6: there is more after 'end'"},
		{HEAD "end\n\n", "line 6: there is more after 'end'"},
		{HEAD "\nend\n", "line 5: word 1 is not written as it should be"},
		{HEAD "set  allow any 1\nend\n", "line 5: word 2 is not written as it should be"},
		{HEAD "stik 0951:1666 0 any - 1\nend\n", "line 5: unknown rule 'stik'"},
		{HEAD "stick 0951:1666 0 any -\nend\n", "line 5: 'stick' takes 5 words, not 4"},
		{HEAD "stick a b c d e f g\nend\n", "line 5: more than 6 words"},
		{HEAD "stick - 0 any - 1\nend\n", "line 5: a rule for nothing"},
		{HEAD "stick 0951:1666 -1 any - 1\nend\n",
		 "line 5: '-1' is no number from 0 to 9223372036854775807"},
		{HEAD "stick 0951:1666 0 all - 1\nend\n", "line 5: 'all' is no value here"},
		{HEAD "stick 0951:1666 0 any - x\nend\n",
		 "line 5: 'x' is no number from 0 to 1000000"},
		{HEAD "stick 0951:%zz 0 any - 1\nend\n",
		 "line 5: word 2 is not written as it should be"},
		{HEAD "stick 0951:%00 0 any - 1\nend\n",
		 "line 5: word 2 is not written as it should be"},
		{HEAD "stick 0951:%4\nend\n", "line 5: word 2 is not written as it should be"},
		{HEAD "stick \xc3\xa9 0 any - 1\nend\n",
		 "line 5: word 2 is not written as it should be"},
		{HEAD "policy again 1\nend\n", "line 5: a second 'policy'"},
		{HEAD "mode storage off 0\nend\n", "line 5: a second 'mode'"},
		{HEAD "mode doors off 0\nend\n", "line 5: 'doors' has no mode"},
		{HEAD "set allow any 1\nset allow none 1\nend\n", "line 6: a second 'set'"},
		{HEAD "set colour red 1\nend\n", "line 5: 'colour' is nothing that can be set"},
		{HEAD "set kinds usb,tape 1\nend\n", "line 5: 'tape' is no value here"},
		{HEAD "set max_depth 8 1\nend\n", "line 5: '8' is no number from 0 to 7"},
		{HEAD "class-set lego 0694:* 0 1\nend\n",
		 "line 5: a class set without a bound on its size"},
		{HEAD "refuse class keyboard 1\nend\n",
		 "line 5: 'keyboard' is no class of devices"},
		{HEAD "refuse all x 1\nend\n", "line 5: no rule begins 'refuse all'"},
		{HEAD "pass class network 0 - 1\nend\n", "line 5: no rule begins 'pass class'"},
		{HEAD "pass model 1234:5678 1\nend\n", "line 5: 'pass' takes 5 words, not 3"},
		{HEAD "pass model 1234:5678 soon EX-1 0\nend\n",
		 "line 5: 'soon' is no number from 0 to 9223372036854775807"},
		{HEAD "pass model 1234:5678 1 "
		      "1234567890123456789012345678901234567890123456789012345678901234 0\nend\n",
		 "line 5: the id of an exception is too long"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct gate_rules *rules = (struct gate_rules *)state;

		assert_fails(gate_rules_parse(cases[i].text, strlen(cases[i].text), &rules, &err),
			     ERR_INVALID, cases[i].msg);
		assert_ptr_equal(rules, state);
	}
	assert_fails(gate_rules_parse("a\0b\n", 4, &(struct gate_rules *){NULL}, &err), ERR_INVALID,
		     "the rules hold a NUL byte");
}

/* A file that a power cut or a full disk left is never taken for a shorter set of rules. */
static void every_cut_is_seen(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(full) - 1; len++) {
		struct gate_rules *rules = NULL;
		struct err err;

		if (gate_rules_parse(full, len, &rules, &err) == 0)
			fail_msg("the first %zu bytes were taken", len);
	}
}

static void refuses_too_much(void **state)
{
	struct gate_rules *rules = NULL;
	struct buf text;

	(void)state;
	buf_init(&text, 0);
	buf_adds(&text, HEAD);
	for (int i = 0; i < GATE_RULES_COUNT_MAX; i++)
		buf_addf(&text, "assist %04x:* 0\n", i);
	buf_adds(&text, "end\n");
	rules = parse(buf_text(&text));
	assert_int_equal(rules->rule_count, GATE_RULES_COUNT_MAX);
	gate_rules_free(rules);
	text.len -= 4;
	buf_adds(&text, "assist ffff:* 0\nend\n");
	assert_fails(gate_rules_parse(text.data, text.len, &rules, &err), ERR_INVALID,
		     "line 4101: more than 4096 rules");
	while (text.len <= GATE_RULES_MAX)
		buf_adds(&text, "assist ffff:* 0\n");
	assert_fails(gate_rules_parse(text.data, text.len, &rules, &err), ERR_INVALID,
		     "the rules are larger than 262144 bytes");
	buf_clear(&text);
}

static void rules_are_open_to_all_where_any_medium_opens_to_anybody(void **state)
{
	static const struct {
		const char *storage, *set;
		bool open;
	} rows[] = {
		{"enforce", "set allow any 0\nset encrypted none 0\nset scan none 0\n", true},
		{"enforce", "set allow approved 0\nset encrypted none 0\nset scan none 0\n", false},
		{"enforce", "set allow any 0\nset encrypted luks 0\nset scan none 0\n", false},
		{"enforce", "set allow any 0\nset encrypted none 0\nset scan on-open 0\n", false},
		{"enforce",
		 "set allow any 0\nset encrypted none 0\nset scan none 0\nset read_only yes 0\n",
		 false},
		{"enforce", "", false}, /* what is not set is what refuses */
		{"audit", "", true},
		{"off", "", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gate_rules *rules;
		char text[300];

		snprintf(
			text, sizeof(text),
			"caretaker-gate 1\npolicy p 1\nmode storage %s 0\nmode hardware enforce 0\n"
			"%send\n",
			rows[i].storage, rows[i].set);
		rules = parse(text);
		assert_int_equal(gate_rules_open_to_all(rules), rows[i].open);
		gate_rules_free(rules);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_line),
		cmocka_unit_test(what_is_printed_reads_back_alike),
		cmocka_unit_test(a_built_set_of_rules_prints_without_a_parser),
		cmocka_unit_test(an_approval_says_all_that_it_opens),
		cmocka_unit_test(what_is_not_set_is_what_refuses),
		cmocka_unit_test(refuses_bad_lines_and_names_them),
		cmocka_unit_test(every_cut_is_seen),
		cmocka_unit_test(refuses_too_much),
		cmocka_unit_test(rules_are_open_to_all_where_any_medium_opens_to_anybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
