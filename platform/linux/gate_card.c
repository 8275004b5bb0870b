/* Memory cards in slots of their own, as devices of platform/gate.h: one interface, which is let by
 * having the bus look for its driver and shut by taking that away.  A card in a USB reader is the
 * reader's matter, and eMMC is soldered in.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_parts.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"

#define MMC "bus/mmc"
#define CARDS_MAX 16 /* slots of one machine */

bool gate_is_card(const char *name)
{
	size_t digits;

	if (strncmp(name, "mmc", 3) != 0 || strlen(name) >= 32)
		return false;
	digits = strspn(name + 3, "0123456789");
	name += 3 + digits;
	return digits > 0 && *name == ':' && strlen(name + 1) == 4 &&
	       strspn(name + 1, "0123456789abcdef") == 4;
}

static void card_text(const struct plat_gate *gate, const char *name, const char *attribute,
		      char *out, size_t size)
{
	char path[128];

	(void)snprintf(path, sizeof(path), MMC "/devices/%.32s/%s", name, attribute);
	(void)gate_attribute(gate, path, out, size);
	out[strcspn(out, "\n")] = '\0';
}

static uint16_t card_number(const struct plat_gate *gate, const char *name, const char *attribute)
{
	uint64_t number = 0;
	char path[128];

	(void)snprintf(path, sizeof(path), MMC "/devices/%.32s/%s", name, attribute);
	(void)gate_number(gate, path, 16, &number);
	return (uint16_t)number;
}

static bool is_ours(const struct plat_gate *gate, const char *name)
{
	char path[64], place[GATE_PATH], port[32], type[16];

	(void)snprintf(path, sizeof(path), MMC "/devices/%.32s", name);
	if (!gate_place(gate, path, place, sizeof(place)))
		return false;
	gate_port_of(place, port);
	card_text(gate, name, "type", type, sizeof(type));
	/* "MMC" is eMMC, "SDIO" Wi-Fi and the like. */
	return !*port && (strcmp(type, "SD") == 0 || strcmp(type, "SDcombo") == 0);
}

int gate_card(const struct plat_gate *gate, const char *name, struct plat_port_device *out,
	      struct err *err)
{
	char path[64], serial[32];

	memset(out, 0, sizeof(*out));
	if (!is_ours(gate, name))
		return err_set(err, ERR_NOTFOUND, "no card is at '%s'", name);
	(void)text_copy(out->port, sizeof(out->port), name);
	out->card = true;
	out->vendor = card_number(gate, name, "manfid");
	out->product = card_number(gate, name, "oemid");
	card_text(gate, name, "serial", serial, sizeof(serial));
	(void)text_copy(out->serial, sizeof(out->serial),
			serial + (strncmp(serial, "0x", 2) == 0 ? 2 : 0));
	card_text(gate, name, "name", out->model, sizeof(out->model));
	(void)text_copy(out->interfaces[0].name, sizeof(out->interfaces[0].name), name);
	(void)snprintf(path, sizeof(path), MMC "/devices/%s/driver", name);
	out->interfaces[0].authorized = out->interfaces[0].bound = gate_has(gate, path);
	out->interface_count = 1;
	return 0;
}

struct card_list {
	char names[CARDS_MAX][32];
	unsigned count;
};

static bool one_card(void *ctx, const char *name)
{
	struct card_list *list = ctx;

	if (gate_is_card(name))
		(void)text_copy(list->names[list->count++], 32, name);
	return list->count < CARDS_MAX;
}

void gate_cards(const struct plat_gate *gate,
		int (*each)(void *ctx, const struct plat_port_device *device), void *ctx,
		struct plat_port_device *scratch)
{
	struct card_list list = {.count = 0};
	struct err gone;

	gate_each(gate, MMC "/devices", one_card, &list);
	for (unsigned i = 0; i < list.count; i++)
		if (gate_card(gate, list.names[i], scratch, &gone) == 0 && each(ctx, scratch) < 0)
			return;
}

void gate_card_of(const struct plat_gate *gate, const char *place, char out[32])
{
	const char *at = strstr(place, "/mmc_host/");

	out[0] = '\0';
	at = at ? strchr(at + 10, '/') : NULL; /* past the slot: "mmc0/mmc0:aaaa/block/mmcblk0" */
	if (!at || strcspn(at + 1, "/") >= 32)
		return;
	(void)snprintf(out, 32, "%.*s", (int)strcspn(at + 1, "/"), at + 1);
	if (!gate_is_card(out) || !is_ours(gate, out))
		out[0] = '\0';
}

int gate_card_let(const struct plat_gate *gate, const char *name, bool let, struct err *err)
{
	/* Gone meanwhile is gone; without its module it has no driver to lose. */
	return gate_write(gate, let ? MMC "/drivers_probe" : MMC "/drivers/mmcblk/unbind", name,
			  err);
}

bool gate_cards_begin_shut(const struct plat_gate *gate)
{
	uint64_t probes;

	return !gate_number(gate, MMC "/drivers_autoprobe", 10, &probes) || probes == 0;
}
