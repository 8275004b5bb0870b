/* Programs that carry files to the school's storage: which are here, do they run, when did they
 * last finish.  Only times of their own state files are read, never what they carry.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/fact.h"
#include "platform/linux/look.h"
#include "platform/safeguards.h"

static const struct {
	const char *name;
	const char *programs[3]; /* any of them installed means the client is */
	const char *dir, *file;  /* in a home: what it writes when it synchronises; may be NULL */
} known[] = {
	{"nextcloud", {"nextcloud", "nextcloudcmd"}, ".local/share/Nextcloud", "*.log*"},
	{"owncloud", {"owncloud"}, ".local/share/data/ownCloud", "*.log*"},
	{"onedrive", {"onedrive"}, ".config/onedrive", "items.sqlite3*"},
	{"rclone", {"rclone"}, ".cache/rclone/bisync", "*.lst"},
	{"insync", {"insync", "insync-headless"}, ".config/Insync", "*.db*"},
	{"dropbox", {"dropbox", "dropboxd"}, ".dropbox", "*.dbx*"},
	{"seafile", {"seaf-daemon", "seafile-applet"}, ".ccnet/logs", "seafile.log"},
	{"syncthing", {"syncthing"}, NULL, NULL},
};
#define KNOWN_COUNT (sizeof(known) / sizeof(*known))

bool plat_sync_known(const char *name)
{
	for (size_t i = 0; i < KNOWN_COUNT; i++)
		if (!strcmp(known[i].name, name))
			return true;
	return false;
}

struct trace {
	size_t i;
	int64_t newest;
};

static bool in_home(void *ctx, const char *home)
{
	struct trace *trace = ctx;
	struct plat_looked_file file;
	char pattern[FACT_PATH_MAX], path[FACT_PATH_MAX];
	struct err err;

	(void)snprintf(pattern, sizeof(pattern), "%s/%s/%s", home, known[trace->i].dir,
		       known[trace->i].file);
	if (plat_look_newest(pattern, path, sizeof(path), &file, &err) == 0 &&
	    file.changed_at > trace->newest)
		trace->newest = file.changed_at;
	return true;
}

int plat_sync_clients(struct plat_sync_clients *out, struct err *err)
{
	(void)err;
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < KNOWN_COUNT && out->count < PLAT_SYNC_MAX; i++) {
		struct plat_sync_client *client = &out->clients[out->count];
		struct trace trace = {.i = i};
		bool installed = false, runs = false;

		for (size_t n = 0; n < 3 && known[i].programs[n]; n++) {
			installed = installed || fact_program(known[i].programs[n], NULL, 0);
			runs = runs || fact_process_runs(known[i].programs[n]);
		}
		if (!installed && !runs)
			continue;
		(void)text_copy(client->name, sizeof(client->name), known[i].name);
		client->running = runs                     ? PLAT_YES
				  : fact_is_dir("/proc/1") ? PLAT_NO
							   : PLAT_CANNOT_TELL;
		if (known[i].dir)
			look_each_home(in_home, &trace);
		client->synced_at = trace.newest;
		out->count++;
	}
	return 0;
}
