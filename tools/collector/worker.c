/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "agent/base/err.h"
#include "agent/proto/heartbeat.h"
#include "agent/proto/jws.h"
#include "platform/os.h"
#include "tools/collector/identity.h"
#include "tools/collector/keycache.h"
#include "tools/collector/net.h"
#include "tools/collector/tls_openssl.h"

#define KEYS_KEPT 20000 /* a worker; 2.1 KiB each */
#define BODY_BUDGET (64u * 1024 * 1024)
#define STOP_WITHIN_MS 10000
#define SCRATCH_KEPT (256u * 1024) /* a larger one is given back after its request */
#define BEAT_MS 1000

static const struct http_route device_routes[] = {
	{"POST", "/v1/heartbeats", HEARTBEAT_MAX_BODY, heartbeats_handle, NULL},
	{"POST", "/v1/enrol", 16 * 1024, enrolment_handle, NULL},
	{"POST", "/v1/inventory", JWS_MAX, inventory_handle, NULL},
	{NULL, NULL, 0, NULL, NULL},
};

/* --- jobs --- */

bool worker_submit(struct worker *worker, struct http_conn *conn, struct job *job,
		   void (*gone)(void *job))
{
	struct worker_job *own = (struct worker_job *)job;

	own->worker = worker;
	own->conn = conn;
	job->sink = &worker->sink;
	http_defer(conn, job, gone);
	if (writer_add(worker->shared->writer, job)) {
		worker->jobs_out++;
		return true;
	}
	http_problem(conn, 503, "busy", "the collector is busy: keep it and try again", NULL, 30);
	return false;
}

void worker_job_gone(void *job)
{
	((struct worker_job *)job)->conn = NULL;
}

void worker_job_failed(struct worker_job *job)
{
	if (!job->conn)
		return;
	if (job->job.err.code == ERR_FULL)
		http_problem(job->conn, 507, "store-full",
			     "the collector's disk is full: keep it and try later", NULL, 600);
	else if (job->job.err.code == ERR_INVALID)
		http_problem(job->conn, 400, "bad-heartbeat", "it cannot be stored",
			     job->job.err.msg, 0);
	else
		http_problem(job->conn, 503, "store", "the store takes nothing for now: keep it",
			     NULL, 60);
}

/* --- what changes while it runs --- */

static void reload(struct worker *w)
{
	uint64_t now = atomic_load(&w->shared->reloads);
	struct identity *fresh;
	struct http_limits limits;
	struct err err;

	if (now == w->reload_seen)
		return;
	w->reload_seen = now;
	pthread_mutex_lock(&w->shared->lock);
	w->config = w->shared->config;
	http_set_tls(w->devices, w->shared->tls);
	http_set_tls(w->people, w->shared->tls);
	pthread_mutex_unlock(&w->shared->lock);
	limits = (struct http_limits){
		.max_connections = (unsigned)w->config.max_connections / w->shared->worker_count,
		.max_strangers = (unsigned)w->config.max_connections / w->shared->worker_count / 4,
		.request_s = (unsigned)w->config.request_seconds,
		.idle_s = (unsigned)w->config.idle_seconds,
		.body_budget = BODY_BUDGET,
	};
	http_set_limits(w->devices, &limits);
	http_set_limits(w->people, &limits);
	if (identity_open(w->config.data, &fresh, &err) < 0) {
		log_error("the keys cannot be read anew, going on with the old: %s", err.msg);
		return;
	}
	identity_free(w->identity);
	w->identity = fresh;
}

/* Another process changed the store, or may have: who asks for a reload has done so, and the writer
 * looks only now and then. */
static void look_around(struct worker *w)
{
	uint64_t generation = writer_generation(w->shared->writer) + w->reload_seen;
	struct err err;

	if (generation == w->looked_seen)
		return;
	if (w->store->live->site(w->store, &w->site, &err) < 0) {
		log_error("the store cannot be read: %s", err.msg);
		return;
	}
	w->looked_seen = generation;
	keycache_set_generation(w->keys, generation);
}

static void take_changes(struct worker *w)
{
	reload(w);
	look_around(w);
	if (atomic_load(&w->reload_taken) == w->reload_seen)
		return;
	pthread_mutex_lock(&w->shared->lock);
	atomic_store(&w->reload_taken, w->reload_seen);
	pthread_cond_signal(&w->shared->taken);
	pthread_mutex_unlock(&w->shared->lock);
}

static void shrink(struct buf *buf)
{
	if (buf->size > SCRATCH_KEPT)
		buf_clear(buf);
}

static void check_stop(struct worker *w)
{
	if (!atomic_load(&w->shared->stopping))
		return;
	if (!w->stop_by_ms) {
		w->stop_by_ms = plat_uptime_ms() + STOP_WITHIN_MS;
		http_stop(w->devices);
		http_stop(w->people);
	}
	/* What the writer has must come back, whoever is still reading. */
	if (w->jobs_out == 0 && (http_open_count(w->devices) + http_open_count(w->people) == 0 ||
				 plat_uptime_ms() >= w->stop_by_ms))
		event_base_loopbreak(w->base);
}

static void finish_jobs(struct worker *w)
{
	struct job *job = job_sink_take(&w->sink), *next;

	for (; job; job = next) {
		next = job->next;
		w->jobs_out--;
		((struct worker_job *)job)->done((struct worker_job *)job);
	}
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	uint64_t ignored;

	(void)what;
	(void)!read(fd, &ignored, sizeof(ignored)); /* it only wakes */
	take_changes(w);
	finish_jobs(w);
	check_stop(w);
}

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	atomic_store_explicit(&w->beat_at_ms, plat_uptime_ms(), memory_order_relaxed);
	look_around(w);
	shrink(&w->scratch);
	shrink(&w->out);
	check_stop(w);
}

static void wake(struct job_sink *sink)
{
	worker_nudge((struct worker *)((char *)sink - offsetof(struct worker, sink)));
}

void worker_nudge(struct worker *worker)
{
	const uint64_t one = 1;

	(void)!write(worker->wake_fd, &one, sizeof(one)); /* full means it is awake */
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	event_base_dispatch(w->base);
	return NULL;
}

/* --- starting and ending --- */

static void worker_free(struct worker *w)
{
	http_free(w->devices);
	http_free(w->people);
	/* What came back after the loop ended has nobody to tell. */
	finish_jobs(w);
	if (w->wake)
		event_free(w->wake);
	if (w->beat)
		event_free(w->beat);
	if (w->base)
		event_base_free(w->base);
	if (w->wake_fd >= 0)
		close(w->wake_fd);
	keycache_free(w->keys);
	identity_free(w->identity);
	store_close(w->store);
	buf_clear(&w->scratch);
	buf_clear(&w->out);
	free(w);
}

static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	/* Nobody touches another thread's loop (they are woken by an eventfd), so it takes no
	 * locks: evthread_use_pthreads() would have each call of libevent take one. */
	if (config &&
	    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK |
						  EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0)
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	return base;
}

static int open_parts(struct worker *w, struct err *err)
{
	const struct timeval beat = {.tv_usec = BEAT_MS * 1000L % 1000000L,
				     .tv_sec = BEAT_MS / 1000};
	const struct http_limits none = {.max_connections = 1};

	w->base = new_base();
	w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!w->base || w->wake_fd < 0)
		return err_errno(err, errno, "make a worker's event loop");
	w->wake = event_new(w->base, w->wake_fd, EV_READ | EV_PERSIST, on_wake, w);
	w->beat = event_new(w->base, -1, EV_PERSIST, on_beat, w);
	if (!w->wake || !w->beat || event_add(w->wake, NULL) != 0 || event_add(w->beat, &beat) != 0)
		return err_set(err, ERR_NOMEM, "no memory for a worker");
	if (store_open(w->shared->store_path, STORE_READ, &w->store, err) < 0 ||
	    w->store->live->site(w->store, &w->site, err) < 0 ||
	    keycache_new(KEYS_KEPT, &w->keys, err) < 0 ||
	    http_new(w->base, &none, &w->shared->stats, w, &w->devices, err) < 0 ||
	    http_new(w->base, &none, &w->shared->stats, w, &w->people, err) < 0)
		return -1;
	return identity_open(w->config.data, &w->identity, err);
}

static int listen_on(struct worker *w, const struct worker_sockets *sockets, struct err *err)
{
	static struct http_route *people; /* made once: the table is the same for all workers */
	int ret = 0;

	if (!people)
		people = people_routes(err);
	if (!people)
		ret = -1;
	for (unsigned i = 0; i < sockets->device_count; i++) {
		if (ret == 0)
			ret = http_listen(w->devices, sockets->devices[i], w->shared->tls,
					  device_routes, err);
		else
			close(sockets->devices[i]);
	}
	for (unsigned i = 0; i < sockets->people_count; i++) {
		if (ret == 0)
			/* A token is as good as a password: nobody on the wire is to read it. */
			ret = http_listen(w->people, sockets->people[i],
					  net_is_loopback(sockets->people[i]) ? NULL
									      : w->shared->tls,
					  people, err);
		else
			close(sockets->people[i]);
	}
	return ret;
}

int worker_start(struct shared *shared, unsigned index, const struct worker_sockets *sockets,
		 struct worker **out, struct err *err)
{
	struct worker *w = calloc(1, sizeof(*w));
	int code;

	if (!w)
		return err_set(err, ERR_NOMEM, "no memory for a worker");
	w->shared = shared;
	w->index = index;
	w->config = shared->config;
	w->wake_fd = -1;
	w->sink.wake = wake;
	buf_init(&w->scratch, JWS_MAX_PAYLOAD + 1024);
	buf_init(&w->out, 2 * JWS_MAX);
	atomic_init(&w->beat_at_ms, plat_uptime_ms());
	if (open_parts(w, err) < 0 || listen_on(w, sockets, err) < 0) {
		worker_free(w);
		return -1;
	}
	w->reload_seen = UINT64_MAX;
	take_changes(w);
	code = pthread_create(&w->thread, NULL, worker_main, w);
	if (code) {
		worker_free(w);
		return err_errno(err, code, "start a worker's thread");
	}
	*out = w;
	return 0;
}

void worker_join(struct worker *worker)
{
	if (!worker)
		return;
	pthread_join(worker->thread, NULL);
	worker_free(worker);
}
