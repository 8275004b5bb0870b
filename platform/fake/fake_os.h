/* A machine that is as a test says: its files are in memory, its clocks stand still, its commands
 * answer from a table.  platform/os.h as a test wants it, on any system; what the other headers of
 * platform/ ask is in the files beside.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_FAKE_OS_H
#define CARETAKER_PLATFORM_FAKE_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"

struct buf;

/* As new: no files but "/", the clock at FAKE_NOW, booted an hour ago, root, nothing held. */
#define FAKE_NOW INT64_C(1795328400) /* 2026-11-22T06:20:00Z */
void fake_reset(void);

/* Files.  fake_file_put makes the folders above; text ends at its NUL.  fake_file_text is NULL when
 * there is no such file; good until the next change. */
void fake_file_put(const char *path, const char *text);
void fake_file_put_bytes(const char *path, const void *data, size_t len);
void fake_dir_put(const char *path);
const char *fake_file_text(const char *path);
size_t fake_file_count(const char *folder); /* directly in it */

/* Faults.  From the 'after'-th change of a file on (0: the next) each one fails with 'code' and
 * leaves the old file, as a full disk or a killed process does.  ERR_NONE ends it. */
void fake_fail_changes(unsigned after, enum err_code code);
void fake_fail_change(unsigned after, enum err_code code); /* that one alone */
bool fake_fault_hit(void);                                 /* since either was called last */
unsigned fake_change_count(void);                          /* since fake_reset() */
/* Reading 'path' fails with 'code' from now on; ERR_NONE ends it. */
void fake_fail_read(const char *path, enum err_code code);
void fake_set_disk_free(uint64_t bytes);
void fake_set_libexec(const char *path); /* kept, not copied; NULL: as installed */

/* Clocks.  fake_advance moves both; a jump of the wall clock alone is fake_set_now.  A new boot
 * has another ID, starts at no uptime and holds no locks. */
void fake_set_now(int64_t unix_s);
void fake_set_zone(int64_t seconds_east); /* of its calendar; reset: 0 */
void fake_advance(int64_t seconds);
void fake_boot(void);

/* Commands.  'pattern' (text_match) is held against the words of argv joined by blanks; of those
 * that match the one added last answers.  Texts are kept, not copied.  None: ERR_NOTFOUND. */
void fake_command(const char *pattern, int status, const char *output, const char *errors);
void fake_command_fails(const char *pattern, enum err_code code); /* ERR_TIMEOUT ... */
size_t fake_command_count(void);                                  /* how many were run */
const char *fake_command_run(size_t i);   /* the i-th, its words joined by blanks */
const char *fake_command_input(size_t i); /* what it was given, as text; NULL: nothing */

/* The uplink: called with each request.  Unset: ERR_NOTFOUND. */
typedef int fake_uplink(void *ctx, const void *request, size_t len, struct buf *out,
			struct err *err);
void fake_set_uplink(fake_uplink *uplink, void *ctx);

void fake_set_admin(bool admin);
void fake_seed(uint64_t seed); /* of plat_random(), which repeats */

#endif
