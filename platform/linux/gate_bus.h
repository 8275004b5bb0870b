/* The little of D-Bus that tells whether logind's active session is locked: five method calls and
 * two signals.  A library for it would be half as large as the daemon's memory.
 *
 * Anybody on the machine may send us anything: only what the bus itself and logind say counts, and
 * what is long or not understood goes by unread.  Nothing here waits but gate_bus_wait().  For
 * platform/linux/gate_*.c alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_GATE_BUS_H
#define CARETAKER_PLATFORM_LINUX_GATE_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct gate_bus;

/* Connects to the system bus at 'path'; 'fd' becomes readable when something was said. */
int gate_bus_open(struct gate_bus **out, const char *path, int *out_fd, struct err *err);
void gate_bus_close(struct gate_bus *bus);

/* From now on it is 'session' ("c2") whose lock is asked about; answers come by gate_bus_read(). */
void gate_bus_ask(struct gate_bus *bus, const char *session);
/* Takes what was said: -1 when the connection is over, 1 when the answer may be another now. */
int gate_bus_read(struct gate_bus *bus);
/* The same until the session's answer is there, for so long at most. */
int gate_bus_wait(struct gate_bus *bus, unsigned timeout_ms);
/* Whether this is the session that was asked about last, and was answered. */
bool gate_bus_answer(const struct gate_bus *bus, const char *session, bool *out_locked);

/* For tests. */
struct gate_bus_message {
	unsigned char type; /* 0: it is not understood, and nothing below is there */
	bool big;           /* its numbers begin with the high byte */
	uint32_t reply;     /* what it answers; 0: nothing */
	const char *path, *interface, *member, *sender, *signature; /* within it; "" none */
	const unsigned char *body;
	size_t body_len;
};
/* A message's length when 'len' bytes hold it whole, 0 when more must come, -1 when it is none. */
long gate_bus_parse(const unsigned char *bytes, size_t len, struct gate_bus_message *out);

#endif
