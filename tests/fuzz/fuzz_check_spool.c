/* Fuzzes what caretaker-check reads back from its own folder after a crash or a failing disk:
 * state.json, pending.json, a spooled heartbeat.  The first byte chooses which.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "agent/base/err.h"
#include "agent/check/pending.h"
#include "agent/check/spool.h"
#include "agent/check/state.h"

static void fuzz_state(const char *text, size_t len)
{
	struct state state;
	struct err err;

	if (state_parse(text, len, &state, &err) == 0)
		state_clear(&state);
}

static void fuzz_pending(const char *text, size_t len)
{
	struct pending pending;
	struct err err;

	if (pending_parse(text, len, &pending, &err) < 0)
		return;
	if (pending.count > PENDING_EVENTS_MAX || pending.data_size > PENDING_DATA_MAX)
		abort();
	pending_add(&pending, "fuzz", 0, "{}", 2);
	pending_clear(&pending);
}

/* A key nobody holds: what is split and refused before and at the signature. */
static void fuzz_heartbeat(const char *text, size_t len)
{
	static struct crypto_key *key; /* made once: it takes longer than a run */
	struct crypto_signer *signer;
	struct heartbeat heartbeat;
	struct err err;

	if (!key) {
		if (crypto_signer_generate(&signer, &err) < 0 ||
		    crypto_key_new(crypto_key_point(crypto_signer_key(signer)), &key, &err) < 0)
			abort();
		crypto_signer_free(signer);
	}
	if (spool_check(text, len, 1, key, &heartbeat, &err) == 0)
		heartbeat_clear(&heartbeat);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (size < 1)
		return 0;
	switch (data[0]) {
	case 's': fuzz_state(text, size - 1); break;
	case 'p': fuzz_pending(text, size - 1); break;
	case 'j': fuzz_heartbeat(text, size - 1); break;
	default: break;
	}
	return 0;
}
