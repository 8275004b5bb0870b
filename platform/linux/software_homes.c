/* Programs outside the system's packages: flatpaks, and what people keep in their homes.
 *
 * Names and versions only, read from folder names; nobody's files are opened but a flatpak's own
 * metadata.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/fact.h"
#include "platform/linux/look.h"
#include "platform/linux/software.h"

#define HOME_PROGRAMS_MAX 500 /* of one home */

struct finder {
	struct plat_software *out;
	struct err *err;
	const char *dir;
	const char *origin;
	unsigned count;
	bool in_home;
	int ret;
};

static bool count_one(struct finder *finder)
{
	struct err err;

	if (!finder->in_home || ++finder->count <= HOME_PROGRAMS_MAX)
		return true;
	err_set(&err, ERR_INVALID, "a home holds over %d programs", HOME_PROGRAMS_MAX);
	fact_note(&err);
	return false;
}

/* --- flatpak: INSTALLATION/app/ID/current/active --- */

static bool one_flatpak(void *ctx, const char *id)
{
	struct finder *finder = ctx;
	char path[FACT_PATH_MAX], origin[96], branch[96];

	/* "current" links to ARCHITECTURE/BRANCH. */
	(void)snprintf(path, sizeof(path), "%s/%s/current", finder->dir, id);
	if (!fact_link_name(path, branch, sizeof(branch)))
		return true;
	(void)snprintf(path, sizeof(path), "%s/%s/current/active/origin", finder->dir, id);
	if (!fact_text(path, origin, sizeof(origin)))
		(void)text_copy(origin, sizeof(origin), finder->in_home ? "home" : "flatpak");
	finder->ret = software_add(finder->out, PLAT_FLATPAK, id, branch, "",
				   finder->in_home ? "home" : origin,
				   finder->in_home ? PLAT_NO : PLAT_YES, finder->err);
	return finder->ret == 0 && count_one(finder);
}

int software_flatpak(struct plat_software *out, struct err *err)
{
	struct finder finder = {.out = out, .err = err, .dir = "/var/lib/flatpak/app"};

	fact_each(finder.dir, one_flatpak, &finder);
	return finder.ret;
}

/* --- pip install --user: ~/.local/lib/pythonX.Y/site-packages/NAME-VERSION.dist-info --- */

static bool one_distribution(void *ctx, const char *name)
{
	struct finder *finder = ctx;
	char package[128], *dash;
	size_t len = strlen(name);

	if (len < 11 || len >= sizeof(package) || strcmp(name + len - 10, ".dist-info") != 0)
		return true;
	memcpy(package, name, len - 10);
	package[len - 10] = '\0';
	dash = strrchr(package, '-');
	if (dash)
		*dash++ = '\0';
	finder->ret = software_add(finder->out, PLAT_PIP, package, dash ? dash : "", "", "home",
				   PLAT_NO, finder->err);
	return finder->ret == 0 && count_one(finder);
}

static bool one_python(void *ctx, const char *name)
{
	struct finder *finder = ctx;
	const char *home = finder->dir;
	char path[FACT_PATH_MAX];

	if (!text_match("python*", name))
		return true;
	(void)snprintf(path, sizeof(path), "%s/%s/site-packages", home, name);
	fact_each(path, one_distribution, finder);
	return finder->ret == 0;
}

/* --- AppImage: a file of that name where people put programs --- */

static bool one_file(void *ctx, const char *name)
{
	struct finder *finder = ctx;
	char path[FACT_PATH_MAX], tilde[256];

	if (!text_match("*.appimage", name))
		return true;
	(void)snprintf(path, sizeof(path), "%s/%s", finder->dir, name);
	look_tilde(tilde, sizeof(tilde), path);
	finder->ret = software_add(finder->out, PLAT_APPIMAGE, tilde, "", "", "home", PLAT_NO,
				   finder->err);
	return finder->ret == 0 && count_one(finder);
}

static bool one_home(void *ctx, const char *home)
{
	static const char *const folders[] = {
		"",           "/Applications", "/AppImages",  "/Desktop",
		"/Downloads", "/bin",          "/.local/bin", "/Documents"};
	struct finder *all = ctx;
	struct finder finder = {.out = all->out, .err = all->err, .in_home = true};
	char path[FACT_PATH_MAX];

	finder.dir = path;
	(void)snprintf(path, sizeof(path), "%s/.local/lib", home);
	fact_each(path, one_python, &finder);
	(void)snprintf(path, sizeof(path), "%s/.local/share/flatpak/app", home);
	fact_each(path, one_flatpak, &finder);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders) && finder.ret == 0; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", home, folders[i]);
		fact_each(path, one_file, &finder);
	}
	all->ret = finder.ret;
	return finder.ret == 0;
}

int software_homes(struct plat_software *out, struct err *err)
{
	struct finder finder = {.out = out, .err = err};

	look_each_home(one_home, &finder);
	return finder.ret;
}
