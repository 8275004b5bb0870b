/* Days as a school has them: "until the end of the day" is the last second of it, 23:59:59, in the
 * time zone of [collector] time_zone; "" there: this machine's own.
 *
 * For the commands, each a process of its own: the zone becomes the process's.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_DAY_H
#define CARETAKER_COLLECTOR_DAY_H

#include <stdint.h>

struct err;

#define DAY_TEXT 11 /* "2026-11-22" and its NUL */

/* ERR_NOTFOUND when this machine knows no such zone. */
int day_zone(const char *zone, struct err *err);
/* The day that 'at' falls on. */
int day_of(const char *zone, int64_t at, char out[DAY_TEXT], struct err *err);
/* Its last second.  ERR_INVALID: 'day' is none. */
int day_end(const char *zone, const char *day, int64_t *out, struct err *err);
/* "23:59 on Sunday 22 November 2026", for a person there; "" for what no calendar has. */
#define DAY_SPOKEN 64
void day_spoken(int64_t at, char out[DAY_SPOKEN]);

#endif
