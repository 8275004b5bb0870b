/* The people's listener: what time changed is applied, the route's handler reads, what it looked at
 * is in the audit trail before its answer leaves.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/jsonw.h"
#include "platform/os.h"
#include "tools/collector/api.h"
#include "tools/collector/worker.h"

#define BODY_MAX 65536
#define TIME_STEP 500

struct people_job {
	struct worker_job base;
	const struct api_route *route;
	struct http_request request; /* its strings live until the reply */
	struct api_answer answer;
	int64_t now;
	bool more;
};

void api_problem(struct api_answer *answer, int status, const char *name, const char *title,
		 const char *detail)
{
	struct jsonw w;
	struct buf urn;

	buf_init(&urn, 0);
	buf_addf(&urn, "urn:caretaker:problem:%s", name);
	answer->status = status;
	answer->type = "application/problem+json";
	buf_reset(&answer->body);
	jsonw_init(&w, &answer->body);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", buf_text(&urn));
	jsonw_string(&w, "title", title);
	jsonw_int(&w, "status", status);
	if (detail && *detail)
		jsonw_string(&w, "detail", detail);
	jsonw_object_end(&w);
	buf_clear(&urn);
}

static void job_free(struct people_job *job)
{
	buf_clear(&job->answer.body);
	free(job);
}

static void reply(struct people_job *job)
{
	struct api_answer *answer = &job->answer;
	struct buf headers;

	if (!job->base.conn)
		return;
	buf_init(&headers, 0);
	if (answer->challenge)
		buf_addf(&headers, "WWW-Authenticate: %s\r\n", answer->challenge);
	http_reply(job->base.conn, &(struct http_reply){
					   .status = answer->status,
					   .type = answer->type,
					   .headers = buf_text(&headers),
					   .body = answer->body.data,
					   .len = answer->body.len,
				   });
	buf_clear(&headers);
}

static int run_note(struct job *base, struct store *store, struct err *err)
{
	struct people_job *job = (struct people_job *)base;
	const struct api_answer *a = &job->answer;

	return store->live->note(store, job->now, a->audit_who, a->audit_action, a->audit_object,
				 a->audit_detail[0] ? a->audit_detail : "{}", err);
}

static void noted(struct worker_job *base)
{
	struct people_job *job = (struct people_job *)base;

	/* What cannot be written down is not shown. */
	if (base->job.failed)
		worker_job_failed(base);
	else
		reply(job);
	job_free(job);
}

static void submit(struct people_job *job, int (*run)(struct job *, struct store *, struct err *),
		   void (*done)(struct worker_job *))
{
	struct http_conn *conn = job->base.conn;

	job->base.job.run = run;
	job->base.done = done;
	if (!conn || !worker_submit(job->base.worker, conn, &job->base.job, worker_job_gone))
		job_free(job);
}

static void answer_it(struct people_job *job)
{
	struct worker *worker = job->base.worker;
	const struct api_request request = {
		.method = job->request.head->method,
		.path = job->request.head->path,
		.query = job->request.head->query,
		.authorization = job->request.head->authorization,
		.peer = job->request.peer,
		.rest = job->request.rest,
		.body = job->request.body,
		.body_len = job->request.body_len,
		.store = worker->store,
		.config = &worker->config,
		.stats = &worker->shared->stats,
		.now = job->now,
	};

	job->route->handle(&request, &job->answer);
	if (buf_check(&job->answer.body, &job->base.job.err) < 0)
		api_problem(&job->answer, 500, "too-large", "the answer is too large", "");
	if (job->answer.audit_action[0]) {
		submit(job, run_note, noted);
		return;
	}
	reply(job);
	job_free(job);
}

static int run_time(struct job *base, struct store *store, struct err *err)
{
	struct people_job *job = (struct people_job *)base;

	return store->live->apply_time(store, job->now, TIME_STEP, &job->more, err);
}

static void time_applied(struct worker_job *base)
{
	struct people_job *job = (struct people_job *)base;

	if (base->job.failed) {
		worker_job_failed(base);
		job_free(job);
	} else if (!base->conn) {
		job_free(job);
	} else if (job->more) {
		submit(job, run_time, time_applied);
	} else {
		answer_it(job);
	}
}

static void handle(void *ctx, struct http_conn *conn, const struct http_request *request,
		   const void *data)
{
	struct worker *worker = ctx;
	struct people_job *job = calloc(1, sizeof(*job));
	int64_t next = 0;
	struct err err;

	if (!job) {
		http_problem(conn, 503, "busy", "out of memory for now", NULL, 30);
		return;
	}
	job->base.worker = worker;
	job->base.conn = conn;
	job->route = data;
	job->request = *request;
	job->now = plat_now();
	job->answer.status = 200;
	job->answer.type = "application/json";
	buf_init(&job->answer.body, 0);
	if (!job->route->always &&
	    worker->store->live->next_change(worker->store, &next, &err) < 0) {
		http_problem(conn, 503, "store", "the store cannot be read for now", err.msg, 30);
		job_free(job);
	} else if (!job->route->always && next <= job->now) {
		submit(job, run_time, time_applied);
	} else {
		answer_it(job);
	}
}

struct http_route *people_routes(struct err *err)
{
	struct http_route *routes;
	size_t count = 0;

	while (api_routes[count].method)
		count++;
	routes = calloc(count + 1, sizeof(*routes));
	if (!routes) {
		err_set(err, ERR_NOMEM, "no memory for routes");
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		routes[i] = (struct http_route){
			.method = api_routes[i].method,
			.path = api_routes[i].path,
			.body_max = strcmp(api_routes[i].method, "GET") == 0 ? 0 : BODY_MAX,
			.handle = handle,
			.data = &api_routes[i],
		};
	return routes;
}
