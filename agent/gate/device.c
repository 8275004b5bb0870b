/* See device.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/gate/device.h"

#include "agent/base/err.h"
#include "agent/base/text.h"

#include <stdio.h>
#include <string.h>

/* --- descriptors (USB 2.0, chapter 9) --- */

enum { DESCRIPTOR_DEVICE = 1, DESCRIPTOR_CONFIGURATION = 2, DESCRIPTOR_INTERFACE = 4 };
enum { DEVICE_SIZE = 18, CONFIGURATION_SIZE = 9, INTERFACE_SIZE = 9 };
enum { CLASS_STILL = 0x06, CLASS_STORAGE = 0x08 };

struct bytes {
	const unsigned char *at;
	size_t left;
};

static unsigned word_at(const unsigned char *at)
{
	return at[0] | (unsigned)at[1] << 8;
}

/* The next descriptor, whole, or NULL with words. */
static const unsigned char *take(struct bytes *bytes, struct err *err)
{
	const unsigned char *at = bytes->at;

	if (bytes->left < 2 || at[0] < 2 || at[0] > bytes->left) {
		err_set(err, ERR_INVALID,
			"a descriptor says that it is %u bytes long, and %zu are left",
			bytes->left ? at[0] : 0, bytes->left);
		return NULL;
	}
	bytes->at += at[0];
	bytes->left -= at[0];
	return at;
}

static struct gate_interface *find_interface(struct gate_device *device, uint8_t number)
{
	for (unsigned i = 0; i < device->interface_count; i++)
		if (device->interfaces[i].number == number)
			return &device->interfaces[i];
	return NULL;
}

static void set_classes(struct gate_interface *interface, const unsigned char *at)
{
	interface->class = at[5];
	interface->subclass = at[6];
	interface->protocol = at[7];
}

/* 'chosen' has a bit set for each interface whose setting 0 was seen: Linux takes that one, and
 * the first where there is none. */
static int add_setting(struct gate_device *device, uint64_t *chosen, const unsigned char *at,
		       struct err *err)
{
	struct gate_interface *interface = find_interface(device, at[2]);
	bool new = !interface;
	uint64_t bit;

	if (new && device->interface_count == GATE_INTERFACES_MAX)
		return err_set(err, ERR_INVALID, "more than %d interfaces", GATE_INTERFACES_MAX);
	if (new) {
		interface = &device->interfaces[device->interface_count++];
		interface->number = at[2];
	}
	bit = UINT64_C(1) << (interface - device->interfaces);
	if (new || (at[3] == 0 && !(*chosen & bit))) {
		if (!new && (interface->class == CLASS_STORAGE || interface->class == CLASS_STILL))
			interface->shifts = true;
		set_classes(interface, at);
	} else if (at[5] == CLASS_STORAGE || at[5] == CLASS_STILL) {
		interface->shifts = true;
	}
	if (at[3] == 0)
		*chosen |= bit;
	return 0;
}

/* One configuration: the descriptors behind its own, up to wTotalLength. */
static int parse_configuration(struct bytes bytes, struct gate_device *device, struct err *err)
{
	uint64_t chosen = 0;

	while (bytes.left > 0) {
		const unsigned char *at = take(&bytes, err);

		if (!at)
			return -1;
		if (at[1] != DESCRIPTOR_INTERFACE)
			continue;
		if (at[0] < INTERFACE_SIZE)
			return err_set(err, ERR_INVALID, "an interface descriptor of %u bytes",
				       at[0]);
		if (add_setting(device, &chosen, at, err))
			return -1;
	}
	return 0;
}

/* Walks the configurations to the one in use. */
static int find_configuration(struct bytes *bytes, unsigned configuration,
			      struct gate_device *device, struct err *err)
{
	while (bytes->left > 0) {
		const unsigned char *at = bytes->at;
		struct bytes inside;
		unsigned total;

		if (bytes->left < CONFIGURATION_SIZE || at[0] < CONFIGURATION_SIZE ||
		    at[1] != DESCRIPTOR_CONFIGURATION)
			return err_set(err, ERR_INVALID,
				       "no configuration descriptor where one belongs");
		total = word_at(at + 2);
		if (total < at[0] || total > bytes->left)
			return err_set(err, ERR_INVALID,
				       "a configuration says that it is %u bytes long, and %zu are "
				       "left",
				       total, bytes->left);
		inside = (struct bytes){at + at[0], total - at[0]};
		if (configuration == 0 || configuration == at[5])
			return parse_configuration(inside, device, err);
		bytes->at += total;
		bytes->left -= total;
	}
	return configuration == 0
		       ? 0
		       : err_set(err, ERR_INVALID, "it has no configuration %u", configuration);
}

int gate_device_parse_configuration(const void *descriptors, size_t len, unsigned configuration,
				    struct gate_device *out, struct err *err)
{
	struct bytes bytes = {descriptors, len};
	struct gate_device device = {.port = ""};
	const unsigned char *at = bytes.at;

	if (len < DEVICE_SIZE || at[0] != DEVICE_SIZE || at[1] != DESCRIPTOR_DEVICE)
		return err_set(err, ERR_INVALID, "no device descriptor in %zu bytes", len);
	bytes.at += DEVICE_SIZE;
	bytes.left -= DEVICE_SIZE;
	device.class = at[4];
	device.subclass = at[5];
	device.protocol = at[6];
	device.vendor = (uint16_t)word_at(at + 8);
	device.product = (uint16_t)word_at(at + 10);
	device.release = (uint16_t)word_at(at + 12);
	if (find_configuration(&bytes, configuration, &device, err))
		return -1;
	*out = device;
	return 0;
}

int gate_device_parse(const void *descriptors, size_t len, struct gate_device *out, struct err *err)
{
	return gate_device_parse_configuration(descriptors, len, 0, out, err);
}

/* --- what it says of itself --- */

/* A serial with '*' in it would be a pattern wherever its id is approved. */
static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~' || *text == '*' || *text == '?')
			return false;
	return true;
}

void gate_device_says(struct gate_device *device, const char *serial, const char *maker,
		      const char *model)
{
	text_clean(device->serial, sizeof(device->serial), serial, strlen(serial));
	text_clean(device->maker, sizeof(device->maker), maker, strlen(maker));
	text_clean(device->model, sizeof(device->model), model, strlen(model));
	device->serial_cleaned = !is_plain(serial) || strlen(serial) >= sizeof(device->serial);
}

void gate_device_id(const struct gate_device *device, char out[GATE_ID])
{
	int used = snprintf(out, GATE_ID, "%04x:%04x:%s", device->vendor, device->product,
			    device->serial);

	for (char *at = out + 10; used > 10 && *at; at++)
		if (*at <= ' ' || *at > '~' || *at == '*' || *at == '?')
			*at = '_';
}

bool gate_id_matches(const char *pattern, const char *id)
{
	char wide[GATE_ID + 8];
	const char *colon = strchr(pattern, ':');

	if (!colon || strlen(pattern) >= GATE_ID)
		return false;
	if (strchr(colon + 1, ':'))
		return text_match(pattern, id);
	snprintf(wide, sizeof(wide), "%s:*", pattern);
	return text_match(wide, id);
}

bool gate_serial_is_weak(const struct gate_device *device)
{
	const char *serial = device->serial;

	/* "000000000000" and "FFFFFFFF" come from factories that set none. */
	return device->serial_cleaned ||
	       strspn(serial, (char[]){serial[0], '\0'}) == strlen(serial);
}

void gate_device_card(struct gate_device *out, const char *name, uint16_t vendor, uint16_t product,
		      bool bound)
{
	struct gate_interface *interface = &out->interfaces[0];

	*out = (struct gate_device){.vendor = vendor, .product = product, .card = true};
	(void)text_copy(out->port, sizeof(out->port), name);
	(void)text_copy(interface->name, sizeof(interface->name), name);
	interface->class = 0x08; /* as a USB device's would be: storage */
	interface->authorized = bound;
	out->interface_count = 1;
}

/* --- modaliases --- */

void gate_modalias(const struct gate_device *device, unsigned i, char out[GATE_MODALIAS])
{
	const struct gate_interface *interface = &device->interfaces[i];

	snprintf(out, GATE_MODALIAS,
		 "usb:v%04Xp%04Xd%04Xdc%02Xdsc%02Xdp%02Xic%02Xisc%02Xip%02Xin%02X", device->vendor,
		 device->product, device->release, device->class, device->subclass,
		 device->protocol, interface->class, interface->subclass, interface->protocol,
		 interface->number);
}

/* 'word' and then 'digits' of upper-case hex. */
static bool take_field(const char **at, const char *word, unsigned digits, unsigned *out)
{
	static const char hex[] = "0123456789ABCDEF";
	unsigned value = 0;

	if (strncmp(*at, word, strlen(word)) != 0)
		return false;
	*at += strlen(word);
	while (digits-- > 0) {
		const char *digit = **at ? strchr(hex, **at) : NULL;

		if (!digit)
			return false;
		value = value << 4 | (unsigned)(digit - hex);
		(*at)++;
	}
	*out = value;
	return true;
}

int gate_modalias_parse(const char *modalias, struct gate_device *device,
			struct gate_interface *interface)
{
	enum { V, P, D, DC, DSC, DP, IC, ISC, IP, IN, COUNT };
	static const struct {
		const char *word;
		unsigned digits;
	} fields[COUNT] = {{"usb:v", 4}, {"p", 4},  {"d", 4},   {"dc", 2}, {"dsc", 2},
			   {"dp", 2},    {"ic", 2}, {"isc", 2}, {"ip", 2}, {"in", 2}};
	unsigned value[COUNT];
	const char *at = modalias;

	for (unsigned i = 0; i < COUNT; i++)
		if (!take_field(&at, fields[i].word, fields[i].digits, &value[i]))
			return -1;
	if (*at)
		return -1;
	device->vendor = (uint16_t)value[V];
	device->product = (uint16_t)value[P];
	device->release = (uint16_t)value[D];
	device->class = (uint8_t)value[DC];
	device->subclass = (uint8_t)value[DSC];
	device->protocol = (uint8_t)value[DP];
	interface->class = (uint8_t)value[IC];
	interface->subclass = (uint8_t)value[ISC];
	interface->protocol = (uint8_t)value[IP];
	interface->number = (uint8_t)value[IN];
	snprintf(interface->modalias, sizeof(interface->modalias), "%s", modalias);
	return 0;
}

/* --- ports --- */

static const char *skip_number(const char *at)
{
	const char *start = at;

	while (*at >= '0' && *at <= '9')
		at++;
	return at > start && at - start <= 3 ? at : NULL;
}

int gate_port_depth(const char *port)
{
	const char *at = skip_number(port);
	int depth = 0;

	if (!at || *at != '-' || strlen(port) >= GATE_NAME)
		return -1;
	for (at = skip_number(at + 1); at && *at == '.'; at = skip_number(at + 1))
		depth++;
	return at && !*at ? depth : -1;
}

bool gate_port_matches(const char *pattern, const char *port)
{
	char above[GATE_NAME];
	char *dot;

	if (!text_copy(above, sizeof(above), port))
		return false;
	while (!text_match(pattern, above)) {
		dot = strrchr(above, '.');
		if (!dot)
			return false;
		*dot = '\0';
	}
	return true;
}
