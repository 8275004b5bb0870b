/* caretaker-collector backup, restore, check.
 *
 * A backup is a folder with the store and the public and online parts of the data directory.  The
 * policy key and the CA's key are not in it: they lie in the recovery kit, so that whoever finds a
 * backup cannot write policy.  A restored collector starts a new epoch, which tells devices to send
 * again from their ring what came in after the backup.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/commands.h"

#include "agent/base/text.h"
#include "platform/os.h"
#include "tools/collector/admin.h"
#include "tools/collector/kit.h"
#include "tools/collector/store_desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIAL_STEP 1000 /* more than anybody publishes between two backups */

struct copy {
	const char *from, *to;
	unsigned count;
};

static bool belongs(const char *name)
{
	size_t len = strlen(name);

	if (!strcmp(name, "ca.crt") || !strcmp(name, "server.pem") || !strcmp(name, "online.key"))
		return true;
	if (len > 4 && !strncmp(name, "keys", 4) && !strcmp(name + len - 4, ".jws"))
		return true;
	return len > 11 && !strncmp(name, "online-", 7) && !strcmp(name + len - 4, ".key");
}

static int copy_file(const char *from, const char *to, const char *name, struct err *err)
{
	char source[IDENTITY_PATH], target[IDENTITY_PATH];
	struct buf data;
	int ret = -1;

	buf_init(&data, ADMIN_MAX_FILE);
	if (!identity_path(from, name, source, err) && !identity_path(to, name, target, err) &&
	    !plat_file_read(source, ADMIN_MAX_FILE / 2, &data, err))
		ret = plat_file_replace(target, data.data, data.len, PLAT_FILE_PRIVATE, err);
	crypto_buf_clear(&data);
	return ret;
}

static int copy_entry(void *ctx, const char *name, struct err *err)
{
	struct copy *copy = ctx;

	if (!belongs(name))
		return 0;
	copy->count++;
	return copy_file(copy->from, copy->to, name, err);
}

/* Written under another name and renamed when whole: a backup that was cut short is none. */
static int backup_store(struct admin *admin, const char *dir)
{
	char part[IDENTITY_PATH], path[IDENTITY_PATH];

	if (identity_path(dir, "store.db.part", part, &admin->err) ||
	    identity_path(dir, "store.db", path, &admin->err) ||
	    plat_file_remove(part, &admin->err) ||
	    admin->store->desk->backup(admin->store, part, &admin->err))
		return -1;
	if (rename(part, path))
		return err_set(&admin->err, ERR_IO, "rename '%s' to '%s'", part, path);
	return 0;
}

int cmd_backup(const struct options *options)
{
	const char *dir = options->operands[0];
	struct copy copy = {.to = dir};
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	copy.from = admin.config.data;
	if (admin_audit(&admin, "backup", dir, NULL))
		goto out;
	/* Keys first: a set in the store's backup that has no key beside it would be worse. */
	if (plat_dir_make(dir, PLAT_FILE_PRIVATE, &admin.err) || backup_store(&admin, dir) ||
	    plat_dir_list(admin.config.data, copy_entry, &copy, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	printf("backup: %s   the store and %u files\n"
	       "not in it: policy.key and ca.key; they are in the recovery kit\n",
	       dir, copy.count);
	ret = EXIT_DONE;
out:
	admin_close(&admin);
	return ret;
}

/* --- restore --- */

static int write_text(const char *dir, const char *name, const char *text, struct err *err)
{
	char path[IDENTITY_PATH];

	return identity_path(dir, name, path, err) ||
			       plat_file_replace(path, text, strlen(text), PLAT_FILE_PRIVATE, err)
		       ? -1
		       : 0;
}

static int restore_kit(struct admin *admin, const char *file)
{
	struct kit kit;
	struct buf text;
	int ret = -1;

	buf_init(&text, KIT_MAX + 1);
	if (plat_file_read(file, KIT_MAX, &text, &admin->err))
		goto out;
	if (kit_parse(buf_text(&text), &kit, &admin->err)) {
		err_wrap(&admin->err, "%s", file);
		goto out;
	}
	if (!write_text(admin->config.data, "policy.key", kit.policy_key, &admin->err) &&
	    !write_text(admin->config.data, "ca.key", kit.ca_key, &admin->err))
		ret = 0;
	kit_clear(&kit);
out:
	crypto_buf_clear(&text);
	return ret;
}

static int kit_fits(struct admin *admin, const char *file, const char *dir)
{
	struct identity *identity = NULL;
	struct kit kit = {0};
	struct buf text;
	int ret = -1;

	buf_init(&text, KIT_MAX + 1);
	if (plat_file_read(file, KIT_MAX, &text, &admin->err) ||
	    kit_parse(buf_text(&text), &kit, &admin->err) ||
	    identity_open(dir, &identity, &admin->err))
		goto out;
	ret = strcmp(kit.org, identity_org(identity))
		      ? err_set(&admin->err, ERR_INVALID,
				"the kit is of the collector %s, the backup of %s", kit.org,
				identity_org(identity))
		      : 0;
out:
	identity_free(identity);
	kit_clear(&kit);
	crypto_buf_clear(&text);
	return ret;
}

static int restore_files(struct admin *admin, const char *dir)
{
	struct copy copy = {.from = dir, .to = admin->config.data};
	struct plat_file_info info;
	char from[IDENTITY_PATH], to[IDENTITY_PATH];
	struct store *store = NULL;
	int ret;

	if (identity_path(admin->config.data, "keys.jws", to, &admin->err) ||
	    plat_file_info(to, &info, &admin->err))
		return -1;
	if (info.exists)
		return err_set(&admin->err, ERR_DENIED,
			       "'%.150s' holds a collector; move it away first, nothing was "
			       "changed",
			       admin->config.data);
	if (identity_path(dir, "store.db", from, &admin->err) ||
	    identity_path(admin->config.data, "store.db", admin->store_path, &admin->err) ||
	    store_open(from, STORE_READ, &store, &admin->err))
		return -1;
	/* The store first, keys.jws with the rest: without it there is no collector yet. */
	ret = plat_dir_make(admin->config.data, PLAT_FILE_PRIVATE, &admin->err) ||
			      store->desk->backup(store, admin->store_path, &admin->err) ||
			      plat_dir_list(dir, copy_entry, &copy, &admin->err)
		      ? -1
		      : 0;
	store_close(store);
	return ret;
}

/* What was published and allowed since the backup has serials that devices have seen and do not
 * take twice; what comes next is above them. */
static int raise_serials(struct admin *admin, int64_t *out_floor)
{
	char text[24];
	int64_t policy, list;

	if (admin->store->desk->policy_serial(admin->store, NULL, &policy, &admin->err) ||
	    admin->store->desk->exception_newest(admin->store, &list, &admin->err))
		return -1;
	*out_floor = (policy > list ? policy : list) + SERIAL_STEP;
	snprintf(text, sizeof(text), "%lld", (long long)*out_floor);
	return admin->store->admin->meta_set(admin->store, "serial_floor", text, &admin->err);
}

int cmd_restore(const struct options *options)
{
	const char *dir = options->operands[0], *kit = options_get(options, "kit");
	char epoch[UUID_LEN + 1];
	struct admin admin;
	int64_t floor;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_CONFIG))
		return EXIT_FAILED;
	if (plat_act_as_owner(admin.config.data, &admin.err))
		return admin_fail(&admin);
	plat_protect_process();
	if ((kit && kit_fits(&admin, kit, dir)) || restore_files(&admin, dir) ||
	    (kit && restore_kit(&admin, kit))) {
		admin_fail(&admin);
		goto out;
	}
	plat_uuid(epoch);
	if (store_open(admin.store_path, STORE_WRITE, &admin.store, &admin.err) ||
	    admin.store->admin->meta_set(admin.store, "epoch", epoch, &admin.err) ||
	    raise_serials(&admin, &floor)) {
		admin_fail(&admin);
		goto out;
	}
	if (admin_audit(&admin, "restore", dir, "epoch", epoch, NULL))
		goto out;
	printf("restored: %s, with the new epoch %s\n"
	       "devices send again what came in since the backup, as far as they still have it "
	       "(7 days)\n"
	       "the next policy gets a serial above %lld: those published since are not taken "
	       "twice\n",
	       admin.config.data, epoch, (long long)floor);
	if (!kit)
		puts("policy.key and ca.key are not here: give --kit FILE, or keep them offline");
	ret = EXIT_DONE;
out:
	admin_close(&admin);
	return ret;
}

/* --- check --- */

int cmd_check(const struct options *options)
{
	struct admin admin;
	struct buf lines;
	int64_t wrong = 0;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	buf_init(&lines, 0);
	if (admin.store->desk->check(admin.store, &lines, &wrong, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	fputs(buf_text(&lines), stdout);
	if (wrong)
		admin_complain("%lld thing%s wrong in '%s'; restore the last good backup",
			       (long long)wrong, wrong == 1 ? "" : "s", admin.store_path);
	else
		printf("ok: keys, store and roll-up counters of '%s'\n", admin.config.data);
	ret = wrong ? EXIT_FAILED : EXIT_DONE;
out:
	buf_clear(&lines);
	admin_close(&admin);
	return ret;
}
