/* What the machine is, and how it was started.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_HARDWARE_H
#define CARETAKER_PLATFORM_HARDWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* As the firmware says it, trimmed; "" where it says nothing.  Placeholders ("To be filled by
 * O.E.M.") are passed on: enrol_placeholder() knows them. */
struct plat_identity {
	char serial[64], uuid[40], board[64], vendor[64], model[64];
};
/* ERR_UNSUPPORTED where there is no firmware to ask (a container). */
int plat_hardware_identity(struct plat_identity *out, struct err *err);

enum plat_machine {
	PLAT_MACHINE_REAL,
	PLAT_MACHINE_VIRTUAL,
	PLAT_MACHINE_CONTAINER,
};
/* 'name' gets "kvm", "docker" ...; "" on a real machine. */
enum plat_machine plat_machine(char *name, size_t name_size);

struct plat_drive {
	char model[64], serial[64];
	uint64_t bytes;
	char bus[12]; /* "nvme", "sata", "usb", "virtio", "mmc" */
	bool removable;
};
/* A peripheral.  Which eye-tracker somebody uses is health data: a control names none of the kinds
 * that assist people, and counts the others by kind. */
struct plat_usb {
	char id[10];    /* vendor:product, "0951:1666" */
	char port[24];  /* "1-3.2" */
	char kind[16];  /* "keyboard", "pointer", "hid", "storage", "audio", "video", "network",
			   "wireless",  "bluetooth", "modem", "printer", "scanner", "serial",
			   "phone",  "smart-card",  "hub", "other" */
	bool removable; /* not built in */
};
struct plat_battery {
	bool present;
	int health_percent; /* of what it held when new; -1: not said */
	int cycles;         /* -1: not said */
};

struct plat_hardware {
	struct plat_identity identity;
	char firmware[48], firmware_date[16];
	char form[16]; /* "laptop", "desktop", "tablet", "server", "other"; "" not said */
	char cpu[96];
	unsigned cpu_count;
	uint64_t memory_bytes;
	struct plat_drive *drives; /* plugged-in ones are left out */
	size_t drive_count;
	struct plat_usb *usb; /* hubs are left out */
	size_t usb_count;
	struct plat_battery battery;
};
int plat_hardware(struct plat_hardware *out, struct err *err);
void plat_hardware_clear(struct plat_hardware *hardware);

/* A link by which this machine may reach a network: real ones only, no bridge, tunnel or loopback.
 */
struct plat_way_out {
	char name[20]; /* "eth0" */
	char port[24]; /* of the USB device that it is, "1-3.2"; "" when it is none */
	bool up;
};
/* At most 'max'; '*out_count' says how many were written. */
int plat_ways_out(struct plat_way_out *out, size_t max, size_t *out_count, struct err *err);

/* What opens the USB gate until the next start; caretaker-gate(8). */
#define PLAT_USB_OFF "caretaker.usb=off"
/* True when the machine was started with exactly this word. */
int plat_boot_word(const char *word, bool *out, struct err *err);

#endif
