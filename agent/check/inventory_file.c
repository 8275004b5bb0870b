/* See inventory_file.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/inventory_file.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/check/agent.h"
#include "agent/controls/inventory.h"

#include <string.h>

#define INVENTORY "cache/inventory.json"
#define INVENTORY_MAX (8 * 1024 * 1024)

int inventory_file_refresh(struct agent *agent, struct err *err)
{
	char cache[PLACES_PATH], hash[HASH_TEXT];
	struct buf body;
	int ret = -1;

	places_path(agent->places.state, "cache", cache);
	buf_init(&body, INVENTORY_MAX);
	if (inventory_write(cache, &body, err) < 0 || buf_check(&body, err) < 0)
		goto out;
	crypto_sha256_b64(buf_text(&body), body.len, hash);
	if (strcmp(hash, agent->state.inventory) != 0 || !places_has(&agent->places, INVENTORY)) {
		if (places_write(&agent->places, INVENTORY, buf_text(&body), body.len, err) < 0)
			goto out;
		memcpy(agent->state.inventory, hash, sizeof(hash));
	}
	ret = 0;
out:
	buf_clear(&body);
	return ret;
}
