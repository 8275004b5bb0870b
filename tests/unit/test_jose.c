/* Our half of tests/system/test_jose.py, which holds our JWS to another library's.
 *
 *   test_jose sign          prints a public key (JWK), then three chained heartbeats, a line each
 *   test_jose verify FILE   FILE: a JWK, then heartbeats, a line each; prints each payload's seq
 *
 * Without arguments it runs one into the other.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto_helpers.h"

#include "agent/base/jsonw.h"
#include "agent/proto/chain.h"
#include "tests/sample_heartbeat.h"

static int make(struct buf *out, struct err *err)
{
	struct crypto_signer *signer = new_signer();
	struct heartbeat h;
	struct buf json;
	struct jsonw w;
	size_t start;
	int ret = 0;

	jsonw_init(&w, out);
	crypto_key_write_jwk(crypto_signer_key(signer), &w, NULL);
	buf_addc(out, '\n');
	buf_init(&json, 0);
	sample_heartbeat(&h, true);
	for (unsigned dict = 0; dict < 3 && ret == 0; dict++) {
		buf_reset(&json);
		heartbeat_encode(&h, &json);
		start = out->len;
		/* Plain, compressed, compressed by the dictionary. */
		ret = jws_sign(JWS_HEARTBEAT, json.data, json.len, dict > 0, dict > 1, signer, out,
			       err);
		crypto_sha256_b64(out->data + start, out->len - start, h.prev);
		h.seq++;
		buf_addc(out, '\n');
	}
	buf_clear(&json);
	crypto_signer_free(signer);
	return ret;
}

static int show_one(const char *line, size_t len, const struct crypto_key *key, struct err *err)
{
	struct heartbeat h;
	struct buf json;
	int ret = -1;

	buf_init(&json, 0);
	if (jws_open(JWS_HEARTBEAT, line, len, key, &json, err) == 0 &&
	    heartbeat_decode(buf_text(&json), json.len, &h, err) == 0) {
		printf("%lld\n", (long long)h.seq);
		heartbeat_clear(&h);
		ret = 0;
	}
	buf_clear(&json);
	return ret;
}

static int show(const char *text, struct err *err)
{
	const char *line = text + strcspn(text, "\n");
	struct crypto_key *key;
	struct json *jwk;
	int ret;

	if (json_parse(text, (size_t)(line - text), &jwk, err) != 0)
		return -1;
	ret = crypto_key_from_jwk(jwk, &key, err);
	json_free(jwk);
	if (ret != 0)
		return -1;
	for (line += strspn(line, "\n"); *line && ret == 0; line += strspn(line, "\n")) {
		size_t len = strcspn(line, "\n");

		ret = show_one(line, len, key, err);
		line += len;
	}
	crypto_key_free(key);
	return ret;
}

static void opens_what_it_prints(void **state)
{
	struct err err = {0};
	struct buf text;

	(void)state;
	buf_init(&text, 0);
	assert_int_equal(make(&text, &err), 0);
	if (show(text.data, &err) != 0)
		fail_msg("%s", err.msg);
	buf_clear(&text);
}

static int verify_file(const char *name, struct err *err)
{
	static char text[1 << 20];
	FILE *f = fopen(name, "rb");

	if (!f)
		return err_set(err, ERR_IO, "cannot open '%s'", name);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return show(text, err);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(opens_what_it_prints)};
	struct err err = {0};
	struct buf text;
	int ret = -1;

	if (argc == 1)
		return cmocka_run_group_tests(tests, NULL, NULL);
	buf_init(&text, 0);
	if (argc == 2 && strcmp(argv[1], "sign") == 0) {
		ret = make(&text, &err);
		fputs(buf_text(&text), stdout);
	} else if (argc == 3 && strcmp(argv[1], "verify") == 0) {
		ret = verify_file(argv[2], &err);
	}
	buf_clear(&text);
	if (ret != 0)
		fprintf(stderr, "test_jose: %s\n", err.msg[0] ? err.msg : "see its head");
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
