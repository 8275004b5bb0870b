/* What controls remember between runs: small numbers and texts by name, bounded, pruned by age.
 *
 * caretaker-check loads it before and stores it after a run (state folder, cache/memory.json).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CONTROLS_MEMORY_H
#define CARETAKER_CONTROLS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct memory;

#define MEMORY_MAX_ENTRIES 4000
#define MEMORY_KEEP_DAYS 400 /* an entry not asked for while others were goes */

/* An empty one.  'now' dates what is touched. */
int memory_new(int64_t now, struct memory **out, struct err *err);
/* Reads what memory_write() wrote; damage is ERR_INVALID and the caller starts empty, saying so. */
int memory_read(const char *text, size_t len, int64_t now, struct memory **out, struct err *err);
int memory_write(struct memory *memory, struct buf *out, struct err *err);
void memory_free(struct memory *memory);

/* 'name' is "updates/openssl/3.0.19": a control's own prefix first. */
int64_t memory_number(struct memory *memory, const char *name, int64_t fallback);
void memory_set_number(struct memory *memory, const char *name, int64_t value);
const char *memory_text(struct memory *memory, const char *name); /* NULL: none */
void memory_set_text(struct memory *memory, const char *name, const char *value);
/* A time that was noted: now, when a wrong clock noted it (it lies ahead, or before this version
 * was made), and it is noted so; 0 when there is none. */
int64_t memory_time(struct memory *memory, const char *name);
/* When was this first seen?  Now, if it was not. */
int64_t memory_first_seen(struct memory *memory, const char *name);
/* Could a clock that was right have noted 'time'?  While the clock itself is behind what is
 * possible, nothing is held against it. */
bool memory_believes(const struct memory *memory, int64_t time);

#endif
