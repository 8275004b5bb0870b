/* Enrolling: the code, whose machine it was, where it stands, one transaction.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "tools/collector/lineage.h"
#include "tools/collector/rooms.h"
#include "tools/collector/standing.h"

struct code {
	int64_t school, group, room;
	bool shared;
	int64_t uses_max, uses, ends_at, revoked_at;
};

struct work {
	struct sq *sq;
	const struct store_enrol *in;
	struct code code;
	int64_t device; /* 0: not yet one of ours */
	enum store_status status;
	char device_code[ENROL_CODE_ID_LEN + 1]; /* which it enrolled with before */
	char serial[64], hw_uuid[40];            /* "" for placeholders */
	char name[STORE_NAME_SIZE];
	char policy_kid[CRYPTO_KID_LEN + 1];
	bool expected;
	int64_t adopts;
};

/* 1: the code is known and the proof holds; 0: wrong, one way or the other. */
static int check_code(struct work *w, struct err *err)
{
	const struct enrol_request *r = w->in->request;
	sqlite3_stmt *st = sq_stmt(w->sq,
				   "SELECT secret, school, grp, room, shared, uses_max, uses, "
				   "ends_at, revoked_at, text FROM code WHERE id = ?",
				   err);
	uint8_t secret[ENROL_SECRET_SIZE] = {0};
	char proof[CRYPTO_HASH_B64_LEN + 1], text[ENROL_CODE_MAX];
	struct enrol_code printed;
	struct err ignored; /* a code that this very store made */
	int row;

	if (!st)
		return -1;
	sq_bind_text(st, 1, r->code);
	row = sq_step(w->sq, st, err);
	if (row < 0)
		return -1;
	if (row) {
		sq_blob(st, 0, secret, sizeof(secret));
		w->code = (struct code){
			.school = sq_int(st, 1),
			.group = sq_int(st, 2),
			.room = sq_int(st, 3),
			.shared = sq_int(st, 4) != 0,
			.uses_max = sq_int(st, 5),
			.uses = sq_int(st, 6),
			.ends_at = sq_int(st, 7),
			.revoked_at = sq_int(st, 8),
		};
		sq_text(st, 9, text, sizeof(text));
		sqlite3_reset(st);
		if (enrol_code_parse(text, strlen(text), &printed, &ignored) == 0)
			memcpy(w->policy_kid, printed.policy_kid, sizeof(w->policy_kid));
	}
	/* The same work whether there is such a code or not. */
	enrol_code_proof(secret, crypto_key_kid(r->key), proof);
	crypto_wipe(secret, sizeof(secret));
	return crypto_equal(proof, r->proof, CRYPTO_HASH_B64_LEN) && row;
}

static int find_device(struct work *w, struct err *err)
{
	sqlite3_stmt *st = sq_stmt(w->sq,
				   "SELECT d.id, d.status, d.code FROM device_key k "
				   "JOIN device d ON d.id = k.device WHERE k.kid = ?",
				   err);
	int row;

	if (!st)
		return -1;
	sq_bind_text(st, 1, crypto_key_kid(w->in->request->key));
	row = sq_step(w->sq, st, err);
	if (row <= 0)
		return row;
	w->device = sq_int(st, 0);
	w->status = (enum store_status)sq_int(st, 1);
	sq_text(st, 2, w->device_code, sizeof(w->device_code));
	sqlite3_reset(st);
	return 0;
}

static enum store_enrol_result code_state(const struct work *w)
{
	if (w->code.revoked_at)
		return STORE_ENROL_CODE_REVOKED;
	if (w->code.ends_at && w->in->now >= w->code.ends_at)
		return STORE_ENROL_CODE_ENDED;
	if (w->code.uses_max && w->code.uses >= w->code.uses_max)
		return STORE_ENROL_CODE_USED_UP;
	return STORE_ENROL_ACTIVE;
}

/* --- where it belongs --- */

static int find_expected(struct work *w, struct err *err)
{
	sqlite3_stmt *st;
	int row;

	if (!w->serial[0])
		return 0;
	st = sq_stmt(w->sq, "SELECT grp, room, name FROM expected WHERE serial = ? AND school = ?",
		     err);
	if (!st)
		return -1;
	sq_bind_text(st, 1, w->serial);
	sq_bind_int(st, 2, w->code.school);
	row = sq_step(w->sq, st, err);
	if (row <= 0)
		return row;
	w->expected = true;
	if (sq_int(st, 0))
		w->code.group = sq_int(st, 0);
	if (sq_int(st, 1))
		w->code.room = sq_int(st, 1);
	if (sqlite3_column_bytes(st, 2))
		sq_text(st, 2, w->name, sizeof(w->name));
	sqlite3_reset(st);
	return 0;
}

static int find_room(struct work *w, struct err *err)
{
	struct sq_rows rows;
	sqlite3_stmt *st;

	if (w->code.room)
		return 0;
	st = sq_stmt(w->sq, "SELECT id, patterns, subnets FROM room WHERE school = ? ORDER BY id",
		     err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, w->code.school);
	rows = sq_rows(w->sq, st, err);
	while (sq_next(&rows)) {
		if (!rooms_match((const char *)sqlite3_column_text(st, 1),
				 (const char *)sqlite3_column_text(st, 2), w->name, w->in->peer))
			continue;
		w->code.room = sq_int(st, 0);
		sq_said(&rows, 1);
	}
	return rows.ret;
}

/* The device that this hardware was before: the same serial or firmware UUID in this school. */
static int find_before(struct work *w, struct err *err)
{
	sqlite3_stmt *st;
	int row;

	if (!w->serial[0] && !w->hw_uuid[0])
		return 0;
	st = sq_stmt(w->sq,
		     "SELECT id FROM device WHERE school = ?1 AND status <> ?4 AND id IN ("
		     "SELECT id FROM device WHERE serial <> '' AND serial = ?2 UNION ALL "
		     "SELECT id FROM device WHERE hw_uuid <> '' AND hw_uuid = ?3) "
		     "ORDER BY last_seen DESC, id DESC LIMIT 1",
		     err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, w->code.school);
	sq_bind_text(st, 2, w->serial);
	sq_bind_text(st, 3, w->hw_uuid);
	sq_bind_int(st, 4, STORE_REVOKED);
	row = sq_step(w->sq, st, err);
	if (row <= 0)
		return row;
	w->adopts = sq_int(st, 0);
	sqlite3_reset(st);
	return 0;
}

/* --- writing --- */

static int put_device(struct work *w, struct err *err)
{
	const struct enrol_request *r = w->in->request;
	sqlite3_stmt *st = sq_stmt(
		w->sq,
		"INSERT INTO device (uuid, status, school, grp, room, name, serial, hw_uuid, "
		"board, vendor, model, agent, is_volatile, code, enrolled_at, status_at, "
		"adopts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		err);

	if (!st)
		return -1;
	w->status = w->code.shared && !w->expected ? STORE_WAITING : STORE_ACTIVE;
	sq_bind_text(st, 1, w->in->device);
	sq_bind_int(st, 2, w->status);
	sq_bind_int(st, 3, w->code.school);
	sq_bind_int(st, 4, w->code.group);
	sq_bind_int(st, 5, w->code.room);
	sq_bind_text(st, 6, w->name);
	sq_bind_text(st, 7, w->serial);
	sq_bind_text(st, 8, w->hw_uuid);
	sq_bind_text(st, 9, r->hardware.board);
	sq_bind_text(st, 10, r->hardware.vendor);
	sq_bind_text(st, 11, r->hardware.model);
	sq_bind_text(st, 12, r->agent);
	sq_bind_int(st, 13, r->is_volatile);
	sq_bind_text(st, 14, r->code);
	sq_bind_int(st, 15, w->in->now);
	sq_bind_int(st, 16, w->in->now);
	sq_bind_int(st, 17, w->adopts);
	if (sq_run(w->sq, st, err) < 0)
		return -1;
	w->device = sqlite3_last_insert_rowid(w->sq->db);
	return 0;
}

static int put_key(struct work *w, struct err *err)
{
	const struct crypto_key *key = w->in->request->key;
	sqlite3_stmt *st = sq_stmt(
		w->sq,
		"INSERT INTO device_key (kid, point, device, role, since) VALUES (?, ?, ?, ?, ?)",
		err);

	if (!st)
		return -1;
	sq_bind_text(st, 1, crypto_key_kid(key));
	sq_bind_blob(st, 2, crypto_key_point(key), CRYPTO_POINT_SIZE);
	sq_bind_int(st, 3, w->device);
	sq_bind_int(st, 4, STORE_KEY_CURRENT);
	sq_bind_int(st, 5, w->in->now);
	return sq_run(w->sq, st, err);
}

/* The chain begins at the hash of the request.  The same device asking again (its answer was lost,
 * or its state but not its key) may begin anew: one such beginning is kept. */
static int put_beginning(struct work *w, struct err *err)
{
	uint8_t hash[CRYPTO_HASH_SIZE];
	size_t len;
	sqlite3_stmt *st;

	(void)text_b64url_decode(w->in->request_hash, strlen(w->in->request_hash), hash,
				 sizeof(hash), &len); /* our own hash */
	st = sq_stmt(w->sq,
		     "DELETE FROM branch WHERE device = ?1 AND seq = 0 AND n <> "
		     "(SELECT state_branch FROM device WHERE id = ?1)",
		     err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, w->device);
	if (sq_run(w->sq, st, err) < 0)
		return -1;
	st = sq_stmt(w->sq,
		     "INSERT INTO branch (device, n, kind, from_seq, from_hash, seq, hash, "
		     "advanced_at) SELECT ?1, 1 + coalesce(max(n), 0), ?2, 0, ?3, 0, ?3, ?4 "
		     "FROM branch WHERE device = ?1 HAVING count(*) < ?5",
		     err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, w->device);
	sq_bind_int(st, 2, LINEAGE_TRUNK);
	sq_bind_blob(st, 3, hash, sizeof(hash));
	sq_bind_int(st, 4, w->in->now);
	sq_bind_int(st, 5, LINEAGE_MAX);
	return sq_run(w->sq, st, err) < 0 ? -1 : sq_count_branches(w->sq, w->device, err);
}

static int use_code(struct work *w, struct err *err)
{
	sqlite3_stmt *st = sq_stmt(w->sq, "UPDATE code SET uses = uses + 1 WHERE id = ?", err);

	if (!st)
		return -1;
	sq_bind_text(st, 1, w->in->request->code);
	if (sq_run(w->sq, st, err) < 0)
		return -1;
	/* A newly enrolled school stays in audit: from its first device on. */
	st = sq_stmt(w->sq,
		     "UPDATE school SET audit_until = ?1 + audit_days * 86400 "
		     "WHERE id = ?2 AND audit_until = 0 AND audit_days > 0",
		     err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, w->in->now);
	sq_bind_int(st, 2, w->code.school);
	if (sq_run(w->sq, st, err) < 0)
		return -1;
	if (!w->expected)
		return 0;
	st = sq_stmt(w->sq, "UPDATE expected SET device = ? WHERE serial = ? AND school = ?", err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, w->device);
	sq_bind_text(st, 2, w->serial);
	sq_bind_int(st, 3, w->code.school);
	return sq_run(w->sq, st, err);
}

static int log_it(struct work *w, const char *action, const char *uuid, struct err *err)
{
	char detail[64];

	snprintf(detail, sizeof(detail), "{\"code\":\"%s\"}", w->in->request->code);
	if (sq_audit(w->sq, w->in->now, "device", action, uuid, detail, err) < 0)
		return -1;
	if (w->adopts && sq_event(w->sq, w->device, w->in->now, "adoption-offered", "{}", err) < 0)
		return -1;
	return 0;
}

static int enrol_new(struct work *w, struct err *err)
{
	const struct enrol_request *r = w->in->request;

	/* A placeholder identifies nothing. */
	if (!enrol_placeholder(r->hardware.serial))
		(void)text_copy(w->serial, sizeof(w->serial), r->hardware.serial);
	if (!enrol_placeholder(r->hardware.uuid))
		(void)text_copy(w->hw_uuid, sizeof(w->hw_uuid), r->hardware.uuid);
	(void)text_copy(w->name, sizeof(w->name), r->name);
	if (find_expected(w, err) < 0 || find_room(w, err) < 0 || find_before(w, err) < 0 ||
	    put_device(w, err) < 0 || put_key(w, err) < 0 || put_beginning(w, err) < 0 ||
	    use_code(w, err) < 0)
		return -1;
	if (sq_device_settle(w->sq, w->device, w->in->now, err) < 0)
		return -1;
	return log_it(w, w->status == STORE_WAITING ? "enrol-waiting" : "enrol", w->in->device,
		      err);
}

/* The key is known.  With the code it came with, it is the same enrolment; with another one, the
 * technician moves the machine to where that code leads. */
static int enrol_again(struct work *w, struct err *err)
{
	sqlite3_stmt *st;

	if (strcmp(w->device_code, w->in->request->code) != 0) {
		if (sq_device_count(w->sq, w->device, -1, err) < 0)
			return -1;
		st = sq_stmt(w->sq,
			     "UPDATE device SET school = ?2, grp = ?3, room = ?4, code = ?5 "
			     "WHERE id = ?1",
			     err);
		if (!st)
			return -1;
		sq_bind_int(st, 1, w->device);
		sq_bind_int(st, 2, w->code.school);
		sq_bind_int(st, 3, w->code.group);
		sq_bind_int(st, 4, w->code.room);
		sq_bind_text(st, 5, w->in->request->code);
		if (sq_run(w->sq, st, err) < 0 || sq_device_count(w->sq, w->device, 1, err) < 0 ||
		    use_code(w, err) < 0 || log_it(w, "enrol-moved", w->in->device, err) < 0)
			return -1;
	}
	return put_beginning(w, err);
}

static int answer(struct work *w, struct store_enrolled *out, struct err *err)
{
	sqlite3_stmt *st =
		sq_stmt(w->sq,
			"SELECT d.uuid, s.name, g.name, s.audit_until, s.org, g.policy, "
			"x.serial, a.uuid FROM device d JOIN school s ON s.id = d.school "
			"JOIN grp g ON g.id = d.grp "
			"LEFT JOIN exception_document x ON x.device = d.id "
			"LEFT JOIN device a ON a.id = d.adopts AND d.adopted_at = 0 "
			"WHERE d.id = ?",
			err);
	int row;

	if (!st)
		return -1;
	sq_bind_int(st, 1, w->device);
	row = sq_step(w->sq, st, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return err_set(err, ERR_IO, "the store lost the device it just enrolled");
	out->result = w->status == STORE_WAITING ? STORE_ENROL_WAITING : STORE_ENROL_ACTIVE;
	out->device_id = w->device;
	memcpy(out->policy_kid, w->policy_kid, sizeof(out->policy_kid));
	sq_text(st, 0, out->device, sizeof(out->device));
	sq_text(st, 1, out->school, sizeof(out->school));
	sq_text(st, 2, out->group, sizeof(out->group));
	out->audit_until = sq_int(st, 3) > w->in->now ? sq_int(st, 3) : 0;
	sq_text(st, 4, out->org, sizeof(out->org));
	out->policy_serial = sq_int(st, 5);
	out->exceptions_serial = sq_int(st, 6);
	sq_text(st, 7, out->adopts, sizeof(out->adopts));
	sqlite3_reset(st);
	return 0;
}

int sq_enrol(struct store *store, const struct store_enrol *in, struct store_enrolled *out,
	     struct err *err)
{
	struct work w = {.sq = sq_of(store), .in = in};
	struct store_enrolled enrolled = {.result = STORE_ENROL_WRONG_CODE};
	int proved = check_code(&w, err);
	enum store_enrol_result state;

	if (proved < 0 || (proved && find_device(&w, err) < 0))
		return -1;
	if (!proved) {
		*out = enrolled;
		return 0;
	}
	enrolled.again = w.device != 0;
	if (w.device && (w.status == STORE_REVOKED || w.status == STORE_RETIRED)) {
		enrolled.result = STORE_ENROL_REVOKED;
		*out = enrolled;
		return 0;
	}
	state = code_state(&w);
	/* Who enrolled with this code before may ask again whatever became of the code. */
	if (state != STORE_ENROL_ACTIVE &&
	    !(w.device && strcmp(w.device_code, in->request->code) == 0)) {
		enrolled.result = state;
		*out = enrolled;
		return 0;
	}
	if ((w.device ? enrol_again(&w, err) : enrol_new(&w, err)) < 0 ||
	    answer(&w, &enrolled, err) < 0)
		return -1;
	*out = enrolled;
	return 0;
}
