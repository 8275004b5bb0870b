/* Files that a policy names, certificates, browser policies, Wi-Fi and units.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/safeguards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/apt.h"
#include "platform/linux/fact.h"
#include "platform/linux/look.h"
#include "platform/linux/wifi.h"

#define CERTIFICATES_MAX (4u * 1024 * 1024)
#define BROWSER_FILE_MAX (512u * 1024)

/* --- files --- */

int plat_look(const char *path, struct plat_looked_file *out, struct err *err)
{
	struct stat st;

	if (!look_stat(path, &st))
		return err_set(err, ERR_NOTFOUND, "there is no file '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "'%s' is not a file", path);
	*out = (struct plat_looked_file){.size = (uint64_t)st.st_size,
					 .changed_at = (int64_t)st.st_mtim.tv_sec};
	return 0;
}

int plat_look_read(const char *path, size_t max, struct buf *out, struct err *err)
{
	struct plat_looked_file file;

	if (plat_look(path, &file, err) < 0)
		return -1;
	return fact_read(path, max, out, err);
}

struct newest {
	const char *dir, *pattern;
	char *out_path;
	size_t size;
	struct plat_looked_file file;
	bool found;
};

static bool is_newer(void *ctx, const char *name)
{
	struct newest *newest = ctx;
	struct plat_looked_file file;
	char path[FACT_PATH_MAX];
	struct err err;

	if (!text_match(newest->pattern, name))
		return true;
	(void)snprintf(path, sizeof(path), "%s/%s", newest->dir, name);
	if (plat_look(path, &file, &err) == 0 &&
	    (!newest->found || file.changed_at > newest->file.changed_at)) {
		newest->found = true;
		newest->file = file;
		(void)text_copy(newest->out_path, newest->size, path);
	}
	return true;
}

int plat_look_newest(const char *pattern, char *out_path, size_t size, struct plat_looked_file *out,
		     struct err *err)
{
	char dir[FACT_PATH_MAX];
	const char *slash = strrchr(pattern, '/');
	struct newest newest = {.dir = dir, .out_path = out_path, .size = size};

	if (!strpbrk(pattern, "*?")) {
		(void)text_copy(out_path, size, pattern);
		return plat_look(pattern, out, err);
	}
	if (!slash)
		return err_set(err, ERR_INVALID, "'%s' is not an absolute path", pattern);
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - pattern), pattern);
	newest.pattern = slash + 1;
	fact_each(dir, is_newer, &newest);
	if (!newest.found)
		return err_set(err, ERR_NOTFOUND, "there is no file '%s'", pattern);
	*out = newest.file;
	return 0;
}

/* --- programs --- */

struct like {
	const char *pattern;
	bool found;
};

static bool is_like(void *ctx, const char *pid, const char *program)
{
	struct like *like = ctx;

	(void)pid;
	like->found = text_match(like->pattern, program);
	return !like->found;
}

int plat_program_runs_like(const char *pattern, bool *out, struct err *err)
{
	struct like like = {.pattern = pattern};
	unsigned unread = fact_unread_count();

	if (!fact_exists("/proc/self") && !fact_exists("/proc/1"))
		return err_set(err, ERR_UNSUPPORTED, "there is no /proc to see processes in");
	/* The kernel's name for a script is cut at 15 characters. */
	if (!strpbrk(pattern, "*?"))
		like.found = fact_process_runs(pattern);
	else
		fact_each_process(is_like, &like);
	if (!like.found && fact_unread(unread, err) < 0)
		return -1;
	*out = like.found;
	return 0;
}

/* --- units --- */

static int64_t unit_time(const char *value)
{
	struct tm tm = {0};

	/* "Sat 2026-11-21 03:00:07 UTC": the zone is asked for by --timestamp=utc; before systemd
	 * 247 it is the machine's own. */
	if (!strptime(value, "%a %Y-%m-%d %H:%M:%S", &tm))
		return 0;
	tm.tm_isdst = -1;
	return text_match("*UTC", value) ? (int64_t)timegm(&tm) : (int64_t)mktime(&tm);
}

struct shown {
	char load[24], result[24], active[24], starts[128];
	int64_t ended_at, triggered_at;
};

static void read_show(char *text, struct shown *out)
{
	char *line, *key, *value;

	memset(out, 0, sizeof(*out));
	while ((line = fact_line(&text))) {
		if (!fact_key_value(line, &key, &value))
			continue;
		if (!strcmp(key, "LoadState"))
			(void)text_copy(out->load, sizeof(out->load), value);
		else if (!strcmp(key, "Result"))
			(void)text_copy(out->result, sizeof(out->result), value);
		else if (!strcmp(key, "ActiveState"))
			(void)text_copy(out->active, sizeof(out->active), value);
		else if (!strcmp(key, "Triggers") || !strcmp(key, "Unit"))
			(void)text_copy(out->starts, sizeof(out->starts), value);
		else if (!strcmp(key, "ExecMainExitTimestamp"))
			out->ended_at = unit_time(value);
		else if (!strcmp(key, "LastTriggerUSec"))
			out->triggered_at = unit_time(value);
	}
}

#define SHOWN "--property=LoadState,Result,ActiveState,Unit,ExecMainExitTimestamp,LastTriggerUSec"

static int show(const char *name, struct shown *out, struct err *err)
{
	const char *argv[] = {"systemctl", "show", "--timestamp=utc", SHOWN, "--", name, NULL};
	struct buf text;
	int ret;

	buf_init(&text, 0);
	ret = apt_run(argv, 20, &text, err);
	if (ret == 0 && text.len)
		read_show(text.data, out);
	buf_clear(&text);
	if (ret == 0 && strcmp(out->load, "loaded") != 0)
		return err_set(err, ERR_NOTFOUND, "there is no unit '%.100s'", name);
	return ret;
}

int plat_unit_runs(const char *name, struct plat_unit_runs *out, struct err *err)
{
	struct shown shown = {0};
	char full[160];

	if (!fact_exists("/run/systemd/system"))
		return err_set(err, ERR_UNSUPPORTED,
			       "systemd does not run here: nothing says when '%.100s' last ran",
			       name);
	(void)snprintf(full, sizeof(full), "%.128s%s", name, strchr(name, '.') ? "" : ".service");
	if (show(full, &shown, err) < 0)
		return -1;
	if (text_match("*.timer", full) && *shown.starts) {
		(void)text_copy(full, sizeof(full), shown.starts);
		if (show(full, &shown, err) < 0)
			return -1;
	}
	memset(out, 0, sizeof(*out));
	out->running = !strcmp(shown.active, "active") || !strcmp(shown.active, "activating");
	if (!strcmp(shown.result, "success"))
		out->succeeded_at = shown.ended_at;
	else
		out->failed_at = shown.ended_at;
	return 0;
}

/* --- certificates --- */

int plat_trusted_certificates(struct buf *out, struct err *err)
{
	/* Debian and Ubuntu; Fedora; openSUSE. */
	static const char *const paths[] = {"/etc/ssl/certs/ca-certificates.crt",
					    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
					    "/etc/ssl/ca-bundle.pem"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (fact_exists(paths[i]))
			return fact_read(paths[i], CERTIFICATES_MAX, out, err);
	return err_set(err, ERR_NOTFOUND,
		       "this system has no store of trusted certificates "
		       "(package ca-certificates)");
}

/* --- browsers --- */

struct browser_walk {
	struct plat_browser_files *out;
	const char *browser, *dir;
};

static bool one_browser_file(void *ctx, const char *name)
{
	struct browser_walk *walk = ctx;
	struct plat_browser_file *file = &walk->out->files[walk->out->count];
	char path[FACT_PATH_MAX];
	struct buf text;
	struct err err;

	if (!text_match("*.json", name))
		return true;
	if (walk->out->count == PLAT_BROWSER_FILES_MAX) {
		err_set(&err, ERR_INVALID, "there are over %d policies of browsers",
			PLAT_BROWSER_FILES_MAX);
		fact_note(&err);
		return false;
	}
	(void)snprintf(path, sizeof(path), "%s/%s", walk->dir, name);
	buf_init(&text, 0);
	if (fact_read(path, BROWSER_FILE_MAX, &text, &err) < 0) {
		fact_note(&err);
	} else if (text.len) {
		memset(file, 0, sizeof(*file));
		(void)text_copy(file->browser, sizeof(file->browser), walk->browser);
		(void)text_copy(file->path, sizeof(file->path), path);
		file->text = buf_take(&text, &file->len);
		walk->out->count++;
	}
	buf_clear(&text);
	return true;
}

int plat_browser_files(struct plat_browser_files *out, struct err *err)
{
	static const char *const dirs[][2] = {
		{"firefox", "/etc/firefox/policies"},
		{"firefox", "/etc/firefox-esr/policies"},
		{"firefox", "/usr/lib/firefox/distribution"},
		{"firefox", "/usr/lib/firefox-esr/distribution"},
		{"firefox", "/usr/lib64/firefox/distribution"},
		{"chromium", "/etc/chromium/policies/managed"},
		{"chromium", "/etc/chromium-browser/policies/managed"},
		{"chrome", "/etc/opt/chrome/policies/managed"},
		{"edge", "/etc/opt/edge/policies/managed"},
		{"brave", "/etc/brave/policies/managed"},
	};

	unsigned unread = fact_unread_count();

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		struct browser_walk walk = {out, dirs[i][0], dirs[i][1]};

		fact_each_file(walk.dir, one_browser_file, &walk);
	}
	if (fact_unread(unread, err) < 0) {
		plat_browser_files_clear(out);
		return -1;
	}
	return 0;
}

void plat_browser_files_clear(struct plat_browser_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->files[i].text);
	memset(files, 0, sizeof(*files));
}

/* --- Wi-Fi --- */

static bool is_wifi(void *ctx, const char *name)
{
	struct plat_wifi *wifi = ctx;
	char path[FACT_PATH_MAX], state[16];

	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/wireless", name);
	if (!fact_is_dir(path)) {
		(void)snprintf(path, sizeof(path), "/sys/class/net/%s/phy80211", name);
		if (!fact_exists(path))
			return true;
	}
	wifi->present = true;
	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/operstate", name);
	if (fact_text(path, state, sizeof(state)) && !strcmp(state, "up"))
		wifi->connected = true;
	return true;
}

void wifi_read_nmcli(char *text, char *out, size_t size)
{
	char *line;

	*out = '\0';
	/* "*:WPA2 802.1X": IN-USE and SECURITY, terse. */
	while ((line = fact_line(&text))) {
		const char *kind = "open";

		if (strncmp(line, "*:", 2) != 0)
			continue;
		line += 2;
		if (strstr(line, "WPA3"))
			kind = "wpa3";
		else if (strstr(line, "WPA2"))
			kind = "wpa2";
		else if (strstr(line, "WPA"))
			kind = "wpa";
		else if (strstr(line, "WEP"))
			kind = "wep";
		else if (strstr(line, "OWE"))
			kind = "owe";
		(void)text_copy(out, size, kind);
	}
}

void wifi_read_wpa_status(char *text, char *out, size_t size)
{
	char *line, *key, *value;

	*out = '\0';
	while ((line = fact_line(&text))) {
		const char *kind;

		if (!fact_key_value(line, &key, &value) || strcmp(key, "key_mgmt") != 0)
			continue;
		if (strstr(value, "SAE") || strstr(value, "SUITE-B") || strstr(value, "WPA3"))
			kind = "wpa3";
		else if (!strncmp(value, "WPA2", 4) || !strncmp(value, "FT-", 3))
			kind = "wpa2";
		else if (!strncmp(value, "WPA", 3))
			kind = "wpa";
		else if (!strcmp(value, "OWE"))
			kind = "owe";
		else
			kind = "open"; /* NONE: open, or WEP, which is as good as open */
		(void)text_copy(out, size, kind);
	}
}

int plat_wifi(struct plat_wifi *out, struct err *err)
{
	static const char *const nmcli[] = {"nmcli",  "-t",   "-f",   "IN-USE,SECURITY",
					    "device", "wifi", "list", "--rescan",
					    "no",     NULL};
	static const char *const wpa[] = {"wpa_cli", "status", NULL};
	struct plat_wifi wifi = {0};
	unsigned unread = fact_unread_count();
	struct buf text;
	struct err why;

	if (!fact_is_dir("/sys/class/net"))
		return err_set(err, ERR_UNSUPPORTED, "there is no /sys to see network cards in");
	fact_each("/sys/class/net", is_wifi, &wifi);
	if (fact_unread(unread, err) < 0)
		return -1;
	buf_init(&text, 0);
	if (wifi.connected && fact_program("nmcli", NULL, 0) &&
	    apt_run(nmcli, 15, &text, &why) == 0 && text.len)
		wifi_read_nmcli(text.data, wifi.security, sizeof(wifi.security));
	buf_reset(&text);
	if (wifi.connected && !*wifi.security && fact_program("wpa_cli", NULL, 0) &&
	    apt_run(wpa, 15, &text, &why) == 0 && text.len)
		wifi_read_wpa_status(text.data, wifi.security, sizeof(wifi.security));
	buf_clear(&text);
	*out = wifi;
	return 0;
}
