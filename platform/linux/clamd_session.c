/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/clamd_session.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/text.h"

/* So many files at once keep clamd's threads busy; more would only wait in its queue. */
#define WAITING_MAX 4
#define CONNECT_S 5
/* clamd gives one file up after MaxScanTime, two minutes unless told otherwise. */
#define ANSWER_MS (5 * 60 * 1000)

int clamd_connect(const char *socket_path, struct err *err)
{
	/* Where more wait for it than it lets wait, connect(2) would for ever. */
	const struct timeval patience = {.tv_sec = CONNECT_S};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (!text_copy(address.sun_path, sizeof(address.sun_path), socket_path))
		return err_set(err, ERR_INVALID, "the path of clamd's socket is too long");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, errno, "make a socket for clamd");
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	err_errno(err, errno, "talk to clamd at '%s'", socket_path);
	(void)close(fd);
	return -1;
}

int clamd_session_open(struct clamd_session *session, const char *socket_path, struct err *err)
{
	static const char begin[] = "zIDSESSION";

	memset(session, 0, sizeof(*session));
	session->fd = clamd_connect(socket_path, err);
	if (session->fd < 0)
		return -1;
	if (send(session->fd, begin, sizeof(begin), MSG_NOSIGNAL) == (ssize_t)sizeof(begin))
		return 0;
	err_errno(err, errno, "talk to clamd at '%s'", socket_path);
	clamd_session_close(session);
	return -1;
}

void clamd_session_close(struct clamd_session *session)
{
	if (session->fd >= 0)
		(void)close(session->fd);
	session->fd = -1;
}

int clamd_answer(const char *answer, bool *out_infected, char signature[96], struct err *err)
{
	const char *said = strstr(answer, "]: ");
	size_t len = strlen(answer);
	char clean[96];

	said = said ? said + 3 : answer;
	*out_infected = false;
	if (len > 4 && strcmp(answer + len - 4, ": OK") == 0)
		return 0;
	if (len > 6 && strcmp(answer + len - 6, " FOUND") == 0) {
		*out_infected = true;
		text_clean(signature, 96, said, strlen(said) - 6);
		return 0;
	}
	text_clean(clean, sizeof(clean), said, strlen(said));
	return err_set(err, ERR_IO, "clamd could not scan a file: %s", clean);
}

static int take_answer(struct clamd_session *session, const char *answer, struct err *err)
{
	char signature[sizeof(session->signature)];
	bool infected;

	if (clamd_answer(answer, &infected, signature, err) < 0)
		return -1;
	if (infected && !session->infected)
		(void)text_copy(session->signature, sizeof(session->signature), signature);
	session->infected |= infected;
	return 0;
}

static int take_answers(struct clamd_session *session, struct err *err)
{
	char *end;

	while ((end = memchr(session->text, '\0', session->len))) {
		size_t used = (size_t)(end - session->text) + 1;

		if (session->waiting == 0)
			return err_set(err, ERR_INVALID, "clamd answered what nobody asked");
		session->waiting--;
		if (take_answer(session, session->text, err) < 0)
			return -1;
		memmove(session->text, session->text + used, session->len - used);
		session->len -= used;
	}
	if (session->len == sizeof(session->text))
		return err_set(err, ERR_INVALID, "clamd's answer does not end");
	return 0;
}

/* Reads until at most 'left' files wait. */
static int wait_for(struct clamd_session *session, unsigned left, struct err *err)
{
	struct pollfd readable = {.fd = session->fd, .events = POLLIN};

	while (session->waiting > left) {
		int ready = poll(&readable, 1, ANSWER_MS);
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return err_set(err, ERR_TIMEOUT, "clamd did not answer within %d s",
				       ANSWER_MS / 1000);
		n = recv(session->fd, session->text + session->len,
			 sizeof(session->text) - session->len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(err, ERR_IO, "clamd ended the talk");
		session->len += (size_t)n;
		if (take_answers(session, err) < 0)
			return -1;
	}
	return 0;
}

int clamd_hand_over(int socket_fd, int fd, struct err *err)
{
	static const char command[] = "zFILDES";
	char byte = 0; /* a descriptor travels with at least one byte */
	struct iovec io = {.iov_base = &byte, .iov_len = 1};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr message = {.msg_iov = &io,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *header;

	memset(&control, 0, sizeof(control));
	header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (send(socket_fd, command, sizeof(command), MSG_NOSIGNAL) == (ssize_t)sizeof(command) &&
	    sendmsg(socket_fd, &message, MSG_NOSIGNAL) == 1)
		return 0;
	return err_errno(err, errno, "hand a file to clamd");
}

int clamd_session_send(struct clamd_session *session, int fd, struct err *err)
{
	if (wait_for(session, WAITING_MAX - 1, err) < 0 ||
	    clamd_hand_over(session->fd, fd, err) < 0)
		return -1;
	session->waiting++;
	return 0;
}

int clamd_session_finish(struct clamd_session *session, struct err *err)
{
	return wait_for(session, 0, err);
}
