/* Disks that the kernel makes of plugged-in media: what a stick holds once it is unlocked.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/gatekeeper/gatekeeper.h"

#include "agent/base/err.h"
#include "agent/base/log.h"
#include "platform/gate.h"

#include <stdlib.h>

int keep_plugged(const char *name)
{
	char sysfs[KEEP_PATH], modules[KEEP_PATH];
	struct plat_gate *gate = NULL;
	bool plugged;
	struct err err;

	keep_path(sysfs, "/sys");
	keep_path(modules, "/lib/modules"); /* nothing in it is looked at */
	if (plat_gate_open(&gate, sysfs, modules, &err) < 0) {
		log_error("'%s' is taken for the machine's own: %s", name, err.msg);
		return EXIT_FAILURE;
	}
	plugged = plat_gate_is_plugged(gate, name);
	plat_gate_close(gate);
	return plugged ? EXIT_SUCCESS : EXIT_FAILURE;
}
