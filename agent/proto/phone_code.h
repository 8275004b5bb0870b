/* One-time codes: how a school opens a stick over the phone, on a machine that has no network.
 *
 * The machine shows a challenge, which stands for this stick on this machine until it is used; the
 * caller reads it out.  The collector makes a code of it, which is read out in turn and typed.
 * Signatures are far too long for that: both sides have a secret instead that neither ever sent,
 * agreed between the device's signing key and the collector's online key, which the device pins.
 *
 *   characters   Crockford's base32, 0-9 and A-Z without I, L, O and U; read with o as 0, i and l
 *                as 1, in either case, blanks and '-' ignored; shown in groups of four
 *   challenge    8: the first 35 bits of SHA-256("caretaker phone challenge\n" DEVICE "\n" STICK
 *                "\n" NONCE "\n" USES), then a check character.  DEVICE is the device's UUID, STICK
 *                vendor:product:serial as the gate has it, NONCE 32 hex digits that the device made
 *                up and keeps to itself, USES how many codes opened that stick, decimal
 *   secret       crypto_signer_agree() with the label "caretaker phone code\n" DEVICE
 *   code         12: the day up to whose end it opens, counted from 1970-01-01, modulo 32; the
 *                first 50 bits of HMAC-SHA256(secret, "caretaker phone code\n" CHALLENGE "\n" DAY
 *                "\n"), CHALLENGE as its 8 characters, DAY as 2026-11-22; then a check character
 *   check        the sum over GF(32), modulo x^5 + x^2 + 1, of each character's value times x to
 *                the power of its place, from 1: finds every wrong character and every two that
 *                changed places, so that a slip costs no try
 *
 * A code names a day at most 31 days ahead of the day it is typed on.  What it opens is not in it:
 * always to read, after a scan, and within the policy's [exceptions] storage.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_PHONE_CODE_H
#define CARETAKER_PROTO_PHONE_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/crypto.h"

struct err;

#define PHONE_CHALLENGE_LEN 8
#define PHONE_CODE_LEN 12
#define PHONE_NONCE_SIZE 16
#define PHONE_DAYS_MAX 31               /* that a code may look ahead, its own day counted */
#define PHONE_SHOWN 16                  /* of either, in groups, with the NUL */
#define PHONE_OPENS "read-only scanned" /* in the words of exceptions */

/* As somebody typed it; 'len' is the length of what is wanted.  Writes it without groups.
 * ERR_INVALID: "a typing error: ..." */
int phone_text_read(const char *text, size_t len, char *out, struct err *err);
/* "K7Q2-MX4T" */
void phone_text_show(const char *plain, char out[PHONE_SHOWN]);

void phone_challenge(const char *device, const char *stick, const uint8_t nonce[PHONE_NONCE_SIZE],
		     unsigned uses, char out[PHONE_CHALLENGE_LEN + 1]);

/* 'own' is the side that asks, 'peer' the other's public key. */
int phone_secret(const struct crypto_signer *own, const struct crypto_key *peer, const char *device,
		 uint8_t out[CRYPTO_HASH_SIZE], struct err *err);
/* 'day' counts from 1970-01-01. */
void phone_code_make(const uint8_t secret[CRYPTO_HASH_SIZE], const char *challenge, int64_t day,
		     char out[PHONE_CODE_LEN + 1]);
/* Whether 'code' is one for the challenge; '*out_day' is then the day up to whose end it opens, at
 * most PHONE_DAYS_MAX - 1 after 'today'. */
bool phone_code_holds(const uint8_t secret[CRYPTO_HASH_SIZE], const char *challenge,
		      const char *code, int64_t today, int64_t *out_day);

#endif
