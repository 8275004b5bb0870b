/* Who sits here, and whether their screen is locked: what is plugged in meanwhile waits, where the
 * rules say so.  While nobody can tell it counts as locked; what is open stays open either way.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/gate.h"

#include <string.h>

#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/daemon/gate_plugged.h"
#include "agent/gate/rules.h"

/* That the first look at what is plugged in waits for logind's word at most. */
#define ANSWER_MS 2000

static bool asks_for_locks(const struct gate *gate)
{
	return gate->rules && gate->rules->shut_while_locked;
}

/* Whether the screen is locked can be told. */
static bool take(struct gate *gate)
{
	struct plat_seat seat;
	struct err err;

	if (plat_gate_seat(gate->platform, &seat, &err) < 0) {
		/* Nobody's approval is used for somebody who cannot be told. */
		memset(&seat, 0, sizeof(seat));
		log_warn("who sits here cannot be told: %s", err.msg);
	}
	(void)text_copy(gate->user, sizeof(gate->user), seat.user);
	gate->locked = seat.locked || (!seat.lock_known && asks_for_locks(gate));
	return seat.lock_known;
}

void gate_seat_take(struct gate *gate)
{
	(void)take(gate);
}

void gate_seat_changed(struct gate *gate)
{
	char user[64];
	bool locked = gate->locked;

	(void)text_copy(user, sizeof(user), gate->user);
	gate_seat_take(gate);
	if (strcmp(user, gate->user) == 0 && locked == gate->locked)
		return;
	gate_look_at_all(gate);
	for (struct gate_plugged *plugged = gate->plugged; plugged && !gate->locked;
	     plugged = plugged->next)
		plugged->locked_out = false; /* it was there when the screen was unlocked */
	gate_finish(gate);
}

static int begin_to_listen(struct gate *gate, bool *out_new, struct err *err)
{
	*out_new = false;
	if (!asks_for_locks(gate))
		return 0;
	if (gate->seat_listens)
		return 1;
	if (plat_gate_seat_listen(gate->platform, &gate->seat_fd, err) < 0)
		return -1;
	gate->seat_listens = *out_new = true;
	return 1;
}

int gate_seat_listen(struct gate *gate, int *out_fd, struct err *err)
{
	bool is_new;
	int ret = begin_to_listen(gate, &is_new, err);

	if (is_new)
		gate_seat_changed(gate); /* names the session whose lock is asked about */
	*out_fd = gate->seat_fd;
	return ret;
}

int gate_seat_heard(struct gate *gate)
{
	int ret = plat_gate_seat_heard(gate->platform);

	gate->seat_listens = ret >= 0;
	if (ret)
		gate_seat_changed(gate);
	return ret;
}

void gate_seat_know(struct gate *gate)
{
	struct err err;
	bool is_new;

	/* Whoever goes on to listen says why that cannot be. */
	(void)begin_to_listen(gate, &is_new, &err);
	if (!take(gate) && is_new) {
		gate->seat_listens = plat_gate_seat_wait(gate->platform, ANSWER_MS) >= 0;
		if (!take(gate) && gate->seat_listens)
			log_warn("logind does not say whether the screen is locked: what is "
				 "plugged in waits until it does");
	}
}
