/* Scanning each file of a medium when it is opened: by whomever, through whichever mount of it.
 *
 * The kernel asks before each open, and nobody gets further without an answer.  The question is
 * held by the service manager too: when we are killed, whoever opens a file waits, and the next run
 * of ours refuses what the last one left unanswered.  A medium that was given up stays refused
 * where somebody still has it mounted; nothing here ever lets one go unasked.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_GUARD_H
#define CARETAKER_PLATFORM_GUARD_H

#include <stdint.h>

struct err;

#define PLAT_GUARD_MEDIA 32
#define PLAT_GUARD_NAME 32

struct plat_guard_medium {
	char name[PLAT_GUARD_NAME]; /* a block device's: "sda1" */
	uint64_t sequence;          /* its disk's own number: the name may be the next one's */
};

/* Who is told; each may call the functions below. */
struct plat_guard_told {
	void *ctx;
	/* Something in the folder that plat_guard_run() was given has changed. */
	void (*changed)(void *ctx);
	/* Once a medium: from then on nothing of it is opened. */
	void (*infected)(void *ctx, const struct plat_guard_medium *medium, const char *signature);
	/* A file was not opened, and not for being infected: "file-too-large", "no-scanner",
	 * "scanner-failed", "took-too-long".  Once a medium and reason. */
	void (*refused)(void *ctx, const struct plat_guard_medium *medium, const char *why);
};

struct plat_guard;
/* Takes over what an earlier run of ours left.  ERR_UNSUPPORTED: this kernel or the lack of a
 * service manager lets nothing be guarded. */
int plat_guard_open(struct plat_guard **out, const struct plat_guard_told *told, struct err *err);
void plat_guard_close(struct plat_guard *guard); /* guards on where a service manager does */

/* The 'i'th of PLAT_GUARD_MEDIA places; NULL: it is free. */
const struct plat_guard_medium *plat_guard_medium(const struct plat_guard *guard, unsigned i);
/* Mounts the medium in 'folder' for a moment, read-only, and guards it; from the return on it may
 * be mounted by others.  What was guarded by this name before is no longer.  On failure 'why' is a
 * token as in platform/scan.h, or "cannot-guard". */
int plat_guard_add(struct plat_guard *guard, const struct plat_guard_medium *medium,
		   const char *file_system, const char *folder, char why[24], struct err *err);
/* No file of what is guarded by this name is opened any more. */
void plat_guard_drop(struct plat_guard *guard, const char *name);

/* Answers until the process is told to end (0), or cannot go on.  Before it returns 0 the media are
 * unmounted, for without us nobody answers. */
int plat_guard_run(struct plat_guard *guard, const char *folder, struct err *err);

#endif
