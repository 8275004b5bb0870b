/* What is legal in a policy but surely not meant.  Nothing here refuses: a school may have reasons,
 * and the default policy must not warn.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy/policy.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/policy/hardware_table.h"
#include "agent/policy/opening.h"
#include "agent/policy/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct warnings {
	const struct policy *policy;
	struct buf *out;
	unsigned count;
};

static void warn(struct warnings *warnings, enum policy_key key, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* A line that stands where 'key' was given; where it was not, the first line. */
static void warn(struct warnings *warnings, enum policy_key key, const char *fmt, ...)
{
	int line = policy_line(warnings->policy, key);
	char text[400], clean[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	text_clean(clean, sizeof(clean), text, strlen(text));
	buf_addf(warnings->out, "%s:%d: warning: %s\n", policy_source(warnings->policy),
		 line ? line : 1, clean);
	warnings->count++;
}

static bool enforces(const struct policy *policy, enum control_id control)
{
	return policy_mode(policy, control) == MODE_ENFORCE;
}

static bool runs(const struct policy *policy, enum control_id control)
{
	return policy_mode(policy, control) != MODE_OFF;
}

static bool empty(const struct policy *policy, enum policy_key key)
{
	return policy_count(policy, key) == 0;
}

static bool choice_is(const struct policy *policy, enum policy_key key, const char *word)
{
	const char *at = policy_schema(key)->choices;

	for (unsigned i = policy_choice(policy, key); i > 0; i--)
		at = strchr(at, ',') + 1;
	return strcspn(at, ",") == strlen(word) && strncmp(at, word, strlen(word)) == 0;
}

/* --- any key --------------------------------------------------------------------------------- */

static void check_off(struct warnings *warnings)
{
	const struct policy *policy = warnings->policy;

	for (int i = 0; i < POLICY_KEY_COUNT; i++) {
		const struct policy_schema *row = policy_schema((enum policy_key)i);
		enum control_id control;

		if (strcmp(row->key, "mode") != 0 && control_parse(row->section, &control) == 0 &&
		    !runs(policy, control) && policy_changed(policy, (enum policy_key)i))
			warn(warnings, (enum policy_key)i,
			     "'%s' has no effect: [%s] has mode = off", row->key, row->section);
	}
}

static bool is_quoted(const char *text)
{
	size_t len = strlen(text);

	return len > 1 && (text[0] == '"' || text[0] == '\'') && text[len - 1] == text[0];
}

static void check_list(struct warnings *warnings, enum policy_key key)
{
	const struct policy *policy = warnings->policy;
	const struct policy_schema *row = policy_schema(key);

	if (strcmp(row->choices, "<line>") == 0)
		return;
	for (size_t i = 0; i < policy_count(policy, key); i++) {
		const char *item = policy_item(policy, key, i);

		if (is_quoted(item))
			warn(warnings, key, "the quotation marks are part of '%s': %s", row->key,
			     item);
		for (size_t j = 0; j < i; j++) {
			if (strcmp(policy_item(policy, key, j), item) == 0) {
				warn(warnings, key, "'%s' stands twice in '%s'", item, row->key);
				break;
			}
		}
	}
}

static void check_values(struct warnings *warnings)
{
	const struct policy *policy = warnings->policy;

	for (int i = 0; i < POLICY_KEY_COUNT; i++) {
		enum policy_key key = (enum policy_key)i;
		enum policy_type type = policy_schema(key)->type;

		if (!policy_line(policy, key))
			continue;
		if (type == POLICY_LIST)
			check_list(warnings, key);
		else if (type == POLICY_TEXT && is_quoted(policy_text(policy, key)))
			warn(warnings, key, "the quotation marks are part of '%s'",
			     policy_schema(key)->key);
	}
}

/* An item of both lists, compared as text: one that is wanted and unwanted, or counted twice. */
static void check_apart(struct warnings *warnings, enum policy_key a, enum policy_key b)
{
	const struct policy *policy = warnings->policy;

	for (size_t i = 0; i < policy_count(policy, a); i++) {
		const char *words;
		char item[200];

		/* A stick, without what it is bound to. */
		(void)text_copy(item, sizeof(item), policy_item(policy, a, i));
		if (a == POLICY_REMOVABLE_STORAGE_APPROVED_STICKS)
			item[opening_split(item, &words)] = '\0';
		if (policy_lists(policy, b, item))
			warn(warnings, a, "'%s' of '%s' is also meant by [%s] %s", item,
			     policy_schema(a)->key, policy_schema(b)->section,
			     policy_schema(b)->key);
	}
}

/* --- nothing to do --------------------------------------------------------------------------- */

/* Controls that look for what the policy names: under 'enforce' with nothing named they say
 * not-applicable, which is hardly what was meant. */
static void check_nothing(struct warnings *warnings)
{
	static const struct {
		enum control_id control;
		enum policy_key mode;
		enum policy_key lists[6];
		size_t count;
	} needs[] = {
		{CONTROL_FILTERING,
		 POLICY_FILTERING_MODE,
		 {POLICY_FILTERING_PROGRAMS, POLICY_FILTERING_PACKAGES, POLICY_FILTERING_UNITS,
		  POLICY_FILTERING_CA_SHA256, POLICY_FILTERING_EXTENSIONS},
		 5},
		{CONTROL_BACKUP,
		 POLICY_BACKUP_MODE,
		 {POLICY_BACKUP_FILES, POLICY_BACKUP_UNITS, POLICY_BACKUP_OFF_SITE_FILES,
		  POLICY_BACKUP_SYNC_CLIENTS},
		 4},
		{CONTROL_CONFIGURATION,
		 POLICY_CONFIGURATION_MODE,
		 {POLICY_CONFIGURATION_REQUIRED_PACKAGES, POLICY_CONFIGURATION_REQUIRED_UNITS,
		  POLICY_CONFIGURATION_FILES, POLICY_CONFIGURATION_BROWSER_POLICIES},
		 4},
	};
	const struct policy *policy = warnings->policy;

	for (size_t i = 0; i < sizeof(needs) / sizeof(*needs); i++) {
		bool named = needs[i].control == CONTROL_FILTERING &&
			     policy_flag(policy, POLICY_FILTERING_PROXY_REQUIRED);

		for (size_t j = 0; j < needs[i].count; j++)
			named = named || !empty(policy, needs[i].lists[j]);
		if (enforces(policy, needs[i].control) && !named)
			warn(warnings, needs[i].mode,
			     "[%s] names nothing to look for, so it will say 'not applicable'",
			     control_name(needs[i].control));
	}
}

static bool storage_excepted(const struct policy *policy)
{
	return policy_flag(policy, POLICY_EXCEPTIONS_ALLOWED) &&
	       policy_lists(policy, POLICY_EXCEPTIONS_CONTROLS, "removable-storage");
}

/* Who may approve what, and what an approval is good for. */
static void check_approvals(struct warnings *warnings)
{
	static const struct {
		enum policy_key key;
		const char *what;
	} lists[] = {{POLICY_REMOVABLE_STORAGE_APPROVED_STICKS, "stick"},
		     {POLICY_REMOVABLE_STORAGE_APPROVED_PEOPLE, "person"}};
	const struct policy *policy = warnings->policy;
	enum policy_key allow = POLICY_REMOVABLE_STORAGE_ALLOW;
	bool approved = choice_is(policy, allow, "approved"), excepted = storage_excepted(policy);

	if (approved && !excepted && empty(policy, lists[0].key) && empty(policy, lists[1].key))
		warn(warnings, allow,
		     "nothing can be approved: no stick and no person is listed, and [exceptions] "
		     "allows none for removable-storage");
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		const char *key = policy_schema(lists[i].key)->key;

		if (empty(policy, lists[i].key))
			continue;
		if (!approved)
			warn(warnings, lists[i].key, "'%s' has no effect: 'allow' is %s", key,
			     choice_is(policy, allow, "none") ? "none" : "any");
		else if (!policy_lists(policy, POLICY_REMOVABLE_STORAGE_APPROVED_BY, lists[i].what))
			warn(warnings, lists[i].key,
			     "'%s' has no effect: 'approved_by' does not name %s", key,
			     lists[i].what);
	}
	if (!excepted && policy_line(policy, POLICY_REMOVABLE_STORAGE_ASK) &&
	    policy_flag(policy, POLICY_REMOVABLE_STORAGE_ASK))
		warn(warnings, POLICY_REMOVABLE_STORAGE_ASK,
		     "people may ask for what nobody can grant: [exceptions] allows none for "
		     "removable-storage");
	if (choice_is(policy, POLICY_REMOVABLE_STORAGE_WEAK_SERIAL, "ask") &&
	    !policy_flag(policy, POLICY_REMOVABLE_STORAGE_ASK))
		warn(warnings, POLICY_REMOVABLE_STORAGE_WEAK_SERIAL,
		     "'weak_serial' is ask, but 'ask' is no: such a stick stays shut");
}

static void check_encryption(struct warnings *warnings)
{
	const struct policy *policy = warnings->policy;
	enum policy_key ways = POLICY_REMOVABLE_STORAGE_ENCRYPTED;
	enum policy_key models = POLICY_REMOVABLE_STORAGE_HARDWARE_ENCRYPTED;
	enum policy_key plain = POLICY_REMOVABLE_STORAGE_PLAIN;
	bool hardware = policy_lists(policy, ways, "hardware");

	if (!hardware && !empty(policy, models))
		warn(warnings, models,
		     "'hardware_encrypted' has no effect: 'encrypted' does not "
		     "name hardware");
	if (hardware && policy_count(policy, ways) == 1 && empty(policy, models))
		warn(warnings, ways,
		     "'encrypted' is hardware alone and 'hardware_encrypted' names no model: only "
		     "those of conf/hardware/encrypted.ini open");
	if (choice_is(policy, plain, "refuse"))
		return;
	if (empty(policy, ways))
		warn(warnings, plain, "'plain' has no effect: 'encrypted' is empty");
	else if (policy_flag(policy, POLICY_REMOVABLE_STORAGE_READ_ONLY))
		warn(warnings, plain,
		     "'encrypted' has no effect: with 'read_only' any medium may be read, as with "
		     "'plain'");
}

static void check_scan(struct warnings *warnings)
{
	const struct policy *policy = warnings->policy;
	enum policy_key scan = POLICY_REMOVABLE_STORAGE_SCAN;

	if (!choice_is(policy, scan, "no") && !runs(policy, CONTROL_ANTI_VIRUS))
		warn(warnings, scan,
		     "media are to be scanned, but [anti-virus] is off, so nobody sees whether the "
		     "scanner is up to date");
	if (!choice_is(policy, scan, "full") &&
	    policy_changed(policy, POLICY_REMOVABLE_STORAGE_SCAN_MAX_MINUTES))
		warn(warnings, POLICY_REMOVABLE_STORAGE_SCAN_MAX_MINUTES,
		     "'scan_max_minutes' has no effect: 'scan' is not full");
	if (choice_is(policy, scan, "on-open") &&
	    policy_line(policy, POLICY_REMOVABLE_STORAGE_READ_ONLY) &&
	    !policy_flag(policy, POLICY_REMOVABLE_STORAGE_READ_ONLY))
		warn(warnings, POLICY_REMOVABLE_STORAGE_READ_ONLY,
		     "'read_only' is no, but with 'scan' on-open media can be read only");
}

/* What a stick is bound to beside what every medium is. */
static void check_sticks(struct warnings *warnings)
{
	const struct policy *policy = warnings->policy;
	enum policy_key sticks = POLICY_REMOVABLE_STORAGE_APPROVED_STICKS;
	enum policy_key scan = POLICY_REMOVABLE_STORAGE_SCAN;
	bool read_only = policy_flag(policy, POLICY_REMOVABLE_STORAGE_READ_ONLY);

	for (size_t i = 0; i < policy_count(policy, sticks); i++) {
		const char *item = policy_item(policy, sticks, i), *words;
		struct opening opening;

		(void)opening_split(item, &words);
		if (opening_parse(words, &opening) < 0)
			continue; /* the shape of an item lets none such in */
		if (opening.scanned && !choice_is(policy, scan, "no"))
			warn(warnings, sticks,
			     "'%s' says nothing new: 'scan' has every medium scanned", item);
		else if (opening.scanned && !runs(policy, CONTROL_ANTI_VIRUS))
			warn(warnings, sticks,
			     "'%s' is to be scanned, but [anti-virus] is off, so nobody sees "
			     "whether the scanner is up to date",
			     item);
		if (opening.read_only && read_only)
			warn(warnings, sticks,
			     "'%s' says nothing new: with 'read_only' any medium may only be read",
			     item);
	}
}

static unsigned hubs_of(const char *port)
{
	unsigned hubs = 0;

	for (; *port; port++)
		hubs += *port == '.';
	return hubs;
}

static void check_ports(struct warnings *warnings)
{
	const struct policy *policy = warnings->policy;
	enum policy_key front = POLICY_REMOVABLE_STORAGE_FRONT_PORTS;
	int64_t most = policy_number(policy, POLICY_REMOVABLE_STORAGE_MAX_HUBS);

	if (!empty(policy, front) && choice_is(policy, POLICY_REMOVABLE_STORAGE_ALLOW, "none"))
		warn(warnings, front,
		     "'front_ports' opens nothing: 'allow' is none, so that only an exception or a "
		     "board of 'classroom' works there");
	check_apart(warnings, front, POLICY_HARDWARE_REAR_PORTS);
	for (size_t i = 0; i < policy_count(policy, front); i++) {
		const char *port = policy_item(policy, front, i);

		if (hubs_of(port) > most)
			warn(warnings, front,
			     "'%s' of 'front_ports' lies behind more hubs than 'max_hubs' allows",
			     port);
	}
}

bool policy_opens_media_to_all(const struct policy *policy)
{
	return choice_is(policy, POLICY_REMOVABLE_STORAGE_ALLOW, "any") &&
	       empty(policy, POLICY_REMOVABLE_STORAGE_ENCRYPTED) &&
	       choice_is(policy, POLICY_REMOVABLE_STORAGE_SCAN, "no") &&
	       !policy_flag(policy, POLICY_REMOVABLE_STORAGE_READ_ONLY);
}

static void check_storage(struct warnings *warnings)
{
	const struct policy *policy = warnings->policy;

	if (!runs(policy, CONTROL_REMOVABLE_STORAGE))
		return;
	if (enforces(policy, CONTROL_REMOVABLE_STORAGE) && policy_opens_media_to_all(policy) &&
	    empty(policy, POLICY_REMOVABLE_STORAGE_FRONT_PORTS))
		warn(warnings, POLICY_REMOVABLE_STORAGE_MODE,
		     "enforces nothing: any medium may be used, unencrypted, unscanned, in any "
		     "port");
	check_approvals(warnings);
	check_encryption(warnings);
	check_scan(warnings);
	check_sticks(warnings);
	check_ports(warnings);
}

/* Does an item of refused_devices, a pattern itself, mean a row of the table? */
static const struct hardware_row *refused_row(const struct policy *policy,
					      const struct hardware_table *table, const char **item)
{
	enum policy_key refused = POLICY_HARDWARE_REFUSED_DEVICES;

	for (size_t i = 0; i < policy_count(policy, refused); i++) {
		*item = policy_item(policy, refused, i);
		for (size_t j = 0; j < table->count; j++)
			if (text_match(*item, table->rows[j].model) ||
			    text_match(table->rows[j].model, *item))
				return &table->rows[j];
	}
	return NULL;
}

static void check_tables(struct warnings *warnings)
{
	const struct policy *policy = warnings->policy;
	const struct hardware_row *row;
	struct hardware_table table;
	const char *item;
	struct err err; /* a table that cannot be read is its user's to complain of */

	if (hardware_table_builtin(HARDWARE_CLASSROOM, &table, &err) == 0) {
		row = refused_row(policy, &table, &item);
		if (row && runs(policy, CONTROL_REMOVABLE_STORAGE) &&
		    policy_lists(policy, POLICY_REMOVABLE_STORAGE_CLASSROOM, row->word))
			warn(warnings, POLICY_HARDWARE_REFUSED_DEVICES,
			     "'%s' of 'refused_devices' refuses %s, which [removable-storage] "
			     "classroom lets work",
			     item, row->product);
		hardware_table_clear(&table);
	}
	if (hardware_table_builtin(HARDWARE_ASSISTIVE, &table, &err) == 0) {
		row = refused_row(policy, &table, &item);
		if (row)
			warn(warnings, POLICY_HARDWARE_REFUSED_DEVICES,
			     "'%s' of 'refused_devices' has no effect on %s: what assists people "
			     "is never refused",
			     item, row->product);
		hardware_table_clear(&table);
	}
}

/* Words that a policy may hold and that the gate knows no interface for (agent/gate/hold.c): they
 * are no USB device's, or nobody is refused one. */
static void check_classes(struct warnings *warnings)
{
	static const struct {
		const char *class, *why;
	} unrefused[] = {
		{"printer", "a printer is only reported"},
		{"firewire", "a disk on it is removable storage, of the kind card"},
		{"thunderbolt", "a disk behind it is removable storage, of the kind usb"},
	};
	enum policy_key classes = POLICY_HARDWARE_REFUSED_CLASSES;

	for (size_t i = 0; i < sizeof(unrefused) / sizeof(*unrefused); i++)
		if (policy_lists(warnings->policy, classes, unrefused[i].class))
			warn(warnings, classes, "'%s' of 'refused_classes' refuses nothing: %s",
			     unrefused[i].class, unrefused[i].why);
}

static void check_hardware(struct warnings *warnings)
{
	const struct policy *policy = warnings->policy;

	if (!runs(policy, CONTROL_HARDWARE))
		return;
	check_classes(warnings);
	check_tables(warnings);
	check_apart(warnings, POLICY_HARDWARE_APPROVED_DEVICES, POLICY_HARDWARE_REFUSED_DEVICES);
	if (!runs(policy, CONTROL_REMOVABLE_STORAGE))
		return;
	check_apart(warnings, POLICY_REMOVABLE_STORAGE_APPROVED_STICKS,
		    POLICY_HARDWARE_REFUSED_DEVICES);
	check_apart(warnings, POLICY_REMOVABLE_STORAGE_HARDWARE_ENCRYPTED,
		    POLICY_HARDWARE_REFUSED_DEVICES);
}

static void check_software(struct warnings *warnings)
{
	const struct policy *policy = warnings->policy;

	if (!runs(policy, CONTROL_SOFTWARE))
		return;
	if (policy_lists(policy, POLICY_SOFTWARE_BANNED, ""))
		warn(warnings, POLICY_SOFTWARE_BANNED, "bans every program: an item is '*'");
	else {
		check_apart(warnings, POLICY_CONFIGURATION_REQUIRED_PACKAGES,
			    POLICY_SOFTWARE_BANNED);
		check_apart(warnings, POLICY_FILTERING_PACKAGES, POLICY_SOFTWARE_BANNED);
		check_apart(warnings, POLICY_BACKUP_SYNC_CLIENTS, POLICY_SOFTWARE_BANNED);
	}
	if (enforces(policy, CONTROL_SOFTWARE) && empty(policy, POLICY_SOFTWARE_BANNED) &&
	    empty(policy, POLICY_SOFTWARE_REFUSED_PLACES) &&
	    policy_lists(policy, POLICY_SOFTWARE_ALLOWED_SOURCES, ""))
		warn(warnings, POLICY_SOFTWARE_MODE,
		     "enforces nothing: nothing is banned, from anywhere");
}

/* --- two keys that do not go together -------------------------------------------------------- */

static void check_people(struct warnings *warnings)
{
	const struct policy *policy = warnings->policy;
	enum policy_key pupils = POLICY_ACCOUNTS_PUPIL_ACCOUNTS;

	if (policy_choice(policy, POLICY_PRIVACY_PUPILS) >
	    policy_choice(policy, POLICY_PRIVACY_USERS))
		warn(warnings, POLICY_PRIVACY_PUPILS, "pupils are named more plainly than staff");
	if (runs(policy, CONTROL_HOURS) && choice_is(policy, POLICY_POLICY_USED_BY, "staff"))
		warn(warnings, POLICY_HOURS_MODE,
		     "[hours] looks at nobody: the machines are used by staff");
	if (runs(policy, CONTROL_HOURS) && choice_is(policy, POLICY_POLICY_USED_BY, "both") &&
	    empty(policy, pupils))
		warn(warnings, POLICY_HOURS_MODE,
		     "[hours] looks at nobody: [accounts] pupil_accounts is empty");
	if (!runs(policy, CONTROL_ACCOUNTS))
		return;
	if (policy_lists(policy, POLICY_ACCOUNTS_ADMINISTRATORS, ""))
		warn(warnings, POLICY_ACCOUNTS_ADMINISTRATORS,
		     "everyone may be an administrator: an item is '*'");
	check_apart(warnings, pupils, POLICY_ACCOUNTS_ADMINISTRATORS);
	check_apart(warnings, pupils, POLICY_ACCOUNTS_STAFF_ACCOUNTS);
	check_apart(warnings, POLICY_ACCOUNTS_CLASS_ACCOUNTS, POLICY_ACCOUNTS_ADMINISTRATORS);
	check_apart(warnings, POLICY_ACCOUNTS_CLASS_ACCOUNTS, POLICY_ACCOUNTS_DISABLED_ACCOUNTS);
	if (policy_number(policy, POLICY_PASSWORD_POLICY_MIN_LENGTH) < 6)
		warn(warnings, POLICY_PASSWORD_POLICY_MIN_LENGTH,
		     "fewer than the 6 characters that Cyber Essentials asks of what unlocks a "
		     "device");
}

static void check_times(struct warnings *warnings)
{
	const struct policy *policy = warnings->policy;
	int closes = policy_clock(policy, POLICY_CALENDAR_CLOSES);

	if (closes <= policy_clock(policy, POLICY_CALENDAR_OPENS))
		warn(warnings, POLICY_CALENDAR_CLOSES, "lessons end before they begin");
	if (policy_days(policy, POLICY_CALENDAR_SCHOOL_DAYS) == 0)
		warn(warnings, POLICY_CALENDAR_SCHOOL_DAYS, "the school is never open");
	if (runs(policy, CONTROL_END_OF_DAY) &&
	    policy_clock(policy, POLICY_END_OF_DAY_TIME) < closes)
		warn(warnings, POLICY_END_OF_DAY_TIME,
		     "the working day ends before lessons do ([calendar] closes)");
	if (runs(policy, CONTROL_SCREEN_LOCK) && policy_flag(policy, POLICY_SCREEN_LOCK_REMIND) &&
	    policy_number(policy, POLICY_SCREEN_LOCK_REMIND_IDLE_MINUTES) * 60 >=
		    policy_number(policy, POLICY_SCREEN_LOCK_IDLE_MAX_SECONDS))
		warn(warnings, POLICY_SCREEN_LOCK_IDLE_MAX_SECONDS,
		     "nobody is ever reminded: the screen has locked before 'remind_idle_minutes'");
	if (policy_number(policy, POLICY_EXCEPTIONS_OFFICE_MAX_DAYS) >
	    policy_number(policy, POLICY_EXCEPTIONS_MAX_DAYS))
		warn(warnings, POLICY_EXCEPTIONS_OFFICE_MAX_DAYS,
		     "the office grants for longer than 'max_days', which devices do not honour");
}

/* Codes over the phone are exceptions that a person without a network asks for. */
static void check_codes(struct warnings *warnings)
{
	const struct policy *policy = warnings->policy;
	enum policy_key days = POLICY_EXCEPTIONS_PHONE_CODE_DAYS;

	if (!policy_number(policy, days))
		return;
	if (!storage_excepted(policy))
		warn(warnings, days,
		     "'phone_code_days' has no effect: [exceptions] allows none for "
		     "removable-storage");
	if (!runs(policy, CONTROL_REMOVABLE_STORAGE) ||
	    !policy_flag(policy, POLICY_REMOVABLE_STORAGE_ASK))
		warn(warnings, days,
		     "'phone_code_days' has no effect: nobody may ask for a stick "
		     "([removable-storage] mode, ask)");
	if (policy_number(policy, days) > policy_number(policy, POLICY_EXCEPTIONS_MAX_DAYS))
		warn(warnings, days,
		     "a code lasts for longer than 'max_days', which devices do not honour");
	if (!runs(policy, CONTROL_ANTI_VIRUS))
		warn(warnings, days,
		     "what a code opens is scanned, but [anti-virus] is off, so nobody sees "
		     "whether "
		     "the scanner is up to date");
}

static void check_network(struct warnings *warnings)
{
	const struct policy *policy = warnings->policy;

	if (policy_lists(policy, POLICY_REMOTE_ACCESS_ALLOWED, "ssh") &&
	    runs(policy, CONTROL_REMOTE_ACCESS) && runs(policy, CONTROL_SERVICES) &&
	    !policy_lists(policy, POLICY_SERVICES_ALLOWED_PORTS, "tcp/22") &&
	    !policy_lists(policy, POLICY_SERVICES_ALLOWED_PROGRAMS, "sshd"))
		warn(warnings, POLICY_REMOTE_ACCESS_ALLOWED,
		     "ssh is allowed here, but [services] allows neither tcp/22 nor sshd");
	if (policy_flag(policy, POLICY_NETWORK_DNS_OVER_HTTPS_ALLOWED) &&
	    !empty(policy, POLICY_NETWORK_DNS_OVER_HTTPS_SERVERS))
		warn(warnings, POLICY_NETWORK_DNS_OVER_HTTPS_SERVERS,
		     "'dns_over_https_servers' has no effect: any server is allowed");
	if (policy_flag(policy, POLICY_NETWORK_DNS_EVERYWHERE) &&
	    empty(policy, POLICY_NETWORK_DNS_SERVERS))
		warn(warnings, POLICY_NETWORK_DNS_EVERYWHERE,
		     "'dns_everywhere' has no effect: 'dns_servers' is empty");
	if (runs(policy, CONTROL_FILTERING) &&
	    policy_flag(policy, POLICY_FILTERING_PROXY_REQUIRED) &&
	    !*policy_text(policy, POLICY_NETWORK_PROXY) &&
	    !*policy_text(policy, POLICY_NETWORK_PROXY_PAC))
		warn(warnings, POLICY_FILTERING_PROXY_REQUIRED,
		     "the filter is a proxy, but [network] names none");
	if (policy_flag(policy, POLICY_AGREEMENT_SHOW) && empty(policy, POLICY_AGREEMENT_TEXT))
		warn(warnings, POLICY_AGREEMENT_SHOW, "the agreement is shown, but has no 'text'");
}

unsigned policy_warnings(const struct policy *policy, struct buf *out)
{
	struct warnings warnings = {.policy = policy, .out = out};

	check_values(&warnings);
	check_off(&warnings);
	check_nothing(&warnings);
	check_storage(&warnings);
	check_hardware(&warnings);
	check_software(&warnings);
	check_people(&warnings);
	check_times(&warnings);
	check_codes(&warnings);
	check_network(&warnings);
	return warnings.count;
}
