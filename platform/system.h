/* Being a service on this system: its name, its service manager, devices that come and go.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_SYSTEM_H
#define CARETAKER_PLATFORM_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>

struct err;

/* The host name's first label, cleaned; "" when there is none. */
void plat_host_name(char out[64]);

/* Tells the service manager that started us ("READY=1", "WATCHDOG=1"); nothing without one. */
void plat_service_notify(const char *state);
/* Half the interval in which the service manager wants to hear WATCHDOG=1; 0: it does not. */
unsigned plat_service_watchdog_ms(void);
/* Whether this system's manager can start caretaker-check as a unit of its own. */
bool plat_service_manager(void);

/* Devices that came, went or changed.  'fd' becomes readable; then plat_devices_changed() says
 * whether any of it concerns us (USB, network, disks, power), and empties the queue. */
struct plat_devices;
int plat_devices_open(struct plat_devices **out, int *out_fd, struct err *err);
bool plat_devices_changed(struct plat_devices *devices);
/* The same queue, one by one, for who wants to know what it was. */
struct plat_device_event {
	char subsystem[20]; /* "usb", "block", "mmc", "thunderbolt" ... */
	char type[20];      /* "usb_device", "disk", "partition"; "" none */
	char action[12];    /* "add", "bind", "change", "remove" */
	char name[64];      /* "2-1", "sda1" */
	char port[32];      /* of the USB device that it is or hangs on; "" none */
	unsigned number;    /* of this plugging in, of a USB device (DEVNUM); 0: unknown */
	bool concerns;      /* plat_devices_changed() would count it */
};
/* 1: '*out' is the next; 0: no more for now; -1: some were lost, look at everything. */
int plat_devices_next(struct plat_devices *devices, struct plat_device_event *out);
void plat_devices_close(struct plat_devices *devices);

#endif
