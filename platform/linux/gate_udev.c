/* What udev's database has on a disk: libblkid has looked at it in udev's own process, so that the
 * daemon need not parse what a stranger's stick holds.
 *
 * The database goes by the kernel's numbers, which the next disk gets that is plugged in: until
 * udev has looked at that one too, what is there is the last one's. SPDX-License-Identifier:
 * Apache-2.0 */
#include "platform/linux/gate_parts.h"

#include <libudev.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/text.h"

bool gate_udev_is_of_another(const char *disk, uint64_t sequence)
{
	char own[24];

	/* The rule that writes it is newer than the database, or the kernel older than 5.15. */
	if (!disk || !*disk || !sequence)
		return false;
	(void)snprintf(own, sizeof(own), "%llu", (unsigned long long)sequence);
	return strcmp(disk, own) != 0;
}

/* A test's folder has no database, but FOLDER/run/udev-WORD/NAME; false: not that either. */
static bool told_by_file(const struct plat_gate *gate, const char *word, const char *name,
			 char *out, size_t size)
{
	char path[GATE_PATH];
	FILE *file;
	size_t len;

	(void)snprintf(path, sizeof(path), "%s/run/udev-%s/%s", gate->root, word, name);
	file = fopen(path, "re");
	if (!file)
		return false;
	len = fread(out, 1, size - 1, file);
	out[len] = '\0';
	(void)fclose(file);
	return true;
}

static void read_files(const struct plat_gate *gate, const char *name, uint64_t sequence,
		       struct gate_udev *out)
{
	char disk[24] = "", none[2];

	out->told = told_by_file(gate, "says", name, out->file_system, sizeof(out->file_system));
	out->closed = told_by_file(gate, "closed", name, none, sizeof(none));
	(void)told_by_file(gate, "disk", name, disk, sizeof(disk));
	out->stale = gate_udev_is_of_another(disk, sequence);
}

/* A disk that is made of others comes empty, and is told of once more when it is made: these words
 * are there from then on. */
static bool is_made(struct udev_device *device, const char *name)
{
	if (strncmp(name, "dm-", 3) == 0)
		return udev_device_get_property_value(device, "DM_NAME");
	return strncmp(name, "md", 2) != 0 || udev_device_get_property_value(device, "MD_LEVEL");
}

static void read_words(struct udev_device *device, const char *name, uint64_t sequence,
		       struct gate_udev *out)
{
	const char *said = udev_device_get_property_value(device, "CARETAKER_MEDIUM"), *type;

	out->closed = said && strcmp(said, "closed") == 0;
	out->stale = gate_udev_is_of_another(
		udev_device_get_property_value(device, "CARETAKER_DISK"), sequence);
	out->told = udev_device_get_is_initialized(device) == 1 && is_made(device, name);
	type = out->told ? udev_device_get_property_value(device, "ID_FS_TYPE") : NULL;
	if (type)
		text_clean(out->file_system, sizeof(out->file_system), type,
			   strnlen(type, sizeof(out->file_system)));
	/* A disk that holds two kinds at once is neither (libblkid's "ambivalent"). */
	if (out->told && udev_device_get_property_value(device, "ID_FS_AMBIVALENT"))
		(void)text_copy(out->file_system, sizeof(out->file_system), "ambivalent");
}

void gate_udev_read(const struct plat_gate *gate, const char *name, uint64_t sequence,
		    struct gate_udev *out)
{
	struct udev *udev = gate->live ? udev_new() : NULL;
	struct udev_device *device = NULL;

	memset(out, 0, sizeof(*out));
	if (!gate->live)
		read_files(gate, name, sequence, out);
	if (udev)
		device = udev_device_new_from_subsystem_sysname(udev, "block", name);
	if (device) {
		read_words(device, name, sequence, out);
		udev_device_unref(device);
	}
	if (udev)
		udev_unref(udev);
	if (out->stale) {
		out->told = out->closed = false;
		out->file_system[0] = '\0';
	}
}
