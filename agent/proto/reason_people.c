/* Sentences for controls about people, sessions and accounts: see reason_tables.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/reason_tables.h"

#include <stddef.h>

const struct reason reason_screen_lock[] = {
	{"no-lock", "The screen of {desktop} does not lock by itself.",
	 "Switch the automatic lock on, and lock the setting so that people cannot change it."},
	{"locks-late",
	 "The screen locks after {idle_s:duration}; the policy asks for {idle_max_s:duration} at "
	 "most.",
	 "Set the idle delay of {desktop} to {idle_max_s:duration} or less."},
	{"delay-long",
	 "The screen goes blank but locks only {delay_s:duration} later; the policy asks for "
	 "{delay_max_s:duration} at most.",
	 "Set the lock delay of {desktop} to {delay_max_s:duration} or less."},
	{"no-passcode", "Unlocking the screen takes no password.",
	 "Require a password to unlock, and give accounts without one a password."},
	{"not-on-suspend", "The machine wakes up unlocked.",
	 "Switch on locking at suspend for {desktop}."},
	{"user-may-change", "People can switch the screen lock off for themselves.",
	 "Lock the setting for everyone (for GNOME: a dconf lock)."},
	{"no-desktop", "This machine has no desktop whose screen could be locked.",
	 "Nothing to do."},
	{"desktop-not-known", "Caretaker does not know how {desktop} locks its screen.",
	 "Check by hand that the screen locks, or use a desktop that Caretaker knows."},
	{NULL, NULL, NULL},
};

const struct reason reason_accounts[] = {
	{"auto-login", "Logged in automatically, without a password: {auto_login}.",
	 "Switch automatic log-in off in the settings of {manager}."},
	{"guest", "Guest sessions are allowed by {manager}.",
	 "Switch guest sessions off in the settings of {manager}."},
	{"empty-password", "Accounts without a password: {empty_passwords}.",
	 "Give each of them a password with 'passwd', or lock it with 'passwd -l'."},
	{"extra-administrators",
	 "Administrators whom the policy does not name: {extra_administrators}.",
	 "Take them out of the administrators' groups, or name them in the policy."},
	{"shared-account", "An account that several people share is in use: {shared}.",
	 "Give each person an account, or name the class account in the policy."},
	{"not-allowed-here", "Accounts that are not allowed on this machine: {not_allowed}.",
	 "Find out who uses the machine; allow them in the policy, or remove the account."},
	{"duplicate-uid", "Several accounts are the same user to the system: {duplicates}.",
	 "Give each account a user number of its own, or remove it."},
	{"leaver", "Accounts of people who have left still open: {leavers}.",
	 "Lock each with 'passwd -l' and 'usermod --expiredate 1', or remove it."},
	{NULL, NULL, NULL},
};

const struct reason reason_password_policy[] = {
	{"too-short",
	 "Passwords may be as short as {min_length} characters; the policy asks for "
	 "{min_length_wanted}.",
	 "Set minlen = {min_length_wanted} in /etc/security/pwquality.conf (package "
	 "libpam-pwquality)."},
	{"no-quality-check", "New passwords are not checked for strength.",
	 "Install libpam-pwquality and switch it on with 'pam-auth-update'."},
	{"no-mix", "Passwords need no mix of {classes_missing}.",
	 "Set the credits (ucredit, lcredit, dcredit, ocredit) in /etc/security/pwquality.conf "
	 "(package libpam-pwquality)."},
	{"too-old", "Passwords past the age that the policy allows: {old_accounts}.",
	 "Ask them to change it, or force it with 'chage -d 0 ACCOUNT'."},
	{"no-expiry",
	 "Passwords never have to be changed; the policy asks for every "
	 "{max_days} days.",
	 "Set PASS_MAX_DAYS in /etc/login.defs, and 'chage -M' for accounts there are."},
	{"many-guesses",
	 "A password may be guessed {guesses} times; the policy allows "
	 "{guesses_max}.",
	 "Set deny = {guesses_max} in /etc/security/faillock.conf."},
	{"no-guess-limit", "A password may be guessed any number of times.",
	 "Switch pam_faillock on with deny = {guesses_max}."},
	{"weak-hash", "Passwords stored in an outdated, easily guessed form: {weak_accounts}.",
	 "Ask them to change their password: the new one is stored well."},
	{"domain-accounts",
	 "People log in with accounts of {directory}: their passwords are "
	 "looked after there.",
	 "Check the password rules of {directory}."},
	{"common-words", "Passwords may be words from a dictionary.",
	 "Set dictcheck = 1 in /etc/security/pwquality.conf (libpam-pwquality)."},
	{"lock-short",
	 "After wrong guesses an account is locked for {lock_s:duration}; the policy asks for "
	 "{lock_min_s:duration}.",
	 "Set unlock_time = {lock_min_s} in /etc/security/faillock.conf."},
	{NULL, NULL, NULL},
};
