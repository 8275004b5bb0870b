/* See phone_codes.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/phone_codes.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/check/agent.h"
#include "agent/check/keystore.h"
#include "agent/controls/people.h"
#include "agent/policy/policy.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

#define SECRETS_MAX (2 * KEYS_MAX) /* our key and its successor, with each online key */
#define SHOWN_MAX 16384
#define SHOWN_STICKS_MAX 32

/* --- what the policy lets ----------------------------------------------------------------------
 */

int64_t phone_codes_days(const struct policy *policy)
{
	int64_t days = policy_number(policy, POLICY_EXCEPTIONS_PHONE_CODE_DAYS);
	int64_t most = policy_number(policy, POLICY_EXCEPTIONS_MAX_DAYS);

	if (!policy_flag(policy, POLICY_EXCEPTIONS_ALLOWED) ||
	    !policy_lists(policy, POLICY_EXCEPTIONS_CONTROLS, "removable-storage"))
		return 0;
	return days < most ? days : most;
}

/* The end of the last day that a code typed at 'at' may reach. */
static int64_t latest(const struct policy *policy, int64_t at)
{
	return plat_local_day_end(plat_local_day(at) + phone_codes_days(policy) - 1);
}

int64_t phone_codes_until(const struct policy *policy, const struct phone_stick *stick)
{
	int64_t most = latest(policy, stick->at);

	if (!phone_codes_days(policy))
		return 0;
	return stick->until < most ? stick->until : most;
}

/* --- sticks that wait --------------------------------------------------------------------------
 */

static const char *text_of(const struct json *object, const char *name)
{
	const char *text = json_string(json_get(object, name));

	return text ? text : "";
}

/* Would an approval open it?  One that has no serial number, or another's, stays shut with one. */
static bool code_helps(const struct policy *policy, const char *why, const char *id)
{
	bool weak = strcmp(why, "weak-serial") == 0 || id[strlen(id) - 1] == ':';

	if (weak) /* refuse, ask */
		return policy_choice(policy, POLICY_REMOVABLE_STORAGE_WEAK_SERIAL) == 1;
	return strcmp(why, "not-approved") == 0 || strcmp(why, "not-allowed") == 0 ||
	       strcmp(why, "approval-ended") == 0 || strcmp(why, "clock-unknown") == 0;
}

/* Its id, NULL when no code is for it. */
static const char *waits(const struct policy *policy, const struct json *device)
{
	const char *id = text_of(device, "id");
	bool may_ask = false;
	struct err err;

	if (json_opt_bool(device, "may_ask", &may_ask, &err) < 0 || !may_ask ||
	    strcmp(text_of(device, "verdict"), "refused") != 0 ||
	    !ask_reference_holds(text_of(device, "reference")))
		return NULL;
	/* As gate_device_id() writes it: one word, and no pattern. */
	if (strlen(id) < 10 || strlen(id) >= PHONE_ID || strpbrk(id, " *?") ||
	    !code_helps(policy, text_of(device, "why"), id))
		return NULL;
	return id;
}

static struct phone_stick *find_stick(struct phone_codes *codes, const char *id)
{
	for (unsigned i = 0; i < codes->stick_count; i++)
		if (strcmp(codes->sticks[i].id, id) == 0)
			return &codes->sticks[i];
	return NULL;
}

static void challenge_of(struct agent *agent, const char *id, char out[PHONE_CHALLENGE_LEN + 1])
{
	const struct phone_stick *stick = find_stick(&agent->codes, id);

	phone_challenge(agent->identity.device, id, agent->codes.nonce, stick ? stick->uses : 0,
			out);
}

static int begin(struct phone_codes *codes, struct err *err)
{
	if (codes->begun)
		return 0;
	if (plat_random(codes->nonce, sizeof(codes->nonce), err) < 0)
		return -1;
	codes->begun = true;
	return 0;
}

/* Room for one more.  What ended is forgotten with its count of uses, so that everything has
 * another challenge then: no code opens a second time. */
static bool make_room(struct agent *agent)
{
	struct phone_codes *codes = &agent->codes;
	unsigned kept = 0;
	struct err err;

	if (codes->stick_count < PHONE_STICKS_MAX)
		return true;
	for (unsigned i = 0; i < codes->stick_count; i++)
		if (codes->sticks[i].until > agent->now)
			codes->sticks[kept++] = codes->sticks[i];
	if (kept == PHONE_STICKS_MAX)
		return false;
	codes->begun = false;
	if (begin(codes, &err) < 0)
		return false;
	codes->stick_count = kept;
	return true;
}

/* --- tries -------------------------------------------------------------------------------------
 */

static bool rested(const struct phone_person *person, int64_t now)
{
	return now >= person->at + PHONE_WAIT_S;
}

/* Whose tries are counted where; with more people than that, those who rested leave first.  NULL:
 * all of them wait, and so does this one. */
static struct phone_person *find_person(struct agent *agent, const char *account)
{
	struct phone_codes *codes = &agent->codes;
	struct phone_person *person = NULL;

	for (unsigned i = 0; i < codes->person_count; i++)
		if (strcmp(codes->people[i].account, account) == 0)
			person = &codes->people[i];
	for (unsigned i = 0; !person && i < codes->person_count; i++)
		if (codes->person_count == PHONE_PEOPLE_MAX &&
		    rested(&codes->people[i], agent->now))
			person = &codes->people[i];
	if (!person && codes->person_count < PHONE_PEOPLE_MAX)
		person = &codes->people[codes->person_count++];
	if (!person)
		return NULL;
	/* A clock that was put right must not make anybody wait for years. */
	if (person->at > agent->now)
		person->at = agent->now;
	if (strcmp(person->account, account) != 0 || rested(person, agent->now)) {
		memset(person, 0, sizeof(*person));
		(void)text_copy(person->account, sizeof(person->account), account);
	}
	return person;
}

static struct phone_answer *answer(struct agent *agent, const struct ask_code *typed,
				   const char *word)
{
	struct phone_codes *codes = &agent->codes;
	struct phone_answer *to;

	if (codes->answer_count == PHONE_ANSWERS_MAX)
		memmove(codes->answers, codes->answers + 1,
			--codes->answer_count * sizeof(codes->answers[0]));
	to = &codes->answers[codes->answer_count++];
	memset(to, 0, sizeof(*to));
	memcpy(to->ticket, typed->ticket, sizeof(to->ticket));
	(void)text_copy(to->answer, sizeof(to->answer), word);
	to->at = agent->now;
	return to;
}

/* --- events ------------------------------------------------------------------------------------
 */

static void copy_text(const struct json *from, const char *name, size_t max, struct jsonw *w)
{
	const char *text = text_of(from, name);
	char clean[200];

	if (!*text)
		return;
	text_clean(clean, max < sizeof(clean) ? max + 1 : sizeof(clean), text, strlen(text));
	jsonw_string(w, name, clean);
}

static void add_event(struct agent *agent, const char *type, struct jsonw *w, struct buf *data,
		      const char *account)
{
	char name[PEOPLE_NAME_MAX];
	struct err err;

	people_name(agent->trust.policy, account, false, name);
	jsonw_string(w, "user", name);
	jsonw_object_end(w);
	if (buf_check(data, &err) == 0)
		pending_add(&agent->pending, type, agent->now, data->data, data->len);
}

static void tell_opened(struct agent *agent, const struct phone_stick *stick,
			const struct json *device, const char *account)
{
	char shown[PHONE_SHOWN];
	struct jsonw w;
	struct buf data;

	buf_init(&data, HEARTBEAT_MAX_EVENT);
	jsonw_init(&w, &data);
	jsonw_object(&w, NULL);
	phone_text_show(stick->challenge, shown);
	jsonw_string(&w, "challenge", shown);
	copy_text(device, "reference", 16, &w);
	copy_text(device, "id", 138, &w);
	copy_text(device, "kind", 16, &w);
	copy_text(device, "maker", 64, &w);
	copy_text(device, "model", 64, &w);
	jsonw_int(&w, "until", stick->until);
	add_event(agent, "phone-code-used", &w, &data, account);
	buf_clear(&data);
}

static void tell_refused(struct agent *agent, bool last, const char *account)
{
	struct jsonw w;
	struct buf data;

	buf_init(&data, HEARTBEAT_MAX_EVENT);
	jsonw_init(&w, &data);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "why", last ? "too-many" : "wrong");
	add_event(agent, "phone-code-refused", &w, &data, account);
	buf_clear(&data);
}

/* --- a code ------------------------------------------------------------------------------------
 */

struct secrets {
	uint8_t items[SECRETS_MAX][CRYPTO_HASH_SIZE];
	unsigned count;
};

static void agree(const struct agent *agent, struct secrets *out)
{
	const struct crypto_signer *own[] = {keystore_current(agent->keys),
					     keystore_next(agent->keys)};
	const struct keys *keys = agent->trust.keys;
	struct err err;

	out->count = 0;
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned k = 0; own[i] && keys && k < keys->online_count; k++) {
			if (phone_secret(own[i], keys->online[k], agent->identity.device,
					 out->items[out->count], &err) == 0)
				out->count++;
			else
				log_error("a code cannot be held against one of the keys: %s",
					  err.msg);
		}
	}
}

static bool holds(const struct secrets *secrets, const char *challenge, const char *code,
		  int64_t today, int64_t *out_day)
{
	for (unsigned i = 0; i < secrets->count; i++)
		if (phone_code_holds(secrets->items[i], challenge, code, today, out_day))
			return true;
	return false;
}

/* The stick that waits for this code. */
static const struct json *find_device(struct agent *agent, const struct secrets *secrets,
				      const struct json *devices, const char *code,
				      int64_t *out_day)
{
	int64_t today = plat_local_day(agent->now);
	char challenge[PHONE_CHALLENGE_LEN + 1];

	for (const struct json *d = devices ? json_first(devices) : NULL; d; d = json_next(d)) {
		const char *id = waits(agent->trust.policy, d);

		if (!id)
			continue;
		challenge_of(agent, id, challenge);
		if (holds(secrets, challenge, code, today, out_day))
			return d;
	}
	return NULL;
}

/* Typed once more: it stays open as it is. */
static const struct phone_stick *find_open(const struct agent *agent, const struct secrets *secrets,
					   const char *code)
{
	const struct phone_codes *codes = &agent->codes;
	int64_t today = plat_local_day(agent->now), day;

	for (unsigned i = 0; i < codes->stick_count; i++)
		if (codes->sticks[i].until > agent->now &&
		    holds(secrets, codes->sticks[i].challenge, code, today, &day))
			return &codes->sticks[i];
	return NULL;
}

/* NULL: no room. */
static struct phone_stick *open_stick(struct agent *agent, const struct json *device, int64_t day)
{
	const char *id = text_of(device, "id");
	int64_t until = plat_local_day_end(day), most = latest(agent->trust.policy, agent->now);
	struct phone_stick *stick;
	char challenge[PHONE_CHALLENGE_LEN + 1], shown[PHONE_SHOWN];

	challenge_of(agent, id, challenge); /* before room is made, which changes it */
	stick = find_stick(&agent->codes, id);
	if (!stick) {
		if (!make_room(agent))
			return NULL;
		stick = &agent->codes.sticks[agent->codes.stick_count++];
		memset(stick, 0, sizeof(*stick));
		(void)text_copy(stick->id, sizeof(stick->id), id);
	}
	memcpy(stick->challenge, challenge, sizeof(stick->challenge));
	phone_text_show(challenge, shown);
	snprintf(stick->name, sizeof(stick->name), "code-%s", shown);
	stick->uses++;
	stick->at = agent->now;
	stick->until = until < most ? until : most;
	agent->codes.opened = true;
	return stick;
}

static void answer_opened(struct agent *agent, const struct ask_code *typed,
			  const struct phone_stick *stick, const char *reference)
{
	struct phone_answer *said = answer(agent, typed, "opened");

	(void)text_copy(said->reference, sizeof(said->reference), reference);
	said->until = stick->until;
	said->left = PHONE_TRIES;
}

/* The try is counted. */
static void judge(struct agent *agent, struct phone_person *person, const struct ask_code *typed,
		  const struct json *devices)
{
	const struct phone_stick *stick;
	const struct json *device;
	struct secrets secrets;
	struct phone_answer *said;
	int64_t day = 0;

	agree(agent, &secrets);
	device = find_device(agent, &secrets, devices, typed->code, &day);
	stick = device ? open_stick(agent, device, day) : find_open(agent, &secrets, typed->code);
	crypto_wipe(&secrets, sizeof(secrets));
	if (stick) {
		if (device)
			tell_opened(agent, stick, device, person->account);
		answer_opened(agent, typed, stick, device ? text_of(device, "reference") : "");
		person->tries = device ? 0 : person->tries - 1;
	} else if (device) {
		(void)answer(agent, typed, "full");
		person->tries--;
	} else {
		tell_refused(agent, person->tries == PHONE_TRIES, person->account);
		said = answer(agent, typed, "wrong");
		said->left = PHONE_TRIES - person->tries;
		said->wait_s = said->left ? 0 : PHONE_WAIT_S;
	}
}

int phone_codes_take(struct agent *agent, const struct ask_code *typed, const char *account,
		     const struct json *devices, struct err *err)
{
	struct phone_codes *codes = &agent->codes;
	struct phone_person *person;

	if (!agent_enrolled(agent) || !phone_codes_days(agent->trust.policy)) {
		(void)answer(agent, typed, "none");
		return 0;
	}
	if (!clock_known(&agent->state.clock, &agent->clock)) {
		(void)answer(agent, typed, "clock");
		return 0;
	}
	person = find_person(agent, account);
	if (!person || person->tries >= PHONE_TRIES) {
		struct phone_answer *said = answer(agent, typed, "wait");

		said->wait_s = person ? person->at + PHONE_WAIT_S - agent->now : PHONE_WAIT_S;
		return 0;
	}
	person->tries++;
	person->at = agent->now;
	if (begin(codes, err) < 0 || phone_codes_save(codes, &agent->places, err) < 0)
		return -1;
	judge(agent, person, typed, devices);
	return 0;
}

/* --- what everyone sees ------------------------------------------------------------------------
 */

static void write_sticks(struct agent *agent, const struct json *devices, struct jsonw *w)
{
	char challenge[PHONE_CHALLENGE_LEN + 1], shown[PHONE_SHOWN];
	unsigned count = 0;

	jsonw_array(w, "sticks");
	for (const struct json *d = devices ? json_first(devices) : NULL;
	     d && count < SHOWN_STICKS_MAX; d = json_next(d)) {
		const char *id = waits(agent->trust.policy, d);

		if (!id)
			continue;
		challenge_of(agent, id, challenge);
		phone_text_show(challenge, shown);
		jsonw_object(w, NULL);
		jsonw_string(w, "reference", text_of(d, "reference"));
		jsonw_string(w, "challenge", shown);
		jsonw_object_end(w);
		count++;
	}
	jsonw_array_end(w);
}

static int write_shown(struct agent *agent, const struct json *devices, const char *path,
		       struct err *err)
{
	char machine[9], today[TEXT_TIME_SIZE];
	struct jsonw w;
	struct buf out;
	int ret = -1;

	snprintf(machine, sizeof(machine), "%.8s", agent->identity.device);
	text_time(today, plat_local_day(agent->now) * 86400);
	today[10] = '\0';
	buf_init(&out, SHOWN_MAX);
	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "machine", machine);
	jsonw_int(&w, "days", agent_enrolled(agent) ? phone_codes_days(agent->trust.policy) : 0);
	jsonw_string(&w, "today", today);
	jsonw_bool(&w, "clock", clock_known(&agent->state.clock, &agent->clock));
	write_sticks(agent, devices, &w);
	phone_codes_write_answers(&agent->codes, &w);
	jsonw_object_end(&w);
	if (buf_check(&out, err) == 0)
		ret = plat_file_replace(path, out.data, out.len, PLAT_FILE_PUBLIC, err);
	buf_clear(&out);
	return ret;
}

static void drop_answers(struct agent *agent)
{
	struct phone_codes *codes = &agent->codes;
	unsigned kept = 0;

	for (unsigned i = 0; i < codes->answer_count; i++)
		if (agent->now >= codes->answers[i].at &&
		    agent->now - codes->answers[i].at < PHONE_ANSWER_S)
			codes->answers[kept++] = codes->answers[i];
	codes->answer_count = kept;
}

int phone_codes_show(struct agent *agent, const struct json *devices, struct err *err)
{
	bool any = agent_enrolled(agent) && phone_codes_days(agent->trust.policy) > 0;
	bool first = any && !agent->codes.begun;
	char path[PLACES_PATH];

	drop_answers(agent);

	places_path(agent->places.run, PHONE_CODES_FILE, path);
	if (!any)
		devices = NULL;
	if (!any && !agent->codes.answer_count)
		return plat_file_remove(path, err);
	/* What is shown must still be so when the code comes. */
	if (first && (begin(&agent->codes, err) < 0 ||
		      phone_codes_save(&agent->codes, &agent->places, err) < 0))
		return -1;
	return write_shown(agent, devices, path, err);
}
