/* Backups that really ran, here and off site, and sync clients that are in step.  Clauses 30
 * and 43.
 *
 * A backup is believed by what it leaves: a file that the policy names, or a unit's last success.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/controls/table.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/controls/list.h"
#include "agent/controls/memory.h"
#include "agent/policy/policy.h"
#include "platform/platform.h"

#define HOUR_S 3600

struct look {
	const struct control_input *input;
	struct jsonw *w;
	struct control_result *result;
	struct list unread, missing, plain, late, off_site_late, failed, sync_missing, sync_late;
	char message[256];
};

static void unread(struct look *look, const char *name, const char *why)
{
	if (!*look->message)
		(void)snprintf(look->message, sizeof(look->message), "%s", why);
	list_add(&look->unread, name);
	control_say(look->result, VERDICT_UNKNOWN, "cannot-tell");
}

static void judge_age(struct look *look, const char *name, int64_t at, int64_t max_s,
		      struct list *late)
{
	int64_t age = look->input->now > at ? look->input->now - at : 0;

	jsonw_object(look->w, NULL);
	jsonw_string(look->w, "name", name);
	jsonw_time(look->w, "at", at);
	jsonw_int(look->w, "max_s", max_s);
	jsonw_object_end(look->w);
	if (age > max_s)
		list_add(late, name);
}

/* Is what lies at 'path' on an encrypted disk?  The volume with the longest mount point holds it.
 */
static void judge_encryption(struct look *look, const struct plat_disks *disks, const char *path)
{
	const struct plat_volume *best = NULL;
	size_t best_len = 0;

	for (size_t i = 0; i < disks->count; i++) {
		const struct plat_volume *volume = &disks->volumes[i];
		size_t len = strlen(volume->place);

		if (volume->place[0] != '/' || strncmp(path, volume->place, len) != 0 ||
		    (len > 1 && path[len] != '/') || len < best_len)
			continue;
		best = volume;
		best_len = len;
	}
	if (!best || best->encryption == PLAT_ENCRYPTION_UNKNOWN)
		unread(look, path, "whether the disk below the backup is encrypted");
	else if (best->encryption != PLAT_ENCRYPTED)
		list_add(&look->plain, path);
}

static void look_at_files(struct look *look, enum policy_key key, int64_t max_s, struct list *late,
			  const struct plat_disks *disks)
{
	const struct policy *policy = look->input->policy;

	for (size_t i = 0; i < policy_count(policy, key); i++) {
		const char *pattern = policy_item(policy, key, i);
		struct plat_looked_file file;
		char path[512];
		struct err err;

		if (plat_look_newest(pattern, path, sizeof(path), &file, &err) == 0) {
			judge_age(look, pattern, file.changed_at, max_s, late);
			if (disks)
				judge_encryption(look, disks, path);
		} else if (err.code == ERR_NOTFOUND) {
			list_add(&look->missing, pattern);
		} else {
			unread(look, pattern, err.msg);
		}
	}
}

static void look_at_unit(struct look *look, const char *name, int64_t max_s)
{
	struct plat_unit_runs runs;
	struct err err;
	char key[160];
	int64_t at;

	if (plat_unit_runs(name, &runs, &err) < 0) {
		if (err.code == ERR_NOTFOUND)
			list_add(&look->missing, name);
		else
			unread(look, name, err.msg);
		return;
	}
	/* systemd forgets at a restart; what was seen before is remembered. */
	(void)snprintf(key, sizeof(key), "backup/unit/%.120s", name);
	at = memory_time(look->input->memory, key);
	if (runs.succeeded_at > look->input->now) /* by a clock that was ahead then */
		runs.succeeded_at = look->input->now;
	if (runs.succeeded_at > at) {
		at = runs.succeeded_at;
		memory_set_number(look->input->memory, key, at);
	}
	if (runs.failed_at > at) {
		jsonw_object(look->w, NULL);
		jsonw_string(look->w, "name", name);
		jsonw_time(look->w, "failed_at", runs.failed_at);
		jsonw_object_end(look->w);
		list_add(&look->failed, name);
	} else if (at) {
		judge_age(look, name, at, max_s, &look->late);
	} else {
		list_add(&look->missing, name);
	}
}

/* --- sync clients --- */

/* A sync client runs for whoever is logged in; with nobody there, it need not. */
static bool somebody_is_here(void)
{
	struct plat_accounts accounts;
	struct err err;
	bool nobody;

	if (plat_accounts(&accounts, &err) < 0)
		return true;
	nobody = accounts.logons_known && !accounts.logon_count;
	plat_accounts_clear(&accounts);
	return !nobody;
}

static void judge_client(struct look *look, const struct plat_sync_client *client, int64_t max_s)
{
	int64_t age = client->synced_at && look->input->now > client->synced_at
			      ? look->input->now - client->synced_at
			      : 0;

	jsonw_object(look->w, NULL);
	jsonw_string(look->w, "name", client->name);
	if (client->running != PLAT_CANNOT_TELL)
		jsonw_bool(look->w, "running", client->running == PLAT_YES);
	if (client->synced_at)
		jsonw_time(look->w, "at", client->synced_at);
	jsonw_object_end(look->w);
	if (client->running == PLAT_NO && somebody_is_here())
		list_add(&look->sync_missing, client->name);
	else if (client->running == PLAT_CANNOT_TELL)
		unread(look, client->name, "whether the sync client runs");
	if (age > max_s)
		list_add(&look->sync_late, client->name);
}

static void look_at_clients(struct look *look)
{
	const struct policy *policy = look->input->policy;
	int64_t max_s = policy_number(policy, POLICY_BACKUP_SYNC_MAX_AGE_HOURS) * HOUR_S;
	struct plat_sync_clients all = {.count = 0};
	struct err err;

	if (plat_sync_clients(&all, &err) < 0) {
		unread(look, "sync clients", err.msg);
		return;
	}
	for (size_t i = 0; i < policy_count(policy, POLICY_BACKUP_SYNC_CLIENTS); i++) {
		const char *pattern = policy_item(policy, POLICY_BACKUP_SYNC_CLIENTS, i);
		bool found = false;

		for (size_t n = 0; n < all.count; n++)
			if (text_match(pattern, all.clients[n].name)) {
				judge_client(look, &all.clients[n], max_s);
				found = true;
			}
		if (found)
			continue;
		if (!strpbrk(pattern, "*?") && !plat_sync_known(pattern)) {
			unread(look, pattern, "a sync client that this agent does not know");
			continue;
		}
		list_add(&look->sync_missing, pattern);
	}
}

/* --- the control --- */

static bool asked(const struct policy *policy)
{
	static const enum policy_key keys[] = {POLICY_BACKUP_FILES, POLICY_BACKUP_UNITS,
					       POLICY_BACKUP_OFF_SITE_FILES,
					       POLICY_BACKUP_SYNC_CLIENTS};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (policy_count(policy, keys[i]))
			return true;
	return false;
}

static void look_at_backups(struct look *look)
{
	const struct policy *policy = look->input->policy;
	int64_t max_s = policy_number(policy, POLICY_BACKUP_MAX_AGE_HOURS) * HOUR_S;
	int64_t off_s = policy_number(policy, POLICY_BACKUP_OFF_SITE_MAX_AGE_HOURS) * HOUR_S;
	bool encrypted = policy_flag(policy, POLICY_BACKUP_ENCRYPTED_REQUIRED);
	struct plat_disks disks = {0};
	struct err err;

	if (encrypted && plat_disks(&disks, &err) < 0)
		(void)err_wrap(&err, "disks"); /* each file then says that it cannot be told */
	jsonw_array(look->w, "backups");
	look_at_files(look, POLICY_BACKUP_FILES, max_s, &look->late, encrypted ? &disks : NULL);
	for (size_t i = 0; i < policy_count(policy, POLICY_BACKUP_UNITS); i++)
		look_at_unit(look, policy_item(policy, POLICY_BACKUP_UNITS, i), max_s);
	jsonw_array_end(look->w);
	jsonw_array(look->w, "off_site");
	look_at_files(look, POLICY_BACKUP_OFF_SITE_FILES, off_s, &look->off_site_late, NULL);
	jsonw_array_end(look->w);
	if (encrypted)
		plat_disks_clear(&disks);
}

static int run(const struct control_input *input, struct jsonw *w, struct control_result *result,
	       struct err *err)
{
	struct look look = {.input = input, .w = w, .result = result};
	const struct {
		struct list *list;
		const char *name, *why;
	} fails[] = {
		{&look.failed, "failed", "failed"},
		{&look.missing, "missing", "never"},
		{&look.late, "late", "old"},
		{&look.off_site_late, "off_site_late", "off-site-old"},
		{&look.plain, "plain", "plain"},
		{&look.sync_missing, "sync_missing", "sync-missing"},
		{&look.sync_late, "sync_late", "sync-unhealthy"},
	};

	(void)err;
	if (!asked(input->policy)) {
		control_say(result, VERDICT_NOT_APPLICABLE, "not-asked");
		return 0;
	}
	list_init(&look.unread);
	for (size_t i = 0; i < sizeof(fails) / sizeof(*fails); i++)
		list_init(fails[i].list);
	look_at_backups(&look);
	jsonw_array(w, "sync");
	look_at_clients(&look);
	jsonw_array_end(w);
	for (size_t i = 0; i < sizeof(fails) / sizeof(*fails); i++) {
		if (fails[i].list->count)
			control_say(result, VERDICT_FAIL, fails[i].why);
		list_write(fails[i].list, w, fails[i].name);
	}
	list_write(&look.unread, w, "unread");
	if (*look.message)
		jsonw_string(w, "message", look.message);
	control_say(result, VERDICT_PASS, "ok");
	return 0;
}

const struct control control_backup = {CONTROL_BACKUP, run};
