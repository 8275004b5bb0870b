/* caretaker verify FILE: does a chain of heartbeats hold together, offline?
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/cli.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/options.h"
#include "agent/base/text.h"
#include "agent/proto/chain.h"
#include "agent/proto/device_keys.h"
#include "agent/proto/jws.h"
#include "platform/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX (512u * 1024 * 1024) /* a year of full heartbeats is 70 MB */
#define KEY_MAX 8192
#define KEY_SETS_MAX (1024 * 1024)
#define KEPT (sizeof(((struct chain_report *)0)->findings) / sizeof(struct chain_finding))

static int parse_key(const struct buf *text, struct crypto_key **out, struct err *err)
{
	struct json *jwk;
	int ret;

	if (strstr(buf_text(text), "-----BEGIN"))
		return crypto_key_from_pem(text->data, text->len, out, err);
	if (json_parse(buf_text(text), text->len, &jwk, err) < 0)
		return -1;
	ret = crypto_key_from_jwk(jwk, out, err);
	json_free(jwk);
	return ret;
}

static int read_key(const char *path, struct crypto_key **out, struct err *err)
{
	struct buf text;
	int ret = -1;

	buf_init(&text, KEY_MAX + 1);
	if (plat_file_read(path, KEY_MAX, &text, err) == 0) {
		ret = parse_key(&text, out, err);
		if (ret < 0)
			err_wrap(err, "'%s': expected a public key, PEM or JWK", path);
	}
	buf_clear(&text);
	return ret;
}

/* --- the collector's word --- */

/* What an exported chain begins with, and what came of it. */
struct word {
	bool has;     /* the file's first line is a statement of keys */
	bool checked; /* by --ca: an online key of these key sets signed it */
	struct device_keys keys;
	char root[CRYPTO_KID_LEN + 1]; /* the policy key that signed the first key set */
};

static size_t line_len(const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len);

	return end ? (size_t)(end - text) : len;
}

/* Each set must be signed by a policy key of the one before.  0: the statement holds by one of
 * them. */
static int walk_sets(const char *sets, size_t sets_len, const char *statement, size_t statement_len,
		     struct word *out, struct err *err)
{
	struct keys *set = NULL, *next;
	struct err last = {ERR_INVALID, "there is no key set"};
	struct jws jws;
	int ret;

	while (sets_len && !out->checked) {
		size_t len = line_len(sets, sets_len), step = len < sets_len ? len + 1 : len;

		if (set)
			ret = keys_open_next(sets, len, set, &next, &last);
		else
			ret = keys_open_pinned(sets, len, &next, &last);
		if (ret < 0)
			break;
		if (!set && jws_split(JWS_KEYS, sets, len, &jws, &last) == 0)
			memcpy(out->root, jws.kid, sizeof(out->root));
		keys_free(set);
		set = next;
		out->checked =
			device_keys_open(statement, statement_len, set, &out->keys, &last) == 0;
		sets += step;
		sets_len -= step;
	}
	keys_free(set);
	if (out->checked)
		return 0;
	*err = last;
	return -1;
}

static int check_word(const char *path, const struct buf *text, struct word *out, struct err *err)
{
	struct buf sets;
	int ret = -1;

	if (!out->has)
		return err_set(err, ERR_INVALID,
			       "the chain does not say whose keys these are: export it with "
			       "'caretaker-collector export DEVICE --evidence DIR'");
	buf_init(&sets, KEY_SETS_MAX + 1);
	if (plat_file_read(path, KEY_SETS_MAX, &sets, err) == 0) {
		ret = walk_sets(buf_text(&sets), sets.len, buf_text(text),
				line_len(buf_text(text), text->len), out, err);
		if (ret < 0)
			err_wrap(err, "'%s'", path);
	}
	buf_clear(&sets);
	return ret;
}

static void find_word(const struct buf *text, struct word *out)
{
	struct jws jws;
	struct err err;

	memset(out, 0, sizeof(*out));
	out->has = jws_split(JWS_DEVICE_KEYS, buf_text(text), line_len(buf_text(text), text->len),
			     &jws, &err) == 0;
}

/* --- the report --- */

static void write_word(const struct word *word, struct jsonw *w)
{
	if (!word->checked)
		return;
	jsonw_object(w, "collectors_word");
	jsonw_string(w, "org", word->keys.org);
	jsonw_string(w, "device", word->keys.device);
	jsonw_time(w, "at", word->keys.at);
	jsonw_string(w, "policy_key", word->root);
	jsonw_object_end(w);
}

static void write_report(const struct chain_report *report, const struct word *word,
			 struct jsonw *w)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "device", report->device);
	jsonw_string(w, "kid", report->kid);
	jsonw_bool(w, "signatures_checked", report->signatures_checked);
	jsonw_int(w, "checked", (int64_t)report->checked);
	jsonw_int(w, "good", (int64_t)report->good);
	jsonw_int(w, "first_seq", report->first_seq);
	jsonw_int(w, "last_seq", report->last_seq);
	jsonw_time(w, "first_at", report->first_at);
	jsonw_time(w, "last_at", report->last_at);
	jsonw_string(w, "head", report->head);
	jsonw_int(w, "finding_count", (int64_t)report->finding_count);
	jsonw_array(w, "findings");
	for (size_t i = 0; i < report->finding_count && i < KEPT; i++) {
		jsonw_object(w, NULL);
		jsonw_int(w, "line", (int64_t)report->findings[i].line);
		jsonw_int(w, "seq", report->findings[i].seq);
		jsonw_string(w, "text", report->findings[i].text);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	write_word(word, w);
	jsonw_object_end(w);
}

static void print_json(const struct chain_report *report, const struct word *word)
{
	struct jsonw w;
	struct buf out;

	buf_init(&out, 0);
	jsonw_init(&w, &out);
	w.indent = true;
	write_report(report, word, &w);
	printf("%s\n", buf_text(&out));
	buf_clear(&out);
}

static void print_word(const struct word *word)
{
	char at[TEXT_TIME_SIZE];

	if (!word->checked) {
		printf("Which key belongs to which machine is the collector's word: this shows "
		       "only that one key signed.\n");
		return;
	}
	text_time(at, word->keys.at);
	printf("That this key is this device's is the collector's word, signed on %s\n"
	       "for organisation %s, whose first policy key is\n"
	       "%s: compare it with the recovery kit.\n",
	       at, word->keys.org, word->root);
}

static void print_table(const struct chain_report *report, const struct word *word)
{
	char first[TEXT_TIME_SIZE], last[TEXT_TIME_SIZE];

	text_time(first, report->first_at);
	text_time(last, report->last_at);
	printf("Device %s, key %s\n", report->device, report->kid);
	printf("%zu heartbeats, %zu good: number %lld of %s to number %lld of %s\n",
	       report->checked, report->good, (long long)report->first_seq, first,
	       (long long)report->last_seq, last);
	for (size_t i = 0; i < report->finding_count && i < KEPT; i++) {
		printf("  line %zu: ", report->findings[i].line);
		cli_print_clean(report->findings[i].text);
		printf("\n");
	}
	if (report->finding_count > KEPT)
		printf("  and %zu more\n", report->finding_count - KEPT);
	if (!report->signatures_checked)
		printf("Signatures were not checked: give the device's public key with --key.\n");
	print_word(word);
}

/* Harmless ones are said, and do not fail the chain. */
static bool holds(const struct chain_report *report)
{
	for (size_t i = 0; i < report->finding_count && i < KEPT; i++)
		if (report->findings[i].kind != CHAIN_REPEAT &&
		    report->findings[i].kind != CHAIN_BODY_ERASED)
			return false;
	return report->finding_count <= KEPT;
}

/* Somebody else's chain under this device's statement: said before anything is said of it. */
static int matches_word(const struct word *word, const struct chain_report *report, struct err *err)
{
	if (!report->good)
		return err_set(err, ERR_AUTH,
			       "no heartbeat in it is signed by a key that the collector names as "
			       "this device's");
	if (strcmp(word->keys.device, report->device) != 0)
		return err_set(err, ERR_AUTH,
			       "the collector's word is about device '%s', the chain is of '%s'",
			       word->keys.device, report->device);
	return 0;
}

/* The statement is a line of the file that is no part of the chain. */
static int check_chain(const struct buf *text, const struct word *word,
		       const struct crypto_key *key, struct chain_report *out, struct err *err)
{
	const struct crypto_key *keys[DEVICE_KEYS_MAX] = {key};
	struct chain chain = {.text = buf_text(text), .len = text->len, .line = 1, .keys = keys};
	size_t skip;

	chain.key_count = key != NULL;
	if (word->has) {
		skip = line_len(chain.text, chain.len);
		skip += skip < chain.len;
		chain.text += skip;
		chain.len -= skip;
		chain.line++;
	}
	if (word->checked) {
		for (unsigned i = 0; i < word->keys.count; i++)
			keys[i] = word->keys.keys[i];
		chain.key_count = word->keys.count;
	}
	if (chain_check(&chain, out, err) < 0)
		return -1;
	return word->checked ? matches_word(word, out, err) : 0;
}

static enum cli_exit verify(const struct options *options, const struct buf *text,
			    const struct word *word, const struct crypto_key *key, struct err *err)
{
	struct chain_report *report = calloc(1, sizeof(*report));
	enum cli_exit code = CLI_CANNOT_TELL;

	if (!report) {
		err_set(err, ERR_NOMEM, "out of memory");
		return cli_fail(err);
	}
	if (check_chain(text, word, key, report, err) < 0) {
		err_wrap(err, "%s", options->operands[0]);
		free(report);
		/* What somebody else signed is known not to hold. */
		return err->code == ERR_AUTH ? (cli_fail(err), CLI_NOT) : cli_fail(err);
	}
	if (options_has(options, "json"))
		print_json(report, word);
	else
		print_table(report, word);
	if (!holds(report))
		code = CLI_NOT;
	else if (report->signatures_checked)
		code = CLI_COMPLIANT;
	free(report);
	return code;
}

int cli_verify(const struct options *options)
{
	const char *key_path = options_get(options, "key"), *ca_path = options_get(options, "ca");
	struct crypto_key *key = NULL;
	struct word word = {.has = false};
	struct buf text;
	struct err err;
	int code;

	buf_init(&text, CHAIN_MAX);
	if (key_path && ca_path) {
		err_set(&err, ERR_INVALID, "--key and --ca: give one of them");
		code = cli_fail(&err);
	} else if (plat_file_read(options->operands[0], CHAIN_MAX - 1, &text, &err) < 0 ||
		   (key_path && read_key(key_path, &key, &err) < 0)) {
		code = cli_fail(&err);
	} else {
		find_word(&text, &word);
		if (ca_path && check_word(ca_path, &text, &word, &err) < 0)
			code = err.code == ERR_AUTH ? (cli_fail(&err), CLI_NOT) : cli_fail(&err);
		else
			code = verify(options, &text, &word, key, &err);
	}
	device_keys_clear(&word.keys);
	crypto_key_free(key);
	buf_clear(&text);
	return code;
}
