/* The cipher that dm-crypt really uses: "cipher_null" encrypts nothing, and a LUKS header says so
 * only to who reads it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/disks_device.h"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/base/text.h"
#include "platform/linux/fact.h"

/* The table of a device that does not use the kernel's keyring holds the key itself: only the
 * first word is looked at, and the kernel and we wipe the rest. */
static bool cipher_from_kernel(const char *name, char *out, size_t size)
{
	union {
		struct dm_ioctl head;
		char bytes[16 * 1024];
	} table;
	const struct dm_target_spec *target;
	char mapped[DM_NAME_LEN], path[FACT_PATH_MAX];
	bool found = false;
	size_t at;
	int fd;

	(void)snprintf(path, sizeof(path), "/sys/class/block/%s/dm/name", name);
	if (!fact_live() || !fact_text(path, mapped, sizeof(mapped)))
		return false;
	fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	memset(&table, 0, sizeof(table));
	table.head.version[0] = DM_VERSION_MAJOR;
	table.head.data_size = sizeof(table);
	table.head.data_start = sizeof(table.head);
	table.head.flags = DM_STATUS_TABLE_FLAG | DM_SECURE_DATA_FLAG;
	memcpy(table.head.name, mapped, sizeof(mapped));
	if (ioctl(fd, DM_TABLE_STATUS, &table) == 0 && table.head.target_count > 0 &&
	    !(table.head.flags & DM_BUFFER_FULL_FLAG) &&
	    table.head.data_start < sizeof(table) - sizeof(*target)) {
		at = table.head.data_start;
		target = (const struct dm_target_spec *)(const void *)(table.bytes + at);
		table.bytes[sizeof(table) - 1] = '\0';
		if (!strcmp(target->target_type, "crypt")) {
			at += sizeof(*target);
			(void)snprintf(out, size, "%.*s", (int)strcspn(table.bytes + at, " "),
				       table.bytes + at);
			found = *out != '\0';
		}
	}
	explicit_bzero(&table, sizeof(table));
	(void)close(fd);
	return found;
}

static enum luks_says from_header(const char *lower)
{
	enum luks_says says = LUKS_UNREADABLE;
	char path[FACT_PATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "/dev/%s", lower);
	fd = fact_open(path, O_RDONLY | O_NONBLOCK);
	if (fd >= 0) {
		says = luks_judge_fd(fd);
		(void)close(fd); /* was only read */
	}
	return says;
}

enum luks_says crypt_says(const char *name, const char *lower)
{
	char cipher[64];

	if (cipher_from_kernel(name, cipher, sizeof(cipher)))
		return luks_cipher_is_null(cipher, strlen(cipher)) ? LUKS_NULL : LUKS_ENCRYPTED;
	return *lower ? from_header(lower) : LUKS_UNREADABLE;
}
