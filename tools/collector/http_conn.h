/* Inside the HTTP server: a connection, and what http.c (its states), http_reply.c and
 * http_accept.c (who gets one, and for how long) hand each other.  Nobody else includes it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_HTTP_CONN_H
#define CARETAKER_COLLECTOR_HTTP_CONN_H

#include <sys/queue.h>

#include "tools/collector/http.h"

struct bufferevent;
struct evconnlistener;
struct event;
struct sockaddr;

#define HTTP_LARGE_BODY 65536 /* from here on a body counts against the budget */
#define HTTP_READ_AT_REST (HTTP_HEAD_MAX + 4)
#define HTTP_PEERS \
	4096 /* buckets of addresses; a power of two.  A shared bucket is only stricter */
#define HTTP_LISTENERS 16

enum conn_state {
	CONN_REST, /* between requests, or just accepted (then 'started_ms' is set) */
	CONN_HEAD, /* the first byte of a request has come */
	CONN_BODY,
	CONN_WORKING, /* a handler has it */
	CONN_WRITING, /* the reply is on its way */
	CONN_CLOSING, /* it is out; what the peer still sends is thrown away, see linger() */
};

struct http_listener {
	struct http *http;
	struct evconnlistener *listener;
	struct tls *tls;
	const struct http_route *routes;
};

TAILQ_HEAD(conn_list, http_conn);

struct http_conn {
	TAILQ_ENTRY(http_conn) link; /* in 'list', oldest first */
	struct conn_list *list;
	struct http *http;
	const struct http_listener *listener;
	struct bufferevent *bev;
	enum conn_state state;
	bool secure; /* the TLS handshake is done, or there is none */
	bool stranger, keep_alive;
	bool unread;      /* refused before the request was read to its end */
	int64_t since_ms; /* when it went to the end of its list */
	uint32_t bucket;
	size_t budget; /* taken from http->body_left */
	char peer[HTTP_PEER_SIZE];
	char *head_text;
	struct http_head head;
	const struct http_route *route;
	char *body;
	size_t body_len;
	void *work;
	void (*gone)(void *work);
};

struct http {
	struct event_base *base;
	struct event *tick;
	struct http_limits limits;
	struct stats *stats;
	void *ctx;
	struct http_listener listeners[HTTP_LISTENERS];
	unsigned listener_count;
	struct conn_list fresh; /* until TLS stands */
	struct conn_list rest;  /* between requests */
	struct conn_list busy;  /* a request is on its way in or its answer out */
	struct conn_list closing;
	unsigned count;
	size_t body_used;
	bool stopping;
	int64_t stopped_ms;
	int64_t now_ms; /* of the last tick or event; good to half a second */
	uint16_t strangers[HTTP_PEERS];
};

/* --- http.c --- */
void http_conn_move(struct http_conn *conn, struct conn_list *list);
void http_conn_drop_request(struct http_conn *conn);
void http_conn_close(struct http_conn *conn);
void http_conn_close_all(struct conn_list *list);
/* Its socket is open: from here on it is read. */
void http_conn_begin(struct http_conn *conn);

/* --- http_reply.c --- */
/* A request that is not read to its end cannot be followed by another. */
void http_refuse(struct http_conn *conn, int status, const char *name, const char *title,
		 const char *detail, unsigned retry_s);
/* The reply is out: looks at what may have come behind the request. */
void http_await_next(struct http_conn *conn);

/* --- http_accept.c --- */
/* Ends those that are in the list for too long. */
void http_expire(struct http *http, struct conn_list *list, unsigned after_s);

#endif
