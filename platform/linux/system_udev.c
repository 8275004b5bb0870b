/* Device changes of platform/system.h, by udev's own queue: after its rules have run.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/system.h"

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/gate_parts.h"

#include <errno.h>
#include <libudev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plat_devices {
	struct udev *udev;
	struct udev_monitor *monitor;
};

static bool one_of(const char *word, const char *const *words)
{
	for (; word && *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

/* Battery levels are "change" events of power_supply, many an hour on some laptops: only what comes
 * and goes concerns us there. */
static bool concerns_us(struct udev_device *device)
{
	static const char *const counted[] = {"usb", "net", "block", "power_supply", NULL};

	const char *action = udev_device_get_action(device);
	const char *subsystem = udev_device_get_subsystem(device);

	if (!action || !one_of(subsystem, counted))
		return false;
	if (strcmp(action, "add") != 0 && strcmp(action, "remove") != 0)
		return strcmp(subsystem, "block") == 0 && strcmp(action, "change") == 0;
	return true;
}

int plat_devices_open(struct plat_devices **out, int *out_fd, struct err *err)
{
	static const char *const subsystems[] = {"usb", "net",         "block",   "power_supply",
						 "mmc", "thunderbolt", "firewire"};
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

/* ".../mmc_host/mmc0/mmc0:aaaa/block/mmcblk0" */
static void find_card(const char *place, char out[32])
{
	const char *at = strstr(place, "/mmc_host/");
	size_t len;

	at = at ? strchr(at + 10, '/') : NULL;
	len = at ? strcspn(at + 1, "/") : 0;
	if (len > 0 && len < 32 && memchr(at, ':', len))
		(void)snprintf(out, 32, "%.*s", (int)len, at + 1);
}

/* "2-1.4:1.0" and what hangs on it have the port's folder on their way. */
static void find_port(const char *place, char out[32])
{
	out[0] = '\0';
	for (const char *at = place ? strstr(place, "/usb") : NULL; at; at = strchr(at + 1, '/')) {
		size_t len = strcspn(at + 1, "/");

		if (len < 32 && len > 2 && strspn(at + 1, "0123456789.-") == len &&
		    memchr(at + 1, '-', len)) {
			memcpy(out, at + 1, len);
			out[len] = '\0';
		}
	}
	if (!out[0] && place)
		find_card(place, out);
}

/* What was unlocked hangs on what its container hangs on. */
static void find_below(const char *name, char out[32])
{
	const struct plat_gate gate = {.sysfs = "/sys", .live = true};
	struct gate_mapped mapped;

	if (gate_is_block(name) && gate_mapped(&gate, name, &mapped) && !mapped.mixed)
		gate_holder_of(&gate, mapped.place, out);
}

/* "007": the kernel's word, at a removal too, when sysfs has forgotten it. */
static unsigned number_of(const char *text)
{
	int64_t number;

	return text && text_int(text, 0, 127, &number) == 0 ? (unsigned)number : 0;
}

static void describe(struct udev_device *device, struct plat_device_event *out)
{
	const char *const said[] = {udev_device_get_subsystem(device),
				    udev_device_get_devtype(device), udev_device_get_action(device),
				    udev_device_get_sysname(device)};
	char *const to[] = {out->subsystem, out->type, out->action, out->name};
	const size_t sizes[] = {sizeof(out->subsystem), sizeof(out->type), sizeof(out->action),
				sizeof(out->name)};

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++)
		if (said[i])
			(void)text_copy(to[i], sizes[i], said[i]); /* the kernel's names, short */
	find_port(udev_device_get_devpath(device), out->port);
	out->number = number_of(udev_device_get_property_value(device, "DEVNUM"));
	if (!out->port[0] && strcmp(out->subsystem, "block") == 0)
		find_below(out->name, out->port);
	out->concerns = concerns_us(device);
}

int plat_devices_next(struct plat_devices *devices, struct plat_device_event *out)
{
	struct udev_device *device;

	errno = 0;
	device = udev_monitor_receive_device(devices->monitor);
	if (!device)
		return errno == ENOBUFS ? -1 : 0;
	describe(device, out);
	udev_device_unref(device);
	return 1;
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
