/* What everyone may read of this machine: RUN/status.json, without personal data.
 *
 * Evidence is not in it.  Sentences of controls whose evidence can name a person (accounts, and who
 * last did what) say how many there are, and no name.  RUN/next tells caretakerd, which reads no
 * JSON, when the next try is wanted. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_STATUS_H
#define CARETAKER_CHECK_STATUS_H

#include <stdint.h>

#include "agent/proto/verdict.h"

struct agent;
struct buf;
struct err;
struct ship_outcome;

#define STATUS_FILE "status.json"
#define STATUS_NEXT_FILE "next"

/* Appends a control's two sentences as everyone may read them; 'evidence' NULL: none. */
void status_sentences(enum control_id id, const char *why, const char *evidence, struct buf *wrong,
		      struct buf *todo);
int status_write(struct agent *agent, struct err *err);
/* "after SECONDS": when caretakerd should start the next run; 0: at its own pace.  And, in a line
 * of its own, "somebody waits" when a person asked for an approval. */
int status_write_next(const struct agent *agent, const struct ship_outcome *outcome,
		      struct err *err);

#endif
