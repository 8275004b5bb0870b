/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/tls_openssl.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "agent/base/err.h"

struct tls {
	SSL_CTX *ctx;
	atomic_uint refs;
};

static int fail(struct err *err, const char *what)
{
	char text[160];

	ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
	ERR_clear_error();
	return err_set(err, ERR_INVALID, "%s: %s", what, text);
}

static int set_up(SSL_CTX *ctx, const char *certificate, const char *key, struct err *err)
{
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* An agent is a short-lived process and keeps no session: tickets would be made for nobody.
	 */
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* Ten thousand idle connections must not hold 34 KiB each. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* No read-ahead: libevent asks SSL_pending(), which does not count a record that was read
	 * but not looked at, and would wait for ever for what is here. */
	if (SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
	    SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") != 1)
		return fail(err, "set up TLS");
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1) {
		fail(err, certificate);
		return err_wrap(err, "read the server certificate");
	}
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		fail(err, key);
		return err_wrap(err, "read the server certificate's key");
	}
	return 0;
}

int tls_open(const char *certificate, const char *key, struct tls **out, struct err *err)
{
	struct tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		return err_set(err, ERR_NOMEM, "no memory for TLS");
	atomic_init(&tls->refs, 1);
	tls->ctx = SSL_CTX_new(TLS_server_method());
	if (!tls->ctx) {
		fail(err, "set up TLS");
		goto out;
	}
	if (set_up(tls->ctx, certificate, key, err) < 0)
		goto out;
	*out = tls;
	return 0;
out:
	tls_free(tls);
	return -1;
}

struct tls *tls_ref(struct tls *tls)
{
	atomic_fetch_add(&tls->refs, 1);
	return tls;
}

void tls_free(struct tls *tls)
{
	if (!tls || atomic_fetch_sub(&tls->refs, 1) != 1)
		return;
	SSL_CTX_free(tls->ctx);
	free(tls);
}

struct bufferevent *tls_accept(struct tls *tls, struct event_base *base, int fd)
{
	SSL *ssl = SSL_new(tls->ctx);
	struct bufferevent *bev = NULL;

	if (ssl)
		bev = bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
						     BEV_OPT_CLOSE_ON_FREE);
	if (!bev) {
		SSL_free(ssl);
		close(fd);
		return NULL;
	}
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

bool tls_write(struct bufferevent *bev, const void *data, size_t len)
{
	SSL *ssl = bufferevent_openssl_get_ssl(bev);
	bool sent = ssl && evbuffer_get_length(bufferevent_get_output(bev)) == 0 &&
		    SSL_write(ssl, data, (int)len) == (int)len;

	/* What would block is written again, from the buffer: the same bytes, as OpenSSL wants. */
	ERR_clear_error();
	return sent;
}

void tls_goodbye(struct bufferevent *bev)
{
	SSL *ssl = bufferevent_openssl_get_ssl(bev);

	if (ssl && SSL_is_init_finished(ssl))
		(void)SSL_shutdown(ssl); /* best effort; it sends our half once */
	ERR_clear_error();
}

void tls_close(struct bufferevent *bev)
{
	SSL *ssl = bufferevent_openssl_get_ssl(bev);

	if (ssl && SSL_is_init_finished(ssl)) {
		/* Their half is taken as said: we wait for nobody. */
		SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
		(void)SSL_shutdown(ssl); /* best effort */
	}
	ERR_clear_error();
	bufferevent_free(bev);
}
