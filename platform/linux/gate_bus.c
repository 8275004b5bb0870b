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
#include "platform/os.h"

#define IN_MAX 16384 /* a session's properties are some hundred bytes */
#define OUT_MAX 1024
#define GREETING_MAX 256
#define MESSAGE_MAX (128u << 20)
#define READS_MAX 64 /* at once: whoever sends us a flood does not stop everything else */

#define BUS "org.freedesktop.DBus"
#define LOGIND "org.freedesktop.login1"
#define GATE_BUS_PATH 256
#define PROPERTIES "org.freedesktop.DBus.Properties"

enum { CALL = 1, RETURN = 2, ERROR = 3, SIGNAL = 4 };
enum {
	PATH = 1,
	INTERFACE = 2,
	MEMBER = 3,
	REPLY_SERIAL = 5,
	DESTINATION = 6,
	SENDER = 7,
	SIGNATURE = 8,
	FIELDS
};

struct gate_bus {
	int fd;
	bool greeted;
	uint32_t serial, asked; /* 'asked': the serial of the question that waits; 0: none does */
	bool again;             /* something changed since it was asked */
	uint32_t owner_asked;   /* likewise, who logind is */
	char owner[64];         /* of logind's name: ":1.5"; "" nobody, or not yet known */
	char session[64];       /* that was asked about last */
	bool locked, known;
	uint64_t skip; /* bytes that are still to come of a message too long to be for us */
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

static bool say(int fd, const void *bytes, size_t len)
{
	return send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
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
	return !m.full && say(bus->fd, m.bytes, m.len);
}

/* --- reading --- */

/* Whoever wrote it chose the order of its bytes; the bus passes it on as it is. */
static uint32_t number_at(const unsigned char *at, bool big)
{
	uint32_t number = 0;

	for (unsigned i = 0; i < 4; i++)
		number |= (uint32_t)at[big ? 3 - i : i] << 8 * i;
	return number;
}

static size_t align(size_t at, size_t to)
{
	return (at + to - 1) / to * to;
}

/* Past a text, which ends in a NUL that its length does not count; 0 when it is none. */
static size_t parse_text(const unsigned char *bytes, size_t at, size_t end, bool big,
			 const char **out)
{
	size_t len;

	at = align(at, 4);
	if (at > end || end - at < 5)
		return 0;
	len = number_at(bytes + at, big);
	at += 4;
	if (len >= end - at || memchr(bytes + at, 0, len + 1) != bytes + at + len)
		return 0;
	*out = (const char *)bytes + at;
	return at + len + 1;
}

/* The text fields of a header, by code; NULL: not there. */
struct fields {
	const char *texts[FIELDS];
	uint32_t reply;
};

/* Past one header field; 0 when it is none that is known, or is there twice. */
static size_t parse_field(const unsigned char *bytes, size_t at, size_t end, bool big,
			  struct fields *out)
{
	const char *text = NULL;
	unsigned char code, type;

	at = align(at, 8);
	if (at > end || end - at < 6 || bytes[at + 1] != 1 || bytes[at + 3] != 0)
		return 0;
	code = bytes[at];
	type = bytes[at + 2];
	at += 4;
	if (type == 'g') {
		size_t len = bytes[at];

		if (len + 2 > end - at || bytes[at + 1 + len] != 0)
			return 0;
		text = (const char *)bytes + at + 1;
		at += len + 2;
	} else if (type == 'u') {
		if (end - at < 4)
			return 0;
		if (code == REPLY_SERIAL)
			out->reply = number_at(bytes + at, big);
		return at + 4;
	} else if (type == 's' || type == 'o') {
		at = parse_text(bytes, at, end, big, &text);
	} else {
		return 0;
	}
	if (!at || code >= FIELDS || out->texts[code])
		return 0;
	out->texts[code] = text;
	return at;
}

/* Of a message by its first 16 bytes, and of its header; 0: this is no message. */
static uint64_t length_of(const unsigned char *bytes, uint64_t *out_head)
{
	bool big = bytes[0] == 'B';
	uint64_t whole;

	if ((!big && bytes[0] != 'l') || bytes[3] != 1 || number_at(bytes + 12, big) > MESSAGE_MAX)
		return 0;
	*out_head = align(16 + (size_t)number_at(bytes + 12, big), 8);
	whole = *out_head + number_at(bytes + 4, big);
	return whole <= MESSAGE_MAX ? whole : 0;
}

static const char *text_or_none(const char *text)
{
	return text ? text : "";
}

long gate_bus_parse(const unsigned char *bytes, size_t len, struct gate_bus_message *out)
{
	struct fields fields = {.reply = 0};
	uint64_t whole, body;
	size_t at = 16, end;

	memset(out, 0, sizeof(*out));
	if (len < 16)
		return 0;
	whole = length_of(bytes, &body);
	if (!whole)
		return -1;
	if (len < whole)
		return 0;
	out->big = bytes[0] == 'B';
	end = 16 + (size_t)number_at(bytes + 12, out->big);
	while (at && at < end)
		at = parse_field(bytes, at, end, out->big, &fields);
	if (!at)
		return (long)whole; /* anybody may send us what we do not understand */
	out->type = bytes[1];
	out->reply = fields.reply;
	out->path = text_or_none(fields.texts[PATH]);
	out->interface = text_or_none(fields.texts[INTERFACE]);
	out->member = text_or_none(fields.texts[MEMBER]);
	out->sender = text_or_none(fields.texts[SENDER]);
	out->signature = text_or_none(fields.texts[SIGNATURE]);
	out->body = bytes + body;
	out->body_len = (size_t)(whole - body);
	return (long)whole;
}

/* --- what is said --- */

/* The texts of a body that holds nothing else; false when it is not so. */
static bool read_texts(const struct gate_bus_message *m, unsigned count, const char *out[])
{
	size_t at = 0;

	if (strncmp(m->signature, "sss", count) != 0 || m->signature[count])
		return false;
	for (unsigned i = 0; i < count; i++) {
		at = parse_text(m->body, at, m->body_len, m->big, &out[i]);
		if (!at)
			return false;
	}
	return true;
}

static void encode_session(const char *session, char *out, size_t size);
static void send_question(struct gate_bus *bus);

/* Logind has begun, has ended or is now known. */
static void take_owner(struct gate_bus *bus, const char *owner)
{
	bus->owner_asked = bus->asked = 0;
	bus->known = bus->again = false; /* what one before it said is of another life */
	if (!text_copy(bus->owner, sizeof(bus->owner), owner))
		bus->owner[0] = '\0';
	send_question(bus);
}

/* The answer's body is a variant that holds a boolean: its signature, then four bytes. */
static void take_answer(struct gate_bus *bus, const struct gate_bus_message *m)
{
	bus->asked = 0;
	bus->known = m->type == RETURN && strcmp(m->signature, "v") == 0 && m->body_len == 8 &&
		     memcmp(m->body, "\1b\0", 3) == 0;
	bus->locked = bus->known && number_at(m->body + 4, m->big) == 1;
	if (bus->again)
		send_question(bus);
}

/* The bus itself writes who sent a message, whatever its sender wrote there. */
static bool take_message(struct gate_bus *bus, const struct gate_bus_message *m)
{
	bool answers = (m->type == RETURN || m->type == ERROR) && m->reply != 0;
	bool by_bus = m->type && strcmp(m->sender, BUS) == 0;
	char path[GATE_BUS_PATH];
	const char *words[3];

	if (by_bus && answers && m->reply == bus->owner_asked) {
		take_owner(bus, m->type == RETURN && read_texts(m, 1, words) ? words[0] : "");
		return true;
	}
	if (by_bus && m->type == SIGNAL && strcmp(m->interface, BUS) == 0 &&
	    strcmp(m->member, "NameOwnerChanged") == 0 && read_texts(m, 3, words) &&
	    strcmp(words[0], LOGIND) == 0) {
		take_owner(bus, words[2]);
		return true;
	}
	/* Where logind has just ended the bus answers in its place. */
	if (!by_bus && (!m->type || !bus->owner[0] || strcmp(m->sender, bus->owner) != 0))
		return false;
	if (answers && m->reply == bus->asked) {
		take_answer(bus, m);
		return true;
	}
	encode_session(bus->session, path, sizeof(path));
	if (!by_bus && m->type == SIGNAL && strcmp(m->interface, PROPERTIES) == 0 &&
	    strcmp(m->member, "PropertiesChanged") == 0 && strcmp(m->path, path) == 0)
		send_question(bus);
	return false;
}

static void drop(struct gate_bus *bus, size_t len)
{
	bus->len -= len;
	memmove(bus->in, bus->in + len, bus->len);
}

/* What is longer than we read is none of what we asked for: it goes by unread. */
static void skip(struct gate_bus *bus)
{
	size_t gone = bus->skip < bus->len ? (size_t)bus->skip : bus->len;

	bus->skip -= gone;
	drop(bus, gone);
}

static int take_messages(struct gate_bus *bus)
{
	struct gate_bus_message m;
	uint64_t head;
	size_t at = 0;
	int changed = 0;
	long len;

	while ((len = gate_bus_parse(bus->in + at, bus->len - at, &m)) > 0) {
		changed |= take_message(bus, &m);
		at += (size_t)len;
	}
	if (len < 0)
		return -1;
	drop(bus, at);
	if (bus->len >= 16 && length_of(bus->in, &head) > sizeof(bus->in)) {
		bus->skip = length_of(bus->in, &head);
		skip(bus);
	}
	return changed;
}

static int take_greeting(struct gate_bus *bus);

/* Whatever it is that came. */
static int take_bytes(struct gate_bus *bus)
{
	skip(bus);
	if (!bus->greeted && take_greeting(bus) < 0)
		return -1;
	return bus->greeted ? take_messages(bus) : 0;
}

int gate_bus_read(struct gate_bus *bus)
{
	int changed = 0, more;
	ssize_t n;

	for (unsigned i = 0; i < READS_MAX; i++) {
		n = recv(bus->fd, bus->in + bus->len, sizeof(bus->in) - bus->len, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return changed;
		if (n <= 0)
			return -1;
		bus->len += (size_t)n;
		more = take_bytes(bus);
		if (more < 0)
			return -1;
		changed |= more;
	}
	return changed; /* the rest makes the descriptor readable again */
}

int gate_bus_wait(struct gate_bus *bus, unsigned timeout_ms)
{
	int64_t end = plat_uptime_ms() + timeout_ms, left;
	struct pollfd wait = {.fd = bus->fd, .events = POLLIN};
	int changed = 0, more;

	while (bus->session[0] && !bus->known && (left = end - plat_uptime_ms()) > 0) {
		if (poll(&wait, 1, (int)left) <= 0)
			continue;
		more = gate_bus_read(bus);
		if (more < 0)
			return -1;
		changed |= more;
	}
	return changed;
}

bool gate_bus_answer(const struct gate_bus *bus, const char *session, bool *out_locked)
{
	bool is_known = bus->known && strcmp(session, bus->session) == 0;

	*out_locked = is_known && bus->locked;
	return is_known;
}

/* --- calls --- */

/* Where it is on the bus.  An object's path holds letters, and digits but not first, as they are:
 * "2" is "_32". */
static void encode_session(const char *session, char *out, size_t size)
{
	size_t len = (size_t)snprintf(out, size, "/org/freedesktop/login1/session/");

	for (const char *at = session; *at && len + 4 < size; at++) {
		if (isalpha((unsigned char)*at) || (isdigit((unsigned char)*at) && at > session))
			out[len++] = *at;
		else
			len += (size_t)snprintf(out + len, size - len, "_%02x", (unsigned char)*at);
	}
	out[len] = '\0';
}

/* One at a time: an answer that is awaited is not given up because of what comes in between. */
static void send_question(struct gate_bus *bus)
{
	char path[GATE_BUS_PATH];
	const struct call call = {bus->owner,
				  path,
				  PROPERTIES,
				  "Get",
				  {"org.freedesktop.login1.Session", "LockedHint"}};

	bus->again = bus->asked != 0;
	if (bus->asked || !bus->session[0] || !bus->owner[0])
		return;
	encode_session(bus->session, path, sizeof(path));
	if (send_call(bus, &call))
		bus->asked = bus->serial;
	else
		(void)shutdown(bus->fd, SHUT_RDWR); /* gate_bus_read() finds it at its end */
}

void gate_bus_ask(struct gate_bus *bus, const char *session)
{
	bool same = strcmp(session, bus->session) == 0;

	if (same && (bus->known || bus->asked))
		return; /* each of its changes is asked about as it is signalled */
	bus->known = bus->locked = false;
	bus->asked = 0;
	(void)text_copy(bus->session, sizeof(bus->session), session);
	send_question(bus);
}

/* --- the connection --- */

/* EXTERNAL: the kernel tells the bus who we are. */
static bool authenticate(int fd)
{
	char hello[64], id[16];
	int len = snprintf(id, sizeof(id), "%u", (unsigned)geteuid());
	int used = snprintf(hello, sizeof(hello), "%cAUTH EXTERNAL ", 0);

	for (int i = 0; i < len; i++)
		used += snprintf(hello + used, sizeof(hello) - (size_t)used, "%02x",
				 (unsigned char)id[i]);
	used += snprintf(hello + used, sizeof(hello) - (size_t)used, "\r\n");
	return say(fd, hello, (size_t)used);
}

static bool subscribe(struct gate_bus *bus)
{
	const char *const calls[][2] = {
		{"Hello", NULL},
		{"AddMatch",
		 "type='signal',sender='" LOGIND "',interface='" PROPERTIES
		 "',member='PropertiesChanged',path_namespace='/org/freedesktop/login1/session'"},
		{"AddMatch", "type='signal',sender='" BUS "',interface='" BUS
			     "',member='NameOwnerChanged',arg0='" LOGIND "'"},
		{"GetNameOwner", LOGIND},
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const struct call call = {
			BUS, "/org/freedesktop/DBus", BUS, calls[i][0], {calls[i][1], NULL}};

		if (!send_call(bus, &call))
			return false;
	}
	bus->owner_asked = bus->serial;
	return true;
}

static int take_greeting(struct gate_bus *bus)
{
	const unsigned char *end = memchr(bus->in, '\n', bus->len);

	if (!end)
		return bus->len < GREETING_MAX ? 0 : -1;
	if (bus->len < 3 || memcmp(bus->in, "OK ", 3) != 0 || !say(bus->fd, "BEGIN\r\n", 7) ||
	    !subscribe(bus))
		return -1;
	bus->greeted = true;
	drop(bus, (size_t)(end - bus->in) + 1);
	return 0;
}

int gate_bus_open(struct gate_bus **out, const char *path, int *out_fd, struct err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct gate_bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return err_set(err, ERR_NOMEM, "out of memory");
	bus->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (!text_copy(to.sun_path, sizeof(to.sun_path), path) || bus->fd < 0 ||
	    connect(bus->fd, (const struct sockaddr *)&to, sizeof(to)) < 0 ||
	    !authenticate(bus->fd)) {
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
