/* A talk with clamd in which files are handed over by descriptor (clamd(8): IDSESSION, FILDES).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_CLAMD_SESSION_H
#define CARETAKER_PLATFORM_LINUX_CLAMD_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct clamd_session {
	int fd;
	unsigned waiting; /* files handed over and not yet answered */
	char text[1024];
	size_t len;
	bool infected;
	char signature[96]; /* cleaned; the first that was found */
};

int clamd_session_open(struct clamd_session *session, const char *socket_path, struct err *err);
void clamd_session_close(struct clamd_session *session);

/* Hands over a file; 'fd' stays the caller's and may be closed.  Waits while more than a few are
 * unanswered.  -1: clamd went away, or said ERROR of a file. */
int clamd_session_send(struct clamd_session *session, int fd, struct err *err);
/* Waits until everything was answered. */
int clamd_session_finish(struct clamd_session *session, struct err *err);

/* The same in pieces, for who waits for much else beside clamd: a socket (-1 on failure), one file
 * handed over on it, and what its answer says ("fd[10]: Win.Test.EICAR_HDB-1 FOUND", in a session
 * with a number in front).  'signature' is set when it is infected, cleaned; -1: clamd could not
 * scan it. */
int clamd_connect(const char *socket_path, struct err *err);
int clamd_hand_over(int socket_fd, int fd, struct err *err);
int clamd_answer(const char *answer, bool *out_infected, char signature[96], struct err *err);

#endif
