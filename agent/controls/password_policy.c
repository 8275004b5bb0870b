/* What passwords must be, and what happens to who guesses.  (Clause 6.)
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/controls/people.h"
#include "agent/controls/table.h"
#include "agent/policy/policy.h"
#include "platform/accounts.h"

#define DAY_S 86400

/* What cannot be told: the first counts. */
struct unknown {
	char message[256];
};

static void cannot_tell(struct unknown *unknown, const char *message)
{
	if (!*unknown->message)
		(void)text_copy(unknown->message, sizeof(unknown->message), message);
}

static void judge_quality(const struct policy *policy, const struct plat_password_rules *rules,
			  struct jsonw *w, struct control_result *result)
{
	int64_t length = policy_number(policy, POLICY_PASSWORD_POLICY_MIN_LENGTH);
	int64_t classes = policy_number(policy, POLICY_PASSWORD_POLICY_MIN_CLASSES);
	const bool needed[] = {rules->need_lower, rules->need_upper, rules->need_digit,
			       rules->need_other};
	static const char *const words[] = {"lower case", "upper case", "digits",
					    "other characters"};
	struct names missing = {0};
	int count = 0;
	size_t i;

	jsonw_string(w, "checked_by", rules->quality_by[0] ? rules->quality_by : "nothing");
	if (!rules->quality_by[0]) {
		control_say(result, VERDICT_FAIL, "no-quality-check");
		return;
	}
	jsonw_int(w, "min_length", rules->min_length);
	if (rules->min_length < length) {
		jsonw_int(w, "min_length_wanted", length);
		control_say(result, VERDICT_FAIL, "too-short");
	}
	for (i = 0; i < 4; i++) {
		count += needed[i];
		if (!needed[i])
			names_add(&missing, words[i]);
	}
	count = rules->min_classes > count ? rules->min_classes : count;
	jsonw_int(w, "min_classes", count);
	if (count < classes) {
		names_write(&missing, w, "classes_missing");
		control_say(result, VERDICT_FAIL, "no-mix");
	}
	if (!rules->refuse_common && policy_flag(policy, POLICY_PASSWORD_POLICY_REFUSE_COMMON))
		control_say(result, VERDICT_FAIL, "common-words");
}

static void judge_guesses(const struct policy *policy, const struct plat_password_rules *rules,
			  struct jsonw *w, struct control_result *result, struct unknown *unknown)
{
	int64_t most = policy_number(policy, POLICY_PASSWORD_POLICY_LOCKOUT_ATTEMPTS_MAX);
	int64_t least = policy_number(policy, POLICY_PASSWORD_POLICY_LOCKOUT_MIN_SECONDS);

	if (!most)
		return;
	if (!rules->lockout) {
		jsonw_int(w, "guesses_max", most);
		control_say(result, VERDICT_FAIL, "no-guess-limit");
		return;
	}
	if (rules->lockout_tries < 0) {
		cannot_tell(unknown, "how many guesses are allowed is not in PAM's files");
		return;
	}
	jsonw_int(w, "guesses", rules->lockout_tries);
	if (rules->lockout_tries > most) {
		jsonw_int(w, "guesses_max", most);
		control_say(result, VERDICT_FAIL, "many-guesses");
	}
	if (rules->lockout_seconds > 0 && rules->lockout_seconds < least) {
		jsonw_int(w, "lock_s", rules->lockout_seconds);
		jsonw_int(w, "lock_min_s", least);
		control_say(result, VERDICT_FAIL, "lock-short");
	}
}

/* Ages of the passwords there are, how they are stored, and whether new ones will have to be
 * changed. */
static void judge_accounts(const struct control_input *input,
			   const struct plat_password_rules *rules, struct jsonw *w,
			   struct control_result *result, struct unknown *unknown)
{
	int64_t days = policy_number(input->policy, POLICY_PASSWORD_POLICY_MAX_DAYS);
	const struct plat_account *account;
	struct plat_accounts accounts;
	struct err err = {0};
	struct names old = {0}, endless = {0}, weak = {0};
	char name[PEOPLE_NAME_MAX];
	bool unread = false;
	size_t i;

	if (days)
		jsonw_int(w, "max_days", days);
	if (plat_accounts(&accounts, &err) < 0) {
		cannot_tell(unknown, err.msg);
		return;
	}
	for (i = 0; i < accounts.count; i++) {
		account = &accounts.accounts[i];
		if (!account->person ||
		    policy_lists(input->policy, POLICY_PASSWORD_POLICY_LEFT_OUT_ACCOUNTS,
				 account->name))
			continue;
		unread |= account->password == PLAT_PASSWORD_UNKNOWN && account->can_log_in;
		if (account->password != PLAT_PASSWORD_SET)
			continue;
		people_name(input->policy, account->name, account->admin, name);
		if (account->weak_hash)
			names_add(&weak, name);
		if (!days)
			continue;
		if (account->password_changed_at &&
		    input->now - account->password_changed_at > days * DAY_S)
			names_add(&old, name);
		if (account->password_max_days < 0 || account->password_max_days > days)
			names_add(&endless, name);
	}
	plat_accounts_clear(&accounts);
	names_write(&old, w, "old_accounts");
	names_write(&weak, w, "weak_accounts");
	if (weak.count)
		control_say(result, VERDICT_FAIL, "weak-hash");
	if (old.count)
		control_say(result, VERDICT_FAIL, "too-old");
	if (days && (endless.count || rules->max_days < 0 || rules->max_days > days))
		control_say(result, VERDICT_FAIL, "no-expiry");
	if (unread)
		cannot_tell(unknown,
			    "how passwords are stored and how old they are is in /etc/shadow, "
			    "which could not be read");
}

static int run(const struct control_input *input, struct jsonw *evidence,
	       struct control_result *result, struct err *err)
{
	struct plat_password_rules rules;
	struct unknown unknown = {""};

	if (plat_password_rules(&rules, err) < 0)
		return -1;
	if (rules.domain[0]) {
		jsonw_string(evidence, "directory", rules.domain);
		control_say(result, VERDICT_NOT_APPLICABLE, "domain-accounts");
		return 0;
	}
	judge_quality(input->policy, &rules, evidence, result);
	judge_guesses(input->policy, &rules, evidence, result, &unknown);
	judge_accounts(input, &rules, evidence, result, &unknown);
	if (*unknown.message) {
		jsonw_string(evidence, "message", unknown.message);
		control_say(result, VERDICT_UNKNOWN, "cannot-tell");
	}
	control_say(result, VERDICT_PASS, "ok");
	return 0;
}

const struct control control_password_policy = {.id = CONTROL_PASSWORD_POLICY, .run = run};
