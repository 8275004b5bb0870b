/* See reason.h; the tables are in reason_*.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/reason.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/json.h"
#include "agent/base/text.h"
#include "agent/proto/reason_tables.h"

#define VALUE_MAX 160 /* bytes of foreign text that one {member} may add */
#define LIST_SHOWN 5  /* names of a list; the others are counted */
#define MEMBER_MAX 64 /* what a {member} holds at most */
#define MISSING "(not known)"

/* Of the controls that this version checks. */
static const struct reason *const tables[CONTROL_COUNT] = {
	[CONTROL_SCREEN_LOCK] = reason_screen_lock,
	[CONTROL_ACCOUNTS] = reason_accounts,
	[CONTROL_PASSWORD_POLICY] = reason_password_policy,
	[CONTROL_REMOVABLE_STORAGE] = reason_removable_storage,
	[CONTROL_HARDWARE] = reason_hardware,
	[CONTROL_SOFTWARE] = reason_software,
	[CONTROL_CONFIGURATION] = reason_configuration,
	[CONTROL_SERVICES] = reason_services,
	[CONTROL_NETWORK] = reason_network,
	[CONTROL_REMOTE_ACCESS] = reason_remote_access,
	[CONTROL_ANTI_VIRUS] = reason_anti_virus,
	[CONTROL_UPDATES] = reason_updates,
	[CONTROL_DISK_ENCRYPTION] = reason_disk_encryption,
	[CONTROL_FIREWALL] = reason_firewall,
	[CONTROL_TAMPER] = reason_tamper,
	[CONTROL_BACKUP] = reason_backup,
	[CONTROL_FILTERING] = reason_filtering,
};

const struct reason reason_any[] = {
	{"ok", "This is as the policy asks.", "Nothing to do."},
	{"off", "The policy leaves this out.", "Nothing to do."},
	{"cannot-tell", "This machine could not find out: {message}.",
	 "Put that right, then run 'sudo caretaker check'."},
	{"excepted", "An exception allows this until {until:date}.",
	 "Nothing to do before then; ask for a new one in time if it is still needed."},
	{NULL, NULL, NULL},
};

static const struct reason *table_of(enum control_id control)
{
	static const struct reason none[] = {{NULL, NULL, NULL}};

	assert((unsigned)control < CONTROL_COUNT);
	return tables[control] ? tables[control] : none;
}

static const struct reason *find_in(const struct reason *table, const char *token)
{
	for (; table->token; table++)
		if (strcmp(table->token, token) == 0)
			return table;
	return NULL;
}

static const struct reason *find(enum control_id control, const char *token)
{
	const struct reason *found = find_in(table_of(control), token);

	return found ? found : find_in(reason_any, token);
}

bool reason_known(enum control_id control, const char *token)
{
	return find(control, token) != NULL;
}

const struct reason *reason_at(enum control_id control, size_t i)
{
	const struct reason *table;

	for (table = table_of(control); table->token; table++)
		if (i-- == 0)
			return table;
	for (table = reason_any; table->token; table++)
		if (i-- == 0)
			return table;
	return NULL;
}

/* --- a member of the evidence, for people --- */

static void add_foreign(struct buf *out, const char *text)
{
	char clean[VALUE_MAX + 1];

	text_clean(clean, sizeof(clean), text, strlen(text));
	buf_adds(out, clean);
}

static void add_number(struct buf *out, double number)
{
	if (number == floor(number) && fabs(number) < 1e15)
		buf_addf(out, "%.0f", number);
	else
		buf_addf(out, "%.1f", number);
}

static void add_scalar(struct buf *out, const struct json *value)
{
	const char *text = json_string(value);
	double number;
	bool yes;

	if (text)
		add_foreign(out, *text ? text : MISSING);
	else if (json_number(value, &number))
		add_number(out, number);
	else if (json_bool(value, &yes))
		buf_adds(out, yes ? "yes" : "no");
	else
		buf_adds(out, MISSING);
}

static size_t count_of(const struct json *list)
{
	size_t count = 0;

	for (const struct json *item = json_first(list); item; item = json_next(item))
		count++;
	return count;
}

static void add_list(struct buf *out, const struct json *list)
{
	size_t count = count_of(list), i = 0;

	if (count == 0)
		buf_adds(out, "none");
	for (const struct json *item = json_first(list); item && i < LIST_SHOWN; i++) {
		const struct json *name = json_get(item, "name");

		if (i > 0)
			buf_adds(out, i + 1 == count ? " and " : ", ");
		add_scalar(out, name ? name : item);
		item = json_next(item);
	}
	if (count > LIST_SHOWN)
		buf_addf(out, " and %zu more", count - LIST_SHOWN);
}

static void add_duration(struct buf *out, const struct json *value)
{
	char text[48];
	double seconds;

	if (!json_number(value, &seconds) || fabs(seconds) > 1e12) {
		buf_adds(out, MISSING);
		return;
	}
	text_duration(text, sizeof(text), (int64_t)seconds);
	buf_adds(out, text);
}

/* "3 May 2026", of RFC 3339 text or unix seconds. */
static void add_date(struct buf *out, const struct json *value)
{
	static const char *const months[] = {"January",   "February", "March",    "April",
					     "May",       "June",     "July",     "August",
					     "September", "October",  "November", "December"};
	const char *text = json_string(value);
	char rfc3339[TEXT_TIME_SIZE];
	unsigned month, day;
	double seconds;
	int64_t time;

	if (json_number(value, &seconds) && fabs(seconds) < 1e11)
		time = (int64_t)seconds;
	else if (!text || text_time_parse(text, &time) != 0) {
		buf_adds(out, MISSING);
		return;
	}
	text_time(rfc3339, time);
	/* "2026-05-03T..." */
	month = (unsigned)(rfc3339[5] - '0') * 10 + (unsigned)(rfc3339[6] - '0');
	day = (unsigned)(rfc3339[8] - '0') * 10 + (unsigned)(rfc3339[9] - '0');
	buf_addf(out, "%u %s %.4s", day, months[(month + 11) % 12], rfc3339);
}

/* "fix is|fixes are": the first for one, else the second. */
static void add_plural(struct buf *out, const struct json *value, const char *words)
{
	const char *many = strchr(words, '|');
	double number = -1;

	if (value && json_is_array(value))
		number = (double)count_of(value);
	else if (value)
		(void)json_number(value, &number);
	if (number == 1)
		buf_add(out, words, (size_t)(many - words));
	else
		buf_adds(out, many + 1);
}

static void add_member(struct buf *out, const struct json *evidence, const char *name,
		       const char *format)
{
	const struct json *value = evidence ? json_get(evidence, name) : NULL;

	if (strchr(format, '|'))
		add_plural(out, value, format);
	else if (!value)
		buf_adds(out, MISSING);
	else if (strcmp(format, "duration") == 0)
		add_duration(out, value);
	else if (strcmp(format, "date") == 0)
		add_date(out, value);
	else if (strcmp(format, "count") == 0)
		buf_addf(out, "%zu", count_of(value));
	else if (json_is_array(value))
		add_list(out, value);
	else
		add_scalar(out, value);
}

/* --- sentences --- */

/* At '{'; returns what follows '}'. */
static const char *expand_one(const char *p, const struct json *evidence, struct buf *out)
{
	const char *end = strchr(p, '}');
	char name[MEMBER_MAX], *format;
	size_t len;

	assert(end); /* our own tables; a test walks them all */
	len = (size_t)(end - p - 1);
	assert(len < sizeof(name));
	memcpy(name, p + 1, len);
	name[len] = '\0';
	format = strchr(name, ':');
	if (format)
		*format++ = '\0';
	add_member(out, evidence, name, format ? format : "");
	return end + 1;
}

void reason_expand(const char *sentence, const struct json *evidence, struct buf *out)
{
	while (*sentence) {
		size_t plain = strcspn(sentence, "{");

		buf_add(out, sentence, plain);
		sentence += plain;
		if (*sentence)
			sentence = expand_one(sentence, evidence, out);
	}
}

void reason_wrong(enum control_id control, const char *token, const struct json *evidence,
		  struct buf *out)
{
	const struct reason *reason = find(control, token);

	if (reason)
		reason_expand(reason->wrong, evidence, out);
	else /* a newer agent's */
		add_foreign(out, token);
}

void reason_todo(enum control_id control, const char *token, const struct json *evidence,
		 struct buf *out)
{
	const struct reason *reason = find(control, token);

	if (reason)
		reason_expand(reason->todo, evidence, out);
	else
		buf_adds(out, "See the evidence: this agent is newer than what shows it.");
}
