/* What the controls remember, kept in step with the events they found.
 *
 * A control that found a virus in line 12 of a log remembers "12" and says an event.  Both must be
 * kept or neither: memory_file_stage() writes cache/memory.json.new and names its hash,
 * pending.json is written with that hash (the moment that counts), memory_file_commit() renames.
 * After a kill, memory_file_load() finishes or drops what was staged by what pending.json says.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_MEMORY_FILE_H
#define CARETAKER_CHECK_MEMORY_FILE_H

#include <stdint.h>

#include "agent/proto/heartbeat.h"

struct err;
struct memory;
struct places;

/* 'hash' is pending.memory.  Damage costs the memory, not the run: '*out' is an empty one and the
 * damaged file is set aside. */
int memory_file_load(struct places *places, const char *hash, int64_t now, struct memory **out,
		     struct err *err);
int memory_file_stage(struct places *places, struct memory *memory, char out_hash[HASH_TEXT],
		      struct err *err);
int memory_file_commit(struct places *places, struct err *err);

#endif
