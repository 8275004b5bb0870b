/* See pending.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/pending.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "agent/check/places.h"
#include "agent/proto/member.h"

#include <stdlib.h>
#include <string.h>

void pending_init(struct pending *pending)
{
	memset(pending, 0, sizeof(*pending));
	pending->next_id = 1;
}

void pending_clear(struct pending *pending)
{
	for (unsigned i = 0; i < pending->count; i++)
		free(pending->events[i].data);
	free(pending->events);
	memset(pending, 0, sizeof(*pending));
}

/* --- file --- */

int pending_save(struct pending *pending, struct places *places, struct err *err)
{
	struct jsonw w;
	struct buf out;
	int ret = -1;

	buf_init(&out, PENDING_MAX);
	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_int(&w, "for_seq", pending->for_seq);
	jsonw_int(&w, "next_id", (int64_t)pending->next_id);
	jsonw_int(&w, "lost", (int64_t)pending->lost);
	jsonw_int(&w, "rescued_seq", pending->rescued_seq);
	jsonw_string(&w, "memory", pending->memory);
	if (pending->taken) {
		jsonw_int(&w, "taken", pending->taken);
		jsonw_string(&w, "taken_hash", pending->taken_hash);
	}
	jsonw_array(&w, "events");
	for (unsigned i = 0; i < pending->count; i++) {
		const struct pending_event *e = &pending->events[i];

		jsonw_object(&w, NULL);
		jsonw_int(&w, "id", (int64_t)e->id);
		jsonw_int(&w, "at", e->at);
		jsonw_string(&w, "type", e->type);
		jsonw_int(&w, "count", e->count);
		jsonw_stringn(&w, "data", e->data, e->data_len);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	if (buf_check(&out, err) == 0)
		ret = places_write(places, PENDING_FILE, out.data, out.len, err);
	else
		err_wrap(err, PENDING_FILE);
	if (ret == 0)
		pending->changed = false;
	buf_clear(&out);
	return ret;
}

static struct pending_event *append(struct pending *pending, const char *data, size_t len)
{
	struct pending_event *e;

	if (pending->count == PENDING_EVENTS_MAX || len > HEARTBEAT_MAX_EVENT ||
	    pending->data_size + len > PENDING_DATA_MAX)
		return NULL;
	if (pending->count % 64 == 0) {
		size_t size = (pending->count + 64) * sizeof(*pending->events);
		struct pending_event *events = realloc(pending->events, size);

		if (!events)
			return NULL;
		pending->events = events;
	}
	e = &pending->events[pending->count];
	memset(e, 0, sizeof(*e));
	e->data = malloc(len + 1);
	if (!e->data)
		return NULL;
	memcpy(e->data, data, len);
	e->data[len] = '\0';
	e->data_len = len;
	pending->data_size += len;
	pending->count++;
	return e;
}

static int check_object(const char *text, size_t len, struct err *err)
{
	struct json *root;
	bool good;

	if (json_parse(text, len, &root, err) < 0)
		return -1;
	good = json_is_object(root);
	json_free(root);
	return good ? 0 : err_set(err, ERR_INVALID, "expected an object");
}

static int read_event(const struct json *member, struct pending *to, struct err *err)
{
	struct pending_event *e;
	char type[sizeof(e->type)];
	int64_t id, at, count;
	const char *data;

	if (json_get_int(member, "id", 1, MEMBER_INT_MAX, &id, err) < 0 ||
	    json_get_int(member, "at", -MEMBER_INT_MAX, MEMBER_INT_MAX, &at, err) < 0 ||
	    member_text(member, "type", type, sizeof(type), err) < 0 ||
	    json_get_int(member, "count", 1, UINT32_MAX, &count, err) < 0 ||
	    json_get_string(member, "data", HEARTBEAT_MAX_EVENT, &data, err) < 0)
		return -1;
	if (!type[0])
		return err_set(err, ERR_INVALID, "member 'type': expected a name");
	if (check_object(data, strlen(data), err) < 0)
		return err_wrap(err, "data");
	if ((uint64_t)id >= to->next_id)
		return err_set(err, ERR_INVALID, "member 'id': expected one below 'next_id'");
	e = append(to, data, strlen(data));
	if (!e)
		return err_set(err, ERR_INVALID, "more events than the file may hold");
	e->id = (uint64_t)id;
	e->at = at;
	e->count = (uint32_t)count;
	memcpy(e->type, type, sizeof(type));
	return 0;
}

static int read_all(const struct json *root, struct pending *to, struct err *err)
{
	const struct json *events;
	int64_t v, next_id, lost;

	if (!json_is_object(root))
		return err_set(err, ERR_INVALID, "expected an object");
	if (json_get_int(root, "v", 1, 1, &v, err) < 0 ||
	    json_get_int(root, "for_seq", 0, MEMBER_INT_MAX, &to->for_seq, err) < 0 ||
	    json_get_int(root, "next_id", 1, MEMBER_INT_MAX, &next_id, err) < 0 ||
	    json_get_int(root, "lost", 0, MEMBER_INT_MAX, &lost, err) < 0 ||
	    json_opt_int(root, "rescued_seq", 0, MEMBER_INT_MAX, &to->rescued_seq, err) < 0 ||
	    member_text(root, "memory", to->memory, sizeof(to->memory), err) < 0 ||
	    json_opt_int(root, "taken", 0, MEMBER_INT_MAX, &to->taken, err) < 0 ||
	    member_opt_text(root, "taken_hash", to->taken_hash, sizeof(to->taken_hash), err) < 0 ||
	    json_get_array(root, "events", PENDING_EVENTS_MAX, &events, err) < 0)
		return -1;
	to->next_id = (uint64_t)next_id;
	to->lost = (uint64_t)lost;
	for (const struct json *e = json_first(events); e; e = json_next(e))
		if (read_event(e, to, err) < 0)
			return err_wrap(err, "event %u", to->count + 1);
	return 0;
}

int pending_parse(const char *text, size_t len, struct pending *out, struct err *err)
{
	struct pending pending;
	struct json *root;
	int ret;

	if (json_parse(text, len, &root, err) < 0)
		return -1;
	pending_init(&pending);
	ret = read_all(root, &pending, err);
	if (ret == 0)
		*out = pending;
	else
		pending_clear(&pending);
	json_free(root);
	return ret;
}

int pending_load(const struct places *places, struct pending *out, struct err *err)
{
	struct buf text;
	int ret = -1;

	buf_init(&text, PENDING_MAX + 1);
	if (places_read(places, PENDING_FILE, PENDING_MAX, &text, err) == 0) {
		ret = pending_parse(buf_text(&text), text.len, out, err);
		if (ret < 0)
			err_wrap(err, PENDING_FILE);
	}
	buf_clear(&text);
	return ret;
}

/* --- events --- */

static struct pending_event *find(const struct pending *pending, const char *type, const char *data,
				  size_t len)
{
	for (unsigned i = 0; i < pending->count; i++) {
		struct pending_event *e = &pending->events[i];

		if (strcmp(e->type, type) == 0 && e->data_len == len &&
		    memcmp(e->data, data, len) == 0)
			return e;
	}
	return NULL;
}

static void add(struct pending *pending, const char *type, int64_t at, const char *data, size_t len,
		uint32_t count)
{
	struct pending_event *e = find(pending, type, data, len);

	pending->changed = true;
	if (e) {
		e->count = count < UINT32_MAX - e->count ? e->count + count : UINT32_MAX;
		return;
	}
	e = append(pending, data, len);
	if (!e) {
		pending->lost += count;
		return;
	}
	e->id = pending->next_id++;
	e->at = at;
	e->count = count;
	(void)text_copy(e->type, sizeof(e->type), type);
}

void pending_add(struct pending *pending, const char *type, int64_t at, const char *data,
		 size_t len)
{
	add(pending, type, at, data, len, 1);
}

void pending_add_many(struct pending *pending, const char *type, int64_t at, const char *data,
		      size_t len, uint32_t count)
{
	add(pending, type, at, data, len, count);
}

void pending_add_once(struct pending *pending, const char *type, int64_t at, const char *data,
		      size_t len)
{
	if (!find(pending, type, data, len))
		add(pending, type, at, data, len, 1);
}

void pending_rescue(struct pending *pending, const struct heartbeat *heartbeat)
{
	if (pending->rescued_seq == heartbeat->seq)
		return; /* killed before its file went, and refused again */
	for (unsigned i = 0; i < heartbeat->event_count; i++) {
		const struct heartbeat_event *e = &heartbeat->events[i];

		add(pending, e->type, e->at, e->data, e->data_len, e->count);
	}
	pending->lost += heartbeat->events_lost;
	pending->rescued_seq = heartbeat->seq;
	pending->changed = true;
}

void pending_renumber(struct pending *pending, uint64_t first)
{
	pending->changed = true;
	if (pending->next_id >= first)
		return;
	for (unsigned i = 0; i < pending->count; i++)
		pending->events[i].id = first++;
	pending->next_id = first;
}

static bool holds(const struct heartbeat *heartbeat, uint64_t id)
{
	for (unsigned i = 0; i < heartbeat->event_count; i++)
		if (heartbeat->events[i].id == id)
			return true;
	return false;
}

void pending_signed(struct pending *pending, const struct heartbeat *heartbeat)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < pending->count; i++) {
		struct pending_event *e = &pending->events[i];

		if (!holds(heartbeat, e->id)) {
			pending->events[kept++] = *e;
			continue;
		}
		pending->data_size -= e->data_len;
		free(e->data);
	}
	pending->count = kept;
	pending->lost -=
		pending->lost < heartbeat->events_lost ? pending->lost : heartbeat->events_lost;
	for (unsigned i = 0; i < heartbeat->event_count; i++)
		if (heartbeat->events[i].id >= pending->next_id)
			pending->next_id = heartbeat->events[i].id + 1;
	pending->for_seq = heartbeat->seq + 1;
	pending->changed = true;
}
