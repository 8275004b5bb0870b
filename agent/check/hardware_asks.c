/* See hardware_asks.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/hardware_asks.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/check/agent.h"
#include "agent/controls/people.h"
#include "agent/policy/policy.h"
#include "agent/proto/ask.h"
#include "platform/ask.h"
#include "platform/os.h"

#include <string.h>

#define ASKS_MAX 16       /* in one run */
#define ASKS_OF_ONE_MAX 4 /* of one person */
#define SHOWN_MAX (256 * 1024)
#define DEVICES_MAX 256

struct taking {
	struct agent *agent;
	const struct json *devices;
	struct plat_ask taken[ASKS_MAX];
	unsigned count, asked, codes, thrown_away;
	int ret; /* of the codes: -1 with 'err' */
	struct err *err;
};

static int read_devices(const struct agent *agent, struct json **out, const struct json **devices,
			struct err *err)
{
	char path[PLACES_PATH];
	struct buf text;
	int ret = -1;

	places_path(agent->places.run, "hardware.json", path);
	buf_init(&text, SHOWN_MAX + 1);
	if (plat_file_read(path, SHOWN_MAX, &text, err) == 0 &&
	    json_parse(buf_text(&text), text.len, out, err) == 0)
		ret = json_get_array(*out, "devices", DEVICES_MAX, devices, err);
	buf_clear(&text);
	return ret;
}

/* The device of that reference, if one may ask about it. */
static const struct json *find(const struct json *devices, const char *reference)
{
	for (const struct json *d = devices ? json_first(devices) : NULL; d; d = json_next(d)) {
		const char *its = json_string(json_get(d, "reference"));
		bool may_ask = false;
		struct err err;

		if (its && strcmp(its, reference) == 0 &&
		    json_opt_bool(d, "may_ask", &may_ask, &err) == 0 && may_ask)
			return d;
	}
	return NULL;
}

static void copy_text(const struct json *from, const char *name, size_t max, struct jsonw *w)
{
	const char *text = json_string(json_get(from, name));
	char clean[200];

	if (!text || !*text)
		return;
	text_clean(clean, max < sizeof(clean) ? max + 1 : sizeof(clean), text, strlen(text));
	jsonw_string(w, name, clean);
}

static void write_event(struct taking *t, const struct ask *ask, const char *account,
			const struct json *device)
{
	const struct policy *policy = t->agent->trust.policy;
	char name[PEOPLE_NAME_MAX];
	struct jsonw w;
	struct buf data;
	struct err err;

	people_name(policy, account, false, name);
	buf_init(&data, HEARTBEAT_MAX_EVENT);
	jsonw_init(&w, &data);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "reference", ask->reference);
	copy_text(device, "id", 138, &w);
	copy_text(device, "kind", 16, &w);
	copy_text(device, "maker", 64, &w);
	copy_text(device, "model", 64, &w);
	copy_text(device, "why", 31, &w);
	jsonw_string(&w, "user", name);
	/* Pupils get no text box, whichever way they found. */
	if (ask->reason[0] && !people_is_pupil(policy, account, false))
		jsonw_string(&w, "reason", ask->reason);
	jsonw_object_end(&w);
	if (buf_check(&data, &err) == 0)
		pending_add_once(&t->agent->pending, "approval-requested", t->agent->now, data.data,
				 data.len);
	buf_clear(&data);
}

static unsigned of_one(const struct taking *t, const char *account)
{
	unsigned count = 0;

	for (unsigned i = 0; i < t->count; i++)
		count += strcmp(t->taken[i].account, account) == 0;
	return count;
}

static void take(void *ctx, const struct plat_ask *from, const void *frame)
{
	struct taking *t = ctx;
	struct ask_code code;
	struct ask ask;
	struct err err;

	if (t->ret < 0)
		return; /* it stays, and is looked at again */
	if (ask_code_parse(frame, ASK_SIZE, &code, &err) == 0) { /* which bounds its own tries */
		t->ret = phone_codes_take(t->agent, &code, from->account, t->devices, t->err);
		if (t->ret < 0)
			return;
		t->codes++;
	} else if (of_one(t, from->account) < ASKS_OF_ONE_MAX &&
		   ask_parse(frame, ASK_SIZE, &ask, &err) == 0 && find(t->devices, ask.reference)) {
		write_event(t, &ask, from->account, find(t->devices, ask.reference));
		t->asked++;
	} else {
		t->thrown_away++;
	}
	t->taken[t->count++] = *from; /* plat_ask_each() gives no more than ASKS_MAX */
}

int hardware_asks_take(struct agent *agent, bool *out_any, struct err *err)
{
	struct taking t = {.agent = agent, .err = err};
	struct json *root = NULL;
	char folder[PLACES_PATH];
	struct err unread;
	int ret;

	places_path(agent->places.run, HARDWARE_ASKS_FOLDER, folder);
	if (read_devices(agent, &root, &t.devices, &unread) < 0)
		t.devices = NULL; /* nothing is plugged in that anybody could ask about */
	ret = plat_ask_each(folder, ASK_SIZE, ASKS_MAX, take, &t, err);
	if (ret == 0)
		ret = t.ret;
	if (ret == 0 && agent->pending.changed)
		ret = pending_save(&agent->pending, &agent->places, err);
	if (ret == 0 && t.codes)
		ret = phone_codes_save(&agent->codes, &agent->places, err);
	for (unsigned i = 0; ret == 0 && i < t.count; i++)
		plat_ask_remove(folder, t.taken[i].name);
	if (t.thrown_away)
		log_info("%u requests were about nothing that may be asked about", t.thrown_away);
	*out_any = t.asked;
	if (ret == 0)
		ret = phone_codes_show(agent, t.devices, err);
	json_free(root);
	return ret;
}
