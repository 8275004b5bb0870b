/* How long any roll-up takes with many devices: fills a store through the same calls that serve
 * makes, then asks every scope, its counts and what to fix first, and the whole roll-ups that
 * people and the API are shown, each time with what time alone changed applied first.
 *
 * usage: bench_collector_rollup STORE DEVICES
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/os.h"
#include "agent/base/buf.h"
#include "tools/collector/rollup.h"
#include "tools/collector/store_desk.h"

#define SCHOOLS 40
#define ROOMS 12
#define CONTROLS 16
#define BATCH 256
#define TRIES 15 /* each, the best counts: a busy machine is not the store's doing */

struct bench {
	struct store *store;
	int64_t now;
	int64_t schools[SCHOOLS], groups[SCHOOLS], rooms[SCHOOLS][ROOMS];
	struct store_code codes[SCHOOLS];
};

static void check(int ret, const struct err *err, const char *what)
{
	if (ret == 0)
		return;
	fprintf(stderr, "bench_collector_rollup: %s: %s\n", what, err->msg);
	exit(EXIT_FAILURE);
}

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void make_schools(struct bench *b)
{
	struct store_site site = {.name = "Bench trust", .host = "localhost:1"};
	struct err err;

	plat_uuid(site.org);
	plat_uuid(site.epoch);
	check(b->store->admin->init(b->store, &site, &err), &err, "init");
	for (int s = 0; s < SCHOOLS; s++) {
		struct store_school school = {
			.created_at = b->now, .audit_days = 14, .not_seen_days = 7};
		struct enrol_code code = {0};

		snprintf(school.name, sizeof(school.name), "School %d", s);
		check(b->store->admin->school_add(b->store, &school, "bench", &b->schools[s], &err),
		      &err, "school");
		check(b->store->admin->group_add(b->store, b->schools[s], "laptops", "bench",
						 &b->groups[s], &err),
		      &err, "group");
		for (int r = 0; r < ROOMS; r++) {
			struct store_room room = {.school = b->schools[s]};

			snprintf(room.name, sizeof(room.name), "Room %d", r);
			snprintf(room.patterns, sizeof(room.patterns), "R%02d-*", r);
			check(b->store->admin->room_add(b->store, &room, "bench", &b->rooms[s][r],
							&err),
			      &err, "room");
		}
		check(plat_random(code.secret, sizeof(code.secret), &err), &err, "random");
		b->codes[s].school = b->schools[s];
		b->codes[s].group = b->groups[s];
		b->codes[s].created_at = b->now;
		memcpy(b->codes[s].secret, code.secret, sizeof(code.secret));
		enrol_code_id(&code, b->codes[s].id);
		check(b->store->admin->code_add(b->store, &b->codes[s], "bench", &err), &err,
		      "code");
	}
}

static void enrol(struct bench *b, unsigned n, struct store_key *out_key)
{
	struct crypto_signer *signer = NULL;
	struct enrol_request request = {.at = b->now};
	struct store_enrol enrol = {.request = &request, .now = b->now};
	struct store_enrolled enrolled;
	const struct store_code *code = &b->codes[n % SCHOOLS];
	struct err err;

	check(crypto_signer_generate(&signer, &err), &err, "key");
	request.key = (struct crypto_key *)(uintptr_t)crypto_signer_key(signer);
	memcpy(request.code, code->id, sizeof(request.code));
	enrol_code_proof(code->secret, crypto_key_kid(request.key), request.proof);
	snprintf(request.name, sizeof(request.name), "R%02u-%u", n / SCHOOLS % ROOMS, n);
	snprintf(request.hardware.serial, sizeof(request.hardware.serial), "BENCH%u", n);
	snprintf(request.agent, sizeof(request.agent), "0.1.0");
	crypto_sha256_b64(&n, sizeof(n), enrol.request_hash);
	plat_uuid(enrol.device);
	check(b->store->live->enrol(b->store, &enrol, &enrolled, &err), &err, "enrol");
	if (enrolled.result != STORE_ENROL_ACTIVE) {
		fprintf(stderr, "bench_collector_rollup: device %u was not enrolled (%d)\n", n,
			enrolled.result);
		exit(EXIT_FAILURE);
	}
	check(b->store->live->find_key(b->store, crypto_key_kid(request.key), out_key, &err), &err,
	      "find key");
	crypto_signer_free(signer);
}

static void report(struct bench *b, unsigned n, const struct store_key *key)
{
	struct heartbeat_control controls[CONTROLS];
	struct heartbeat beat = {
		.controls = controls, .control_count = CONTROLS, .seq = 1, .full = true};
	struct store_heartbeat row = {
		.key = key, .heartbeat = &beat, .jws = "x", .jws_len = 1, .received_at = b->now};
	struct store_placed placed;
	struct err err;

	memset(controls, 0, sizeof(controls));
	for (unsigned c = 0; c < CONTROLS; c++) {
		unsigned pick = (n * 31 + c * 17) % 100;

		snprintf(controls[c].id, sizeof(controls[c].id), "%s",
			 control_name((enum control_id)c));
		controls[c].verdict = pick < 8    ? VERDICT_FAIL
				      : pick < 10 ? VERDICT_UNKNOWN
						  : VERDICT_PASS;
		controls[c].since = b->now;
		controls[c].due_at = pick >= 95 ? b->now + 86400 : 0;
		snprintf(controls[c].why, sizeof(controls[c].why), "%s",
			 pick < 4     ? "not-installed"
			 : pick < 8   ? "too-old"
			 : pick < 10  ? "no-tool"
			 : pick >= 95 ? "pending"
				      : "ok");
		controls[c].evidence = "{\"count\":3}";
		controls[c].evidence_len = 11;
	}
	memcpy(beat.device, key->device, sizeof(beat.device));
	crypto_sha256_b64(&n, sizeof(n), beat.prev);
	crypto_sha256_b64(key->kid, sizeof(key->kid), row.hash);
	beat.at = b->now;
	check(b->store->live->put_heartbeat(b->store, &row, &placed, &err), &err, "heartbeat");
	if (placed.as != STORE_STORED) {
		fprintf(stderr, "bench_collector_rollup: heartbeat %u not stored: %s\n", n,
			placed.why);
		exit(EXIT_FAILURE);
	}
}

static int count_rows(void *ctx, const struct store_count *count, struct err *err)
{
	(void)err;
	(void)count;
	++*(unsigned *)ctx;
	return 0;
}

static double slowest_ms(struct bench *b, enum store_scope scope, const int64_t *ids, int id_count)
{
	double slowest = 0, best = 0;

	for (int i = 0; i < id_count * TRIES; i++) {
		unsigned rows = 0;
		double from = now_ms();
		struct err err;

		check(store_settle(b->store, b->now + 60, &err), &err, "settle");
		check(b->store->live->counts(b->store, scope, ids[i / TRIES], count_rows, &rows,
					     &err),
		      &err, "counts");
		if (rows == 0) {
			fprintf(stderr, "bench_collector_rollup: an empty roll-up\n");
			exit(EXIT_FAILURE);
		}
		from = now_ms() - from;
		if (i % TRIES == 0 || from < best)
			best = from;
		if (i % TRIES == TRIES - 1 && best > slowest)
			slowest = best;
	}
	return slowest;
}

static int count_causes(void *ctx, const struct store_cause *cause, struct err *err)
{
	(void)err;
	(void)cause;
	++*(unsigned *)ctx;
	return 0;
}

static double slowest_causes_ms(struct bench *b, enum store_scope scope, const int64_t *ids,
				int id_count)
{
	double slowest = 0, best = 0;

	for (int i = 0; i < id_count * TRIES; i++) {
		unsigned rows = 0;
		double from = now_ms();
		struct err err;

		check(store_settle(b->store, b->now + 60, &err), &err, "settle");
		check(b->store->desk->causes(b->store, scope, ids[i / TRIES], 0, count_causes,
					     &rows, &err),
		      &err, "causes");
		if (rows == 0) {
			fprintf(stderr, "bench_collector_rollup: nothing to fix\n");
			exit(EXIT_FAILURE);
		}
		from = now_ms() - from;
		if (i % TRIES == 0 || from < best)
			best = from;
		if (i % TRIES == TRIES - 1 && best > slowest)
			slowest = best;
	}
	return slowest;
}

/* As GET /api/v1/rollup answers: read and written as JSON. */
static double whole_once_ms(struct bench *b, enum rollup_by by, const struct store_school *school)
{
	double from = now_ms();
	struct rollup rollup;
	struct buf out;
	struct err err;

	buf_init(&out, 0);
	check(store_settle(b->store, b->now + 60, &err), &err, "settle");
	check(rollup_read(b->store, by, school, b->now + 60, &rollup, &err), &err, "roll-up");
	rollup_json(&rollup, true, false, &out);
	from = now_ms() - from;
	rollup_clear(&rollup);
	buf_clear(&out);
	return from;
}

static double whole_ms(struct bench *b, enum rollup_by by, const struct store_school *school)
{
	double best = whole_once_ms(b, by, school);

	for (int i = 1; i < TRIES; i++) {
		double again = whole_once_ms(b, by, school);

		if (again < best)
			best = again;
	}
	return best;
}

static void say(const char *scope, double ms)
{
	printf("bench rollup.%s %.3g ms goal <= 10 %s\n", scope, ms, ms <= 10 ? "met" : "missed");
	fflush(stdout);
}

/* Every roll-up that can be asked for, of all schools or of one. */
static void say_whole(struct bench *b, const char *of, const struct store_school *school)
{
	static const enum rollup_by all[] = {ROLLUP_SCHOOL, ROLLUP_GROUP, ROLLUP_ROOM,
					     ROLLUP_CONTROL};
	char name[64];

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		snprintf(name, sizeof(name), "%s.by-%s", of, rollup_by_name(all[i]));
		say(name, whole_ms(b, all[i], school));
	}
}

int main(int argc, char *argv[])
{
	static struct bench b;
	static const int64_t trust = 0;
	unsigned count = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	struct store_school school = {.name = "School 0"};
	double from, end;
	struct err err;

	if (count == 0) {
		fprintf(stderr, "usage: bench_collector_rollup STORE DEVICES\n");
		return 2;
	}
	b.now = plat_now();
	check(store_open(argv[1], STORE_CREATE, &b.store, &err), &err, "open");
	make_schools(&b);
	school.id = b.schools[0];
	from = now_ms();
	for (unsigned n = 0; n < count;) {
		check(b.store->live->begin(b.store, &err), &err, "begin");
		for (unsigned end_n = n + BATCH; n < count && n < end_n; n++) {
			struct store_key key;

			enrol(&b, n, &key);
			report(&b, n, &key);
		}
		check(b.store->live->commit(b.store, &err), &err, "commit");
	}
	end = now_ms();
	printf("bench rollup.fill %.3g us/device\n", (end - from) * 1000 / count);
	say("trust", slowest_ms(&b, STORE_TRUST, &trust, 1));
	say("school", slowest_ms(&b, STORE_SCHOOL, b.schools, SCHOOLS));
	say("group", slowest_ms(&b, STORE_GROUP, b.groups, SCHOOLS));
	say("room", slowest_ms(&b, STORE_ROOM, b.rooms[0], ROOMS));
	say("first.trust", slowest_causes_ms(&b, STORE_TRUST, &trust, 1));
	say("first.school", slowest_causes_ms(&b, STORE_SCHOOL, b.schools, SCHOOLS));
	say("first.group", slowest_causes_ms(&b, STORE_GROUP, b.groups, SCHOOLS));
	say("first.room", slowest_causes_ms(&b, STORE_ROOM, b.rooms[0], ROOMS));
	say_whole(&b, "whole", NULL);
	say_whole(&b, "whole.school", &school);
	store_close(b.store);
	return 0;
}
