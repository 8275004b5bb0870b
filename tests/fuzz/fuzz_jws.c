/* agent/proto/jws.c.  An input with a line break is a header and a payload, signed for good, so
 * that what lies behind the header is reached too; one without is the compact form itself.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "agent/base/text.h"
#include "tests/fuzz/fuzz_keys.h"

static void try_typ(enum jws_typ typ, const char *text, size_t len,
		    const struct crypto_signer *signer)
{
	struct err err = {0};
	struct buf payload;
	struct jws jws;

	if (jws_split(typ, text, len, &jws, &err) != 0) {
		must(err.code != ERR_NONE && err.msg[0]);
		return;
	}
	must(jws.signed_len + 1 + 86 == len && jws.payload_at + jws.payload_len == jws.signed_len);
	buf_init(&payload, 0);
	if (jws_payload(&jws, &payload, &err) == 0)
		must(payload.len <= JWS_MAX_PAYLOAD);
	else
		must(payload.len == 0 && err.msg[0]);
	(void)jws_verify(&jws, crypto_signer_key(signer));
	buf_clear(&payload);
}

static void put_together(const uint8_t *data, size_t header_len, size_t len,
			 const struct crypto_signer *signer, struct buf *out)
{
	uint8_t signature[CRYPTO_SIGNATURE_SIZE];
	struct err err;

	text_b64url(out, data, header_len);
	buf_addc(out, '.');
	text_b64url(out, data + header_len + 1, len - header_len - 1);
	must(crypto_signer_sign(signer, out->data, out->len, signature, &err) == 0);
	buf_addc(out, '.');
	text_b64url(out, signature, sizeof(signature));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct crypto_signer *signer;
	const uint8_t *line = len ? memchr(data, '\n', len) : NULL;
	struct buf text;

	if (!signer)
		signer = fuzz_signer(fuzz_online_pem);
	buf_init(&text, 0);
	if (line)
		put_together(data, (size_t)(line - data), len, signer, &text);
	else
		buf_add(&text, data, len);
	for (int typ = 0; typ < JWS_TYP_COUNT; typ++)
		try_typ((enum jws_typ)typ, buf_text(&text), text.len, signer);
	buf_clear(&text);
	return 0;
}
