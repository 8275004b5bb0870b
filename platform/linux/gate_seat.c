/* Who sits at the machine: logind's own files (sd-login(3) reads the same); whether the screen is
 * locked only logind's D-Bus interface tells before systemd 257.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"

/* The value of "KEY=value" in a small file; false when there is none. */
static bool setting(const char *path, const char *key, char *out, size_t size)
{
	FILE *file = fopen(path, "re");
	char line[512];
	size_t len = strlen(key);
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, key, len) == 0 && line[len] == '=')
			found = text_copy(out, size, line + len + 1);
	}
	if (file)
		(void)fclose(file);
	return found;
}

int plat_gate_seat(struct plat_gate *gate, struct plat_seat *out, struct err *err)
{
	char path[GATE_PATH], session[64], class[32] = "user", name[64], locked[8];
	struct plat_seat seat = {.lock_known = true};
	bool by_bus;

	(void)snprintf(path, sizeof(path), "%s/run/systemd/seats/seat0", gate->root);
	if (!setting(path, "ACTIVE", session, sizeof(session)) || strchr(session, '/') ||
	    session[0] == '.') {
		*out = seat; /* nobody, or no logind */
		return 0;
	}
	(void)snprintf(path, sizeof(path), "%s/run/systemd/sessions/%s", gate->root, session);
	(void)setting(path, "CLASS", class, sizeof(class));
	if (!setting(path, "USER", name, sizeof(name)))
		return err_set(err, ERR_UNSUPPORTED, "'%s' does not name its user", path);
	if (strcmp(class, "user") == 0) /* else the log-in screen, or a screen locker of its own */
		text_clean(seat.user, sizeof(seat.user), name, strlen(name));
	seat.lock_known = setting(path, "LOCKED_HINT", locked, sizeof(locked));
	seat.locked = seat.lock_known && strcmp(locked, "1") == 0;
	if (gate->bus) {
		gate_bus_ask(gate->bus, session);
		seat.lock_known |= gate_bus_answer(gate->bus, session, &by_bus);
		seat.locked |= by_bus;
	}
	*out = seat;
	return 0;
}

int plat_gate_seat_listen(struct plat_gate *gate, int *out_fd, struct err *err)
{
	char path[GATE_PATH];

	(void)snprintf(path, sizeof(path), "%s/run/dbus/system_bus_socket", gate->root);
	gate_bus_close(gate->bus);
	gate->bus = NULL;
	return gate_bus_open(&gate->bus, path, out_fd, err);
}

static int is_heard(struct plat_gate *gate, int ret)
{
	if (ret < 0) {
		gate_bus_close(gate->bus);
		gate->bus = NULL;
	}
	return ret;
}

int plat_gate_seat_heard(struct plat_gate *gate)
{
	return is_heard(gate, gate->bus ? gate_bus_read(gate->bus) : -1);
}

int plat_gate_seat_wait(struct plat_gate *gate, unsigned timeout_ms)
{
	return is_heard(gate, gate->bus ? gate_bus_wait(gate->bus, timeout_ms) : -1);
}
