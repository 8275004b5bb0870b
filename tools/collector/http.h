/* HTTP/1.1 connections of one worker: its own event loop, its own sockets, its own limits.
 *
 * Nothing here is shared between threads.  Everything a peer can hold is bounded: a request has one
 * deadline from its first byte to its last, a connection at rest an end, an address that has not
 * shown a valid signature a number of connections, and when there are too many the one at rest
 * longest makes room.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_HTTP_H
#define CARETAKER_COLLECTOR_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/collector/http_parse.h"

struct err;
struct event_base;
struct stats;
struct tls;
struct http;
struct http_conn;

#define HTTP_PEER_SIZE 64

/* Lives until the handler has returned; the body until the reply (http_take_body() keeps it). */
struct http_request {
	const struct http_head *head;
	const char *peer;
	const char *rest; /* of the path, behind the route's '*' */
	const char *body;
	size_t body_len;
};

struct http_route {
	const char *method;
	const char *path; /* ends in '*': any rest */
	size_t body_max;
	/* Answers with http_reply(), now or later (http_defer()). */
	void (*handle)(void *ctx, struct http_conn *conn, const struct http_request *request,
		       const void *route_data);
	const void *data;
};

struct http_limits {
	unsigned max_connections;
	unsigned max_strangers; /* connections of one address without a valid signature so far */
	unsigned request_s, idle_s;
	size_t body_budget; /* bytes of larger bodies that may be held at once */
};

struct http_reply {
	int status;
	const char *type;    /* content type; NULL: no body */
	const char *headers; /* more, each line ended by CR LF; NULL: none */
	const void *body;
	size_t len;
};

/* 'routes' ends with a NULL method; 'ctx' goes to their handlers. */
int http_new(struct event_base *base, const struct http_limits *limits, struct stats *stats,
	     void *ctx, struct http **out, struct err *err);
void http_free(struct http *http); /* closes what is open */

/* Takes connections from a listening socket, which it owns.  'tls' NULL: in the clear. */
int http_listen(struct http *http, int fd, struct tls *tls, const struct http_route *routes,
		struct err *err);
/* Serves one socket that is connected already, in the clear: for tests. */
void http_take(struct http *http, int fd, const struct http_route *routes);
void http_set_tls(struct http *http, struct tls *tls); /* for all listeners that have one */
void http_set_limits(struct http *http, const struct http_limits *limits);
/* Takes no more connections; what is at rest is closed soon, what is being answered is answered. */
void http_stop(struct http *http);
unsigned http_open_count(const struct http *http);

void http_reply(struct http_conn *conn, const struct http_reply *reply);
/* problem+json; 'retry_s' 0: no Retry-After. */
void http_problem(struct http_conn *conn, int status, const char *name, const char *title,
		  const char *detail, unsigned retry_s);
/* The reply comes later; 'gone' is called once if the connection ends before: then it may not be
 * replied to. */
void http_defer(struct http_conn *conn, void *work, void (*gone)(void *work));
/* The request's body as a block of the caller's (free()). */
char *http_take_body(struct http_conn *conn, size_t *out_len);
/* The peer showed a signature that we know: it no longer counts as a stranger. */
void http_known(struct http_conn *conn);

#endif
