/* chain.c: gaps, forks, repeats and foreign lines, in any order.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto_helpers.h"

#include "agent/proto/chain.h"
#include "tests/sample_heartbeat.h"

static struct crypto_signer *signer;
static struct buf file;
static struct chain_report report;

static int setup(void **state)
{
	(void)state;
	signer = new_signer();
	buf_init(&file, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	crypto_signer_free(signer);
	buf_clear(&file);
	return 0;
}

struct line {
	char *text;
	char hash[HASH_TEXT];
};

static struct line lines[16];
static unsigned line_count;

/* Signs heartbeat 'seq' that follows 'before'; 'twist' makes twins differ. */
static const struct line *beat(const struct crypto_signer *by, int64_t seq,
			       const struct line *before, int twist,
			       const struct crypto_signer *next)
{
	struct line *line = &lines[line_count++];
	struct heartbeat h;
	struct err err = {0};
	struct buf json, jws;

	sample_heartbeat(&h, !before); /* deltas: their key says whose they are */
	h.seq = seq;
	h.at = SAMPLE_AT + 900 * seq + twist;
	if (before)
		memcpy(h.prev, before->hash, sizeof(h.prev));
	if (next) {
		memcpy(h.next_key, crypto_key_point(crypto_signer_key(next)), CRYPTO_POINT_SIZE);
		text_copy(h.next_kid, sizeof(h.next_kid), kid_of(next));
	}
	buf_init(&json, 0);
	buf_init(&jws, 0);
	heartbeat_encode(&h, &json);
	assert_int_equal(jws_sign(JWS_HEARTBEAT, json.data, json.len, true, 1, by, &jws, &err), 0);
	crypto_sha256_b64(jws.data, jws.len, line->hash);
	line->text = buf_take(&jws, NULL);
	buf_clear(&json);
	return line;
}

static void add(const struct line *line)
{
	buf_adds(&file, line->text);
	buf_addc(&file, '\n');
}

static void check(const struct crypto_key *key)
{
	struct chain chain = {.text = file.data, .len = file.len, .line = 1, .keys = &key};
	struct err err = {0};

	chain.key_count = key != NULL;
	if (chain_check(&chain, &report, &err) != 0)
		fail_msg("%s", err.msg);
}

static void drop_lines(void)
{
	while (line_count > 0)
		free(lines[--line_count].text);
}

static void expect(size_t i, enum chain_finding_kind kind, size_t line, int64_t seq,
		   const char *text)
{
	assert_true(i < report.finding_count);
	assert_string_equal(report.findings[i].text, text);
	assert_int_equal(report.findings[i].kind, kind);
	assert_int_equal(report.findings[i].line, line);
	assert_int_equal(report.findings[i].seq, seq);
}

static void finds_nothing_in_a_whole_chain(void **state)
{
	const struct line *a = beat(signer, 7, NULL, 0, NULL), *b = beat(signer, 8, a, 0, NULL),
			  *c = beat(signer, 9, b, 0, NULL);

	(void)state;
	add(c); /* the order of lines is nobody's promise */
	add(a);
	buf_addc(&file, '\n');
	add(b);
	check(crypto_signer_key(signer));
	assert_int_equal(report.finding_count, 0);
	assert_true(report.signatures_checked);
	assert_int_equal(report.checked, 3);
	assert_int_equal(report.good, 3);
	assert_int_equal(report.first_seq, 7);
	assert_int_equal(report.last_seq, 9);
	assert_int_equal(report.first_at, SAMPLE_AT + 6300);
	assert_int_equal(report.last_at, SAMPLE_AT + 8100);
	assert_string_equal(report.head, c->hash);
	assert_string_equal(report.device, DEVICE);
	assert_string_equal(report.kid, kid_of(signer));
	drop_lines();
}

static void says_when_no_signature_was_checked(void **state)
{
	(void)state;
	add(beat(signer, 7, NULL, 0, NULL));
	check(NULL);
	assert_false(report.signatures_checked);
	assert_int_equal(report.good, 1);
	drop_lines();
}

static void finds_a_gap(void **state)
{
	const struct line *a = beat(signer, 1, NULL, 0, NULL), *b = beat(signer, 2, a, 0, NULL),
			  *c = beat(signer, 3, b, 0, NULL), *d = beat(signer, 9, c, 0, NULL);

	(void)state;
	add(a);
	add(c);
	add(d);
	check(crypto_signer_key(signer));
	assert_int_equal(report.finding_count, 2);
	expect(0, CHAIN_GAP, 2, 3, "the heartbeat before number 3 is missing");
	expect(1, CHAIN_GAP, 3, 9, "number 9 follows number 3");
	drop_lines();
}

static void finds_a_fork_and_a_repeat(void **state)
{
	const struct line *a = beat(signer, 1, NULL, 0, NULL), *b = beat(signer, 2, a, 0, NULL),
			  *clone = beat(signer, 2, a, 60, NULL);

	(void)state;
	add(a);
	add(b);
	add(clone);
	add(b);
	check(crypto_signer_key(signer));
	assert_int_equal(report.finding_count, 2);
	expect(0, CHAIN_FORK, 3, 2,
	       "names the same heartbeat before it as line 2: a cloned or rewound machine");
	expect(1, CHAIN_REPEAT, 4, 2, "the same heartbeat as line 2");
	drop_lines();
}

static void finds_lines_that_do_not_belong(void **state)
{
	struct crypto_signer *other = new_signer();
	const struct line *a = beat(signer, 1, NULL, 0, NULL), *b = beat(other, 2, a, 0, NULL);
	char want[120], *stranger;
	struct buf jws;

	(void)state;
	buf_init(&jws, 0);
	add(a);
	add(b);
	spoil(&lines[1].text[strlen(b->text) - 5]); /* no matter: another key is another key */
	buf_adds(&file, "hello\n");
	spoil(&lines[0].text[strlen(a->text) - 5]);
	add(a);
	stranger = replaced("{\"v\":1,\"full\":true,\"device\":\"\"}", "\"\"", "\"x\"");
	forge_typ(signer, "heartbeat", stranger, &jws);
	buf_addf(&file, "%s\n{\"seq\":0}\n", jws.data);
	check(crypto_signer_key(signer));
	snprintf(want, sizeof(want), "signed by another key: '%s'", kid_of(other));
	assert_int_equal(report.finding_count, 5);
	expect(0, CHAIN_BAD_SIGNATURE, 2, 0, want);
	expect(1, CHAIN_BAD_FORM, 3, 0,
	       "not a JWS in compact form: expected three parts with dots between");
	expect(2, CHAIN_BAD_SIGNATURE, 4, 0, "the signature does not hold");
	expect(3, CHAIN_BAD_FORM, 5, 0, "member 'device': expected a UUID in lower-case letters");
	expect(4, CHAIN_BAD_FORM, 6, 0,
	       "neither a JWS nor an erased row: member 'seq': expected an integer from 1 to "
	       "9007199254740991");
	assert_int_equal(report.good, 1);
	free(stranger);
	buf_clear(&jws);
	crypto_signer_free(other);
	drop_lines();
}

static void counts_a_delta_of_another_key_as_another_device(void **state)
{
	struct crypto_signer *other = new_signer();
	const struct line *a = beat(signer, 1, NULL, 0, NULL), *b = beat(signer, 2, a, 0, NULL),
			  *c = beat(other, 3, b, 0, NULL), *d = beat(signer, 3, b, 0, NULL);
	char want[160];

	(void)state;
	add(b); /* a spool may begin with a delta: the full one that follows says whose it is */
	add(a);
	add(c);
	add(d);
	check(NULL);
	snprintf(want, sizeof(want), "names no device, and its key '%s' is not known as this one's",
		 kid_of(other));
	assert_int_equal(report.finding_count, 1);
	expect(0, CHAIN_OTHER_DEVICE, 3, 3, want);
	assert_string_equal(report.device, "6f1cb9a4-3c0e-4b57-9a55-0d9e8a7c41f2");
	assert_int_equal(report.good, 3);
	crypto_signer_free(other);
	drop_lines();
}

static void follows_a_rotated_key(void **state)
{
	struct crypto_signer *next = new_signer();
	const struct line *a = beat(signer, 1, NULL, 0, next), *b = beat(next, 2, a, 0, NULL);

	(void)state;
	add(a);
	add(b);
	check(crypto_signer_key(signer));
	assert_int_equal(report.finding_count, 0);
	assert_int_equal(report.good, 2);
	crypto_signer_free(next);
	drop_lines();
}

/* What a successor signed may stand before the line that announces it. */
static void follows_a_rotated_key_whatever_the_order_of_lines(void **state)
{
	enum { COUNT_LINES = 5, ORDERS = 120 };
	struct crypto_signer *second = new_signer(), *third = new_signer();
	const struct line *chain[COUNT_LINES];

	(void)state;
	chain[0] = beat(signer, 1, NULL, 0, NULL);
	chain[1] = beat(signer, 2, chain[0], 0, second);
	chain[2] = beat(second, 3, chain[1], 0, third);
	chain[3] = beat(third, 4, chain[2], 0, NULL);
	chain[4] = beat(third, 5, chain[3], 0, NULL);
	for (int order = 0; order < ORDERS; order++) {
		const struct line *left[COUNT_LINES];
		int rest = order, count = COUNT_LINES;

		memcpy(left, chain, sizeof(left));
		buf_reset(&file);
		while (count > 0) {
			int i = rest % count;

			rest /= count--;
			add(left[i]);
			left[i] = left[count];
		}
		for (int known = 0; known < 2; known++) {
			check(known ? crypto_signer_key(signer) : NULL);
			if (report.finding_count)
				fail_msg("order %d: line %zu: %s", order, report.findings[0].line,
					 report.findings[0].text);
			assert_int_equal(report.good, COUNT_LINES);
			assert_string_equal(report.kid, kid_of(signer));
			assert_string_equal(report.head, chain[4]->hash);
		}
	}
	crypto_signer_free(second);
	crypto_signer_free(third);
	drop_lines();
}

/* An announcement counts only when a key that is known already signed it. */
static void takes_no_successor_from_a_stranger(void **state)
{
	struct crypto_signer *stranger = new_signer(), *next = new_signer();
	const struct line *a = beat(signer, 1, NULL, 0, NULL), *b = beat(stranger, 2, a, 0, next),
			  *c = beat(next, 3, b, 0, signer);
	char want[120];

	(void)state;
	add(c);
	add(b);
	add(a);
	check(crypto_signer_key(signer));
	assert_int_equal(report.finding_count, 2);
	snprintf(want, sizeof(want), "signed by another key: '%s'", kid_of(next));
	expect(0, CHAIN_BAD_SIGNATURE, 1, 0, want);
	snprintf(want, sizeof(want), "signed by another key: '%s'", kid_of(stranger));
	expect(1, CHAIN_BAD_SIGNATURE, 2, 0, want);
	assert_int_equal(report.good, 1);
	crypto_signer_free(stranger);
	crypto_signer_free(next);
	drop_lines();
}

static void bridges_erased_bodies(void **state)
{
	const struct line *a = beat(signer, 1, NULL, 0, NULL), *b = beat(signer, 2, a, 0, NULL),
			  *c = beat(signer, 3, b, 0, NULL);

	(void)state;
	add(a);
	buf_addf(&file, "{\"seq\":2,\"hash\":\"%s\",\"prev\":\"%s\"}\r\n", b->hash, a->hash);
	add(c);
	check(crypto_signer_key(signer));
	assert_int_equal(report.finding_count, 1);
	expect(0, CHAIN_BODY_ERASED, 2, 2,
	       "its contents were erased; number, hash and link are kept");
	drop_lines();
}

static void counts_more_findings_than_it_keeps(void **state)
{
	(void)state;
	add(beat(signer, 1, NULL, 0, NULL));
	for (int i = 0; i < 250; i++)
		buf_adds(&file, "nonsense\n");
	check(crypto_signer_key(signer));
	assert_int_equal(report.finding_count, 250);
	assert_int_equal(report.findings[99].line, 101);
	drop_lines();
}

static void refuses_a_file_of_something_else(void **state)
{
	static const char *const texts[] = {"", "\n\n", "#!/bin/sh\nexit 0\n"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct err err = {0};
		struct chain chain = {.text = texts[i], .len = strlen(texts[i]), .line = 1};

		assert_int_equal(chain_check(&chain, &report, &err), -1);
		assert_string_equal(err.msg, "no heartbeats: expected a JWS of typ "
					     "'caretaker-heartbeat+jws' a line");
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(finds_nothing_in_a_whole_chain),
		TEST(says_when_no_signature_was_checked),
		TEST(finds_a_gap),
		TEST(finds_a_fork_and_a_repeat),
		TEST(finds_lines_that_do_not_belong),
		TEST(counts_a_delta_of_another_key_as_another_device),
		TEST(follows_a_rotated_key),
		TEST(follows_a_rotated_key_whatever_the_order_of_lines),
		TEST(takes_no_successor_from_a_stranger),
		TEST(bridges_erased_bodies),
		TEST(counts_more_findings_than_it_keeps),
		TEST(refuses_a_file_of_something_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
