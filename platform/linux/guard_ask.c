/* What fanotify(7) asks, answered by clamd.
 *
 * clamd gets the file itself, by descriptor.  One that was opened in a mount namespace of its own
 * (a sandbox's) has no path that AppArmor could look up, and clamd's profile refuses it: it is
 * given a copy in memory.
 *
 * Files of a medium that is read-only do not change: one that was clean is let through unasked from
 * then on, by a mark on it that the kernel looks at.  Its inode is kept by that mark, so that its
 * number is nobody else's; after CACHE_MAX of them all are forgotten.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/guard_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/clamd_conf.h"
#include "platform/linux/clamd_session.h"
#include "platform/os.h"

/* As in scan.c: libclamav reads nothing larger. */
#define CLAMAV_FILE_MAX (INT32_MAX - 2)
#define CACHE_MAX 4096
#define ANSWER_MS 150000 /* clamd gives a file up after MaxScanTime, two minutes */
#define PING_MS 10000
#define CONF_MS 10000                   /* clamd.conf may say something else by then */
#define COPIED_MAX (128u * 1024 * 1024) /* of all copies at once; the unit has room for them */
#define LEFT_FDS 4096                   /* a process before us had no more open */

static const char *const reasons[] = {"file-too-large", "no-scanner", "scanner-failed",
				      "took-too-long"};

void guard_conf(struct plat_guard *guard)
{
	struct clamd_conf conf;
	int64_t now = plat_uptime_ms();

	if (guard->conf_ms && now - guard->conf_ms < CONF_MS)
		return;
	guard->conf_ms = now;
	clamd_conf_read(NULL, &conf);
	(void)text_copy(guard->socket, sizeof(guard->socket),
			*conf.socket ? conf.socket : CLAMD_SOCKET_DEFAULT);
	guard->file_max = CLAMAV_FILE_MAX;
	if (conf.file_max && conf.file_max < guard->file_max)
		guard->file_max = conf.file_max;
	if (conf.scan_max && conf.scan_max < guard->file_max)
		guard->file_max = conf.scan_max;
}

int guard_ping(struct plat_guard *guard, struct err *err)
{
	static const char ping[] = "zPING";
	struct pollfd readable = {.events = POLLIN};
	char answer[8] = "";
	int fd;

	guard_conf(guard);
	fd = clamd_connect(guard->socket, err);
	if (fd < 0)
		return -1;
	readable.fd = fd;
	if (send(fd, ping, sizeof(ping), MSG_NOSIGNAL) != (ssize_t)sizeof(ping) ||
	    poll(&readable, 1, PING_MS) != 1 || recv(fd, answer, sizeof(answer) - 1, 0) < 4 ||
	    strcmp(answer, "PONG") != 0) {
		(void)close(fd);
		return err_set(err, ERR_IO, "clamd does not answer at '%s'", guard->socket);
	}
	(void)close(fd);
	return 0;
}

/* --- answers to the kernel --- */

static void answer(struct plat_guard *guard, int file, bool let)
{
	struct fanotify_response response = {.fd = file, .response = let ? FAN_ALLOW : FAN_DENY};

	/* Whoever asked may be gone by now. */
	(void)!write(guard->kernel, &response, sizeof(response));
	(void)close(file);
}

static struct guarded *find(struct plat_guard *guard, dev_t device)
{
	for (unsigned i = 0; i < PLAT_GUARD_MEDIA; i++)
		if (guard->media[i].medium.name[0] && guard->media[i].device == device)
			return &guard->media[i];
	return NULL;
}

static void refuse(struct plat_guard *guard, int file, dev_t device, const char *why)
{
	struct guarded *medium = find(guard, device);

	answer(guard, file, false);
	if (!medium || medium->infected)
		return;
	for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(why, reasons[i]) == 0 && !(medium->told & 1u << i)) {
			medium->told |= 1u << i;
			guard->told->refused(guard->told->ctx, &medium->medium, why);
		}
}

static void let_from_now_on(struct plat_guard *guard, int file)
{
	if (guard->cached == CACHE_MAX) {
		if (fanotify_mark(guard->kernel, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL) < 0)
			return;
		guard->cached = 0;
	}
	if (fanotify_mark(guard->kernel, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK, FAN_OPEN_PERM, file,
			  NULL) == 0)
		guard->cached++; /* else it is scanned again next time */
}

/* --- clamd --- */

static void done_with(struct plat_guard *guard, struct guard_asked *asked)
{
	(void)close(asked->socket);
	guard->copied -= asked->copied;
	asked->copied = 0;
	asked->socket = -1;
	asked->file = -1;
	asked->len = 0;
}

/* A copy that nobody can change any more; -1: there is no room, or it cannot be read. */
static int copy_file(struct plat_guard *guard, int file, uint64_t *out_size)
{
	const unsigned seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	off_t from = 0;
	struct stat st;
	int copy;

	if (fstat(file, &st) < 0 || (uint64_t)st.st_size > COPIED_MAX - guard->copied)
		return -1;
	copy = memfd_create("caretaker-scan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (copy < 0)
		return -1;
	while (from < st.st_size) {
		ssize_t n = sendfile(copy, file, &from, (size_t)(st.st_size - from));

		if (n <= 0 && !(n < 0 && errno == EINTR))
			break;
	}
	if (from < st.st_size || fcntl(copy, F_ADD_SEALS, seals) < 0) {
		(void)close(copy);
		return -1;
	}
	*out_size = (uint64_t)st.st_size;
	return copy;
}

/* clamd could not read the file: once more with a copy. */
static bool ask_of_copy(struct plat_guard *guard, struct guard_asked *asked)
{
	uint64_t size;
	struct err err;
	int copy, fd;
	bool ok;

	if (asked->copied)
		return false;
	copy = copy_file(guard, asked->file, &size);
	if (copy < 0)
		return false;
	fd = clamd_connect(guard->socket, &err);
	ok = fd >= 0 && clamd_hand_over(fd, copy, &err) == 0;
	(void)close(copy);
	if (!ok) {
		if (fd >= 0)
			(void)close(fd);
		return false;
	}
	(void)close(asked->socket);
	asked->socket = fd;
	asked->copied = size;
	asked->len = 0;
	guard->copied += size;
	return true;
}

static void take_answer(struct plat_guard *guard, struct guard_asked *asked)
{
	struct guarded *medium = find(guard, asked->device);
	char signature[96];
	bool infected;
	struct err err;

	if (clamd_answer(asked->text, &infected, signature, &err) < 0) {
		if (ask_of_copy(guard, asked))
			return;
		refuse(guard, asked->file, asked->device, "scanner-failed");
	} else if (infected) {
		answer(guard, asked->file, false);
		if (medium && !medium->infected) {
			medium->infected = true;
			guard->told->infected(guard->told->ctx, &medium->medium, signature);
		}
	} else if (!medium || medium->infected) {
		answer(guard, asked->file, false);
	} else {
		let_from_now_on(guard, asked->file);
		answer(guard, asked->file, true);
	}
	done_with(guard, asked);
}

void guard_answered(struct plat_guard *guard, struct guard_asked *asked)
{
	ssize_t n = recv(asked->socket, asked->text + asked->len,
			 sizeof(asked->text) - 1 - asked->len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		asked->len += (size_t)n;
	asked->text[asked->len] = '\0';
	if (memchr(asked->text, '\0', asked->len)) {
		take_answer(guard, asked);
	} else if (n <= 0 || asked->len == sizeof(asked->text) - 1) {
		refuse(guard, asked->file, asked->device, n <= 0 ? "no-scanner" : "scanner-failed");
		done_with(guard, asked);
	}
}

void guard_late(struct plat_guard *guard)
{
	int64_t now = plat_uptime_ms();

	for (unsigned i = 0; i < GUARD_ASKED; i++) {
		struct guard_asked *asked = &guard->asked[i];

		if (asked->file < 0 || now < asked->until_ms)
			continue;
		refuse(guard, asked->file, asked->device, "took-too-long");
		done_with(guard, asked);
	}
}

static struct guard_asked *free_place(struct plat_guard *guard)
{
	for (unsigned i = 0; i < GUARD_ASKED; i++)
		if (guard->asked[i].file < 0)
			return &guard->asked[i];
	return NULL;
}

bool guard_asks_on(const struct plat_guard *guard)
{
	for (unsigned i = 0; i < GUARD_ASKED; i++)
		if (guard->asked[i].file < 0)
			return true;
	return false;
}

static void ask_clamd(struct plat_guard *guard, int file, dev_t device)
{
	struct guard_asked *asked = free_place(guard);
	struct err err;
	int fd = asked ? clamd_connect(guard->socket, &err) : -1;

	if (fd < 0 || clamd_hand_over(fd, file, &err) < 0) {
		if (fd >= 0)
			(void)close(fd);
		refuse(guard, file, device, "no-scanner");
		return;
	}
	*asked = (struct guard_asked){.file = file,
				      .socket = fd,
				      .device = device,
				      .until_ms = plat_uptime_ms() + ANSWER_MS};
}

/* --- questions --- */

static void take_question(struct plat_guard *guard, int file)
{
	const struct guarded *medium;
	struct stat st;

	if (fstat(file, &st) < 0) {
		answer(guard, file, false);
		return;
	}
	medium = find(guard, st.st_dev);
	if (S_ISDIR(st.st_mode) && medium && !medium->infected) {
		answer(guard, file, true);
	} else if (!medium || medium->infected || !S_ISREG(st.st_mode)) {
		answer(guard, file, false);
	} else if (st.st_size == 0) {
		answer(guard, file, true);
	} else {
		guard_conf(guard);
		if ((uint64_t)st.st_size > guard->file_max)
			refuse(guard, file, st.st_dev, "file-too-large");
		else
			ask_clamd(guard, file, st.st_dev);
	}
}

int guard_hear(struct plat_guard *guard, struct err *err)
{
	struct fanotify_event_metadata events[GUARD_ASKED];
	const struct fanotify_event_metadata *event = events;
	size_t room = 0;
	ssize_t len;

	for (unsigned i = 0; i < GUARD_ASKED; i++)
		room += guard->asked[i].file < 0;
	if (!room)
		return 0;
	/* No more than there are places for: each comes with a descriptor. */
	len = read(guard->kernel, events, room * sizeof(events[0]));
	if (len < 0)
		return errno == EAGAIN || errno == EINTR
			       ? 0
			       : err_errno(err, errno, "read what the kernel asks");
	for (; FAN_EVENT_OK(event, len); event = FAN_EVENT_NEXT(event, len)) {
		if (event->vers != FANOTIFY_METADATA_VERSION)
			return err_set(err, ERR_UNSUPPORTED,
				       "the kernel asks in a way that is not known here");
		if (event->fd >= 0)
			take_question(guard, event->fd);
	}
	return 0;
}

void guard_refuse_left(struct plat_guard *guard)
{
	/* A question is answered by the number that its descriptor had in the process that read it;
	 * which those were is not known, and a number that was none is an error and no more. */
	for (int fd = 0; fd < LEFT_FDS; fd++) {
		struct fanotify_response response = {.fd = fd, .response = FAN_DENY};

		(void)!write(guard->kernel, &response, sizeof(response));
	}
	(void)fanotify_mark(guard->kernel, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL);
	guard->cached = 0;
}
