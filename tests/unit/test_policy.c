/* What a policy's words come to, the schema, and the policies that are shipped.
 * test_policy_lint.c has errors and warnings.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "agent/base/buf.h"
#include "agent/base/ini.h"
#include "agent/policy/policy.h"
#include "agent/policy/shape.h"

static struct policy *parsed(const char *text)
{
	struct policy *policy = NULL;
	struct err err = {0};

	if (policy_parse("policy.ini", text, strlen(text), &policy, &err))
		fail_msg("refused: %s\n%s", err.msg, text);
	return policy;
}

/* A file of the source tree, where tests run. */
static char *read_whole(const char *path, size_t *out_len)
{
	FILE *file = fopen(path, "rb");
	char *text = malloc(INI_MAX_BYTES + 1);

	if (!file || !text)
		fail_msg("cannot read '%s'; run the tests in the source folder", path);
	*out_len = fread(text, 1, INI_MAX_BYTES, file);
	text[*out_len] = '\0';
	fclose(file);
	return text;
}

/* --- values ---------------------------------------------------------------------------------- */

static void what_is_left_out_is_the_default(void **state)
{
	struct policy *policy = parsed("[updates]\nfix_days = 7\n");

	(void)state;
	assert_int_equal(policy_number(policy, POLICY_UPDATES_FIX_DAYS), 7);
	assert_int_equal(policy_line(policy, POLICY_UPDATES_FIX_DAYS), 2);
	assert_true(policy_flag(policy, POLICY_UPDATES_UNATTENDED_REQUIRED));
	assert_int_equal(policy_line(policy, POLICY_UPDATES_UNATTENDED_REQUIRED), 0);
	assert_int_equal(policy_number(policy, POLICY_SCREEN_LOCK_IDLE_MAX_SECONDS), 900);
	assert_int_equal(policy_mode(policy, CONTROL_UPDATES), MODE_AUDIT);
	assert_int_equal(policy_mode(policy, CONTROL_HOURS), MODE_OFF);
	assert_string_equal(policy_name(policy), "default");
	assert_string_equal(policy_source(policy), "policy.ini");
	policy_free(policy);
	policy_free(NULL);
}

static void reads_every_type(void **state)
{
	struct policy *policy = parsed("[policy]\nname = Year 6 laptops\n"
				       "[calendar]\nopens = 07:05\nschool_days = fri-mon, wed\n"
				       "[privacy]\nusers = name\n"
				       "[firewall]\nmode = enforce\n"
				       "[end-of-day]\nupdate_days = none\n"
				       "[accounts]\nadministrators = root ,  admin\t, it-*\n");
	struct buf shown;

	(void)state;
	buf_init(&shown, 0);
	assert_string_equal(policy_name(policy), "Year 6 laptops");
	assert_int_equal(policy_clock(policy, POLICY_CALENDAR_OPENS), 7 * 60 + 5);
	assert_int_equal(policy_days(policy, POLICY_CALENDAR_SCHOOL_DAYS), 0x75);
	assert_int_equal(policy_days(policy, POLICY_END_OF_DAY_UPDATE_DAYS), 0);
	assert_int_equal(policy_choice(policy, POLICY_PRIVACY_USERS), 2);
	assert_int_equal(policy_mode(policy, CONTROL_FIREWALL), MODE_ENFORCE);
	assert_int_equal(policy_count(policy, POLICY_ACCOUNTS_ADMINISTRATORS), 3);
	assert_string_equal(policy_item(policy, POLICY_ACCOUNTS_ADMINISTRATORS, 1), "admin");
	assert_true(policy_lists(policy, POLICY_ACCOUNTS_ADMINISTRATORS, "it-jane"));
	assert_false(policy_lists(policy, POLICY_ACCOUNTS_ADMINISTRATORS, "jane"));
	policy_show(policy, POLICY_CALENDAR_SCHOOL_DAYS, &shown);
	buf_adds(&shown, "|");
	policy_show(policy, POLICY_ACCOUNTS_ADMINISTRATORS, &shown);
	buf_adds(&shown, "|");
	policy_show(policy, POLICY_CALENDAR_OPENS, &shown);
	assert_string_equal(shown.data, "mon, wed, fri-sun|root, admin, it-*|07:05");
	buf_clear(&shown);
	policy_free(policy);
}

static void a_list_goes_on_over_lines_and_may_be_emptied(void **state)
{
	struct policy *policy =
		parsed("[software]\nbanned = one, two\nspared = x\nbanned = three\n"
		       "[services]\nallowed_ports =\n"
		       "[agreement]\ntext = First, do no harm.\ntext = Then, more.\n");

	(void)state;
	assert_int_equal(policy_count(policy, POLICY_SOFTWARE_BANNED), 3);
	assert_string_equal(policy_item(policy, POLICY_SOFTWARE_BANNED, 2), "three");
	assert_int_equal(policy_line(policy, POLICY_SOFTWARE_BANNED), 2);
	assert_int_equal(policy_count(policy, POLICY_SERVICES_ALLOWED_PORTS), 0);
	assert_int_equal(policy_count(policy, POLICY_AGREEMENT_TEXT), 2);
	assert_string_equal(policy_item(policy, POLICY_AGREEMENT_TEXT, 0), "First, do no harm.");
	policy_free(policy);
}

static void knows_what_was_changed(void **state)
{
	struct policy *policy = parsed("[updates]\nfix_days = 14\nleft_out_packages = a\n"
				       "[policy]\nname = x\n[report]\npupil_advice = Please tell a "
				       "grown-up you trust. They will help you.\n");

	(void)state;
	assert_false(policy_changed(policy, POLICY_UPDATES_FIX_DAYS));
	assert_false(policy_changed(policy, POLICY_REPORT_PUPIL_ADVICE));
	assert_false(policy_changed(policy, POLICY_SOFTWARE_BANNED));
	assert_true(policy_changed(policy, POLICY_UPDATES_LEFT_OUT_PACKAGES));
	assert_true(policy_changed(policy, POLICY_POLICY_NAME));
	policy_free(policy);
}

static const struct {
	const char *section, *key, *item, *text;
	bool means;
} meanings[] = {
	{"services", "allowed_ports", "tcp/22", "tcp/22", true},
	{"services", "allowed_ports", "tcp/22", "udp/22", false},
	{"services", "allowed_ports", "tcp/20-30", "tcp/22", true},
	{"services", "allowed_ports", "tcp/20-30", "tcp/31", false},
	{"network", "dns_servers", "10.20.0.0/16", "10.20.255.1", true},
	{"network", "dns_servers", "10.20.0.0/16", "10.21.0.1", false},
	{"network", "dns_servers", "10.20.0.0/12", "10.31.0.1", true},
	{"network", "dns_servers", "10.20.0.0/12", "10.32.0.1", false},
	{"network", "dns_servers", "0.0.0.0/0", "192.0.2.1", true},
	{"network", "dns_servers", "0.0.0.0/0", "2001:db8::1", false},
	{"network", "dns_servers", "192.0.2.53", "::ffff:192.0.2.53", true},
	{"network", "dns_servers", "2001:db8::/48", "2001:db8:0:7::1", true},
	{"network", "dns_servers", "2001:db8::/48", "2001:db8:1::1", false},
	{"network", "dns_servers", "fe80::/10", "fe80::1%eth0", true},
	{"network", "dns_servers", "::1", "0:0:0:0:0:0:0:1", true},
	{"network", "dns_servers", "10.0.0.0/8", "not an address", false},
	{"network", "dns_servers", "10.0.0.0/16", "10.0.0.0/8", false},
	{"removable-storage", "approved_sticks", "0951:1666:60A44C*", "0951:1666:60a44c41", true},
	{"removable-storage", "approved_sticks", "0951:1666:60A44C*", "0951:1666:0", false},
	{"removable-storage", "approved_sticks", "0951:1666", "0951:1666:anything", true},
	{"removable-storage", "approved_sticks", "0951:*", "0951:1666:anything", true},
	{"removable-storage", "approved_sticks", "0951:1666", "0951:1667:anything", false},
	{"software", "banned", "wireshark*", "Wireshark-gtk", true},
	{"software", "banned", "wireshark", "wireshark-gtk", false},
};

static void an_item_means_what_lies_in_its_range(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(meanings); i++) {
		enum policy_key key = POLICY_KEY_COUNT;
		struct policy *policy;
		struct buf text;

		buf_init(&text, 0);
		buf_addf(&text, "[%s]\n%s = %s\n", meanings[i].section, meanings[i].key,
			 meanings[i].item);
		policy = parsed(text.data);
		for (int k = 0; k < POLICY_KEY_COUNT; k++) {
			const struct policy_schema *row = policy_schema((enum policy_key)k);

			if (strcmp(row->section, meanings[i].section) == 0 &&
			    strcmp(row->key, meanings[i].key) == 0)
				key = (enum policy_key)k;
		}
		if (policy_lists(policy, key, meanings[i].text) != meanings[i].means)
			fail_msg("'%s' %s '%s'", meanings[i].item,
				 meanings[i].means ? "should mean" : "should not mean",
				 meanings[i].text);
		policy_free(policy);
		buf_clear(&text);
	}
}

static void finds_the_period_of_a_day(void **state)
{
	struct policy *policy =
		parsed("[calendar]\nterms = 2026-09-02..2026-12-18, 2027-01-05..2027-03-25\n"
		       "closed = 2026-10-26..2026-10-30, 2026-11-20\n");

	(void)state;
	assert_true(policy_lists_day(policy, POLICY_CALENDAR_TERMS, 20260902));
	assert_true(policy_lists_day(policy, POLICY_CALENDAR_TERMS, 20261218));
	assert_false(policy_lists_day(policy, POLICY_CALENDAR_TERMS, 20261219));
	assert_true(policy_lists_day(policy, POLICY_CALENDAR_CLOSED, 20261120));
	assert_false(policy_lists_day(policy, POLICY_CALENDAR_CLOSED, 20261121));
	policy_free(policy);
}

static const struct {
	const char *shape, *item;
	bool holds;
} shaped[] = {
	{"<port>", "tcp/1", true},
	{"<port>", "tcp/65535", true},
	{"<port>", "tcp/0", false},
	{"<port>", "sctp/9", false},
	{"<port>", "tcp/30-20", false},
	{"<port>", "22", false},
	{"<network>", "10.0.0.1", true},
	{"<network>", "10.0.0.0/32", true},
	{"<network>", "10.0.0.0/33", false},
	{"<network>", "10.0.0", false},
	{"<network>", "10.0.0.256", false},
	{"<network>", "::", true},
	{"<network>", "::/0", true},
	{"<network>", "2001:db8::1/128", true},
	{"<network>", "2001:db8::1/129", false},
	{"<network>", "1:2:3:4:5:6:7:8", true},
	{"<network>", "1:2:3:4:5:6:7", false},
	{"<network>", "1:2:3:4:5:6:7:8:9", false},
	{"<network>", "1:2:3:4:5:6:7:8::", false},
	{"<network>", "1::2::3", false},
	{"<network>", "1:", false},
	{"<network>", ":1", false},
	{"<network>", ":::", false},
	{"<network>", "12345::", false},
	{"<network>", "::ffff:10.0.0.1", true},
	{"<network>", "::ffff:10.0.0", false},
	{"<network>", "dns.school.example", false},
	{"<path>", "/srv/data/*.tar", true},
	{"<path>", "C:\\Data", true},
	{"<path>", "~/.config", true},
	{"<path>", "srv", false},
	{"<path>", "/srv/../etc", false},
	{"<path>", "/srv/..", false},
	{"<path>", "/srv/..data", true},
	{"<path=sha256>", "/etc/x=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	 true},
	{"<path=sha256>", "/etc/*=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	 false},
	{"<path=sha256>", "/etc/x=0123", false},
	{"<path=sha256>", "/etc/x", false},
	{"<path-or-hash>", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	 true},
	{"<path-or-hash>", "firefox", false},
	{"<sha256>", "01:23", false},
	{"<usb>", "0951:1666", true},
	{"<usb>", "0951:1666:60A44C41", true},
	{"<usb>", "0951:*", true},
	{"<usb>", "951:1666", false},
	{"<usb>", "0951", false},
	{"<usb>", "0951:1666:", false},
	{"<usb>", "zzzz:1666", false},
	{"<stick>", "0951:1666:60A44C41*", true},
	{"<stick>", "0951:1666 read-only scanned", true},
	{"<stick>", "0951:1666 scanned encrypted", true},
	{"<stick>", "0951:1666 any", false},
	{"<stick>", "0951:1666 read-only read-only", false},
	{"<stick>", "0951:1666 readonly", false},
	{"<stick>", "0951 read-only", false},
	{"<stick>", "read-only", false},
	{"<port-path>", "1-3", true},
	{"<port-path>", "1-4.*", true},
	{"<port-path>", "usb1-3", false},
	{"<port-path>", "1-", false},
	{"<period>", "2026-10-26", true},
	{"<period>", "2026-02-30", false},
	{"<period>", "2026-10-30..2026-10-26", false},
	{"<period>", "2026-10-26-2026-10-30", false},
	{"<name>", "foo.service", true},
	{"<name>", "foo*", false},
	{"<name>", "/bin/foo", false},
	{"<account>", "SCHOOL\\j.smith", true},
	{"<account>", "a:b", false},
	{"<proxy>", "proxy.school.example:3128", true},
	{"<proxy>", "none", true},
	{"<proxy>", "proxy", false},
	{"<proxy>", "me:secret@proxy:3128", false},
	{"<url>", "https://wpad.example/wpad.dat", true},
	{"<url>", "file:///etc/passwd", false},
	{"<url>", "http://", false},
	{"a,b", "b", true},
	{"a,b", "a,b", false},
	{"", "anything at all", true},
};

static void holds_items_to_their_shape(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(shaped); i++) {
		if (shape_holds(shaped[i].shape, shaped[i].item) != shaped[i].holds)
			fail_msg("%s '%s' should %shold", shaped[i].shape, shaped[i].item,
				 shaped[i].holds ? "" : "not ");
	}
}

/* --- the schema ------------------------------------------------------------------------------ */

static const char *const ids[] = {
#define POLICY_KEY(id, section, key, type, fallback, min, max, choices, clauses, help) #id,
#include "agent/policy/schema.def"
#undef POLICY_KEY
};

static void each_id_says_its_section_and_key(void **state)
{
	(void)state;
	for (int i = 0; i < POLICY_KEY_COUNT; i++) {
		const struct policy_schema *row = policy_schema((enum policy_key)i);
		char want[128];

		snprintf(want, sizeof(want), "%s_%s", row->section, row->key);
		for (char *at = want; *at; at++)
			*at = *at == '-'                 ? '_'
			      : *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A')
							 : *at;
		assert_string_equal(ids[i], want);
	}
}

static void no_row_is_there_twice_and_sections_stand_together(void **state)
{
	(void)state;
	for (int i = 0; i < POLICY_KEY_COUNT; i++) {
		const struct policy_schema *row = policy_schema((enum policy_key)i);
		bool same = i > 0 && strcmp(policy_schema((enum policy_key)(i - 1))->section,
					    row->section) == 0;

		for (int j = 0; j < i; j++) {
			const struct policy_schema *other = policy_schema((enum policy_key)j);

			if (strcmp(row->section, other->section) != 0)
				continue;
			if (!same)
				fail_msg("[%s] is in two places", row->section);
			if (strcmp(row->key, other->key) == 0)
				fail_msg("[%s] %s is there twice", row->section, row->key);
		}
		assert_true(strlen(row->choices) < 180); /* shape.c's words */
		if (row->help[0] == '\0' || row->help[strlen(row->help) - 1] != '.')
			fail_msg("the help of [%s] %s is no sentence", row->section, row->key);
	}
}

static void each_control_has_its_section_that_begins_with_mode(void **state)
{
	(void)state;
	for (int c = 0; c < CONTROL_COUNT; c++) {
		const char *name = control_name((enum control_id)c);
		int first = -1;

		for (int i = 0; i < POLICY_KEY_COUNT && first < 0; i++) {
			if (strcmp(policy_schema((enum policy_key)i)->section, name) == 0)
				first = i;
		}
		if (first < 0)
			fail_msg("no section [%s]", name);
		assert_string_equal(policy_schema((enum policy_key)first)->key, "mode");
		assert_string_equal(policy_schema((enum policy_key)first)->choices,
				    "off,audit,enforce");
	}
}

/* The collector's own clauses too: their keys are in [records], [exceptions], [report]. */
static void every_clause_is_served_by_a_key(void **state)
{
	bool served[44] = {false};

	(void)state;
	for (int i = 0; i < POLICY_KEY_COUNT; i++) {
		const char *at = policy_schema((enum policy_key)i)->clauses;

		while (*at) {
			char *end;
			long clause = strtol(at, &end, 10);

			if (end == at || clause < 1 || clause > 43)
				fail_msg("[%s] %s has clauses '%s'",
					 policy_schema((enum policy_key)i)->section,
					 policy_schema((enum policy_key)i)->key,
					 policy_schema((enum policy_key)i)->clauses);
			served[clause] = true;
			at = end + strspn(end, ", ");
		}
	}
	for (int clause = 1; clause <= 43; clause++) {
		if (!served[clause])
			fail_msg("clause %d is served by no key", clause);
	}
}

static void no_key_names_what_is_run(void **state)
{
	static const char *const words[] = {"command", "exec", "script", "run", "shell", "hook"};

	(void)state;
	for (int i = 0; i < POLICY_KEY_COUNT; i++) {
		const char *key = policy_schema((enum policy_key)i)->key;

		for (size_t j = 0; j < COUNT(words); j++) {
			if (strstr(key, words[j]))
				fail_msg("what is '%s' for? A policy runs nothing", key);
		}
	}
}

/* --- what is shipped ------------------------------------------------------------------------- */

static void the_default_policy_gives_every_key_its_default(void **state)
{
	struct policy *given = NULL, *implied = parsed("");
	struct buf a, b;
	struct err err;

	(void)state;
	buf_init(&a, 0);
	buf_init(&b, 0);
	assert_int_equal(policy_default(&given, &err), 0);
	for (int i = 0; i < POLICY_KEY_COUNT; i++) {
		const struct policy_schema *row = policy_schema((enum policy_key)i);

		if (!policy_line(given, (enum policy_key)i))
			fail_msg("default.ini leaves out [%s] %s", row->section, row->key);
		buf_reset(&a);
		buf_reset(&b);
		policy_show(given, (enum policy_key)i, &a);
		policy_show(implied, (enum policy_key)i, &b);
		if (strcmp(buf_text(&a), buf_text(&b)) != 0 ||
		    policy_changed(given, (enum policy_key)i))
			fail_msg("[%s] %s is '%s' in default.ini, '%s' in schema.def", row->section,
				 row->key, buf_text(&a), buf_text(&b));
	}
	buf_clear(&a);
	buf_clear(&b);
	policy_free(given);
	policy_free(implied);
}

static void every_shipped_policy_lints_clean(void **state)
{
	static const char *const names[] = {"default",  "st-john",     "woodcote", "allenton",
					    "glenmere", "rushey-mead", "dfe-2026"};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		unsigned errors, warnings;
		char path[80], *text;
		struct buf out;
		size_t len;

		buf_init(&out, 0);
		snprintf(path, sizeof(path), "conf/policies/%s.ini", names[i]);
		text = read_whole(path, &len);
		(void)policy_lint(path, text, len, NULL, &out, &errors, &warnings);
		assert_string_equal(buf_text(&out), "");
		buf_clear(&out);
		free(text);
	}
}

/* The schools' stances on removable storage, the heart of how they differ. */
static void the_schools_differ_on_removable_storage_as_their_policies_do(void **state)
{
	static const struct {
		const char *path;
		unsigned allow; /* none, approved, any */
		bool encrypted;
		bool by_stick, by_person; /* to whom an approval is given */
		unsigned scan;            /* no, full, on-open */
		bool front_ports, ask;
	} stances[] = {
		{"conf/policies/woodcote.ini", 0, true, true, true, 1, false, false},
		{"conf/policies/allenton.ini", 1, true, true, false, 1, false, true},
		{"conf/policies/st-john.ini", 1, true, false, true, 1, false, true},
		{"conf/policies/rushey-mead.ini", 1, true, false, true, 1, false, true},
		{"conf/policies/glenmere.ini", 2, false, true, true, 1, true, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(stances); i++) {
		size_t len;
		char *text = read_whole(stances[i].path, &len);
		struct policy *policy = parsed(text);

		assert_int_equal(policy_mode(policy, CONTROL_REMOVABLE_STORAGE), MODE_ENFORCE);
		assert_int_equal(policy_choice(policy, POLICY_REMOVABLE_STORAGE_ALLOW),
				 stances[i].allow);
		assert_int_equal(policy_count(policy, POLICY_REMOVABLE_STORAGE_ENCRYPTED),
				 stances[i].encrypted ? 3 : 0);
		assert_int_equal(
			policy_lists(policy, POLICY_REMOVABLE_STORAGE_APPROVED_BY, "stick"),
			stances[i].by_stick);
		assert_int_equal(
			policy_lists(policy, POLICY_REMOVABLE_STORAGE_APPROVED_BY, "person"),
			stances[i].by_person);
		assert_int_equal(policy_choice(policy, POLICY_REMOVABLE_STORAGE_SCAN),
				 stances[i].scan);
		assert_int_equal(policy_choice(policy, POLICY_REMOVABLE_STORAGE_PLAIN), 0);
		assert_int_equal(policy_flag(policy, POLICY_REMOVABLE_STORAGE_ASK), stances[i].ask);
		assert_int_equal(policy_count(policy, POLICY_REMOVABLE_STORAGE_FRONT_PORTS) > 0,
				 stances[i].front_ports);
		policy_free(policy);
		free(text);
	}
}

struct mapped {
	unsigned keys[CONTROL_COUNT];
	char clauses[CONTROL_COUNT][100];
};

static int take_mapping(void *ctx, int line, const char *section, const char *key,
			const char *value, struct err *err)
{
	static const char *const keys[] = {"evidence", "cyber_essentials", "dfe_core",
					   "cis_debian_12", "clauses"};
	struct mapped *mapped = ctx;
	enum control_id id;

	(void)line;
	if (control_parse(section, &id))
		return err_set(err, ERR_INVALID, "[%s] is no control", section);
	if (!key)
		return 0;
	if (strcmp(key, "clauses") == 0)
		snprintf(mapped->clauses[id], sizeof(mapped->clauses[id]), ", %s,", value);
	if (strcmp(key, "evidence") == 0 && strncmp(value, "evidence for ", 13) != 0 &&
	    strncmp(value, "evidence on ", 12) != 0)
		return err_set(err, ERR_INVALID, "should begin with 'evidence for': %s", value);
	if (strstr(value, "complian") || !*value)
		return err_set(err, ERR_INVALID, "not in these words: '%s'", value);
	for (size_t i = 0; i < COUNT(keys); i++) {
		if (strcmp(keys[i], key) == 0) {
			mapped->keys[id] |= 1u << i;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "unknown key '%s'", key);
}

static void the_mapping_has_every_control_with_its_clauses(void **state)
{
	struct mapped mapped = {{0}, {{0}}};
	struct err err = {0};
	size_t len;
	char *text = read_whole("conf/mapping.ini", &len);

	(void)state;
	if (ini_parse_text("conf/mapping.ini", text, len, take_mapping, &mapped, &err))
		fail_msg("%s", err.msg);
	for (int c = 0; c < CONTROL_COUNT; c++) {
		if (mapped.keys[c] != 0x1f)
			fail_msg("[%s] of mapping.ini lacks a key",
				 control_name((enum control_id)c));
	}
	/* What a control's mode serves is in its row. */
	for (int i = 0; i < POLICY_KEY_COUNT; i++) {
		const struct policy_schema *row = policy_schema((enum policy_key)i);
		const char *at = row->clauses;
		enum control_id id;

		if (strcmp(row->key, "mode") != 0 || control_parse(row->section, &id))
			continue;
		while (*at) {
			char want[16];

			snprintf(want, sizeof(want), ", %.*s,", (int)strcspn(at, ","), at);
			if (!strstr(mapped.clauses[id], want))
				fail_msg("[%s] of mapping.ini lacks clause %s", row->section, want);
			at += strcspn(at, ",");
			at += strspn(at, ", ");
		}
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_out_is_the_default),
		cmocka_unit_test(reads_every_type),
		cmocka_unit_test(a_list_goes_on_over_lines_and_may_be_emptied),
		cmocka_unit_test(knows_what_was_changed),
		cmocka_unit_test(an_item_means_what_lies_in_its_range),
		cmocka_unit_test(finds_the_period_of_a_day),
		cmocka_unit_test(holds_items_to_their_shape),
		cmocka_unit_test(each_id_says_its_section_and_key),
		cmocka_unit_test(no_row_is_there_twice_and_sections_stand_together),
		cmocka_unit_test(each_control_has_its_section_that_begins_with_mode),
		cmocka_unit_test(every_clause_is_served_by_a_key),
		cmocka_unit_test(no_key_names_what_is_run),
		cmocka_unit_test(the_default_policy_gives_every_key_its_default),
		cmocka_unit_test(every_shipped_policy_lints_clean),
		cmocka_unit_test(the_schools_differ_on_removable_storage_as_their_policies_do),
		cmocka_unit_test(the_mapping_has_every_control_with_its_clauses),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
