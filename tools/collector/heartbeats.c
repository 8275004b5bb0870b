/* POST /v1/heartbeats: from the connection to the writer and back.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/base/err.h"
#include "platform/os.h"
#include "tools/collector/ingest.h"
#include "tools/collector/worker.h"

#define BUSY_RETRY_S 30
#define FULL_RETRY_S 600

struct heartbeat_job {
	struct worker_job base;
	struct ingest_batch *batch;
};

static void tell(struct http_conn *conn, const struct ingest_problem *problem)
{
	http_problem(conn, problem->status, problem->name, problem->title, problem->detail,
		     problem->status == 503 ? BUSY_RETRY_S : 0);
}

static int run(struct job *job, struct store *store, struct err *err)
{
	return ingest_store(((struct heartbeat_job *)job)->batch, store, err);
}

static void count(struct stats *stats, const struct ingest_batch *batch)
{
	for (unsigned i = 0; i < batch->count; i++) {
		const struct ingest_item *item = &batch->items[i];

		if (item->state != INGEST_GOOD || item->placed.as == STORE_REFUSED)
			stats_add(stats, heartbeats_refused);
		else if (item->placed.as == STORE_REPEATED)
			stats_add(stats, heartbeats_repeated);
		else
			stats_add(stats, heartbeats_stored);
	}
}

static void acknowledge(struct worker *worker, struct http_conn *conn,
			const struct ingest_batch *batch)
{
	const struct ingest_context context = {
		.identity = worker->identity,
		.epoch = worker->site.epoch,
		.store = worker->store,
		.now = plat_now(),
		.complaints = &worker->complaints,
	};
	struct err err;

	buf_reset(&worker->out);
	if (ingest_acknowledge(batch, &context, &worker->scratch, &worker->out, &err) < 0) {
		/* It is stored; without our signature the device keeps it and sends it again. */
		http_problem(conn, 500, "no-signature", "the acknowledgement could not be signed",
			     err.msg, 0);
		return;
	}
	http_reply(conn, &(struct http_reply){
				 .status = 200,
				 .type = "application/jose",
				 .body = worker->out.data,
				 .len = worker->out.len,
			 });
}

static void done(struct worker_job *job)
{
	struct ingest_batch *batch = ((struct heartbeat_job *)job)->batch;
	struct ingest_problem problem;

	if (job->job.failed) {
		worker_job_failed(job);
	} else {
		count(&job->worker->shared->stats, batch);
		if (!job->conn)
			; /* stored all the same: it is acknowledged when it comes again */
		else if (ingest_outcome(batch, &problem) < 0)
			tell(job->conn, &problem);
		else
			acknowledge(job->worker, job->conn, batch);
	}
	ingest_free(batch);
	free(job);
}

bool heartbeats_is_jose(const char *type)
{
	static const char want[] = "application/jose";
	size_t len = sizeof(want) - 1;

	return strncasecmp(type, want, len) == 0 &&
	       (!type[len] || type[len] == ';' || type[len] == ' ');
}

void heartbeats_handle(void *ctx, struct http_conn *conn, const struct http_request *request,
		       const void *data)
{
	struct worker *worker = ctx;
	struct heartbeat_job *job;
	struct ingest_problem problem;
	struct ingest_batch *batch;
	char *body;
	size_t len;

	(void)data;
	if (!heartbeats_is_jose(request->head->content_type)) {
		http_problem(conn, 415, "media-type", "send application/jose", NULL, 0);
		return;
	}
	if (atomic_load_explicit(&worker->shared->disk_low, memory_order_relaxed)) {
		http_problem(conn, 507, "store-full",
			     "the collector's disk is nearly full: keep them and try later", NULL,
			     FULL_RETRY_S);
		return;
	}
	body = http_take_body(conn, &len);
	if (ingest_read(body, body ? len : 0, plat_now(), worker->keys, worker->store,
			&worker->scratch, &batch, &problem) < 0) {
		tell(conn, &problem);
		return;
	}
	http_known(conn);
	job = calloc(1, sizeof(*job));
	if (!job) {
		ingest_free(batch);
		http_problem(conn, 503, "busy", "out of memory for now", NULL, BUSY_RETRY_S);
		return;
	}
	job->batch = batch;
	job->base.done = done;
	job->base.job.run = run;
	if (!worker_submit(worker, conn, &job->base.job, worker_job_gone)) {
		ingest_free(batch);
		free(job);
	}
}
