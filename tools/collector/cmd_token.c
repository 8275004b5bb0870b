/* caretaker-collector token, audit: who may ask the API, and who did what.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/commands.h"

#include "agent/base/text.h"
#include "platform/os.h"
#include "tools/collector/admin.h"
#include "tools/collector/listing.h"
#include "tools/collector/store_desk.h"

#include <stdio.h>
#include <string.h>

#define TOKEN_BYTES 32

static const char *const roles[] = {"technician", "admin", "viewer", NULL};

static int take_role(const struct options *options, char out[16])
{
	const char *role = options_get(options, "role");

	for (unsigned i = 0; roles[i]; i++)
		if (!strcmp(role ? role : "technician", roles[i])) {
			snprintf(out, 16, "%s", roles[i]);
			return 0;
		}
	return admin_complain("--role '%.40s': expected technician, admin, or viewer (counts "
			      "alone)",
			      role);
}

int cmd_token_new(const struct options *options)
{
	struct store_token token = {0};
	struct store_school school;
	uint8_t bytes[TOKEN_BYTES];
	char text[4 + B64URL_LEN(TOKEN_BYTES) + 1] = "ctk_";
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	if (!*options->operands[0] ||
	    !text_copy(token.name, sizeof(token.name), options->operands[0])) {
		admin_complain("the token's name is empty or longer than %zu bytes",
			       sizeof(token.name) - 1);
		goto out;
	}
	if (take_role(options, token.role) || admin_end(&admin, options, &token.ends_at))
		goto out;
	if (options_has(options, "school")) {
		if (admin_school(&admin, options_get(options, "school"), &school))
			goto out;
		token.school = school.id;
	}
	token.created_at = admin.now;
	if (plat_random(bytes, sizeof(bytes), &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	text_b64url_into(text + 4, bytes, sizeof(bytes));
	crypto_sha256(text, strlen(text), token.hash);
	if (admin.store->desk->token_add(admin.store, &token, admin.who, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	printf("%s\n", text);
	fprintf(stderr, "shown this once; the store keeps its hash alone\n");
	ret = EXIT_DONE;
out:
	crypto_wipe(bytes, sizeof(bytes));
	crypto_wipe(text, sizeof(text));
	admin_close(&admin);
	return ret;
}

struct token_list {
	struct listing listing;
	int64_t now;
};

static int list_token(void *ctx, const struct store_token *token, struct err *err)
{
	struct token_list *list = ctx;
	bool ended = token->ends_at && token->ends_at <= list->now;

	(void)err;
	listing_row(&list->listing);
	listing_text(&list->listing, "name", "NAME", token->name);
	listing_text(&list->listing, "role", "ROLE", token->role);
	listing_text(&list->listing, "state", "STATE",
		     token->revoked_at ? "revoked"
		     : ended           ? "ended"
				       : "in use");
	listing_bool(&list->listing, "all_schools", "ALL SCHOOLS", !token->school);
	listing_time(&list->listing, "created_at", "MADE", token->created_at);
	listing_time(&list->listing, "ends_at", "ENDS", token->ends_at);
	return 0;
}

int cmd_token_list(const struct options *options)
{
	struct token_list list;
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	listing_init(&list.listing, admin.json, "tokens");
	list.now = admin.now;
	if (admin.store->desk->tokens(admin.store, list_token, &list, &admin.err)) {
		admin_fail(&admin);
	} else {
		listing_print(&list.listing,
			      "no token yet; \"caretaker-collector token new NAME\"");
		ret = EXIT_DONE;
	}
	listing_clear(&list.listing);
	admin_close(&admin);
	return ret;
}

int cmd_token_revoke(const struct options *options)
{
	struct admin admin;
	int ret = EXIT_DONE;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	if (admin.store->desk->token_revoke(admin.store, options->operands[0], admin.now, admin.who,
					    &admin.err))
		ret = admin_fail(&admin);
	else
		printf("revoked: %s\n", options->operands[0]);
	admin_close(&admin);
	return ret;
}

static int list_audit(void *ctx, const struct store_audit_row *row, struct err *err)
{
	struct listing *listing = ctx;

	(void)err;
	listing_row(listing);
	listing_time(listing, "at", "AT", row->at);
	listing_text(listing, "who", "WHO", row->who);
	listing_text(listing, "action", "DID", row->action);
	listing_text(listing, "object", "TO", row->object);
	listing_text(listing, "detail", "DETAIL", strcmp(row->detail, "{}") ? row->detail : "");
	return 0;
}

int cmd_audit(const struct options *options)
{
	struct listing listing;
	struct admin admin;
	int64_t last = 50;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	listing_init(&listing, admin.json, "audit");
	if (admin_number(options, "last", 0, 1000000, &last))
		goto out;
	if (admin.store->desk->audit_rows(admin.store, (unsigned)last, list_audit, &listing,
					  &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	listing_print(&listing, "nothing yet");
	ret = EXIT_DONE;
out:
	listing_clear(&listing);
	admin_close(&admin);
	return ret;
}
