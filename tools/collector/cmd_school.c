/* caretaker-collector school, group, room: where devices belong.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/commands.h"

#include "agent/base/text.h"
#include "tools/collector/admin.h"
#include "tools/collector/csv.h"
#include "tools/collector/listing.h"
#include "tools/collector/rooms.h"
#include "tools/collector/store_desk.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What a person or a spreadsheet says becomes a name in lists and on paper: no control characters,
 * not empty. */
static int take_name(const char *kind, const char *text, char out[STORE_NAME_SIZE], struct err *err)
{
	char clean[STORE_NAME_SIZE];

	text_clean(clean, sizeof(clean), text, strlen(text));
	if (!*text || strcmp(clean, text) != 0)
		return err_set(err, ERR_INVALID,
			       "the %s's name '%.80s' is empty, too long (at most %d bytes) or "
			       "holds control characters",
			       kind, clean, STORE_NAME_SIZE - 1);
	snprintf(out, STORE_NAME_SIZE, "%s", text);
	return 0;
}

static int name_typed(struct admin *admin, const char *kind, const char *text,
		      char out[STORE_NAME_SIZE])
{
	return take_name(kind, text, out, &admin->err) ? admin_fail(admin) : 0;
}

/* --- schools --- */

int cmd_school_add(const struct options *options)
{
	struct store_school school = {0};
	struct admin admin;
	int64_t audit, not_seen, id;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	audit = admin.config.audit_days;
	not_seen = admin.config.not_seen_days;
	if (name_typed(&admin, "school", options->operands[0], school.name) ||
	    admin_number(options, "audit-days", 0, 365, &audit) ||
	    admin_number(options, "not-seen-days", 1, 365, &not_seen))
		goto out;
	school.created_at = admin.now;
	school.audit_days = (int)audit;
	school.not_seen_days = (int)not_seen;
	if (admin.store->admin->school_add(admin.store, &school, admin.who, &id, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	printf("school added: %s\n"
	       "its group 'default' is there; in audit until %d days after its first device\n"
	       "next: caretaker-collector code new --school \"%s\"\n",
	       school.name, school.audit_days, school.name);
	ret = EXIT_DONE;
out:
	admin_close(&admin);
	return ret;
}

struct school_list {
	struct listing listing;
	struct admin *admin;
};

static int list_school(void *ctx, const struct store_school *school, struct err *err)
{
	struct school_list *list = ctx;

	(void)err;
	listing_row(&list->listing);
	listing_text(&list->listing, "name", "SCHOOL", school->name);
	listing_time(&list->listing, "created_at", "ADDED", school->created_at);
	listing_int(&list->listing, "audit_days", NULL, school->audit_days);
	listing_time(&list->listing, "audit_until", "AUDIT UNTIL", school->audit_until);
	listing_int(&list->listing, "not_seen_days", "NOT SEEN DAYS", school->not_seen_days);
	listing_text(&list->listing, "chain", "KEYS", school->org[0] ? school->org : "own");
	return 0;
}

int cmd_school_list(const struct options *options)
{
	struct school_list list;
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	listing_init(&list.listing, admin.json, "schools");
	list.admin = &admin;
	if (admin.store->desk->schools(admin.store, list_school, &list, &admin.err))
		admin_fail(&admin);
	else
		ret = EXIT_DONE;
	if (!ret)
		listing_print(
			&list.listing,
			"no school yet; add one with \"caretaker-collector school add NAME\"");
	listing_clear(&list.listing);
	admin_close(&admin);
	return ret;
}

/* --- groups --- */

int cmd_group_add(const struct options *options)
{
	char name[STORE_NAME_SIZE];
	struct store_school school;
	struct admin admin;
	int64_t id;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	if (name_typed(&admin, "group", options->operands[0], name) ||
	    admin_school(&admin, options_get(options, "school"), &school))
		goto out;
	if (admin.store->admin->group_add(admin.store, school.id, name, admin.who, &id,
					  &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	printf("group added: %s / %s\n", school.name, name);
	ret = EXIT_DONE;
out:
	admin_close(&admin);
	return ret;
}

/* Groups and rooms are listed alike: those of one school or, school by school, of all. */
struct place_list {
	struct listing listing;
	struct admin *admin;
	const struct store_school *school;
};

static int list_places(const struct options *options, const char *name, const char *none,
		       int (*list_of)(void *ctx, const struct store_school *, struct err *))
{
	struct place_list list = {0};
	struct store_school school;
	struct admin admin;
	int ret = -1;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	listing_init(&list.listing, admin.json, name);
	list.admin = &admin;
	if (options_has(options, "school")) {
		if (admin_school(&admin, options_get(options, "school"), &school))
			goto out;
		ret = list_of(&list, &school, &admin.err);
	} else {
		ret = admin.store->desk->schools(admin.store, list_of, &list, &admin.err);
	}
	if (ret)
		admin_fail(&admin);
	else
		listing_print(&list.listing, none);
out:
	listing_clear(&list.listing);
	admin_close(&admin);
	return ret ? EXIT_FAILED : EXIT_DONE;
}

static int list_group(void *ctx, const struct store_group *group, struct err *err)
{
	struct place_list *list = ctx;

	(void)err;
	listing_row(&list->listing);
	listing_text(&list->listing, "school", "SCHOOL", list->school->name);
	listing_text(&list->listing, "group", "GROUP", group->name);
	listing_int(&list->listing, "policy_serial", "POLICY", group->policy);
	return 0;
}

static int list_groups_of(void *ctx, const struct store_school *school, struct err *err)
{
	struct place_list *list = ctx;

	list->school = school;
	return list->admin->store->desk->groups(list->admin->store, school->id, list_group, list,
						err);
}

int cmd_group_list(const struct options *options)
{
	return list_places(options, "groups", "no group yet: add a school first", list_groups_of);
}

/* --- rooms --- */

static int take_rules(struct admin *admin, const struct options *options, struct store_room *room)
{
	const char *names = options_get(options, "names");
	const char *subnets = options_get(options, "subnets");

	if (names && !text_copy(room->patterns, sizeof(room->patterns), names))
		return admin_complain("--names is too long (at most %zu bytes)",
				      sizeof(room->patterns) - 1);
	if (subnets && !text_copy(room->subnets, sizeof(room->subnets), subnets))
		return admin_complain("--subnets is too long (at most %zu bytes)",
				      sizeof(room->subnets) - 1);
	if (rooms_check_subnets(room->subnets, &admin->err))
		return admin_fail(admin);
	return 0;
}

static int apply_rules(struct admin *admin, int64_t school)
{
	int64_t count;

	if (admin->store->desk->rooms_apply(admin->store, school, admin->who, &count, &admin->err))
		return admin_fail(admin);
	printf("devices that this places in a room by their name: %lld\n", (long long)count);
	return EXIT_DONE;
}

int cmd_room_add(const struct options *options)
{
	struct store_room room = {0};
	struct store_school school;
	struct admin admin;
	int64_t id;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	if (name_typed(&admin, "room", options->operands[0], room.name) ||
	    admin_school(&admin, options_get(options, "school"), &school) ||
	    take_rules(&admin, options, &room))
		goto out;
	room.school = school.id;
	if (admin.store->admin->room_add(admin.store, &room, admin.who, &id, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	printf("room added: %s / %s\n", school.name, room.name);
	ret = room.patterns[0] ? apply_rules(&admin, school.id) : EXIT_DONE;
out:
	admin_close(&admin);
	return ret;
}

int cmd_room_rules(const struct options *options)
{
	struct store_school school;
	struct store_room room;
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	if (admin_school(&admin, options_get(options, "school"), &school) ||
	    admin_room(&admin, &school, options->operands[0], &room) ||
	    take_rules(&admin, options, &room))
		goto out;
	if (admin.store->desk->room_set(admin.store, &room, admin.who, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	printf("room %s: names '%s', subnets '%s'\n", room.name, room.patterns, room.subnets);
	ret = apply_rules(&admin, school.id);
out:
	admin_close(&admin);
	return ret;
}

static int list_room(void *ctx, const struct store_room *room, struct err *err)
{
	struct place_list *list = ctx;

	(void)err;
	listing_row(&list->listing);
	listing_text(&list->listing, "school", "SCHOOL", list->school->name);
	listing_text(&list->listing, "room", "ROOM", room->name);
	listing_text(&list->listing, "names", "DEVICE NAMES", room->patterns);
	listing_text(&list->listing, "subnets", "SUBNETS", room->subnets);
	return 0;
}

static int list_rooms_of(void *ctx, const struct store_school *school, struct err *err)
{
	struct place_list *list = ctx;

	list->school = school;
	return list->admin->store->desk->rooms(list->admin->store, school->id, list_room, list,
					       err);
}

int cmd_room_list(const struct options *options)
{
	return list_places(
		options, "rooms",
		"no room yet; add one with \"caretaker-collector room add --school SCHOOL NAME\"",
		list_rooms_of);
}

/* --- rooms from a CSV: serial,room --- */

struct room_import {
	struct admin *admin;
	const struct store_school *school;
	int64_t placed, expected, rooms;
};

static int find_room(void *ctx, const struct store_room *room, struct err *err)
{
	struct store_room *wanted = ctx;

	(void)err;
	if (!strcasecmp(room->name, wanted->name))
		wanted->id = room->id;
	return 0;
}

static int import_row(void *ctx, const struct csv_row *row, struct err *err)
{
	struct room_import *import = ctx;
	struct store *store = import->admin->store;
	struct store_room room = {.school = import->school->id};
	struct store_expected expected = {.school = import->school->id};
	const char *serial = csv_get(row, "serial"), *name = csv_get(row, "room");

	if (!*serial || !*name)
		return err_set(err, ERR_INVALID, "serial or room is empty");
	if (take_name("room", name, room.name, err))
		return -1;
	if (!text_copy(expected.serial, sizeof(expected.serial), serial))
		return err_set(err, ERR_INVALID, "serial is too long");
	if (store->desk->rooms(store, room.school, find_room, &room, err))
		return -1;
	if (!room.id) {
		if (store->admin->room_add(store, &room, import->admin->who, &room.id, err))
			return -1;
		import->rooms++;
	}
	if (!store->desk->room_by_serial(store, room.school, serial, room.id, import->admin->who,
					 err)) {
		import->placed++;
		return 0;
	}
	if (err->code != ERR_NOTFOUND)
		return -1;
	/* Not here yet: remembered for when it enrols. */
	expected.room = room.id;
	import->expected++;
	return store->desk->expect(store, &expected, import->admin->who, err);
}

int cmd_room_import(const struct options *options)
{
	static const char *const columns[] = {"serial", "room", NULL};
	struct store_school school;
	struct room_import import = {.school = &school};
	struct admin admin;
	struct buf text;
	int ret = EXIT_FAILED;

	buf_init(&text, ADMIN_MAX_FILE);
	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	import.admin = &admin;
	if (admin_school(&admin, options_get(options, "school"), &school) ||
	    admin_read_file(&admin, options->operands[0], ADMIN_MAX_FILE / 2, &text))
		goto out;
	if (csv_read(options->operands[0], buf_text(&text), text.len, columns, import_row, &import,
		     &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	printf("devices placed: %lld, remembered for when they enrol: %lld, rooms added: %lld\n",
	       (long long)import.placed, (long long)import.expected, (long long)import.rooms);
	ret = EXIT_DONE;
out:
	buf_clear(&text);
	admin_close(&admin);
	return ret;
}
