/* Listening for locks of the screen, on the daemon's loop: begun when the gate's rules ask for it,
 * and begun again where it ended.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_DAEMON_LOCKS_H
#define CARETAKER_DAEMON_LOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

struct gate;

struct locks {
	uv_loop_t *loop;
	struct gate *gate;
	void (*heard)(void *ctx);
	void *ctx;
	uv_timer_t timer;
	uv_poll_t poll;
	bool listens;     /* 'poll' is in use */
	int64_t since_ms; /* when that began last */
	unsigned wait_s;  /* before the last attempt to; 0: it has not failed */
};

/* 'heard' is called after the gate was told of anything. */
void locks_init(struct locks *locks, uv_loop_t *loop, struct gate *gate, void (*heard)(void *ctx),
		void *ctx);
/* After each change of the rules; once begun, for the process's life. */
void locks_listen(struct locks *locks);

#endif
