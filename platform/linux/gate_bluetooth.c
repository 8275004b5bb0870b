/* Files over Bluetooth, of platform/gate.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_parts.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/base/text.h"

static bool is_adapter(void *ctx, const char *name)
{
	bool *found = ctx;

	*found |= strncmp(name, "hci", 3) == 0;
	return !*found;
}

bool plat_gate_sends_files(struct plat_gate *gate, char program[64])
{
	static const char *const programs[] = {PLAT_GATE_SENDERS};
	bool adapter = false;

	gate_each(gate, "class/bluetooth", is_adapter, &adapter);
	for (size_t i = 0; adapter && i < sizeof(programs) / sizeof(programs[0]); i++) {
		char path[GATE_PATH];
		struct stat st;

		(void)snprintf(path, sizeof(path), "%s%s", gate->root, programs[i]);
		if (stat(path, &st) == 0 && st.st_mode & (S_IXGRP | S_IXOTH))
			return text_copy(program, 64, programs[i]);
	}
	return false;
}
