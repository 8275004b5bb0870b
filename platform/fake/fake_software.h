/* What a test tells the fake machine about anti-virus, updates, software and safeguards.
 *
 * As in fake_machine.h: each answer is the struct that platform.h's function gives out, or an error
 * when 'err.code' is set; lists point at the test's own arrays and are copied when asked for.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_FAKE_SOFTWARE_H
#define CARETAKER_PLATFORM_FAKE_SOFTWARE_H

#include "agent/base/err.h"
#include "platform/antivirus.h"
#include "platform/safeguards.h"
#include "platform/software.h"
#include "platform/updates.h"

struct fake_file {
	const char *path, *text;
	int64_t changed_at;
};

struct fake_unit {
	const char *name;
	struct plat_unit_runs runs;
};

struct fake_package {
	const char *name, *version;
};

struct fake_software {
	struct {
		struct err err;
		struct plat_antivirus facts;
	} antivirus;
	struct {
		struct err err;
		const struct plat_detection *items; /* told whatever the position */
		size_t count;
		const char *position; /* what the next run is given */
		char asked[256];      /* the position of the last question; "-" for NULL */
	} detections;
	struct {
		struct err err;
		struct plat_updates facts;
	} updates;
	struct {
		struct err err;
		struct plat_release facts;
	} release;
	struct {
		struct err err;
		struct plat_reboot facts;
	} reboot;
	struct {
		struct err err;
		struct plat_software facts;
	} software;
	struct {
		struct err err;
		const struct fake_package *items;
		size_t count;
	} packages; /* plat_package_find() */
	struct {
		struct err err;
		const char *const *changed; /* ends with NULL; may be NULL */
		unsigned asked;             /* how often */
	} verify;                           /* plat_package_verify() */
	struct {
		struct err err;
		const struct fake_unit *items;
		size_t count;
	} units;
	const char *const *programs; /* running ones; ends with NULL; may be NULL */
	struct {
		struct err err; /* for each file */
		const struct fake_file *items;
		size_t count;
	} files;
	struct {
		struct err err;
		const char *pem;
	} certificates;
	struct {
		struct err err;
		const struct plat_browser_file *items;
		size_t count;
	} browsers;
	struct {
		struct err err;
		struct plat_wifi facts;
	} wifi;
	struct {
		struct err err;
		struct plat_sync_clients facts;
	} sync;
};
extern struct fake_software fake_software; /* of the one machine a test stands in */

/* Nothing is known: every question is ERR_UNSUPPORTED. */
void fake_software_reset(void);

#endif
