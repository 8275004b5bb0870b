/* Interfaces and connections that lead around the school's network: VPN, phone, hotspot.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/fact.h"
#include "platform/linux/network_parts.h"
#include "platform/os.h"

struct gathering {
	struct plat_network *network;
	bool failed;
};

static void add(struct gathering *all, const char *name, enum plat_link_kind kind, const char *by,
		bool up)
{
	struct plat_network *network = all->network;
	struct plat_link *link;

	link = fact_append(&network->links, &network->link_count, sizeof(*link));
	if (!link) {
		all->failed = true;
		return;
	}
	text_clean(link->name, sizeof(link->name), name, strlen(name));
	link->kind = kind;
	(void)text_copy(link->by, sizeof(link->by), by);
	link->up = up;
}

static bool link_text(const char *name, const char *file, char *out, size_t size)
{
	char path[FACT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "/sys/class/net/%.32s/%s", name, file);
	return fact_text(path, out, size);
}

static bool link_has(const char *name, const char *file)
{
	char path[FACT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "/sys/class/net/%.32s/%s", name, file);
	return fact_exists(path);
}

static bool is_up(const char *name)
{
	char state[16];

	/* tunnels say "unknown" and mean up */
	return link_text(name, "operstate", state, sizeof(state)) && strcmp(state, "down") != 0;
}

/* Adapters and docks with an Ethernet socket speak the same protocols as phones do. */
static bool is_adapter(const char *name)
{
	static const char *const makers[] = {"0bda", "0b95", "17ef", "413c", "03f0", "2357",
					     "13b1", "045e", "20f4", "0fe6", "1a86", "7392",
					     "0424", "9710", "2001", NULL};
	char vendor[8];
	size_t i;

	/* the interface's parent is the USB device */
	if (!link_text(name, "device/../idVendor", vendor, sizeof(vendor)))
		return false;
	for (i = 0; makers[i]; i++)
		if (!strcmp(makers[i], vendor))
			return true;
	return false;
}

static bool is_phone(const char *name, char *driver, size_t size)
{
	static const char *const phones[] = {"rndis_host",     "ipheth",     "cdc_mbim", "qmi_wwan",
					     "huawei_cdc_ncm", "sierra_net", "hso",      NULL};
	char path[FACT_PATH_MAX];
	size_t i;

	(void)snprintf(path, sizeof(path), "/sys/class/net/%.32s/device/driver", name);
	if (!fact_link_name(path, driver, size))
		return false;
	for (i = 0; phones[i]; i++)
		if (!strcmp(phones[i], driver))
			return true;
	return (!strcmp(driver, "cdc_ether") || !strcmp(driver, "cdc_ncm")) && !is_adapter(name);
}

static void look_for_type(void *ctx, char *line)
{
	if (!strncmp(line, "DEVTYPE=", 8))
		(void)text_copy(ctx, 24, line + 8);
}

static bool take_link(void *ctx, const char *name)
{
	struct gathering *all = ctx;
	char type[24] = "", number[8], driver[64], path[FACT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "/sys/class/net/%.32s/uevent", name);
	(void)fact_lines(path, look_for_type, type);
	(void)link_text(name, "type", number, sizeof(number));
	if (!strcmp(type, "wireguard"))
		add(all, name, PLAT_LINK_VPN, "wireguard", is_up(name));
	else if (link_has(name, "tun_flags") && !link_has(name, "master"))
		add(all, name, PLAT_LINK_VPN, "tun", is_up(name)); /* with one: a VM's socket */
	else if (!strcmp(number, "512"))
		add(all, name, PLAT_LINK_VPN, "ppp", is_up(name));
	else if (!strcmp(type, "bluetooth"))
		add(all, name, PLAT_LINK_TETHER, "bluetooth", is_up(name));
	else if (is_phone(name, driver, sizeof(driver)))
		add(all, name, PLAT_LINK_TETHER, driver, is_up(name));
	return !all->failed;
}

/* NetworkManager's own files: what is set up, used or not. */
static bool take_connection(void *ctx, const char *file)
{
	struct gathering *all = ctx;
	char path[FACT_PATH_MAX], type[24], id[64], mode[8];

	(void)snprintf(path, sizeof(path), "/etc/NetworkManager/system-connections/%.200s", file);
	if (!fact_setting(path, "connection", "type", type, sizeof(type)))
		return true;
	(void)fact_setting(path, "connection", "id", id, sizeof(id));
	if (!strcmp(type, "vpn") || !strcmp(type, "wireguard"))
		add(all, id, PLAT_LINK_VPN, "connection", false);
	else if (fact_setting(path, "wifi", "mode", mode, sizeof(mode)) && !strcmp(mode, "ap"))
		add(all, id, PLAT_LINK_HOTSPOT, "connection", false);
	return !all->failed;
}

/* "Interface wlan0 ... type AP" */
static void take_iw(struct gathering *all, char *text)
{
	char *line, *name = NULL;

	while ((line = fact_line(&text))) {
		if (!strncmp(line, "Interface ", 10))
			name = line + 10;
		else if (name && !strcmp(line, "type AP"))
			add(all, name, PLAT_LINK_HOTSPOT, "access point", true);
	}
}

static void find_access_points(struct gathering *all)
{
	const char *const argv[] = {"iw", "dev", NULL};
	struct plat_command command = {.argv = argv, .output_max = 64 * 1024, .timeout_ms = 5000};
	size_t before = all->network->link_count;
	struct buf said;
	struct err err;
	int status;

	buf_init(&said, 0);
	if (fact_live() && fact_program("iw", NULL, 0) &&
	    plat_run(&command, &said, NULL, &status, &err) == 0 && status == 0 && said.len)
		take_iw(all, said.data);
	buf_clear(&said);
	if (all->network->link_count == before && fact_process_runs("hostapd"))
		add(all, "hostapd", PLAT_LINK_HOTSPOT, "hostapd", true);
}

bool links_find(struct plat_network *network)
{
	struct gathering all = {.network = network};

	fact_each("/sys/class/net", take_link, &all);
	fact_each_file("/etc/NetworkManager/system-connections", take_connection, &all);
	find_access_points(&all);
	return !all.failed;
}
