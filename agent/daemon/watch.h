/* Files whose change may change a verdict, watched by their folders: a file that is replaced keeps
 * its name, not its inode.  Only names that were asked for count.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_DAEMON_WATCH_H
#define CARETAKER_DAEMON_WATCH_H

#include <stdbool.h>
#include <uv.h>

#define WATCH_MAX 48
#define WATCH_FOLDERS_MAX 32

struct watch;
typedef void watch_changed(void *ctx, const char *path);

struct watch_folder {
	uv_fs_event_t handle;
	struct watch *watch;
	char path[256];
	bool open;
	bool unused; /* its handle was closed: another folder may have the place */
};

struct watch {
	watch_changed *changed;
	void *ctx;
	struct watch_folder folders[WATCH_FOLDERS_MAX];
	unsigned folder_count;
	char files[WATCH_MAX][256];
	unsigned file_count;
};

void watch_init(struct watch *watch, watch_changed *changed, void *ctx);
/* A path whose last part is "*" stands for every file of its folder.  A folder that is not there is
 * not watched: false. */
bool watch_add(struct watch *watch, uv_loop_t *loop, const char *path);
/* Forgets the files; the folders stay open for those that are added next. */
void watch_forget(struct watch *watch);
void watch_close(struct watch *watch);

#endif
