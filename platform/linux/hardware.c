/* What the machine is: firmware's tables, processors, memory, drives, peripherals, battery.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/hardware.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/fact.h"

/* --- container, VM or real --- */

static bool is_container(char *name, size_t size)
{
	char text[32];

	if (fact_text("/run/systemd/container", name, size) ||
	    fact_text("/run/host/container-manager", name, size))
		return true;
	(void)text_copy(name, size, "container");
	if (fact_exists("/.dockerenv")) {
		(void)text_copy(name, size, "docker");
		return true;
	}
	if (fact_exists("/run/.containerenv")) {
		(void)text_copy(name, size, "podman");
		return true;
	}
	/* WSL is a VM that behaves as a container: no disks or firmware of its own */
	if (fact_exists("/proc/sys/fs/binfmt_misc/WSLInterop") ||
	    (fact_text("/proc/sys/kernel/osrelease", text, sizeof(text)) &&
	     strstr(text, "microsoft"))) {
		(void)text_copy(name, size, "wsl");
		return true;
	}
	*name = '\0';
	return false;
}

static bool is_virtual(char *name, size_t size)
{
	static const char *const makers[][2] = {{"QEMU", "qemu"},
						{"KVM", "kvm"},
						{"VMware", "vmware"},
						{"innotek", "virtualbox"},
						{"VirtualBox", "virtualbox"},
						{"Xen", "xen"},
						{"Parallels", "parallels"},
						{"Amazon EC2", "amazon"},
						{"Google Compute", "google"},
						{"OpenStack", "kvm"},
						{"Firecracker", "firecracker"},
						{"Virtual Machine", "hyper-v"},
						{"Bochs", "bochs"},
						{"BHYVE", "bhyve"}};
	char vendor[64], product[64];
	size_t i;

	(void)fact_text("/sys/class/dmi/id/sys_vendor", vendor, sizeof(vendor));
	(void)fact_text("/sys/class/dmi/id/product_name", product, sizeof(product));
	for (i = 0; i < sizeof(makers) / sizeof(*makers); i++)
		if (strstr(vendor, makers[i][0]) || strstr(product, makers[i][0]))
			return text_copy(name, size, makers[i][1]);
	if (fact_text("/sys/hypervisor/type", name, size))
		return true;
	*name = '\0';
	return false;
}

static void look_for_hypervisor(void *ctx, char *line)
{
	bool *found = ctx;

	if (!strncmp(line, "flags", 5) && strstr(line, " hypervisor"))
		*found = true;
}

enum plat_machine plat_machine(char *name, size_t name_size)
{
	bool hypervisor = false;

	if (is_container(name, name_size))
		return PLAT_MACHINE_CONTAINER;
	if (is_virtual(name, name_size))
		return PLAT_MACHINE_VIRTUAL;
	(void)fact_lines("/proc/cpuinfo", look_for_hypervisor, &hypervisor);
	if (hypervisor)
		(void)text_copy(name, name_size, "vm");
	return hypervisor ? PLAT_MACHINE_VIRTUAL : PLAT_MACHINE_REAL;
}

/* --- firmware --- */

static void dmi(const char *name, char *out, size_t size)
{
	char path[FACT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "/sys/class/dmi/id/%s", name);
	(void)fact_text(path, out, size);
}

int plat_hardware_identity(struct plat_identity *out, struct err *err)
{
	struct plat_identity found = {0};
	char name[32];

	if (plat_machine(name, sizeof(name)) == PLAT_MACHINE_CONTAINER)
		return err_set(err, ERR_UNSUPPORTED, "a container (%s) has no hardware of its own",
			       name);
	dmi("product_serial", found.serial, sizeof(found.serial));
	if (!found.serial[0])
		dmi("chassis_serial", found.serial, sizeof(found.serial));
	dmi("product_uuid", found.uuid, sizeof(found.uuid));
	dmi("board_serial", found.board, sizeof(found.board));
	dmi("sys_vendor", found.vendor, sizeof(found.vendor));
	dmi("product_name", found.model, sizeof(found.model));
	/* Boards without DMI (Raspberry Pi) say it in the device tree. */
	if (!found.model[0])
		(void)fact_text("/proc/device-tree/model", found.model, sizeof(found.model));
	if (!found.serial[0])
		(void)fact_text("/proc/device-tree/serial-number", found.serial,
				sizeof(found.serial));
	if (!found.serial[0] && !found.uuid[0] && !found.board[0] && !found.model[0])
		return err_set(err, ERR_UNSUPPORTED,
			       "this machine's firmware says nothing about it "
			       "(/sys/class/dmi/id is empty)");
	*out = found;
	return 0;
}

/* The numbers of the SMBIOS standard. */
static const char *form_of(int64_t chassis)
{
	switch (chassis) {
	case 8:
	case 9:
	case 10:
	case 14: return "laptop";
	case 31:
	case 32: return "convertible";
	case 30:
	case 11: return "tablet";
	case 3:
	case 4:
	case 5:
	case 6:
	case 7:
	case 15:
	case 16:
	case 35: return "desktop";
	case 13: return "all-in-one";
	case 17:
	case 23:
	case 28:
	case 29: return "server";
	default: return "other";
	}
}

/* --- processor and memory --- */

static void take_cpu(void *ctx, char *line)
{
	struct plat_hardware *hardware = ctx;
	char *colon = strchr(line, ':');

	if (!colon)
		return;
	if (!strncmp(line, "processor", 9)) {
		hardware->cpu_count++;
	} else if (!hardware->cpu[0] &&
		   (!strncmp(line, "model name", 10) || !strncmp(line, "Model", 5))) {
		colon += 1 + strspn(colon + 1, " \t");
		text_clean(hardware->cpu, sizeof(hardware->cpu), colon, strlen(colon));
	}
}

static void take_memory(void *ctx, char *line)
{
	struct plat_hardware *hardware = ctx;

	if (!strncmp(line, "MemTotal:", 9))
		hardware->memory_bytes = strtoull(line + 9, NULL, 10) * 1024;
}

/* --- drives --- */

struct gathering {
	struct plat_hardware *hardware;
	bool failed;
	char found[16]; /* interfaces' kinds, the most telling one */
	const char *device;
};

static void drive_bus(const char *name, char *out, size_t size, bool *out_usb)
{
	char path[FACT_PATH_MAX], target[FACT_PATH_MAX];
	const char *bus = "other";

	(void)snprintf(path, sizeof(path), "/sys/class/block/%s", name);
	(void)fact_link(path, target, sizeof(target));
	*out_usb = strstr(target, "/usb") != NULL;
	if (*out_usb)
		bus = "usb";
	else if (!strncmp(name, "nvme", 4))
		bus = "nvme";
	else if (!strncmp(name, "mmcblk", 6))
		bus = "mmc";
	else if (!strncmp(name, "vd", 2))
		bus = "virtio";
	else if (strstr(target, "/ata"))
		bus = "sata";
	else if (!strncmp(name, "sd", 2))
		bus = "scsi";
	(void)text_copy(out, size, bus);
}

static bool take_drive(void *ctx, const char *name)
{
	static const char *const kinds[] = {"sd", "nvme", "vd", "mmcblk", "hd", "xvd"};
	struct gathering *all = ctx;
	struct plat_drive *slot, drive = {0};
	char path[FACT_PATH_MAX], flag[8];
	int64_t sectors = 0;
	bool known = false, usb;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		known |= !strncmp(name, kinds[i], strlen(kinds[i]));
	if (!known || strstr(name, "boot") || strstr(name, "rpmb"))
		return true;
	drive_bus(name, drive.bus, sizeof(drive.bus), &usb);
	(void)snprintf(path, sizeof(path), "/sys/block/%s/removable", name);
	drive.removable = usb || (fact_text(path, flag, sizeof(flag)) && !strcmp(flag, "1"));
	if (drive.removable)
		return true;
	(void)snprintf(path, sizeof(path), "/sys/block/%s/size", name);
	(void)fact_number(path, &sectors);
	drive.bytes = (uint64_t)sectors * 512;
	(void)snprintf(path, sizeof(path), "/sys/block/%s/device/model", name);
	if (!fact_text(path, drive.model, sizeof(drive.model))) {
		(void)snprintf(path, sizeof(path), "/sys/block/%s/device/name", name);
		(void)fact_text(path, drive.model, sizeof(drive.model));
	}
	(void)snprintf(path, sizeof(path), "/sys/block/%s/device/serial", name);
	if (!fact_text(path, drive.serial, sizeof(drive.serial))) {
		(void)snprintf(path, sizeof(path), "/sys/block/%s/serial", name); /* virtio */
		(void)fact_text(path, drive.serial, sizeof(drive.serial));
	}
	slot = fact_append(&all->hardware->drives, &all->hardware->drive_count, sizeof(*slot));
	if (slot)
		*slot = drive;
	else
		all->failed = true;
	return !all->failed;
}

/* --- USB --- */

static bool usb_text(const char *device, const char *file, char *out, size_t size)
{
	char path[FACT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "/sys/bus/usb/devices/%s/%s", device, file);
	return fact_text(path, out, size);
}

/* Class, subclass and protocol of an interface, by usb.org's defined classes. */
static const char *kind_of_interface(const char *class, const char *sub, const char *protocol)
{
	if (!strcmp(class, "03"))
		return !strcmp(protocol, "01")   ? "keyboard"
		       : !strcmp(protocol, "02") ? "pointer"
						 : "hid";
	if (!strcmp(class, "01"))
		return "audio";
	if (!strcmp(class, "0e"))
		return "video";
	if (!strcmp(class, "08"))
		return "storage";
	if (!strcmp(class, "07"))
		return "printer";
	if (!strcmp(class, "0b"))
		return "smart-card";
	if (!strcmp(class, "06"))
		return !strcmp(sub, "01") ? "phone" : "scanner"; /* still images: cameras, MTP */
	if (!strcmp(class, "02")) {
		if (!strcmp(sub, "02"))
			return "serial";
		return !strcmp(sub, "01") || !strcmp(sub, "03") ? "modem" : "network";
	}
	if (!strcmp(class, "e0")) {
		if (!strcmp(sub, "01") && !strcmp(protocol, "01"))
			return "bluetooth";
		return !strcmp(protocol, "03") ? "network" : "wireless"; /* RNDIS */
	}
	return !strcmp(class, "09") ? "hub" : "";
}

/* A composite device is called by what a policy would refuse first. */
static unsigned weight(const char *kind)
{
	static const char *const order[] = {
		"",           "other",     "hub",      "hid",     "audio",   "video",
		"smart-card", "pointer",   "keyboard", "scanner", "printer", "serial",
		"wireless",   "bluetooth", "modem",    "phone",   "network", "storage"};
	unsigned i;

	for (i = 0; i < sizeof(order) / sizeof(*order); i++)
		if (!strcmp(order[i], kind))
			return i;
	return 1;
}

static bool take_interface(void *ctx, const char *name)
{
	struct gathering *all = ctx;
	char class[4], sub[4], protocol[4];
	const char *kind;
	size_t len = strlen(all->device);

	if (strncmp(name, all->device, len) != 0 || name[len] != ':')
		return true;
	(void)usb_text(name, "bInterfaceClass", class, sizeof(class));
	(void)usb_text(name, "bInterfaceSubClass", sub, sizeof(sub));
	(void)usb_text(name, "bInterfaceProtocol", protocol, sizeof(protocol));
	kind = kind_of_interface(class, sub, protocol);
	if (weight(kind) > weight(all->found))
		(void)text_copy(all->found, sizeof(all->found), kind);
	return true;
}

static bool take_usb(void *ctx, const char *name)
{
	struct gathering *all = ctx;
	struct plat_usb *slot, device = {0};
	char vendor[8], product[8], removable[16];

	/* "usb1" is a root hub, "1-2:1.0" an interface */
	if (!isdigit((unsigned char)*name) || strchr(name, ':') ||
	    !usb_text(name, "idVendor", vendor, sizeof(vendor)) ||
	    !usb_text(name, "idProduct", product, sizeof(product)))
		return true;
	(void)snprintf(device.id, sizeof(device.id), "%.4s:%.4s", vendor, product);
	(void)snprintf(device.port, sizeof(device.port), "%.23s", name);
	(void)usb_text(name, "removable", removable, sizeof(removable));
	device.removable = strcmp(removable, "fixed") != 0;
	all->device = name;
	all->found[0] = '\0';
	fact_each("/sys/bus/usb/devices", take_interface, all);
	(void)text_copy(device.kind, sizeof(device.kind), *all->found ? all->found : "other");
	if (!strcmp(device.kind, "hub"))
		return true;
	slot = fact_append(&all->hardware->usb, &all->hardware->usb_count, sizeof(*slot));
	if (slot)
		*slot = device;
	else
		all->failed = true;
	return !all->failed;
}

/* --- battery --- */

static int64_t supply(const char *name, const char *energy, const char *charge)
{
	char path[FACT_PATH_MAX];
	int64_t value = 0;

	(void)snprintf(path, sizeof(path), "/sys/class/power_supply/%s/%s", name, energy);
	if (fact_number(path, &value))
		return value;
	(void)snprintf(path, sizeof(path), "/sys/class/power_supply/%s/%s", name, charge);
	return fact_number(path, &value) ? value : 0;
}

static bool take_battery(void *ctx, const char *name)
{
	struct plat_battery *battery = ctx;
	char path[FACT_PATH_MAX], text[16];
	int64_t full, design, cycles;

	(void)snprintf(path, sizeof(path), "/sys/class/power_supply/%s/type", name);
	if (!fact_text(path, text, sizeof(text)) || strcmp(text, "Battery") != 0)
		return true;
	/* A mouse's or a headset's battery is not the machine's. */
	(void)snprintf(path, sizeof(path), "/sys/class/power_supply/%s/scope", name);
	if (fact_text(path, text, sizeof(text)) && !strcmp(text, "Device"))
		return true;
	full = supply(name, "energy_full", "charge_full");
	design = supply(name, "energy_full_design", "charge_full_design");
	battery->present = true;
	battery->health_percent =
		full > 0 && design > 0 && full < design * 2 ? (int)(full * 100 / design) : -1;
	(void)snprintf(path, sizeof(path), "/sys/class/power_supply/%s/cycle_count", name);
	/* many firmwares say 0 for "not counted" */
	battery->cycles = fact_number(path, &cycles) && cycles > 0 ? (int)cycles : -1;
	return false;
}

int plat_hardware(struct plat_hardware *out, struct err *err)
{
	struct plat_hardware hardware = {.battery = {false, -1, -1}};
	struct gathering all = {.hardware = &hardware};
	int64_t chassis;

	if (plat_hardware_identity(&hardware.identity, err) < 0)
		return -1;
	dmi("bios_version", hardware.firmware, sizeof(hardware.firmware));
	dmi("bios_date", hardware.firmware_date, sizeof(hardware.firmware_date));
	if (fact_number("/sys/class/dmi/id/chassis_type", &chassis))
		(void)text_copy(hardware.form, sizeof(hardware.form), form_of(chassis));
	(void)fact_lines("/proc/cpuinfo", take_cpu, &hardware);
	(void)fact_lines("/proc/meminfo", take_memory, &hardware);
	fact_each("/sys/block", take_drive, &all);
	fact_each("/sys/bus/usb/devices", take_usb, &all);
	fact_each("/sys/class/power_supply", take_battery, &hardware.battery);
	if (all.failed) {
		plat_hardware_clear(&hardware);
		return err_set(err, ERR_NOMEM, "list hardware: out of memory");
	}
	*out = hardware;
	return 0;
}

void plat_hardware_clear(struct plat_hardware *hardware)
{
	free(hardware->drives);
	free(hardware->usb);
	memset(hardware, 0, sizeof(*hardware));
}

int plat_boot_word(const char *word, bool *out, struct err *err)
{
	struct buf line;
	char *cursor, *one;
	bool found = false;
	int ret;

	buf_init(&line, 0);
	ret = fact_read("/proc/cmdline", 16 * 1024, &line, err);
	cursor = ret == 0 ? line.data : NULL;
	while ((one = fact_word(&cursor)))
		found |= !strcmp(one, word);
	buf_clear(&line);
	if (ret == 0)
		*out = found;
	return ret;
}
