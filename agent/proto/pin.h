/* Believing a TLS server by a pinned CA instead of the system's store.
 *
 * The chain that the server presents must hold a certificate with one of the pinned SHA-256
 * fingerprints, and be valid up to it.  Dates are not checked: what TLS carries is signed, and a
 * laptop that slept two years in a cupboard must still find its collector.  The host's name is the
 * caller's library's to check (libcurl does).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_PIN_H
#define CARETAKER_PROTO_PIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/crypto.h"

#define PIN_MAX 8

struct pin {
	unsigned count; /* 0: the system's store decides */
	uint8_t fingerprints[PIN_MAX][CRYPTO_HASH_SIZE];
	bool refused;     /* the last handshake ended because nothing pinned was there */
	char issuer[128]; /* who issued what was presented instead, cleaned; "" when not known */
};

void pin_set(struct pin *pin, const uint8_t fingerprints[][CRYPTO_HASH_SIZE], unsigned count);

/* 'ssl_ctx' is OpenSSL's SSL_CTX *, as CURLOPT_SSL_CTX_FUNCTION hands it over.  'pin' must outlive
 * the connection. */
void pin_install(struct pin *pin, void *ssl_ctx);

/* Who issued 'certificate' (OpenSSL's X509 *, or NULL), cleaned for people; "" when not known. */
void pin_name_issuer(const void *certificate, char *out, size_t out_size);

#endif
