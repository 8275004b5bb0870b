/* Descriptors, names, modaliases and ports of devices that say what they like.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/gate/device.h"

/* A stick as it is sold: one bulk-only interface. */
static const unsigned char stick[] = {
	18, 1, 0x10, 3, 0, 0,    0,    9,    0x51, 9, 0x66, 0x16, 0x10, 1, 1, 2, 3, 1, /* device */
	9,  2, 32,   0, 1, 1,    0,    0x80, 50,                                       /* config */
	9,  4, 0,    0, 2, 0x08, 0x06, 0x50, 0, /* 08/06/50 */
	7,  5, 0x81, 2, 0, 4,    0,    7,    5,    2, 2,    0,    4,    0,
};
/* Two configurations: a network card first, a disk second, with UAS as its other setting. */
static const unsigned char two[] = {
	18, 1, 0,  2, 0xef, 2,    1,    64,   0x34, 0x12, 0x78, 0x56, 0, 2, 0,    0,    0,    2,
	9,  2, 27, 0, 2,    1,    0,    0x80, 50,   9,    4,    0,    0, 0, 0x02, 0x06, 0,    0,
	9,  4, 1,  0, 0,    0x0a, 0,    0,    0,    9,    2,    27,   0, 1, 2,    0,    0x80, 50,
	9,  4, 0,  1, 0,    0x08, 0x06, 0x62, 0,    9,    4,    0,    0, 0, 0xff, 0,    0,    0,
};

static struct gate_device parse(const unsigned char *bytes, size_t len, unsigned configuration)
{
	struct gate_device device;

	assert_works(gate_device_parse_configuration(bytes, len, configuration, &device, &err));
	return device;
}

static void reads_a_stick(void **state)
{
	struct gate_device device = parse(stick, sizeof(stick), 0);

	(void)state;
	assert_int_equal(device.vendor, 0x0951);
	assert_int_equal(device.product, 0x1666);
	assert_int_equal(device.release, 0x0110);
	assert_int_equal(device.interface_count, 1);
	assert_int_equal(device.interfaces[0].class, 8);
	assert_int_equal(device.interfaces[0].subclass, 6);
	assert_int_equal(device.interfaces[0].protocol, 0x50);
	assert_false(device.interfaces[0].shifts);
}

static void takes_the_configuration_in_use_not_the_first(void **state)
{
	struct gate_device device = parse(two, sizeof(two), 1);

	(void)state;
	assert_int_equal(device.interface_count, 2);
	assert_int_equal(device.interfaces[0].class, 0x02);
	device = parse(two, sizeof(two), 2);
	assert_int_equal(device.interface_count, 1);
	/* Setting 0 counts although setting 1 came first; that the other one stores is kept. */
	assert_int_equal(device.interfaces[0].class, 0xff);
	assert_true(device.interfaces[0].shifts);
}

/* Linux ignores the second of two settings with one number. */
static void a_setting_told_twice_is_as_it_was_told_first(void **state)
{
	unsigned char bytes[sizeof(two)];
	struct gate_device device;

	(void)state;
	memcpy(bytes, two, sizeof(two));
	bytes[sizeof(two) - 15] = 0; /* the second configuration's first setting */
	device = parse(bytes, sizeof(bytes), 2);
	assert_int_equal(device.interface_count, 1);
	assert_int_equal(device.interfaces[0].class, 0x08);
}

static void refuses_descriptors_that_are_cut_or_lie(void **state)
{
	static const struct {
		size_t len, at; /* what to cut to, which byte to change (0: none) */
		unsigned char value;
		const char *msg;
	} cases[] = {
		{0, 0, 0, "no device descriptor in 0 bytes"},
		{17, 0, 0, "no device descriptor in 17 bytes"},
		{50, 1, 2, "no device descriptor in 50 bytes"},
		{20, 0, 0, "no configuration descriptor where one belongs"},
		{49, 0, 0, "a configuration says that it is 32 bytes long, and 31 are left"},
		{50, 20, 8, "a configuration says that it is 8 bytes long, and 32 are left"},
		{50, 21, 1, "a configuration says that it is 288 bytes long, and 32 are left"},
		{50, 27, 0, "a descriptor says that it is 0 bytes long, and 23 are left"},
		{50, 27, 1, "a descriptor says that it is 1 bytes long, and 23 are left"},
		{50, 27, 24, "a descriptor says that it is 24 bytes long, and 23 are left"},
		{50, 37, 4, "an interface descriptor of 7 bytes"},
		{50, 43, 8, "a descriptor says that it is 8 bytes long, and 7 are left"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned char bytes[sizeof(stick)];
		struct gate_device device = {.vendor = 77};

		memcpy(bytes, stick, sizeof(stick));
		if (cases[i].at)
			bytes[cases[i].at] = cases[i].value;
		assert_fails(gate_device_parse(bytes, cases[i].len, &device, &err), ERR_INVALID,
			     cases[i].msg);
		assert_int_equal(device.vendor, 77);
	}
	assert_fails(gate_device_parse_configuration(stick, sizeof(stick), 9,
						     &(struct gate_device){.vendor = 1}, &err),
		     ERR_INVALID, "it has no configuration 9");
}

static void refuses_more_interfaces_than_there_can_be(void **state)
{
	unsigned char bytes[18 + 9 + 33 * 9];
	struct gate_device device;

	(void)state;
	memcpy(bytes, stick, 27);
	bytes[20] = (unsigned char)((sizeof(bytes) - 18) & 0xff);
	bytes[21] = (unsigned char)((sizeof(bytes) - 18) >> 8);
	for (unsigned i = 0; i < 33; i++)
		memcpy(bytes + 27 + i * 9,
		       (unsigned char[]){9, 4, (unsigned char)i, 0, 0, 3, 0, 0, 0}, 9);
	assert_fails(gate_device_parse(bytes, sizeof(bytes), &device, &err), ERR_INVALID,
		     "more than 32 interfaces");
	bytes[27 + 32 * 9 + 2] = 31; /* one twice is one */
	assert_works(gate_device_parse(bytes, sizeof(bytes), &device, &err));
	assert_int_equal(device.interface_count, 32);
}

static void cleans_what_a_device_says_of_itself(void **state)
{
	static const struct {
		const char *serial, *want, *id;
		bool cleaned, weak;
	} cases[] = {
		{"60A44C41", "60A44C41", "0951:1666:60A44C41", false, false},
		{"", "", "0951:1666:", false, true},
		{"00000000", "00000000", "0951:1666:00000000", false, true},
		{"A B", "A B", "0951:1666:A_B", false, false},
		{"60A*", "60A*", "0951:1666:60A_", true, true}, /* no pattern for others */
		{"60A?4", "60A?4", "0951:1666:60A_4", true, true},
		{"\x1b[2J", "\xef\xbf\xbd[2J", "0951:1666:___[2J", true, true},
		{"\xff", "\xef\xbf\xbd", "0951:1666:___", true, true},
		{"\xc3\xa9", "\xc3\xa9", "0951:1666:__", true, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct gate_device device = parse(stick, sizeof(stick), 0);
		char id[GATE_ID];

		gate_device_says(&device, cases[i].serial, "Maker\n", "Model");
		gate_device_id(&device, id);
		assert_string_equal(device.serial, cases[i].want);
		assert_string_equal(id, cases[i].id);
		assert_int_equal(device.serial_cleaned, cases[i].cleaned);
		assert_int_equal(gate_serial_is_weak(&device), cases[i].weak);
		assert_string_equal(device.maker, "Maker\xef\xbf\xbd");
	}
}

static void a_serial_too_long_to_be_one_identifies_nothing(void **state)
{
	struct gate_device device = parse(stick, sizeof(stick), 0);
	char serial[256], id[GATE_ID];

	(void)state;
	for (size_t i = 0; i < sizeof(serial) - 1; i++)
		serial[i] = (char)('a' + i % 26);
	serial[sizeof(serial) - 1] = '\0';
	gate_device_says(&device, serial, "", "");
	gate_device_id(&device, id);
	assert_int_equal(strlen(device.serial), GATE_TEXT - 1);
	assert_int_equal(strlen(id), GATE_ID - 1);
	assert_true(gate_serial_is_weak(&device));
}

static void matches_ids(void **state)
{
	static const struct {
		const char *pattern, *id;
		bool want;
	} cases[] = {
		{"0951:1666", "0951:1666:60A4", true},
		{"0951:1666", "0951:1666:", true},
		{"0951:1666:60A4", "0951:1666:60a4", true},
		{"0951:1666:60A4", "0951:1666:60A", false},
		{"0951:1666:60*", "0951:1666:60A4", true},
		{"0951:*", "0951:1666:60A4", true},
		{"0951:*", "0952:1666:60A4", false},
		{"0951", "0951:1666:60A4", false},
		{"0951:1666:", "0951:1666:", true},
		{"0951:1666:", "0951:1666:1", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (gate_id_matches(cases[i].pattern, cases[i].id) != cases[i].want)
			fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].id);
}

static void writes_and_reads_modaliases_as_linux_does(void **state)
{
	struct gate_device device = parse(stick, sizeof(stick), 0), again = {.port = ""};
	struct gate_interface interface = {.name = ""};
	static const char want[] = "usb:v0951p1666d0110dc00dsc00dp00ic08isc06ip50in00";
	static const char *const wrong[] = {
		"",
		"usb:",
		"pci:v0951",
		"usb:v0951p1666d0110dc00dsc00dp00ic08isc06ip50in0",
		"usb:v0951p1666d0110dc00dsc00dp00ic08isc06ip50in000",
		"usb:v0951p1666d0110dc00dsc00dp00ic08isc06ip50in0g",
		"usb:v095ap1666d0110dc00dsc00dp00ic08isc06ip50in00",
	};
	char modalias[GATE_MODALIAS];

	(void)state;
	gate_modalias(&device, 0, modalias);
	assert_string_equal(modalias, want);
	assert_int_equal(gate_modalias_parse(want, &again, &interface), 0);
	assert_int_equal(again.vendor, 0x0951);
	assert_int_equal(interface.protocol, 0x50);
	assert_string_equal(interface.modalias, want);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		interface.class = 77;
		if (gate_modalias_parse(wrong[i], &again, &interface) != -1)
			fail_msg("'%s' was taken", wrong[i]);
		assert_int_equal(interface.class, 77);
	}
}

static void knows_how_deep_a_port_lies(void **state)
{
	static const struct {
		const char *port;
		int depth;
	} cases[] = {{"2-1", 0},      {"2-1.4", 1},    {"10-14.2.3", 2}, {"", -1},
		     {"2", -1},       {"2-", -1},      {"2-1.", -1},     {"usb1", -1},
		     {"1-0:1.0", -1}, {"2-1:1.0", -1}, {"2-x", -1},      {"2-1234", -1}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (gate_port_depth(cases[i].port) != cases[i].depth)
			fail_msg("'%s' is %d", cases[i].port, gate_port_depth(cases[i].port));
}

static void a_port_pattern_takes_what_hangs_below(void **state)
{
	static const struct {
		const char *pattern, *port;
		bool want;
	} cases[] = {
		{"2-1", "2-1", true},    {"2-1", "2-1.4", true},  {"2-1", "2-1.4.1", true},
		{"2-1", "2-14", false},  {"2-1.4", "2-1", false}, {"2-1.*", "2-1.3", true},
		{"2-1.*", "2-1", false}, {"*-1", "3-1.2", true},  {"1-*", "2-1", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (gate_port_matches(cases[i].pattern, cases[i].port) != cases[i].want)
			fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].port);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_stick),
		cmocka_unit_test(takes_the_configuration_in_use_not_the_first),
		cmocka_unit_test(a_setting_told_twice_is_as_it_was_told_first),
		cmocka_unit_test(refuses_descriptors_that_are_cut_or_lie),
		cmocka_unit_test(refuses_more_interfaces_than_there_can_be),
		cmocka_unit_test(cleans_what_a_device_says_of_itself),
		cmocka_unit_test(a_serial_too_long_to_be_one_identifies_nothing),
		cmocka_unit_test(matches_ids),
		cmocka_unit_test(writes_and_reads_modaliases_as_linux_does),
		cmocka_unit_test(knows_how_deep_a_port_lies),
		cmocka_unit_test(a_port_pattern_takes_what_hangs_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
