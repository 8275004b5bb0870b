/* Listening sockets, a set for each worker on the same addresses.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_NET_H
#define CARETAKER_COLLECTOR_NET_H

#include <stdbool.h>
#include <stdint.h>

struct err;

/* 'address' is "[::]:8443", "127.0.0.1:0"; port 0 takes a free one, told in '*out_port', and
 * '*port' other than 0 replaces it (the next worker's socket of the same address). */
int net_listen(const char *address, uint16_t port, int *out_fd, uint16_t *out_port,
	       struct err *err);
/* Whether only this machine can connect to what 'fd' listens on. */
bool net_is_loopback(int fd);
/* As many descriptors as the system lets us have; how many that are. */
unsigned net_raise_descriptors(void);

#endif
