/* Services: are they there, do they run, do they start at boot?
 *
 * 'name' is the system's own ("clamav-daemon", without ".service"; a Windows service's short name).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_SERVICES_H
#define CARETAKER_PLATFORM_SERVICES_H

#include <stdbool.h>

struct err;

enum plat_service_run {
	PLAT_SERVICE_ABSENT, /* no such service */
	PLAT_SERVICE_STOPPED,
	PLAT_SERVICE_RUNNING, /* or a one-shot that did its work and stays */
	PLAT_SERVICE_UNKNOWN, /* it is there; nobody could say whether it runs */
};
struct plat_service {
	enum plat_service_run run;
	bool at_boot; /* enabled, also by its socket or timer */
	bool masked;  /* somebody made it impossible to start */
};
int plat_service(const char *name, struct plat_service *out, struct err *err);

/* True when a process of this name runs (its program's file name). */
int plat_program_runs(const char *program, bool *out, struct err *err);

/* Calls 'each' with every program's file name: first those that run, then those installed in the
 * system's folders.  False from it ends the walk. */
int plat_each_program(bool (*each)(void *ctx, const char *name, bool running), void *ctx,
		      struct err *err);

#endif
