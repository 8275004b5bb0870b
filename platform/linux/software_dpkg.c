/* Packages of dpkg, with their licences and the archive that offers them.
 *
 * Both are costly on a slow disk, so they are kept in cache_dir/software.txt: a line a package
 * (name, version, licence, origin, tabs between), under the identity of dpkg's status and apt's
 * lists.  When only packages changed, licences of the others are still taken from there.
 * SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/apt.h"
#include "platform/linux/dpkg.h"
#include "platform/linux/fact.h"
#include "platform/linux/licence.h"
#include "platform/linux/look.h"
#include "platform/linux/software.h"
#include "platform/os.h"

#define CACHE_MAX (8u * 1024 * 1024)
#define HEAD "caretaker software 1"

struct known {
	char *name, *version, *licence, *origin; /* inside 'text' */
};

struct dpkg_list {
	struct plat_software *out;
	size_t first; /* of ours in out->packages */
	struct buf text;
	struct known *known; /* sorted by name */
	size_t known_count;
	uint64_t key, known_key;
	struct apt_archives archives;
	bool origins_known;
	bool changed;
};

/* --- what changed --- */

static bool add_list(void *ctx, const char *name)
{
	struct dpkg_list *list = ctx;
	char path[FACT_PATH_MAX];
	struct plat_file_info info;
	struct err err;

	if (!text_match("*Packages*", name))
		return true;
	(void)snprintf(path, sizeof(path), "/var/lib/apt/lists/%s", name);
	if (plat_file_info(path, &info, &err) == 0)
		list->key = (list->key ^ info.identity) * UINT64_C(1099511628211);
	return true;
}

static void find_key(struct dpkg_list *list)
{
	struct plat_file_info info;
	struct err err;

	list->key = UINT64_C(14695981039346656037);
	if (plat_file_info("/var/lib/dpkg/status", &info, &err) == 0)
		list->key = (list->key ^ info.identity) * UINT64_C(1099511628211);
	fact_each("/var/lib/apt/lists", add_list, list);
}

/* --- the cache --- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct known *)a)->name, ((const struct known *)b)->name);
}

static const struct known *find_known(const struct dpkg_list *list, const char *name,
				      const char *version)
{
	const struct known wanted = {.name = (char *)name};
	const struct known *found;

	if (!list->known_count)
		return NULL;
	found = bsearch(&wanted, list->known, list->known_count, sizeof(*list->known), by_name);
	return found && !strcmp(found->version, version) ? found : NULL;
}

static void read_cache(struct dpkg_list *list, const char *cache_dir)
{
	char path[FACT_PATH_MAX], *cursor, *line;
	struct err err;

	(void)snprintf(path, sizeof(path), "%s/software.txt", cache_dir);
	if (plat_file_read(path, CACHE_MAX, &list->text, &err) < 0 || !list->text.len)
		return;
	cursor = list->text.data;
	line = fact_line(&cursor);
	if (!line || strncmp(line, HEAD "\t", sizeof(HEAD)) != 0 ||
	    !look_hex(line + sizeof(HEAD), &list->known_key))
		return;
	/* Not fact_line(): an empty origin at the end is a trailing tab that it would trim. */
	while (cursor && *cursor) {
		char *fields[4], *end = strchr(cursor, '\n');
		struct known *known;
		int n = 0;

		if (end)
			*end++ = '\0';
		for (char *at = cursor; at && n < 4; n++) {
			fields[n] = at;
			at = strchr(at, '\t');
			if (at)
				*at++ = '\0';
		}
		cursor = end;
		if (n != 4)
			continue;
		known = fact_append(&list->known, &list->known_count, sizeof(*known));
		if (!known)
			return; /* asked anew: slower, not wrong */
		*known = (struct known){fields[0], fields[1], fields[2], fields[3]};
	}
	if (list->known_count)
		qsort(list->known, list->known_count, sizeof(*list->known), by_name);
}

static void write_cache(const struct dpkg_list *list, const char *cache_dir)
{
	char path[FACT_PATH_MAX];
	struct buf text;
	struct err err;

	(void)snprintf(path, sizeof(path), "%s/software.txt", cache_dir);
	buf_init(&text, CACHE_MAX);
	buf_addf(&text, HEAD "\t%016" PRIx64 "\n", list->key);
	for (size_t i = list->first; i < list->out->count; i++) {
		const struct plat_package *package = &list->out->packages[i];

		buf_addf(&text, "%s\t%s\t%s\t%s\n", package->name, package->version,
			 package->licence, package->origin);
	}
	/* Without the cache the next run asks again. */
	if (buf_check(&text, &err) == 0)
		(void)plat_file_replace(path, text.data, text.len, PLAT_FILE_PRIVATE, &err);
	buf_clear(&text);
}

/* --- packages and licences --- */

static int add_package(void *ctx, const struct dpkg_package *package, struct err *err)
{
	struct dpkg_list *list = ctx;
	const struct known *known;
	char licence[200];

	if (!package->installed)
		return 0;
	/* A second architecture of the same package is the same software. */
	if (list->out->count > list->first) {
		const struct plat_package *last = &list->out->packages[list->out->count - 1];

		if (!strcmp(last->name, package->name) && !strcmp(last->version, package->version))
			return 0;
	}
	known = find_known(list, package->name, package->version);
	if (!known)
		licence_of_package(package->name, licence, sizeof(licence));
	return software_add(list->out, PLAT_DPKG, package->name, package->version,
			    known ? known->licence : licence, "", PLAT_CANNOT_TELL, err);
}

/* --- origins --- */

static const char *package_name(void *ctx, size_t i)
{
	const struct dpkg_list *list = ctx;

	return list->out->packages[list->first + i].name;
}

static int package_by_name(const void *a, const void *b)
{
	return strcmp(((const struct plat_package *)a)->name,
		      ((const struct plat_package *)b)->name);
}

/* An installed version that its archive has replaced is still that archive's: any version's source
 * tells who offers the package, the installed version's own first. */
static void take_origin(void *ctx, const struct apt_version *version)
{
	struct dpkg_list *list = ctx;
	const struct plat_package wanted = {.name = (char *)version->package};
	const struct apt_archive *archive = apt_archive_find(&list->archives, version->source);
	struct plat_package *package;
	char *copy;

	if (!strcmp(version->source, "/var/lib/dpkg/status"))
		return;
	package = bsearch(&wanted, list->out->packages + list->first,
			  list->out->count - list->first, sizeof(wanted), package_by_name);
	if (!package || (*package->origin && !version->installed))
		return;
	/* An archive that does not say its name is known by its address. */
	copy = strdup(archive && *archive->origin ? archive->origin : version->source);
	if (!copy)
		return;
	free(package->origin);
	package->origin = copy;
}

static bool seen_list(void *ctx, const char *name)
{
	bool *found = ctx;

	*found = text_match("*Packages*", name) || text_match("*Release", name);
	return !*found;
}

static void ask_origins(struct dpkg_list *list)
{
	struct plat_software *out = list->out;
	bool have_lists = false;
	struct err why = {0};

	fact_each("/var/lib/apt/lists", seen_list, &have_lists);
	if (!have_lists) {
		software_unread(out, "apt has no package lists here: where packages are from is "
				     "not known");
		return;
	}
	if (apt_ask_archives(&list->archives, &why) < 0 ||
	    apt_ask_policy(package_name, out->count - list->first, take_origin, list, &why) < 0) {
		software_unread(out, "apt: %.140s", why.msg);
		return;
	}
	list->origins_known = true;
}

static void settle_origins(struct dpkg_list *list)
{
	for (size_t i = list->first; i < list->out->count; i++) {
		struct plat_package *package = &list->out->packages[i];

		if (list->origins_known)
			package->from_archive = *package->origin ? PLAT_YES : PLAT_NO;
	}
}

static void origins_from_cache(struct dpkg_list *list)
{
	for (size_t i = list->first; i < list->out->count; i++) {
		struct plat_package *package = &list->out->packages[i];
		const struct known *known = find_known(list, package->name, package->version);
		char *copy = known ? strdup(known->origin) : NULL;

		if (copy) {
			free(package->origin);
			package->origin = copy;
		}
	}
	list->origins_known = true;
}

int software_dpkg(const char *cache_dir, struct plat_software *out, struct err *err)
{
	struct dpkg_list list = {.out = out, .first = out->count};
	int ret = -1;

	if (!dpkg_present())
		return 0;
	if (!fact_live())
		cache_dir = NULL; /* of another machine */
	buf_init(&list.text, CACHE_MAX);
	find_key(&list);
	if (cache_dir)
		read_cache(&list, cache_dir);
	if (dpkg_each(add_package, &list, err) < 0)
		goto out;
	qsort(out->packages + list.first, out->count - list.first, sizeof(*out->packages),
	      package_by_name);
	out->kinds |= 1u << PLAT_DPKG;
	if (list.known_count && list.known_key == list.key) {
		origins_from_cache(&list);
	} else {
		ask_origins(&list);
		settle_origins(&list);
		if (cache_dir && list.origins_known)
			write_cache(&list, cache_dir);
	}
	settle_origins(&list);
	ret = 0;
out:
	apt_archives_clear(&list.archives);
	free(list.known);
	buf_clear(&list.text);
	return ret;
}
