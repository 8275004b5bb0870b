/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/lineage.h"

#include <stdio.h>
#include <string.h>

static bool same(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, CRYPTO_HASH_SIZE) == 0;
}

static int find_head(const struct lineage *l, const uint8_t *hash)
{
	for (unsigned i = 0; i < l->count; i++) {
		if (same(l->branches[i].hash, hash))
			return (int)i;
	}
	return -1;
}

static int find_number(const struct lineage *l, unsigned n)
{
	for (unsigned i = 0; i < l->count; i++) {
		if (l->branches[i].n == n)
			return (int)i;
	}
	return -1;
}

/* A device that sends again from its ring fills a gap: what came after it is here already. */
static bool fills(const struct lineage *l, unsigned at, int64_t seq)
{
	for (unsigned i = 0; i < l->count; i++) {
		if (i != at && l->branches[i].kind == LINEAGE_GAP && l->branches[i].from_seq >= seq)
			return true;
	}
	return false;
}

bool lineage_goes_on(const struct lineage *lineage, const struct lineage_heartbeat *heartbeat)
{
	int at = find_head(lineage, heartbeat->prev);

	return at >= 0 && lineage->branches[at].seq + 1 == heartbeat->seq;
}

/* The last heartbeat of a gap came: the branch that began after it is the same chain. */
static void join(const struct lineage *l, unsigned at, struct lineage_step *out)
{
	for (unsigned i = 0; i < l->count; i++) {
		const struct lineage_branch *other = &l->branches[i];

		if (i == at || !same(other->from_hash, out->branch.hash) ||
		    other->kind != LINEAGE_GAP)
			continue;
		out->branch.seq = other->seq;
		memcpy(out->branch.hash, other->hash, CRYPTO_HASH_SIZE);
		out->drop[out->drop_count++] = other->n;
		out->event = "chain-joined";
		return;
	}
}

static void advance(const struct lineage *l, const struct lineage_heartbeat *h, unsigned at,
		    struct lineage_step *out)
{
	int before = find_number(l, l->state_branch);

	out->kind = LINEAGE_ADVANCE;
	out->at = at;
	out->branch = l->branches[at];
	out->branch.seq = h->seq;
	memcpy(out->branch.hash, h->hash, CRYPTO_HASH_SIZE);
	out->branch.advanced_at = h->now;
	if (fills(l, at, h->seq)) {
		join(l, at, out);
		return;
	}
	out->apply = true;
	if (before < 0 || (unsigned)before == at)
		return;
	/* It was on another branch: enrolled again with the same key, told of this one and went on
	 * here, or another machine. */
	if (l->branches[at].seq == 0 || h->rewound || h->is_volatile)
		out->drop[out->drop_count++] = l->branches[before].n;
	else if (l->branches[before].seq > 0)
		out->event = "chain-fork";
	if (l->branches[at].seq == 0 && l->branches[before].seq > 0)
		out->event = "chain-restart";
}

static unsigned free_number(const struct lineage *l)
{
	unsigned n = 1;

	for (unsigned i = 0; i < l->count; i++) {
		if (l->branches[i].n >= n)
			n = l->branches[i].n + 1;
	}
	return n;
}

/* The place for a new branch; -1 when there are eight that live. */
static int make_room(const struct lineage *l, const struct lineage_heartbeat *h,
		     struct lineage_step *out)
{
	int oldest = -1;

	if (l->count < LINEAGE_MAX)
		return (int)l->count;
	for (unsigned i = 0; i < l->count; i++) {
		const struct lineage_branch *b = &l->branches[i];

		if (b->n == l->state_branch && !h->is_volatile)
			continue;
		if (!h->is_volatile && h->now - b->advanced_at < LINEAGE_STALE_S)
			continue;
		if (oldest < 0 || b->advanced_at < l->branches[oldest].advanced_at)
			oldest = (int)i;
	}
	if (oldest >= 0)
		out->drop[out->drop_count++] = l->branches[oldest].n;
	return oldest;
}

static void open_branch(const struct lineage *l, const struct lineage_heartbeat *h,
			struct lineage_step *out)
{
	int at = make_room(l, h, out);
	enum lineage_kind kind = h->is_volatile  ? LINEAGE_VOLATILE
				 : h->prev_known ? LINEAGE_REWIND
						 : LINEAGE_GAP;

	if (at < 0) {
		out->kind = LINEAGE_REFUSE;
		snprintf(out->why, sizeof(out->why),
			 "this key has %d chains that live: it is used on several machines; "
			 "revoke it and enrol each machine anew",
			 LINEAGE_MAX);
		return;
	}
	out->kind = LINEAGE_OPEN;
	out->at = (unsigned)at;
	out->apply = true;
	out->branch = (struct lineage_branch){
		.n = free_number(l),
		.kind = kind,
		.from_seq = h->seq - 1,
		.seq = h->seq,
		.advanced_at = h->now,
	};
	memcpy(out->branch.from_hash, h->prev, CRYPTO_HASH_SIZE);
	memcpy(out->branch.hash, h->hash, CRYPTO_HASH_SIZE);
	out->event = kind == LINEAGE_GAP      ? "chain-gap"
		     : kind == LINEAGE_REWIND ? "chain-rewind"
					      : NULL;
}

void lineage_place(const struct lineage *lineage, const struct lineage_heartbeat *heartbeat,
		   struct lineage_step *out)
{
	int at = find_head(lineage, heartbeat->prev);

	*out = (struct lineage_step){0};
	if (at >= 0 && lineage->branches[at].seq + 1 != heartbeat->seq) {
		out->kind = LINEAGE_REFUSE;
		snprintf(out->why, sizeof(out->why),
			 "seq %lld does not follow seq %lld, whose hash it names as the one before",
			 (long long)heartbeat->seq, (long long)lineage->branches[at].seq);
		return;
	}
	if (at >= 0)
		advance(lineage, heartbeat, (unsigned)at, out);
	else
		open_branch(lineage, heartbeat, out);
	out->partial = !heartbeat->full &&
		       (lineage->state_partial || !same(lineage->state_hash, heartbeat->prev));
}

void lineage_apply(struct lineage *lineage, const struct lineage_heartbeat *heartbeat,
		   const struct lineage_step *step)
{
	if (step->kind == LINEAGE_REFUSE)
		return;
	lineage->branches[step->at] = step->branch;
	if (step->at == lineage->count)
		lineage->count++;
	for (unsigned i = 0; i < step->drop_count; i++) {
		int at = find_number(lineage, step->drop[i]);

		if (at >= 0) { /* an evicted one was overwritten above */
			lineage->branches[at] = lineage->branches[--lineage->count];
		}
		if (lineage->state_branch == step->drop[i])
			lineage->state_branch = step->branch.n;
	}
	if (!step->apply)
		return;
	lineage->state_branch = step->branch.n;
	lineage->state_seq = heartbeat->seq;
	memcpy(lineage->state_hash, heartbeat->hash, CRYPTO_HASH_SIZE);
	lineage->state_partial = step->partial;
}

const struct lineage_branch *lineage_trunk(const struct lineage *lineage, unsigned n)
{
	int own = find_number(lineage, n);
	const struct lineage_branch *ahead = NULL;

	if (own < 0 || lineage->branches[own].kind == LINEAGE_VOLATILE)
		return NULL;
	for (unsigned i = 0; i < lineage->count; i++) {
		const struct lineage_branch *b = &lineage->branches[i];

		if ((int)i == own || b->seq < lineage->branches[own].seq ||
		    b->kind == LINEAGE_VOLATILE)
			continue;
		/* It sent what comes after the gap itself. */
		if (b->kind == LINEAGE_GAP && b->from_seq >= lineage->branches[own].seq)
			continue;
		if (!ahead || b->seq > ahead->seq)
			ahead = b;
	}
	return ahead;
}
