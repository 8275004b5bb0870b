/* Heartbeats as a staff laptop on Debian sends them, for tests, benchmarks and the fuzz corpus.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_SAMPLE_HEARTBEAT_H
#define CARETAKER_TESTS_SAMPLE_HEARTBEAT_H

#include <string.h>

#include "agent/base/text.h"
#include "agent/proto/heartbeat.h"

#define SAMPLE_AT 1795328400 /* 2026-11-22T06:20:00Z */
#define SAMPLE_CONTROLS 16

static struct heartbeat_control sample_controls[SAMPLE_CONTROLS];
static struct heartbeat_event sample_events[3];

static inline void sample_control(unsigned i, enum control_id id, enum verdict verdict,
				  const char *why, int64_t since, int64_t due_at,
				  const char *evidence)
{
	struct heartbeat_control *control = &sample_controls[i];

	memset(control, 0, sizeof(*control));
	text_copy(control->id, sizeof(control->id), control_name(id));
	control->mode = MODE_AUDIT;
	control->verdict = verdict;
	text_copy(control->why, sizeof(control->why), why);
	control->since = since;
	control->due_at = due_at;
	control->evidence = evidence;
	control->evidence_len = strlen(evidence);
}

static inline void sample_fill_controls(void)
{
	const int64_t at = SAMPLE_AT, day = 86400;

	sample_control(0, CONTROL_SCREEN_LOCK, VERDICT_FAIL, "locks-late", at - 12 * day - 77, 0,
		       "{\"desktops\":[{\"name\":\"GNOME\",\"enabled\":true,\"idle_s"
		       "\":1800,\"delay_s\":0,\"fixed\":false,\"open\":\"idle-delay"
		       "\"}],\"desktop\":\"GNOME\",\"idle_s\":1800,\"idle_max_s\":90"
		       "0}");
	sample_control(1, CONTROL_ACCOUNTS, VERDICT_PASS, "ok", at - 40 * day, 0,
		       "{\"people\":3,\"administrators\":1,\"logged_on\":1}");
	sample_control(2, CONTROL_PASSWORD_POLICY, VERDICT_PASS, "ok", at - 40 * day, 0,
		       "{\"checked_by\":\"pam_pwquality\",\"min_length\":8,\"min_class"
		       "es\":0,\"guesses\":5}");
	sample_control(3, CONTROL_HARDWARE, VERDICT_PASS, "ok", at - 40 * day, 0,
		       "{\"model\":\"HP ProBook 440 G8 Notebook PC\",\"serial\":\"5CD1"
		       "234XYZ\",\"memory_mib\":7812,\"battery_percent\":87,\"usb\":{\""
		       "hid\":2,\"hub\":1,\"video\":1}}");
	sample_control(4, CONTROL_SOFTWARE, VERDICT_PASS, "ok", at - 40 * day, 0,
		       "{\"kinds\":{\"dpkg\":1031,\"flatpak\":11}}");
	sample_control(5, CONTROL_CONFIGURATION, VERDICT_NOT_APPLICABLE, "nothing-required",
		       at - 40 * day, 0, "{}");
	sample_control(6, CONTROL_SERVICES, VERDICT_FAIL, "listening", at - 3 * day - 4242, 0,
		       "{\"listening\":1,\"loopback_only\":3,\"extra\":[\"tcp/2024\"]}");
	sample_control(7, CONTROL_NETWORK, VERDICT_PASS, "ok", at - 40 * day, 0,
		       "{\"dns_servers\":2}");
	sample_control(8, CONTROL_REMOTE_ACCESS, VERDICT_PASS, "ok", at - 40 * day, 0, "{}");
	sample_control(9, CONTROL_ANTI_VIRUS, VERDICT_PASS, "ok", at - 40 * day, 0,
		       "{\"products\":[{\"name\":\"ClamAV\",\"version\":\"1.0.7\",\"runnin"
		       "g\":true,\"on_access\":true,\"updates_itself\":true,\"signatu"
		       "res_at\":\"2026-11-22T00:41:49Z\",\"signatures\":\"27834\"}],\""
		       "product\":\"ClamAV\"}");
	sample_control(10, CONTROL_UPDATES, VERDICT_PASS, "pending", at - 2 * day - 911,
		       at + 9 * day,
		       "{\"release\":\"Debian GNU/Linux 12 (bookworm)\",\"ends\":\"202"
		       "8-06-30T00:00:00Z\",\"manager\":\"apt\",\"pending\":[{\"name\":\""
		       "libexpat1\",\"installed\":\"2.5.0-1+deb12u1\",\"fixed\":\"2.5.0"
		       "-1+deb12u2\",\"severity\":\"high\",\"since\":\"2026-11-20T06:04"
		       ":49Z\",\"dated\":\"changelog\",\"due_at\":\"2026-12-01T06:20:00"
		       "Z\"}],\"pending_count\":1,\"due_at\":\"2026-12-01T06:20:00Z\","
		       "\"other_count\":4,\"lists_at\":\"2026-11-22T05:57:50Z\",\"list"
		       "s_by\":\"Release\",\"automatic\":true,\"automatic_by\":\"unatte"
		       "nded-upgrades, started by apt-daily-upgrade.timer\",\"las"
		       "t_success\":\"2026-11-21T06:11:40Z\",\"reboot_pending\":fals"
		       "e}");
	sample_control(11, CONTROL_DISK_ENCRYPTION, VERDICT_PASS, "ok", at - 40 * day, 0,
		       "{\"volumes\":[{\"name\":\"/\",\"device\":\"dm-1\",\"type\":"
		       "\"ext4\",\"encryption\":\"luks2\"},{\"name\":\"/boot\",\"dev"
		       "ice\":\"nvme0n1p2\",\"type\":\"ext4\",\"encryption\":\"none"
		       "\",\"left_out\":true}]}");
	sample_control(12, CONTROL_FIREWALL, VERDICT_PASS, "ok", at - 40 * day, 0,
		       "{\"ipv4\":\"filters\",\"ipv6\":\"filters\",\"rules\":\"nftab"
		       "les\",\"product\":\"ufw\",\"at_boot\":true,\"running\":true}");
	sample_control(13, CONTROL_TAMPER, VERDICT_PASS, "ok", at - 40 * day, 0, "{}");
	sample_control(14, CONTROL_BACKUP, VERDICT_NOT_APPLICABLE, "not-asked", at - 40 * day, 0,
		       "{}");
	sample_control(15, CONTROL_FILTERING, VERDICT_NOT_APPLICABLE, "not-asked", at - 40 * day, 0,
		       "{}");
}

static inline void sample_fill_events(void)
{
	static const char *const data[] = {
		"{\"desktop\":\"gnome\",\"idle_s\":1204}",
		"{\"control\":\"services\",\"from\":\"pass\",\"to\":\"fail\"}",
		"{\"control\":\"updates\",\"from\":\"pass\",\"to\":\"pass\"}"};
	static const char *const types[] = {"screen-unlocked-idle", "verdict-changed",
					    "verdict-changed"};

	memset(sample_events, 0, sizeof(sample_events));
	for (unsigned i = 0; i < 3; i++) {
		sample_events[i].id = 815 + i;
		sample_events[i].at = SAMPLE_AT - 400 + 61 * i;
		sample_events[i].count = 1;
		text_copy(sample_events[i].type, sizeof(sample_events[i].type), types[i]);
		sample_events[i].data = data[i];
		sample_events[i].data_len = strlen(data[i]);
	}
}

static inline void sample_hash(const char *of, char out[HASH_TEXT])
{
	crypto_sha256_b64(of, strlen(of), out);
}

/* 'full': sixteen controls and three events; else two controls. */
static inline void sample_heartbeat(struct heartbeat *h, bool full)
{
	memset(h, 0, sizeof(*h));
	sample_fill_controls();
	sample_fill_events();
	text_copy(h->device, sizeof(h->device), "6f1cb9a4-3c0e-4b57-9a55-0d9e8a7c41f2");
	h->seq = 1234;
	sample_hash("before", h->prev);
	h->at = SAMPLE_AT;
	text_copy(h->boot, sizeof(h->boot), "b3c7e0d2-91fa-4d08-8f36-52ce17a94b60");
	h->uptime_s = 20411;
	h->acked_time = SAMPLE_AT - 903;
	h->since_acked_s = 903;
	text_copy(h->agent, sizeof(h->agent), "0.1.0");
	h->base_seq = 1233;
	memcpy(h->base_hash, h->prev, sizeof(h->base_hash));
	text_copy(h->policy_name, sizeof(h->policy_name), "staff laptops");
	h->policy_serial = 7;
	if (full)
		sample_hash("policy", h->policy_sha256);
	h->exceptions_serial = 3;
	h->keys_serial = 1;
	h->full = full;
	h->controls = full ? sample_controls : sample_controls + 9;
	h->control_count = full ? SAMPLE_CONTROLS : 2;
	h->events = sample_events;
	h->event_count = full ? 3 : 0;
	if (full) {
		sample_hash("inventory", h->inventory);
		return;
	}
	/* As the base said. */
	h->device[0] = h->boot[0] = h->agent[0] = h->policy_name[0] = '\0';
	h->policy_serial = h->exceptions_serial = HEARTBEAT_AS_BASE;
	h->acked_time = 0;
	h->since_acked_s = -1;
}

#endif
