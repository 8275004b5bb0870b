/* Compatible IDs: what a device answers Microsoft's systems, and whether it is worth asking.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/gate/compatible.h"
#include "agent/gate/hold.h"
#include "agent/gate/rules.h"

#define SECTION(interface, ...) interface, 1, __VA_ARGS__, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define MTP 'M', 'T', 'P', 0, 0, 0, 0, 0
#define PTP 'P', 'T', 'P', 0, 0, 0, 0, 0
#define WINUSB 'W', 'I', 'N', 'U', 'S', 'B', 0, 0
#define HEAD(count) (16 + 24 * (count)) & 0xff, 0, 0, 0, 0, 1, 4, 0, count, 0, 0, 0, 0, 0, 0, 0

static struct gate_device make(unsigned first, unsigned second)
{
	struct gate_device device = {.vendor = 0x0bb4, .product = 0x0f60, .interface_count = 2};

	for (unsigned i = 0; i < 2; i++) {
		device.interfaces[i].number = (uint8_t)(3 * i); /* numbers are not places */
		device.interfaces[i].class = (uint8_t)(i ? second : first);
		gate_modalias(&device, i, device.interfaces[i].modalias);
	}
	return device;
}

static struct gate_rules *rules_of(const char *more)
{
	struct gate_rules *rules = NULL;
	char text[512];

	snprintf(text, sizeof(text),
		 "caretaker-gate 1\npolicy p 1\nmode storage enforce 1\nmode hardware audit 2\n"
		 "%send\n",
		 more);
	assert_works(gate_rules_parse(text, strlen(text), &rules, &err));
	return rules;
}

static void knows_the_interface_that_is_mtp_or_ptp(void **state)
{
	static const struct {
		unsigned char bytes[64];
		size_t len;
		uint32_t media;
	} cases[] = {
		{{HEAD(1), SECTION(0, MTP)}, 40, 1},
		{{HEAD(1), SECTION(3, MTP)}, 40, 2},
		{{HEAD(1), SECTION(3, PTP)}, 40, 2},
		{{HEAD(1), SECTION(1, MTP)}, 40, 0}, /* it has none of this number */
		{{HEAD(1), SECTION(0, WINUSB)}, 40, 0},
		{{HEAD(2), SECTION(0, WINUSB), SECTION(3, MTP)}, 64, 2},
		{{HEAD(2), SECTION(0, MTP), SECTION(3, MTP)}, 64, 3},
		/* lengths that lie, a cut answer, another descriptor */
		{{HEAD(2), SECTION(0, MTP)}, 40, 1},
		{{HEAD(255), SECTION(0, MTP)}, 40, 1},
		{{HEAD(0), SECTION(0, MTP)}, 40, 0},
		{{HEAD(1), SECTION(0, MTP)}, 39, 0},
		{{HEAD(1)}, 16, 0},
		{{HEAD(1)}, 15, 0},
		{{0}, 0, 0},
		{{40, 0, 0, 0, 0, 1, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, SECTION(0, MTP)}, 40, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct gate_device device = make(0xff, 0xff);
		uint32_t got = gate_compatible_media(&device, cases[i].bytes, cases[i].len);

		if (got != cases[i].media)
			fail_msg("case %zu: got %x, want %x", i, got, cases[i].media);
	}
}

static void holds_a_vendor_s_own_interface_and_no_other(void **state)
{
	struct gate_rules *rules = rules_of("");
	struct gate_device device = make(0xff, 0x03);

	(void)state;
	gate_hold(&device, rules);
	gate_compatible_hold(&device, rules, 3);
	assert_int_equal(device.interfaces[0].held, GATE_HELD_MTP);
	assert_true(gate_waits(&device.interfaces[0], rules));
	assert_int_equal(device.interfaces[1].held, GATE_FREE); /* a keyboard is never refused */
	gate_rules_free(rules);
	rules = rules_of("refuse class other 5\n"); /* which hardware only audits */
	device = make(0xff, 0xff);
	gate_hold(&device, rules);
	gate_compatible_hold(&device, rules, 1);
	assert_int_equal(device.interfaces[0].held, GATE_HELD_MTP);
	assert_int_equal(device.interfaces[1].held, GATE_HELD_POLICY);
	gate_rules_free(rules);
}

static void asks_only_what_would_be_let_through_and_is_our_business(void **state)
{
	static const struct {
		const char *rules; /* NULL: none */
		unsigned first, second;
		bool asks;
	} cases[] = {
		{"", 0xff, 0x03, true},
		{NULL, 0xff, 0x03, true},
		{"", 0x03, 0x08, false},
		{"", 0x06, 0x06, false},
		{"set kinds usb,card 0\n", 0xff, 0xff, false},
		{"assist 0bb4:* 0\n", 0xff, 0xff, false},
		{"assist 0bb5:* 0\n", 0xff, 0xff, true},
		{"pass model 0bb4:0f60 0 - 7\n", 0xff, 0xff, false},
		{"pass model 0bb4:0f60 1790000000 EX-1 0\n", 0xff, 0xff, true}, /* it ends */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct gate_rules *rules = cases[i].rules ? rules_of(cases[i].rules) : NULL;
		struct gate_device device = make(cases[i].first, cases[i].second);

		gate_hold(&device, rules);
		if (gate_compatible_asks(&device, rules) != cases[i].asks)
			fail_msg("case %zu", i);
		if (rules) {
			rules->storage_mode = GATE_AUDIT;
			assert_false(gate_compatible_asks(&device, rules));
		}
		gate_rules_free(rules);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_interface_that_is_mtp_or_ptp),
		cmocka_unit_test(holds_a_vendor_s_own_interface_and_no_other),
		cmocka_unit_test(asks_only_what_would_be_let_through_and_is_our_business),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
