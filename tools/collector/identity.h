/* Who this collector is: the data directory with its keys, key sets and certificates.
 *
 *   keys.jws        our key sets, oldest first, one a line: each signed by a policy key of the one
 *                   before (TUF's root rule); written last by init, so its absence means "not made"
 *   keys-NAME.jws   the chain of a school that moved here from another collector, or is moving
 * away: its devices go on from the sets (and the org) that they pinned; NAME is "chain" online.key
 * signs acknowledgements and exceptions; online-KID.key: those before it, which devices that slept
 * through a rotation still know policy.key      signs policies and key sets; may lie offline, then
 * it is absent here ca.key ca.crt   our CA; ca.key may lie offline until a server certificate is to
 * be renewed server.pem      key, server certificate and CA in one file, so that they change
 * together store.db        the store
 *
 * All files are 0600 and replaced whole.  Nothing here touches the store.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_IDENTITY_H
#define CARETAKER_COLLECTOR_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/proto/documents.h"
#include "tools/collector/pki.h"

struct buf;
struct err;
struct identity;

#define IDENTITY_PATH 512
/* "DIR/name"; ERR_INVALID when it does not fit. */
int identity_path(const char *dir, const char *name, char out[IDENTITY_PATH], struct err *err);

/* --- making one --- */
struct identity_plan {
	const char *title;      /* the CA's common name */
	struct pki_names names; /* of the server certificate */
	int64_t now;
	/* From a recovery kit; NULL, "" and 0 where it is made anew. */
	const struct crypto_signer *policy, *online;
	const char *ca_key, *ca_cert, *org;
	int64_t serial; /* of the key set that the kit knew of */
};
/* A recovered collector's key set leaves room for those made after the kit was printed. */
#define IDENTITY_RECOVERED_SERIAL_STEP 1000
/* Refuses a directory that already holds keys.jws. */
int identity_make(const char *dir, const struct identity_plan *plan, struct err *err);

/* --- reading: serve holds one, and opens it anew when identity_changed() --- */
int identity_open(const char *dir, struct identity **out, struct err *err);
void identity_free(struct identity *identity);
bool identity_changed(const struct identity *identity); /* on disk, since it was opened */

const char *identity_org(const struct identity *identity);
const uint8_t *identity_ca_pin(const struct identity *identity); /* of ca.crt */
/* The newest policy key of our own newest set: what new enrolment codes name. */
const char *identity_policy_kid(const struct identity *identity);
/* The newest set of a chain, NULL for a chain that is not kept here.  'chain' "" (or NULL) means
 * our own, everywhere below. */
const struct keys *identity_keys(const struct identity *identity, const char *chain);
/* The set to enrol with by a code that names 'policy_kid': the newest that this key signed and
 * holds.  NULL when no set is so. */
const char *identity_keys_first(const struct identity *identity, const char *chain,
				const char *policy_kid);
/* The set to send to a device that has 'serial': the newest that one of its policy keys signed.
 * After that one it may need another.  NULL when it is up to date (or ahead of us: a restored
 * backup). */
const char *identity_keys_next(const struct identity *identity, const char *chain, int64_t serial);
/* The newest online key of ours that a device with the set 'serial' (0: not known) believes.
 * NULL when it believes none of them. */
const struct crypto_signer *identity_signer(const struct identity *identity, const char *chain,
					    int64_t serial);
/* Walks the chains, our own ("") first: NULL past the end; and the sets of one, oldest first. */
const char *identity_chain_at(const struct identity *identity, unsigned i);
const struct keys *identity_set_at(const struct identity *identity, const char *chain, unsigned i,
				   const char **out_jws, const char **out_signer_kid);

/* Appends the JWS of a key set. */
int identity_keys_sign(const struct keys *keys, const struct crypto_signer *policy, struct buf *out,
		       struct err *err);

/* --- changing: each replaces one file --- */
/* Appends a set to a chain, after checking that the one before lets it in. */
int identity_keys_append(const char *dir, const char *chain, const char *jws, struct err *err);
/* A whole chain, one set a line, checked link by link ("school import"). */
int identity_keys_adopt(const char *dir, const char *chain, const char *lines, struct err *err);
int identity_signer_load(const char *path, struct crypto_signer **out, struct err *err);
int identity_signer_save(const char *path, const struct crypto_signer *signer, struct err *err);
/* The online key becomes online-KID.key, 'next' becomes online.key. */
int identity_online_replace(const char *dir, const struct crypto_signer *next, struct err *err);

/* Renews server.pem when it ends within 60 days, or has other names than 'names' (NULL: keep its
 * names), or 'force'.  Serve asks daily. */
int identity_server_renew(const char *dir, const struct pki_names *names, bool force, int64_t now,
			  bool *out_renewed, struct err *err);

#endif
