/* Accounts, log-ins, password rules and the screen lock as it is set up.
 *
 * Names of people are in here: a control ships them only as the policy's [privacy] says.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_ACCOUNTS_H
#define CARETAKER_PLATFORM_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define PLAT_NAME_MAX 64

/* --- who may log in --- */
enum plat_password {
	PLAT_PASSWORD_SET,
	PLAT_PASSWORD_NONE,    /* logs in with none */
	PLAT_PASSWORD_LOCKED,  /* no password opens it */
	PLAT_PASSWORD_UNKNOWN, /* we may not look */
};

struct plat_account {
	char name[PLAT_NAME_MAX];
	bool person;        /* made for somebody to log in, not for a service */
	bool can_log_in;    /* has a shell */
	bool super;         /* uid 0 or its like */
	bool admin;         /* may become an administrator */
	bool admin_unasked; /* ... without giving a password (NOPASSWD) */
	char admin_by[48];  /* "group sudo", "sudoers", "uid 0" */
	enum plat_password password;
	int64_t password_changed_at; /* 0: not known */
	int password_max_days;       /* -1: never has to change */
	bool weak_hash;              /* stored in a form that is guessed fast (MD5, DES ...) */
};

struct plat_auto_login {
	char program[16]; /* "gdm3", "lightdm", "sddm", "getty" */
	char user[PLAT_NAME_MAX];
};

struct plat_logon {
	char name[PLAT_NAME_MAX];
	bool remote; /* over the network */
	bool locked; /* what the session says of itself */
};

struct plat_accounts {
	struct plat_account *accounts;
	size_t count;
	struct plat_auto_login *auto_logins;
	size_t auto_login_count;
	struct plat_logon *logons; /* a person once, however many sessions */
	size_t logon_count;
	bool logons_known;
	char guest_by[16]; /* what offers a guest session; "" */
	char domain[64];   /* "sssd", "winbind": accounts come from a directory; "" */
};
int plat_accounts(struct plat_accounts *out, struct err *err);
void plat_accounts_clear(struct plat_accounts *accounts);

/* --- what a new password must be --- */
struct plat_password_rules {
	char domain[64];     /* passwords are the directory's, not this machine's; "" */
	char quality_by[24]; /* "pam_pwquality", "pam_cracklib", "pam_unix"; "" when nothing checks
			      */
	int min_length;      /* what is really asked; 0 when nothing is */
	int min_classes;     /* of lower, upper, digit, other: how many must occur */
	bool need_lower, need_upper, need_digit, need_other;
	bool refuse_common;  /* words of a dictionary are refused */
	int max_days;        /* for new accounts; -1: never */
	bool lockout;        /* wrong guesses lock the account or slow it down */
	int lockout_tries;   /* -1: not known */
	int lockout_seconds; /* 0: until an administrator opens it; -1: not known */
};
int plat_password_rules(struct plat_password_rules *out, struct err *err);

/* --- the screen lock, as configured --- */
struct plat_screen_lock {
	char desktop[16];      /* "gnome", "kde", "xfce", "cinnamon", "mate", "logind" */
	bool enabled;          /* it comes by itself */
	int idle_seconds;      /* until the screen blanks; 0: never */
	int delay_seconds;     /* from then until a password is asked; -1: never asked */
	bool wakes_unlocked;   /* set not to lock when the machine is suspended */
	bool fixed;            /* people cannot change it */
	char open_setting[48]; /* the first that they can change, or that is missing; "" */
};
#define PLAT_SCREEN_LOCKS 8

struct plat_screen_locks {
	struct plat_screen_lock items[PLAT_SCREEN_LOCKS]; /* one for each desktop installed */
	size_t count;
	char unread[64]; /* a desktop whose settings we do not know how to read; "" */
};
int plat_screen_locks(struct plat_screen_locks *out, struct err *err);

#endif
