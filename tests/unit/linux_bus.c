/* platform/linux/gate_bus.c beside a bus that a test speaks for: a real socket, and messages as the
 * bus passes them on, whoever sent them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_bus.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { RETURN = 2, ERROR = 3, SIGNAL = 4 };
/* What is called is counted from 1: Hello, two AddMatch. */
enum { OWNER_CALL = 4, FIRST_QUESTION };

static char folder[] = "/tmp/caretaker-bus-XXXXXX", path[64];
static int listener = -1, peer = -1;
static struct gate_bus *bus;
static char heard[65536]; /* all that we said to the bus */
static size_t heard_len;

/* --- messages --- */

struct saying {
	unsigned char type, order; /* 'B', else 'l' */
	uint32_t reply;
	const char *sender, *path, *interface, *member, *signature;
	const void *body;
	size_t body_len;
};

struct bytes {
	unsigned char all[4096];
	size_t len;
};

static void put(struct bytes *to, const void *from, size_t len)
{
	memcpy(to->all + to->len, from, len);
	to->len += len;
}

static void pad(struct bytes *to, size_t unit)
{
	while (to->len % unit)
		put(to, "", 1);
}

static void set_number(unsigned char *at, uint32_t number, bool big)
{
	for (unsigned i = 0; i < 4; i++)
		at[big ? 3 - i : i] = (unsigned char)(number >> 8 * i);
}

static void put_number(struct bytes *to, uint32_t number, bool big)
{
	unsigned char four[4];

	pad(to, 4);
	set_number(four, number, big);
	put(to, four, 4);
}

static void put_text(struct bytes *to, const char *text, bool big)
{
	put_number(to, (uint32_t)strlen(text), big);
	put(to, text, strlen(text) + 1);
}

static void put_field(struct bytes *to, char code, char type, const char *text, bool big)
{
	if (!text)
		return;
	pad(to, 8);
	put(to, (const char[]){code, 1, type, 0}, 4);
	if (type == 'g') {
		put(to, (const unsigned char[]){(unsigned char)strlen(text)}, 1);
		put(to, text, strlen(text) + 1);
	} else {
		put_text(to, text, big);
	}
}

static void compose(struct bytes *to, const struct saying *s)
{
	bool big = s->order == 'B';

	memset(to, 0, sizeof(*to));
	to->all[0] = big ? 'B' : 'l';
	to->all[1] = s->type;
	to->all[3] = 1;
	set_number(to->all + 4, (uint32_t)s->body_len, big);
	set_number(to->all + 8, 99, big);
	to->len = 16;
	if (s->reply) {
		put(to, (const char[]){5, 1, 'u', 0}, 4);
		put_number(to, s->reply, big);
	}
	put_field(to, 1, 'o', s->path, big);
	put_field(to, 2, 's', s->interface, big);
	put_field(to, 3, 's', s->member, big);
	put_field(to, 7, 's', s->sender, big);
	put_field(to, 8, 'g', s->signature, big);
	set_number(to->all + 12, (uint32_t)(to->len - 16), big);
	pad(to, 8);
	if (s->body_len)
		put(to, s->body, s->body_len);
}

static void send_all(const void *bytes, size_t len)
{
	assert_int_equal(send(peer, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void say(const struct saying *s)
{
	struct bytes message;

	compose(&message, s);
	send_all(message.all, message.len);
}

static void say_owner(const char *sender, uint32_t reply, const char *owner)
{
	struct bytes body = {.len = 0};

	put_text(&body, owner, false);
	say(&(struct saying){.type = RETURN,
			     .reply = reply,
			     .sender = sender,
			     .signature = "s",
			     .body = body.all,
			     .body_len = body.len});
}

static void say_owner_changed(const char *sender, const char *now)
{
	struct bytes body = {.len = 0};

	put_text(&body, "org.freedesktop.login1", false);
	put_text(&body, ":1.5", false);
	put_text(&body, now, false);
	say(&(struct saying){.type = SIGNAL,
			     .sender = sender,
			     .path = "/org/freedesktop/DBus",
			     .interface = "org.freedesktop.DBus",
			     .member = "NameOwnerChanged",
			     .signature = "sss",
			     .body = body.all,
			     .body_len = body.len});
}

static void say_locked(const char *sender, uint32_t reply, bool locked)
{
	say(&(struct saying){.type = RETURN,
			     .reply = reply,
			     .sender = sender,
			     .signature = "v",
			     .body = locked ? "\1b\0\0\1\0\0" : "\1b\0\0\0\0\0",
			     .body_len = 8});
}

static void say_changed(const char *sender, const char *session)
{
	char at[80];

	(void)snprintf(at, sizeof(at), "/org/freedesktop/login1/session/%s", session);
	say(&(struct saying){.type = SIGNAL,
			     .sender = sender,
			     .path = at,
			     .interface = "org.freedesktop.DBus.Properties",
			     .member = "PropertiesChanged"});
}

/* --- the bus --- */

/* How often we have said this by now. */
static unsigned said(const char *what)
{
	unsigned count = 0;
	ssize_t n;

	while ((n = recv(peer, heard + heard_len, sizeof(heard) - heard_len, MSG_DONTWAIT)) > 0)
		heard_len += (size_t)n;
	for (size_t i = 0; i + strlen(what) <= heard_len; i++)
		count += memcmp(heard + i, what, strlen(what)) == 0;
	return count;
}

static bool is_locked(bool *out_known)
{
	bool locked;

	*out_known = gate_bus_answer(bus, "c2", &locked);
	return locked;
}

static void is(bool known, bool locked)
{
	bool is_known, now = is_locked(&is_known);

	if (is_known != known || now != locked)
		fail_msg("known %d, locked %d; want %d, %d", is_known, now, known, locked);
}

static int connect_bus(void **state)
{
	struct err err;
	int fd;

	(void)state;
	heard_len = 0;
	if (gate_bus_open(&bus, path, &fd, &err) < 0)
		return -1;
	peer = accept(listener, NULL, NULL);
	return peer < 0 ? -1 : 0;
}

static int hang_up(void **state)
{
	(void)state;
	gate_bus_close(bus);
	bus = NULL;
	close(peer);
	return 0;
}

/* Connected, and logind is ":1.5"; session c2 is asked about. */
static int begin(void **state)
{
	if (connect_bus(state) < 0)
		return -1;
	gate_bus_ask(bus, "c2");
	send_all("OK 0\r\n", 6);
	say_owner("org.freedesktop.DBus", OWNER_CALL, ":1.5");
	return gate_bus_read(bus) == 1 ? 0 : -1;
}

static int make_bus(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/bus", folder);
	strcpy(at.sun_path, path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
			       listen(listener, 4) < 0
		       ? -1
		       : 0;
}

static int remove_bus(void **state)
{
	(void)state;
	close(listener);
	(void)unlink(path);
	return rmdir(folder);
}

/* --- what is understood --- */

static bool ends_within(const char *text, const unsigned char *bytes, size_t len)
{
	const char *end = (const char *)bytes + len;

	return text[0] == '\0' || memchr(text, 0, (size_t)(end - text));
}

static void a_message_is_bounded_and_checked(void **state)
{
	static const char orders[] = {'l', 'B'};
	struct gate_bus_message m;
	struct bytes good, bad;

	(void)state;
	for (size_t order = 0; order < 2; order++) {
		compose(&good, &(struct saying){.type = RETURN,
						.order = (unsigned char)orders[order],
						.reply = 3,
						.sender = ":1.5",
						.path = "/a",
						.signature = "v",
						.body = "\1b\0\0\1\0\0",
						.body_len = 8});
		assert_int_equal(gate_bus_parse(good.all, good.len, &m), good.len);
		assert_int_equal(m.type, RETURN);
		assert_int_equal(m.reply, 3);
		assert_string_equal(m.sender, ":1.5");
		assert_string_equal(m.path, "/a");
		assert_string_equal(m.member, "");
		assert_string_equal(m.signature, "v");
		assert_int_equal(m.body_len, 8);
		assert_ptr_equal(m.body, good.all + good.len - 8);
		for (size_t len = 0; len < good.len; len++)
			assert_int_equal(gate_bus_parse(good.all, len, &m), 0);
		/* Every byte wrong in every way: never read beyond, never longer than it is. */
		for (size_t i = 0; i < good.len; i++)
			for (unsigned wrong = 0; wrong < 256; wrong++) {
				unsigned char *exact = malloc(good.len);

				assert_non_null(exact);
				memcpy(exact, good.all, good.len);
				exact[i] = (unsigned char)wrong;
				assert_in_range(gate_bus_parse(exact, good.len, &m) + 1, 0,
						good.len + 1);
				if (m.type)
					assert_true(ends_within(m.sender, exact, good.len) &&
						    ends_within(m.path, exact, good.len) &&
						    ends_within(m.signature, exact, good.len));
				free(exact);
			}
	}
	bad = good;
	bad.all[0] = 'x'; /* no such order of bytes */
	assert_int_equal(gate_bus_parse(bad.all, bad.len, &m), -1);
	bad = good;
	bad.all[3] = 2; /* no such protocol */
	assert_int_equal(gate_bus_parse(bad.all, bad.len, &m), -1);
	bad = good;
	bad.all[4] = 9; /* 144 MiB: more than any message may have */
	assert_int_equal(gate_bus_parse(bad.all, bad.len, &m), -1);
	bad = good;
	*(unsigned char *)(strstr((char *)memchr(bad.all, ':', bad.len), ":1.5") + 4) = 'x';
	assert_int_equal(gate_bus_parse(bad.all, bad.len, &m), bad.len); /* its end is missing */
	assert_int_equal(m.type, 0);
	bad = good;
	bad.all[18] = 'y'; /* a field of a type that none has: of anybody's, and none of ours */
	assert_int_equal(gate_bus_parse(bad.all, bad.len, &m), bad.len);
	assert_int_equal(m.type, 0);
}

static void the_lock_is_what_logind_answers(void **state)
{
	(void)state;
	is(false, false);
	assert_int_equal(said("LockedHint"), 1);
	assert_int_equal(said("/org/freedesktop/login1/session/c2"), 1);
	assert_int_equal(said(":1.5"), 1); /* it is who is asked */
	say_locked(":1.5", FIRST_QUESTION, true);
	assert_int_equal(gate_bus_read(bus), 1);
	is(true, true);
	say_changed(":1.5", "c2");
	assert_int_equal(gate_bus_read(bus), 0);
	assert_int_equal(said("LockedHint"), 2);
	say_locked(":1.5", FIRST_QUESTION + 1, false);
	assert_int_equal(gate_bus_read(bus), 1);
	is(true, false);
	say_changed(":1.5", "c3"); /* another's */
	assert_int_equal(gate_bus_read(bus), 0);
	assert_int_equal(said("LockedHint"), 2);
}

static void its_numbers_begin_with_whichever_byte(void **state)
{
	(void)state;
	say(&(struct saying){.type = RETURN,
			     .order = 'B',
			     .reply = FIRST_QUESTION,
			     .sender = ":1.5",
			     .signature = "v",
			     .body = "\1b\0\0\0\0\0\1",
			     .body_len = 8});
	assert_int_equal(gate_bus_read(bus), 1);
	is(true, true);
}

static void what_another_sends_counts_for_nothing(void **state)
{
	static const char *const others[] = {":1.66", ":1.55", ":1", "org.freedesktop.login1",
					     NULL};

	(void)state;
	say_locked(":1.5", FIRST_QUESTION, true);
	assert_int_equal(gate_bus_read(bus), 1);
	say_changed(":1.5", "c2");
	assert_int_equal(gate_bus_read(bus), 0);
	for (size_t i = 0; i < COUNT(others); i++) {
		say_locked(others[i], FIRST_QUESTION + 1, false);
		say_owner(others[i], OWNER_CALL, ":1.66");
		say_owner_changed(others[i], ":1.66");
		for (unsigned times = 0; times < 50; times++)
			say_changed(others[i], "c2");
		assert_int_equal(gate_bus_read(bus), 0);
	}
	/* Not asked again either: nobody drowns the answer, which still counts. */
	assert_int_equal(said("LockedHint"), 2);
	is(true, true);
	say_locked(":1.5", FIRST_QUESTION + 1, false);
	assert_int_equal(gate_bus_read(bus), 1);
	is(true, false);
}

static void changes_while_an_answer_is_awaited_are_asked_about_after_it(void **state)
{
	(void)state;
	for (unsigned times = 0; times < 100; times++)
		say_changed(":1.5", "c2");
	assert_int_equal(gate_bus_read(bus), 0);
	assert_int_equal(said("LockedHint"), 1);
	say_locked(":1.5", FIRST_QUESTION, false);
	assert_int_equal(gate_bus_read(bus), 1);
	assert_int_equal(said("LockedHint"), 2);
	say_locked(":1.5", FIRST_QUESTION + 1, true);
	assert_int_equal(gate_bus_read(bus), 1);
	assert_int_equal(said("LockedHint"), 2);
	is(true, true);
}

/* The body is sent in pieces, as a socket takes them. */
static void send_long(unsigned char order, uint32_t body_len, unsigned fields_extra)
{
	static const char nothing[4096];
	struct bytes head;
	char *text = calloc(1, fields_extra + 1);
	size_t left;

	assert_non_null(text);
	memset(text, 'x', fields_extra);
	compose(&head, &(struct saying){.type = SIGNAL,
					.order = order,
					.sender = ":1.66",
					.path = "/a",
					.interface = "a.b",
					.member = text});
	free(text);
	set_number(head.all + 4, body_len, order == 'B');
	send_all(head.all, head.len);
	assert_int_equal(gate_bus_read(bus), 0);
	for (left = body_len; left; left -= left < sizeof(nothing) ? left : sizeof(nothing)) {
		send_all(nothing, left < sizeof(nothing) ? left : sizeof(nothing));
		assert_int_equal(gate_bus_read(bus), 0);
	}
}

static void what_is_too_long_to_be_for_us_goes_by(void **state)
{
	static const struct {
		unsigned char order;
		uint32_t body_len;
	} cases[] = {
		{'l', 15000}, {'l', 16384 - 56}, {'l', 16384},         {'l', 16385},
		{'B', 20000}, {'l', 1 << 20},    {'B', (8 << 20) + 3},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		send_long(cases[i].order, cases[i].body_len, (unsigned)i);
		is(i > 0, i % 2 == 0 && i > 0);
		say_changed(":1.5", "c2"); /* as many as were asked for: nothing was lost */
		assert_int_equal(gate_bus_read(bus), 0);
		say_locked(":1.5", FIRST_QUESTION + (uint32_t)i, i % 2 == 1);
		assert_int_equal(gate_bus_read(bus), 1);
		is(true, i % 2 == 1);
		assert_int_equal(said("LockedHint"), i + 2);
	}
}

static void a_message_and_what_follows_may_come_byte_by_byte(void **state)
{
	struct bytes message;

	(void)state;
	compose(&message, &(struct saying){.type = RETURN,
					   .reply = FIRST_QUESTION,
					   .sender = ":1.5",
					   .signature = "v",
					   .body = "\1b\0\0\1\0\0",
					   .body_len = 8});
	for (size_t i = 0; i < message.len; i++) {
		is(false, false);
		send_all(message.all + i, 1);
		assert_int_equal(gate_bus_read(bus), i + 1 == message.len);
	}
	is(true, true);
}

static void what_does_not_answer_as_asked_is_not_known(void **state)
{
	(void)state;
	say(&(struct saying){.type = ERROR, .reply = FIRST_QUESTION, .sender = ":1.5"});
	assert_int_equal(gate_bus_read(bus), 1);
	is(false, false);
	gate_bus_ask(bus, "c2"); /* another look at the seat asks again */
	assert_int_equal(said("LockedHint"), 2);
	say(&(struct saying){.type = RETURN,
			     .reply = FIRST_QUESTION + 1,
			     .sender = ":1.5",
			     .signature = "s",
			     .body = "\1b\0\0\1\0\0",
			     .body_len = 8});
	assert_int_equal(gate_bus_read(bus), 1);
	is(false, false);
}

static void a_logind_that_begins_anew_is_asked_anew(void **state)
{
	(void)state;
	say_locked(":1.5", FIRST_QUESTION, false);
	assert_int_equal(gate_bus_read(bus), 1);
	say_owner_changed("org.freedesktop.DBus", "");
	assert_int_equal(gate_bus_read(bus), 1);
	is(false, false);
	say_changed(":1.5", "c2"); /* it is nobody's any more */
	assert_int_equal(gate_bus_read(bus), 0);
	assert_int_equal(said("LockedHint"), 1);
	say_owner_changed("org.freedesktop.DBus", ":1.80");
	assert_int_equal(gate_bus_read(bus), 1);
	assert_int_equal(said("LockedHint"), 2);
	say_locked(":1.80", FIRST_QUESTION + 1, true);
	assert_int_equal(gate_bus_read(bus), 1);
	is(true, true);
}

static void another_session_is_asked_about_at_once(void **state)
{
	bool locked;

	(void)state;
	gate_bus_ask(bus, "7");
	assert_int_equal(said("/org/freedesktop/login1/session/_37"), 1);
	say_locked(":1.5", FIRST_QUESTION, true); /* of the one before */
	assert_int_equal(gate_bus_read(bus), 0);
	assert_false(gate_bus_answer(bus, "7", &locked));
	say_locked(":1.5", FIRST_QUESTION + 1, true);
	assert_int_equal(gate_bus_read(bus), 1);
	assert_true(gate_bus_answer(bus, "7", &locked));
	assert_true(locked);
	is(false, false);
}

static void nothing_waits_for_a_bus_that_is_silent(void **state)
{
	(void)state;
	gate_bus_ask(bus, "c2");
	assert_int_equal(gate_bus_read(bus), 0);
	assert_int_equal(gate_bus_wait(bus, 20), 0);
	is(false, false);
	assert_int_equal(said("BEGIN"), 0);
	send_all("OK 0\r", 5);
	assert_int_equal(gate_bus_wait(bus, 20), 0);
	send_all("\n", 1);
	say_owner("org.freedesktop.DBus", OWNER_CALL, ":1.5");
	assert_int_equal(gate_bus_wait(bus, 20), 1);
	assert_int_equal(said("BEGIN"), 1);
	say_locked(":1.5", FIRST_QUESTION, true);
	assert_int_equal(gate_bus_wait(bus, 60000), 1); /* no longer than until the answer */
	is(true, true);
}

static void a_bus_that_refuses_hangs_up_or_raves_is_left(void **state)
{
	static const char *const cases[] = {"REJECTED EXTERNAL\r\n",
					    "OK 0\r\nHTTP/1.1 400 Bad\r\n"};
	char endless[300];

	memset(endless, 'x', sizeof(endless));
	send_all(endless, sizeof(endless));
	assert_int_equal(gate_bus_read(bus), -1);
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(hang_up(state) + connect_bus(state), 0);
		send_all(cases[i], strlen(cases[i]));
		assert_int_equal(gate_bus_read(bus), -1);
	}
	assert_int_equal(hang_up(state) + begin(state), 0);
	(void)shutdown(peer, SHUT_RDWR);
	assert_int_equal(gate_bus_read(bus), -1);
	assert_int_equal(gate_bus_wait(bus, 60000), -1);
}

#define BEGUN(name) cmocka_unit_test_setup_teardown(name, begin, hang_up)
#define CONNECTED(name) cmocka_unit_test_setup_teardown(name, connect_bus, hang_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_bounded_and_checked),
		BEGUN(the_lock_is_what_logind_answers),
		BEGUN(its_numbers_begin_with_whichever_byte),
		BEGUN(what_another_sends_counts_for_nothing),
		BEGUN(changes_while_an_answer_is_awaited_are_asked_about_after_it),
		BEGUN(what_is_too_long_to_be_for_us_goes_by),
		BEGUN(a_message_and_what_follows_may_come_byte_by_byte),
		BEGUN(what_does_not_answer_as_asked_is_not_known),
		BEGUN(a_logind_that_begins_anew_is_asked_anew),
		BEGUN(another_session_is_asked_about_at_once),
		CONNECTED(nothing_waits_for_a_bus_that_is_silent),
		CONNECTED(a_bus_that_refuses_hangs_up_or_raves_is_left),
	};

	return cmocka_run_group_tests(tests, make_bus, remove_bus);
}
