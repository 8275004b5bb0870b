/* agent/proto/enrol.c, the code: as typed, and as bytes to which a good checksum is added.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "agent/base/text.h"
#include "agent/proto/enrol.h"
#include "tests/fuzz/fuzz_keys.h"

static void try_code(const char *text, size_t len)
{
	char again[ENROL_CODE_MAX], id[ENROL_CODE_ID_LEN + 1];
	struct enrol_code code, same;
	struct err err = {0};

	if (enrol_code_parse(text, len, &code, &err) != 0) {
		must(err.code != ERR_NONE && err.msg[0]);
		return;
	}
	must(code.host[0] && memchr(code.host, '\0', sizeof(code.host)) != NULL);
	must(enrol_code_format(&code, again, sizeof(again), &err) == 0);
	must(enrol_code_parse(again, strlen(again), &same, &err) == 0);
	must(memcmp(&code, &same, sizeof(code)) == 0);
	enrol_code_id(&code, id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t hash[CRYPTO_HASH_SIZE];
	struct buf bytes, text;

	try_code((const char *)data, len);
	buf_init(&bytes, 0);
	buf_init(&text, 0);
	crypto_sha256(data, len, hash);
	buf_add(&bytes, data, len);
	buf_add(&bytes, hash, 4);
	buf_adds(&text, "CT1-");
	text_b64url(&text, bytes.data, bytes.len);
	try_code(text.data, text.len);
	buf_clear(&bytes);
	buf_clear(&text);
	return 0;
}
