/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/software.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/apt.h"
#include "platform/linux/dpkg.h"
#include "platform/linux/fact.h"
#include "platform/linux/look.h"
#include "platform/os.h"

#define RPM_DB_A "/var/lib/rpm"
#define RPM_DB_B "/usr/lib/sysimage/rpm"
#define RPM_ANSWER_MAX (64u * 1024)
#define RPM_TIMEOUT_MS 30000

const char *plat_package_kind_name(enum plat_package_kind kind)
{
	static const char *const names[] = {"dpkg", "rpm", "flatpak", "snap", "pip", "appimage"};

	return names[kind];
}

void software_unread(struct plat_software *software, const char *fmt, ...)
{
	va_list args;

	if (*software->detail)
		return;
	va_start(args, fmt);
	(void)vsnprintf(software->detail, sizeof(software->detail), fmt, args);
	va_end(args);
}

static char *clean_copy(const char *text)
{
	char clean[256];

	text_clean(clean, sizeof(clean), text, strlen(text));
	return strdup(clean);
}

int software_add(struct plat_software *software, enum plat_package_kind kind, const char *name,
		 const char *version, const char *licence, const char *origin,
		 enum plat_answer from_archive, struct err *err)
{
	struct plat_package *package;

	if (software->count >= PLAT_SOFTWARE_MAX) {
		software->more = true;
		return 0;
	}
	package = fact_append(&software->packages, &software->count, sizeof(*package));
	if (!package)
		return err_set(err, ERR_NOMEM, "out of memory for the list of software");
	software->kinds |= 1u << kind;
	package->kind = kind;
	package->from_archive = from_archive;
	package->name = clean_copy(name);
	package->version = clean_copy(version);
	package->licence = clean_copy(licence);
	package->origin = clean_copy(origin);
	if (!package->name || !package->version || !package->licence || !package->origin)
		return err_set(err, ERR_NOMEM, "out of memory for the list of software");
	return 0;
}

void plat_software_clear(struct plat_software *software)
{
	for (size_t i = 0; i < software->count; i++) {
		free(software->packages[i].name);
		free(software->packages[i].version);
		free(software->packages[i].licence);
		free(software->packages[i].origin);
	}
	free(software->packages);
	memset(software, 0, sizeof(*software));
}

/* --- rpm --- */

int software_read_rpm(char *text, struct plat_software *out, struct err *err)
{
	char *line;

	while ((line = fact_line(&text))) {
		char *fields[4] = {line, "", "", ""};

		for (int n = 1; n < 4 && (line = strchr(line, '\t')); n++) {
			*line++ = '\0';
			fields[n] = line;
		}
		/* Imported signing keys are listed as packages. */
		if (!*fields[0] || !strcmp(fields[0], "gpg-pubkey"))
			continue;
		if (software_add(out, PLAT_RPM, fields[0], fields[1], fields[2], fields[3],
				 *fields[3] && strcmp(fields[3], "(none)") != 0 ? PLAT_YES
										: PLAT_NO,
				 err) < 0)
			return -1;
	}
	return 0;
}

int software_rpm(struct plat_software *out, struct err *err)
{
	static const char *const argv[] = {
		"rpm", "-qa", "--qf",
		"%{NAME}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\t%{LICENSE}\t%{VENDOR}\n",
		NULL};
	struct buf text;
	struct err why;
	int ret = 0;

	/* Debian's rpm program alone is no rpm system. */
	if (dpkg_present() || (!fact_is_dir(RPM_DB_A) && !fact_is_dir(RPM_DB_B)))
		return 0;
	buf_init(&text, 0);
	if (apt_run(argv, 60, &text, &why) < 0)
		software_unread(out, "rpm: %s", why.msg);
	else if (text.len)
		ret = software_read_rpm(text.data, out, err);
	buf_clear(&text);
	return ret;
}

/* --- snap --- */

int software_read_snap(char *text, struct plat_software *out, struct err *err)
{
	char *line = fact_line(&text); /* the heading */

	while (line && (line = fact_line(&text))) {
		char *name = fact_word(&line), *version = fact_word(&line);

		if (name && version &&
		    software_add(out, PLAT_SNAP, name, version, "", "snap", PLAT_YES, err) < 0)
			return -1;
	}
	return 0;
}

int software_snap(struct plat_software *out, struct err *err)
{
	static const char *const argv[] = {"snap", "list", NULL};
	struct buf text;
	struct err why;
	int ret = 0;

	if (!fact_exists("/var/lib/snapd/state.json") || !fact_program("snap", NULL, 0))
		return 0;
	buf_init(&text, 0);
	if (apt_run(argv, 30, &text, &why) < 0)
		software_unread(out, "snap: %s", why.msg);
	else if (text.len)
		ret = software_read_snap(text.data, out, err);
	buf_clear(&text);
	return ret;
}

/* --- all of it --- */

static int order(const void *a, const void *b)
{
	const struct plat_package *x = a, *y = b;
	int by_name;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	by_name = strcmp(x->name, y->name);
	return by_name ? by_name : strcmp(x->version, y->version);
}

int plat_software(const char *cache_dir, struct plat_software *out, struct err *err)
{
	struct plat_software all = {0};
	unsigned unread = fact_unread_count();
	struct err why;

	if (software_dpkg(cache_dir, &all, err) < 0 || software_rpm(&all, err) < 0 ||
	    software_flatpak(&all, err) < 0 || software_snap(&all, err) < 0 ||
	    software_homes(&all, err) < 0) {
		plat_software_clear(&all);
		return -1;
	}
	if (!(all.kinds & (1u << PLAT_DPKG | 1u << PLAT_RPM))) {
		if (*all.detail)
			err_set(err, ERR_UNSUPPORTED, "%s", all.detail);
		else
			err_set(err, ERR_UNSUPPORTED,
				"this system's packages are neither dpkg's nor rpm's");
		plat_software_clear(&all);
		return -1;
	}
	if (!*all.detail && fact_unread(unread, &why) < 0)
		(void)text_copy(all.detail, sizeof(all.detail), why.msg);
	qsort(all.packages, all.count, sizeof(*all.packages), order);
	*out = all;
	return 0;
}

/* rpm answers 1 both for "not installed" and for a database that it cannot read, and then says "not
 * installed" as well: what it wrote to its error output tells the two apart. */
int software_read_rpm_query(const char *name, int status, const char *said, const char *trouble,
			    char version[96], struct err *err)
{
	char first[128];

	if (status == 0 && *said && *said != '\n') {
		text_clean(version, 96, said, strcspn(said, "\n"));
		return 0;
	}
	if (status == 1 && strstr(said, "is not installed") && !strstr(trouble, "error:"))
		return err_set(err, ERR_NOTFOUND, "package '%.100s' is not installed", name);
	if (!*trouble)
		trouble = said;
	text_clean(first, sizeof(first), trouble, strcspn(trouble, "\n"));
	return err_set(err, ERR_IO, "rpm could not say whether '%.60s' is installed (exit %d): %s",
		       name, status, *first ? first : "no answer");
}

static int rpm_find(const char *name, char version[96], struct err *err)
{
	const char *argv[] = {"rpm", "-q", "--qf", "%{VERSION}-%{RELEASE}\n", "--", name, NULL};
	struct plat_command command = {
		.argv = argv, .output_max = RPM_ANSWER_MAX, .timeout_ms = RPM_TIMEOUT_MS};
	struct buf said, trouble;
	int status, ret;

	if (!fact_live())
		return err_set(err, ERR_UNSUPPORTED,
			       "'rpm' is not run on a tree that is only read");
	buf_init(&said, 0);
	buf_init(&trouble, 0);
	ret = plat_run(&command, &said, &trouble, &status, err);
	if (ret == 0)
		ret = software_read_rpm_query(name, status, buf_text(&said), buf_text(&trouble),
					      version, err);
	else if (err->code == ERR_NOTFOUND) /* rpm itself: that says nothing of the package */
		err->code = ERR_UNSUPPORTED;
	buf_clear(&said);
	buf_clear(&trouble);
	return ret;
}

int plat_package_find(const char *name, char version[96], struct err *err)
{
	struct dpkg_package package;

	if (dpkg_present()) {
		if (dpkg_find(name, &package, err) < 0)
			return -1;
		(void)text_copy(version, 96, package.version);
		return 0;
	}
	if (!fact_is_dir(RPM_DB_A) && !fact_is_dir(RPM_DB_B))
		return err_set(err, ERR_UNSUPPORTED,
			       "this system's packages are neither dpkg's nor rpm's");
	return rpm_find(name, version, err);
}
