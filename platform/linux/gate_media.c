/* Disks and partitions of platform/gate.h: what hangs on a device, what it holds, closing it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/os.h"

#define BLOCK "class/block"
#define MEDIA_MAX 256 /* 15 partitions on each of a full hub's sticks */

static bool medium_number(const struct plat_gate *gate, const char *name, const char *attribute,
			  uint64_t *out)
{
	char path[128];

	(void)snprintf(path, sizeof(path), BLOCK "/%.32s/%s", name, attribute);
	return gate_number(gate, path, 10, out);
}

/* Opened by the kernel's name: /dev is udev's and devtmpfs's, root's alone. */
int gate_open_medium(const struct plat_gate *gate, const char *name, int flags)
{
	char path[GATE_PATH];
	struct stat st;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/dev/%s", gate->root, name);
	for (char *at = path + strlen(gate->root) + 5; *at; at++)
		if (*at == '!')
			*at = '/'; /* as sysfs writes it */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | flags);
	if (fd >= 0 && gate->live && (fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode))) {
		close(fd);
		errno = ENOTBLK;
		return -1;
	}
	return fd;
}

/* Behind a port of the case that brings PCI out, as firmware tells the kernel (Linux 5.14). */
static bool is_thunderbolt(const struct plat_gate *gate, const char *place)
{
	char path[GATE_PATH], said[16];
	size_t len = strlen(gate->sysfs);

	if (strncmp(place, gate->sysfs, len) != 0 || !strstr(place, "/pci"))
		return false;
	for (const char *at = strchr(place + len + 1, '/'); at; at = strchr(at + 1, '/')) {
		(void)snprintf(path, sizeof(path), "%.*s/removable", (int)(at - place - len - 1),
			       place + len + 1);
		/* A disk has such a file too, with a number. */
		if (gate_attribute(gate, path, said, sizeof(said)) > 0 &&
		    strncmp(said, "removable", 9) == 0)
			return true;
	}
	return false;
}

/* What it is plugged into, by the folders on its way below sysfs/devices. */
static void name_bus(const struct plat_gate *gate, const char *place, const char *port, char *out,
		     size_t size)
{
	static const struct {
		const char *part, *bus;
	} buses[] = {{"/mmc_host/", "mmc"},     {"/ata", "ata"},     {"/nvme/", "nvme"},
		     {"/virtio", "virtio"},     {"/fw", "firewire"}, {"/virtual/", "virtual"},
		     {"/memstick", "memstick"}, {"/target", "scsi"}};

	(void)text_copy(out, size, gate_is_port(port) ? "usb" : "other");
	if (!*port && is_thunderbolt(gate, place)) {
		(void)text_copy(out, size, "thunderbolt");
		return;
	}
	for (size_t i = 0; !gate_is_port(port) && i < sizeof(buses) / sizeof(buses[0]); i++)
		if (strstr(place, buses[i].part)) {
			(void)text_copy(out, size, buses[i].bus);
			return;
		}
}

/* eSATA, as AHCI's registers have it.  Before Linux 6.10 such a disk was removable as well.  That a
 * port can be hot-plugged makes it none: firmware says so of every port inside a case. */
static bool is_external(const struct plat_gate *gate, const char *place)
{
	enum { PORT_EXTERNAL = 1u << 21, CAN_BE_EXTERNAL = 1u << 5 };
	const char *ata = strstr(place, "/ata"), *host = ata ? strstr(ata, "/host") : NULL;
	uint64_t port, controller;
	char path[96];

	if (!host)
		return false;
	(void)snprintf(path, sizeof(path), "class/scsi_host/host%lu/ahci_port_cmd",
		       strtoul(host + 5, NULL, 10));
	if (!gate_number(gate, path, 16, &port))
		return false;
	(void)snprintf(path, sizeof(path), "class/scsi_host/host%lu/ahci_host_caps",
		       strtoul(host + 5, NULL, 10));
	return (port & PORT_EXTERNAL) && gate_number(gate, path, 16, &controller) &&
	       (controller & CAN_BE_EXTERNAL);
}

bool gate_comes_out(const struct plat_gate *gate, const char *name, const char *place)
{
	static const char *const plugged[] = {"memstick", "firewire", "thunderbolt"};
	uint64_t removable;
	char bus[12];

	name_bus(gate, place, "", bus, sizeof(bus));
	if (strcmp(bus, "virtual") == 0)
		return false;
	for (size_t i = 0; i < sizeof(plugged) / sizeof(plugged[0]); i++)
		if (strcmp(bus, plugged[i]) == 0)
			return true;
	/* A partition's folder lies in its disk's, which has the word. */
	return strncmp(name, "sr", 2) == 0 ||
	       ((medium_number(gate, name, "removable", &removable) ||
		 medium_number(gate, name, "../removable", &removable)) &&
		removable == 1) ||
	       is_external(gate, place);
}

struct part_look {
	const struct plat_gate *gate;
	const char *disk;
	bool any;
};

/* A partition's folder lies in its disk's, and is called NAME1 or NAMEp1. */
static bool one_part(void *ctx, const char *name)
{
	struct part_look *look = ctx;
	size_t len = strlen(look->disk);
	char path[128];

	if (!gate_is_block(name) || strncmp(name, look->disk, len) != 0)
		return true;
	len += name[len] == 'p';
	if (!name[len] || strspn(name + len, "0123456789") != strlen(name + len))
		return true;
	(void)snprintf(path, sizeof(path), BLOCK "/%s/%s/partition", look->disk, name);
	look->any = gate_has(look->gate, path);
	return !look->any;
}

static bool has_parts(const struct plat_gate *gate, const char *name)
{
	struct part_look look = {gate, name, false};
	char path[64];

	(void)snprintf(path, sizeof(path), BLOCK "/%s", name);
	gate_each(gate, path, one_part, &look);
	return look.any;
}

static bool in_use(const struct gate_mounted *mounted, const char *name, bool *out_system)
{
	*out_system = mounted->unsure;
	for (unsigned i = 0; i < mounted->count; i++)
		if (strcmp(mounted->disks[i].name, name) == 0) {
			*out_system |= mounted->disks[i].system;
			return true;
		}
	return false;
}

static void find_parent(const char *place, char out[32])
{
	char copy[GATE_PATH], *slash;

	(void)text_copy(copy, sizeof(copy), place);
	slash = strrchr(copy, '/');
	if (slash)
		*slash = '\0';
	slash = strrchr(copy, '/');
	if (slash && gate_is_block(slash + 1))
		(void)text_copy(out, 32, slash + 1);
}

/* One walk over the disks. */
struct look {
	const struct plat_gate *gate;
	struct gate_mounted mounted;
	bool knows_mounted; /* asked for the first medium that is wanted */
};

/* Where it hangs, by which all but a few are passed over; 'mapped' is zeros for what is made of no
 * other disk.  False: it is gone, or nobody's medium. */
static bool place_medium(const struct plat_gate *gate, const char *name, char place[GATE_PATH],
			 struct gate_mapped *mapped, struct plat_medium *out)
{
	char path[64];

	memset(out, 0, sizeof(*out));
	memset(mapped, 0, sizeof(*mapped));
	(void)text_copy(out->name, sizeof(out->name), name);
	(void)snprintf(path, sizeof(path), BLOCK "/%s", name);
	if (!gate_place(gate, path, place, GATE_PATH))
		return false;
	/* device mapper's, md's and bcache's, which alone are made of others, are no bus's. */
	out->mapped = strstr(place, "/devices/virtual/") != NULL && gate_mapped(gate, name, mapped);
	if (out->mapped) {
		if (mapped->mixed)
			return false; /* udev's rule has closed it, or it is the machine's own */
		(void)text_copy(place, GATE_PATH, mapped->place);
	}
	out->unlocked = mapped->unlocked;
	gate_holder_of(gate, place, out->port);
	return true;
}

/* What tells whether it is wanted.  False: it is gone, or not what anybody could use (an empty card
 * reader has no bytes). */
static bool read_kind(const struct plat_gate *gate, const char *place,
		      const struct gate_mapped *mapped, struct plat_medium *out)
{
	uint64_t sectors, number;
	char path[128];

	if (!medium_number(gate, out->name, "size", &sectors))
		return false;
	out->bytes = sectors > UINT64_MAX / 512 ? UINT64_MAX : sectors * 512;
	(void)snprintf(path, sizeof(path), BLOCK "/%s/partition", out->name);
	if (gate_has(gate, path))
		find_parent(place, out->parent);
	(void)text_copy(out->disk, sizeof(out->disk), *out->parent ? out->parent : out->name);
	if (out->mapped) {
		(void)text_copy(out->parent, sizeof(out->parent), mapped->below);
		(void)text_copy(out->disk, sizeof(out->disk), mapped->bottom);
		(void)snprintf(path, sizeof(path), BLOCK "/%s/partition", mapped->bottom);
		if (gate_has(gate, path))
			find_parent(place, out->disk);
	}
	out->removable = medium_number(gate, out->disk, "removable", &number) && number == 1;
	out->optical = strncmp(out->disk, "sr", 2) == 0;
	name_bus(gate, place, out->port, out->bus, sizeof(out->bus));
	return true;
}

static void read_medium(struct look *look, struct plat_medium *out)
{
	const struct plat_gate *gate = look->gate;
	struct gate_udev udev;
	uint64_t number;

	/* A partition has its disk's, in whose folder its own lies. */
	if (!medium_number(gate, out->name, "diskseq", &out->sequence) &&
	    !medium_number(gate, out->name, "../diskseq", &out->sequence))
		out->sequence = 0; /* a kernel before 5.15 */
	out->read_only = medium_number(gate, out->name, "ro", &number) && number == 1;
	out->has_parts = !*out->parent && has_parts(gate, out->name);
	gate_udev_read(gate, out->name, out->sequence, &udev);
	out->told = udev.told;
	out->closed = udev.closed;
	out->stale = udev.stale;
	(void)text_copy(out->file_system, sizeof(out->file_system), udev.file_system);
	if (strcmp(out->file_system, "crypto_LUKS") == 0)
		out->null_cipher = gate_luks_is_null(gate, out);
	if (!look->knows_mounted)
		gate_mounted(gate, &look->mounted);
	look->knows_mounted = true;
	out->mounted = in_use(&look->mounted, out->name, &out->holds_system);
}

struct medium_list {
	char (*names)[32];
	unsigned count;
};

static bool one_name(void *ctx, const char *name)
{
	struct medium_list *list = ctx;

	/* As udev's rule has it: these hang on nothing, and a machine with snaps has dozens. */
	if (strncmp(name, "loop", 4) == 0 || strncmp(name, "ram", 3) == 0 ||
	    strncmp(name, "zram", 4) == 0)
		return true;
	if (gate_is_block(name))
		(void)text_copy(list->names[list->count++], 32, name);
	return list->count < MEDIA_MAX;
}

static int by_length_and_name(const void *a, const void *b)
{
	size_t one = strlen(a), other = strlen(b);

	return one != other ? (one < other ? -1 : 1) : strcmp(a, b); /* a disk before its parts */
}

int plat_gate_media(struct plat_gate *gate, const char *port,
		    int (*each)(void *ctx, const struct plat_medium *medium), void *ctx,
		    struct err *err)
{
	struct medium_list list = {.names = calloc(MEDIA_MAX, sizeof(*list.names))};
	struct look look = {.gate = gate};
	struct plat_medium medium;

	if (!list.names)
		return err_set(err, ERR_NOMEM, "out of memory");
	gate_each(gate, BLOCK, one_name, &list);
	qsort(list.names, list.count, sizeof(*list.names), by_length_and_name);
	for (unsigned i = 0; i < list.count; i++) {
		struct gate_mapped mapped;
		char place[GATE_PATH];

		if (!place_medium(gate, list.names[i], place, &mapped, &medium) ||
		    strcmp(medium.port, port) != 0 || !read_kind(gate, place, &mapped, &medium) ||
		    /* Whoever asks for a port has named it; eMMC is nobody's medium. */
		    (!*medium.port && !gate_comes_out(gate, medium.disk, place)))
			continue;
		read_medium(&look, &medium);
		if (each(ctx, &medium) < 0)
			break;
	}
	free(list.names);
	return 0;
}

struct switching {
	const struct plat_gate *gate;
	const char *medium;
	bool on;
};

/* In a child: the kernel asks a disk whose media are removable whether they are there before it
 * lets anybody open it.  Returns an errno. */
static int switch_read_only(const void *ctx)
{
	const struct switching *switching = ctx;
	int fd = gate_open_medium(switching->gate, switching->medium, O_NONBLOCK);
	int value = switching->on;

	return fd < 0 || ioctl(fd, BLKROSET, &value) < 0 ? errno : 0;
}

int plat_gate_read_only(struct plat_gate *gate, const char *medium, bool on, struct err *err)
{
	const struct switching switching = {gate, medium, on};
	char of[48];
	const struct gate_job job = {.work = switch_read_only,
				     .ctx = &switching,
				     .of = of,
				     .patience_ms = gate->switch_patience_ms};
	const char *to = on ? "read-only" : "writable";
	int code;

	if (!gate_is_block(medium))
		return err_set(err, ERR_INVALID, "'%s' is no disk", medium);
	(void)snprintf(of, sizeof(of), "switch %s", medium);
	if (gate_in_child(gate->children, &job, &code, err) < 0)
		return err_wrap(err, "make '%s' %s", medium, to);
	if (code == ENOENT || code == ENXIO)
		return err_set(err, ERR_NOTFOUND, "the disk '%s' is gone", medium);
	return code ? err_errno(err, code, "make '%s' %s", medium, to) : 0;
}
