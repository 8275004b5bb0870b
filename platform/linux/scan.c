/* platform/scan.h by mount(2) and ClamAV's daemon.
 *
 * The mount is made in the host's mount namespace: AppArmor's profile of clamd refuses descriptors
 * of files in a private one ("disconnected path").
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/clamd_conf.h"
#include "platform/linux/clamd_session.h"
#include "platform/linux/scan_mount.h"
#include "platform/linux/scan_walk.h"
#include "platform/os.h"

/* libclamav reads nothing larger, whatever clamd.conf says (clamd.conf(5), MaxFileSize). */
#define CLAMAV_FILE_MAX (INT32_MAX - 2)

struct scanning {
	const struct plat_scan *scan;
	struct plat_scan_result *result;
	struct clamd_session session;
	uint64_t file_max;
	int64_t end_ms;
};

static void unscannable(struct plat_scan_result *result, const char *why, const char *detail)
{
	result->verdict = PLAT_SCAN_UNSCANNABLE;
	(void)text_copy(result->why, sizeof(result->why), why);
	text_clean(result->detail, sizeof(result->detail), detail, strlen(detail));
}

/* Nonzero ends the walk; the result says why. */
static int scan_file(void *ctx, int fd, uint64_t size)
{
	struct scanning *s = ctx;
	struct plat_scan_result *result = s->result;
	struct err err;

	if (size > s->file_max) {
		unscannable(result, "file-too-large", "a file is larger than the scanner reads");
		return -1;
	}
	if (s->scan->go_on && !s->scan->go_on(s->scan->ctx, &result->done)) {
		result->verdict = PLAT_SCAN_STOPPED;
		return -1;
	}
	if (plat_uptime_ms() > s->end_ms) {
		unscannable(result, "took-too-long", "the scan did not end in its time");
		return -1;
	}
	if (clamd_session_send(&s->session, fd, &err) < 0) {
		unscannable(result, "scanner-failed", err.msg);
		return -1;
	}
	result->done.files++;
	result->done.bytes += size;
	return s->session.infected;
}

static void scan_open_folder(struct scanning *s, int folder)
{
	struct plat_scan_result *result = s->result;
	struct err err;

	switch (scan_walk(folder, scan_file, s)) {
	case SCAN_WALK_UNREADABLE:
		unscannable(result, "unreadable", "a file or folder on it cannot be read");
		break;
	case SCAN_WALK_TOO_MANY:
		unscannable(result, "too-many-files", "it holds more files than are looked at");
		break;
	case SCAN_WALK_STOPPED:
	case SCAN_WALK_DONE: break;
	}
	if (clamd_session_finish(&s->session, &err) < 0 && result->verdict == PLAT_SCAN_CLEAN)
		unscannable(result, "scanner-failed", err.msg);
	/* What was found counts for more than what could not be read. */
	if (s->session.infected) {
		result->verdict = PLAT_SCAN_INFECTED;
		result->why[0] = '\0';
		(void)text_copy(result->signature, sizeof(result->signature), s->session.signature);
	}
}

void plat_scan_folder(const char *path, const struct plat_scan *scan, struct plat_scan_result *out)
{
	struct scanning s = {.scan = scan, .result = out};
	struct clamd_conf conf;
	struct statvfs room;
	struct err err;
	int folder;

	memset(out, 0, sizeof(*out));
	clamd_conf_read(NULL, &conf);
	s.file_max =
		conf.file_max && conf.file_max < CLAMAV_FILE_MAX ? conf.file_max : CLAMAV_FILE_MAX;
	if (conf.scan_max && conf.scan_max < s.file_max)
		s.file_max = conf.scan_max;
	s.end_ms = plat_uptime_ms() + scan->max_ms;
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (folder < 0) {
		unscannable(out, "unreadable", strerror(errno));
		return;
	}
	if (fstatvfs(folder, &room) == 0)
		out->done.total_bytes = (room.f_blocks - room.f_bfree) * room.f_frsize;
	if (clamd_session_open(&s.session, *conf.socket ? conf.socket : CLAMD_SOCKET_DEFAULT,
			       &err) < 0) {
		(void)close(folder);
		unscannable(out, "no-scanner", err.msg);
		return;
	}
	scan_open_folder(&s, folder);
	clamd_session_close(&s.session);
}

/* --- the medium --- */

void plat_scan_medium(const struct plat_scan *scan, struct plat_scan_result *out)
{
	char why[128];

	memset(out, 0, sizeof(*out));
	if (scan_mount(scan->medium, scan->sequence, scan->file_system, scan->folder, NULL, why) <
	    0) {
		unscannable(out, "file-system", why);
	} else {
		plat_scan_folder(scan->folder, scan, out);
		scan_unmount(scan->folder);
	}
	/* A stick that was pulled looks like one that cannot be read; and what was read of a card
	 * that was changed in its reader may be the next one's. */
	if (out->verdict != PLAT_SCAN_INFECTED && !scan_is_there(scan->medium, scan->sequence))
		out->verdict = PLAT_SCAN_STOPPED;
}

void plat_scan_sweep(const char *parent)
{
	char path[512];
	struct dirent *entry;
	DIR *folder = opendir(parent);

	if (!folder)
		return;
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.' || snprintf(path, sizeof(path), "%s/%s", parent,
							entry->d_name) >= (int)sizeof(path))
			continue;
		scan_unmount(path);
		(void)rmdir(path); /* an empty one that was never mounted on */
	}
	(void)closedir(folder);
}
