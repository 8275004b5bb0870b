/* Which USB devices the running system lies on: the initramfs has to let these through, before
 * anybody can say what a disk holds.  From what is mounted and swapped to, through device mapper,
 * RAID and loop devices down to a USB device; and the keys in /etc/crypttab.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/gatekeeper/gatekeeper.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/kernel.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

#define TABLE_MAX (1024 * 1024)
#define LAYERS_MAX 8 /* partition on RAID on LUKS on LVM on ... */

struct search {
	struct buf *out;
	char unclear[256]; /* what could not be followed; "" none */
};

static void not_clear(struct search *search, const char *what)
{
	if (!search->unclear[0])
		text_clean(search->unclear, sizeof(search->unclear), what, strlen(what));
}

/* --- from a block device down to a USB device --- */

/* "/sys/devices/.../mmc_host/mmc0/mmc0:aaaa/block/mmcblk0": the card, if somebody put it in. */
static bool find_card(const char *place, char port[GATE_NAME])
{
	const char *at = strstr(place, "/mmc_host/");
	struct gate_device card;

	at = at ? strchr(at + 10, '/') : NULL;
	if (!at || strcspn(at + 1, "/") >= GATE_NAME)
		return false;
	(void)snprintf(port, GATE_NAME, "%.*s", (int)strcspn(at + 1, "/"), at + 1);
	return keep_read_card(port, &card);
}

/* "/sys/devices/.../usb2/2-1/2-1:1.0/host6/.../sda": the last part that has an idVendor. */
static bool find_usb(const char *place, char port[GATE_NAME])
{
	char path[KEEP_PATH];
	const char *name;
	char *slash;

	if (!text_copy(path, sizeof(path), place))
		return false;
	for (slash = strrchr(path, '/'); slash && slash > path; slash = strrchr(path, '/')) {
		struct plat_file_info info;
		char file[KEEP_PATH + 16];
		struct err err;

		name = slash + 1;
		snprintf(file, sizeof(file), "%s/idVendor", path);
		if (plat_file_info(file, &info, &err) == 0 && info.exists)
			return strchr(name, '-') && text_copy(port, GATE_NAME, name);
		*slash = '\0';
	}
	return false;
}

static void note_device(struct search *search, const char *port)
{
	struct gate_device device = {.port = ""};
	char id[GATE_ID], line[GATE_ID + GATE_NAME + 4];

	if (!(keep_is_card(port) ? keep_read_card(port, &device) : keep_read_ids(port, &device))) {
		not_clear(search, port);
		return;
	}
	gate_device_id(&device, id);
	snprintf(line, sizeof(line), "%s %s\n", id, port);
	if (!strstr(buf_text(search->out), line))
		buf_adds(search->out, line);
}

static void follow_path(struct search *search, const char *path, unsigned layer);

struct layer {
	struct search *search;
	unsigned number;
	unsigned below;
};

/* 'place' is a block device's folder below /sys/devices. */
static void follow_place(struct search *search, const char *place, unsigned layer);

static void follow_slave(void *ctx, const char *name)
{
	struct layer *layer = ctx;
	char path[KEEP_PATH], place[KEEP_PATH];
	struct err err;

	layer->below++;
	keep_path(path, "/sys/class/block/%s", name);
	if (plat_kernel_place(path, place, sizeof(place), &err))
		not_clear(layer->search, name);
	else
		follow_place(layer->search, place, layer->number);
}

static void follow_place(struct search *search, const char *place, unsigned layer)
{
	struct layer next = {search, layer + 1, 0};
	const char *below_root = place + strlen(plat_root());
	char port[GATE_NAME], backing[512];

	if (layer > LAYERS_MAX) {
		not_clear(search, place);
		return;
	}
	if (find_usb(place, port) || find_card(place, port)) {
		note_device(search, port);
		return;
	}
	keep_list(follow_slave, &next, "%s/slaves", below_root);
	if (keep_exists("%s/partition", below_root)) /* of a RAID: its disk has the slaves */
		keep_list(follow_slave, &next, "%s/../slaves", below_root);
	if (next.below > 0)
		return;
	keep_attribute(backing, sizeof(backing), "%s/loop/backing_file", below_root);
	if (!backing[0] && keep_exists("%s/partition", below_root))
		keep_attribute(backing, sizeof(backing), "%s/../loop/backing_file", below_root);
	if (backing[0])
		follow_path(search, backing, layer + 1);
}

static void follow_number(struct search *search, const char *number, const char *what,
			  unsigned layer)
{
	char path[KEEP_PATH], place[KEEP_PATH];
	struct err err;

	keep_path(path, "/sys/dev/block/%s", number);
	if (plat_kernel_place(path, place, sizeof(place), &err))
		not_clear(search, what);
	else
		follow_place(search, place, layer);
}

/* A block device's node, or a file on some file system. */
static void follow_path(struct search *search, const char *path, unsigned layer)
{
	char whole[KEEP_PATH], number[24];
	struct err err;

	keep_path(whole, "%s", path);
	if (plat_kernel_block(whole, number, &err))
		not_clear(search, path);
	else
		follow_number(search, number, path, layer);
}

/* --- what holds the system --- */

static bool is_one_of(const char *word, const char *const words[])
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

/* "36 35 98:0 / /home rw,noatime shared:1 - ext4 /dev/sda1 rw" */
static void take_mount(struct search *search, char *line)
{
	static const char *const ours[] = {"/",     "/boot", "/boot/efi", "/boot/firmware", "/efi",
					   "/home", "/usr",  "/var",      "/var/lib",       NULL};
	/* Nothing of these lies on a disk of this machine. */
	static const char *const elsewhere[] = {"tmpfs",    "ramfs",  "rootfs", "nfs",
						"nfs4",     "cifs",   "smb3",   "9p",
						"virtiofs", "autofs", NULL};
	char *words[5], *dash = strstr(line, " - "), *type, *source, *rest;
	char *at = line;

	if (!dash)
		return;
	*dash = '\0';
	type = dash + 3;
	for (unsigned i = 0; i < 5; i++) {
		words[i] = keep_cut(&at, " ");
		if (!words[i])
			return;
	}
	source = type;
	(void)keep_cut(&source, " ");
	rest = source;
	source = keep_cut(&rest, " ");
	if (!source || !is_one_of(words[4], ours) || is_one_of(type, elsewhere))
		return;
	if (strncmp(words[2], "0:", 2) != 0)
		follow_number(search, words[2], words[4], 0);
	else if (strncmp(source, "/dev/", 5) == 0) /* btrfs has numbers of its own */
		follow_path(search, source, 0);
	else
		not_clear(search, words[4]);
}

static void take_swap(struct search *search, char *line)
{
	if (line[0] == '/')
		follow_path(search, keep_cut(&line, " \t"), 0);
}

/* "name device keyfile options": a key "/dev/disk/by-label/KEY:/secret" is on a stick. */
static void take_crypttab(struct search *search, char *line)
{
	char *word, *key = NULL;
	unsigned count = 0;

	while ((word = keep_cut(&line, " \t")) && count < 3) {
		if (!*word)
			continue;
		if (*word == '#')
			return;
		count++;
		key = word;
	}
	if (count < 3 || key[0] != '/' || strcmp(key, "/dev/urandom") == 0 ||
	    strcmp(key, "/dev/random") == 0 || strcmp(key, "/dev/null") == 0)
		return;
	key[strcspn(key, ":")] = '\0';
	follow_path(search, key, 0);
}

static int take_table(struct search *search, const char *file,
		      void (*take)(struct search *search, char *line), bool needed, struct err *err)
{
	char path[KEEP_PATH];
	struct buf buf;
	char *at, *line;
	int ret = 0;

	keep_path(path, "%s", file);
	buf_init(&buf, TABLE_MAX);
	if (plat_file_read(path, TABLE_MAX, &buf, err)) {
		ret = needed || err->code != ERR_NOTFOUND ? -1 : 0;
	} else {
		for (at = buf.data; (line = keep_cut(&at, "\n"));)
			take(search, line);
	}
	buf_clear(&buf);
	return ret;
}

static void look_for_usb(void *ctx, const char *name)
{
	char path[KEEP_PATH], place[KEEP_PATH], port[GATE_NAME];
	struct err err;
	bool *found = ctx;

	keep_path(path, "/sys/class/block/%s", name);
	*found |= plat_kernel_place(path, place, sizeof(place), &err) == 0 &&
		  (find_usb(place, port) || find_card(place, port));
}

int keep_system_devices(struct buf *out, struct err *err)
{
	struct search search = {out, ""};
	bool usb_disks = false;

	/* Of process 1: a unit of ours may have mounts of its own. */
	if (take_table(&search, "/proc/1/mountinfo", take_mount, true, err) ||
	    take_table(&search, "/proc/swaps", take_swap, false, err) ||
	    take_table(&search, "/etc/crypttab", take_crypttab, false, err))
		return err_wrap(err, "find the disk that holds the system");
	keep_list(look_for_usb, &usb_disks, "/sys/class/block");
	if (search.unclear[0] && usb_disks)
		return err_set(err, ERR_UNSUPPORTED,
			       "it cannot be told whether '%s' lies on one of the USB disks or "
			       "cards that are plugged in: take out those that hold nothing of "
			       "the system",
			       search.unclear);
	return buf_check(out, err);
}

/* --- asking the list --- */

struct twins {
	const struct gate_device *device;
	bool found;
};

static void look_for_twin(void *ctx, const char *name)
{
	struct twins *twins = ctx;
	struct gate_device other = {.port = ""};

	if (strchr(name, ':') || strcmp(name, twins->device->port) == 0 ||
	    !keep_read_ids(name, &other))
		return;
	twins->found |= other.vendor == twins->device->vendor &&
			other.product == twins->device->product &&
			strcmp(other.serial, twins->device->serial) == 0;
}

bool keep_is_system(const char *list, const struct gate_device *device)
{
	struct twins twins = {device, false};
	char id[GATE_ID], word[GATE_ID + GATE_NAME + 4];
	const char *line;

	gate_device_id(device, id);
	snprintf(word, sizeof(word), "%s %s\n", id, device->port);
	line = strstr(list, word);
	if (line && (line == list || line[-1] == '\n'))
		return true;
	/* Plugged in elsewhere, as disks are after a holiday.  A stick that only claims to be the
	 * disk finds that one at its place. */
	snprintf(word, sizeof(word), "%s ", id);
	line = strstr(list, word);
	if (gate_serial_is_weak(device) || !line || (line > list && line[-1] != '\n'))
		return false;
	keep_list(look_for_twin, &twins, KEEP_USB);
	return !twins.found;
}

bool keep_is_listed(const struct gate_device *device)
{
	char path[KEEP_PATH];
	struct err err;
	struct buf buf;
	bool system;

	keep_path(path, KEEP_SYSTEM);
	buf_init(&buf, 64 * 1024);
	system = plat_file_read(path, 64 * 1024, &buf, &err) == 0 &&
		 keep_is_system(buf_text(&buf), device);
	buf_clear(&buf);
	return system;
}

bool keep_is_on_usb(const char *card)
{
	char path[KEEP_PATH], place[KEEP_PATH], port[GATE_NAME];
	struct err err;

	keep_path(path, "/sys/bus/mmc/devices/%s", card);
	return plat_kernel_place(path, place, sizeof(place), &err) == 0 && find_usb(place, port);
}
