/* Answers: one write each, and what comes behind it on the same connection.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/http_conn.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "agent/base/buf.h"
#include "agent/base/jsonw.h"
#include "tools/collector/stats.h"
#include "tools/collector/tls_openssl.h"

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
void http_await_next(struct http_conn *conn)
{
	conn->state = CONN_REST;
	bufferevent_setwatermark(conn->bev, EV_READ, 0, HTTP_READ_AT_REST);
	http_conn_move(conn, &conn->http->rest);
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
	http_conn_move(conn, &conn->http->busy); /* from now on it has time to read the answer */
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
	http_conn_drop_request(conn);
	/* One write, so one TLS record and one packet.  Without memory the peer gets no answer. */
	if (out.failed) {
		conn->keep_alive = false;
	} else if (conn->keep_alive && conn->listener->tls &&
		   tls_write(conn->bev, out.data, out.len)) {
		http_await_next(conn);
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
void http_refuse(struct http_conn *conn, int status, const char *name, const char *title,
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
