/* Requests that people left, and the daemon's list of devices they are held against: each becomes
 * one event that a heartbeat can carry, and everything is taken out of the folder.
 *
 * First byte: how many requests follow, of 256 bytes each (ask.h); the rest is RUN/hardware.json,
 * which holds devices' own words.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/check/agent.h"
#include "agent/check/hardware_asks.h"
#include "agent/policy/policy.h"
#include "agent/proto/ask.h"
#include "platform/fake/fake_ask.h"
#include "platform/fake/fake_os.h"

#include <stdlib.h>
#include <string.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

static struct policy *read_policy(bool pupils)
{
	static const char *const texts[] = {"[privacy]\nusers = name\n",
					    "[policy]\nused_by = pupils\n"};
	static struct policy *policies[2]; /* read once: they do not change */
	struct err err;

	if (!policies[pupils])
		must(policy_parse("p", texts[pupils], strlen(texts[pupils]), &policies[pupils],
				  &err) == 0);
	return policies[pupils];
}

/* What of the input is left for the list of devices. */
static size_t leave(const uint8_t *data, size_t len, unsigned count)
{
	static const char *const accounts[] = {"ann", "ben", "a\"b\\c"};
	size_t at = 0;

	fake_ask_count = 0;
	while (fake_ask_count < count && fake_ask_count < FAKE_ASKS && at + ASK_SIZE <= len) {
		struct fake_ask *to = &fake_asks[fake_ask_count];

		memset(to, 0, sizeof(*to));
		to->account = accounts[fake_ask_count++ % 3];
		memcpy(to->frame, data + at, ASK_SIZE);
		to->len = ASK_SIZE;
		at += ASK_SIZE;
	}
	return at;
}

static void check_event(const struct pending_event *event, bool pupils)
{
	const char *reference;
	struct json *root = NULL;
	struct err err;

	must(event->data_len <= HEARTBEAT_MAX_EVENT &&
	     json_parse(event->data, event->data_len, &root, &err) == 0 && json_is_object(root));
	reference = json_string(json_get(root, "reference"));
	must(reference && ask_reference_holds(reference) && json_string(json_get(root, "user")));
	must(!pupils || !json_get(root, "reason"));
	json_free(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct agent agent; /* large */
	struct err err;
	bool pupils, any = false;
	size_t used;

	if (len == 0)
		return 0;
	log_init("fuzz", LOG_ERROR); /* what is thrown away is no news here */
	pupils = data[0] & 0x80;
	fake_reset();
	memset(&agent, 0, sizeof(agent));
	must(places_init(&agent.places, "/conf", "/state", "/run", &err) == 0 &&
	     places_make(&agent.places, &err) == 0);
	agent.trust.policy = read_policy(pupils);
	agent.now = FAKE_NOW;
	pending_init(&agent.pending);
	used = leave(data + 1, len - 1, data[0] & 0x7f);
	fake_file_put_bytes("/run/hardware.json", data + 1 + used, len - 1 - used);
	must(hardware_asks_take(&agent, &any, &err) == 0);
	must(agent.pending.count <= fake_ask_count && (any || agent.pending.count == 0));
	for (unsigned i = 0; i < agent.pending.count; i++)
		check_event(&agent.pending.events[i], pupils);
	for (unsigned i = 0; i < fake_ask_count; i++)
		must(fake_asks[i].removed);
	pending_clear(&agent.pending);
	fake_reset();
	return 0;
}
