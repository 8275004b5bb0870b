/* Does everyone use their own account, and is nobody an administrator but whom the policy names?
 * (Clauses 4, 5, 34, 42.)
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/accounts.h"

#include <string.h>

#include "agent/base/text.h"
#include "agent/controls/people.h"
#include "agent/controls/table.h"
#include "agent/policy/policy.h"

struct found {
	struct names extra, empty, shared, not_allowed, duplicates, leavers, logged_on;
	size_t people, administrators;
	bool passwords_unknown;
};

static void add_person(const struct policy *policy, const struct plat_account *account,
		       struct names *names)
{
	char name[PEOPLE_NAME_MAX];

	/* root is nobody's name */
	if (account->super && !strcmp(account->name, "root"))
		names_add(names, "root");
	else {
		people_name(policy, account->name, account->admin, name);
		names_add(names, name);
	}
}

/* An exception for a person is for being an administrator or being here, never for an account
 * without a password, a second root or one that should be gone. */
static void add_unless_excepted(const struct control_input *input, struct control_result *result,
				const struct plat_account *account, struct names *names)
{
	char name[PEOPLE_NAME_MAX];

	people_name(input->policy, account->name, account->admin, name);
	if (!control_excepts(input, result, account->name, name))
		add_person(input->policy, account, names);
}

static void judge_account(const struct control_input *input, const struct plat_account *account,
			  struct found *found, struct control_result *result)
{
	const struct policy *policy = input->policy;
	bool named = policy_lists(policy, POLICY_ACCOUNTS_ADMINISTRATORS, account->name);

	found->people += account->person && account->can_log_in;
	found->administrators += account->admin;
	if (account->admin && !named)
		add_unless_excepted(input, result, account, &found->extra);
	if (account->super && strcmp(account->name, "root") != 0 && !named)
		add_person(policy, account, &found->duplicates);
	if (account->password == PLAT_PASSWORD_NONE && account->can_log_in &&
	    !policy_flag(policy, POLICY_ACCOUNTS_EMPTY_PASSWORDS_ALLOWED))
		add_person(policy, account, &found->empty);
	found->passwords_unknown |=
		account->password == PLAT_PASSWORD_UNKNOWN && account->can_log_in;
	if (policy_lists(policy, POLICY_ACCOUNTS_DISABLED_ACCOUNTS, account->name) &&
	    account->can_log_in && account->password != PLAT_PASSWORD_LOCKED)
		add_person(policy, account, &found->leavers);
	if (!account->person || !account->can_log_in)
		return;
	if (policy_lists(policy, POLICY_ACCOUNTS_SHARED_ACCOUNT_NAMES, account->name) &&
	    !policy_lists(policy, POLICY_ACCOUNTS_CLASS_ACCOUNTS, account->name))
		/* no person's name, that is the point */
		if (!control_excepts(input, result, account->name, account->name))
			names_add(&found->shared, account->name);
	if (!policy_lists(policy, POLICY_ACCOUNTS_ALLOWED_ACCOUNTS, account->name))
		add_unless_excepted(input, result, account, &found->not_allowed);
}

/* Accounts of a directory are not in the list, but who is logged on is. */
static void judge_logons(const struct control_input *input, const struct plat_accounts *accounts,
			 struct found *found, struct control_result *result)
{
	const struct policy *policy = input->policy;
	const struct plat_logon *logon;
	char name[PEOPLE_NAME_MAX];
	bool class_account;
	size_t i;

	for (i = 0; i < accounts->logon_count; i++) {
		logon = &accounts->logons[i];
		class_account = policy_lists(policy, POLICY_ACCOUNTS_CLASS_ACCOUNTS, logon->name);
		people_name(policy, logon->name, false, name);
		if (strcmp(logon->name, "root") != 0 &&
		    !policy_lists(policy, POLICY_ACCOUNTS_ALLOWED_ACCOUNTS, logon->name) &&
		    !control_excepts(input, result, logon->name, name))
			names_add(&found->not_allowed, name);
		if (policy_flag(policy, POLICY_ACCOUNTS_ONE_COMPUTER) && !class_account &&
		    !people_is_pupil(policy, logon->name, false))
			names_add(&found->logged_on, name);
	}
}

static void judge_log_ins(const struct policy *policy, const struct plat_accounts *accounts,
			  struct jsonw *w, struct control_result *result)
{
	struct names users = {0}, programs = {0};
	char name[PEOPLE_NAME_MAX];
	size_t i;

	if (accounts->guest_by[0] && !policy_flag(policy, POLICY_ACCOUNTS_GUEST_ALLOWED)) {
		names_add(&programs, accounts->guest_by);
		control_say(result, VERDICT_FAIL, "guest");
	}
	for (i = 0; i < accounts->auto_login_count; i++) {
		if (policy_flag(policy, POLICY_ACCOUNTS_AUTOMATIC_LOGIN_ALLOWED) ||
		    policy_lists(policy, POLICY_ACCOUNTS_LEFT_OUT_ACCOUNTS,
				 accounts->auto_logins[i].user))
			continue;
		if (!strcmp(accounts->auto_logins[i].user, "root"))
			(void)text_copy(name, sizeof(name), "root");
		else
			people_name(policy, accounts->auto_logins[i].user, false, name);
		names_add(&users, name);
		names_add(&programs, accounts->auto_logins[i].program);
	}
	if (users.count)
		control_say(result, VERDICT_FAIL, "auto-login");
	names_write(&users, w, "auto_login");
	names_write(&programs, w, "manager");
}

static void say(const struct found *found, struct jsonw *w, struct control_result *result)
{
	if (found->empty.count)
		control_say(result, VERDICT_FAIL, "empty-password");
	if (found->duplicates.count)
		control_say(result, VERDICT_FAIL, "duplicate-uid");
	if (found->extra.count)
		control_say(result, VERDICT_FAIL, "extra-administrators");
	if (found->leavers.count)
		control_say(result, VERDICT_FAIL, "leaver");
	if (found->shared.count)
		control_say(result, VERDICT_FAIL, "shared-account");
	if (found->not_allowed.count)
		control_say(result, VERDICT_FAIL, "not-allowed-here");
	if (found->passwords_unknown) {
		jsonw_string(w, "message",
			     "whether accounts have a password is in /etc/shadow, "
			     "which only root reads");
		control_say(result, VERDICT_UNKNOWN, "cannot-tell");
	}
	control_say(result, VERDICT_PASS, "ok");
}

static int run(const struct control_input *input, struct jsonw *evidence,
	       struct control_result *result, struct err *err)
{
	const struct policy *policy = input->policy;
	struct plat_accounts accounts;
	struct found found = {0};
	size_t i;

	if (plat_accounts(&accounts, err) < 0)
		return -1;
	for (i = 0; i < accounts.count; i++)
		if (!policy_lists(policy, POLICY_ACCOUNTS_LEFT_OUT_ACCOUNTS,
				  accounts.accounts[i].name))
			judge_account(input, &accounts.accounts[i], &found, result);
	judge_logons(input, &accounts, &found, result);
	jsonw_int(evidence, "people", (int64_t)found.people);
	jsonw_int(evidence, "administrators", (int64_t)found.administrators);
	if (accounts.logons_known)
		jsonw_int(evidence, "logged_on", (int64_t)accounts.logon_count);
	if (accounts.domain[0])
		jsonw_string(evidence, "directory", accounts.domain);
	judge_log_ins(policy, &accounts, evidence, result);
	plat_accounts_clear(&accounts);
	names_write(&found.extra, evidence, "extra_administrators");
	names_write(&found.empty, evidence, "empty_passwords");
	names_write(&found.shared, evidence, "shared");
	names_write(&found.not_allowed, evidence, "not_allowed");
	names_write(&found.duplicates, evidence, "duplicates");
	names_write(&found.leavers, evidence, "leavers");
	names_write(&found.logged_on, evidence, "logged_on_as");
	say(&found, evidence, result);
	return 0;
}

const struct control control_accounts = {.id = CONTROL_ACCOUNTS, .run = run};
