/* Who gets a connection, who makes room for whom, and when one has had its time.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/http_conn.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "agent/base/err.h"
#include "tools/collector/stats.h"
#include "tools/collector/tls_openssl.h"

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
	http_conn_close(conn);
	return true;
}

void http_expire(struct http *http, struct conn_list *list, unsigned after_s)
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
			http_refuse(conn, 408, "too-slow", "the request did not come in time", NULL,
				    0);
			continue;
		}
		http_conn_close(conn);
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
	return hash & (HTTP_PEERS - 1);
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
	http_conn_move(conn, conn->secure ? &http->rest : &http->fresh);
	http_conn_begin(conn);
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

int http_listen(struct http *http, int fd, struct tls *tls, const struct http_route *routes,
		struct err *err)
{
	struct http_listener *l = &http->listeners[http->listener_count];

	if (http->listener_count == HTTP_LISTENERS) {
		close(fd);
		return err_set(err, ERR_INVALID, "more than %d addresses to listen on",
			       HTTP_LISTENERS);
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

	assert(http->listener_count < HTTP_LISTENERS);
	*l = (struct http_listener){.http = http, .routes = routes};
	take_socket(l, fd, &nobody);
}
