/* Can somebody elsewhere use this machine, where the school did not set it up?  (Clause 22.)
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/controls/people.h"
#include "agent/controls/table.h"
#include "agent/policy/policy.h"
#include "platform/network.h"

struct found {
	struct names running, installed, allowed;
};

/* Made to be reached from anywhere through their maker: there is no reason to have one unused.  Of
 * the others a package that is installed and switched off does nothing. */
static bool for_outside(const char *product)
{
	static const char *const products[] = {
		"anydesk",     "teamviewer",           "rustdesk", "splashtop", "dwservice",
		"meshcentral", "chrome-remote-desktop"};
	size_t i;

	for (i = 0; i < sizeof(products) / sizeof(*products); i++)
		if (!strcmp(products[i], product))
			return true;
	return false;
}

static void judge_ssh(const struct control_input *input, const struct plat_remote *ssh,
		      struct jsonw *w, struct control_result *result)
{
	const struct policy *policy = input->policy;
	static const char *const words[] = {"unknown", "no", "with a key", "with a password"};

	jsonw_string(w, "ssh_root", words[ssh->root_login]);
	if (ssh->password_login >= 0)
		jsonw_bool(w, "ssh_passwords", ssh->password_login > 0);
	if (ssh->root_login == PLAT_ROOT_LOGIN_YES &&
	    !policy_flag(policy, POLICY_REMOTE_ACCESS_SSH_ROOT_ALLOWED) &&
	    !control_excepts(input, result, "root-login", "root-login"))
		control_say(result, VERDICT_FAIL, "root-login");
	if (policy_flag(policy, POLICY_REMOTE_ACCESS_SSH_PASSWORDS_ALLOWED))
		return;
	if (ssh->password_login > 0) {
		if (!control_excepts(input, result, "password-login", "password-login"))
			control_say(result, VERDICT_FAIL, "password-login");
	} else if (ssh->password_login < 0) {
		jsonw_string(w, "message", "/etc/ssh/sshd_config cannot be read");
		control_say(result, VERDICT_UNKNOWN, "cannot-tell");
	}
}

/* An exception lets ssh run; how it may be used stays the policy's. */
static void judge(const struct control_input *input, const struct plat_remote *remote,
		  struct found *found, struct jsonw *w, struct control_result *result)
{
	bool listed = policy_lists(input->policy, POLICY_REMOTE_ACCESS_ALLOWED, remote->product);
	bool on = remote->running || remote->at_boot;

	if (listed || ((on || for_outside(remote->product)) &&
		       control_excepts(input, result, remote->product, remote->product))) {
		if (listed)
			names_add(&found->allowed, remote->product);
		if (on && !strcmp(remote->product, "ssh"))
			judge_ssh(input, remote, w, result);
	} else if (on) {
		names_add(&found->running, remote->product);
	} else if (for_outside(remote->product)) {
		names_add(&found->installed, remote->product);
	}
}

static int run(const struct control_input *input, struct jsonw *evidence,
	       struct control_result *result, struct err *err)
{
	struct plat_remotes remotes;
	struct found found = {0};
	size_t i;

	if (plat_remotes(&remotes, err) < 0)
		return -1;
	for (i = 0; i < remotes.count; i++)
		judge(input, &remotes.items[i], &found, evidence, result);
	plat_remotes_clear(&remotes);
	names_write(&found.running, evidence, "running");
	names_write(&found.installed, evidence, "installed");
	names_write(&found.allowed, evidence, "allowed");
	if (found.running.count)
		control_say(result, VERDICT_FAIL, "not-allowed");
	if (found.installed.count)
		control_say(result, VERDICT_FAIL, "installed");
	control_say(result, VERDICT_PASS, "ok");
	return 0;
}

const struct control control_remote_access = {.id = CONTROL_REMOTE_ACCESS, .run = run};
