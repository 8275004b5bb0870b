/* agent/gate/device.c: descriptors and names as a hostile device sends them, judged as they are.
 * The first byte is the configuration asked for, the next how many bytes of names follow.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/gate/compatible.h"
#include "agent/gate/device.h"
#include "agent/gate/hold.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void judge(struct gate_device *device, const char *said)
{
	char id[GATE_ID];

	gate_device_says(device, said, said, said);
	must(text_utf8_valid(device->serial, strlen(device->serial)));
	gate_device_id(device, id);
	for (const char *at = id; *at; at++)
		must(*at > ' ' && *at <= '~');
	(void)gate_serial_is_weak(device);
	for (unsigned i = 0; i < device->interface_count; i++) {
		struct gate_interface *interface = &device->interfaces[i], again = {.name = ""};
		struct gate_device other = {.port = ""};

		gate_modalias(device, i, interface->modalias);
		must(gate_modalias_parse(interface->modalias, &other, &again) == 0);
		must(other.vendor == device->vendor && again.class == interface->class &&
		     again.number == interface->number);
	}
	gate_hold(device, NULL);
	for (unsigned i = 0; i < device->interface_count; i++)
		must(device->interfaces[i].class != 0x08 ||
		     gate_waits(&device->interfaces[i], NULL));
}

/* The answer of the same device to another question. */
static void judge_answer(struct gate_device *device, const uint8_t *data, size_t len)
{
	uint32_t media = gate_compatible_media(device, data, len);

	must(media == 0 || len >= 40);
	gate_compatible_hold(device, NULL, media);
	for (unsigned i = 0; i < device->interface_count; i++)
		must(!(media >> i & 1) || device->interfaces[i].class != 0xff ||
		     gate_waits(&device->interfaces[i], NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct gate_device device = {.vendor = 77};
	struct err err = {ERR_NONE, ""};
	char said[256];
	size_t said_len;

	if (len < 2)
		return 0;
	said_len = data[1] < len - 2 ? data[1] : len - 2;
	memcpy(said, data + 2, said_len);
	said[said_len] = '\0';
	(void)gate_port_depth(said);
	(void)gate_port_matches(said, "2-1.4");
	(void)gate_id_matches(said, "0951:1666:60A4");
	if (gate_device_parse_configuration(data + 2 + said_len, len - 2 - said_len, data[0],
					    &device, &err)) {
		must(err.code == ERR_INVALID && err.msg[0] && device.vendor == 77);
		return 0;
	}
	must(device.interface_count <= GATE_INTERFACES_MAX);
	judge(&device, said);
	judge_answer(&device, data, len);
	judge_answer(&device, (const uint8_t *)said, said_len);
	return 0;
}
