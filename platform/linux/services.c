/* Services and running programs.  Whether a unit is there and enabled is in files; whether it runs,
 * systemd is asked where it runs (services_sdbus.c), else its control group says.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/services.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/err.h"
#include "platform/linux/fact.h"
#include "platform/linux/services_bus.h"

static const char *const unit_folders[] = {"/etc/systemd/system", "/run/systemd/system",
					   "/usr/local/lib/systemd/system", "/lib/systemd/system",
					   "/usr/lib/systemd/system"};
#define UNIT_FOLDERS (sizeof(unit_folders) / sizeof(*unit_folders))

static bool unit_file(const char *unit, char *out, size_t size)
{
	size_t i;

	for (i = 0; i < UNIT_FOLDERS; i++) {
		(void)snprintf(out, size, "%s/%s", unit_folders[i], unit);
		if (fact_exists(out))
			return true;
	}
	return false;
}

static bool is_masked(const char *unit)
{
	char path[FACT_PATH_MAX], target[FACT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "/etc/systemd/system/%s", unit);
	return fact_link(path, target, sizeof(target)) && !strcmp(target, "/dev/null");
}

struct wants {
	const char *folder, *unit;
	bool found;
};

static bool look_in_wants(void *ctx, const char *name)
{
	struct wants *wants = ctx;
	const char *dot = strrchr(name, '.');
	char path[FACT_PATH_MAX], target[FACT_PATH_MAX];

	if (!dot || (strcmp(dot, ".wants") != 0 && strcmp(dot, ".requires") != 0))
		return true;
	(void)snprintf(path, sizeof(path), "%s/%s/%s", wants->folder, name, wants->unit);
	wants->found = fact_link(path, target, sizeof(target)) || fact_exists(path);
	return !wants->found;
}

static bool is_wanted(const char *unit)
{
	static const char *const folders[] = {"/etc/systemd/system", "/lib/systemd/system",
					      "/usr/lib/systemd/system"};
	struct wants wants = {.unit = unit};
	size_t i;

	for (i = 0; i < sizeof(folders) / sizeof(*folders) && !wants.found; i++) {
		wants.folder = folders[i];
		fact_each(wants.folder, look_in_wants, &wants);
	}
	return wants.found;
}

/* sshd.service may be started by ssh.socket, updates by a timer. */
static bool starts_at_boot(const char *name)
{
	static const char *const kinds[] = {"service", "socket", "timer", "path"};
	char unit[256];
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		(void)snprintf(unit, sizeof(unit), "%s.%s", name, kinds[i]);
		if (is_wanted(unit) && !is_masked(unit))
			return true;
	}
	return false;
}

static bool has_processes(const char *unit)
{
	static const char *const trees[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/systemd",
					    "/sys/fs/cgroup/unified"};
	char path[FACT_PATH_MAX], line[32];
	size_t i;

	for (i = 0; i < sizeof(trees) / sizeof(*trees); i++) {
		(void)snprintf(path, sizeof(path), "%s/system.slice/%s/cgroup.procs", trees[i],
			       unit);
		if (fact_text(path, line, sizeof(line)))
			return true;
	}
	return false;
}

int plat_service(const char *name, struct plat_service *out, struct err *err)
{
	struct plat_service found = {0};
	unsigned unread = fact_unread_count();
	char unit[256], path[FACT_PATH_MAX];

	if (strchr(name, '/') ||
	    snprintf(unit, sizeof(unit), "%s.service", name) >= (int)sizeof(unit))
		return err_set(err, ERR_INVALID, "'%s' is not a service's name", name);
	if (unit_file(unit, path, sizeof(path))) {
		found.masked = is_masked(unit);
		found.at_boot = !found.masked && starts_at_boot(name);
		if (has_processes(unit))
			found.run = PLAT_SERVICE_RUNNING;
		else if (!fact_exists("/run/systemd/system"))
			found.run = PLAT_SERVICE_UNKNOWN; /* no systemd in charge */
		else if (fact_live())
			found.run = bus_unit_run(unit);
		else
			found.run = PLAT_SERVICE_STOPPED;
	}
	if (fact_unread(unread, err) < 0)
		return -1;
	*out = found;
	return 0;
}

int plat_program_runs(const char *program, bool *out, struct err *err)
{
	unsigned unread = fact_unread_count();
	bool runs;

	if (!fact_exists("/proc/1/comm"))
		return err_set(err, ERR_UNSUPPORTED, "no list of processes: /proc is not there");
	runs = fact_process_runs(program);
	if (!runs && fact_unread(unread, err) < 0)
		return -1;
	*out = runs;
	return 0;
}

struct walk {
	bool (*each)(void *ctx, const char *name, bool running);
	void *ctx;
	bool ended;
};

static bool running_program(void *ctx, const char *pid, const char *program)
{
	struct walk *walk = ctx;

	(void)pid;
	walk->ended = !walk->each(walk->ctx, program, true);
	return !walk->ended;
}

static bool installed_program(void *ctx, const char *name)
{
	struct walk *walk = ctx;

	walk->ended = !walk->each(walk->ctx, name, false);
	return !walk->ended;
}

int plat_each_program(bool (*each)(void *ctx, const char *name, bool running), void *ctx,
		      struct err *err)
{
	static const char *const folders[] = {"/usr/bin",
					      "/usr/sbin",
					      "/usr/local/bin",
					      "/usr/local/sbin",
					      "/snap/bin",
					      "/opt",
					      "/var/lib/flatpak/exports/bin"};
	struct walk walk = {.each = each, .ctx = ctx};
	unsigned unread = fact_unread_count();
	size_t i;

	if (!fact_is_dir("/usr/bin"))
		return err_set(err, ERR_UNSUPPORTED, "no programs: /usr/bin is not there");
	fact_each_process(running_program, &walk);
	for (i = 0; i < sizeof(folders) / sizeof(*folders) && !walk.ended; i++)
		fact_each(folders[i], installed_program, &walk);
	return fact_unread(unread, err);
}
