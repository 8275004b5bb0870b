/* SHA-256 of foreign files and certificates, as policies write them: 64 hexadecimal digits.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CONTROLS_HASH_H
#define CARETAKER_CONTROLS_HASH_H

#include <stdbool.h>
#include <stddef.h>

struct err;

#define HASH_HEX_SIZE 65

/* Of a file of the machine that is looked at; ERR_NOTFOUND when there is none. */
int hash_file(const char *path, char out[HASH_HEX_SIZE], struct err *err);
/* Upper and lower case are one. */
bool hash_equal(const char *a, const char *b);

/* "PATH=HASH" of a policy cut in two; 'path' holds 'size' bytes.  The policy's parser has checked
 * its shape. */
void hash_split(const char *item, char *path, size_t size, const char **out_hash);

/* Calls 'each' with the SHA-256 of every certificate's DER in PEM text; it returns false to stop.
 */
void hash_certificates(const char *pem, bool (*each)(void *ctx, const char *hex), void *ctx);

#endif
