/* POST /v1/enrol: a code's proof against a device, and what it begins with.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/proto/jws.h"
#include "platform/os.h"
#include "tools/collector/exceptions_sign.h"
#include "tools/collector/guesses.h"
#include "tools/collector/identity.h"
#include "tools/collector/policy_served.h"
#include "tools/collector/store_desk.h"
#include "tools/collector/worker.h"

struct enrol_job {
	struct worker_job base;
	struct enrol_request *request;
	struct store_enrol in;
	struct store_enrolled out;
	struct store_exceptions list; /* signed for it; jws NULL: none */
};

static void job_free(struct enrol_job *job)
{
	free(job->list.jws);
	enrol_request_free(job->request);
	free(job);
}

static int run(struct job *job, struct store *store, struct err *err)
{
	struct enrol_job *enrol = (struct enrol_job *)job;

	return store->live->enrol(store, &enrol->in, &enrol->out, err);
}

static void refuse(struct enrol_job *job)
{
	static const struct {
		const char *name, *title;
	} words[] = {
		[STORE_ENROL_WRONG_CODE] = {"wrong-code", "there is no such enrolment code: "
							  "check it, or make one with 'code new'"},
		[STORE_ENROL_CODE_REVOKED] = {"code-revoked", "this enrolment code was revoked"},
		[STORE_ENROL_CODE_ENDED] = {"code-ended", "this enrolment code has ended"},
		[STORE_ENROL_CODE_USED_UP] = {"code-used-up", "this enrolment code is used up"},
		[STORE_ENROL_REVOKED] = {"device-revoked",
					 "this device's key was revoked or retired: 'caretaker "
					 "generalise' gives it a new one"},
	};
	enum store_enrol_result result = job->out.result;
	struct worker *worker = job->base.worker;

	stats_add(&worker->shared->stats, enrolments_refused);
	if (result == STORE_ENROL_WRONG_CODE)
		guesses_wrong(worker->shared->guesses, job->in.peer, plat_uptime_ms());
	if (job->base.conn)
		http_problem(job->base.conn, 403, words[result].name, words[result].title, NULL, 0);
}

/* The documents a device begins with, and the key set that its code lets it believe. */
static int fill_answer(struct enrol_job *job, struct enrol_answer *answer, int64_t *out_serial,
		       struct err *err)
{
	const struct store_enrolled *out = &job->out;
	struct worker *worker = job->base.worker;
	const struct store_live_ops *live = worker->store->live;
	const char *keys = identity_keys_first(worker->identity, out->org, out->policy_kid);
	struct keys *opened;
	struct buf text;

	if (!keys)
		return err_set(err, ERR_NOTFOUND,
			       "no key set was signed by the policy key that this code names: make "
			       "a new code");
	if (keys_open_first(keys, strlen(keys), out->policy_kid, &opened, err) < 0)
		return -1;
	*out_serial = opened->serial;
	/* A school that moved here keeps its own organisation. */
	memcpy(answer->org, opened->org, sizeof(answer->org));
	keys_free(opened);
	buf_init(&text, 0);
	buf_adds(&text, keys);
	answer->keys = buf_take(&text, NULL);
	if (out->policy_serial) {
		if (policy_served(worker->store, worker->identity, out->org, out->policy_serial,
				  &text, err) == 0) {
			answer->policy = buf_take(&text, NULL);
		} else if (err->code == ERR_AUTH) {
			/* It begins with the built-in default, and is given the next one. */
			log_error("%s", err->msg);
		} else {
			buf_clear(&text);
			return -1;
		}
	}
	if (out->exceptions_serial) {
		if (live->exceptions_jws(worker->store, out->device_id, &text, err) < 0) {
			buf_clear(&text);
			return -1;
		}
		answer->exceptions = buf_take(&text, NULL);
	}
	return 0;
}

static int build(struct enrol_job *job, struct enrol_answer *answer, struct err *err)
{
	const struct store_enrolled *out = &job->out;
	struct worker *worker = job->base.worker;
	const struct crypto_signer *signer;
	int64_t serial;

	if (fill_answer(job, answer, &serial, err) < 0)
		return -1;
	signer = identity_signer(worker->identity, out->org, serial);
	if (!signer)
		return err_set(err, ERR_AUTH, "no online key of ours is in the device's key set");
	memcpy(answer->device, out->device, sizeof(answer->device));
	memcpy(answer->request, job->in.request_hash, sizeof(answer->request));
	answer->waiting = out->result == STORE_ENROL_WAITING;
	answer->time = plat_now();
	memcpy(answer->epoch, worker->site.epoch, sizeof(answer->epoch));
	(void)text_copy(answer->school, sizeof(answer->school), out->school);
	(void)text_copy(answer->group, sizeof(answer->group), out->group);
	answer->audit_until = out->audit_until;
	buf_reset(&worker->scratch);
	buf_reset(&worker->out);
	enrol_answer_encode(answer, &worker->scratch);
	if (buf_check(&worker->scratch, err) < 0)
		return -1;
	return jws_sign(JWS_ENROLLED, worker->scratch.data, worker->scratch.len, false, 0, signer,
			&worker->out, err);
}

static void answer_it(struct enrol_job *job)
{
	struct worker *worker = job->base.worker;
	struct enrol_answer *answer = calloc(1, sizeof(*answer));
	struct err err = {.msg = "no memory"};

	stats_add(&worker->shared->stats, enrolments);
	if (!answer || build(job, answer, &err) < 0) {
		log_error("a device that enrolled gets no answer, it will ask again: %s", err.msg);
		if (job->base.conn)
			http_problem(job->base.conn, 500, "no-answer",
				     "the enrolment was recorded but cannot be answered", err.msg,
				     0);
	} else if (job->base.conn) {
		http_reply(job->base.conn, &(struct http_reply){
						   .status = answer->waiting ? 202 : 200,
						   .type = "application/jose",
						   .body = worker->out.data,
						   .len = worker->out.len,
					   });
	}
	enrol_answer_free(answer);
}

/* --- what is allowed to its group or school already --- */

static int run_list(struct job *job, struct store *store, struct err *err)
{
	return store->live->put_exceptions(store, &((struct enrol_job *)job)->list, err);
}

static void list_done(struct worker_job *base)
{
	struct enrol_job *job = (struct enrol_job *)base;

	/* It is enrolled all the same: serve signs what is missing, see serve.c. */
	if (base->job.failed)
		log_warn("a new device goes without its exceptions for now: %s", base->job.err.msg);
	else
		job->out.exceptions_serial = job->list.serial;
	answer_it(job);
	job_free(job);
}

static int fill_target(void *ctx, const struct store_device *device, struct err *err)
{
	struct store_exception_target *target = ctx;

	(void)err;
	*target = (struct store_exception_target){device->id, device->school, device->group, ""};
	(void)text_copy(target->uuid, sizeof(target->uuid), device->uuid);
	return 0;
}

/* True: its list was signed and is on its way to the store, the answer follows. */
static bool begins_with_a_list(struct enrol_job *job)
{
	struct worker *worker = job->base.worker;
	struct store *store = worker->store;
	struct store_exception_target target = {0};
	struct store_device_filter filter;
	struct err err;

	if (job->out.result != STORE_ENROL_ACTIVE || job->out.exceptions_serial || !job->base.conn)
		return false;
	store_device_filter_init(&filter);
	filter.word = job->out.device;
	if (store->desk->devices(store, &filter, fill_target, &target, &err) < 0 || !target.id ||
	    exceptions_sign_one(store, worker->identity, &target, plat_now(), &job->list, &err) <
		    0 ||
	    !job->list.jws)
		return false;
	job->base.done = list_done;
	job->base.job.run = run_list;
	job->base.job.failed = false;
	if (!worker_submit(worker, job->base.conn, &job->base.job, worker_job_gone))
		job_free(job); /* told to ask again */
	return true;
}

static void done(struct worker_job *base)
{
	struct enrol_job *job = (struct enrol_job *)base;

	if (base->job.failed)
		worker_job_failed(base);
	else if (begins_with_a_list(job))
		return;
	else if (job->out.result == STORE_ENROL_ACTIVE || job->out.result == STORE_ENROL_WAITING)
		answer_it(job);
	else
		refuse(job);
	job_free(job);
}

void enrolment_handle(void *ctx, struct http_conn *conn, const struct http_request *request,
		      const void *data)
{
	struct worker *worker = ctx;
	unsigned wait = guesses_wait(worker->shared->guesses, request->peer, plat_uptime_ms());
	struct enrol_job *job;
	struct err err;

	(void)data;
	if (wait) {
		http_problem(conn, 429, "too-many-codes",
			     "too many wrong enrolment codes from here", NULL, wait);
		return;
	}
	job = calloc(1, sizeof(*job));
	if (!job) {
		http_problem(conn, 503, "busy", "out of memory for now", NULL, 30);
		return;
	}
	if (enrol_request_open(request->body, request->body_len, &job->request, &err) < 0) {
		http_problem(conn, err.code == ERR_AUTH ? 403 : 400, "bad-enrolment",
			     "this is no enrolment request", err.msg, 0);
		free(job);
		return;
	}
	job->in.request = job->request;
	crypto_sha256_b64(request->body, request->body_len, job->in.request_hash);
	plat_uuid(job->in.device);
	(void)text_copy(job->in.peer, sizeof(job->in.peer), request->peer);
	job->in.now = plat_now();
	job->base.done = done;
	job->base.job.run = run;
	if (!worker_submit(worker, conn, &job->base.job, worker_job_gone))
		job_free(job);
}
