/* See chain.h.  Each line is judged alone first, as soon as its signer is known; then the links
 * between them are compared, sorted, so that a year of heartbeats in any order takes a moment.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/chain.h"

#include <assert.h>
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

/* A heartbeat's place in the chain; an erased row has no time and no key. */
struct link {
	char hash[HASH_TEXT], prev[HASH_TEXT], kid[CRYPTO_KID_LEN + 1];
	int64_t seq, at;
	size_t line;
};

/* A line that is a JWS.  It waits until its signer is known, which another line may announce, and
 * then until it is known whose it is. */
struct line {
	enum { LINE_SHUT, LINE_OPEN, LINE_DONE } state;
	struct jws jws;
	struct link link;
	char device[UUID_LEN + 1], next_kid[CRYPTO_KID_LEN + 1];
	uint8_t next_key[CRYPTO_POINT_SIZE];
};

struct walk {
	struct chain_report *report;
	const struct crypto_key *keys[CHAIN_KEYS_MAX + SUCCESSORS_MAX];
	unsigned key_count;
	struct crypto_key *successors[SUCCESSORS_MAX]; /* those of 'keys' that are ours to free */
	unsigned successor_count;
	/* Keys of the one device: a delta does not say whose it is, its key does. */
	char kids[CHAIN_KEYS_MAX + SUCCESSORS_MAX][CRYPTO_KID_LEN + 1];
	unsigned kid_count;
	struct line *lines;
	size_t line_count, line_size;
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

/* Room for one more of 'item' bytes. */
static int grow(void **array, size_t count, size_t *size, size_t item, struct err *err)
{
	size_t more = *size ? *size * 2 : 256;
	void *larger;

	if (count < *size)
		return 0;
	larger = realloc(*array, more * item);
	if (!larger)
		return err_set(err, ERR_NOMEM, "no memory for %zu heartbeats", more);
	*array = larger;
	*size = more;
	return 0;
}

static int add_link(struct walk *walk, const struct link *link, struct err *err)
{
	void *links = walk->links;

	if (grow(&links, walk->count, &walk->size, sizeof(*link), err) != 0)
		return -1;
	walk->links = links;
	walk->links[walk->count++] = *link;
	return 0;
}

/* --- reading lines --- */

static int read_erased(struct walk *walk, const char *text, size_t len, size_t line,
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

static int read_line(struct walk *walk, const char *text, size_t len, size_t number,
		     bool *out_recognised, struct err *err)
{
	struct line line = {.link.line = number};
	void *lines = walk->lines;
	struct err why;

	walk->report->checked++;
	if (text[0] == '{') {
		*out_recognised = true;
		return read_erased(walk, text, len, number, err);
	}
	if (jws_split(JWS_HEARTBEAT, text, len, &line.jws, &why) != 0) {
		finding(walk, CHAIN_BAD_FORM, number, 0, "%.190s", why.msg);
		return 0;
	}
	*out_recognised = true;
	if (grow(&lines, walk->line_count, &walk->line_size, sizeof(line), err) != 0)
		return -1;
	walk->lines = lines;
	walk->lines[walk->line_count++] = line;
	return 0;
}

static int read_lines(struct walk *walk, const struct chain *chain, struct err *err)
{
	const char *text = chain->text, *end = text + chain->len;
	bool recognised = false;

	for (size_t line = chain->line; text < end; line++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t line_len = (size_t)((stop ? stop : end) - text);

		if (line_len > 0 && text[line_len - 1] == '\r')
			line_len--;
		if (line_len > 0 && read_line(walk, text, line_len, line, &recognised, err) != 0)
			return -1;
		text = stop ? stop + 1 : end;
	}
	if (!recognised)
		return err_set(err, ERR_INVALID,
			       "no heartbeats: expected a JWS of typ 'caretaker-heartbeat+jws' a "
			       "line");
	return 0;
}

/* --- one line --- */

/* The key that a line says signed it, when it is one of ours. */
static const struct crypto_key *signer_of(const struct walk *walk, const struct line *line)
{
	for (unsigned i = 0; i < walk->key_count; i++)
		if (strcmp(crypto_key_kid(walk->keys[i]), line->jws.kid) == 0)
			return walk->keys[i];
	return NULL;
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
	if (kid[0] && !has_kid(walk, kid) &&
	    walk->kid_count < sizeof(walk->kids) / sizeof(*walk->kids))
		memcpy(walk->kids[walk->kid_count++], kid, CRYPTO_KID_LEN + 1);
}

/* Only what is signed is opened: LINE_OPEN with its facts, or LINE_DONE with a finding. */
static void open_line(struct walk *walk, const struct crypto_key *key, struct line *line)
{
	struct heartbeat heartbeat;
	struct err why = {0};
	struct buf payload;

	line->state = LINE_DONE;
	if (key && !jws_verify(&line->jws, key)) {
		finding(walk, CHAIN_BAD_SIGNATURE, line->link.line, 0,
			"the signature does not hold");
		return;
	}
	buf_init(&payload, 0);
	if (jws_payload(&line->jws, &payload, &why) != 0 ||
	    heartbeat_decode(buf_text(&payload), payload.len, &heartbeat, &why) != 0) {
		finding(walk, CHAIN_BAD_FORM, line->link.line, 0, "%.190s", why.msg);
	} else {
		line->state = LINE_OPEN;
		line->link.seq = heartbeat.seq;
		line->link.at = heartbeat.at;
		memcpy(line->link.prev, heartbeat.prev, sizeof(line->link.prev));
		memcpy(line->link.kid, line->jws.kid, sizeof(line->link.kid));
		memcpy(line->device, heartbeat.device, sizeof(line->device));
		memcpy(line->next_kid, heartbeat.next_kid, sizeof(line->next_kid));
		memcpy(line->next_key, heartbeat.next_key, sizeof(line->next_key));
		heartbeat_clear(&heartbeat);
	}
	buf_clear(&payload);
}

/* Is it known to be of the device whose file this is?  That one is known by its keys or, where
 * none was given, by the first heartbeat that can be read. */
static bool belongs(const struct walk *walk, const struct line *line)
{
	bool known = has_kid(walk, line->jws.kid) || has_kid(walk, line->next_kid);

	if (line->device[0] && walk->report->device[0])
		return strcmp(line->device, walk->report->device) == 0;
	return known;
}

static int take_line(struct walk *walk, struct line *line, struct err *err)
{
	struct crypto_key **next = &walk->successors[walk->successor_count];

	line->state = LINE_DONE;
	if (line->device[0])
		memcpy(walk->report->device, line->device, sizeof(line->device));
	take_kid(walk, line->jws.kid);
	take_kid(walk, line->next_kid);
	if (walk->report->signatures_checked && line->next_kid[0] &&
	    walk->successor_count < SUCCESSORS_MAX) {
		if (crypto_key_new(line->next_key, next, err) != 0)
			return -1;
		walk->successor_count++;
		walk->keys[walk->key_count++] = *next;
	}
	walk->report->good++;
	crypto_sha256_b64(line->jws.text, line->jws.text_len, line->link.hash);
	return add_link(walk, &line->link, err);
}

/* Once over the lines that wait still. */
static int settle(struct walk *walk, bool *out_progress, struct err *err)
{
	bool checked = walk->report->signatures_checked;

	*out_progress = false;
	for (size_t i = 0; i < walk->line_count; i++) {
		struct line *line = &walk->lines[i];
		const struct crypto_key *key = NULL;

		if (line->state == LINE_SHUT && checked)
			key = signer_of(walk, line);
		if (line->state == LINE_SHUT && (key || !checked)) {
			open_line(walk, key, line);
			*out_progress = true;
		}
		if (line->state != LINE_OPEN)
			continue;
		if (walk->kid_count == 0)
			take_kid(walk, line->jws.kid);
		if (!belongs(walk, line))
			continue;
		if (take_line(walk, line, err) != 0)
			return -1; /* chain_check() frees: NOLINT(clang-analyzer-unix.Malloc) */
		*out_progress = true;
	}
	return 0;
}

static void say_foreign(struct walk *walk, const struct line *line)
{
	const char *device = walk->report->device;

	if (line->state == LINE_SHUT)
		finding(walk, CHAIN_BAD_SIGNATURE, line->link.line, 0,
			"signed by another key: '%s'", line->jws.kid);
	else if (line->state == LINE_OPEN && !line->device[0])
		finding(walk, CHAIN_OTHER_DEVICE, line->link.line, line->link.seq,
			"names no device, and its key '%s' is not known as this one's",
			line->jws.kid);
	else if (line->state == LINE_OPEN && device[0])
		finding(walk, CHAIN_OTHER_DEVICE, line->link.line, line->link.seq,
			"of device '%s', the file is of '%s'", line->device, device);
	else if (line->state == LINE_OPEN)
		finding(walk, CHAIN_OTHER_DEVICE, line->link.line, line->link.seq,
			"of device '%s', the file is another key's", line->device);
}

/* An announcement may stand after what its key signed: lines wait, until a whole round tells
 * nothing new.  There are no more rounds than keys. */
static int judge_lines(struct walk *walk, struct err *err)
{
	bool progress = true;

	while (progress)
		if (settle(walk, &progress, err) != 0)
			return -1;
	for (size_t i = 0; i < walk->line_count; i++)
		say_foreign(walk, &walk->lines[i]);
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
	for (size_t i = 0; i < walk->count && !report->kid[0]; i++)
		memcpy(report->kid, walk->links[i].kid, sizeof(report->kid));
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

int chain_check(const struct chain *chain, struct chain_report *out, struct err *err)
{
	struct chain_report report = {.signatures_checked = chain->key_count > 0};
	struct walk walk = {.report = &report};
	int ret;

	assert(chain->key_count <= CHAIN_KEYS_MAX);
	for (size_t i = 0; i < chain->key_count; i++) {
		walk.keys[walk.key_count++] = chain->keys[i];
		take_kid(&walk, crypto_key_kid(chain->keys[i]));
	}
	ret = read_lines(&walk, chain, err);
	if (ret == 0)
		ret = judge_lines(&walk, err);
	if (ret == 0) {
		compare_links(&walk);
		qsort(report.findings,
		      report.finding_count < FINDINGS_KEPT ? report.finding_count : FINDINGS_KEPT,
		      sizeof(report.findings[0]), finding_by_line);
		*out = report;
	}
	for (unsigned i = 0; i < walk.successor_count; i++)
		crypto_key_free(walk.successors[i]);
	free(walk.lines);
	free(walk.links);
	return ret;
}
