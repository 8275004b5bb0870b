/* platform/linux/gate_bus.c: whatever a bus says after its greeting is taken within bounds, and a
 * session counts as locked only while somebody listens and was answered.
 *
 * The bytes come over a real socket, all at once, and then the bus hangs up.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "agent/base/err.h"
#include "platform/linux/gate_bus.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int listener = -1;
static char path[sizeof(((struct sockaddr_un *)0)->sun_path)];

static void end(void)
{
	(void)unlink(path);
}

static void begin(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	(void)snprintf(path, sizeof(path), "/tmp/caretaker-fuzz-bus-%ld", (long)getpid());
	(void)unlink(path);
	strcpy(at.sun_path, path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(listener >= 0 && bind(listener, (struct sockaddr *)&at, sizeof(at)) == 0 &&
	     listen(listener, 1) == 0 && atexit(end) == 0);
}

/* The other side of gate_bus_open(): it waits for this answer. */
static void *greet(void *out_fd)
{
	char hello[64];
	int *fd = out_fd;

	*fd = accept(listener, NULL, NULL);
	must(*fd >= 0 && recv(*fd, hello, sizeof(hello), 0) > 0);
	(void)send(*fd, "OK 0\r\n", 6, MSG_NOSIGNAL); /* it may have given up: see below */
	return NULL;
}

/* What is said to be a message lies within what came, and so do its words. */
static void parse(const uint8_t *data, size_t len)
{
	struct gate_bus_message m;
	long whole = gate_bus_parse(data, len, &m);

	must(whole >= -1 && whole <= (long)len);
	if (whole <= 0 || !m.type)
		return;
	must(m.body >= data + 16 && m.body + m.body_len == data + whole);
	must(strlen(m.sender) + strlen(m.path) + strlen(m.interface) + strlen(m.member) +
		     strlen(m.signature) <=
	     (size_t)whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct gate_bus *bus = NULL;
	struct err err;
	pthread_t thread;
	bool locked;
	int fd = -1, ours, ret = 0;

	parse(data, len);
	if (listener < 0)
		begin();
	if (len > 64 * 1024)
		return 0; /* a socket holds that much without being read */
	must(pthread_create(&thread, NULL, greet, &fd) == 0);
	if (gate_bus_open(&bus, path, &ours, &err) < 0)
		bus = NULL;
	must(pthread_join(thread, NULL) == 0);
	if (!bus) {
		(void)close(fd);
		return 0;
	}
	/* Who logind is was asked fourth, and then the fifth is the question. */
	gate_bus_ask(bus, "2");
	must(!gate_bus_answer(bus, "2", &locked));
	must(send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len && shutdown(fd, SHUT_WR) == 0);
	while (ret >= 0)
		ret = gate_bus_read(bus);
	must(!gate_bus_answer(bus, "3", &locked) && !locked);
	gate_bus_close(bus);
	(void)close(fd);
	return 0;
}
