/* The fake machine keeps the promises of platform/os.h that tests of other modules lean on.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/buf.h"
#include "platform/fake/fake_os.h"
#include "platform/os.h"

static int reset(void **state)
{
	(void)state;
	fake_reset();
	return 0;
}

static void keeps_files_as_a_disk_does(void **state)
{
	struct plat_file_info before, after;
	struct buf buf;

	(void)state;
	buf_init(&buf, 0);
	assert_fails(plat_file_replace("/s/a", "x", 1, PLAT_FILE_PRIVATE, &err), ERR_NOTFOUND,
		     "create '/s/a': no such file or directory");
	assert_works(plat_dir_make("/s/spool", PLAT_FILE_PRIVATE, &err));
	assert_works(plat_file_replace("/s/a", "one", 3, PLAT_FILE_PRIVATE, &err));
	assert_works(plat_file_info("/s/a", &before, &err));
	assert_works(plat_file_replace("/s/a", "two", 3, PLAT_FILE_PRIVATE, &err));
	assert_works(plat_file_info("/s/a", &after, &err));
	assert_true(before.identity != after.identity);
	assert_works(plat_file_read_private("/s/a", 3, &buf, &err));
	assert_string_equal(buf_text(&buf), "two");
	assert_fails(plat_file_read("/s/a", 2, &buf, &err), ERR_INVALID,
		     "'/s/a' is larger than 2 bytes");
	assert_fails(plat_file_read("/s/b", 2, &buf, &err), ERR_NOTFOUND,
		     "open '/s/b': no such file or directory");
	assert_works(plat_file_remove("/s/a", &err));
	assert_works(plat_file_remove("/s/a", &err));
	assert_null(fake_file_text("/s/a"));
	buf_clear(&buf);
}

static int note_and_remove(void *ctx, const char *name, struct err *err)
{
	char path[64];

	buf_addf(ctx, "%s ", name);
	snprintf(path, sizeof(path), "/d/%s", name);
	return strcmp(name, "sub") == 0 ? 0 : plat_file_remove(path, err);
}

static void lists_a_folder_while_it_changes(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 0);
	fake_file_put("/d/b", "1");
	fake_file_put("/d/a", "2");
	fake_file_put("/d/sub/c", "3");
	fake_file_put("/dd", "4");
	assert_int_equal(fake_file_count("/d"), 2);
	assert_works(plat_dir_list("/d", note_and_remove, &buf, &err));
	assert_string_equal(buf_text(&buf), "a b sub ");
	assert_int_equal(fake_file_count("/d"), 0);
	assert_string_equal(fake_file_text("/dd"), "4");
	buf_clear(&buf);
}

static void fails_changes_from_the_one_that_was_named(void **state)
{
	(void)state;
	fake_dir_put("/s");
	fake_fail_changes(1, ERR_FULL);
	assert_works(plat_file_replace("/s/a", "1", 1, PLAT_FILE_PRIVATE, &err));
	assert_fails(plat_file_replace("/s/a", "2", 1, PLAT_FILE_PRIVATE, &err), ERR_FULL,
		     "write '/s/a': no space left on device");
	assert_fails(plat_file_remove("/s/a", &err), ERR_FULL,
		     "remove '/s/a': no space left on device");
	assert_string_equal(fake_file_text("/s/a"), "1");
	fake_fail_changes(0, ERR_NONE);
	assert_works(plat_file_replace("/s/a", "2", 1, PLAT_FILE_PRIVATE, &err));
	assert_int_equal(fake_change_count(), 2);
}

static void moves_its_clocks_only_when_told(void **state)
{
	struct plat_lock *lock;
	char before[37], after[37];

	(void)state;
	assert_int_equal(plat_now(), FAKE_NOW);
	fake_advance(90);
	assert_int_equal(plat_now(), FAKE_NOW + 90);
	assert_int_equal(plat_uptime_ms(), 3690000);
	fake_set_now(0);
	assert_int_equal(plat_now_ms(), 0);
	assert_int_equal(plat_uptime_ms(), 3690000);
	assert_works(plat_lock("/lock", 0, &lock, &err));
	assert_fails(plat_lock("/lock", 0, &lock, &err), ERR_DENIED,
		     "'/lock' is held: another process is running");
	assert_works(plat_boot_id(before, &err));
	fake_boot();
	assert_works(plat_boot_id(after, &err));
	assert_string_not_equal(before, after);
	assert_int_equal(plat_uptime_ms(), 0);
	assert_works(plat_lock("/lock", 0, &lock, &err));
	plat_unlock(lock);
}

static void answers_commands_from_its_table(void **state)
{
	static const char *const argv[] = {"nft", "list", "ruleset", NULL};
	struct plat_command command = {.argv = argv, .output_max = 10, .timeout_ms = 1000};
	struct buf out, errors;
	int status = -1;

	(void)state;
	buf_init(&out, 0);
	buf_init(&errors, 0);
	assert_fails(plat_run(&command, &out, &errors, &status, &err), ERR_NOTFOUND,
		     "there is no program 'nft' in the system's folders");
	fake_command("nft *", 0, "rules", "note");
	assert_works(plat_run(&command, &out, &errors, &status, &err));
	assert_string_equal(buf_text(&out), "rules");
	assert_string_equal(buf_text(&errors), "note");
	assert_int_equal(status, 0);
	fake_command_fails("nft list ruleset", ERR_TIMEOUT);
	command.input = "in";
	command.input_len = 2;
	assert_fails(plat_run(&command, &out, &errors, &status, &err), ERR_TIMEOUT,
		     "run 'nft': timed out");
	fake_command("nft *", 1, "more than ten bytes", NULL);
	assert_fails(plat_run(&command, &out, &errors, &status, &err), ERR_INVALID,
		     "'nft' wrote more than 10 bytes");
	assert_int_equal(fake_command_count(), 4);
	assert_string_equal(fake_command_run(3), "nft list ruleset");
	assert_null(fake_command_input(1));
	assert_string_equal(fake_command_input(2), "in");
	buf_clear(&out);
	buf_clear(&errors);
}

static int echo(void *ctx, const void *request, size_t len, struct buf *out, struct err *err)
{
	(void)err;
	buf_adds(out, ctx);
	buf_add(out, request, len);
	return 0;
}

static void hands_requests_to_the_tests_uplink(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	assert_fails(plat_uplink_exchange("/run/s", "p", "x", 1, 9, 1, &out, &err), ERR_NOTFOUND,
		     "the uplink's socket '/run/s' is not there");
	fake_set_uplink(echo, "re:");
	assert_works(plat_uplink_exchange("/run/s", "p", "x", 1, 9, 1, &out, &err));
	assert_string_equal(buf_text(&out), "re:x");
	assert_fails(plat_uplink_exchange("/run/s", "p", "x", 1, 3, 1, &out, &err), ERR_INVALID,
		     "the uplink's answer is larger than 3 bytes");
	buf_clear(&out);
}

static void repeats_its_random_numbers(void **state)
{
	char a[37], b[37];

	(void)state;
	fake_seed(7);
	plat_uuid(a);
	plat_uuid(b);
	assert_string_not_equal(a, b);
	fake_seed(7);
	plat_uuid(b);
	assert_string_equal(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(keeps_files_as_a_disk_does, reset),
		cmocka_unit_test_setup(lists_a_folder_while_it_changes, reset),
		cmocka_unit_test_setup(fails_changes_from_the_one_that_was_named, reset),
		cmocka_unit_test_setup(moves_its_clocks_only_when_told, reset),
		cmocka_unit_test_setup(answers_commands_from_its_table, reset),
		cmocka_unit_test_setup_teardown(hands_requests_to_the_tests_uplink, reset, reset),
		cmocka_unit_test(repeats_its_random_numbers),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	fake_reset();
	return failed;
}
