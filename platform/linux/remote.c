/* Programs by which somebody elsewhere can use this machine.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/fact.h"
#include "platform/network.h"
#include "platform/services.h"

/* A product's programs and the unit that starts it; found by a program or by its folder. */
static const struct known {
	const char *product, *program, *folder, *service;
} known[] = {
	{"ssh", "sshd", NULL, "ssh"},
	{"xrdp", "xrdp", NULL, "xrdp"},
	{"gnome-remote-desktop", "gnome-remote-desktop-daemon",
	 "/usr/libexec/gnome-remote-desktop-daemon", "gnome-remote-desktop"},
	{"vnc", "x11vnc", NULL, "x11vnc"},
	{"vnc", "Xtigervnc", NULL, "tigervncserver@"},
	{"vnc", "Xvnc", NULL, "vncserver@"},
	{"vnc", "x0vncserver", NULL, NULL},
	{"vnc", "wayvnc", NULL, "wayvnc"},
	{"vnc", "vino-server", "/usr/lib/vino/vino-server", NULL},
	{"vnc", "krfb", NULL, NULL},
	{"vnc", "vncserver-x11-serviced", NULL, "vncserver-x11-serviced"},
	{"anydesk", "anydesk", NULL, "anydesk"},
	{"teamviewer", "teamviewerd", "/opt/teamviewer/tv_bin/teamviewerd", "teamviewerd"},
	{"rustdesk", "rustdesk", NULL, "rustdesk"},
	{"chrome-remote-desktop", "chrome-remote-desktop-host", "/opt/google/chrome-remote-desktop",
	 "chrome-remote-desktop@"},
	{"nomachine", "nxserver.bin", "/usr/NX/bin/nxserver", "nxserver"},
	{"x2go", "x2gocleansessions", NULL, "x2goserver"},
	{"splashtop", "SRStreamer", "/opt/splashtop-streamer", "SRStreamer"},
	{"dwservice", "dwagent", "/usr/share/dwagent", "dwagent"},
	{"meshcentral", "meshagent", "/usr/local/mesh", "meshagent"},
	{"telnet", "in.telnetd", NULL, "inetd"},
	{"telnet", "telnetd", NULL, "inetd"},
	{"cockpit", "cockpit-ws", "/usr/lib/cockpit/cockpit-ws", "cockpit"},
};

/* --- sshd_config: the first value of a keyword counts --- */

struct sshd {
	char root_login[24], passwords[8], keyboard[8];
	unsigned depth;
	bool in_match;
};

static void take_sshd_line(void *ctx, char *line);

struct sshd_folder {
	struct sshd *sshd;
	char path[256];
};

static bool take_sshd_file(void *ctx, const char *name)
{
	struct sshd_folder *folder = ctx;
	char path[FACT_PATH_MAX];
	size_t len = strlen(name);

	if (len > 5 && !strcmp(name + len - 5, ".conf")) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder->path, name);
		folder->sshd->in_match = false; /* a Match ends with its file */
		(void)fact_lines(path, take_sshd_line, folder->sshd);
	}
	return true;
}

static void include_sshd(struct sshd *sshd, const char *pattern)
{
	struct sshd_folder folder = {.sshd = sshd};
	char *slash;

	if (sshd->depth > 3 || sshd->in_match)
		return;
	(void)snprintf(folder.path, sizeof(folder.path), "%s%s", *pattern == '/' ? "" : "/etc/ssh/",
		       pattern);
	slash = strrchr(folder.path, '/');
	sshd->depth++;
	if (strchr(slash, '*')) { /* as in Debian: every .conf of a folder */
		*slash = '\0';
		fact_each_file(folder.path, take_sshd_file, &folder);
	} else {
		(void)fact_lines(folder.path, take_sshd_line, sshd);
	}
	sshd->depth--;
	sshd->in_match = false;
}

static void keep_first(char *out, size_t size, const char *value)
{
	if (!*out)
		(void)text_copy(out, size, value);
}

static void take_sshd_line(void *ctx, char *line)
{
	struct sshd *sshd = ctx;
	char *key, *value, *equals = strchr(line, '=');

	if (equals)
		*equals = ' ';
	key = fact_word(&line);
	value = key ? fact_word(&line) : NULL;
	if (!value)
		return;
	if (!strcasecmp(key, "Match"))
		sshd->in_match = strcasecmp(value, "all") != 0;
	else if (!strcasecmp(key, "Include"))
		include_sshd(sshd, value);
	else if (sshd->in_match)
		return;
	else if (!strcasecmp(key, "PermitRootLogin"))
		keep_first(sshd->root_login, sizeof(sshd->root_login), value);
	else if (!strcasecmp(key, "PasswordAuthentication"))
		keep_first(sshd->passwords, sizeof(sshd->passwords), value);
	else if (!strcasecmp(key, "KbdInteractiveAuthentication") ||
		 !strcasecmp(key, "ChallengeResponseAuthentication"))
		keep_first(sshd->keyboard, sizeof(sshd->keyboard), value);
}

static void read_sshd(struct plat_remote *remote)
{
	struct sshd sshd = {0};

	if (!fact_lines("/etc/ssh/sshd_config", take_sshd_line, &sshd))
		return;                            /* not known: SUSE keeps it below /usr/etc */
	remote->root_login = PLAT_ROOT_LOGIN_KEYS; /* the program's own default */
	if (!strcasecmp(sshd.root_login, "yes"))
		remote->root_login = PLAT_ROOT_LOGIN_YES;
	else if (!strcasecmp(sshd.root_login, "no"))
		remote->root_login = PLAT_ROOT_LOGIN_NO;
	/* Both default to yes; the second asks PAM for the same password. */
	remote->password_login = strcasecmp(sshd.passwords, "no") != 0 ||
				 (*sshd.keyboard && strcasecmp(sshd.keyboard, "no") != 0);
}

static bool installed(const struct known *it)
{
	return fact_program(it->program, NULL, 0) || (it->folder && fact_exists(it->folder));
}

static bool is_telnet_set_up(void)
{
	char line[8];

	return fact_text("/etc/inetd.conf", line, sizeof(line)) || fact_is_dir("/etc/xinetd.d");
}

static void fill(const struct known *it, struct plat_remote *remote)
{
	struct plat_service service = {0};
	struct err err;

	memset(remote, 0, sizeof(*remote));
	(void)text_copy(remote->product, sizeof(remote->product), it->product);
	(void)text_copy(remote->program, sizeof(remote->program), it->program);
	remote->password_login = -1;
	if (it->service && plat_service(it->service, &service, &err) == 0) {
		remote->running = service.run == PLAT_SERVICE_RUNNING;
		remote->at_boot = service.at_boot;
	}
	remote->running |= fact_process_runs(it->program);
	if (!strcmp(it->product, "telnet"))
		remote->at_boot &= is_telnet_set_up();
	if (!strcmp(it->product, "ssh")) {
		/* Fedora's unit is sshd */
		if (plat_service("sshd", &service, &err) == 0) {
			remote->running |= service.run == PLAT_SERVICE_RUNNING;
			remote->at_boot |= service.at_boot;
		}
		read_sshd(remote);
	}
}

int plat_remotes(struct plat_remotes *out, struct err *err)
{
	struct plat_remotes found = {0};
	struct plat_remote *slot;
	unsigned unread = fact_unread_count();
	size_t i;

	if (!fact_is_dir("/usr/bin"))
		return err_set(err, ERR_UNSUPPORTED, "no programs: /usr/bin is not there");
	for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (!installed(&known[i]))
			continue;
		slot = fact_append(&found.items, &found.count, sizeof(*slot));
		if (!slot) {
			plat_remotes_clear(&found);
			return err_set(err, ERR_NOMEM, "list remote access: out of memory");
		}
		fill(&known[i], slot);
	}
	if (fact_unread(unread, err) < 0) {
		plat_remotes_clear(&found);
		return -1;
	}
	*out = found;
	return 0;
}

void plat_remotes_clear(struct plat_remotes *remotes)
{
	free(remotes->items);
	memset(remotes, 0, sizeof(*remotes));
}
