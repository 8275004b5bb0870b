/* Two keys that sign what the fuzz targets make up, so that the corpus can name them.  They guard
 * nothing.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_FUZZ_KEYS_H
#define CARETAKER_FUZZ_KEYS_H

#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/proto/jws.h"

static const char fuzz_policy_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGIVXVPem2ec4vozB\n"
	"7P0zyJQcxPWgcYDAJ2oPxGUo27uhRANCAASMmmcePCEjDg7rh81if6I+xRSfeii8\n"
	"aPc+w0FxnO1qNduglIFnsiJIrDHukeZ1Wwn9OHsGkWuPuwQR+/U1Ti68\n"
	"-----END PRIVATE KEY-----\n";
static const char fuzz_online_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGAn7WaIPjmvqnvNx\n"
	"TlOo/OlD4DTgldxj/6ESD2eXt7uhRANCAATFgRDfsW5oZBnFBkF9q4DkL7n7v5TD\n"
	"ZeGC9siXeNrA4zlU/L4f1LKEKEt7wrlIJBI4VqTruKOeI89X4OsL299Q\n"
	"-----END PRIVATE KEY-----\n";

static inline void must(bool ok)
{
	if (!ok)
		abort();
}

static inline struct crypto_signer *fuzz_signer(const char *pem)
{
	struct crypto_signer *signer;
	struct err err;

	must(crypto_signer_from_pem(pem, strlen(pem), &signer, &err) == 0);
	return signer;
}

/* False when the payload is over the typ's bound. */
static inline bool fuzz_sign(enum jws_typ typ, const void *payload, size_t len,
			     const struct crypto_signer *signer, struct buf *out)
{
	struct err err;

	buf_reset(out);
	return jws_sign(typ, payload, len, false, 0, signer, out, &err) == 0;
}

#endif
