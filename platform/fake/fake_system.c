/* platform/system.h of the fake machine: it has a name, no service manager, and no devices come.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/system.h"
#include "platform/terminal.h"

#include "agent/base/err.h"
#include "agent/base/text.h"

void plat_host_name(char out[64])
{
	(void)text_copy(out, 64, "fake-machine");
}

void plat_service_notify(const char *state)
{
	(void)state;
}

unsigned plat_service_watchdog_ms(void)
{
	return 0;
}

bool plat_service_manager(void)
{
	return false;
}

int plat_devices_open(struct plat_devices **out, int *out_fd, struct err *err)
{
	(void)out;
	(void)out_fd;
	return err_set(err, ERR_UNSUPPORTED, "the fake machine has no device events");
}

bool plat_devices_changed(struct plat_devices *devices)
{
	(void)devices;
	return false;
}

int plat_devices_next(struct plat_devices *devices, struct plat_device_event *out)
{
	(void)devices;
	(void)out;
	return 0;
}

void plat_devices_close(struct plat_devices *devices)
{
	(void)devices;
}

bool plat_stdout_colours(void)
{
	return false;
}
