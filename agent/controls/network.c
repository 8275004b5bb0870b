/* Does anything lead past the school's web filter?  (Clause 21.)
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/network.h"

#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/controls/people.h"
#include "agent/controls/table.h"
#include "agent/policy/policy.h"
#include "platform/services.h"

/* Programs that make a VPN while they run. */
static const char *const vpn_programs[] = {
	"openvpn",        "openconnect", "vpnc",     "tailscaled",  "zerotier-one",
	"mullvad-daemon", "protonvpn*",  "nordvpnd", "expressvpnd", "surfshark*",
	"windscribe*",    "pia-daemon",  "warp-svc", "hamachid",    "softethervpn*",
	"vpnclient",      "charon",      "sing-box", "netbird",     "hiddify*"};

struct found {
	struct names proxies, servers, browsers, vpns, interfaces, bypass;
	bool vpn, tether, hotspot, proxy_seen;
};

/* False when an exception allows it. */
static bool add(const struct control_input *input, struct control_result *result,
		struct names *names, const char *name)
{
	if (control_excepts(input, result, name, name))
		return false;
	names_add(names, name);
	return true;
}

/* --- proxy --- */

static void judge_proxies(const struct control_input *input, const struct plat_network *network,
			  struct found *found, struct jsonw *w, struct control_result *result)
{
	const struct policy *policy = input->policy;
	const char *wanted = policy_text(policy, POLICY_NETWORK_PROXY);
	const char *script = policy_text(policy, POLICY_NETWORK_PROXY_PAC);
	const struct plat_proxy *proxy;
	size_t i;

	if (!*wanted && !*script)
		return;
	for (i = 0; i < network->proxy_count; i++) {
		proxy = &network->proxies[i];
		/* apt's may be a cache of packages */
		if (!strcmp(proxy->source, "apt") || !strcmp(proxy->mode, "none"))
			continue;
		if ((!strcmp(proxy->mode, "manual") && !strcmp(proxy->address, wanted)) ||
		    (!strcmp(proxy->mode, "auto") && !strcmp(proxy->address, script)))
			found->proxy_seen = true;
		else
			add(input, result, &found->proxies,
			    *proxy->address ? proxy->address : proxy->mode);
	}
	if (found->proxies.count)
		control_say(result, VERDICT_FAIL, "proxy");
	if (strcmp(wanted, "none") != 0 && !found->proxy_seen) {
		jsonw_string(w, "proxy_wanted", *wanted ? wanted : script);
		control_say(result, VERDICT_FAIL, "no-proxy");
	}
}

/* --- DNS --- */

static void judge_servers(const struct control_input *input, const struct plat_network *network,
			  struct found *found, struct jsonw *w, struct control_result *result)
{
	const struct policy *policy = input->policy;
	size_t i;

	jsonw_int(w, "dns_servers", (int64_t)network->resolver_count);
	if (!policy_count(policy, POLICY_NETWORK_DNS_SERVERS) ||
	    (!policy_flag(policy, POLICY_NETWORK_DNS_EVERYWHERE) && !place_at_school(policy)))
		return;
	for (i = 0; i < network->resolver_count; i++)
		if (!policy_lists(policy, POLICY_NETWORK_DNS_SERVERS,
				  network->resolvers[i].address))
			add(input, result, &found->servers, network->resolvers[i].address);
	if (found->servers.count) {
		control_say(result, VERDICT_FAIL, "dns");
	} else if (network->resolver_stub || !network->resolver_count) {
		jsonw_string(w, "message",
			     network->resolver_stub
				     ? "names are looked up by a program on this machine whose own "
				       "servers are not in its files"
				     : "no DNS server is set");
		control_say(result, VERDICT_UNKNOWN, "cannot-tell");
	}
}

static void judge_browsers(const struct control_input *input, const struct plat_network *network,
			   struct found *found, struct control_result *result)
{
	const struct policy *policy = input->policy;
	const struct plat_browser_dns *browser;
	size_t i;

	if (policy_flag(policy, POLICY_NETWORK_DNS_OVER_HTTPS_ALLOWED))
		return;
	for (i = 0; i < network->browser_count; i++) {
		browser = &network->browsers[i];
		if (browser->doh == PLAT_DOH_OFF)
			continue;
		if (browser->doh == PLAT_DOH_ON && browser->server[0] &&
		    policy_lists(policy, POLICY_NETWORK_DNS_OVER_HTTPS_SERVERS, browser->server))
			continue;
		add(input, result, &found->browsers, browser->browser);
	}
	if (found->browsers.count)
		control_say(result, VERDICT_FAIL, "dns-over-https");
}

/* --- VPN, phone, hotspot --- */

static void judge_links(const struct control_input *input, const struct plat_network *network,
			struct found *found, struct control_result *result)
{
	const struct policy *policy = input->policy;
	const struct plat_link *link;
	bool set_up;
	size_t i;

	for (i = 0; i < network->link_count; i++) {
		link = &network->links[i];
		set_up = !strcmp(link->by, "connection");
		switch (link->kind) {
		case PLAT_LINK_VPN:
			if (policy_lists(policy, POLICY_NETWORK_VPN_ALLOWED, link->name) ||
			    policy_lists(policy, POLICY_NETWORK_VPN_ALLOWED, link->by) ||
			    (!set_up && !link->up))
				break;
			found->vpn |= add(input, result, &found->vpns, link->name);
			break;
		case PLAT_LINK_TETHER:
			if (!link->up || policy_flag(policy, POLICY_NETWORK_TETHERING_ALLOWED))
				break;
			found->tether |= add(input, result, &found->interfaces, link->name);
			break;
		case PLAT_LINK_HOTSPOT:
			if (policy_flag(policy, POLICY_NETWORK_HOTSPOT_ALLOWED))
				break;
			found->hotspot |= add(input, result, &found->interfaces, link->name);
		}
	}
}

struct programs {
	const struct control_input *input;
	struct control_result *result;
	struct found *found;
};

static bool judge_program(void *ctx, const char *name, bool running)
{
	struct programs *programs = ctx;
	const struct control_input *input = programs->input;
	size_t i;

	if (policy_lists(input->policy, POLICY_NETWORK_VPN_ALLOWED, name))
		return true;
	if (policy_lists(input->policy, POLICY_NETWORK_BYPASS_PROGRAMS, name))
		add(input, programs->result, &programs->found->bypass, name);
	for (i = 0; running && i < sizeof(vpn_programs) / sizeof(*vpn_programs); i++)
		if (text_match(vpn_programs[i], name))
			programs->found->vpn |=
				add(input, programs->result, &programs->found->vpns, name);
	return true;
}

static void say(const struct found *found, struct jsonw *w, struct control_result *result)
{
	names_write(&found->proxies, w, "proxies");
	names_write(&found->servers, w, "dns_extra");
	names_write(&found->browsers, w, "browsers");
	names_write(&found->vpns, w, "vpns");
	names_write(&found->interfaces, w, "interfaces");
	names_write(&found->bypass, w, "bypass");
	if (found->bypass.count)
		control_say(result, VERDICT_FAIL, "bypass-program");
	if (found->vpn)
		control_say(result, VERDICT_FAIL, "vpn");
	if (found->tether)
		control_say(result, VERDICT_FAIL, "tethering");
	if (found->hotspot)
		control_say(result, VERDICT_FAIL, "hotspot");
	control_say(result, VERDICT_PASS, "ok");
}

static int run(const struct control_input *input, struct jsonw *evidence,
	       struct control_result *result, struct err *err)
{
	struct found found = {0};
	struct programs programs = {input, result, &found};
	struct plat_network network;

	if (plat_network(&network, err) < 0)
		return -1;
	judge_proxies(input, &network, &found, evidence, result);
	judge_servers(input, &network, &found, evidence, result);
	judge_browsers(input, &network, &found, result);
	judge_links(input, &network, &found, result);
	plat_network_clear(&network);
	if (plat_each_program(judge_program, &programs, err) < 0)
		return -1;
	say(&found, evidence, result);
	return 0;
}

const struct control control_network = {.id = CONTROL_NETWORK, .run = run};
