/* See tls.h.  Pinned: pin.h.  The system's store: OpenSSL's own check, but for dates when this
 * machine's clock is impossible: a machine in 1970 must still hear what time it is, and what TLS
 * carries is signed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/uplink/tls.h"

#include "agent/base/text.h"
#include "platform/os.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <string.h>

/* Before this program was written, or thirty years after. */
#define CLOCK_EARLIEST INT64_C(1763769600)
#define CLOCK_LATEST (CLOCK_EARLIEST + INT64_C(30) * 366 * 86400)

void tls_init(struct tls *tls, const struct uplink_request *request)
{
	memset(tls, 0, sizeof(*tls));
	tls->trust_system = request->trust_system;
	if (!tls->trust_system)
		pin_set(&tls->pin, request->pins, request->pin_count);
}

static int verify_by_store(X509_STORE_CTX *ctx, void *arg)
{
	int64_t now = plat_now();
	struct tls *tls = arg;
	const char *why;

	if (now < CLOCK_EARLIEST || now > CLOCK_LATEST)
		X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_NO_CHECK_TIME);
	if (X509_verify_cert(ctx) == 1)
		return 1;
	tls->refused = true;
	why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
	text_clean(tls->why, sizeof(tls->why), why, strlen(why));
	pin_name_issuer(X509_STORE_CTX_get0_cert(ctx), tls->issuer, sizeof(tls->issuer));
	return 0;
}

void tls_install(struct tls *tls, void *ssl_ctx)
{
	if (tls->trust_system)
		SSL_CTX_set_cert_verify_callback(ssl_ctx, verify_by_store, tls);
	else
		pin_install(&tls->pin, ssl_ctx);
}

void tls_outcome(struct tls *tls)
{
	if (tls->trust_system || !tls->pin.refused)
		return;
	tls->refused = true;
	memcpy(tls->issuer, tls->pin.issuer, sizeof(tls->issuer));
}
