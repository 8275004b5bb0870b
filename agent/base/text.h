/* Small text work that every program needs: base64url, hex, times, UTF-8, numbers, nearest word.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_BASE_TEXT_H
#define CARETAKER_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

/* base64url without padding (RFC 4648 section 5).  Encoded length of 'n' bytes: */
#define B64URL_LEN(n) (((n)*4 + 2) / 3)
void text_b64url(struct buf *out, const void *data, size_t len);
/* Writes B64URL_LEN(len) characters and a NUL. */
void text_b64url_into(char *out, const void *data, size_t len);
/* Strict: no padding, no blanks, no stray bits in the last character.  Writes at most 'out_size'
 * bytes; -1 when 'text' is not base64url or does not fit ('out' may have been written to). */
int text_b64url_decode(const char *text, size_t len, void *out, size_t out_size, size_t *out_len);

/* Lower-case hex and a NUL: 'out' holds 2 * len + 1. */
void text_hex(char *out, const void *data, size_t len);
/* Exactly 2 * out_len digits of either case. */
int text_hex_decode(const char *text, void *out, size_t out_len);

/* RFC 3339, always UTC with seconds: "2026-11-22T06:20:00Z" (20 characters and a NUL).
 * What lies outside the years 0001 to 9999 becomes the nearest that does not. */
#define TEXT_TIME_SIZE 21
void text_time(char out[TEXT_TIME_SIZE], int64_t unix_s);
/* Takes any RFC 3339 offset and fraction, from 0001 to 9999. */
int text_time_parse(const char *text, int64_t *out);
/* For people, English: "3 days", "2 hours", "1 minute"; rounded down, the sign dropped. */
void text_duration(char *out, size_t out_size, int64_t seconds);

/* Decimal, no sign unless 'min' is negative, no blanks, nothing after. */
int text_int(const char *text, int64_t min, int64_t max, int64_t *out);

/* Decodes one character and returns its size in bytes; 0 at the end and for what is not UTF-8
 * (overlong forms and surrogates are not). */
size_t text_utf8_next(const char *text, size_t len, uint32_t *out);
/* U+FFFD, which stands for what could not be shown. */
#define TEXT_REPLACEMENT "\xef\xbf\xbd"
bool text_utf8_valid(const char *text, size_t len);
/* What must not reach a terminal or a page: C0 and C1 controls, marks that turn the direction of
 * the text around them, and the two separators that some programs take for a line's end. */
bool text_unfit(uint32_t c);
/* Copies foreign text for display: invalid UTF-8, control and bidirectional-override characters
 * become U+FFFD; cut at a character's boundary to fit 'out_size' with the NUL. */
void text_clean(char *out, size_t out_size, const char *text, size_t len);
/* The same for text of many lines and any length, appended: line ends and tabs stay. */
void text_clean_lines(struct buf *out, const char *text, size_t len);

/* snprintf for a fixed field: false when it was cut. */
bool text_copy(char *out, size_t out_size, const char *text);

/* The word of 'words' (NULL-terminated) fewest edits away from 'word'; NULL when none is near
 * enough to be a slip of the typist (over a third of its letters).  Case does not count. */
const char *text_nearest(const char *word, const char *const words[]);

/* Shell-style '*' and '?' over the whole text, without character classes; ignores ASCII case.
 * '?' is one UTF-8 character. */
bool text_match(const char *pattern, const char *text);

#endif
