/* platform/guard.h by fanotify(7).
 *
 * The mark is on the file system, not on a mount: every mount of it is asked about, those that come
 * later and those of other namespaces.  It stays for as long as the file system does, and its root
 * folder, held open here and by the service manager, keeps it there until we give it up; with the
 * user's own mount it lasts beyond that.  Our own mount is taken away at once: udisks takes what is
 * mounted somewhere for somebody else's.
 *
 * FAN_UNLIMITED_QUEUE is not for comfort: a question for which the queue has no room is answered
 * "yes" by the kernel.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/guard_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/gate_mounts.h"
#include "platform/linux/gate_parts.h"
#include "platform/linux/scan_mount.h"

#define KEPT_GROUP "questions"
#define KEPT_MEDIUM "medium-"
#define LATE_STEP_MS 5000

/* --- the group --- */

static void kept_name(const struct plat_guard_medium *medium, char out[64])
{
	(void)snprintf(out, 64, KEPT_MEDIUM "%llu-%s", (unsigned long long)medium->sequence,
		       medium->name);
}

/* "medium-17-sda1"; false: another name, or what a run of ours wrote that knew no numbers. */
static bool read_kept_name(const char *name, struct plat_guard_medium *out)
{
	size_t head = sizeof(KEPT_MEDIUM) - 1, len;
	char number[24];
	int64_t sequence;

	if (strncmp(name, KEPT_MEDIUM, head) != 0)
		return false;
	name += head;
	len = strcspn(name, "-");
	if (snprintf(number, sizeof(number), "%.*s", (int)len, name) >= (int)sizeof(number) ||
	    text_int(number, 1, INT64_MAX, &sequence) < 0 || name[len] != '-' || !name[len + 1])
		return false;
	out->sequence = (uint64_t)sequence;
	return text_copy(out->name, sizeof(out->name), name + len + 1);
}

static void take_kept(void *ctx, const char *name, int fd)
{
	struct plat_guard *guard = ctx;
	struct plat_guard_medium kept;
	struct stat st;

	if (strcmp(name, KEPT_GROUP) == 0 && guard->kernel < 0) {
		guard->kernel = fd;
		return;
	}
	for (unsigned i = 0; i < PLAT_GUARD_MEDIA; i++) {
		struct guarded *medium = &guard->media[i];

		if (medium->medium.name[0])
			continue;
		if (read_kept_name(name, &kept) && fstat(fd, &st) == 0) {
			*medium = (struct guarded){.medium = kept, .root = fd, .device = st.st_dev};
			return;
		}
		break;
	}
	guard_unkeep(name); /* it would keep a file system for ever */
	(void)close(fd);
}

static int make_group(struct plat_guard *guard, struct err *err)
{
	guard->kernel =
		fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE,
			      O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME);
	if (guard->kernel < 0)
		return errno == ENOSYS || errno == EINVAL
			       ? err_set(err, ERR_UNSUPPORTED,
					 "this kernel does not ask before a file is opened "
					 "(fanotify's permission events)")
			       : err_errno(err, errno, "fanotify_init");
	return guard_keep(KEPT_GROUP, guard->kernel, err);
}

int plat_guard_open(struct plat_guard **out, const struct plat_guard_told *told, struct err *err)
{
	struct plat_guard *guard = calloc(1, sizeof(*guard));

	if (!guard)
		return err_set(err, ERR_NOMEM, "out of memory");
	guard->told = told;
	guard->kernel = -1;
	for (unsigned i = 0; i < GUARD_ASKED; i++)
		guard->asked[i].file = guard->asked[i].socket = -1;
	guard_kept(take_kept, guard);
	if (guard->kernel >= 0) {
		guard_refuse_left(guard);
	} else if (make_group(guard, err) < 0) {
		plat_guard_close(guard);
		return -1;
	}
	*out = guard;
	return 0;
}

void plat_guard_close(struct plat_guard *guard)
{
	if (!guard)
		return;
	for (unsigned i = 0; i < PLAT_GUARD_MEDIA; i++)
		if (guard->media[i].medium.name[0])
			(void)close(guard->media[i].root);
	for (unsigned i = 0; i < GUARD_ASKED; i++)
		if (guard->asked[i].file >= 0) {
			(void)close(guard->asked[i].file);
			(void)close(guard->asked[i].socket);
		}
	if (guard->kernel >= 0)
		(void)close(guard->kernel);
	free(guard);
}

/* --- media --- */

static struct guarded *find(struct plat_guard *guard, const char *name)
{
	for (unsigned i = 0; i < PLAT_GUARD_MEDIA; i++)
		if (strcmp(guard->media[i].medium.name, name) == 0)
			return &guard->media[i];
	return NULL;
}

const struct plat_guard_medium *plat_guard_medium(const struct plat_guard *guard, unsigned i)
{
	return guard->media[i].medium.name[0] ? &guard->media[i].medium : NULL;
}

int guard_take(struct plat_guard *guard, const struct plat_guard_medium *medium, int root,
	       struct err *err)
{
	struct guarded *place = find(guard, "");
	char name[64];
	struct stat st;

	if (!place) {
		(void)close(root);
		return err_set(err, ERR_INVALID, "more than %d media at once", PLAT_GUARD_MEDIA);
	}
	if (fstat(root, &st) < 0 || fanotify_mark(guard->kernel, FAN_MARK_ADD | FAN_MARK_FILESYSTEM,
						  FAN_OPEN_PERM, root, NULL) < 0) {
		err_errno(err, errno, "have the kernel ask about '%s'", medium->name);
		(void)close(root);
		return -1;
	}
	kept_name(medium, name);
	if (guard_keep(name, root, err) < 0) {
		(void)close(root);
		return -1;
	}
	*place = (struct guarded){.medium = *medium, .root = root, .device = st.st_dev};
	return 0;
}

/* Whose the files are is said by the first mount of such a file system, which is ours: whoever may
 * enter the folder where udisks mounts it reads them. */
static const char *users_options(const char *file_system)
{
	if (strcmp(file_system, "vfat") == 0)
		return "umask=022,utf8=1";
	return strcmp(file_system, "exfat") == 0 ? "umask=022" : NULL;
}

/* What is in 'folder' must be the medium: a mark on whatever else lies there, the folder's own file
 * system with half of /run on it, would have the whole machine ask us. */
static int open_root(const char *medium, const char *folder, struct err *err)
{
	int root = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), saved = errno;
	struct stat disk, st;
	char node[64];

	/* What is held open stays, wherever it was mounted. */
	if (umount2(folder, UMOUNT_NOFOLLOW | MNT_DETACH) == 0)
		(void)rmdir(folder);
	if (root < 0)
		return err_errno(err, saved, "open '%s'", folder);
	(void)snprintf(node, sizeof(node), "/dev/%s", medium);
	if (stat(node, &disk) == 0 && S_ISBLK(disk.st_mode) && fstat(root, &st) == 0 &&
	    st.st_dev == disk.st_rdev)
		return root;
	(void)close(root);
	return err_set(err, ERR_IO, "what is mounted is not '%s'", medium);
}

int plat_guard_add(struct plat_guard *guard, const struct plat_guard_medium *medium,
		   const char *file_system, const char *folder, char why[24], struct err *err)
{
	const char *options = users_options(file_system);
	char detail[128];
	int root;

	(void)text_copy(why, 24, "cannot-guard");
	plat_guard_drop(guard, medium->name);
	if (!options) {
		(void)text_copy(why, 24, "file-system");
		return err_set(err, ERR_INVALID, "'%s' is not opened file by file", file_system);
	}
	if (guard_ping(guard, err) < 0) {
		(void)text_copy(why, 24, "no-scanner");
		return -1;
	}
	if (scan_mount(medium->name, medium->sequence, file_system, folder, options, detail) < 0) {
		(void)text_copy(why, 24, "file-system");
		return err_set(err, ERR_IO, "%s", detail);
	}
	root = open_root(medium->name, folder, err);
	return root < 0 ? -1 : guard_take(guard, medium, root, err);
}

void plat_guard_drop(struct plat_guard *guard, const char *name)
{
	struct guarded *place = *name ? find(guard, name) : NULL;
	char kept[64];

	if (!place)
		return;
	/* The mark stays on the file system: where it is still mounted, a question about it is
	 * answered with no from now on, its medium being none that is known. */
	kept_name(&place->medium, kept);
	guard_unkeep(kept);
	(void)close(place->root);
	memset(place, 0, sizeof(*place));
	(void)fanotify_mark(guard->kernel, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL);
	guard->cached = 0;
}

/* --- the end --- */

struct ending {
	const struct plat_guard *guard;
	bool unmounted;
};

static bool unmount_guarded(void *ctx, const struct gate_mount *mount)
{
	struct ending *ending = ctx;

	for (unsigned i = 0; i < PLAT_GUARD_MEDIA; i++)
		if (ending->guard->media[i].medium.name[0] &&
		    ending->guard->media[i].device == makedev(mount->major, mount->minor))
			ending->unmounted |=
				umount2(mount->point, UMOUNT_NOFOLLOW | MNT_DETACH) == 0;
	return !ending->unmounted;
}

/* The list changes with each: read again until nothing of it is ours. */
static void unmount_all(const struct plat_guard *guard)
{
	const struct plat_gate here = {.sysfs = "/sys", .live = true};
	struct ending ending = {guard, true};

	for (unsigned rounds = 0; ending.unmounted && rounds < 256; rounds++) {
		ending.unmounted = false;
		(void)gate_each_mount_of(&here, "self", unmount_guarded, &ending);
	}
}

/* --- the loop --- */

enum { KERNEL, FOLDER, SIGNALS, CLAMD }; /* places in what is polled; clamd's come last */

static int wait_and_do(struct plat_guard *guard, struct pollfd polled[CLAMD + GUARD_ASKED],
		       struct err *err)
{
	char text[4096];

	polled[KERNEL].events = guard_asks_on(guard) ? POLLIN : 0;
	for (unsigned i = 0; i < GUARD_ASKED; i++)
		polled[CLAMD + i] = (struct pollfd){.fd = guard->asked[i].socket, .events = POLLIN};
	if (poll(polled, CLAMD + GUARD_ASKED, LATE_STEP_MS) < 0)
		return errno == EINTR ? 1 : err_errno(err, errno, "wait");
	for (unsigned i = 0; i < GUARD_ASKED; i++)
		if (polled[CLAMD + i].revents)
			guard_answered(guard, &guard->asked[i]);
	guard_late(guard);
	if (polled[KERNEL].revents && guard_hear(guard, err) < 0)
		return -1;
	if (polled[FOLDER].revents) {
		while (read(polled[FOLDER].fd, text, sizeof(text)) > 0)
			;
		guard->told->changed(guard->told->ctx);
	}
	return polled[SIGNALS].revents ? 0 : 1;
}

int plat_guard_run(struct plat_guard *guard, const char *folder, struct err *err)
{
	struct pollfd polled[CLAMD + GUARD_ASKED] = {
		[KERNEL] = {.fd = guard->kernel},
		[FOLDER] = {.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .events = POLLIN},
		[SIGNALS] = {.fd = -1, .events = POLLIN},
	};
	sigset_t ends;
	int ret;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &ends, NULL);
	polled[SIGNALS].fd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
	if (polled[FOLDER].fd < 0 || polled[SIGNALS].fd < 0 ||
	    inotify_add_watch(polled[FOLDER].fd, folder, IN_MOVED_TO | IN_DELETE) < 0) {
		ret = err_errno(err, errno, "watch '%s'", folder);
	} else {
		guard->told->changed(guard->told->ctx);
		while ((ret = wait_and_do(guard, polled, err)) > 0)
			;
		if (ret == 0)
			unmount_all(guard);
	}
	for (unsigned i = FOLDER; i <= SIGNALS; i++)
		if (polled[i].fd >= 0)
			(void)close(polled[i].fd);
	return ret;
}
