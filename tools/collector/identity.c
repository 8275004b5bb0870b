/* See identity.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/identity_file.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/proto/jws.h"
#include "platform/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_NAME_SIZE 65
#define CHAIN_MAX_BYTES (4 * 1024 * 1024)
#define CHAINS_MAX 256
#define SIGNERS_MAX 32

struct keyset {
	char *jws;
	char signer_kid[CRYPTO_KID_LEN + 1];
	struct keys *keys;
};

struct chain {
	char name[CHAIN_NAME_SIZE];
	struct keyset *sets;
	unsigned count;
};

struct identity {
	char dir[IDENTITY_PATH];
	uint64_t stamp; /* of the files below, as they were when read */
	uint8_t ca_pin[PKI_HASH_SIZE];
	struct chain chains[CHAINS_MAX]; /* [0] is our own */
	unsigned chain_count;
	struct crypto_signer *signers[SIGNERS_MAX]; /* [0] is online.key */
	unsigned signer_count;
};

int identity_path(const char *dir, const char *name, char out[IDENTITY_PATH], struct err *err)
{
	char path[IDENTITY_PATH];
	int len = snprintf(path, sizeof(path), "%s/%s", dir, name);

	if (len < 0 || (size_t)len >= sizeof(path))
		return err_set(err, ERR_INVALID, "the path '%.60s...' is too long", dir);
	memcpy(out, path, sizeof(path));
	return 0;
}

int identity_file_read(const char *dir, const char *name, size_t max, struct buf *out,
		       struct err *err)
{
	char path[IDENTITY_PATH];

	buf_init(out, max + 1);
	return identity_path(dir, name, path, err) || plat_file_read(path, max, out, err) ? -1 : 0;
}

int identity_file_write(const char *dir, const char *name, const struct buf *data, struct err *err)
{
	char path[IDENTITY_PATH];

	if (buf_check(data, err) || identity_path(dir, name, path, err))
		return -1;
	return plat_file_replace(path, data->data, data->len, PLAT_FILE_PRIVATE, err);
}

/* --- chains of key sets --- */

static void chain_clear(struct chain *chain)
{
	for (unsigned i = 0; i < chain->count; i++) {
		free(chain->sets[i].jws);
		keys_free(chain->sets[i].keys);
	}
	free(chain->sets);
	memset(chain, 0, sizeof(*chain));
}

static int keyset_open(const char *line, size_t len, const struct keys *before, struct keyset *out,
		       struct err *err)
{
	struct keyset set = {0};
	struct jws jws;

	if (jws_split(JWS_KEYS, line, len, &jws, err))
		return -1;
	memcpy(set.signer_kid, jws.kid, sizeof(set.signer_kid));
	if (before ? keys_open_next(line, len, before, &set.keys, err)
		   : keys_open_first(line, len, jws.kid, &set.keys, err))
		return -1;
	set.jws = strndup(line, len);
	if (!set.jws) {
		keys_free(set.keys);
		return err_set(err, ERR_NOMEM, "out of memory");
	}
	*out = set;
	return 0;
}

static int chain_push(struct chain *chain, const char *line, size_t len, struct err *err)
{
	const struct keys *before = chain->count ? chain->sets[chain->count - 1].keys : NULL;
	struct keyset *more = realloc(chain->sets, (chain->count + 1) * sizeof(*more));

	if (!more)
		return err_set(err, ERR_NOMEM, "out of memory");
	chain->sets = more;
	if (keyset_open(line, len, before, &chain->sets[chain->count], err))
		return err_wrap(err, "key set %u", chain->count + 1);
	chain->count++;
	return 0;
}

static int chain_parse(const char *text, struct chain *out, struct err *err)
{
	struct chain chain = {0};

	while (*text) {
		size_t len = strcspn(text, "\r\n");
		if (len && chain_push(&chain, text, len, err)) {
			chain_clear(&chain);
			return -1;
		}
		text += len;
		text += strspn(text, "\r\n");
	}
	if (!chain.count)
		return err_set(err, ERR_INVALID, "it holds no key set");
	memcpy(chain.name, out->name, sizeof(chain.name));
	*out = chain;
	return 0;
}

static bool chain_name_valid(const char *name)
{
	size_t len = strlen(name);

	return len && len < CHAIN_NAME_SIZE &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static int chain_file(const char *chain, char *out, size_t out_size, struct err *err)
{
	if (!chain || !*chain)
		snprintf(out, out_size, "keys.jws");
	else if (chain_name_valid(chain))
		snprintf(out, out_size, "keys-%s.jws", chain);
	else
		return err_set(err, ERR_INVALID, "'%.80s' is no name of a chain of key sets",
			       chain);
	return 0;
}

static int chain_load(const char *dir, const char *name, struct chain *out, struct err *err)
{
	char file[CHAIN_NAME_SIZE + 16];
	struct buf text;
	int ret = -1;

	if (chain_file(name, file, sizeof(file), err))
		return -1;
	snprintf(out->name, sizeof(out->name), "%s", name ? name : "");
	if (!identity_file_read(dir, file, CHAIN_MAX_BYTES, &text, err)) {
		ret = chain_parse(buf_text(&text), out, err);
		if (ret)
			err_wrap(err, "%s/%s", dir, file);
	}
	buf_clear(&text);
	return ret;
}

static const struct chain *chain_find(const struct identity *identity, const char *name)
{
	for (unsigned i = 0; i < identity->chain_count; i++)
		if (!strcmp(identity->chains[i].name, name ? name : ""))
			return &identity->chains[i];
	return NULL;
}

static int chain_write(const char *dir, const struct chain *chain, const char *more,
		       struct err *err)
{
	char file[CHAIN_NAME_SIZE + 16];
	struct buf text;
	int ret;

	if (chain_file(chain->name, file, sizeof(file), err))
		return -1;
	buf_init(&text, CHAIN_MAX_BYTES);
	for (unsigned i = 0; i < chain->count; i++)
		buf_addf(&text, "%s\n", chain->sets[i].jws);
	if (more)
		buf_addf(&text, "%s\n", more);
	ret = identity_file_write(dir, file, &text, err);
	buf_clear(&text);
	return ret;
}

int identity_keys_append(const char *dir, const char *chain_name, const char *jws, struct err *err)
{
	struct chain chain = {0};
	int ret = -1;

	if (!chain_load(dir, chain_name, &chain, err) &&
	    !chain_push(&chain, jws, strcspn(jws, "\r\n"), err))
		ret = chain_write(dir, &chain, NULL, err);
	chain_clear(&chain);
	return ret;
}

int identity_keys_adopt(const char *dir, const char *chain_name, const char *lines, struct err *err)
{
	struct chain chain = {0};
	int ret = -1;

	if (!chain_name_valid(chain_name))
		return err_set(err, ERR_INVALID, "'%.80s' is no name of a chain of key sets",
			       chain_name);
	snprintf(chain.name, sizeof(chain.name), "%s", chain_name);
	if (!chain_parse(lines, &chain, err))
		ret = chain_write(dir, &chain, NULL, err);
	chain_clear(&chain);
	return ret;
}

/* --- signers --- */

int identity_signer_load(const char *path, struct crypto_signer **out, struct err *err)
{
	struct buf pem;
	int ret = -1;

	buf_init(&pem, PKI_MAX_PEM + 1);
	if (!plat_file_read(path, PKI_MAX_PEM, &pem, err)) {
		ret = crypto_signer_from_pem(buf_text(&pem), pem.len, out, err);
		if (ret)
			err_wrap(err, "%s", path);
	}
	crypto_buf_clear(&pem);
	return ret;
}

int identity_signer_save(const char *path, const struct crypto_signer *signer, struct err *err)
{
	struct buf pem;
	int ret = -1;

	buf_init(&pem, PKI_MAX_PEM);
	if (!crypto_signer_to_pem(signer, &pem, err))
		ret = plat_file_replace(path, pem.data, pem.len, PLAT_FILE_PRIVATE, err);
	crypto_buf_clear(&pem);
	return ret;
}

int identity_signer_save_in(const char *dir, const char *name, const struct crypto_signer *signer,
			    struct err *err)
{
	char path[IDENTITY_PATH];

	return identity_path(dir, name, path, err) || identity_signer_save(path, signer, err) ? -1
											      : 0;
}

int identity_online_replace(const char *dir, const struct crypto_signer *next, struct err *err)
{
	char path[IDENTITY_PATH], old_name[CRYPTO_KID_LEN + 16];
	struct crypto_signer *old = NULL;
	int ret = -1;

	if (identity_path(dir, "online.key", path, err) || identity_signer_load(path, &old, err))
		return -1;
	snprintf(old_name, sizeof(old_name), "online-%s.key",
		 crypto_key_kid(crypto_signer_key(old)));
	/* Killed between the two there is one key twice, which is harmless. */
	if (!identity_signer_save_in(dir, old_name, old, err) &&
	    !identity_signer_save(path, next, err))
		ret = 0;
	crypto_signer_free(old);
	return ret;
}

/* --- opening --- */

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && !strcmp(text + len - end_len, end);
}

static bool begins_with(const char *text, const char *begin)
{
	return !strncmp(text, begin, strlen(begin));
}

static int open_entry(void *ctx, const char *name, struct err *err)
{
	struct identity *identity = ctx;
	char path[IDENTITY_PATH], chain[IDENTITY_PATH];

	if (begins_with(name, "online-") && ends_with(name, ".key") &&
	    identity->signer_count < SIGNERS_MAX) {
		if (identity_path(identity->dir, name, path, err) ||
		    identity_signer_load(path, &identity->signers[identity->signer_count], err))
			return -1;
		identity->signer_count++;
	}
	if (begins_with(name, "keys-") && ends_with(name, ".jws")) {
		snprintf(chain, sizeof(chain), "%.*s", (int)(strlen(name) - 9), name + 5);
		if (identity->chain_count == CHAINS_MAX)
			return err_set(err, ERR_FULL, "more than %d chains of key sets in '%s'",
				       CHAINS_MAX, identity->dir);
		if (chain_load(identity->dir, chain, &identity->chains[identity->chain_count], err))
			return -1;
		identity->chain_count++;
	}
	return 0;
}

struct stamp {
	const char *dir;
	uint64_t sum;
};

static int stamp_entry(void *ctx, const char *name, struct err *err)
{
	struct stamp *stamp = ctx;
	struct plat_file_info info;
	char path[IDENTITY_PATH];

	if (!begins_with(name, "keys") && !begins_with(name, "online") &&
	    strcmp(name, "server.pem") != 0)
		return 0;
	if (identity_path(stamp->dir, name, path, err) || plat_file_info(path, &info, err))
		return -1;
	stamp->sum = stamp->sum * 1099511628211u + info.identity;
	return 0;
}

static uint64_t stamp_of(const char *dir)
{
	struct stamp stamp = {dir, 1469598103934665603u};
	struct err ignored;

	/* What cannot be read now looks changed, and opening it says why. */
	return plat_dir_list(dir, stamp_entry, &stamp, &ignored) ? 0 : stamp.sum;
}

static int open_into(struct identity *identity, struct err *err)
{
	char path[IDENTITY_PATH];
	struct pki_info info;
	struct buf pem;

	if (chain_load(identity->dir, "", &identity->chains[0], err)) {
		if (err->code == ERR_NOTFOUND)
			err_set(err, ERR_NOTFOUND,
				"there is no collector in '%.120s'; make one with "
				"\"caretaker-collector init\" or name another with --data DIR",
				identity->dir);
		return -1;
	}
	identity->chain_count = 1;
	if (identity_path(identity->dir, "online.key", path, err) ||
	    identity_signer_load(path, &identity->signers[0], err))
		return -1;
	identity->signer_count = 1;
	if (identity_file_read(identity->dir, "ca.crt", PKI_MAX_PEM, &pem, err) ||
	    pki_read(buf_text(&pem), &info, err)) {
		buf_clear(&pem);
		return err_wrap(err, "%s/ca.crt", identity->dir);
	}
	buf_clear(&pem);
	memcpy(identity->ca_pin, info.sha256, sizeof(identity->ca_pin));
	return plat_dir_list(identity->dir, open_entry, identity, err);
}

int identity_open(const char *dir, struct identity **out, struct err *err)
{
	struct identity *identity = calloc(1, sizeof(*identity));

	if (!identity)
		return err_set(err, ERR_NOMEM, "out of memory");
	if (!text_copy(identity->dir, sizeof(identity->dir), dir)) {
		free(identity);
		return err_set(err, ERR_INVALID, "the path '%.60s...' is too long", dir);
	}
	identity->stamp = stamp_of(dir);
	if (open_into(identity, err)) {
		identity_free(identity);
		return -1;
	}
	*out = identity;
	return 0;
}

void identity_free(struct identity *identity)
{
	if (!identity)
		return;
	for (unsigned i = 0; i < CHAINS_MAX; i++)
		chain_clear(&identity->chains[i]);
	for (unsigned i = 0; i < SIGNERS_MAX; i++)
		crypto_signer_free(identity->signers[i]);
	free(identity);
}

bool identity_changed(const struct identity *identity)
{
	return stamp_of(identity->dir) != identity->stamp;
}

/* --- questions --- */

const char *identity_org(const struct identity *identity)
{
	return identity_keys(identity, "")->org;
}

const uint8_t *identity_ca_pin(const struct identity *identity)
{
	return identity->ca_pin;
}

const char *identity_policy_kid(const struct identity *identity)
{
	const struct keys *keys = identity_keys(identity, "");

	return crypto_key_kid(keys->policy[keys->policy_count - 1]);
}

const struct keys *identity_keys(const struct identity *identity, const char *chain)
{
	const struct chain *found = chain_find(identity, chain);

	return found ? found->sets[found->count - 1].keys : NULL;
}

const char *identity_keys_first(const struct identity *identity, const char *chain,
				const char *policy_kid)
{
	const struct chain *found = chain_find(identity, chain);

	for (unsigned i = found ? found->count : 0; i-- > 0;)
		if (!strcmp(found->sets[i].signer_kid, policy_kid) &&
		    keys_policy_key(found->sets[i].keys, policy_kid))
			return found->sets[i].jws;
	return NULL;
}

static const struct keyset *set_of(const struct chain *chain, int64_t serial)
{
	for (unsigned i = 0; i < chain->count; i++)
		if (chain->sets[i].keys->serial == serial)
			return &chain->sets[i];
	return NULL;
}

const char *identity_keys_next(const struct identity *identity, const char *chain, int64_t serial)
{
	const struct chain *found = chain_find(identity, chain);
	const struct keyset *has = found ? set_of(found, serial) : NULL;
	const struct keyset *newest = found ? &found->sets[found->count - 1] : NULL;

	/* A set that we do not know of was made after a backup or a recovery kit: the device judges
	 * whether the newest follows from it. */
	if (found && !has && serial && serial < newest->keys->serial)
		return newest->jws;
	for (unsigned i = has ? found->count : 0; i-- > 0 && &found->sets[i] != has;)
		if (keys_policy_key(has->keys, found->sets[i].signer_kid))
			return found->sets[i].jws;
	return NULL;
}

const struct crypto_signer *identity_signer(const struct identity *identity, const char *chain,
					    int64_t serial)
{
	const struct chain *found = chain_find(identity, chain);
	const struct keyset *has = found ? set_of(found, serial) : NULL;

	if (!found)
		return NULL;
	/* Not said: the oldest.  One that we do not know of was made after a backup: what is in the
	 * set before it was believed then, and one of ours after it may not be yet. */
	for (unsigned i = has ? found->count : 0; i < found->count; i++)
		if (i == 0 || found->sets[i].keys->serial < serial)
			has = &found->sets[i];
	for (unsigned i = 0; has && i < identity->signer_count; i++)
		if (keys_online_key(has->keys,
				    crypto_key_kid(crypto_signer_key(identity->signers[i]))))
			return identity->signers[i];
	return NULL;
}

const char *identity_chain_at(const struct identity *identity, unsigned i)
{
	return i < identity->chain_count ? identity->chains[i].name : NULL;
}

const struct keys *identity_set_at(const struct identity *identity, const char *chain, unsigned i,
				   const char **out_jws, const char **out_signer_kid)
{
	const struct chain *found = chain_find(identity, chain);

	if (!found || i >= found->count)
		return NULL;
	if (out_jws)
		*out_jws = found->sets[i].jws;
	if (out_signer_kid)
		*out_signer_kid = found->sets[i].signer_kid;
	return found->sets[i].keys;
}

/* --- key sets --- */

int identity_keys_sign(const struct keys *keys, const struct crypto_signer *policy, struct buf *out,
		       struct err *err)
{
	struct buf payload;
	int ret = -1;

	buf_init(&payload, 0);
	keys_encode(keys, &payload);
	if (!buf_check(&payload, err))
		ret = jws_sign(JWS_KEYS, payload.data, payload.len, false, 0, policy, out, err);
	buf_clear(&payload);
	return ret;
}
