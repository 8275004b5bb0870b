/* A request out of a person's session: whatever is taken can be put together again to the same.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "agent/base/err.h"
#include "agent/proto/ask.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	unsigned char again[ASK_SIZE];
	struct ask_code code;
	struct ask ask;
	struct err err;

	if (ask_code_parse(data, len, &code, &err) == 0 &&
	    (ask_code_encode(&code, again, &err) < 0 || memcmp(again, data, ASK_SIZE) != 0))
		abort();
	if (ask_parse(data, len, &ask, &err) < 0)
		return 0;
	if (ask_encode(&ask, again, &err) < 0 || len != ASK_SIZE ||
	    memcmp(again, data, ASK_SIZE) != 0)
		abort();
	return 0;
}
