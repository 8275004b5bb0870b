/* What roll-ups count of a device, and when time alone changes it.  Pure, the same for every store.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_STANDING_H
#define CARETAKER_COLLECTOR_STANDING_H

#include <stdint.h>

#include "tools/collector/store.h"

#define STANDING_NEVER INT64_MAX

/* verdict_standing(), but for an exception whose end has passed: to fix, whatever the device that
 * has not been heard since then said. */
enum standing standing_of(enum verdict verdict, int64_t due_at, int64_t until, int64_t now);
/* When standing_of() will say something else; STANDING_NEVER: not by time. */
int64_t standing_change(enum verdict verdict, int64_t due_at, int64_t until, int64_t now);

/* The one that a person should hear of first; a device without controls cannot tell. */
enum standing standing_worse(enum standing a, enum standing b);

enum store_presence standing_presence(enum store_status status, int64_t last_seen,
				      int not_seen_days, int64_t now);
int64_t standing_presence_change(enum store_status status, int64_t last_seen, int not_seen_days,
				 int64_t now);

#endif
