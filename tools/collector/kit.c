/* See kit.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/kit.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/proto/crypto.h"
#include "platform/os.h"
#include "tools/collector/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct kit_part {
	const char *title, *begin, *file;
	size_t offset;
} parts[] = {
	{"policy key", "-----BEGIN PRIVATE KEY-----", "policy.key",
	 offsetof(struct kit, policy_key)},
	{"online key", "-----BEGIN PRIVATE KEY-----", "online.key",
	 offsetof(struct kit, online_key)},
	{"CA key", "-----BEGIN PRIVATE KEY-----", "ca.key", offsetof(struct kit, ca_key)},
	{"CA certificate", "-----BEGIN CERTIFICATE-----", "ca.crt", offsetof(struct kit, ca_cert)},
};
#define PART_COUNT (sizeof(parts) / sizeof(parts[0]))

static char **part_of(struct kit *kit, size_t i)
{
	return (char **)(void *)((char *)kit + parts[i].offset);
}

void kit_clear(struct kit *kit)
{
	for (size_t i = 0; i < PART_COUNT; i++) {
		char *text = *part_of(kit, i);
		if (text)
			crypto_wipe(text, strlen(text));
		free(text);
	}
	memset(kit, 0, sizeof(*kit));
}

int kit_gather(const char *dir, const char *host, struct kit *out, struct err *err)
{
	struct identity *identity = NULL;
	struct kit kit = {0};
	int ret = -1;

	if (identity_open(dir, &identity, err))
		return -1;
	snprintf(kit.org, sizeof(kit.org), "%s", identity_org(identity));
	snprintf(kit.host, sizeof(kit.host), "%s", host);
	kit.serial = identity_keys(identity, "")->serial;
	for (size_t i = 0; i < PART_COUNT; i++) {
		char path[IDENTITY_PATH];
		struct buf text;
		buf_init(&text, PKI_MAX_PEM + 1);
		if (identity_path(dir, parts[i].file, path, err) ||
		    plat_file_read(path, PKI_MAX_PEM, &text, err)) {
			buf_clear(&text);
			if (err->code == ERR_NOTFOUND)
				err_set(err, ERR_NOTFOUND,
					"the %s is not in '%.120s'; put it back while the kit is "
					"printed",
					parts[i].title, dir);
			goto out;
		}
		*part_of(&kit, i) = buf_take(&text, NULL);
	}
	*out = kit;
	memset(&kit, 0, sizeof(kit));
	ret = 0;
out:
	kit_clear(&kit);
	identity_free(identity);
	return ret;
}

void kit_write(const struct kit *kit, int64_t now, struct buf *out)
{
	char at[TEXT_TIME_SIZE];

	text_time(at, now);
	buf_addf(out,
		 "CARETAKER RECOVERY KIT\n"
		 "\n"
		 "Print this, lock it away, and delete the file. Whoever has it can give every\n"
		 "device of this collector a policy. With it, and a backup of the store, a lost\n"
		 "collector is made again and no device needs to be touched:\n"
		 "    caretaker-collector restore --kit THIS-FILE BACKUP-FOLDER\n"
		 "Without a backup:\n"
		 "    caretaker-collector init --recover THIS-FILE\n"
		 "after which devices are enrolled again with new codes.\n"
		 "Print a new kit after \"keys rotate-online\" or \"keys rotate-policy\".\n"
		 "\n"
		 "printed: %s\n"
		 "host: %s\n"
		 "org: %s\n"
		 "serial: %lld\n",
		 at, kit->host, kit->org, (long long)kit->serial);
	for (size_t i = 0; i < PART_COUNT; i++) {
		const char *text = *part_of((struct kit *)(uintptr_t)kit, i);
		size_t len = strlen(text);
		buf_addf(out, "\n%s:\n%s%s", parts[i].title, text,
			 len && text[len - 1] == '\n' ? "" : "\n");
	}
	buf_adds(out, "\nEND OF KIT\n");
}

/* The value behind "name: " at the start of a line. */
static int line_value(const char *text, const char *name, char *out, size_t out_size,
		      struct err *err)
{
	char begin[40];
	const char *at = text;
	size_t len = (size_t)snprintf(begin, sizeof(begin), "%s: ", name), n;

	while ((at = strstr(at, begin)) && at != text && at[-1] != '\n')
		at++;
	if (!at)
		return err_set(err, ERR_INVALID, "the kit has no line '%s: ...'", name);
	at += len;
	n = strcspn(at, " \t\r\n");
	if (!n || n >= out_size)
		return err_set(err, ERR_INVALID, "the kit's line '%s: ...' is empty or too long",
			       name);
	memcpy(out, at, n);
	out[n] = '\0';
	return 0;
}

static int part_value(const char *text, const struct kit_part *part, char **out, struct err *err)
{
	char title[40];
	const char *at, *end;

	snprintf(title, sizeof(title), "\n%s:", part->title);
	at = strstr(text, title);
	at = at ? at + strlen(title) : NULL;
	at = at ? at + strspn(at, " \t\r\n") : NULL;
	if (at && strncmp(at, part->begin, strlen(part->begin)) != 0)
		at = NULL; /* the next part's key is not this one's */
	end = at ? strstr(at, "-----END ") : NULL;
	end = end ? strstr(end + 9, "-----") : NULL;
	if (!end)
		return err_set(err, ERR_INVALID,
			       "the kit's part '%s:' is missing or cut; it begins with '%s'",
			       part->title, part->begin);
	*out = strndup(at, (size_t)(end + 5 - at));
	return *out ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

int kit_parse(const char *text, struct kit *out, struct err *err)
{
	struct kit kit = {0};
	char serial[24];
	int ret = -1;

	if (line_value(text, "host", kit.host, sizeof(kit.host), err) ||
	    line_value(text, "org", kit.org, sizeof(kit.org), err) ||
	    line_value(text, "serial", serial, sizeof(serial), err))
		goto out;
	if (strlen(kit.org) != UUID_LEN || text_int(serial, 1, INT64_MAX / 2, &kit.serial)) {
		err_set(err, ERR_INVALID,
			"the kit's line 'org: ...' or 'serial: ...' has a typing "
			"error");
		goto out;
	}
	for (size_t i = 0; i < PART_COUNT; i++)
		if (part_value(text, &parts[i], part_of(&kit, i), err))
			goto out;
	*out = kit;
	memset(&kit, 0, sizeof(kit));
	ret = 0;
out:
	kit_clear(&kit);
	return ret;
}
