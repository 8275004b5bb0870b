/* See spool.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/spool.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/check/places.h"
#include "agent/proto/jws.h"
#include "agent/proto/member.h"
#include "platform/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 40

static void file_name(int64_t seq, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "spool/%lld.jws", (long long)seq);
}

/* --- which there are --- */

static int insert(struct spool *spool, int64_t seq)
{
	int64_t *seqs = realloc(spool->seqs, (spool->count + 1) * sizeof(*seqs));
	size_t i = spool->count;

	if (!seqs)
		return -1;
	spool->seqs = seqs;
	for (; i > 0 && seqs[i - 1] > seq; i--)
		seqs[i] = seqs[i - 1];
	seqs[i] = seq;
	spool->count++;
	return 0;
}

static void take_out(struct spool *spool, int64_t seq)
{
	for (size_t i = 0; i < spool->count; i++) {
		if (spool->seqs[i] != seq)
			continue;
		memmove(&spool->seqs[i], &spool->seqs[i + 1],
			(spool->count - i - 1) * sizeof(*spool->seqs));
		spool->count--;
		return;
	}
}

static int each_file(void *ctx, const char *name, struct err *err)
{
	const char *dot = strstr(name, ".jws");
	char digits[20];
	size_t len = dot ? (size_t)(dot - name) : 0;
	int64_t seq;

	/* What is being written, and what was set aside, has another name. */
	if (!dot || dot[4] || len >= sizeof(digits))
		return 0;
	memcpy(digits, name, len);
	digits[len] = '\0';
	if (text_int(digits, 1, MEMBER_INT_MAX, &seq) < 0)
		return 0;
	return insert(ctx, seq) < 0 ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

int spool_open(const struct places *places, struct spool *out, struct err *err)
{
	struct spool spool = {0};
	char path[PLACES_PATH];

	places_path(places->state, "spool", path);
	if (plat_dir_list(path, each_file, &spool, err) < 0) {
		spool_clear(&spool);
		return -1;
	}
	*out = spool;
	return 0;
}

void spool_clear(struct spool *spool)
{
	free(spool->seqs);
	memset(spool, 0, sizeof(*spool));
}

int64_t spool_after(const struct spool *spool, int64_t seq)
{
	for (size_t i = 0; i < spool->count; i++)
		if (spool->seqs[i] > seq)
			return spool->seqs[i];
	return 0;
}

int64_t spool_last(const struct spool *spool)
{
	return spool->count ? spool->seqs[spool->count - 1] : 0;
}

/* --- files --- */

int spool_write(struct spool *spool, struct places *places, int64_t seq, const void *jws,
		size_t len, struct err *err)
{
	char name[NAME_SIZE];

	file_name(seq, name);
	if (insert(spool, seq) < 0)
		return err_set(err, ERR_NOMEM, "out of memory");
	if (places_write(places, name, jws, len, err) < 0) {
		take_out(spool, seq);
		return -1;
	}
	return 0;
}

int spool_read(const struct places *places, int64_t seq, struct buf *out, struct err *err)
{
	char name[NAME_SIZE];

	file_name(seq, name);
	return places_read(places, name, JWS_MAX, out, err);
}

int spool_remove(struct spool *spool, const struct places *places, int64_t seq, struct err *err)
{
	char name[NAME_SIZE];

	file_name(seq, name);
	if (places_remove(places, name, err) < 0)
		return -1;
	take_out(spool, seq);
	return 0;
}

int spool_set_aside(struct spool *spool, struct places *places, int64_t seq, const char *as,
		    struct err *err)
{
	char name[NAME_SIZE];

	file_name(seq, name);
	if (places_set_aside(places, name, as, err) < 0)
		return -1;
	take_out(spool, seq);
	return 0;
}

int spool_check(const char *jws, size_t len, int64_t seq, const struct crypto_key *key,
		struct heartbeat *out, struct err *err)
{
	struct heartbeat heartbeat;
	struct buf payload;
	int ret = -1;

	buf_init(&payload, JWS_MAX_PAYLOAD + 1);
	if (jws_open(JWS_HEARTBEAT, jws, len, key, &payload, err) < 0 ||
	    heartbeat_decode(buf_text(&payload), payload.len, &heartbeat, err) < 0)
		goto out;
	if (heartbeat.seq != seq) {
		err_set(err, ERR_INVALID, "it holds heartbeat %lld", (long long)heartbeat.seq);
		heartbeat_clear(&heartbeat);
		goto out;
	}
	*out = heartbeat;
	ret = 0;
out:
	buf_clear(&payload);
	return ret;
}
