/* Serving: worker threads with an event loop each, one writer, signals and the watchdog.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_SERVE_H
#define CARETAKER_COLLECTOR_SERVE_H

#include "tools/collector/config.h"

struct err;

struct serve_config {
	const char *config_path; /* read again at SIGHUP; NULL: the usual place, if there is one */
	/* As read, what the command line said applied.  At SIGHUP: certificates, keys, limits;
	 * addresses and the data directory need a restart. */
	struct config config;
};

/* Serves until SIGTERM or SIGINT: what is in flight is finished and committed, then 0.  Prints
 * "listening devices=PORT people=PORT" to stdout once it does. */
int serve_run(const struct serve_config *config, struct err *err);

#endif
