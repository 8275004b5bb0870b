/* agent/proto/inventory.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/buf.h"
#include "agent/proto/inventory.h"

#define DEVICE "11111111-2222-4333-8444-555555555555"
#define BODY \
	"{\"v\":1,\"software\":{\"dpkg\":[[\"bash\",\"5\",\"GPL\",\"Debian\"]]},\"hardware\":" \
	"null}"

static void gives_back_the_very_bytes(void **state)
{
	static const char body[] = " {\"v\":1, \"software\":{\"pip\":[]},\"hardware\":null}";
	struct inventory in = {
		.device = DEVICE, .at = 1795329600, .body = body + 1, .body_len = sizeof(body) - 2};
	struct inventory out;
	struct buf text;

	(void)state;
	buf_init(&text, 0);
	inventory_encode(&in, &text);
	assert_works(inventory_decode(buf_text(&text), text.len, &out, &err));
	assert_string_equal(out.device, DEVICE);
	assert_int_equal(out.at, 1795329600);
	assert_int_equal(out.body_len, in.body_len);
	assert_memory_equal(out.body, in.body, in.body_len);
	/* As a pretty printer would leave it: the body's own bytes are what is hashed. */
	buf_addc(&text, '\n');
	assert_works(inventory_decode(buf_text(&text), text.len, &out, &err));
	assert_memory_equal(out.body, in.body, in.body_len);
	buf_clear(&text);
}

static void refuse(const char *text, const char *why)
{
	struct inventory out = {.at = 7};

	struct err err = {0};

	assert_int_equal(inventory_decode(text, strlen(text), &out, &err), -1);
	if (!strstr(err.msg, why))
		fail_msg("got '%s', want '%s', of %s", err.msg, why, text);
	assert_int_equal(out.at, 7);
}

static void refuses_another_hash_or_shape(void **state)
{
	static const struct {
		const char *body, *why;
	} bodies[] = {
		{"{\"v\":2,\"software\":null}", "inventory: "},
		{"{\"v\":1}", "member 'software': missing"},
		{"{\"v\":1,\"software\":{\"dpkg\":{}}}", "expected arrays by short names"},
		{"{\"v\":1,\"software\":{\"dpkg\":[[\"a\",\"1\",\"x\"]]}}",
		 "'dpkg', entry 1: expected four strings, got 3"},
		{"{\"v\":1,\"software\":{\"dpkg\":[[\"a\",\"1\",\"x\",5]]}}",
		 "'dpkg', entry 1: expected strings of at most 255 bytes"},
		{"{\"v\":1,\"software\":{\"dpkg\":[\"a\"]}}", "expected an array of four strings"},
	};
	struct buf text;

	(void)state;
	buf_init(&text, 0);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct inventory in = {.device = DEVICE,
				       .at = 1795329600,
				       .body = bodies[i].body,
				       .body_len = strlen(bodies[i].body)};

		buf_reset(&text);
		inventory_encode(&in, &text);
		refuse(buf_text(&text), bodies[i].why);
	}
	buf_clear(&text);
	refuse("{\"v\":1,\"device\":\"" DEVICE "\",\"at\":\"2026-11-22T06:40:00Z\",\"sha256\":"
	       "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"inventory\":" BODY "}",
	       "the inventory's bytes have another");
	refuse("{\"v\":1,\"device\":\"" DEVICE "\",\"inventory\":" BODY
	       ",\"at\":\"2026-11-22T06:40:00Z\",\"sha256\":"
	       "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
	       "expected to be the last");
	refuse("[]", "expected an object");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_back_the_very_bytes),
		cmocka_unit_test(refuses_another_hash_or_shape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
