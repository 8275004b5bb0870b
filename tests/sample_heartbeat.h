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
		       "{\"desktop\":\"gnome\",\"idle_s\":1800,\"idle_max_s\":900,\"delay_s\":0}");
	sample_control(
		1, CONTROL_ACCOUNTS, VERDICT_PASS, "ok", at - 40 * day, 0,
		"{\"administrators\":[\"technician\"],\"logged_on\":1,\"manager\":\"gdm3\"}");
	sample_control(2, CONTROL_PASSWORD_POLICY, VERDICT_PASS, "ok", at - 40 * day, 0,
		       "{\"min_length\":8,\"min_length_wanted\":6,\"guesses\":5}");
	sample_control(3, CONTROL_HARDWARE, VERDICT_PASS, "ok", at - 40 * day, 0,
		       "{\"battery_percent\":87,\"memory_mib\":7812}");
	sample_control(4, CONTROL_SOFTWARE, VERDICT_PASS, "ok", at - 40 * day, 0,
		       "{\"packages\":1042,\"sources\":2}");
	sample_control(5, CONTROL_CONFIGURATION, VERDICT_NOT_APPLICABLE, "nothing-required",
		       at - 40 * day, 0, "{\"packages\":0,\"files\":0}");
	sample_control(6, CONTROL_SERVICES, VERDICT_FAIL, "listening", at - 3 * day - 4242, 0,
		       "{\"extra\":[{\"name\":\"cupsd\",\"port\":631}],\"listening\":3}");
	sample_control(7, CONTROL_NETWORK, VERDICT_PASS, "ok", at - 40 * day, 0,
		       "{\"dns\":[\"10.12.0.2\",\"10.12.0.3\"],\"proxies\":[]}");
	sample_control(8, CONTROL_REMOTE_ACCESS, VERDICT_PASS, "ok", at - 40 * day, 0,
		       "{\"running\":[],\"installed\":[\"sshd\"]}");
	sample_control(
		9, CONTROL_ANTI_VIRUS, VERDICT_PASS, "ok", at - 40 * day, 0,
		"{\"product\":\"clamav\",\"signature_age_s\":20311,\"signature_max_s\":259200,"
		"\"on_access\":true,\"last_scan\":\"2026-11-20T18:00:11Z\"}");
	sample_control(10, CONTROL_UPDATES, VERDICT_PASS, "pending", at - 2 * day - 911,
		       at + 9 * day,
		       "{\"pending\":[{\"name\":\"openssl\",\"severity\":\"high\",\"released\":"
		       "\"2026-11-17T09:12:00Z\"}],\"automatic\":true,\"reboot_pending\":false}");
	sample_control(11, CONTROL_DISK_ENCRYPTION, VERDICT_PASS, "ok", at - 40 * day, 0,
		       "{\"plain\":[],\"encrypted\":[\"/\",\"/home\"],\"swap\":\"encrypted\"}");
	sample_control(12, CONTROL_FIREWALL, VERDICT_PASS, "ok", at - 40 * day, 0,
		       "{\"product\":\"ufw\",\"at_boot\":true,\"open\":[]}");
	sample_control(13, CONTROL_TAMPER, VERDICT_PASS, "ok", at - 40 * day, 0,
		       "{\"changed\":[],\"stopped\":[]}");
	sample_control(14, CONTROL_BACKUP, VERDICT_PASS, "ok", at - 5 * day, 0,
		       "{\"age_s\":41234,\"max_s\":172800,\"unit\":\"borg.service\"}");
	sample_control(15, CONTROL_FILTERING, VERDICT_UNKNOWN, "cannot-tell", at - day, 0,
		       "{\"message\":\"read '/etc/opt/chrome/policies': Permission denied\"}");
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
	if (full)
		sample_hash("inventory", h->inventory);
}

#endif
