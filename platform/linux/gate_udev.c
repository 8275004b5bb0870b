/* What udev's database has on a disk: libblkid has looked at it in udev's own process, so that the
 * daemon need not parse what a stranger's stick holds.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_parts.h"

#include <libudev.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/text.h"

/* A test's folder has no database: FOLDER/run/udev-says/NAME holds the type. */
static bool told_by_file(const struct plat_gate *gate, const char *name, char *out, size_t size)
{
	char path[GATE_PATH];
	FILE *file;
	size_t len;

	(void)snprintf(path, sizeof(path), "%s/run/udev-says/%s", gate->root, name);
	file = fopen(path, "re");
	if (!file)
		return false;
	len = fread(out, 1, size - 1, file);
	out[len] = '\0';
	(void)fclose(file);
	return true;
}

bool gate_udev_is_closed(const struct plat_gate *gate, const char *name)
{
	struct udev *udev;
	struct udev_device *device = NULL;
	const char *said = NULL;
	bool closed;
	char path[GATE_PATH];

	if (!gate->live) {
		(void)snprintf(path, sizeof(path), "%s/run/udev-closed/%s", gate->root, name);
		return access(path, F_OK) == 0;
	}
	udev = udev_new();
	if (udev)
		device = udev_device_new_from_subsystem_sysname(udev, "block", name);
	if (device)
		said = udev_device_get_property_value(device, "CARETAKER_MEDIUM");
	closed = said && strcmp(said, "closed") == 0;
	if (device)
		udev_device_unref(device);
	if (udev)
		udev_unref(udev);
	return closed;
}

/* A disk that is made of others comes empty, and is told of once more when it is made: these words
 * are there from then on. */
static bool is_made(struct udev_device *device, const char *name)
{
	if (strncmp(name, "dm-", 3) == 0)
		return udev_device_get_property_value(device, "DM_NAME");
	return strncmp(name, "md", 2) != 0 || udev_device_get_property_value(device, "MD_LEVEL");
}

bool gate_udev_file_system(const struct plat_gate *gate, const char *name, char *out, size_t size)
{
	struct udev *udev;
	struct udev_device *device = NULL;
	const char *type;
	bool told = false;

	out[0] = '\0';
	if (!gate->live)
		return told_by_file(gate, name, out, size);
	udev = udev_new();
	if (udev)
		device = udev_device_new_from_subsystem_sysname(udev, "block", name);
	if (device && udev_device_get_is_initialized(device) == 1 && is_made(device, name)) {
		told = true;
		type = udev_device_get_property_value(device, "ID_FS_TYPE");
		if (type)
			text_clean(out, size, type, strnlen(type, size));
		/* A disk that holds two kinds at once is neither (libblkid's "ambivalent"). */
		if (udev_device_get_property_value(device, "ID_FS_AMBIVALENT"))
			(void)text_copy(out, size, "ambivalent");
	}
	if (device)
		udev_device_unref(device);
	if (udev)
		udev_unref(udev);
	return told;
}
