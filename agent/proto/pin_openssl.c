/* See pin.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/pin.h"

#include <string.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "agent/base/text.h"

void pin_set(struct pin *pin, const uint8_t fingerprints[][CRYPTO_HASH_SIZE], unsigned count)
{
	pin->count = count < PIN_MAX ? count : PIN_MAX;
	memcpy(pin->fingerprints, fingerprints, pin->count * sizeof(pin->fingerprints[0]));
	pin->refused = false;
	pin->issuer[0] = '\0';
}

static bool is_pinned(const struct pin *pin, const X509 *cert)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;

	if (!X509_digest(cert, EVP_sha256(), digest, &len) || len != CRYPTO_HASH_SIZE)
		return false;
	for (unsigned i = 0; i < pin->count; i++)
		if (!memcmp(pin->fingerprints[i], digest, CRYPTO_HASH_SIZE))
			return true;
	return false;
}

static X509 *find_pinned(const struct pin *pin, X509 *leaf, STACK_OF(X509) * chain)
{
	if (leaf && is_pinned(pin, leaf))
		return leaf;
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (is_pinned(pin, sk_X509_value(chain, i)))
			return sk_X509_value(chain, i);
	return NULL;
}

void pin_name_issuer(const void *certificate, char *out, size_t out_size)
{
	const X509_NAME *name = certificate ? X509_get_issuer_name(certificate) : NULL;
	char text[256] = "";

	if (name && X509_NAME_get_text_by_NID((X509_NAME *)(uintptr_t)name, NID_commonName, text,
					      sizeof(text)) <= 0)
		(void)X509_NAME_get_text_by_NID((X509_NAME *)(uintptr_t)name, NID_organizationName,
						text, sizeof(text));
	text_clean(out, out_size, text, strlen(text));
}

/* Is 'leaf' valid up to 'anchor', dates apart? */
static bool chain_holds(X509 *leaf, STACK_OF(X509) * chain, X509 *anchor)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool holds = false;

	if (store && ctx && X509_STORE_add_cert(store, anchor) &&
	    X509_STORE_CTX_init(ctx, store, leaf, chain)) {
		X509_STORE_CTX_set_flags(ctx,
					 X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
		X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER);
		holds = X509_verify_cert(ctx) == 1;
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return holds;
}

static int verify(X509_STORE_CTX *ctx, void *arg)
{
	struct pin *pin = arg;
	X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(ctx);
	X509 *anchor = find_pinned(pin, leaf, chain);

	pin->refused = !anchor || !chain_holds(leaf, chain, anchor);
	if (pin->refused) {
		pin_name_issuer(leaf, pin->issuer, sizeof(pin->issuer));
		X509_STORE_CTX_set_error(ctx, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN);
		return 0;
	}
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

void pin_install(struct pin *pin, void *ssl_ctx)
{
	if (pin->count)
		SSL_CTX_set_cert_verify_callback(ssl_ctx, verify, pin);
}
