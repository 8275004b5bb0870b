/* Which release this is, how long it is looked after, and whether a restart is due.
 *
 * Ends of life come from distro-info-data where it is installed and knows the release, else from
 * the table below (from the distributions' own announcements; distro-info's columns carry the
 * same). Debian's LTS counts as support: its fixes come by the same security archive.
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/fact.h"
#include "platform/linux/look.h"
#include "platform/updates.h"

struct end {
	const char *id, *version, *date;
};

static const struct end ends[] = {
	{"debian", "10", "2024-06-30"},          {"debian", "11", "2026-08-31"},
	{"debian", "12", "2028-06-30"},          {"debian", "13", "2030-06-30"},
	{"ubuntu", "20.04", "2025-05-31"},       {"ubuntu", "22.04", "2027-06-01"},
	{"ubuntu", "24.04", "2029-05-31"},       {"fedora", "40", "2025-05-13"},
	{"fedora", "41", "2025-12-15"},          {"fedora", "42", "2026-05-13"},
	{"opensuse-leap", "15.5", "2024-12-31"}, {"opensuse-leap", "15.6", "2026-04-30"},
};

static int64_t day(const char *date)
{
	struct tm tm = {0};

	return strptime(date, "%Y-%m-%d", &tm) ? (int64_t)timegm(&tm) : 0;
}

struct wanted_release {
	struct plat_release *release;
	bool debian;
};

static void read_distro_info(void *ctx, char *line)
{
	struct wanted_release *wanted = ctx;
	char *fields[9] = {0};
	int n = 0, last;

	while (line && n < 9) {
		fields[n++] = line;
		line = strchr(line, ',');
		if (line)
			*line++ = '\0';
	}
	/* version, codename, series, created, release, eol, then Debian: eol-lts, Ubuntu:
	 * eol-server. */
	if (n < 6)
		return;
	fields[0][strcspn(fields[0], " ")] = '\0'; /* "22.04 LTS" */
	if (strcmp(fields[0], wanted->release->version) != 0)
		return;
	last = wanted->debian && n > 6 && day(fields[6]) ? 6 : 5;
	wanted->release->end_of_life = day(fields[last]);
	if (wanted->release->end_of_life)
		(void)text_copy(wanted->release->end_from, sizeof(wanted->release->end_from),
				last == 6 ? "distro-info, long-term support" : "distro-info");
}

static void find_end(struct plat_release *release)
{
	struct wanted_release wanted = {release, !strcmp(release->id, "debian")};
	char path[96];

	(void)snprintf(path, sizeof(path), "/usr/share/distro-info/%.32s.csv", release->id);
	(void)fact_lines(path, read_distro_info, &wanted);
	for (size_t i = 0; !release->end_of_life && i < sizeof(ends) / sizeof(*ends); i++)
		if (!strcmp(ends[i].id, release->id) &&
		    !strcmp(ends[i].version, release->version)) {
			release->end_of_life = day(ends[i].date);
			(void)text_copy(release->end_from, sizeof(release->end_from),
					"this agent's table");
		}
}

int plat_release(struct plat_release *out, struct err *err)
{
	static const char *const paths[] = {"/etc/os-release", "/usr/lib/os-release"};
	struct plat_release release = {0};

	for (size_t i = 0; i < 2 && !*release.id; i++) {
		if (!fact_setting(paths[i], NULL, "ID", release.id, sizeof(release.id)))
			continue;
		(void)fact_setting(paths[i], NULL, "PRETTY_NAME", release.name,
				   sizeof(release.name));
		(void)fact_setting(paths[i], NULL, "VERSION_ID", release.version,
				   sizeof(release.version));
		(void)fact_setting(paths[i], NULL, "VERSION_CODENAME", release.codename,
				   sizeof(release.codename));
	}
	if (!*release.id)
		return err_set(err, ERR_UNSUPPORTED,
			       "there is no /etc/os-release that says which "
			       "system this is");
	find_end(&release);
	*out = release;
	return 0;
}

/* --- restart --- */

/* Orders "6.1.0-9-amd64" before "6.1.0-35-amd64": runs of digits as numbers. */
static int compare_kernels(const char *a, const char *b)
{
	while (*a && *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			size_t la, lb;

			a += strspn(a, "0");
			b += strspn(b, "0");
			la = strspn(a, "0123456789");
			lb = strspn(b, "0123456789");
			if (la != lb)
				return la < lb ? -1 : 1;
			if (memcmp(a, b, la) != 0)
				return memcmp(a, b, la);
			a += la;
			b += lb;
		} else {
			if (*a != *b)
				return *a < *b ? -1 : 1;
			a++;
			b++;
		}
	}
	return (unsigned char)*a - (unsigned char)*b;
}

struct kernels {
	const char *running;
	bool running_found;
	char newest[96];
	int64_t newest_at;
};

/* The flavour, "-amd64" or "-generic": a cloud kernel beside is no successor. */
static const char *flavour(const char *kernel)
{
	const char *dash = strrchr(kernel, '-');

	return dash ? dash : "";
}

static bool one_kernel(void *ctx, const char *name)
{
	struct kernels *kernels = ctx;

	if (strncmp(name, "vmlinuz-", 8) != 0)
		return true;
	name += 8;
	kernels->running_found = kernels->running_found || !strcmp(name, kernels->running);
	if (strcmp(flavour(name), flavour(kernels->running)) != 0)
		return true;
	if (!*kernels->newest || compare_kernels(name, kernels->newest) > 0) {
		char file[128];

		(void)text_copy(kernels->newest, sizeof(kernels->newest), name);
		(void)snprintf(file, sizeof(file), "vmlinuz-%.96s", name);
		kernels->newest_at = look_stamp("/boot", file);
	}
	return true;
}

static void first_package(void *ctx, char *line)
{
	char *out = ctx;

	if (!*out)
		text_clean(out, 96, line, strlen(line));
}

int plat_reboot(struct plat_reboot *out, struct err *err)
{
	struct plat_reboot reboot = {.pending = PLAT_NO};
	struct utsname system;
	struct kernels kernels = {0};
	char package[96] = "", text[64];

	reboot.since = look_stamp("/run", "reboot-required");
	if (reboot.since) {
		(void)fact_lines("/run/reboot-required.pkgs", first_package, package);
		reboot.pending = PLAT_YES;
		(void)snprintf(reboot.why, sizeof(reboot.why), "%s asked for it",
			       *package ? package : "an update");
		*out = reboot;
		return 0;
	}
	/* A recorded tree says which kernel ran where it was taken. */
	if (fact_live() && uname(&system) == 0)
		(void)text_copy(text, sizeof(text), system.release);
	else if (!fact_text("/proc/sys/kernel/osrelease", text, sizeof(text)))
		return err_set(err, ERR_UNSUPPORTED, "the running kernel's version is not known");
	kernels.running = text;
	fact_each("/boot", one_kernel, &kernels);
	/* In a container, or with a kernel from outside, nothing here says what will start next. */
	if (!kernels.running_found) {
		reboot.pending = PLAT_CANNOT_TELL;
		(void)snprintf(reboot.why, sizeof(reboot.why),
			       "the running kernel %s is none of those in /boot", text);
	} else if (compare_kernels(kernels.newest, text) > 0) {
		reboot.pending = PLAT_YES;
		reboot.since = kernels.newest_at;
		(void)snprintf(reboot.why, sizeof(reboot.why),
			       "kernel %.60s is installed, %.60s still runs", kernels.newest, text);
	}
	*out = reboot;
	return 0;
}
