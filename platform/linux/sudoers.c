/* Whom sudo lets do everything: user specifications with ALL as their command.
 *
 * A specification that names commands makes nobody an administrator here, though some commands
 * would: a technician who allows one has seen it.
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/accounts_parts.h"
#include "platform/linux/fact.h"

struct sudoers {
	struct plat_accounts *accounts;
	const struct account_ids *ids;
	struct buf aliases; /* "NAME=alice,bob\n" for each User_Alias */
	bool unasked;       /* of the line at hand */
	unsigned depth;     /* of aliases within aliases */
};

static void allow(struct plat_account *account, void *ctx)
{
	account_make_admin(account, "sudoers", ((struct sudoers *)ctx)->unasked);
}

static void allow_who(struct sudoers *all, char *who);

static void allow_alias(struct sudoers *all, const char *name)
{
	const char *at = buf_text(&all->aliases), *end;
	char members[1024];
	size_t len = strlen(name);

	for (; *at; at = *end ? end + 1 : end) {
		end = strchrnul(at, '\n');
		if (strncmp(at, name, len) != 0 || at[len] != '=')
			continue;
		(void)snprintf(members, sizeof(members), "%.*s", (int)(end - at - (long)len - 1),
			       at + len + 1);
		if (all->depth++ < 4)
			allow_who(all, members);
		all->depth--;
	}
}

/* One of a list: a user, "%group", "#uid", an alias, ALL. */
static void allow_one(struct sudoers *all, char *one)
{
	struct plat_account *account;
	int64_t uid;
	size_t i;

	if (*one == '%') {
		account_each_member(all->accounts, all->ids, one + 1, allow, all);
	} else if (*one == '#' && text_int(one + 1, 0, UINT32_MAX, &uid) == 0) {
		for (i = 0; i < all->accounts->count; i++)
			if (all->ids[i].uid == uid)
				allow(&all->accounts->accounts[i], all);
	} else if (!strcmp(one, "ALL")) {
		for (i = 0; i < all->accounts->count; i++)
			if (all->accounts->accounts[i].person)
				allow(&all->accounts->accounts[i], all);
	} else if ((account = account_named(all->accounts, one))) {
		allow(account, all);
	} else if (isupper((unsigned char)*one)) {
		allow_alias(all, one);
	}
}

static void allow_who(struct sudoers *all, char *who)
{
	char *comma;

	for (; who; who = comma) {
		comma = strchr(who, ',');
		if (comma)
			*comma++ = '\0';
		while (isspace((unsigned char)*who))
			who++;
		who[strcspn(who, " \t")] = '\0';
		if (*who && *who != '!')
			allow_one(all, who);
	}
}

/* "(ALL:ALL) NOPASSWD: /usr/bin/id, ALL": is ALL among the commands? */
static bool commands_hold_all(const char *commands)
{
	const char *at = commands, *word;
	size_t len;

	while (*at) {
		at += strspn(at, " \t,");
		if (*at == '(') {
			at += strcspn(at, ")");
			at += *at == ')';
			continue;
		}
		word = at;
		len = strcspn(at, " \t,(");
		at += len;
		if (len == 3 && !strncmp(word, "ALL", 3))
			return true;
		/* after a command's own words a comma begins the next */
		if (len && word[len - 1] != ':')
			at += strcspn(at, ",");
	}
	return false;
}

static void take_specification(struct sudoers *all, char *line)
{
	char *commands = strchr(line, '='), *who_end;

	if (!commands)
		return;
	*commands++ = '\0';
	/* "alice, bob  HOST": the last word is where, what is before it who */
	who_end = line + strlen(line);
	while (who_end > line && isspace((unsigned char)who_end[-1]))
		*--who_end = '\0';
	while (who_end > line && !isspace((unsigned char)who_end[-1]))
		who_end--;
	if (who_end == line)
		return;
	*who_end = '\0';
	all->unasked = strstr(commands, "NOPASSWD:") != NULL;
	if (commands_hold_all(commands))
		allow_who(all, line);
}

static void take_alias(struct sudoers *all, char *line)
{
	char *name, *members;

	line += strlen("User_Alias");
	if (!fact_key_value(line, &name, &members))
		return;
	buf_addf(&all->aliases, "%s=%s\n", name, members);
}

static void read_file(struct sudoers *all, const char *path, bool aliases);

struct folder {
	struct sudoers *all;
	const char *path;
	bool aliases;
};

static bool take_file(void *ctx, const char *name)
{
	struct folder *folder = ctx;
	char path[FACT_PATH_MAX];

	/* sudo itself passes over names with a dot or an ending '~' */
	if (strchr(name, '.') || name[strlen(name) - 1] == '~')
		return true;
	(void)snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	read_file(folder->all, path, folder->aliases);
	return true;
}

static void take_line(struct sudoers *all, char *line, bool aliases)
{
	struct folder folder = {.all = all, .aliases = aliases};
	char *word = line + 1;

	if (!strncmp(word, "includedir", 10) && (*line == '@' || *line == '#')) {
		word += 10;
		folder.path = fact_word(&word);
		if (folder.path)
			fact_each_file(folder.path, take_file, &folder);
	} else if (!strncmp(line, "User_Alias", 10)) {
		if (aliases)
			take_alias(all, line);
	} else if (!aliases && strncmp(line, "Defaults", 8) != 0 && !strstr(line, "_Alias") &&
		   *line != '@' && (*line != '#' || isdigit((unsigned char)line[1]))) {
		take_specification(all, line);
	}
}

/* A backslash at a line's end joins it with the next. */
static void read_file(struct sudoers *all, const char *path, bool aliases)
{
	struct buf text;
	char *cursor, *line, *joint;
	bool ok;

	buf_init(&text, 0);
	ok = fact_whole(path, &text);
	joint = ok && text.len ? text.data : NULL;
	while (joint && (joint = strstr(joint, "\\\n")) != NULL)
		joint[0] = joint[1] = ' ';
	cursor = ok ? text.data : NULL;
	while ((line = fact_line(&cursor)))
		if (*line)
			take_line(all, line, aliases);
	buf_clear(&text);
}

void sudoers_apply(struct plat_accounts *accounts, const struct account_ids *ids)
{
	struct sudoers all = {.accounts = accounts, .ids = ids};

	if (!fact_program("sudo", NULL, 0))
		return; /* rules that nobody reads */
	buf_init(&all.aliases, 64 * 1024);
	/* An alias may stand in a file that is read after its use. */
	read_file(&all, "/etc/sudoers", true);
	read_file(&all, "/etc/sudoers", false);
	buf_clear(&all.aliases);
}
