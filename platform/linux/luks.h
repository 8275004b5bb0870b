/* Does a LUKS header promise encryption?  cipher_null copies its input, and whoever only looks for
 * LUKS calls that encrypted as well.
 *
 * The header is whoever's made the medium: read within bounds, and what cryptsetup would not take
 * is not believed.  LUKS2 has two headers with a checksum each, and cryptsetup opens by the newer
 * of those that are whole: so the first must be whole, and whichever other one is whole must
 * promise the same.  (LUKS1 On-Disk Format Specification 1.2.3; LUKS2 1.1.1, sections 2 and 3.)
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_LUKS_H
#define CARETAKER_PLATFORM_LINUX_LUKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum luks_says {
	LUKS_UNREADABLE, /* none, damaged, forged, or not to be understood */
	LUKS_NULL,       /* some of the data is not encrypted */
	LUKS_ENCRYPTED,
};

/* Up to 'len' bytes at 'at': fewer only where the medium ends; -1 when they cannot be read. */
typedef long luks_read(void *ctx, uint64_t at, unsigned char *out, size_t len);

enum luks_says luks_judge(luks_read *read, void *ctx);
enum luks_says luks_judge_fd(int fd);

/* "cipher_null-ecb", "capi:ecb(ecipher_null)-plain", ""; 'cipher' need not end. */
bool luks_cipher_is_null(const char *cipher, size_t len);

#endif
