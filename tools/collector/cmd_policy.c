/* caretaker-collector policy: lint, sign, publish, diff, list, show.
 *
 * Signing needs the policy key and nothing else, so it can be done on a machine without a network;
 * publishing needs the store and checks what it is given as a device would.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/commands.h"

#include "agent/base/text.h"
#include "agent/policy/policy.h"
#include "agent/proto/deflate.h"
#include "agent/proto/jws.h"
#include "platform/os.h"
#include "tools/collector/admin.h"
#include "tools/collector/diff.h"
#include "tools/collector/listing.h"
#include "tools/collector/store_desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <strings.h>

/* --- lint --- */

/* Prints what is wrong; '*out' is the policy when nothing is. */
static int lint(const char *name, const struct buf *text, bool quiet, struct policy **out)
{
	unsigned errors = 0, warnings = 0;
	struct buf lines;
	int ret;

	buf_init(&lines, 0);
	ret = policy_lint(name, buf_text(text), text->len, out, &lines, &errors, &warnings);
	admin_put_lines(stderr, &lines);
	if (ret)
		admin_complain("%s: %u error%s, %u warning%s", name, errors, errors == 1 ? "" : "s",
			       warnings, warnings == 1 ? "" : "s");
	else if (!quiet)
		admin_say("%s: no error, %u warning%s", name, warnings, warnings == 1 ? "" : "s");
	buf_clear(&lines);
	return ret;
}

int cmd_policy_lint(const struct options *options)
{
	struct policy *policy = NULL;
	struct admin admin;
	struct buf text;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_CONFIG))
		return EXIT_FAILED;
	buf_init(&text, POLICY_MAX_INI + 1);
	if (!admin_read_file(&admin, options->operands[0], POLICY_MAX_INI, &text) &&
	    !lint(options->operands[0], &text, false, &policy))
		ret = EXIT_DONE;
	policy_free(policy);
	buf_clear(&text);
	admin_close(&admin);
	return ret;
}

/* --- sign --- */

struct draft {
	struct policy_document doc;
	struct buf ini, jws;
};

static void draft_init(struct draft *draft)
{
	memset(draft, 0, sizeof(*draft));
	buf_init(&draft->ini, POLICY_MAX_INI + 1);
	buf_init(&draft->jws, JWS_MAX);
}

static void draft_clear(struct draft *draft)
{
	buf_clear(&draft->ini);
	buf_clear(&draft->jws);
}

/* Reads and lints the INI file; the policy's own name is the document's. */
static int draft_read(struct admin *admin, const char *path, struct draft *draft)
{
	struct policy *policy = NULL;
	int ret = -1;

	if (admin_read_file(admin, path, POLICY_MAX_INI, &draft->ini) ||
	    lint(path, &draft->ini, true, &policy))
		return -1;
	if (text_copy(draft->doc.name, sizeof(draft->doc.name), policy_name(policy)))
		ret = 0;
	else
		admin_complain("%s: the policy's name is longer than %zu bytes", path,
			       sizeof(draft->doc.name) - 1);
	draft->doc.ini = draft->ini.data;
	draft->doc.ini_len = draft->ini.len;
	policy_free(policy);
	return ret;
}

static int draft_sign(struct admin *admin, struct draft *draft, const struct crypto_signer *signer)
{
	struct buf payload;
	int ret = -1;

	buf_init(&payload, JWS_MAX);
	buf_reset(&draft->jws);
	policy_document_encode(&draft->doc, &payload);
	if (buf_check(&payload, &admin->err) ||
	    jws_sign(JWS_POLICY, payload.data, payload.len, true, DEFLATE_DICT_NONE, signer,
		     &draft->jws, &admin->err))
		admin_fail(admin);
	else
		ret = 0;
	buf_clear(&payload);
	return ret;
}

/* --org, else the collector's own when its data directory is here. */
static int sign_org(struct admin *admin, const struct options *options, char out[UUID_LEN + 1])
{
	const char *org = options_get(options, "org");
	struct identity *identity = NULL;

	if (!org) {
		if (identity_open(admin->config.data, &identity, &admin->err))
			return admin_complain("%s; where there is no collector give --org UUID, as "
					      "its recovery kit names it",
					      admin->err.msg);
		snprintf(out, UUID_LEN + 1, "%s", identity_org(identity));
		identity_free(identity);
		return 0;
	}
	if (strlen(org) != UUID_LEN || strspn(org, "0123456789abcdef-") != UUID_LEN)
		return admin_complain("--org '%.60s': expected a UUID, as \"init\" and the "
				      "recovery kit name it",
				      org);
	memcpy(out, org, UUID_LEN + 1);
	return 0;
}

int cmd_policy_sign(const struct options *options)
{
	const char *to = options_get(options, "output");
	struct crypto_signer *signer = NULL;
	struct admin admin;
	struct draft draft;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_CONFIG))
		return EXIT_FAILED;
	plat_protect_process();
	draft_init(&draft);
	if (!options_has(options, "serial")) {
		admin_complain("--serial N: the policy's number, above every one this key signed; "
			       "\"caretaker-collector policy list\" shows the newest");
		goto out;
	}
	if (admin_number(options, "serial", 1, INT64_C(1) << 52, &draft.doc.serial) ||
	    sign_org(&admin, options, draft.doc.org) ||
	    draft_read(&admin, options->operands[0], &draft) ||
	    admin_policy_key(&admin, options, &signer))
		goto out;
	draft.doc.at = admin.now;
	if (draft_sign(&admin, &draft, signer))
		goto out;
	buf_addc(&draft.jws, '\n');
	if (admin_write_file(&admin, to ? to : "-", &draft.jws, true))
		goto out;
	if (to)
		printf("signed: %s, serial %lld, '%s'\n", to, (long long)draft.doc.serial,
		       draft.doc.name);
	ret = EXIT_DONE;
out:
	crypto_signer_free(signer);
	draft_clear(&draft);
	admin_close(&admin);
	return ret;
}

/* --- publish --- */

#define TARGETS_MAX 2000

struct targets {
	struct admin *admin;
	const char *group; /* NULL: every group */
	const struct store_school *school;
	struct {
		int64_t group;
		char chain[UUID_LEN + 1];
		char name[2 * STORE_NAME_SIZE + 4];
	} items[TARGETS_MAX];
	unsigned count;
};

static int add_target(void *ctx, const struct store_group *group, struct err *err)
{
	struct targets *targets = ctx;

	if (targets->group && strcasecmp(targets->group, group->name) != 0)
		return 0;
	if (targets->count == TARGETS_MAX)
		return err_set(err, ERR_FULL, "more than %d groups", TARGETS_MAX);
	targets->items[targets->count].group = group->id;
	snprintf(targets->items[targets->count].chain, UUID_LEN + 1, "%s", targets->school->org);
	snprintf(targets->items[targets->count].name, sizeof(targets->items[0].name), "%s / %s",
		 targets->school->name, group->name);
	targets->count++;
	return 0;
}

static int add_targets_of(void *ctx, const struct store_school *school, struct err *err)
{
	struct targets *targets = ctx;

	targets->school = school;
	return targets->admin->store->desk->groups(targets->admin->store, school->id, add_target,
						   targets, err);
}

static int find_targets(struct admin *admin, const struct options *options, struct targets *targets)
{
	struct store_school school;

	targets->admin = admin;
	targets->group = options_get(options, "group");
	if (options_has(options, "school")) {
		if (admin_school(admin, options_get(options, "school"), &school))
			return -1;
		if (add_targets_of(targets, &school, &admin->err)) {
			admin_fail(admin);
			return -1;
		}
	} else if (options_has(options, "all")) {
		if (admin->store->desk->schools(admin->store, add_targets_of, targets,
						&admin->err)) {
			admin_fail(admin);
			return -1;
		}
	} else {
		admin_complain("say whom it is for: --school NAME [--group NAME], or --all");
		return -1;
	}
	if (!targets->count) {
		admin_complain("there is no group '%.60s' there; \"caretaker-collector group "
			       "list\" shows them",
			       targets->group ? targets->group : "");
		return -1;
	}
	return 0;
}

static int keep_policy(struct admin *admin, const char *chain, const struct policy_document *doc,
		       const char *kid, const char *jws)
{
	struct store_policy row = {.serial = doc->serial,
				   .at = doc->at,
				   .published_at = admin->now,
				   .ini = doc->ini,
				   .jws = (char *)(uintptr_t)jws,
				   .ini_len = doc->ini_len};

	snprintf(row.org, sizeof(row.org), "%s", chain);
	snprintf(row.name, sizeof(row.name), "%s", doc->name);
	snprintf(row.kid, sizeof(row.kid), "%s", kid);
	snprintf(row.published_by, sizeof(row.published_by), "%s", admin->who);
	if (!admin->store->admin->policy_add(admin->store, &row, admin->who, &admin->err))
		return 0;
	admin_fail(admin);
	return -1;
}

static int point_groups(struct admin *admin, const struct targets *targets, const char *chain,
			int64_t serial)
{
	for (unsigned i = 0; i < targets->count; i++) {
		if (strcmp(targets->items[i].chain, chain) != 0)
			continue;
		if (admin->store->admin->group_policy(admin->store, targets->items[i].group, serial,
						      admin->who, &admin->err)) {
			admin_fail(admin);
			return -1;
		}
		printf("published: serial %lld to %s\n", (long long)serial, targets->items[i].name);
	}
	return 0;
}

/* A file that was signed elsewhere: verified by the key set that its devices pinned. */
static int publish_signed(struct admin *admin, const char *path, const struct buf *text,
			  const struct targets *targets)
{
	const char *chain = targets->items[0].chain;
	size_t len = strcspn(buf_text(text), "\r\n");
	const struct keys *keys = identity_keys(admin->identity, chain);
	struct policy_document *doc = NULL;
	struct policy *policy = NULL;
	struct buf ini, jws_text;
	struct jws jws;
	int ret = -1;

	buf_init(&ini, POLICY_MAX_INI + 1);
	buf_init(&jws_text, JWS_MAX);
	for (unsigned i = 0; i < targets->count; i++)
		if (strcmp(targets->items[i].chain, chain) != 0) {
			admin_complain("the groups belong to schools with different key sets; "
				       "publish to each school by itself");
			goto out;
		}
	if (!keys) {
		admin_complain("the key sets '%s' are not kept here", chain);
		goto out;
	}
	buf_add(&jws_text, buf_text(text), len);
	if (policy_document_open(buf_text(&jws_text), len, keys, &doc, &admin->err) ||
	    jws_split(JWS_POLICY, buf_text(&jws_text), len, &jws, &admin->err)) {
		err_wrap(&admin->err, "%s", path);
		admin_fail(admin);
		goto out;
	}
	buf_add(&ini, doc->ini, doc->ini_len);
	if (lint(path, &ini, true, &policy) ||
	    keep_policy(admin, chain, doc, jws.kid, buf_text(&jws_text)))
		goto out;
	ret = point_groups(admin, targets, chain, doc->serial);
out:
	policy_free(policy);
	policy_document_free(doc);
	buf_clear(&ini);
	buf_clear(&jws_text);
	return ret;
}

/* With the policy key at hand: signed here, once for each chain of key sets, since a policy is for
 * one org. */
static int publish_plain(struct admin *admin, const struct options *options, const char *path,
			 struct targets *targets)
{
	struct crypto_signer *signer = NULL;
	const struct keys *keys;
	struct draft draft;
	int64_t newest;
	int ret = -1;

	draft_init(&draft);
	if (draft_read(admin, path, &draft) || admin_policy_key(admin, options, &signer))
		goto out;
	draft.doc.at = admin->now;
	for (unsigned i = 0; i < targets->count; i++) {
		const char *chain = targets->items[i].chain;
		const char *kid = crypto_key_kid(crypto_signer_key(signer));
		unsigned before = 0;
		while (before < i && strcmp(targets->items[before].chain, chain) != 0)
			before++;
		if (before < i)
			continue; /* done with the first of its chain */
		keys = identity_keys(admin->identity, chain);
		if (options_has(options, "all") && keys && keys->host[0] &&
		    !keys_policy_key(keys, kid)) {
			printf("left out: %s, which was handed over to %s\n",
			       targets->items[i].name, keys->host);
			continue;
		}
		if (!keys || !keys_policy_key(keys, kid)) {
			admin_complain("the policy key is not in the key set that the devices of "
				       "%s pinned",
				       targets->items[i].name);
			goto out;
		}
		snprintf(draft.doc.org, sizeof(draft.doc.org), "%s", keys->org);
		if (admin->store->desk->policy_serial(admin->store, NULL, &newest, &admin->err)) {
			admin_fail(admin);
			goto out;
		}
		draft.doc.serial = newest + 1;
		if (draft_sign(admin, &draft, signer) ||
		    keep_policy(admin, chain, &draft.doc, kid, buf_text(&draft.jws)) ||
		    point_groups(admin, targets, chain, draft.doc.serial))
			goto out;
	}
	ret = 0;
out:
	crypto_signer_free(signer);
	draft_clear(&draft);
	return ret;
}

int cmd_policy_publish(const struct options *options)
{
	static struct targets targets; /* too large for the stack; one command a process */
	const char *path = options->operands[0];
	struct admin admin;
	struct buf text;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	buf_init(&text, JWS_MAX);
	if (find_targets(&admin, options, &targets) ||
	    admin_read_file(&admin, path, JWS_MAX - 1, &text))
		goto out;
	/* A signed one begins with a JWS header: {" in base64url. */
	if (text.len > 3 && !memcmp(text.data, "eyJ", 3))
		ret = publish_signed(&admin, path, &text, &targets) ? EXIT_FAILED : EXIT_DONE;
	else
		ret = publish_plain(&admin, options, path, &targets) ? EXIT_FAILED : EXIT_DONE;
	if (!ret)
		puts("devices take it with their next acknowledgement; \"caretaker-collector "
		     "rollup\" shows which one each really runs");
out:
	targets.admin = NULL;
	buf_clear(&text);
	admin_close(&admin);
	return ret;
}

/* --- list, show, diff --- */

struct policy_list {
	struct listing listing;
	struct admin *admin;
	/* of the policy at hand */
	char org[UUID_LEN + 1];
	int64_t serial, groups, devices;
};

static int count_group(void *ctx, const struct store_group *group, struct err *err)
{
	struct policy_list *list = ctx;

	(void)err;
	list->groups += group->policy == list->serial;
	return 0;
}

static int count_school(void *ctx, const struct store_school *school, struct err *err)
{
	struct policy_list *list = ctx;

	return strcmp(school->org, list->org)
		       ? 0
		       : list->admin->store->desk->groups(list->admin->store, school->id,
							  count_group, list, err);
}

static int count_devices(void *ctx, const struct store_count *count, struct err *err)
{
	struct policy_list *list = ctx;

	(void)err;
	if (count->control == STORE_COUNT_POLICY && count->standing == list->serial)
		list->devices += count->count;
	return 0;
}

static int list_policy(void *ctx, const struct store_policy *policy, struct err *err)
{
	struct policy_list *list = ctx;
	struct store *store = list->admin->store;

	snprintf(list->org, sizeof(list->org), "%s", policy->org);
	list->serial = policy->serial;
	list->groups = list->devices = 0;
	if (store->desk->schools(store, count_school, list, err) ||
	    store->live->counts(store, STORE_TRUST, 0, count_devices, list, err))
		return -1;
	listing_row(&list->listing);
	listing_int(&list->listing, "serial", "SERIAL", policy->serial);
	listing_text(&list->listing, "name", "NAME", policy->name);
	listing_time(&list->listing, "signed_at", "SIGNED", policy->at);
	listing_time(&list->listing, "published_at", "PUBLISHED", policy->published_at);
	listing_text(&list->listing, "published_by", "BY", policy->published_by);
	listing_int(&list->listing, "groups", "GROUPS", list->groups);
	listing_int(&list->listing, "devices", "DEVICES RUN IT", list->devices);
	listing_text(&list->listing, "signer", NULL, policy->kid);
	listing_text(&list->listing, "chain", NULL, policy->org);
	return 0;
}

int cmd_policy_list(const struct options *options)
{
	struct policy_list list = {0};
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	listing_init(&list.listing, admin.json, "policies");
	list.admin = &admin;
	if (admin.store->desk->policies(admin.store, list_policy, &list, &admin.err)) {
		admin_fail(&admin);
	} else {
		listing_print(&list.listing, "no policy was published yet: devices run the "
					     "built-in default in audit mode");
		ret = EXIT_DONE;
	}
	listing_clear(&list.listing);
	admin_close(&admin);
	return ret;
}

struct find_policy {
	int64_t serial;
	char org[UUID_LEN + 1];
	bool found;
};

static int match_serial(void *ctx, const struct store_policy *policy, struct err *err)
{
	struct find_policy *find = ctx;

	(void)err;
	if (policy->serial == find->serial) {
		snprintf(find->org, sizeof(find->org), "%s", policy->org);
		find->found = true;
	}
	return 0;
}

/* A serial that was published, or a file. */
static int policy_text_of(struct admin *admin, const char *word, struct buf *out)
{
	struct find_policy find = {0};
	struct store_policy row;

	if (text_int(word, 1, INT64_C(1) << 52, &find.serial))
		return admin_read_file(admin, word, POLICY_MAX_INI, out);
	if (admin->store->desk->policies(admin->store, match_serial, &find, &admin->err) ||
	    admin->store->desk->policy(admin->store, find.org, find.serial, &row, &admin->err)) {
		admin_fail(admin);
		return -1;
	}
	buf_add(out, row.ini, row.ini_len);
	free(row.ini);
	free(row.jws);
	return 0;
}

int cmd_policy_show(const struct options *options)
{
	struct admin admin;
	struct buf text;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	buf_init(&text, POLICY_MAX_INI + 1);
	if (!policy_text_of(&admin, options->operands[0], &text)) {
		/* To a file as it was published, to be signed again. */
		if (isatty(STDOUT_FILENO))
			admin_put_lines(stdout, &text);
		else
			fputs(buf_text(&text), stdout);
		ret = EXIT_DONE;
	}
	buf_clear(&text);
	admin_close(&admin);
	return ret;
}

int cmd_policy_diff(const struct options *options)
{
	struct buf before, after, out;
	struct admin admin;
	unsigned changes;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	buf_init(&before, POLICY_MAX_INI + 1);
	buf_init(&after, POLICY_MAX_INI + 1);
	buf_init(&out, 0);
	if (policy_text_of(&admin, options->operands[0], &before) ||
	    policy_text_of(&admin, options->operands[1], &after))
		goto out;
	if (diff_policies(options->operands[0], &before, options->operands[1], &after, &out,
			  &changes, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	admin_put_lines(stdout, &out);
	printf("%u setting%s differ%s\n", changes, changes == 1 ? "" : "s",
	       changes == 1 ? "s" : "");
	ret = EXIT_DONE;
out:
	buf_clear(&before);
	buf_clear(&after);
	buf_clear(&out);
	admin_close(&admin);
	return ret;
}
