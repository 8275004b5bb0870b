/* Our SHA-256 is everybody's.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/sha256.h"
#include "agent/base/text.h"
#include "agent/proto/crypto.h"

static void hash(const void *data, size_t len, size_t step, char out[2 * SHA256_SIZE + 1])
{
	const unsigned char *at = data;
	unsigned char bytes[SHA256_SIZE];
	struct sha256 sha256;

	sha256_init(&sha256);
	for (size_t part; len > 0; at += part, len -= part) {
		part = len < step ? len : step;
		sha256_add(&sha256, at, part);
	}
	sha256_end(&sha256, bytes);
	text_hex(out, bytes, sizeof(bytes));
}

/* FIPS 180-4's examples, and the empty text. */
static void hashes_as_the_standard_says(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};
	char got[2 * SHA256_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		hash(cases[i].text, strlen(cases[i].text), 64, got);
		assert_string_equal(got, cases[i].want);
	}
}

/* Every length around a block, in pieces of every kind. */
static void hashes_as_openssl_does_however_it_is_fed(void **state)
{
	unsigned char data[300], want[SHA256_SIZE];
	char got[2 * SHA256_SIZE + 1], wanted[2 * SHA256_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 7 + 1);
	for (size_t len = 0; len <= sizeof(data); len++) {
		crypto_sha256(data, len, want);
		text_hex(wanted, want, sizeof(want));
		for (size_t step = 1; step < 140; step += 17) {
			hash(data, len, step, got);
			assert_string_equal(got, wanted);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_as_the_standard_says),
		cmocka_unit_test(hashes_as_openssl_does_however_it_is_fed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
