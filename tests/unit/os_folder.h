/* A folder of each test's own, for tests of platform/os.h as Linux answers it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_OS_FOLDER_H
#define CARETAKER_TESTS_OS_FOLDER_H

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "agent/base/buf.h"
#include "platform/os.h"
#include "tests/unit/unit.h"

static char folder[] = "/tmp/caretaker-os-XXXXXX";
static char made[4][256];

/* "NAME" in the test's folder; four at a time. */
static inline const char *in(const char *name)
{
	static unsigned turn;
	char *path = made[turn++ % 4];

	snprintf(path, sizeof(made[0]), "%s/%s", folder, name);
	return path;
}

static inline int make_folder(void **state)
{
	(void)state;
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int remove_folder(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void put(const char *name, const char *text, mode_t mode)
{
	int fd = open(in(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static inline const char *content(const char *name)
{
	static char text[256];
	struct buf buf;

	buf_init(&buf, 0);
	assert_works(plat_file_read(in(name), sizeof(text) - 1, &buf, &err));
	memcpy(text, buf_text(&buf), buf.len);
	text[buf.len] = '\0';
	buf_clear(&buf);
	return text;
}

/* The words that follow a path of the test's folder in a message. */
#define assert_fails_in(call, want_code, before, name, after) \
	do { \
		char want_[512]; \
		snprintf(want_, sizeof(want_), "%s'%s/%s'%s", before, folder, name, after); \
		assert_fails(call, want_code, want_); \
	} while (0)

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

#endif
