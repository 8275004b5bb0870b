/* Requests that a test has people leave.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_FAKE_ASK_H
#define CARETAKER_PLATFORM_FAKE_ASK_H

#include <stddef.h>

#define FAKE_ASKS 16
struct fake_ask {
	const char *account;
	unsigned char frame[256];
	size_t len;
	int removed;
};
extern struct fake_ask fake_asks[FAKE_ASKS];
extern unsigned fake_ask_count;

#endif
