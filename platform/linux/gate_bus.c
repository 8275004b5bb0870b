/* See gate_bus.h.  (D-Bus Specification 0.38: "Message Format", "Authentication Protocol".)
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_bus.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/text.h"

#define IN_MAX 16384 /* a session's properties are some hundred bytes */
#define OUT_MAX 1024
#define AUTH_MS 2000

enum { CALL = 1, RETURN = 2, ERROR = 3, SIGNAL = 4 };
enum { PATH = 1, INTERFACE = 2, MEMBER = 3, REPLY_SERIAL = 5, DESTINATION = 6, SIGNATURE = 8 };

struct gate_bus {
	int fd;
	uint32_t serial, asked; /* 'asked': the serial of the question that waits; 0: none does */
	char session[64];       /* that was asked about last */
	bool locked, known;
	size_t len;
	unsigned char in[IN_MAX];
};

/* --- writing --- */

struct message {
	unsigned char bytes[OUT_MAX];
	size_t len;
	bool full;
};

static void put(struct message *m, const void *data, size_t len)
{
	if (m->full || len > sizeof(m->bytes) - m->len) {
		m->full = true;
		return;
	}
	memcpy(m->bytes + m->len, data, len);
	m->len += len;
}

static void pad(struct message *m, size_t to)
{
	static const unsigned char zeros[8];

	put(m, zeros, (to - m->len % to) % to);
}

static void put_number(struct message *m, uint32_t number)
{
	const unsigned char bytes[] = {number & 0xff, number >> 8 & 0xff, number >> 16 & 0xff,
				       number >> 24};

	pad(m, 4);
	put(m, bytes, sizeof(bytes));
}

static void put_text(struct message *m, const char *text)
{
	put_number(m, (uint32_t)strlen(text));
	put(m, text, strlen(text) + 1);
}

static void put_field(struct message *m, unsigned char code, char type, const char *text)
{
	const unsigned char head[] = {code, 1, (unsigned char)type, 0};
	const unsigned char len = (unsigned char)strlen(text);

	pad(m, 8);
	put(m, head, sizeof(head));
	if (type == 'g') {
		put(m, &len, 1);
		put(m, text, (size_t)len + 1);
	} else {
		put_text(m, text);
	}
}

struct call {
	const char *destination, *path, *interface, *member;
	const char *words[2]; /* its arguments, all texts */
};

static void set_number(unsigned char *at, uint32_t number)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (unsigned char)(number >> 8 * i);
}

static bool send_call(struct gate_bus *bus, const struct call *call)
{
	static const unsigned char head[16] = {'l', CALL, 0, 1};
	struct message m = {.len = 0};
	unsigned words = !!call->words[0] + (call->words[0] && call->words[1]);
	size_t body;

	put(&m, head, sizeof(head));
	put_field(&m, PATH, 'o', call->path);
	put_field(&m, DESTINATION, 's', call->destination);
	put_field(&m, INTERFACE, 's', call->interface);
	put_field(&m, MEMBER, 's', call->member);
	if (words)
		put_field(&m, SIGNATURE, 'g', words == 2 ? "ss" : "s");
	set_number(m.bytes + 12, (uint32_t)(m.len - 16));
	pad(&m, 8);
	body = m.len;
	for (unsigned i = 0; i < words; i++)
		put_text(&m, call->words[i]);
	set_number(m.bytes + 4, (uint32_t)(m.len - body));
	set_number(m.bytes + 8, ++bus->serial);
	return !m.full && send(bus->fd, m.bytes, m.len, MSG_NOSIGNAL) == (ssize_t)m.len;
}

/* --- reading --- */

static uint32_t number_at(const unsigned char *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

static size_t align(size_t at, size_t to)
{
	return (at + to - 1) / to * to;
}

/* Past one header field; 0 when it is none that is known. */
static size_t parse_field(const unsigned char *bytes, size_t at, size_t end, uint32_t *out_reply)
{
	unsigned char code, type;

	at = align(at, 8);
	if (at + 4 > end || bytes[at + 1] != 1 || bytes[at + 3] != 0)
		return 0;
	code = bytes[at];
	type = bytes[at + 2];
	at += 4;
	if (type == 'g') {
		if (at >= end)
			return 0;
		at += (size_t)bytes[at] + 2;
		return at <= end ? at : 0;
	}
	at = align(at, 4);
	if (at + 4 > end)
		return 0;
	if (type == 'u') {
		if (code == REPLY_SERIAL)
			*out_reply = number_at(bytes + at);
		return at + 4;
	}
	if ((type != 's' && type != 'o') || number_at(bytes + at) >= end - at - 4)
		return 0;
	return at + 4 + number_at(bytes + at) + 1;
}

long gate_bus_parse(const unsigned char *bytes, size_t len, uint32_t *out_reply, size_t *out_body)
{
	size_t body, fields, at = 16;

	*out_reply = 0;
	if (len < 16)
		return 0;
	/* Little-endian as we are: the bus passes on what logind wrote on this machine. */
	if (bytes[0] != 'l' || bytes[3] != 1)
		return -1;
	body = number_at(bytes + 4);
	fields = number_at(bytes + 12);
	if (fields > IN_MAX || body > IN_MAX || align(16 + fields, 8) + body > IN_MAX)
		return -1;
	*out_body = align(16 + fields, 8);
	if (len < *out_body + body)
		return 0;
	while (at < 16 + fields) {
		at = parse_field(bytes, at, 16 + fields, out_reply);
		if (!at)
			return -1;
	}
	return (long)(*out_body + body);
}

/* The answer's body is a variant that holds a boolean: its signature, then four bytes. */
static void take_answer(struct gate_bus *bus, const unsigned char *body, size_t len, bool failed)
{
	bus->asked = 0;
	bus->known = !failed && len == 8 && memcmp(body, "\1b\0", 3) == 0;
	bus->locked = bus->known && number_at(body + 4) == 1;
}

static void send_question(struct gate_bus *bus);

static int take_messages(struct gate_bus *bus)
{
	size_t body, at = 0;
	uint32_t reply;
	int changed = 0;
	long len = 0;

	while (at < bus->len &&
	       (len = gate_bus_parse(bus->in + at, bus->len - at, &reply, &body)) > 0) {
		const unsigned char *message = bus->in + at;

		if (message[1] == SIGNAL) {
			send_question(bus);
		} else if (reply && reply == bus->asked) {
			take_answer(bus, message + body, (size_t)len - body, message[1] == ERROR);
			changed = 1;
		}
		at += (size_t)len;
	}
	if (len < 0)
		return -1;
	memmove(bus->in, bus->in + at, bus->len - at);
	bus->len -= at;
	return changed;
}

int gate_bus_read(struct gate_bus *bus)
{
	int changed = 0, more;
	ssize_t n;

	for (;;) {
		n = recv(bus->fd, bus->in + bus->len, sizeof(bus->in) - bus->len, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return changed;
		if (n <= 0)
			return -1;
		bus->len += (size_t)n;
		more = take_messages(bus);
		if (more < 0 || bus->len == sizeof(bus->in))
			return -1;
		changed |= more;
	}
}

bool gate_bus_locked(const struct gate_bus *bus, const char *session)
{
	return bus->known && bus->locked && strcmp(session, bus->session) == 0;
}

/* --- calls --- */

/* An object's path holds letters, and digits but not first, as they are: "2" is "_32". */
static void encode_session(const char *session, char *out, size_t size)
{
	size_t len = 0;

	for (const char *at = session; *at && len + 4 < size; at++) {
		if (isalpha((unsigned char)*at) || (isdigit((unsigned char)*at) && at > session))
			out[len++] = *at;
		else
			len += (size_t)snprintf(out + len, size - len, "_%02x", (unsigned char)*at);
	}
	out[len] = '\0';
}

static void send_question(struct gate_bus *bus)
{
	char path[256] = "/org/freedesktop/login1/session/";
	const struct call call = {"org.freedesktop.login1",
				  path,
				  "org.freedesktop.DBus.Properties",
				  "Get",
				  {"org.freedesktop.login1.Session", "LockedHint"}};

	bus->asked = 0;
	if (!bus->session[0])
		return;
	encode_session(bus->session, path + strlen(path), sizeof(path) - strlen(path));
	if (send_call(bus, &call))
		bus->asked = bus->serial;
}

void gate_bus_ask(struct gate_bus *bus, const char *session)
{
	if (strcmp(session, bus->session) == 0)
		return; /* each of its changes is asked about as it is signalled */
	bus->known = bus->locked = false;
	(void)text_copy(bus->session, sizeof(bus->session), session);
	send_question(bus);
}

/* --- the connection --- */

static bool say(int fd, const char *text, size_t len)
{
	return send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* EXTERNAL: the kernel tells the bus who we are. */
static bool authenticate(int fd)
{
	char hello[64], id[16], answer[128];
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	ssize_t n;
	int len = snprintf(id, sizeof(id), "%u", (unsigned)geteuid());
	int used = snprintf(hello, sizeof(hello), "%cAUTH EXTERNAL ", 0);

	for (int i = 0; i < len; i++)
		used += snprintf(hello + used, sizeof(hello) - (size_t)used, "%02x",
				 (unsigned char)id[i]);
	used += snprintf(hello + used, sizeof(hello) - (size_t)used, "\r\n");
	if (!say(fd, hello, (size_t)used) || poll(&wait, 1, AUTH_MS) != 1)
		return false;
	n = recv(fd, answer, sizeof(answer) - 1, 0);
	if (n < 3 || memcmp(answer, "OK ", 3) != 0)
		return false;
	return say(fd, "BEGIN\r\n", 7);
}

static bool subscribe(struct gate_bus *bus)
{
	const struct call hello = {"org.freedesktop.DBus",
				   "/org/freedesktop/DBus",
				   "org.freedesktop.DBus",
				   "Hello",
				   {NULL, NULL}};
	const struct call match = {
		"org.freedesktop.DBus",
		"/org/freedesktop/DBus",
		"org.freedesktop.DBus",
		"AddMatch",
		{"type='signal',sender='org.freedesktop.login1',"
		 "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',"
		 "path_namespace='/org/freedesktop/login1/session'",
		 NULL}};

	return send_call(bus, &hello) && send_call(bus, &match);
}

int gate_bus_open(struct gate_bus **out, const char *path, int *out_fd, struct err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct gate_bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return err_set(err, ERR_NOMEM, "out of memory");
	bus->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!text_copy(to.sun_path, sizeof(to.sun_path), path) || bus->fd < 0 ||
	    connect(bus->fd, (const struct sockaddr *)&to, sizeof(to)) < 0 ||
	    !authenticate(bus->fd) || !subscribe(bus)) {
		gate_bus_close(bus);
		return err_set(err, ERR_UNSUPPORTED, "the system bus at '%s' cannot be heard",
			       path);
	}
	*out = bus;
	*out_fd = bus->fd;
	return 0;
}

void gate_bus_close(struct gate_bus *bus)
{
	if (!bus)
		return;
	if (bus->fd >= 0)
		close(bus->fd);
	free(bus);
}
