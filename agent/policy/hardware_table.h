/* The tables of known devices, conf/hardware/NAME.ini: boards for lessons, storage that encrypts by
 * itself, what assists people.  Built in; a school's own file stands in for one of them.
 *
 * Nothing here looks at a device: a table says what a vendor:product means.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_POLICY_HARDWARE_TABLE_H
#define CARETAKER_POLICY_HARDWARE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum hardware_table_id {
	HARDWARE_CLASSROOM,
	HARDWARE_ENCRYPTED,
	HARDWARE_ASSISTIVE,
};
#define HARDWARE_TABLE_COUNT 3
#define HARDWARE_TABLE_ROWS_MAX 1024

struct hardware_row {
	char product[49];   /* as people read it: the section */
	char word[16];      /* classroom: the set; assistive: the kind; else "" */
	char model[10];     /* "0d28:0204", "239a:*"; lower case */
	uint64_t max_bytes; /* classroom: the largest drive that it shows */
	bool cdrom;         /* encrypted: a CD-ROM with the program that unlocks it */
};
struct hardware_table {
	struct hardware_row *rows; /* one for each model */
	size_t count;
};

const char *hardware_table_file(enum hardware_table_id id); /* "classroom.ini" */

/* 'name' appears in messages ("classroom.ini:12").  On success the caller clears '*out'. */
int hardware_table_parse(enum hardware_table_id id, const char *name, const char *text, size_t len,
			 struct hardware_table *out, struct err *err);
/* The one this program was built with. */
int hardware_table_builtin(enum hardware_table_id id, struct hardware_table *out, struct err *err);
void hardware_table_clear(struct hardware_table *table);

/* The first row that means 'model' ("0d28:0204", or a device's whole id), or NULL. */
const struct hardware_row *hardware_table_find(const struct hardware_table *table,
					       const char *model);

#endif
