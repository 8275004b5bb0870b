/* caretakerd.ini: how often, and what is watched.  Read without a library: this program stays
 * small. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_DAEMON_SETTINGS_H
#define CARETAKER_DAEMON_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

struct err;

#define SETTINGS_WATCH_MAX 16

struct settings {
	uint32_t interval_s; /* between checks */
	uint32_t jitter_s;   /* up to so much later, so that a school does not report at once */
	uint32_t settle_s;   /* after something happened: more of it may follow */
	uint32_t gap_s;      /* between two checks, whatever happens */
	char watch[SETTINGS_WATCH_MAX][256];
	unsigned watch_count;
};

void settings_default(struct settings *out);
/* 'text' is the file's; 'name' appears in messages.  '*out' holds defaults before. */
int settings_parse(const char *name, const char *text, struct settings *out, struct err *err);
/* No file: the defaults. */
int settings_read(const char *path, struct settings *out, struct err *err);

#endif
