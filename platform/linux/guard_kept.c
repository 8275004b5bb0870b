/* Descriptors that outlive us: systemd's store (sd_notify(3) "FDSTORE=1", sd_listen_fds(3)), by its
 * datagrams, so that no library is needed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/guard_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/text.h"

#define FIRST_FD 3
#define KEPT_MS 10000 /* process 1 may be busy; it is never gone */

static int send_manager(const char *text, int fd, struct err *err)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct iovec io = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr message = {.msg_name = &to, .msg_iov = &io, .msg_iovlen = 1};
	size_t len = path ? strlen(path) : 0;
	int manager, ret = 0;

	if (!len || len >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
		return err_set(err, ERR_UNSUPPORTED,
			       "no service manager keeps what must outlive this process "
			       "(NOTIFY_SOCKET): start it as caretaker-on-open.service");
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	message.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (fd >= 0) {
		struct cmsghdr *header;

		memset(&control, 0, sizeof(control));
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	}
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (manager < 0 || sendmsg(manager, &message, MSG_NOSIGNAL) < 0)
		ret = err_errno(err, errno, "tell the service manager at '%s'", path);
	if (manager >= 0)
		(void)close(manager);
	return ret;
}

/* Datagrams are taken in order: when this one's pipe is closed, those before it were taken. */
static int wait_taken(struct err *err)
{
	struct pollfd end;
	int ends[2], ret, ready;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, errno, "make a pipe");
	ret = send_manager("BARRIER=1", ends[1], err);
	(void)close(ends[1]);
	end = (struct pollfd){.fd = ends[0]};
	if (ret == 0) {
		do {
			ready = poll(&end, 1, KEPT_MS);
		} while (ready < 0 && errno == EINTR);
		if (ready != 1)
			ret = err_set(err, ERR_TIMEOUT,
				      "the service manager did not answer within %d s",
				      KEPT_MS / 1000);
	}
	(void)close(ends[0]);
	return ret;
}

int guard_keep(const char *name, int fd, struct err *err)
{
	char text[96];

	(void)snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", name);
	return send_manager(text, fd, err) < 0 ? -1 : wait_taken(err);
}

void guard_unkeep(const char *name)
{
	char text[96];
	struct err err;

	(void)snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	(void)send_manager(text, -1, &err); /* kept for nothing: the next run drops it again */
}

void guard_kept(void (*each)(void *ctx, const char *name, int fd), void *ctx)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	int64_t number, count;

	if (!pid || !fds || !names || text_int(pid, 1, INT32_MAX, &number) < 0 ||
	    number != getpid() || text_int(fds, 1, 1024, &count) < 0)
		return;
	for (int fd = FIRST_FD; fd < FIRST_FD + count; fd++) {
		size_t len = strcspn(names, ":");
		char name[64];

		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		(void)snprintf(name, sizeof(name), "%.*s", (int)(len < 63 ? len : 63), names);
		each(ctx, name, fd);
		names += len + (names[len] == ':');
	}
}
