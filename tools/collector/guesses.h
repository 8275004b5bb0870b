/* Wrong enrolment codes, counted by address and in all, for every worker.
 *
 * A code has 128 random bits, so guessing is hopeless; what is bounded is the work and the noise.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_GUESSES_H
#define CARETAKER_COLLECTOR_GUESSES_H

#include <stdint.h>

struct err;
struct guesses;

#define GUESSES_PER_ADDRESS 10 /* in GUESSES_WINDOW_S */
#define GUESSES_IN_ALL 200
#define GUESSES_WINDOW_S 600

int guesses_new(struct guesses **out, struct err *err);
void guesses_free(struct guesses *guesses);

/* Seconds to wait before another try; 0: go on. */
unsigned guesses_wait(struct guesses *guesses, const char *address, int64_t now_ms);
void guesses_wrong(struct guesses *guesses, const char *address, int64_t now_ms);

#endif
