/* One worker: an event loop in a thread of its own, with its own sockets, keys, store handle to
 * read with and signing key.  What workers share is in 'struct shared'.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_WORKER_H
#define CARETAKER_COLLECTOR_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/base/log.h"
#include "tools/collector/config.h"
#include "tools/collector/http.h"
#include "tools/collector/stats.h"
#include "tools/collector/store.h"
#include "tools/collector/writer.h"

struct event;
struct event_base;
struct guesses;
struct identity;
struct keycache;
struct tls;

struct shared {
	struct stats stats;
	struct writer *writer;
	struct guesses *guesses;
	char store_path[512];
	unsigned worker_count;
	atomic_bool stopping;
	atomic_bool disk_low;         /* under min_free_mb: no heartbeats for now */
	atomic_uint_fast64_t reloads; /* rises when what the lock guards has changed */
	pthread_mutex_t lock;         /* guards the next two */
	struct config config;
	struct tls *tls;
	pthread_cond_t taken; /* signalled under 'lock' when a worker took a reload */
};

struct worker {
	struct shared *shared;
	unsigned index;
	pthread_t thread;
	struct event_base *base;
	struct http *devices, *people;
	int wake_fd;
	struct event *wake;
	struct event *beat;
	struct job_sink sink;
	unsigned jobs_out;              /* with the writer */
	atomic_int_fast64_t beat_at_ms; /* that it lives, for the watchdog */
	uint64_t reload_seen, looked_seen;
	atomic_uint_fast64_t reload_taken; /* its answers are by that one from now on */
	struct config config;
	struct store *store; /* to read */
	struct store_site site;
	struct identity *identity;
	struct keycache *keys;
	struct buf scratch, out;
	struct log_limit complaints;
	int64_t stop_by_ms;
};

/* What a worker listens on: sockets of its own for the same addresses as the others'. */
struct worker_sockets {
	unsigned device_count, people_count;
	int devices[CONFIG_LISTEN_MAX], people[CONFIG_LISTEN_MAX];
};

/* The worker owns the sockets, even when it fails. */
int worker_start(struct shared *shared, unsigned index, const struct worker_sockets *sockets,
		 struct worker **out, struct err *err);
/* Wakes it to see 'stopping' or 'reloads'. */
void worker_nudge(struct worker *worker);
void worker_join(struct worker *worker); /* after 'stopping'; frees it */

/* --- for its handlers --- */
/* Hands 'job' to the writer on behalf of 'conn'; false: the connection was told to come again. */
bool worker_submit(struct worker *worker, struct http_conn *conn, struct job *job,
		   void (*gone)(void *job));
/* What a finished job calls: 'done' of its own kind. */
struct worker_job {
	struct job job; /* first */
	struct worker *worker;
	struct http_conn *conn; /* NULL: gone */
	void (*done)(struct worker_job *job);
};
void worker_job_gone(void *job);
/* Tells of a failed transaction. */
void worker_job_failed(struct worker_job *job);

/* enrolment.c, heartbeats.c, inventory.c, people.c */
void heartbeats_handle(void *worker, struct http_conn *conn, const struct http_request *request,
		       const void *data);
void enrolment_handle(void *worker, struct http_conn *conn, const struct http_request *request,
		      const void *data);
void inventory_handle(void *worker, struct http_conn *conn, const struct http_request *request,
		      const void *data);
/* Only its content type is taken: application/jose. */
bool heartbeats_is_jose(const char *content_type);
/* The people's table as the server takes it; the caller frees. */
struct http_route *people_routes(struct err *err);

#endif
