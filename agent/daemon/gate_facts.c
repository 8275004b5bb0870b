/* See gate_facts.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/gate_facts.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/gate/hold.h"
#include "platform/gate.h"

/* --- aliases --- */

#define ALIASES_MAX (256 * 1024) /* usb_storage has some 400, 30 KB */

static bool brings_storage(const char *module, size_t len)
{
	char name[64];

	if (!len || len >= sizeof(name))
		return false;
	memcpy(name, module, len);
	name[len] = '\0';
	return gate_driver_stores(name);
}

static void keep_alias(void *ctx, bool builtin, const char *entry, size_t len)
{
	const char *end = builtin ? strchr(entry, '.') : strrchr(entry, ' ');

	if (!end || !(builtin ? brings_storage(entry, (size_t)(end - entry))
			      : brings_storage(end + 1, len - (size_t)(end + 1 - entry))))
		return;
	buf_adds(ctx, builtin ? "+" : "");
	buf_add(ctx, entry, len);
	buf_addc(ctx, '\0');
}

void gate_aliases_load(struct gate_aliases *aliases, struct plat_gate *gate)
{
	struct buf text;
	struct err err;

	gate_aliases_clear(aliases);
	buf_init(&text, ALIASES_MAX);
	aliases->unread = plat_gate_aliases(gate, keep_alias, &text, &err) < 0 || text.failed;
	aliases->text = buf_take(&text, &aliases->len);
}

void gate_aliases_clear(struct gate_aliases *aliases)
{
	free(aliases->text);
	*aliases = (struct gate_aliases){.unread = true};
}

static void find_drivers(const struct gate_aliases *aliases, struct gate_interface *interface)
{
	size_t len;

	for (size_t at = 0; at < aliases->len; at += len + 1) {
		const char *line = aliases->text + at;

		len = strlen(line);
		if (*line == '+')
			gate_alias_builtin(interface, line + 1, len - 1);
		else
			gate_alias_line(interface, line, len);
	}
}

/* --- devices --- */

static void take_interface(const struct plat_port_interface *raw, struct gate_device *device,
			   unsigned i)
{
	struct gate_interface *interface = &device->interfaces[i];
	struct gate_device scratch = {.port = ""};

	(void)text_copy(interface->name, sizeof(interface->name), raw->name);
	text_clean(interface->text, sizeof(interface->text), raw->text, strlen(raw->text));
	interface->authorized = raw->authorized;
	/* The kernel's own word of what it would look a driver up by; ours where it has none. */
	if (gate_modalias_parse(raw->modalias, &scratch, interface) < 0)
		gate_modalias(device, i, interface->modalias);
}

/* The interfaces that the kernel has are those that count: what a device describes beyond them
 * cannot be bound to, and one that it did not describe is a lie. */
static bool match_interfaces(const struct plat_port_device *raw, struct gate_device *device)
{
	struct gate_interface described[GATE_INTERFACES_MAX];
	unsigned count = device->interface_count;
	bool all = true;

	memcpy(described, device->interfaces, sizeof(described));
	memset(device->interfaces, 0, sizeof(device->interfaces));
	device->interface_count = 0;
	for (unsigned i = 0; i < raw->interface_count && i < GATE_INTERFACES_MAX; i++) {
		struct gate_interface *interface = &device->interfaces[device->interface_count++];
		unsigned at = 0;

		while (at < count && described[at].number != raw->interfaces[i].number)
			at++;
		if (at < count)
			*interface = described[at];
		else
			all = false;
		interface->number = (uint8_t)raw->interfaces[i].number;
		take_interface(&raw->interfaces[i], device, i);
	}
	return all;
}

void gate_facts(const struct plat_port_device *raw, const struct gate_aliases *aliases,
		const struct gate_rules *rules, struct gate_device *out)
{
	struct gate_device *device = out;
	struct err lie;
	bool honest;
	int depth;

	if (raw->card) {
		gate_device_card(device, raw->port, raw->vendor, raw->product,
				 raw->interfaces[0].authorized);
		gate_device_says(device, raw->serial, raw->maker, raw->model);
		gate_hold(device, rules);
		return;
	}
	memset(device, 0, sizeof(*device));
	honest = gate_device_parse_configuration(raw->descriptors, raw->descriptors_len,
						 raw->configuration, device, &lie) == 0;
	(void)text_copy(device->port, sizeof(device->port), raw->port);
	depth = gate_port_depth(raw->port);
	device->depth = depth > 0 ? (unsigned)depth : 0;
	device->builtin = raw->builtin;
	text_clean(device->panel, sizeof(device->panel), raw->panel, strlen(raw->panel));
	gate_device_says(device, raw->serial, raw->maker, raw->model);
	device->aliases_unread = aliases->unread;
	honest = match_interfaces(raw, device) && honest;
	for (unsigned i = 0; i < device->interface_count; i++)
		find_drivers(aliases, &device->interfaces[i]);
	gate_hold(device, rules);
	for (unsigned i = 0; !honest && i < device->interface_count; i++)
		if (device->interfaces[i].held == GATE_FREE &&
		    device->interfaces[i].class != 0x03 && device->interfaces[i].class != 0x09)
			device->interfaces[i].held = GATE_HELD_UNREADABLE;
}

/* --- what it is --- */

static void mix(uint64_t *hash, const void *data, size_t len)
{
	const unsigned char *at = data;

	for (size_t i = 0; i < len; i++)
		*hash = (*hash ^ at[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
}

uint64_t gate_facts_print(const struct gate_device *device)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	mix(&hash, &device->vendor, sizeof(device->vendor));
	mix(&hash, &device->product, sizeof(device->product));
	mix(&hash, &device->release, sizeof(device->release));
	mix(&hash, device->maker, strlen(device->maker) + 1);
	mix(&hash, device->model, strlen(device->model) + 1);
	for (unsigned i = 0; i < device->interface_count; i++) {
		const struct gate_interface *interface = &device->interfaces[i];
		const uint8_t classes[] = {interface->number, interface->class,
					   interface->subclass};

		mix(&hash, classes, sizeof(classes)); /* the protocol changes with the speed: UAS */
	}
	return hash;
}

const char *gate_facts_kind(const struct gate_device *device)
{
	static const char *const classes[] = {"network", "bluetooth", "modem", "serial",
					      "scanner", "phone",     "game",  "wireless"};
	static const struct {
		uint8_t class;
		const char *kind;
	} plain[] = {{0x03, "input"},      {0x01, "audio"}, {0x0e, "video"}, {0x07, "printer"},
		     {0x0b, "smart-card"}, {0x09, "hub"},   {0x10, "video"}};
	const struct gate_interface *all = device->interfaces;

	for (unsigned i = 0; i < device->interface_count; i++)
		if (all[i].held == GATE_HELD_DRIVER || all[i].held == GATE_HELD_STORAGE ||
		    all[i].held == GATE_HELD_UNREADABLE || all[i].class == 0x08)
			return "storage";
	for (unsigned i = 0; i < device->interface_count; i++)
		if (all[i].held == GATE_HELD_STILL || all[i].held == GATE_HELD_MTP)
			return "media";
	for (unsigned i = 0; i < device->interface_count; i++)
		for (size_t k = 0; k < sizeof(classes) / sizeof(classes[0]); k++)
			if (gate_class_fits(classes[k], &all[i]))
				return classes[k];
	for (unsigned i = 0; i < device->interface_count; i++)
		for (size_t k = 0; k < sizeof(plain) / sizeof(plain[0]); k++)
			if (all[i].class == plain[k].class)
				return plain[k].kind;
	return "other";
}
