/* caretaker-collector inventory: what is installed where, with its licences.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/commands.h"

#include "agent/base/buf.h"
#include "agent/proto/inventory.h"
#include "agent/proto/jws.h"
#include "tools/collector/admin.h"
#include "tools/collector/listing.h"
#include "tools/collector/store_desk.h"

#include <stdio.h>
#include <string.h>

/* One device's, as it sent it but for what would steer a terminal.  Its signature was checked when
 * it came. */
int inventory_print(struct admin *admin, const struct store_device *device)
{
	struct inventory inventory;
	struct buf text, payload, shown;
	struct jsonw w;
	struct jws jws;
	int ret = EXIT_FAILED;

	buf_init(&text, 0);
	buf_init(&payload, 0);
	buf_init(&shown, 0);
	if (admin->store->desk->inventory_jws(admin->store, device->id, &text, &admin->err) ||
	    jws_split(JWS_INVENTORY, buf_text(&text), text.len, &jws, &admin->err) ||
	    jws_payload(&jws, &payload, &admin->err) ||
	    inventory_decode(buf_text(&payload), payload.len, &inventory, &admin->err)) {
		admin_fail(admin);
	} else {
		jsonw_init(&w, &shown);
		jsonw_foreign(&w, NULL, inventory.body, inventory.body_len);
		printf("%s\n", buf_text(&shown));
		ret = EXIT_DONE;
	}
	buf_clear(&text);
	buf_clear(&payload);
	buf_clear(&shown);
	return ret;
}

static int list_program(void *ctx, const struct store_software *row, struct err *err)
{
	struct listing *listing = ctx;

	(void)err;
	listing_row(listing);
	listing_int(listing, "devices", "DEVICES", row->devices);
	listing_text(listing, "name", "NAME", row->name);
	listing_text(listing, "kind", "KIND", row->kind);
	listing_int(listing, "versions", "VERSIONS", row->versions);
	listing_text(listing, "licence", "LICENCE", row->licence);
	listing_text(listing, "origin", "FROM", row->origin);
	return 0;
}

static int list_holder(void *ctx, const struct store_software *row, struct err *err)
{
	struct listing *listing = ctx;

	(void)err;
	listing_row(listing);
	listing_text(listing, "name", "NAME", row->name);
	listing_text(listing, "version", "VERSION", row->version);
	listing_text(listing, "kind", "KIND", row->kind);
	listing_text(listing, "licence", "LICENCE", row->licence);
	listing_text(listing, "origin", "FROM", row->origin);
	listing_text(listing, "device_name", "DEVICE", row->device_name);
	listing_text(listing, "school", "SCHOOL", row->school);
	listing_text(listing, "device", "ID", row->device);
	return 0;
}

int cmd_inventory(const struct options *options)
{
	const char *program = options_get(options, "program");
	struct store_school school = {.id = 0};
	const struct store_desk_ops *desk;
	struct listing listing;
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	listing_init(&listing, admin.json, program ? "installed" : "software");
	if ((options_has(options, "school") &&
	     admin_school(&admin, options_get(options, "school"), &school)) ||
	    admin_audit(&admin, "inventory", program ? program : "", NULL))
		goto out;
	desk = admin.store->desk;
	if (program ? desk->software_on(admin.store, school.id, program, list_holder, &listing,
					&admin.err)
		    : desk->software(admin.store, school.id, "", list_program, &listing,
				     &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	listing_print(&listing, program ? "no device that sent its inventory has it"
					: "no inventory came yet");
	ret = EXIT_DONE;
out:
	listing_clear(&listing);
	admin_close(&admin);
	return ret;
}
