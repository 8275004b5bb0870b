/* The storage gate's part of the daemon, over a machine that does what a kernel does.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdarg.h>
#include <stdlib.h>

#include "agent/base/buf.h"
#include "agent/daemon/gate.h"
#include "agent/daemon/gate_record.h"
#include "platform/fake/fake_gate.h"
#include "platform/fake/fake_os.h"
#include "platform/os.h"
#include "platform/system.h"

#define STATE "/var/lib/caretaker"
#define RUN "/run/caretaker"
#define RULES STATE "/gate.rules"
#define EVENTS STATE "/hardware/events.jsonl"
#define SHOWN RUN "/hardware.json"

/* --- the machine --- */

#define DEVICES 6
static struct plat_port_device devices[DEVICES];
static struct plat_medium behind[DEVICES * 2]; /* what is on sticks, whether the kernel sees it */
static struct plat_medium seen[DEVICES * 2];
static unsigned behind_count;
static char opened[256]; /* "sda1 " for each medium that udev leaves open */
static char done[4096];  /* all that was done, joined by commas */
static unsigned happened_count;
static struct gate *gate;

static struct plat_port_interface *find_interface(const char *name)
{
	for (size_t i = 0; i < fake_gate.device_count; i++)
		for (unsigned j = 0; j < devices[i].interface_count; j++)
			if (strcmp(devices[i].interfaces[j].name, name) == 0)
				return &devices[i].interfaces[j];
	fail_msg("no interface '%s'", name);
	return NULL;
}

static bool port_lets(const char *port)
{
	for (size_t i = 0; i < fake_gate.device_count; i++)
		if (strcmp(devices[i].port, port) == 0)
			for (unsigned j = 0; j < devices[i].interface_count; j++)
				if (strstr(devices[i].interfaces[j].modalias, "ic08"))
					return devices[i].interfaces[j].authorized;
	return *port == '\0';
}

static void show_media(void)
{
	fake_gate.media = seen;
	fake_gate.medium_count = 0;
	for (unsigned i = 0; i < behind_count; i++)
		if (port_lets(behind[i].port))
			seen[fake_gate.medium_count++] = behind[i];
}

static struct plat_medium *medium(const char *name)
{
	for (unsigned i = 0; i < behind_count; i++)
		if (strcmp(behind[i].name, name) == 0)
			return &behind[i];
	fail_msg("no medium '%s'", name);
	return NULL;
}

static void kernel_does(const char *what, const char *to)
{
	if (strlen(done) + strlen(what) + strlen(to) + 3 < sizeof(done))
		sprintf(done + strlen(done), "%s%s %s", *done ? ", " : "", what, to);
	if (strcmp(what, "let") == 0 || strcmp(what, "shut") == 0) {
		find_interface(to)->authorized = strcmp(what, "let") == 0;
	} else if (strcmp(what, "ro") == 0 || strcmp(what, "rw") == 0) {
		medium(to)->read_only = strcmp(what, "ro") == 0;
	} else if (strcmp(what, "unmount") == 0) {
		medium(to)->mounted = false;
	} else {
		char word[40], *at;

		(void)snprintf(word, sizeof(word), "%s ", to);
		at = strstr(opened, word);
		if (strcmp(what, "open") == 0 && !at)
			strcat(opened, word);
		else if (strcmp(what, "close") == 0 && at)
			memmove(at, at + strlen(word), strlen(at + strlen(word)) + 1);
	}
	show_media();
}

static struct plat_port_device *plug_as(const char *port, unsigned product, const char *serial,
					unsigned class, const char *sub)
{
	struct plat_port_device *device = &devices[fake_gate.device_count];
	const unsigned char head[] = {18, 1, 0, 2, 0, 0, 0, 64, 0x51, 0x09, (unsigned char)product,
				      (unsigned char)(product >> 8), 0x10, 1, 1, 2, 3, 1,
				      /* a configuration with an interface */
				      9, 2, 18, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 2,
				      (unsigned char)class, 6, 0x50, 0};

	memset(device, 0, sizeof(*device));
	strcpy(device->port, port);
	memcpy(device->descriptors, head, sizeof(head));
	device->descriptors_len = sizeof(head);
	device->configuration = 1;
	strcpy(device->serial, serial);
	strcpy(device->maker, "Kingston");
	strcpy(device->model, "Data\x1b[2JTraveler");
	device->interface_count = 1;
	sprintf(device->interfaces[0].name, "%s:1.0", port);
	sprintf(device->interfaces[0].modalias, "usb:v0951p%04Xd0110dc00dsc00dp00ic%02Xisc%sin00",
		product, class, sub);
	fake_gate.device_count++;
	fake_gate.devices = devices;
	return device;
}

static struct plat_port_device *plug(const char *port, const char *serial)
{
	return plug_as(port, 0x1666, serial, 8, "06ip50");
}

/* A partition on the stick in 'port', and the disk around it. */
static void hold(const char *port, const char *disk, const char *file_system)
{
	struct plat_medium *whole = &behind[behind_count++], *part = &behind[behind_count++];

	memset(whole, 0, 2 * sizeof(*whole));
	strcpy(whole->name, disk);
	strcpy(whole->port, port);
	strcpy(whole->bus, *port ? "usb" : "mmc");
	whole->bytes = 16 << 20;
	whole->has_parts = whole->told = true;
	*part = *whole;
	part->has_parts = false;
	sprintf(part->name, "%s1", disk);
	strcpy(part->parent, disk);
	part->bytes = 15 << 20;
	strcpy(part->file_system, file_system);
	show_media();
}

static void says(const char *subsystem, const char *type, const char *action, const char *name,
		 const char *port)
{
	struct plat_device_event event = {.concerns = true};

	strcpy(event.subsystem, subsystem);
	strcpy(event.type, type);
	strcpy(event.action, action);
	strcpy(event.name, name);
	strcpy(event.port, port);
	gate_device_event(gate, &event);
}

static void bound(const char *port)
{
	says("usb", "usb_device", "bind", port, port);
}

static void told(const char *disk, const char *port)
{
	says("block", "disk", "add", disk, port);
}

static void unplug(const char *port)
{
	for (size_t i = 0; i < fake_gate.device_count; i++)
		if (strcmp(devices[i].port, port) == 0) {
			memmove(&devices[i], &devices[i + 1],
				(fake_gate.device_count - i - 1) * sizeof(devices[0]));
			fake_gate.device_count--;
			break;
		}
	show_media();
	says("usb", "usb_device", "remove", port, port);
}

static void on_happened(void *ctx, const char *what)
{
	(void)ctx;
	assert_string_equal(what, "a device was let in or refused");
	happened_count++;
}

static void put_rules(const char *lines)
{
	char text[2048];
	struct err err;

	(void)snprintf(text, sizeof(text),
		       "caretaker-gate 1\npolicy school 7\nclock 0 0 -\n%send\n", lines);
	if (plat_file_replace(RULES, text, strlen(text), PLAT_FILE_PRIVATE, &err) < 0)
		fail_msg("%s", err.msg);
}

static void new_rules(const char *lines)
{
	put_rules(lines);
	gate_rules_changed(gate);
}

static void start(void)
{
	assert_works(gate_new(&gate, STATE, RUN, NULL, on_happened, NULL, &err));
	gate_rules_changed(gate);
}

#define ENFORCE "mode storage enforce 3\nmode hardware audit 9\n"
#define BLOCK ENFORCE "set allow none 4\nset encrypted none 5\nset scan none 6\n"
#define ANY ENFORCE "set allow any 4\nset encrypted none 5\nset scan none 6\n"
#define READ_ONLY ANY "set read_only yes 7\n"
#define ENCRYPTED ENFORCE "set allow any 4\nset encrypted luks,bitlocker 5\nset scan none 6\n"
#define APPROVED ENFORCE "set allow approved 4\nset encrypted none 5\nset scan none 6\n"

static int set_up(void **state)
{
	(void)state;
	fake_reset();
	memset(&fake_gate, 0, sizeof(fake_gate));
	fake_gate.did = kernel_does;
	fake_dir_put(STATE);
	fake_dir_put(RUN);
	behind_count = happened_count = 0;
	opened[0] = done[0] = '\0';
	show_media();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	gate_free(gate);
	gate = NULL;
	fake_reset();
	return 0;
}

/* --- what was put on record --- */

static unsigned lines(void)
{
	const char *text = fake_file_text(EVENTS);
	unsigned count = 0;

	for (; text && *text; text++)
		count += *text == '\n';
	return count;
}

/* The last line holds 'want'. */
static void last_line_has(const char *want)
{
	const char *text = fake_file_text(EVENTS), *last = text;

	if (!text) {
		fail_msg("nothing is on record, want %s", want);
		return;
	}
	for (const char *at = text; *at; at++)
		if (*at == '\n' && at[1])
			last = at + 1;
	if (!strstr(last, want))
		fail_msg("got  %swant %s", last, want);
}

static void shown_has(const char *want)
{
	const char *text = fake_file_text(SHOWN);

	if (!text || !strstr(text, want))
		fail_msg("got  %s\nwant %s", text ? text : "(none)", want);
}

/* --- block, allow, read-only --- */

static void a_stick_that_nothing_allows_stays_shut_and_is_recorded(void **state)
{
	(void)state;
	put_rules(BLOCK);
	start();
	plug("2-1", "60A44C41");
	bound("2-1");
	assert_string_equal(done, "");
	assert_int_equal(lines(), 1);
	last_line_has("\"type\":\"storage-refused\",\"count\":1,\"enforced\":true,\"reference\":");
	last_line_has("\"id\":\"0951:1666:60A44C41\",\"port\":\"2-1\",\"kind\":\"storage\","
		      "\"maker\":\"Kingston\",\"model\":\"Data\xef\xbf\xbd[2JTraveler\","
		      "\"interfaces\":[\"080650\"],\"verdict\":\"refused\","
		      "\"why\":\"not-allowed\",\"line\":4}");
	shown_has("\"verdict\":\"refused\",\"enforced\":true,\"why\":\"not-allowed\",\"line\":4");
	assert_int_equal(happened_count, 1);
}

static void a_keyboard_that_was_left_shut_is_let_through(void **state)
{
	(void)state;
	put_rules(BLOCK);
	start();
	plug_as("1-1", 0x0001, "", 3, "01ip01");
	bound("1-1");
	assert_string_equal(done, "let 1-1:1.0");
	assert_int_equal(lines(), 0);
	shown_has("\"kind\":\"input\"");
}

static void what_is_allowed_is_let_in_and_its_media_are_opened(void **state)
{
	(void)state;
	put_rules(ANY);
	start();
	plug("2-1", "60A44C41");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	told("sda", "2-1");
	assert_string_equal(done, "let 2-1:1.0, open sda, open sda1");
	assert_string_equal(opened, "sda sda1 ");
	assert_int_equal(lines(), 1);
	last_line_has("\"type\":\"storage-opened\"");
	last_line_has("\"verdict\":\"open\",\"why\":\"allowed\",\"line\":4");
}

static void read_only_is_set_before_a_medium_opens(void **state)
{
	(void)state;
	put_rules(READ_ONLY);
	start();
	plug("2-1", "60A44C41");
	bound("2-1");
	assert_string_equal(done, "let 2-1:1.0");
	done[0] = '\0';
	hold("2-1", "sda", "vfat");
	told("sda", "2-1");
	assert_string_equal(done, "ro sda, open sda, ro sda1, open sda1");
	last_line_has("\"verdict\":\"read-only\"");
}

static void a_change_to_read_only_unmounts_what_can_be_written(void **state)
{
	(void)state;
	put_rules(ANY);
	start();
	plug("2-1", "60A44C41");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	medium("sda")->mounted = medium("sda1")->mounted = true;
	show_media();
	done[0] = '\0';
	new_rules(READ_ONLY);
	assert_string_equal(done,
			    "unmount sda, ro sda, open sda, unmount sda1, ro sda1, open sda1");
	last_line_has("\"verdict\":\"read-only\"");
	done[0] = '\0';
	new_rules(ANY); /* and back: what we made read-only is writable again */
	assert_string_equal(done, "rw sda, open sda, rw sda1, open sda1");
}

static void a_new_policy_shuts_what_is_plugged_after_unmounting_it(void **state)
{
	(void)state;
	put_rules(ANY);
	start();
	plug("2-1", "60A44C41");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	medium("sda1")->mounted = true;
	show_media();
	done[0] = '\0';
	new_rules(BLOCK);
	assert_string_equal(done, "close sda, unmount sda1, close sda1, shut 2-1:1.0");
	assert_string_equal(opened, "");
	last_line_has("\"type\":\"storage-shut\"");
	last_line_has("\"why\":\"not-allowed\"");
}

static void what_holds_the_system_is_never_touched(void **state)
{
	(void)state;
	plug("2-1", "60A44C41")->interfaces[0].authorized = true;
	hold("2-1", "sda", "ext4");
	medium("sda")->holds_system = medium("sda1")->holds_system = true;
	medium("sda1")->mounted = true;
	show_media();
	put_rules(BLOCK);
	start();
	told("sda", "2-1");
	assert_string_equal(done, "open sda, open sda1, open sda, open sda1");
	shown_has("\"why\":\"holds-system\"");
}

static void a_system_on_a_stick_that_is_read_only_stays_so(void **state)
{
	(void)state;
	plug("2-1", "60A44C41")->interfaces[0].authorized = true;
	hold("2-1", "sda", "iso9660");
	medium("sda")->holds_system = medium("sda1")->holds_system = true;
	medium("sda")->read_only = medium("sda1")->read_only = true;
	show_media();
	put_rules(ANY);
	start();
	assert_null(strstr(done, "rw sda"));
	assert_true(medium("sda1")->read_only);
}

static void what_somebody_else_shut_stays_shut_under_audit(void **state)
{
	(void)state;
	put_rules("mode storage audit 3\nmode hardware audit 9\nset allow any 4\n"
		  "set encrypted none 5\nset scan none 6\n");
	start();
	plug("2-1", "60A44C41");
	bound("2-1");
	assert_string_equal(done, "");
}

static void after_another_boot_a_clock_that_says_less_opens_nothing_with_an_end(void **state)
{
	char rules[512];
	struct err err;

	(void)state;
	(void)snprintf(rules, sizeof(rules),
		       "caretaker-gate 1\npolicy school 7\nclock %lld 5 another-boot\n" APPROVED
		       "stick 0951:1666:60A44C41 %lld any EX-12 0\nend\n",
		       (long long)FAKE_NOW, (long long)FAKE_NOW + 864000);
	assert_int_equal(plat_file_replace(RULES, rules, strlen(rules), PLAT_FILE_PRIVATE, &err),
			 0);
	fake_set_now(FAKE_NOW - 86400);
	start();
	plug("2-1", "60A44C41");
	bound("2-1");
	assert_string_equal(done, "");
	last_line_has("\"why\":\"clock-unknown\"");
	fake_set_now(FAKE_NOW + 86400);
	gate_look(gate);
	assert_string_equal(done, "let 2-1:1.0");
}

static void media_begin_closed_while_storage_is_enforced(void **state)
{
	(void)state;
	put_rules(BLOCK);
	start();
	assert_non_null(fake_file_text(STATE "/hardware/enforced"));
	gate_free(gate); /* and go on doing so without us */
	start();
	assert_non_null(fake_file_text(STATE "/hardware/enforced"));
	new_rules("mode storage audit 3\nmode hardware enforce 9\n");
	assert_null(fake_file_text(STATE "/hardware/enforced"));
}

/* --- audit, no rules, damaged rules --- */

static void audit_touches_nothing_and_records_the_same(void **state)
{
	(void)state;
	put_rules("mode storage audit 3\nmode hardware audit 9\nset allow any 4\n"
		  "set encrypted luks 5\nset scan none 6\n");
	start();
	plug("2-1", "60A44C41")->interfaces[0].authorized = true;
	hold("2-1", "sda", "vfat");
	bound("2-1");
	told("sda", "2-1");
	assert_string_equal(done, "");
	assert_int_equal(lines(), 1);
	last_line_has("\"type\":\"storage-refused\",\"count\":1,\"enforced\":false");
	last_line_has("\"bytes\":15728640,\"file_system\":\"vfat\",\"verdict\":\"refused\","
		      "\"why\":\"plain\"");
}

static void without_rules_nothing_is_decided_touched_or_recorded(void **state)
{
	(void)state;
	start();
	plug("2-1", "60A44C41");
	bound("2-1");
	assert_string_equal(done, "");
	assert_int_equal(lines(), 0);
	shown_has("\"rules\":\"none\"");
	shown_has("\"verdict\":\"passed\"");
}

static void damaged_rules_leave_the_last_good_ones_in_force(void **state)
{
	(void)state;
	put_rules(BLOCK);
	start();
	assert_works(plat_file_replace(RULES, "caretaker-gate 1\n", 17, PLAT_FILE_PRIVATE, &err));
	gate_rules_changed(gate);
	shown_has("\"storage\":\"enforce\"");
	shown_has("\"rules\":\"damaged\"");
	plug("2-1", "60A44C41")->interfaces[0].authorized = true;
	bound("2-1");
	assert_string_equal(done, "shut 2-1:1.0");
}

static void damaged_rules_at_the_start_let_nothing_in(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(plat_file_replace(RULES, "x", 1, PLAT_FILE_PRIVATE, &err), 0);
	start();
	plug("2-1", "60A44C41");
	bound("2-1");
	assert_string_equal(done, "");
	shown_has("\"verdict\":\"refused\",\"enforced\":false,\"why\":\"no-rules\"");
}

static void when_enforcement_ends_what_was_shut_is_let_through(void **state)
{
	(void)state;
	put_rules(BLOCK);
	start();
	plug("2-1", "60A44C41");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	assert_string_equal(done, "");
	new_rules("mode storage audit 3\nmode hardware audit 9\nset allow none 4\n");
	assert_string_equal(done, "let 2-1:1.0");
}

static void ending_opens_and_shuts_nothing(void **state)
{
	(void)state;
	put_rules(ANY);
	start();
	plug("2-1", "1");
	plug("2-2", "60A44C41");
	bound("2-1");
	bound("2-2");
	new_rules(BLOCK);
	done[0] = '\0';
	gate_free(gate);
	gate = NULL;
	assert_string_equal(done, "");
}

/* --- approvals --- */

static void only_the_stick_that_was_approved_opens(void **state)
{
	(void)state;
	put_rules(APPROVED "stick 0951:1666:60A44C41 0 any EX-12 0\n");
	start();
	plug("2-1", "60A44C42");
	bound("2-1");
	assert_string_equal(done, "");
	last_line_has("\"why\":\"not-approved\"");
	plug("2-2", "60A44C41");
	bound("2-2");
	assert_string_equal(done, "let 2-2:1.0");
	last_line_has("\"why\":\"approved-stick\",\"line\":4,\"exception\":\"EX-12\"");
}

static void an_approval_opens_what_is_plugged_without_replugging(void **state)
{
	(void)state;
	put_rules(APPROVED);
	start();
	plug("2-1", "60A44C41");
	bound("2-1");
	assert_string_equal(done, "");
	new_rules(APPROVED "stick 0951:1666:60A44C41 0 any EX-12 0\n");
	assert_string_equal(done, "let 2-1:1.0");
	last_line_has("\"type\":\"storage-opened\"");
}

static void an_approval_s_end_shuts_what_is_plugged(void **state)
{
	char rules[512];

	(void)state;
	(void)snprintf(rules, sizeof(rules), "%sstick 0951:1666:60A44C41 %lld any EX-12 0\n",
		       APPROVED, (long long)FAKE_NOW + 90);
	put_rules(rules);
	start();
	plug("2-1", "60A44C41");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	medium("sda1")->mounted = true;
	show_media();
	assert_int_equal(gate_wait_ms(gate), 60000); /* a sleep may come between */
	fake_advance(60);
	gate_tick(gate);
	assert_int_equal(gate_wait_ms(gate), 30200);
	done[0] = '\0';
	fake_advance(31);
	gate_tick(gate);
	assert_string_equal(done, "close sda, unmount sda1, close sda1, shut 2-1:1.0");
	last_line_has("\"type\":\"storage-shut\"");
	last_line_has("\"why\":\"approval-ended\"");
	last_line_has("\"exception\":\"EX-12\"");
	assert_int_equal(gate_wait_ms(gate), -1);
}

static void a_clock_that_is_set_back_prolongs_no_approval(void **state)
{
	char rules[512], boot[37];
	struct err err;

	(void)state;
	assert_int_equal(plat_boot_id(boot, &err), 0);
	(void)snprintf(rules, sizeof(rules),
		       "caretaker-gate 1\npolicy school 7\nclock %lld %lld %s\n" APPROVED
		       "stick 0951:1666:60A44C41 %lld any EX-12 0\nend\n",
		       (long long)FAKE_NOW, (long long)plat_uptime_ms() / 1000, boot,
		       (long long)FAKE_NOW + 50);
	assert_int_equal(plat_file_replace(RULES, rules, strlen(rules), PLAT_FILE_PRIVATE, &err),
			 0);
	start();
	plug("2-1", "60A44C41");
	bound("2-1");
	assert_string_equal(done, "let 2-1:1.0");
	fake_advance(51);
	fake_set_now(FAKE_NOW - 86400);
	gate_tick(gate);
	assert_string_equal(done, "let 2-1:1.0, shut 2-1:1.0");
}

static void a_person_s_approval_ends_when_somebody_else_sits_there(void **state)
{
	(void)state;
	put_rules(APPROVED "person ann 0 any - 5\n");
	fake_gate.user = "ann";
	start();
	plug("2-1", "60A44C41");
	bound("2-1");
	assert_string_equal(done, "let 2-1:1.0");
	last_line_has("\"user\":\"ann\"");
	fake_gate.user = "bob";
	gate_seat_changed(gate);
	assert_string_equal(done, "let 2-1:1.0, shut 2-1:1.0");
	fake_gate.user = "ann";
	gate_seat_changed(gate);
	assert_string_equal(done, "let 2-1:1.0, shut 2-1:1.0, let 2-1:1.0");
}

static void two_sticks_with_one_serial_are_both_refused(void **state)
{
	(void)state;
	put_rules(APPROVED "stick 0951:1666:60A44C41 0 any - 5\n");
	start();
	plug("2-1", "60A44C41");
	bound("2-1");
	plug("2-2", "60A44C41");
	bound("2-2");
	assert_string_equal(done, "let 2-1:1.0, shut 2-1:1.0");
	last_line_has("\"why\":\"twin-serial\"");
	unplug("2-2");
	assert_string_equal(done, "let 2-1:1.0, shut 2-1:1.0, let 2-1:1.0");
}

static void an_approved_stick_that_looks_different_is_said_so(void **state)
{
	(void)state;
	put_rules(APPROVED "stick 0951:1666:60A44C41 0 any EX-1 0\n");
	start();
	plug("2-1", "60A44C41");
	bound("2-1");
	unplug("2-1");
	strcpy(plug("2-1", "60A44C41")->model, "Rubber Ducky");
	done[0] = '\0';
	bound("2-1");
	assert_string_equal(done, "");
	last_line_has("\"why\":\"changed-device\"");
	/* Whoever approves it anew knows it as it is now. */
	new_rules(APPROVED "stick 0951:1666:60A44C41 0 any EX-2 0\n");
	assert_string_equal(done, "let 2-1:1.0");
}

/* --- the medium decides --- */

static void an_encrypted_partition_opens_and_a_plain_stick_is_shut_again(void **state)
{
	(void)state;
	put_rules(ENCRYPTED);
	start();
	plug("2-1", "1");
	hold("2-1", "sda", "crypto_LUKS");
	bound("2-1");
	told("sda1", "2-1");
	assert_string_equal(opened, "sda1 ");
	assert_false(medium("sda1")->read_only || medium("sda")->read_only);
	last_line_has("\"type\":\"storage-opened\"");
	plug("2-2", "2");
	hold("2-2", "sdb", "vfat");
	done[0] = '\0';
	bound("2-2");
	assert_string_equal(done, "let 2-2:1.0");
	told("sdb1", "2-2");
	assert_non_null(strstr(done, "shut 2-2:1.0"));
	assert_null(strstr(done, "open sdb"));
	last_line_has("\"why\":\"plain\"");
	/* Not let in once more by whatever happens next. */
	done[0] = '\0';
	bound("2-2");
	gate_look(gate);
	assert_null(strstr(done, "let 2-2"));
	assert_int_equal(lines(), 2);
}

static void what_udev_has_not_looked_at_is_not_judged(void **state)
{
	(void)state;
	put_rules(ENCRYPTED);
	start();
	plug("2-1", "1");
	hold("2-1", "sda", "crypto_LUKS");
	medium("sda1")->told = false;
	bound("2-1");
	told("sda", "2-1");
	assert_string_equal(opened, "");
	assert_true(medium("sda1")->read_only);
	assert_int_equal(lines(), 0);
	shown_has("\"verdict\":\"judging\"");
	medium("sda1")->told = true;
	show_media();
	told("sda1", "2-1");
	assert_string_equal(opened, "sda1 ");
	assert_int_equal(lines(), 1);
}

static void a_null_cipher_is_plain(void **state)
{
	(void)state;
	put_rules(ENCRYPTED);
	start();
	plug("2-1", "1");
	hold("2-1", "sda", "crypto_LUKS");
	medium("sda1")->null_cipher = true;
	bound("2-1");
	told("sda1", "2-1");
	assert_string_equal(opened, "");
	last_line_has("\"why\":\"null-cipher\"");
}

static void a_plain_stick_may_be_read_where_the_policy_says_so(void **state)
{
	(void)state;
	put_rules(ENCRYPTED "set plain read-only 8\n");
	start();
	plug("2-1", "1");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	told("sda1", "2-1");
	assert_string_equal(opened, "sda1 ");
	assert_true(medium("sda1")->read_only);
	last_line_has("\"verdict\":\"read-only\",\"why\":\"plain\"");
}

static void a_scan_is_asked_for_and_its_answer_opens_or_shuts(void **state)
{
	struct err err;

	(void)state;
	put_rules(ENFORCE "set allow any 4\nset encrypted none 5\nset scan full 6\n");
	start();
	plug("2-1", "1");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	told("sda1", "2-1");
	assert_string_equal(opened, "");
	assert_string_equal(fake_file_text(RUN "/scan/sda1.ask"), "caretaker-scan 1 vfat 30\n");
	assert_int_equal(lines(), 0);
	assert_int_equal(plat_file_replace(RUN "/scan/sda1.state", "scanning 1 2 3 4\n", 17,
					   PLAT_FILE_PRIVATE, &err),
			 0);
	gate_scan_changed(gate);
	assert_string_equal(opened, "");
	assert_int_equal(plat_file_replace(RUN "/scan/sda1.state", "clean 3 100\n", 12,
					   PLAT_FILE_PRIVATE, &err),
			 0);
	gate_scan_changed(gate);
	assert_string_equal(opened, "sda1 ");
	last_line_has("\"verdict\":\"open\"");
	unplug("2-1");
	opened[0] = '\0';
	plug("2-1", "1");
	bound("2-1");
	told("sda1", "2-1");
	assert_string_equal(opened, ""); /* another plug, another scan */
	assert_int_equal(plat_file_replace(RUN "/scan/sda1.state", "infected Eicar\n", 15,
					   PLAT_FILE_PRIVATE, &err),
			 0);
	gate_scan_changed(gate);
	assert_string_equal(opened, "");
	last_line_has("\"why\":\"infected\"");
	assert_non_null(strstr(done, "shut 2-1:1.0"));
}

/* --- the screen --- */

static void what_is_plugged_while_the_screen_is_locked_waits_for_it(void **state)
{
	(void)state;
	put_rules(ANY "set shut_while_locked yes 12\n");
	start();
	plug("2-1", "1");
	bound("2-1");
	fake_gate.locked = true;
	gate_seat_changed(gate);
	assert_string_equal(done, "let 2-1:1.0"); /* what was there stays */
	plug("2-2", "2");
	bound("2-2");
	assert_string_equal(done, "let 2-1:1.0");
	last_line_has("\"why\":\"screen-locked\"");
	fake_gate.locked = false;
	gate_seat_changed(gate);
	assert_string_equal(done, "let 2-1:1.0, let 2-2:1.0");
	fake_gate.locked = true;
	gate_seat_changed(gate);
	assert_string_equal(done, "let 2-1:1.0, let 2-2:1.0");
}

static void a_restart_while_locked_does_not_take_what_was_open(void **state)
{
	(void)state;
	put_rules(ANY "set shut_while_locked yes 12\n");
	plug("2-1", "1")->interfaces[0].authorized = true;
	plug("2-2", "2");
	fake_gate.locked = true;
	start();
	assert_string_equal(done, "");
	shown_has("\"why\":\"allowed\"");
	shown_has("\"why\":\"screen-locked\"");
}

/* --- records --- */

static void a_hundred_times_the_same_is_two_lines(void **state)
{
	(void)state;
	put_rules(BLOCK);
	start();
	for (unsigned i = 0; i < 100; i++) {
		plug("2-1", "60A44C41");
		bound("2-1");
		bound("2-1");
		unplug("2-1");
	}
	assert_int_equal(lines(), 1);
	assert_int_equal(gate_wait_ms(gate), 60000);
	fake_advance(60);
	gate_tick(gate);
	assert_int_equal(lines(), 2);
	last_line_has("\"count\":99");
	assert_int_equal(gate_wait_ms(gate), -1);
}

static void a_flood_of_serials_is_bounded_and_counted(void **state)
{
	(void)state;
	put_rules(BLOCK);
	start();
	for (unsigned i = 0; i < 300; i++) {
		char serial[20];

		(void)snprintf(serial, sizeof(serial), "S%u", i);
		plug("2-1", serial);
		bound("2-1");
		unplug("2-1");
	}
	assert_int_equal(lines(), GATE_RECORD_BURST);
	fake_advance(GATE_RECORD_BURST_S + 1);
	plug("2-1", "after");
	bound("2-1");
	assert_int_equal(lines(), GATE_RECORD_BURST + 2);
	assert_non_null(strstr(fake_file_text(EVENTS), "\"type\":\"events-lost\",\"count\":260}"));
}

static void a_full_disk_loses_no_count(void **state)
{
	(void)state;
	put_rules(BLOCK);
	start();
	fake_fail_changes(0, ERR_FULL);
	plug("2-1", "60A44C41");
	bound("2-1");
	fake_fail_changes(0, ERR_NONE);
	plug("2-2", "other");
	bound("2-2");
	assert_int_equal(lines(), 2);
	assert_non_null(strstr(fake_file_text(EVENTS), "\"type\":\"events-lost\",\"count\":1}"));
}

static void a_phone_that_charges_is_counted_once_a_day(void **state)
{
	(void)state;
	put_rules(BLOCK);
	start();
	for (unsigned i = 0; i < 5; i++) {
		strcpy(plug_as("2-1", 0x4ee1, "PHONE", 6, "01ip01")->interfaces[0].text, "MTP");
		bound("2-1");
		unplug("2-1");
	}
	assert_int_equal(lines(), 1);
	last_line_has("\"type\":\"hardware-seen\",\"count\":1");
	fake_advance(86400);
	strcpy(plug_as("2-1", 0x4ee1, "PHONE", 6, "01ip01")->interfaces[0].text, "MTP");
	bound("2-1");
	assert_int_equal(lines(), 2);
	last_line_has("\"type\":\"hardware-seen\",\"count\":5");
}

static void a_reference_stays_with_its_device(void **state)
{
	char before[7];

	(void)state;
	put_rules(BLOCK);
	start();
	plug("2-1", "60A44C41");
	bound("2-1");
	memcpy(before, strstr(fake_file_text(SHOWN), "\"reference\":\"") + 13, 6);
	before[6] = '\0';
	unplug("2-1");
	gate_free(gate);
	gate = NULL;
	start();
	plug("2-2", "another");
	plug("2-3", "60A44C41");
	bound("2-3");
	shown_has(before);
	bound("2-2");
	assert_null(strstr(strstr(fake_file_text(SHOWN), before) + 6, before));
}

static void a_card_without_usb_is_judged_by_its_disk(void **state)
{
	(void)state;
	put_rules(BLOCK);
	start();
	hold("", "mmcblk0", "vfat");
	told("mmcblk0", "");
	assert_string_equal(done, "ro mmcblk0, close mmcblk0, ro mmcblk01, close mmcblk01");
	assert_int_equal(lines(), 1);
	last_line_has("\"why\":\"not-allowed\"");
	shown_has("\"disk\":\"mmcblk0\"");
}

static void a_dead_device_is_no_matter(void **state)
{
	(void)state;
	put_rules(BLOCK);
	start();
	bound("2-9");
	unplug("2-9");
	says("block", "disk", "add", "sdz", "2-9");
	assert_string_equal(done, "");
	assert_int_equal(lines(), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_stick_that_nothing_allows_stays_shut_and_is_recorded),
		TEST(a_keyboard_that_was_left_shut_is_let_through),
		TEST(what_is_allowed_is_let_in_and_its_media_are_opened),
		TEST(read_only_is_set_before_a_medium_opens),
		TEST(a_change_to_read_only_unmounts_what_can_be_written),
		TEST(a_new_policy_shuts_what_is_plugged_after_unmounting_it),
		TEST(what_holds_the_system_is_never_touched),
		TEST(a_system_on_a_stick_that_is_read_only_stays_so),
		TEST(what_somebody_else_shut_stays_shut_under_audit),
		TEST(after_another_boot_a_clock_that_says_less_opens_nothing_with_an_end),
		TEST(media_begin_closed_while_storage_is_enforced),
		TEST(audit_touches_nothing_and_records_the_same),
		TEST(without_rules_nothing_is_decided_touched_or_recorded),
		TEST(damaged_rules_leave_the_last_good_ones_in_force),
		TEST(damaged_rules_at_the_start_let_nothing_in),
		TEST(when_enforcement_ends_what_was_shut_is_let_through),
		TEST(ending_opens_and_shuts_nothing),
		TEST(only_the_stick_that_was_approved_opens),
		TEST(an_approval_opens_what_is_plugged_without_replugging),
		TEST(an_approval_s_end_shuts_what_is_plugged),
		TEST(a_clock_that_is_set_back_prolongs_no_approval),
		TEST(a_person_s_approval_ends_when_somebody_else_sits_there),
		TEST(two_sticks_with_one_serial_are_both_refused),
		TEST(an_approved_stick_that_looks_different_is_said_so),
		TEST(an_encrypted_partition_opens_and_a_plain_stick_is_shut_again),
		TEST(what_udev_has_not_looked_at_is_not_judged),
		TEST(a_null_cipher_is_plain),
		TEST(a_plain_stick_may_be_read_where_the_policy_says_so),
		TEST(a_scan_is_asked_for_and_its_answer_opens_or_shuts),
		TEST(what_is_plugged_while_the_screen_is_locked_waits_for_it),
		TEST(a_restart_while_locked_does_not_take_what_was_open),
		TEST(a_hundred_times_the_same_is_two_lines),
		TEST(a_flood_of_serials_is_bounded_and_counted),
		TEST(a_full_disk_loses_no_count),
		TEST(a_phone_that_charges_is_counted_once_a_day),
		TEST(a_reference_stays_with_its_device),
		TEST(a_card_without_usb_is_judged_by_its_disk),
		TEST(a_dead_device_is_no_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
