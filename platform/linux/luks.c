/* See luks.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/luks.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/json_scan.h"
#include "agent/base/sha256.h"

#define MAGIC_SIZE 6
#define LUKS1_SIZE 592
#define LUKS1_NAME 8 /* the cipher's */
#define LUKS1_NAME_SIZE 32
/* LUKS2: a binary header, then JSON up to 'hdr_size'. */
#define BINARY_SIZE 4096
#define HEADER_SIZE_AT 8
#define CHECKSUM_NAME_AT 72
#define CHECKSUM_NAME_SIZE 32
#define OFFSET_AT 256
#define CHECKSUM_AT 448
#define CHECKSUM_SIZE 64
#define JSON_MAX \
	(64 * 1024) /* cryptsetup writes 2 KiB, 12 with all key slots; the rest is zeros \
		     */

/* What a header may measure, and so where the second may lie. */
static const uint32_t sizes[] = {0x4000,  0x8000,   0x10000,  0x20000, 0x40000,
				 0x80000, 0x100000, 0x200000, 0x400000};

static uint64_t number_at(const unsigned char *at)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < 8; i++)
		number = number << 8 | at[i];
	return number;
}

bool luks_cipher_is_null(const char *cipher, size_t len)
{
	static const char none[] = "null";

	for (size_t i = 0; i + sizeof(none) - 1 <= len; i++)
		if (memcmp(cipher + i, none, sizeof(none) - 1) == 0)
			return true;
	return len == 0;
}

/* --- LUKS2's JSON, once json_scan() took it: enough to find a member of an object --- */

struct cursor {
	const char *at, *end;
};

static void skip_blanks(struct cursor *c)
{
	while (c->at < c->end && *c->at && strchr(" \t\r\n", *c->at))
		c->at++;
}

static bool take(struct cursor *c, char wanted)
{
	skip_blanks(c);
	if (c->at == c->end || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

/* The string at '"', as it is written. */
static bool take_string(struct cursor *c, const char **out, size_t *len)
{
	if (!take(c, '"'))
		return false;
	*out = c->at;
	while (c->at < c->end && *c->at != '"')
		c->at += *c->at == '\\' ? 2 : 1;
	if (c->at >= c->end)
		return false;
	*len = (size_t)(c->at++ - *out);
	return true;
}

/* A name could be spelt in two ways: cryptsetup escapes '/', and nothing else in what we look for.
 */
static bool take_plain_string(struct cursor *c, const char **out, size_t *len)
{
	if (!take_string(c, out, len))
		return false;
	for (size_t i = 0; i < *len; i++)
		if ((*out)[i] == '\\' && (*out)[++i] != '/')
			return false;
	return true;
}

/* Past one value of any kind: brackets are counted, strings passed over. */
static bool skip_value(struct cursor *c)
{
	const char *text;
	unsigned depth = 0;
	size_t len;

	skip_blanks(c);
	do {
		if (c->at == c->end)
			return false;
		if (*c->at == '"') {
			if (!take_string(c, &text, &len))
				return false;
		} else {
			if (*c->at == '{' || *c->at == '[')
				depth++;
			else if (*c->at == '}' || *c->at == ']')
				depth--;
			c->at++;
		}
		skip_blanks(c);
	} while (depth || (c->at < c->end && !strchr(",}]", *c->at)));
	return true;
}

/* Called at a member's value, and leaves the cursor after it; false when it must not be so. */
typedef bool member(void *ctx, const char *name, size_t len, struct cursor *c);

static bool each_member(struct cursor *c, member *each, void *ctx)
{
	const char *name;
	size_t len;

	if (!take(c, '{'))
		return false;
	if (take(c, '}'))
		return true;
	do {
		if (!take_plain_string(c, &name, &len) || !take(c, ':') || !each(ctx, name, len, c))
			return false;
	} while (take(c, ','));
	return take(c, '}');
}

struct ciphers {
	unsigned segments, encrypted;
	bool seen_segments, seen_cipher;
};

static bool is(const char *name, size_t len, const char *wanted)
{
	return len == strlen(wanted) && memcmp(name, wanted, len) == 0;
}

static bool one_of_segment(void *ctx, const char *name, size_t len, struct cursor *c)
{
	struct ciphers *ciphers = ctx;
	const char *cipher;
	size_t size;

	if (!is(name, len, "encryption"))
		return skip_value(c);
	if (ciphers->seen_cipher || !take_plain_string(c, &cipher, &size))
		return false; /* said twice: who reads which? */
	ciphers->seen_cipher = true;
	ciphers->encrypted += !luks_cipher_is_null(cipher, size);
	return true;
}

static bool one_segment(void *ctx, const char *name, size_t len, struct cursor *c)
{
	struct ciphers *ciphers = ctx;

	(void)name;
	(void)len;
	ciphers->segments++;
	ciphers->seen_cipher = false;
	return each_member(c, one_of_segment, ciphers);
}

static bool one_of_root(void *ctx, const char *name, size_t len, struct cursor *c)
{
	struct ciphers *ciphers = ctx;

	if (!is(name, len, "segments"))
		return skip_value(c);
	if (ciphers->seen_segments)
		return false;
	ciphers->seen_segments = true;
	return each_member(c, one_segment, ciphers);
}

/* Every segment of the data must be encrypted. */
static enum luks_says judge_json(const char *json, size_t len)
{
	struct cursor c = {json, json + len};
	struct ciphers ciphers = {0};
	struct json_size size;
	struct err err;

	/* What json-c reads beyond JSON (comments, '...') could hide a member from one of us. */
	if (json_scan(json, len, &size, &err) < 0 || !each_member(&c, one_of_root, &ciphers))
		return LUKS_UNREADABLE;
	return ciphers.segments && ciphers.encrypted == ciphers.segments ? LUKS_ENCRYPTED
									 : LUKS_NULL;
}

/* --- headers --- */

struct medium {
	luks_read *read;
	void *ctx;
	unsigned char binary[BINARY_SIZE];
	char json[JSON_MAX];
};

static bool is_a_size(uint64_t size)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (size == sizes[i])
			return true;
	return false;
}

/* Reads all of the JSON, keeps what fits, and holds both to the checksum.  -1: cannot be read. */
static int check_sum(struct medium *m, uint64_t at, uint64_t size)
{
	unsigned char wanted[SHA256_SIZE], got[SHA256_SIZE], part[4096];
	struct sha256 sum;

	memcpy(wanted, m->binary + CHECKSUM_AT, sizeof(wanted));
	memset(m->binary + CHECKSUM_AT, 0, CHECKSUM_SIZE);
	sha256_init(&sum);
	sha256_add(&sum, m->binary, sizeof(m->binary));
	for (uint64_t done = BINARY_SIZE; done < size; done += sizeof(part)) {
		uint64_t kept = done - BINARY_SIZE;
		long len = m->read(m->ctx, at + done, part, sizeof(part));

		if (len != (long)sizeof(part))
			return len < 0 ? -1 : 0;
		sha256_add(&sum, part, sizeof(part));
		if (kept < sizeof(m->json))
			memcpy(m->json + kept, part, sizeof(part));
	}
	sha256_end(&sum, got);
	return memcmp(got, wanted, sizeof(got)) == 0;
}

/* 1 when a whole header of LUKS2 lies there, its JSON in m->json; -1 when that cannot be read. */
static int read_header(struct medium *m, uint64_t at)
{
	const char *magic = at ? "SKUL\xba\xbe" : "LUKS\xba\xbe";
	long len = m->read(m->ctx, at, m->binary, sizeof(m->binary));
	uint64_t size;

	if (len != (long)sizeof(m->binary))
		return len < 0 ? -1 : 0;
	size = number_at(m->binary + HEADER_SIZE_AT);
	if (memcmp(m->binary, magic, MAGIC_SIZE) != 0 || m->binary[6] != 0 || m->binary[7] != 2 ||
	    number_at(m->binary + OFFSET_AT) != at || !is_a_size(size))
		return 0;
	/* The only one that cryptsetup ever wrote. */
	if (strncmp((char *)m->binary + CHECKSUM_NAME_AT, "sha256", CHECKSUM_NAME_SIZE) != 0)
		return 0;
	memset(m->json, 0, sizeof(m->json));
	return check_sum(m, at, size);
}

static enum luks_says judge_header(struct medium *m)
{
	size_t len = strnlen(m->json, sizeof(m->json));

	return len == sizeof(m->json) ? LUKS_UNREADABLE : judge_json(m->json, len);
}

static enum luks_says judge_luks2(struct medium *m)
{
	enum luks_says says;

	if (read_header(m, 0) != 1)
		return LUKS_UNREADABLE;
	says = judge_header(m);
	for (size_t i = 0; says == LUKS_ENCRYPTED && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int ret = read_header(m, sizes[i]);

		if (ret < 0)
			return LUKS_UNREADABLE;
		if (ret > 0)
			says = judge_header(m);
	}
	return says;
}

static enum luks_says judge_luks1(const char *cipher)
{
	return luks_cipher_is_null(cipher, strnlen(cipher, LUKS1_NAME_SIZE)) ? LUKS_NULL
									     : LUKS_ENCRYPTED;
}

enum luks_says luks_judge(luks_read *read, void *ctx)
{
	struct medium *m = malloc(sizeof(*m));
	enum luks_says says = LUKS_UNREADABLE;
	long len;

	if (!m)
		return LUKS_UNREADABLE;
	m->read = read;
	m->ctx = ctx;
	len = read(ctx, 0, m->binary, sizeof(m->binary));
	if (len >= LUKS1_SIZE && memcmp(m->binary, "LUKS\xba\xbe\0", MAGIC_SIZE + 1) == 0)
		says = m->binary[7] == 2   ? judge_luks2(m)
		       : m->binary[7] == 1 ? judge_luks1((const char *)m->binary + LUKS1_NAME)
					   : LUKS_UNREADABLE;
	free(m);
	return says;
}

static long read_fd(void *ctx, uint64_t at, unsigned char *out, size_t len)
{
	const int *fd = ctx;
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(*fd, out + done, len - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (long)done;
}

enum luks_says luks_judge_fd(int fd)
{
	return luks_judge(read_fd, &fd);
}
