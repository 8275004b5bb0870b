/* See heartbeat.h.
 *
 * Evidence and event data stay JSON text: the collector stores them as they came.  Once the text is
 * known to be well formed, a few lines (raw_*) walk it in step with the parsed tree and say where
 * each value begins and ends.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/heartbeat.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "agent/proto/member.h"

#define UPTIME_MAX_S (100ll * 366 * 86400)

/* --- writing --- */

static void write_clock(struct jsonw *w, const struct heartbeat *h)
{
	jsonw_object(w, "clock");
	jsonw_int(w, "up", h->uptime_s);
	if (h->acked_time) {
		member_write_time(w, "acked", h->acked_time);
		if (h->since_acked_s >= 0)
			jsonw_int(w, "since", h->since_acked_s);
	}
	jsonw_object_end(w);
}

static void write_base(struct jsonw *w, const struct heartbeat *h)
{
	bool before = h->base_seq == h->seq - 1 && strcmp(h->base_hash, h->prev) == 0;

	if (h->base_seq == 0 || (before && !h->full))
		return;
	jsonw_object(w, "base");
	jsonw_int(w, "seq", h->base_seq);
	jsonw_string(w, "hash", h->base_hash);
	jsonw_object_end(w);
}

static void write_policy(struct jsonw *w, const struct heartbeat *h)
{
	if (h->policy_serial != HEARTBEAT_AS_BASE) {
		jsonw_object(w, "policy");
		jsonw_string(w, "name", h->policy_name);
		jsonw_int(w, "serial", h->policy_serial);
		if (h->policy_sha256[0])
			jsonw_string(w, "sha256", h->policy_sha256);
		jsonw_object_end(w);
	}
	if (h->exceptions_serial != HEARTBEAT_AS_BASE)
		jsonw_int(w, "exceptions", h->exceptions_serial);
	jsonw_int(w, "keys", h->keys_serial);
}

static void write_rejected(struct jsonw *w, const struct heartbeat *h)
{
	if (h->rejected_count == 0)
		return;
	jsonw_array(w, "rejected");
	for (unsigned i = 0; i < h->rejected_count; i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "what", h->rejected[i].what);
		jsonw_int(w, "serial", h->rejected[i].serial);
		jsonw_string(w, "why", h->rejected[i].why);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void write_standing(struct jsonw *w, const struct heartbeat_control *control)
{
	jsonw_string(w, "mode", mode_name(control->mode));
	jsonw_string(w, "verdict", verdict_name(control->verdict));
	if (control->why[0])
		jsonw_string(w, "why", control->why);
}

static void write_times(struct jsonw *w, const struct heartbeat_control *control)
{
	if (control->due_at)
		member_write_time(w, "due_at", control->due_at);
	if (control->until)
		member_write_time(w, "until", control->until);
	member_write_time(w, "since", control->since);
}

static void write_control(struct jsonw *w, const struct heartbeat_control *control)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "id", control->id);
	if (!control->as_base)
		write_standing(w, control);
	/* Before the times: up to here the dictionary knows the text in one piece. */
	if (control->evidence_len)
		jsonw_raw(w, "evidence", control->evidence, control->evidence_len);
	if (!control->as_base)
		write_times(w, control);
	jsonw_object_end(w);
}

static void write_event(struct jsonw *w, const struct heartbeat_event *event)
{
	jsonw_object(w, NULL);
	jsonw_int(w, "id", (int64_t)event->id);
	member_write_time(w, "at", event->at);
	jsonw_string(w, "type", event->type);
	if (event->count > 1)
		jsonw_int(w, "count", event->count);
	if (event->data_len)
		jsonw_raw(w, "data", event->data, event->data_len);
	jsonw_object_end(w);
}

static void write_events(struct jsonw *w, const struct heartbeat *h)
{
	jsonw_array(w, "events");
	for (unsigned i = 0; i < h->event_count; i++)
		write_event(w, &h->events[i]);
	jsonw_array_end(w);
	if (h->events_lost)
		jsonw_int(w, "lost", (int64_t)h->events_lost);
}

void heartbeat_encode(const struct heartbeat *h, struct buf *out)
{
	struct jsonw w;

	assert(h->rejected_count <= sizeof(h->rejected) / sizeof(h->rejected[0]));
	assert(!h->full || (h->device[0] && h->boot[0]));
	assert(!h->full || (h->policy_serial >= 0 && h->exceptions_serial >= 0));
	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	if (h->device[0])
		jsonw_string(&w, "device", h->device);
	jsonw_int(&w, "seq", h->seq);
	jsonw_string(&w, "prev", h->prev);
	member_write_time(&w, "at", h->at);
	if (h->boot[0])
		jsonw_string(&w, "boot", h->boot);
	write_clock(&w, h);
	if (h->full || h->agent[0])
		jsonw_string(&w, "agent", h->agent);
	write_base(&w, h);
	write_policy(&w, h);
	write_rejected(&w, h);
	jsonw_bool(&w, "full", h->full);
	if (h->volatile_chain)
		jsonw_bool(&w, "volatile", true);
	jsonw_array(&w, "controls");
	for (unsigned i = 0; i < h->control_count; i++)
		write_control(&w, &h->controls[i]);
	jsonw_array_end(&w);
	write_events(&w, h);
	if (h->inventory[0])
		jsonw_string(&w, "inventory", h->inventory);
	if (h->next_kid[0])
		crypto_point_write_jwk(h->next_key, &w, "next");
	jsonw_object_end(&w);
}

/* --- where a value lies in text that json_parse() has accepted --- */

static const char *raw_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n' || *p == ',' || *p == ':')
		p++;
	return p;
}

static const char *raw_string(const char *p)
{
	for (p++; *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p + 1;
}

/* From a value's first byte to the one after its last. */
static const char *raw_skip(const char *p)
{
	unsigned depth = 0;

	do {
		if (*p == '"') {
			p = raw_string(p);
		} else if (*p == '{' || *p == '[') {
			depth++;
			p++;
		} else if (*p == '}' || *p == ']') {
			depth--;
			p++;
		} else if (depth > 0) {
			p++;
		} else {
			return p + strcspn(p, " \t\r\n,]}");
		}
	} while (depth > 0);
	return p;
}

struct span {
	const char *at, *end;
};

/* Walks the object at 'p' and the tree of the same members in the same order; of those that are in
 * 'members' '*spans' gets the places.  Returns what follows the object. */
static const char *raw_object(const char *p, const struct json *object,
			      const struct json *const members[], struct span spans[], int count)
{
	p = raw_blanks(p + 1);
	for (const struct json *m = json_first(object); m; m = json_next(m)) {
		const char *at = raw_blanks(raw_string(p)), *end = raw_skip(at);

		for (int i = 0; i < count; i++)
			if (m == members[i])
				spans[i] = (struct span){at, end};
		p = raw_blanks(end);
	}
	return p + 1;
}

/* --- reading --- */

/* Where evidence and data are copied to: a block that is as long as the whole text. */
struct store {
	char *at;
};

/* The member 'name' of 'object', which lies at '*p': an optional object, as text of at most 'max'
 * bytes.  Moves '*p' behind the whole 'object'. */
static int read_raw_object(const struct json *object, const char **p, const char *name, size_t max,
			   struct store *store, const char **out, size_t *out_len, struct err *err)
{
	const struct json *member = json_get(object, name);
	struct span span;
	size_t len;

	*out = "{}";
	*out_len = 2;
	*p = raw_object(*p, object, &member, &span, 1);
	if (!member)
		return 0;
	if (!json_is_object(member))
		return err_set(err, ERR_INVALID, "member '%s': expected an object", name);
	len = (size_t)(span.end - span.at);
	if (len > max)
		return err_set(err, ERR_INVALID, "member '%s': %zu bytes, at most %zu are taken",
			       name, len, max);
	memcpy(store->at, span.at, len);
	store->at[len] = '\0';
	*out = store->at;
	*out_len = len;
	store->at += len + 1; /* the text had a member's name before it, so there is room */
	return 0;
}

static int read_words(const struct json *entry, struct heartbeat_control *out, struct err *err)
{
	const char *verdict, *mode;

	if (json_get_string(entry, "mode", 16, &mode, err) != 0 ||
	    json_get_string(entry, "verdict", 16, &verdict, err) != 0)
		return -1;
	if (mode_parse(mode, &out->mode) != 0)
		return err_set(err, ERR_INVALID, "member 'mode': expected off, audit or enforce");
	if (verdict_parse(verdict, &out->verdict) != 0)
		return err_set(err, ERR_INVALID,
			       "member 'verdict': expected pass, fail, unknown, not-applicable or "
			       "excepted");
	return 0;
}

/* All of it or nothing: half a standing would be a guess. */
static bool stands_as_base(const struct json *entry)
{
	static const char *const members[] = {"mode", "verdict", "why", "since", "due_at", "until"};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (json_get(entry, members[i]))
			return false;
	return true;
}

static int read_standing(const struct json *entry, struct heartbeat_control *out, struct err *err)
{
	if (read_words(entry, out, err) != 0 ||
	    member_opt_token(entry, "why", out->why, sizeof(out->why), err) != 0 ||
	    member_time(entry, "since", &out->since, err) != 0 ||
	    member_opt_time(entry, "due_at", &out->due_at, err) != 0 ||
	    member_opt_time(entry, "until", &out->until, err) != 0)
		return -1;
	return 0;
}

static int read_control(const struct json *entry, bool full, const char **p, struct store *store,
			struct heartbeat_control *out, struct err *err)
{
	if (member_token(entry, "id", out->id, sizeof(out->id), err) != 0)
		return -1;
	out->as_base = !full && stands_as_base(entry);
	if (!out->as_base && read_standing(entry, out, err) != 0)
		return -1;
	return read_raw_object(entry, p, "evidence", HEARTBEAT_MAX_EVIDENCE, store, &out->evidence,
			       &out->evidence_len, err);
}

static int read_controls(const struct json *array, const char *p, struct store *store,
			 struct heartbeat *out, struct err *err)
{
	p = raw_blanks(p + 1);
	for (const struct json *entry = json_first(array); entry; entry = json_next(entry)) {
		struct heartbeat_control *control = &out->controls[out->control_count];

		if (read_control(entry, out->full, &p, store, control, err) != 0)
			return err_wrap(err, "control %u", out->control_count + 1);
		for (unsigned i = 0; i < out->control_count; i++)
			if (strcmp(out->controls[i].id, control->id) == 0)
				return err_set(err, ERR_INVALID, "control '%s' is there twice",
					       control->id);
		out->control_count++;
		p = raw_blanks(p);
	}
	return 0;
}

static int read_event(const struct json *entry, const char **p, struct store *store,
		      struct heartbeat_event *out, struct err *err)
{
	int64_t id, count = 1;

	if (json_get_int(entry, "id", 0, MEMBER_INT_MAX, &id, err) != 0 ||
	    member_time(entry, "at", &out->at, err) != 0 ||
	    member_token(entry, "type", out->type, sizeof(out->type), err) != 0 ||
	    json_opt_int(entry, "count", 1, UINT32_MAX, &count, err) != 0)
		return -1;
	out->id = (uint64_t)id;
	out->count = (uint32_t)count;
	return read_raw_object(entry, p, "data", HEARTBEAT_MAX_EVENT, store, &out->data,
			       &out->data_len, err);
}

static int read_events(const struct json *array, const char *p, struct store *store,
		       struct heartbeat *out, struct err *err)
{
	p = raw_blanks(p + 1);
	for (const struct json *entry = json_first(array); entry; entry = json_next(entry)) {
		if (read_event(entry, &p, store, &out->events[out->event_count], err) != 0)
			return err_wrap(err, "event %u", out->event_count + 1);
		out->event_count++;
		p = raw_blanks(p);
	}
	return 0;
}

static int read_clock(const struct json *root, struct heartbeat *out, struct err *err)
{
	const struct json *clock;

	out->since_acked_s = -1;
	if (json_get_object(root, "clock", &clock, err) != 0)
		return -1;
	if (json_get_int(clock, "up", 0, UPTIME_MAX_S, &out->uptime_s, err) != 0 ||
	    member_opt_time(clock, "acked", &out->acked_time, err) != 0 ||
	    json_opt_int(clock, "since", 0, UPTIME_MAX_S, &out->since_acked_s, err) != 0)
		return err_wrap(err, "clock");
	return 0;
}

static int read_base(const struct json *root, struct heartbeat *out, struct err *err)
{
	const struct json *base;

	if (!json_get(root, "base") && !out->full && out->seq > 1) {
		out->base_seq = out->seq - 1;
		memcpy(out->base_hash, out->prev, sizeof(out->base_hash));
		return 0;
	}
	if (!json_get(root, "base"))
		return 0;
	if (json_get_object(root, "base", &base, err) != 0)
		return -1;
	if (json_get_int(base, "seq", 1, MEMBER_INT_MAX, &out->base_seq, err) != 0 ||
	    member_hash(base, "hash", out->base_hash, err) != 0)
		return err_wrap(err, "base");
	return 0;
}

/* A member that a delta may leave out. */
static bool is_left_out(const struct json *root, const char *name, const struct heartbeat *out)
{
	return !out->full && !json_get(root, name);
}

static int read_policy(const struct json *root, struct heartbeat *out, struct err *err)
{
	const struct json *policy;

	if (is_left_out(root, "policy", out)) {
		out->policy_serial = HEARTBEAT_AS_BASE;
		return 0;
	}
	if (json_get_object(root, "policy", &policy, err) != 0)
		return -1;
	if (member_text(policy, "name", out->policy_name, sizeof(out->policy_name), err) != 0 ||
	    json_get_int(policy, "serial", 0, MEMBER_INT_MAX, &out->policy_serial, err) != 0 ||
	    member_opt_hash(policy, "sha256", out->policy_sha256, err) != 0)
		return err_wrap(err, "policy");
	return 0;
}

static int read_serials(const struct json *root, struct heartbeat *out, struct err *err)
{
	if (is_left_out(root, "exceptions", out))
		out->exceptions_serial = HEARTBEAT_AS_BASE;
	else if (json_get_int(root, "exceptions", 0, MEMBER_INT_MAX, &out->exceptions_serial,
			      err) != 0)
		return -1;
	return json_opt_int(root, "keys", 0, MEMBER_INT_MAX, &out->keys_serial, err);
}

/* Which machine, which start of it, which program. */
static int read_who(const struct json *root, struct heartbeat *out, struct err *err)
{
	if (!is_left_out(root, "device", out) && member_uuid(root, "device", out->device, err) != 0)
		return -1;
	if (!is_left_out(root, "boot", out) && member_uuid(root, "boot", out->boot, err) != 0)
		return -1;
	if (!is_left_out(root, "agent", out) &&
	    member_text(root, "agent", out->agent, sizeof(out->agent), err) != 0)
		return -1;
	return 0;
}

static int read_rejected(const struct json *root, struct heartbeat *out, struct err *err)
{
	const size_t max = sizeof(out->rejected) / sizeof(out->rejected[0]);
	const struct json *array;

	if (!json_get(root, "rejected"))
		return 0;
	if (json_get_array(root, "rejected", max, &array, err) != 0)
		return -1;
	for (const struct json *entry = json_first(array); entry; entry = json_next(entry)) {
		struct heartbeat_rejected *rejected = &out->rejected[out->rejected_count++];

		if (member_token(entry, "what", rejected->what, sizeof(rejected->what), err) != 0 ||
		    json_get_int(entry, "serial", 0, MEMBER_INT_MAX, &rejected->serial, err) != 0 ||
		    member_text(entry, "why", rejected->why, sizeof(rejected->why), err) != 0)
			return err_wrap(err, "rejected, entry %u", out->rejected_count);
	}
	return 0;
}

static int read_next(const struct json *root, struct heartbeat *out, struct err *err)
{
	const struct json *jwk = json_get(root, "next");
	struct crypto_key *key;

	if (!jwk)
		return 0;
	if (crypto_key_from_jwk(jwk, &key, err) != 0)
		return err_wrap(err, "next");
	memcpy(out->next_key, crypto_key_point(key), CRYPTO_POINT_SIZE);
	memcpy(out->next_kid, crypto_key_kid(key), CRYPTO_KID_LEN + 1);
	crypto_key_free(key);
	return 0;
}

static int read_head(const struct json *root, struct heartbeat *out, struct err *err)
{
	int64_t lost = 0;

	if (member_version(root, err) != 0 || json_get_bool(root, "full", &out->full, err) != 0 ||
	    read_who(root, out, err) != 0 ||
	    json_get_int(root, "seq", 1, MEMBER_INT_MAX, &out->seq, err) != 0 ||
	    member_hash(root, "prev", out->prev, err) != 0 ||
	    member_time(root, "at", &out->at, err) != 0 || read_clock(root, out, err) != 0 ||
	    read_base(root, out, err) != 0 || read_policy(root, out, err) != 0 ||
	    read_serials(root, out, err) != 0 || read_rejected(root, out, err) != 0 ||
	    json_opt_bool(root, "volatile", &out->volatile_chain, err) != 0 ||
	    json_opt_int(root, "lost", 0, MEMBER_INT_MAX, &lost, err) != 0 ||
	    member_opt_hash(root, "inventory", out->inventory, err) != 0 ||
	    read_next(root, out, err) != 0)
		return -1;
	out->events_lost = (uint64_t)lost;
	return 0;
}

static size_t count_children(const struct json *array)
{
	size_t count = 0;

	for (const struct json *child = json_first(array); child; child = json_next(child))
		count++;
	return count;
}

/* One block: the controls, the events, then the text of evidence and data. */
static int read_lists(const struct json *root, const char *text, size_t len, struct heartbeat *out,
		      struct err *err)
{
	const struct json *controls, *events;
	struct span spans[2] = {{0}};
	size_t controls_size, events_size;
	struct store store;
	char *block;

	if (json_get_array(root, "controls", HEARTBEAT_MAX_CONTROLS, &controls, err) != 0 ||
	    json_get_array(root, "events", HEARTBEAT_MAX_EVENTS, &events, err) != 0)
		return -1;
	controls_size = count_children(controls) * sizeof(*out->controls);
	events_size = count_children(events) * sizeof(*out->events);
	block = malloc(controls_size + events_size + len + 1);
	if (!block)
		return err_set(err, ERR_NOMEM, "no memory for a heartbeat");
	memset(block, 0, controls_size + events_size);
	out->controls = (struct heartbeat_control *)block;
	out->events = (struct heartbeat_event *)(block + controls_size);
	store.at = block + controls_size + events_size;
	raw_object(raw_blanks(text), root, (const struct json *[]){controls, events}, spans, 2);
	assert(spans[0].at && spans[1].at); /* both are members of 'root' */
	if (read_controls(controls, spans[0].at, &store, out, err) != 0 ||
	    read_events(events, spans[1].at, &store, out, err) != 0) {
		free(block);
		return -1;
	}
	return 0;
}

int heartbeat_decode(const char *text, size_t len, struct heartbeat *out, struct err *err)
{
	struct heartbeat heartbeat = {0};
	struct json *root;
	int ret;

	if (json_parse(text, len, &root, err) != 0)
		return -1;
	ret = read_head(root, &heartbeat, err);
	if (ret == 0)
		ret = read_lists(root, text, len, &heartbeat, err);
	json_free(root);
	if (ret == 0)
		*out = heartbeat;
	return ret;
}

void heartbeat_clear(struct heartbeat *heartbeat)
{
	free(heartbeat->controls); /* the start of the one block */
	*heartbeat = (struct heartbeat){0};
}
