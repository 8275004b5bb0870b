/* What people ask over HTTP: a table of routes (api.c) that the people's listener serves.
 *
 * A handler runs on a worker's thread and must not block: it reads through the worker's own
 * read-only store handle.  What time alone changes has been applied before it is called.  What it
 * looked at is written to the audit trail before its answer leaves, when it says so in
 * 'audit_action'. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_API_H
#define CARETAKER_COLLECTOR_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "tools/collector/store.h"

struct config;
struct stats;

struct api_request {
	const char *method, *path; /* the path without query, percent escapes as they came */
	const char *query;         /* "" when there is none */
	const char *authorization; /* the header's value; "" when there is none */
	const char *peer;          /* address, for people to read */
	const char *rest;          /* of the path, behind the route's '*'; "" otherwise */
	const char *body;
	size_t body_len;
	struct store *store; /* STORE_READ */
	const struct config *config;
	const struct stats *stats;
	int64_t now;
};

struct api_answer {
	int status;            /* 200 unless the handler says otherwise */
	const char *type;      /* a literal; "application/json" unless the handler says otherwise */
	const char *challenge; /* WWW-Authenticate, a literal; NULL: none */
	struct buf body;
	/* A line of the audit trail, committed before the answer leaves; action "" means none. */
	char audit_who[STORE_NAME_SIZE], audit_action[64], audit_object[160], audit_detail[512];
};

/* An RFC 9457 body: "urn:caretaker:problem:NAME"; 'detail' says what to do.  Sets status and type.
 */
void api_problem(struct api_answer *answer, int status, const char *name, const char *title,
		 const char *detail);

struct api_route {
	const char *method;
	const char *path; /* "/api/v1/devices/" followed by '*' takes any rest */
	bool always;      /* answered even when the store cannot be read: /healthz */
	void (*handle)(const struct api_request *, struct api_answer *);
};
/* Ends with a NULL method. */
extern const struct api_route api_routes[];

#endif
