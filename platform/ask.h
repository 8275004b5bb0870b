/* How a person's words reach caretaker-check without any right: a folder into which everyone may
 * put a small file, and out of which nobody but root may read or take one.  Who asks is who owns
 * the file.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_ASK_H
#define CARETAKER_PLATFORM_ASK_H

#include <stddef.h>

struct err;

#define PLAT_ASK_NAME 64

/* ERR_NOTFOUND when there is no such folder: nothing takes requests here. */
int plat_ask_put(const char *folder, const void *frame, size_t len, struct err *err);

struct plat_ask {
	char account[64]; /* of the file's owner */
	char name[PLAT_ASK_NAME];
};
/* Looks at every file; each that is a plain one of exactly 'size' bytes, with no second name, is
 * given to 'each', at most 'max'.  All others are removed at once, whatever they are.  The caller
 * removes what it took by plat_ask_remove(), once it is safe.  No folder: nothing. */
int plat_ask_each(const char *folder, size_t size, unsigned max,
		  void (*each)(void *ctx, const struct plat_ask *ask, const void *frame), void *ctx,
		  struct err *err);
void plat_ask_remove(const char *folder, const char *name);

#endif
