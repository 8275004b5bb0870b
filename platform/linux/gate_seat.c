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

int plat_gate_seat(struct plat_gate *gate, char user[64], bool *out_locked, struct err *err)
{
	char path[GATE_PATH], session[64], class[32] = "user", name[64], locked[8];

	(void)snprintf(path, sizeof(path), "%s/run/systemd/seats/seat0", gate->root);
	user[0] = '\0';
	*out_locked = false;
	if (!setting(path, "ACTIVE", session, sizeof(session)) || strchr(session, '/') ||
	    session[0] == '.')
		return 0; /* nobody, or no logind */
	(void)snprintf(path, sizeof(path), "%s/run/systemd/sessions/%s", gate->root, session);
	(void)setting(path, "CLASS", class, sizeof(class));
	if (!setting(path, "USER", name, sizeof(name)))
		return err_set(err, ERR_UNSUPPORTED, "'%s' does not name its user", path);
	if (strcmp(class, "user") == 0) /* else the log-in screen, or a screen locker of its own */
		text_clean(user, 64, name, strlen(name));
	*out_locked =
		setting(path, "LOCKED_HINT", locked, sizeof(locked)) && strcmp(locked, "1") == 0;
	if (gate->bus) {
		gate_bus_ask(gate->bus, session);
		*out_locked |= gate_bus_locked(gate->bus, session);
	}
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

int plat_gate_seat_heard(struct plat_gate *gate)
{
	int ret = gate->bus ? gate_bus_read(gate->bus) : -1;

	if (ret < 0) {
		gate_bus_close(gate->bus);
		gate->bus = NULL;
	}
	return ret;
}
