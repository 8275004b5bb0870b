/* See config.h; conf/caretaker-check.ini explains every key.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/config.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/ini.h"
#include "agent/base/text.h"
#include "agent/check/places.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

static int take_text(char *out, size_t size, const char *key, const char *value, struct err *err)
{
	if (!text_copy(out, size, value))
		return err_set(err, ERR_INVALID, "'%s': at most %zu characters are taken", key,
			       size - 1);
	return 0;
}

static int take_flag(bool *out, const char *key, const char *value, struct err *err)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return err_set(err, ERR_INVALID, "'%s': expected yes or no, got '%.40s'", key,
			       value);
	*out = strcmp(value, "yes") == 0;
	return 0;
}

static int take_trust(enum config_trust *out, const char *value, struct err *err)
{
	static const char *const names[] = {"code", "pinned", "system"};

	for (int i = 0; i < 3; i++) {
		if (strcmp(value, names[i]) == 0) {
			*out = (enum config_trust)i;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "'trust': expected code, pinned or system, got '%.40s'",
		       value);
}

static int take_timeout(uint32_t *out, const char *value, struct err *err)
{
	int64_t number;

	if (text_int(value, 5, 300, &number) < 0)
		return err_set(
			err, ERR_INVALID,
			"'timeout_s': expected a number of seconds from 5 to 300, got '%.40s'",
			value);
	*out = (uint32_t)number;
	return 0;
}

static int take_unknown(const char *what, const char *name, const char *const known[],
			struct err *err)
{
	const char *near = text_nearest(name, known);

	return near ? err_set(err, ERR_INVALID, "unknown %s '%.40s'; did you mean '%s'?", what,
			      name, near)
		    : err_set(err, ERR_INVALID, "unknown %s '%.40s'", what, name);
}

static int take(void *ctx, int line, const char *section, const char *key, const char *value,
		struct err *err)
{
	static const char *const sections[] = {"device", "uplink", NULL};
	static const char *const device_keys[] = {"volatile", "name", NULL};
	static const char *const uplink_keys[] = {"collector", "proxy", "trust", "timeout_s", NULL};
	struct config *config = ctx;
	bool device = strcmp(section, "device") == 0;

	(void)line; /* the parser puts it in front of our message */
	if (!device && strcmp(section, "uplink") != 0)
		return take_unknown("section", section, sections, err);
	if (!key)
		return 0;
	if (device && strcmp(key, "volatile") == 0)
		return take_flag(&config->is_volatile, key, value, err);
	if (device && strcmp(key, "name") == 0)
		return take_text(config->name, sizeof(config->name), key, value, err);
	if (!device && strcmp(key, "collector") == 0)
		return take_text(config->collector, sizeof(config->collector), key, value, err);
	if (!device && strcmp(key, "proxy") == 0)
		return take_text(config->proxy, sizeof(config->proxy), key, value, err);
	if (!device && strcmp(key, "trust") == 0)
		return take_trust(&config->trust, value, err);
	if (!device && strcmp(key, "timeout_s") == 0)
		return take_timeout(&config->timeout_s, value, err);
	return take_unknown("key", key, device ? device_keys : uplink_keys, err);
}

int config_read(const struct places *places, struct config *out, struct err *err)
{
	struct config config = {.timeout_s = 60};
	char path[PLACES_PATH];
	struct buf text;
	int ret = -1;

	places_path(places->conf, "caretaker-check.ini", path);
	buf_init(&text, INI_MAX_BYTES + 1);
	if (plat_file_read(path, INI_MAX_BYTES, &text, err) < 0) {
		if (err->code != ERR_NOTFOUND)
			goto out;
	} else if (ini_parse_text(path, buf_text(&text), text.len, take, &config, err) < 0) {
		goto out;
	}
	*out = config;
	ret = 0;
out:
	buf_clear(&text);
	return ret;
}
