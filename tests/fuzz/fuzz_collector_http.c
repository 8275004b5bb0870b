/* The collector's HTTP: a head of any bytes, then the same bytes through a real connection (a
 * socket pair, the device and people routes' shapes) in pieces of any size.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "agent/base/err.h"
#include "tools/collector/http.h"
#include "tools/collector/stats.h"

static void echo(void *ctx, struct http_conn *conn, const struct http_request *request,
		 const void *data)
{
	(void)ctx;
	(void)data;
	/* Every byte that a handler is given is there. */
	assert(strlen(request->body) <= request->body_len);
	http_reply(conn, &(struct http_reply){
				 .status = 200,
				 .type = "text/plain",
				 .body = request->body,
				 .len = request->body_len,
			 });
}

static const struct http_route routes[] = {
	{"POST", "/v1/heartbeats", 65536, echo, NULL},
	{"GET", "/healthz", 0, echo, NULL},
	{"GET", "/api/v1/devices/*", 0, echo, NULL},
	{NULL, NULL, 0, NULL, NULL},
};

static void head_alone(const uint8_t *data, size_t len)
{
	char *copy = malloc(len + 1);
	struct http_problem problem = {0};
	struct http_head head;

	assert(copy);
	memcpy(copy, data, len);
	copy[len] = '\0';
	if (http_parse_head(copy, len, &head, &problem) == 0) {
		assert(head.path[0] == '/' && head.method[0]);
		assert(head.content_length >= -1);
	} else {
		assert(problem.status >= 400 && problem.name && problem.title);
	}
	free(copy);
}

static void through_a_connection(const uint8_t *data, size_t len, unsigned piece)
{
	static const struct http_limits limits = {4, 4, 5, 5, 1 << 20};
	struct stats stats = {0};
	struct event_base *base = event_base_new();
	struct http *http;
	struct err err;
	char sink[4096];
	int pair[2];

	assert(base && http_new(base, &limits, &stats, NULL, &http, &err) == 0);
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	http_take(http, pair[0], routes);
	while (len) {
		size_t part = len < piece ? len : piece;
		ssize_t sent = send(pair[1], data, part, MSG_NOSIGNAL);

		if (sent < 0)
			break;
		data += sent;
		len -= (size_t)sent;
		event_base_loop(base, EVLOOP_NONBLOCK);
		while (recv(pair[1], sink, sizeof(sink), 0) > 0)
			;
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	close(pair[1]);
	event_base_loop(base, EVLOOP_NONBLOCK);
	http_free(http);
	event_base_free(base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const unsigned pieces[] = {1, 7, 64, 65536};

	if (len < 1 || len > 70000)
		return 0;
	head_alone(data + 1, len - 1);
	/* Small pieces of much would only be slow. */
	through_a_connection(data + 1, len - 1, len > 2000 ? 65536 : pieces[data[0] % 4]);
	return 0;
}
