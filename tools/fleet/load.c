/* See load.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/fleet/load.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/os.h"
#include "tools/fleet/client.h"

/* Set by a signal handler; a file-scope variable because a handler has no argument. */
static volatile sig_atomic_t stop_wanted;

void load_stop(void)
{
	stop_wanted = 1;
}

struct shared {
	struct fleet *fleet;
	const struct scenario *scenario;
	const struct load_options *options;
	uint64_t start_us;
	atomic_uint_fast64_t done, failed;
	atomic_uint running;
};

struct worker {
	pthread_t thread;
	struct shared *shared;
	unsigned index;
	struct client *client;
	struct load_result result;
};

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

static void pause_us(uint64_t us)
{
	struct timespec ts = {.tv_sec = (time_t)(us / 1000000u),
			      .tv_nsec = (long)(us % 1000000u) * 1000};

	nanosleep(&ts, NULL);
}

static void note_failure(struct worker *worker, const struct device *device, const struct err *err)
{
	struct load_result *result = &worker->result;

	result->failed++;
	atomic_fetch_add(&worker->shared->failed, 1);
	if (!result->first_error[0])
		snprintf(result->first_error, sizeof(result->first_error),
			 "computer %u of '%.60s': %.160s", device->in_school, device->school->name,
			 err->msg);
}

/* A refusal's problem+json is for people: its start is shown as it is, cleaned. */
static int http_error(long status, const struct buf *body, struct err *err)
{
	char words[140];

	text_clean(words, sizeof(words), buf_text(body), body->len);
	return err_set(err, ERR_DENIED, "HTTP %ld %s", status, words);
}

static int post(struct worker *worker, struct device *device, const char *path, const void *body,
		size_t len, struct buf *answer, struct err *err)
{
	uint64_t from = now_us();
	long status;

	if (client_post(worker->client, &device->school->code, path, body, len, answer, &status,
			err) < 0)
		return -1;
	latency_add(&worker->result.latency, now_us() - from);
	worker->result.sent++;
	worker->result.bytes += len;
	return status == 200 || status == 202 ? 0 : http_error(status, answer, err);
}

static int enrol_one(struct worker *worker, struct device *device, struct err *err)
{
	struct buf request, answer;
	char hash[HASH_TEXT];
	bool waiting;
	int ret = -1;

	buf_init(&request, 0);
	buf_init(&answer, 0);
	if (device_enrol_request(device, &device->school->code, plat_now(), &request, hash, err) <
		    0 ||
	    post(worker, device, "/v1/enrol", request.data, request.len, &answer, err) < 0 ||
	    device_enrolled(device, &device->school->code, hash, buf_text(&answer), answer.len,
			    &waiting, err) < 0)
		goto out;
	if (waiting)
		worker->result.waiting++;
	else
		worker->result.enrolled++;
	ret = 0;
out:
	buf_clear(&request);
	buf_clear(&answer);
	return ret;
}

static int beat_one(struct worker *worker, struct device *device, struct buf *answer,
		    struct err *err)
{
	const struct load_options *options = worker->shared->options;
	bool full = scenario_random(3, device->number, (uint64_t)device->seq) % 100 <
		    options->full_percent;

	if (device_beat(device, worker->shared->scenario, full, plat_now(), err) < 0 ||
	    post(worker, device, "/v1/heartbeats", device->in_flight, device->in_flight_len, answer,
		 err) < 0)
		return -1;
	if (device_acknowledged(device, buf_text(answer), answer->len, err) < 0) {
		worker->result.refused += err->code == ERR_DENIED;
		return -1;
	}
	worker->result.acknowledged++;
	return 0;
}

/* Waits for the n-th heartbeat's turn; false when the time is over. */
static bool await_turn(const struct worker *worker, uint64_t n)
{
	const struct load_options *options = worker->shared->options;
	uint64_t end = options->seconds
			       ? worker->shared->start_us + (uint64_t)options->seconds * 1000000u
			       : UINT64_MAX;
	uint64_t due = worker->shared->start_us;

	if (options->rate > 0)
		due += (uint64_t)((double)(n * options->threads + worker->index) * 1e6 /
				  options->rate);
	while (!stop_wanted) {
		uint64_t now = now_us();

		if (now >= end)
			return false;
		if (now >= due)
			return true;
		/* Short naps, so that Ctrl-C is answered at once. */
		pause_us(due - now < 200000 ? due - now : 200000);
	}
	return false;
}

static void *beat_thread(void *arg)
{
	struct worker *worker = arg;
	struct shared *shared = worker->shared;
	const struct fleet *fleet = shared->fleet;
	struct buf answer;
	uint64_t turn = 0;

	buf_init(&answer, 0);
	for (int64_t beat = 0; shared->options->beats == 0 || beat < shared->options->beats;
	     beat++) {
		for (unsigned i = worker->index; i < fleet->device_count;
		     i += shared->options->threads) {
			struct err err;

			if (!await_turn(worker, turn++))
				goto out;
			if (!fleet->devices[i]->uuid[0])
				continue;
			if (beat_one(worker, fleet->devices[i], &answer, &err) < 0) {
				note_failure(worker, fleet->devices[i], &err);
				pause_us(100000); /* a collector that is down is not hammered */
			}
			atomic_fetch_add(&shared->done, 1);
		}
		if (worker->index >= fleet->device_count)
			break;
	}
out:
	buf_clear(&answer);
	atomic_fetch_sub(&shared->running, 1);
	return NULL;
}

static void *enrol_thread(void *arg)
{
	struct worker *worker = arg;
	struct shared *shared = worker->shared;

	for (unsigned i = worker->index; i < shared->fleet->device_count && !stop_wanted;
	     i += shared->options->threads) {
		struct device *device = shared->fleet->devices[i];
		struct err err;

		if (device->uuid[0])
			continue;
		if (enrol_one(worker, device, &err) < 0)
			note_failure(worker, device, &err);
		atomic_fetch_add(&shared->done, 1);
	}
	atomic_fetch_sub(&shared->running, 1);
	return NULL;
}

static void watch(struct shared *shared)
{
	uint64_t next = shared->start_us + 1000000u;

	while (atomic_load(&shared->running)) {
		uint64_t now = now_us();

		if (now >= next && shared->options->progress) {
			shared->options->progress(atomic_load(&shared->done),
						  atomic_load(&shared->failed),
						  (double)(now - shared->start_us) / 1e6);
			next += 1000000u;
		}
		pause_us(20000);
	}
}

static void add_up(struct load_result *into, const struct load_result *from)
{
	into->sent += from->sent;
	into->acknowledged += from->acknowledged;
	into->refused += from->refused;
	into->failed += from->failed;
	into->bytes += from->bytes;
	into->enrolled += from->enrolled;
	into->waiting += from->waiting;
	latency_merge(&into->latency, &from->latency);
	if (!into->first_error[0])
		memcpy(into->first_error, from->first_error, sizeof(into->first_error));
}

static int run_threads(struct shared *shared, void *(*body)(void *), struct load_result *out,
		       struct err *err)
{
	unsigned count = shared->options->threads, started = 0;
	struct worker *workers = calloc(count, sizeof(*workers));
	int ret = -1;

	if (!workers)
		return err_set(err, ERR_NOMEM, "out of memory for %u threads", count);
	memset(out, 0, sizeof(*out));
	shared->start_us = now_us();
	for (unsigned i = 0; i < count; i++) {
		workers[i].shared = shared;
		workers[i].index = i;
		if (client_new(shared->options->reconnect, &workers[i].client, err) < 0)
			goto out;
	}
	atomic_store(&shared->running, count);
	for (; started < count; started++) {
		int failed =
			pthread_create(&workers[started].thread, NULL, body, &workers[started]);

		if (failed) {
			err_errno(err, failed, "start thread %u", started);
			load_stop();
			atomic_fetch_sub(&shared->running, count - started);
			goto out;
		}
	}
	watch(shared);
	ret = 0;
out:
	for (unsigned i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	out->seconds = (double)(now_us() - shared->start_us) / 1e6;
	for (unsigned i = 0; i < count; i++) {
		add_up(out, &workers[i].result);
		client_free(workers[i].client);
	}
	free(workers);
	return ret;
}

int load_enrol(struct fleet *fleet, const struct load_options *options, struct load_result *out,
	       struct err *err)
{
	struct shared shared = {.fleet = fleet, .options = options};

	return run_threads(&shared, enrol_thread, out, err);
}

int load_run(struct fleet *fleet, const struct scenario *scenario,
	     const struct load_options *options, struct load_result *out, struct err *err)
{
	struct shared shared = {.fleet = fleet, .scenario = scenario, .options = options};

	return run_threads(&shared, beat_thread, out, err);
}
