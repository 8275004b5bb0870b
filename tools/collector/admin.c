/* See admin.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/admin.h"

#include "agent/base/compiler.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "platform/os.h"
#include "tools/collector/day.h"
#include "tools/collector/store_desk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_MAX 512
#define FOUND_MAX 6
#define SAID_MAX 2048

/* Names that devices and spreadsheets gave stand in it. */
static void put(FILE *to, const char *before, const char *fmt, va_list ap) PRINTF_LIKE(3, 0);

static void put(FILE *to, const char *before, const char *fmt, va_list ap)
{
	char text[SAID_MAX], clean[3 * SAID_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	text_clean(clean, sizeof(clean), text, strlen(text));
	fprintf(to, "%s%s\n", before, clean);
}

int admin_complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(stderr, "caretaker-collector: ", fmt, ap);
	va_end(ap);
	return EXIT_FAILED;
}

void admin_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(stdout, "", fmt, ap);
	va_end(ap);
}

void admin_put_lines(FILE *to, const struct buf *text)
{
	struct buf clean;

	buf_init(&clean, 0);
	text_clean_lines(&clean, buf_text(text), text->len);
	fputs(buf_text(&clean), to);
	buf_clear(&clean);
}

int admin_fail(const struct admin *admin)
{
	return admin_complain("%s", admin->err.msg);
}

/* --- opening --- */

static void set_who(struct admin *admin, const struct options *options)
{
	const char *who = options_get(options, "who");

	if (!who)
		who = getenv("SUDO_USER");
	if (!who || !*who)
		who = getenv("USER");
	if (who && *who)
		text_clean(admin->who, sizeof(admin->who), who, strlen(who));
	else
		snprintf(admin->who, sizeof(admin->who), "uid %u", (unsigned)getuid());
}

static int open_store(struct admin *admin)
{
	if (identity_path(admin->config.data, "store.db", admin->store_path, &admin->err))
		return -1;
	return store_open(admin->store_path, STORE_WRITE, &admin->store, &admin->err);
}

int admin_open(struct admin *admin, const struct options *options, enum admin_needs needs)
{
	const char *data = options_get(options, "data");

	memset(admin, 0, sizeof(*admin));
	admin->now = plat_now();
	admin->json = options_has(options, "json");
	umask(0077);
	set_who(admin, options);
	if (config_read(options_get(options, "config"), &admin->config, &admin->err))
		return admin_fail(admin);
	if (data && !text_copy(admin->config.data, sizeof(admin->config.data), data))
		return admin_complain("the path of --data is too long");
	if (needs >= ADMIN_KEYS) {
		if (plat_act_as_owner(admin->config.data, &admin->err))
			return admin_fail(admin);
		plat_protect_process();
		if (identity_open(admin->config.data, &admin->identity, &admin->err))
			return admin_fail(admin);
	}
	if (needs >= ADMIN_READ &&
	    (open_store(admin) || store_settle(admin->store, admin->now, &admin->err))) {
		int ret = admin_fail(admin);
		admin_close(admin);
		return ret;
	}
	return EXIT_DONE;
}

void admin_close(struct admin *admin)
{
	if (admin->store)
		store_close(admin->store);
	identity_free(admin->identity);
	admin->store = NULL;
	admin->identity = NULL;
}

/* --- options --- */

int admin_number(const struct options *options, const char *name, int64_t min, int64_t max,
		 int64_t *out)
{
	const char *text = options_get(options, name);

	if (!text || !text_int(text, min, max, out))
		return 0;
	admin_complain("--%s '%.40s': expected a whole number from %lld to %lld", name, text,
		       (long long)min, (long long)max);
	return -1;
}

int admin_end(struct admin *admin, const struct options *options, int64_t *out)
{
	const char *until = options_get(options, "until");
	int64_t days = 0, end = 0;

	if (admin_number(options, "days", 1, 3650, &days))
		return -1;
	if (until && options_has(options, "days")) {
		admin_complain("give --days or --until, not both");
		return -1;
	}
	if (until) {
		if (day_zone(admin->config.time_zone, &admin->err)) {
			admin_fail(admin);
			return -1;
		}
		/* A day alone ends with that day. */
		if ((strlen(until) == DAY_TEXT - 1
			     ? day_end(admin->config.time_zone, until, &end, &admin->err)
			     : text_time_parse(until, &end)) ||
		    end <= admin->now) {
			admin_complain("--until '%.40s': expected a day to come, such as "
				       "2027-03-31",
				       until);
			return -1;
		}
	}
	*out = until ? end : days ? admin->now + days * 24 * 60 * 60 : 0;
	return 0;
}

int admin_end_of_day(struct admin *admin, int64_t *out)
{
	const char *zone = admin->config.time_zone;
	char today[DAY_TEXT];

	if (day_of(zone, admin->now, today, &admin->err) ||
	    day_end(zone, today, out, &admin->err)) {
		admin_fail(admin);
		return -1;
	}
	return 0;
}

/* --- names to rows --- */

struct names {
	const char *wanted;
	const char *words[NAMES_MAX + 1];
	unsigned count;
	bool found;
	void *out;
	size_t out_size;
};

static bool same_name(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0;
}

static int names_take(struct names *names, const char *name, const void *row, struct err *err)
{
	if (names->wanted ? same_name(name, names->wanted) : !names->found) {
		memcpy(names->out, row, names->out_size);
		names->found = true;
	}
	if (names->count < NAMES_MAX) {
		names->words[names->count] = strdup(name);
		if (!names->words[names->count])
			return err_set(err, ERR_NOMEM, "out of memory");
		names->count++;
	}
	return 0;
}

static int names_done(struct names *names, const char *kind, const char *how)
{
	const char *near = names->wanted ? text_nearest(names->wanted, names->words) : NULL;
	int ret = names->found ? 0 : -1;

	if (!names->found && !names->wanted)
		admin_complain("there is no %s yet; %s", kind, how);
	else if (!names->found)
		admin_complain("there is no %s '%.60s'%s%s%s", kind, names->wanted,
			       near ? "; did you mean '" : "; ", near ? near : how,
			       near ? "'?" : "");
	for (unsigned i = 0; i < names->count; i++)
		free((char *)names->words[i]);
	return ret;
}

static int each_school(void *ctx, const struct store_school *row, struct err *err)
{
	return names_take(ctx, row->name, row, err);
}

int admin_school(struct admin *admin, const char *name, struct store_school *out)
{
	struct names names = {.wanted = name, .out = out, .out_size = sizeof(*out)};

	if (admin->store->desk->schools(admin->store, each_school, &names, &admin->err)) {
		admin_fail(admin);
		names.found = true;
		(void)names_done(&names, "school", "");
		return -1;
	}
	if (!name && names.count > 1) {
		(void)names_done(&names, "school", "");
		admin_complain("there are %u schools; name one with --school NAME", names.count);
		return -1;
	}
	return names_done(&names, "school", "add it with \"caretaker-collector school add NAME\"");
}

static int each_group(void *ctx, const struct store_group *row, struct err *err)
{
	return names_take(ctx, row->name, row, err);
}

int admin_group(struct admin *admin, const struct store_school *school, const char *name,
		struct store_group *out)
{
	struct names names = {
		.wanted = name ? name : "default", .out = out, .out_size = sizeof(*out)};

	if (admin->store->desk->groups(admin->store, school->id, each_group, &names, &admin->err)) {
		admin_fail(admin);
		names.found = true;
		(void)names_done(&names, "group", "");
		return -1;
	}
	return names_done(&names, "group",
			  "add it with \"caretaker-collector group add --school SCHOOL NAME\"");
}

static int each_room(void *ctx, const struct store_room *row, struct err *err)
{
	return names_take(ctx, row->name, row, err);
}

int admin_room(struct admin *admin, const struct store_school *school, const char *name,
	       struct store_room *out)
{
	struct names names = {.wanted = name, .out = out, .out_size = sizeof(*out)};

	if (admin->store->desk->rooms(admin->store, school->id, each_room, &names, &admin->err)) {
		admin_fail(admin);
		names.found = true;
		(void)names_done(&names, "room", "");
		return -1;
	}
	return names_done(&names, "room",
			  "add it with \"caretaker-collector room add --school SCHOOL NAME\"");
}

int admin_place(struct admin *admin, const char *school, const char *group, const char *room,
		struct store_device_filter *filter)
{
	struct store_school in;
	struct store_group of;
	struct store_room at;

	if (!school && !group && !room)
		return 0;
	if (admin_school(admin, school, &in))
		return -1;
	filter->school = in.id;
	if (group) {
		if (admin_group(admin, &in, group, &of))
			return -1;
		filter->group = of.id;
	}
	if (room) {
		if (admin_room(admin, &in, room, &at))
			return -1;
		filter->room = at.id;
	}
	return 0;
}

struct found {
	struct store_device *out;
	unsigned count;
	char lines[FOUND_MAX][160];
};

static int each_found(void *ctx, const struct store_device *row, struct err *err)
{
	struct found *found = ctx;

	(void)err;
	if (!found->count)
		*found->out = *row;
	if (found->count < FOUND_MAX)
		snprintf(found->lines[found->count], sizeof(found->lines[0]),
			 "  %s  %.40s  %.40s  %s", row->uuid, row->name, row->school_name,
			 store_status_name(row->status));
	found->count++;
	return 0;
}

int admin_device(struct admin *admin, const char *word, struct store_device *out)
{
	struct store_device_filter filter;
	struct found found = {.out = out};

	store_device_filter_init(&filter);
	filter.word = word;
	if (admin->store->desk->devices(admin->store, &filter, each_found, &found, &admin->err)) {
		admin_fail(admin);
		return -1;
	}
	if (!found.count)
		admin_complain("no device has '%.60s' as its name, serial number or the beginning "
			       "of its UUID; \"caretaker-collector devices\" lists them",
			       word);
	if (found.count > 1) {
		admin_complain("'%.60s' fits %u devices; give the UUID:", word, found.count);
		for (unsigned i = 0; i < found.count && i < FOUND_MAX; i++)
			fprintf(stderr, "%s\n", found.lines[i]);
	}
	return found.count == 1 ? 0 : -1;
}

/* --- files --- */

static int read_stdin(size_t max, struct buf *out, struct err *err)
{
	char chunk[4096];
	size_t len;

	while ((len = fread(chunk, 1, sizeof(chunk), stdin)) > 0) {
		if (out->len + len > max)
			return err_set(err, ERR_INVALID, "standard input: more than %zu bytes",
				       max);
		buf_add(out, chunk, len);
	}
	return buf_check(out, err);
}

int admin_read_file(struct admin *admin, const char *path, size_t max, struct buf *out)
{
	int ret = strcmp(path, "-") ? plat_file_read(path, max, out, &admin->err)
				    : read_stdin(max, out, &admin->err);

	if (ret)
		admin_fail(admin);
	return ret;
}

int admin_write_file(struct admin *admin, const char *path, const struct buf *data, bool public)
{
	int ret = buf_check(data, &admin->err);

	if (!ret && !strcmp(path, "-")) {
		if (fwrite(data->data, 1, data->len, stdout) != data->len || fflush(stdout))
			ret = err_set(&admin->err, ERR_IO, "write to standard output");
	} else if (!ret) {
		ret = plat_file_replace(path, data->data, data->len,
					public ? PLAT_FILE_PUBLIC : PLAT_FILE_PRIVATE, &admin->err);
	}
	if (ret)
		admin_fail(admin);
	return ret;
}

int admin_audit(struct admin *admin, const char *action, const char *object, ...)
{
	const char *name, *value;
	struct buf detail;
	struct jsonw w;
	va_list ap;
	int ret = -1;

	buf_init(&detail, 0);
	jsonw_init(&w, &detail);
	jsonw_object(&w, NULL);
	va_start(ap, object);
	while ((name = va_arg(ap, const char *))) {
		value = va_arg(ap, const char *);
		jsonw_string(&w, name, value ? value : "");
	}
	va_end(ap);
	jsonw_object_end(&w);
	if (!buf_check(&detail, &admin->err))
		ret = admin->store->admin->audit(admin->store, admin->who, action, object,
						 buf_text(&detail), &admin->err);
	buf_clear(&detail);
	/* Who looks leaves a line; when it cannot be written, nothing is shown. */
	if (ret)
		admin_fail(admin);
	return ret;
}

int64_t admin_serial_floor(struct admin *admin)
{
	struct buf text;
	struct err none;
	int64_t floor = 0;

	buf_init(&text, 64);
	if (admin->store->admin->meta_get(admin->store, "serial_floor", &text, &none) ||
	    text_int(buf_text(&text), 0, INT64_C(1) << 52, &floor))
		floor = 0;
	buf_clear(&text);
	return floor;
}

int admin_policy_key(struct admin *admin, const struct options *options, struct crypto_signer **out)
{
	const char *named = options_get(options, "key");
	char path[IDENTITY_PATH];

	if (!named && identity_path(admin->config.data, "policy.key", path, &admin->err)) {
		admin_fail(admin);
		return -1;
	}
	if (!identity_signer_load(named ? named : path, out, &admin->err))
		return 0;
	if (!named && admin->err.code == ERR_NOTFOUND)
		admin_complain("the policy key is not in '%s' (it may lie offline); name it with "
			       "--key FILE",
			       admin->config.data);
	else
		admin_fail(admin);
	return -1;
}
