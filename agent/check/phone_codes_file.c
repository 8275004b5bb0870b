/* STATE/phone-codes.json.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/phone_codes.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/check/places.h"
#include "agent/proto/member.h"

#include <stdio.h>
#include <string.h>

#define FILE_MAX (64 * 1024)

/* --- writing --------------------------------------------------------------------------------- */

static void write_sticks(const struct phone_codes *codes, struct jsonw *w)
{
	jsonw_array(w, "sticks");
	for (unsigned i = 0; i < codes->stick_count; i++) {
		const struct phone_stick *stick = &codes->sticks[i];

		jsonw_object(w, NULL);
		jsonw_string(w, "id", stick->id);
		jsonw_int(w, "uses", stick->uses);
		jsonw_string(w, "challenge", stick->challenge);
		jsonw_int(w, "at", stick->at);
		jsonw_int(w, "until", stick->until);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void write_people(const struct phone_codes *codes, struct jsonw *w)
{
	jsonw_array(w, "people");
	for (unsigned i = 0; i < codes->person_count; i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "account", codes->people[i].account);
		jsonw_int(w, "tries", codes->people[i].tries);
		jsonw_int(w, "at", codes->people[i].at);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

void phone_codes_write_answers(const struct phone_codes *codes, struct jsonw *w)
{
	jsonw_array(w, "answers");
	for (unsigned i = 0; i < codes->answer_count; i++) {
		const struct phone_answer *said = &codes->answers[i];

		jsonw_object(w, NULL);
		jsonw_string(w, "ticket", said->ticket);
		jsonw_string(w, "answer", said->answer);
		jsonw_string(w, "reference", said->reference);
		jsonw_int(w, "at", said->at);
		jsonw_int(w, "until", said->until);
		jsonw_int(w, "left", said->left);
		jsonw_int(w, "wait_s", said->wait_s);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

int phone_codes_save(const struct phone_codes *codes, struct places *places, struct err *err)
{
	char nonce[2 * PHONE_NONCE_SIZE + 1];
	struct jsonw w;
	struct buf out;
	int ret = -1;

	text_hex(nonce, codes->nonce, sizeof(codes->nonce));
	buf_init(&out, FILE_MAX);
	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "nonce", codes->begun ? nonce : "");
	write_sticks(codes, &w);
	write_people(codes, &w);
	phone_codes_write_answers(codes, &w);
	jsonw_object_end(&w);
	if (buf_check(&out, err) == 0)
		ret = places_write(places, PHONE_CODES_FILE, out.data, out.len, err);
	crypto_buf_clear(&out);
	return ret;
}

/* --- reading --------------------------------------------------------------------------------- */

static int read_stick(const struct json *from, struct phone_stick *out, struct err *err)
{
	char plain[PHONE_CHALLENGE_LEN + 1], shown[PHONE_SHOWN];
	int64_t uses;

	if (member_text(from, "id", out->id, sizeof(out->id), err) < 0 ||
	    json_get_int(from, "uses", 0, INT32_MAX, &uses, err) < 0 ||
	    member_text(from, "challenge", out->challenge, sizeof(out->challenge), err) < 0 ||
	    phone_text_read(out->challenge, PHONE_CHALLENGE_LEN, plain, err) < 0 ||
	    json_get_int(from, "at", -MEMBER_INT_MAX, MEMBER_INT_MAX, &out->at, err) < 0 ||
	    json_get_int(from, "until", -MEMBER_INT_MAX, MEMBER_INT_MAX, &out->until, err) < 0)
		return -1;
	out->uses = (unsigned)uses;
	phone_text_show(out->challenge, shown);
	snprintf(out->name, sizeof(out->name), "code-%s", shown);
	return 0;
}

static int read_person(const struct json *from, struct phone_person *out, struct err *err)
{
	int64_t tries;

	if (member_text(from, "account", out->account, sizeof(out->account), err) < 0 ||
	    json_get_int(from, "tries", 0, PHONE_TRIES, &tries, err) < 0 ||
	    json_get_int(from, "at", -MEMBER_INT_MAX, MEMBER_INT_MAX, &out->at, err) < 0)
		return -1;
	out->tries = (unsigned)tries;
	return 0;
}

static int read_answer(const struct json *from, struct phone_answer *out, struct err *err)
{
	int64_t left;

	if (member_text(from, "ticket", out->ticket, sizeof(out->ticket), err) < 0 ||
	    member_text(from, "answer", out->answer, sizeof(out->answer), err) < 0 ||
	    member_text(from, "reference", out->reference, sizeof(out->reference), err) < 0 ||
	    json_get_int(from, "at", -MEMBER_INT_MAX, MEMBER_INT_MAX, &out->at, err) < 0 ||
	    json_get_int(from, "until", -MEMBER_INT_MAX, MEMBER_INT_MAX, &out->until, err) < 0 ||
	    json_get_int(from, "left", 0, PHONE_TRIES, &left, err) < 0 ||
	    json_get_int(from, "wait_s", 0, PHONE_WAIT_S, &out->wait_s, err) < 0)
		return -1;
	out->left = (unsigned)left;
	return 0;
}

static int read_root(const struct json *root, struct phone_codes *out, struct err *err)
{
	const struct json *sticks, *people, *answers;
	const char *nonce;

	if (!json_is_object(root))
		return err_set(err, ERR_INVALID, "expected an object");
	if (member_version(root, err) < 0 ||
	    json_get_string(root, "nonce", 2 * PHONE_NONCE_SIZE, &nonce, err) < 0 ||
	    json_get_array(root, "sticks", PHONE_STICKS_MAX, &sticks, err) < 0 ||
	    json_get_array(root, "people", PHONE_PEOPLE_MAX, &people, err) < 0 ||
	    json_get_array(root, "answers", PHONE_ANSWERS_MAX, &answers, err) < 0)
		return -1;
	out->begun = *nonce;
	if (*nonce && text_hex_decode(nonce, out->nonce, sizeof(out->nonce)) < 0)
		return err_set(err, ERR_INVALID, "member 'nonce': expected %d bytes as hex",
			       PHONE_NONCE_SIZE);
	for (const struct json *s = json_first(sticks); s; s = json_next(s))
		if (read_stick(s, &out->sticks[out->stick_count++], err) < 0)
			return -1;
	for (const struct json *p = json_first(people); p; p = json_next(p))
		if (read_person(p, &out->people[out->person_count++], err) < 0)
			return -1;
	for (const struct json *a = json_first(answers); a; a = json_next(a))
		if (read_answer(a, &out->answers[out->answer_count++], err) < 0)
			return -1;
	return 0;
}

int phone_codes_parse(const char *text, size_t len, struct phone_codes *out, struct err *err)
{
	struct phone_codes codes;
	struct json *root = NULL;
	int ret;

	memset(&codes, 0, sizeof(codes));
	ret = json_parse(text, len, &root, err);
	if (ret == 0)
		ret = read_root(root, &codes, err);
	if (ret == 0)
		*out = codes;
	json_free(root);
	return ret;
}

int phone_codes_load(struct places *places, struct phone_codes *out, struct err *err)
{
	struct buf text;
	int ret;

	memset(out, 0, sizeof(*out));
	buf_init(&text, FILE_MAX + 1);
	ret = places_read(places, PHONE_CODES_FILE, FILE_MAX, &text, err);
	if (ret == 0)
		ret = phone_codes_parse(buf_text(&text), text.len, out, err);
	crypto_buf_clear(&text);
	if (ret == 0 || err->code == ERR_NOTFOUND)
		return 0;
	if (err->code != ERR_INVALID && err->code != ERR_UNSUPPORTED)
		return -1;
	log_error("'%s' is damaged and set aside; codes that were read out hold no longer: %s",
		  PHONE_CODES_FILE, err->msg);
	return places_set_aside(places, PHONE_CODES_FILE, PHONE_CODES_FILE ".damaged", err);
}
