/* Security fixes: which wait, since when, until when; whether they come by themselves; how long the
 * release is looked after; whether a restart is due.  Clause 25.
 *
 * A fix must be in within the policy's days of its release.  That date is taken, best first, from
 *   "changelog"   the fix's own changelog, when its package was fetched already;
 *   "archive"     the security archive's Release file in which this machine first saw it, when an
 *                 older one, at most three days before, did not hold it;
 *   "first-seen"  when this machine first saw it (the collector may know a device that saw it
 *                 earlier).
 * Packages' own lists carry no date and no severity: a fix without a rating counts as high.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/controls/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/controls/memory.h"
#include "agent/policy/policy.h"
#include "platform/platform.h"

#define DAY_S 86400
#define SHOWN_MAX 15 /* fixes named in the evidence; all are counted */
#define ARCHIVE_GAP_S (3 * DAY_S)

struct dated {
	int64_t at;
	const char *by;
};

struct fixes {
	const struct control_input *input;
	unsigned pending, overdue, left_out, other;
	int64_t first_due;      /* of those inside their time */
	int64_t archive_before; /* the archive's date at the run before; 0: none */
	/* JSON arrays, written only when they hold something */
	struct buf overdue_names, pending_list;
	struct jsonw overdue_w, pending_w;
};

/* A fail whose date has passed is what people read as "overdue". */
static void say_late(struct control_result *result, int64_t due_at, const char *why)
{
	control_say(result, VERDICT_FAIL, why);
	control_due(result, due_at, why);
}

static const char *severity_name(enum plat_severity severity)
{
	static const char *const names[] = {"unrated", "low", "medium", "high", "critical"};

	return names[severity];
}

/* Remembered as "archive 1763700000" or "first-seen 1763700000". */
static struct dated date_of(const struct fixes *fixes, const struct plat_updates *updates,
			    const struct plat_fix *fix)
{
	const struct control_input *input = fixes->input;
	int64_t now = input->now, at = 0;
	char name[256], text[48];
	const char *known;
	bool archive;

	if (fix->released_at && fix->released_at <= now)
		return (struct dated){fix->released_at, "changelog"};
	(void)snprintf(name, sizeof(name), "updates/%.110s/%.90s", fix->name, fix->candidate);
	known = memory_text(input->memory, name);
	/* Lists that are younger than the clock's time show that it is slow. */
	if (updates->archive_at > now)
		now = updates->archive_at;
	if (known) {
		archive = !strncmp(known, "archive ", 8);
		/* A date ahead, or of before we were made, was noted by a wrong clock. */
		if (strchr(known, ' ') && text_int(strchr(known, ' ') + 1, 0, now, &at) == 0 &&
		    (archive || at > input->now || memory_believes(input->memory, at)))
			return (struct dated){at, archive ? "archive" : "first-seen"};
	}
	archive = fixes->archive_before && updates->archive_at > fixes->archive_before &&
		  updates->archive_at - fixes->archive_before <= ARCHIVE_GAP_S &&
		  updates->archive_at <= now;
	at = archive ? updates->archive_at : now;
	(void)snprintf(text, sizeof(text), "%s %" PRId64, archive ? "archive" : "first-seen", at);
	memory_set_text(input->memory, name, text);
	return (struct dated){at, archive ? "archive" : "first-seen"};
}

static int64_t days_for(const struct policy *policy, enum plat_severity severity)
{
	bool lower = severity == PLAT_LOW || severity == PLAT_MEDIUM;

	return policy_number(policy,
			     lower ? POLICY_UPDATES_OTHER_FIX_DAYS : POLICY_UPDATES_FIX_DAYS);
}

static void write_fix(struct jsonw *w, const struct plat_fix *fix, struct dated dated, int64_t due)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "name", fix->name);
	jsonw_string(w, "installed", fix->installed);
	jsonw_string(w, "fixed", fix->candidate);
	jsonw_string(w, "severity", severity_name(fix->severity));
	jsonw_time(w, "since", dated.at);
	jsonw_string(w, "dated", dated.by);
	if (due)
		jsonw_time(w, "due_at", due);
	if (fix->held)
		jsonw_bool(w, "held", true);
	jsonw_object_end(w);
}

static void judge_fix(struct fixes *fixes, const struct plat_updates *updates,
		      const struct plat_fix *fix, struct control_result *result)
{
	const struct policy *policy = fixes->input->policy;
	int64_t days = days_for(policy, fix->severity), due;
	struct dated dated = date_of(fixes, updates, fix);

	due = days ? dated.at + days * DAY_S : 0;
	if (fixes->pending++ < SHOWN_MAX)
		write_fix(&fixes->pending_w, fix, dated, due);
	if (!due)
		return;
	if (due < fixes->input->now) {
		if (control_excepts(fixes->input, result, fix->name, fix->name))
			return;
		if (fixes->overdue++ < SHOWN_MAX)
			jsonw_string(&fixes->overdue_w, NULL, fix->name);
		say_late(result, due, "overdue");
		return;
	}
	if (!fixes->first_due || due < fixes->first_due)
		fixes->first_due = due;
	control_due(result, due, "pending");
}

static void judge_fixes(const struct control_input *input, const struct plat_updates *updates,
			struct jsonw *w, struct control_result *result)
{
	struct fixes fixes = {.input = input};

	fixes.archive_before = memory_number(input->memory, "updates/archive-date", 0);
	buf_init(&fixes.overdue_names, 8192);
	buf_init(&fixes.pending_list, 0);
	jsonw_init(&fixes.overdue_w, &fixes.overdue_names);
	jsonw_array(&fixes.overdue_w, NULL);
	jsonw_init(&fixes.pending_w, &fixes.pending_list);
	jsonw_array(&fixes.pending_w, NULL);
	for (size_t i = 0; i < updates->count; i++) {
		const struct plat_fix *fix = &updates->fixes[i];

		if (!fix->security)
			fixes.other++;
		else if (policy_lists(input->policy, POLICY_UPDATES_LEFT_OUT_PACKAGES, fix->name))
			fixes.left_out++;
		else
			judge_fix(&fixes, updates, fix, result);
	}
	jsonw_array_end(&fixes.pending_w);
	jsonw_array_end(&fixes.overdue_w);
	if (fixes.pending)
		jsonw_raw(w, "pending", fixes.pending_list.data, fixes.pending_list.len);
	jsonw_int(w, "pending_count", fixes.pending);
	if (fixes.overdue) {
		jsonw_raw(w, "overdue", fixes.overdue_names.data, fixes.overdue_names.len);
		jsonw_int(w, "overdue_count", fixes.overdue);
	}
	if (fixes.first_due)
		jsonw_time(w, "due_at", fixes.first_due);
	if (fixes.other)
		jsonw_int(w, "other_count", fixes.other);
	if (fixes.left_out)
		jsonw_int(w, "left_out_count", fixes.left_out);
	if (updates->archive_at)
		memory_set_number(input->memory, "updates/archive-date", updates->archive_at);
	buf_clear(&fixes.overdue_names);
	buf_clear(&fixes.pending_list);
}

static void judge_lists(const struct control_input *input, const struct plat_updates *updates,
			const struct plat_release *release, struct jsonw *w,
			struct control_result *result)
{
	int64_t max_s = policy_number(input->policy, POLICY_UPDATES_LAST_SUCCESS_MAX_DAYS) * DAY_S;
	bool apt_family = !strcmp(release->id, "debian") || !strcmp(release->id, "ubuntu");
	int64_t age;

	if (!updates->lists_at) {
		control_say(result, VERDICT_UNKNOWN, "lists-missing");
		return;
	}
	age = input->now > updates->lists_at ? input->now - updates->lists_at : 0;
	jsonw_time(w, "lists_at", updates->lists_at);
	jsonw_string(w, "lists_by", updates->lists_from);
	if (!updates->archive_at && apt_family && !strcmp(updates->manager, "apt"))
		control_say(result, VERDICT_FAIL, "no-security-source");
	if (age <= max_s)
		return;
	/* For the sentence only: an age changes by itself, the date above does not. */
	jsonw_int(w, "lists_age_s", age);
	control_say(result, VERDICT_FAIL, "lists-old");
}

static void judge_automatic(const struct control_input *input, const struct plat_updates *updates,
			    struct jsonw *w, struct control_result *result)
{
	int64_t max_s = policy_number(input->policy, POLICY_UPDATES_LAST_SUCCESS_MAX_DAYS) * DAY_S;
	int64_t since;

	if (updates->automatic == PLAT_CANNOT_TELL)
		jsonw_null(w, "automatic");
	else
		jsonw_bool(w, "automatic", updates->automatic == PLAT_YES);
	if (*updates->automatic_detail)
		jsonw_string(w, "automatic_by", updates->automatic_detail);
	if (updates->automatic_at)
		jsonw_time(w, "last_success", updates->automatic_at);
	if (!policy_flag(input->policy, POLICY_UPDATES_UNATTENDED_REQUIRED))
		return;
	if (updates->automatic == PLAT_NO) {
		control_say(result, VERDICT_FAIL, "not-automatic");
		return;
	}
	if (updates->automatic == PLAT_CANNOT_TELL) {
		control_say(result, VERDICT_UNKNOWN, "automatic-unknown");
		return;
	}
	if (updates->automatic_at) {
		if (input->now - updates->automatic_at > max_s)
			control_say(result, VERDICT_FAIL, "automatic-fails");
		return;
	}
	/* Only apt leaves a trace of success.  Just set up: it gets the same days for its first. */
	if (strcmp(updates->manager, "apt") != 0)
		return;
	since = memory_first_seen(input->memory, "updates/automatic-since");
	if (input->now - since > max_s)
		control_say(result, VERDICT_FAIL, "automatic-never");
}

static void judge_release(const struct control_input *input, struct plat_release *out,
			  struct jsonw *w, struct control_result *result)
{
	int64_t warn_s = policy_number(input->policy, POLICY_UPDATES_SUPPORT_WARN_DAYS) * DAY_S;
	bool required = policy_flag(input->policy, POLICY_UPDATES_SUPPORTED_REQUIRED);
	struct err err = {0};

	memset(out, 0, sizeof(*out));
	if (plat_release(out, &err) < 0) {
		if (required)
			control_say(result, VERDICT_UNKNOWN, "release-unknown");
		jsonw_string(w, "release_unread", err.msg);
		return;
	}
	jsonw_string(w, "release", *out->name ? out->name : out->id);
	if (!out->end_of_life) {
		if (required)
			control_say(result, VERDICT_UNKNOWN, "release-unknown");
		return;
	}
	if (out->end_of_life <= input->now) {
		jsonw_time(w, "ended", out->end_of_life);
		jsonw_string(w, "ends_by", out->end_from);
		if (required)
			say_late(result, out->end_of_life, "end-of-life");
		return;
	}
	jsonw_time(w, "ends", out->end_of_life);
	if (out->end_of_life - input->now > warn_s)
		return;
	/* Where the date is from matters to whoever has to move the machine by it. */
	jsonw_string(w, "ends_by", out->end_from);
	if (required)
		control_due(result, out->end_of_life, "ends-soon");
}

static void judge_reboot(const struct control_input *input, struct jsonw *w,
			 struct control_result *result)
{
	int64_t max_s = policy_number(input->policy, POLICY_UPDATES_REBOOT_MAX_DAYS) * DAY_S;
	struct plat_reboot reboot;
	struct err err = {0};
	int64_t since;

	if (plat_reboot(&reboot, &err) < 0) {
		jsonw_string(w, "reboot_unread", err.msg);
		return;
	}
	/* In a container the host's kernel is the host's to restart: said, not held against it. */
	if (reboot.pending == PLAT_CANNOT_TELL) {
		jsonw_string(w, "reboot_unread", reboot.why);
		return;
	}
	jsonw_bool(w, "reboot_pending", reboot.pending == PLAT_YES);
	if (reboot.pending == PLAT_NO)
		return;
	since = reboot.since && memory_believes(input->memory, reboot.since)
			? reboot.since
			: memory_first_seen(input->memory, "updates/reboot-since");
	jsonw_string(w, "reboot_why", *reboot.why ? reboot.why : "the system asks for it");
	jsonw_time(w, "reboot_since", since);
	if (since + max_s < input->now)
		say_late(result, since + max_s, "reboot-pending");
	else
		control_due(result, since + max_s, "reboot-pending");
}

static void judge_updates(const struct control_input *input, const struct plat_updates *updates,
			  const struct plat_release *release, struct jsonw *w,
			  struct control_result *result)
{
	jsonw_string(w, "manager", updates->manager);
	/* Else the answer is what the package manager would say now, whenever it was asked: a time
	 * that tells nothing would be news in a heartbeat each day. */
	if (updates->outdated)
		jsonw_time(w, "asked_at", updates->asked_at);
	judge_fixes(input, updates, w, result);
	judge_lists(input, updates, release, w, result);
	judge_automatic(input, updates, w, result);
}

static int run(const struct control_input *input, struct jsonw *w, struct control_result *result,
	       struct err *err)
{
	struct plat_updates updates;
	struct plat_release release;
	struct err why = {0};

	(void)err;
	judge_release(input, &release, w, result);
	if (plat_updates(input->cache_dir, input->now, &updates, &why) == 0) {
		judge_updates(input, &updates, &release, w, result);
		plat_updates_clear(&updates);
	} else {
		/* A release past its end stays a fail, whatever else cannot be asked. */
		jsonw_string(w, "message", why.msg);
		control_say(result, VERDICT_UNKNOWN, "cannot-tell");
	}
	judge_reboot(input, w, result);
	control_say(result, VERDICT_PASS, "current");
	return 0;
}

const struct control control_updates = {CONTROL_UPDATES, run};
