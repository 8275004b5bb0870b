/* See deflate.h.  The one file with zlib.
 *
 * Unpacking happens for each message at the collector: its window lives on the stack instead of in
 * two allocations a call.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/deflate.h"

#include <stdint.h>
#include <stdlib.h>

#define ZLIB_CONST
#include <zlib.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "conf/heartbeat-dict-1.txt.h"

#define RAW_WINDOW_BITS (-15) /* raw DEFLATE, no zlib header or checksum */

struct dictionary {
	const unsigned char *data;
	unsigned len;
};

static bool dictionary_find(unsigned dict, struct dictionary *out)
{
	if (dict != 1)
		return false;
	out->data = conf_heartbeat_dict_1_txt;
	out->len = conf_heartbeat_dict_1_txt_len;
	return true;
}

bool deflate_dict_known(unsigned dict)
{
	struct dictionary unused;

	return dictionary_find(dict, &unused);
}

static int dictionary_for(unsigned dict, struct dictionary *out, struct err *err)
{
	*out = (struct dictionary){0};
	if (dict == DEFLATE_DICT_NONE || dictionary_find(dict, out))
		return 0;
	return err_set(err, ERR_INVALID, "dictionary %u is not known here", dict);
}

static const char *zlib_says(const z_stream *stream, int code)
{
	return stream->msg ? stream->msg : zError(code);
}

int deflate_pack(const void *data, size_t len, unsigned dict, struct buf *out, struct err *err)
{
	struct dictionary preset;
	z_stream stream = {0};
	uLong bound;
	char *room;
	int code;

	if (dictionary_for(dict, &preset, err) != 0)
		return -1;
	if (len > UINT32_MAX / 2)
		return err_set(err, ERR_INVALID, "too much to compress: %zu bytes", len);
	if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, RAW_WINDOW_BITS, MAX_MEM_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(err, ERR_NOMEM, "no memory to compress");
	if (preset.len > 0)
		deflateSetDictionary(&stream, preset.data, preset.len);
	bound = deflateBound(&stream, (uLong)len);
	room = buf_grow(out, bound);
	if (!room) {
		deflateEnd(&stream);
		return buf_check(out, err);
	}
	stream.next_in = data;
	stream.avail_in = (uInt)len;
	stream.next_out = (Bytef *)room;
	stream.avail_out = (uInt)bound;
	code = deflate(&stream, Z_FINISH);
	out->len -= stream.avail_out;
	out->data[out->len] = '\0';
	deflateEnd(&stream);
	if (code != Z_STREAM_END)
		return err_set(err, ERR_IO, "compress: %s", zlib_says(&stream, code));
	return 0;
}

/* Inflating takes a state of 7 KiB and a window of 32; a zlib that wants more gets it from the
 * heap. */
struct arena {
	size_t used;
	_Alignas(64) unsigned char room[48 * 1024];
};

static voidpf arena_alloc(voidpf ctx, uInt count, uInt size)
{
	struct arena *arena = ctx;
	size_t bytes = ((size_t)count * size + 63) & ~(size_t)63;
	unsigned char *p = arena->room + arena->used;

	if (bytes > sizeof(arena->room) - arena->used)
		return calloc(count, size);
	arena->used += bytes;
	return p;
}

static void arena_free(voidpf ctx, voidpf p)
{
	struct arena *arena = ctx;

	if ((uintptr_t)p < (uintptr_t)arena->room ||
	    (uintptr_t)p >= (uintptr_t)(arena->room + sizeof(arena->room)))
		free(p);
}

/* Writes straight into 'out', in steps that double: what lies there is never more than 'max'. */
static int inflate_into(z_stream *stream, size_t max, struct buf *out, struct err *err)
{
	size_t written = 0, step = (size_t)stream->avail_in * 4 + 1024;
	int code;

	do {
		char *room;

		/* One byte past the bound tells a fit from a bomb. */
		if (step > max + 1 - written)
			step = max + 1 - written;
		room = buf_grow(out, step);
		if (!room)
			return buf_check(out, err);
		stream->next_out = (Bytef *)room;
		stream->avail_out = (uInt)step;
		code = inflate(stream, Z_NO_FLUSH);
		written += step - stream->avail_out;
		out->len -= stream->avail_out;
		out->data[out->len] = '\0';
		if (written > max)
			return err_set(err, ERR_INVALID, "inflates to more than %zu bytes", max);
		step = written;
	} while (code == Z_OK && stream->avail_out == 0);
	if (code == Z_BUF_ERROR || code == Z_OK)
		return err_set(err, ERR_INVALID, "the DEFLATE data is cut off");
	if (code != Z_STREAM_END)
		return err_set(err, ERR_INVALID, "not DEFLATE data: %s", zlib_says(stream, code));
	if (stream->avail_in > 0)
		return err_set(err, ERR_INVALID, "%u bytes follow the DEFLATE data",
			       stream->avail_in);
	return 0;
}

int deflate_unpack(const void *data, size_t len, unsigned dict, size_t max, struct buf *out,
		   struct err *err)
{
	struct dictionary preset;
	struct arena arena;
	z_stream stream = {.zalloc = arena_alloc, .zfree = arena_free, .opaque = &arena};
	size_t before = out->len;
	int ret;

	if (dictionary_for(dict, &preset, err) != 0)
		return -1;
	if (len > UINT32_MAX / 8 || max > UINT32_MAX / 2)
		return err_set(err, ERR_INVALID, "too much to inflate: %zu bytes", len);
	arena.used = 0;
	if (inflateInit2(&stream, RAW_WINDOW_BITS) != Z_OK)
		return err_set(err, ERR_NOMEM, "no memory to inflate");
	if (preset.len > 0)
		inflateSetDictionary(&stream, preset.data, preset.len);
	stream.next_in = data;
	stream.avail_in = (uInt)len;
	ret = inflate_into(&stream, max, out, err);
	inflateEnd(&stream);
	if (ret != 0 && out->data) { /* half an answer is none */
		out->len = before;
		out->data[before] = '\0';
	}
	return ret;
}
