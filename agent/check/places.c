/* See places.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/places.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESERVE "reserve"
#define RESERVE_SIZE (256 * 1024)
#define DAMAGED_MAX (2 * 1024 * 1024)

static int set_folder(char *out, size_t size, const char *given, enum plat_place place,
		      struct err *err)
{
	const char *path = given ? given : plat_place(place);

	if (!text_copy(out, size, path) || !path[0])
		return err_set(err, ERR_INVALID,
			       "folder '%.80s': expected a path of 1 to %zu bytes", path, size - 1);
	return 0;
}

int places_init(struct places *places, const char *conf, const char *state, const char *run,
		struct err *err)
{
	memset(places, 0, sizeof(*places));
	if (set_folder(places->conf, sizeof(places->conf), conf, PLAT_CONF, err) < 0 ||
	    set_folder(places->state, sizeof(places->state), state, PLAT_STATE, err) < 0 ||
	    set_folder(places->run, sizeof(places->run), run, PLAT_RUN, err) < 0)
		return -1;
	return 0;
}

void places_path(const char *folder, const char *name, char out[PLACES_PATH])
{
	/* Folders are at most half of it, names are ours. */
	snprintf(out, PLACES_PATH, "%s/%s", folder, name);
}

int places_make(const struct places *places, struct err *err)
{
	char spool[PLACES_PATH], cache[PLACES_PATH];

	places_path(places->state, "spool", spool);
	places_path(places->state, "cache", cache);
	if (plat_dir_make(places->state, PLAT_FILE_PRIVATE, err) < 0 ||
	    plat_dir_make(spool, PLAT_FILE_PRIVATE, err) < 0 ||
	    plat_dir_make(cache, PLAT_FILE_PRIVATE, err) < 0 ||
	    plat_dir_make(places->run, PLAT_FILE_PUBLIC, err) < 0)
		return -1;
	return 0;
}

int places_read(const struct places *places, const char *name, size_t max, struct buf *out,
		struct err *err)
{
	char path[PLACES_PATH];

	places_path(places->state, name, path);
	return plat_file_read_private(path, max, out, err);
}

int places_write(struct places *places, const char *name, const void *data, size_t len,
		 struct err *err)
{
	char path[PLACES_PATH];
	struct err ignored;

	places_path(places->state, name, path);
	if (plat_file_replace(path, data, len, PLAT_FILE_PRIVATE, err) == 0)
		return 0;
	if (err->code != ERR_FULL || !places_has(places, RESERVE))
		return -1;
	places->disk_was_full = true;
	if (places_remove(places, RESERVE, &ignored) < 0)
		return -1; /* 'err' says what matters: the disk is full */
	return plat_file_replace(path, data, len, PLAT_FILE_PRIVATE, err);
}

int places_remove(const struct places *places, const char *name, struct err *err)
{
	char path[PLACES_PATH];

	places_path(places->state, name, path);
	return plat_file_remove(path, err);
}

bool places_has(const struct places *places, const char *name)
{
	char path[PLACES_PATH];
	struct plat_file_info info;
	struct err err;

	places_path(places->state, name, path);
	return plat_file_info(path, &info, &err) == 0 && info.exists;
}

int places_set_aside(struct places *places, const char *name, const char *as, struct err *err)
{
	struct err unread;
	struct buf data;

	buf_init(&data, DAMAGED_MAX);
	/* What cannot be read, or not be kept on a full disk, must still get out of the way. */
	if (places_read(places, name, DAMAGED_MAX - 1, &data, &unread) == 0)
		(void)places_write(places, as, buf_text(&data), data.len, &unread);
	buf_clear(&data);
	return places_remove(places, name, err);
}

void places_keep_reserve(struct places *places)
{
	uint64_t free_bytes;
	struct err err;
	char *bytes;

	if (places_has(places, RESERVE) || plat_disk_free(places->state, &free_bytes, &err) < 0 ||
	    free_bytes < 4 * RESERVE_SIZE)
		return;
	bytes = malloc(RESERVE_SIZE);
	if (!bytes)
		return;
	/* Not zeros: a file system that makes holes or compresses would keep no room. */
	if (plat_random(bytes, RESERVE_SIZE, &err) == 0)
		(void)places_write(places, RESERVE, bytes, RESERVE_SIZE, &err); /* next run tries */
	free(bytes);
}
