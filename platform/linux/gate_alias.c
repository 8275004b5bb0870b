/* The kernel's own list of which driver wants which device (platform/gate.h).
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"

#define ALIAS_FILE_MAX (64L * 1024 * 1024)

typedef void alias_each(void *ctx, bool builtin, const char *entry, size_t len);

/* Pieces of a file that end in 'end', those over the buffer's size left out. */
static int each_piece(const char *path, int end, bool builtin, alias_each *each, void *ctx,
		      struct err *err)
{
	FILE *file = fopen(path, "re");
	char piece[512];
	size_t len = 0;
	bool long_one = false;
	long total = 0;
	int c, ret = 0;

	if (!file)
		return errno == ENOENT ? err_set(err, ERR_NOTFOUND, "there is no '%s'", path)
				       : err_errno(err, errno, "open '%s'", path);
	while ((c = getc_unlocked(file)) != EOF && ++total < ALIAS_FILE_MAX) {
		if (c != end) {
			if (len < sizeof(piece) - 1)
				piece[len++] = (char)c;
			else
				long_one = true;
			continue;
		}
		piece[len] = '\0';
		if (!long_one && strstr(piece, "usb:"))
			each(ctx, builtin, piece, len);
		len = 0;
		long_one = false;
	}
	if (ferror(file))
		ret = err_errno(err, errno, "read '%s'", path);
	(void)fclose(file);
	return ret;
}

int plat_gate_aliases(struct plat_gate *gate, alias_each *each, void *ctx, struct err *err)
{
	char path[300];
	struct err none;

	(void)snprintf(path, sizeof(path), "%s/modules.alias", gate->modules);
	if (each_piece(path, '\n', false, each, ctx, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/modules.builtin.modinfo", gate->modules);
	if (each_piece(path, '\0', true, each, ctx, &none) < 0 && none.code != ERR_NOTFOUND) {
		*err = none;
		return -1;
	}
	return 0; /* kernels before 5.2 have no list of what is built in */
}
