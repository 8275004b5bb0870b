/* Which LUKS headers are believed: those that cryptsetup opens by, and only where all data is
 * encrypted.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "platform/linux/luks.h"
#include "tests/unit/luks_header.h"

#define AES LUKS2_SEGMENT("aes-xts-plain64")
#define NONE LUKS2_SEGMENT("cipher_null-ecb")

static unsigned char medium[0x400000 + LUKS2_SIZE]; /* the last place of a second header, too */
static size_t medium_size;
static uint64_t broken_at; /* a sector that cannot be read; 0: none */

static long read_medium(void *ctx, uint64_t at, unsigned char *out, size_t len)
{
	(void)ctx;
	if (broken_at && at <= broken_at && broken_at < at + len)
		return -1;
	if (at >= medium_size)
		return 0;
	len = len < medium_size - at ? len : (size_t)(medium_size - at);
	memcpy(out, medium + at, len);
	return (long)len;
}

static enum luks_says says(void)
{
	return luks_judge(read_medium, NULL);
}

static void put_header(size_t at, const char *json)
{
	luks2_put(medium, at, LUKS2_SIZE, json, strlen(json));
}

static int set_up(void **state)
{
	(void)state;
	memset(medium, 0, sizeof(medium));
	medium_size = sizeof(medium);
	broken_at = 0;
	return 0;
}

static void a_cipher_that_does_nothing_is_not_encryption(void **state)
{
	static const struct {
		const char *cipher;
		enum luks_says want;
	} cases[] = {{"aes", LUKS_ENCRYPTED},
		     {"serpent", LUKS_ENCRYPTED},
		     {"cipher_null", LUKS_NULL},
		     {"an-unended-name-that-fills-thirty-two", LUKS_ENCRYPTED},
		     {"", LUKS_NULL}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		luks1_put(medium, cases[i].cipher);
		if (says() != cases[i].want)
			fail_msg("'%s': got %d", cases[i].cipher, says());
	}
	medium[7] = 3;
	assert_int_equal(says(), LUKS_UNREADABLE); /* of a version that nobody knows */
	luks1_put(medium, "aes");
	medium_size = 591;
	assert_int_equal(says(), LUKS_UNREADABLE);
	medium_size = 0;
	assert_int_equal(says(), LUKS_UNREADABLE);
}

static void every_segment_must_be_encrypted(void **state)
{
	static const struct {
		const char *json;
		enum luks_says want;
	} cases[] = {
		{AES, LUKS_ENCRYPTED},
		{" { \"x\" : \"y\" , \"n\" : -1 , \"segments\" : { \"0\" : { \"encryption\" : "
		 "\"aes\" } } } ",
		 LUKS_ENCRYPTED},
		{"{\"tokens\":{\"0\":{\"t\":\"\\\"},{\\u00e9\"}},\"segments\":{\"0\":"
		 "{\"encryption\":\"aes\"}}}",
		 LUKS_ENCRYPTED},
		{LUKS2_SEGMENT("capi:xts(aes)-plain64"), LUKS_ENCRYPTED},
		{LUKS2_SEGMENT("x\\/y"), LUKS_ENCRYPTED},
		{NONE, LUKS_NULL},
		{LUKS2_SEGMENT("capi:ecb(ecipher_null)"), LUKS_NULL},
		{LUKS2_SEGMENT(""), LUKS_NULL},
		{"{\"segments\":{}}", LUKS_NULL},
		{"{}", LUKS_NULL},
		{"{\"segments\":{\"0\":{\"type\":\"linear\"}}}", LUKS_NULL},
		{"{\"segments\":{\"0\":{\"encryption\":\"aes\"},\"1\":{\"type\":\"linear\"}}}",
		 LUKS_NULL},
		{"{\"segments\":{\"0\":{\"type\":\"linear\"},\"1\":{\"encryption\":\"aes\"}}}",
		 LUKS_NULL},
		{"{\"keyslots\":{\"segments\":{\"0\":{\"encryption\":\"aes\"}}}}", LUKS_NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		put_header(0, cases[i].json);
		if (says() != cases[i].want)
			fail_msg("%s: got %d", cases[i].json, says());
	}
}

static void what_two_readers_could_read_in_two_ways_is_not_believed(void **state)
{
	static const char *const cases[] = {
		"",
		"[]",
		"{\"segments\":{\"0\":{\"encryption\":\"aes\"}}", /* cut */
		AES "x",
		"{\"segments\":{\"0\":{\"encryption\":\"aes\"}},\"segments\":{}}",
		"{\"segments\":{\"0\":{\"encryption\":\"aes\",\"encryption\":\"null\"}}}",
		"{\"\\u0073egments\":{},\"segments\":{\"0\":{\"encryption\":\"aes\"}}}",
		"{\"segments\":{\"0\":{\"encryption\":\"\\u006eull\"}}}",
		"{\"segments\":{\"0\":{\"encryption\":[\"aes\"]}}}",
		"{\"segments\":[{\"encryption\":\"aes\"}]}",
		/* json-c takes these, and finds other members than we would */
		"{\"segments\":{\"0\":{\"encryption\":\"aes\"}},/*\"*/\"segments\":{},/*\"*/}",
		"{\"segments\":{\"0\":{\"encryption\":\"aes\"}},\"x\":'\"',\"segments\":{},"
		"\"y\":'\"'}",
		"{\"x\":{{{{{{[[[[",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		put_header(0, cases[i]);
		if (says() != LUKS_UNREADABLE)
			fail_msg("%s: got %d", cases[i], says());
	}
}

static void a_header_with_a_wrong_checksum_is_not_believed(void **state)
{
	static const size_t places[] = {16 /* how often it was written */, 100, 479, 4096 + 60,
					LUKS2_SIZE - 1};

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		put_header(0, AES);
		put_header(LUKS2_SIZE, AES); /* cryptsetup would repair the first from it */
		assert_int_equal(says(), LUKS_ENCRYPTED);
		medium[places[i]] ^= 1;
		if (says() != LUKS_UNREADABLE)
			fail_msg("changed at %zu: got %d", places[i], says());
	}
	put_header(0, AES);
	memcpy(medium + 72, "sha1\0\0", 6);
	luks2_sum(medium, LUKS2_SIZE);
	assert_int_equal(says(), LUKS_UNREADABLE);
}

/* cryptsetup opens by the header that was written last, or by the one that is whole. */
static void the_second_header_must_promise_the_same(void **state)
{
	static const size_t places[] = {0x4000, 0x8000, 0x40000, 0x400000};

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		set_up(NULL);
		put_header(0, AES);
		put_header(places[i], NONE);
		if (says() != LUKS_NULL)
			fail_msg("at %zu: got %d", places[i], says());
		medium[places[i] + 4096] ^= 1; /* damaged, nobody opens by it */
		if (says() != LUKS_ENCRYPTED)
			fail_msg("damaged at %zu: got %d", places[i], says());
		put_header(places[i], "{");
		if (says() != LUKS_UNREADABLE)
			fail_msg("odd at %zu: got %d", places[i], says());
	}
}

static void large_headers_are_read_to_their_end(void **state)
{
	(void)state;
	luks2_put(medium, 0, 0x400000, AES, strlen(AES));
	assert_int_equal(says(), LUKS_ENCRYPTED);
	medium[0x3fffff] = 1;
	assert_int_equal(says(), LUKS_UNREADABLE);
	luks2_put(medium, 0, 0x4000, AES, strlen(AES));
	luks2_number(medium + 8, 0x5000); /* no size that a header has */
	luks2_sum(medium, 0x5000);
	assert_int_equal(says(), LUKS_UNREADABLE);
}

static void what_cannot_be_read_is_not_believed(void **state)
{
	static const uint64_t places[] = {1, 5000, 0x4000, 0x400000};

	(void)state;
	put_header(0, AES);
	for (size_t i = 0; i < COUNT(places); i++) {
		broken_at = places[i];
		if (says() != LUKS_UNREADABLE)
			fail_msg("broken at %d: got %d", (int)places[i], says());
	}
	broken_at = 0;
	medium_size = LUKS2_SIZE; /* a small one ends before the places of a second */
	assert_int_equal(says(), LUKS_ENCRYPTED);
	medium_size = LUKS2_SIZE - 1;
	assert_int_equal(says(), LUKS_UNREADABLE);
}

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* What the real one writes is what we read, with its largest header and tokens in it. */
static void what_cryptsetup_makes_is_encrypted(void **state)
{
	static const char *const kinds[] = {
		"--type luks1",
		"--type luks2",
		"--type luks2 --luks2-metadata-size 4m --luks2-keyslots-size 16m --label 'a \"b\"' "
		"--cipher aes-cbc-essiv:sha256 --key-size 256",
	};
	char path[] = "/tmp/caretaker-luks-XXXXXX", command[512];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	if (access("/usr/sbin/cryptsetup", X_OK) != 0) {
		(void)unlink(path);
		(void)close(fd);
		print_message("skipped: cryptsetup-bin is not installed\n");
		skip();
	}
	for (size_t i = 0; i < COUNT(kinds); i++) {
		assert_int_equal(ftruncate(fd, 0) | ftruncate(fd, 32 << 20), 0);
		(void)snprintf(command, sizeof(command),
			       "echo key | /usr/sbin/cryptsetup luksFormat -q %s --pbkdf pbkdf2 "
			       "--pbkdf-force-iterations 1000 --key-file - %s",
			       kinds[i], path);
		run(command);
		if (luks_judge_fd(fd) != LUKS_ENCRYPTED)
			fail_msg("%s: got %d", kinds[i], luks_judge_fd(fd));
	}
	(void)snprintf(command, sizeof(command),
		       "echo '{\"type\":\"x\",\"keyslots\":[],\"y\":\"/\\u00e9\\\"\"}' | "
		       "/usr/sbin/cryptsetup token import %s",
		       path);
	run(command);
	assert_int_equal(luks_judge_fd(fd), LUKS_ENCRYPTED);
	(void)unlink(path);
	(void)close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
	const struct CMUnitTest tests[] = {
		TEST(a_cipher_that_does_nothing_is_not_encryption),
		TEST(every_segment_must_be_encrypted),
		TEST(what_two_readers_could_read_in_two_ways_is_not_believed),
		TEST(a_header_with_a_wrong_checksum_is_not_believed),
		TEST(the_second_header_must_promise_the_same),
		TEST(large_headers_are_read_to_their_end),
		TEST(what_cannot_be_read_is_not_believed),
		TEST(what_cryptsetup_makes_is_encrypted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
