/* Memory cards in slots of their own: the mmc bus.
 *
 * The bus gives no card a disk by itself while the gate is armed; we have it do so for each that
 * the policy does not hold, eMMC always.  Nothing is shut unless this program runs: should it not,
 * cards work.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/gatekeeper/gatekeeper.h"

#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/gate/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MMC "/sys/bus/mmc"

bool keep_is_card(const char *name)
{
	size_t digits;

	if (strncmp(name, "mmc", 3) != 0 || strlen(name) >= GATE_NAME)
		return false;
	digits = strspn(name + 3, "0123456789");
	name += 3 + digits;
	return digits > 0 && *name == ':' && strlen(name + 1) == 4 &&
	       strspn(name + 1, "0123456789abcdef") == 4;
}

/* eMMC is "MMC"; "SDIO" is Wi-Fi and the like.  A card in a USB reader waits with its reader. */
static bool can_be_put_in(const char *name)
{
	char type[16];

	keep_attribute(type, sizeof(type), MMC "/devices/%s/type", name);
	return (strcmp(type, "SD") == 0 || strcmp(type, "SDcombo") == 0) && !keep_is_on_usb(name);
}

static unsigned long number(const char *name, const char *attribute)
{
	char text[24];

	keep_attribute(text, sizeof(text), MMC "/devices/%s/%s", name, attribute);
	return strtoul(text, NULL, 16);
}

bool keep_read_card(const char *name, struct gate_device *out)
{
	char serial[64], model[64];

	if (!keep_is_card(name) || !can_be_put_in(name))
		return false;
	gate_device_card(out, name, (uint16_t)number(name, "manfid"),
			 (uint16_t)number(name, "oemid"),
			 keep_exists(MMC "/devices/%s/driver", name));
	keep_attribute(serial, sizeof(serial), MMC "/devices/%s/serial", name);
	keep_attribute(model, sizeof(model), MMC "/devices/%s/name", name);
	gate_device_says(out, serial + (strncmp(serial, "0x", 2) == 0 ? 2 : 0), "", model);
	return true;
}

/* The initramfs of a machine that runs from a card takes any: its card may be a copy of the one
 * that was there when the gate was armed. */
static bool boots_from_cards(void)
{
	char list[4096];

	if (!keep_exists(KEEP_ALIASES))
		return false;
	keep_attribute(list, sizeof(list), KEEP_SYSTEM);
	return strstr(list, " mmc");
}

static bool waits(const char *name)
{
	struct gate_device card;
	struct gate_rules *rules;
	bool held;

	if (!keep_read_card(name, &card) || boots_from_cards())
		return false;
	rules = keep_read_rules();
	held = !rules || (rules->storage_mode == GATE_ENFORCE && (rules->kinds & GATE_KIND_CARD));
	gate_rules_free(rules);
	return held && !keep_is_listed(&card);
}

int keep_card(const char *name)
{
	if (keep_exists(MMC "/devices/%s/driver", name))
		return 0;
	if (!keep_is_off() && waits(name)) {
		log_info("%s waits for caretakerd (card)", name);
		return 0;
	}
	(void)keep_write(name, MMC "/drivers_probe");
	return 0;
}

void keep_cards_default(bool open)
{
	if (keep_exists(MMC "/drivers_autoprobe"))
		(void)keep_write(open ? "1" : "0", MMC "/drivers_autoprobe");
}

int keep_slot(const char *name)
{
	/* While the system is being found its eMMC is not to depend on us. */
	if (keep_is_card(name) || !keep_exists(KEEP_ALIASES))
		keep_cards_default(keep_is_off());
	return 0;
}

static void open_one(void *ctx, const char *name)
{
	(void)ctx;
	if (keep_is_card(name) && !keep_exists(MMC "/devices/%s/driver", name))
		(void)keep_write(name, MMC "/drivers_probe");
}

void keep_open_cards(void)
{
	keep_list(open_one, NULL, MMC "/devices");
}

static void count_one(void *ctx, const char *name)
{
	unsigned *count = ctx;

	*count += keep_is_card(name) && !keep_exists(MMC "/devices/%s/driver", name);
}

unsigned keep_count_shut_cards(void)
{
	unsigned count = 0;

	keep_list(count_one, &count, MMC "/devices");
	return count;
}
