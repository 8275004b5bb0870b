/* uplink.c: frames there and back, and every length that lies.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto_helpers.h"

#include "agent/proto/uplink.h"

static const struct uplink_request request = {
	.url = "https://collector.school:8443/v1/heartbeats",
	.proxy = "http://proxy:3128",
	.trust_system = true,
	.pin_count = 2,
	.pins = {{1, 2, 3}, {4, 5, 6}},
	.timeout_ms = 30000,
	.body = "a.b.c\n\0d",
	.body_len = 8,
};

static const struct uplink_answer answer = {
	.result = UPLINK_WRONG_CERTIFICATE,
	.status = 502,
	.retry_after_s = 77,
	.content_type = "application/jose",
	.message = "'Filter CA' is opening TLS",
	.body = "x.y.z",
	.body_len = 5,
};

static void gives_back_a_request(void **state)
{
	struct uplink_request got;
	struct err err = {0};
	struct buf frame;

	(void)state;
	buf_init(&frame, 0);
	uplink_request_encode(&request, &frame);
	assert_int_equal(uplink_request_decode(frame.data, frame.len, &got, &err), 0);
	assert_string_equal(got.url, request.url);
	assert_string_equal(got.proxy, request.proxy);
	assert_true(got.trust_system);
	assert_int_equal(got.pin_count, 2);
	assert_memory_equal(got.pins, request.pins, sizeof(got.pins));
	assert_int_equal(got.timeout_ms, 30000);
	assert_int_equal(got.body_len, 8);
	assert_memory_equal(got.body, request.body, 8);
	buf_clear(&frame);
}

static void gives_back_an_answer(void **state)
{
	struct uplink_answer got;
	struct err err = {0};
	struct buf frame;

	(void)state;
	buf_init(&frame, 0);
	uplink_answer_encode(&answer, &frame);
	assert_int_equal(uplink_answer_decode(frame.data, frame.len, &got, &err), 0);
	assert_int_equal(got.result, UPLINK_WRONG_CERTIFICATE);
	assert_int_equal(got.status, 502);
	assert_int_equal(got.retry_after_s, 77);
	assert_string_equal(got.content_type, answer.content_type);
	assert_string_equal(got.message, answer.message);
	assert_int_equal(got.body_len, 5);
	assert_memory_equal(got.body, answer.body, 5);
	buf_clear(&frame);
}

/* The bytes are a contract between two programs that may be upgraded one after the other. */
static void lays_the_header_out_as_published(void **state)
{
	static const uint8_t want[] = {'C', 'T', 'Q', '1',  1,    2, 0, 43, 0,
				       17,  0,   0,   0x75, 0x30, 0, 0, 0,  8};
	struct buf frame;

	(void)state;
	buf_init(&frame, 0);
	uplink_request_encode(&request, &frame);
	assert_memory_equal(frame.data, want, sizeof(want));
	assert_int_equal(frame.len, sizeof(want) + 43 + 17 + 64 + 8);
	buf_clear(&frame);
}

struct bad {
	size_t at;
	uint8_t value;
	const char *want;
};

static void refuses_requests_that_lie(void **state)
{
	static const struct bad cases[] = {
		{0, 'X', "uplink frame: expected 'CTQ1' at its start"},
		{4, 2, "uplink frame: trust: expected 0 or 1"},
		{5, 3, "uplink frame: 150 bytes, its fields make 182"},
		{5, 9, "uplink frame: pins: 288 bytes, at most 256 are taken"},
		{6, 2, "uplink frame: url: 555 bytes, at most 511 are taken"},
		{7, 44, "uplink frame: 150 bytes, its fields make 151"},
		{8, 255, "uplink frame: proxy: 65297 bytes, at most 511 are taken"},
		{14, 255, "uplink frame: body: 4278190088 bytes, at most 1052672 are taken"},
		{17, 7, "uplink frame: 150 bytes, its fields make 149"},
		{18, 0, "uplink frame: url: expected printable ASCII"},
		{20, '\n', "uplink frame: url: expected printable ASCII"},
		{61, 0xc3, "uplink frame: proxy: expected printable ASCII"},
	};
	struct uplink_request untouched, got;
	struct err err = {0};
	struct buf frame;

	(void)state;
	memset(&untouched, 0x5a, sizeof(untouched));
	buf_init(&frame, 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		buf_reset(&frame);
		uplink_request_encode(&request, &frame);
		frame.data[cases[i].at] = (char)cases[i].value;
		memcpy(&got, &untouched, sizeof(got));
		assert_int_equal(uplink_request_decode(frame.data, frame.len, &got, &err), -1);
		assert_string_equal(err.msg, cases[i].want);
		assert_memory_equal(&got, &untouched, sizeof(got));
	}
	buf_reset(&frame);
	uplink_request_encode(&request, &frame);
	for (size_t len = 0; len < frame.len; len++)
		assert_int_equal(uplink_request_decode(frame.data, len, &got, &err), -1);
	buf_clear(&frame);
}

static void refuses_answers_that_lie(void **state)
{
	static const struct bad cases[] = {
		{2, 'Q', "uplink frame: expected 'CTA1' at its start"},
		{4, 8, "uplink frame: result: expected 0 to 7"},
		{5, 1, "uplink frame: expected 0 after the result"},
		{13, 64, "uplink frame: content type: 64 bytes, at most 63 are taken"},
		{14, 1, "uplink frame: message: 282 bytes, at most 255 are taken"},
		{19, 6, "uplink frame: 67 bytes, its fields make 68"},
		{20, 7, "uplink frame: content type: expected printable ASCII"},
	};
	struct uplink_answer got;
	struct err err = {0};
	struct buf frame;

	(void)state;
	buf_init(&frame, 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		buf_reset(&frame);
		uplink_answer_encode(&answer, &frame);
		frame.data[cases[i].at] = (char)cases[i].value;
		assert_int_equal(uplink_answer_decode(frame.data, frame.len, &got, &err), -1);
		assert_string_equal(err.msg, cases[i].want);
	}
	for (size_t len = 0; len < frame.len; len++)
		assert_int_equal(uplink_answer_decode(frame.data, len, &got, &err), -1);
	buf_clear(&frame);
}

static void waits_an_hour_at_most(void **state)
{
	struct uplink_answer late = answer, got;
	struct err err = {0};
	struct buf frame;

	(void)state;
	late.retry_after_s = 86400;
	text_copy(late.message, sizeof(late.message), "a\x1b[31mb");
	buf_init(&frame, 0);
	uplink_answer_encode(&late, &frame);
	assert_int_equal(uplink_answer_decode(frame.data, frame.len, &got, &err), 0);
	assert_int_equal(got.retry_after_s, 3600);
	assert_string_equal(got.message, "a\xef\xbf\xbd[31mb");
	buf_clear(&frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_back_a_request),
		cmocka_unit_test(gives_back_an_answer),
		cmocka_unit_test(lays_the_header_out_as_published),
		cmocka_unit_test(refuses_requests_that_lie),
		cmocka_unit_test(refuses_answers_that_lie),
		cmocka_unit_test(waits_an_hour_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
