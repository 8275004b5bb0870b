/* Which interfaces wait: by what the kernel would bind to them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/gate/hold.h"
#include "agent/gate/rules.h"

static void knows_storage_drivers_by_name(void **state)
{
	static const struct {
		const char *name;
		bool want;
	} cases[] = {{"usb_storage", true},    {"usb-storage", true}, {"uas", true},
		     {"ums_realtek", true},    {"ums-karma", true},   {"rtsx_usb", true},
		     {"rtsx_usb_sdmmc", true}, {"ushc", true},        {"vub300", true},
		     {"microtek", true},       {"usbhid", false},     {"uasp", false},
		     {"usb_storage2", false},  {"", false},           {"um", false},
		     {"snd_usb_audio", false}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (gate_driver_stores(cases[i].name) != cases[i].want)
			fail_msg("'%s'", cases[i].name);
}

static void matches_alias_patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool want;
	} cases[] = {
		{"usb:v0419pAACEd0100dc*dsc*dp*ic*isc*ip*in*",
		 "usb:v0419pAACEd0100dc00dsc00dp00icFFisc00ip00in00", true},
		{"usb:v0419pAACEd0100dc*", "usb:v0419pAACEd0101dc00", false},
		{"usb:v*d01[0-4]*dc*", "usb:v0001d0135dc00", true},
		{"usb:v*d01[0-4]*dc*", "usb:v0001d0155dc00", false},
		{"a[!b]c", "axc", true},
		{"a[!b]c", "abc", false},
		{"a[0-9A-F]c", "aCc", true},
		{"a[0-9A-F]c", "aGc", false},
		{"a[", "a[", false},
		{"a[b", "ab", false},
		{"[]]", "]", true},
		{"?", "", false},
		{"*", "", true},
		{"*a*b", "xaxbxab", true},
		{"abc", "abcd", false},
		{"ABC", "abc", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (gate_alias_matches(cases[i].pattern, strlen(cases[i].pattern), cases[i].text) !=
		    cases[i].want)
			fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].text);
}

static struct gate_interface interface_of(unsigned class, unsigned subclass, unsigned protocol)
{
	struct gate_interface interface = {.class = (uint8_t) class,
					   .subclass = (uint8_t)subclass,
					   .protocol = (uint8_t)protocol};

	snprintf(interface.modalias, sizeof(interface.modalias),
		 "usb:v0419pAACEd0100dc00dsc00dp00ic%02Xisc%02Xip%02Xin00", class, subclass,
		 protocol);
	return interface;
}

static void notes_what_the_kernels_tables_resolve_to(void **state)
{
	static const char *const lines[] = {
		"# Aliases extracted from modules themselves.\n",
		"alias usb:v*p*d*dc*dsc*dp*ic03isc*ip*in* usbhid\n",
		"alias usb:v0419pAACFd*dc*dsc*dp*ic*isc*ip*in* usb_storage\n",
		"alias pci:v0419pAACEd* usb_storage\n",
		"alias usb:v0419pAACEd0100dc*dsc*dp*ic*isc*ip*in* usb_storage\n",
		"alias usb:v0419pAACEd*dc*dsc*dp*ic*isc*ip*in* usb_storage\n",
		"alias usb:v0419p*d*dc*dsc*dp*ic*isc*ip*in* ums_test",
		"alias usb:v*\n",
		"alias ",
		"alias",
	};
	struct gate_interface interface = interface_of(0x03, 1, 1);

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		gate_alias_line(&interface, lines[i], strlen(lines[i]));
	assert_string_equal(interface.drivers[0], "usb_storage");
	assert_string_equal(interface.drivers[1], "ums_test");
}

static void reads_what_is_built_into_the_kernel(void **state)
{
	static const char *const entries[] = {"usbhid.alias=usb:v*p*d*dc*dsc*dp*ic03isc*ip*in*",
					      "uas.license=GPL",
					      "uas.alias=",
					      "uas.alias",
					      "",
					      "usb_storage.alias=usb:v0419p*"};
	struct gate_interface interface = interface_of(0xff, 0, 0);

	(void)state;
	for (size_t i = 0; i < COUNT(entries); i++)
		gate_alias_builtin(&interface, entries[i], strlen(entries[i]));
	assert_string_equal(interface.drivers[0], "usb_storage");
	assert_string_equal(interface.drivers[1], "");
}

#define ENFORCE "caretaker-gate 1\npolicy p 1\nmode storage enforce 1\nmode hardware enforce 2\n"

static struct gate_rules *rules_of(const char *head, const char *more)
{
	char text[2048];
	struct gate_rules *rules = NULL;

	snprintf(text, sizeof(text), "%s%send\n", head, more);
	assert_works(gate_rules_parse(text, strlen(text), &rules, &err));
	return rules;
}

struct hold_case {
	unsigned class, subclass, protocol;
	const char *text, *driver;
	enum gate_held want;
};

static void holds_by_driver_class_and_what_says_mtp(void **state)
{
	static const struct hold_case cases[] = {
		{0x08, 0x06, 0x50, "", "usb_storage", GATE_HELD_DRIVER},
		{0x08, 0x06, 0x50, "", "", GATE_HELD_STORAGE},
		{0x08, 0xff, 0xff, "", "", GATE_HELD_STORAGE},
		{0x06, 1, 1, "", "", GATE_HELD_STILL},
		{0xff, 0xff, 0, "MTP", "", GATE_HELD_MTP},
		{0xff, 0xff, 0, "Android mtp interface", "", GATE_HELD_MTP},
		{0xff, 0, 0, "Media Transfer Protocol", "", GATE_HELD_MTP},
		{0xff, 0x42, 1, "ADB Interface", "", GATE_FREE},
		{0xff, 0, 0, "", "usb_storage", GATE_HELD_DRIVER},
		/* A keyboard that types, and one that usb_storage would take. */
		{0x03, 1, 1, "", "", GATE_FREE},
		{0x03, 1, 1, "MTP", "", GATE_FREE},
		{0x03, 1, 1, "", "usb_storage", GATE_HELD_DRIVER},
		{0x09, 0, 0, "", "", GATE_FREE},
		{0x01, 1, 0, "", "", GATE_FREE},
		{0x0e, 1, 0, "", "", GATE_FREE},
		{0x07, 1, 2, "", "", GATE_FREE},
		{0x0b, 0, 0, "", "", GATE_FREE},
		{0x02, 6, 0, "", "", GATE_FREE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct gate_device device = {.interface_count = 1};

		device.interfaces[0] =
			interface_of(cases[i].class, cases[i].subclass, cases[i].protocol);
		snprintf(device.interfaces[0].text, GATE_TEXT, "%s", cases[i].text);
		snprintf(device.interfaces[0].drivers[0], GATE_NAME, "%s", cases[i].driver);
		gate_hold(&device, NULL);
		if (device.interfaces[0].held != cases[i].want)
			fail_msg("case %zu: %s, not %s", i,
				 gate_held_name(device.interfaces[0].held),
				 gate_held_name(cases[i].want));
		assert_int_equal(gate_waits(&device.interfaces[0], NULL),
				 cases[i].want != GATE_FREE);
	}
}

static void another_setting_that_stores_is_held_but_not_on_a_keyboard(void **state)
{
	struct gate_device device = {.interface_count = 2};

	(void)state;
	device.interfaces[0] = interface_of(0xff, 0, 0);
	device.interfaces[1] = interface_of(0x03, 1, 1);
	device.interfaces[0].shifts = device.interfaces[1].shifts = true;
	gate_hold(&device, NULL);
	assert_int_equal(device.interfaces[0].held, GATE_HELD_STORAGE);
	assert_int_equal(device.interfaces[1].held, GATE_FREE);
}

static void holds_more_where_the_kernels_tables_cannot_be_read(void **state)
{
	static const struct {
		unsigned class;
		unsigned vendor;
		enum gate_held want;
	} cases[] = {{0xff, 0x1234, GATE_HELD_UNREADABLE},
		     {0xfe, 0x1234, GATE_HELD_UNREADABLE},
		     {0x03, 0x1234, GATE_FREE},
		     {0x09, 0x1234, GATE_FREE},
		     {0x01, 0x1234, GATE_FREE},
		     {0x0e, 0x1234, GATE_FREE},
		     {0x03, 0x0419, GATE_HELD_DRIVER},
		     {0x08, 0x1234, GATE_HELD_STORAGE}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct gate_device device = {.interface_count = 1,
					     .aliases_unread = true,
					     .vendor = (uint16_t)cases[i].vendor,
					     .product = 0xaace};

		device.interfaces[0] = interface_of(cases[i].class, 0, 0);
		gate_hold(&device, NULL);
		assert_int_equal(device.interfaces[0].held, cases[i].want);
	}
}

static void an_interface_whose_modalias_cannot_be_read_waits(void **state)
{
	struct gate_device device = {.interface_count = 1};

	(void)state;
	device.interfaces[0].class = 0xff;
	gate_hold(&device, NULL);
	assert_int_equal(device.interfaces[0].held, GATE_HELD_UNREADABLE);
}

static void a_policy_holds_what_it_names_and_never_what_people_need(void **state)
{
	static const struct {
		const char *rules;
		unsigned class, subclass, protocol;
		bool want;
	} cases[] = {
		{"refuse class network 3\n", 0x02, 0x06, 0, true},
		{"refuse class network 3\n", 0xe0, 1, 3, true},
		{"refuse class network 3\n", 0xef, 4, 1, true},
		{"refuse class network 3\n", 0x0a, 0, 0, false}, /* goes with its control */
		{"refuse class network 3\n", 0x02, 0x02, 1, false},
		{"refuse class modem 3\n", 0x02, 0x02, 1, true},
		{"refuse class modem 3\n", 0x02, 0x02, 0, false},
		{"refuse class serial 3\n", 0x02, 0x02, 0, true},
		{"refuse class bluetooth 3\n", 0xe0, 1, 1, true},
		{"refuse class wireless 3\n", 0xe0, 1, 1, false},
		{"refuse class wireless 3\n", 0xe0, 2, 1, true},
		{"refuse class phone 3\n", 0xff, 0x42, 1, true},
		{"refuse class phone 3\n", 0xff, 0xfe, 2, true},
		{"refuse class game 3\n", 0xff, 0x5d, 1, true},
		{"refuse class other 3\n", 0xff, 0, 0, true},
		{"refuse class other 3\n", 0xff, 0x5d, 1, false},
		{"refuse class printer 3\n", 0x07, 1, 2, false},
		{"refuse class thunderbolt 3\n", 0xff, 0, 0, false},
		{"refuse model 0419:aace 3\n", 0xff, 0, 0, true},
		{"refuse model 0419:aace 3\n", 0x02, 6, 0, true},
		{"refuse model 0419:aace 3\n", 0x03, 1, 1, false},
		{"refuse model 0419:aace 3\n", 0x01, 1, 1, false},
		{"refuse model 0419:aace 3\n", 0x0e, 1, 1, false},
		{"refuse model 0419:aace 3\n", 0x0b, 0, 0, false},
		{"refuse model 0419:aace 3\n", 0x07, 0, 0, false},
		{"refuse class other 3\npass model 0419:aace 0 - 4\n", 0xff, 0, 0, false},
		{"refuse model 0419:aace 3\npass model 0419:aace 0 - 4\n", 0xff, 0, 0, true},
		/* What has an end waits for whoever can tell the time. */
		{"refuse class other 3\npass model 0419:aace 1790000000 EX-1 0\n", 0xff, 0, 0,
		 true},
		{"refuse model 0419:aace 3\npass model 0419:aace 1790000000 EX-1 0\n", 0xff, 0, 0,
		 true},
		{"pass model 0419:aace 1790000000 EX-1 0\n", 0xff, 0, 0, false},
		{"refuse class other 3\nassist 0419:* 0\n", 0xff, 0, 0, false},
		{"refuse model 0419:aace 3\nassist 0419:* 0\n", 0xff, 0, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct gate_rules *rules = rules_of(ENFORCE, cases[i].rules);
		struct gate_device device = {
			.interface_count = 1, .vendor = 0x0419, .product = 0xaace};

		device.interfaces[0] =
			interface_of(cases[i].class, cases[i].subclass, cases[i].protocol);
		gate_hold(&device, rules);
		if ((device.interfaces[0].held == GATE_HELD_POLICY) != cases[i].want)
			fail_msg("case %zu: %s", i, gate_held_name(device.interfaces[0].held));
		gate_rules_free(rules);
	}
}

static void only_a_mode_of_enforce_makes_anything_wait(void **state)
{
	static const struct {
		const char *storage, *hardware;
		bool storage_waits, network_waits;
	} cases[] = {{"enforce", "audit", true, false}, {"audit", "enforce", false, true},
		     {"off", "enforce", false, true},   {"audit", "audit", false, false},
		     {"off", "off", false, false},      {"enforce", "enforce", true, true}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct gate_device device = {.interface_count = 2};
		struct gate_rules *rules;
		char head[256];

		snprintf(head, sizeof(head),
			 "caretaker-gate 1\npolicy p 1\nmode storage %s 1\nmode hardware %s 2\n",
			 cases[i].storage, cases[i].hardware);
		rules = rules_of(head, "refuse class network 3\n");
		device.interfaces[0] = interface_of(0x08, 6, 0x50);
		device.interfaces[1] = interface_of(0x02, 6, 0);
		gate_hold(&device, rules);
		assert_int_equal(gate_waits(&device.interfaces[0], rules), cases[i].storage_waits);
		assert_int_equal(gate_waits(&device.interfaces[1], rules), cases[i].network_waits);
		gate_rules_free(rules);
	}
}

static void where_storage_only_audits_a_refused_class_still_waits(void **state)
{
	struct gate_rules *rules = rules_of(
		"caretaker-gate 1\npolicy p 1\nmode storage audit 1\nmode hardware enforce 2\n",
		"refuse class phone 3\n");
	struct gate_device device = {.interface_count = 1};

	(void)state;
	device.interfaces[0] = interface_of(0x06, 1, 1);
	gate_hold(&device, rules);
	assert_int_equal(device.interfaces[0].held, GATE_HELD_POLICY);
	assert_true(gate_waits(&device.interfaces[0], rules));
	gate_rules_free(rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_storage_drivers_by_name),
		cmocka_unit_test(matches_alias_patterns),
		cmocka_unit_test(notes_what_the_kernels_tables_resolve_to),
		cmocka_unit_test(reads_what_is_built_into_the_kernel),
		cmocka_unit_test(holds_by_driver_class_and_what_says_mtp),
		cmocka_unit_test(another_setting_that_stores_is_held_but_not_on_a_keyboard),
		cmocka_unit_test(holds_more_where_the_kernels_tables_cannot_be_read),
		cmocka_unit_test(an_interface_whose_modalias_cannot_be_read_waits),
		cmocka_unit_test(a_policy_holds_what_it_names_and_never_what_people_need),
		cmocka_unit_test(only_a_mode_of_enforce_makes_anything_wait),
		cmocka_unit_test(where_storage_only_audits_a_refused_class_still_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
