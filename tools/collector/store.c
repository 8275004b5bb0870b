/* What all stores share: words, opening by name, settling.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store.h"

#include <assert.h>

#define SETTLE_STEP 500 /* devices a transaction: a writer beside us waits milliseconds */

const char *store_status_name(enum store_status status)
{
	static const char *const names[STORE_STATUS_COUNT] = {"waiting", "active", "revoked",
							      "retired"};

	assert((unsigned)status < STORE_STATUS_COUNT);
	return names[status];
}

int store_settle(struct store *store, int64_t now, struct err *err)
{
	const struct store_live_ops *live = store->live;
	bool more = true;
	int64_t next;

	while (more) {
		if (live->next_change(store, &next, err) < 0)
			return -1;
		if (next > now)
			return 0;
		if (live->begin(store, err) < 0)
			return -1;
		if (live->apply_time(store, now, SETTLE_STEP, &more, err) < 0 ||
		    live->commit(store, err) < 0) {
			live->rollback(store);
			return -1;
		}
	}
	return 0;
}
