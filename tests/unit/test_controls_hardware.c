/* The control hardware: what is plugged in, what the machine is, what of it changed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/machine_controls.h"
#include "tests/unit/plugged_in.h"

static void peripherals_that_assist_are_neither_refused_nor_named(void **state)
{
	struct plat_usb usb[] = {{"046d:c31c", "1-1", "keyboard", true},
				 {"2104:0127", "1-2", "hid", true},
				 {"0bda:8153", "1-3", "network", true}};

	(void)state;
	has_plugged(usb, 2);
	check(CONTROL_HARDWARE, "[hardware]\nrefused_devices = 2104:0127\n");
	assert_said(VERDICT_PASS, "ok");
	assert_evidence("\"usb\":{\"keyboard\":1,\"hid\":1}");
	assert_no_evidence("2104");
	has_plugged(usb, 3);
	check(CONTROL_HARDWARE, "[hardware]\nrefused_classes = network\n");
	assert_said(VERDICT_FAIL, "not-approved");
	assert_evidence("\"devices\":[\"network 0bda:8153\"]");
	assert_string_equal(buf_text(&result.events),
			    "{\"type\":\"hardware-new\",\"data\":{\"kind\":\"network\",\"model\":"
			    "\"0bda:8153\"}}\n");
	check(CONTROL_HARDWARE,
	      "[hardware]\nrefused_classes = network\napproved_devices = 0bda:8153\n");
	assert_said(VERDICT_PASS, "ok");
	/* Both: the gate refuses it, and so does the verdict. */
	check(CONTROL_HARDWARE,
	      "[hardware]\nrefused_devices = 0bda:*\napproved_devices = 0bda:8153\n");
	assert_said(VERDICT_FAIL, "not-approved");
	check(CONTROL_HARDWARE, "[hardware]\nnew_devices = approve\n");
	assert_said(VERDICT_FAIL, "new-device");
}

/* An eye-tracker speaks a class of its vendor's own: its kind tells nothing of it. */
static void what_assists_by_its_model_is_neither_refused_nor_named(void **state)
{
	struct plat_usb usb[] = {{"046d:c31c", "1-1", "keyboard", true},
				 {"2104:0313", "1-2", "other", true}};

	(void)state;
	has_plugged(usb, 1);
	check(CONTROL_HARDWARE, "");
	has_plugged(usb, 2);
	check(CONTROL_HARDWARE, "[hardware]\nrefused_classes = other\nrefused_devices = 2104:*\n"
				"new_devices = approve\n");
	assert_said(VERDICT_PASS, "ok");
	assert_no_evidence("2104");
	assert_string_equal(buf_text(&result.events),
			    "{\"type\":\"hardware-new\",\"data\":{\"kind\":\"other\"}}\n");
}

static void what_the_gate_keeps_shut_is_as_the_policy_asks(void **state)
{
	static const char policy[] = "[hardware]\nmode = enforce\nrefused_classes = modem\n";
	struct plat_usb usb[] = {{"12d1:1506", "1-2", "modem", true}};

	(void)state;
	has_plugged(usb, 1);
	check(CONTROL_HARDWARE, policy);
	assert_said(VERDICT_FAIL, "not-approved");
	gate_says(usb, "refused", true, "refused-class");
	check(CONTROL_HARDWARE, policy);
	assert_said(VERDICT_PASS, "ok");
	assert_evidence("\"refused\":1");
	gate_says(usb, "refused", false, "refused-class");
	check(CONTROL_HARDWARE, policy);
	assert_said(VERDICT_FAIL, "not-approved");
}

/* "Nothing new": what was there at the enrolment stays as it is. */
static void at_the_rear_only_what_is_new_fails(void **state)
{
	static const char policy[] = "[hardware]\nrear_ports = 1-5, 2-*\n";
	struct plat_usb usb[] = {{"0bda:8153", "1-5", "network", true},
				 {"046d:c31c", "2-1", "keyboard", true},
				 {"0bda:8153", "2-2", "network", true},
				 {"067b:2303", "1-5", "serial", true}};

	(void)state;
	has_plugged(usb, 1);
	check(CONTROL_HARDWARE, policy);
	assert_said(VERDICT_PASS, "ok");
	has_plugged(usb, 3); /* a keyboard is nobody's business; the model moved */
	check(CONTROL_HARDWARE, policy);
	assert_said(VERDICT_PASS, "ok");
	has_plugged(usb, 4);
	check(CONTROL_HARDWARE, policy);
	assert_said(VERDICT_FAIL, "not-approved");
	assert_evidence("\"devices\":[\"serial 067b:2303\"]");
	check(CONTROL_HARDWARE, "[hardware]\nrear_ports = 1-6\n");
	assert_said(VERDICT_PASS, "ok");
	check(CONTROL_HARDWARE, "[hardware]\nrear_ports = 1-5\napproved_devices = 067b:2303\n");
	assert_said(VERDICT_PASS, "ok");
}

/* A stick's model tells too little: the gate knows it by its serial number. */
static void at_the_rear_the_gate_s_word_on_a_stick_counts(void **state)
{
	static const struct {
		const char *mode, *verdict, *why;
		bool enforced;
		enum verdict want;
	} rows[] = {
		{"enforce", "open", "allowed", true, VERDICT_PASS},
		{"enforce", "judging", "not-scanned", true, VERDICT_PASS},
		{"enforce", "refused", "rear-port", true, VERDICT_PASS}, /* shut, as is asked */
		{"enforce", "refused", "rear-port", false, VERDICT_FAIL},
		{"audit", "refused", "rear-port", false, VERDICT_FAIL},
		{"audit", "open", "allowed", true, VERDICT_FAIL}, /* the gate did not look there */
		{"enforce", "passed", "off", false, VERDICT_FAIL},
	};
	struct plat_usb usb[] = {{"0951:1666", "1-5", "storage", true}};
	struct plat_usb there[] = {{"0930:6545", "1-6", "storage", true}};

	(void)state;
	has_plugged(there, 1);
	check(CONTROL_HARDWARE, "");
	has_plugged(usb, 1);
	for (size_t i = 0; i < COUNT(rows); i++) {
		char policy[80];

		(void)snprintf(policy, sizeof(policy), "[hardware]\nmode = %s\nrear_ports = 1-5\n",
			       rows[i].mode);
		gate_says(usb, rows[i].verdict, rows[i].enforced, rows[i].why);
		check(CONTROL_HARDWARE, policy);
		if (result.verdict != rows[i].want)
			fail_msg("row %zu: %s '%s'", i, verdict_name(result.verdict), result.why);
	}
	/* Another stick of a model that was there. */
	gate_says(there, "refused", false, "rear-port");
	has_plugged(there, 1);
	check(CONTROL_HARDWARE, "[hardware]\nrear_ports = 1-6\n");
	assert_said(VERDICT_FAIL, "not-approved");
}

static void changed_memory_is_an_event_and_placeholders_are_no_serial(void **state)
{
	struct plat_hardware *facts = &fake_machine.hardware.facts;

	(void)state;
	fake_machine.hardware.err.code = ERR_NONE;
	facts->memory_bytes = 8ULL << 30;
	(void)strcpy(facts->identity.serial, "To be filled by O.E.M.");
	check(CONTROL_HARDWARE, "");
	assert_no_evidence("serial");
	assert_string_equal(buf_text(&result.events), "");
	facts->memory_bytes = 4ULL << 30;
	(void)strcpy(facts->identity.serial, "PF2ABCDE");
	check(CONTROL_HARDWARE, "");
	assert_evidence("\"serial\":\"PF2ABCDE\"");
	assert_non_null(
		strstr(buf_text(&result.events),
		       "{\"what\":\"memory\",\"before\":\"8192 MiB\",\"now\":\"4096 MiB\"}"));
	check(CONTROL_HARDWARE, "");
	assert_string_equal(buf_text(&result.events), "");
	fake_machine.machine = PLAT_MACHINE_CONTAINER;
	fake_machine.machine_name = "docker";
	check(CONTROL_HARDWARE, "");
	assert_said(VERDICT_NOT_APPLICABLE, "no-hardware");
}

static void a_worn_battery_fails_and_a_missing_serial_number_is_only_said(void **state)
{
	struct plat_hardware *facts = &fake_machine.hardware.facts;

	(void)state;
	fake_machine.hardware.err.code = ERR_NONE;
	check(CONTROL_HARDWARE, "");
	assert_said(VERDICT_PASS, "no-serial");
	check(CONTROL_HARDWARE, "[hardware]\ninventory = no\n");
	assert_said(VERDICT_PASS, "ok");
	fake_machine.machine = PLAT_MACHINE_VIRTUAL;
	check(CONTROL_HARDWARE, "");
	assert_said(VERDICT_PASS, "ok");
	(void)strcpy(facts->identity.serial, "PF2ABCDE");
	facts->battery = (struct plat_battery){true, 49, 700};
	check(CONTROL_HARDWARE, "");
	assert_said(VERDICT_FAIL, "battery-worn");
	assert_evidence("\"battery_percent\":49");
	check(CONTROL_HARDWARE, "[hardware]\nbattery_min_percent = 0\n");
	assert_said(VERDICT_PASS, "ok");
	facts->battery = (struct plat_battery){true, -1, -1}; /* it does not say */
	check(CONTROL_HARDWARE, "");
	assert_said(VERDICT_PASS, "ok");
	assert_no_evidence("battery");
}

static void every_reason_of_it_was_given(void **state)
{
	static const enum control_id ids[] = {CONTROL_HARDWARE};

	(void)state;
	assert_every_row_was_said(ids, COUNT(ids));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(peripherals_that_assist_are_neither_refused_nor_named),
		TEST(what_assists_by_its_model_is_neither_refused_nor_named),
		TEST(what_the_gate_keeps_shut_is_as_the_policy_asks),
		TEST(at_the_rear_only_what_is_new_fails),
		TEST(at_the_rear_the_gate_s_word_on_a_stick_counts),
		TEST(changed_memory_is_an_event_and_placeholders_are_no_serial),
		TEST(a_worn_battery_fails_and_a_missing_serial_number_is_only_said),
		TEST(every_reason_of_it_was_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
