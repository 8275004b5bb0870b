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
#include "platform/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX (512u * 1024 * 1024) /* a year of full heartbeats is 70 MB */
#define KEY_MAX 8192
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

static void write_report(const struct chain_report *report, struct jsonw *w)
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
	jsonw_object_end(w);
}

static void print_json(const struct chain_report *report)
{
	struct jsonw w;
	struct buf out;

	buf_init(&out, 0);
	jsonw_init(&w, &out);
	w.indent = true;
	write_report(report, &w);
	printf("%s\n", buf_text(&out));
	buf_clear(&out);
}

static void print_table(const struct chain_report *report)
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
	printf("Which key belongs to which machine is the collector's word: this shows only that "
	       "one "
	       "key signed.\n");
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

static enum cli_exit verify(const struct options *options, const struct buf *text,
			    const struct crypto_key *key, struct err *err)
{
	struct chain_report *report = calloc(1, sizeof(*report));
	enum cli_exit code = CLI_CANNOT_TELL;

	if (!report) {
		err_set(err, ERR_NOMEM, "out of memory");
		return cli_fail(err);
	}
	if (chain_check(buf_text(text), text->len, key, report, err) < 0) {
		err_wrap(err, "%s", options->operands[0]);
		free(report);
		return cli_fail(err);
	}
	if (options_has(options, "json"))
		print_json(report);
	else
		print_table(report);
	if (!holds(report))
		code = CLI_NOT;
	else if (report->signatures_checked)
		code = CLI_COMPLIANT;
	free(report);
	return code;
}

int cli_verify(const struct options *options)
{
	const char *key_path = options_get(options, "key");
	struct crypto_key *key = NULL;
	struct buf text;
	struct err err;
	int code;

	buf_init(&text, CHAIN_MAX);
	if (plat_file_read(options->operands[0], CHAIN_MAX - 1, &text, &err) < 0 ||
	    (key_path && read_key(key_path, &key, &err) < 0))
		code = cli_fail(&err);
	else
		code = verify(options, &text, key, &err);
	crypto_key_free(key);
	buf_clear(&text);
	return code;
}
