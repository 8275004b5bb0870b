/* See inventory_file.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/inventory_file.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/check/agent.h"
#include "agent/check/keystore.h"
#include "agent/check/uplink_call.h"
#include "agent/controls/inventory.h"
#include "agent/proto/inventory.h"
#include "agent/proto/jws.h"
#include "agent/proto/uplink.h"

#include <stdio.h>
#include <string.h>

#define INVENTORY "cache/inventory.json"
#define WANTED "cache/inventory.wanted" /* asked for, and not delivered yet */
#define INVENTORY_MAX (8 * 1024 * 1024)

int inventory_file_refresh(struct agent *agent, struct err *err)
{
	char cache[PLACES_PATH], hash[HASH_TEXT];
	struct buf body;
	int ret = -1;

	places_path(agent->places.state, "cache", cache);
	buf_init(&body, INVENTORY_MAX);
	if (inventory_write(agent->trust.policy, cache, &body, err) < 0 ||
	    buf_check(&body, err) < 0)
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

/* --- sending --- */

static int sign(const struct agent *agent, struct buf *out, struct err *err)
{
	struct inventory inventory = {.at = agent->now};
	struct buf body, payload;
	int ret = -1;

	buf_init(&body, INVENTORY_MAX + 1);
	buf_init(&payload, 0);
	(void)text_copy(inventory.device, sizeof(inventory.device), agent->identity.device);
	if (places_read(&agent->places, INVENTORY, INVENTORY_MAX, &body, err) == 0) {
		inventory.body = buf_text(&body);
		inventory.body_len = body.len;
		inventory_encode(&inventory, &payload);
		if (buf_check(&payload, err) == 0)
			ret = jws_sign(JWS_INVENTORY, payload.data, payload.len, true, 0,
				       keystore_current(agent->keys), out, err);
	}
	buf_clear(&body);
	buf_clear(&payload);
	return ret;
}

/* 1: taken.  0: to be tried again.  -1: refused for good, or it cannot be sent: 'why'. */
static int deliver(struct agent *agent, const struct buf *jws, char *why, size_t why_size)
{
	const struct uplink_call call = {
		.host = agent->trust.keys->host[0] ? agent->trust.keys->host : agent->identity.host,
		.path = "/v1/inventory",
		.trust_system = agent->identity.trust_system,
		.pins = agent->trust.keys->cas,
		.pin_count = agent->trust.keys->ca_count,
		.body = jws->data,
		.body_len = jws->len,
	};
	struct uplink_answer answer = {0};
	struct buf frame;
	struct err err;
	int ret = 0;

	buf_init(&frame, UPLINK_MAX_FRAME);
	if (uplink_call(&agent->places, &agent->config, &call, &frame, &answer, &err) < 0) {
		(void)text_copy(why, why_size, err.msg);
	} else if (answer.result == UPLINK_ANSWERED && answer.status == 204) {
		ret = 1;
	} else {
		uplink_explain(&answer, why, why_size);
		if (answer.result == UPLINK_ANSWERED && answer.status >= 400 &&
		    answer.status < 500 && answer.status != 429)
			ret = -1;
	}
	buf_clear(&frame);
	return ret;
}

void inventory_file_follow(struct agent *agent, bool asked)
{
	bool wanted = places_has(&agent->places, WANTED);
	char why[256];
	struct buf jws;
	struct err err = {0};
	int sent = -1;

	if (!asked && !wanted)
		return;
	buf_init(&jws, JWS_MAX * 4);
	if (sign(agent, &jws, &err) < 0)
		(void)text_copy(why, sizeof(why), err.msg);
	else
		sent = deliver(agent, &jws, why, sizeof(why));
	buf_clear(&jws);
	if (sent < 0)
		log_warn("the inventory that the collector asked for does not reach it: %s", why);
	else if (sent == 0)
		log_warn("the inventory was not delivered, it goes with the next check: %s", why);
	/* The collector asks daily: without the note it takes longer, no more. */
	if ((sent == 0 && !wanted && places_write(&agent->places, WANTED, "", 0, &err) < 0) ||
	    (sent != 0 && wanted && places_remove(&agent->places, WANTED, &err) < 0))
		log_warn("%s", err.msg);
}
