/* Taking a disk out of use: in the host's mount namespace, whatever sandbox we are in.
 *
 * A child does it.  A unit with ProtectSystem has a mount namespace of its own, where umount(2)
 * succeeds and the host's mount stays; and a disk that is gone can make it wait for ever.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/gate_mounts.h"
#include "platform/os.h"

#define FAMILY_MAX 64
#define GRACE_MS 3000 /* for the writing that an unmount brings, beyond what users are given */

/* The medium, its partitions and what device mapper made of them. */
struct family {
	const struct plat_gate *gate;
	char (*names)[32];
	unsigned count;
	const char *of;
};

static bool add_name(struct family *family, const char *name)
{
	for (unsigned i = 0; i < family->count; i++)
		if (strcmp(family->names[i], name) == 0)
			return true;
	if (family->count < FAMILY_MAX && text_copy(family->names[family->count], 32, name))
		family->count++;
	return true;
}

static bool add_holder(void *ctx, const char *name)
{
	return !gate_is_block(name) || add_name(ctx, name);
}

static bool add_part(void *ctx, const char *name)
{
	struct family *family = ctx;
	char path[160];

	if (!gate_is_block(name) || strncmp(name, family->of, strlen(family->of)) != 0)
		return true;
	(void)snprintf(path, sizeof(path), "class/block/%s/%s/partition", family->of, name);
	return !gate_has(family->gate, path) || add_name(family, name);
}

static void find_family(struct family *family, const char *medium)
{
	char path[128];

	family->of = medium;
	(void)add_name(family, medium);
	(void)snprintf(path, sizeof(path), "class/block/%s", medium);
	gate_each(family->gate, path, add_part, family);
	for (unsigned i = 0; i < family->count; i++) { /* grows on the way */
		(void)snprintf(path, sizeof(path), "class/block/%s/holders", family->names[i]);
		gate_each(family->gate, path, add_holder, family);
	}
}

/* The system's own disks are nobody's to take away, whatever the rules say. */
static bool holds_system(const struct family *family)
{
	struct gate_mounted mounted;

	gate_mounted(family->gate, &mounted);
	for (unsigned i = 0; i < family->count; i++)
		for (unsigned j = 0; j < mounted.count; j++)
			if (mounted.disks[j].system &&
			    strcmp(mounted.disks[j].name, family->names[i]) == 0)
				return true;
	return mounted.unsure;
}

struct points {
	const struct family *family;
	char *points[FAMILY_MAX];
	unsigned count;
};

static bool add_point(void *ctx, const struct gate_mount *mount)
{
	struct points *points = ctx;
	const struct plat_gate *gate = points->family->gate;
	char path[64], place[GATE_PATH];
	const char *name = strrchr(mount->source, '/');

	(void)snprintf(path, sizeof(path), "dev/block/%u:%u", mount->major, mount->minor);
	if (gate_place(gate, path, place, sizeof(place)))
		name = strrchr(place, '/');
	else if (strncmp(mount->source, "/dev/", 5) != 0)
		return true;
	for (unsigned i = 0; name && i < points->family->count; i++)
		if (strcmp(points->family->names[i], name + 1) == 0 && points->count < FAMILY_MAX) {
			points->points[points->count] = strdup(mount->point);
			points->count += points->points[points->count] != NULL;
			break;
		}
	return true;
}

/* --- the child --- */

static bool unmount(const char *point, int64_t until_ms)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
	int fd;

	for (;;) {
		if (umount2(point, UMOUNT_NOFOLLOW) == 0 || errno == EINVAL || errno == ENOENT)
			return true;
		if (errno != EBUSY || plat_uptime_ms() >= until_ms)
			break;
		(void)nanosleep(&pause, NULL);
	}
	fd = open(point, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0) {
		(void)syncfs(fd); /* what its users wrote is on it, even though they stay */
		close(fd);
	}
	return umount2(point, UMOUNT_NOFOLLOW | MNT_DETACH) == 0;
}

/* Exit codes: 0 done, else what was in the way. */
enum { CHILD_DONE, CHILD_NO_HOST, CHILD_STAYS };

struct unmounting {
	const struct points *points;
	unsigned patience_ms;
};

static int unmount_all(const void *ctx)
{
	const struct unmounting *unmounting = ctx;
	int64_t until_ms = plat_uptime_ms() + unmounting->patience_ms;
	int fd = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC), code = CHILD_DONE;

	/* Where pid 1's namespace cannot be had we may be in it already: the mounts tell. */
	if (fd < 0 || setns(fd, CLONE_NEWNS) < 0)
		return CHILD_NO_HOST;
	for (unsigned i = unmounting->points->count; i-- > 0;) /* what was mounted last, first */
		if (!unmount(unmounting->points->points[i], until_ms))
			code = CHILD_STAYS;
	return code;
}

static int unmount_in_child(const struct plat_gate *gate, const struct points *points,
			    unsigned patience_ms, const char *medium, struct err *err)
{
	const struct unmounting unmounting = {points, patience_ms};
	const struct gate_job job = {.work = unmount_all,
				     .ctx = &unmounting,
				     .of = "",
				     .patience_ms = patience_ms + GRACE_MS};
	int code;

	if (gate_in_child(gate->children, &job, &code, err) < 0)
		return err->code == ERR_TIMEOUT
			       ? err_set(err, ERR_TIMEOUT, "'%s' did not come free within %u ms",
					 medium, patience_ms + GRACE_MS)
			       : -1;
	if (code == CHILD_DONE)
		return 0;
	if (code == CHILD_NO_HOST)
		return err_set(err, ERR_DENIED,
			       "the host's mounts cannot be reached to take '%s' out of use",
			       medium);
	return err_set(err, ERR_IO, "'%s' stays mounted", medium);
}

int plat_gate_unmount(struct plat_gate *gate, const char *medium, unsigned patience_ms,
		      struct err *err)
{
	struct family family = {.gate = gate, .names = calloc(FAMILY_MAX, sizeof(*family.names))};
	struct points points = {.family = &family};
	int ret = -1;

	if (!family.names)
		return err_set(err, ERR_NOMEM, "out of memory");
	if (!gate_is_block(medium)) {
		err_set(err, ERR_INVALID, "'%s' is no disk", medium);
		goto out;
	}
	find_family(&family, medium);
	if (holds_system(&family)) {
		err_set(err, ERR_DENIED, "'%s' holds the running system", medium);
		goto out;
	}
	if (!gate_each_mount(gate, add_point, &points)) {
		err_set(err, ERR_DENIED, "the host's mounts cannot be read (proc/1/mountinfo)");
		goto out;
	}
	if (!points.count || !gate->live) { /* a test's folder has no mounts to lose */
		ret = 0;
		goto out;
	}
	ret = unmount_in_child(gate, &points, patience_ms, medium, err);
out:
	for (unsigned i = 0; i < points.count; i++)
		free(points.points[i]);
	free(family.names);
	return ret;
}
