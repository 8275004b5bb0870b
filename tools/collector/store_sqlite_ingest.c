/* Storing one heartbeat: its place in the chain, the device's state, the counters, in one go.
 *
 * Runs inside the writer's transaction; what is asked of SQLite here is paid per heartbeat.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite_ingest.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"

static int load_before(struct sq_beat *w, struct err *err)
{
	struct sq_before *b = &w->before;
	sqlite3_stmt *st =
		sq_stmt(w->sq,
			"SELECT d.status, d.school, d.grp, d.room, d.last_seen, d.skew_s, "
			"d.policy_serial, d.forked_at, d.next_change, d.presence, d.standing, "
			"d.boot, d.boot_before, d.state_branch, d.state_seq, d.state_hash, "
			"d.state_partial, s.not_seen_days, g.policy, x.serial, k.role, k.since, "
			"d.exceptions_serial, d.keys_serial, d.branches "
			"FROM device_key k JOIN device d ON d.id = k.device "
			"JOIN school s ON s.id = d.school JOIN grp g ON g.id = d.grp "
			"LEFT JOIN exception_document x ON x.device = d.id WHERE k.id = ?",
			err);
	int row;

	if (!st)
		return -1;
	sq_bind_int(st, 1, w->in->key->id);
	row = sq_step(w->sq, st, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return err_set(err, ERR_NOTFOUND, "the device's key is gone from the store");
	b->status = (enum store_status)sq_int(st, 0);
	b->place = (struct sq_place){sq_int(st, 1), sq_int(st, 2), sq_int(st, 3)};
	b->last_seen = sq_int(st, 4);
	b->skew_s = sq_int(st, 5);
	b->has_policy = sq_int(st, 6);
	b->forked_at = sq_int(st, 7);
	b->next_change = sqlite3_column_type(st, 8) == SQLITE_NULL ? STANDING_NEVER : sq_int(st, 8);
	b->presence = sqlite3_column_type(st, 9) == SQLITE_NULL ? -1 : sq_int(st, 9);
	b->standing = sqlite3_column_type(st, 10) == SQLITE_NULL ? -1 : sq_int(st, 10);
	sq_text(st, 11, b->boot, sizeof(b->boot));
	sq_text(st, 12, b->boot_before, sizeof(b->boot_before));
	w->lineage.state_branch = (unsigned)sq_int(st, 13);
	w->lineage.state_seq = sq_int(st, 14);
	sq_blob(st, 15, w->lineage.state_hash, CRYPTO_HASH_SIZE);
	w->lineage.state_partial = sq_int(st, 16) != 0;
	b->not_seen_days = (int)sq_int(st, 17);
	b->group_policy = sq_int(st, 18);
	b->exceptions_serial = sq_int(st, 19);
	b->role = (enum store_key_role)sq_int(st, 20);
	b->state_branch = w->lineage.state_branch;
	b->state_seq = w->lineage.state_seq;
	memcpy(b->state_hash, w->lineage.state_hash, CRYPTO_HASH_SIZE);
	w->key_since = sq_int(st, 21);
	b->has_exceptions = sq_int(st, 22);
	b->branches = (unsigned)sq_int(st, 24);
	b->has_keys = sq_int(st, 23);
	sqlite3_reset(st);
	return 0;
}

static int refuse(struct store_placed *out, const char *fmt, ...) PRINTF_LIKE(2, 3);
static int refuse(struct store_placed *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->why, sizeof(out->why), fmt, ap);
	va_end(ap);
	out->as = STORE_REFUSED;
	return 0;
}

static void fill_head(struct store_placed *out, const struct lineage *l, unsigned n)
{
	const struct lineage_branch *own = NULL, *speaker = NULL, *ahead;

	for (unsigned i = 0; i < l->count; i++) {
		if (l->branches[i].n == n)
			own = &l->branches[i];
		/* That one has ended since: the one that holds the state speaks for it. */
		if (!speaker || l->branches[i].n == l->state_branch)
			speaker = &l->branches[i];
	}
	if (!own)
		own = speaker;
	if (!own)
		return;
	out->acked = own->seq;
	text_b64url_into(out->head, own->hash, CRYPTO_HASH_SIZE);
	ahead = lineage_trunk(l, own->n);
	if (ahead) {
		out->trunk_seq = ahead->seq;
		text_b64url_into(out->trunk_head, ahead->hash, CRYPTO_HASH_SIZE);
	}
}

/* --- the device's row --- */

static void write_rejected(const struct heartbeat *hb, struct buf *out)
{
	struct jsonw j;

	jsonw_init(&j, out);
	jsonw_array(&j, NULL);
	for (unsigned i = 0; i < hb->rejected_count; i++) {
		jsonw_object(&j, NULL);
		jsonw_string(&j, "what", hb->rejected[i].what);
		jsonw_int(&j, "serial", hb->rejected[i].serial);
		jsonw_string(&j, "why", hb->rejected[i].why);
		jsonw_object_end(&j);
	}
	jsonw_array_end(&j);
}

/* The row's next_change may be early (it is looked at again then), never late. */
static int64_t next_change(const struct sq_beat *w)
{
	int64_t away = standing_presence_change(STORE_ACTIVE, w->in->received_at,
						w->before.not_seen_days, w->in->received_at);
	int64_t next = w->next < away ? w->next : away;

	return w->before.next_change < next ? w->before.next_change : next;
}

static int64_t has_policy(const struct sq_beat *w)
{
	int64_t told = w->in->heartbeat->policy_serial;

	return told == HEARTBEAT_AS_BASE ? w->before.has_policy : told;
}

static int64_t has_exceptions(const struct sq_beat *w)
{
	int64_t told = w->in->heartbeat->exceptions_serial;

	return told == HEARTBEAT_AS_BASE ? w->before.has_exceptions : told;
}

static int put_device(struct sq_beat *w, int64_t forked_at, struct err *err)
{
	const struct heartbeat *hb = w->in->heartbeat;
	/* Left out: as the base said.  When that is not what is here, the full one will tell. */
	bool new_boot = hb->boot[0] && strcmp(hb->boot, w->before.boot) != 0;
	struct buf rejected;
	sqlite3_stmt *st =
		sq_stmt(w->sq,
			"UPDATE device SET last_seen = ?2, last_at = ?3, skew_s = ?4, boot = ?5, "
			"boot_before = ?6, agent = coalesce (?7, agent), "
			"is_volatile = max (is_volatile, ?8), policy_serial = ?9, "
			"policy_name = coalesce (?10, policy_name), "
			"exceptions_serial = ?11, keys_serial = ?12, rejected = ?13, "
			"inventory = iif (?23, ?14, coalesce (?14, inventory)), state_seq = ?15, "
			"state_hash = ?16, state_branch = ?17, "
			"state_partial = ?18, presence = ?19, standing = ?20, next_change = ?21, "
			"forked_at = ?22 WHERE id = ?1",
			err);
	uint8_t inventory[CRYPTO_HASH_SIZE];
	size_t inventory_len = 0;
	int ret;

	if (!st)
		return -1;
	buf_init(&rejected, 0);
	if (hb->rejected_count)
		write_rejected(hb, &rejected);
	if (hb->inventory[0])
		(void)text_b64url_decode(hb->inventory, strlen(hb->inventory), inventory,
					 sizeof(inventory), &inventory_len);
	sq_bind_int(st, 1, w->in->key->device_id);
	sq_bind_int(st, 2, w->in->received_at);
	sq_bind_int(st, 3, hb->at);
	sq_bind_int(st, 4, hb->at - w->in->received_at);
	sq_bind_text(st, 5, new_boot ? hb->boot : w->before.boot);
	sq_bind_text(st, 6, new_boot ? w->before.boot : w->before.boot_before);
	if (hb->agent[0])
		sq_bind_text(st, 7, hb->agent);
	sq_bind_int(st, 8, hb->volatile_chain);
	sq_bind_int(st, 9, has_policy(w));
	if (hb->policy_serial != HEARTBEAT_AS_BASE)
		sq_bind_text(st, 10, hb->policy_name);
	sq_bind_int(st, 11, has_exceptions(w));
	sq_bind_int(st, 12, hb->keys_serial);
	sq_bind_text(st, 13, buf_text(&rejected));
	if (inventory_len == sizeof(inventory))
		sq_bind_blob(st, 14, inventory, sizeof(inventory));
	sq_bind_int(st, 15, w->lineage.state_seq);
	sq_bind_blob(st, 16, w->lineage.state_hash, CRYPTO_HASH_SIZE);
	sq_bind_int(st, 17, w->lineage.state_branch);
	sq_bind_int(st, 18, w->lineage.state_partial);
	sq_bind_int(st, 19, STORE_SEEN);
	sq_bind_int(st, 20, w->worst);
	if (next_change(w) != STANDING_NEVER)
		sq_bind_int(st, 21, next_change(w));
	sq_bind_int(st, 22, forked_at);
	sq_bind_int(st, 23, hb->full);
	ret = sq_run(w->sq, st, err);
	buf_clear(&rejected);
	return ret;
}

static int put_state(struct sq_beat *w, struct err *err)
{
	const struct sq_before *b = &w->before;
	int64_t policy = has_policy(w);
	int64_t forked_at;
	bool counted = b->standing >= 0;

	if (sq_put_observations(w, &forked_at, err) < 0 || sq_put_events(w, err) < 0)
		return -1;
	if (!w->step.apply)
		return 0;
	if (sq_put_controls(w, err) < 0 ||
	    sq_recount(w, STORE_COUNT_DEVICE, counted ? (int)b->standing : -1, (int)w->worst, err) <
		    0 ||
	    sq_recount(w, STORE_COUNT_PRESENCE, (int)b->presence, STORE_SEEN, err) < 0)
		return -1;
	if (!counted || b->has_policy != policy) {
		if ((counted && sq_place_count(w->sq, &b->place, STORE_COUNT_POLICY, b->has_policy,
					       -1, err) < 0) ||
		    sq_place_count(w->sq, &b->place, STORE_COUNT_POLICY, policy, 1, err) < 0)
			return -1;
	}
	return put_device(w, forked_at, err);
}

/* --- one heartbeat --- */

static void prepare(struct sq_beat *w)
{
	const struct heartbeat *hb = w->in->heartbeat;
	size_t len;

	w->heartbeat.seq = hb->seq;
	/* Both were checked to be hashes: by heartbeat_decode() and by whoever made the hash. */
	(void)text_b64url_decode(hb->prev, strlen(hb->prev), w->heartbeat.prev, CRYPTO_HASH_SIZE,
				 &len);
	(void)text_b64url_decode(w->in->hash, strlen(w->in->hash), w->heartbeat.hash,
				 CRYPTO_HASH_SIZE, &len);
	w->heartbeat.full = hb->full;
	w->heartbeat.is_volatile = hb->volatile_chain;
	w->heartbeat.now = w->in->received_at;
	for (unsigned i = 0; i < hb->event_count; i++)
		w->heartbeat.rewound |= strcmp(hb->events[i].type, "rewound") == 0;
}

/* 1: it is here already, '*out' says so. */
static int repeated(struct sq_beat *w, struct store_placed *out, struct err *err)
{
	unsigned branch;
	int found = sq_have_heartbeat(w, w->heartbeat.seq, w->heartbeat.hash, &branch, err);

	if (found <= 0)
		return found;
	out->as = STORE_REPEATED;
	fill_head(out, &w->lineage, branch);
	out->newest = memcmp(w->lineage.state_hash, w->heartbeat.hash, CRYPTO_HASH_SIZE) == 0;
	out->need_full = w->lineage.state_partial;
	return 1;
}

static int place(struct sq_beat *w, struct store_placed *out, struct err *err)
{
	unsigned branch;
	int found;

	if (w->before.role == STORE_KEY_PREVIOUS) {
		char date[TEXT_TIME_SIZE];

		text_time(date, w->key_since);
		return refuse(out, "its key was replaced at %s: only its successor signs now",
			      date);
	}
	if (!lineage_goes_on(&w->lineage, &w->heartbeat)) {
		found = sq_have_heartbeat(w, w->heartbeat.seq - 1, w->heartbeat.prev, &branch, err);
		if (found < 0)
			return -1;
		w->heartbeat.prev_known = found > 0;
	}
	lineage_place(&w->lineage, &w->heartbeat, &w->step);
	if (w->step.kind == LINEAGE_REFUSE)
		return refuse(out, "%s", w->step.why);
	lineage_apply(&w->lineage, &w->heartbeat, &w->step);
	if (sq_put_chain(w, err) < 0 || sq_succeed(w, err) < 0 || put_state(w, err) < 0 ||
	    sq_name_next(w, err) < 0)
		return -1;
	out->as = STORE_STORED;
	out->newest = w->step.apply;
	out->need_full = w->lineage.state_partial;
	fill_head(out, &w->lineage, w->step.branch.n);
	return 0;
}

int sq_put_heartbeat(struct store *store, const struct store_heartbeat *in,
		     struct store_placed *out, struct err *err)
{
	struct sq_beat w = {.sq = sq_of(store), .in = in};
	struct store_placed placed = {.device_id = in->key->device_id};
	int found = 0;

	if (load_before(&w, err) < 0)
		return -1;
	prepare(&w);
	w.only_branch = sq_only_branch(&w);
	if (!w.only_branch && sq_load_lineage(&w, err) < 0)
		return -1;
	placed.status = w.before.status;
	placed.has_policy = has_policy(&w);
	placed.has_exceptions = has_exceptions(&w);
	placed.policy_serial = w.before.group_policy;
	placed.has_keys = w.before.has_keys;
	placed.exceptions_serial = w.before.exceptions_serial;
	if (w.before.status != STORE_ACTIVE) {
		refuse(&placed, "the device is %s", store_status_name(w.before.status));
		*out = placed;
		return 0;
	}
	/* What goes on from a head cannot be here yet. */
	if (!lineage_goes_on(&w.lineage, &w.heartbeat))
		found = repeated(&w, &placed, err);
	if (found < 0 || (found == 0 && place(&w, &placed, err) < 0))
		return -1;
	*out = placed;
	return 0;
}

int sq_look(struct store *store, const struct store_key *key, struct store_placed *out,
	    struct err *err)
{
	const struct store_heartbeat in = {.key = key};
	struct sq_beat w = {.sq = sq_of(store), .in = &in};
	struct store_placed placed = {.device_id = key->device_id};

	if (load_before(&w, err) < 0 || sq_load_lineage(&w, err) < 0)
		return -1;
	placed.status = w.before.status;
	placed.policy_serial = w.before.group_policy;
	placed.has_keys = w.before.has_keys;
	placed.exceptions_serial = w.before.exceptions_serial;
	placed.has_policy = w.before.has_policy;
	placed.has_exceptions = w.before.has_exceptions;
	placed.need_full = w.lineage.state_partial;
	fill_head(&placed, &w.lineage, w.lineage.state_branch);
	*out = placed;
	return 0;
}
