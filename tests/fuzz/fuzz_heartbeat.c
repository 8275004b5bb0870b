/* agent/proto/heartbeat.c: what is taken holds its bounds, and says the same after another trip.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/proto/heartbeat.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void must_be_object(const char *text, size_t len, size_t max)
{
	struct json *root;
	struct err err;

	must(len <= max && text[len] == '\0' && strlen(text) == len);
	must(json_parse(text, len, &root, &err) == 0 && json_is_object(root));
	json_free(root);
}

static void check(const struct heartbeat *h)
{
	must(h->control_count <= HEARTBEAT_MAX_CONTROLS);
	must(h->event_count <= HEARTBEAT_MAX_EVENTS);
	for (unsigned i = 0; i < h->control_count; i++) {
		must(memchr(h->controls[i].id, '\0', sizeof(h->controls[i].id)) != NULL);
		must((unsigned)h->controls[i].verdict < VERDICT_COUNT);
		must_be_object(h->controls[i].evidence, h->controls[i].evidence_len,
			       HEARTBEAT_MAX_EVIDENCE);
	}
	for (unsigned i = 0; i < h->event_count; i++)
		must_be_object(h->events[i].data, h->events[i].data_len, HEARTBEAT_MAX_EVENT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct heartbeat h, again;
	struct err err = {0};
	struct buf text;

	if (heartbeat_decode((const char *)data, len, &h, &err) != 0) {
		must(err.code != ERR_NONE && err.msg[0]);
		return 0;
	}
	check(&h);
	buf_init(&text, 0);
	heartbeat_encode(&h, &text);
	must(heartbeat_decode(text.data, text.len, &again, &err) == 0);
	check(&again);
	must(again.seq == h.seq && again.at == h.at && again.base_seq == h.base_seq);
	must(again.control_count == h.control_count && again.event_count == h.event_count);
	must(strcmp(again.device, h.device) == 0 && strcmp(again.boot, h.boot) == 0);
	must(again.policy_serial == h.policy_serial &&
	     again.exceptions_serial == h.exceptions_serial);
	for (unsigned i = 0; i < h.control_count; i++)
		must(again.controls[i].as_base == h.controls[i].as_base);
	heartbeat_clear(&again);
	heartbeat_clear(&h);
	buf_clear(&text);
	return 0;
}
