/* POST /v1/inventory: the body that a heartbeat named by its hash.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/inventory.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/proto/jws.h"
#include "platform/os.h"
#include "tools/collector/keycache.h"
#include "tools/collector/worker.h"

#define BUSY_RETRY_S 30
#define FULL_RETRY_S 600

struct inventory_job {
	struct worker_job base;
	char *jws;
	struct buf payload; /* the inventory's body lies in it */
	struct store_key key;
	struct store_inventory in;
	enum store_inventory_result result;
	enum store_status status;
};

static void job_free(struct inventory_job *job)
{
	if (!job)
		return;
	buf_clear(&job->payload);
	free(job->jws);
	free(job);
}

static int run(struct job *job, struct store *store, struct err *err)
{
	struct inventory_job *inventory = (struct inventory_job *)job;

	return store->live->put_inventory(store, &inventory->in, &inventory->result,
					  &inventory->status, err);
}

static void answer(struct inventory_job *job)
{
	struct http_conn *conn = job->base.conn;

	switch (job->result) {
	case STORE_INVENTORY_KEPT: http_reply(conn, &(struct http_reply){.status = 204}); break;
	case STORE_INVENTORY_STALE:
		http_problem(conn, 409, "stale-inventory",
			     "this is not the inventory that the device's newest heartbeat names",
			     NULL, 0);
		break;
	case STORE_INVENTORY_STATUS:
		http_problem(conn, 403,
			     job->status == STORE_WAITING   ? "device-waiting"
			     : job->status == STORE_REVOKED ? "device-revoked"
							    : "device-retired",
			     "this device is not active here", store_status_name(job->status), 0);
		break;
	}
}

static void done(struct worker_job *base)
{
	struct inventory_job *job = (struct inventory_job *)base;

	if (base->job.failed)
		worker_job_failed(base);
	else if (base->conn)
		answer(job);
	job_free(job);
}

struct refusal {
	int status;
	const char *name, *title;
};

static int refuse(struct refusal *out, int status, const char *name, const char *title)
{
	*out = (struct refusal){status, name, title};
	return -1;
}

/* Split, find the signer, verify, inflate, decode: nothing of it is looked at before its turn. */
static int read_job(struct worker *worker, struct inventory_job *job, size_t len,
		    struct refusal *out, struct err *err)
{
	const struct keycache_entry *entry;
	struct inventory inventory;
	struct jws jws;

	if (jws_split(JWS_INVENTORY, job->jws, len, &jws, err) < 0)
		return refuse(out, 400, "bad-inventory", "the body is not one inventory JWS");
	if (keycache_find(worker->keys, worker->store, jws.kid, &entry, err) < 0)
		return err->code == ERR_NOTFOUND
			       ? refuse(out, 403, "unknown-device", "no device here has this key")
			       : refuse(out, 503, "store", "the store cannot be read for now");
	if (!jws_verify(&jws, entry->parsed)) {
		err_set(err, ERR_AUTH, "the signature does not hold");
		return refuse(out, 403, "bad-signature", "the inventory's signature does not hold");
	}
	job->key = entry->key;
	if (jws_payload(&jws, &job->payload, err) < 0 ||
	    inventory_decode(buf_text(&job->payload), job->payload.len, &inventory, err) < 0)
		return refuse(out, 400, "bad-inventory", "this is no inventory");
	if (strcmp(inventory.device, job->key.device) != 0) {
		err_set(err, ERR_AUTH, "it names another device than the one whose key signed it");
		return refuse(out, 403, "other-device", "the inventory is another device's");
	}
	job->in = (struct store_inventory){
		.key = &job->key,
		.at = inventory.at,
		.received_at = plat_now(),
		.body = inventory.body,
		.body_len = inventory.body_len,
		.jws = job->jws,
		.jws_len = len,
	};
	memcpy(job->in.hash, inventory.sha256, sizeof(job->in.hash));
	return 0;
}

void inventory_handle(void *ctx, struct http_conn *conn, const struct http_request *request,
		      const void *data)
{
	struct worker *worker = ctx;
	struct inventory_job *job;
	struct refusal refusal;
	struct err err;
	size_t len;

	(void)data;
	if (!heartbeats_is_jose(request->head->content_type)) {
		http_problem(conn, 415, "media-type", "send application/jose", NULL, 0);
		return;
	}
	if (atomic_load_explicit(&worker->shared->disk_low, memory_order_relaxed)) {
		http_problem(conn, 507, "store-full",
			     "the collector's disk is nearly full: try later", NULL, FULL_RETRY_S);
		return;
	}
	job = calloc(1, sizeof(*job));
	if (!job) {
		http_problem(conn, 503, "busy", "out of memory for now", NULL, BUSY_RETRY_S);
		return;
	}
	buf_init(&job->payload, 0);
	job->jws = http_take_body(conn, &len);
	if (!job->jws) {
		http_problem(conn, 400, "bad-inventory", "the body is empty", NULL, 0);
		job_free(job);
		return;
	}
	if (read_job(worker, job, len, &refusal, &err) < 0) {
		http_problem(conn, refusal.status, refusal.name, refusal.title, err.msg,
			     refusal.status == 503 ? BUSY_RETRY_S : 0);
		job_free(job);
		return;
	}
	http_known(conn);
	job->base.done = done;
	job->base.job.run = run;
	if (!worker_submit(worker, conn, &job->base.job, worker_job_gone))
		job_free(job);
}
