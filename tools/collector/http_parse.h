/* The head of an HTTP/1.1 request, read strictly.
 *
 * Why not evhttp: it takes two Content-Lengths and no Host, and restarts its timeout at each byte
 * (MEASURED.md).  What different readers understand differently is refused here: bare LF, folded
 * lines, blanks before a colon, repeated or odd lengths, any transfer coding.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_HTTP_PARSE_H
#define CARETAKER_COLLECTOR_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX 8192
#define HTTP_HEADERS_MAX 64

/* Strings point into the head, which is changed: each is ended by a NUL. */
struct http_head {
	const char *method;
	const char *path;                         /* "/v1/heartbeats" */
	const char *query;                        /* "" without '?' */
	const char *content_type, *authorization; /* "" when absent */
	int64_t content_length;                   /* -1: not said */
	bool keep_alive;
	bool expect_continue;
};

struct http_problem {
	int status;
	const char *name;  /* of the problem's URN */
	const char *title; /* what was wrong and what to do */
};

/* 'head' holds 'len' bytes up to and with the empty line.  -1: '*out_problem' says why. */
int http_parse_head(char *head, size_t len, struct http_head *out,
		    struct http_problem *out_problem);

#endif
