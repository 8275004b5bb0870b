/* caretaker-collector keys: the chain of key sets that devices follow.
 *
 * A rotation touches every chain that is kept here: our own and those of schools that moved here.
 * With the policy key at hand it is done at once; else a draft travels to it ("keys sign") and back
 * ("keys publish").
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/commands.h"

#include "agent/base/text.h"
#include "platform/os.h"
#include "tools/collector/admin.h"
#include "tools/collector/exceptions_sign.h"
#include "tools/collector/listing.h"
#include "tools/collector/policy_again.h"
#include "tools/collector/store_desk.h"
#include "tools/collector/succession.h"

#include <stdio.h>
#include <string.h>

/* --- list --- */

static void kids(struct crypto_key *const keys[], unsigned count, char *out, size_t out_size)
{
	size_t used = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < count && used + 20 < out_size; i++)
		used += (size_t)snprintf(out + used, out_size - used, "%s%.8s", i ? " " : "",
					 crypto_key_kid(keys[i]));
}

int cmd_keys_list(const struct options *options)
{
	struct listing listing;
	struct admin admin;
	const struct keys *keys;
	const char *chain, *signer;
	char text[128];

	if (admin_open(&admin, options, ADMIN_KEYS))
		return EXIT_FAILED;
	listing_init(&listing, admin.json, "key_sets");
	for (unsigned c = 0; (chain = identity_chain_at(admin.identity, c)); c++)
		for (unsigned i = 0;
		     (keys = identity_set_at(admin.identity, chain, i, NULL, &signer)); i++) {
			listing_row(&listing);
			listing_text(&listing, "chain", "CHAIN", *chain ? chain : "own");
			listing_text(&listing, "org", NULL, keys->org);
			listing_int(&listing, "serial", "SERIAL", keys->serial);
			listing_time(&listing, "at", "MADE", keys->at);
			snprintf(text, sizeof(text), "%.8s", signer);
			listing_text(&listing, "signer", "SIGNED BY", text);
			kids(keys->policy, keys->policy_count, text, sizeof(text));
			listing_text(&listing, "policy", "POLICY KEYS", text);
			kids(keys->online, keys->online_count, text, sizeof(text));
			listing_text(&listing, "online", "ONLINE KEYS", text);
			listing_int(&listing, "cas", "CAS", keys->ca_count);
			listing_text(&listing, "host", NULL, keys->host);
		}
	listing_print(&listing, "no key set");
	listing_clear(&listing);
	admin_close(&admin);
	return EXIT_DONE;
}

/* --- our public part, for "school export --to" --- */

int cmd_keys_show(const struct options *options)
{
	const char *to = options_get(options, "output"), *jws = NULL;
	char path[IDENTITY_PATH];
	struct store_site site;
	struct admin admin;
	struct buf out, ca;
	struct jsonw w;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	buf_init(&out, 0);
	buf_init(&ca, PKI_MAX_PEM + 1);
	if (admin.store->live->site(admin.store, &site, &admin.err) ||
	    identity_path(admin.config.data, "ca.crt", path, &admin.err) ||
	    plat_file_read(path, PKI_MAX_PEM, &ca, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	for (unsigned i = 0; identity_set_at(admin.identity, "", i, &jws, NULL); i++)
		continue;
	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "caretaker", "collector-public-1");
	jsonw_string(&w, "host", site.host);
	jsonw_string(&w, "keys", jws);
	jsonw_string(&w, "ca", buf_text(&ca));
	jsonw_object_end(&w);
	buf_addc(&out, '\n');
	ret = admin_write_file(&admin, to ? to : "-", &out, true) ? EXIT_FAILED : EXIT_DONE;
out:
	buf_clear(&out);
	buf_clear(&ca);
	admin_close(&admin);
	return ret;
}

/* --- rotation --- */

/* The chain of a school that was handed over goes on at its new collector: a set of ours would
 * contradict the one there. */
static bool goes_on_here(struct admin *admin, const char *chain)
{
	const struct keys *newest = identity_keys(admin->identity, chain);
	struct store_site site;

	if (!newest->host[0])
		return true;
	return !admin->store->live->site(admin->store, &site, &admin->err) &&
	       !strcmp(site.host, newest->host);
}

static int draft_online(struct admin *admin, const struct crypto_key *next, bool drop_old,
			struct buf *draft)
{
	const char *chain;

	for (unsigned c = 0; (chain = identity_chain_at(admin->identity, c)); c++) {
		const struct keys *newest = identity_keys(admin->identity, chain);
		const struct crypto_signer *now =
			identity_signer(admin->identity, chain, newest->serial);
		struct keys keys;
		if (!goes_on_here(admin, chain))
			continue;
		succession_next(newest, admin_serial_floor(admin), admin->now, &keys);
		/* The one in use stays for what it signed already; those before it go. */
		if (now && !drop_old)
			succession_only_online(&keys, crypto_key_kid(crypto_signer_key(now)));
		else
			keys.online_count = 0;
		if (succession_add_online(&keys, next, &admin->err) ||
		    succession_draft(chain, &keys, draft, &admin->err)) {
			admin_fail(admin);
			return -1;
		}
	}
	return 0;
}

/* Signed sets into their chains; then the online key that waits for them takes over. */
static int apply(struct admin *admin, const struct buf *signed_sets)
{
	struct crypto_signer *next = NULL;
	struct store_device_filter all;
	char path[IDENTITY_PATH];
	unsigned count;
	int64_t lists;
	int ret = -1;

	if (succession_take(admin->config.data, buf_text(signed_sets), &count, &admin->err)) {
		admin_fail(admin);
		return -1;
	}
	if (identity_path(admin->config.data, "next.key", path, &admin->err))
		goto out;
	if (!identity_signer_load(path, &next, &admin->err)) {
		if (identity_online_replace(admin->config.data, next, &admin->err) ||
		    plat_file_remove(path, &admin->err))
			goto out;
	} else if (admin->err.code != ERR_NOTFOUND) {
		goto out;
	}
	identity_free(admin->identity);
	admin->identity = NULL;
	store_device_filter_init(&all);
	if (identity_open(admin->config.data, &admin->identity, &admin->err) ||
	    exceptions_sign(admin->store, admin->identity, &all, admin->now, &lists, &admin->err))
		goto out;
	printf("key sets added: %u, exceptions signed again: %lld\n"
	       "a running collector takes them up by itself; devices with their next "
	       "acknowledgement\n",
	       count, (long long)lists);
	ret = 0;
out:
	if (ret)
		admin_fail(admin);
	crypto_signer_free(next);
	return ret;
}

int cmd_keys_rotate_online(const struct options *options)
{
	const char *to = options_get(options, "draft");
	struct crypto_signer *next = NULL, *policy = NULL;
	struct buf draft, sets;
	char path[IDENTITY_PATH];
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	buf_init(&draft, 0);
	buf_init(&sets, 0);
	if (!to && admin_policy_key(&admin, options, &policy)) {
		fprintf(stderr, "or write a draft for it with --draft FILE\n");
		goto out;
	}
	if (crypto_signer_generate(&next, &admin.err) ||
	    identity_path(admin.config.data, "next.key", path, &admin.err) ||
	    identity_signer_save(path, next, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	if (draft_online(&admin, crypto_signer_key(next), options_has(options, "drop-old"), &draft))
		goto out;
	if (to) {
		if (!admin_write_file(&admin, to, &draft, true)) {
			printf("draft: %s\nwhere the policy key is:\n  caretaker-collector keys "
			       "sign --key FILE --output SIGNED %s\nthen here:\n  "
			       "caretaker-collector keys publish SIGNED\n",
			       to, to);
			ret = EXIT_DONE;
		}
		goto out;
	}
	if (succession_sign(buf_text(&draft), policy, &sets, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	if (admin_audit(&admin, "keys rotate-online", "", "key",
			crypto_key_kid(crypto_signer_key(next)), NULL) ||
	    apply(&admin, &sets))
		goto out;
	puts("print a new recovery kit: caretaker-collector kit");
	ret = EXIT_DONE;
out:
	crypto_signer_free(next);
	crypto_signer_free(policy);
	buf_clear(&draft);
	buf_clear(&sets);
	admin_close(&admin);
	return ret;
}

int cmd_keys_sign(const struct options *options)
{
	const char *to = options_get(options, "output");
	struct crypto_signer *policy = NULL;
	struct buf draft, sets;
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_CONFIG))
		return EXIT_FAILED;
	plat_protect_process();
	buf_init(&draft, ADMIN_MAX_FILE);
	buf_init(&sets, ADMIN_MAX_FILE);
	if (admin_read_file(&admin, options->operands[0], ADMIN_MAX_FILE / 2, &draft) ||
	    admin_policy_key(&admin, options, &policy))
		goto out;
	if (succession_sign(buf_text(&draft), policy, &sets, &admin.err)) {
		err_wrap(&admin.err, "%s", options->operands[0]);
		admin_fail(&admin);
		goto out;
	}
	if (!sets.len) {
		admin_complain("%s holds no draft of a key set", options->operands[0]);
		goto out;
	}
	ret = admin_write_file(&admin, to ? to : "-", &sets, true) ? EXIT_FAILED : EXIT_DONE;
out:
	crypto_signer_free(policy);
	buf_clear(&draft);
	buf_clear(&sets);
	admin_close(&admin);
	return ret;
}

int cmd_keys_publish(const struct options *options)
{
	struct admin admin;
	struct buf sets;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	buf_init(&sets, ADMIN_MAX_FILE);
	if (!admin_read_file(&admin, options->operands[0], ADMIN_MAX_FILE / 2, &sets) &&
	    !admin_audit(&admin, "keys publish", options->operands[0], NULL) &&
	    !apply(&admin, &sets))
		ret = EXIT_DONE;
	buf_clear(&sets);
	admin_close(&admin);
	return ret;
}

/* The new key comes in by a set that the old one signs, the old one goes out by one that the new
 * one signs; what groups run is signed again by the new one. */
static int rotate_policy_chain(struct admin *admin, const char *chain,
			       const struct crypto_signer *old, const struct crypto_signer *next,
			       struct buf *sets)
{
	const struct crypto_key *next_key = crypto_signer_key(next);
	struct keys in, out;

	succession_next(identity_keys(admin->identity, chain), admin_serial_floor(admin),
			admin->now, &in);
	if (!keys_policy_key(&in, crypto_key_kid(crypto_signer_key(old))))
		return err_set(&admin->err, ERR_AUTH,
			       "the key is no policy key of the newest set of the chain '%s'",
			       *chain ? chain : "own");
	if (succession_add_policy(&in, next_key, &admin->err))
		return -1;
	succession_next(&in, 0, admin->now, &out);
	succession_only_policy(&out, crypto_key_kid(next_key));
	buf_reset(sets);
	if (identity_keys_sign(&in, old, sets, &admin->err) ||
	    identity_keys_append(admin->config.data, chain, buf_text(sets), &admin->err))
		return -1;
	buf_reset(sets);
	return identity_keys_sign(&out, next, sets, &admin->err) ||
			       identity_keys_append(admin->config.data, chain, buf_text(sets),
						    &admin->err)
		       ? -1
		       : 0;
}

static int rotate_policy(struct admin *admin, const struct crypto_signer *old,
			 const struct crypto_signer *next)
{
	const char *chain;
	unsigned again = 0;
	struct buf sets;
	int ret = 0;

	buf_init(&sets, 0);
	for (unsigned c = 0; !ret && (chain = identity_chain_at(admin->identity, c)); c++)
		if (goes_on_here(admin, chain))
			ret = rotate_policy_chain(admin, chain, old, next, &sets);
	buf_clear(&sets);
	if (ret) {
		admin_fail(admin);
		return -1;
	}
	identity_free(admin->identity);
	admin->identity = NULL;
	if (identity_open(admin->config.data, &admin->identity, &admin->err) ||
	    policy_again(admin->store, admin->identity, 0, next, admin->who, admin->now, &again,
			 &admin->err)) {
		admin_fail(admin);
		return -1;
	}
	printf("the new policy key is %s\npolicies signed again with it: %u\n",
	       crypto_key_kid(crypto_signer_key(next)), again);
	return 0;
}

int cmd_keys_rotate_policy(const struct options *options)
{
	const char *to = options_get(options, "new-key");
	struct crypto_signer *next = NULL, *old = NULL;
	char path[IDENTITY_PATH];
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	if (admin_policy_key(&admin, options, &old))
		goto out;
	/* On disk before it is in any set: a set whose key is lost would lock us out. */
	if (crypto_signer_generate(&next, &admin.err) ||
	    identity_path(admin.config.data, "policy-next.key", path, &admin.err) ||
	    identity_signer_save(to ? to : path, next, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	if (admin_audit(&admin, "keys rotate-policy", "", "key",
			crypto_key_kid(crypto_signer_key(next)), NULL) ||
	    rotate_policy(&admin, old, next))
		goto out;
	if (!to) {
		char final[IDENTITY_PATH];
		if (identity_path(admin.config.data, "policy.key", final, &admin.err) ||
		    identity_signer_save(final, next, &admin.err) ||
		    plat_file_remove(path, &admin.err)) {
			admin_fail(&admin);
			goto out;
		}
	}
	puts("codes that name the old key still work; print a new recovery kit: "
	     "caretaker-collector kit");
	ret = EXIT_DONE;
out:
	crypto_signer_free(next);
	crypto_signer_free(old);
	admin_close(&admin);
	return ret;
}

/* --- the server's certificate --- */

int cmd_keys_renew_server(const struct options *options)
{
	const char *list = options_get(options, "names");
	struct pki_names names = {0};
	struct admin admin;
	bool renewed;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	while (list && *list) {
		char name[PKI_NAME_SIZE];
		size_t len = strcspn(list, ", ");
		snprintf(name, sizeof(name), "%.*s", (int)len, list);
		if (len && pki_names_add(&names, name, &admin.err)) {
			admin_fail(&admin);
			goto out;
		}
		list += len + strspn(list + len, ", ");
	}
	if (identity_server_renew(admin.config.data, names.count ? &names : NULL, true, admin.now,
				  &renewed, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	if (admin_audit(&admin, "keys renew-server", "", NULL))
		goto out;
	puts("server certificate renewed; a running collector takes it up by itself");
	ret = EXIT_DONE;
out:
	admin_close(&admin);
	return ret;
}
