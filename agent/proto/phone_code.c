/* See phone_code.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/phone_code.h"

#include "agent/base/err.h"
#include "agent/base/text.h"

#include <stdio.h>
#include <string.h>

#define DAY_S INT64_C(86400)
#define DAYS_CYCLE 32 /* what one character tells */

static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* --- characters ------------------------------------------------------------------------------ */

static int value_of(char letter)
{
	const char *at;

	if (letter >= 'a' && letter <= 'z')
		letter = (char)(letter - 'a' + 'A');
	if (letter == 'O')
		letter = '0';
	if (letter == 'I' || letter == 'L')
		letter = '1';
	at = letter ? strchr(letters, letter) : NULL;
	return at ? (int)(at - letters) : -1;
}

static unsigned times_x(unsigned value)
{
	value <<= 1;
	return value & 32 ? value ^ 0x25 : value;
}

/* Of 'len' characters, which are ours. */
static char check_of(const char *text, size_t len)
{
	unsigned sum = 0;

	/* Horner: the last one is multiplied least. */
	for (size_t i = len; i > 0; i--)
		sum = times_x(sum ^ (unsigned)value_of(text[i - 1]));
	return letters[sum];
}

int phone_text_read(const char *text, size_t len, char *out, struct err *err)
{
	char plain[PHONE_CODE_LEN + 1] = "";
	size_t count = 0;

	for (; *text; text++) {
		int value = value_of(*text);

		if (strchr(" -", *text))
			continue;
		if (value < 0)
			return err_set(err, ERR_INVALID,
				       "a typing error: no such letter is ever used in it (there "
				       "are digits and letters, but no U)");
		if (count == len)
			return err_set(err, ERR_INVALID,
				       "a typing error: it has more than %zu characters", len);
		plain[count++] = letters[value];
	}
	if (count < len)
		return err_set(err, ERR_INVALID, "a typing error: it has %zu characters, not %zu",
			       count, len);
	if (plain[len - 1] != check_of(plain, len - 1))
		return err_set(err, ERR_INVALID,
			       "a typing error: a character is wrong, or two changed places");
	memcpy(out, plain, len);
	out[len] = '\0';
	return 0;
}

void phone_text_show(const char *plain, char out[PHONE_SHOWN])
{
	size_t at = 0;

	for (size_t i = 0; plain[i] && at + 2 < PHONE_SHOWN; i++) {
		if (i && i % 4 == 0)
			out[at++] = '-';
		out[at++] = plain[i];
	}
	out[at] = '\0';
}

/* The first 'count' groups of five bits, then the check of 'out' from its beginning. */
static void put_bits(const uint8_t *bytes, size_t count, char *out, size_t from)
{
	for (size_t i = 0; i < count; i++) {
		size_t bit = i * 5;
		unsigned pair = (unsigned)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];

		out[from + i] = letters[pair >> (11 - bit % 8) & 31];
	}
	out[from + count] = check_of(out, from + count);
	out[from + count + 1] = '\0';
}

/* --- challenge and code ---------------------------------------------------------------------- */

void phone_challenge(const char *device, const char *stick, const uint8_t nonce[PHONE_NONCE_SIZE],
		     unsigned uses, char out[PHONE_CHALLENGE_LEN + 1])
{
	uint8_t hash[CRYPTO_HASH_SIZE];
	char hex[2 * PHONE_NONCE_SIZE + 1], text[512];
	int len;

	text_hex(hex, nonce, PHONE_NONCE_SIZE);
	len = snprintf(text, sizeof(text), "caretaker phone challenge\n%.40s\n%.300s\n%s\n%u",
		       device, stick, hex, uses);
	crypto_sha256(text, (size_t)len, hash);
	put_bits(hash, PHONE_CHALLENGE_LEN - 1, out, 0);
}

int phone_secret(const struct crypto_signer *own, const struct crypto_key *peer, const char *device,
		 uint8_t out[CRYPTO_HASH_SIZE], struct err *err)
{
	char label[80];

	snprintf(label, sizeof(label), "caretaker phone code\n%.40s", device);
	return crypto_signer_agree(own, peer, label, out, err);
}

void phone_code_make(const uint8_t secret[CRYPTO_HASH_SIZE], const char *challenge, int64_t day,
		     char out[PHONE_CODE_LEN + 1])
{
	char text[80], time[TEXT_TIME_SIZE];
	uint8_t mac[CRYPTO_HASH_SIZE];
	int len;

	text_time(time, day * DAY_S);
	len = snprintf(text, sizeof(text), "caretaker phone code\n%.*s\n%.10s\n",
		       PHONE_CHALLENGE_LEN, challenge, time);
	crypto_hmac_sha256(secret, CRYPTO_HASH_SIZE, text, (size_t)len, mac);
	out[0] = letters[day % DAYS_CYCLE];
	put_bits(mac, PHONE_CODE_LEN - 2, out, 1);
}

bool phone_code_holds(const uint8_t secret[CRYPTO_HASH_SIZE], const char *challenge,
		      const char *code, int64_t today, int64_t *out_day)
{
	char want[PHONE_CODE_LEN + 1];
	int64_t ahead;

	if (today < 0 || strlen(code) != PHONE_CODE_LEN || value_of(code[0]) < 0)
		return false;
	ahead = (value_of(code[0]) - today % DAYS_CYCLE + DAYS_CYCLE) % DAYS_CYCLE;
	if (ahead >= PHONE_DAYS_MAX)
		return false;
	phone_code_make(secret, challenge, today + ahead, want);
	if (!crypto_equal(want, code, PHONE_CODE_LEN))
		return false;
	*out_day = today + ahead;
	return true;
}
