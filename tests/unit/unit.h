/* What every cmocka test includes.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_UNIT_H
#define CARETAKER_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/err.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* That 'call' failed with this code and these words. */
#define assert_fails(call, want_code, want_msg) \
	do { \
		struct err err = {ERR_NONE, "no error was set"}; \
		assert_int_equal((call), -1); \
		assert_string_equal(err.msg, want_msg); \
		assert_int_equal(err.code, want_code); \
	} while (0)

/* That 'call' succeeded; shows its message when not.  'call' names 'err', as above. */
#define assert_works(call) \
	do { \
		struct err err = {ERR_NONE, ""}; \
		if (call) \
			fail_msg("%s: %s", #call, err.msg); \
	} while (0)

/* What a function prints to a stream (stdout, stderr): capture_begin(), the call, then
 * capture_end(), whose text is good until the next. */
struct capture {
	FILE *stream, *file;
	int saved;
};

static inline struct capture capture_begin(FILE *stream)
{
	struct capture capture = {stream, tmpfile(), -1};

	assert_non_null(capture.file);
	fflush(stream);
	capture.saved = dup(fileno(stream));
	assert_true(capture.saved >= 0);
	assert_true(dup2(fileno(capture.file), fileno(stream)) >= 0);
	return capture;
}

static inline const char *capture_end(struct capture *capture)
{
	static char texts[2][8192]; /* two, for both streams of one call */
	static unsigned turn;
	char *text = texts[turn++ % 2];
	size_t len;

	fflush(capture->stream);
	assert_true(dup2(capture->saved, fileno(capture->stream)) >= 0);
	close(capture->saved);
	rewind(capture->file);
	len = fread(text, 1, sizeof(texts[0]) - 1, capture->file);
	text[len] = '\0';
	fclose(capture->file);
	return text;
}

#endif
