/* heartbeat.c: there and back, and the refusal of every member that is not as it should be.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto_helpers.h"

#include "agent/proto/heartbeat.h"
#include "tests/sample_heartbeat.h"

static struct buf text;

static int setup(void **state)
{
	(void)state;
	buf_init(&text, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_clear(&text);
	return 0;
}

static void decode(const char *json, size_t len, struct heartbeat *out)
{
	struct err err = {0};

	if (heartbeat_decode(json, len, out, &err) != 0)
		fail_msg("%s", err.msg);
}

static void compare_controls(const struct heartbeat *got, const struct heartbeat *want)
{
	assert_int_equal(got->control_count, want->control_count);
	for (unsigned i = 0; i < want->control_count; i++) {
		const struct heartbeat_control *g = &got->controls[i], *w = &want->controls[i];

		assert_string_equal(g->id, w->id);
		assert_int_equal(g->as_base, w->as_base);
		assert_int_equal(g->mode, w->mode);
		assert_int_equal(g->verdict, w->verdict);
		assert_string_equal(g->why, w->why);
		assert_int_equal(g->since, w->since);
		assert_int_equal(g->due_at, w->due_at);
		assert_int_equal(g->until, w->until);
		assert_int_equal(g->evidence_len, w->evidence_len);
		assert_string_equal(g->evidence, w->evidence);
	}
}

static void compare_events(const struct heartbeat *got, const struct heartbeat *want)
{
	assert_int_equal(got->event_count, want->event_count);
	for (unsigned i = 0; i < want->event_count; i++) {
		const struct heartbeat_event *g = &got->events[i], *w = &want->events[i];

		assert_int_equal(g->id, w->id);
		assert_int_equal(g->at, w->at);
		assert_string_equal(g->type, w->type);
		assert_int_equal(g->count, w->count);
		assert_string_equal(g->data, w->data);
	}
}

static void compare(const struct heartbeat *got, const struct heartbeat *want)
{
	assert_string_equal(got->device, want->device);
	assert_int_equal(got->seq, want->seq);
	assert_string_equal(got->prev, want->prev);
	assert_int_equal(got->at, want->at);
	assert_string_equal(got->boot, want->boot);
	assert_int_equal(got->uptime_s, want->uptime_s);
	assert_int_equal(got->acked_time, want->acked_time);
	assert_int_equal(got->since_acked_s, want->since_acked_s);
	assert_string_equal(got->agent, want->agent);
	assert_int_equal(got->base_seq, want->base_seq);
	assert_string_equal(got->base_hash, want->base_hash);
	assert_string_equal(got->policy_name, want->policy_name);
	assert_int_equal(got->policy_serial, want->policy_serial);
	assert_string_equal(got->policy_sha256, want->policy_sha256);
	assert_int_equal(got->exceptions_serial, want->exceptions_serial);
	assert_int_equal(got->keys_serial, want->keys_serial);
	assert_int_equal(got->rejected_count, want->rejected_count);
	assert_int_equal(got->full, want->full);
	assert_int_equal(got->volatile_chain, want->volatile_chain);
	assert_int_equal(got->events_lost, want->events_lost);
	assert_string_equal(got->inventory, want->inventory);
	assert_string_equal(got->next_kid, want->next_kid);
	assert_memory_equal(got->next_key, want->next_key, CRYPTO_POINT_SIZE);
	compare_controls(got, want);
	compare_events(got, want);
}

static void there_and_back(const struct heartbeat *want)
{
	struct heartbeat got;

	buf_reset(&text);
	heartbeat_encode(want, &text);
	decode(text.data, text.len, &got);
	compare(&got, want);
	heartbeat_clear(&got);
	assert_null(got.controls);
}

static void decodes_what_it_encodes(void **state)
{
	struct heartbeat h;

	(void)state;
	sample_heartbeat(&h, true);
	there_and_back(&h);
	sample_heartbeat(&h, false);
	there_and_back(&h);
}

static void decodes_the_first_one_of_a_device(void **state)
{
	struct heartbeat h;

	(void)state;
	sample_heartbeat(&h, true);
	h.seq = 1;
	h.base_seq = 0;
	h.base_hash[0] = '\0';
	h.acked_time = 0;
	h.since_acked_s = -1;
	h.policy_name[0] = h.policy_sha256[0] = h.inventory[0] = '\0';
	h.policy_serial = h.exceptions_serial = 0;
	h.control_count = h.event_count = 0;
	there_and_back(&h);
}

static void decodes_what_seldom_happens(void **state)
{
	struct crypto_signer *next = new_signer();
	struct heartbeat h, got;

	(void)state;
	sample_heartbeat(&h, true);
	h.at = 0; /* a clock in 1970 */
	h.base_seq = 1200;
	sample_hash("another", h.base_hash);
	h.volatile_chain = true;
	h.events_lost = 17;
	h.events[1].count = 400;
	h.controls[2].until = SAMPLE_AT + 86400;
	memcpy(h.next_key, crypto_key_point(crypto_signer_key(next)), CRYPTO_POINT_SIZE);
	text_copy(h.next_kid, sizeof(h.next_kid), kid_of(next));
	h.rejected_count = 2;
	h.rejected[0] = (struct heartbeat_rejected){.serial = 8, .what = "policy"};
	text_copy(h.rejected[0].why, sizeof(h.rejected[0].why), "policy.ini:3: unknown key 'mod'");
	h.rejected[1] = (struct heartbeat_rejected){.serial = 2, .what = "keys"};
	there_and_back(&h);
	decode(text.data, text.len, &got);
	assert_int_equal(got.rejected[0].serial, 8);
	assert_string_equal(got.rejected[0].what, "policy");
	assert_string_equal(got.rejected[0].why, h.rejected[0].why);
	assert_string_equal(got.rejected[1].what, "keys");
	heartbeat_clear(&got);
	crypto_signer_free(next);
}

/* Evidence reaches the collector byte for byte, whoever wrote the JSON around it. */
static void keeps_evidence_as_it_came(void **state)
{
	static const char *const pieces[] = {
		"{}",
		"{ \"a\" : [ 1 , { \"b\" : \"}]\\\"{\" } ] }",
		"{\"a\":1e2,\"b\":-0.50,\"c\":null,\"d\":true}",
		"{\"\\\\\":\"\\\\\\\\\",\"\\\"\":\"\\\"\"}",
		"{\"evidence\":{\"id\":\"x\"},\"\xc3\xa9\":\"\xf0\x9f\x94\x92\"}",
		"{\n\t\"a\": [\r\n]\n}",
	};
	struct heartbeat h, got;

	(void)state;
	sample_heartbeat(&h, true);
	h.control_count = COUNT(pieces);
	for (size_t i = 0; i < COUNT(pieces); i++) {
		h.controls[i].evidence = pieces[i];
		h.controls[i].evidence_len = strlen(pieces[i]);
	}
	h.events[0].data = pieces[1];
	h.events[0].data_len = strlen(pieces[1]);
	there_and_back(&h);

	/* Members in another order, unknown ones and blanks between. */
	buf_reset(&text);
	buf_addf(
		&text,
		"  {\"full\":true , \"new\":[{\"controls\":[1]}], \"events\" : [ ], \"policy\":"
		"{\"name\":\"\",\"serial\":0}, \"controls\":[ {\"evidence\" : %s ,\"z\":[[]],\"id\""
		":\"backup\",\"mode\":\"off\",\"since\":\"2026-11-22T06:20:00+01:00\",\"verdict\":"
		"\"pass\"}, {\"id\":\"new\",\"mode\":\"off\",\"verdict\":\"unknown\",\"since\":"
		"\"2026-11-22T06:20:00Z\"} ],\"exceptions\":0,\"agent\":\"9\",\"clock\":{\"up\":1},"
		"\"boot\":\"" ORG "\",\"at\":\"2026-11-22T06:20:00.5Z\",\"prev\":"
		"\"bbfYA-dPH_p9j1rcC_lbPhW_TINz__rfVGInzGxnQss\",\"seq\":1,\"device\":\"" DEVICE
		"\",\"v\":1}\n",
		pieces[1]);
	decode(text.data, text.len, &got);
	assert_int_equal(got.control_count, 2);
	assert_string_equal(got.controls[0].evidence, pieces[1]);
	assert_string_equal(got.controls[1].id, "new");
	assert_string_equal(got.controls[1].evidence, "{}");
	assert_int_equal(got.at, SAMPLE_AT);
	assert_int_equal(got.controls[0].since, SAMPLE_AT - 3600);
	heartbeat_clear(&got);
}

static void takes_the_one_before_for_a_deltas_base(void **state)
{
	struct heartbeat h, got;

	(void)state;
	sample_heartbeat(&h, false);
	heartbeat_encode(&h, &text);
	assert_null(strstr(text.data, "\"base\""));
	decode(text.data, text.len, &got);
	assert_int_equal(got.base_seq, 1233);
	assert_string_equal(got.base_hash, h.prev);
	heartbeat_clear(&got);
	sample_heartbeat(&h, true);
	buf_reset(&text);
	heartbeat_encode(&h, &text);
	assert_non_null(strstr(text.data, "\"base\""));
}

/* A delta says only what is new: the rest is marked as what its base said. */
static void leaves_out_of_a_delta_what_its_base_said(void **state)
{
	static const char *const left_out[] = {"device", "boot",       "agent",     "policy",
					       "acked",  "exceptions", "inventory", "base"};
	struct heartbeat h, got;

	(void)state;
	sample_heartbeat(&h, false);
	there_and_back(&h);
	for (size_t i = 0; i < COUNT(left_out); i++) {
		char name[32];

		snprintf(name, sizeof(name), "\"%s\":", left_out[i]);
		if (strstr(text.data, name))
			fail_msg("%s is in %s", name, text.data);
	}
	assert_non_null(strstr(text.data, "\"keys\":1"));
	decode(text.data, text.len, &got);
	assert_string_equal(got.device, "");
	assert_string_equal(got.boot, "");
	assert_int_equal(got.policy_serial, HEARTBEAT_AS_BASE);
	assert_int_equal(got.exceptions_serial, HEARTBEAT_AS_BASE);
	heartbeat_clear(&got);
}

static void tells_new_evidence_without_the_standing_that_its_base_said(void **state)
{
	struct heartbeat h, got;
	struct err err = {0};
	char *json;

	(void)state;
	sample_heartbeat(&h, false);
	h.controls[0].as_base = true;
	heartbeat_encode(&h, &text);
	decode(text.data, text.len, &got);
	assert_true(got.controls[0].as_base);
	assert_false(got.controls[1].as_base);
	assert_string_equal(got.controls[0].evidence, h.controls[0].evidence);
	assert_string_equal(got.controls[0].why, "");
	assert_int_equal(got.controls[0].since, 0);
	heartbeat_clear(&got);

	/* Half a standing would be a guess; a full heartbeat has no base. */
	json = replaced(text.data, "{\"id\":\"anti-virus\"",
			"{\"id\":\"anti-virus\",\"why\":\"ok\"");
	assert_int_equal(heartbeat_decode(json, strlen(json), &got, &err), -1);
	assert_string_equal(err.msg,
			    "control 1: member 'mode': missing; expected text of at most 16 bytes");
	free(json);
	json = replaced(text.data, "\"full\":false", "\"full\":true");
	assert_int_equal(heartbeat_decode(json, strlen(json), &got, &err), -1);
	assert_string_equal(err.msg,
			    "member 'device': missing; expected a UUID in lower-case letters");
	free(json);
}

static void names_what_is_wrong(void **state)
{
	static const struct {
		const char *from, *to, *want;
	} cases[] = {
		{"{\"v\":1", "[{\"v\":1", "byte 4238: expected ',' or ']'"},
		{"\"v\":1", "\"v\":2", "version 2 of this message is newer than this program"},
		{"\"v\":1,", "",
		 "member 'v': missing; expected an integer from 1 to 9007199254740991"},
		{"\"v\":1", "\"v\":1,\"seq\":2", "member 'seq' is there twice"},
		{"6f1cb9a4-", "6F1cb9a4-",
		 "member 'device': expected a UUID in lower-case letters"},
		{"\"seq\":1234", "\"seq\":0",
		 "member 'seq': expected an integer from 1 to 9007199254740991"},
		{"\"seq\":1234", "\"seq\":1.5",
		 "member 'seq': expected an integer from 1 to 9007199254740991"},
		{"\"seq\":1234", "\"seq\":\"1\"",
		 "member 'seq': expected an integer from 1 to 9007199254740991"},
		{"\"prev\":\"", "\"prev\":\"A",
		 "member 'prev': expected a SHA-256 as base64url (43 characters)"},
		{"\"at\":\"2026-11-22T", "\"at\":\"2026-11-22 T",
		 "member 'at': expected a time (RFC 3339)"},
		{"\"at\":\"2026-11-22T", "\"at\":\"2026-02-30T",
		 "member 'at': expected a time (RFC 3339)"},
		{"\"boot\":\"b3c7e0d2", "\"boot\":\"b3c7e0dg",
		 "member 'boot': expected a UUID in lower-case letters"},
		{"\"up\":20411", "\"up\":-1",
		 "clock: member 'up': expected an integer from 0 to 3162240000"},
		{"\"clock\":{", "\"clocks\":{", "member 'clock': missing; expected an object"},
		{"\"agent\":\"0.1.0\"", "\"agent\":\"0123456789012345678901234567890123456789\"",
		 "member 'agent': expected text of at most 31 bytes"},
		{"\"base\":{\"seq\":1233", "\"base\":{\"seq\":null",
		 "base: member 'seq': expected an integer from 1 to 9007199254740991"},
		{"\"name\":\"staff laptops\"", "\"name\":7",
		 "policy: member 'name': expected text of at most 63 bytes"},
		{"\"full\":true", "\"full\":1", "member 'full': expected true or false"},
		{"\"controls\":[", "\"controls\":[5,",
		 "control 1: member 'id': missing; expected at most 31 lower-case letters, digits "
		 "or '-'"},
		{"\"id\":\"accounts\"", "\"id\":\"Accounts\"",
		 "control 2: member 'id': expected at most 31 lower-case letters, digits or '-'"},
		{"\"id\":\"accounts\"", "\"id\":\"screen-lock\"",
		 "control 'screen-lock' is there twice"},
		{"\"mode\":\"audit\"", "\"mode\":\"on\"",
		 "control 1: member 'mode': expected off, audit or enforce"},
		{"\"verdict\":\"fail\"", "\"verdict\":\"bad\"",
		 "control 1: member 'verdict': expected pass, fail, unknown, not-applicable or "
		 "excepted"},
		{"\"why\":\"locks-late\"", "\"why\":\"\"",
		 "control 1: member 'why': expected at most 47 lower-case letters, digits or '-'"},
		{"\"evidence\":{\"desktops\"", "\"evidence\":[],\"x\":{\"desktops\"",
		 "control 1: member 'evidence': expected an object"},
		{"\"events\":[{\"id\":815", "\"events\":[{\"id\":-815",
		 "event 1: member 'id': expected an integer from 0 to 9007199254740991"},
		{"\"type\":\"verdict-changed\"", "\"type\":\"<b>\"",
		 "event 2: member 'type': expected at most 31 lower-case letters, digits or '-'"},
		{"\"inventory\":\"", "\"next\":{\"kty\":\"EC\"},\"inventory\":\"",
		 "next: member 'crv': missing; expected text of at most 16 bytes"},
		{"\"inventory\":\"", "\"lost\":-1,\"inventory\":\"",
		 "member 'lost': expected an integer from 0 to 9007199254740991"},
		{"\"inventory\":\"", "\"rejected\":[{\"what\":\"policy\"}],\"inventory\":\"",
		 "rejected, entry 1: member 'serial': missing; expected an integer from 0 to "
		 "9007199254740991"},
	};
	struct heartbeat h;

	(void)state;
	sample_heartbeat(&h, true);
	heartbeat_encode(&h, &text);
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *json = replaced(text.data, cases[i].from, cases[i].to);
		struct heartbeat got, untouched;
		struct err err = {0};

		memset(&untouched, 0x5a, sizeof(untouched));
		memcpy(&got, &untouched, sizeof(got));
		assert_int_equal(heartbeat_decode(json, strlen(json), &got, &err), -1);
		assert_string_equal(err.msg, cases[i].want);
		assert_memory_equal(&got, &untouched, sizeof(got));
		free(json);
	}
}

static void bounds_what_a_device_may_send(void **state)
{
	struct heartbeat_event *events = calloc(1001, sizeof(*events));
	char *big = malloc(HEARTBEAT_MAX_EVIDENCE + 16);
	struct heartbeat h, got;
	struct err err = {0};

	(void)state;
	assert_non_null(events);
	assert_non_null(big);
	sample_heartbeat(&h, true);
	sprintf(big, "{\"a\":\"%0*d\"}", HEARTBEAT_MAX_EVIDENCE - 8, 0);
	h.controls[3].evidence = big;
	h.controls[3].evidence_len = HEARTBEAT_MAX_EVIDENCE;
	assert_int_equal(strlen(big), HEARTBEAT_MAX_EVIDENCE);
	there_and_back(&h);
	sprintf(big, "{\"a\":\"%0*d\"}", HEARTBEAT_MAX_EVIDENCE - 7, 0);
	h.controls[3].evidence_len++;
	buf_reset(&text);
	heartbeat_encode(&h, &text);
	assert_int_equal(heartbeat_decode(text.data, text.len, &got, &err), -1);
	assert_string_equal(err.msg, "control 4: member 'evidence': 16385 bytes, at most 16384 are "
				     "taken");

	sample_heartbeat(&h, true);
	for (unsigned i = 0; i < 1001; i++) {
		events[i] = h.events[0];
		events[i].id = i;
	}
	h.events = events;
	h.event_count = 1000;
	there_and_back(&h);
	h.event_count = 1001;
	buf_reset(&text);
	heartbeat_encode(&h, &text);
	assert_int_equal(heartbeat_decode(text.data, text.len, &got, &err), -1);
	assert_string_equal(err.msg, "member 'events': expected an array of at most 1000");
	free(events);
	free(big);
}

static size_t packed(const struct heartbeat *h)
{
	struct crypto_signer *signer = new_signer();
	struct err err = {0};
	struct buf jws;
	size_t len;

	buf_init(&jws, 0);
	buf_reset(&text);
	heartbeat_encode(h, &text);
	assert_int_equal(jws_sign(JWS_HEARTBEAT, text.data, text.len, true, 1, signer, &jws, &err),
			 0);
	len = jws.len;
	buf_clear(&jws);
	crypto_signer_free(signer);
	return len;
}

static void load_held_out(struct heartbeat *out)
{
	FILE *f = fopen("tests/bench/heartbeats/held-out/virtual-machine.json", "rb");
	int c;

	if (!f)
		fail_msg("the held-out heartbeat is not here: run from the top folder");
	while ((c = getc(f)) != EOF)
		buf_addc(&text, (char)c);
	fclose(f);
	decode(text.data, text.len, out);
}

/* DESIGN.md, "Promises": at most 1 KB (tests/bench/heartbeats/README.md: on what).  The register of
 * equipment, which is nothing but a machine's own names, comes on top. */
static void keeps_a_full_heartbeat_in_a_kilobyte_but_for_the_register(void **state)
{
	struct heartbeat h;

	(void)state;
	load_held_out(&h);
	h.event_count = 0;
	assert_int_equal(h.control_count, SAMPLE_CONTROLS);
	assert_in_range(packed(&h), 900, 1150);
	assert_string_equal(h.controls[3].id, "hardware");
	h.controls[3].evidence = "{\"usb\":{}}";
	h.controls[3].evidence_len = strlen(h.controls[3].evidence);
	assert_in_range(packed(&h), 800, 1024);
	heartbeat_clear(&h);
}

/* A guard against growth, not the promise: that is 450 bytes, and the bench says that it is missed.
 */
static void keeps_a_delta_of_two_from_growing(void **state)
{
	struct heartbeat_control two[2], *all;
	struct heartbeat full, h;

	(void)state;
	load_held_out(&full);
	all = full.controls;
	sample_heartbeat(&h, false);
	two[0] = all[9];
	two[1] = all[10];
	assert_string_equal(two[0].id, "anti-virus");
	assert_string_equal(two[1].id, "updates");
	two[0].as_base = two[1].as_base = true;
	h.controls = two;
	assert_in_range(packed(&h), 400, 475);
	h.control_count = 0;
	assert_in_range(packed(&h), 300, 360);
	heartbeat_clear(&full);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(decodes_what_it_encodes),
		TEST(decodes_the_first_one_of_a_device),
		TEST(decodes_what_seldom_happens),
		TEST(keeps_evidence_as_it_came),
		TEST(takes_the_one_before_for_a_deltas_base),
		TEST(leaves_out_of_a_delta_what_its_base_said),
		TEST(tells_new_evidence_without_the_standing_that_its_base_said),
		TEST(names_what_is_wrong),
		TEST(bounds_what_a_device_may_send),
		TEST(keeps_a_full_heartbeat_in_a_kilobyte_but_for_the_register),
		TEST(keeps_a_delta_of_two_from_growing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
