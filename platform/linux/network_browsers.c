/* Browsers' proxies and DNS over HTTPS: by the policy files for everyone, and for Firefox by what
 * people set for themselves (two settings are looked at, nothing else of a profile).
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/text.h"
#include "platform/linux/fact.h"
#include "platform/linux/network_parts.h"

static const struct known {
	const char *browser;
	const char *programs[3];
	const char *policies[3]; /* Firefox: a file; the others: a folder of files */
	bool firefox;
} known[] = {
	{"firefox",
	 {"firefox", "firefox-esr"},
	 {"/etc/firefox/policies/policies.json", "/usr/lib/firefox-esr/distribution/policies.json",
	  "/usr/lib/firefox/distribution/policies.json"},
	 true},
	{"chromium",
	 {"chromium", "chromium-browser"},
	 {"/etc/chromium/policies/managed", "/etc/chromium-browser/policies/managed"},
	 false},
	{"chrome",
	 {"google-chrome", "google-chrome-stable"},
	 {"/etc/opt/chrome/policies/managed"},
	 false},
	{"edge",
	 {"microsoft-edge", "microsoft-edge-stable"},
	 {"/etc/opt/edge/policies/managed"},
	 false},
	{"brave",
	 {"brave-browser", "brave-browser-stable"},
	 {"/etc/brave/policies/managed"},
	 false},
};

struct gathering {
	struct plat_network *network;
	struct plat_browser_dns *dns; /* of the browser at hand */
	const struct known *it;
	const char *folder;
	bool failed;
};

static const char *text_of(const struct json *object, const char *name)
{
	const struct json *member = object ? json_get(object, name) : NULL;
	const char *text = member ? json_string(member) : NULL;

	return text ? text : "";
}

static bool flag_of(const struct json *object, const char *name, bool fallback)
{
	const struct json *member = object ? json_get(object, name) : NULL;
	bool value = fallback;

	return member && json_bool(member, &value) ? value : fallback;
}

static void add_proxy(struct gathering *all, const char *mode, const char *address)
{
	all->failed |= !network_add_proxy(all->network, all->it->browser, mode, address);
}

static void take_firefox(struct gathering *all, const struct json *root)
{
	const struct json *policies = json_get(root, "policies");
	const struct json *doh = policies ? json_get(policies, "DNSOverHTTPS") : NULL;
	const struct json *proxy = policies ? json_get(policies, "Proxy") : NULL;
	const char *mode = text_of(proxy, "Mode");

	if (doh && json_is_object(doh) && json_get(doh, "Enabled")) {
		all->dns->doh = flag_of(doh, "Enabled", false) ? PLAT_DOH_ON : PLAT_DOH_OFF;
		all->dns->fixed = flag_of(doh, "Locked", false);
		(void)text_copy(all->dns->server, sizeof(all->dns->server),
				text_of(doh, "ProviderURL"));
	}
	if (!strcmp(mode, "manual"))
		add_proxy(all, "manual", text_of(proxy, "HTTPProxy"));
	else if (!strcmp(mode, "autoConfig"))
		add_proxy(all, "auto", text_of(proxy, "AutoConfigURL"));
	else if (!strcmp(mode, "autoDetect"))
		add_proxy(all, "detect", "");
	else if (!strcmp(mode, "none"))
		add_proxy(all, "none", "");
}

static void take_chromium(struct gathering *all, const struct json *root)
{
	const struct json *settings = json_get(root, "ProxySettings");
	const struct json *proxy = settings ? settings : root;
	const char *mode = text_of(proxy, "ProxyMode"), *doh = text_of(root, "DnsOverHttpsMode");

	if (*doh) {
		all->dns->fixed = true; /* in policies/managed nothing is a person's choice */
		all->dns->doh = !strcmp(doh, "off") ? PLAT_DOH_OFF : PLAT_DOH_ON;
		(void)text_copy(all->dns->server, sizeof(all->dns->server),
				text_of(root, "DnsOverHttpsTemplates"));
	}
	if (!strcmp(mode, "fixed_servers"))
		add_proxy(all, "manual", text_of(proxy, "ProxyServer"));
	else if (!strcmp(mode, "pac_script"))
		add_proxy(all, "auto", text_of(proxy, "ProxyPacUrl"));
	else if (!strcmp(mode, "auto_detect"))
		add_proxy(all, "detect", "");
	else if (!strcmp(mode, "direct"))
		add_proxy(all, "none", "");
}

static void take_policy(struct gathering *all, const char *path)
{
	struct json *root = NULL;
	struct buf text;
	struct err err;

	buf_init(&text, 0);
	if (fact_whole(path, &text) && json_parse(buf_text(&text), text.len, &root, &err) == 0 &&
	    json_is_object(root)) {
		if (all->it->firefox)
			take_firefox(all, root);
		else
			take_chromium(all, root);
	}
	json_free(root);
	buf_clear(&text);
}

static bool take_policy_file(void *ctx, const char *name)
{
	struct gathering *all = ctx;
	char path[FACT_PATH_MAX];
	size_t len = strlen(name);

	if (len > 5 && !strcmp(name + len - 5, ".json")) {
		(void)snprintf(path, sizeof(path), "%s/%s", all->folder, name);
		take_policy(all, path);
	}
	return true;
}

/* --- what people set for themselves: user_pref("network.trr.mode", 2); --- */

struct profile {
	int trr, proxy_type;
	char host[100], url[128], server[128];
	int port;
};

static const char *pref(const char *line, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(line, "user_pref(\"", 11) != 0 || strncmp(line + 11, name, len) != 0 ||
	    strncmp(line + 11 + len, "\", ", 3) != 0)
		return NULL;
	return line + 14 + len;
}

static void pref_text(const char *value, char *out, size_t size)
{
	if (value && *value == '"')
		(void)snprintf(out, size, "%.*s", (int)strcspn(value + 1, "\""), value + 1);
}

static void look_at_pref(void *ctx, char *line)
{
	struct profile *profile = ctx;
	const char *value;

	if ((value = pref(line, "network.trr.mode")))
		profile->trr = (int)strtol(value, NULL, 10);
	else if ((value = pref(line, "network.proxy.type")))
		profile->proxy_type = (int)strtol(value, NULL, 10);
	else if ((value = pref(line, "network.proxy.http_port")))
		profile->port = (int)strtol(value, NULL, 10);
	pref_text(pref(line, "network.proxy.http"), profile->host, sizeof(profile->host));
	pref_text(pref(line, "network.proxy.autoconfig_url"), profile->url, sizeof(profile->url));
	pref_text(pref(line, "network.trr.uri"), profile->server, sizeof(profile->server));
}

static bool take_profile(void *ctx, const char *name)
{
	struct gathering *all = ctx;
	struct profile profile = {0};
	char path[FACT_PATH_MAX], address[128];

	(void)snprintf(path, sizeof(path), "%s/%s/prefs.js", all->folder, name);
	if (!fact_lines(path, look_at_pref, &profile))
		return true;
	/* 2: first over HTTPS, 3: only; a policy that is locked stands above */
	if ((profile.trr == 2 || profile.trr == 3) && !all->dns->fixed) {
		all->dns->doh = PLAT_DOH_ON;
		(void)text_copy(all->dns->server, sizeof(all->dns->server), profile.server);
	}
	(void)snprintf(address, sizeof(address), "%s:%d", profile.host, profile.port);
	if (profile.proxy_type == 1 && profile.host[0])
		add_proxy(all, "manual", address);
	else if (profile.proxy_type == 2)
		add_proxy(all, "auto", profile.url);
	return true;
}

static bool take_home(void *ctx, const char *name)
{
	static const char *const places[] = {".mozilla/firefox",
					     "snap/firefox/common/.mozilla/firefox",
					     ".var/app/org.mozilla.firefox/.mozilla/firefox"};
	struct gathering *all = ctx;
	char path[FACT_PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
		(void)snprintf(path, sizeof(path), "/home/%.200s/%s", name, places[i]);
		all->folder = path;
		fact_each(path, take_profile, all);
	}
	return true;
}

static bool is_installed(const struct known *it)
{
	size_t i;

	for (i = 0; i < 3 && it->programs[i]; i++)
		if (fact_program(it->programs[i], NULL, 0))
			return true;
	return false;
}

bool browsers_find(struct plat_network *network)
{
	struct gathering all = {.network = network};
	struct plat_browser_dns dns, *slot;
	size_t i, p;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (!is_installed(&known[i]))
			continue;
		memset(&dns, 0, sizeof(dns));
		(void)text_copy(dns.browser, sizeof(dns.browser), known[i].browser);
		all.it = &known[i];
		all.dns = &dns;
		for (p = 0; p < 3 && known[i].policies[p]; p++) {
			all.folder = known[i].policies[p];
			if (known[i].firefox)
				take_policy(&all, all.folder);
			else
				fact_each_file(all.folder, take_policy_file, &all);
		}
		if (known[i].firefox)
			fact_each("/home", take_home, &all);
		slot = fact_append(&network->browsers, &network->browser_count, sizeof(*slot));
		if (!slot)
			return false;
		*slot = dns;
	}
	return !all.failed;
}
