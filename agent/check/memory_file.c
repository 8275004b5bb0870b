/* See memory_file.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/memory_file.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/check/places.h"
#include "agent/controls/memory.h"

#include <string.h>

#define MEMORY "cache/memory.json"
#define STAGED "cache/memory.json.new"
#define MEMORY_FILE_MAX (8 * 1024 * 1024)

/* The staged file takes the place of the other: the same bytes, written again, then the staged one
 * goes.  Killed between, it is done once more. */
static int promote(struct places *places, const struct buf *staged, struct err *err)
{
	if (places_write(places, MEMORY, buf_text(staged), staged->len, err) < 0)
		return -1;
	return places_remove(places, STAGED, err);
}

static int settle(struct places *places, const char *hash, struct err *err)
{
	char found[HASH_TEXT];
	struct buf staged;
	int ret = 0;

	buf_init(&staged, MEMORY_FILE_MAX + 1);
	if (places_read(places, STAGED, MEMORY_FILE_MAX, &staged, err) < 0) {
		ret = err->code == ERR_NOTFOUND ? 0 : -1;
		goto out;
	}
	crypto_sha256_b64(buf_text(&staged), staged.len, found);
	ret = strcmp(found, hash) == 0 ? promote(places, &staged, err)
				       : places_remove(places, STAGED, err);
out:
	buf_clear(&staged);
	return ret;
}

int memory_file_load(struct places *places, const char *hash, int64_t now, struct memory **out,
		     struct err *err)
{
	struct buf text;
	int ret = -1;

	buf_init(&text, MEMORY_FILE_MAX + 1);
	if (settle(places, hash, err) < 0)
		goto out;
	if (places_read(places, MEMORY, MEMORY_FILE_MAX, &text, err) < 0) {
		ret = err->code == ERR_NOTFOUND ? memory_new(now, out, err) : -1;
		goto out;
	}
	ret = memory_read(buf_text(&text), text.len, now, out, err);
	if (ret < 0 && err->code == ERR_INVALID) {
		log_error("'%s/" MEMORY
			  "' is damaged and set aside, first-seen dates begin anew: %s",
			  places->state, err->msg);
		ret = places_set_aside(places, MEMORY, MEMORY ".damaged", err);
		if (ret == 0)
			ret = memory_new(now, out, err);
	}
out:
	buf_clear(&text);
	return ret;
}

int memory_file_stage(struct places *places, struct memory *memory, char out_hash[HASH_TEXT],
		      struct err *err)
{
	struct buf text;
	int ret = -1;

	buf_init(&text, MEMORY_FILE_MAX);
	if (memory_write(memory, &text, err) == 0 && buf_check(&text, err) == 0) {
		ret = places_write(places, STAGED, buf_text(&text), text.len, err);
		if (ret == 0)
			crypto_sha256_b64(buf_text(&text), text.len, out_hash);
	}
	buf_clear(&text);
	return ret;
}

int memory_file_commit(struct places *places, struct err *err)
{
	struct buf staged;
	int ret = -1;

	buf_init(&staged, MEMORY_FILE_MAX + 1);
	if (places_read(places, STAGED, MEMORY_FILE_MAX, &staged, err) == 0)
		ret = promote(places, &staged, err);
	buf_clear(&staged);
	return ret;
}
