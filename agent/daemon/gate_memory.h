/* Devices that were seen on this machine: STATE/hardware/seen, a line a device.
 *
 *   0951:1666:60A44C41 K7Q2MX baseline,stored 0123456789abcdef EX-12 20765 3
 *   (id, reference, what it was or -, print, approval or -, the day that quiet ones were counted,
 * how many; blanks in an id are '_' already)
 *
 * A reference is drawn at random, so that nobody can plug something that has another's.  What is
 * plugged when the file is made is the baseline: known since enrolment.  At most GATE_MEMORY_MAX
 * devices; the one seen longest ago makes room, the baseline last.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_DAEMON_GATE_MEMORY_H
#define CARETAKER_DAEMON_GATE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/gate/device.h"

struct err;

#define GATE_MEMORY_FILE "hardware/seen"
#define GATE_MEMORY_MAX 256
#define GATE_REFERENCE 7 /* six characters of Crockford's base 32 */

struct gate_known {
	char *id;
	char reference[GATE_REFERENCE];
	bool baseline;
	bool stored;       /* it was storage, and no keyboard or pointer was in it */
	uint64_t print;    /* of its facts when it was approved; 0: it never was */
	char approval[64]; /* the exception it was opened by; "" the policy itself */
	int64_t day;       /* days since 1970; what is quiet is counted by the day */
	uint32_t count;
	uint64_t used; /* order of use */
};

struct gate_memory {
	struct gate_known *known;
	size_t count;
	uint64_t uses;
	bool fresh;   /* there was no file: what is plugged now is the baseline */
	bool changed; /* since it was loaded or saved */
};

/* No file is a fresh memory.  A damaged one is what could be read of it. */
void gate_memory_load(struct gate_memory *memory, const char *path);
int gate_memory_save(struct gate_memory *memory, const char *path, struct err *err);
void gate_memory_clear(struct gate_memory *memory);
/* As if nothing was ever seen: the next enrolment may be of another machine (generalise). */
void gate_memory_forget(struct gate_memory *memory);

/* The next word of a line, ended by a NUL in its place; NULL: there is none. */
char *gate_next_word(char **cursor);

/* The device's entry; NULL: it was never seen. */
struct gate_known *gate_memory_known(struct gate_memory *memory, const char *id);
/* The same, made when it is new; valid until the next call.  NULL without memory. */
struct gate_known *gate_memory_find(struct gate_memory *memory, const char *id);

#endif
