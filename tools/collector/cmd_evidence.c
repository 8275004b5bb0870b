/* caretaker-collector export DEVICE --evidence DIR: a chain and whose it is, for whoever verifies
 * it without us. SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/base/buf.h"
#include "agent/proto/device_keys.h"
#include "agent/proto/jws.h"
#include "tools/collector/admin.h"
#include "tools/collector/store_desk.h"

#define EVIDENCE_MAX ((size_t)512 * 1024 * 1024)

struct signed_keys {
	struct device_keys keys;
	char chain[UUID_LEN + 1]; /* "": our own key sets */
};

static int add_key(void *ctx, const struct store_key *row, struct err *err)
{
	struct signed_keys *work = ctx;

	if (work->keys.count == DEVICE_KEYS_MAX)
		return err_set(err, ERR_FULL, "the device had more than %d keys", DEVICE_KEYS_MAX);
	memcpy(work->keys.points[work->keys.count++], row->point, CRYPTO_POINT_SIZE);
	memcpy(work->chain, row->org, sizeof(work->chain));
	return 0;
}

/* The first line: which keys are this device's. */
static int write_statement(struct admin *admin, const struct store_device *device,
			   struct signed_keys *work, struct buf *out)
{
	const struct keys *set;
	const struct crypto_signer *signer;
	struct buf payload;
	int ret = -1;

	if (admin->store->desk->keys(admin->store, device->id, add_key, work, &admin->err))
		return -1;
	set = identity_keys(admin->identity, work->chain);
	signer = set ? identity_signer(admin->identity, work->chain, set->serial) : NULL;
	if (!signer)
		return err_set(&admin->err, ERR_AUTH,
			       "no online key of ours is in the newest key set of this device");
	memcpy(work->keys.org, set->org, sizeof(work->keys.org));
	memcpy(work->keys.device, device->uuid, sizeof(work->keys.device));
	work->keys.at = admin->now;
	buf_init(&payload, 0);
	device_keys_encode(&work->keys, &payload);
	if (!buf_check(&payload, &admin->err) &&
	    !jws_sign(JWS_DEVICE_KEYS, payload.data, payload.len, false, 0, signer, out,
		      &admin->err))
		ret = 0;
	buf_clear(&payload);
	buf_addc(out, '\n');
	return ret;
}

static int add_row(void *ctx, const struct store_chain_row *row, struct err *err)
{
	struct buf *out = ctx;

	if (row->jws)
		buf_addf(out, "%s\n", row->jws);
	else
		buf_addf(out, "{\"seq\":%lld,\"hash\":\"%s\",\"prev\":\"%s\"}\n",
			 (long long)row->seq, row->hash, row->prev);
	return buf_check(out, err);
}

static void add_sets(const struct identity *identity, const char *chain, struct buf *out)
{
	const char *jws, *kid;

	for (unsigned i = 0; identity_set_at(identity, chain, i, &jws, &kid); i++)
		buf_addf(out, "%s\n", jws);
}

static int write_file(struct admin *admin, const char *dir, const char *name,
		      const struct buf *data)
{
	char path[IDENTITY_PATH];

	if (buf_check(data, &admin->err) || identity_path(dir, name, path, &admin->err))
		return admin_fail(admin);
	return admin_write_file(admin, path, data, false);
}

int evidence_write(struct admin *admin, const struct store_device *device, const char *dir)
{
	struct signed_keys work = {.chain = ""};
	struct buf chain, sets;
	int ret = EXIT_FAILED;

	buf_init(&chain, EVIDENCE_MAX);
	buf_init(&sets, 0);
	if (mkdir(dir, 0700) && errno != EEXIST) {
		admin_complain("make the folder '%s': %s", dir, strerror(errno));
		goto out;
	}
	if (write_statement(admin, device, &work, &chain) ||
	    admin->store->desk->chain(admin->store, device->id, add_row, &chain, &admin->err)) {
		admin_fail(admin);
		goto out;
	}
	add_sets(admin->identity, work.chain, &sets);
	if (write_file(admin, dir, "chain.jws", &chain) ||
	    write_file(admin, dir, "keys.jws", &sets))
		goto out;
	printf("written: %s/chain.jws and %s/keys.jws; whoever gets them verifies with\n"
	       "  caretaker verify --ca keys.jws chain.jws\n",
	       dir, dir);
	ret = EXIT_DONE;
out:
	buf_clear(&chain);
	buf_clear(&sets);
	return ret;
}
