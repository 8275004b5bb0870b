/* Device changes of platform/system.h, by udev's own queue: after its rules have run.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/system.h"

#include "agent/base/err.h"

#include <errno.h>
#include <libudev.h>
#include <stdlib.h>
#include <string.h>

struct plat_devices {
	struct udev *udev;
	struct udev_monitor *monitor;
};

/* Battery levels are "change" events of power_supply, many an hour on some laptops: only what comes
 * and goes concerns us there. */
static bool concerns_us(struct udev_device *device)
{
	const char *action = udev_device_get_action(device);
	const char *subsystem = udev_device_get_subsystem(device);

	if (!action || !subsystem)
		return false;
	if (strcmp(action, "add") != 0 && strcmp(action, "remove") != 0)
		return strcmp(subsystem, "block") == 0 && strcmp(action, "change") == 0;
	return true;
}

int plat_devices_open(struct plat_devices **out, int *out_fd, struct err *err)
{
	static const char *const subsystems[] = {"usb", "net", "block", "power_supply"};
	struct plat_devices *devices = calloc(1, sizeof(*devices));

	if (!devices)
		return err_set(err, ERR_NOMEM, "out of memory");
	devices->udev = udev_new();
	if (devices->udev)
		devices->monitor = udev_monitor_new_from_netlink(devices->udev, "udev");
	if (!devices->monitor) {
		plat_devices_close(devices);
		return err_set(err, ERR_UNSUPPORTED, "udev's device events cannot be heard here");
	}
	for (size_t i = 0; i < sizeof(subsystems) / sizeof(subsystems[0]); i++)
		(void)udev_monitor_filter_add_match_subsystem_devtype(
			devices->monitor, subsystems[i], NULL); /* unfiltered is only more */
	if (udev_monitor_enable_receiving(devices->monitor) < 0) {
		plat_devices_close(devices);
		return err_set(err, ERR_UNSUPPORTED, "udev's device events cannot be heard here");
	}
	*out = devices;
	*out_fd = udev_monitor_get_fd(devices->monitor);
	return 0;
}

bool plat_devices_changed(struct plat_devices *devices)
{
	struct udev_device *device;
	bool any = false;

	errno = 0;
	while ((device = udev_monitor_receive_device(devices->monitor))) {
		any |= concerns_us(device);
		udev_device_unref(device);
	}
	return any || errno == ENOBUFS; /* some were lost: look once */
}

void plat_devices_close(struct plat_devices *devices)
{
	if (!devices)
		return;
	if (devices->monitor)
		udev_monitor_unref(devices->monitor);
	if (devices->udev)
		udev_unref(devices->udev);
	free(devices);
}
