/* Roll-ups for people: the kept counters of one place, or of every school, room, group or control,
 * and what to fix first.  Read by the command line and by the people's API alike.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_ROLLUP_H
#define CARETAKER_COLLECTOR_ROLLUP_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/proto/verdict.h"
#include "tools/collector/store_desk.h"

struct buf;
struct err;

enum rollup_by {
	ROLLUP_SCHOOL,
	ROLLUP_ROOM,
	ROLLUP_GROUP,
	ROLLUP_CONTROL,
};
const char *rollup_by_name(enum rollup_by by);
int rollup_by_parse(const char *name, enum rollup_by *out);

struct rollup_row {
	char name[2 * STORE_NAME_SIZE + 4]; /* "Hill School / ICT1" when not of one school */
	int64_t devices;                    /* active: seen, not seen or not heard of yet */
	int64_t standing[STANDING_COUNT];   /* of a device: the worst of its controls */
	int64_t presence[STORE_PRESENCE_COUNT];
};
#define ROLLUP_POLICIES 24
struct rollup {
	enum rollup_by by;
	int64_t at;
	char school[STORE_NAME_SIZE]; /* "": all */
	struct rollup_row total;
	struct rollup_row *rows;
	unsigned row_count, row_size;
	struct {
		int64_t serial, devices;
		char name[64]; /* "" unknown: not ours, or the built-in default */
	} policies[ROLLUP_POLICIES];
	unsigned policy_count;
	struct store_cause *causes; /* each shows one device: to list them is to look at it */
	unsigned cause_count, cause_size;
};

/* 'school' NULL: all. */
int rollup_read(struct store *store, enum rollup_by by, const struct store_school *school,
		int64_t now, struct rollup *out, struct err *err);
void rollup_clear(struct rollup *rollup);

/* As the API answers.  Without 'sentences' nothing in it comes from one device (a governor's view):
 * sentences are made with one device's evidence, which may name its users. */
void rollup_json(const struct rollup *rollup, bool sentences, bool indent, struct buf *out);
/* Both sentences of a cause.  What only one device's evidence says is not said of all: such a
 * sentence begins "for example on NAME: ".  True: some of them did. */
bool rollup_cause_sentences(const struct store_cause *cause, struct buf *wrong, struct buf *todo);
/* As a technician reads it on a terminal. */
void rollup_text(const struct rollup *rollup, struct buf *out);

/* Appends both sentences of a control; a control or reason newer than we are: its token. */
void rollup_sentences(const char *control, const char *why, const char *evidence, struct buf *wrong,
		      struct buf *todo);

#endif
