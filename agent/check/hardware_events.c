/* See hardware_events.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/hardware_events.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/check/agent.h"
#include "agent/controls/people.h"
#include "agent/proto/crypto.h"
#include "agent/proto/member.h"
#include "platform/os.h"

#include <string.h>

/* As agent/daemon/gate_record.h has them; a daemon's header is not ours to include. */
#define EVENTS "hardware/events.jsonl"
#define EVENTS_LOCK "hardware/events.lock"
#define EVENTS_MAX (256 * 1024)
#define LINE_MAX_BYTES 4096
#define LOCK_WAIT_MS 10000

/* --- one line -------------------------------------------------------------------------------- */

static bool known_type(const char *type)
{
	static const char *const types[] = {"storage-refused",  "storage-opened",  "storage-shut",
					    "hardware-refused", "hardware-opened", "hardware-shut",
					    "hardware-seen",    "hardware-changed"};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
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

static void copy_number(const struct json *from, const char *name, struct jsonw *w)
{
	int64_t number = 0;
	struct err err;

	if (json_opt_int(from, name, 0, MEMBER_INT_MAX, &number, &err) == 0 && number)
		jsonw_int(w, name, number);
}

static void copy_codes(const struct json *from, struct jsonw *w)
{
	const struct json *list = json_get(from, "interfaces");
	unsigned count = 0;

	if (!list || !json_is_array(list))
		return;
	jsonw_array(w, "interfaces");
	for (const struct json *i = json_first(list); i && count < 32; i = json_next(i), count++) {
		const char *code = json_string(i);

		if (code && strlen(code) == 6 && strspn(code, "0123456789abcdef") == 6)
			jsonw_string(w, NULL, code);
	}
	jsonw_array_end(w);
}

/* What is not storage may be what somebody needs to use a computer at all: its model is told when
 * the policy refused it, which it does to nothing of that kind, and never its serial. */
static void copy_device(const struct json *from, bool storage, bool refused, struct jsonw *w)
{
	const char *id = json_string(json_get(from, "id"));
	char model[10];

	if (storage) {
		copy_text(from, "reference", 16, w);
		copy_text(from, "id", 138, w);
		copy_text(from, "maker", 64, w);
		copy_text(from, "model", 64, w);
	} else if (refused && id) {
		copy_text(from, "reference", 16, w);
		text_clean(model, sizeof(model), id, strlen(id));
		jsonw_string(w, "id", model);
	}
	copy_text(from, "kind", 16, w);
	if (storage || refused) {
		copy_text(from, "port", 31, w);
		copy_codes(from, w);
	}
}

static void copy_user(const struct policy *policy, const struct json *from, struct jsonw *w)
{
	const char *user = json_string(json_get(from, "user"));
	char name[PEOPLE_NAME_MAX];

	if (!user || !*user)
		return;
	people_name(policy, user, false, name);
	jsonw_string(w, "user", name);
}

static void write_data(const struct policy *policy, const struct json *from, const char *type,
		       bool enforced, struct buf *out)
{
	/* What changed was storage when it was plugged in before. */
	bool storage = strncmp(type, "storage-", 8) == 0 || strcmp(type, "hardware-changed") == 0;
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	copy_device(from, storage, strcmp(type, "hardware-seen") != 0, &w);
	if (!enforced)
		jsonw_bool(&w, "enforced", false);
	copy_number(from, "bytes", &w);
	copy_text(from, "file_system", 24, &w);
	copy_text(from, "verdict", 12, &w);
	if (strcmp(type, "hardware-seen") != 0) {
		copy_text(from, "why", 31, &w);
		copy_number(from, "line", &w);
		copy_text(from, "exception", 63, &w);
		copy_number(from, "until", &w);
		copy_user(policy, from, &w);
	}
	jsonw_object_end(&w);
}

static int take_root(struct agent *agent, const struct json *root, struct hardware_seen *out,
		     struct err *err)
{
	int64_t at, count;
	bool enforced = true;
	const char *type;
	struct buf data;

	if (!json_is_object(root))
		return err_set(err, ERR_INVALID, "expected an object");
	if (json_get_string(root, "type", 31, &type, err) < 0 ||
	    json_get_int(root, "at", -MEMBER_INT_MAX, MEMBER_INT_MAX, &at, err) < 0 ||
	    json_get_int(root, "count", 1, UINT32_MAX, &count, err) < 0 ||
	    json_opt_bool(root, "enforced", &enforced, err) < 0)
		return -1;
	if (strcmp(type, "events-lost") == 0) {
		agent->pending.lost += (uint64_t)count;
		agent->pending.changed = true;
		return 0;
	}
	if (!known_type(type))
		return err_set(err, ERR_INVALID, "unknown type");
	buf_init(&data, HEARTBEAT_MAX_EVENT);
	write_data(agent->trust.policy, root, type, enforced, &data);
	if (buf_check(&data, err) < 0) {
		buf_clear(&data);
		return -1;
	}
	pending_add_many(&agent->pending, type, at, data.data, data.len, (uint32_t)count);
	buf_clear(&data);
	if (strcmp(type, "storage-refused") == 0)
		*(enforced ? &out->refused : &out->would_refuse) += (unsigned)count;
	return 0;
}

int hardware_events_line(struct agent *agent, const char *line, size_t len,
			 struct hardware_seen *out)
{
	struct json *root = NULL;
	struct err err;
	int ret = -1;

	if (len <= LINE_MAX_BYTES && json_parse(line, len, &root, &err) == 0)
		ret = take_root(agent, root, out, &err);
	json_free(root);
	if (ret < 0) {
		agent->pending.lost++;
		agent->pending.changed = true;
	}
	return ret;
}

/* --- the file -------------------------------------------------------------------------------- */

static int lock_file(const struct agent *agent, struct plat_lock **out, struct err *err)
{
	char path[PLACES_PATH];

	places_path(agent->places.state, EVENTS_LOCK, path);
	return plat_lock(path, LOCK_WAIT_MS, out, err);
}

/* How much of the text pending.json says was taken. */
static size_t taken_of(const struct pending *pending, const struct buf *text)
{
	char hash[HASH_TEXT];

	if (pending->taken <= 0 || (uint64_t)pending->taken > text->len)
		return 0;
	crypto_sha256_b64(text->data, (size_t)pending->taken, hash);
	return strcmp(hash, pending->taken_hash) == 0 ? (size_t)pending->taken : 0;
}

static void take_lines(struct agent *agent, const struct buf *text, size_t from,
		       struct hardware_seen *out)
{
	const char *line = text->data + from, *end;
	unsigned bad = 0;

	for (; (end = memchr(line, '\n', text->len - (size_t)(line - text->data))); line = end + 1)
		if (hardware_events_line(agent, line, (size_t)(end - line), out) < 0)
			bad++;
	if (bad)
		log_error("%u line%s of '%s' could not be read and count as lost", bad,
			  bad == 1 ? "" : "s", EVENTS);
	agent->pending.taken = line - text->data;
	crypto_sha256_b64(text->data, (size_t)agent->pending.taken, agent->pending.taken_hash);
	agent->pending.changed = true;
}

/* Under the lock: what was taken goes, what came since stays. */
static int drop_taken(struct agent *agent, struct err *err)
{
	struct plat_lock *lock = NULL;
	struct buf text;
	size_t taken;
	int ret = -1;

	buf_init(&text, EVENTS_MAX + 1);
	if (lock_file(agent, &lock, err) == 0 &&
	    places_read(&agent->places, EVENTS, EVENTS_MAX, &text, err) == 0) {
		taken = taken_of(&agent->pending, &text);
		if (taken == 0)
			ret = 0;
		else if (taken == text.len)
			ret = places_remove(&agent->places, EVENTS, err);
		else
			ret = places_write(&agent->places, EVENTS, text.data + taken,
					   text.len - taken, err);
	}
	plat_unlock(lock);
	buf_clear(&text);
	return ret;
}

int hardware_events_take(struct agent *agent, struct hardware_seen *out, struct err *err)
{
	struct buf text;
	size_t from;
	int ret = -1;

	buf_init(&text, EVENTS_MAX + 1);
	/* Replaced whole by the daemon: to read it takes no lock. */
	if (places_read(&agent->places, EVENTS, EVENTS_MAX, &text, err) < 0) {
		ret = err->code == ERR_NOTFOUND ? 0 : -1;
		goto out;
	}
	from = taken_of(&agent->pending, &text);
	if (from < text.len)
		take_lines(agent, &text, from, out);
	if (agent->pending.changed && pending_save(&agent->pending, &agent->places, err) < 0)
		goto out;
	ret = drop_taken(agent, err);
out:
	if (ret < 0)
		err_wrap(err, "the gate's events");
	buf_clear(&text);
	return ret;
}
