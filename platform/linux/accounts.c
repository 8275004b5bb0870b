/* Who may log in, who is an administrator, who is logged on.  Automatic log-ins: logins.c;
 * sudo's rules: sudoers.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/accounts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utmp.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/accounts_parts.h"
#include "platform/linux/fact.h"

#define DAY_S 86400

/* Cuts the next field of a line like "root:x:0:0:..."; NULL at the end. */
static char *field(char **cursor)
{
	char *start = *cursor, *end;

	if (!start)
		return NULL;
	end = strchr(start, ':');
	if (end)
		*end++ = '\0';
	*cursor = end;
	return start;
}

struct reading {
	struct plat_accounts *accounts;
	struct account_ids *ids; /* beside accounts->accounts */
	size_t id_count;
	int64_t first_uid, last_uid; /* of people */
	bool failed;
};

static int64_t login_default(const char *key, int64_t fallback)
{
	char text[32];
	int64_t value;

	if (login_defs(key, text, sizeof(text)) && text_int(text, -1, 1000000000, &value) == 0)
		return value;
	return fallback;
}

static bool has_shell(const char *shell)
{
	const char *name = strrchr(shell, '/');

	name = name ? name + 1 : shell;
	return strcmp(name, "nologin") != 0 && strcmp(name, "false") != 0 &&
	       strcmp(name, "sync") != 0 && strcmp(name, "halt") != 0 &&
	       strcmp(name, "shutdown") != 0;
}

/* name:password:uid:gid:gecos:home:shell */
static void take_passwd(void *ctx, char *line)
{
	struct reading *reading = ctx;
	struct plat_account *account;
	struct account_ids *ids;
	char *fields[7];
	int64_t uid, gid;
	size_t i;

	for (i = 0; i < 7; i++)
		if (!(fields[i] = field(&line)))
			return;
	if (text_int(fields[2], 0, UINT32_MAX, &uid) < 0 ||
	    text_int(fields[3], 0, UINT32_MAX, &gid) < 0)
		return;
	account = fact_append(&reading->accounts->accounts, &reading->accounts->count,
			      sizeof(*reading->accounts->accounts));
	ids = fact_append(&reading->ids, &reading->id_count, sizeof(*reading->ids));
	if (!account || !ids) {
		reading->failed = true;
		return;
	}
	text_clean(account->name, sizeof(account->name), fields[0], strlen(fields[0]));
	account->person = uid >= reading->first_uid && uid <= reading->last_uid;
	account->can_log_in = has_shell(fields[6]);
	account->super = uid == 0;
	account->password = *fields[1] ? PLAT_PASSWORD_UNKNOWN : PLAT_PASSWORD_NONE;
	account->password_max_days = -1;
	ids->uid = uid;
	ids->gid = gid;
	if (account->super) {
		account->admin = true;
		(void)text_copy(account->admin_by, sizeof(account->admin_by), "uid 0");
	}
}

/* name:hash:changed:min:max:warn:inactive:expires, in days since 1970 */
/* What crypt(5) calls strong enough; all else ("$1$", thirteen letters of DES ...) is guessed fast.
 */
static bool is_weak(const char *hash)
{
	static const char *const good[] = {"$y$",  "$gy$", "$7$", "$2a$",
					   "$2b$", "$2y$", "$6$", "$5$"};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (!strncmp(hash, good[i], strlen(good[i])))
			return false;
	return true;
}

static void take_shadow(void *ctx, char *line)
{
	struct reading *reading = ctx;
	struct plat_account *account;
	char *fields[5];
	int64_t days;
	size_t i;

	for (i = 0; i < 5; i++)
		if (!(fields[i] = field(&line)))
			return;
	account = account_named(reading->accounts, fields[0]);
	if (!account || account->password == PLAT_PASSWORD_NONE)
		return;
	if (!*fields[1])
		account->password = PLAT_PASSWORD_NONE;
	else if (*fields[1] == '!' || *fields[1] == '*')
		account->password = PLAT_PASSWORD_LOCKED;
	else
		account->password = PLAT_PASSWORD_SET;
	account->weak_hash = account->password == PLAT_PASSWORD_SET && is_weak(fields[1]);
	if (text_int(fields[2], 0, 1000000, &days) == 0)
		account->password_changed_at = days * DAY_S;
	if (text_int(fields[4], 0, 1000000, &days) == 0 && days < 99999)
		account->password_max_days = (int)days;
}

struct plat_account *account_named(struct plat_accounts *accounts, const char *name)
{
	size_t i;

	for (i = 0; i < accounts->count; i++)
		if (!strcmp(accounts->accounts[i].name, name))
			return &accounts->accounts[i];
	return NULL;
}

void account_make_admin(struct plat_account *account, const char *by, bool unasked)
{
	if (!account->admin)
		(void)text_copy(account->admin_by, sizeof(account->admin_by), by);
	account->admin = true;
	account->admin_unasked |= unasked;
}

/* What members of a group may do: sudo and polkit know the first three; the others hand out the
 * whole machine to who knows how. */
static bool is_admin_group(const char *name)
{
	static const char *const groups[] = {"sudo", "admin",       "wheel", "docker",
					     "lxd",  "incus-admin", "disk",  NULL};
	size_t i;

	for (i = 0; groups[i]; i++)
		if (!strcmp(groups[i], name))
			return true;
	return false;
}

struct members {
	const char *group;
	void (*each)(struct plat_account *account, void *ctx);
	void *ctx;
	struct plat_accounts *accounts;
	const struct account_ids *ids;
};

/* name:password:gid:member,member */
static void take_group(void *ctx, char *line)
{
	struct members *want = ctx;
	struct plat_account *account;
	char *fields[4], *member;
	int64_t gid = -1;
	size_t i;

	for (i = 0; i < 4; i++)
		if (!(fields[i] = field(&line)))
			return;
	if (strcmp(fields[0], want->group) != 0)
		return;
	for (member = strtok(fields[3], ","); member; member = strtok(NULL, ","))
		if ((account = account_named(want->accounts, member)))
			want->each(account, want->ctx);
	if (text_int(fields[2], 0, UINT32_MAX, &gid) < 0)
		return;
	for (i = 0; i < want->accounts->count; i++)
		if (want->ids[i].gid == gid)
			want->each(&want->accounts->accounts[i], want->ctx);
}

void account_each_member(struct plat_accounts *accounts, const struct account_ids *ids,
			 const char *group, void (*each)(struct plat_account *account, void *ctx),
			 void *ctx)
{
	struct members want = {
		.group = group, .each = each, .ctx = ctx, .accounts = accounts, .ids = ids};

	(void)fact_lines("/etc/group", take_group, &want);
}

static void by_group(struct plat_account *account, void *ctx)
{
	char by[48];

	(void)snprintf(by, sizeof(by), "group %.40s", (const char *)ctx);
	/* Services' accounts are no administrators because a package put them in a group. */
	if (account->person || account->can_log_in)
		account_make_admin(account, by, false);
}

static void take_admin_group(void *ctx, char *line)
{
	struct reading *reading = ctx;
	char *name = field(&line);

	if (name && is_admin_group(name))
		account_each_member(reading->accounts, reading->ids, name, by_group, name);
}

/* --- who is logged on --- */

static bool add_logon(struct plat_accounts *accounts, const char *name, bool remote, bool locked)
{
	struct plat_logon *logon;
	size_t i;

	for (i = 0; i < accounts->logon_count; i++) {
		if (strcmp(accounts->logons[i].name, name) != 0)
			continue;
		accounts->logons[i].remote &= remote;
		accounts->logons[i].locked &= locked;
		return true;
	}
	logon = fact_append(&accounts->logons, &accounts->logon_count, sizeof(*logon));
	if (!logon)
		return false;
	text_clean(logon->name, sizeof(logon->name), name, strlen(name));
	logon->remote = remote;
	logon->locked = locked;
	return true;
}

/* logind's own file of a session; a greeter and a user's manager are not people. */
static bool take_session(void *ctx, const char *name)
{
	struct reading *reading = ctx;
	char path[FACT_PATH_MAX], user[PLAT_NAME_MAX], class[16], text[16];
	bool remote, locked;

	if (strchr(name, '.'))
		return true;
	(void)snprintf(path, sizeof(path), "/run/systemd/sessions/%s", name);
	if (!fact_setting(path, NULL, "CLASS", class, sizeof(class)) ||
	    strncmp(class, "user", 4) != 0 || !fact_setting(path, NULL, "USER", user, sizeof(user)))
		return true;
	(void)fact_setting(path, NULL, "STATE", text, sizeof(text));
	if (!strcmp(text, "closing"))
		return true;
	(void)fact_setting(path, NULL, "REMOTE", text, sizeof(text));
	remote = !strcmp(text, "1");
	(void)fact_setting(path, NULL, "LOCKED_HINT", text, sizeof(text));
	locked = !strcmp(text, "1");
	reading->failed |= !add_logon(reading->accounts, user, remote, locked);
	return true;
}

static void take_utmp(struct reading *reading)
{
	struct utmp entry;
	char name[sizeof(entry.ut_user) + 1];
	int fd = fact_open("/run/utmp", O_RDONLY);

	if (fd < 0)
		return;
	reading->accounts->logons_known = true;
	while (read(fd, &entry, sizeof(entry)) == (ssize_t)sizeof(entry)) {
		if (entry.ut_type != USER_PROCESS || !entry.ut_user[0])
			continue;
		(void)snprintf(name, sizeof(name), "%.*s", (int)sizeof(entry.ut_user),
			       entry.ut_user);
		reading->failed |=
			!add_logon(reading->accounts, name,
				   entry.ut_host[0] != '\0' && entry.ut_host[0] != ':', false);
	}
	(void)close(fd);
}

static void take_logons(struct reading *reading)
{
	if (fact_is_dir("/run/systemd/sessions")) {
		reading->accounts->logons_known = true;
		fact_each("/run/systemd/sessions", take_session, reading);
	} else {
		take_utmp(reading);
	}
}

int plat_accounts(struct plat_accounts *out, struct err *err)
{
	struct plat_accounts accounts = {0};
	struct reading reading = {.accounts = &accounts};
	unsigned unread = fact_unread_count();
	int ret = -1;

	reading.first_uid = login_default("UID_MIN", 1000);
	reading.last_uid = login_default("UID_MAX", 60000);
	if (!fact_lines("/etc/passwd", take_passwd, &reading))
		err_set(err, ERR_UNSUPPORTED, "no list of accounts: /etc/passwd is not there");
	if (fact_unread(unread, err) < 0 || !accounts.count)
		goto out;
	if (!reading.failed) {
		(void)fact_lines("/etc/shadow", take_shadow, &reading);
		/* Without it every account says that its password is not known. */
		unread = fact_unread_count();
		(void)fact_lines("/etc/group", take_admin_group, &reading);
		sudoers_apply(&accounts, reading.ids);
		take_logons(&reading);
		domain_of(accounts.domain, sizeof(accounts.domain));
	}
	if (reading.failed || !logins_find(&accounts)) {
		err_set(err, ERR_NOMEM, "list accounts: out of memory");
		goto out;
	}
	if (fact_unread(unread, err) < 0)
		goto out;
	*out = accounts;
	memset(&accounts, 0, sizeof(accounts));
	ret = 0;
out:
	free(reading.ids);
	plat_accounts_clear(&accounts);
	return ret;
}

void plat_accounts_clear(struct plat_accounts *accounts)
{
	free(accounts->accounts);
	free(accounts->auto_logins);
	free(accounts->logons);
	memset(accounts, 0, sizeof(*accounts));
}
