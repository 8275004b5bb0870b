/* Small files of the kernel's, below plat_root().
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/gatekeeper/gatekeeper.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "platform/kernel.h"
#include "platform/os.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ATTRIBUTE_MAX (64 * 1024) /* sysfs says 4096 of every file, whatever it holds */

#define FORMAT_PATH(path, fmt) \
	do { \
		va_list args; \
		char rest[KEEP_PATH]; \
		va_start(args, fmt); \
		vsnprintf(rest, sizeof(rest), fmt, args); \
		va_end(args); \
		keep_path(path, "%s", rest); \
	} while (0)

void keep_path(char out[KEEP_PATH], const char *fmt, ...)
{
	char rest[KEEP_PATH];
	va_list args;

	va_start(args, fmt);
	vsnprintf(rest, sizeof(rest), fmt, args);
	va_end(args);
	if (snprintf(out, KEEP_PATH, "%s%s", plat_root(), rest) >= KEEP_PATH)
		out[0] = '\0';
}

void keep_attribute(char *out, size_t out_size, const char *fmt, ...)
{
	char path[KEEP_PATH];
	struct err err;
	struct buf buf;

	FORMAT_PATH(path, fmt);
	out[0] = '\0';
	buf_init(&buf, ATTRIBUTE_MAX);
	if (plat_file_read(path, ATTRIBUTE_MAX, &buf, &err) == 0) {
		while (buf.len > 0 && buf.data[buf.len - 1] == '\n')
			buf.data[--buf.len] = '\0';
		(void)text_copy(out, out_size, buf_text(&buf));
	}
	buf_clear(&buf);
}

bool keep_exists(const char *fmt, ...)
{
	struct plat_file_info info;
	char path[KEEP_PATH];
	struct err err;

	FORMAT_PATH(path, fmt);
	return plat_file_info(path, &info, &err) == 0 && info.exists;
}

int keep_write(const char *text, const char *fmt, ...)
{
	char path[KEEP_PATH];
	struct err err;

	FORMAT_PATH(path, fmt);
	if (plat_kernel_write(path, text, &err) == 0)
		return 0;
	if (err.code != ERR_NOTFOUND) /* pulled while we looked */
		log_warn("going on with the rest: %s", err.msg);
	return -1;
}

struct lister {
	void (*each)(void *ctx, const char *name);
	void *ctx;
};

static int one_name(void *ctx, const char *name, struct err *err)
{
	struct lister *lister = ctx;

	(void)err;
	lister->each(lister->ctx, name);
	return 0;
}

void keep_list(void (*each)(void *ctx, const char *name), void *ctx, const char *fmt, ...)
{
	struct lister lister = {each, ctx};
	char path[KEEP_PATH];
	struct err err;

	FORMAT_PATH(path, fmt);
	if (plat_dir_list(path, one_name, &lister, &err) && err.code != ERR_NOTFOUND)
		log_warn("going on without it: %s", err.msg);
}

char *keep_cut(char **at, const char *stops)
{
	char *start = *at, *stop = start ? start + strcspn(start, stops) : NULL;

	if (!start)
		return NULL;
	*at = *stop ? stop + 1 : NULL;
	*stop = '\0';
	return start;
}

bool keep_is_off(void)
{
	static const char word[] = "caretaker.usb=";
	char line[4096];
	bool off = false;

	keep_attribute(line, sizeof(line), "/proc/cmdline");
	/* The last one counts, as for the kernel's own words. */
	for (char *at = line, *part; (part = keep_cut(&at, " \n"));)
		if (strncmp(part, word, sizeof(word) - 1) == 0)
			off = strcmp(part + sizeof(word) - 1, "off") == 0;
	return off;
}
