/* agent/proto/inventory.c: what is taken has the hash it names, and says the same after another
 * trip.  The hash is put right first where the input has one to put right, or no input would pass.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/proto/inventory.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* "@…" is a body: it is wrapped as a device would. */
static void wrap(const uint8_t *data, size_t len, struct buf *out)
{
	struct inventory inventory = {.device = "11111111-2222-4333-8444-555555555555",
				      .at = 1795329600,
				      .body = (const char *)data + 1,
				      .body_len = len - 1};

	inventory_encode(&inventory, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct inventory inventory, again;
	struct json *body;
	struct err err = {0};
	struct buf text;

	buf_init(&text, 0);
	if (len > 1 && data[0] == '@')
		wrap(data, len, &text);
	else
		buf_add(&text, data, len);
	if (inventory_decode(buf_text(&text), text.len, &inventory, &err) != 0) {
		must(err.code != ERR_NONE && err.msg[0]);
	} else {
		struct buf second;

		must(json_parse(inventory.body, inventory.body_len, &body, &err) == 0);
		must(json_is_object(body));
		json_free(body);
		buf_init(&second, 0);
		inventory_encode(&inventory, &second);
		must(inventory_decode(second.data, second.len, &again, &err) == 0);
		must(again.at == inventory.at && again.body_len == inventory.body_len);
		must(memcmp(again.body, inventory.body, again.body_len) == 0);
		must(strcmp(again.sha256, inventory.sha256) == 0);
		buf_clear(&second);
	}
	buf_clear(&text);
	return 0;
}
