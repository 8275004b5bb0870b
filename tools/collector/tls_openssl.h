/* The server's side of TLS 1.2 and 1.3: one certificate file, swapped whole when it changes.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_TLS_OPENSSL_H
#define CARETAKER_COLLECTOR_TLS_OPENSSL_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct event_base;
struct bufferevent;
struct tls;

/* PEM files; both may be the same one that holds key and chain.  Counted references. */
int tls_open(const char *certificate, const char *key, struct tls **out, struct err *err);
struct tls *tls_ref(struct tls *tls);
void tls_free(struct tls *tls);

/* A server's bufferevent over an accepted socket, which it owns; NULL when memory is short. */
struct bufferevent *tls_accept(struct tls *tls, struct event_base *base, int fd);
/* Writes at once when nothing is waiting to be written and the socket takes it all: spares the
 * event loop two turns.  False: nothing was taken, give the same bytes to the bufferevent. */
bool tls_write(struct bufferevent *bev, const void *data, size_t len);
/* Says that nothing more will be written. */
void tls_goodbye(struct bufferevent *bev);
/* Frees it; says goodbye first, without waiting. */
void tls_close(struct bufferevent *bev);

#endif
