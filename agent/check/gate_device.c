/* See gate_device.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/gate_device.h"

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/gate/hold.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

int gate_device_open(struct plat_gate **out, struct err *err)
{
	char sysfs[512];

	if (!plat_root()[0])
		return plat_gate_open(out, NULL, NULL, err);
	if (snprintf(sysfs, sizeof(sysfs), "%s/sys", plat_root()) >= (int)sizeof(sysfs))
		return err_set(err, ERR_INVALID, "'%.80s...' is too long a path", plat_root());
	return plat_gate_open(out, sysfs, NULL, err);
}

static void take_alias(void *ctx, bool builtin, const char *entry, size_t len)
{
	struct gate_device *device = ctx;

	for (unsigned i = 0; i < device->interface_count; i++) {
		if (builtin)
			gate_alias_builtin(&device->interfaces[i], entry, len);
		else
			gate_alias_line(&device->interfaces[i], entry, len);
	}
}

static const struct plat_port_interface *find(const struct plat_port_device *port, unsigned number)
{
	for (unsigned i = 0; i < port->interface_count; i++)
		if (port->interfaces[i].number == number)
			return &port->interfaces[i];
	return NULL;
}

int gate_device_from(struct plat_gate *gate, const struct plat_port_device *port,
		     struct gate_device *out, struct err *err)
{
	struct err unread;

	if (port->card) {
		gate_device_card(out, port->port, port->vendor, port->product,
				 port->interfaces[0].authorized);
		gate_device_says(out, port->serial, port->maker, port->model);
		return 0;
	}
	if (gate_device_parse_configuration(port->descriptors, port->descriptors_len,
					    port->configuration, out, err) < 0)
		return err_wrap(err, "port %s", port->port);
	(void)text_copy(out->port, sizeof(out->port), port->port);
	out->depth = gate_port_depth(port->port) > 0 ? (unsigned)gate_port_depth(port->port) : 0;
	out->builtin = port->builtin;
	(void)text_copy(out->panel, sizeof(out->panel), port->panel);
	gate_device_says(out, port->serial, port->maker, port->model);
	for (unsigned i = 0; i < out->interface_count; i++) {
		struct gate_interface *to = &out->interfaces[i];
		const struct plat_port_interface *from = find(port, to->number);

		gate_modalias(out, i, to->modalias);
		if (!from)
			continue;
		(void)text_copy(to->name, sizeof(to->name), from->name);
		text_clean(to->text, sizeof(to->text), from->text, strlen(from->text));
		to->authorized = from->authorized;
	}
	out->aliases_unread = plat_gate_aliases(gate, take_alias, out, &unread) < 0;
	return 0;
}
