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
	for (unsigned i = 0; i < watch->file_count; i++)
		if (strcmp(watch->files[i], path) == 0)
			watch->changed(watch->ctx, path);
}

static bool watch_folder(struct watch *watch, uv_loop_t *loop, const char *path)
{
	struct watch_folder *folder = &watch->folders[watch->folder_count];

	for (unsigned i = 0; i < watch->folder_count; i++)
		if (strcmp(watch->folders[i].path, path) == 0)
			return true;
	if (watch->folder_count == WATCH_FOLDERS_MAX ||
	    !text_copy(folder->path, sizeof(folder->path), path) ||
	    uv_fs_event_init(loop, &folder->handle) < 0)
		return false;
	folder->watch = watch;
	folder->handle.data = folder;
	if (uv_fs_event_start(&folder->handle, on_change, path, 0) < 0) {
		uv_close((uv_handle_t *)&folder->handle, NULL);
		/* The handle stays in use until the loop has closed it. */
		folder->path[0] = '\0';
		folder->open = false;
		watch->folder_count++;
		return false;
	}
	uv_unref((uv_handle_t *)&folder->handle);
	folder->open = true;
	watch->folder_count++;
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

void watch_close(struct watch *watch)
{
	for (unsigned i = 0; i < watch->folder_count; i++)
		if (watch->folders[i].open &&
		    !uv_is_closing((uv_handle_t *)&watch->folders[i].handle))
			uv_close((uv_handle_t *)&watch->folders[i].handle, NULL);
}
