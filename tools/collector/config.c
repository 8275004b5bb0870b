/* See config.h.  One table names the keys, their bounds and where they go.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/config.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/ini.h"
#include "agent/base/text.h"
#include "platform/os.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum config_type { CONFIG_TEXT, CONFIG_NUMBER, CONFIG_LISTEN };

static const struct config_key {
	const char *section, *key;
	enum config_type type;
	size_t offset, size;
	int64_t min, max;
} keys[] = {
#define TEXT(section, key, field) \
	{ \
		section, key, CONFIG_TEXT, offsetof(struct config, field), \
			sizeof(((struct config *)0)->field), 0, 0 \
	}
#define LISTEN(section, key, field) \
	{ \
		section, key, CONFIG_LISTEN, offsetof(struct config, field), 0, 0, 0 \
	}
#define NUMBER(section, key, field, min, max) \
	{ \
		section, key, CONFIG_NUMBER, offsetof(struct config, field), 0, min, max \
	}
	TEXT("collector", "data", data),
	TEXT("collector", "public_host", public_host),
	TEXT("collector", "time_zone", time_zone),
	NUMBER("collector", "workers", workers, 0, 64),
	NUMBER("collector", "min_free_mb", min_free_mb, 0, 1000000),
	LISTEN("devices", "listen", devices),
	NUMBER("devices", "max_connections", max_connections, 16, 1000000),
	NUMBER("devices", "max_queued", max_queued, 1, 100000),
	NUMBER("devices", "request_seconds", request_seconds, 1, 600),
	NUMBER("devices", "idle_seconds", idle_seconds, 1, 86400),
	LISTEN("people", "listen", people),
	TEXT("tls", "certificate", certificate),
	TEXT("tls", "certificate_key", certificate_key),
	NUMBER("schools", "not_seen_days", not_seen_days, 1, 365),
	NUMBER("schools", "audit_days", audit_days, 0, 365),
	NUMBER("retention", "heartbeat_days", keep_heartbeat_days, 7, 3650),
};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static void listen_set(struct config_listen *listen, const char *text)
{
	listen->count = 1;
	snprintf(listen->text[0], sizeof(listen->text[0]), "%s", text);
}

void config_default(struct config *out)
{
	struct config config = {
		.data = CONFIG_DATA,
		.max_connections = 12000,
		.max_queued = 4096,
		.request_seconds = 30,
		.idle_seconds = 120,
		.min_free_mb = 200,
		.not_seen_days = 7,
		.keep_heartbeat_days = 90,
		.audit_days = 14,
	};

	listen_set(&config.devices, "[::]:8443");
	listen_set(&config.people, "127.0.0.1:8444");
	*out = config;
}

static int unknown_key(const char *section, const char *key, struct err *err)
{
	const char *words[KEY_COUNT + 1] = {NULL};
	const char *near;
	unsigned count = 0;
	bool known = false;

	for (size_t i = 0; i < KEY_COUNT; i++)
		if (!strcmp(keys[i].section, section)) {
			known = true;
			words[count++] = keys[i].key;
		}
	if (!known) {
		count = 0;
		for (size_t i = 0; i < KEY_COUNT; i++)
			words[count++] = keys[i].section;
		near = text_nearest(section, words);
		return err_set(err, ERR_INVALID, "unknown section [%.60s]%s%s%s", section,
			       near ? "; did you mean [" : "", near ? near : "", near ? "]?" : "");
	}
	near = text_nearest(key, words);
	return err_set(err, ERR_INVALID, "unknown key '%.60s' in [%s]%s%s%s", key, section,
		       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int take_listen(struct config_listen *out, const char *value, struct err *err)
{
	struct config_listen listen = {0};

	while (*value) {
		size_t len = strcspn(value, ", ");
		if (len >= sizeof(listen.text[0]) || listen.count == CONFIG_LISTEN_MAX)
			return err_set(err, ERR_INVALID,
				       "expected at most %d addresses such as [::]:8443",
				       CONFIG_LISTEN_MAX);
		if (len)
			memcpy(listen.text[listen.count++], value, len);
		value += len + strspn(value + len, ", ");
	}
	*out = listen; /* none: not listened to */
	return 0;
}

static int take(void *ctx, int line, const char *section, const char *key, const char *value,
		struct err *err)
{
	struct config *config = ctx;

	(void)line;
	for (size_t i = 0; key && i < KEY_COUNT; i++) {
		char *field = (char *)config + keys[i].offset;
		if (strcmp(keys[i].section, section) != 0 || strcmp(keys[i].key, key) != 0)
			continue;
		if (keys[i].type == CONFIG_LISTEN)
			return take_listen((struct config_listen *)(void *)field, value, err);
		if (keys[i].type == CONFIG_NUMBER)
			return text_int(value, keys[i].min, keys[i].max, (int64_t *)(void *)field)
				       ? err_set(err, ERR_INVALID,
						 "bad value '%.40s' for '%s': expected a number "
						 "from %lld to %lld",
						 value, key, (long long)keys[i].min,
						 (long long)keys[i].max)
				       : 0;
		if (!text_copy(field, keys[i].size, value))
			return err_set(err, ERR_INVALID, "the value of '%s' is too long", key);
		return 0;
	}
	for (size_t i = 0; !key && i < KEY_COUNT; i++)
		if (!strcmp(keys[i].section, section))
			return 0;
	return unknown_key(section, key ? key : "", err);
}

int config_read(const char *path, struct config *out, struct err *err)
{
	struct config config;
	struct buf text;
	int ret = -1;

	config_default(&config);
	buf_init(&text, INI_MAX_BYTES + 1);
	if (plat_file_read(path ? path : CONFIG_FILE, INI_MAX_BYTES, &text, err)) {
		if (path || err->code != ERR_NOTFOUND)
			goto out;
	} else if (ini_parse_text(path ? path : CONFIG_FILE, buf_text(&text), text.len, take,
				  &config, err)) {
		goto out;
	}
	if (!config.certificate[0] != !config.certificate_key[0]) {
		err_set(err, ERR_INVALID,
			"%s: [tls] certificate and certificate_key go together: give both or none",
			path ? path : CONFIG_FILE);
		goto out;
	}
	*out = config;
	ret = 0;
out:
	buf_clear(&text);
	return ret;
}
