/* The folder into which people put requests, with real files.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "platform/ask.h"

static char folder[64];
static unsigned given;
static struct plat_ask last;
static char frame[16];

static int begin(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/caretaker-ask-XXXXXX");
	given = 0;
	return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

static void take(void *ctx, const struct plat_ask *ask, const void *bytes)
{
	(void)ctx;
	given++;
	last = *ask;
	memcpy(frame, bytes, sizeof(frame));
}

static void put(const char *name, const char *text)
{
	char path[160];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static unsigned count_files(void)
{
	char command[128], said[32];
	FILE *out;

	snprintf(command, sizeof(command), "ls -A '%s' | wc -l", folder);
	out = popen(command, "r");
	assert_non_null(out);
	assert_non_null(fgets(said, sizeof(said), out));
	pclose(out);
	return (unsigned)strtoul(said, NULL, 10);
}

static void what_is_put_is_given_with_its_owner_until_it_is_removed(void **state)
{
	(void)state;
	assert_works(plat_ask_put(folder, "0123456789abcdef", 16, &err));
	assert_works(plat_ask_each(folder, 16, 4, take, NULL, &err));
	assert_int_equal(given, 1);
	assert_memory_equal(frame, "0123456789abcdef", 16);
	assert_string_equal(last.account, getpwuid(getuid())->pw_name);
	assert_works(plat_ask_each(folder, 16, 4, take, NULL, &err));
	assert_int_equal(given, 2);
	plat_ask_remove(folder, last.name);
	assert_int_equal(count_files(), 0);
}

/* A pipe to hang on, links to what is root's, a second name, a folder, too much, too little. */
static void what_is_no_plain_file_of_that_size_goes_unread(void **state)
{
	char from[160], to[160];

	(void)state;
	put("short", "0123");
	put("long", "0123456789abcdef+");
	snprintf(to, sizeof(to), "%s/pipe", folder);
	assert_int_equal(mkfifo(to, 0666), 0);
	snprintf(to, sizeof(to), "%s/link", folder);
	assert_int_equal(symlink("/etc/hostname", to), 0);
	snprintf(to, sizeof(to), "%s/dir", folder);
	assert_int_equal(mkdir(to, 0700), 0);
	put("first", "0123456789abcdef");
	snprintf(from, sizeof(from), "%s/first", folder);
	snprintf(to, sizeof(to), "%s/second", folder);
	assert_int_equal(link(from, to), 0);
	assert_works(plat_ask_each(folder, 16, 4, take, NULL, &err));
	/* The first of two names goes; the file then has one name, and may be its owner's. */
	assert_true(given <= 1);
	if (given)
		plat_ask_remove(folder, last.name);
	assert_int_equal(count_files(), 0);
}

static void no_more_are_given_than_were_asked_for(void **state)
{
	(void)state;
	for (int i = 0; i < 9; i++)
		assert_works(plat_ask_put(folder, "0123456789abcdef", 16, &err));
	assert_works(plat_ask_each(folder, 16, 4, take, NULL, &err));
	assert_int_equal(given, 4);
	assert_int_equal(count_files(), 4);
}

static void without_a_folder_nothing_is_asked_and_nothing_can_be(void **state)
{
	(void)state;
	assert_works(plat_ask_each("/tmp/caretaker-no-such-folder", 16, 4, take, NULL, &err));
	assert_int_equal(given, 0);
	assert_fails(plat_ask_put("/tmp/caretaker-no-such-folder", "x", 1, &err), ERR_NOTFOUND,
		     "leave a request in '/tmp/caretaker-no-such-folder': No such file or "
		     "directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_is_put_is_given_with_its_owner_until_it_is_removed, begin, end),
		cmocka_unit_test_setup_teardown(what_is_no_plain_file_of_that_size_goes_unread,
						begin, end),
		cmocka_unit_test_setup_teardown(no_more_are_given_than_were_asked_for, begin, end),
		cmocka_unit_test_setup_teardown(
			without_a_folder_nothing_is_asked_and_nothing_can_be, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
