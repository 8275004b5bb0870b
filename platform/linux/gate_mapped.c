/* Disks that the kernel makes of others: device mapper's (what LUKS and BitLocker hold once they
 * are unlocked, LVM) and md's.  What lies below says whose they are.
 *
 * Such a disk is a plugged-in medium's only if all that is below it is: one that has anything of
 * the machine's own in it is the machine's.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/text.h"

#define BLOCK "class/block"
#define DEPTH_MAX 8 /* as in gate_mounts.c: LUKS on LVM on md on a partition is 4 */
#define CONTROL "/dev/mapper/control"

struct below {
	const struct plat_gate *gate;
	struct gate_mapped *out;
	unsigned depth;
	bool any; /* something is below this one */
};

void gate_holder_of(const struct plat_gate *gate, const char *place, char out[32])
{
	gate_port_of(place, out);
	if (!*out)
		gate_card_of(gate, place, out);
}

static bool is_container(const struct plat_gate *gate, const char *name)
{
	char path[96], uuid[32];

	(void)snprintf(path, sizeof(path), BLOCK "/%.32s/dm/uuid", name);
	return gate_attribute(gate, path, uuid, sizeof(uuid)) > 0 &&
	       strncmp(uuid, "CRYPT-", 6) == 0;
}

/* What it is made of; a partition of what its disk is made of. */
static void each_below(const struct plat_gate *gate, const char *name,
		       bool (*each)(void *ctx, const char *name), void *ctx)
{
	char path[96];

	(void)snprintf(path, sizeof(path), BLOCK "/%.32s/partition", name);
	(void)snprintf(path, sizeof(path), BLOCK "/%.32s/%sslaves", name,
		       gate_has(gate, path) ? "../" : "");
	gate_each(gate, path, each, ctx);
}

static void note_bottom(struct below *below, const char *name)
{
	struct gate_mapped *out = below->out;
	char path[96], place[GATE_PATH];

	(void)snprintf(path, sizeof(path), BLOCK "/%.32s", name);
	if (!gate_place(below->gate, path, place, sizeof(place))) {
		out->mixed = true;
	} else if (!*out->bottom) {
		(void)text_copy(out->bottom, sizeof(out->bottom), name);
		(void)text_copy(out->place, sizeof(out->place), place);
	} else {
		char one[32], other[32];

		gate_holder_of(below->gate, out->place, one);
		gate_holder_of(below->gate, place, other);
		out->mixed |= strcmp(one, other) != 0 || (!*one && strcmp(out->bottom, name) != 0);
	}
}

static bool look_below(void *ctx, const char *name)
{
	struct below *above = ctx, below = *above;

	above->any = true;
	below.any = false;
	if (!gate_is_block(name) || ++below.depth > DEPTH_MAX) {
		below.out->mixed = true;
		return true;
	}
	if (below.depth == 2)
		(void)text_copy(below.out->below, sizeof(below.out->below), name);
	below.out->unlocked |= is_container(below.gate, name);
	each_below(below.gate, name, look_below, &below);
	if (!below.any)
		note_bottom(&below, name);
	return true;
}

bool gate_mapped(const struct plat_gate *gate, const char *name, struct gate_mapped *out)
{
	struct below below = {.gate = gate, .out = out};

	memset(out, 0, sizeof(*out));
	(void)look_below(&below, name);
	return *out->below != '\0';
}

/* --- whether udev's rule is to close it --- */

/* As pkg/udev/72-caretaker-media.rules says of disks themselves. */
static bool is_plugged(const struct plat_gate *gate, const char *name, const char *place)
{
	char path[96], type[8], port[32];

	gate_port_of(place, port);
	if (*port || gate_comes_out(gate, name, place))
		return true;
	/* A partition's folder lies in its disk's. */
	(void)snprintf(path, sizeof(path), BLOCK "/%.32s/device/type", name);
	if (!gate_has(gate, path))
		(void)snprintf(path, sizeof(path), BLOCK "/%.32s/../device/type", name);
	return strstr(place, "/mmc_host/") && gate_attribute(gate, path, type, sizeof(type)) > 0 &&
	       strncmp(type, "SD", 2) == 0;
}

struct closing {
	const struct plat_gate *gate;
	unsigned depth;
	bool any, all;
};

static bool all_plugged(void *ctx, const char *name)
{
	struct closing *above = ctx, below = {above->gate, above->depth + 1, false, true};
	char path[96], place[GATE_PATH];

	above->any = true;
	if (!gate_is_block(name) || below.depth > DEPTH_MAX) {
		above->all = false;
		return false;
	}
	each_below(above->gate, name, all_plugged, &below);
	if (!below.any) {
		(void)snprintf(path, sizeof(path), BLOCK "/%.32s", name);
		below.all = gate_place(above->gate, path, place, sizeof(place)) &&
			    is_plugged(above->gate, name, place);
	}
	above->all &= below.all;
	return above->all;
}

/* A disk's other name, sg0, may be there before the disk is: its drive's own word (the second byte
 * that it answers an INQUIRY with) is what the kernel goes by as well. */
static bool is_plugged_drive(const struct plat_gate *gate, const char *name)
{
	enum { REMOVABLE = 0x80 };
	char path[96], place[GATE_PATH], said[64];

	(void)snprintf(path, sizeof(path), "class/scsi_generic/%s", name);
	if (!gate_place(gate, path, place, sizeof(place)))
		return false;
	(void)snprintf(path, sizeof(path), "class/scsi_generic/%s/device/inquiry", name);
	return gate_comes_out(gate, name, place) ||
	       (gate_attribute(gate, path, said, sizeof(said)) > 1 &&
		((unsigned char)said[1] & REMOVABLE));
}

bool plat_gate_is_plugged(struct plat_gate *gate, const char *medium)
{
	struct closing closing = {.gate = gate, .all = true};
	struct gate_mounted mounted;

	if (strncmp(medium, "sg", 2) == 0 && gate_is_block(medium))
		return is_plugged_drive(gate, medium);
	(void)all_plugged(&closing, medium);
	gate_mounted(gate, &mounted);
	for (unsigned i = 0; i < mounted.count; i++)
		if (mounted.disks[i].system && strcmp(mounted.disks[i].name, medium) == 0)
			return false;
	return closing.all;
}

/* --- locking again --- */

static int tell_mapper(const char *name, struct err *err)
{
	/* Whoever has it open keeps it until they let go; nobody opens it any more. */
	struct dm_ioctl remove = {.version = {4, 27, 0},
				  .data_size = sizeof(remove),
				  .data_start = sizeof(remove),
				  .flags = DM_DEFERRED_REMOVE};
	int fd, ret = 0;

	if (!text_copy(remove.name, sizeof(remove.name), name))
		return err_set(err, ERR_INVALID, "a name that device mapper does not have");
	fd = open(CONTROL, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "open '%s'", CONTROL);
	if (ioctl(fd, DM_DEV_REMOVE, &remove) < 0)
		ret = errno == ENXIO ? err_set(err, ERR_NOTFOUND, "it is locked already")
				     : err_errno(err, errno, "lock it again");
	(void)close(fd);
	return ret;
}

int plat_gate_lock(struct plat_gate *gate, const char *medium, struct err *err)
{
	char path[96], name[DM_NAME_LEN];
	struct gate_mapped mapped;

	if (!gate_is_block(medium))
		return err_set(err, ERR_INVALID, "'%s' is no disk", medium);
	(void)snprintf(path, sizeof(path), BLOCK "/%s/dm/name", medium);
	if (gate_attribute(gate, path, name, sizeof(name)) <= 0)
		return err_set(err, ERR_NOTFOUND, "'%s' is gone", medium);
	name[strcspn(name, "\n")] = '\0';
	if (!gate_mapped(gate, medium, &mapped) || mapped.mixed ||
	    !plat_gate_is_plugged(gate, medium))
		return err_set(err, ERR_DENIED, "'%s' is the machine's own", medium);
	if (!gate->live) { /* a test's folder has no mapper: it says what would have been locked */
		(void)snprintf(path, sizeof(path), BLOCK "/%s/uevent", medium);
		return gate_write(gate, path, name, err);
	}
	return tell_mapper(name, err);
}
