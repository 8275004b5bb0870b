/* See pki.h.  Everything is made anew at each call: certificates change once a year.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/pki.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DAY (24 * 60 * 60)
#define CA_BEGINS 946684800 /* 2000-01-01T00:00:00Z */
#define CA_DAYS (30 * 365)
#define SERVER_BACK_DAYS 365
#define SERVER_DAYS 365

static int fail(struct err *err, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	err_set(err, ERR_INVALID, "%s: %s", what, reason ? reason : "OpenSSL gives no reason");
	ERR_clear_error();
	return -1;
}

/* --- names --- */

static bool host_name_valid(const char *name)
{
	size_t label = 0, len = strlen(name);

	if (!len || len > 253)
		return false;
	for (size_t i = 0; i <= len; i++) {
		char c = name[i];
		if (c == '.' || c == '\0') {
			if (!label || label > 63 || name[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char)c) && (c != '-' || !label) && c != '_')
			return false;
		label++;
	}
	return true;
}

static bool address_valid(const char *name)
{
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(name);
	bool valid = ip != NULL;

	ASN1_OCTET_STRING_free(ip);
	ERR_clear_error();
	return valid;
}

/* "10.0.0.999" reads as a host name by its letters alone. */
static bool looks_numeric(const char *name)
{
	return strspn(name, "0123456789.") == strlen(name);
}

int pki_names_add(struct pki_names *names, const char *name, struct err *err)
{
	char bare[PKI_NAME_SIZE];
	size_t len = strlen(name);

	if (len > 2 && name[0] == '[' && name[len - 1] == ']')
		snprintf(bare, sizeof(bare), "%.*s", (int)(len - 2), name + 1);
	else
		snprintf(bare, sizeof(bare), "%s", name);
	if (len >= sizeof(bare) ||
	    !(address_valid(bare) || (host_name_valid(bare) && !looks_numeric(bare))))
		return err_set(err, ERR_INVALID, "'%.80s' is no host name and no IP address", name);
	for (unsigned i = 0; i < names->count; i++)
		if (!strcmp(names->text[i], bare))
			return 0;
	if (names->count == PKI_MAX_NAMES)
		return err_set(err, ERR_INVALID, "more than %d names", PKI_MAX_NAMES);
	memcpy(names->text[names->count++], bare, sizeof(bare));
	return 0;
}

/* --- PEM in and out --- */

static int bio_take(BIO *bio, struct buf *out, struct err *err)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	buf_add(out, data, len > 0 ? (size_t)len : 0);
	return buf_check(out, err);
}

static int key_write(EVP_PKEY *key, struct buf *out, struct err *err)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	int ret = -1;

	if (!bio || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
		fail(err, "write a private key");
	else
		ret = bio_take(bio, out, err);
	BIO_free(bio);
	return ret;
}

static int cert_write(X509 *cert, struct buf *out, struct err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int ret = -1;

	if (!bio || !PEM_write_bio_X509(bio, cert))
		fail(err, "write a certificate");
	else
		ret = bio_take(bio, out, err);
	BIO_free(bio);
	return ret;
}

static EVP_PKEY *key_read(const char *pem, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	/* The empty pass phrase keeps OpenSSL from asking for one at the terminal. */
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : NULL;

	if (!key)
		fail(err, "read a private key (PEM, without a pass phrase)");
	BIO_free(bio);
	return key;
}

static STACK_OF(X509) * certs_read(const char *pem, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	STACK_OF(X509) *certs = sk_X509_new_null();
	X509 *cert;

	while (bio && certs && (cert = PEM_read_bio_X509(bio, NULL, NULL, (void *)"")))
		if (!sk_X509_push(certs, cert))
			X509_free(cert);
	BIO_free(bio);
	if (!certs || !sk_X509_num(certs)) {
		sk_X509_pop_free(certs, X509_free);
		fail(err, "read a certificate (PEM)");
		return NULL;
	}
	ERR_clear_error(); /* the end of the text counts as an error there */
	return certs;
}

/* --- making --- */

static int set_serial(X509 *cert)
{
	unsigned char bytes[16];
	BIGNUM *number = NULL;
	int ok = RAND_bytes(bytes, sizeof(bytes)) == 1;

	bytes[0] &= 0x7f; /* RFC 5280: positive, at most 20 octets */
	bytes[0] |= 0x40;
	number = ok ? BN_bin2bn(bytes, sizeof(bytes), NULL) : NULL;
	ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	return ok;
}

static int set_time(ASN1_TIME *field, int64_t at)
{
	return ASN1_TIME_set(field, (time_t)at) != NULL;
}

static int set_name(X509 *cert, const char *title)
{
	char clean[65]; /* ub-common-name */
	X509_NAME *name = X509_get_subject_name(cert);

	text_clean(clean, sizeof(clean), title, strlen(title));
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (unsigned char *)clean, -1, -1,
					  0);
}

static int add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;
	int ok;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&ctx);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = extension && X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
	return ok;
}

/* Built as a structure, not as OpenSSL's text form, in which a name could begin a second entry. */
static int add_names(X509 *cert, const struct pki_names *names)
{
	GENERAL_NAMES *list = sk_GENERAL_NAME_new_null();
	int ok = list != NULL;

	for (unsigned i = 0; ok && i < names->count; i++) {
		int type = address_valid(names->text[i]) ? GEN_IPADD : GEN_DNS;
		GENERAL_NAME *name = a2i_GENERAL_NAME(NULL, NULL, NULL, type, names->text[i], 0);
		ok = name && sk_GENERAL_NAME_push(list, name);
		if (!ok)
			GENERAL_NAME_free(name);
	}
	ok = ok && X509_add1_ext_i2d(cert, NID_subject_alt_name, list, 0, 0);
	sk_GENERAL_NAME_pop_free(list, GENERAL_NAME_free);
	return ok;
}

static int fill(X509 *cert, EVP_PKEY *key, X509 *issuer, const char *title, int64_t from,
		int64_t to)
{
	return X509_set_version(cert, 2) && set_serial(cert) &&
	       set_time(X509_getm_notBefore(cert), from) &&
	       set_time(X509_getm_notAfter(cert), to) && set_name(cert, title) &&
	       X509_set_issuer_name(cert, X509_get_subject_name(issuer)) &&
	       X509_set_pubkey(cert, key);
}

int pki_ca_new(const char *title, int64_t now, struct buf *out_key, struct buf *out_cert,
	       struct err *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	int ret = -1;

	if (!key || !cert ||
	    !fill(cert, key, cert, title, CA_BEGINS, now + (int64_t)CA_DAYS * DAY) ||
	    !add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:1") ||
	    !add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") ||
	    !add_extension(cert, cert, NID_subject_key_identifier, "hash") ||
	    !X509_sign(cert, key, EVP_sha256())) {
		fail(err, "make a CA certificate");
		goto out;
	}
	if (key_write(key, out_key, err) || cert_write(cert, out_cert, err))
		goto out;
	ret = 0;
out:
	EVP_PKEY_free(key);
	X509_free(cert);
	return ret;
}

static int server_sign(EVP_PKEY *ca_key, X509 *ca, const struct pki_names *names, int64_t now,
		       struct buf *out_key, struct buf *out_cert, struct err *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	int ret = -1;

	if (!key || !cert ||
	    !fill(cert, key, ca, names->text[0], now - (int64_t)SERVER_BACK_DAYS * DAY,
		  now + (int64_t)SERVER_DAYS * DAY) ||
	    !add_extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE") ||
	    !add_extension(cert, ca, NID_key_usage, "critical,digitalSignature") ||
	    !add_extension(cert, ca, NID_ext_key_usage, "serverAuth") ||
	    !add_extension(cert, ca, NID_subject_key_identifier, "hash") ||
	    !add_extension(cert, ca, NID_authority_key_identifier, "keyid") ||
	    !add_names(cert, names) || !X509_sign(cert, ca_key, EVP_sha256())) {
		fail(err, "make a server certificate");
		goto out;
	}
	if (key_write(key, out_key, err) || cert_write(cert, out_cert, err) ||
	    cert_write(ca, out_cert, err))
		goto out;
	ret = 0;
out:
	EVP_PKEY_free(key);
	X509_free(cert);
	return ret;
}

int pki_server_new(const char *ca_key, const char *ca_cert, const struct pki_names *names,
		   int64_t now, struct buf *out_key, struct buf *out_cert, struct err *err)
{
	STACK_OF(X509) *cas = NULL;
	EVP_PKEY *key = NULL;
	int ret = -1;

	if (!names->count)
		return err_set(err, ERR_INVALID, "a server certificate needs a name or an address");
	key = key_read(ca_key, err);
	cas = key ? certs_read(ca_cert, err) : NULL;
	if (!cas) {
		err_wrap(err, "the CA");
		goto out;
	}
	if (!X509_check_private_key(sk_X509_value(cas, 0), key)) {
		ERR_clear_error();
		err_set(err, ERR_INVALID, "the CA's key does not belong to its certificate");
		goto out;
	}
	ret = server_sign(key, sk_X509_value(cas, 0), names, now, out_key, out_cert, err);
out:
	EVP_PKEY_free(key);
	sk_X509_pop_free(cas, X509_free);
	return ret;
}

/* --- reading --- */

static int64_t time_of(const ASN1_TIME *field)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;

	if (!epoch || !ASN1_TIME_diff(&days, &seconds, epoch, field))
		days = seconds = 0;
	ASN1_TIME_free(epoch);
	return (int64_t)days * DAY + seconds;
}

static void name_of(const X509_NAME *name, char *out, size_t out_size)
{
	char raw[256] = "";

	X509_NAME_oneline(name, raw, sizeof(raw) - 1);
	text_clean(out, out_size, raw, strlen(raw));
}

static void read_address(const ASN1_OCTET_STRING *ip, char *out, size_t out_size)
{
	const unsigned char *b = ASN1_STRING_get0_data(ip);

	if (ASN1_STRING_length(ip) == 4) {
		snprintf(out, out_size, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
		return;
	}
	out[0] = '\0';
	for (int i = 0; i + 1 < ASN1_STRING_length(ip) && i < 16; i += 2) {
		size_t used = strlen(out);
		snprintf(out + used, out_size - used, "%s%x", i ? ":" : "",
			 (unsigned)(b[i] << 8 | b[i + 1]));
	}
}

static void read_names(const X509 *cert, struct pki_names *out)
{
	GENERAL_NAMES *list = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; list && i < sk_GENERAL_NAME_num(list); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(list, i);
		char *to = out->count < PKI_MAX_NAMES ? out->text[out->count] : NULL;
		if (!to)
			break;
		if (name->type == GEN_DNS)
			text_clean(to, PKI_NAME_SIZE,
				   (const char *)ASN1_STRING_get0_data(name->d.dNSName),
				   (size_t)ASN1_STRING_length(name->d.dNSName));
		else if (name->type == GEN_IPADD)
			read_address(name->d.iPAddress, to, PKI_NAME_SIZE);
		else
			continue;
		out->count++;
	}
	sk_GENERAL_NAME_pop_free(list, GENERAL_NAME_free);
}

int pki_read(const char *cert, struct pki_info *out, struct err *err)
{
	STACK_OF(X509) *certs = certs_read(cert, err);
	struct pki_info info = {0};
	unsigned size = sizeof(info.sha256);
	X509 *first;
	int ret = -1;

	if (!certs)
		return -1;
	first = sk_X509_value(certs, 0);
	if (!X509_digest(first, EVP_sha256(), info.sha256, &size)) {
		fail(err, "hash a certificate");
		goto out;
	}
	info.not_before = time_of(X509_get0_notBefore(first));
	info.not_after = time_of(X509_get0_notAfter(first));
	name_of(X509_get_subject_name(first), info.subject, sizeof(info.subject));
	name_of(X509_get_issuer_name(first), info.issuer, sizeof(info.issuer));
	info.self_issued =
		!X509_NAME_cmp(X509_get_subject_name(first), X509_get_issuer_name(first));
	info.chain_count = (unsigned)sk_X509_num(certs);
	read_names(first, &info.names);
	*out = info;
	ret = 0;
out:
	sk_X509_pop_free(certs, X509_free);
	return ret;
}

int pki_check(const char *cert, const char *key, struct err *err)
{
	STACK_OF(X509) *certs = certs_read(cert, err);
	EVP_PKEY *private_key = certs ? key_read(key, err) : NULL;
	int ret = -1;

	if (!private_key)
		goto out;
	if (!X509_check_private_key(sk_X509_value(certs, 0), private_key)) {
		err_set(err, ERR_INVALID, "the key does not belong to the first certificate");
		goto out;
	}
	for (int i = 0; i + 1 < sk_X509_num(certs); i++)
		if (X509_check_issued(sk_X509_value(certs, i + 1), sk_X509_value(certs, i)) !=
			    X509_V_OK ||
		    X509_verify(sk_X509_value(certs, i),
				X509_get0_pubkey(sk_X509_value(certs, i + 1))) != 1) {
			err_set(err, ERR_INVALID,
				"certificate %d of the file did not sign certificate %d; order: "
				"the server's, then each one's issuer",
				i + 2, i + 1);
			goto out;
		}
	ret = 0;
out:
	ERR_clear_error();
	EVP_PKEY_free(private_key);
	sk_X509_pop_free(certs, X509_free);
	return ret;
}

int pki_last_sha256(const char *cert, uint8_t out[PKI_HASH_SIZE], struct err *err)
{
	STACK_OF(X509) *certs = certs_read(cert, err);
	unsigned size = PKI_HASH_SIZE;
	int ret = -1;

	if (!certs)
		return -1;
	if (X509_digest(sk_X509_value(certs, sk_X509_num(certs) - 1), EVP_sha256(), out, &size))
		ret = 0;
	else
		fail(err, "hash a certificate");
	sk_X509_pop_free(certs, X509_free);
	return ret;
}
