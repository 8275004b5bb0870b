/* Making a collector's keys and certificates, and renewing the server's.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/identity_file.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "platform/os.h"

#define SERVER_RENEW_S (60 * 24 * 60 * 60)

/* --- making --- */

static int make_certificates(const char *dir, const struct identity_plan *plan,
			     uint8_t out_pin[PKI_HASH_SIZE], struct err *err)
{
	struct buf ca_key, ca_cert, server, chain;
	struct pki_info info;
	int ret = -1;

	buf_init(&ca_key, PKI_MAX_PEM);
	buf_init(&ca_cert, PKI_MAX_PEM);
	buf_init(&server, PKI_MAX_PEM);
	buf_init(&chain, PKI_MAX_PEM);
	if (plan->ca_key) {
		buf_adds(&ca_key, plan->ca_key);
		buf_adds(&ca_cert, plan->ca_cert);
	} else if (pki_ca_new(plan->title, plan->now, &ca_key, &ca_cert, err)) {
		goto out;
	}
	if (pki_server_new(buf_text(&ca_key), buf_text(&ca_cert), &plan->names, plan->now, &server,
			   &chain, err) ||
	    pki_read(buf_text(&ca_cert), &info, err))
		goto out;
	buf_add(&server, chain.data, chain.len);
	if (identity_file_write(dir, "ca.key", &ca_key, err) ||
	    identity_file_write(dir, "ca.crt", &ca_cert, err) ||
	    identity_file_write(dir, "server.pem", &server, err))
		goto out;
	memcpy(out_pin, info.sha256, PKI_HASH_SIZE);
	ret = 0;
out:
	crypto_buf_clear(&ca_key);
	buf_clear(&ca_cert);
	crypto_buf_clear(&server);
	buf_clear(&chain);
	return ret;
}

static int make_first_set(const char *dir, const struct identity_plan *plan,
			  const struct crypto_signer *policy, const struct crypto_signer *online,
			  const uint8_t pin[PKI_HASH_SIZE], struct err *err)
{
	struct keys keys = {
		.serial = 1, .at = plan->now, .policy_count = 1, .online_count = 1, .ca_count = 1};
	struct buf jws;
	int ret = -1;

	buf_init(&jws, 0);
	if (plan->org)
		snprintf(keys.org, sizeof(keys.org), "%s", plan->org);
	else
		plat_uuid(keys.org);
	if (plan->serial)
		keys.serial = plan->serial + IDENTITY_RECOVERED_SERIAL_STEP;
	/* They are only read. */
	keys.policy[0] = (struct crypto_key *)crypto_signer_key(policy);
	keys.online[0] = (struct crypto_key *)crypto_signer_key(online);
	memcpy(keys.cas[0], pin, PKI_HASH_SIZE);
	if (!identity_keys_sign(&keys, policy, &jws, err)) {
		buf_addc(&jws, '\n');
		ret = identity_file_write(dir, "keys.jws", &jws, err);
	}
	buf_clear(&jws);
	return ret;
}

static int make_into(const char *dir, const struct identity_plan *plan,
		     const struct crypto_signer *policy, const struct crypto_signer *online,
		     struct err *err)
{
	uint8_t pin[PKI_HASH_SIZE];

	if (make_certificates(dir, plan, pin, err) ||
	    identity_signer_save_in(dir, "policy.key", policy, err) ||
	    identity_signer_save_in(dir, "online.key", online, err))
		return -1;
	return make_first_set(dir, plan, policy, online, pin, err);
}

int identity_make(const char *dir, const struct identity_plan *plan, struct err *err)
{
	struct crypto_signer *policy = NULL, *online = NULL;
	struct plat_file_info info;
	char path[IDENTITY_PATH];
	int ret = -1;

	if (identity_path(dir, "keys.jws", path, err) || plat_file_info(path, &info, err))
		return -1;
	if (info.exists)
		return err_set(err, ERR_DENIED,
			       "'%.150s' holds a collector already; nothing was changed", dir);
	if (plat_dir_make(dir, PLAT_FILE_PRIVATE, err) ||
	    (!plan->policy && crypto_signer_generate(&policy, err)) ||
	    (!plan->online && crypto_signer_generate(&online, err)))
		goto out;
	ret = make_into(dir, plan, plan->policy ? plan->policy : policy,
			plan->online ? plan->online : online, err);
out:
	crypto_signer_free(policy);
	crypto_signer_free(online);
	return ret;
}

/* --- the server certificate --- */

static bool names_equal(const struct pki_names *a, const struct pki_names *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++) {
		unsigned k = 0;
		while (k < b->count && strcmp(a->text[i], b->text[k]) != 0)
			k++;
		if (k == b->count)
			return false;
	}
	return true;
}

static int server_write(const char *dir, const struct pki_names *names, int64_t now,
			struct err *err)
{
	struct buf ca_key, ca_cert, server, chain;
	int ret = -1;

	buf_init(&ca_cert, PKI_MAX_PEM);
	buf_init(&server, PKI_MAX_PEM);
	buf_init(&chain, PKI_MAX_PEM);
	if (identity_file_read(dir, "ca.key", PKI_MAX_PEM, &ca_key, err)) {
		err_wrap(err, "the server certificate needs the CA's key; put it back while it "
			      "is renewed");
		goto out;
	}
	if (identity_file_read(dir, "ca.crt", PKI_MAX_PEM, &ca_cert, err) ||
	    pki_server_new(buf_text(&ca_key), buf_text(&ca_cert), names, now, &server, &chain, err))
		goto out;
	buf_add(&server, chain.data, chain.len);
	ret = identity_file_write(dir, "server.pem", &server, err);
out:
	crypto_buf_clear(&ca_key);
	buf_clear(&ca_cert);
	crypto_buf_clear(&server);
	buf_clear(&chain);
	return ret;
}

int identity_server_renew(const char *dir, const struct pki_names *names, bool force, int64_t now,
			  bool *out_renewed, struct err *err)
{
	struct pki_info info;
	struct buf pem;
	int ret = -1;

	if (identity_file_read(dir, "server.pem", PKI_MAX_PEM, &pem, err) ||
	    pki_read(buf_text(&pem), &info, err)) {
		err_wrap(err, "%s/server.pem", dir);
		goto out;
	}
	if (!force && info.not_after - now > SERVER_RENEW_S &&
	    (!names || names_equal(names, &info.names))) {
		*out_renewed = false;
		ret = 0;
		goto out;
	}
	if (server_write(dir, names ? names : &info.names, now, err))
		goto out;
	*out_renewed = true;
	ret = 0;
out:
	crypto_buf_clear(&pem);
	return ret;
}
