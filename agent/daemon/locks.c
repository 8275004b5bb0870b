/* See locks.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/locks.h"

#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/daemon/gate.h"
#include "platform/os.h"

#define WAIT_MAX_S 60
#define HOLDS_MS 60000 /* a connection that held so long is no part of what failed before */

static void on_lock_timer(uv_timer_t *timer)
{
	struct locks *locks = timer->data;

	locks_listen(locks);
	locks->heard(locks->ctx);
}

/* Once more later: after 1 s, 2 s, 4 s ... 60 s, as long as no connection held for a minute. */
static void listen_later(struct locks *locks, const char *why)
{
	if (!locks->wait_s)
		log_warn("whether the screen is locked cannot be told: while somebody sits here, "
			 "what is plugged in waits until it can: %s; trying again",
			 why);
	locks->wait_s = !locks->wait_s                   ? 1
			: locks->wait_s < WAIT_MAX_S / 2 ? 2 * locks->wait_s
							 : WAIT_MAX_S;
	uv_update_time(locks->loop);
	(void)uv_timer_start(&locks->timer, on_lock_timer, 1000 * locks->wait_s, 0);
}

static void on_lock_closed(uv_handle_t *handle)
{
	struct locks *locks = handle->data;

	locks->listens = false;
	if (plat_uptime_ms() - locks->since_ms >= HOLDS_MS)
		locks->wait_s = 0;
	listen_later(locks, "the system bus has ended the connection");
}

static void on_lock(uv_poll_t *poll, int status, int events)
{
	struct locks *locks = poll->data;

	(void)status; /* an error is read, too */
	(void)events;
	(void)uv_poll_stop(poll); /* what it waits for may be closed in between */
	if (gate_seat_heard(locks->gate) < 0)
		uv_close((uv_handle_t *)poll, on_lock_closed);
	else
		(void)uv_poll_start(poll, UV_READABLE, on_lock);
	locks->heard(locks->ctx);
}

/* Once the rules ask for it; for the process's life. */
void locks_listen(struct locks *locks)
{
	struct err err;
	int fd, ret;

	if (locks->listens)
		return;
	ret = gate_seat_listen(locks->gate, &fd, &err);
	if (ret > 0 && uv_poll_init(locks->loop, &locks->poll, fd) < 0)
		ret = err_set(&err, ERR_NOMEM, "its descriptor cannot be waited for");
	if (ret < 0)
		listen_later(locks, err.msg);
	else if (!ret)
		locks->wait_s = 0;
	if (ret <= 0)
		return;
	if (locks->wait_s)
		log_info("listening for locks of the screen again");
	locks->listens = true;
	locks->since_ms = plat_uptime_ms();
	locks->poll.data = locks;
	(void)uv_timer_stop(&locks->timer);
	(void)uv_poll_start(&locks->poll, UV_READABLE, on_lock);
}

void locks_init(struct locks *locks, uv_loop_t *loop, struct gate *gate, void (*heard)(void *ctx),
		void *ctx)
{
	*locks = (struct locks){.loop = loop, .gate = gate, .heard = heard, .ctx = ctx};
	(void)uv_timer_init(loop, &locks->timer); /* it never fails */
	locks->timer.data = locks;
}
