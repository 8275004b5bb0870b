/* See inventory.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/inventory.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/check/places.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

#define PART_MAX (4 * 1024 * 1024)
#define PARTS_MAX 16

struct parts {
	const struct places *places;
	struct buf lines; /* a name and a hash each: the whole is never in memory */
	unsigned count;
};

static int each_file(void *ctx, const char *name, struct err *err)
{
	struct parts *parts = ctx;
	char path[PLACES_PATH], hash[HASH_TEXT];
	struct buf part;

	if (strncmp(name, "inventory-", 10) != 0 || !strstr(name, ".json") ||
	    parts->count == PARTS_MAX)
		return 0;
	snprintf(path, sizeof(path), "cache/%.200s", name);
	buf_init(&part, PART_MAX + 1);
	if (places_read(parts->places, path, PART_MAX, &part, err) == 0) {
		crypto_sha256_b64(buf_text(&part), part.len, hash);
		buf_addf(&parts->lines, "%s %s\n", name, hash);
		parts->count++;
	}
	buf_clear(&part);
	return 0; /* what cannot be read now is part of the next inventory */
}

void inventory_hash(const struct places *places, char out[HASH_TEXT])
{
	struct parts parts = {.places = places};
	char path[PLACES_PATH];
	struct err err;

	out[0] = '\0';
	buf_init(&parts.lines, 0);
	places_path(places->state, "cache", path);
	if (plat_dir_list(path, each_file, &parts, &err) == 0 && parts.count &&
	    buf_check(&parts.lines, &err) == 0)
		crypto_sha256_b64(parts.lines.data, parts.lines.len, out);
	buf_clear(&parts.lines);
}
