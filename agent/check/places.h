/* The folders that caretaker-check works in, and files in the state folder.
 *
 * What is written here survives a power cut in one piece.  A little room is kept back ("reserve")
 * and given up when the disk is full, so that a full disk is still reported.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_PLACES_H
#define CARETAKER_CHECK_PLACES_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;

#define PLACES_PATH 512

struct places {
	char conf[PLACES_PATH / 2], state[PLACES_PATH / 2], run[PLACES_PATH / 2];
	bool disk_was_full; /* since the program started: the reserve had to be given up */
};

/* NULL: where the system keeps it. */
int places_init(struct places *places, const char *conf, const char *state, const char *run,
		struct err *err);
/* Makes state/, spool/, cache/ and run/ where they are missing. */
int places_make(const struct places *places, struct err *err);

void places_path(const char *folder, const char *name, char out[PLACES_PATH]);

/* Files of the state folder, all of them root's alone.  'name' may be "spool/7.jws". */
int places_read(const struct places *places, const char *name, size_t max, struct buf *out,
		struct err *err);
int places_write(struct places *places, const char *name, const void *data, size_t len,
		 struct err *err);
int places_remove(const struct places *places, const char *name, struct err *err);
/* Keeps a damaged file for a person to look at, under the name 'as'; the one kept there before
 * goes, so that damage never fills a disk. */
int places_set_aside(struct places *places, const char *name, const char *as, struct err *err);
bool places_has(const struct places *places, const char *name);

/* Puts the reserve back once there is room again. */
void places_keep_reserve(struct places *places);

#endif
