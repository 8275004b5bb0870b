/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/clamd_conf.h"

#include <string.h>
#include <strings.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/antivirus.h"
#include "platform/linux/fact.h"
#include "platform/linux/look.h"

static bool is_yes(const char *value)
{
	return !strcasecmp(value, "yes") || !strcasecmp(value, "true") || !strcmp(value, "1");
}

/* "25M": bytes, or with K, M or G; a size that cannot be read leaves the cautious default. */
static void take_size(const char *value, uint64_t *out)
{
	char digits[20];
	size_t len = strspn(value, "0123456789");
	uint64_t unit = 1;
	int64_t number;

	switch (value[len]) {
	case 'k':
	case 'K': unit = 1024; break;
	case 'm':
	case 'M': unit = 1024 * 1024; break;
	case 'g':
	case 'G': unit = 1024 * 1024 * 1024; break;
	default: break;
	}
	if (len == 0 || len >= sizeof(digits))
		return;
	memcpy(digits, value, len);
	digits[len] = '\0';
	if (text_int(digits, 0, 1LL << 32, &number) == 0)
		*out = (uint64_t)number * unit;
}

static void take_excluded(struct plat_av_product *product, const char *value)
{
	struct err err;

	if (product->excluded_count < PLAT_AV_EXCLUDED_MAX) {
		look_tilde(product->excluded[product->excluded_count++],
			   sizeof(product->excluded[0]), value);
		return;
	}
	err_set(&err, ERR_INVALID, "clamd.conf leaves over %d places out", PLAT_AV_EXCLUDED_MAX);
	fact_note(&err);
}

static void conf_line(void *ctx, char *line)
{
	struct clamd_conf *conf = ctx;
	char *key = fact_word(&line), *value = line;

	value += strspn(value, " \t");
	if (!strcmp(key, "LocalSocket"))
		(void)text_copy(conf->socket, sizeof(conf->socket), value);
	else if (!strcmp(key, "TCPSocket"))
		(void)text_int(value, 1, 65535, &conf->port); /* else clamd refuses it, too */
	else if (!strcmp(key, "TCPAddr") && conf->tcp_count < CLAMD_TCP_MAX)
		(void)text_copy(conf->tcp[conf->tcp_count++], sizeof(conf->tcp[0]), value);
	else if (!strcmp(key, "LogSyslog"))
		conf->syslog = is_yes(value);
	else if (!strcmp(key, "LogFile"))
		(void)text_copy(conf->log, sizeof(conf->log), value);
	else if (!strcmp(key, "DatabaseDirectory"))
		(void)text_copy(conf->database, sizeof(conf->database), value);
	else if (!strcmp(key, "MaxFileSize"))
		take_size(value, &conf->file_max);
	else if (!strcmp(key, "MaxScanSize"))
		take_size(value, &conf->scan_max);
	else if (!strcmp(key, "OnAccessIncludePath") || !strcmp(key, "OnAccessMountPath"))
		conf->on_access_paths = true;
	else if ((!strcmp(key, "ExcludePath") || !strcmp(key, "OnAccessExcludePath")) &&
		 conf->product)
		take_excluded(conf->product, value);
}

void clamd_conf_read(struct plat_av_product *product, struct clamd_conf *out)
{
	/* Debian and Ubuntu; Fedora; built from source. */
	static const char *const paths[] = {"/etc/clamav/clamd.conf", "/etc/clamd.d/scan.conf",
					    "/etc/clamd.conf"};

	memset(out, 0, sizeof(*out));
	out->product = product;
	out->file_max = 25u * 1024 * 1024;
	out->scan_max = 100u * 1024 * 1024;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths) && !out->found; i++)
		out->found = fact_lines(paths[i], conf_line, out);
	if (!*out->database)
		(void)text_copy(out->database, sizeof(out->database), "/var/lib/clamav");
}
