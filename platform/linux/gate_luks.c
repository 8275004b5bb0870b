/* Whether a container's header promises encryption, asked of the medium itself.
 *
 * It is read at each look.  What was found is not kept: whoever has the medium open may have
 * written another header since, and the kernel tells of that when they close it, which may be after
 * the container was unlocked.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_parts.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "platform/linux/luks.h"

struct asked {
	const struct plat_gate *gate;
	const char *name;
};

/* In the child; to open it may take as long as to read it. */
static int judge(const void *ctx)
{
	const struct asked *asked = ctx;
	int fd = gate_open_medium(asked->gate, asked->name, 0);

	return fd < 0 ? LUKS_UNREADABLE : (int)luks_judge_fd(fd);
}

bool gate_luks_is_null(const struct plat_gate *gate, const struct plat_medium *medium)
{
	const struct asked asked = {gate, medium->name};
	char of[64]; /* its disk: its partitions wait for the same one */
	const struct gate_job job = {
		.work = judge, .ctx = &asked, .of = of, .patience_ms = gate->luks_patience_ms};
	int says = LUKS_UNREADABLE;
	struct err err;

	(void)snprintf(of, sizeof(of), "%llu-%s", (unsigned long long)medium->sequence,
		       medium->disk);
	return gate_in_child(gate->children, &job, &says, &err) < 0 || says != LUKS_ENCRYPTED;
}
