/* Pending fixes.  apt is asked by its own simulation, once a day at most; in between the answer is
 * kept, and what has been installed since is struck off it by reading dpkg's status file.
 *
 * dnf and zypper are asked from what they have cached already: nothing here uses the network.
 * Their output was read from documentation, not seen on a machine of the school's.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/updates.h"

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
#include "platform/linux/look.h"
#include "platform/linux/updates_auto.h"
#include "platform/linux/updates_rpm.h"
#include "platform/os.h"

#define ARCHIVES "/var/cache/apt/archives"
#define DAY_S 86400
#define CACHE_MAX (4u * 1024 * 1024)
#define CHANGELOGS_MAX 12 /* packages opened for their changelog in one run */
#define DATA_MAX (24u * 1024 * 1024)

void plat_updates_clear(struct plat_updates *updates)
{
	free(updates->fixes);
	memset(updates, 0, sizeof(*updates));
}

/* --- which of the pending upgrades are security fixes --- */

struct rating {
	struct plat_updates *updates;
	struct apt_archives archives;
};

static const char *fix_name(void *ctx, size_t i)
{
	const struct rating *rating = ctx;

	return rating->updates->fixes[i].name;
}

/* The newest version may come by a point release and still hold a fix that the security archive
 * brought: any version above the installed one counts. */
static void rate(void *ctx, const struct apt_version *version)
{
	struct rating *rating = ctx;
	const struct apt_archive *archive;

	if (!version->above_installed)
		return;
	archive = apt_archive_find(&rating->archives, version->source);
	for (size_t i = 0; i < rating->updates->count; i++) {
		struct plat_fix *fix = &rating->updates->fixes[i];

		if (!strcmp(fix->name, version->package) &&
		    (archive ? apt_archive_security(archive)
			     : text_match("*security*", version->source)))
			fix->security = true;
	}
}

static int rate_fixes(struct plat_updates *updates, struct err *err)
{
	struct rating rating = {.updates = updates};
	int ret = 0;

	if (!updates->count)
		return 0;
	if (apt_ask_archives(&rating.archives, err) < 0 ||
	    apt_ask_policy(fix_name, updates->count, rate, &rating, err) < 0)
		ret = -1;
	apt_archives_clear(&rating.archives);
	return ret;
}

/* --- date and urgency from the fix's own changelog, where its package was fetched already --- */

static int run_with_input(const char *const *argv, const struct buf *input, struct buf *out,
			  struct err *err)
{
	struct plat_command command = {.argv = argv,
				       .input = input ? input->data : NULL,
				       .input_len = input ? input->len : 0,
				       .output_max = DATA_MAX,
				       .timeout_ms = 30000};
	int status;

	if (plat_run(&command, out, NULL, &status, err) < 0)
		return -1;
	return status == 0 ? 0 : err_set(err, ERR_IO, "'%s' ended with %d", argv[0], status);
}

static int read_deb_changelog(const char *path, const char *package, struct buf *out,
			      struct err *err)
{
	const char *unpack[] = {"dpkg-deb", "--fsys-tarfile", path, NULL};
	char deb[256], native[256];
	const char *pick[] = {"tar", "-xOf", "-", "--occurrence=1", deb, NULL};
	const char *pick_native[] = {"tar", "-xOf", "-", "--occurrence=1", native, NULL};
	const char *const gunzip[] = {"gzip", "-dc", NULL};
	struct buf data, packed;
	int ret = -1;

	(void)snprintf(deb, sizeof(deb), "./usr/share/doc/%.100s/changelog.Debian.gz", package);
	(void)snprintf(native, sizeof(native), "./usr/share/doc/%.100s/changelog.gz", package);
	buf_init(&data, DATA_MAX);
	buf_init(&packed, DATA_MAX);
	if (run_with_input(unpack, NULL, &data, err) < 0)
		goto out;
	if (run_with_input(pick, &data, &packed, err) < 0) {
		buf_reset(&packed);
		if (run_with_input(pick_native, &data, &packed, err) < 0)
			goto out;
	}
	ret = run_with_input(gunzip, &packed, out, err);
out:
	buf_clear(&packed);
	buf_clear(&data);
	return ret;
}

static void read_fix_changelog(struct plat_fix *fix, const char *path, const char *package)
{
	struct apt_changelog entry;
	struct buf text;
	struct err err;

	buf_init(&text, DATA_MAX);
	/* The version is compared: a rebuild may carry an older entry on top. */
	if (read_deb_changelog(path, package, &text, &err) == 0 && text.len &&
	    apt_read_changelog(text.data, &entry) && !strcmp(entry.version, fix->candidate)) {
		fix->released_at = entry.date;
		/* "medium" and "low" are what tools write when nobody thought about it; only a
		 * raised urgency is somebody's rating. */
		if (!strcmp(entry.urgency, "high"))
			fix->severity = PLAT_HIGH;
		else if (!strcmp(entry.urgency, "emergency") || !strcmp(entry.urgency, "critical"))
			fix->severity = PLAT_CRITICAL;
	}
	buf_clear(&text);
}

struct fetched {
	struct plat_fix *fix;
	char prefix[256];
	char path[FACT_PATH_MAX];
};

static bool is_fetched(void *ctx, const char *name)
{
	struct fetched *fetched = ctx;

	if (strncmp(name, fetched->prefix, strlen(fetched->prefix)) != 0 ||
	    !text_match("*.deb", name))
		return true;
	(void)snprintf(fetched->path, sizeof(fetched->path), ARCHIVES "/%s", name);
	return false;
}

/* unattended-upgrades fetches first and installs later: then the package lies in apt's cache. */
static void date_fixes(struct plat_updates *updates)
{
	unsigned opened = 0;

	for (size_t i = 0; i < updates->count && opened < CHANGELOGS_MAX; i++) {
		struct plat_fix *fix = &updates->fixes[i];
		struct fetched fetched = {.fix = fix};
		char package[128], version[192] = "";
		size_t n = 0;

		if (!fix->security)
			continue;
		(void)text_copy(package, sizeof(package), fix->name);
		package[strcspn(package, ":")] = '\0';
		for (const char *c = fix->candidate; *c && n + 4 < sizeof(version); c++)
			n += (size_t)snprintf(version + n, sizeof(version) - n,
					      *c == ':' ? "%%3a" : "%c", *c);
		(void)snprintf(fetched.prefix, sizeof(fetched.prefix), "%s_%.120s_", package,
			       version);
		fact_each(ARCHIVES, is_fetched, &fetched);
		if (!*fetched.path)
			continue;
		read_fix_changelog(fix, fetched.path, package);
		opened++;
	}
}

/* --- held packages --- */

static void mark_held(struct plat_updates *updates)
{
	for (size_t i = 0; i < updates->count; i++) {
		struct dpkg_package package;
		struct err err;

		if (updates->fixes[i].security &&
		    dpkg_find(updates->fixes[i].name, &package, &err) == 0)
			updates->fixes[i].held = package.held;
	}
}

/* --- the cache: one line a fix, tabs between --- */

static uint64_t mix(uint64_t sum, uint64_t value)
{
	return (sum ^ value) * UINT64_C(1099511628211);
}

struct identity {
	uint64_t sum;
};

static bool add_file(struct identity *identity, const char *path)
{
	struct plat_file_info info;
	struct err err;

	if (plat_file_info(path, &info, &err) < 0 || !info.exists)
		return false;
	identity->sum = mix(identity->sum, info.identity);
	return true;
}

static bool add_list(void *ctx, const char *name)
{
	char path[FACT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "/var/lib/apt/lists/%s", name);
	/* The lock's and "partial"'s own changes say nothing about the lists. */
	if (text_match("*Release", name) || text_match("*Packages*", name))
		(void)add_file(ctx, path);
	return true;
}

static bool add_preference(void *ctx, const char *name)
{
	char path[FACT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "/etc/apt/preferences.d/%s", name);
	(void)add_file(ctx, path);
	return true;
}

static uint64_t apt_identity(void)
{
	struct identity identity = {.sum = UINT64_C(14695981039346656037)};

	(void)add_file(&identity, "/var/lib/dpkg/status");
	(void)add_file(&identity, "/etc/apt/preferences");
	fact_each("/etc/apt/preferences.d", add_preference, &identity);
	fact_each("/var/lib/apt/lists", add_list, &identity);
	return identity.sum;
}

static void cache_path(char *out, size_t size, const char *cache_dir)
{
	(void)snprintf(out, size, "%s/updates.txt", cache_dir);
}

static void cache_write(const char *cache_dir, uint64_t key, const struct plat_updates *updates)
{
	char path[FACT_PATH_MAX];
	struct buf text;
	struct err err;

	cache_path(path, sizeof(path), cache_dir);
	buf_init(&text, CACHE_MAX);
	buf_addf(&text, "caretaker updates 1\t%016" PRIx64 "\t%" PRId64 "\n", key,
		 updates->asked_at);
	for (size_t i = 0; i < updates->count; i++) {
		const struct plat_fix *fix = &updates->fixes[i];

		buf_addf(&text, "%s\t%s\t%s\t%s\t%d\t%d\t%" PRId64 "\n", fix->name, fix->installed,
			 fix->candidate, fix->source, fix->security, (int)fix->severity,
			 fix->released_at);
	}
	/* Without the cache the next run asks again: slower, not wrong. */
	if (buf_check(&text, &err) == 0)
		(void)plat_file_replace(path, text.data, text.len, PLAT_FILE_PRIVATE, &err);
	buf_clear(&text);
}

static int cut_tabs(char *line, char *fields[], int max)
{
	int n = 0;

	while (line && n < max) {
		fields[n++] = line;
		line = strchr(line, '\t');
		if (line)
			*line++ = '\0';
	}
	return n;
}

static bool cache_line(char *line, struct plat_updates *out)
{
	char *fields[7];
	int64_t security, severity, released;
	struct plat_fix *fix;

	if (cut_tabs(line, fields, 7) != 7 || text_int(fields[4], 0, 1, &security) < 0 ||
	    text_int(fields[5], 0, PLAT_CRITICAL, &severity) < 0 ||
	    text_int(fields[6], 0, INT64_MAX / 2, &released) < 0)
		return false;
	fix = fact_append(&out->fixes, &out->count, sizeof(*fix));
	if (!fix)
		return false;
	(void)text_copy(fix->name, sizeof(fix->name), fields[0]);
	(void)text_copy(fix->installed, sizeof(fix->installed), fields[1]);
	(void)text_copy(fix->candidate, sizeof(fix->candidate), fields[2]);
	(void)text_copy(fix->source, sizeof(fix->source), fields[3]);
	fix->security = security;
	fix->severity = (enum plat_severity)severity;
	fix->released_at = released;
	return true;
}

static bool cache_parse(char *text, struct plat_updates *out, uint64_t *out_key)
{
	char *head = fact_line(&text), *fields[3], *line;

	if (!head || cut_tabs(head, fields, 3) != 3 ||
	    strcmp(fields[0], "caretaker updates 1") != 0 || !look_hex(fields[1], out_key) ||
	    text_int(fields[2], 1, INT64_MAX / 2, &out->asked_at) < 0)
		return false;
	while ((line = fact_line(&text)))
		if (!cache_line(line, out))
			return false;
	return true;
}

/* The kept answer, if there is a good one. */
static bool cache_read(const char *cache_dir, struct plat_updates *out, uint64_t *out_key)
{
	char path[FACT_PATH_MAX];
	struct buf text;
	struct err err;
	bool ok;

	cache_path(path, sizeof(path), cache_dir);
	buf_init(&text, CACHE_MAX);
	ok = plat_file_read(path, CACHE_MAX, &text, &err) == 0 && text.len &&
	     cache_parse(text.data, out, out_key);
	buf_clear(&text);
	if (!ok) {
		free(out->fixes);
		out->fixes = NULL;
		out->count = 0;
		out->asked_at = 0;
	}
	return ok;
}

/* Strikes off what was installed, upgraded or removed since the package manager was asked. */
static void strike_off(struct plat_updates *updates)
{
	size_t kept = 0;

	for (size_t i = 0; i < updates->count; i++) {
		struct dpkg_package package;
		struct err err;
		int found = dpkg_find(updates->fixes[i].name, &package, &err);

		if (found < 0 && err.code == ERR_NOTFOUND)
			continue;
		if (found == 0 && strcmp(package.version, updates->fixes[i].installed) != 0)
			continue;
		updates->fixes[kept++] = updates->fixes[i];
	}
	updates->count = kept;
}

static int ask_apt(int64_t now, struct plat_updates *out, struct err *err)
{
	/* --ignore-hold: what is held back is still missing.  No "-q": it changes no line we read.
	 */
	static const char *const argv[] = {
		"apt-get", "-s", "--ignore-hold", "-o", "Debug::NoLocking=1", "dist-upgrade", NULL};
	struct buf text;
	int ret = -1;

	buf_init(&text, 0);
	if (apt_run(argv, 180, &text, err) < 0)
		goto out;
	if (text.len && apt_read_simulation(text.data, out, err) < 0)
		goto out;
	if (rate_fixes(out, err) < 0)
		goto out;
	date_fixes(out);
	out->asked_at = now;
	ret = 0;
out:
	buf_clear(&text);
	return ret;
}

/* What was asked while dpkg or apt worked, or while a list or the status file was replaced, may
 * miss a fix, and would be kept for a day. */
static int ask_undisturbed(int64_t now, struct plat_updates *out, uint64_t *out_key,
			   struct err *err)
{
	for (int tries = 0; tries < 2; tries++) {
		if (dpkg_quiet(err) < 0)
			return -1;
		*out_key = apt_identity();
		if (ask_apt(now, out, err) < 0)
			return -1;
		if (dpkg_quiet(err) == 0 && apt_identity() == *out_key)
			return 0;
		plat_updates_clear(out);
	}
	return err_set(err, ERR_UNSUPPORTED, "packages or their lists changed while apt was asked");
}

static int pending_by_apt(const char *cache_dir, int64_t now, struct plat_updates *out,
			  struct err *err)
{
	uint64_t key = apt_identity(), kept_key = 0;
	struct err why;

	if (cache_dir && cache_read(cache_dir, out, &kept_key)) {
		bool fresh = out->asked_at <= now && now - out->asked_at < DAY_S;

		if (kept_key == key || fresh) {
			out->outdated = kept_key != key;
			/* Nothing is struck off by a status file that is being replaced. */
			if (out->outdated && dpkg_quiet(&why) == 0)
				strike_off(out);
			return 0;
		}
		plat_updates_clear(out);
	}
	if (ask_undisturbed(now, out, &key, err) < 0)
		return -1;
	if (cache_dir)
		cache_write(cache_dir, key, out);
	return 0;
}

/* --- how new the lists are --- */

static void newest_release(void *ctx, const char *file, const struct apt_release *release)
{
	struct plat_updates *updates = ctx;
	bool security = text_match("*security*", file) ||
			text_match("*security*", release->label) ||
			text_match("*security*", release->suite);

	if (security && release->date > updates->archive_at)
		updates->archive_at = release->date;
	if (release->date > updates->lists_at) {
		updates->lists_at = release->date;
		(void)text_copy(updates->lists_from, sizeof(updates->lists_from), "Release");
	}
}

static void read_list_dates(struct plat_updates *out)
{
	/* Touched only when fetching succeeded. */
	static const char *const stamps[] = {"update-success-stamp", "update-stamp"};
	bool have_lists;

	apt_each_release(newest_release, out);
	have_lists = out->lists_at != 0;
	for (size_t i = 0; have_lists && i < sizeof(stamps) / sizeof(*stamps); i++) {
		int64_t at = look_stamp("/var/lib/apt/periodic", stamps[i]);

		if (at > out->lists_at) {
			out->lists_at = at;
			(void)text_copy(out->lists_from, sizeof(out->lists_from), stamps[i]);
		}
	}
}

int plat_updates(const char *cache_dir, int64_t now, struct plat_updates *out, struct err *err)
{
	struct plat_updates updates = {0};

	if (dpkg_present() && fact_program("apt-get", NULL, 0)) {
		if (pending_by_apt(cache_dir, now, &updates, err) < 0)
			goto fail;
		(void)text_copy(updates.manager, sizeof(updates.manager), "apt");
		mark_held(&updates);
		read_list_dates(&updates);
		updates_auto_apt(&updates);
	} else if (updates_rpm_present()) {
		if (updates_rpm(now, &updates, err) < 0)
			goto fail;
		updates_auto_rpm(&updates);
	} else {
		return err_set(err, ERR_UNSUPPORTED,
			       "this system has none of apt, dnf and zypper: its updates come "
			       "another way");
	}
	*out = updates;
	return 0;
fail:
	plat_updates_clear(&updates);
	return -1;
}
