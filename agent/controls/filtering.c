/* The school's filter and monitor are in place: programs, packages and services, the certificate,
 * the browser extension, the proxy; and the Wi-Fi in use is a secured one.  Clause 41.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/controls/table.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/text.h"
#include "agent/controls/hash.h"
#include "agent/controls/list.h"
#include "agent/policy/policy.h"
#include "platform/platform.h"

struct look {
	const struct policy *policy;
	struct jsonw *w;
	struct control_result *result;
	struct list missing, stopped, certificates, extensions, browsers, unread;
	char message[256];
};

static void unread(struct look *look, const char *name, const char *why)
{
	if (!*look->message)
		(void)snprintf(look->message, sizeof(look->message), "%s", why);
	list_add(&look->unread, name);
}

/* --- client --- */

static void look_at_client(struct look *look)
{
	const struct policy *policy = look->policy;
	struct plat_service service;
	char version[96];
	struct err err;
	bool runs;

	for (size_t i = 0; i < policy_count(policy, POLICY_FILTERING_PACKAGES); i++) {
		const char *name = policy_item(policy, POLICY_FILTERING_PACKAGES, i);

		if (plat_package_find(name, version, &err) == 0)
			continue;
		if (err.code == ERR_NOTFOUND)
			list_add(&look->missing, name);
		else
			unread(look, name, err.msg);
	}
	for (size_t i = 0; i < policy_count(policy, POLICY_FILTERING_PROGRAMS); i++) {
		const char *name = policy_item(policy, POLICY_FILTERING_PROGRAMS, i);

		if (plat_program_runs_like(name, &runs, &err) < 0)
			unread(look, name, err.msg);
		else if (!runs)
			list_add(&look->stopped, name);
	}
	for (size_t i = 0; i < policy_count(policy, POLICY_FILTERING_UNITS); i++) {
		const char *name = policy_item(policy, POLICY_FILTERING_UNITS, i);

		if (plat_service(name, &service, &err) < 0)
			unread(look, name, err.msg);
		else if (service.run == PLAT_SERVICE_UNKNOWN)
			unread(look, name, "nobody could say whether its service runs");
		else if (service.run == PLAT_SERVICE_ABSENT)
			list_add(&look->missing, name);
		else if (service.run != PLAT_SERVICE_RUNNING)
			list_add(&look->stopped, name);
	}
}

/* --- certificate --- */

struct wanted_certificate {
	const char *hex;
	bool found;
};

static bool is_wanted(void *ctx, const char *hex)
{
	struct wanted_certificate *wanted = ctx;

	wanted->found = hash_equal(hex, wanted->hex);
	return !wanted->found;
}

static void look_at_certificates(struct look *look)
{
	size_t count = policy_count(look->policy, POLICY_FILTERING_CA_SHA256);
	struct buf pem;
	struct err err;

	if (!count)
		return;
	buf_init(&pem, 0);
	if (plat_trusted_certificates(&pem, &err) < 0 && err.code != ERR_NOTFOUND) {
		unread(look, "certificates", err.msg);
		count = 0;
	}
	/* A system without a store trusts nobody: all are missing. */
	for (size_t i = 0; i < count; i++) {
		struct wanted_certificate wanted = {
			.hex = policy_item(look->policy, POLICY_FILTERING_CA_SHA256, i)};

		hash_certificates(buf_text(&pem), is_wanted, &wanted);
		if (!wanted.found)
			list_add(&look->certificates, wanted.hex);
	}
	buf_clear(&pem);
}

/* --- extension --- */

/* Chromium's ids are 32 letters from a to p; Firefox's are a UUID in braces or like an address. */
static bool is_chromium_id(const char *id)
{
	return strlen(id) == 32 && strspn(id, "abcdefghijklmnop") == 32;
}

static bool is_firefox(const char *browser)
{
	return !strncmp(browser, "firefox", 7);
}

static bool mode_forces(const struct json *settings, const char *id)
{
	const struct json *entry = settings ? json_get(settings, id) : NULL;
	const struct json *member = entry ? json_get(entry, "installation_mode") : NULL;
	const char *mode = member ? json_string(member) : NULL;

	/* Only what people cannot take out again. */
	return mode && !strcmp(mode, "force_installed");
}

static bool policy_forces(const struct plat_browser_file *file, const char *id)
{
	const struct json *policies, *list;
	struct json *root = NULL;
	bool found = false;
	struct err err;

	if (json_parse(file->text, file->len, &root, &err) < 0)
		return false; /* a browser ignores a file it cannot read, too */
	policies = is_firefox(file->browser) ? json_get(root, "policies") : root;
	if (policies && json_is_object(policies)) {
		found = mode_forces(json_get(policies, "ExtensionSettings"), id);
		list = json_get(policies, "ExtensionInstallForcelist");
		for (list = list && json_is_array(list) ? json_first(list) : NULL; list;
		     list = json_next(list)) {
			const char *item = json_string(list);

			/* "ID;UPDATE_URL" */
			if (item && !strncmp(item, id, strlen(id)) &&
			    (!item[strlen(id)] || item[strlen(id)] == ';'))
				found = true;
		}
	}
	json_free(root);
	return found;
}

static bool same_browser(const char *a, const char *b)
{
	return !strcmp(a, b) || (is_firefox(a) && is_firefox(b));
}

static void look_at_browser(struct look *look, const char *browser,
			    const struct plat_browser_files *files, const char *id)
{
	for (size_t i = 0; i < files->count; i++)
		if (same_browser(files->files[i].browser, browser) &&
		    policy_forces(&files->files[i], id))
			return;
	list_add_once(&look->extensions, id);
	list_add_once(&look->browsers, browser);
}

static void look_at_extensions(struct look *look)
{
	size_t count = policy_count(look->policy, POLICY_FILTERING_EXTENSIONS);
	struct plat_browser_files files = {.count = 0};
	struct plat_network network = {0};
	struct err err;

	if (!count)
		return;
	/* A browser that is not here needs no extension. */
	if (plat_browser_files(&files, &err) < 0 || plat_network(&network, &err) < 0) {
		unread(look, "browsers", err.msg);
		plat_browser_files_clear(&files);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const char *id = policy_item(look->policy, POLICY_FILTERING_EXTENSIONS, i);

		for (size_t n = 0; n < network.browser_count; n++)
			if (is_firefox(network.browsers[n].browser) != is_chromium_id(id))
				look_at_browser(look, network.browsers[n].browser, &files, id);
	}
	plat_network_clear(&network);
	plat_browser_files_clear(&files);
}

/* --- proxy --- */

static bool is_proxy(const char *address, const char *wanted)
{
	const char *host = strstr(address, "://");
	size_t len;

	host = host ? host + 3 : address;
	len = strlen(host);
	while (len && host[len - 1] == '/')
		len--;
	return strlen(wanted) == len && !strncmp(host, wanted, len);
}

static void look_at_proxy(struct look *look)
{
	const char *wanted = policy_text(look->policy, POLICY_NETWORK_PROXY);
	const char *script = policy_text(look->policy, POLICY_NETWORK_PROXY_PAC);
	struct plat_network network;
	struct err err;
	bool found = false;

	if (!policy_flag(look->policy, POLICY_FILTERING_PROXY_REQUIRED))
		return;
	jsonw_string(look->w, "proxy_wanted", *wanted ? wanted : script);
	if (plat_network(&network, &err) < 0) {
		unread(look, "proxy", err.msg);
		return;
	}
	for (size_t i = 0; i < network.proxy_count; i++)
		found = found || (*wanted && is_proxy(network.proxies[i].address, wanted)) ||
			(*script && !strcmp(network.proxies[i].address, script));
	plat_network_clear(&network);
	jsonw_bool(look->w, "proxy", found);
	if (!found)
		control_say(look->result, VERDICT_FAIL, "proxy-missing");
}

/* --- Wi-Fi --- */

static void look_at_wifi(struct look *look)
{
	static const char *const weakest_first[] = {"open", "wpa", "wpa2", "wpa3"};
	unsigned minimum = policy_choice(look->policy, POLICY_FILTERING_WIFI_MINIMUM);
	struct plat_wifi wifi;
	unsigned level = 0; /* WEP is as good as open; OWE hides, but lets anyone in */
	struct err err;

	if (plat_wifi(&wifi, &err) < 0) {
		unread(look, "wifi", err.msg);
		return;
	}
	if (!wifi.connected)
		return;
	if (!*wifi.security) {
		unread(look, "wifi", "how the Wi-Fi in use is secured");
		return;
	}
	for (unsigned i = 0; i < sizeof(weakest_first) / sizeof(*weakest_first); i++)
		if (!strcmp(weakest_first[i], wifi.security))
			level = i;
	jsonw_string(look->w, "wifi", wifi.security);
	jsonw_string(look->w, "wifi_minimum", weakest_first[minimum]);
	if (level < minimum)
		control_say(look->result, VERDICT_FAIL, level ? "weak-wifi" : "open-wifi");
}

/* --- the control --- */

static bool asked(const struct policy *policy)
{
	return policy_count(policy, POLICY_FILTERING_PROGRAMS) ||
	       policy_count(policy, POLICY_FILTERING_PACKAGES) ||
	       policy_count(policy, POLICY_FILTERING_UNITS) ||
	       policy_count(policy, POLICY_FILTERING_CA_SHA256) ||
	       policy_count(policy, POLICY_FILTERING_EXTENSIONS) ||
	       policy_flag(policy, POLICY_FILTERING_PROXY_REQUIRED);
}

static void say(struct look *look)
{
	const struct {
		struct list *list;
		const char *name, *why;
	} fails[] = {
		{&look->missing, "missing", "client-missing"},
		{&look->stopped, "stopped", "client-stopped"},
		{&look->certificates, "certificates", "certificate-missing"},
		{&look->extensions, "extensions", "extension-missing"},
		{&look->browsers, "browsers", "extension-missing"},
	};

	for (size_t i = 0; i < sizeof(fails) / sizeof(*fails); i++) {
		if (fails[i].list->count)
			control_say(look->result, VERDICT_FAIL, fails[i].why);
		list_write(fails[i].list, look->w, fails[i].name);
	}
	if (look->unread.count) {
		jsonw_string(look->w, "message", look->message);
		control_say(look->result, VERDICT_UNKNOWN, "cannot-tell");
	}
	list_write(&look->unread, look->w, "unread");
}

static int run(const struct control_input *input, struct jsonw *w, struct control_result *result,
	       struct err *err)
{
	struct look look = {.policy = input->policy, .w = w, .result = result};

	(void)err;
	list_init(&look.missing);
	list_init(&look.stopped);
	list_init(&look.certificates);
	list_init(&look.extensions);
	list_init(&look.browsers);
	list_init(&look.unread);
	look_at_client(&look);
	look_at_certificates(&look);
	look_at_extensions(&look);
	look_at_proxy(&look);
	look_at_wifi(&look);
	say(&look);
	if (asked(input->policy))
		control_say(result, VERDICT_PASS, "ok");
	else
		control_say(result, VERDICT_NOT_APPLICABLE, "not-asked");
	return 0;
}

const struct control control_filtering = {CONTROL_FILTERING, run};
