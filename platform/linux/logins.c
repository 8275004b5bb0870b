/* Automatic log-ins and guest sessions, as the log-in screens that are installed are set up.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/base/text.h"
#include "platform/linux/accounts_parts.h"
#include "platform/linux/fact.h"
#include "platform/linux/look.h"

struct finding {
	struct plat_accounts *accounts;
	bool failed;
	const char *folder;
	/* lightdm, later files win */
	char user[PLAT_NAME_MAX], guest[8], allow_guest[8];
};

static void add(struct finding *all, const char *program, const char *user)
{
	struct plat_accounts *accounts = all->accounts;
	struct plat_auto_login *login;

	if (!*user)
		return;
	login = fact_append(&accounts->auto_logins, &accounts->auto_login_count, sizeof(*login));
	if (!login) {
		all->failed = true;
		return;
	}
	(void)text_copy(login->program, sizeof(login->program), program);
	(void)text_copy(login->user, sizeof(login->user), user);
}

static bool yes(const char *value)
{
	return !strcasecmp(value, "true") || !strcmp(value, "1") || !strcasecmp(value, "yes");
}

static void look_at_gdm(struct finding *all)
{
	static const char *const files[] = {"/etc/gdm3/daemon.conf", "/etc/gdm3/custom.conf",
					    "/etc/gdm/custom.conf"};
	static const char *const kinds[][2] = {{"AutomaticLoginEnable", "AutomaticLogin"},
					       {"TimedLoginEnable", "TimedLogin"}};
	char enabled[8], user[PLAT_NAME_MAX];
	size_t i, k;

	if (!fact_program("gdm3", NULL, 0) && !fact_program("gdm", NULL, 0))
		return;
	for (i = 0; i < sizeof(files) / sizeof(*files); i++)
		for (k = 0; k < 2; k++)
			if (fact_setting(files[i], "daemon", kinds[k][0], enabled,
					 sizeof(enabled)) &&
			    yes(enabled) &&
			    fact_setting(files[i], "daemon", kinds[k][1], user, sizeof(user)))
				add(all, "gdm3", user);
}

static bool read_lightdm(void *ctx, const char *name)
{
	static const char *const sections[] = {"SeatDefaults", "Seat:*"};
	struct finding *all = ctx;
	char path[FACT_PATH_MAX], text[PLAT_NAME_MAX];
	size_t i;

	(void)snprintf(path, sizeof(path), "%s/%s", all->folder, name);
	for (i = 0; i < 2; i++) {
		if (fact_setting(path, sections[i], "autologin-user", text, sizeof(text)))
			(void)text_copy(all->user, sizeof(all->user), text);
		if (fact_setting(path, sections[i], "autologin-guest", text, sizeof(text)))
			(void)text_copy(all->guest, sizeof(all->guest), text);
		if (fact_setting(path, sections[i], "allow-guest", text, sizeof(text)))
			(void)text_copy(all->allow_guest, sizeof(all->allow_guest), text);
	}
	return true;
}

static void look_at_lightdm(struct finding *all)
{
	if (!fact_program("lightdm", NULL, 0))
		return;
	all->folder = "/usr/share/lightdm/lightdm.conf.d";
	fact_each_file(all->folder, read_lightdm, all);
	all->folder = "/etc/lightdm/lightdm.conf.d";
	fact_each_file(all->folder, read_lightdm, all);
	all->folder = "/etc/lightdm";
	(void)read_lightdm(all, "lightdm.conf");
	add(all, "lightdm", all->user);
	if (yes(all->guest))
		add(all, "lightdm", "guest");
	/* Guests need a program that makes their account; Debian has none, Ubuntu may. */
	if (yes(all->guest) ||
	    (fact_program("guest-account", NULL, 0) && strcmp(all->allow_guest, "false") != 0))
		(void)text_copy(all->accounts->guest_by, sizeof(all->accounts->guest_by),
				"lightdm");
}

static bool read_sddm(void *ctx, const char *name)
{
	struct finding *all = ctx;
	char path[FACT_PATH_MAX], text[PLAT_NAME_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", all->folder, name);
	if (fact_setting(path, "Autologin", "User", text, sizeof(text)))
		(void)text_copy(all->user, sizeof(all->user), text);
	return true;
}

static void look_at_sddm(struct finding *all)
{
	if (!fact_program("sddm", NULL, 0))
		return;
	all->user[0] = '\0';
	all->folder = "/usr/lib/sddm/sddm.conf.d";
	fact_each_file(all->folder, read_sddm, all);
	all->folder = "/etc/sddm.conf.d";
	fact_each_file(all->folder, read_sddm, all);
	all->folder = "/etc";
	(void)read_sddm(all, "sddm.conf");
	add(all, "sddm", all->user);
}

static void look_at_others(struct finding *all)
{
	char text[PLAT_NAME_MAX], enabled[8];

	if (fact_program("lxdm", NULL, 0) &&
	    fact_setting("/etc/lxdm/lxdm.conf", "base", "autologin", text, sizeof(text)))
		add(all, "lxdm", text);
	if (fact_program("greetd", NULL, 0) &&
	    fact_setting("/etc/greetd/config.toml", "initial_session", "user", text, sizeof(text)))
		add(all, "greetd", text);
	if (fact_program("nodm", NULL, 0) &&
	    fact_setting("/etc/default/nodm", NULL, "NODM_ENABLED", enabled, sizeof(enabled)) &&
	    yes(enabled) &&
	    fact_setting("/etc/default/nodm", NULL, "NODM_USER", text, sizeof(text)))
		add(all, "nodm", text);
}

/* --- consoles: agetty --autologin USER in a unit or its drop-in --- */

static void look_at_exec(void *ctx, char *line)
{
	struct finding *all = ctx;
	char *word, *user = NULL;

	if (strncmp(line, "ExecStart=", 10) != 0 || !strstr(line, "agetty"))
		return;
	while ((word = fact_word(&line))) {
		if (!strcmp(word, "--autologin") || !strcmp(word, "-a"))
			user = fact_word(&line);
		else if (!strncmp(word, "--autologin=", 12))
			user = word + 12;
	}
	if (user)
		add(all, "getty", user);
}

static bool look_at_drop_in(void *ctx, const char *name)
{
	struct finding *all = ctx;
	char path[FACT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", all->folder, name);
	(void)fact_lines(path, look_at_exec, all);
	return true;
}

static bool look_at_unit(void *ctx, const char *name)
{
	struct finding *all = ctx;
	char path[FACT_PATH_MAX];

	/* A masked one is a link to /dev/null: not a file that could not be read. */
	if ((!strstr(name, "getty") && strncmp(name, "autovt@", 7) != 0) || look_unit_masked(name))
		return true;
	(void)snprintf(path, sizeof(path), "/etc/systemd/system/%s", name);
	if (fact_is_dir(path)) {
		if (strstr(name, ".service.d")) {
			all->folder = path;
			fact_each_file(path, look_at_drop_in, all);
		}
	} else {
		(void)fact_lines(path, look_at_exec, all);
	}
	return true;
}

bool logins_find(struct plat_accounts *accounts)
{
	struct finding all = {.accounts = accounts};

	look_at_gdm(&all);
	look_at_lightdm(&all);
	look_at_sddm(&all);
	look_at_others(&all);
	fact_each("/etc/systemd/system", look_at_unit, &all);
	return !all.failed;
}
