/* LUKS headers as cryptsetup writes them, as far as they are read: for tests.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_LUKS_HEADER_H
#define CARETAKER_TESTS_LUKS_HEADER_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "agent/base/sha256.h"

#define LUKS2_SIZE 0x4000 /* of each of the two headers, unless a test wants another */

/* The JSON of one segment, and key slots that name a cipher too. */
#define LUKS2_SEGMENT(cipher) \
	"{\"keyslots\":{\"0\":{\"area\":{\"encryption\":\"aes\"},\"a\":[1,{\"b\":2}]}}," \
	"\"segments\":{\"0\":{\"type\":\"crypt\",\"encryption\":\"" cipher \
	"\",\"size\":\"dynamic\"}}}"

static inline void luks1_put(unsigned char *medium, const char *cipher)
{
	memset(medium, 0, 592);
	memcpy(medium, "LUKS\xba\xbe\0\1", 8);
	memcpy(medium + 8, cipher, strlen(cipher));
}

static inline void luks2_number(unsigned char *at, uint64_t number)
{
	for (unsigned i = 0; i < 8; i++)
		at[i] = (unsigned char)(number >> (56 - 8 * i));
}

static inline void luks2_sum(unsigned char *header, size_t size)
{
	struct sha256 sum;

	memset(header + 448, 0, 64);
	sha256_init(&sum);
	sha256_add(&sum, header, size);
	sha256_end(&sum, header + 448);
}

/* The header at 'at' (0: the first), of 'size' bytes with its JSON. */
static inline void luks2_put(unsigned char *medium, size_t at, size_t size, const char *json,
			     size_t json_len)
{
	unsigned char *header = medium + at;

	assert(json_len <= size - 4096);
	memset(header, 0, size);
	memcpy(header, at ? "SKUL\xba\xbe\0\2" : "LUKS\xba\xbe\0\2", 8);
	luks2_number(header + 8, size);
	luks2_number(header + 16, 3);
	memcpy(header + 72, "sha256", 6);
	luks2_number(header + 256, at);
	memcpy(header + 4096, json, json_len);
	luks2_sum(header, size);
}

#endif
