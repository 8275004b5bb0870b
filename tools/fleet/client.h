/* One HTTPS connection to a collector, kept open between requests unless told otherwise.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_FLEET_CLIENT_H
#define CARETAKER_FLEET_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/proto/enrol.h"

struct buf;
struct client;
struct err;

/* Once before the first client and after the last. */
int client_global_start(struct err *err);
void client_global_stop(void);

/* 'reconnect': a new connection for each request, as a laptop that was away makes. */
int client_new(bool reconnect, struct client **out, struct err *err);
void client_free(struct client *client);

/* Posts to the collector that 'code' names, believing the certificate that it pins.  'path' is
 * "/v1/heartbeats".  The answer's body goes into 'out' (emptied first). */
int client_post(struct client *client, const struct enrol_code *code, const char *path,
		const void *body, size_t len, struct buf *out, long *out_status, struct err *err);

#endif
