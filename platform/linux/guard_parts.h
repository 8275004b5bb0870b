/* What the files of the guard share.  For platform/linux/guard*.c and their test alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_GUARD_PARTS_H
#define CARETAKER_PLATFORM_LINUX_GUARD_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "platform/guard.h"

#define GUARD_ASKED 8 /* files at clamd at once; the kernel keeps who comes next */

struct guarded {
	struct plat_guard_medium medium; /* no name: this place is free */
	int root; /* its root folder: keeps its file system, and our mark on it */
	dev_t device;
	bool infected;
	unsigned told; /* bits of what was said of it */
};

struct guard_asked {
	int file;        /* the kernel's, by which it is answered; -1: this place is free */
	int socket;      /* to clamd */
	uint64_t copied; /* bytes of a copy that it was given instead; 0: the file itself */
	dev_t device;
	int64_t until_ms;
	char text[256];
	size_t len;
};

struct plat_guard {
	const struct plat_guard_told *told;
	int kernel; /* fanotify's group */
	struct guarded media[PLAT_GUARD_MEDIA];
	struct guard_asked asked[GUARD_ASKED];
	uint64_t copied; /* by all that wait */
	unsigned cached; /* files that the kernel lets through unasked */
	char socket[108];
	uint64_t file_max;
	int64_t conf_ms; /* when clamd.conf was read */
};

/* guard.c: guards the file system that 'root' is a folder of; takes 'root' over. */
int guard_take(struct plat_guard *guard, const struct plat_guard_medium *medium, int root,
	       struct err *err);

/* guard_ask.c: what the kernel asks, and clamd's answers. */
void guard_conf(struct plat_guard *guard); /* clamd's limits and socket */
/* ERR_NOTFOUND: no clamd that answers. */
int guard_ping(struct plat_guard *guard, struct err *err);
bool guard_asks_on(const struct plat_guard *guard); /* a place is free */
int guard_hear(struct plat_guard *guard, struct err *err);
void guard_answered(struct plat_guard *guard, struct guard_asked *asked); /* 'socket' is readable */
void guard_late(struct plat_guard *guard);                                /* what takes too long */
/* Refuses whatever was asked and not answered by a process before us. */
void guard_refuse_left(struct plat_guard *guard);

/* guard_kept.c: descriptors that the service manager keeps for the next run of ours. */
int guard_keep(const char *name, int fd, struct err *err); /* returns when it has it */
void guard_unkeep(const char *name);
void guard_kept(void (*each)(void *ctx, const char *name, int fd), void *ctx);

#endif
