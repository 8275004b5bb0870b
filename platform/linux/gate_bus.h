/* The little of D-Bus that tells whether logind's active session is locked: three method calls and
 * one signal.  A library for it would be half as large as the daemon's memory.
 *
 * What comes is the bus's word, bounded and checked; anything that is not understood ends the
 * connection, and then nobody knows of a lock.  For platform/linux/gate_*.c alone.
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
/* The answer of the session that was asked about last; false while there is none. */
bool gate_bus_locked(const struct gate_bus *bus, const char *session);

/* For tests: a message's length when 'len' bytes hold it whole, 0 when more must come, -1 when it
 * is none.  '*out_reply' is what it answers (0: nothing), '*out_body' where its body begins. */
long gate_bus_parse(const unsigned char *bytes, size_t len, uint32_t *out_reply, size_t *out_body);

#endif
