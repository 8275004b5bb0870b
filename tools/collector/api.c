/* People's API: the first of /api/v1, /metrics, /healthz.  tools/collector/openapi.json describes
 * it and a test holds one to the other.
 *
 * Who asks shows a bearer token, of which the store keeps the hash.  Roles: a viewer gets counts,
 * no device; the others here see devices.  A token for one school sees that school alone.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/api_parts.h"

#include "agent/base/err.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "tools/collector/api_query.h"
#include "tools/collector/config.h"
#include "tools/collector/report.h"
#include "tools/collector/rollup.h"
#include "tools/collector/stats.h"
#include "tools/collector/store_desk.h"

#include "tools/collector/openapi.json.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TOKEN_MAX 200
#define PAGE_DEFAULT 100
#define PAGE_MAX 1000
#define STALE_COMMIT_S 300 /* something queued, nothing committed for so long: the writer hangs */

void api_fail(struct api_answer *answer, const struct err *err)
{
	api_problem(answer, 503, "store", "The store cannot be read",
		    err->code == ERR_FULL ? "The disk is full: make room."
					  : "See the collector's log; try again later.");
}

/* --- who asks --- */

bool api_authorised(const struct api_request *request, struct api_answer *answer, bool devices,
		    struct store_token *token)
{
	const char *text = request->authorization;
	uint8_t hash[CRYPTO_HASH_SIZE];
	struct err err;

	answer->challenge = "Bearer realm=\"caretaker\"";
	if (strncasecmp(text, "Bearer ", 7) != 0 || strlen(text) > TOKEN_MAX) {
		api_problem(answer, 401, "token", "A token is needed",
			    "Send 'Authorization: Bearer TOKEN'; \"caretaker-collector token new\" "
			    "makes one.");
		return false;
	}
	text += 7;
	text += strspn(text, " ");
	crypto_sha256(text, strlen(text), hash);
	if (request->store->desk->token_find(request->store, hash, request->now, token, &err)) {
		if (err.code == ERR_NOTFOUND)
			api_problem(answer, 401, "token", "The token is not known",
				    "It is misspelt, has ended or was revoked.");
		else
			api_fail(answer, &err);
		return false;
	}
	answer->challenge = NULL;
	if (devices && !strcmp(token->role, "viewer")) {
		api_problem(answer, 403, "role", "This token sees counts alone",
			    "Devices need a token of the role technician or admin.");
		return false;
	}
	snprintf(answer->audit_who, sizeof(answer->audit_who), "token %.50s", token->name);
	return true;
}

struct find_school {
	const char *name;
	int64_t id;
	struct store_school *out;
	bool found;
};

static int match_school(void *ctx, const struct store_school *school, struct err *err)
{
	struct find_school *find = ctx;

	(void)err;
	if (find->name ? !strcasecmp(find->name, school->name) : find->id == school->id) {
		*find->out = *school;
		find->found = true;
	}
	return 0;
}

/* The school that was asked for, as far as the token sees: '*out_any' when all.  A school that a
 * token does not see does not exist for it. */
bool api_scope(const struct api_request *request, struct api_answer *answer,
	       const struct store_token *token, struct store_school *out, bool *out_any)
{
	char name[STORE_NAME_SIZE];
	enum api_found given = api_query_get(request->query, "school", name, sizeof(name));
	struct find_school find = {
		.name = given == API_FOUND ? name : NULL, .id = token->school, .out = out};
	struct err err;

	*out_any = given == API_ABSENT && !token->school;
	if (given == API_MALFORMED)
		return api_query_bad(answer, "school", "a school's name");
	if (*out_any)
		return true;
	if (request->store->desk->schools(request->store, match_school, &find, &err)) {
		api_fail(answer, &err);
		return false;
	}
	if (find.found && (!token->school || out->id == token->school))
		return true;
	api_problem(answer, 404, "school", "There is no such school",
		    "See \"caretaker-collector school list\".");
	return false;
}

/* --- /api/v1/rollup --- */

static void get_rollup(const struct api_request *request, struct api_answer *answer)
{
	static const char *const names[] = {"by", "school", NULL};
	enum rollup_by by = ROLLUP_SCHOOL;
	struct store_school school;
	struct store_token token;
	struct rollup rollup;
	char word[16];
	enum api_found given;
	struct err err;
	bool any, sentences;

	if (!api_authorised(request, answer, false, &token) ||
	    !api_query_known(request->query, names, answer) ||
	    !api_scope(request, answer, &token, &school, &any))
		return;
	given = api_query_get(request->query, "by", word, sizeof(word));
	if (given == API_MALFORMED || (given == API_FOUND && rollup_by_parse(word, &by))) {
		api_query_bad(answer, "by", "school, room, group or control");
		return;
	}
	if (rollup_read(request->store, by, any ? NULL : &school, request->now, &rollup, &err)) {
		api_fail(answer, &err);
		return;
	}
	sentences = strcmp(token.role, "viewer") != 0;
	rollup_json(&rollup, sentences, false, &answer->body);
	if (sentences && rollup.cause_count) {
		snprintf(answer->audit_action, sizeof(answer->audit_action), "look at rollup");
		snprintf(answer->audit_object, sizeof(answer->audit_object), "%s",
			 any ? "" : school.name);
	}
	rollup_clear(&rollup);
}

/* --- /api/v1/devices --- */

struct page {
	struct jsonw w;
	unsigned count, max;
	int64_t last;
	bool more;
};

static int page_device(void *ctx, const struct store_device *device, struct err *err)
{
	struct page *page = ctx;

	(void)err;
	if (page->count == page->max) {
		page->more = true;
		return 0;
	}
	jsonw_object(&page->w, NULL);
	report_device_members(&page->w, device);
	jsonw_object_end(&page->w);
	page->count++;
	page->last = device->id;
	return 0;
}

static int control_word(const char *word, int *out)
{
	enum control_id id;

	if (control_parse(word, &id))
		return -1;
	*out = id;
	return 0;
}

#define STANDING_WORDS "ok, to_fix, due_by, overdue, cannot_tell, allowed_until or not_applicable"

static bool take_filter(const struct api_request *request, struct api_answer *answer,
			struct store_device_filter *filter, char word[STORE_NAME_SIZE])
{
	int64_t limit = PAGE_DEFAULT;
	enum api_found given = api_query_get(request->query, "match", word, STORE_NAME_SIZE);
	int standing = -1;

	if (given == API_MALFORMED)
		return api_query_bad(answer, "match", "a name, serial number or part of a UUID");
	filter->word = given == API_FOUND ? word : NULL;
	if (!api_query_word(request, answer, "status", report_status_parse,
			    "waiting, active, revoked or retired", &filter->status) ||
	    !api_query_word(request, answer, "presence", report_presence_parse,
			    "seen, not_seen, never_seen, waiting, revoked or retired",
			    &filter->presence) ||
	    !api_query_word(request, answer, "standing", report_standing_parse, STANDING_WORDS,
			    &standing) ||
	    !api_query_word(request, answer, "control", control_word, "a control's name",
			    &filter->control) ||
	    !api_query_number(request, answer, "limit", 1, PAGE_MAX, &limit) ||
	    !api_query_number(request, answer, "after", 0, INT64_C(1) << 52, &filter->after))
		return false;
	/* With a control it is that control's standing, else the device's worst. */
	if (filter->control >= 0)
		filter->control_standing = standing;
	else
		filter->standing = standing;
	filter->max = (unsigned)limit + 1; /* one more says whether there is a next page */
	return true;
}

struct find_place {
	const char *name;
	int64_t id;
};

static int match_room(void *ctx, const struct store_room *room, struct err *err)
{
	struct find_place *find = ctx;

	(void)err;
	if (!strcasecmp(find->name, room->name))
		find->id = room->id;
	return 0;
}

static int match_group(void *ctx, const struct store_group *group, struct err *err)
{
	struct find_place *find = ctx;

	(void)err;
	if (!strcasecmp(find->name, group->name))
		find->id = group->id;
	return 0;
}

/* Rooms and groups have their names within a school. */
static bool take_place(const struct api_request *request, struct api_answer *answer,
		       struct store_device_filter *filter)
{
	char room[STORE_NAME_SIZE], group[STORE_NAME_SIZE];
	struct find_place in_room = {room, 0}, in_group = {group, 0};
	enum api_found has_room = api_query_get(request->query, "room", room, sizeof(room));
	enum api_found has_group = api_query_get(request->query, "group", group, sizeof(group));
	struct err err;

	if ((has_room != API_ABSENT || has_group != API_ABSENT) && !filter->school)
		return api_query_bad(answer, "school", "the school that the room or group is in");
	if ((has_room == API_FOUND && request->store->desk->rooms(request->store, filter->school,
								  match_room, &in_room, &err)) ||
	    (has_group == API_FOUND &&
	     request->store->desk->groups(request->store, filter->school, match_group, &in_group,
					  &err))) {
		api_fail(answer, &err);
		return false;
	}
	if (has_room != API_ABSENT && !in_room.id)
		return api_query_bad(answer, "room", "the name of a room of this school");
	if (has_group != API_ABSENT && !in_group.id)
		return api_query_bad(answer, "group", "the name of a group of this school");
	filter->room = in_room.id;
	filter->group = in_group.id;
	return true;
}

static void get_devices(const struct api_request *request, struct api_answer *answer)
{
	static const char *const names[] = {"school",   "room",     "group",   "status",
					    "presence", "standing", "control", "match",
					    "limit",    "after",    NULL};
	struct store_device_filter filter;
	struct store_school school = {0};
	struct store_token token;
	struct page page = {.count = 0};
	char word[STORE_NAME_SIZE], next[24];
	struct err err;
	bool any;

	store_device_filter_init(&filter);
	if (!api_authorised(request, answer, true, &token) ||
	    !api_query_known(request->query, names, answer) ||
	    !api_scope(request, answer, &token, &school, &any))
		return;
	filter.school = any ? 0 : school.id;
	if (!take_filter(request, answer, &filter, word) || !take_place(request, answer, &filter))
		return;
	page.max = filter.max - 1;
	jsonw_init(&page.w, &answer->body);
	jsonw_object(&page.w, NULL);
	jsonw_array(&page.w, "devices");
	if (request->store->desk->devices(request->store, &filter, page_device, &page, &err)) {
		api_fail(answer, &err);
		return;
	}
	jsonw_array_end(&page.w);
	snprintf(next, sizeof(next), "%lld", (long long)page.last);
	jsonw_string(&page.w, "next", page.more ? next : NULL);
	jsonw_object_end(&page.w);
	buf_addc(&answer->body, '\n');
	snprintf(answer->audit_action, sizeof(answer->audit_action), "look at devices");
	snprintf(answer->audit_object, sizeof(answer->audit_object), "%s",
		 any ? "all schools" : school.name);
	snprintf(answer->audit_detail, sizeof(answer->audit_detail), "{\"devices\":%u}",
		 page.count);
}

/* --- /api/v1/devices/{id} --- */

struct one {
	struct store_device device;
	unsigned count;
};

static int take_one(void *ctx, const struct store_device *device, struct err *err)
{
	struct one *one = ctx;

	(void)err;
	one->device = *device;
	one->count++;
	return 0;
}

static void get_device(const struct api_request *request, struct api_answer *answer)
{
	static const char *const none[] = {NULL};
	struct store_device_filter filter;
	struct store_token token;
	struct one one = {.count = 0};
	struct err err;

	if (!api_authorised(request, answer, true, &token) ||
	    !api_query_known(request->query, none, answer))
		return;
	store_device_filter_init(&filter);
	filter.school = token.school;
	filter.word = request->rest;
	if (strlen(request->rest) == UUID_LEN &&
	    strspn(request->rest, "0123456789abcdef-") == UUID_LEN &&
	    request->store->desk->devices(request->store, &filter, take_one, &one, &err)) {
		api_fail(answer, &err);
		return;
	}
	if (one.count != 1) {
		api_problem(answer, 404, "device", "There is no such device",
			    "The path ends with a device's UUID, as /api/v1/devices lists it.");
		return;
	}
	if (report_device_json(request->store, &one.device, false, &answer->body, &err)) {
		api_fail(answer, &err);
		return;
	}
	snprintf(answer->audit_action, sizeof(answer->audit_action), "look at device");
	snprintf(answer->audit_object, sizeof(answer->audit_object), "%s", one.device.uuid);
	snprintf(answer->audit_detail, sizeof(answer->audit_detail), "{}");
}

static void get_openapi(const struct api_request *request, struct api_answer *answer)
{
	(void)request;
	buf_add(&answer->body, tools_collector_openapi_json, tools_collector_openapi_json_len);
}

/* --- /healthz, /metrics --- */

static uint64_t gauge(const atomic_uint_fast64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static const char *sickness(const struct api_request *request)
{
	const struct stats *stats = request->stats;
	uint64_t committed = gauge(&stats->last_commit_at);

	if (atomic_load(&stats->store_full))
		return "the disk is full: make room";
	if (atomic_load(&stats->store_failing))
		return "the store cannot be written: see the log";
	if (gauge(&stats->free_bytes) < (uint64_t)request->config->min_free_mb * 1024 * 1024)
		return "the disk is nearly full: make room";
	if (gauge(&stats->queued) && committed &&
	    (uint64_t)request->now > committed + STALE_COMMIT_S)
		return "heartbeats are queued and none was committed for minutes: see the log";
	return NULL;
}

static void get_healthz(const struct api_request *request, struct api_answer *answer)
{
	const char *sick = sickness(request);
	struct jsonw w;

	jsonw_init(&w, &answer->body);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "status", sick ? "sick" : "ok");
	jsonw_string(&w, "why", sick);
	jsonw_bool(&w, "store_writable",
		   !atomic_load(&request->stats->store_full) &&
			   !atomic_load(&request->stats->store_failing));
	jsonw_int(&w, "free_mb", (int64_t)(gauge(&request->stats->free_bytes) / 1024 / 1024));
	jsonw_int(&w, "queued", (int64_t)gauge(&request->stats->queued));
	jsonw_time(&w, "last_commit_at", (int64_t)gauge(&request->stats->last_commit_at));
	jsonw_object_end(&w);
	buf_addc(&answer->body, '\n');
	answer->status = sick ? 503 : 200;
}

static void metric(struct buf *out, const char *name, const char *type, const char *help,
		   uint64_t value)
{
	buf_addf(out, "# HELP caretaker_%s %s\n# TYPE caretaker_%s %s\ncaretaker_%s %llu\n", name,
		 help, name, type, name, (unsigned long long)value);
}

static int metric_count(void *ctx, const struct store_count *count, struct err *err)
{
	struct rollup_row *row = ctx;

	(void)err;
	if (count->control == STORE_COUNT_DEVICE && count->standing < STANDING_COUNT)
		row->standing[count->standing] = count->count;
	if (count->control == STORE_COUNT_PRESENCE && count->standing < STORE_PRESENCE_COUNT)
		row->presence[count->standing] = count->count;
	return 0;
}

/* Numbers alone, of all schools together: no names go to a monitoring system. */
static void metric_devices(const struct api_request *request, struct buf *out)
{
	struct rollup_row row = {.devices = 0};
	struct err ignored;

	/* Without them the rest is still worth having; caretaker_store_readable says so. */
	if (!request->store || request->store->live->counts(request->store, STORE_TRUST, 0,
							    metric_count, &row, &ignored)) {
		metric(out, "store_readable", "gauge", "1 when the store can be read", 0);
		return;
	}
	metric(out, "store_readable", "gauge", "1 when the store can be read", 1);
	buf_adds(out, "# HELP caretaker_devices active devices by the worst of their controls\n"
		      "# TYPE caretaker_devices gauge\n");
	for (int i = 0; i < STANDING_COUNT; i++)
		buf_addf(out, "caretaker_devices{standing=\"%s\"} %lld\n",
			 standing_key((enum standing)i), (long long)row.standing[i]);
	buf_adds(out, "# HELP caretaker_presence devices by when they were seen, or why not\n"
		      "# TYPE caretaker_presence gauge\n");
	for (int i = 0; i < STORE_PRESENCE_COUNT; i++)
		buf_addf(out, "caretaker_presence{presence=\"%s\"} %lld\n", report_presence_key(i),
			 (long long)row.presence[i]);
}

static void get_metrics(const struct api_request *request, struct api_answer *answer)
{
	const struct stats *stats = request->stats;
	struct buf *out = &answer->body;

	answer->type = "text/plain; version=0.0.4; charset=utf-8";
#define METRIC(name, help) metric(out, #name "_total", "counter", help, gauge(&stats->name));
	STATS_COUNTERS(METRIC)
#undef METRIC
	metric(out, "open_connections", "gauge", "connections open now",
	       gauge(&stats->open_connections));
	metric(out, "queued", "gauge", "requests that wait for the writer", gauge(&stats->queued));
	metric(out, "free_bytes", "gauge", "free on the store's disk", gauge(&stats->free_bytes));
	metric(out, "last_commit_timestamp_seconds", "gauge", "when something was stored last",
	       gauge(&stats->last_commit_at));
	metric(out, "start_time_seconds", "gauge", "when the collector started",
	       gauge(&stats->started_at));
	metric(out, "healthy", "gauge", "1 when /healthz says ok", sickness(request) == NULL);
	metric_devices(request, out);
}

const struct api_route api_routes[] = {
	{"GET", "/api/v1/rollup", false, get_rollup},
	{"GET", "/api/v1/devices", false, get_devices},
	{"GET", "/api/v1/requests", false, api_get_requests},
	{"GET", "/api/v1/devices/*", false, get_device},
	{"GET", "/api/v1/openapi.json", true, get_openapi},
	{"GET", "/healthz", true, get_healthz},
	{"GET", "/metrics", true, get_metrics},
	{NULL, NULL, false, NULL},
};
