/* Requests for an approval, and one-time codes, taken out of the folder into which people put them.
 *
 * A request is believed for whoever owns its file, and only about what is plugged in, refused, and
 * may be asked about (RUN/hardware.json): the event that it becomes tells the device as caretakerd
 * saw it, not as somebody describes it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_HARDWARE_ASKS_H
#define CARETAKER_CHECK_HARDWARE_ASKS_H

#include <stdbool.h>

struct agent;
struct err;

#define HARDWARE_ASKS_FOLDER "ask" /* in RUN */

/* Turns them into events and saves pending.json, holds codes against what waits for one
 * (phone_codes.h), then removes them.  '*out_any': somebody waits for an answer to a request. */
int hardware_asks_take(struct agent *agent, bool *out_any, struct err *err);

#endif
