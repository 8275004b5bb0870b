/* What a test tells the fake machine to be plugged in, and what was done to it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_FAKE_GATE_H
#define CARETAKER_PLATFORM_FAKE_GATE_H

#include "agent/base/err.h"
#include "platform/gate.h"

#define FAKE_BUS_FD 1000
/* How it is known whether the screen is locked. */
enum fake_bus {
	FAKE_BUS_NEEDLESS, /* by a file */
	FAKE_BUS_GONE,     /* by a bus that is not there */
	FAKE_BUS_SILENT,   /* that does not answer */
	FAKE_BUS_WAITS,    /* that does, to whoever waits */
	FAKE_BUS_ANSWERS,  /* that has */
};

struct fake_gate {
	struct err err; /* with a code: nothing can be asked */
	const struct plat_port_device *devices;
	size_t device_count;
	const struct plat_medium *media;
	size_t medium_count;
	const unsigned char *compatible; /* what every device answers that is asked for its
					    compatible IDs; NULL: nothing */
	size_t compatible_len;
	unsigned asked;             /* how often one was */
	unsigned swept;             /* for media that are gone */
	const char *const *aliases; /* lines of modules.alias; ends with NULL; may be NULL */
	const char *user;           /* at the seat; NULL: nobody */
	bool locked;
	enum fake_bus bus;
	unsigned waited_ms;          /* for its word */
	bool begins_open;            /* what is plugged in does not wait */
	const char *sends_files;     /* the program that sends files over Bluetooth; NULL: none */
	const char *never_read_only; /* this medium does not let itself be switched; NULL: none */
	char last[64]; /* "let 2-1:1.0", "shut ...", "ro sda", "rw sda", "unmount sda", "open
			  sda1", "close sda1", "look sda1" */
	/* The same, at once: what a kernel would do next is the test's.  NULL: nothing. */
	void (*did)(const char *what, const char *to);
};
extern struct fake_gate fake_gate;

#endif
