/* platform/linux/guard*.c with this machine's own fanotify: what opens, what does not, and what
 * holds when the guard, clamd or the service manager is gone.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/guard_bed.h"

#include <dirent.h>

#include "platform/linux/gate_parts.h"
#include "platform/scan.h"

static void a_clean_file_opens_and_is_scanned_once(void **state)
{
	(void)state;
	assert_int_equal(try_open(stick, "lesson"), 0);
	assert_int_equal(try_open(stick, "lesson"), 0);
	assert_int_equal(clamd.scanned, 1);
	assert_int_equal(try_open(stick, "empty"), 0);
	assert_int_equal(clamd.scanned, 1);
	assert_int_equal(try_open(stick, "again"), 0);
	assert_int_equal(clamd.scanned, 2);
	assert_false(said_more());
}

static void after_an_infected_file_no_other_is_asked_about(void **state)
{
	(void)state;
	assert_int_equal(try_open(stick, "virus"), EPERM);
	assert_string_equal(heard(), "sda1 infected Test.Virus");
	assert_int_equal(try_open(stick, "virus"), EPERM);
	assert_int_equal(try_open(stick, "lesson"), EPERM);
	assert_int_equal(clamd.scanned, 1);
	assert_false(said_more());
}

static void what_cannot_be_scanned_is_refused_and_said_once(void **state)
{
	(void)state;
	assert_int_equal(try_open(stick, "film"), EPERM);
	assert_int_equal(try_open(stick, "film"), EPERM);
	assert_int_equal(clamd.scanned, 0);
	assert_string_equal(heard(), "sda1 refused file-too-large");
	assert_int_equal(try_open(stick, "odd"), EPERM);
	assert_string_equal(heard(), "sda1 refused scanner-failed");
	assert_int_equal(try_open(stick, "lesson"), 0);
	assert_false(said_more());
}

static void what_clamd_may_not_read_it_gets_a_copy_of(void **state)
{
	(void)state;
	assert_int_equal(try_open(stick, "sandbox"), 0);
	assert_int_equal(clamd.scanned, 2);
	assert_int_equal(try_open(stick, "sandbox"), 0);
	assert_int_equal(clamd.scanned, 2);
	assert_false(said_more());
}

static void without_clamd_no_file_opens_until_it_is_back(void **state)
{
	(void)state;
	clamd.dies = true;
	assert_int_equal(try_open(stick, "lesson"), EPERM);
	assert_string_equal(heard(), "sda1 refused no-scanner");
	clamd.dies = false;
	assert_int_equal(try_open(stick, "lesson"), 0);
}

static void another_mount_of_it_is_no_way_around(void **state)
{
	(void)state;
	assert_int_equal(mount(stick, other, "none", MS_BIND, NULL), 0);
	assert_int_equal(try_open(other, "film"), EPERM);
	assert_int_equal(try_open(other, "lesson"), 0);
	assert_int_equal(umount2(other, MNT_DETACH), 0);
}

static void a_medium_that_was_given_up_opens_nothing_where_it_is_still_mounted(void **state)
{
	(void)state;
	assert_int_equal(try_open(stick, "lesson"), 0);
	assert_true(is_kept("medium-17-sda1"));
	put(asks, "drop.new", "");
	{
		char from[96], to[96];

		(void)snprintf(from, sizeof(from), "%s/drop.new", asks);
		(void)snprintf(to, sizeof(to), "%s/drop", asks);
		assert_int_equal(rename(from, to), 0);
	}
	assert_string_equal(heard(), " guarded ");
	assert_int_equal(try_open(stick, "again"), EPERM);
	assert_int_equal(try_open(stick, "lesson"), EPERM);
	while (is_kept("medium-17-sda1")) /* the manager hears of it when it has time */
		(void)sched_yield();
}

struct opening {
	pthread_t thread;
	const char *name;
	int result;
};

static void *open_it(void *arg)
{
	struct opening *opening = arg;

	opening->result = try_open(stick, opening->name);
	return NULL;
}

/* Whoever opens a file is asked about once the kernel has put it to sleep there. */
static void wait_until_asked(void)
{
	struct pollfd asked = {.fd = -1, .events = POLLIN};

	for (unsigned i = 0; i < manager.count; i++)
		if (strcmp(manager.names[i], "questions") == 0)
			asked.fd = manager.fds[i];
	assert_int_equal(poll(&asked, 1, 20000), 1);
}

static void killed_it_lets_nobody_through_and_the_next_refuses_what_it_left(void **state)
{
	struct opening taken = {.name = "slow"}, waits = {.name = "film"},
		       reads = {.name = "again"};
	int hold[2];

	(void)state;
	assert_int_equal(try_open(stick, "lesson"), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	clamd.waits = hold[0];
	assert_int_equal(pthread_create(&taken.thread, NULL, open_it, &taken), 0);
	while (__atomic_load_n(&clamd.scanned, __ATOMIC_RELAXED) < 2)
		(void)sched_yield();
	end_guard(SIGKILL);
	(void)close(hold[1]); /* clamd's word comes, to nobody */
	assert_int_equal(pthread_create(&waits.thread, NULL, open_it, &waits), 0);
	assert_int_equal(pthread_create(&reads.thread, NULL, open_it, &reads), 0);
	wait_until_asked();
	assert_int_equal(pthread_tryjoin_np(taken.thread, NULL), EBUSY);
	assert_int_equal(pthread_tryjoin_np(waits.thread, NULL), EBUSY);
	start_guard(false);
	(void)pthread_join(taken.thread, NULL);
	(void)pthread_join(waits.thread, NULL);
	(void)pthread_join(reads.thread, NULL);
	assert_int_equal(taken.result, EPERM);
	assert_int_equal(waits.result, EPERM);
	assert_int_equal(reads.result, 0);
	clamd.waits = -1;
	(void)close(hold[0]);
}

static void told_to_end_it_unmounts_what_it_guarded(void **state)
{
	char path[96];

	(void)state;
	assert_int_equal(try_open(stick, "lesson"), 0);
	end_guard(SIGTERM);
	assert_string_equal(heard(), "- ended ");
	(void)snprintf(path, sizeof(path), "%s/lesson", stick);
	assert_int_equal(access(path, F_OK), -1);
}

static void without_a_service_manager_nothing_is_guarded(void **state)
{
	const struct plat_guard_told told = {.ctx = NULL};
	struct plat_guard *none = NULL;
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/manager", folder);
	unsetenv("NOTIFY_SOCKET");
	assert_fails(plat_guard_open(&none, &told, &err), ERR_UNSUPPORTED,
		     "no service manager keeps what must outlive this process (NOTIFY_SOCKET): "
		     "start it as caretaker-on-open.service");
	assert_null(none);
	setenv("NOTIFY_SOCKET", path, 1);
}

static void a_file_system_that_another_can_lie_on_is_not_guarded(void **state)
{
	const struct plat_guard_told told = {.ctx = NULL};
	const struct plat_guard_medium sdb1 = {"sdb1", 18};
	struct plat_guard *g = NULL;
	char why[24] = "";

	(void)state;
	assert_works(plat_guard_open(&g, &told, &err));
	assert_fails(plat_guard_add(g, &sdb1, "ext4", "/nowhere", why, &err), ERR_INVALID,
		     "'ext4' is not opened file by file");
	assert_string_equal(why, "file-system");
	plat_guard_close(g);
}

/* Any disk of this machine; nothing is mounted. */
static bool find_disk(struct plat_guard_medium *out)
{
	const struct plat_gate here = {.sysfs = "/sys", .live = true};
	DIR *disks = opendir("/sys/class/block");
	bool found = false;
	struct dirent *entry;
	char path[96];

	while (disks && !found && (entry = readdir(disks))) {
		(void)snprintf(path, sizeof(path), "class/block/%.32s/diskseq", entry->d_name);
		found = strlen(entry->d_name) < sizeof(out->name) && entry->d_name[0] != '.' &&
			gate_number(&here, path, 10, &out->sequence);
		if (found)
			strcpy(out->name, entry->d_name);
	}
	if (disks)
		closedir(disks);
	return found;
}

static void another_disk_of_that_name_is_neither_guarded_nor_scanned(void **state)
{
	const struct plat_guard_told told = {.ctx = NULL};
	struct plat_guard_medium disk = {0};
	struct plat_guard *g = NULL;
	struct plat_scan scan = {.folder = other, .max_ms = 1000};
	struct plat_scan_result result;
	char why[24] = "";

	(void)state;
	if (!find_disk(&disk)) {
		print_message("no disk here has a number of its own\n");
		skip();
	}
	scan.medium = disk.name;
	scan.sequence = disk.sequence;
	scan.file_system = "none-such";
	plat_scan_medium(&scan, &result);
	assert_int_equal(result.verdict, PLAT_SCAN_UNSCANNABLE);
	assert_string_equal(result.why, "file-system");
	scan.sequence++;
	plat_scan_medium(&scan, &result);
	assert_int_equal(result.verdict, PLAT_SCAN_STOPPED);
	assert_int_equal(result.done.files, 0);
	assert_int_equal(mkdir(other, 0755), 0); /* it takes its folder away */
	disk.sequence++;
	assert_works(plat_guard_open(&g, &told, &err));
	assert_fails(plat_guard_add(g, &disk, "vfat", other, why, &err), ERR_IO,
		     "another disk has its name");
	plat_guard_close(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_clean_file_opens_and_is_scanned_once),
		TEST(after_an_infected_file_no_other_is_asked_about),
		TEST(what_cannot_be_scanned_is_refused_and_said_once),
		TEST(what_clamd_may_not_read_it_gets_a_copy_of),
		TEST(without_clamd_no_file_opens_until_it_is_back),
		TEST(another_mount_of_it_is_no_way_around),
		TEST(a_medium_that_was_given_up_opens_nothing_where_it_is_still_mounted),
		TEST(killed_it_lets_nobody_through_and_the_next_refuses_what_it_left),
		TEST(told_to_end_it_unmounts_what_it_guarded),
		TEST(without_a_service_manager_nothing_is_guarded),
		TEST(a_file_system_that_another_can_lie_on_is_not_guarded),
		TEST(another_disk_of_that_name_is_neither_guarded_nor_scanned),
	};

	return cmocka_run_group_tests(tests, bed_made, bed_gone);
}
