/* The storage gate and an exception for a model that hardware's rules refuse: it opens, also beside
 * storage that stays shut, and ends at once.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gate_machine.h"

#define SHUTS \
	"mode storage enforce 3\nmode hardware enforce 9\nset allow none 4\nrefuse class network " \
	"30\n"
#define PASS "pass model 0951:1666 %lld EX-5 0\n"
enum { CLASS_NETWORK = 0x02 };

static const char *with_end(const char *lines, int64_t until)
{
	static char text[1024];
	size_t len = strlen(lines);

	memcpy(text, lines, len);
	(void)snprintf(text + len, sizeof(text) - len, PASS, (long long)until);
	return text;
}

static void plug_network(const char *port)
{
	(void)plug_as(port, 0x1666, "N1", CLASS_NETWORK, "06ip50");
	bound(port);
}

/* A second interface, that stores. */
static void add_storage(struct plat_port_device *device)
{
	static const unsigned char more[] = {9, 4, 1, 0, 2, 8, 6, 0x50, 0};
	enum { CONFIGURATION = 18, TOTAL = 2, INTERFACES = 4 };

	memcpy(device->descriptors + device->descriptors_len, more, sizeof(more));
	device->descriptors_len += sizeof(more);
	device->descriptors[CONFIGURATION + TOTAL] += sizeof(more);
	device->descriptors[CONFIGURATION + INTERFACES]++;
	device->interfaces[1] = device->interfaces[0];
	device->interface_count = 2;
	device->interfaces[1].number = 1;
	*strrchr(device->interfaces[1].name, '0') = '1';
	strcpy(device->interfaces[1].modalias, "usb:v0951p1666d0110dc00dsc00dp00ic08isc06ip50in01");
}

static void plug_network_with_stick(void)
{
	add_storage(plug_as("2-1", 0x1666, "N1", CLASS_NETWORK, "06ip50"));
	hold("2-1", "sda", "vfat");
	bound("2-1");
	told("sda", "2-1");
}

static void what_an_exception_opens_is_shut_at_its_end_and_told(void **state)
{
	(void)state;
	start_with(SHUTS);
	plug_network("2-1");
	assert_string_equal(done, "");
	last_line_has("\"type\":\"hardware-refused\"");
	assert_int_equal(gate_wait_ms(gate), -1);
	new_rules(with_end(SHUTS, FAKE_NOW + 90));
	assert_string_equal(done, "let 2-1:1.0");
	last_line_has("\"type\":\"hardware-opened\"");
	last_line_has("\"why\":\"excepted-model\",\"exception\":\"EX-5\"");
	shown_has("\"verdict\":\"open\",\"enforced\":true,\"why\":\"excepted-model\","
		  "\"exception\":\"EX-5\",\"until\":");
	assert_int_equal(gate_wait_ms(gate), 60000);
	fake_advance(60);
	gate_tick(gate);
	assert_int_equal(gate_wait_ms(gate), 30200);
	assert_string_equal(done, "let 2-1:1.0");
	fake_advance(30);
	gate_tick(gate);
	assert_string_equal(done, "let 2-1:1.0, shut 2-1:1.0");
	last_line_has("\"type\":\"hardware-shut\"");
	last_line_has("\"why\":\"approval-ended\",\"line\":30,\"exception\":\"EX-5\"");
	assert_int_equal(gate_wait_ms(gate), -1);
}

static void a_refused_model_opens_as_well_and_a_revoked_exception_shuts_it(void **state)
{
	static const char rules[] = "mode storage enforce 3\nmode hardware enforce 9\n"
				    "set allow none 4\nrefuse model 0951:* 31\n";

	(void)state;
	start_with(with_end(rules, FAKE_NOW + 90));
	plug_network("2-1");
	assert_string_equal(done, "let 2-1:1.0");
	new_rules(rules);
	assert_string_equal(done, "let 2-1:1.0, shut 2-1:1.0");
	last_line_has("\"why\":\"refused-model\",\"line\":31");
}

/* The answer is about the storage, which is refused and has no end. */
static void what_is_open_beside_refused_storage_ends_too(void **state)
{
	(void)state;
	start_with(with_end(SHUTS, FAKE_NOW + 20));
	add_storage(plug_as("2-1", 0x1666, "N1", CLASS_NETWORK, "06ip50"));
	bound("2-1");
	assert_string_equal(done, "let 2-1:1.0");
	last_line_has(
		"\"why\":\"not-allowed\""); /* a row a day: many have their driver on a disc */
	assert_int_equal(gate_wait_ms(gate), 20200);
	fake_advance(20);
	gate_tick(gate);
	assert_string_equal(done, "let 2-1:1.0, shut 2-1:1.0");
	assert_int_equal(gate_wait_ms(gate), -1);
}

static void the_stick_beside_it_stays_in_use_when_it_ends(void **state)
{
	static const char rules[] = "mode storage enforce 3\nmode hardware enforce 9\n"
				    "set allow any 4\nrefuse class network 30\n";

	(void)state;
	start_with(with_end(rules, FAKE_NOW + 20));
	plug_network_with_stick();
	medium("sda1")->mounted = true;
	show_media();
	assert_string_equal(done, "let 2-1:1.0, let 2-1:1.1, open sda, open sda1");
	done[0] = '\0';
	fake_advance(20);
	gate_tick(gate);
	assert_string_equal(done, "shut 2-1:1.0, open sda, open sda1"); /* as it was */
	assert_true(medium("sda1")->mounted);
	assert_int_equal(gate_wait_ms(gate), -1);
}

/* A medium that is not encrypted shuts what brought it; nothing else of the device. */
static void media_that_are_refused_shut_nothing_that_was_excepted(void **state)
{
	static const char rules[] = "mode storage enforce 3\nmode hardware enforce 9\n"
				    "set allow any 4\nset encrypted luks 5\n"
				    "refuse class network 30\n";

	(void)state;
	start_with(with_end(rules, FAKE_NOW + 20));
	plug_network_with_stick();
	gate_look(gate);
	assert_true(find_interface("2-1:1.0")->authorized);
	assert_false(find_interface("2-1:1.1")->authorized);
	shown_has("\"verdict\":\"refused\",\"enforced\":true,\"why\":\"plain\"");
	fake_advance(20);
	gate_tick(gate);
	assert_false(find_interface("2-1:1.0")->authorized);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_an_exception_opens_is_shut_at_its_end_and_told),
		TEST(a_refused_model_opens_as_well_and_a_revoked_exception_shuts_it),
		TEST(what_is_open_beside_refused_storage_ends_too),
		TEST(the_stick_beside_it_stays_in_use_when_it_ends),
		TEST(media_that_are_refused_shut_nothing_that_was_excepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
