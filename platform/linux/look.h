/* Small questions about files below the root that several facts ask.  For platform/linux alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_LOOK_H
#define CARETAKER_PLATFORM_LINUX_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stat;

/* Up to 16 hexadecimal digits and nothing else. */
bool look_hex(const char *text, uint64_t *out);

bool look_stat(const char *path, struct stat *out);
/* When dir/name was last written; 0 when there is no such file. */
int64_t look_stamp(const char *dir, const char *name);

/* Calls 'each' with every home folder of a person ("/home/ann"), and root's; at most some hundred.
 */
void look_each_home(bool (*each)(void *ctx, const char *home), void *ctx);
/* "/home/ann/x" becomes "~/x": whose home it is, is nobody's business. */
void look_tilde(char *out, size_t size, const char *path);

/* Whether a unit is started at boot (a link in some ".wants" folder), or made impossible to start.
 */
bool look_unit_enabled(const char *unit);
bool look_unit_masked(const char *unit);
/* systemd is this machine's (or this tree's) init, whether it runs now or not. */
bool look_has_systemd(void);

#endif
