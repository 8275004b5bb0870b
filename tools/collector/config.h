/* conf/collector.ini as read: where the collector listens and lies.  A missing file means the
 * defaults; an unknown key is an error that names file, line and the nearest known one.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_CONFIG_H
#define CARETAKER_COLLECTOR_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

struct err;

#define CONFIG_FILE "/etc/caretaker-collector/collector.ini"
#define CONFIG_DATA "/var/lib/caretaker-collector"
#define CONFIG_LISTEN_MAX 8

struct config_listen {
	unsigned count;
	char text[CONFIG_LISTEN_MAX][128]; /* "[::]:8443", "127.0.0.1:0" */
};

struct config {
	char data[512];
	char public_host[260]; /* "collector.school.example:8443": what codes carry */
	char time_zone[64];    /* "Europe/London"; "": this machine's */
	struct config_listen devices, people;
	char certificate[512]; /* "": server.pem of the data directory */
	char certificate_key[512];
	int64_t workers; /* 0: one a core */
	int64_t max_connections;
	int64_t max_queued;      /* requests that wait for the writer */
	int64_t request_seconds; /* deadline of a whole request */
	int64_t idle_seconds;    /* a kept connection without a request */
	int64_t min_free_mb;     /* below: /healthz says so, heartbeats are refused for now */
	int64_t not_seen_days;   /* a device counts as not seen after */
	int64_t keep_heartbeat_days;
	int64_t audit_days; /* a new school stays in audit */
};

void config_default(struct config *out);
/* 'path' NULL: CONFIG_FILE when it is there.  A named file must be there. */
int config_read(const char *path, struct config *out, struct err *err);

#endif
