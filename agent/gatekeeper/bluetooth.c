/* Files over Bluetooth: see gatekeeper.h.  (bluez-obexd; dpkg-statoverride(1).)
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/gatekeeper/gatekeeper.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "platform/gate.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS (60 * 1000)
#define OVERRIDE "dpkg-statoverride"
#define TABLE "/var/lib/dpkg/statoverride"
#define TABLE_MAX (256 * 1024) /* a minimal system's is some lines */

static const char *const programs[] = {PLAT_GATE_SENDERS};

enum whose { NOBODYS, OURS, ANOTHERS };

/* STATE/gate.obexd names the one that we have shut. */
static void noted(char out[64])
{
	keep_attribute(out, 64, "%s/gate.obexd", keep_state());
}

bool keep_shuts_bluetooth_files(void)
{
	char program[64];

	noted(program);
	return *program != '\0';
}

/* A line of dpkg's table is "USER GROUP MODE PATH".  One as ours is an admin's all the same where
 * we have noted nothing. */
static int whose_mode(const char *program, enum whose *out, struct err *err)
{
	char path[KEEP_PATH], ours[128], mine[64];
	struct buf table;
	char *at;

	*out = NOBODYS;
	noted(mine);
	keep_path(path, TABLE);
	buf_init(&table, TABLE_MAX);
	if (plat_file_read(path, TABLE_MAX, &table, err) < 0 && err->code != ERR_NOTFOUND) {
		buf_clear(&table);
		return -1;
	}
	(void)snprintf(ours, sizeof(ours), "root root 700 %s", program);
	at = table.data;
	for (const char *line; (line = keep_cut(&at, "\n"));) {
		const char *named = strchr(line, '/');

		if (named && strcmp(named, program) == 0)
			*out = strcmp(line, ours) == 0 && strcmp(mine, program) == 0 ? OURS
										     : ANOTHERS;
	}
	buf_clear(&table);
	return 0;
}

/* Again, where somebody has taken it back.  Noted first: what ends us leaves no mode that is
 * nobody's. */
static int shut_program(const char *program, struct err *err)
{
	char path[KEEP_PATH];
	enum whose whose;

	if (whose_mode(program, &whose, err) < 0)
		return -1;
	/* Whoever has set its mode knows why. */
	if (whose == ANOTHERS)
		return err_set(err, ERR_DENIED,
			       "dpkg-statoverride has a mode for %s already; to have Caretaker set "
			       "its own: dpkg-statoverride --remove %s",
			       program, program);
	if (whose == OURS)
		return 0;
	keep_path(path, "%s/gate.obexd", keep_state());
	if (plat_file_replace(path, program, strlen(program), PLAT_FILE_PRIVATE, err) < 0)
		return -1;
	return keep_run((const char *const[]){OVERRIDE, "--update", "--add", "root", "root", "0700",
					      program, NULL},
			TIMEOUT_MS, err);
}

/* Somebody may have taken our mode back meanwhile, or set another: that one stays. */
static int open_program(const char *program, struct err *err)
{
	char path[KEEP_PATH];
	enum whose whose;

	if (whose_mode(program, &whose, err) < 0)
		return -1;
	if (whose == OURS &&
	    keep_run((const char *const[]){OVERRIDE, "--remove", program, NULL}, TIMEOUT_MS, err))
		return -1;
	if (whose != ANOTHERS && keep_exists("%s", program) &&
	    keep_run((const char *const[]){"chmod", "0755", program, NULL}, TIMEOUT_MS, err))
		return -1;
	keep_path(path, "%s/gate.obexd", keep_state());
	return plat_file_remove(path, err);
}

int keep_bluetooth_files(bool shut, struct err *err)
{
	char ours[64];

	noted(ours);
	/* A release's upgrade moves it. */
	if (*ours && (!shut || !keep_exists("%s", ours))) {
		if (open_program(ours, err))
			return -1;
		ours[0] = '\0';
	}
	if (shut && *ours)
		return shut_program(ours, err);
	for (size_t i = 0; shut && i < sizeof(programs) / sizeof(programs[0]); i++)
		if (keep_exists("%s", programs[i]))
			return shut_program(programs[i], err);
	return 0;
}
