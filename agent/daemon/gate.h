/* The storage gate's part of the daemon: judges what is plugged in, acts on it, puts it on record.
 *
 * No loop and no timer: main.c calls when something happens.  Rules are STATE/gate.rules, compiled
 * by caretaker-check.  A damaged file keeps the last good rules in force; without any, nothing is
 * decided: what waits goes on waiting.  Whether it acts or only records is the rules' word (enforce
 * or audit).  Ending, in whatever way, opens nothing: what waits waits without us.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_DAEMON_GATE_H
#define CARETAKER_DAEMON_GATE_H

#include <stdint.h>

struct err;
struct gate;
struct plat_device_event;

/* 'sysfs' is NULL but for tests.  'happened' is called when something went on record that the
 * collector should hear of soon. */
int gate_new(struct gate **out, const char *state, const char *run, const char *sysfs,
	     void (*happened)(void *ctx, const char *what), void *ctx, struct err *err);
/* Writes what was counted and not yet written. */
void gate_free(struct gate *gate);

/* Reads the rules again; judges everything when they are new, and at the first call. */
void gate_rules_changed(struct gate *gate);
void gate_device_event(struct gate *gate, const struct plat_device_event *event);
/* Everything once more: events were lost. */
void gate_look(struct gate *gate);
/* Somebody logged on or off, locked or unlocked. */
void gate_seat_changed(struct gate *gate);
/* 1: '*out_fd' is the descriptor to wait for that says of locks; 0: the rules ask for none; -1: it
 * is not to be had now.  While the rules ask and nobody can tell, what is plugged in waits. */
int gate_seat_listen(struct gate *gate, int *out_fd, struct err *err);
/* It became readable.  -1: it is closed. */
int gate_seat_heard(struct gate *gate);
/* A scan went on or ended (RUN/scan). */
void gate_scan_changed(struct gate *gate);

/* Milliseconds until gate_tick() has something to do; -1: nothing is due. */
int64_t gate_wait_ms(const struct gate *gate);
void gate_tick(struct gate *gate);

#endif
