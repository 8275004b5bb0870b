/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/http.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/jsonw.h"
#include "platform/os.h"
#include "tools/collector/stats.h"
#include "tools/collector/tls_openssl.h"

#define TICK_MS 500
#define LARGE_BODY 65536 /* from here on a body counts against the budget */
#define LINGER_S 2
#define STOP_MS 300 /* a request that was sent before we stopped may still be on its way */
#define READ_AT_REST (HTTP_HEAD_MAX + 4)
#define PEERS 4096 /* buckets of addresses; a power of two.  A shared bucket is only stricter */
#define LISTENERS 16

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
	struct http_listener listeners[LISTENERS];
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
	uint16_t strangers[PEERS];
};

/* --- connections --- */

static void move_to(struct http_conn *conn, struct conn_list *list)
{
	if (conn->list)
		TAILQ_REMOVE(conn->list, conn, link);
	conn->list = list;
	conn->since_ms = conn->http->now_ms;
	TAILQ_INSERT_TAIL(list, conn, link);
}

static void drop_request(struct http_conn *conn)
{
	free(conn->head_text);
	free(conn->body);
	conn->head_text = NULL;
	conn->head = (struct http_head){0};
	conn->body = NULL;
	conn->body_len = 0;
	conn->http->body_used -= conn->budget;
	conn->budget = 0;
}

void http_known(struct http_conn *conn)
{
	if (!conn->stranger)
		return;
	conn->stranger = false;
	conn->http->strangers[conn->bucket]--;
}

static void conn_close(struct http_conn *conn)
{
	struct http *http = conn->http;

	if (conn->work)
		conn->gone(conn->work);
	http_known(conn);
	TAILQ_REMOVE(conn->list, conn, link);
	drop_request(conn);
	if (conn->listener->tls)
		tls_close(conn->bev);
	else
		bufferevent_free(conn->bev);
	http->count--;
	atomic_fetch_sub_explicit(&http->stats->open_connections, 1, memory_order_relaxed);
	free(conn);
}

/* --- replies --- */

static const char *reason_phrase(int status)
{
	switch (status) {
	case 200: return "OK";
	case 202: return "Accepted";
	case 204: return "No Content";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 408: return "Request Timeout";
	case 411: return "Length Required";
	case 413: return "Content Too Large";
	case 415: return "Unsupported Media Type";
	case 417: return "Expectation Failed";
	case 429: return "Too Many Requests";
	case 431: return "Request Header Fields Too Large";
	case 501: return "Not Implemented";
	case 503: return "Service Unavailable";
	case 505: return "HTTP Version Not Supported";
	case 507: return "Insufficient Storage";
	default: return status < 500 ? "Error" : "Internal Server Error";
	}
}

/* The reply is out.  What may have come behind the request is looked at from the event loop, not
 * from inside whoever replied. */
static void await_next(struct http_conn *conn)
{
	conn->state = CONN_REST;
	bufferevent_setwatermark(conn->bev, EV_READ, 0, READ_AT_REST);
	move_to(conn, &conn->http->rest);
	if (evbuffer_get_length(bufferevent_get_input(conn->bev)))
		bufferevent_trigger(conn->bev, EV_READ,
				    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

void http_reply(struct http_conn *conn, const struct http_reply *reply)
{
	bool head_only = conn->head.method && strcmp(conn->head.method, "HEAD") == 0;
	struct buf out;

	conn->work = NULL;
	conn->state = CONN_WRITING;
	if (conn->http->stopping)
		conn->keep_alive = false;
	move_to(conn, &conn->http->busy); /* from now on it has time to read the answer */
	buf_init(&out, 0);
	buf_addf(&out, "HTTP/1.1 %d %s\r\n", reply->status, reason_phrase(reply->status));
	if (reply->type)
		buf_addf(&out, "Content-Type: %s\r\n", reply->type);
	buf_addf(&out, "Content-Length: %zu\r\nCache-Control: no-store\r\n%s%s\r\n", reply->len,
		 conn->keep_alive ? "" : "Connection: close\r\n",
		 reply->headers ? reply->headers : "");
	if (!head_only && reply->len)
		buf_add(&out, reply->body, reply->len);
	stats_add(conn->http->stats, requests);
	if (reply->status >= 400)
		stats_add(conn->http->stats, requests_refused);
	if (reply->status == 503 || reply->status == 507 || reply->status == 429)
		stats_add(conn->http->stats, requests_busy);
	drop_request(conn);
	/* One write, so one TLS record and one packet.  Without memory the peer gets no answer. */
	if (out.failed) {
		conn->keep_alive = false;
	} else if (conn->keep_alive && conn->listener->tls &&
		   tls_write(conn->bev, out.data, out.len)) {
		await_next(conn);
	} else if (bufferevent_write(conn->bev, out.data, out.len) != 0) {
		conn->keep_alive = false;
	}
	buf_clear(&out);
}

void http_problem(struct http_conn *conn, int status, const char *name, const char *title,
		  const char *detail, unsigned retry_s)
{
	struct buf body, headers;
	struct jsonw w;

	buf_init(&body, 0);
	buf_init(&headers, 0);
	jsonw_init(&w, &body);
	jsonw_object(&w, NULL);
	buf_addf(&headers, "urn:caretaker:problem:%s", name);
	jsonw_string(&w, "type", buf_text(&headers));
	jsonw_string(&w, "title", title);
	jsonw_int(&w, "status", status);
	if (detail && *detail)
		jsonw_string(&w, "detail", detail);
	jsonw_object_end(&w);
	buf_addc(&body, '\n');
	buf_reset(&headers);
	if (retry_s)
		buf_addf(&headers, "Retry-After: %u\r\n", retry_s);
	http_reply(conn, &(struct http_reply){
				 .status = status,
				 .type = "application/problem+json",
				 .headers = buf_text(&headers),
				 .body = body.data,
				 .len = body.len,
			 });
	buf_clear(&body);
	buf_clear(&headers);
}

/* A request that is not read to its end cannot be followed by another. */
static void refuse(struct http_conn *conn, int status, const char *name, const char *title,
		   const char *detail, unsigned retry_s)
{
	conn->keep_alive = false;
	conn->unread = true;
	http_problem(conn, status, name, title, detail, retry_s);
}

void http_defer(struct http_conn *conn, void *work, void (*gone)(void *work))
{
	conn->work = work;
	conn->gone = gone;
}

char *http_take_body(struct http_conn *conn, size_t *out_len)
{
	char *body = conn->body;

	*out_len = conn->body_len;
	conn->body = NULL;
	return body;
}

/* --- requests --- */

static bool path_fits(const struct http_route *route, const char *path, const char **out_rest)
{
	size_t len = strlen(route->path);

	*out_rest = "";
	if (route->path[len - 1] != '*')
		return strcmp(route->path, path) == 0;
	*out_rest = path + len - 1;
	return strncmp(route->path, path, len - 1) == 0;
}

/* 404 against 405 falls out of the table. */
static int find_route(struct http_conn *conn)
{
	const char *rest, *method = conn->head.method;
	struct buf allow;

	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	buf_init(&allow, 0);
	for (const struct http_route *r = conn->listener->routes; r->method; r++) {
		if (!path_fits(r, conn->head.path, &rest))
			continue;
		if (strcmp(r->method, method) == 0) {
			conn->route = r;
			buf_clear(&allow);
			return 0;
		}
		buf_addf(&allow, "%s%s", allow.len ? ", " : "", r->method);
	}
	if (allow.len) {
		char detail[128];

		snprintf(detail, sizeof(detail), "this path takes %s", buf_text(&allow));
		refuse(conn, 405, "method", "this method is not for this path", detail, 0);
	} else {
		refuse(conn, 404, "not-found", "there is nothing at this path", NULL, 0);
	}
	buf_clear(&allow);
	return -1;
}

static void run_handler(struct http_conn *conn)
{
	struct http_request request = {
		.head = &conn->head,
		.peer = conn->peer,
		.body = conn->body ? conn->body : "",
		.body_len = conn->body_len,
	};

	(void)path_fits(conn->route, conn->head.path, &request.rest);
	conn->state = CONN_WORKING;
	conn->route->handle(conn->http->ctx, conn, &request, conn->route->data);
}

/* Decides from the head alone, before a byte of the body is read. */
static int admit_body(struct http_conn *conn)
{
	struct http *http = conn->http;
	const struct http_head *head = &conn->head;
	bool takes_body = conn->route->body_max > 0;
	size_t len;

	if (takes_body && head->content_length < 0) {
		refuse(conn, 411, "length-required", "send Content-Length", NULL, 0);
		return -1;
	}
	if (head->content_length > (int64_t)conn->route->body_max) {
		char detail[64];

		snprintf(detail, sizeof(detail), "at most %zu bytes are taken here",
			 conn->route->body_max);
		refuse(conn, 413, "too-large", "the body is too large", detail, 0);
		return -1;
	}
	len = head->content_length > 0 ? (size_t)head->content_length : 0;
	if (len >= LARGE_BODY) {
		if (http->body_used + len > http->limits.body_budget) {
			refuse(conn, 503, "busy", "too many large requests at once", NULL, 30);
			return -1;
		}
		http->body_used += len;
		conn->budget = len;
	}
	conn->body_len = len;
	if (head->expect_continue && len)
		bufferevent_write(conn->bev, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, len > READ_AT_REST ? len : READ_AT_REST);
	return 0;
}

/* 0: the head is read; 1: more is to come; -1: the connection was answered. */
static int read_head(struct http_conn *conn)
{
	struct evbuffer *in = bufferevent_get_input(conn->bev);
	struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	struct http_problem problem;
	size_t len;

	if (end.pos < 0) {
		if (evbuffer_get_length(in) <= HTTP_HEAD_MAX)
			return 1;
		refuse(conn, 431, "head-too-large", "the request's head is over 8192 bytes", NULL,
		       0);
		return -1;
	}
	len = (size_t)end.pos + 4;
	conn->head_text = len <= HTTP_HEAD_MAX + 4 ? malloc(len + 1) : NULL;
	if (!conn->head_text) {
		refuse(conn, 431, "head-too-large", "the request's head is over 8192 bytes", NULL,
		       0);
		return -1;
	}
	evbuffer_remove(in, conn->head_text, len);
	conn->head_text[len] = '\0';
	if (http_parse_head(conn->head_text, len, &conn->head, &problem) < 0) {
		conn->head = (struct http_head){0};
		refuse(conn, problem.status, problem.name, problem.title, NULL, 0);
		return -1;
	}
	conn->keep_alive = conn->head.keep_alive;
	return find_route(conn) < 0 || admit_body(conn) < 0 ? -1 : 0;
}

static int read_body(struct http_conn *conn)
{
	struct evbuffer *in = bufferevent_get_input(conn->bev);

	if (evbuffer_get_length(in) < conn->body_len)
		return 1;
	if (!conn->body_len)
		return 0;
	conn->body = malloc(conn->body_len + 1);
	if (!conn->body) {
		refuse(conn, 503, "busy", "out of memory for now", NULL, 30);
		return -1;
	}
	evbuffer_remove(in, conn->body, conn->body_len);
	conn->body[conn->body_len] = '\0';
	return 0;
}

/* Goes as far as the bytes that are here allow. */
static void advance(struct http_conn *conn)
{
	struct evbuffer *in = bufferevent_get_input(conn->bev);

	if (conn->state == CONN_REST) {
		if (!evbuffer_get_length(in))
			return;
		conn->state = CONN_HEAD;
		move_to(conn, &conn->http->busy);
	}
	if (conn->state == CONN_HEAD) {
		if (read_head(conn) != 0)
			return;
		conn->state = CONN_BODY;
	}
	if (conn->state == CONN_BODY && read_body(conn) == 0)
		run_handler(conn);
}

/* --- events --- */

static void on_read(struct bufferevent *bev, void *arg)
{
	struct http_conn *conn = arg;

	/* What follows while a request is being answered waits in the buffer, which is bounded. */
	if (conn->state <= CONN_BODY)
		advance(conn);
	else if (conn->state == CONN_CLOSING)
		evbuffer_drain(bufferevent_get_input(bev),
			       evbuffer_get_length(bufferevent_get_input(bev)));
}

/* Closing a socket with bytes unread resets the connection, and the peer, still sending, would
 * never see why it was refused: it has a moment to finish and to read. */
static void linger(struct http_conn *conn)
{
	conn->state = CONN_CLOSING;
	move_to(conn, &conn->http->closing);
	if (conn->listener->tls)
		tls_goodbye(conn->bev);
	(void)shutdown(bufferevent_getfd(conn->bev), SHUT_WR);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, LARGE_BODY);
	on_read(conn->bev, conn);
}

/* Everything that was to be written is. */
static void on_written(struct bufferevent *bev, void *arg)
{
	struct http_conn *conn = arg;

	(void)bev;
	if (conn->state != CONN_WRITING)
		return;
	if (!conn->keep_alive) {
		if (conn->unread)
			linger(conn);
		else
			conn_close(conn);
		return;
	}
	await_next(conn);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct http_conn *conn = arg;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED) {
		conn->secure = true;
		if (conn->state == CONN_REST)
			move_to(conn, &conn->http->rest);
		return;
	}
	conn_close(conn);
}

/* --- limits --- */

/* The oldest of a list that nobody would miss: a stranger, of one bucket or any (-1), that is not
 * being answered and has had two seconds. */
static struct http_conn *oldest_stranger(struct http *http, struct conn_list *list, int bucket)
{
	struct http_conn *conn;

	for (conn = TAILQ_FIRST(list); conn; conn = TAILQ_NEXT(conn, link)) {
		if (list == &http->busy && http->now_ms - conn->since_ms < 2000)
			return NULL;
		if (conn->stranger && conn->state <= CONN_HEAD &&
		    (bucket < 0 || conn->bucket == (uint32_t)bucket))
			return conn;
	}
	return NULL;
}

/* A device that has shown its signature is worth more than who has not: it goes last. */
static bool make_room(struct http *http, int bucket)
{
	struct http_conn *conn = oldest_stranger(http, &http->rest, bucket);

	if (!conn)
		conn = oldest_stranger(http, &http->fresh, bucket);
	if (!conn)
		conn = oldest_stranger(http, &http->busy, bucket);
	if (!conn && bucket < 0)
		conn = TAILQ_FIRST(&http->rest);
	if (!conn)
		return false;
	stats_add(http->stats, connections_evicted);
	conn_close(conn);
	return true;
}

static void close_all(struct conn_list *list)
{
	while (!TAILQ_EMPTY(list))
		conn_close(TAILQ_FIRST(list));
}

static void expire(struct http *http, struct conn_list *list, unsigned after_s)
{
	struct http_conn *conn, *next;

	for (conn = TAILQ_FIRST(list); conn; conn = next) {
		next = TAILQ_NEXT(conn, link);
		if (http->now_ms - conn->since_ms < (int64_t)after_s * 1000)
			break;
		/* Our own work is bounded elsewhere: its answer is worth waiting for. */
		if (conn->state == CONN_WORKING)
			continue;
		if (conn->state != CONN_CLOSING && (conn->state != CONN_REST || !conn->secure))
			stats_add(http->stats, connections_late);
		if ((conn->state == CONN_HEAD || conn->state == CONN_BODY) && conn->secure) {
			/* Told why; a peer that does not read it is closed at the next tick. */
			refuse(conn, 408, "too-slow", "the request did not come in time", NULL, 0);
			continue;
		}
		conn_close(conn);
	}
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct http *http = arg;

	(void)fd;
	(void)what;
	http->now_ms = plat_uptime_ms();
	expire(http, &http->closing, LINGER_S);
	expire(http, &http->fresh, http->limits.request_s);
	expire(http, &http->busy, http->limits.request_s);
	expire(http, &http->rest, http->limits.idle_s);
	if (http->stopping && http->now_ms - http->stopped_ms >= STOP_MS) {
		close_all(&http->fresh);
		close_all(&http->rest);
	}
}

/* --- accepting --- */

static uint32_t bucket_of(const struct sockaddr *address)
{
	const uint8_t *bytes;
	size_t len;
	uint32_t hash = 2166136261u;

	if (address->sa_family == AF_INET6) {
		/* Who has an IPv6 network has its lower half: 64 bits are one peer. */
		bytes = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr;
		len = IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)bytes) ? 16 : 8;
	} else if (address->sa_family == AF_INET) {
		bytes = (const uint8_t *)&((const struct sockaddr_in *)(const void *)address)
				->sin_addr;
		len = 4;
	} else {
		return 0;
	}
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash & (PEERS - 1);
}

static void name_peer(const struct sockaddr *address, char out[HTTP_PEER_SIZE])
{
	const void *bytes = NULL;

	out[0] = '\0';
	if (address->sa_family == AF_INET)
		bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
	else if (address->sa_family == AF_INET6)
		bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	if (bytes)
		(void)inet_ntop(address->sa_family, bytes, out, HTTP_PEER_SIZE);
}

static void take_socket(struct http_listener *listener, int fd, const struct sockaddr *address)
{
	struct http *http = listener->http;
	uint32_t bucket = bucket_of(address);
	struct http_conn *conn;
	int one = 1;

	stats_add(http->stats, connections);
	if ((http->count >= http->limits.max_connections && !make_room(http, -1)) ||
	    (http->strangers[bucket] >= http->limits.max_strangers &&
	     !make_room(http, (int)bucket))) {
		close(fd);
		return;
	}
	conn = calloc(1, sizeof(*conn));
	if (!conn) {
		close(fd);
		return;
	}
	/* Answers are small: waiting to fill a packet would only delay them. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	conn->bev = listener->tls ? tls_accept(listener->tls, http->base, fd)
				  : bufferevent_socket_new(http->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!conn->bev) { /* tls_accept() closed the socket; without TLS memory is short indeed */
		free(conn);
		return;
	}
	conn->http = http;
	conn->listener = listener;
	conn->secure = !listener->tls;
	conn->bucket = bucket;
	conn->stranger = true;
	name_peer(address, conn->peer);
	http->strangers[bucket]++;
	http->count++;
	atomic_fetch_add_explicit(&http->stats->open_connections, 1, memory_order_relaxed);
	move_to(conn, conn->secure ? &http->rest : &http->fresh);
	bufferevent_setcb(conn->bev, on_read, on_written, on_event, conn);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, READ_AT_REST);
	bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
}

static void on_accept(struct evconnlistener *evl, evutil_socket_t fd, struct sockaddr *address,
		      int address_len, void *arg)
{
	(void)evl;
	(void)address_len;
	take_socket(arg, fd, address);
}

static void on_accept_error(struct evconnlistener *evl, void *arg)
{
	struct http_listener *listener = arg;

	(void)evl;
	/* Out of descriptors: make one free, or the loop would spin on the same error. */
	if (errno == EMFILE || errno == ENFILE)
		(void)make_room(listener->http, -1);
}

/* --- the whole --- */

int http_new(struct event_base *base, const struct http_limits *limits, struct stats *stats,
	     void *ctx, struct http **out, struct err *err)
{
	struct timeval tick = {.tv_usec = TICK_MS * 1000};
	struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return err_set(err, ERR_NOMEM, "no memory for connections");
	TAILQ_INIT(&http->fresh);
	TAILQ_INIT(&http->rest);
	TAILQ_INIT(&http->busy);
	TAILQ_INIT(&http->closing);
	http->base = base;
	http->limits = *limits;
	http->stats = stats;
	http->ctx = ctx;
	http->now_ms = plat_uptime_ms();
	http->tick = event_new(base, -1, EV_PERSIST, on_tick, http);
	if (!http->tick || event_add(http->tick, &tick) != 0) {
		http_free(http);
		return err_set(err, ERR_NOMEM, "no memory for connections");
	}
	*out = http;
	return 0;
}

int http_listen(struct http *http, int fd, struct tls *tls, const struct http_route *routes,
		struct err *err)
{
	struct http_listener *l = &http->listeners[http->listener_count];

	if (http->listener_count == LISTENERS) {
		close(fd);
		return err_set(err, ERR_INVALID, "more than %d addresses to listen on", LISTENERS);
	}
	l->http = http;
	l->routes = routes;
	l->listener = evconnlistener_new(http->base, on_accept, l,
					 LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 1024, fd);
	if (!l->listener) {
		close(fd);
		return err_errno(err, errno, "listen");
	}
	l->tls = tls ? tls_ref(tls) : NULL;
	evconnlistener_set_error_cb(l->listener, on_accept_error);
	http->listener_count++;
	return 0;
}

void http_take(struct http *http, int fd, const struct http_route *routes)
{
	struct http_listener *l = &http->listeners[http->listener_count++];
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	assert(http->listener_count < LISTENERS);
	*l = (struct http_listener){.http = http, .routes = routes};
	take_socket(l, fd, &nobody);
}

void http_set_tls(struct http *http, struct tls *tls)
{
	for (unsigned i = 0; i < http->listener_count; i++) {
		struct http_listener *l = &http->listeners[i];

		if (!l->tls)
			continue;
		tls_free(l->tls);
		l->tls = tls_ref(tls);
	}
}

void http_set_limits(struct http *http, const struct http_limits *limits)
{
	http->limits = *limits;
}

void http_stop(struct http *http)
{
	if (http->stopping)
		return;
	http->stopping = true;
	http->stopped_ms = plat_uptime_ms();
	for (unsigned i = 0; i < http->listener_count; i++) {
		if (http->listeners[i].listener)
			evconnlistener_free(http->listeners[i].listener);
		http->listeners[i].listener = NULL;
	}
}

unsigned http_open_count(const struct http *http)
{
	return http->count;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	http_stop(http);
	close_all(&http->closing);
	close_all(&http->fresh);
	close_all(&http->rest);
	close_all(&http->busy);
	for (unsigned i = 0; i < http->listener_count; i++)
		tls_free(http->listeners[i].tls);
	if (http->tick)
		event_free(http->tick);
	free(http);
}
