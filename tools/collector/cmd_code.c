/* caretaker-collector code, preregister, waiting, adopt: how devices come in.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/commands.h"

#include "agent/base/text.h"
#include "platform/os.h"
#include "tools/collector/admin.h"
#include "tools/collector/exceptions_sign.h"
#include "tools/collector/csv.h"
#include "tools/collector/listing.h"
#include "tools/collector/store_desk.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* --- new --- */

/* What the code pins for TLS: our CA, or the end of the chain that the school brought itself. */
static int code_pin(struct admin *admin, uint8_t out[PKI_HASH_SIZE])
{
	struct buf pem;
	int ret = -1;

	if (!admin->config.certificate[0]) {
		memcpy(out, identity_ca_pin(admin->identity), PKI_HASH_SIZE);
		return 0;
	}
	buf_init(&pem, PKI_MAX_PEM + 1);
	if (!plat_file_read(admin->config.certificate, PKI_MAX_PEM, &pem, &admin->err) &&
	    !pki_last_sha256(buf_text(&pem), out, &admin->err))
		ret = 0;
	else
		admin_fail(admin);
	buf_clear(&pem);
	return ret;
}

/* The policy key whose thumbprint the code names has to have signed a set that holds it. */
static int code_policy(struct admin *admin, const struct store_school *school, char *out)
{
	const struct keys *keys = identity_keys(admin->identity, school->org);

	for (unsigned i = keys ? keys->policy_count : 0; i-- > 0;) {
		const char *kid = crypto_key_kid(keys->policy[i]);
		if (identity_keys_first(admin->identity, school->org, kid)) {
			snprintf(out, CRYPTO_KID_LEN + 1, "%s", kid);
			return 0;
		}
	}
	return admin_complain("no policy key in force signed a key set of its own; finish what "
			      "\"caretaker-collector keys rotate-policy\" began");
}

static int code_fill(struct admin *admin, const struct options *options,
		     const struct store_school *school, struct store_code *row)
{
	struct enrol_code code = {.trust_system = options_has(options, "trust-system")};
	const char *host = options_get(options, "host");
	struct store_site site;

	if (admin->store->live->site(admin->store, &site, &admin->err) ||
	    plat_random(code.secret, sizeof(code.secret), &admin->err))
		return admin_fail(admin);
	if (code_pin(admin, code.ca) || code_policy(admin, school, code.policy_kid))
		return -1;
	if (!host)
		host = admin->config.public_host[0] ? admin->config.public_host : site.host;
	if (!text_copy(code.host, sizeof(code.host), host))
		return admin_complain("--host is too long");
	enrol_code_id(&code, row->id);
	memcpy(row->secret, code.secret, sizeof(row->secret));
	if (enrol_code_format(&code, row->text, sizeof(row->text), &admin->err))
		return admin_fail(admin);
	return 0;
}

static void code_print(const struct admin *admin, const struct store_code *code,
		       const struct store_school *school, const struct store_group *group)
{
	char end[TEXT_TIME_SIZE] = "never";

	if (admin->json) {
		struct buf out;
		struct jsonw w;
		buf_init(&out, 0);
		jsonw_init(&w, &out);
		w.indent = true;
		jsonw_object(&w, NULL);
		jsonw_string(&w, "id", code->id);
		jsonw_string(&w, "code", code->text);
		jsonw_string(&w, "school", school->name);
		jsonw_string(&w, "group", group->name);
		jsonw_int(&w, "uses", code->uses_max);
		jsonw_time(&w, "ends_at", code->ends_at);
		jsonw_bool(&w, "shared", code->shared);
		jsonw_object_end(&w);
		puts(buf_text(&out));
		buf_clear(&out);
		return;
	}
	if (code->ends_at)
		text_time(end, code->ends_at);
	printf("code %s for %s / %s\n", code->id, school->name, group->name);
	if (code->uses_max)
		printf("uses: %lld, ends: %s%s\n", (long long)code->uses_max, end,
		       code->shared ? ", devices wait for a yes (shared)" : "");
	else
		printf("uses: any number, ends: %s%s\n", end,
		       code->shared ? ", devices wait for a yes (shared)" : "");
	printf("\non the device:\n  caretaker enrol %s\n", code->text);
}

int cmd_code_new(const struct options *options)
{
	int64_t uses = 1;
	struct store_code code = {0};
	struct store_school school;
	struct store_group group;
	struct store_room room = {0};
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	if (admin_school(&admin, options_get(options, "school"), &school) ||
	    admin_group(&admin, &school, options_get(options, "group"), &group) ||
	    (options_has(options, "room") &&
	     admin_room(&admin, &school, options_get(options, "room"), &room)) ||
	    admin_number(options, "uses", 0, 1000000, &uses) ||
	    admin_end(&admin, options, &code.ends_at))
		goto out;
	if (!code.ends_at)
		code.ends_at = admin.now + 14 * 24 * 60 * 60;
	code.school = school.id;
	code.group = group.id;
	code.room = room.id;
	code.shared = options_has(options, "shared");
	code.uses_max = uses;
	code.created_at = admin.now;
	snprintf(code.created_by, sizeof(code.created_by), "%s", admin.who);
	if (options_has(options, "note"))
		text_clean(code.note, sizeof(code.note), options_get(options, "note"),
			   strlen(options_get(options, "note")));
	if (code_fill(&admin, options, &school, &code))
		goto out;
	if (admin.store->admin->code_add(admin.store, &code, admin.who, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	code_print(&admin, &code, &school, &group);
	ret = EXIT_DONE;
out:
	crypto_wipe(&code, sizeof(code));
	admin_close(&admin);
	return ret;
}

/* --- list, revoke --- */

struct code_list {
	struct listing listing;
	struct admin *admin;
	const struct store_school *school;
	bool secrets;
};

static const char *code_state(const struct store_code *code, int64_t now)
{
	if (code->revoked_at)
		return "revoked";
	if (code->ends_at && code->ends_at <= now)
		return "ended";
	return code->uses_max && code->uses >= code->uses_max ? "used up" : "in use";
}

static int list_code(void *ctx, const struct store_code *code, struct err *err)
{
	struct code_list *list = ctx;

	(void)err;
	listing_row(&list->listing);
	listing_text(&list->listing, "id", "CODE", code->id);
	listing_text(&list->listing, "school", "SCHOOL", list->school->name);
	listing_text(&list->listing, "state", "STATE", code_state(code, list->admin->now));
	listing_int(&list->listing, "used", "USED", code->uses);
	listing_int(&list->listing, "uses", "OF", code->uses_max);
	listing_bool(&list->listing, "shared", "SHARED", code->shared);
	listing_time(&list->listing, "ends_at", "ENDS", code->ends_at);
	listing_text(&list->listing, "created_by", "BY", code->created_by);
	listing_text(&list->listing, "note", "NOTE", code->note);
	if (list->secrets)
		listing_text(&list->listing, "code", NULL, code->text);
	return 0;
}

static int list_codes_of(void *ctx, const struct store_school *school, struct err *err)
{
	struct code_list *list = ctx;

	list->school = school;
	return list->admin->store->desk->codes(list->admin->store, school->id, list_code, list,
					       err);
}

int cmd_code_list(const struct options *options)
{
	struct code_list list = {0};
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	listing_init(&list.listing, admin.json, "codes");
	list.admin = &admin;
	list.secrets = options_has(options, "show");
	if (list.secrets && admin_audit(&admin, "code list", "with the codes themselves", NULL))
		goto out;
	if (admin.store->desk->schools(admin.store, list_codes_of, &list, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	listing_print(&list.listing,
		      "no code yet; make one with \"caretaker-collector code new --school NAME\"");
	ret = EXIT_DONE;
out:
	listing_clear(&list.listing);
	admin_close(&admin);
	return ret;
}

int cmd_code_revoke(const struct options *options)
{
	struct admin admin;
	int ret = EXIT_DONE;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	for (int i = 0; !ret && i < options->operand_count; i++) {
		if (admin.store->desk->code_revoke(admin.store, options->operands[i], admin.now,
						   admin.who, &admin.err))
			ret = admin_fail(&admin);
		else
			printf("revoked: %s; devices that it enrolled stay\n",
			       options->operands[i]);
	}
	admin_close(&admin);
	return ret;
}

/* --- serial numbers registered beforehand --- */

struct preregister {
	struct admin *admin;
	const struct store_school *school;
	int64_t count;
};

static int group_named(void *ctx, const struct store_group *group, struct err *err)
{
	struct store_group *wanted = ctx;

	(void)err;
	if (!strcasecmp(group->name, wanted->name))
		wanted->id = group->id;
	return 0;
}

static int room_named(void *ctx, const struct store_room *room, struct err *err)
{
	struct store_room *wanted = ctx;

	(void)err;
	if (!strcasecmp(room->name, wanted->name))
		wanted->id = room->id;
	return 0;
}

static int preregister_row(void *ctx, const struct csv_row *row, struct err *err)
{
	struct preregister *all = ctx;
	struct store *store = all->admin->store;
	struct store_expected expected = {.school = all->school->id};
	struct store_group group = {0};
	struct store_room room = {0};

	if (!*csv_get(row, "serial") ||
	    !text_copy(expected.serial, sizeof(expected.serial), csv_get(row, "serial")) ||
	    !text_copy(expected.name, sizeof(expected.name), csv_get(row, "name")))
		return err_set(err, ERR_INVALID, "the serial is empty, or it or the name too long");
	if (enrol_placeholder(expected.serial))
		return err_set(err, ERR_INVALID,
			       "'%s' is a placeholder that many machines share: it identifies "
			       "nothing",
			       expected.serial);
	(void)text_copy(group.name, sizeof(group.name), csv_get(row, "group"));
	(void)text_copy(room.name, sizeof(room.name), csv_get(row, "room"));
	if ((group.name[0] &&
	     store->desk->groups(store, expected.school, group_named, &group, err)) ||
	    (room.name[0] && store->desk->rooms(store, expected.school, room_named, &room, err)))
		return -1;
	if (group.name[0] && !group.id)
		return err_set(err, ERR_INVALID, "there is no group '%s' in %s", group.name,
			       all->school->name);
	if (room.name[0] && !room.id)
		return err_set(err, ERR_INVALID, "there is no room '%s' in %s", room.name,
			       all->school->name);
	expected.group = group.id;
	expected.room = room.id;
	all->count++;
	return store->desk->expect(store, &expected, all->admin->who, err);
}

int cmd_preregister(const struct options *options)
{
	static const char *const columns[] = {"serial", NULL};
	struct store_school school;
	struct preregister all = {.school = &school};
	struct admin admin;
	struct buf text;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	buf_init(&text, ADMIN_MAX_FILE);
	all.admin = &admin;
	if (admin_school(&admin, options_get(options, "school"), &school) ||
	    admin_read_file(&admin, options->operands[0], ADMIN_MAX_FILE / 2, &text))
		goto out;
	if (csv_read(options->operands[0], buf_text(&text), text.len, columns, preregister_row,
		     &all, &admin.err)) {
		admin_fail(&admin);
		fprintf(stderr, "rows before it were taken; the file may be given again whole\n");
		goto out;
	}
	printf("serial numbers registered: %lld; these machines enrol at once, also with a shared "
	       "code\n",
	       (long long)all.count);
	ret = EXIT_DONE;
out:
	buf_clear(&text);
	admin_close(&admin);
	return ret;
}

/* --- devices that wait, devices that came back --- */

struct device_list {
	struct listing listing;
	bool adopt;
};

static int list_device(void *ctx, const struct store_device *device, struct err *err)
{
	struct device_list *list = ctx;

	(void)err;
	listing_row(&list->listing);
	listing_text(&list->listing, "device", "DEVICE", device->uuid);
	listing_text(&list->listing, "name", "NAME", device->name);
	listing_text(&list->listing, "school", "SCHOOL", device->school_name);
	listing_text(&list->listing, "room", "ROOM", device->room_name);
	listing_text(&list->listing, "serial", "SERIAL", device->hardware.serial);
	listing_text(&list->listing, "model", "MODEL", device->hardware.model);
	listing_time(&list->listing, "enrolled_at", "CAME", device->enrolled_at);
	if (list->adopt)
		listing_text(&list->listing, "was", "WAS", device->adopts_uuid);
	return 0;
}

static int list_some(const struct options *options, bool adopt, const char *none)
{
	struct store_device_filter filter;
	struct device_list list = {.adopt = adopt};
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	store_device_filter_init(&filter);
	if (adopt)
		filter.adoptable = true;
	else
		filter.status = STORE_WAITING;
	listing_init(&list.listing, admin.json, "devices");
	if (admin_audit(&admin, adopt ? "adopt list" : "waiting list", "", NULL))
		goto out;
	if (admin.store->desk->devices(admin.store, &filter, list_device, &list, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	listing_print(&list.listing, none);
	ret = EXIT_DONE;
out:
	listing_clear(&list.listing);
	admin_close(&admin);
	return ret;
}

int cmd_waiting_list(const struct options *options)
{
	return list_some(options, false, "no device is waiting");
}

int cmd_adopt_list(const struct options *options)
{
	return list_some(options, true, "no machine came back under a new key");
}

#define BULK_MAX 20000

struct bulk {
	struct admin *admin;
	struct {
		int64_t id;
		char uuid[UUID_LEN + 1];
	} devices[BULK_MAX];
	unsigned count;
};

static int bulk_add(void *ctx, const struct store_device *device, struct err *err)
{
	struct bulk *bulk = ctx;

	(void)err;
	if (bulk->count < BULK_MAX) {
		bulk->devices[bulk->count].id = device->id;
		snprintf(bulk->devices[bulk->count++].uuid, UUID_LEN + 1, "%s", device->uuid);
	}
	return 0;
}

/* The devices that were named, or with --all all that the filter finds. */
static int bulk_gather(struct admin *admin, const struct options *options, bool adopt,
		       struct bulk *bulk)
{
	struct store_device_filter filter;
	struct store_school school = {0};
	struct store_device device;

	if (!options->operand_count == !options_has(options, "all")) {
		admin_complain("name the devices, or give --all");
		return -1;
	}
	for (int i = 0; i < options->operand_count; i++) {
		if (admin_device(admin, options->operands[i], &device) ||
		    bulk_add(bulk, &device, &admin->err))
			return -1;
	}
	if (!options_has(options, "all"))
		return 0;
	if (options_has(options, "school") &&
	    admin_school(admin, options_get(options, "school"), &school))
		return -1;
	store_device_filter_init(&filter);
	filter.school = school.id;
	filter.adoptable = adopt;
	filter.status = adopt ? -1 : STORE_WAITING;
	if (admin->store->desk->devices(admin->store, &filter, bulk_add, bulk, &admin->err)) {
		admin_fail(admin);
		return -1;
	}
	return 0;
}

static int settle_waiting(const struct options *options, enum store_status status, const char *why,
			  const char *done)
{
	static struct bulk bulk; /* too large for the stack; one command a process */
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	if (bulk_gather(&admin, options, false, &bulk))
		goto out;
	for (unsigned i = 0; i < bulk.count; i++)
		if (admin.store->admin->device_status(admin.store, bulk.devices[i].uuid, status,
						      why, admin.who, &admin.err)) {
			admin_fail(&admin);
			goto out;
		}
	printf("%s: %u\n", done, bulk.count);
	ret = EXIT_DONE;
out:
	admin_close(&admin);
	return ret;
}

int cmd_waiting_accept(const struct options *options)
{
	return settle_waiting(options, STORE_ACTIVE, "accepted",
			      "devices accepted (they hear of it at their next question)");
}

int cmd_waiting_refuse(const struct options *options)
{
	return settle_waiting(options, STORE_REVOKED, "refused", "devices refused");
}

int cmd_adopt_accept(const struct options *options)
{
	static struct bulk bulk; /* as above */
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	if (bulk_gather(&admin, options, true, &bulk))
		goto out;
	for (unsigned i = 0; i < bulk.count; i++)
		if (admin.store->desk->adopt(admin.store, bulk.devices[i].id, admin.now, admin.who,
					     &admin.err) ||
		    exceptions_sign_device(admin.store, admin.identity, bulk.devices[i].uuid,
					   admin.now, &admin.err)) {
			err_wrap(&admin.err, "%s", bulk.devices[i].uuid);
			admin_fail(&admin);
			goto out;
		}
	printf("devices adopted with their history: %u\n", bulk.count);
	ret = EXIT_DONE;
out:
	admin_close(&admin);
	return ret;
}
