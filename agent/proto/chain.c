/* See chain.h.  Each line is judged alone first; then the links between them are compared, sorted,
 * so that a year of heartbeats in any order takes a moment. SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/chain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/proto/jws.h"
#include "agent/proto/member.h"

#define FINDINGS_KEPT (sizeof(((struct chain_report *)0)->findings) / sizeof(struct chain_finding))
#define ERASED_MAX 1024
#define SUCCESSORS_MAX 16

struct link {
	char hash[HASH_TEXT], prev[HASH_TEXT];
	int64_t seq, at;
	size_t line;
};

struct walk {
	struct chain_report *report;
	const struct crypto_key *key;
	struct crypto_key *successors[SUCCESSORS_MAX];
	unsigned successor_count;
	/* Keys of the one device: a delta does not say whose it is, its key does. */
	char kids[SUCCESSORS_MAX + 1][CRYPTO_KID_LEN + 1];
	unsigned kid_count;
	struct link *links;
	size_t count, size;
};

static void finding(struct walk *walk, enum chain_finding_kind kind, size_t line, int64_t seq,
		    const char *fmt, ...) PRINTF_LIKE(5, 6);

static void finding(struct walk *walk, enum chain_finding_kind kind, size_t line, int64_t seq,
		    const char *fmt, ...)
{
	size_t i = walk->report->finding_count++;
	struct chain_finding *f;
	va_list ap;

	if (i >= FINDINGS_KEPT)
		return;
	f = &walk->report->findings[i];
	f->kind = kind;
	f->line = line;
	f->seq = seq;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

static int add_link(struct walk *walk, const struct link *link, struct err *err)
{
	if (walk->count == walk->size) {
		size_t size = walk->size ? walk->size * 2 : 256;
		struct link *links = realloc(walk->links, size * sizeof(*links));

		if (!links)
			return err_set(err, ERR_NOMEM, "no memory for %zu heartbeats", size);
		walk->links = links;
		walk->size = size;
	}
	walk->links[walk->count++] = *link;
	return 0;
}

/* --- one line --- */

/* The key that a line says signed it, when it is one of ours. */
static const struct crypto_key *signer_of(const struct walk *walk, const struct jws *jws)
{
	if (strcmp(crypto_key_kid(walk->key), jws->kid) == 0)
		return walk->key;
	for (unsigned i = 0; i < walk->successor_count; i++)
		if (strcmp(crypto_key_kid(walk->successors[i]), jws->kid) == 0)
			return walk->successors[i];
	return NULL;
}

static bool signature_good(struct walk *walk, const struct jws *jws, size_t line)
{
	const struct crypto_key *key;

	if (!walk->key)
		return true;
	key = signer_of(walk, jws);
	if (!key)
		finding(walk, CHAIN_BAD_SIGNATURE, line, 0, "signed by another key: '%s'",
			jws->kid);
	else if (!jws_verify(jws, key))
		finding(walk, CHAIN_BAD_SIGNATURE, line, 0, "the signature does not hold");
	else
		return true;
	return false;
}

static int take_successor(struct walk *walk, const struct heartbeat *heartbeat, struct err *err)
{
	if (!walk->key || !heartbeat->next_kid[0] || walk->successor_count == SUCCESSORS_MAX)
		return 0;
	if (crypto_key_new(heartbeat->next_key, &walk->successors[walk->successor_count], err) != 0)
		return -1;
	walk->successor_count++;
	return 0;
}

static bool has_kid(const struct walk *walk, const char *kid)
{
	for (unsigned i = 0; i < walk->kid_count; i++)
		if (strcmp(walk->kids[i], kid) == 0)
			return true;
	return false;
}

static void take_kid(struct walk *walk, const char *kid)
{
	if (kid[0] && !has_kid(walk, kid) && walk->kid_count <= SUCCESSORS_MAX)
		memcpy(walk->kids[walk->kid_count++], kid, CRYPTO_KID_LEN + 1);
}

/* Is it the device's that the file began with? */
static bool same_device(struct walk *walk, const struct jws *jws, const struct heartbeat *heartbeat,
			size_t line)
{
	struct chain_report *report = walk->report;

	if (!heartbeat->device[0]) {
		if (has_kid(walk, jws->kid))
			return true;
		finding(walk, CHAIN_OTHER_DEVICE, line, heartbeat->seq,
			"names no device, and its key '%s' signed none of those before it",
			jws->kid);
		return false;
	}
	if (!report->device[0] && has_kid(walk, jws->kid))
		memcpy(report->device, heartbeat->device, sizeof(report->device));
	if (strcmp(report->device, heartbeat->device) == 0)
		return true;
	if (report->device[0])
		finding(walk, CHAIN_OTHER_DEVICE, line, heartbeat->seq,
			"of device '%s', those before are of '%s'", heartbeat->device,
			report->device);
	else
		finding(walk, CHAIN_OTHER_DEVICE, line, heartbeat->seq,
			"of device '%s', those before are another key's", heartbeat->device);
	return false;
}

static int take_heartbeat(struct walk *walk, const struct jws *jws,
			  const struct heartbeat *heartbeat, size_t line, struct err *err)
{
	struct chain_report *report = walk->report;
	struct link link = {.seq = heartbeat->seq, .at = heartbeat->at, .line = line};

	if (!report->kid[0]) {
		memcpy(report->kid, jws->kid, sizeof(report->kid));
		take_kid(walk, jws->kid);
	}
	if (!same_device(walk, jws, heartbeat, line))
		return 0;
	take_kid(walk, jws->kid);
	take_kid(walk, heartbeat->next_kid);
	report->good++;
	crypto_sha256_b64(jws->text, jws->text_len, link.hash);
	memcpy(link.prev, heartbeat->prev, sizeof(link.prev));
	if (take_successor(walk, heartbeat, err) != 0)
		return -1;
	return add_link(walk, &link, err);
}

static int check_body(struct walk *walk, const struct jws *jws, size_t line, struct err *err)
{
	struct heartbeat heartbeat;
	struct err why = {0};
	struct buf payload;
	int ret = 0;

	buf_init(&payload, 0);
	if (jws_payload(jws, &payload, &why) != 0 ||
	    heartbeat_decode(buf_text(&payload), payload.len, &heartbeat, &why) != 0) {
		finding(walk, CHAIN_BAD_FORM, line, 0, "%.190s", why.msg);
	} else {
		ret = take_heartbeat(walk, jws, &heartbeat, line, err);
		heartbeat_clear(&heartbeat);
	}
	buf_clear(&payload);
	return ret;
}

static int check_erased(struct walk *walk, const char *text, size_t len, size_t line,
			struct err *err)
{
	struct link link = {.line = line};
	struct json *row = NULL;
	struct err why = {0};
	bool good = len <= ERASED_MAX && json_parse(text, len, &row, &why) == 0 &&
		    json_get_int(row, "seq", 1, MEMBER_INT_MAX, &link.seq, &why) == 0 &&
		    member_hash(row, "hash", link.hash, &why) == 0 &&
		    member_hash(row, "prev", link.prev, &why) == 0;

	json_free(row);
	if (!good) {
		finding(walk, CHAIN_BAD_FORM, line, 0, "neither a JWS nor an erased row: %.150s",
			why.msg[0] ? why.msg : "too long");
		return 0;
	}
	finding(walk, CHAIN_BODY_ERASED, line, link.seq,
		"its contents were erased; number, hash and link are kept");
	return add_link(walk, &link, err);
}

static int check_line(struct walk *walk, const char *text, size_t len, size_t line,
		      bool *out_recognised, struct err *err)
{
	struct err why;
	struct jws jws;

	walk->report->checked++;
	if (text[0] == '{') {
		*out_recognised = true;
		return check_erased(walk, text, len, line, err);
	}
	if (jws_split(JWS_HEARTBEAT, text, len, &jws, &why) != 0) {
		finding(walk, CHAIN_BAD_FORM, line, 0, "%.190s", why.msg);
		return 0;
	}
	*out_recognised = true;
	return signature_good(walk, &jws, line) ? check_body(walk, &jws, line, err) : 0;
}

static int check_lines(struct walk *walk, const char *text, size_t len, struct err *err)
{
	const char *end = text + len;
	bool recognised = false;

	for (size_t line = 1; text < end; line++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t line_len = (size_t)((stop ? stop : end) - text);

		if (line_len > 0 && text[line_len - 1] == '\r')
			line_len--;
		if (line_len > 0 && check_line(walk, text, line_len, line, &recognised, err) != 0)
			return -1;
		text = stop ? stop + 1 : end;
	}
	if (!recognised)
		return err_set(err, ERR_INVALID,
			       "no heartbeats: expected a JWS of typ 'caretaker-heartbeat+jws' a "
			       "line");
	return 0;
}

/* --- links between lines --- */

static int by_hash(const void *a, const void *b)
{
	const struct link *x = a, *y = b;
	int order = strcmp(x->hash, y->hash);

	return order ? order : (x->line > y->line) - (x->line < y->line);
}

static int by_prev(const void *a, const void *b)
{
	const struct link *x = a, *y = b;
	int order = strcmp(x->prev, y->prev);

	return order ? order : (x->line > y->line) - (x->line < y->line);
}

static int by_seq(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

static void drop_repeats(struct walk *walk)
{
	size_t kept = 0;

	qsort(walk->links, walk->count, sizeof(*walk->links), by_hash);
	for (size_t i = 0; i < walk->count; i++) {
		struct link *link = &walk->links[i];

		if (kept > 0 && strcmp(walk->links[kept - 1].hash, link->hash) == 0)
			finding(walk, CHAIN_REPEAT, link->line, link->seq,
				"the same heartbeat as line %zu", walk->links[kept - 1].line);
		else
			walk->links[kept++] = *link;
	}
	walk->count = kept;
}

/* Links are sorted by hash here. */
static const struct link *find_link(const struct walk *walk, const char *hash)
{
	for (size_t low = 0, high = walk->count; low < high;) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(hash, walk->links[middle].hash);

		if (order == 0)
			return &walk->links[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* The lowest number begins the chain; every other link needs the one that it names. */
static void find_gaps(struct walk *walk, int64_t first_seq)
{
	for (size_t i = 0; i < walk->count; i++) {
		const struct link *link = &walk->links[i];
		const struct link *before = find_link(walk, link->prev);

		if (!before && link->seq != first_seq)
			finding(walk, CHAIN_GAP, link->line, link->seq,
				"the heartbeat before number %lld is missing",
				(long long)link->seq);
		else if (before && before->seq + 1 != link->seq)
			finding(walk, CHAIN_GAP, link->line, link->seq,
				"number %lld follows number %lld", (long long)link->seq,
				(long long)before->seq);
	}
}

static void find_forks(struct walk *walk)
{
	qsort(walk->links, walk->count, sizeof(*walk->links), by_prev);
	for (size_t i = 1; i < walk->count; i++) {
		const struct link *link = &walk->links[i], *other = &walk->links[i - 1];

		if (strcmp(link->prev, other->prev) == 0)
			finding(walk, CHAIN_FORK, link->line, link->seq,
				"names the same heartbeat before it as line %zu: a cloned or "
				"rewound machine",
				other->line);
	}
}

static void compare_links(struct walk *walk)
{
	struct chain_report *report = walk->report;
	const struct link *first, *last;

	if (walk->count == 0)
		return;
	qsort(walk->links, walk->count, sizeof(*walk->links), by_seq);
	first = &walk->links[0];
	last = &walk->links[walk->count - 1];
	report->first_seq = first->seq;
	report->first_at = first->at;
	report->last_seq = last->seq;
	report->last_at = last->at;
	memcpy(report->head, last->hash, sizeof(report->head));
	drop_repeats(walk);
	find_gaps(walk, report->first_seq);
	find_forks(walk);
}

static int finding_by_line(const void *a, const void *b)
{
	const struct chain_finding *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return (int)x->kind - (int)y->kind;
}

int chain_check(const char *text, size_t len, const struct crypto_key *key,
		struct chain_report *out, struct err *err)
{
	struct chain_report report = {.signatures_checked = key != NULL};
	struct walk walk = {.report = &report, .key = key};
	int ret = check_lines(&walk, text, len, err);

	if (ret == 0) {
		compare_links(&walk);
		qsort(report.findings,
		      report.finding_count < FINDINGS_KEPT ? report.finding_count : FINDINGS_KEPT,
		      sizeof(report.findings[0]), finding_by_line);
		*out = report;
	}
	for (unsigned i = 0; i < walk.successor_count; i++)
		crypto_key_free(walk.successors[i]);
	free(walk.links);
	return ret;
}
