/* agent/proto/enrol.c, the request: the input is its payload, signed by the first of the fuzz keys.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "agent/proto/enrol.h"
#include "tests/fuzz/fuzz_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct crypto_signer *signer;
	struct enrol_request *request;
	struct err err = {0};
	struct buf jws, text;

	if (!signer)
		signer = fuzz_signer(fuzz_policy_pem);
	buf_init(&jws, 0);
	buf_init(&text, 0);
	if (fuzz_sign(JWS_ENROL, data, len, signer, &jws)) {
		if (enrol_request_open(jws.data, jws.len, &request, &err) == 0) {
			enrol_request_encode(request, &text);
			must(!text.failed);
			(void)enrol_placeholder(request->hardware.serial);
			enrol_request_free(request);
		} else {
			must(err.code != ERR_NONE && err.msg[0]);
		}
	}
	buf_clear(&jws);
	buf_clear(&text);
	return 0;
}
