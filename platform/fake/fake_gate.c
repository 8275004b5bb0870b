/* platform/gate.h of the fake machine: see fake_gate.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/fake/fake_gate.h"

#include "agent/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* File scope: the fake machine is the one a test's process stands in. */
struct fake_gate fake_gate;

struct plat_gate {
	char nothing;
};

static int answer(struct err *err)
{
	return fake_gate.err.code ? err_set(err, fake_gate.err.code, "%s", fake_gate.err.msg) : 0;
}

int plat_gate_open(struct plat_gate **out, const char *sysfs, const char *modules, struct err *err)
{
	(void)sysfs;
	(void)modules;
	if (answer(err) < 0)
		return -1;
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

void plat_gate_close(struct plat_gate *gate)
{
	free(gate);
}

int plat_gate_devices(struct plat_gate *gate,
		      int (*each)(void *ctx, const struct plat_port_device *device), void *ctx,
		      struct err *err)
{
	(void)gate;
	if (answer(err) < 0)
		return -1;
	for (size_t i = 0; i < fake_gate.device_count; i++)
		if (each(ctx, &fake_gate.devices[i]) < 0)
			break;
	return 0;
}

int plat_gate_device(struct plat_gate *gate, const char *port, struct plat_port_device *out,
		     struct err *err)
{
	(void)gate;
	for (size_t i = 0; i < fake_gate.device_count; i++) {
		if (strcmp(fake_gate.devices[i].port, port) == 0) {
			*out = fake_gate.devices[i];
			return 0;
		}
	}
	return err_set(err, ERR_NOTFOUND, "nothing is plugged in at '%s'", port);
}

int plat_gate_compatible(struct plat_gate *gate, const char *port, unsigned char *out, size_t size,
			 size_t *out_len, struct err *err)
{
	(void)gate;
	(void)port;
	fake_gate.asked++;
	if (answer(err) < 0)
		return -1;
	*out_len = fake_gate.compatible_len < size ? fake_gate.compatible_len : size;
	if (*out_len)
		memcpy(out, fake_gate.compatible, *out_len);
	return 0;
}

int plat_gate_aliases(struct plat_gate *gate,
		      void (*each)(void *ctx, bool builtin, const char *entry, size_t len),
		      void *ctx, struct err *err)
{
	(void)gate;
	(void)err;
	for (size_t i = 0; fake_gate.aliases && fake_gate.aliases[i]; i++)
		each(ctx, false, fake_gate.aliases[i], strlen(fake_gate.aliases[i]));
	return 0;
}

static int did(const char *what, const char *to)
{
	(void)snprintf(fake_gate.last, sizeof(fake_gate.last), "%s %s", what, to);
	if (fake_gate.did)
		fake_gate.did(what, to);
	return 0;
}

bool plat_gate_sends_files(struct plat_gate *gate, char program[64])
{
	(void)gate;
	return fake_gate.sends_files && text_copy(program, 64, fake_gate.sends_files);
}

bool plat_gate_begins_shut(struct plat_gate *gate)
{
	(void)gate;
	return !fake_gate.begins_open;
}

int plat_gate_let(struct plat_gate *gate, const char *interface, struct err *err)
{
	(void)gate;
	(void)err;
	return did("let", interface);
}

int plat_gate_shut(struct plat_gate *gate, const char *interface, struct err *err)
{
	(void)gate;
	(void)err;
	return did("shut", interface);
}

int plat_gate_media(struct plat_gate *gate, const char *port,
		    int (*each)(void *ctx, const struct plat_medium *medium), void *ctx,
		    struct err *err)
{
	(void)gate;
	(void)err;
	for (size_t i = 0; i < fake_gate.medium_count; i++)
		if (strcmp(fake_gate.media[i].port, port ? port : "") == 0 &&
		    each(ctx, &fake_gate.media[i]) < 0)
			break;
	return 0;
}

int plat_gate_read_only(struct plat_gate *gate, const char *medium, bool on, struct err *err)
{
	(void)gate;
	if (on && fake_gate.never_read_only && strcmp(fake_gate.never_read_only, medium) == 0)
		return err_set(err, ERR_TIMEOUT, "make '%s' read-only: no answer within 3000 ms",
			       medium);
	return did(on ? "ro" : "rw", medium);
}

int plat_gate_unmount(struct plat_gate *gate, const char *medium, unsigned patience_ms,
		      struct err *err)
{
	(void)gate;
	(void)patience_ms;
	(void)err;
	return did("unmount", medium);
}

int plat_gate_release(struct plat_gate *gate, const struct plat_medium *medium, bool open,
		      struct err *err)
{
	(void)gate;
	(void)err;
	return did(open ? "open" : "close", medium->name);
}

void plat_gate_sweep(struct plat_gate *gate)
{
	(void)gate;
	fake_gate.swept++;
}

int plat_gate_look_again(struct plat_gate *gate, const char *medium, struct err *err)
{
	(void)gate;
	(void)err;
	return did("look", medium);
}

bool plat_gate_is_plugged(struct plat_gate *gate, const char *medium)
{
	(void)gate;
	for (size_t i = 0; i < fake_gate.medium_count; i++)
		if (strcmp(fake_gate.media[i].name, medium) == 0)
			return !fake_gate.media[i].holds_system;
	return false;
}

int plat_gate_lock(struct plat_gate *gate, const char *medium, struct err *err)
{
	(void)gate;
	(void)err;
	return did("lock", medium);
}

int plat_gate_seat(struct plat_gate *gate, struct plat_seat *out, struct err *err)
{
	struct plat_seat seat = {.lock_known = !fake_gate.bus || fake_gate.bus == FAKE_BUS_ANSWERS};

	(void)gate;
	if (answer(err) < 0)
		return -1;
	(void)text_copy(seat.user, sizeof(seat.user), fake_gate.user ? fake_gate.user : "");
	seat.locked = seat.lock_known && fake_gate.locked;
	*out = seat;
	return 0;
}

int plat_gate_seat_listen(struct plat_gate *gate, int *out_fd, struct err *err)
{
	(void)gate;
	if (fake_gate.bus < FAKE_BUS_SILENT)
		return err_set(err, ERR_UNSUPPORTED, "the fake machine has no locks to hear of");
	*out_fd = FAKE_BUS_FD;
	return 0;
}

int plat_gate_seat_heard(struct plat_gate *gate)
{
	(void)gate;
	return fake_gate.bus < FAKE_BUS_SILENT ? -1 : fake_gate.bus == FAKE_BUS_ANSWERS;
}

int plat_gate_seat_wait(struct plat_gate *gate, unsigned timeout_ms)
{
	fake_gate.waited_ms += timeout_ms;
	if (fake_gate.bus == FAKE_BUS_WAITS)
		fake_gate.bus = FAKE_BUS_ANSWERS;
	return plat_gate_seat_heard(gate);
}
