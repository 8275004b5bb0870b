/* Asking a device something itself, by usbfs: no driver and no authority of an interface is needed
 * for what goes to the device as a whole.
 *
 * The two questions are those that Windows puts to every device that is new to it, and libmtp's
 * udev helper to most: what cannot stand them is seldom on sale.  One that does not answer costs
 * the time below, once.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/usb/ch9.h>
#include <linux/usbdevice_fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/err.h"

#define ANSWER_MS 500

/* Microsoft OS 1.0 Descriptors: a string at an index of its own, in it a request of the vendor's
 * choice, and by that the compatible IDs. */
enum { OS_STRING = 0xee, OS_STRING_SIZE = 18, OS_STRING_REQUEST = 16, COMPATIBLE_IDS = 4 };

static int open_device(const struct plat_gate *gate, const char *port, struct err *err)
{
	char path[GATE_PATH], attribute[128];
	uint64_t bus, number;
	struct stat st;
	int fd;

	(void)snprintf(attribute, sizeof(attribute), "bus/usb/devices/%.40s/busnum", port);
	if (!gate_number(gate, attribute, 10, &bus))
		return err_set(err, ERR_NOTFOUND, "no device is at port '%s'", port);
	(void)snprintf(attribute, sizeof(attribute), "bus/usb/devices/%.40s/devnum", port);
	if (!gate_number(gate, attribute, 10, &number))
		return err_set(err, ERR_NOTFOUND, "no device is at port '%s'", port);
	(void)snprintf(path, sizeof(path), "%s/dev/bus/usb/%03u/%03u", gate->root, (unsigned)bus,
		       (unsigned)number);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT || errno == ENODEV
			       ? err_set(err, ERR_NOTFOUND, "no device is at port '%s'", port)
			       : err_errno(err, errno, "open '%s'", path);
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode)) {
		close(fd);
		return err_set(err, ERR_NOTFOUND, "what stands for port '%s' in /dev is no device",
			       port);
	}
	return fd;
}

/* The length of the answer; -1 with errno. */
static int ask(int fd, struct usbdevfs_ctrltransfer request, void *out, size_t size)
{
	request.wLength = (uint16_t)size;
	request.timeout = ANSWER_MS;
	request.data = out;
	return ioctl(fd, USBDEVFS_CONTROL, &request);
}

int plat_gate_compatible(struct plat_gate *gate, const char *port, unsigned char *out, size_t size,
			 size_t *out_len, struct err *err)
{
	static const unsigned char signature[OS_STRING_REQUEST] = {OS_STRING_SIZE,
								   USB_DT_STRING,
								   'M',
								   0,
								   'S',
								   0,
								   'F',
								   0,
								   'T',
								   0,
								   '1',
								   0,
								   '0',
								   0,
								   '0',
								   0};
	struct usbdevfs_ctrltransfer request = {
		.bRequestType = USB_DIR_IN | USB_TYPE_STANDARD | USB_RECIP_DEVICE,
		.bRequest = USB_REQ_GET_DESCRIPTOR,
		.wValue = USB_DT_STRING << 8 | OS_STRING,
	};
	unsigned char string[OS_STRING_SIZE];
	int fd, len;

	if (!gate_is_port(port))
		return err_set(err, ERR_INVALID, "'%s' is no USB port", port);
	fd = open_device(gate, port, err);
	if (fd < 0)
		return -1;
	*out_len = 0;
	/* Most answer that there is no such string (EPIPE), some any string whatever is asked. */
	len = ask(fd, request, string, sizeof(string));
	if (len == (int)sizeof(string) && memcmp(string, signature, sizeof(signature)) == 0) {
		request.bRequestType = USB_DIR_IN | USB_TYPE_VENDOR | USB_RECIP_DEVICE;
		request.bRequest = string[OS_STRING_REQUEST];
		request.wValue = 0;
		request.wIndex = COMPATIBLE_IDS;
		len = ask(fd, request, out, size < UINT16_MAX ? size : UINT16_MAX);
		if (len > 0)
			*out_len = (size_t)len;
	}
	close(fd);
	return 0;
}
