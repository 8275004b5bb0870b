/* USB devices and their interfaces of platform/gate.h, by sysfs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"

#define USB "bus/usb/devices"

static long usb_text(const struct plat_gate *gate, const char *name, const char *attribute,
		     char *out, size_t size)
{
	char path[128];
	long len;

	(void)snprintf(path, sizeof(path), USB "/%.40s/%.40s", name, attribute);
	len = gate_attribute(gate, path, out, size);
	if (len > 0 && out[len - 1] == '\n')
		out[--len] = '\0';
	return len;
}

static bool usb_flag(const struct plat_gate *gate, const char *name, const char *attribute)
{
	char text[4];

	return usb_text(gate, name, attribute, text, sizeof(text)) == 1 && text[0] == '1';
}

static void read_interface(const struct plat_gate *gate, const char *name,
			   struct plat_port_interface *out)
{
	char path[128];
	uint64_t number = 0;

	(void)text_copy(out->name, sizeof(out->name), name);
	(void)snprintf(path, sizeof(path), USB "/%s/bInterfaceNumber", name);
	(void)gate_number(gate, path, 16, &number); /* the name ends in it otherwise */
	out->number = (unsigned)number & 0xff;
	(void)usb_text(gate, name, "interface", out->text, sizeof(out->text));
	(void)usb_text(gate, name, "modalias", out->modalias, sizeof(out->modalias));
	out->authorized = usb_flag(gate, name, "authorized");
	(void)snprintf(path, sizeof(path), USB "/%s/driver", name);
	out->bound = gate_has(gate, path);
}

struct interface_list {
	const struct plat_gate *gate;
	struct plat_port_device *out;
};

/* A device's folder holds those of its interfaces beside much else. */
static bool one_interface(void *ctx, const char *name)
{
	struct interface_list *list = ctx;
	struct plat_port_device *out = list->out;
	size_t len = strlen(out->port);

	if (!gate_is_interface(name) || strncmp(name, out->port, len) != 0 || name[len] != ':')
		return true;
	if (out->interface_count == sizeof(out->interfaces) / sizeof(out->interfaces[0]))
		return false; /* who reads the descriptors sees that there are more */
	read_interface(list->gate, name, &out->interfaces[out->interface_count++]);
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct plat_port_interface *one = a, *other = b;

	return (int)one->number - (int)other->number;
}

int plat_gate_device(struct plat_gate *gate, const char *port, struct plat_port_device *out,
		     struct err *err)
{
	struct interface_list list = {gate, out};
	char path[128], said[16];
	uint64_t configuration, number;
	long len;

	if (gate_is_card(port))
		return gate_card(gate, port, out, err);
	if (!gate_is_port(port))
		return err_set(err, ERR_INVALID, "'%s' is no USB port", port);
	memset(out, 0, sizeof(*out));
	(void)text_copy(out->port, sizeof(out->port), port);
	(void)snprintf(path, sizeof(path), USB "/%s/descriptors", port);
	len = gate_attribute(gate, path, (char *)out->descriptors, sizeof(out->descriptors));
	if (len < 0)
		return errno == ENOENT || errno == ENODEV
			       ? err_set(err, ERR_NOTFOUND, "no device is at port '%s'", port)
			       : err_errno(err, errno, "read '%s/%s'", gate->sysfs, path);
	out->descriptors_len = (size_t)len;
	(void)usb_text(gate, port, "serial", out->serial, sizeof(out->serial));
	(void)usb_text(gate, port, "manufacturer", out->maker, sizeof(out->maker));
	(void)usb_text(gate, port, "product", out->model, sizeof(out->model));
	/* "fixed", "removable" or "unknown": what firmware says of the port. */
	(void)usb_text(gate, port, "removable", said, sizeof(said));
	out->builtin = strcmp(said, "fixed") == 0;
	if (usb_text(gate, port, "physical_location/panel", out->panel, sizeof(out->panel)) <= 0)
		(void)usb_text(gate, port, "port/physical_location/panel", out->panel,
			       sizeof(out->panel));
	(void)snprintf(path, sizeof(path), USB "/%s/bConfigurationValue", port);
	if (gate_number(gate, path, 10, &configuration))
		out->configuration = (unsigned)configuration & 0xff;
	(void)snprintf(path, sizeof(path), USB "/%s/devnum", port);
	if (gate_number(gate, path, 10, &number))
		out->number = (unsigned)number;
	(void)snprintf(path, sizeof(path), USB "/%s", port);
	gate_each(gate, path, one_interface, &list);
	qsort(out->interfaces, out->interface_count, sizeof(out->interfaces[0]), by_number);
	return 0;
}

struct port_list {
	char (*ports)[32];
	size_t count, size;
	bool out_of_memory;
};

static bool one_port(void *ctx, const char *name)
{
	struct port_list *list = ctx;

	if (!gate_is_port(name))
		return true; /* a root hub, an interface */
	if (list->count == list->size) {
		size_t size = list->size ? 2 * list->size : 32;
		char(*ports)[32] = realloc(list->ports, size * sizeof(*ports));

		if (!ports) {
			list->out_of_memory = true;
			return false;
		}
		list->ports = ports;
		list->size = size;
	}
	(void)text_copy(list->ports[list->count++], 32, name);
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

int plat_gate_devices(struct plat_gate *gate,
		      int (*each)(void *ctx, const struct plat_port_device *device), void *ctx,
		      struct err *err)
{
	struct plat_port_device *device = malloc(sizeof(*device));
	struct port_list list = {0};
	int ret = -1;

	gate_each(gate, USB, one_port, &list);
	if (!device || list.out_of_memory) {
		err_set(err, ERR_NOMEM, "out of memory");
		goto out;
	}
	if (list.count)
		qsort(list.ports, list.count, sizeof(*list.ports), by_name);
	for (size_t i = 0; i < list.count; i++) {
		struct err gone;

		/* One that goes away meanwhile is none, as is one that cannot be read. */
		if (plat_gate_device(gate, list.ports[i], device, &gone) == 0 &&
		    each(ctx, device) < 0) {
			ret = 0;
			goto out;
		}
	}
	gate_cards(gate, each, ctx, device);
	ret = 0;
out:
	free(list.ports);
	free(device);
	return ret;
}

struct hub_look {
	const struct plat_gate *gate;
	bool open;
};

static bool one_hub(void *ctx, const char *name)
{
	struct hub_look *look = ctx;
	char text[4];

	if (strncmp(name, "usb", 3) != 0)
		return true;
	look->open |= usb_text(look->gate, name, "interface_authorized_default", text,
			       sizeof(text)) != 1 ||
		      text[0] != '0';
	return true;
}

bool plat_gate_begins_shut(struct plat_gate *gate)
{
	struct hub_look look = {.gate = gate};
	char text[8];

	/* A controller that comes later begins with what usbcore was told. */
	if (gate_attribute(gate, "module/usbcore/parameters/authorized_default", text,
			   sizeof(text)) < 1 ||
	    text[0] != '0')
		return false;
	gate_each(gate, USB, one_hub, &look);
	return !look.open && gate_cards_begin_shut(gate);
}

int plat_gate_let(struct plat_gate *gate, const char *interface, struct err *err)
{
	char path[128];

	if (gate_is_card(interface))
		return gate_card_let(gate, interface, true, err);
	if (!gate_is_interface(interface))
		return err_set(err, ERR_INVALID, "'%s' is no USB interface", interface);
	(void)snprintf(path, sizeof(path), USB "/%s/authorized", interface);
	if (gate_write(gate, path, "1", err) < 0)
		return -1;
	/* Authority alone binds nothing: the bus has given up looking for a driver. */
	return gate_write(gate, "bus/usb/drivers_probe", interface, err);
}

int plat_gate_shut(struct plat_gate *gate, const char *interface, struct err *err)
{
	char path[128];

	if (gate_is_card(interface))
		return gate_card_let(gate, interface, false, err);
	if (!gate_is_interface(interface))
		return err_set(err, ERR_INVALID, "'%s' is no USB interface", interface);
	(void)snprintf(path, sizeof(path), USB "/%s/authorized", interface);
	return gate_write(gate, path, "0", err); /* the kernel takes the driver with it */
}
