/* The host's mounts, one by one.  For platform/linux/gate_*.c alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_GATE_MOUNTS_H
#define CARETAKER_PLATFORM_LINUX_GATE_MOUNTS_H

#include <stdbool.h>

struct plat_gate;

struct gate_mount {
	unsigned major, minor;
	char *point, *type, *source;
};
/* Without those that caretaker-scan made.  False when the list cannot be read at all. */
bool gate_each_mount(const struct plat_gate *gate,
		     bool (*each)(void *ctx, const struct gate_mount *mount), void *ctx);
/* Those that another process sees ("self"). */
bool gate_each_mount_of(const struct plat_gate *gate, const char *process,
			bool (*each)(void *ctx, const struct gate_mount *mount), void *ctx);

#endif
