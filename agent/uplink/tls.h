/* Whom the uplink believes to be the collector's server: a pinned CA, or the system's store.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_UPLINK_TLS_H
#define CARETAKER_UPLINK_TLS_H

#include <stdbool.h>

#include "agent/proto/pin.h"
#include "agent/proto/uplink.h"

struct tls {
	bool trust_system;
	bool refused;     /* nobody we know issued what was presented */
	char issuer[128]; /* who did, cleaned; "" when not known */
	char why[96];     /* the system store's reason */
	struct pin pin;
};

void tls_init(struct tls *tls, const struct uplink_request *request);
/* 'ssl_ctx' as libcurl's CURLOPT_SSL_CTX_FUNCTION hands it over. */
void tls_install(struct tls *tls, void *ssl_ctx);
/* After a handshake that failed: fills refused and issuer. */
void tls_outcome(struct tls *tls);

#endif
