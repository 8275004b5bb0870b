/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/av_vendors.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/antivirus.h"
#include "platform/linux/apt.h"
#include "platform/linux/fact.h"
#include "platform/linux/look.h"

static void begin(struct plat_av_product *out, const char *name)
{
	memset(out, 0, sizeof(*out));
	(void)text_copy(out->name, sizeof(out->name), name);
}

/* --- Microsoft Defender --- */

static enum plat_answer truth(const char *value)
{
	/* "true [managed]" */
	if (!strncmp(value, "true", 4))
		return PLAT_YES;
	return !strncmp(value, "false", 5) ? PLAT_NO : PLAT_CANNOT_TELL;
}

static void unquote(char *out, size_t size, const char *value)
{
	size_t len = strlen(value);

	if (len >= 2 && value[0] == '"' && strchr(value + 1, '"'))
		text_clean(out, size, value + 1, (size_t)(strchr(value + 1, '"') - value - 1));
	else
		text_clean(out, size, value, len);
}

void av_read_mdatp(char *text, int64_t now, struct plat_av_product *out)
{
	char *line;

	while ((line = fact_line(&text))) {
		char *value = strstr(line, ": "), *key = fact_word(&line);
		int64_t minutes;

		if (!value || !key)
			continue;
		value += 2;
		if (!strcmp(key, "app_version"))
			unquote(out->version, sizeof(out->version), value);
		else if (!strcmp(key, "real_time_protection_enabled"))
			out->on_access = truth(value);
		else if (!strcmp(key, "automatic_definition_update_enabled"))
			out->auto_update = truth(value);
		else if (!strcmp(key, "definitions_version"))
			unquote(out->signatures, sizeof(out->signatures), value);
		else if (!strcmp(key, "definitions_updated_minutes_ago") &&
			 text_int(value, 0, 100000000, &minutes) == 0)
			out->signatures_at = now - minutes * 60;
		else if (!strcmp(key, "healthy") && truth(value) == PLAT_NO && !*out->detail)
			(void)text_copy(out->detail, sizeof(out->detail),
					"it says of itself that it is not healthy");
		else if (!strcmp(key, "health_issues") && strcmp(value, "[]") != 0)
			text_clean(out->detail, sizeof(out->detail), value, strlen(value));
	}
}

bool av_defender(int64_t now, struct plat_av_product *out)
{
	static const char *const argv[] = {"mdatp", "health", NULL};
	struct buf text;
	struct err err;

	if (!fact_program("mdatp", NULL, 0))
		return false;
	begin(out, "Microsoft Defender");
	buf_init(&text, 0);
	if (apt_run(argv, 60, &text, &err) == 0) {
		out->running = PLAT_YES;
		if (text.len)
			av_read_mdatp(text.data, now, out);
	} else {
		/* Its command fails while its service is down. */
		out->running = fact_live() && !fact_process_runs("wdavdaemon") ? PLAT_NO
									       : PLAT_CANNOT_TELL;
		(void)snprintf(out->detail, sizeof(out->detail), "%.150s", err.msg);
	}
	buf_clear(&text);
	return true;
}

/* --- Sophos Protection for Linux --- */

#define SOPHOS "/opt/sophos-spl"

static enum plat_answer process(const char *name)
{
	return !fact_live() ? PLAT_CANNOT_TELL : fact_process_runs(name) ? PLAT_YES : PLAT_NO;
}

bool av_sophos(struct plat_av_product *out)
{
	if (!fact_is_dir(SOPHOS "/plugins/av"))
		return false;
	begin(out, "Sophos Protection for Linux");
	(void)fact_setting(SOPHOS "/plugins/av/VERSION.ini", NULL, "PRODUCT_VERSION", out->version,
			   sizeof(out->version));
	/* Its scanner and its on-access process; it is managed by Sophos Central and has no command
	 * that says more. */
	out->running = process("sophos_threat_detector");
	out->on_access = process("soapd");
	out->auto_update = look_unit_enabled("sophos-spl-update.timer") ||
					   look_unit_enabled("sophos-spl.service")
				   ? PLAT_YES
				   : PLAT_CANNOT_TELL;
	out->signatures_at = look_stamp(SOPHOS "/plugins/av/chroot/susi/update_source", "vdl");
	return true;
}

/* --- the rest --- */

static const struct {
	const char *name, *path;
} others[] = {
	{"ESET Endpoint Antivirus", "/opt/eset/eea"},
	{"Bitdefender", "/opt/bitdefender-security-tools"},
	{"Kaspersky Endpoint Security", "/opt/kaspersky/kesl"},
	{"Trend Micro Deep Security", "/opt/ds_agent"},
	{"CrowdStrike Falcon", "/opt/CrowdStrike"},
	{"SentinelOne", "/opt/sentinelone"},
	{"WithSecure Linux Security", "/opt/f-secure/linuxsecurity"},
	{"Trellix Endpoint Security", "/opt/McAfee/ens"},
};

unsigned av_other_count(void)
{
	return sizeof(others) / sizeof(*others);
}

bool av_other(unsigned i, struct plat_av_product *out)
{
	if (!fact_is_dir(others[i].path))
		return false;
	begin(out, others[i].name);
	(void)text_copy(out->detail, sizeof(out->detail),
			"this agent does not know yet how to ask this product");
	return true;
}
