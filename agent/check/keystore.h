/* Where this device's signing key is kept.
 *
 * keystore_file.c keeps it in the state folder, root's alone; a TPM can follow behind the same
 * functions, for no caller ever sees a private key.  There is a key in use and, while the key is
 * being rotated, its successor.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_KEYSTORE_H
#define CARETAKER_CHECK_KEYSTORE_H

struct crypto_signer;
struct err;
struct keystore;
struct places;

/* Reads what there is; no key at all is fine. */
int keystore_open(struct places *places, struct keystore **out, struct err *err);
void keystore_close(struct keystore *store);

/* NULL where there is none; the store's own. */
const struct crypto_signer *keystore_current(const struct keystore *store);
const struct crypto_signer *keystore_next(const struct keystore *store);

/* Makes a key and keeps it before it is used: in use, or as the successor. */
int keystore_make(struct keystore *store, struct err *err);
int keystore_make_next(struct keystore *store, struct err *err);
/* The successor takes over and the key before it is gone.  Safe to repeat after a crash. */
int keystore_promote(struct keystore *store, struct err *err);
int keystore_forget(struct keystore *store, struct err *err);

#endif
