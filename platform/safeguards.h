/* What keeps a school's filter, monitor, backups and settings in place: certificates,
 * browser policies, sync clients, backups, and files that a policy names.  Services and running
 * programs are asked about in services.h.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_SAFEGUARDS_H
#define CARETAKER_PLATFORM_SAFEGUARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/answer.h"

struct buf;
struct err;

/* When a unit of the service manager last did its work.  A timer is asked about the service it
 * starts.  ERR_UNSUPPORTED where no service manager answers, ERR_NOTFOUND when it knows no such
 * unit. */
struct plat_unit_runs {
	int64_t succeeded_at; /* 0: not since the machine was started, or not known */
	int64_t failed_at;    /* when the last run failed; 0: it did not */
	bool running;
};
int plat_unit_runs(const char *name, struct plat_unit_runs *out, struct err *err);

/* True when a program runs whose file name matches 'pattern' ('*' and '?'). */
int plat_program_runs_like(const char *pattern, bool *out, struct err *err);

/* A file on the machine that is looked at, by absolute path (below the root that plat_set_root()
 * gave); ERR_NOTFOUND when there is none. */
struct plat_looked_file {
	uint64_t size;
	int64_t changed_at;
};
int plat_look(const char *path, struct plat_looked_file *out, struct err *err);
/* The newest file that a path with '*' or '?' in its last part means; its path goes to 'out_path'.
 */
int plat_look_newest(const char *pattern, char *out_path, size_t size, struct plat_looked_file *out,
		     struct err *err);
int plat_look_read(const char *path, size_t max, struct buf *out, struct err *err);

/* Certificates that programs of this system trust: PEM text, one after the other. */
int plat_trusted_certificates(struct buf *out, struct err *err);

/* Policy files of browsers that are installed for everyone, each as its JSON text. */
#define PLAT_BROWSER_FILES_MAX 64
struct plat_browser_file {
	char browser[24]; /* "firefox", "chromium", "chrome", "edge" */
	char path[256];
	char *text;
	size_t len;
};
struct plat_browser_files {
	struct plat_browser_file files[PLAT_BROWSER_FILES_MAX];
	size_t count;
};
int plat_browser_files(struct plat_browser_files *out, struct err *err);
void plat_browser_files_clear(struct plat_browser_files *files);

/* The Wi-Fi network in use; never its name. */
struct plat_wifi {
	bool present; /* there is a Wi-Fi card */
	bool connected;
	char security[32]; /* "wpa3", "wpa2", "wpa", "wep", "open", "enterprise"; "" not known */
};
int plat_wifi(struct plat_wifi *out, struct err *err);

/* Programs that carry files to the school's storage. */
#define PLAT_SYNC_MAX 8
struct plat_sync_client {
	char name[32]; /* "nextcloud" */
	enum plat_answer running;
	int64_t synced_at; /* when it last finished; 0: it leaves no trace of that */
	char detail[96];
};
struct plat_sync_clients {
	struct plat_sync_client clients[PLAT_SYNC_MAX]; /* those installed */
	size_t count;
};
int plat_sync_clients(struct plat_sync_clients *out, struct err *err);
/* Whether the agent knows a client of this name at all. */
bool plat_sync_known(const char *name);

#endif
