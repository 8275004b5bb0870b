/* Events that no heartbeat holds yet: pending.json, one file, atomically replaced.
 *
 * Invariants:
 *  - Events are whole or absent; what does not fit is counted in 'lost', never dropped silently.
 *  - 'for_seq' is the heartbeat that will hold them.  When spool/for_seq.jws exists, it was signed
 *    before pending.json could be written again: pending_signed() takes out what it holds.
 *  - An event's id counts up and is never used again, so no event is in two heartbeats.
 *  - 'memory' is the hash of what the controls remember (cache/memory.json) as of these events: a
 *    killed run neither forgets an event nor finds it a second time (see memory_file.h).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_PENDING_H
#define CARETAKER_CHECK_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/heartbeat.h"

struct err;
struct places;

#define PENDING_FILE "pending.json"
#define PENDING_MAX (512 * 1024)
#define PENDING_EVENTS_MAX HEARTBEAT_MAX_EVENTS
/* All events' data together: what deflates to nothing still fits one JWS. */
#define PENDING_DATA_MAX (96 * 1024)

struct pending_event {
	uint64_t id;
	int64_t at;
	char type[32];
	uint32_t count;
	char *data; /* JSON object text */
	size_t data_len;
};

struct pending {
	int64_t for_seq;
	uint64_t next_id;
	uint64_t lost;       /* since the last heartbeat that was signed */
	int64_t rescued_seq; /* the refused heartbeat whose events were taken back last */
	char memory[HASH_TEXT];
	/* The gate's file of events begins with so many bytes of this hash that are in here already
	 * (hardware_events.h). */
	int64_t taken;
	char taken_hash[HASH_TEXT];
	struct pending_event *events;
	unsigned count;
	size_t data_size;
	bool changed; /* since it was loaded or saved */
};

void pending_init(struct pending *pending);
void pending_clear(struct pending *pending);
/* ERR_NOTFOUND: none yet.  ERR_INVALID: damaged; '*out' is untouched. */
int pending_load(const struct places *places, struct pending *out, struct err *err);
int pending_save(struct pending *pending, struct places *places, struct err *err);
int pending_parse(const char *text, size_t len, struct pending *out, struct err *err);

/* 'data' is a JSON object.  The same type with the same data is one event that counts up. */
void pending_add(struct pending *pending, const char *type, int64_t at, const char *data,
		 size_t len);
/* The same, standing for 'count' of them. */
void pending_add_many(struct pending *pending, const char *type, int64_t at, const char *data,
		      size_t len, uint32_t count);
/* The same for what a repeated try would say again: it does not count up. */
void pending_add_once(struct pending *pending, const char *type, int64_t at, const char *data,
		      size_t len);

/* A refused heartbeat's events and losses, to be said once more; twice of the same one is once. */
void pending_rescue(struct pending *pending, const struct heartbeat *heartbeat);

/* Ids from 'first' on where they are lower: a machine that was set back used some before. */
void pending_renumber(struct pending *pending, uint64_t first);

/* 'heartbeat' was signed: takes out the events it holds and the losses it told. */
void pending_signed(struct pending *pending, const struct heartbeat *heartbeat);

#endif
