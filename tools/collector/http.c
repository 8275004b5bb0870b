/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/http_conn.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "platform/os.h"
#include "tools/collector/stats.h"
#include "tools/collector/tls_openssl.h"

#define TICK_MS 500
#define LINGER_S 2
#define STOP_MS 300 /* a request that was sent before we stopped may still be on its way */

/* --- connections --- */

void http_conn_move(struct http_conn *conn, struct conn_list *list)
{
	if (conn->list)
		TAILQ_REMOVE(conn->list, conn, link);
	conn->list = list;
	conn->since_ms = conn->http->now_ms;
	TAILQ_INSERT_TAIL(list, conn, link);
}

void http_conn_drop_request(struct http_conn *conn)
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

void http_conn_close(struct http_conn *conn)
{
	struct http *http = conn->http;

	if (conn->work)
		conn->gone(conn->work);
	http_known(conn);
	TAILQ_REMOVE(conn->list, conn, link);
	http_conn_drop_request(conn);
	if (conn->listener->tls)
		tls_close(conn->bev);
	else
		bufferevent_free(conn->bev);
	http->count--;
	atomic_fetch_sub_explicit(&http->stats->open_connections, 1, memory_order_relaxed);
	free(conn);
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
		http_refuse(conn, 405, "method", "this method is not for this path", detail, 0);
	} else {
		http_refuse(conn, 404, "not-found", "there is nothing at this path", NULL, 0);
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
		http_refuse(conn, 411, "length-required", "send Content-Length", NULL, 0);
		return -1;
	}
	if (head->content_length > (int64_t)conn->route->body_max) {
		char detail[64];

		snprintf(detail, sizeof(detail), "at most %zu bytes are taken here",
			 conn->route->body_max);
		http_refuse(conn, 413, "too-large", "the body is too large", detail, 0);
		return -1;
	}
	len = head->content_length > 0 ? (size_t)head->content_length : 0;
	if (len >= HTTP_LARGE_BODY) {
		if (http->body_used + len > http->limits.body_budget) {
			http_refuse(conn, 503, "busy", "too many large requests at once", NULL, 30);
			return -1;
		}
		http->body_used += len;
		conn->budget = len;
	}
	conn->body_len = len;
	if (head->expect_continue && len)
		bufferevent_write(conn->bev, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	bufferevent_setwatermark(conn->bev, EV_READ, 0,
				 len > HTTP_READ_AT_REST ? len : HTTP_READ_AT_REST);
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
		http_refuse(conn, 431, "head-too-large", "the request's head is over 8192 bytes",
			    NULL, 0);
		return -1;
	}
	len = (size_t)end.pos + 4;
	conn->head_text = len <= HTTP_HEAD_MAX + 4 ? malloc(len + 1) : NULL;
	if (!conn->head_text) {
		http_refuse(conn, 431, "head-too-large", "the request's head is over 8192 bytes",
			    NULL, 0);
		return -1;
	}
	evbuffer_remove(in, conn->head_text, len);
	conn->head_text[len] = '\0';
	if (http_parse_head(conn->head_text, len, &conn->head, &problem) < 0) {
		conn->head = (struct http_head){0};
		http_refuse(conn, problem.status, problem.name, problem.title, NULL, 0);
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
		http_refuse(conn, 503, "busy", "out of memory for now", NULL, 30);
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
		http_conn_move(conn, &conn->http->busy);
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
	http_conn_move(conn, &conn->http->closing);
	if (conn->listener->tls)
		tls_goodbye(conn->bev);
	(void)shutdown(bufferevent_getfd(conn->bev), SHUT_WR);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, HTTP_LARGE_BODY);
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
			http_conn_close(conn);
		return;
	}
	http_await_next(conn);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct http_conn *conn = arg;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED) {
		conn->secure = true;
		if (conn->state == CONN_REST)
			http_conn_move(conn, &conn->http->rest);
		return;
	}
	http_conn_close(conn);
}

void http_conn_begin(struct http_conn *conn)
{
	bufferevent_setcb(conn->bev, on_read, on_written, on_event, conn);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, HTTP_READ_AT_REST);
	bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
}

void http_conn_close_all(struct conn_list *list)
{
	struct http_conn *conn, *next;

	for (conn = TAILQ_FIRST(list); conn; conn = next) {
		next = TAILQ_NEXT(conn, link);
		http_conn_close(conn);
	}
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct http *http = arg;

	(void)fd;
	(void)what;
	http->now_ms = plat_uptime_ms();
	http_expire(http, &http->closing, LINGER_S);
	http_expire(http, &http->fresh, http->limits.request_s);
	http_expire(http, &http->busy, http->limits.request_s);
	http_expire(http, &http->rest, http->limits.idle_s);
	if (http->stopping && http->now_ms - http->stopped_ms >= STOP_MS) {
		http_conn_close_all(&http->fresh);
		http_conn_close_all(&http->rest);
	}
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
	http_conn_close_all(&http->closing);
	http_conn_close_all(&http->fresh);
	http_conn_close_all(&http->rest);
	http_conn_close_all(&http->busy);
	for (unsigned i = 0; i < http->listener_count; i++)
		tls_free(http->listeners[i].tls);
	if (http->tick)
		event_free(http->tick);
	free(http);
}
