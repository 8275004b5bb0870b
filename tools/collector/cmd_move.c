/* caretaker-collector school export, import, handover: a school to another collector, no device
 * touched.
 *
 * Here a device believes the key set that it pinned, and its org; there another collector has other
 * keys and another org.  So the school's chain of key sets goes along and gets a link more:
 *
 *   export    (old)  the chain so far and a set n+1, signed by the old policy key, that holds the
 *                    keys and CAs of both and names the new host; with all rows of the school.
 *   import    (new)  takes rows and chain, signs the school's policies again with its own policy
 *                    key (for the school's old org, which its devices keep), and adds a set n+2,
 *                    signed by its own policy key, that holds its own keys alone.
 *   handover  (old)  from now on acknowledges this school's devices with n+1: each goes to the new
 *                    host with its next heartbeat, and gets n+2 there.
 *
 * Between export and handover both work.  What a device sent here after the export it sends there
 * again from its ring, because the epoch there is another.  The old collector stays up until
 * "handover" shows that every device has n+1; one that slept through it all takes it when it wakes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/commands.h"

#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "platform/os.h"
#include "tools/collector/admin.h"
#include "tools/collector/exceptions_sign.h"
#include "tools/collector/policy_again.h"
#include "tools/collector/store_desk.h"
#include "tools/collector/succession.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARCHIVE "school-1"
#define PUBLIC "collector-public-1"
#define LINE_MAX_BYTES (4 * 1024 * 1024)

/* --- the other collector's public part --- */

struct other {
	struct keys *keys;
	uint8_t ca[PKI_HASH_SIZE];
	char host[KEYS_HOST_MAX];
};

static int other_parse(const struct buf *text, struct other *out, struct err *err)
{
	const char *kind, *host, *jws, *ca;
	struct json *root = NULL;
	struct pki_info info;
	int ret = -1;

	if (json_parse(buf_text(text), text->len, &root, err) ||
	    json_get_string(root, "caretaker", 40, &kind, err) ||
	    json_get_string(root, "host", KEYS_HOST_MAX - 1, &host, err) ||
	    json_get_string(root, "keys", LINE_MAX_BYTES, &jws, err) ||
	    json_get_string(root, "ca", PKI_MAX_PEM, &ca, err))
		goto out;
	if (strcmp(kind, PUBLIC) != 0) {
		err_set(err, ERR_INVALID,
			"expected what \"caretaker-collector keys show\" prints there");
		goto out;
	}
	if (keys_open_pinned(jws, strlen(jws), &out->keys, err) || pki_read(ca, &info, err))
		goto out;
	memcpy(out->ca, info.sha256, sizeof(out->ca));
	snprintf(out->host, sizeof(out->host), "%s", host);
	ret = 0;
out:
	json_free(root);
	return ret;
}

static int other_read(struct admin *admin, const char *file, struct other *out)
{
	struct buf text;
	int ret = -1;

	buf_init(&text, LINE_MAX_BYTES);
	if (admin_read_file(admin, file, LINE_MAX_BYTES / 2, &text))
		goto out;
	ret = other_parse(&text, out, &admin->err);
	if (ret) {
		err_wrap(&admin->err, "%s", file);
		admin_fail(admin);
	}
out:
	buf_clear(&text);
	return ret;
}

/* --- export --- */

/* The set n+1: both collectors' keys, the new host. */
static int handover_set(struct admin *admin, const char *chain, const struct other *other,
			const struct crypto_signer *policy, struct buf *out)
{
	struct keys keys;

	succession_next(identity_keys(admin->identity, chain), admin_serial_floor(admin),
			admin->now, &keys);
	if (!keys_policy_key(&keys, crypto_key_kid(crypto_signer_key(policy))))
		return err_set(&admin->err, ERR_AUTH,
			       "the key is no policy key of the school's newest key set");
	for (unsigned i = 0; i < other->keys->policy_count; i++)
		if (succession_add_policy(&keys, other->keys->policy[i], &admin->err))
			return -1;
	for (unsigned i = 0; i < other->keys->online_count; i++)
		if (succession_add_online(&keys, other->keys->online[i], &admin->err))
			return -1;
	if (succession_add_ca(&keys, other->ca, &admin->err))
		return -1;
	snprintf(keys.host, sizeof(keys.host), "%s", other->host);
	return identity_keys_sign(&keys, policy, out, &admin->err);
}

static int write_header(struct admin *admin, const struct store_school *school,
			const char *handover, FILE *to)
{
	const char *jws;
	struct buf line;
	struct jsonw w;
	int ret = 0;

	buf_init(&line, LINE_MAX_BYTES);
	jsonw_init(&w, &line);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "caretaker", ARCHIVE);
	jsonw_string(&w, "school", school->name);
	jsonw_int(&w, "schema", STORE_SCHEMA);
	jsonw_time(&w, "at", admin->now);
	jsonw_array(&w, "chain");
	for (unsigned i = 0; identity_set_at(admin->identity, school->org, i, &jws, NULL); i++)
		jsonw_string(&w, NULL, jws);
	jsonw_string(&w, NULL, handover);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	buf_addc(&line, '\n');
	if (buf_check(&line, &admin->err))
		ret = -1;
	else if (fwrite(line.data, 1, line.len, to) != line.len)
		ret = err_set(&admin->err, ERR_IO, "write the archive");
	buf_clear(&line);
	return ret;
}

static int write_row(void *ctx, const char *line, struct err *err)
{
	FILE *to = ctx;

	return fputs(line, to) < 0 || fputc('\n', to) < 0
		       ? err_set(err, ERR_FULL, "write the archive: is the disk full?")
		       : 0;
}

static int write_archive(struct admin *admin, const struct store_school *school,
			 const char *handover, const char *path)
{
	char part[IDENTITY_PATH];
	FILE *to;
	int ret;

	if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part))
		return err_set(&admin->err, ERR_INVALID, "the path '%.60s...' is too long", path);
	to = fopen(part, "wx"); /* umask keeps it ours alone */
	if (!to)
		return err_set(&admin->err, ERR_IO,
			       "make '%s': is it there already, or the folder not?", part);
	ret = write_header(admin, school, handover, to) ||
			      admin->store->desk->school_export(admin->store, school->id, write_row,
								to, &admin->err)
		      ? -1
		      : 0;
	if (fclose(to) && !ret)
		ret = err_set(&admin->err, ERR_FULL, "write '%s': is the disk full?", part);
	if (!ret && rename(part, path))
		ret = err_set(&admin->err, ERR_IO, "rename '%s' to '%s'", part, path);
	if (ret)
		(void)remove(part); /* best effort: the message above matters more */
	return ret;
}

int cmd_school_export(const struct options *options)
{
	const char *to = options_get(options, "to"), *path = options->operands[1];
	struct crypto_signer *policy = NULL;
	struct other other = {0};
	struct store_school school;
	struct buf handover;
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	buf_init(&handover, 0);
	if (!to) {
		admin_complain("--to FILE: what \"caretaker-collector keys show\" prints at the "
			       "collector that the school moves to");
		goto out;
	}
	if (admin_school(&admin, options->operands[0], &school) || other_read(&admin, to, &other) ||
	    admin_policy_key(&admin, options, &policy) ||
	    admin_audit(&admin, "school export", school.name, "to", other.host, NULL))
		goto out;
	if (handover_set(&admin, school.org, &other, policy, &handover) ||
	    write_archive(&admin, &school, buf_text(&handover), path)) {
		admin_fail(&admin);
		goto out;
	}
	printf("exported: %s to %s\n"
	       "there:  caretaker-collector school import %s\n"
	       "then here:  caretaker-collector school handover \"%s\" %s\n"
	       "until then its devices go on here, and nothing has changed for them\n",
	       school.name, path, path, school.name, path);
	ret = EXIT_DONE;
out:
	keys_free(other.keys);
	crypto_signer_free(policy);
	buf_clear(&handover);
	admin_close(&admin);
	return ret;
}

/* --- reading an archive --- */

struct archive {
	FILE *file;
	char *line;
	size_t size;
	char name[STORE_NAME_SIZE];
	struct buf chain; /* the sets, a line each */
	char *last;       /* the handover set */
};

static void archive_close(struct archive *archive)
{
	if (archive->file)
		fclose(archive->file);
	free(archive->line);
	free(archive->last);
	buf_clear(&archive->chain);
	memset(archive, 0, sizeof(*archive));
}

static int archive_header(struct archive *archive, struct err *err)
{
	const struct json *chain;
	const char *kind, *name;
	struct json *root = NULL;
	int ret = -1;

	if (getline(&archive->line, &archive->size, archive->file) <= 0)
		return err_set(err, ERR_INVALID, "the file is empty");
	if (json_parse(archive->line, strcspn(archive->line, "\n"), &root, err) ||
	    json_get_string(root, "caretaker", 40, &kind, err) ||
	    json_get_string(root, "school", STORE_NAME_SIZE - 1, &name, err) ||
	    json_get_array(root, "chain", 1000, &chain, err))
		goto out;
	if (strcmp(kind, ARCHIVE) != 0) {
		err_set(err, ERR_INVALID, "this is no exported school (expected '" ARCHIVE "')");
		goto out;
	}
	snprintf(archive->name, sizeof(archive->name), "%s", name);
	for (const struct json *v = json_first(chain); v; v = json_next(v)) {
		const char *jws = json_string(v);
		if (!jws) {
			err_set(err, ERR_INVALID, "member 'chain': expected key sets");
			goto out;
		}
		buf_addf(&archive->chain, "%s\n", jws);
		free(archive->last);
		archive->last = strdup(jws);
	}
	if (!archive->last) {
		err_set(err, ERR_INVALID, "member 'chain': expected key sets");
		goto out;
	}
	ret = buf_check(&archive->chain, err);
out:
	json_free(root);
	return ret;
}

static int archive_open(const char *path, struct archive *out, struct err *err)
{
	memset(out, 0, sizeof(*out));
	buf_init(&out->chain, LINE_MAX_BYTES);
	out->file = fopen(path, "r");
	if (!out->file)
		return err_set(err, ERR_NOTFOUND, "'%s' cannot be opened", path);
	if (archive_header(out, err))
		return err_wrap(err, "%s:1", path);
	return 0;
}

static int next_row(void *ctx, const char **out_line, struct err *err)
{
	struct archive *archive = ctx;
	ssize_t len;

	for (;;) {
		len = getline(&archive->line, &archive->size, archive->file);
		if (len < 0) {
			*out_line = NULL;
			return ferror(archive->file) ? err_set(err, ERR_IO, "read the archive") : 0;
		}
		archive->line[strcspn(archive->line, "\r\n")] = '\0';
		if (*archive->line) {
			*out_line = archive->line;
			return 0;
		}
	}
}

/* --- import --- */

/* n+1 was made for us: it holds our keys.  Else its devices would never believe us. */
static int made_for_us(struct admin *admin, const struct archive *archive)
{
	const struct keys *ours = identity_keys(admin->identity, "");
	struct keys *last = NULL;
	int ret = -1;

	if (keys_open_pinned(archive->last, strlen(archive->last), &last, &admin->err))
		return -1;
	for (unsigned i = 0; i < ours->online_count && ret; i++)
		if (keys_online_key(last, crypto_key_kid(ours->online[i])))
			ret = 0;
	if (ret)
		err_set(&admin->err, ERR_AUTH,
			"the school was exported for another collector, or before our keys were "
			"rotated; export it again with what \"caretaker-collector keys show\" "
			"prints here now");
	keys_free(last);
	return ret;
}

/* n+2: our keys alone, signed by us. */
static int own_set(struct admin *admin, const char *chain, const struct crypto_signer *policy)
{
	const struct keys *ours = identity_keys(admin->identity, "");
	struct buf jws;
	struct keys keys;
	int ret = -1;

	succession_next(identity_keys(admin->identity, chain), admin_serial_floor(admin),
			admin->now, &keys);
	memcpy(keys.policy, ours->policy, sizeof(keys.policy));
	memcpy(keys.online, ours->online, sizeof(keys.online));
	memcpy(keys.cas, ours->cas, sizeof(keys.cas));
	keys.policy_count = ours->policy_count;
	keys.online_count = ours->online_count;
	keys.ca_count = ours->ca_count;
	buf_init(&jws, 0);
	if (!identity_keys_sign(&keys, policy, &jws, &admin->err))
		ret = identity_keys_append(admin->config.data, chain, buf_text(&jws), &admin->err);
	buf_clear(&jws);
	return ret;
}

static int reopen(struct admin *admin)
{
	identity_free(admin->identity);
	admin->identity = NULL;
	return identity_open(admin->config.data, &admin->identity, &admin->err);
}

static int import_school(struct admin *admin, struct archive *archive, const char *name,
			 const struct crypto_signer *policy, unsigned *out_policies)
{
	char chain[UUID_LEN + 1], file[UUID_LEN + 16], path[IDENTITY_PATH];
	struct store_device_filter all;
	struct err ignored;
	int64_t school, lists;

	plat_uuid(chain);
	snprintf(file, sizeof(file), "keys-%s.jws", chain);
	/* The chain first: rows whose chain is not here could not be served. */
	if (identity_path(admin->config.data, file, path, &admin->err) ||
	    identity_keys_adopt(admin->config.data, chain, buf_text(&archive->chain), &admin->err))
		return -1;
	if (admin->store->desk->school_import(admin->store, next_row, archive, name, chain,
					      admin->who, &school, &admin->err)) {
		(void)plat_file_remove(path, &ignored); /* a chain without a school harms none */
		return -1;
	}
	store_device_filter_init(&all);
	all.school = school;
	return store_settle(admin->store, admin->now, &admin->err) || reopen(admin) ||
			       policy_again(admin->store, admin->identity, school, policy,
					    admin->who, admin->now, out_policies, &admin->err) ||
			       own_set(admin, chain, policy) || reopen(admin) ||
			       exceptions_sign(admin->store, admin->identity, &all, admin->now,
					       &lists, &admin->err)
		       ? -1
		       : 0;
}

int cmd_school_import(const struct options *options)
{
	const char *name = options_get(options, "name");
	struct crypto_signer *policy = NULL;
	struct archive archive = {0};
	struct admin admin;
	unsigned policies = 0;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	if (admin_policy_key(&admin, options, &policy))
		goto out;
	if (archive_open(options->operands[0], &archive, &admin.err) ||
	    made_for_us(&admin, &archive) ||
	    import_school(&admin, &archive, name ? name : archive.name, policy, &policies)) {
		admin_fail(&admin);
		goto out;
	}
	printf("imported: %s, %u polic%s signed again with our key\n"
	       "now at the collector it comes from:\n"
	       "  caretaker-collector school handover \"%s\" %s\n",
	       name ? name : archive.name, policies, policies == 1 ? "y" : "ies", archive.name,
	       options->operands[0]);
	ret = EXIT_DONE;
out:
	archive_close(&archive);
	crypto_signer_free(policy);
	admin_close(&admin);
	return ret;
}

/* --- handover --- */

struct progress {
	int64_t serial;
	unsigned moved, left;
};

static int count_moved(void *ctx, const struct store_device *device, struct err *err)
{
	struct progress *progress = ctx;

	(void)err;
	/* It said so with a heartbeat here; one that went over says no more to us. */
	if (device->keys_serial >= progress->serial)
		progress->moved++;
	else
		progress->left++;
	return 0;
}

static int begin(struct admin *admin, const struct store_school *school,
		 const struct archive *archive)
{
	char chain[UUID_LEN + 1];

	plat_uuid(chain);
	/* Policies, exceptions and acknowledgements go on as before: the chain is ours plus one. */
	return identity_keys_adopt(admin->config.data, chain, buf_text(&archive->chain),
				   &admin->err) ||
			       admin->store->desk->school_chain(admin->store, school->id, chain,
								admin->who, &admin->err) ||
			       reopen(admin)
		       ? -1
		       : 0;
}

int cmd_school_handover(const struct options *options)
{
	struct progress progress = {0};
	struct store_device_filter filter;
	struct archive archive = {0};
	struct keys *last = NULL;
	struct store_school school;
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	if (admin_school(&admin, options->operands[0], &school))
		goto out;
	if (archive_open(options->operands[1], &archive, &admin.err) ||
	    keys_open_pinned(archive.last, strlen(archive.last), &last, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	/* Given again it shows how far it is. */
	if (identity_keys(admin.identity, school.org)->serial < last->serial &&
	    begin(&admin, &school, &archive)) {
		admin_fail(&admin);
		goto out;
	}
	store_device_filter_init(&filter);
	filter.school = school.id;
	filter.status = STORE_ACTIVE;
	progress.serial = last->serial;
	if (admin.store->desk->devices(admin.store, &filter, count_moved, &progress, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	printf("%s goes to %s: each device with its next heartbeat here\n"
	       "devices known to have the key set: %u, others: %u\n"
	       "those that went over are heard there; keep this collector up until all are\n",
	       school.name, last->host, progress.moved, progress.left);
	ret = EXIT_DONE;
out:
	keys_free(last);
	archive_close(&archive);
	admin_close(&admin);
	return ret;
}
