/* What systemd itself says of a unit, over its bus.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/services_bus.h"

#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define MANAGER "org.freedesktop.systemd1"
#define ANSWER_US (5u * 1000 * 1000) /* a bus that hangs must not hold a check */

enum plat_service_run bus_unit_run(const char *unit)
{
	enum plat_service_run run = PLAT_SERVICE_UNKNOWN;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *answer = NULL;
	sd_bus *bus = NULL;
	char *state = NULL;
	const char *path;
	int r;

	if (sd_bus_open_system(&bus) < 0)
		goto out;
	(void)sd_bus_set_method_call_timeout(bus, ANSWER_US);
	r = sd_bus_call_method(bus, MANAGER, "/org/freedesktop/systemd1", MANAGER ".Manager",
			       "GetUnit", &error, &answer, "s", unit);
	if (r < 0) {
		/* Not loaded: nothing started it since boot. */
		if (sd_bus_error_has_name(&error, MANAGER ".NoSuchUnit"))
			run = PLAT_SERVICE_STOPPED;
		goto out;
	}
	if (sd_bus_message_read(answer, "o", &path) < 0 ||
	    sd_bus_get_property_string(bus, MANAGER, path, MANAGER ".Unit", "ActiveState", &error,
				       &state) < 0)
		goto out;
	/* A one-shot that stays ("active (exited)") did its work; "activating" is on its way. */
	run = !strcmp(state, "active") || !strcmp(state, "reloading") ||
			      !strcmp(state, "activating")
		      ? PLAT_SERVICE_RUNNING
		      : PLAT_SERVICE_STOPPED;
out:
	free(state);
	sd_bus_error_free(&error);
	sd_bus_message_unref(answer);
	sd_bus_unref(bus);
	return run;
}
