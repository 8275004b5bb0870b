/* A sysfs of our own, which the gate takes for this machine's: one for all tests of a program.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_GATE_SYSFS_H
#define CARETAKER_TESTS_GATE_SYSFS_H

#include <stdarg.h>
#include <stdlib.h>

#include "agent/base/buf.h"
#include "agent/base/compiler.h"
#include "platform/gate.h"
#include "platform/os.h"
#include "tests/unit/tree.h"
#include "tests/unit/unit.h"

static struct plat_gate *gate;

PRINTF_LIKE(1, 2) static inline void shell(const char *fmt, ...)
{
	char command[2000];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	assert_int_equal(system(command), 0);
}

static inline const char *get(const char *path)
{
	static struct buf text;
	char whole[512];
	struct err err;

	buf_clear(&text);
	buf_init(&text, 4096);
	(void)snprintf(whole, sizeof(whole), "%s%s", tree, path);
	if (plat_file_read(whole, 4096, &text, &err) < 0)
		return "(none)";
	return buf_text(&text);
}

/* Before anything is put there. */
static inline void begin_tree(void)
{
	(void)strcpy(tree, "/tmp/caretaker-gate-XXXXXX");
	assert_non_null(mkdtemp(tree));
}

static inline void open_gate(void)
{
	char sysfs[128], modules[128];

	(void)snprintf(sysfs, sizeof(sysfs), "%s/sys", tree);
	(void)snprintf(modules, sizeof(modules), "%s/lib", tree);
	assert_works(plat_gate_open(&gate, sysfs, modules, &err));
}

static inline int remove_tree(void **state)
{
	(void)state;
	plat_gate_close(gate);
	shell("rm -rf %s", tree);
	(void)get("/none"); /* frees what it held */
	return 0;
}

/* What the gate finds, kept by keep(). */
struct seen {
	struct plat_medium media[16];
	unsigned count;
};

static inline int keep(void *ctx, const struct plat_medium *medium)
{
	struct seen *seen = ctx;

	seen->media[seen->count++] = *medium;
	return 0;
}

#endif
