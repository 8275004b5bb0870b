/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/controls/hash.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/proto/crypto.h"
#include "platform/platform.h"

#define FILE_MAX (16u * 1024 * 1024)
#define DER_MAX 8192

static void hex_of(const void *data, size_t len, char out[HASH_HEX_SIZE])
{
	uint8_t hash[CRYPTO_HASH_SIZE];

	crypto_sha256(data, len, hash);
	text_hex(out, hash, sizeof(hash));
}

int hash_file(const char *path, char out[HASH_HEX_SIZE], struct err *err)
{
	struct buf text;
	int ret;

	buf_init(&text, FILE_MAX);
	ret = plat_look_read(path, FILE_MAX, &text, err);
	if (ret == 0)
		hex_of(buf_text(&text), text.len, out);
	buf_clear(&text);
	return ret;
}

bool hash_equal(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		char x = *a >= 'A' && *a <= 'F' ? (char)(*a + 32) : *a;
		char y = *b >= 'A' && *b <= 'F' ? (char)(*b + 32) : *b;

		if (x != y)
			return false;
	}
	return !*a && !*b;
}

void hash_split(const char *item, char *path, size_t size, const char **out_hash)
{
	const char *equals = strrchr(item, '=');

	*out_hash = equals ? equals + 1 : "";
	(void)snprintf(path, size, "%.*s", equals ? (int)(equals - item) : (int)strlen(item), item);
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Plain base64 with line ends between; 0 when it is damaged or too long. */
static size_t decode(const char *text, const char *end, uint8_t out[DER_MAX])
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	for (; text < end && *text != '='; text++) {
		int value = value_of(*text);

		if (value < 0) {
			if (*text == '\n' || *text == '\r' || *text == ' ')
				continue;
			return 0;
		}
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			if (n == DER_MAX)
				return 0;
			out[n++] = (uint8_t)(bits >> have);
		}
	}
	return n;
}

void hash_certificates(const char *pem, bool (*each)(void *ctx, const char *hex), void *ctx)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	static const char stop[] = "-----END CERTIFICATE-----";
	uint8_t der[DER_MAX];
	char hex[HASH_HEX_SIZE];

	while ((pem = strstr(pem, begin))) {
		const char *end = strstr(pem, stop);
		size_t len;

		if (!end)
			return;
		len = decode(pem + sizeof(begin) - 1, end, der);
		pem = end;
		if (!len)
			continue;
		hex_of(der, len, hex);
		if (!each(ctx, hex))
			return;
	}
}
