/* Files over Bluetooth: see gatekeeper.h.  (bluez-obexd; dpkg-statoverride(1).)
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/gatekeeper/gatekeeper.h"

#include "agent/base/err.h"
#include "platform/gate.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS (60 * 1000)
#define OVERRIDE "dpkg-statoverride"

static const char *const programs[] = {PLAT_GATE_SENDERS};

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

static int shut_program(const char *program, struct err *err)
{
	char path[KEEP_PATH];
	struct err none;

	/* Whoever has set its mode knows why. */
	if (keep_run((const char *const[]){OVERRIDE, "--list", program, NULL}, TIMEOUT_MS, &none) ==
	    0)
		return err_set(err, ERR_DENIED, "dpkg-statoverride has a mode for %s already",
			       program);
	if (keep_run((const char *const[]){OVERRIDE, "--update", "--add", "root", "root", "0700",
					   program, NULL},
		     TIMEOUT_MS, err))
		return -1;
	keep_path(path, "%s/gate.obexd", keep_state());
	return plat_file_replace(path, program, strlen(program), PLAT_FILE_PRIVATE, err);
}

static int open_program(const char *program, struct err *err)
{
	char path[KEEP_PATH];

	if (keep_run((const char *const[]){OVERRIDE, "--remove", program, NULL}, TIMEOUT_MS, err))
		return -1;
	if (keep_exists("%s", program) &&
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
	for (size_t i = 0; shut && !*ours && i < sizeof(programs) / sizeof(programs[0]); i++)
		if (keep_exists("%s", programs[i]))
			return shut_program(programs[i], err);
	return 0;
}
