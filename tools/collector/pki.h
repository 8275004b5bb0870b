/* The collector's own certificates: a CA that devices pin by its fingerprint, and the server
 * certificate it signs.  PEM text in and out; where it lies is identity.h's matter.
 *
 * The CA begins in 2000 and lasts, because a device pins it for its own life and its clock may say
 * anything.  A server certificate is back-dated by a year and ends a year from now (together under
 * the 825 days that some browsers allow), and is renewed by the collector itself.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_PKI_H
#define CARETAKER_COLLECTOR_PKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

#define PKI_MAX_PEM (64 * 1024)
#define PKI_MAX_NAMES 16
#define PKI_NAME_SIZE 256
#define PKI_HASH_SIZE 32

/* Names and addresses a server certificate is for; an address is recognised by its form. */
struct pki_names {
	unsigned count;
	char text[PKI_MAX_NAMES][PKI_NAME_SIZE];
};
/* Adds one; refuses what is neither a host name nor an IP address.  A repeated one is not added. */
int pki_names_add(struct pki_names *names, const char *name, struct err *err);

/* A certificate as people and checks need it: the first one of a PEM text. */
struct pki_info {
	uint8_t sha256[PKI_HASH_SIZE]; /* over the DER: what devices pin */
	int64_t not_before, not_after;
	char subject[128], issuer[128];
	bool self_issued;
	unsigned chain_count; /* certificates in the text */
	struct pki_names names;
};

/* 'title' becomes the common name: "Caretaker collector of Hill School". */
int pki_ca_new(const char *title, int64_t now, struct buf *out_key, struct buf *out_cert,
	       struct err *err);
/* 'out_cert' is the leaf with the CA behind it, as a server presents them. */
int pki_server_new(const char *ca_key, const char *ca_cert, const struct pki_names *names,
		   int64_t now, struct buf *out_key, struct buf *out_cert, struct err *err);
int pki_read(const char *cert, struct pki_info *out, struct err *err);
/* The key is the first certificate's, and each certificate signed the one before it. */
int pki_check(const char *cert, const char *key, struct err *err);
/* The last certificate of the text: the one to pin when the school brings its own. */
int pki_last_sha256(const char *cert, uint8_t out[PKI_HASH_SIZE], struct err *err);

#endif
