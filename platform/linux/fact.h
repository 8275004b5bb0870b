/* Reading this machine's files as facts: everything below plat_root(), nothing followed out of it.
 *
 * For platform/linux alone.  What is read may be a user's or an intruder's: bounded, never trusted.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_FACT_H
#define CARETAKER_PLATFORM_LINUX_FACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

#define FACT_PATH_MAX 1024
#define FACT_FILE_MAX (1024 * 1024)

/* True on the machine itself: commands may be run, other programs asked. */
bool fact_live(void);

/* What could not be read.  That a file is not there is an answer.  One that is there and cannot be
 * read whole is none: no right to it, an I/O error, a folder in its place, over FACT_FILE_MAX, a
 * NUL that would hide the rest.  The functions below that give no 'err' answer the same for both,
 * and count the second.  So a question whose answer would be too good for want of a file takes the
 * count before it begins and asks at its end: -1 with the last of what could not be read. */
unsigned fact_unread_count(void);
int fact_unread(unsigned before, struct err *err);
/* Counts one that somebody who has its 'err' goes on without; ERR_NOTFOUND does not count. */
void fact_note(const struct err *err);

/* open(2) below the root; symlinks stay below it.  -1 with errno. */
int fact_open(const char *path, int flags);
bool fact_exists(const char *path);
bool fact_is_dir(const char *path);
/* Appends the file; ERR_NOTFOUND, ERR_DENIED, or ERR_INVALID when it is over 'max' or no file. */
int fact_read(const char *path, size_t max, struct buf *out, struct err *err);
/* As fact_read() for a text of up to FACT_FILE_MAX to be cut into lines. */
bool fact_whole(const char *path, struct buf *out);
/* The first line without the blanks around it; false and "" when there is none. */
bool fact_text(const char *path, char *out, size_t size);
bool fact_number(const char *path, int64_t *out);
/* The target of a symlink as it is written; fact_link_name(): its last part. */
bool fact_link(const char *path, char *out, size_t size);
bool fact_link_name(const char *path, char *out, size_t size);

/* Names in a folder, sorted, without those that begin with a dot; an absent folder has none.
 * 'each' returns false to stop. */
void fact_each(const char *dir, bool (*each)(void *ctx, const char *name), void *ctx);
/* ... without the folders in it: for folders of settings ("conf.d"), where nobody reads those. */
void fact_each_file(const char *dir, bool (*each)(void *ctx, const char *name), void *ctx);

/* Cuts the next line out of '*cursor' (in place, blanks around it trimmed); NULL at the end. */
char *fact_line(char **cursor);
/* The next word; NULL at the end. */
char *fact_word(char **cursor);
/* Calls 'each' with every line of a text file, comments ('#') and empty lines left out.  False when
 * there is no such file, or it cannot be read whole. */
bool fact_lines(const char *path, void (*each)(void *ctx, char *line), void *ctx);

/* Splits "key = value" or "key=value" in place; quotes around the value go.  False: no '='. */
bool fact_key_value(char *line, char **out_key, char **out_value);
/* The value of "key=value" in a file of shell style settings or, with 'section', of INI style. */
bool fact_setting(const char *path, const char *section, const char *key, char *out, size_t size);

/* Is the program in one of the system's folders?  'out' (may be NULL) gets its path. */
bool fact_program(const char *name, char *out, size_t size);

/* Every process of this machine (not of containers on it), by its program's file name. */
void fact_each_process(bool (*each)(void *ctx, const char *pid, const char *program), void *ctx);
bool fact_process_runs(const char *program);

/* 'list' is the address of the caller's pointer: the next free item of its growing list of items of
 * 'size' bytes, zeroed; NULL without memory. */
void *fact_append(void *list, size_t *count, size_t size);

#endif
