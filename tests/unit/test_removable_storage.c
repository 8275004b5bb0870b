/* The control for removable storage: the gate's word, and the kernel's.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/controls_helpers.h"

#include "platform/fake/fake_gate.h"
#include "platform/fake/fake_machine.h"
#include "platform/fake/fake_os.h"
#include "platform/fake/fake_software.h"

#define ENFORCE "[removable-storage]\nmode = enforce\n"
#define AUDIT "[removable-storage]\nmode = audit\n"
#define SHOWN "/run/caretaker/hardware.json"

static void begin(void)
{
	fake_reset();
	fake_machine_reset();
	fake_software_reset();
	memset(&fake_gate, 0, sizeof(fake_gate));
	forget();
}

static void shown(const char *storage, const char *devices)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 "{\"v\":1,\"at\":1,\"storage\":\"%s\",\"hardware\":\"audit\",\"rules\":\"in "
		 "force\",\"ask\":true,\"devices\":[%s]}",
		 storage, devices);
	fake_file_put(SHOWN, text);
}

#define STICK(verdict, enforced) \
	"{\"reference\":\"K7Q2MX\",\"id\":\"0951:1666:60A44C41\",\"port\":\"2-1\"," \
	"\"kind\":\"storage\",\"maker\":\"Kingston\",\"verdict\":\"" verdict "\"," \
	"\"enforced\":" enforced "}"
#define MOUSE \
	"{\"id\":\"046d:c077:\",\"port\":\"1-1\",\"kind\":\"input\",\"verdict\":\"passed\"," \
	"\"enforced\":true}"

static struct plat_port_device stick;

static void plug(bool bound)
{
	memset(&stick, 0, sizeof(stick));
	strcpy(stick.port, "2-1");
	strcpy(stick.interfaces[0].name, "2-1:1.0");
	strcpy(stick.interfaces[0].modalias, "usb:v0951p1666d0110dc00dsc00dp00ic08isc06ip50in00");
	stick.interfaces[0].bound = bound;
	stick.interface_count = 1;
	fake_gate.devices = &stick;
	fake_gate.device_count = 1;
}

static void passes_where_the_gate_is_shut_and_what_was_refused_is_shut(void **state)
{
	const struct said *s;

	(void)state;
	begin();
	shown("enforce", MOUSE "," STICK("refused", "true"));
	plug(false);
	s = checked(CONTROL_REMOVABLE_STORAGE, ENFORCE, NOW);
	assert_int_equal(s->verdict, VERDICT_PASS);
	assert_string_equal(s->text, "{\"gate\":\"enforce\",\"plugged\":1,\"refused\":1}");
	shown("enforce", STICK("open", "true"));
	plug(true);
	s = checked(CONTROL_REMOVABLE_STORAGE, ENFORCE, NOW);
	assert_int_equal(s->verdict, VERDICT_PASS);
	assert_string_equal(s->text, "{\"gate\":\"enforce\",\"plugged\":1,\"open\":1}");
}

static void fails_where_what_was_refused_can_be_used(void **state)
{
	const struct said *s;

	(void)state;
	begin();
	shown("enforce", STICK("refused", "true"));
	plug(true);
	s = checked(CONTROL_REMOVABLE_STORAGE, ENFORCE, NOW);
	assert_int_equal(s->verdict, VERDICT_FAIL);
	assert_string_equal(s->why, "let-by");
	assert_string_equal(s->wrong,
			    "Storage that nobody approved can be used: storage at port 2-1.");
	shown("enforce", ""); /* never looked at */
	s = checked(CONTROL_REMOVABLE_STORAGE, ENFORCE, NOW);
	assert_string_equal(s->why, "let-by");
}

static void fails_where_the_policy_enforces_and_the_gate_does_not(void **state)
{
	static const char *const words[] = {"caretaker.usb=off", NULL};
	const struct said *s;

	(void)state;
	begin();
	s = checked(CONTROL_REMOVABLE_STORAGE, ENFORCE, NOW);
	assert_int_equal(s->verdict, VERDICT_FAIL);
	assert_string_equal(s->why, "gate-off");
	assert_string_equal(s->text, "{\"gate\":\"caretakerd does not run\"}");
	shown("audit", "");
	s = checked(CONTROL_REMOVABLE_STORAGE, ENFORCE, NOW);
	assert_string_equal(s->why, "gate-off");
	shown("enforce", "");
	fake_machine.boot_words = words;
	s = checked(CONTROL_REMOVABLE_STORAGE, ENFORCE, NOW);
	assert_string_equal(s->why, "gate-off");
	assert_string_equal(s->text, "{\"gate\":\"started with caretaker.usb=off\"}");
}

static void fails_where_the_kernel_lets_storage_in_before_it_is_refused(void **state)
{
	const struct said *s;

	(void)state;
	begin();
	shown("enforce", "");
	fake_gate.begins_open = true;
	s = checked(CONTROL_REMOVABLE_STORAGE, ENFORCE, NOW);
	assert_int_equal(s->verdict, VERDICT_FAIL);
	assert_string_equal(s->why, "gate-late");
	fake_gate.begins_open = false;
	s = checked(CONTROL_REMOVABLE_STORAGE, ENFORCE, NOW);
	assert_int_equal(s->verdict, VERDICT_PASS);
}

static void fails_where_files_go_over_bluetooth_instead(void **state)
{
	const struct said *s;

	(void)state;
	begin();
	shown("enforce", "");
	fake_gate.sends_files = "/usr/libexec/bluetooth/obexd";
	s = checked(CONTROL_REMOVABLE_STORAGE, ENFORCE, NOW);
	assert_int_equal(s->verdict, VERDICT_FAIL);
	assert_string_equal(s->why, "bluetooth");
	assert_string_equal(s->wrong, "Files can be sent over Bluetooth, as onto a stick: by "
				      "/usr/libexec/bluetooth/obexd.");
	/* Whoever may use any stick may send any file. */
	s = checked(CONTROL_REMOVABLE_STORAGE, ENFORCE "allow = any\nencrypted =\nscan = no\n",
		    NOW);
	assert_int_equal(s->verdict, VERDICT_PASS);
	s = checked(CONTROL_REMOVABLE_STORAGE, ENFORCE "allow = any\nencrypted =\nscan = full\n",
		    NOW);
	assert_string_equal(s->why, "bluetooth");
	fake_gate.sends_files = NULL;
	s = checked(CONTROL_REMOVABLE_STORAGE, ENFORCE, NOW);
	assert_int_equal(s->verdict, VERDICT_PASS);
}

static void fails_where_nobody_scans_what_is_to_be_scanned(void **state)
{
	struct plat_antivirus *products = &fake_software.antivirus.facts;
	const char *policy = ENFORCE "allow = approved\nscan = on-open\n";
	const struct said *s;

	(void)state;
	begin();
	shown("enforce", "");
	fake_software.antivirus.err.code = ERR_NONE;
	fake_machine.hardware.err.code = ERR_NONE;
	fake_machine.hardware.facts.memory_bytes = 4000ULL << 20;
	s = checked(CONTROL_REMOVABLE_STORAGE, policy, NOW);
	assert_int_equal(s->verdict, VERDICT_FAIL);
	assert_string_equal(s->why, "no-scanner");
	fake_machine.hardware.facts.memory_bytes = 1900ULL << 20;
	s = checked(CONTROL_REMOVABLE_STORAGE, policy, NOW);
	assert_string_equal(s->why, "too-small");
	assert_string_equal(s->wrong, "Media are scanned before they open, and 1900 MiB of memory "
				      "are too little for ClamAV, which needs 3 GiB: they stay "
				      "shut.");
	strcpy(products->products[0].name, "ClamAV");
	products->count = 1;
	products->products[0].running = PLAT_NO;
	s = checked(CONTROL_REMOVABLE_STORAGE, policy, NOW);
	assert_string_equal(s->why, "too-small");
	/* It runs all the same; nothing is scanned; nothing opens anyway. */
	products->products[0].running = PLAT_YES;
	s = checked(CONTROL_REMOVABLE_STORAGE, policy, NOW);
	assert_int_equal(s->verdict, VERDICT_PASS);
	products->count = 0;
	s = checked(CONTROL_REMOVABLE_STORAGE, ENFORCE "allow = approved\nscan = no\n", NOW);
	assert_int_equal(s->verdict, VERDICT_PASS);
	s = checked(CONTROL_REMOVABLE_STORAGE, ENFORCE "allow = none\nscan = full\n", NOW);
	assert_int_equal(s->verdict, VERDICT_PASS);
}

static void audit_says_what_would_have_been_refused(void **state)
{
	const struct said *s;

	(void)state;
	begin();
	shown("audit", STICK("refused", "false"));
	plug(true);
	s = checked(CONTROL_REMOVABLE_STORAGE, AUDIT, NOW);
	assert_int_equal(s->verdict, VERDICT_FAIL);
	assert_string_equal(s->why, "not-approved");
	assert_string_equal(s->text, "{\"gate\":\"audit\",\"plugged\":1,\"refused\":1,"
				     "\"devices\":[\"storage 0951:1666\"]}");
	shown("audit", "");
	fake_gate.device_count = 0;
	checked_would_refuse = 2;
	(void)checked(CONTROL_REMOVABLE_STORAGE, AUDIT, NOW);
	checked_would_refuse = 1;
	s = checked(CONTROL_REMOVABLE_STORAGE, AUDIT, NOW + DAY);
	checked_would_refuse = 0;
	assert_string_equal(s->why, "would-refuse");
	assert_string_equal(
		s->wrong,
		"3 connections of storage would have been refused since 22 November 2026.");
	s = checked(CONTROL_REMOVABLE_STORAGE, AUDIT, NOW + 14 * DAY);
	assert_string_equal(s->why, "would-refuse");
	s = checked(CONTROL_REMOVABLE_STORAGE, AUDIT, NOW + 17 * DAY);
	assert_int_equal(s->verdict, VERDICT_PASS);
}

static void cannot_tell_where_nobody_watches_or_the_word_is_damaged(void **state)
{
	const struct said *s;

	(void)state;
	begin();
	s = checked(CONTROL_REMOVABLE_STORAGE, AUDIT, NOW);
	assert_int_equal(s->verdict, VERDICT_UNKNOWN);
	assert_string_equal(s->why, "not-watched");
	fake_file_put(SHOWN, "{\"v\":1,\"devices\":7}");
	s = checked(CONTROL_REMOVABLE_STORAGE, AUDIT, NOW);
	assert_int_equal(s->verdict, VERDICT_UNKNOWN);
	assert_string_equal(s->why, "cannot-tell");
	fake_file_put(SHOWN, "{\"v\":2}");
	s = checked(CONTROL_REMOVABLE_STORAGE, ENFORCE, NOW);
	assert_int_equal(s->verdict, VERDICT_UNKNOWN);
}

static void a_container_has_the_host_s_hardware(void **state)
{
	(void)state;
	begin();
	fake_machine.machine = PLAT_MACHINE_CONTAINER;
	fake_machine.machine_name = "docker";
	assert_int_equal(checked(CONTROL_REMOVABLE_STORAGE, ENFORCE, NOW)->verdict,
			 VERDICT_NOT_APPLICABLE);
}

static void every_reason_was_given(void **state)
{
	static const enum control_id ids[] = {CONTROL_REMOVABLE_STORAGE};

	(void)state;
	assert_every_row_was_said(ids, COUNT(ids));
	forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_where_the_gate_is_shut_and_what_was_refused_is_shut),
		cmocka_unit_test(fails_where_what_was_refused_can_be_used),
		cmocka_unit_test(fails_where_the_policy_enforces_and_the_gate_does_not),
		cmocka_unit_test(fails_where_the_kernel_lets_storage_in_before_it_is_refused),
		cmocka_unit_test(fails_where_nobody_scans_what_is_to_be_scanned),
		cmocka_unit_test(fails_where_files_go_over_bluetooth_instead),
		cmocka_unit_test(audit_says_what_would_have_been_refused),
		cmocka_unit_test(cannot_tell_where_nobody_watches_or_the_word_is_damaged),
		cmocka_unit_test(a_container_has_the_host_s_hardware),
		cmocka_unit_test(every_reason_was_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
