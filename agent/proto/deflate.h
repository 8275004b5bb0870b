/* Raw DEFLATE (RFC 1951) with an optional preset dictionary, by zlib (deflate_zlib.c).
 *
 * Dictionaries are numbered and never change once published: conf/heartbeat-dict-N.txt.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_DEFLATE_H
#define CARETAKER_PROTO_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;

#define DEFLATE_DICT_NONE 0
#define DEFLATE_DICT_NEWEST 1

bool deflate_dict_known(unsigned dict);
int deflate_pack(const void *data, size_t len, unsigned dict, struct buf *out, struct err *err);
/* Never writes more than 'max' bytes: a bomb is ERR_INVALID after that many. */
int deflate_unpack(const void *data, size_t len, unsigned dict, size_t max, struct buf *out,
		   struct err *err);

#endif
