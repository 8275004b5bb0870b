/* Which file systems and swap areas hold data on this machine's disks.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/disks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/disks_device.h"
#include "platform/linux/fact.h"
#include "platform/os.h"

struct mount {
	char numbers[24]; /* "8:1" */
	char place[256], type[32], source[256];
};

struct mounts {
	struct mount *items;
	size_t count;
	bool failed;
};

/* The kernel writes blanks and backslashes as \040. */
static void unescape(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] && text[3]) {
			*out++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + text[3] - '0');
			text += 3;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
}

/* "36 35 98:0 /inside /place rw,noatime shared:1 - ext4 /dev/sda1 rw" */
static void take_mount(void *ctx, char *line)
{
	struct mounts *mounts = ctx;
	struct mount *mount;
	char *fields[5], *word, *type, *source;
	size_t i;

	for (i = 0; i < 5; i++)
		if (!(fields[i] = fact_word(&line)))
			return;
	while ((word = fact_word(&line)) && strcmp(word, "-") != 0)
		;
	type = fact_word(&line);
	source = fact_word(&line);
	if (!type || !source)
		return;
	mount = fact_append(&mounts->items, &mounts->count, sizeof(*mounts->items));
	if (!mount) {
		mounts->failed = true;
		return;
	}
	unescape(fields[4]);
	unescape(source);
	(void)text_copy(mount->numbers, sizeof(mount->numbers), fields[2]);
	(void)text_copy(mount->place, sizeof(mount->place), fields[4]);
	(void)text_copy(mount->type, sizeof(mount->type), type);
	(void)text_copy(mount->source, sizeof(mount->source), source);
}

static bool one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(*words, word))
			return true;
	return false;
}

/* Holds nothing on this machine's disks, or nothing that could be written. */
static bool left_out(const struct mount *mount)
{
	static const char *const types[] = {/* network, and what a VM's host shares */
					    "nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph",
					    "9p", "virtiofs", "vboxsf", "ncpfs", "coda", "gfs2",
					    "ocfs2",
					    /* read-only images */
					    "squashfs", "erofs", "iso9660", "udf", "cramfs", NULL};
	static const char *const kept[] = {"zfs", "overlay", "ubifs", "bcachefs", NULL};
	static const char *const memory[] = {
		"proc",     "sysfs",     "tmpfs",      "devtmpfs",   "devpts",  "cgroup",
		"cgroup2",  "pstore",    "bpf",        "securityfs", "debugfs", "tracefs",
		"mqueue",   "hugetlbfs", "configfs",   "ramfs",      "autofs",  "binfmt_misc",
		"fusectl",  "efivarfs",  "rpc_pipefs", "nsfs",       "rootfs",  "selinuxfs",
		"ecryptfs", "aufs",      NULL};

	if (one_of(mount->type, types) || one_of(mount->type, memory) ||
	    !strncmp(mount->type, "fuse.", 5))
		return true;
	if (one_of(mount->type, kept) || !strncmp(mount->source, "/dev/", 5))
		return false;
	/* No device behind it (major 0): virtual, whatever it is called. */
	return strtoul(mount->numbers, NULL, 10) == 0;
}

static bool below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return !strncmp(path, folder, len) && (path[len] == '/' || path[len] == '\0');
}

/* Names of people stay here: what lies below a person's folder or a plugged-in disk's name is
 * called by its kind alone. */
static void clean_place(const char *place, char *out, size_t size)
{
	static const char *const known[] = {"/boot", "/efi", "/usr", "/var", "/opt", "/tmp", NULL};
	const char *const *folder;
	const char *second;

	if (below(place, "/media") || below(place, "/run/media")) {
		(void)text_copy(out, size, "media");
	} else if ((below(place, "/home") && strcmp(place, "/home") != 0) ||
		   below(place, "/root")) {
		(void)text_copy(out, size, "~");
	} else {
		second = *place ? strchr(place + 1, '/') : NULL;
		text_clean(out, size, place, second ? (size_t)(second - place) : strlen(place));
		for (folder = known; *folder; folder++)
			if (below(place, *folder))
				text_clean(out, size, place, strlen(place));
	}
}

static enum plat_volume_role role_of(const char *place)
{
	if (!strcmp(place, "/"))
		return PLAT_VOLUME_SYSTEM;
	return below(place, "/boot") || below(place, "/efi") ? PLAT_VOLUME_BOOT : PLAT_VOLUME_DATA;
}

/* "off" or the cipher's name. */
static void judge_zfs(const char *dataset, struct plat_volume *out)
{
	const char *argv[] = {"zfs", "get", "-H", "-o", "value", "encryption", dataset, NULL};
	struct plat_command command = {.argv = argv, .output_max = 1024, .timeout_ms = 10000};
	struct buf answer;
	struct err err;
	char *cursor, *value = NULL;
	int status = -1;

	buf_init(&answer, 0);
	out->encryption = PLAT_ENCRYPTION_UNKNOWN;
	(void)text_copy(out->note, sizeof(out->note), "the zfs command did not say");
	if (fact_live() && *dataset != '-' &&
	    plat_run(&command, &answer, NULL, &status, &err) == 0 && status == 0 && answer.len) {
		cursor = answer.data;
		value = fact_line(&cursor);
	}
	if (value && *value && strcmp(value, "-") != 0) {
		out->note[0] = '\0';
		out->encryption = strcmp(value, "off") != 0 ? PLAT_ENCRYPTED : PLAT_PLAIN;
		if (out->encryption == PLAT_ENCRYPTED)
			(void)text_copy(out->how, sizeof(out->how), "zfs");
	}
	buf_clear(&answer);
}

/* The mount that a path lies on. */
static const struct mount *mount_of(const struct mounts *mounts, const char *path)
{
	const struct mount *best = NULL;
	size_t i, len, best_len = 0;

	for (i = 0; i < mounts->count; i++) {
		len = strlen(mounts->items[i].place);
		if (len >= best_len && (len == 1 || below(path, mounts->items[i].place))) {
			best = &mounts->items[i];
			best_len = len;
		}
	}
	return best;
}

static void judge_mount(const struct mounts *mounts, const struct mount *mount, unsigned depth,
			struct plat_volume *out);

static void judge_block(const struct mounts *mounts, const char *name, unsigned depth,
			struct plat_volume *out)
{
	char file[FACT_PATH_MAX];
	const struct mount *holder;

	(void)text_copy(out->device, sizeof(out->device), name);
	/* The bytes of a loop device are a file's, and as safe as where that lies. */
	if (depth < 4 && device_loop_file(name, file, sizeof(file)) &&
	    (holder = mount_of(mounts, file))) {
		judge_mount(mounts, holder, depth + 1, out);
		(void)text_copy(out->device, sizeof(out->device), name); /* not the holder's */
		return;
	}
	device_judge(name, out);
}

static void judge_mount(const struct mounts *mounts, const struct mount *mount, unsigned depth,
			struct plat_volume *out)
{
	char name[DEVICE_NAME_MAX];

	if (!strcmp(mount->type, "zfs")) {
		judge_zfs(mount->source, out);
	} else if (!strcmp(mount->type, "overlay")) {
		out->encryption = PLAT_ENCRYPTION_UNKNOWN;
		(void)text_copy(out->note, sizeof(out->note),
				"an overlay (a container or a live system): what it lies on "
				"cannot be seen from here");
	} else if (!strcmp(mount->type, "bcachefs")) {
		out->encryption = PLAT_ENCRYPTION_UNKNOWN;
		(void)text_copy(out->note, sizeof(out->note),
				"bcachefs does not say whether it encrypts");
	} else if (!device_find(mount->numbers, mount->source, name)) {
		out->encryption = PLAT_ENCRYPTION_UNKNOWN;
		(void)text_copy(out->note, sizeof(out->note), "its device is not in /sys");
	} else {
		judge_block(mounts, name, depth, out);
	}
}

/* Folders encrypted one by one do not make the volume encrypted, but a technician wants to know. */
static void note_folders(const struct mounts *mounts, const struct mount *mount,
			 struct plat_volume *out)
{
	char path[FACT_PATH_MAX];
	size_t i;

	if (out->encryption != PLAT_PLAIN)
		return;
	(void)snprintf(path, sizeof(path), "%s/.fscrypt",
		       strcmp(mount->place, "/") != 0 ? mount->place : "");
	if (fact_is_dir(path))
		(void)text_copy(out->note, sizeof(out->note), "fscrypt encrypts some folders");
	for (i = 0; i < mounts->count; i++)
		if (!strcmp(mounts->items[i].type, "ecryptfs") &&
		    mount_of(mounts, mounts->items[i].source) == mount)
			(void)text_copy(out->note, sizeof(out->note),
					"ecryptfs encrypts some folders");
}

static struct plat_volume *new_volume(struct plat_disks *disks)
{
	return fact_append(&disks->volumes, &disks->count, sizeof(*disks->volumes));
}

/* A device mounted at several places is listed once, at its most telling one. */
static bool listed(struct plat_disks *disks, const struct plat_volume *volume)
{
	size_t i;

	for (i = 0; *volume->device && i < disks->count; i++) {
		if (strcmp(disks->volumes[i].device, volume->device) != 0)
			continue;
		if (volume->role < disks->volumes[i].role)
			disks->volumes[i] = *volume;
		return true;
	}
	return false;
}

static int list_mounts(const struct mounts *mounts, struct plat_disks *disks, struct err *err)
{
	const struct mount *mount;
	struct plat_volume volume, *slot;
	size_t i;

	for (i = 0; i < mounts->count; i++) {
		mount = &mounts->items[i];
		if (left_out(mount))
			continue;
		/* Containers' own overlays on this machine lie on file systems listed anyway. */
		if (!strcmp(mount->type, "overlay") && strcmp(mount->place, "/") != 0)
			continue;
		memset(&volume, 0, sizeof(volume));
		volume.role = role_of(mount->place);
		clean_place(mount->place, volume.place, sizeof(volume.place));
		(void)text_copy(volume.type, sizeof(volume.type), mount->type);
		judge_mount(mounts, mount, 0, &volume);
		note_folders(mounts, mount, &volume);
		if (listed(disks, &volume))
			continue;
		slot = new_volume(disks);
		if (!slot)
			return err_set(err, ERR_NOMEM, "list file systems: out of memory");
		*slot = volume;
	}
	return 0;
}

struct swaps {
	const struct mounts *mounts;
	struct plat_disks *disks;
	bool failed;
};

/* "/dev/dm-1  partition  8388604  0  -2", "/swapfile  file ..." */
static void take_swap(void *ctx, char *line)
{
	struct swaps *swaps = ctx;
	struct plat_volume volume = {.role = PLAT_VOLUME_SWAP, .place = "swap", .type = "swap"};
	struct plat_volume *slot;
	char *path = fact_word(&line), *kind = fact_word(&line);
	char name[DEVICE_NAME_MAX], text[FACT_PATH_MAX], backing[64];
	const struct mount *mount;

	if (!path || !kind || *path != '/')
		return;
	unescape(path);
	if (!strcmp(kind, "file") && (mount = mount_of(swaps->mounts, path))) {
		judge_mount(swaps->mounts, mount, 0, &volume);
		(void)text_copy(volume.device, sizeof(volume.device), "file");
	} else if (device_find("", path, name)) {
		(void)snprintf(text, sizeof(text), "/sys/class/block/%s/backing_dev", name);
		if (!strncmp(name, "zram", 4) &&
		    (!fact_text(text, backing, sizeof(backing)) || !strcmp(backing, "none")))
			return; /* memory */
		judge_block(swaps->mounts, name, 0, &volume);
	} else {
		volume.encryption = PLAT_ENCRYPTION_UNKNOWN;
		(void)text_copy(volume.note, sizeof(volume.note), "its device is not in /sys");
	}
	slot = new_volume(swaps->disks);
	if (slot)
		*slot = volume;
	else
		swaps->failed = true;
}

int plat_disks(struct plat_disks *out, struct err *err)
{
	struct mounts mounts = {0};
	struct plat_disks disks = {0};
	struct swaps swaps = {.mounts = &mounts, .disks = &disks};
	unsigned unread = fact_unread_count();
	int ret = -1;

	/* The machine's mounts, not those of the sandbox that our unit gives us. */
	if (!fact_lines("/proc/1/mountinfo", take_mount, &mounts))
		(void)fact_lines("/proc/self/mountinfo", take_mount, &mounts);
	if (!mounts.count)
		err_set(err, ERR_UNSUPPORTED, "no list of mounts: /proc/1/mountinfo is empty");
	if (fact_unread(unread, err) < 0 || !mounts.count)
		goto out;
	if (list_mounts(&mounts, &disks, err) < 0)
		goto out;
	(void)fact_lines("/proc/swaps", take_swap, &swaps);
	if (swaps.failed || mounts.failed) {
		err_set(err, ERR_NOMEM, "list file systems: out of memory");
		goto out;
	}
	if (fact_unread(unread, err) < 0)
		goto out;
	*out = disks;
	memset(&disks, 0, sizeof(disks));
	ret = 0;
out:
	free(mounts.items);
	plat_disks_clear(&disks);
	return ret;
}

void plat_disks_clear(struct plat_disks *disks)
{
	free(disks->volumes);
	memset(disks, 0, sizeof(*disks));
}
