/* Ways past the school's filter: proxies, DNS servers; and where the machine is.  Browsers are in
 * network_browsers.c, interfaces in network_links.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/fact.h"
#include "platform/linux/network_parts.h"

struct gathering {
	struct plat_network *network;
	const char *source, *folder;
	bool failed;
};

bool network_add_proxy(struct plat_network *network, const char *source, const char *mode,
		       const char *address)
{
	struct plat_proxy *proxy, found = {0};
	const char *scheme = strstr(address, "://"), *at;
	size_t i, len;

	/* A script's URL is kept whole, but for who it logs in as. */
	if (scheme && strcmp(mode, "auto") != 0)
		address = scheme + 3;
	at = strchr(address, '@');
	address = at ? at + 1 : address;
	text_clean(found.address, sizeof(found.address), address, strlen(address));
	len = strlen(found.address);
	if (len && found.address[len - 1] == '/' && strcmp(mode, "auto") != 0)
		found.address[len - 1] = '\0';
	(void)text_copy(found.source, sizeof(found.source), source);
	(void)text_copy(found.mode, sizeof(found.mode), mode);
	for (i = 0; i < network->proxy_count; i++)
		if (!memcmp(&network->proxies[i], &found, sizeof(found)))
			return true;
	proxy = fact_append(&network->proxies, &network->proxy_count, sizeof(*proxy));
	if (proxy)
		*proxy = found;
	return proxy != NULL;
}

/* http_proxy=http://..., also as "export http_proxy=..." */
static void look_at_environment(void *ctx, char *line)
{
	static const char *const names[] = {"http_proxy", "https_proxy", "all_proxy", "ftp_proxy"};
	struct gathering *all = ctx;
	char *key, *value;
	size_t i;

	if (!strncmp(line, "export ", 7))
		line += 7;
	if (!fact_key_value(line, &key, &value) || !*value)
		return;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcasecmp(key, names[i]))
			all->failed |=
				!network_add_proxy(all->network, "environment", "manual", value);
}

/* Acquire::http::Proxy "http://..."; */
static void look_at_apt(void *ctx, char *line)
{
	struct gathering *all = ctx;
	char *value, *end;

	if (strncasecmp(line, "Acquire::", 9) != 0 || !strcasestr(line, "::Proxy "))
		return;
	value = strchr(line, '"');
	end = value ? strchr(value + 1, '"') : NULL;
	if (!end || end == value + 1)
		return;
	*end = '\0';
	if (strcasecmp(value + 1, "DIRECT") != 0)
		all->failed |= !network_add_proxy(all->network, "apt", "manual", value + 1);
}

static bool take_file(void *ctx, const char *name)
{
	struct gathering *all = ctx;
	char path[FACT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", all->folder, name);
	(void)fact_lines(path, !strcmp(all->source, "apt") ? look_at_apt : look_at_environment,
			 all);
	return true;
}

/* GNOME's proxy for everyone, in the key files of dconf's system databases. */
static bool take_keyfile(void *ctx, const char *name)
{
	struct gathering *all = ctx;
	char path[FACT_PATH_MAX], mode[16], value[128], port[8], *text;

	(void)snprintf(path, sizeof(path), "%s/%s", all->folder, name);
	if (!fact_setting(path, "org/gnome/system/proxy", "mode", mode, sizeof(mode)))
		return true;
	if (!strcmp(mode, "manual") &&
	    fact_setting(path, "org/gnome/system/proxy/http", "host", value, sizeof(value))) {
		(void)fact_setting(path, "org/gnome/system/proxy/http", "port", port, sizeof(port));
		text = value + strlen(value);
		if (*port)
			(void)snprintf(text, sizeof(value) - (size_t)(text - value), ":%s", port);
		all->failed |= !network_add_proxy(all->network, "gnome", "manual", value);
	} else if (!strcmp(mode, "auto")) {
		(void)fact_setting(path, "org/gnome/system/proxy", "autoconfig-url", value,
				   sizeof(value));
		all->failed |= !network_add_proxy(all->network, "gnome", *value ? "auto" : "detect",
						  value);
	}
	return true;
}

static bool take_dconf_folder(void *ctx, const char *name)
{
	struct gathering *all = ctx;
	char path[FACT_PATH_MAX];
	size_t len = strlen(name);

	if (len > 2 && !strcmp(name + len - 2, ".d")) {
		(void)snprintf(path, sizeof(path), "/etc/dconf/db/%s", name);
		all->folder = path;
		fact_each_file(path, take_keyfile, all);
	}
	return true;
}

static void find_proxies(struct gathering *all)
{
	all->source = "environment";
	(void)fact_lines("/etc/environment", look_at_environment, all);
	all->folder = "/etc/profile.d";
	fact_each_file(all->folder, take_file, all);
	all->source = "apt";
	(void)fact_lines("/etc/apt/apt.conf", look_at_apt, all);
	all->folder = "/etc/apt/apt.conf.d";
	fact_each_file(all->folder, take_file, all);
	fact_each("/etc/dconf/db", take_dconf_folder, all);
}

/* --- DNS servers --- */

static void look_for_server(void *ctx, char *line)
{
	struct gathering *all = ctx;
	struct plat_network *network = all->network;
	struct plat_resolver *resolver;
	char *word = fact_word(&line), *address;
	size_t i;

	if (!word || strcmp(word, "nameserver") != 0 || !(address = fact_word(&line)))
		return;
	if (!strncmp(address, "127.", 4) || !strcmp(address, "::1")) {
		network->resolver_stub = true;
		return;
	}
	address[strcspn(address, "%")] = '\0'; /* fe80::1%eth0 */
	for (i = 0; i < network->resolver_count; i++)
		if (!strcmp(network->resolvers[i].address, address))
			return;
	resolver = fact_append(&network->resolvers, &network->resolver_count, sizeof(*resolver));
	if (!resolver) {
		all->failed = true;
		return;
	}
	text_clean(resolver->address, sizeof(resolver->address), address, strlen(address));
	(void)text_copy(resolver->source, sizeof(resolver->source), all->source);
}

static void find_resolvers(struct gathering *all)
{
	/* What a stub on this machine passes questions on to. */
	static const char *const behind[][2] = {
		{"/run/systemd/resolve/resolv.conf", "resolved"},
		{"/run/NetworkManager/no-stub-resolv.conf", "NetworkManager"},
		{"/run/resolvconf/interface/systemd-resolved", "resolvconf"}};
	size_t i;

	all->source = "resolv.conf";
	(void)fact_lines("/etc/resolv.conf", look_for_server, all);
	for (i = 0; all->network->resolver_stub && i < sizeof(behind) / sizeof(*behind); i++) {
		all->source = behind[i][1];
		(void)fact_lines(behind[i][0], look_for_server, all);
		if (all->network->resolver_count)
			all->network->resolver_stub = false;
	}
}

int plat_network(struct plat_network *out, struct err *err)
{
	struct plat_network network = {0};
	struct gathering all = {.network = &network};
	unsigned unread = fact_unread_count();

	if (!fact_is_dir("/sys/class/net") && !fact_is_dir("/etc"))
		return err_set(err, ERR_UNSUPPORTED, "no network facts: /sys and /etc are empty");
	find_proxies(&all);
	find_resolvers(&all);
	if (!browsers_find(&network) || !links_find(&network) || all.failed) {
		plat_network_clear(&network);
		return err_set(err, ERR_NOMEM, "list network settings: out of memory");
	}
	if (fact_unread(unread, err) < 0) {
		plat_network_clear(&network);
		return -1;
	}
	*out = network;
	return 0;
}

void plat_network_clear(struct plat_network *network)
{
	free(network->proxies);
	free(network->resolvers);
	free(network->browsers);
	free(network->links);
	memset(network, 0, sizeof(*network));
}

/* --- where the machine is --- */

static void look_for_domain(void *ctx, char *line)
{
	struct plat_place_on_net *place = ctx;
	char *word = fact_word(&line);

	if (!word || (strcmp(word, "search") != 0 && strcmp(word, "domain") != 0))
		return;
	while ((word = fact_word(&line)) && place->domain_count < 4)
		text_clean(place->domains[place->domain_count++], sizeof(place->domains[0]), word,
			   strlen(word));
}

/* Bridges of containers and VPNs have addresses too; they do not say where we are. */
static bool leads_outside(const struct ifaddrs *at)
{
	char path[FACT_PATH_MAX];
	static const char *const inner[] = {"bridge", "tun_flags"};
	size_t i;

	if (!at->ifa_addr || (at->ifa_flags & IFF_LOOPBACK) || !(at->ifa_flags & IFF_UP))
		return false;
	for (i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "/sys/class/net/%.20s/%s", at->ifa_name,
			       inner[i]);
		if (fact_exists(path))
			return false;
	}
	return strncmp(at->ifa_name, "wg", 2) != 0 && strncmp(at->ifa_name, "veth", 4) != 0;
}

int plat_place_on_net(struct plat_place_on_net *out, struct err *err)
{
	struct plat_place_on_net place = {0};
	struct ifaddrs *list = NULL, *at;
	const void *bytes;

	(void)err;
	if (fact_live() && getifaddrs(&list) == 0) {
		for (at = list; at && place.address_count < PLAT_ADDRESSES; at = at->ifa_next) {
			if (!leads_outside(at) || (at->ifa_addr->sa_family != AF_INET &&
						   at->ifa_addr->sa_family != AF_INET6))
				continue;
			bytes = at->ifa_addr->sa_family == AF_INET
					? (const void *)&((const struct sockaddr_in *)(const void *)
								  at->ifa_addr)
						  ->sin_addr
					: (const void *)&(
						  (const struct sockaddr_in6 *)(const void *)
							  at->ifa_addr)
						  ->sin6_addr;
			if (inet_ntop(at->ifa_addr->sa_family, bytes,
				      place.addresses[place.address_count], PLAT_ADDRESS_MAX))
				place.address_count++;
		}
		freeifaddrs(list);
	}
	if (!fact_lines("/run/systemd/resolve/resolv.conf", look_for_domain, &place))
		(void)fact_lines("/etc/resolv.conf", look_for_domain, &place);
	*out = place;
	return 0;
}
