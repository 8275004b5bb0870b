/* Policies that would lock people out are refused, and only those.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gate_agent.h"

static void a_policy_that_shuts_the_only_network_is_refused(void **state)
{
	static const char refuses[] = "[hardware]\nmode = enforce\nrefused_devices = 0bda:8153\n";
	struct plat_way_out ways[] = {{"eth0", "1-3", true}, {"wlan0", "", false}};
	struct plat_port_device device;

	(void)state;
	begin(refuses);
	describe(&device, "1-3", 0x0bda, 0x8153, 0xff, 0xff, 0);
	fake_gate.devices = &device;
	fake_gate.device_count = 1;
	fake_machine.ways_out = ways;
	fake_machine.way_out_count = 2;
	assert_fails(gate_rules_judge(&agent, agent.trust.policy, &err), ERR_INVALID,
		     "it would shut the only network of this machine, 'eth0' at port 1-3: see "
		     "[hardware] refused_devices and refused_classes");
	/* During the school's time of audit as well: it ends by itself. */
	agent.identity.audit_until = FAKE_NOW + DAY;
	assert_int_equal(gate_rules_judge(&agent, agent.trust.policy, &(struct err){ERR_NONE, ""}),
			 -1);
	/* So does an exception. */
	except("hardware", "0bda:8153", FAKE_NOW + DAY);
	assert_int_equal(gate_rules_judge(&agent, agent.trust.policy, &(struct err){ERR_NONE, ""}),
			 -1);
	ways[1].up = true;
	assert_works(gate_rules_judge(&agent, agent.trust.policy, &err));
	ways[1].up = false;
	strcpy(ways[0].port, "1-4"); /* another device than the refused one */
	assert_works(gate_rules_judge(&agent, agent.trust.policy, &err));
	end();
}

static void refusing_much_is_no_reason(void **state)
{
	struct plat_port_device devices[3];

	(void)state;
	begin("[hardware]\nmode = enforce\nrefused_classes = network, modem, serial, phone, game, "
	      "other\nrefused_devices = *:*\n[removable-storage]\nmode = enforce\nallow = none\n");
	describe(&devices[0], "1-1", 0x046d, 0xc31c, 3, 1, 1); /* a keyboard stays */
	describe(&devices[1], "1-2", 0x046d, 0xc077, 3, 1, 2);
	describe(&devices[2], "1-3", 0x0951, 0x1666, 8, 6, 0x50);
	fake_gate.devices = devices;
	fake_gate.device_count = 3;
	assert_works(gate_rules_judge(&agent, agent.trust.policy, &err));
	end();
}

static void what_cannot_be_looked_at_refuses_nothing(void **state)
{
	(void)state;
	begin("[hardware]\nmode = enforce\nrefused_devices = *:*\n");
	fake_gate.err = (struct err){ERR_UNSUPPORTED, "there is no USB here"};
	assert_works(gate_rules_judge(&agent, agent.trust.policy, &err));
	end();
}

static void storage_that_holds_the_system_is_left_alone(void **state)
{
	struct plat_medium medium = {.name = "sda2", .port = "2-1", .holds_system = true};
	struct plat_port_device device;

	(void)state;
	begin("[removable-storage]\nmode = enforce\nallow = none\n");
	describe(&device, "2-1", 0x0951, 0x1666, 8, 6, 0x50);
	fake_gate.devices = &device;
	fake_gate.device_count = 1;
	fake_gate.media = &medium;
	fake_gate.medium_count = 1;
	assert_works(gate_rules_judge(&agent, agent.trust.policy, &err));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_that_shuts_the_only_network_is_refused),
		cmocka_unit_test(refusing_much_is_no_reason),
		cmocka_unit_test(what_cannot_be_looked_at_refuses_nothing),
		cmocka_unit_test(storage_that_holds_the_system_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
