/* caretaker-collector init and kit: a collector's beginning, and what its school keeps on paper.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/commands.h"

#include "agent/base/text.h"
#include "platform/os.h"
#include "tools/collector/admin.h"
#include "tools/collector/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PORT "8443"

/* "host", "host:port", "[::1]:8443" into the host alone and the whole with its port. */
static int split_host(const char *text, char *host, size_t host_size, char *whole,
		      size_t whole_size)
{
	const char *end = text[0] == '[' ? strchr(text, ']') : NULL;
	const char *colon = strrchr(end ? end : text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);
	int64_t port;

	/* A bare IPv6 address has many colons and no port. */
	if (!end && strchr(text, ':') != colon) {
		snprintf(whole, whole_size, "[%s]:" DEFAULT_PORT, text);
		snprintf(host, host_size, "%s", text);
		return 0;
	}
	if (!len || len >= host_size || (colon && text_int(colon + 1, 1, 65535, &port)))
		return -1;
	snprintf(host, host_size, "%.*s", (int)len, text);
	return snprintf(whole, whole_size, "%s%s", text, colon ? "" : ":" DEFAULT_PORT) <
			       (int)whole_size
		       ? 0
		       : -1;
}

static int add_names(const char *list, struct pki_names *names, struct err *err)
{
	char name[PKI_NAME_SIZE];

	while (list && *list) {
		size_t len = strcspn(list, ", ");
		if (len >= sizeof(name))
			return err_set(err, ERR_INVALID, "a name in --names is too long");
		snprintf(name, sizeof(name), "%.*s", (int)len, list);
		if (len && pki_names_add(names, name, err))
			return err_wrap(err, "--names");
		list += len + strspn(list + len, ", ");
	}
	return 0;
}

struct init {
	struct kit kit; /* empty unless --recover */
	bool recover;
	char host[ENROL_HOST_MAX], whole[ENROL_HOST_MAX];
	const char *title;
	struct crypto_signer *policy, *online;
	struct identity_plan plan;
};

static void init_clear(struct init *init)
{
	kit_clear(&init->kit);
	crypto_signer_free(init->policy);
	crypto_signer_free(init->online);
}

static int init_host(struct admin *admin, const struct options *options, struct init *init)
{
	const char *given = options_get(options, "host");
	char own[256] = "";

	if (!given && init->recover)
		given = init->kit.host;
	if (!given && admin->config.public_host[0])
		given = admin->config.public_host;
	if (!given) {
		if (gethostname(own, sizeof(own) - 1) || !own[0])
			return err_set(&admin->err, ERR_INVALID,
				       "this machine has no name; give --host NAME[:PORT], as "
				       "devices will reach it");
		given = own;
	}
	if (split_host(given, init->host, sizeof(init->host), init->whole, sizeof(init->whole)))
		return err_set(&admin->err, ERR_INVALID,
			       "--host '%.80s': expected NAME or NAME:PORT, such as "
			       "collector.school.example:8443",
			       given);
	if (pki_names_add(&init->plan.names, init->host, &admin->err))
		return err_wrap(&admin->err, "--host");
	return add_names(options_get(options, "names"), &init->plan.names, &admin->err);
}

static int init_recover(struct admin *admin, const char *file, struct init *init)
{
	struct buf text;
	int ret = -1;

	buf_init(&text, KIT_MAX + 1);
	if (plat_file_read(file, KIT_MAX, &text, &admin->err))
		goto out;
	if (kit_parse(buf_text(&text), &init->kit, &admin->err) ||
	    crypto_signer_from_pem(init->kit.policy_key, strlen(init->kit.policy_key),
				   &init->policy, &admin->err) ||
	    crypto_signer_from_pem(init->kit.online_key, strlen(init->kit.online_key),
				   &init->online, &admin->err)) {
		err_wrap(&admin->err, "%s", file);
		goto out;
	}
	init->recover = true;
	init->plan.policy = init->policy;
	init->plan.online = init->online;
	init->plan.ca_key = init->kit.ca_key;
	init->plan.ca_cert = init->kit.ca_cert;
	init->plan.org = init->kit.org;
	init->plan.serial = init->kit.serial;
	ret = 0;
out:
	crypto_buf_clear(&text);
	return ret;
}

/* A store that lies there without keys.jws is left of an init that was cut short. */
static int init_store(struct admin *admin, const struct init *init)
{
	struct store_site site = {0};

	if (identity_open(admin->config.data, &admin->identity, &admin->err) ||
	    identity_path(admin->config.data, "store.db", admin->store_path, &admin->err) ||
	    store_open(admin->store_path, STORE_CREATE, &admin->store, &admin->err))
		return -1;
	snprintf(site.org, sizeof(site.org), "%s", identity_org(admin->identity));
	plat_uuid(site.epoch);
	(void)text_copy(site.name, sizeof(site.name), init->title);
	snprintf(site.host, sizeof(site.host), "%s", init->whole);
	return admin->store->admin->init(admin->store, &site, &admin->err);
}

static int put_kit(struct admin *admin, const struct options *options, const char *host)
{
	const char *file = options_get(options, "kit");
	struct kit kit;
	struct buf text;
	int ret = -1;

	if (kit_gather(admin->config.data, host, &kit, &admin->err)) {
		admin_fail(admin);
		return -1;
	}
	buf_init(&text, KIT_MAX);
	kit_write(&kit, admin->now, &text);
	ret = admin_write_file(admin, file ? file : "-", &text, false);
	if (!ret && file)
		printf("recovery kit: %s   print it, lock it away, delete the file\n", file);
	crypto_buf_clear(&text);
	kit_clear(&kit);
	return ret;
}

static void print_done(const struct admin *admin, const struct init *init)
{
	printf("collector: %s\n"
	       "data: %s\n"
	       "devices reach it at: %s\n"
	       "org: %s\n\n"
	       "next:\n"
	       "  caretaker-collector school add \"Hill School\"\n"
	       "  caretaker-collector serve        (or: systemctl start caretaker-collector)\n"
	       "  caretaker-collector code new     prints the command for a device\n\n",
	       init->recover ? "made again from its recovery kit" : "made", admin->config.data,
	       init->whole, identity_org(admin->identity));
}

int cmd_init(const struct options *options)
{
	struct init init = {0};
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_CONFIG))
		return EXIT_FAILED;
	if (plat_act_as_owner(admin.config.data, &admin.err))
		return admin_fail(&admin);
	plat_protect_process();
	init.title = options_get(options, "title") ? options_get(options, "title")
						   : "Caretaker collector";
	init.plan.title = init.title;
	init.plan.now = admin.now;
	if ((options_has(options, "recover") &&
	     init_recover(&admin, options_get(options, "recover"), &init)) ||
	    init_host(&admin, options, &init) ||
	    identity_make(admin.config.data, &init.plan, &admin.err) || init_store(&admin, &init)) {
		admin_fail(&admin);
		goto out;
	}
	if (admin_audit(&admin, init.recover ? "recover" : "init", admin.config.data, "host",
			init.whole, NULL))
		goto out;
	print_done(&admin, &init);
	ret = put_kit(&admin, options, init.whole) ? EXIT_FAILED : EXIT_DONE;
out:
	init_clear(&init);
	admin_close(&admin);
	return ret;
}

int cmd_kit(const struct options *options)
{
	struct store_site site;
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	if (admin.store->live->site(admin.store, &site, &admin.err))
		admin_fail(&admin);
	else if (!admin_audit(&admin, "kit", "", NULL) && !put_kit(&admin, options, site.host))
		ret = EXIT_DONE;
	admin_close(&admin);
	return ret;
}
