/* What this kernel would bind to an interface, by its own tables; and what the device answers
 * itself. SPDX-License-Identifier: Apache-2.0 */
#include "agent/gatekeeper/gatekeeper.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/gate/compatible.h"
#include "agent/gate/hold.h"
#include "platform/gate.h"
#include "platform/kernel.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

#define ALIASES_MAX (1024 * 1024)

static const char *chosen_modules; /* --modules, given once for the whole run */

void keep_set_modules(const char *folder)
{
	chosen_modules = folder;
}

static int open_tables(const char *folder, struct plat_gate **out, struct err *err)
{
	char sysfs[KEEP_PATH], modules[KEEP_PATH], release[80];

	keep_path(sysfs, "/sys");
	plat_kernel_release(release);
	if (!folder)
		folder = chosen_modules;
	if (folder)
		snprintf(modules, sizeof(modules), "%s", folder);
	else
		keep_path(modules, "/lib/modules/%s", release);
	return plat_gate_open(out, sysfs, modules, err);
}

static void try_entry(void *ctx, bool builtin, const char *entry, size_t len)
{
	struct gate_device *device = ctx;

	for (unsigned i = 0; i < device->interface_count; i++) {
		if (builtin)
			gate_alias_builtin(&device->interfaces[i], entry, len);
		else
			gate_alias_line(&device->interfaces[i], entry, len);
	}
}

/* The initramfs brings the whole system's list, where it has only some modules itself. */
static bool try_brought_list(struct gate_device *device)
{
	char path[KEEP_PATH];
	struct err err;
	struct buf buf;
	bool read;

	keep_path(path, KEEP_ALIASES);
	buf_init(&buf, ALIASES_MAX);
	read = plat_file_read(path, ALIASES_MAX, &buf, &err) == 0 && buf.len > 0;
	for (const char *line = buf_text(&buf), *end; read && *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!end)
			break;
		try_entry(device, false, line, (size_t)(end - line));
	}
	buf_clear(&buf);
	return read;
}

void keep_resolve(struct gate_device *device, const char *modules)
{
	bool brought = try_brought_list(device);
	struct plat_gate *gate = NULL;
	struct err err;

	if (open_tables(modules, &gate, &err) || plat_gate_aliases(gate, try_entry, device, &err)) {
		device->aliases_unread = !brought;
		if (!brought)
			log_warn("more than usual waits for caretakerd: %s", err.msg);
	}
	plat_gate_close(gate);
}

void keep_ask(struct gate_device *device, const struct gate_rules *rules)
{
	unsigned char ids[GATE_COMPATIBLE_MAX];
	struct plat_gate *gate = NULL;
	struct err err;
	size_t len;

	if (!gate_compatible_asks(device, rules))
		return;
	if (open_tables(NULL, &gate, &err) == 0 &&
	    plat_gate_compatible(gate, device->port, ids, sizeof(ids), &len, &err) == 0)
		gate_compatible_hold(device, rules, gate_compatible_media(device, ids, len));
	else if (err.code != ERR_NOTFOUND)
		log_warn("%s is not asked whether it is MTP: %s", device->port, err.msg);
	plat_gate_close(gate);
}

static void print_entry(void *ctx, bool builtin, const char *entry, size_t len)
{
	const char *dot = builtin ? memchr(entry, '.', len) : NULL;
	const char *blank = builtin ? NULL : memchr(entry, ' ', len);
	char module[GATE_NAME];
	unsigned *count = ctx;

	if (dot &&
	    snprintf(module, sizeof(module), "%.*s", (int)(dot - entry), entry) <
		    (int)sizeof(module) &&
	    gate_driver_stores(module) && strncmp(dot, ".alias=usb:", 11) == 0) {
		printf("alias %s %s\n", dot + 7, module);
		++*count;
	}
	blank = blank ? strchr(blank + 1, ' ') : NULL;
	if (blank && strncmp(entry, "alias usb:", 10) == 0 && gate_driver_stores(blank + 1)) {
		printf("%s\n", entry);
		++*count;
	}
}

int keep_print_aliases(const char *modules, struct err *err)
{
	struct plat_gate *gate = NULL;
	unsigned count = 0;
	int ret = -1;

	if (open_tables(modules, &gate, err) == 0 &&
	    plat_gate_aliases(gate, print_entry, &count, err) == 0)
		ret = 0;
	plat_gate_close(gate);
	/* A list that is empty would be taken for one that could not be read: more would wait. */
	if (ret == 0 && count == 0)
		printf("# this kernel has no USB storage\n");
	return ret;
}
