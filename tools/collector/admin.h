/* What the collector's commands share: opening config, data directory, store; saying what went
 * wrong; who acts, for the audit trail.  A command prints and returns an exit code.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_ADMIN_H
#define CARETAKER_COLLECTOR_ADMIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/base/buf.h"
#include "agent/base/compiler.h"
#include "agent/base/err.h"
#include "agent/base/options.h"
#include "tools/collector/config.h"
#include "tools/collector/identity.h"
#include "tools/collector/store.h"

struct store_device_filter;

#define EXIT_DONE 0
#define EXIT_FAILED 1

struct admin {
	struct config config;
	char store_path[IDENTITY_PATH];
	struct identity *identity; /* NULL unless asked for */
	struct store *store;       /* NULL unless asked for */
	int64_t now;
	bool json;
	char who[STORE_NAME_SIZE];
	struct err err;
};

enum admin_needs {
	ADMIN_CONFIG, /* the configuration alone */
	ADMIN_KEYS,   /* ... and the identity */
	ADMIN_READ,   /* ... and the store, to look: still written to, for the audit trail */
	ADMIN_WRITE,
};
/* Prints why not and returns EXIT_FAILED, or EXIT_DONE. */
int admin_open(struct admin *admin, const struct options *options, enum admin_needs needs);
void admin_close(struct admin *admin);

/* "caretaker-collector: ..." to stderr; EXIT_FAILED. */
int admin_fail(const struct admin *admin);
int admin_complain(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* A line to stdout; like a complaint, without what could steer a terminal. */
void admin_say(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Text of many lines, cleaned. */
void admin_put_lines(FILE *to, const struct buf *text);

/* --- options --- */
/* A number option: '*out' keeps its default when absent.  -1 after a complaint. */
int admin_number(const struct options *options, const char *name, int64_t min, int64_t max,
		 int64_t *out);
/* --days N or --until DATE to a moment; 0 when neither was given. */
int admin_end(struct admin *admin, const struct options *options, int64_t *out);
/* The last second of today, in the schools' time zone (day.h). */
int admin_end_of_day(struct admin *admin, int64_t *out);

/* --- names to rows: each complains with the nearest known name --- */
/* 'name' NULL: the only school there is. */
int admin_school(struct admin *admin, const char *name, struct store_school *out);
/* 'name' NULL: the school's group "default". */
int admin_group(struct admin *admin, const struct store_school *school, const char *name,
		struct store_group *out);
int admin_room(struct admin *admin, const struct store_school *school, const char *name,
	       struct store_room *out);
/* Narrows 'filter' to a school, a group and a room of it, each NULL: not named.  None named leaves
 * it as it is. */
int admin_place(struct admin *admin, const char *school, const char *group, const char *room,
		struct store_device_filter *filter);
/* By UUID, its first 4 characters or more, name or serial number; more than one fit: says which. */
int admin_device(struct admin *admin, const char *word, struct store_device *out);

/* --- files --- */
#define ADMIN_MAX_FILE (64 * 1024 * 1024)
/* "-" is standard input and output; written files are private unless 'public'. */
int admin_read_file(struct admin *admin, const char *path, size_t max, struct buf *out);
int admin_write_file(struct admin *admin, const char *path, const struct buf *data, bool public);

/* A line in the audit trail; 'detail' is made of name and value pairs, ended by NULL. */
int admin_audit(struct admin *admin, const char *action, const char *object, ...);

/* What a restored collector's serials go on above, see cmd_restore(); 0: never restored. */
int64_t admin_serial_floor(struct admin *admin);

/* The policy key: --key FILE, else policy.key of the data directory.  Complains. */
int admin_policy_key(struct admin *admin, const struct options *options,
		     struct crypto_signer **out);

#endif
