/* From a mounted block device down to what holds the bytes, through sysfs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/disks_device.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/text.h"
#include "platform/linux/fact.h"

#define DEEPEST 8 /* LVM on LUKS on RAID is 3 */

static bool sys_text(const char *name, const char *file, char *out, size_t size)
{
	char path[FACT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "/sys/class/block/%s/%s", name, file);
	return fact_text(path, out, size);
}

static bool sys_has(const char *name, const char *file)
{
	char path[FACT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "/sys/class/block/%s/%s", name, file);
	return fact_exists(path);
}

struct mapped {
	const char *name;
	char *out;
	bool found;
};

static bool is_mapped(void *ctx, const char *device)
{
	struct mapped *want = ctx;
	char name[128];

	if (!strncmp(device, "dm-", 3) && sys_text(device, "dm/name", name, sizeof(name)) &&
	    !strcmp(name, want->name))
		want->found = text_copy(want->out, DEVICE_NAME_MAX, device);
	return !want->found;
}

bool device_find(const char *numbers, const char *source, char out[DEVICE_NAME_MAX])
{
	char path[FACT_PATH_MAX];
	struct mapped want = {.out = out};
	const char *slash;

	(void)snprintf(path, sizeof(path), "/sys/dev/block/%s", numbers);
	if (fact_link_name(path, out, DEVICE_NAME_MAX))
		return true;
	slash = strrchr(source, '/');
	if (strncmp(source, "/dev/", 5) != 0 || !slash)
		return false;
	if (!strncmp(source, "/dev/mapper/", 12)) {
		want.name = slash + 1;
		fact_each("/sys/class/block", is_mapped, &want);
		return want.found;
	}
	/* /dev/disk/by-uuid/..., /dev/VG/LV are links to the node */
	if (fact_link_name(source, out, DEVICE_NAME_MAX))
		return true;
	return text_copy(out, DEVICE_NAME_MAX, slash + 1) && sys_has(out, "");
}

bool device_loop_file(const char *name, char *out, size_t size)
{
	return !strncmp(name, "loop", 4) && sys_text(name, "loop/backing_file", out, size);
}

/* The disk that a partition is part of; the name itself for what is no partition. */
static void whole_disk(const char *name, char out[DEVICE_NAME_MAX])
{
	char path[FACT_PATH_MAX], target[FACT_PATH_MAX];
	char *slash;

	(void)text_copy(out, DEVICE_NAME_MAX, name);
	(void)snprintf(path, sizeof(path), "/sys/class/block/%s", name);
	if (!sys_has(name, "partition") || !fact_link(path, target, sizeof(target)))
		return;
	slash = strrchr(target, '/');
	if (!slash)
		return;
	*slash = '\0';
	slash = strrchr(target, '/');
	if (slash)
		(void)text_copy(out, DEVICE_NAME_MAX, slash + 1);
}

static bool plugged_in(const char *name)
{
	char disk[DEVICE_NAME_MAX], path[FACT_PATH_MAX], target[FACT_PATH_MAX], flag[8];

	whole_disk(name, disk);
	(void)snprintf(path, sizeof(path), "/sys/class/block/%s", disk);
	if (fact_link(path, target, sizeof(target)) && strstr(target, "/usb"))
		return true;
	return sys_text(disk, "removable", flag, sizeof(flag)) && !strcmp(flag, "1");
}

struct pieces {
	struct plat_volume worst;
	unsigned count, depth;
	char first[DEVICE_NAME_MAX];
};

static void judge(const char *name, unsigned depth, struct plat_volume *out);

static unsigned badness(enum plat_encryption encryption)
{
	switch (encryption) {
	case PLAT_ENCRYPTED: return 0;
	case PLAT_ENCRYPTION_UNKNOWN: return 1;
	case PLAT_NULL_CIPHER: return 2;
	case PLAT_PLAIN: break;
	}
	return 3;
}

/* A volume over several devices is as safe as the least of them. */
static bool judge_piece(void *ctx, const char *name)
{
	struct pieces *pieces = ctx;
	struct plat_volume piece = {0};
	bool removable = pieces->worst.removable;

	judge(name, pieces->depth, &piece);
	if (!pieces->count++) {
		(void)text_copy(pieces->first, sizeof(pieces->first), name);
		pieces->worst = piece;
	} else if (badness(piece.encryption) > badness(pieces->worst.encryption)) {
		pieces->worst = piece;
	}
	pieces->worst.removable = piece.removable || removable;
	return true;
}

static void say(struct plat_volume *out, enum plat_encryption encryption, const char *how,
		const char *note)
{
	out->encryption = encryption;
	(void)text_copy(out->how, sizeof(out->how), how);
	(void)text_copy(out->note, sizeof(out->note), note);
}

/* 'uuid' is device mapper's: "CRYPT-LUKS2-5e2f...-name". */
static void judge_crypt(const char *name, const char *uuid, const char *lower,
			struct plat_volume *out)
{
	static const struct {
		const char *prefix, *how;
	} kinds[] = {
		{"CRYPT-LUKS1-", "luks1"},      {"CRYPT-LUKS2-", "luks2"},
		{"CRYPT-PLAIN-", "dm-crypt"},   {"CRYPT-BITLK-", "bitlocker"},
		{"CRYPT-TCRYPT-", "veracrypt"}, {"CRYPT-FVAULT2-", "filevault"},
	};
	char type[32], version[16];
	enum luks_says says;
	const char *how = "dm-crypt";
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strncmp(uuid, kinds[i].prefix, strlen(kinds[i].prefix)))
			how = kinds[i].how;
	says = crypt_says(name, lower);
	if (says == LUKS_UNREADABLE) {
		say(out, PLAT_ENCRYPTION_UNKNOWN, how, "its cipher could not be read");
		return;
	}
	if (says == LUKS_NULL) {
		say(out, PLAT_NULL_CIPHER, how, "cipher_null encrypts nothing");
		return;
	}
	say(out, PLAT_ENCRYPTED, how, "");
	/* An older systemd-cryptsetup names every version CRYPT-LUKS1. */
	if (*lower && probe_device(lower, type, sizeof(type), version, sizeof(version)) &&
	    !strcmp(type, "crypto_LUKS") && (*version == '1' || *version == '2'))
		(void)snprintf(out->how, sizeof(out->how), "luks%c", *version);
}

static bool is_crypt(const char *uuid)
{
	/* integrity and verity check, they do not hide */
	return !strncmp(uuid, "CRYPT-", 6) && strncmp(uuid, "CRYPT-VERITY-", 13) != 0 &&
	       strncmp(uuid, "CRYPT-INTEGRITY-", 16) != 0;
}

static void judge_bottom(const char *name, struct plat_volume *out)
{
	static const char *const elsewhere[] = {"nbd", "rbd", "drbd"};
	size_t i;

	say(out, PLAT_PLAIN, "", "");
	for (i = 0; i < sizeof(elsewhere) / sizeof(*elsewhere); i++)
		if (!strncmp(name, elsewhere[i], strlen(elsewhere[i])))
			say(out, PLAT_ENCRYPTION_UNKNOWN, "", "its bytes lie on another machine");
	out->removable = plugged_in(name);
}

static void judge(const char *name, unsigned depth, struct plat_volume *out)
{
	char path[FACT_PATH_MAX], uuid[160], disk[DEVICE_NAME_MAX];
	struct pieces pieces = {.depth = depth + 1};

	if (depth >= DEEPEST) {
		say(out, PLAT_ENCRYPTION_UNKNOWN, "", "too many layers of devices");
		return;
	}
	(void)snprintf(path, sizeof(path), "/sys/class/block/%s/slaves", name);
	fact_each(path, judge_piece, &pieces);
	if (!pieces.count) {
		whole_disk(name, disk);
		if (strcmp(disk, name) != 0) { /* a partition of a RAID: its disk has the slaves */
			judge(disk, depth + 1, out);
			return;
		}
	}
	out->removable = pieces.worst.removable;
	if (sys_text(name, "dm/uuid", uuid, sizeof(uuid)) && is_crypt(uuid))
		judge_crypt(name, uuid, pieces.first, out);
	else if (pieces.count)
		*out = pieces.worst;
	else
		judge_bottom(name, out);
}

struct btrfs {
	const char *name;
	struct pieces *pieces;
};

/* A btrfs lies on every device in /sys/fs/btrfs/UUID/devices. */
static bool same_btrfs(void *ctx, const char *uuid)
{
	struct btrfs *want = ctx;
	char path[FACT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "/sys/fs/btrfs/%s/devices/%s", uuid, want->name);
	if (!fact_exists(path))
		return true;
	(void)snprintf(path, sizeof(path), "/sys/fs/btrfs/%s/devices", uuid);
	fact_each(path, judge_piece, want->pieces);
	return false;
}

void device_judge(const char *name, struct plat_volume *out)
{
	struct plat_volume found = {0};
	struct pieces pieces = {.depth = 1};
	struct btrfs want = {.name = name, .pieces = &pieces};

	if (!strcmp(out->type, "btrfs"))
		fact_each("/sys/fs/btrfs", same_btrfs, &want);
	if (pieces.count)
		found = pieces.worst;
	else
		judge(name, 0, &found);
	out->encryption = found.encryption;
	out->removable = found.removable;
	(void)text_copy(out->how, sizeof(out->how), found.how);
	(void)text_copy(out->note, sizeof(out->note), found.note);
}
