/* Root hubs, devices and their interfaces, by sysfs.
 *
 * An interface is authorised and then, when all of its device's are, probed: a driver for two of
 * them (audio) that finds the second one shut does not bind, and is not asked again.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/gatekeeper/gatekeeper.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/gate/hold.h"
#include "agent/gate/rules.h"
#include "platform/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DESCRIPTORS_MAX (128 * 1024)

/* "usb1" is the root hub of bus 1; its own interface is "1-0:1.0". */
static bool is_root_hub(const char *name)
{
	return strncmp(name, "usb", 3) == 0 && name[3] &&
	       strspn(name + 3, "0123456789") == strlen(name + 3);
}

static bool is_slot(const char *name)
{
	return keep_is_card(name) || (strncmp(name, "mmc", 3) == 0 && name[3] &&
				      strspn(name + 3, "0123456789") == strlen(name + 3));
}

/* Whatever gets into a path was made by the kernel; that it looks so is checked all the same. */
static bool is_name(const char *name)
{
	return name[0] && strlen(name) < GATE_NAME &&
	       strspn(name, "0123456789abcdefghijklmnopqrstuvwxyz.:-") == strlen(name) &&
	       !strstr(name, "..");
}

static bool is_interface(const char *name)
{
	return strchr(name, ':') && strchr(name, '-') && is_name(name);
}

/* --- reading --- */

static unsigned long hex_attribute(const char *device, const char *name)
{
	char text[16];

	keep_attribute(text, sizeof(text), KEEP_USB "/%s/%s", device, name);
	return strtoul(text, NULL, 16);
}

bool keep_read_ids(const char *port, struct gate_device *out)
{
	char serial[512], maker[512], model[512];

	if (!is_name(port) || !keep_exists(KEEP_USB "/%s/idVendor", port))
		return false;
	(void)text_copy(out->port, sizeof(out->port), port);
	out->vendor = (uint16_t)hex_attribute(port, "idVendor");
	out->product = (uint16_t)hex_attribute(port, "idProduct");
	keep_attribute(serial, sizeof(serial), KEEP_USB "/%s/serial", port);
	keep_attribute(maker, sizeof(maker), KEEP_USB "/%s/manufacturer", port);
	keep_attribute(model, sizeof(model), KEEP_USB "/%s/product", port);
	gate_device_says(out, serial, maker, model);
	return true;
}

/* Its class from its own file, should the modalias not be what Linux writes: then it waits. */
static void read_interface(struct gate_device *device, const char *name)
{
	struct gate_interface *interface = &device->interfaces[device->interface_count++];
	char text[512], modalias[GATE_MODALIAS + 32];

	*interface = (struct gate_interface){.held = GATE_FREE};
	(void)text_copy(interface->name, sizeof(interface->name), name);
	interface->class = (uint8_t)hex_attribute(name, "bInterfaceClass");
	keep_attribute(modalias, sizeof(modalias), KEEP_USB "/%s/modalias", name);
	(void)gate_modalias_parse(modalias, device, interface);
	keep_attribute(text, sizeof(text), KEEP_USB "/%s/interface", name);
	text_clean(interface->text, sizeof(interface->text), text, strlen(text));
	keep_attribute(text, sizeof(text), KEEP_USB "/%s/authorized", name);
	interface->authorized = strcmp(text, "1") == 0;
}

static void take_interface(void *ctx, const char *name)
{
	struct gate_device *device = ctx;

	if (is_interface(name) && device->interface_count < GATE_INTERFACES_MAX)
		read_interface(device, name);
}

/* Whether another setting of an interface stores. */
static void read_settings(struct gate_device *device)
{
	char path[KEEP_PATH], configuration[16];
	struct gate_device told;
	struct err err;
	struct buf buf;

	keep_attribute(configuration, sizeof(configuration), KEEP_USB "/%s/bConfigurationValue",
		       device->port);
	keep_path(path, KEEP_USB "/%s/descriptors", device->port);
	buf_init(&buf, DESCRIPTORS_MAX);
	/* What is there by sysfs counts; descriptors that lie only tell nothing more. */
	if (plat_file_read(path, DESCRIPTORS_MAX, &buf, &err) == 0 &&
	    gate_device_parse_configuration(buf.data, buf.len,
					    (unsigned)strtoul(configuration, NULL, 10), &told,
					    &err) == 0)
		for (unsigned i = 0; i < device->interface_count; i++)
			for (unsigned k = 0; k < told.interface_count; k++)
				if (told.interfaces[k].number == device->interfaces[i].number)
					device->interfaces[i].shifts = told.interfaces[k].shifts;
	buf_clear(&buf);
}

/* False when the device is gone, has no configuration yet, or not all of its interfaces: another
 * event comes when it has. */
static bool read_device(const char *port, struct gate_device *out)
{
	char count[16];

	if (!keep_read_ids(port, out))
		return false;
	keep_list(take_interface, out, KEEP_USB "/%s", port);
	read_settings(out);
	keep_attribute(count, sizeof(count), KEEP_USB "/%s/bNumInterfaces", port);
	return count[0] && out->interface_count > 0 &&
	       (out->interface_count == GATE_INTERFACES_MAX ||
		out->interface_count >= strtoul(count, NULL, 10));
}

struct gate_rules *keep_read_rules(void)
{
	struct gate_rules *rules = NULL;
	char path[KEEP_PATH];
	struct err err;
	struct buf buf;

	keep_path(path, KEEP_RULES);
	buf_init(&buf, GATE_RULES_MAX);
	if (plat_file_read(path, GATE_RULES_MAX, &buf, &err) ||
	    gate_rules_parse(buf.data, buf.len, &rules, &err)) {
		log_warn("all storage waits for caretakerd: '%s': %s", path, err.msg);
		rules = NULL;
	}
	buf_clear(&buf);
	return rules;
}

/* --- opening --- */

static void open_interfaces(const struct gate_device *device, const bool open[])
{
	for (unsigned i = 0; i < device->interface_count; i++)
		if (open[i] && !device->interfaces[i].authorized)
			(void)keep_write("1", KEEP_USB "/%s/authorized",
					 device->interfaces[i].name);
	for (unsigned i = 0; i < device->interface_count; i++)
		if (open[i] && !keep_exists(KEEP_USB "/%s/driver", device->interfaces[i].name))
			(void)keep_write(device->interfaces[i].name, "/sys/bus/usb/drivers_probe");
}

static void open_whole(const char *port)
{
	struct gate_device device = {.port = ""};
	bool open[GATE_INTERFACES_MAX];
	char text[8];

	keep_attribute(text, sizeof(text), KEEP_USB "/%s/authorized", port);
	if (strcmp(text, "0") == 0)
		(void)keep_write("1", KEEP_USB "/%s/authorized", port);
	(void)read_device(port, &device);
	memset(open, true, sizeof(open));
	open_interfaces(&device, open);
}

int keep_device(const char *name)
{
	bool open[GATE_INTERFACES_MAX] = {false}, waits = false;
	struct gate_device device = {.port = ""};
	struct gate_rules *rules;
	char port[GATE_NAME];

	if (!is_name(name)) {
		log_error("'%s' is no USB device: nothing is opened", name);
		return 1;
	}
	if (keep_is_card(name))
		return keep_card(name);
	/* An interface stands for its device: "2-1:1.0"; a root hub's, "1-0:1.0", for "usb1". */
	snprintf(port, sizeof(port), "%.*s", (int)strcspn(name, ":"), name);
	if (strlen(port) > 2 && strcmp(port + strlen(port) - 2, "-0") == 0)
		snprintf(port, sizeof(port), "usb%.*s", (int)strcspn(name, "-"), name);
	if (keep_is_off()) {
		open_whole(port);
		return 0;
	}
	if (!read_device(port, &device))
		return 0;
	keep_resolve(&device, NULL);
	rules = keep_read_rules();
	gate_hold(&device, rules);
	keep_ask(&device, rules);
	for (unsigned i = 0; i < device.interface_count; i++)
		waits |= gate_waits(&device.interfaces[i], rules);
	waits = waits && !keep_is_listed(&device);
	for (unsigned i = 0; i < device.interface_count; i++) {
		open[i] = !waits || !gate_waits(&device.interfaces[i], rules);
		if (!open[i])
			log_info("%s waits for caretakerd (%s)", device.interfaces[i].name,
				 gate_held_name(device.interfaces[i].held));
	}
	open_interfaces(&device, open);
	gate_rules_free(rules);
	return 0;
}

/* --- root hubs --- */

static void authorise_child(void *ctx, const char *name)
{
	const char *bus = ctx;
	char text[8];

	/* "1-4" in the folder of "usb1" */
	if (strncmp(name, bus, strlen(bus)) != 0 || name[strlen(bus)] != '-' || strchr(name, ':') ||
	    !is_name(name))
		return;
	keep_attribute(text, sizeof(text), KEEP_USB "/%s/authorized", name);
	if (strcmp(text, "0") == 0)
		(void)keep_write("1", KEEP_USB "/%s/authorized", name);
}

int keep_hub(const char *name)
{
	const char *interfaces = keep_is_off() ? "1" : "0";
	char bus[GATE_NAME];

	if (is_slot(name))
		return keep_slot(name);
	if (!is_root_hub(name) || !is_name(name)) {
		log_error("'%s' is no root hub: nothing is opened", name);
		return 1;
	}
	snprintf(bus, sizeof(bus), "%s", name + 3);
	/* In this order: a device that comes in between finds its interfaces shut. */
	if (keep_write(interfaces, KEEP_USB "/%s/interface_authorized_default", name) == 0)
		(void)keep_write("1", KEEP_USB "/%s/authorized_default", name);
	keep_list(authorise_child, bus, KEEP_USB "/%s", name);
	return 0;
}

struct defaults {
	const char *interfaces, *devices;
};

static void set_defaults(void *ctx, const char *name)
{
	const struct defaults *defaults = ctx;

	if (!is_root_hub(name))
		return;
	if (defaults->interfaces)
		(void)keep_write(defaults->interfaces, KEEP_USB "/%s/interface_authorized_default",
				 name);
	if (defaults->devices)
		(void)keep_write(defaults->devices, KEEP_USB "/%s/authorized_default", name);
}

void keep_hub_defaults(const char *interfaces, const char *devices)
{
	struct defaults defaults = {interfaces, devices};

	keep_list(set_defaults, &defaults, KEEP_USB);
}

static void open_one(void *ctx, const char *name)
{
	(void)ctx;
	if (!strchr(name, ':') && is_name(name))
		open_whole(name);
}

void keep_open_all(void)
{
	keep_list(open_one, NULL, KEEP_USB);
	keep_cards_default(true);
	keep_open_cards();
}
