/* platform/linux/luks.c: headers that a stick's owner wrote.  What counts as encrypted is what
 * another reader of the same JSON finds encrypted, in the first header and in the second.
 *
 * First byte: 1 a second header lies there, 2 at 64 KiB, 4 the first byte of the first header's
 * salt is another than was summed up, 8 the rest is the medium as it is.  Then the first header's
 * JSON, a NUL and the second's.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "agent/base/err.h"
#include "agent/base/json.h"
#include "platform/linux/luks.h"
#include "tests/unit/luks_header.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define JSON_MAX (LUKS2_SIZE - 4096)

enum { SECOND = 1, FAR = 2, FORGED = 4, RAW = 8 };

static void must(bool ok)
{
	if (!ok)
		abort();
}

struct medium {
	unsigned char bytes[0x10000 + LUKS2_SIZE];
	size_t size;
};

static long read_medium(void *ctx, uint64_t at, unsigned char *out, size_t len)
{
	const struct medium *medium = ctx;

	if (at >= medium->size)
		return 0;
	len = len < medium->size - at ? len : (size_t)(medium->size - at);
	memcpy(out, medium->bytes + at, len);
	return (long)len;
}

/* Every segment names a cipher that does something. */
static bool is_encrypted(const char *json, size_t len)
{
	struct json *root = NULL;
	const struct json *segments;
	unsigned count = 0, encrypted = 0;
	struct err err;

	/* Whichever "config" cryptsetup takes, the segments are the same: only they must be there
	 * once, and the cursor sees to that. */
	if (json_parse(json, len, &root, &err) < 0)
		return strstr(err.msg, "is there twice") != NULL;
	segments = json_get(root, "segments");
	for (const struct json *s = json_is_object(segments) ? json_first(segments) : NULL; s;
	     s = json_next(s)) {
		const char *cipher = json_string(json_get(s, "encryption"));

		count++;
		encrypted += cipher && *cipher && !strstr(cipher, "null");
	}
	json_free(root);
	return count > 0 && encrypted == count;
}

static enum luks_says judge_raw(struct medium *medium, const uint8_t *data, size_t len)
{
	medium->size = len < sizeof(medium->bytes) ? len : sizeof(medium->bytes);
	memcpy(medium->bytes, data, medium->size);
	return luks_judge(read_medium, medium);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct medium medium; /* large */
	const char *first, *second;
	size_t first_len, second_len;
	enum luks_says says;
	bool want;

	if (len == 0)
		return 0;
	memset(&medium, 0, sizeof(medium));
	if (data[0] & RAW) {
		(void)judge_raw(&medium, data + 1, len - 1);
		return 0;
	}
	first = (const char *)data + 1;
	first_len = strnlen(first, len - 1);
	second = first + first_len + 1;
	second_len = first_len + 1 < len - 1 ? strnlen(second, len - 2 - first_len) : 0;
	if (first_len >= JSON_MAX || second_len >= JSON_MAX)
		return 0;
	medium.size = sizeof(medium.bytes);
	luks2_put(medium.bytes, 0, LUKS2_SIZE, first, first_len);
	want = is_encrypted(first, first_len);
	if (data[0] & SECOND) {
		luks2_put(medium.bytes, data[0] & FAR ? 0x10000 : LUKS2_SIZE, LUKS2_SIZE, second,
			  second_len);
		want = want && is_encrypted(second, second_len);
	}
	if (data[0] & FORGED)
		medium.bytes[104] ^= 1;
	says = luks_judge(read_medium, &medium);
	must(says != LUKS_ENCRYPTED || (want && !(data[0] & FORGED)));
	return 0;
}
