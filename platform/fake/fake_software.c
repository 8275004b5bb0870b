/* Answers as a test told it (fake_software.h).
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/fake/fake_software.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/text.h"

/* clang-format off */
#define UNASKED { .code = ERR_UNSUPPORTED, .msg = "the fake machine was told nothing" }
#define UNOWNED { .code = ERR_NOTFOUND, .msg = "no package has these files" }
#define NOTHING_KNOWN {                                                                         \
	.antivirus.err = UNASKED, .detections.err = UNASKED, .updates.err = UNASKED,            \
	.release.err = UNASKED, .reboot.err = UNASKED, .software.err = UNASKED,                 \
	.packages.err = UNASKED, .units.err = UNASKED, .files.err = UNASKED,                    \
	.certificates.err = UNASKED, .browsers.err = UNASKED, .wifi.err = UNASKED,              \
	.sync.err = UNASKED, .verify.err = UNOWNED }
/* clang-format on */

static const struct fake_software nothing_known = NOTHING_KNOWN;

/* File scope: the fake machine is the one a test's process stands in. */
struct fake_software fake_software = NOTHING_KNOWN;

void fake_software_reset(void)
{
	fake_software = nothing_known;
}

static int answer(const struct err *told, struct err *err)
{
	return told->code ? err_set(err, told->code, "%s", told->msg) : 0;
}

/* A test without memory has nothing to test. */
static void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

int plat_antivirus(struct plat_antivirus *out, struct err *err)
{
	if (answer(&fake_software.antivirus.err, err) < 0)
		return -1;
	*out = fake_software.antivirus.facts;
	return 0;
}

int plat_antivirus_detections(const char *position, struct plat_detection *out, size_t *out_count,
			      struct buf *out_position, struct err *err)
{
	(void)snprintf(fake_software.detections.asked, sizeof(fake_software.detections.asked), "%s",
		       position ? position : "-");
	if (answer(&fake_software.detections.err, err) < 0)
		return -1;
	*out_count = fake_software.detections.count;
	if (*out_count)
		memcpy(out, fake_software.detections.items, *out_count * sizeof(*out));
	buf_adds(out_position,
		 fake_software.detections.position ? fake_software.detections.position : "");
	return 0;
}

int plat_updates(const char *cache_dir, int64_t now, struct plat_updates *out, struct err *err)
{
	const struct plat_updates *facts = &fake_software.updates.facts;

	(void)cache_dir;
	(void)now;
	if (answer(&fake_software.updates.err, err) < 0)
		return -1;
	*out = *facts;
	out->fixes = NULL;
	if (facts->count) {
		out->fixes = need(calloc(facts->count, sizeof(*facts->fixes)));
		memcpy(out->fixes, facts->fixes, facts->count * sizeof(*facts->fixes));
	}
	return 0;
}

void plat_updates_clear(struct plat_updates *updates)
{
	free(updates->fixes);
	memset(updates, 0, sizeof(*updates));
}

int plat_release(struct plat_release *out, struct err *err)
{
	if (answer(&fake_software.release.err, err) < 0)
		return -1;
	*out = fake_software.release.facts;
	return 0;
}

int plat_reboot(struct plat_reboot *out, struct err *err)
{
	if (answer(&fake_software.reboot.err, err) < 0)
		return -1;
	*out = fake_software.reboot.facts;
	return 0;
}

const char *plat_package_kind_name(enum plat_package_kind kind)
{
	static const char *const names[] = {"dpkg", "rpm", "flatpak", "snap", "pip", "appimage"};

	return names[kind];
}

int plat_software(const char *cache_dir, struct plat_software *out, struct err *err)
{
	const struct plat_software *facts = &fake_software.software.facts;

	(void)cache_dir;
	if (answer(&fake_software.software.err, err) < 0)
		return -1;
	*out = *facts;
	out->packages = NULL;
	if (facts->count)
		out->packages = need(calloc(facts->count, sizeof(*facts->packages)));
	for (size_t i = 0; i < facts->count; i++) {
		const struct plat_package *from = &facts->packages[i];
		struct plat_package *to = &out->packages[i];

		*to = *from;
		to->name = need(strdup(from->name));
		to->version = need(strdup(from->version ? from->version : ""));
		to->licence = need(strdup(from->licence ? from->licence : ""));
		to->origin = need(strdup(from->origin ? from->origin : ""));
	}
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

int plat_package_find(const char *name, char version[96], struct err *err)
{
	if (answer(&fake_software.packages.err, err) < 0)
		return -1;
	for (size_t i = 0; i < fake_software.packages.count; i++)
		if (!strcmp(fake_software.packages.items[i].name, name)) {
			(void)snprintf(version, 96, "%s", fake_software.packages.items[i].version);
			return 0;
		}
	return err_set(err, ERR_NOTFOUND, "package '%s' is not installed", name);
}

int plat_package_verify(const char *package, void (*each)(void *ctx, const char *path), void *ctx,
			struct err *err)
{
	(void)package;
	fake_software.verify.asked++;
	if (answer(&fake_software.verify.err, err) < 0)
		return -1;
	for (const char *const *path = fake_software.verify.changed; path && *path; path++)
		each(ctx, *path);
	return 0;
}

int plat_unit_runs(const char *name, struct plat_unit_runs *out, struct err *err)
{
	if (answer(&fake_software.units.err, err) < 0)
		return -1;
	for (size_t i = 0; i < fake_software.units.count; i++)
		if (!strcmp(fake_software.units.items[i].name, name)) {
			*out = fake_software.units.items[i].runs;
			return 0;
		}
	return err_set(err, ERR_NOTFOUND, "there is no unit '%s'", name);
}

static const struct fake_file *find_file(const char *path, struct err *err)
{
	if (answer(&fake_software.files.err, err) < 0)
		return NULL;
	for (size_t i = 0; i < fake_software.files.count; i++)
		if (!strcmp(fake_software.files.items[i].path, path))
			return &fake_software.files.items[i];
	(void)err_set(err, ERR_NOTFOUND, "open '%s': No such file or directory", path);
	return NULL;
}

int plat_look(const char *path, struct plat_looked_file *out, struct err *err)
{
	const struct fake_file *file = find_file(path, err);

	if (!file)
		return -1;
	*out = (struct plat_looked_file){.size = strlen(file->text),
					 .changed_at = file->changed_at};
	return 0;
}

int plat_look_newest(const char *pattern, char *out_path, size_t size, struct plat_looked_file *out,
		     struct err *err)
{
	const struct fake_file *best = NULL;

	if (answer(&fake_software.files.err, err) < 0)
		return -1;
	for (size_t i = 0; i < fake_software.files.count; i++) {
		const struct fake_file *file = &fake_software.files.items[i];

		if (text_match(pattern, file->path) &&
		    (!best || file->changed_at > best->changed_at))
			best = file;
	}
	if (!best)
		return err_set(err, ERR_NOTFOUND, "there is no file '%s'", pattern);
	(void)snprintf(out_path, size, "%s", best->path);
	*out = (struct plat_looked_file){.size = strlen(best->text),
					 .changed_at = best->changed_at};
	return 0;
}

int plat_program_runs_like(const char *pattern, bool *out, struct err *err)
{
	(void)err;
	*out = false;
	for (const char *const *program = fake_software.programs; program && *program; program++)
		*out = *out || text_match(pattern, *program);
	return 0;
}

int plat_look_read(const char *path, size_t max, struct buf *out, struct err *err)
{
	const struct fake_file *file = find_file(path, err);

	if (!file)
		return -1;
	if (strlen(file->text) > max)
		return err_set(err, ERR_INVALID, "'%s' is larger than %zu bytes", path, max);
	buf_adds(out, file->text);
	return buf_check(out, err);
}

int plat_trusted_certificates(struct buf *out, struct err *err)
{
	if (answer(&fake_software.certificates.err, err) < 0)
		return -1;
	buf_adds(out, fake_software.certificates.pem);
	return buf_check(out, err);
}

int plat_browser_files(struct plat_browser_files *out, struct err *err)
{
	if (answer(&fake_software.browsers.err, err) < 0)
		return -1;
	memset(out, 0, sizeof(*out));
	out->count = fake_software.browsers.count;
	for (size_t i = 0; i < out->count; i++) {
		out->files[i] = fake_software.browsers.items[i];
		out->files[i].text = need(strdup(fake_software.browsers.items[i].text));
		out->files[i].len = strlen(out->files[i].text);
	}
	return 0;
}

void plat_browser_files_clear(struct plat_browser_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->files[i].text);
	memset(files, 0, sizeof(*files));
}

int plat_wifi(struct plat_wifi *out, struct err *err)
{
	if (answer(&fake_software.wifi.err, err) < 0)
		return -1;
	*out = fake_software.wifi.facts;
	return 0;
}

static const char *const sync_names[] = {"nextcloud", "onedrive", "rclone",  "insync",
					 "dropbox",   "owncloud", "seafile", "syncthing"};

bool plat_sync_known(const char *name)
{
	for (size_t i = 0; i < sizeof(sync_names) / sizeof(*sync_names); i++)
		if (!strcmp(sync_names[i], name))
			return true;
	return false;
}

int plat_sync_clients(struct plat_sync_clients *out, struct err *err)
{
	if (answer(&fake_software.sync.err, err) < 0)
		return -1;
	*out = fake_software.sync.facts;
	return 0;
}
