/* A machine that does what a kernel does, for tests of the storage gate's part of the daemon: what
 * is plugged, what the gate does to it, and what it puts on record.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_GATE_MACHINE_H
#define CARETAKER_TESTS_GATE_MACHINE_H

#include <stdarg.h>
#include <stdlib.h>

#include "agent/base/buf.h"
#include "agent/daemon/gate.h"
#include "agent/daemon/gate_record.h"
#include "platform/fake/fake_gate.h"
#include "platform/fake/fake_os.h"
#include "platform/os.h"
#include "platform/system.h"
#include "tests/unit/unit.h"

#define STATE "/var/lib/caretaker"
#define RUN "/run/caretaker"
#define RULES STATE "/gate.rules"
#define EVENTS STATE "/hardware/events.jsonl"
#define SHOWN RUN "/hardware.json"

/* --- the machine --- */

#define DEVICES 6
static struct plat_port_device devices[DEVICES];
static struct plat_medium behind[DEVICES * 2]; /* what is on sticks, whether the kernel sees it */
static struct plat_medium seen[DEVICES * 2];
static unsigned behind_count;
static unsigned disk_count; /* that were ever held: each has its own number */
static char opened[256];    /* "sda1 " for each medium that udev leaves open */
static char done[4096];     /* all that was done, joined by commas */
static unsigned happened_count;
static struct gate *gate;

static inline struct plat_port_interface *find_interface(const char *name)
{
	for (size_t i = 0; i < fake_gate.device_count; i++)
		for (unsigned j = 0; j < devices[i].interface_count; j++)
			if (strcmp(devices[i].interfaces[j].name, name) == 0)
				return &devices[i].interfaces[j];
	fail_msg("no interface '%s'", name);
	return NULL;
}

static inline bool port_lets(const char *port)
{
	for (size_t i = 0; i < fake_gate.device_count; i++)
		if (strcmp(devices[i].port, port) == 0)
			for (unsigned j = 0; j < devices[i].interface_count; j++)
				if (devices[i].card ||
				    strstr(devices[i].interfaces[j].modalias, "ic08"))
					return devices[i].interfaces[j].authorized;
	return *port == '\0';
}

static inline void show_media(void)
{
	fake_gate.media = seen;
	fake_gate.medium_count = 0;
	for (unsigned i = 0; i < behind_count; i++)
		if (port_lets(behind[i].port))
			seen[fake_gate.medium_count++] = behind[i];
}

static inline struct plat_medium *medium(const char *name)
{
	for (unsigned i = 0; i < behind_count; i++)
		if (strcmp(behind[i].name, name) == 0)
			return &behind[i];
	fail_msg("no medium '%s'", name);
	return NULL;
}

static inline void lock_again(const char *mapped)
{
	struct plat_medium *clear = medium(mapped);

	memmove(clear, clear + 1, (size_t)(&behind[--behind_count] - clear) * sizeof(*clear));
	show_media();
}

static inline void kernel_does(const char *what, const char *to)
{
	if (strlen(done) + strlen(what) + strlen(to) + 3 < sizeof(done))
		sprintf(done + strlen(done), "%s%s %s", *done ? ", " : "", what, to);
	if (strcmp(what, "let") == 0 || strcmp(what, "shut") == 0) {
		find_interface(to)->authorized = strcmp(what, "let") == 0;
	} else if (strcmp(what, "ro") == 0 || strcmp(what, "rw") == 0) {
		medium(to)->read_only = strcmp(what, "ro") == 0;
	} else if (strcmp(what, "lock") == 0) {
		lock_again(to);
	} else if (strcmp(what, "unmount") == 0) {
		medium(to)->mounted = false;
	} else {
		char word[40], *at;

		(void)snprintf(word, sizeof(word), "%s ", to);
		at = strstr(opened, word);
		if (strcmp(what, "open") == 0 && !at)
			strcat(opened, word);
		else if (strcmp(what, "close") == 0 && at)
			memmove(at, at + strlen(word), strlen(at + strlen(word)) + 1);
	}
	show_media();
}

static inline struct plat_port_device *plug_as(const char *port, unsigned product,
					       const char *serial, unsigned class, const char *sub)
{
	struct plat_port_device *device = &devices[fake_gate.device_count];
	const unsigned char head[] = {18, 1, 0, 2, 0, 0, 0, 64, 0x51, 0x09, (unsigned char)product,
				      (unsigned char)(product >> 8), 0x10, 1, 1, 2, 3, 1,
				      /* a configuration with an interface */
				      9, 2, 18, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 2,
				      (unsigned char)class, 6, 0x50, 0};

	memset(device, 0, sizeof(*device));
	strcpy(device->port, port);
	memcpy(device->descriptors, head, sizeof(head));
	device->descriptors_len = sizeof(head);
	device->configuration = 1;
	strcpy(device->serial, serial);
	strcpy(device->maker, "Kingston");
	strcpy(device->model, "Data\x1b[2JTraveler");
	device->interface_count = 1;
	sprintf(device->interfaces[0].name, "%s:1.0", port);
	sprintf(device->interfaces[0].modalias, "usb:v0951p%04Xd0110dc00dsc00dp00ic%02Xisc%sin00",
		product, class, sub);
	fake_gate.device_count++;
	fake_gate.devices = devices;
	return device;
}

static inline struct plat_port_device *plug(const char *port, const char *serial)
{
	return plug_as(port, 0x1666, serial, 8, "06ip50");
}

/* What is in a container once somebody has unlocked it. */
static inline void unlock(const char *container, const char *mapped, const char *file_system)
{
	struct plat_medium *clear = &behind[behind_count++];

	*clear = *medium(container);
	strcpy(clear->name, mapped);
	strcpy(clear->parent, container);
	strcpy(clear->file_system, file_system);
	clear->mapped = clear->unlocked = clear->told = true;
	clear->mounted = clear->read_only = false;
	clear->sequence += 100 + behind_count;
	show_media();
}

/* A partition on the stick in 'port', and the disk around it. */
static inline void hold(const char *port, const char *disk, const char *file_system)
{
	struct plat_medium *whole = &behind[behind_count++], *part = &behind[behind_count++];

	memset(whole, 0, 2 * sizeof(*whole));
	strcpy(whole->name, disk);
	strcpy(whole->disk, disk);
	strcpy(whole->port, port);
	strcpy(whole->bus, *port ? "usb" : "mmc");
	whole->bytes = 16 << 20;
	whole->sequence = ++disk_count;
	whole->has_parts = whole->told = true;
	*part = *whole;
	part->has_parts = false;
	sprintf(part->name, "%s1", disk);
	strcpy(part->parent, disk);
	part->bytes = 15 << 20;
	strcpy(part->file_system, file_system);
	show_media();
}

static inline void says_of(unsigned number, const char *subsystem, const char *type,
			   const char *action, const char *name, const char *port)
{
	struct plat_device_event event = {.concerns = true, .number = number};

	strcpy(event.subsystem, subsystem);
	strcpy(event.type, type);
	strcpy(event.action, action);
	strcpy(event.name, name);
	strcpy(event.port, port);
	gate_device_event(gate, &event);
}

static inline void says(const char *subsystem, const char *type, const char *action,
			const char *name, const char *port)
{
	says_of(0, subsystem, type, action, name, port);
}

static inline void bound(const char *port)
{
	says("usb", "usb_device", "bind", port, port);
}

/* A stick, and udev has said so. */
static inline void plug_in(const char *port, const char *serial)
{
	(void)plug(port, serial);
	bound(port);
}

static inline void told(const char *disk, const char *port)
{
	says("block", "disk", "add", disk, port);
}

static inline void unplug(const char *port)
{
	for (size_t i = 0; i < fake_gate.device_count; i++)
		if (strcmp(devices[i].port, port) == 0) {
			memmove(&devices[i], &devices[i + 1],
				(fake_gate.device_count - i - 1) * sizeof(devices[0]));
			fake_gate.device_count--;
			break;
		}
	show_media();
	says("usb", "usb_device", "remove", port, port);
}

static inline void on_happened(void *ctx, const char *what)
{
	(void)ctx;
	assert_string_equal(what, "a device was let in or refused");
	happened_count++;
}

static inline void put_rules(const char *lines)
{
	char text[2048];
	struct err err;

	(void)snprintf(text, sizeof(text),
		       "caretaker-gate 1\npolicy school 7\nclock 0 0 -\n%send\n", lines);
	if (plat_file_replace(RULES, text, strlen(text), PLAT_FILE_PRIVATE, &err) < 0)
		fail_msg("%s", err.msg);
}

static inline void new_rules(const char *lines)
{
	put_rules(lines);
	gate_rules_changed(gate);
}

static inline void start(void)
{
	assert_works(gate_new(&gate, STATE, RUN, NULL, on_happened, NULL, &err));
	gate_rules_changed(gate);
}

static inline void start_with(const char *lines)
{
	put_rules(lines);
	start();
}

/* Another daemon, of which this one has told nothing but by its files. */
static inline void restart(void)
{
	gate_free(gate);
	gate = NULL;
	start();
}

#define ENFORCE "mode storage enforce 3\nmode hardware audit 9\n"
#define BLOCK ENFORCE "set allow none 4\nset encrypted none 5\nset scan none 6\n"
#define ANY ENFORCE "set allow any 4\nset encrypted none 5\nset scan none 6\n"
#define READ_ONLY ANY "set read_only yes 7\n"
#define ENCRYPTED ENFORCE "set allow any 4\nset encrypted luks,bitlocker 5\nset scan none 6\n"
#define APPROVED ENFORCE "set allow approved 4\nset encrypted none 5\nset scan none 6\n"

static inline int set_up(void **state)
{
	(void)state;
	fake_reset();
	memset(&fake_gate, 0, sizeof(fake_gate));
	fake_gate.did = kernel_does;
	fake_dir_put(STATE);
	fake_dir_put(RUN);
	behind_count = happened_count = disk_count = 0;
	opened[0] = done[0] = '\0';
	show_media();
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	gate_free(gate);
	gate = NULL;
	fake_reset();
	return 0;
}

/* --- scans --- */

/* A file of RUN/scan that is about this medium, or one of the same name with another number. */
static inline const char *scan_path_of(unsigned long long number, const char *disk,
				       const char *ending)
{
	static char path[80];

	(void)snprintf(path, sizeof(path), RUN "/scan/%llu-%s%s", number, disk, ending);
	return path;
}

static inline const char *scan_text(const char *disk, const char *ending)
{
	return fake_file_text(scan_path_of(medium(disk)->sequence, disk, ending));
}

static inline void say_of_number(unsigned long long number, const char *disk, const char *text)
{
	struct err err;

	assert_int_equal(plat_file_replace(scan_path_of(number, disk, ".state"), text, strlen(text),
					   PLAT_FILE_PRIVATE, &err),
			 0);
	gate_scan_changed(gate);
}

/* As caretaker-scan says it. */
static inline void say_of(const char *disk, const char *text)
{
	say_of_number(medium(disk)->sequence, disk, text);
}

/* --- what was put on record --- */

static inline unsigned lines(void)
{
	const char *text = fake_file_text(EVENTS);
	unsigned count = 0;

	for (; text && *text; text++)
		count += *text == '\n';
	return count;
}

/* The last line holds 'want'. */
static inline void last_line_has(const char *want)
{
	const char *text = fake_file_text(EVENTS), *last = text;

	if (!text) {
		fail_msg("nothing is on record, want %s", want);
		return;
	}
	for (const char *at = text; *at; at++)
		if (*at == '\n' && at[1])
			last = at + 1;
	if (!strstr(last, want))
		fail_msg("got  %swant %s", last, want);
}

static inline void shown_has(const char *want)
{
	const char *text = fake_file_text(SHOWN);

	if (!text || !strstr(text, want))
		fail_msg("got  %s\nwant %s", text ? text : "(none)", want);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
