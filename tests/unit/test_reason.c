/* reason.c and verdict.c: words there and back, and sentences from evidence.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto_helpers.h"

#include <ctype.h>

#include "agent/proto/reason_tables.h"

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

static struct json *parse(const char *text)
{
	struct json *root;
	struct err err = {0};

	if (json_parse(text, strlen(text), &root, &err) != 0)
		fail_msg("%s", err.msg);
	return root;
}

static void expands(const char *sentence, const char *evidence, const char *want)
{
	struct json *root = evidence ? parse(evidence) : NULL;
	struct buf out;

	buf_init(&out, 0);
	reason_expand(sentence, root, &out);
	assert_string_equal(buf_text(&out), want);
	json_free(root);
	buf_clear(&out);
}

static void fills_sentences_from_the_evidence(void **state)
{
	(void)state;
	expands("Signatures of {product} are {age_s:duration} old.",
		"{\"product\":\"ClamAV\",\"age_s\":432000}",
		"Signatures of ClamAV are 5 days old.");
	expands("Scanned on {last:date}.", "{\"last\":\"2026-05-03T23:59:59Z\"}",
		"Scanned on 3 May 2026.");
	expands("Scanned on {last:date}.", "{\"last\":1795328400}", "Scanned on 22 November 2026.");
	expands("{fixes:count} fixes: {fixes}.",
		"{\"fixes\":[{\"name\":\"openssl\"},{\"name\":\"zlib1g\"}]}",
		"2 fixes: openssl and zlib1g.");
	expands("{l}", "{\"l\":[\"a\"]}", "a");
	expands("{l}", "{\"l\":[]}", "none");
	expands("{l}", "{\"l\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}", "a, b, c, d and e");
	expands("{l}", "{\"l\":[1,2,3,4,5,6,7]}", "1, 2, 3, 4, 5 and 2 more");
	expands("{n} % of {m}", "{\"n\":41.25,\"m\":-7}", "41.2 % of -7");
	expands("{a}{b}", "{\"a\":true,\"b\":false}", "yesno");
	expands("Nothing to fill in.", "{}", "Nothing to fill in.");
}

static void survives_evidence_that_is_foreign(void **state)
{
	static const char *const evidence[] = {
		NULL, "[]", "{}", "{\"x\":null}", "{\"x\":{\"y\":1}}", "{\"x\":\"\"}"};
	static const char *const no_date[] = {"{\"x\":\"soon\"}", "{\"x\":1e300}", "{\"x\":[]}"};

	(void)state;
	for (size_t i = 0; i < COUNT(evidence); i++)
		expands("It is {x}.", evidence[i], "It is (not known).");
	for (size_t i = 0; i < COUNT(no_date); i++)
		expands("On {x:date}.", no_date[i], "On (not known).");
	expands("{x:duration}", "{\"x\":\"3\"}", "(not known)");
	expands("{x:duration}", "{\"x\":-1e300}", "(not known)");
	expands("{x}.", "{\"x\":\"a\\u001b[1m\\u202eb\"}",
		"a\xef\xbf\xbd[1m\xef\xbf\xbd"
		"b.");
}

static void finds_the_sentences_of_a_token(void **state)
{
	struct json *evidence = parse("{\"message\":\"run 'nft': timed out\"}");
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	reason_wrong(CONTROL_FIREWALL, "cannot-tell", evidence, &out);
	assert_string_equal(out.data, "This machine could not find out: run 'nft': timed out.");
	buf_reset(&out);
	reason_todo(CONTROL_FIREWALL, "ok", evidence, &out);
	assert_string_equal(out.data, "Nothing to do.");
	json_free(evidence);
	buf_clear(&out);
}

static void one_is_said_otherwise_than_many(void **state)
{
	static const struct {
		const char *evidence, *want;
	} cases[] = {
		{"{\"n\":1}", "1 fix is overdue."},       {"{\"n\":0}", "0 fixes are overdue."},
		{"{\"n\":12}", "12 fixes are overdue."},  {"{\"n\":[\"a\"]}", "a fix is overdue."},
		{"{}", "(not known) fixes are overdue."},
	};
	struct buf out;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json *evidence = parse(cases[i].evidence);

		buf_init(&out, 0);
		reason_expand("{n} {n:fix is|fixes are} overdue.", evidence, &out);
		assert_string_equal(buf_text(&out), cases[i].want);
		buf_clear(&out);
		json_free(evidence);
	}
}

static void shows_a_newer_agents_token_itself(void **state)
{
	struct buf out;

	(void)state;
	assert_false(reason_known(CONTROL_BACKUP, "quantum-lost"));
	for (int control = 0; control < CONTROL_COUNT; control++)
		assert_true(reason_known((enum control_id)control, "cannot-tell"));
	buf_init(&out, 0);
	reason_wrong(CONTROL_BACKUP, "quantum-lost", NULL, &out);
	assert_string_equal(out.data, "quantum-lost");
	buf_reset(&out);
	reason_todo(CONTROL_BACKUP, "quantum-lost", NULL, &out);
	assert_string_equal(out.data, "See the evidence: this agent is newer than what shows it.");
	buf_clear(&out);
}

/* ":fix is|fixes are}" */
static bool is_plural(const char *format)
{
	size_t len = strcspn(format, "}");

	return *format == ':' && memchr(format, '|', len) && len < 48;
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
			    (*end != '}' && !is_plural(end) &&
			     strncmp(end, ":duration}", 10) != 0 &&
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
		assert_true(count >= 4); /* those that every control has */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_every_word_and_finds_it_again),
		cmocka_unit_test(leaves_the_answer_alone_for_words_it_does_not_know),
		cmocka_unit_test(says_what_people_read),
		cmocka_unit_test(fills_sentences_from_the_evidence),
		cmocka_unit_test(finds_the_sentences_of_a_token),
		cmocka_unit_test(survives_evidence_that_is_foreign),
		cmocka_unit_test(one_is_said_otherwise_than_many),
		cmocka_unit_test(shows_a_newer_agents_token_itself),
		cmocka_unit_test(has_two_sentences_for_every_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
