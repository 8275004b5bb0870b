/* caretaker-collector devices, device, rollup, export: looking, and what is decided about one.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/commands.h"

#include "agent/base/text.h"
#include "tools/collector/admin.h"
#include "tools/collector/exceptions_sign.h"
#include "tools/collector/listing.h"
#include "tools/collector/report.h"
#include "tools/collector/rollup.h"

#include <stdio.h>
#include <string.h>

/* --- devices --- */

struct device_list {
	struct listing listing;
};

static int list_device(void *ctx, const struct store_device *d, struct err *err)
{
	struct device_list *list = ctx;
	char policy[32];

	(void)err;
	listing_row(&list->listing);
	if (list->listing.json) {
		report_device_members(&list->listing.w, d);
		return 0;
	}
	snprintf(policy, sizeof(policy), "%lld%s", (long long)d->policy_serial,
		 d->policy_serial == d->group_policy_serial ? "" : " *");
	listing_text(&list->listing, NULL, "NAME", d->name);
	listing_text(&list->listing, NULL, "SCHOOL", d->school_name);
	listing_text(&list->listing, NULL, "ROOM", d->room_name);
	listing_text(&list->listing, NULL, "STANDING",
		     d->standing >= 0 ? standing_name((enum standing)d->standing) : "");
	listing_text(&list->listing, NULL, "SEEN", report_presence(d->presence));
	listing_time(&list->listing, NULL, "LAST", d->last_seen);
	listing_text(&list->listing, NULL, "POLICY", policy);
	listing_text(&list->listing, NULL, "MODEL", d->hardware.model);
	listing_text(&list->listing, NULL, "DEVICE", d->uuid);
	return 0;
}

static int word_option(const struct options *options, const char *name,
		       int (*parse)(const char *, int *), const char *expected, int *out)
{
	const char *word = options_get(options, name);

	if (!word || !parse(word, out))
		return 0;
	return admin_complain("--%s '%.40s': expected %s", name, word, expected);
}

static int control_word(const char *word, int *out)
{
	enum control_id id;

	if (control_parse(word, &id))
		return -1;
	*out = id;
	return 0;
}

static int take_filter(struct admin *admin, const struct options *options,
		       struct store_device_filter *filter)
{
	int standing = -1;

	store_device_filter_init(filter);
	if (word_option(options, "status", report_status_parse,
			"waiting, active, revoked or retired", &filter->status) ||
	    word_option(options, "standing", report_standing_parse,
			"ok, to_fix, due_by, overdue, cannot_tell or allowed_until", &standing) ||
	    word_option(options, "presence", report_presence_parse, "seen, not_seen or never_seen",
			&filter->presence) ||
	    word_option(options, "control", control_word, "a control's name, such as anti-virus",
			&filter->control))
		return -1;
	if (filter->control >= 0)
		filter->control_standing = standing;
	else
		filter->standing = standing;
	return admin_place(admin, options_get(options, "school"), options_get(options, "group"),
			   options_get(options, "room"), filter);
}

int cmd_devices(const struct options *options)
{
	struct store_device_filter filter;
	struct device_list list;
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	listing_init(&list.listing, admin.json, "devices");
	if (take_filter(&admin, options, &filter) || admin_audit(&admin, "devices", "", NULL))
		goto out;
	if (admin.store->desk->devices(admin.store, &filter, list_device, &list, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	listing_print(&list.listing, "no device");
	ret = EXIT_DONE;
out:
	listing_clear(&list.listing);
	admin_close(&admin);
	return ret;
}

int cmd_device(const struct options *options)
{
	struct store_device device;
	struct admin admin;
	struct buf out;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	buf_init(&out, 0);
	if (admin_device(&admin, options->operands[0], &device) ||
	    admin_audit(&admin, "device", device.uuid, NULL))
		goto out;
	if (options_has(options, "inventory")) {
		ret = inventory_print(&admin, &device);
		goto out;
	}
	if (admin.json ? report_device_json(admin.store, &device, true, &out, &admin.err)
		       : report_device_text(admin.store, &device, admin.now, &out, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	fputs(buf_text(&out), stdout);
	ret = EXIT_DONE;
out:
	buf_clear(&out);
	admin_close(&admin);
	return ret;
}

/* --- what is decided about one --- */

static int set_status(const struct options *options, enum store_status status, const char *done)
{
	const char *why = options_get(options, "why");
	struct store_device device;
	struct admin admin;
	int ret = EXIT_DONE;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	for (int i = 0; !ret && i < options->operand_count; i++) {
		ret = EXIT_FAILED;
		if (admin_device(&admin, options->operands[i], &device))
			break;
		if (admin.store->admin->device_status(admin.store, device.uuid, status,
						      why ? why : "", admin.who, &admin.err)) {
			admin_fail(&admin);
			break;
		}
		printf("%s: %s  %s\n", done, device.uuid, device.name);
		ret = EXIT_DONE;
	}
	admin_close(&admin);
	return ret;
}

int cmd_device_revoke(const struct options *options)
{
	return set_status(options, STORE_REVOKED, "revoked, its key is no longer believed");
}

int cmd_device_retire(const struct options *options)
{
	return set_status(options, STORE_RETIRED, "retired, its history is kept");
}

static int move_one(struct admin *admin, const struct options *options, const char *word)
{
	const char *group_name = options_get(options, "group"),
		   *room_name = options_get(options, "room");
	struct store_device device;
	struct store_school school;
	struct store_group group;
	struct store_room room;
	int64_t to_group, to_room;

	if (admin_device(admin, word, &device) || admin_school(admin, device.school_name, &school))
		return EXIT_FAILED;
	to_group = device.group;
	to_room = device.room;
	if (group_name) {
		if (admin_group(admin, &school, group_name, &group))
			return EXIT_FAILED;
		to_group = group.id;
	}
	if (room_name && *room_name) {
		if (admin_room(admin, &school, room_name, &room))
			return EXIT_FAILED;
		to_room = room.id;
	} else if (room_name) {
		to_room = 0;
	}
	if (admin->store->admin->device_move(admin->store, device.uuid, to_group, to_room,
					     admin->who, &admin->err))
		return admin_fail(admin);
	if (to_group != device.group &&
	    exceptions_sign_device(admin->store, admin->identity, device.uuid, admin->now,
				   &admin->err))
		return admin_fail(admin);
	printf("moved: %s  %s\n", device.uuid, device.name);
	if (group_name && group.policy && group.policy < device.policy_serial)
		printf("note: it runs serial %lld and group %s has %lld, which it would refuse as "
		       "a roll-back; publish the group's policy again\n",
		       (long long)device.policy_serial, group.name, (long long)group.policy);
	return EXIT_DONE;
}

int cmd_device_move(const struct options *options)
{
	struct admin admin;
	int ret = EXIT_DONE;

	if (!options_has(options, "group") && !options_has(options, "room"))
		return admin_complain("say where to: --group NAME, --room NAME or both");
	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	for (int i = 0; !ret && i < options->operand_count; i++)
		ret = move_one(&admin, options, options->operands[i]);
	admin_close(&admin);
	return ret;
}

int cmd_device_erase(const struct options *options)
{
	struct store_device device;
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	if (admin_device(&admin, options->operands[0], &device))
		goto out;
	if (!options_has(options, "yes")) {
		admin_complain("this removes what %s (%s) reported, for good, and retires it; seq, "
			       "hash and prev stay so that its chain verifies; say --yes",
			       device.name, device.uuid);
		goto out;
	}
	if (admin.store->desk->erase(admin.store, device.id, admin.who, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	printf("erased: %s\n", device.uuid);
	ret = EXIT_DONE;
out:
	admin_close(&admin);
	return ret;
}

/* --- roll-up --- */

int cmd_rollup(const struct options *options)
{
	const char *word = options_get(options, "by");
	enum rollup_by by = ROLLUP_SCHOOL;
	struct store_school school;
	struct rollup rollup;
	struct admin admin;
	struct buf out;
	int ret = EXIT_FAILED;

	if (word && rollup_by_parse(word, &by))
		return admin_complain("--by '%.40s': expected school, room, group or control",
				      word);
	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	buf_init(&out, 0);
	if (options_has(options, "school") &&
	    admin_school(&admin, options_get(options, "school"), &school))
		goto out;
	if (rollup_read(admin.store, by, options_has(options, "school") ? &school : NULL, admin.now,
			&rollup, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	/* Counts need no line in the audit trail; what to fix first shows a device each. */
	if (rollup.cause_count && admin_audit(&admin, "rollup", rollup.school, NULL)) {
		rollup_clear(&rollup);
		goto out;
	}
	if (admin.json)
		rollup_json(&rollup, true, true, &out);
	else
		rollup_text(&rollup, &out);
	rollup_clear(&rollup);
	fputs(buf_text(&out), stdout);
	ret = EXIT_DONE;
out:
	buf_clear(&out);
	admin_close(&admin);
	return ret;
}

/* --- export --- */

static int export_row(void *ctx, const struct store_chain_row *row, struct err *err)
{
	struct buf *out = ctx;

	/* A line that caretaker verify reads: the heartbeat, or what erasure leaves of it. */
	if (row->jws)
		buf_addf(out, "%s\n", row->jws);
	else
		buf_addf(out, "{\"seq\":%lld,\"hash\":\"%s\",\"prev\":\"%s\"}\n",
			 (long long)row->seq, row->hash, row->prev);
	if (out->len < 65536)
		return 0;
	if (fwrite(out->data, 1, out->len, stdout) != out->len)
		return err_set(err, ERR_IO, "write to standard output");
	buf_reset(out);
	return 0;
}

static int export_key(void *ctx, const struct store_key *key, struct err *err)
{
	struct jsonw w;

	(void)err;
	jsonw_init(&w, ctx);
	crypto_point_write_jwk(key->point, &w, NULL);
	buf_addc(ctx, '\n');
	return 0;
}

/* Heartbeats, or with --key the public keys: together they verify offline. */
int cmd_export(const struct options *options)
{
	bool keys = options_has(options, "keys");
	struct store_device device;
	struct admin admin;
	struct buf out;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	buf_init(&out, 0);
	if (admin_device(&admin, options->operands[0], &device) ||
	    admin_audit(&admin, "export", device.uuid, NULL))
		goto out;
	if (options_has(options, "evidence")) {
		ret = evidence_write(&admin, &device, options_get(options, "evidence"));
		goto out;
	}
	if (keys ? admin.store->desk->keys(admin.store, device.id, export_key, &out, &admin.err)
		 : admin.store->desk->chain(admin.store, device.id, export_row, &out, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	if (out.len && fwrite(out.data, 1, out.len, stdout) != out.len) {
		admin_complain("write to standard output failed");
		goto out;
	}
	ret = EXIT_DONE;
out:
	buf_clear(&out);
	admin_close(&admin);
	return ret;
}
