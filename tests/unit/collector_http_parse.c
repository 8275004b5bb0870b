/* The head of a request: tools/collector/http_parse.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "tools/collector/http_parse.h"

static int parse(const char *text, char *head, struct http_head *out, struct http_problem *problem)
{
	size_t len = strlen(text);

	memcpy(head, text, len + 1);
	return http_parse_head(head, len, out, problem);
}

static void takes_what_agents_send(void **state)
{
	char head[512];
	struct http_head h;
	struct http_problem problem;

	(void)state;
	assert_int_equal(parse("POST /v1/heartbeats?x=1 HTTP/1.1\r\nHost: a:8443\r\n"
			       "Content-Type:  application/jose \r\nAuthorization: Bearer t\r\n"
			       "content-length: 17\r\nExpect: 100-continue\r\n\r\n",
			       head, &h, &problem),
			 0);
	assert_string_equal(h.method, "POST");
	assert_string_equal(h.path, "/v1/heartbeats");
	assert_string_equal(h.query, "x=1");
	assert_string_equal(h.content_type, "application/jose");
	assert_string_equal(h.authorization, "Bearer t");
	assert_int_equal(h.content_length, 17);
	assert_true(h.keep_alive);
	assert_true(h.expect_continue);
	assert_int_equal(parse("GET / HTTP/1.0\r\nHost: a\r\n\r\n", head, &h, &problem), 0);
	assert_false(h.keep_alive);
	assert_int_equal(h.content_length, -1);
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n", head,
			       &h, &problem),
			 0);
	assert_false(h.keep_alive);
}

static void refuses_what_readers_read_differently(void **state)
{
	static const struct {
		const char *text;
		int status;
		const char *title;
	} cases[] = {
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
		 400, "there are two Content-Lengths"},
		{"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n", 400, "there is no Host"},
		{"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "there are two Hosts"},
		{"GET / HTTP/1.1\r\nHost: \r\n\r\n", 400, "Host is empty or no host"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400,
		 "Content-Length is not a number"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400,
		 "Content-Length is not a number"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400,
		 "Content-Length is not a number"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 411,
		 "send Content-Length: chunks are not taken"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501,
		 "this transfer coding is not understood: send Content-Length"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
		 "Transfer-Encoding: chunked\r\n\r\n",
		 400, "both Content-Length and Transfer-Encoding were sent"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 1\r\n\r\n", 400,
		 "a header's name holds what no name may"},
		{"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400, "a header line is folded"},
		{"GET / HTTP/1.1\nHost: a\r\n\r\n", 400, "lines must end in CR LF"},
		{"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400, "lines must end in CR LF"},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400,
		 "a header's value holds control or other odd bytes"},
		{"GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n", 400, "a header line has no colon"},
		{"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400,
		 "the request line holds what no request line may"},
		{"GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", 400,
		 "the request line holds what no request line may"},
		{"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 505, "only HTTP/1.1 is spoken here"},
		{"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "only HTTP/1.1 is spoken here"},
		{"GET /\r\nHost: a\r\n\r\n", 400, "the request line is not METHOD PATH HTTP/1.1"},
		{"GET / HTTP/1.1\r\nHost: a\r\nExpect: gold\r\n\r\n", 417,
		 "only 100-continue is understood"},
		{"\r\n\r\n", 400, "the request line is not METHOD PATH HTTP/1.1"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char head[512];
		struct http_head h = {.content_length = 42};
		struct http_problem problem = {0};

		if (parse(cases[i].text, head, &h, &problem) == 0)
			fail_msg("taken: %s", cases[i].text);
		if (problem.status != cases[i].status || strcmp(problem.title, cases[i].title) != 0)
			fail_msg("%s\ngot %d '%s', want %d '%s'", cases[i].text, problem.status,
				 problem.title, cases[i].status, cases[i].title);
		assert_int_equal(h.content_length, 42);
	}
}

static void refuses_a_nul_and_too_many_headers(void **state)
{
	char head[4096] = "GET / HTTP/1.1\r\nHost: a\r\n",
	     nul[] = "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n";
	struct http_head h;
	struct http_problem problem;

	(void)state;
	assert_int_equal(http_parse_head(nul, sizeof(nul) - 1, &h, &problem), -1);
	assert_int_equal(problem.status, 400);
	for (size_t len = strlen(head), i = 0; i < 65; i++)
		len += (size_t)snprintf(head + len, sizeof(head) - len,
					i < 64 ? "a: b\r\n" : "\r\n");
	assert_int_equal(http_parse_head(head, strlen(head), &h, &problem), -1);
	assert_int_equal(problem.status, 431);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_agents_send),
		cmocka_unit_test(refuses_what_readers_read_differently),
		cmocka_unit_test(refuses_a_nul_and_too_many_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
