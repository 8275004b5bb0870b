/* What a block device holds, by libblkid.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/disks_device.h"

#include <blkid/blkid.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/base/text.h"
#include "platform/linux/fact.h"

static void take(blkid_probe probe, const char *name, char *out, size_t size)
{
	const char *value = NULL;

	*out = '\0';
	if (blkid_probe_lookup_value(probe, name, &value, NULL) == 0 && value)
		(void)text_copy(out, size, value);
}

bool probe_device(const char *name, char *type, size_t type_size, char *version,
		  size_t version_size)
{
	char path[FACT_PATH_MAX];
	blkid_probe probe = NULL;
	bool found = false;
	int fd;

	(void)snprintf(path, sizeof(path), "/dev/%s", name);
	fd = fact_open(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return false;
	probe = blkid_new_probe();
	if (!probe || blkid_probe_set_device(probe, fd, 0, 0) != 0)
		goto out;
	(void)blkid_probe_enable_superblocks(probe, 1);
	(void)blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_VERSION);
	if (blkid_do_safeprobe(probe) != 0)
		goto out;
	take(probe, "TYPE", type, type_size);
	take(probe, "VERSION", version, version_size);
	found = *type != '\0';
out:
	if (probe)
		blkid_free_probe(probe);
	(void)close(fd);
	return found;
}
