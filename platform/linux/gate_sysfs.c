/* Reading and writing sysfs for the storage gate: bounded, names checked before they are a path.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_parts.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/text.h"

/* udev has read it a moment before; a disk that spins up anew takes some seconds. */
#define LUKS_PATIENCE_MS 5000
#define SWITCH_PATIENCE_MS 3000 /* of each partition, and a disk may have fifteen */

int plat_gate_open(struct plat_gate **out, const char *sysfs, const char *modules, struct err *err)
{
	struct plat_gate *gate = calloc(1, sizeof(*gate));
	struct utsname kernel;
	char *slash;
	bool fits;

	if (!gate)
		return err_set(err, ERR_NOMEM, "out of memory");
	gate->children = gate_children_new();
	if (!gate->children) {
		free(gate);
		return err_set(err, ERR_NOMEM, "out of memory");
	}
	gate->luks_patience_ms = LUKS_PATIENCE_MS;
	gate->switch_patience_ms = SWITCH_PATIENCE_MS;
	gate->live = !sysfs;
	fits = text_copy(gate->sysfs, sizeof(gate->sysfs), sysfs ? sysfs : "/sys") &&
	       text_copy(gate->root, sizeof(gate->root), gate->sysfs);
	slash = fits ? strrchr(gate->root, '/') : NULL;
	if (slash)
		*slash = '\0';
	if (modules) {
		fits = fits && text_copy(gate->modules, sizeof(gate->modules), modules);
	} else if (sysfs) {
		(void)snprintf(gate->modules, sizeof(gate->modules), "%s/lib/modules", gate->root);
	} else {
		(void)uname(&kernel); /* cannot fail with memory of our own */
		(void)snprintf(gate->modules, sizeof(gate->modules), "/lib/modules/%s",
			       kernel.release);
	}
	if (!slash || !fits) {
		plat_gate_close(gate);
		return err_set(err, ERR_INVALID, "'%s' is no place for sysfs",
			       sysfs ? sysfs : "/sys");
	}
	*out = gate;
	return 0;
}

void plat_gate_close(struct plat_gate *gate)
{
	if (!gate)
		return;
	gate_bus_close(gate->bus);
	gate_children_free(gate->children);
	free(gate);
}

static int open_at(const struct plat_gate *gate, const char *path, int flags)
{
	char whole[GATE_PATH];

	if (snprintf(whole, sizeof(whole), "%s/%s", gate->sysfs, path) >= (int)sizeof(whole)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(whole, flags | O_CLOEXEC);
}

long gate_attribute(const struct plat_gate *gate, const char *path, char *out, size_t size)
{
	int fd = open_at(gate, path, O_RDONLY), failed;
	size_t len = 0;
	ssize_t n = -1;

	out[0] = '\0';
	if (fd < 0)
		return -1;
	/* A binary attribute (descriptors) comes a page at a time. */
	while (len < size - 1 && (n = read(fd, out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	failed = errno;
	close(fd);
	if (n < 0) { /* the device is gone, or never answered */
		out[0] = '\0';
		errno = failed;
		return -1;
	}
	out[len] = '\0';
	return (long)len;
}

bool gate_number(const struct plat_gate *gate, const char *path, int base, uint64_t *out)
{
	char text[32], *end;
	unsigned long long number;

	if (gate_attribute(gate, path, text, sizeof(text)) <= 0 ||
	    !isxdigit((unsigned char)text[0]))
		return false;
	text[strcspn(text, "\n")] = '\0';
	errno = 0;
	number = strtoull(text, &end, base);
	if (errno || *end)
		return false;
	*out = number;
	return true;
}

int gate_write(const struct plat_gate *gate, const char *path, const char *text, struct err *err)
{
	int fd = open_at(gate, path, O_WRONLY), failed;
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOTFOUND, "'%s/%s' is gone", gate->sysfs, path);
	if (fd < 0)
		return err_errno(err, errno, "open '%s/%s'", gate->sysfs, path);
	n = write(fd, text, len);
	failed = errno;
	close(fd);
	if (n == (ssize_t)len)
		return 0;
	if (n < 0 && failed == ENODEV)
		return err_set(err, ERR_NOTFOUND, "the device of '%s/%s' is gone", gate->sysfs,
			       path);
	return err_errno(err, n < 0 ? failed : EIO, "write '%s' to '%s/%s'", text, gate->sysfs,
			 path);
}

bool gate_has(const struct plat_gate *gate, const char *path)
{
	char whole[GATE_PATH];

	return snprintf(whole, sizeof(whole), "%s/%s", gate->sysfs, path) < (int)sizeof(whole) &&
	       access(whole, F_OK) == 0;
}

/* Where one of sysfs's own links leads: out of as many folders as it lies in, then "devices/...",
 * with no other link on the way.  realpath() would ask of each folder whether it is one. */
static bool follow_link(const struct plat_gate *gate, const char *path, const char *link, char *out,
			size_t size)
{
	for (; (path = strchr(path, '/')); path++) {
		if (strncmp(link, "../", 3) != 0)
			return false;
		link += 3;
	}
	return strncmp(link, "devices/", 8) == 0 && !strstr(link, "/../") &&
	       snprintf(out, size, "%s/%s", gate->sysfs, link) < (int)size;
}

bool gate_place(const struct plat_gate *gate, const char *path, char *out, size_t size)
{
	char whole[GATE_PATH], link[GATE_PATH], real[PATH_MAX];
	ssize_t len;

	if (snprintf(whole, sizeof(whole), "%s/%s", gate->sysfs, path) >= (int)sizeof(whole))
		return false;
	len = readlink(whole, link, sizeof(link));
	if (len < 0 && errno == ENOENT)
		return false;
	if (len > 0 && len < (ssize_t)sizeof(link)) {
		link[len] = '\0';
		if (follow_link(gate, path, link, out, size))
			return true;
	}
	return realpath(whole, real) && text_copy(out, size, real);
}

void gate_each(const struct plat_gate *gate, const char *path,
	       bool (*each)(void *ctx, const char *name), void *ctx)
{
	int fd = open_at(gate, path, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !each(ctx, entry->d_name))
			break;
	closedir(dir);
}

/* --- names --- */

/* The end of "2-1.4" at the start of 'name'; NULL when it is none. */
static const char *after_port(const char *name)
{
	const char *at = name;
	char wanted = '-';

	if (strlen(name) >= 32)
		return NULL;
	for (;;) {
		if (!isdigit((unsigned char)*at))
			return NULL;
		while (isdigit((unsigned char)*at))
			at++;
		if (*at != wanted)
			return wanted == '-' ? NULL : at;
		at++;
		wanted = '.';
	}
}

bool gate_is_port(const char *name)
{
	const char *end = after_port(name);

	return end && !*end;
}

bool gate_is_interface(const char *name)
{
	const char *at = after_port(name);

	if (!at || *at != ':')
		return false;
	at++;
	at += strspn(at, "0123456789");
	return at[0] == '.' && at[1] && strspn(at + 1, "0123456789") == strlen(at + 1);
}

bool gate_is_block(const char *name)
{
	static const char usual[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-!";
	size_t len = strlen(name);

	return len > 0 && len < 32 && strspn(name, usual) == len;
}

void gate_port_of(const char *place, char out[32])
{
	char part[256];

	out[0] = '\0';
	while (*place) {
		size_t len = strcspn(place, "/");

		if (len > 0 && len < sizeof(part)) {
			memcpy(part, place, len);
			part[len] = '\0';
			if (gate_is_port(part))
				(void)text_copy(out, 32, part);
		}
		place += len + (place[len] == '/');
	}
}
