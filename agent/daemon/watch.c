/* See watch.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/watch.h"

#include "agent/base/text.h"

#include <stdio.h>
#include <string.h>

void watch_init(struct watch *watch, watch_changed *changed, void *ctx)
{
	memset(watch, 0, sizeof(*watch));
	watch->changed = changed;
	watch->ctx = ctx;
}

static void on_change(uv_fs_event_t *handle, const char *name, int events, int status)
{
	struct watch_folder *folder = handle->data;
	struct watch *watch = folder->watch;
	char path[512];

	(void)events;
	if (status < 0 || !name)
		return;
	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	for (unsigned i = 0; i < watch->file_count; i++) {
		size_t len = strlen(watch->files[i]);

		if (strcmp(watch->files[i], path) == 0 ||
		    (len > 1 && strcmp(watch->files[i] + len - 2, "/*") == 0 &&
		     strncmp(watch->files[i], path, len - 1) == 0)) {
			watch->changed(watch->ctx, path);
			return;
		}
	}
}

/* The handle was in use until now. */
static void on_closed(uv_handle_t *handle)
{
	struct watch_folder *folder = handle->data;

	folder->unused = true;
}

/* NULL: there is no place left. */
static struct watch_folder *find_place(struct watch *watch)
{
	for (unsigned i = 0; i < watch->folder_count; i++)
		if (watch->folders[i].unused)
			return &watch->folders[i];
	return watch->folder_count < WATCH_FOLDERS_MAX ? &watch->folders[watch->folder_count]
						       : NULL;
}

static bool watch_folder(struct watch *watch, uv_loop_t *loop, const char *path)
{
	struct watch_folder *folder = find_place(watch);

	for (unsigned i = 0; i < watch->folder_count; i++)
		if (strcmp(watch->folders[i].path, path) == 0)
			return true;
	if (!folder || !text_copy(folder->path, sizeof(folder->path), path) ||
	    uv_fs_event_init(loop, &folder->handle) < 0)
		return false;
	folder->watch = watch;
	folder->handle.data = folder;
	folder->unused = false;
	if (folder == &watch->folders[watch->folder_count])
		watch->folder_count++;
	if (uv_fs_event_start(&folder->handle, on_change, path, 0) < 0) {
		folder->path[0] = '\0';
		folder->open = false;
		uv_close((uv_handle_t *)&folder->handle, on_closed);
		return false;
	}
	uv_unref((uv_handle_t *)&folder->handle);
	folder->open = true;
	return true;
}

bool watch_add(struct watch *watch, uv_loop_t *loop, const char *path)
{
	char folder[256];
	char *slash;

	if (watch->file_count == WATCH_MAX || !text_copy(folder, sizeof(folder), path))
		return false;
	slash = strrchr(folder, '/');
	if (!slash || !slash[1])
		return false;
	*(slash == folder ? slash + 1 : slash) = '\0';
	if (!watch_folder(watch, loop, folder))
		return false;
	(void)text_copy(watch->files[watch->file_count++], sizeof(watch->files[0]), path);
	return true;
}

void watch_forget(struct watch *watch)
{
	watch->file_count = 0;
}

void watch_close(struct watch *watch)
{
	for (unsigned i = 0; i < watch->folder_count; i++)
		if (watch->folders[i].open &&
		    !uv_is_closing((uv_handle_t *)&watch->folders[i].handle))
			uv_close((uv_handle_t *)&watch->folders[i].handle, NULL);
}
