/* One-time codes on the device (proto/phone_code.h): the challenges of the sticks that were
 * refused, the codes that people type, and what those opened.
 *
 * STATE/phone-codes.json, root's alone.  Invariants:
 *  - A try is on the disk before its code is looked at: neither a crash nor a restart gives one
 *    back.  PHONE_TRIES of one person, then PHONE_WAIT_S of rest; nobody else waits for them.
 *  - A code opens once: the stick's challenge is another from then on.  The same code typed again
 *    while it is open costs nothing and prolongs nothing.
 *  - What a code opened holds only as long as the policy has codes at all, and as it has them.
 *
 * RUN/phone-codes.json, for everyone, without anybody's name:
 *
 *   {"v":1,"machine":"0a0a0a0a","days":1,"today":"2026-11-22","clock":true,
 *    "sticks":[{"reference":"K7Q2MX","challenge":"2AX1-RD73"}],
 *    "answers":[{"ticket":"0123456789abcdef","answer":"opened","reference":"K7Q2MX",
 *                "until":1790000000,"left":5,"wait_s":0}]}
 *
 * "machine" is the beginning of the device's UUID, "today" the day that it takes today for, "clock"
 * whether it can know.  "answer" is opened, wrong, wait (too many were wrong), none (the policy has
 * no codes), clock (nothing with an end opens while nobody knows the time) or full.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_PHONE_CODES_H
#define CARETAKER_CHECK_PHONE_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/ask.h"
#include "agent/proto/phone_code.h"

struct agent;
struct err;
struct json;
struct jsonw;
struct places;
struct policy;

#define PHONE_CODES_FILE "phone-codes.json"
#define PHONE_TRIES 5
#define PHONE_WAIT_S 3600
#define PHONE_STICKS_MAX 32
#define PHONE_PEOPLE_MAX 32
#define PHONE_ANSWERS_MAX 8
#define PHONE_ANSWER_S 600 /* for so long an answer is shown */
#define PHONE_ID 140

/* A stick that a code opened. */
struct phone_stick {
	char id[PHONE_ID];
	unsigned uses;
	char challenge[PHONE_CHALLENGE_LEN + 1]; /* that the last code answered */
	char name[PHONE_SHOWN + 8];              /* "code-2AX1-RD73": as approvals go by an id */
	int64_t at, until;
};
struct phone_person {
	char account[64];
	unsigned tries; /* wrong ones */
	int64_t at;     /* of the last */
};
struct phone_answer {
	char ticket[ASK_TICKET_HEX + 1];
	char answer[8];
	char reference[ASK_REFERENCE];
	int64_t at, until;
	unsigned left;
	int64_t wait_s;
};

struct phone_codes {
	bool begun; /* there is a nonce */
	uint8_t nonce[PHONE_NONCE_SIZE];
	struct phone_stick sticks[PHONE_STICKS_MAX];
	struct phone_person people[PHONE_PEOPLE_MAX];
	struct phone_answer answers[PHONE_ANSWERS_MAX]; /* the newest last */
	unsigned stick_count, person_count, answer_count;
	bool opened; /* in this run: the gate's rules are others now */
};

/* None yet is fine; what is damaged is set aside, and every challenge is another then. */
int phone_codes_load(struct places *places, struct phone_codes *out, struct err *err);
int phone_codes_save(const struct phone_codes *codes, struct places *places, struct err *err);
/* The parser alone.  '*out' is untouched on failure. */
int phone_codes_parse(const char *text, size_t len, struct phone_codes *out, struct err *err);

/* Days for which a code may open, by the policy; 0: there are no codes. */
int64_t phone_codes_days(const struct policy *policy);
/* When a stick that a code opened shuts, as far as the policy lets it last now; 0: it is shut. */
int64_t phone_codes_until(const struct policy *policy, const struct phone_stick *stick);

/* 'account' typed a code; 'devices' are those of RUN/hardware.json, NULL: nothing is plugged in.
 * Answers it, and notes what is to be reported in 'pending'; the caller saves that, then the codes.
 * -1: the try could not be kept, and was not looked at. */
int phone_codes_take(struct agent *agent, const struct ask_code *typed, const char *account,
		     const struct json *devices, struct err *err);
/* Of both files. */
void phone_codes_write_answers(const struct phone_codes *codes, struct jsonw *w);
/* Writes RUN/phone-codes.json anew; without codes to show it is removed. */
int phone_codes_show(struct agent *agent, const struct json *devices, struct err *err);

#endif
