/* A device at a port, as it says of itself: hostile bytes, made into bounded, cleaned facts.
 *
 * Nothing here opens a file.  The platform reads the raw descriptors and names (platform/gate.h);
 * caretaker-gate, which has no platform, reads them itself.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_GATE_DEVICE_H
#define CARETAKER_GATE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define GATE_INTERFACES_MAX \
	32            /* USB 2.0, table 9-10: one byte; no real device has more than 20 \
		       */
#define GATE_TEXT 128 /* a string descriptor is at most 126 UTF-16 units (USB 2.0, 9.6.7) */
#define GATE_NAME 32  /* "2-1.4", "2-1.4:1.0" */
#define GATE_MODALIAS 96

/* Why an interface waits for caretakerd. */
enum gate_held {
	GATE_FREE = 0,
	GATE_HELD_DRIVER,  /* the kernel would bind a storage driver to it: its modalias says so */
	GATE_HELD_STORAGE, /* class 08, whatever would bind */
	GATE_HELD_STILL,   /* class 06: PTP and MTP */
	GATE_HELD_MTP,     /* vendor class whose interface string or OS descriptor says MTP */
	GATE_HELD_POLICY,  /* the policy names its class or its model */
	GATE_HELD_UNREADABLE, /* what it is cannot be told */
};

struct gate_interface {
	char name[GATE_NAME]; /* as the kernel names it: "2-1:1.0" */
	uint8_t number, class, subclass, protocol;
	bool shifts;                  /* another alternate setting of it is of class 08 or 06 */
	char text[GATE_TEXT];         /* its string, cleaned; "" none */
	char modalias[GATE_MODALIAS]; /* "usb:v0951p1666d0110dc00dsc00dp00ic08isc06ip50in00" */
	char drivers[2][GATE_NAME];   /* storage drivers that the modalias resolves to; "" none */
	enum gate_held held;
	bool authorized;
};

struct gate_device {
	char port[GATE_NAME]; /* "2-1.4": bus, then the port of each hub on the way */
	unsigned depth;       /* hubs on the way: 0 is a port of the machine itself */
	uint16_t vendor, product, release;
	uint8_t class, subclass, protocol;
	char serial[GATE_TEXT], maker[GATE_TEXT], model[GATE_TEXT]; /* cleaned; "" none */
	bool serial_cleaned; /* what it sent was not plain text: its serial identifies nothing */
	bool builtin;        /* firmware says that it is not removable */
	bool card;           /* a memory card in a slot of its own, on no USB */
	char panel[16];      /* "front", "back" ... where firmware tells; "" */
	/* This kernel's tables of aliases could not be read: what would bind cannot be told, so
	 * more than usual waits. */
	bool aliases_unread;
	struct gate_interface interfaces[GATE_INTERFACES_MAX];
	unsigned interface_count;
};

/* Reads a device descriptor and the configuration in use that follows (sysfs "descriptors"; USB
 * 2.0 sections 9.6.1 to 9.6.5): vendor, product, release, class and interfaces (the alternate
 * setting that Linux takes: 0, or the first; name, text, modalias and drivers are the caller's).
 * 'configuration' is its bConfigurationValue, as sysfs has it; 0: the first.  Every length is
 * checked: -1 when it is cut or lies about its sizes, and '*out' is untouched. */
int gate_device_parse_configuration(const void *descriptors, size_t len, unsigned configuration,
				    struct gate_device *out, struct err *err);
/* The same, of the first configuration. */
int gate_device_parse(const void *descriptors, size_t len, struct gate_device *out,
		      struct err *err);

/* Takes what the device says of itself, cleaned for display; sets 'serial_cleaned'. */
void gate_device_says(struct gate_device *device, const char *serial, const char *maker,
		      const char *model);

/* A memory card: one interface, which stores.  'name' ("mmc0:aaaa") is the port's and the
 * interface's; 'bound': it has its driver. */
void gate_device_card(struct gate_device *out, const char *name, uint16_t vendor, uint16_t product,
		      bool bound);

/* The modalias that Linux gives interface 'i' (drivers/usb/core/sysfs.c, MODALIAS). */
void gate_modalias(const struct gate_device *device, unsigned i, char out[GATE_MODALIAS]);
/* The other way: the device's ids and the interface's classes as the kernel's own modalias has
 * them, which goes into 'interface' too.  -1 when it is none; both are then untouched. */
int gate_modalias_parse(const char *modalias, struct gate_device *device,
			struct gate_interface *interface);

/* "0951:1666:60A44C413FAEE1B1"; without a serial "0951:1666:".  Blanks, '*', '?' and what is not
 * plain ASCII in the serial become '_', so that it is one word in a policy and a rule, and means
 * no other stick. */
#define GATE_ID (10 + GATE_TEXT)
void gate_device_id(const struct gate_device *device, char out[GATE_ID]);

/* A pattern is "0951:1666", "0951:*" or "0951:1666:60A44*"; without a serial it takes any. */
bool gate_id_matches(const char *pattern, const char *id);
/* Its serial tells it from no other: none, not plain text, or one character again and again. */
bool gate_serial_is_weak(const struct gate_device *device);

/* 0 for "2-1", 1 for "2-1.4"; -1 when 'port' is not a port's name. */
int gate_port_depth(const char *port);
/* "2-1.4" lies at or below "2-1"; 'pattern' may hold '*'. */
bool gate_port_matches(const char *pattern, const char *port);

#endif
