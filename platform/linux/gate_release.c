/* By what udev's rule knows that a medium is open, of platform/gate.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/log.h"
#include "platform/os.h"

#define BLOCK "class/block"
#define OPEN_FOLDER "/run/caretaker/gate/open"

/* The file by which udev's rule knows that a medium is open. */
static int open_file(const struct plat_gate *gate, const struct plat_medium *medium, char *out,
		     size_t size, struct err *err)
{
	char path[128], place[GATE_PATH];

	(void)snprintf(path, sizeof(path), BLOCK "/%s", medium->name);
	if (!gate_place(gate, path, place, sizeof(place)))
		return err_set(err, ERR_NOTFOUND, "the disk '%s' is gone", medium->name);
	if (!medium->sequence)
		return err_set(err, ERR_UNSUPPORTED,
			       "this kernel gives '%s' no number of its own (diskseq, Linux 5.15): "
			       "it stays closed",
			       medium->name);
	(void)snprintf(out, size, "%s" OPEN_FOLDER "/%llu-%s", gate->root,
		       (unsigned long long)medium->sequence, medium->name);
	return 0;
}

int plat_gate_release(struct plat_gate *gate, const struct plat_medium *medium, bool open,
		      struct err *err)
{
	char file[GATE_PATH];
	struct plat_file_info info;
	struct gate_udev udev;

	if (!gate_is_block(medium->name))
		return err_set(err, ERR_INVALID, "'%s' is no disk", medium->name);
	if (open_file(gate, medium, file, sizeof(file), err) < 0 ||
	    plat_file_info(file, &info, err) < 0)
		return -1;
	/* What was there before the rule is not closed yet though nobody opened it. */
	if (info.exists == open) {
		if (open)
			return 0;
		gate_udev_read(gate, medium->name, medium->sequence, &udev);
		if (udev.closed)
			return 0;
	}
	if (open) {
		char folder[GATE_PATH];

		(void)snprintf(folder, sizeof(folder), "%s" OPEN_FOLDER, gate->root);
		if (plat_file_info(folder, &info, err) < 0 ||
		    (!info.exists && plat_dir_make(folder, PLAT_FILE_PRIVATE, err) < 0) ||
		    plat_file_replace(file, "", 0, PLAT_FILE_PRIVATE, err) < 0)
			return -1;
	} else if (plat_file_remove(file, err) < 0) {
		return -1;
	}
	return plat_gate_look_again(gate, medium->name, err);
}

int plat_gate_look_again(struct plat_gate *gate, const char *medium, struct err *err)
{
	char path[128];

	if (!gate_is_block(medium))
		return err_set(err, ERR_INVALID, "'%s' is no disk", medium);
	(void)snprintf(path, sizeof(path), BLOCK "/%s/uevent", medium);
	return gate_write(gate, path, "change", err);
}

struct sweep {
	const struct plat_gate *gate;
	const char *folder;
};

/* "SEQ-NAME". */
static int sweep_one(void *ctx, const char *name, struct err *err)
{
	const struct sweep *sweep = ctx;
	char path[GATE_PATH], *end;
	unsigned long long sequence = strtoull(name, &end, 10);
	uint64_t now = 0;

	if (*end == '-' && gate_is_block(end + 1)) {
		(void)snprintf(path, sizeof(path), BLOCK "/%s/diskseq", end + 1);
		if (!gate_number(sweep->gate, path, 10, &now)) {
			(void)snprintf(path, sizeof(path), BLOCK "/%s/../diskseq", end + 1);
			(void)gate_number(sweep->gate, path, 10, &now);
		}
	}
	if (now && now == sequence)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/%s", sweep->folder, name);
	return plat_file_remove(path, err);
}

void plat_gate_sweep(struct plat_gate *gate)
{
	char folder[GATE_PATH];
	struct sweep sweep = {gate, folder};
	struct err err;

	(void)snprintf(folder, sizeof(folder), "%s" OPEN_FOLDER, gate->root);
	if (plat_dir_list(folder, sweep_one, &sweep, &err) < 0 && err.code != ERR_NOTFOUND)
		log_warn("what says that media are open which are gone stays: %s", err.msg);
}
