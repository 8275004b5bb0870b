/* agent/proto/deflate_zlib.c: hostile DEFLATE data, and the input itself there and back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/proto/deflate.h"

#define BOUND 100000

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void try_unpack(const uint8_t *data, size_t len, unsigned dict)
{
	struct err err = {0};
	struct buf out;

	buf_init(&out, 0);
	if (deflate_unpack(data, len, dict, BOUND, &out, &err) == 0)
		must(out.len <= BOUND);
	else
		must(out.len == 0 && err.msg[0]);
	buf_clear(&out);
}

static void there_and_back(const uint8_t *data, size_t len, unsigned dict)
{
	struct buf packed, again;
	struct err err;

	buf_init(&packed, 0);
	buf_init(&again, 0);
	must(deflate_pack(data, len, dict, &packed, &err) == 0);
	must(deflate_unpack(packed.data, packed.len, dict, len, &again, &err) == 0);
	must(again.len == len && (len == 0 || memcmp(again.data, data, len) == 0));
	buf_clear(&packed);
	buf_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	for (unsigned dict = 0; dict <= DEFLATE_DICT_NEWEST + 1; dict++)
		try_unpack(data, len, dict);
	for (unsigned dict = 0; dict <= DEFLATE_DICT_NEWEST; dict++)
		there_and_back(data, len, dict);
	return 0;
}
