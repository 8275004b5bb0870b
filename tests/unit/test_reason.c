/* reason.c and verdict.c: words there and back, and sentences from evidence.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto_helpers.h"

#include <ctype.h>

#include "agent/proto/reason.h"

static void names_every_word_and_finds_it_again(void **state)
{
	(void)state;
	for (int i = 0; i < VERDICT_COUNT; i++) {
		enum verdict got;

		assert_int_equal(verdict_parse(verdict_name(i), &got), 0);
		assert_int_equal(got, i);
	}
	for (int i = 0; i <= MODE_ENFORCE; i++) {
		enum mode got;

		assert_int_equal(mode_parse(mode_name(i), &got), 0);
		assert_int_equal(got, i);
	}
	for (int i = 0; i < CONTROL_COUNT; i++) {
		enum control_id got;

		assert_int_equal(control_parse(control_name(i), &got), 0);
		assert_int_equal(got, i);
	}
}

static void leaves_the_answer_alone_for_words_it_does_not_know(void **state)
{
	enum control_id control = CONTROL_BACKUP;
	enum verdict verdict = VERDICT_EXCEPTED;
	enum mode mode = MODE_ENFORCE;

	(void)state;
	assert_int_equal(verdict_parse("passed", &verdict), -1);
	assert_int_equal(mode_parse("", &mode), -1);
	assert_int_equal(control_parse("Updates", &control), -1);
	assert_int_equal(verdict, VERDICT_EXCEPTED);
	assert_int_equal(mode, MODE_ENFORCE);
	assert_int_equal(control, CONTROL_BACKUP);
}

static void says_what_people_read(void **state)
{
	static const struct {
		enum verdict verdict;
		long long due_at, now;
		const char *want, *key;
	} cases[] = {
		{VERDICT_PASS, 0, 100, "ok", "ok"},
		{VERDICT_PASS, 100, 100, "due by", "due_by"},
		{VERDICT_PASS, 100, 101, "overdue", "overdue"},
		{VERDICT_FAIL, 0, 100, "to fix", "to_fix"},
		{VERDICT_FAIL, 100, 100, "to fix", "to_fix"},
		{VERDICT_FAIL, 99, 100, "overdue", "overdue"},
		{VERDICT_UNKNOWN, 99, 100, "cannot tell", "cannot_tell"},
		{VERDICT_NOT_APPLICABLE, 0, 0, "not applicable", "not_applicable"},
		{VERDICT_EXCEPTED, 0, 0, "allowed until", "allowed_until"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		enum standing got =
			verdict_standing(cases[i].verdict, cases[i].due_at, cases[i].now);

		assert_string_equal(standing_name(got), cases[i].want);
		assert_string_equal(standing_key(got), cases[i].key);
	}
}

static void sentence(enum control_id control, const char *token, const char *evidence, bool todo,
		     const char *want)
{
	struct json *root = NULL;
	struct err err = {0};
	struct buf out;

	buf_init(&out, 0);
	if (evidence)
		assert_int_equal(json_parse(evidence, strlen(evidence), &root, &err), 0);
	(todo ? reason_todo : reason_wrong)(control, token, root, &out);
	assert_string_equal(buf_text(&out), want);
	json_free(root);
	buf_clear(&out);
}

static void fills_sentences_from_the_evidence(void **state)
{
	(void)state;
	sentence(CONTROL_ANTI_VIRUS, "signatures-old",
		 "{\"product\":\"ClamAV\",\"signature_age_s\":432000,\"signature_max_s\":172800}",
		 false, "The virus signatures of ClamAV are 5 days old; the policy allows 2 days.");
	sentence(CONTROL_ANTI_VIRUS, "scan-old", "{\"last_scan\":\"2026-05-03T23:59:59Z\"}", false,
		 "The last full scan was on 3 May 2026.");
	sentence(CONTROL_ANTI_VIRUS, "scan-old", "{\"last_scan\":1795328400}", false,
		 "The last full scan was on 22 November 2026.");
	sentence(CONTROL_UPDATES, "overdue",
		 "{\"overdue\":[{\"name\":\"openssl\"},{\"name\":\"zlib1g\"}]}", false,
		 "2 security fixes are overdue: openssl and zlib1g.");
	sentence(CONTROL_SERVICES, "listening",
		 "{\"extra\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\"]}", false,
		 "Programs listen on the network that the policy does not allow: a, b, c, d, e and "
		 "2 "
		 "more.");
	sentence(CONTROL_HARDWARE, "battery-worn", "{\"battery_percent\":41.25}", false,
		 "The battery holds 41.2 % of what it did when new.");
	sentence(CONTROL_FIREWALL, "cannot-tell", "{\"message\":\"run 'nft': timed out\"}", false,
		 "This machine could not find out: run 'nft': timed out.");
	sentence(CONTROL_PASSWORD_POLICY, "too-short", "{\"min_length_wanted\":6}", true,
		 "Set minlen = 6 in /etc/security/pwquality.conf.");
}

static void survives_evidence_that_is_foreign(void **state)
{
	(void)state;
	sentence(CONTROL_ANTI_VIRUS, "scan-old", NULL, false,
		 "The last full scan was on (not known).");
	sentence(CONTROL_ANTI_VIRUS, "scan-old", "[]", false,
		 "The last full scan was on (not known).");
	sentence(CONTROL_ANTI_VIRUS, "scan-old", "{\"last_scan\":\"soon\"}", false,
		 "The last full scan was on (not known).");
	sentence(CONTROL_ANTI_VIRUS, "scan-old", "{\"last_scan\":1e300}", false,
		 "The last full scan was on (not known).");
	sentence(CONTROL_ANTI_VIRUS, "not-running", "{\"product\":\"a\\u001b[1m\\u202eb\"}", false,
		 "a\xef\xbf\xbd[1m\xef\xbf\xbd"
		 "b is installed but not running.");
	sentence(CONTROL_ANTI_VIRUS, "not-running", "{\"product\":{\"x\":1}}", false,
		 "(not known) is installed but not running.");
	sentence(CONTROL_ANTI_VIRUS, "virus-found", "{\"detections\":[]}", true,
		 "Take the machine off the network, clean it, and find out where it came from.");
}

static void shows_a_newer_agents_token_itself(void **state)
{
	(void)state;
	assert_false(reason_known(CONTROL_BACKUP, "quantum-lost"));
	assert_true(reason_known(CONTROL_BACKUP, "old"));
	assert_false(reason_known(CONTROL_FIREWALL, "old"));
	assert_true(reason_known(CONTROL_FIREWALL, "cannot-tell"));
	sentence(CONTROL_BACKUP, "quantum-lost", "{}", false, "quantum-lost");
}

static void check_sentence(const char *control, const char *token, const char *text)
{
	size_t len = strlen(text);

	if (len < 10 || text[len - 1] != '.')
		fail_msg("%s %s: '%s' is no sentence", control, token, text);
	for (const char *p = text; *p; p++) {
		if (*p == '{' && !strchr(p, '}'))
			fail_msg("%s %s: '%s' does not close '{'", control, token, text);
		if (*p == '{') {
			size_t name = strspn(p + 1, "abcdefghijklmnopqrstuvwxyz0123456789_");
			const char *end = p + 1 + name;

			if (name == 0 || name > 30 ||
			    (*end != '}' && strncmp(end, ":duration}", 10) != 0 &&
			     strncmp(end, ":date}", 6) != 0 && strncmp(end, ":count}", 7) != 0))
				fail_msg("%s %s: '%s': bad member", control, token, text);
		}
	}
}

static void has_two_sentences_for_every_token(void **state)
{
	(void)state;
	for (int control = 0; control < CONTROL_COUNT; control++) {
		const struct reason *reason;
		size_t count = 0;

		for (; (reason = reason_at(control, count)) != NULL; count++) {
			assert_true(strlen(reason->token) < REASON_MAX);
			assert_true(islower((unsigned char)reason->token[0]));
			check_sentence(control_name(control), reason->token, reason->wrong);
			check_sentence(control_name(control), reason->token, reason->todo);
			for (size_t i = 0; i < count; i++)
				if (strcmp(reason_at(control, i)->token, reason->token) == 0)
					fail_msg("%s: token '%s' twice", control_name(control),
						 reason->token);
		}
		assert_true(count > 6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_every_word_and_finds_it_again),
		cmocka_unit_test(leaves_the_answer_alone_for_words_it_does_not_know),
		cmocka_unit_test(says_what_people_read),
		cmocka_unit_test(fills_sentences_from_the_evidence),
		cmocka_unit_test(survives_evidence_that_is_foreign),
		cmocka_unit_test(shows_a_newer_agents_token_itself),
		cmocka_unit_test(has_two_sentences_for_every_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
