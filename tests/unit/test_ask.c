/* A person's request as a frame of one size.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/proto/ask.h"

static void what_is_put_in_comes_out(void **state)
{
	const struct ask ask = {"K7Q2MX", "for the assembly – tomorrow"};
	unsigned char frame[ASK_SIZE];
	struct ask out;

	(void)state;
	assert_works(ask_encode(&ask, frame, &err));
	assert_works(ask_parse(frame, sizeof(frame), &out, &err));
	assert_string_equal(out.reference, ask.reference);
	assert_string_equal(out.reason, ask.reason);
}

static void refuses_what_is_no_reference_or_cannot_be_shown(void **state)
{
	static const struct {
		struct ask ask;
		const char *message;
	} bad[] = {
		{{"k7q2mx", ""},
		 "'k7q2mx' is no reference such as K7Q2MX: 'caretaker hardware' shows them"},
		{{"K7", ""},
		 "'K7' is no reference such as K7Q2MX: 'caretaker hardware' shows them"},
		{{"K7Q2/X", ""},
		 "'K7Q2/X' is no reference such as K7Q2MX: 'caretaker hardware' shows them"},
		{{"K7Q2MX", "a\033[2Jb"}, "the reason holds a character that cannot be shown"},
		{{"K7Q2MX", "\xff"}, "the reason holds a character that cannot be shown"},
		{{"K7Q2MX", "a\xe2\x80\xae"
			    "b"},
		 "the reason holds a character that cannot be shown"},
	};
	unsigned char frame[ASK_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_fails(ask_encode(&bad[i].ask, frame, &err), ERR_INVALID, bad[i].message);
}

/* Any byte that is not where ask_encode() puts one. */
static void refuses_a_frame_with_anything_else_in_it(void **state)
{
	const struct ask ask = {"K7Q2MX", "why"};
	unsigned char frame[ASK_SIZE], other[ASK_SIZE + 1] = {0};
	struct ask out = {"UNTOUCHED", ""};

	(void)state;
	assert_works(ask_encode(&ask, frame, &err));
	memcpy(other, frame, sizeof(frame));
	assert_fails(ask_parse(other, ASK_SIZE - 1, &out, &err), ERR_INVALID,
		     "not a request of this version");
	assert_fails(ask_parse(other, ASK_SIZE + 1, &out, &err), ERR_INVALID,
		     "not a request of this version");
	for (size_t at = 0; at < ASK_SIZE; at++) {
		bool text = (at >= 8 && at <= 14) || (at >= 24 && at <= 27);

		memcpy(other, frame, sizeof(frame));
		other[at] ^= 0x80;
		if (ask_parse(other, ASK_SIZE, &out, &(struct err){ERR_NONE, ""}) == 0 && !text)
			fail_msg("byte %zu may be anything", at);
	}
	memset(other, 'A', ASK_SIZE); /* nothing ends */
	memcpy(other, frame, 8);
	assert_fails(ask_parse(other, ASK_SIZE, &out, &err), ERR_INVALID,
		     "not a request of this version");
	assert_string_equal(out.reference, "UNTOUCHED");
}

/* --- codes --- */

static void a_code_that_is_put_in_comes_out_and_nothing_else_does(void **state)
{
	const struct ask_code ask = {"BDAQX4YHT5G5", "0123456789abcdef"};
	unsigned char frame[ASK_SIZE], other[ASK_SIZE + 1] = {0};
	struct ask_code out = {"UNTOUCHED", ""};
	struct ask request;

	(void)state;
	assert_works(ask_code_encode(&ask, frame, &err));
	for (size_t at = 0; at < ASK_SIZE; at++) {
		bool ticket = at >= 21 && at < 37;

		memcpy(other, frame, sizeof(frame));
		other[at] ^= 0x80;
		if (ask_code_parse(other, ASK_SIZE, &out, &(struct err){ERR_NONE, ""}) == 0)
			fail_msg("byte %zu may be anything%s", at, ticket ? " in the ticket" : "");
	}
	assert_fails(ask_code_parse(frame, ASK_SIZE - 1, &out, &err), ERR_INVALID,
		     "not a code of this version");
	assert_fails(ask_parse(frame, ASK_SIZE, &request, &err), ERR_INVALID,
		     "not a request of this version");
	assert_string_equal(out.code, "UNTOUCHED");
	assert_works(ask_code_parse(frame, ASK_SIZE, &out, &err));
	assert_string_equal(out.code, ask.code);
	assert_string_equal(out.ticket, ask.ticket);
}

static void refuses_a_code_with_a_slip_or_in_other_clothes(void **state)
{
	static const struct {
		struct ask_code ask;
		const char *message;
	} bad[] = {
		{{"BDAQX4YHT5G6", "0123456789abcdef"},
		 "a typing error: a character is wrong, or two changed places"},
		{{"bdaqx4yht5g5", "0123456789abcdef"}, "not a code of this version"},
		{{"BDAQX4YHT5G5", "0123456789abcde"}, "not a code of this version"},
		{{"BDAQX4YHT5G5", "0123456789ABCDEF"}, "not a code of this version"},
		{{"", "0123456789abcdef"}, "a typing error: it has 0 characters, not 12"},
	};
	unsigned char frame[ASK_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_fails(ask_code_encode(&bad[i].ask, frame, &err), ERR_INVALID,
			     bad[i].message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_in_comes_out),
		cmocka_unit_test(refuses_what_is_no_reference_or_cannot_be_shown),
		cmocka_unit_test(refuses_a_frame_with_anything_else_in_it),
		cmocka_unit_test(a_code_that_is_put_in_comes_out_and_nothing_else_does),
		cmocka_unit_test(refuses_a_code_with_a_slip_or_in_other_clothes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
