/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "agent/base/log.h"
#include "platform/os.h"
#include "tools/collector/stats.h"
#include "tools/collector/store.h"

#define BATCH_MAX 256
#define TIME_STEP 200     /* devices whose time has come, a transaction */
#define LOOK_EVERY_MS 500 /* for another process's changes, when nothing is queued */

struct writer {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job *first, **last;
	unsigned queued, max_queued;
	bool stopping;
	struct store *store;
	struct stats *stats;
	int64_t version, next_change;
	atomic_uint_fast64_t generation;
	atomic_int_fast64_t busy_since_ms;
	struct log_limit complaints;
};

/* --- sinks --- */

static void sink_put(struct job_sink *sink, struct job *job)
{
	struct job *head = atomic_load_explicit(&sink->done, memory_order_relaxed);

	do
		job->next = head;
	while (!atomic_compare_exchange_weak_explicit(&sink->done, &head, job, memory_order_release,
						      memory_order_relaxed));
	if (!head)
		sink->wake(sink);
}

struct job *job_sink_take(struct job_sink *sink)
{
	struct job *job = atomic_exchange_explicit(&sink->done, NULL, memory_order_acquire);
	struct job *turned = NULL;

	while (job) {
		struct job *next = job->next;

		job->next = turned;
		turned = job;
		job = next;
	}
	return turned;
}

/* --- transactions --- */

static void complain(struct writer *w, const struct err *err)
{
	uint32_t dropped;

	stats_add(w->stats, store_errors);
	atomic_store(&w->stats->store_failing, true);
	atomic_store(&w->stats->store_full, err->code == ERR_FULL);
	if (log_allow(&w->complaints, (uint64_t)plat_uptime_ms() / 1000, 60, 5, &dropped))
		log_error("could not store, devices are told to try again: %s", err->msg);
}

static void committed(struct writer *w)
{
	stats_add(w->stats, commits);
	atomic_store(&w->stats->last_commit_at, (uint64_t)plat_now());
	if (atomic_exchange(&w->stats->store_failing, false))
		log_info("the store takes writes again");
	atomic_store(&w->stats->store_full, false);
}

/* Another process's commit: what workers keep in memory may be old. */
static void look_around(struct writer *w)
{
	struct err err;
	int64_t version;

	if (w->store->live->version(w->store, &version, &err) < 0) {
		complain(w, &err);
		return;
	}
	if (version == w->version)
		return;
	w->version = version;
	w->next_change = 0;
	atomic_fetch_add(&w->generation, 1);
}

static int run_all(struct writer *w, struct job *jobs, const struct job *end, struct err *err)
{
	const struct store_live_ops *live = w->store->live;

	if (live->begin(w->store, err) < 0)
		return -1;
	for (struct job *job = jobs; job != end; job = job->next) {
		if (job->run(job, w->store, err) < 0)
			goto out;
	}
	if (live->commit(w->store, err) < 0)
		goto out;
	committed(w);
	return 0;
out:
	live->rollback(w->store);
	return -1;
}

static void run_alone(struct writer *w, struct job *job)
{
	job->failed = run_all(w, job, job->next, &job->err) < 0;
	if (job->failed && !job->is_probe)
		complain(w, &job->err);
}

static void do_batch(struct writer *w, struct job *jobs)
{
	struct err err;
	struct job *next;

	atomic_store(&w->busy_since_ms, plat_uptime_ms());
	if (run_all(w, jobs, NULL, &err) < 0) {
		/* A full disk or a broken store is so for all; else one of them is to blame. */
		bool for_all = err.code == ERR_FULL || !jobs->next;

		if (for_all && (!jobs->is_probe || jobs->next))
			complain(w, &err);
		for (struct job *job = jobs; job; job = job->next) {
			job->failed = for_all;
			job->err = err;
			if (!for_all)
				run_alone(w, job);
		}
	}
	atomic_store(&w->busy_since_ms, 0);
	for (struct job *job = jobs; job; job = next) {
		next = job->next;
		sink_put(job->sink, job);
	}
	w->next_change = 0; /* it may be sooner now */
}

/* What time alone changed; a step at a time, so that devices do not wait. */
static void do_time(struct writer *w)
{
	const struct store_live_ops *live = w->store->live;
	int64_t now = plat_now();
	bool more = false;
	struct err err;

	if (w->next_change == 0 && live->next_change(w->store, &w->next_change, &err) < 0) {
		w->next_change = now + 60;
		complain(w, &err);
		return;
	}
	if (w->next_change > now)
		return;
	w->next_change = 0;
	if (live->begin(w->store, &err) < 0) {
		w->next_change = now + 60;
		complain(w, &err);
		return;
	}
	if (live->apply_time(w->store, now, TIME_STEP, &more, &err) < 0 ||
	    live->commit(w->store, &err) < 0) {
		live->rollback(w->store);
		w->next_change = now + 60;
		complain(w, &err);
	}
}

/* --- the queue --- */

static struct job *take(struct writer *w, bool *out_stop)
{
	struct job *jobs, **end;
	struct timespec until;

	pthread_mutex_lock(&w->lock);
	if (!w->first && !w->stopping && w->next_change > plat_now()) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += LOOK_EVERY_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		while (!w->first && !w->stopping &&
		       pthread_cond_timedwait(&w->more, &w->lock, &until) != ETIMEDOUT)
			;
	}
	jobs = w->first;
	end = &jobs;
	for (unsigned n = 0; n < BATCH_MAX && *end; n++) {
		end = &(*end)->next;
		w->queued--;
	}
	w->first = *end;
	*end = NULL;
	if (!w->first)
		w->last = &w->first;
	*out_stop = w->stopping && !jobs;
	atomic_store(&w->stats->queued, w->queued);
	pthread_mutex_unlock(&w->lock);
	return jobs;
}

static void *writer_main(void *arg)
{
	struct writer *w = arg;
	bool stop = false;

	while (!stop) {
		struct job *jobs = take(w, &stop);

		look_around(w);
		if (jobs)
			do_batch(w, jobs);
		if (!stop)
			do_time(w);
	}
	return NULL;
}

bool writer_add(struct writer *writer, struct job *job)
{
	bool taken;

	job->next = NULL;
	job->failed = false;
	pthread_mutex_lock(&writer->lock);
	taken = writer->queued < writer->max_queued && !writer->stopping;
	if (taken) {
		*writer->last = job;
		writer->last = &job->next;
		if (writer->queued++ == 0)
			pthread_cond_signal(&writer->more);
		atomic_store(&writer->stats->queued, writer->queued);
	}
	pthread_mutex_unlock(&writer->lock);
	return taken;
}

uint64_t writer_generation(const struct writer *writer)
{
	return atomic_load_explicit(&writer->generation, memory_order_relaxed);
}

int64_t writer_busy_ms(const struct writer *writer)
{
	int64_t since = atomic_load(&writer->busy_since_ms);

	return since ? plat_uptime_ms() - since : 0;
}

int writer_start(struct store *store, unsigned max_queued, struct stats *stats, struct writer **out,
		 struct err *err)
{
	struct writer *w = calloc(1, sizeof(*w));
	pthread_condattr_t monotonic;
	int code;

	if (!w)
		return err_set(err, ERR_NOMEM, "no memory for the writer");
	w->last = &w->first;
	w->max_queued = max_queued;
	w->store = store;
	w->stats = stats;
	atomic_init(&w->generation, 1);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->more, &monotonic);
	pthread_condattr_destroy(&monotonic);
	code = pthread_create(&w->thread, NULL, writer_main, w);
	if (code) {
		free(w);
		return err_errno(err, code, "start the writer's thread");
	}
	*out = w;
	return 0;
}

void writer_stop(struct writer *writer)
{
	if (!writer)
		return;
	pthread_mutex_lock(&writer->lock);
	writer->stopping = true;
	pthread_cond_signal(&writer->more);
	pthread_mutex_unlock(&writer->lock);
	pthread_join(writer->thread, NULL);
	pthread_cond_destroy(&writer->more);
	pthread_mutex_destroy(&writer->lock);
	free(writer);
}
