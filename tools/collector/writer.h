/* The one thread that writes: takes what is queued, does it in one transaction, hands it back.
 *
 * Nothing waits to fill a batch (measured: it gains nothing).  A job that fails alone is found by
 * doing the batch again one by one; a job is handed back only after the commit, so what is answered
 * is on the disk.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_WRITER_H
#define CARETAKER_COLLECTOR_WRITER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/err.h"

struct store;
struct stats;
struct writer;

/* A part of somebody's struct: what to do, and whom to tell. */
struct job {
	struct job *next;
	/* In the writer's thread, inside the transaction; may be called again after a roll-back. */
	int (*run)(struct job *job, struct store *store, struct err *err);
	struct job_sink *sink;
	struct err err;
	bool failed;
	bool is_probe; /* only asks whether the store takes writes: its failure is no news */
};

/* Where finished jobs go: one a worker.  'wake' is called from the writer's thread when jobs came
 * to an empty list. */
struct job_sink {
	_Atomic(struct job *) done; /* newest first */
	void (*wake)(struct job_sink *sink);
};
/* All that are done, oldest first. */
struct job *job_sink_take(struct job_sink *sink);

/* 'store' is the writer's from here on, but stays the caller's to close after writer_stop(). */
int writer_start(struct store *store, unsigned max_queued, struct stats *stats, struct writer **out,
		 struct err *err);
/* Does what is queued, then ends. */
void writer_stop(struct writer *writer);

/* False when the queue is full: answer 503.  Else 'job' is the writer's until it is in its sink. */
bool writer_add(struct writer *writer, struct job *job);

/* Rises when another process changed the store: keys and policies must be looked up anew. */
uint64_t writer_generation(const struct writer *writer);
/* So many milliseconds has the writer been on one transaction; 0: none.  For the watchdog. */
int64_t writer_busy_ms(const struct writer *writer);

#endif
