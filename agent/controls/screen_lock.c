/* Does every desktop lock its screen by itself, in time, for everyone?  As configured: whether it
 * did lock is observed by the session helper.  (Clauses 1, 19.)
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/controls/table.h"
#include "agent/policy/policy.h"
#include "platform/accounts.h"

/* The first desktop of which something is wrong is the one that the sentence names. */
struct telling {
	const struct plat_screen_lock *lock;
	const char *why;
};

static const char *judge(const struct policy *policy, const struct plat_screen_lock *lock)
{
	int64_t idle = policy_number(policy, POLICY_SCREEN_LOCK_IDLE_MAX_SECONDS);
	int64_t delay = policy_number(policy, POLICY_SCREEN_LOCK_LOCK_DELAY_MAX_SECONDS);

	if (!lock->idle_seconds)
		return "no-lock";
	if (!lock->enabled || lock->delay_seconds < 0)
		return policy_flag(policy, POLICY_SCREEN_LOCK_PASSCODE_REQUIRED) ? "no-passcode"
										 : NULL;
	if (lock->idle_seconds > idle)
		return "locks-late";
	if (lock->delay_seconds > delay)
		return "delay-long";
	if (lock->wakes_unlocked && policy_flag(policy, POLICY_SCREEN_LOCK_LOCK_ON_SUSPEND))
		return "not-on-suspend";
	if (!lock->fixed && !policy_flag(policy, POLICY_SCREEN_LOCK_USER_MAY_CHANGE))
		return "user-may-change";
	return NULL;
}

static void write_lock(struct jsonw *w, const struct plat_screen_lock *lock)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "name", lock->desktop);
	jsonw_bool(w, "enabled", lock->enabled);
	jsonw_int(w, "idle_s", lock->idle_seconds);
	if (lock->delay_seconds >= 0)
		jsonw_int(w, "delay_s", lock->delay_seconds);
	if (lock->wakes_unlocked)
		jsonw_bool(w, "wakes_unlocked", true);
	jsonw_bool(w, "fixed", lock->fixed);
	if (lock->open_setting[0])
		jsonw_string(w, "open", lock->open_setting);
	jsonw_object_end(w);
}

static void write_telling(const struct policy *policy, const struct telling *telling,
			  struct jsonw *w)
{
	jsonw_string(w, "desktop", telling->lock->desktop);
	if (!strcmp(telling->why, "locks-late")) {
		jsonw_int(w, "idle_s", telling->lock->idle_seconds);
		jsonw_int(w, "idle_max_s",
			  policy_number(policy, POLICY_SCREEN_LOCK_IDLE_MAX_SECONDS));
	} else if (!strcmp(telling->why, "delay-long")) {
		jsonw_int(w, "delay_s", telling->lock->delay_seconds);
		jsonw_int(w, "delay_max_s",
			  policy_number(policy, POLICY_SCREEN_LOCK_LOCK_DELAY_MAX_SECONDS));
	}
}

static int run(const struct control_input *input, struct jsonw *evidence,
	       struct control_result *result, struct err *err)
{
	struct plat_screen_locks locks;
	struct telling telling = {NULL, NULL};
	const char *why;
	size_t i;

	if (plat_screen_locks(&locks, err) < 0)
		return -1;
	if (!locks.count && !locks.unread[0]) {
		control_say(result, VERDICT_NOT_APPLICABLE, "no-desktop");
		return 0;
	}
	jsonw_array(evidence, "desktops");
	for (i = 0; i < locks.count; i++) {
		write_lock(evidence, &locks.items[i]);
		if (!strcmp(locks.items[i].desktop, "logind"))
			continue; /* asks the desktops to lock: theirs is what counts */
		why = judge(input->policy, &locks.items[i]);
		if (why && !telling.why)
			telling = (struct telling){&locks.items[i], why};
	}
	jsonw_array_end(evidence);
	if (telling.why) {
		write_telling(input->policy, &telling, evidence);
		control_say(result, VERDICT_FAIL, telling.why);
	} else if (locks.unread[0]) {
		jsonw_string(evidence, "desktop", locks.unread);
		control_say(result, VERDICT_UNKNOWN, "desktop-not-known");
	}
	control_say(result, VERDICT_PASS, "ok");
	return 0;
}

const struct control control_screen_lock = {.id = CONTROL_SCREEN_LOCK, .run = run};
