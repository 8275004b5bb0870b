/* Inside identity.c and identity_make.c: the files of the data directory.  Nobody else includes it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_IDENTITY_FILE_H
#define CARETAKER_COLLECTOR_IDENTITY_FILE_H

#include <stddef.h>

#include "tools/collector/identity.h"

/* Begins 'out', also when it fails: the caller clears it. */
int identity_file_read(const char *dir, const char *name, size_t max, struct buf *out,
		       struct err *err);
int identity_file_write(const char *dir, const char *name, const struct buf *data, struct err *err);
int identity_signer_save_in(const char *dir, const char *name, const struct crypto_signer *signer,
			    struct err *err);

#endif
