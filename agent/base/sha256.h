/* SHA-256 (FIPS 180-4, sections 5 and 6.2), for programs that have no OpenSSL: caretakerd's memory
 * is promised, and the library takes more than that.  It checks what somebody else's format names
 * SHA-256; where OpenSSL is linked, proto/crypto.h has it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_BASE_SHA256_H
#define CARETAKER_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32

struct sha256 {
	uint32_t state[8];
	uint64_t size;
	unsigned char block[64];
};

void sha256_init(struct sha256 *sha256);
void sha256_add(struct sha256 *sha256, const void *data, size_t len);
void sha256_end(struct sha256 *sha256, unsigned char out[SHA256_SIZE]);

#endif
