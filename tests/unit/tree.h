/* A folder that is this machine's root for one test, with the files that the test puts there.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_TREE_H
#define CARETAKER_TESTS_TREE_H

#include <stdlib.h>
#include <sys/stat.h>

#include "platform/os.h"
#include "tests/unit/unit.h"

static char tree[64]; /* of the test at hand */

static inline void make_folders(char *path)
{
	char *slash;

	for (slash = strchr(path + strlen(tree) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0755); /* is there already, as a rule */
		*slash = '/';
	}
}

static inline void put_bytes(const char *name, const void *bytes, size_t len)
{
	char path[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s%s", tree, name);
	make_folders(path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static inline void put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static inline void put_link(const char *name, const char *target)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s%s", tree, name);
	make_folders(path);
	assert_int_equal(symlink(target, path), 0);
}

static inline void put_program(const char *name)
{
	char path[512];

	put(name, "#!/bin/sh\n");
	(void)snprintf(path, sizeof(path), "%s%s", tree, name);
	assert_int_equal(chmod(path, 0755), 0);
}

static inline int set_up(void **state)
{
	(void)state;
	(void)strcpy(tree, "/tmp/caretaker-tree-XXXXXX");
	assert_non_null(mkdtemp(tree));
	plat_set_root(tree);
	return 0;
}

static inline int tear_down(void **state)
{
	char command[128];

	(void)state;
	plat_set_root("");
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", tree);
	return system(command);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
