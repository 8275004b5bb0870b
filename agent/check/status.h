/* What everyone may read of this machine: RUN/status.json, without personal data.
 *
 * Evidence is not in it.  Sentences of controls whose evidence can name a person (accounts, and who
 * last did what) are written without it.  RUN/next tells caretakerd, which reads no JSON, when the
 * next try is wanted.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_STATUS_H
#define CARETAKER_CHECK_STATUS_H

#include <stdint.h>

struct agent;
struct err;
struct ship_outcome;

#define STATUS_FILE "status.json"
#define STATUS_NEXT_FILE "next"

int status_write(struct agent *agent, struct err *err);
/* "after SECONDS": when caretakerd should start the next run; 0: at its own pace. */
int status_write_next(const struct agent *agent, const struct ship_outcome *outcome,
		      struct err *err);

#endif
