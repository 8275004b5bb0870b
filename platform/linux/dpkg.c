/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/dpkg.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/fact.h"

#define STATUS "/var/lib/dpkg/status"
#define UPDATES "/var/lib/dpkg/updates"
#define STATUS_MAX (64u * 1024 * 1024)

bool dpkg_present(void)
{
	return fact_exists(STATUS);
}

/* A process that dpkg or apt runs in holds it for as long as it changes something. */
static bool is_held(const char *path)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = fact_open(path, O_RDONLY);
	bool held;

	if (fd < 0)
		return false;
	held = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	(void)close(fd);
	return held;
}

static bool any(void *ctx, const char *name)
{
	(void)name;
	*(bool *)ctx = true;
	return false;
}

int dpkg_quiet(struct err *err)
{
	static const char *const locks[] = {"/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock",
					    "/var/lib/apt/lists/lock"};
	bool half_done = false;

	for (size_t i = 0; i < sizeof(locks) / sizeof(*locks); i++)
		if (is_held(locks[i]))
			return err_set(err, ERR_UNSUPPORTED,
				       "packages are being changed just now: '%s' is held",
				       locks[i]);
	/* What dpkg has done and not yet written to its status file. */
	fact_each(UPDATES, any, &half_done);
	return half_done ? err_set(err, ERR_UNSUPPORTED,
				   "dpkg was interrupted: run 'dpkg --configure -a' ('" UPDATES
				   "' is not empty)")
			 : 0;
}

static void copy_field(char *out, size_t size, const char *value, size_t len)
{
	while (len && (*value == ' ' || *value == '\t')) {
		value++;
		len--;
	}
	text_clean(out, size, value, len);
}

static bool field(const char *line, size_t len, const char *name, const char **out, size_t *out_len)
{
	size_t n = strlen(name);

	if (len <= n || line[n] != ':' || memcmp(line, name, n) != 0)
		return false;
	*out = line + n + 1;
	*out_len = len - n - 1;
	return true;
}

/* One stanza, up to the empty line; returns where the next begins. */
static const char *read_stanza(const char *at, const char *end, struct dpkg_package *out)
{
	char status[64] = "";

	memset(out, 0, sizeof(*out));
	while (at < end && *at != '\n') {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		const char *value;
		size_t len, value_len;

		if (!stop)
			stop = end;
		len = (size_t)(stop - at);
		if (field(at, len, "Package", &value, &value_len))
			copy_field(out->name, sizeof(out->name), value, value_len);
		else if (field(at, len, "Version", &value, &value_len))
			copy_field(out->version, sizeof(out->version), value, value_len);
		else if (field(at, len, "Architecture", &value, &value_len))
			copy_field(out->architecture, sizeof(out->architecture), value, value_len);
		else if (field(at, len, "Status", &value, &value_len))
			copy_field(status, sizeof(status), value, value_len);
		at = stop < end ? stop + 1 : end;
	}
	while (at < end && *at == '\n')
		at++;
	out->held = !strncmp(status, "hold ", 5);
	/* "install ok installed"; also what is unpacked or waits for a trigger is there to be run.
	 */
	out->installed = strstr(status, " installed") || strstr(status, " unpacked") ||
			 strstr(status, " half-installed") || strstr(status, " half-configured") ||
			 strstr(status, " triggers-");
	return at;
}

int dpkg_each(int (*each)(void *ctx, const struct dpkg_package *package, struct err *err),
	      void *ctx, struct err *err)
{
	struct dpkg_package package;
	const char *at, *end;
	struct buf text;
	int ret = -1;

	buf_init(&text, STATUS_MAX);
	if (fact_read(STATUS, STATUS_MAX, &text, err) < 0)
		goto out;
	at = buf_text(&text);
	end = at + text.len;
	while (at < end) {
		at = read_stanza(at, end, &package);
		if (*package.name && each(ctx, &package, err) < 0)
			goto out;
	}
	ret = 0;
out:
	buf_clear(&text);
	return ret;
}

/* Looks for the line "Package: NAME" instead of reading every stanza: policies ask for hundreds. */
int dpkg_find(const char *name, struct dpkg_package *out, struct err *err)
{
	const char *colon = strchr(name, ':'), *at, *end;
	char line[160];
	struct dpkg_package package;
	struct buf text;
	int ret = -1;

	(void)snprintf(line, sizeof(line), "Package: %.*s\n",
		       colon ? (int)(colon - name) : (int)strlen(name), name);
	buf_init(&text, STATUS_MAX);
	if (fact_read(STATUS, STATUS_MAX, &text, err) < 0)
		goto out;
	at = buf_text(&text);
	end = at + text.len;
	while ((at = memmem(at, (size_t)(end - at), line, strlen(line)))) {
		bool begins = at == text.data || at[-1] == '\n';

		if (!begins) {
			at++;
			continue;
		}
		at = read_stanza(at, end, &package);
		if (package.installed && (!colon || !strcmp(colon + 1, package.architecture))) {
			*out = package;
			ret = 0;
			goto out;
		}
	}
	err_set(err, ERR_NOTFOUND, "package '%.100s' is not installed", name);
out:
	buf_clear(&text);
	return ret;
}
