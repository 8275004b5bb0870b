/* caretaker hardware ports: which port of the case is which of the kernel's, found by plugging
 * something into each of them; prints the lines for a policy.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/cli.h"

#include "agent/base/err.h"
#include "agent/base/options.h"
#include "agent/base/text.h"
#include "platform/gate.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

#define PORTS_MAX 128
#define NAME_MAX_BYTES 32

struct ports {
	char names[PORTS_MAX][NAME_MAX_BYTES];
	char panels[PORTS_MAX][16];
	size_t count;
};

/* Two lists of one policy. */
struct found {
	struct ports front, rear;
};

static int take_port(void *ctx, const struct plat_port_device *device)
{
	struct ports *ports = ctx;

	if (device->card)
		return 0; /* its slot has no name that a policy could use */
	if (ports->count == PORTS_MAX)
		return -1;
	(void)text_copy(ports->names[ports->count], NAME_MAX_BYTES, device->port);
	(void)text_copy(ports->panels[ports->count], 16, device->panel);
	ports->count++;
	return 0;
}

static int look(struct plat_gate *gate, struct ports *out, struct err *err)
{
	out->count = 0;
	return plat_gate_devices(gate, take_port, out, err);
}

static bool has(const struct ports *ports, const char *name)
{
	for (size_t i = 0; i < ports->count; i++)
		if (strcmp(ports->names[i], name) == 0)
			return true;
	return false;
}

/* The first that is there now and was not; nothing of a hub that came along is behind it. */
static long new_port(const struct ports *before, const struct ports *now)
{
	long best = -1;

	for (size_t i = 0; i < now->count; i++)
		if (!has(before, now->names[i]) &&
		    (best < 0 || strlen(now->names[i]) < strlen(now->names[best])))
			best = (long)i;
	return best;
}

static bool read_line(char *out, size_t size)
{
	fflush(stdout);
	if (!fgets(out, (int)size, stdin))
		return false;
	out[strcspn(out, "\r\n")] = '\0';
	return true;
}

static void add(struct ports *to, const char *name)
{
	if (to->count < PORTS_MAX && !has(to, name))
		(void)text_copy(to->names[to->count++], NAME_MAX_BYTES, name);
}

static void print_list(const char *key, const struct ports *ports)
{
	if (!ports->count)
		return;
	printf("%s = ", key);
	for (size_t i = 0; i < ports->count; i++)
		printf("%s%s", i ? ", " : "", ports->names[i]);
	printf("\n");
}

/* USB 2 and USB 3 are two buses of one socket: what is in it decides which of them it is. */
static void conclude(const struct found *found)
{
	if (!found->front.count && !found->rear.count) {
		printf("No port was named.\n");
		return;
	}
	printf("\nFor the policy of this model of computer:\n\n[removable-storage]\n");
	print_list("front_ports", &found->front);
	if (found->rear.count) {
		printf("\n[hardware]\n");
		print_list("rear_ports", &found->rear);
	}
	printf("\nA socket for USB 3 is two ports: name it once with a USB 2 and once with a USB 3 "
	       "device.\n");
}

static void name_port(const struct ports *now, long at, struct found *found)
{
	const char *name = now->names[at], *panel = now->panels[at];
	char line[64];

	printf("That is port %s%s%s.\nIs it at the front? (y: front, n: rear, Enter: neither) ",
	       name, *panel ? ", by the firmware at the " : "", panel);
	if (!read_line(line, sizeof(line)))
		return;
	if (line[0] == 'y' || line[0] == 'Y')
		add(&found->front, name);
	else if (line[0] == 'n' || line[0] == 'N')
		add(&found->rear, name);
}

int cli_hardware_ports(const struct options *options)
{
	static struct ports before, now; /* too large for a stack, and there is one of each */
	struct plat_gate *gate = NULL;
	struct found found = {0};
	struct err err;
	char line[64];
	long at;

	(void)options;
	if (plat_gate_open(&gate, NULL, NULL, &err) < 0 || look(gate, &before, &err) < 0) {
		plat_gate_close(gate);
		return cli_fail(&err);
	}
	printf("Plug something (a mouse will do) into a port that is free, then press Enter; q and "
	       "Enter ends.\n");
	while (read_line(line, sizeof(line)) && line[0] != 'q') {
		if (look(gate, &now, &err) < 0) {
			plat_gate_close(gate);
			return cli_fail(&err);
		}
		at = new_port(&before, &now);
		if (at < 0)
			printf("Nothing new is plugged in.\n");
		else
			name_port(&now, at, &found);
		before = now;
		printf("Take it out and plug it into the next one, then press Enter; q and Enter "
		       "ends.\n");
	}
	plat_gate_close(gate);
	conclude(&found);
	return CLI_COMPLIANT;
}
