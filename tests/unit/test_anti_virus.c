/* anti_virus.c: facts of a fake machine, and what is said of them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/controls_helpers.h"

#include "platform/fake/fake_machine.h"
#include "platform/fake/fake_software.h"

static struct plat_av_product clam(void)
{
	return (struct plat_av_product){.name = "ClamAV",
					.version = "1.4.6",
					.tried = true,
					.running = PLAT_YES,
					.on_access = PLAT_YES,
					.auto_update = PLAT_YES,
					.signatures_at = NOW - 5 * HOUR,
					.signatures = "27100"};
}

static const struct said *with(const struct plat_av_product *product, const char *policy)
{
	forget();
	fake_software_reset();
	fake_software.antivirus.err.code = ERR_NONE;
	fake_software.antivirus.facts.count = product ? 1 : 0;
	if (product)
		fake_software.antivirus.facts.products[0] = *product;
	return checked(CONTROL_ANTI_VIRUS, policy, NOW);
}

static void passes_what_runs_is_fresh_scans_on_access_and_updates_itself(void **state)
{
	struct plat_av_product product = clam();

	(void)state;
	assert_said(with(&product, ""), VERDICT_PASS, "ok");
	assert_non_null(strstr(said.text, "\"signatures_at\":\"2026-11-22T01:40:00Z\""));
}

static void no_product_is_a_fail_but_not_in_a_container(void **state)
{
	(void)state;
	fake_machine_reset();
	fake_machine.machine = PLAT_MACHINE_REAL;
	assert_said(with(NULL, ""), VERDICT_FAIL, "none");
	fake_machine.machine = PLAT_MACHINE_CONTAINER;
	fake_machine.machine_name = "docker";
	assert_said(with(NULL, ""), VERDICT_NOT_APPLICABLE, "container");
	fake_machine_reset();
}

static void clamd_without_clamonacc_is_a_fail_unless_the_policy_lets_it(void **state)
{
	struct plat_av_product product = clam();

	(void)state;
	product.on_access = PLAT_NO;
	assert_said(with(&product, ""), VERDICT_FAIL, "not-on-access");
	assert_said(with(&product, "[anti-virus]\non_access_required = no\n"), VERDICT_PASS, "ok");
}

static void each_fault_has_its_own_word(void **state)
{
	struct plat_av_product product;

	(void)state;
	product = clam();
	product.running = PLAT_NO;
	assert_said(with(&product, ""), VERDICT_FAIL, "not-running");
	product = clam();
	product.signatures_at = NOW - 49 * HOUR;
	assert_said(with(&product, ""), VERDICT_FAIL, "signatures-old");
	assert_string_equal(said.wrong, "The virus signatures of ClamAV are 2 days old; the policy "
					"allows 2 days.");
	product.signatures_at = NOW - 48 * HOUR;
	assert_said(with(&product, ""), VERDICT_PASS, "ok");
	product.signatures_at = 0;
	assert_said(with(&product, ""), VERDICT_FAIL, "signatures-missing");
	product = clam();
	product.auto_update = PLAT_NO;
	assert_said(with(&product, ""), VERDICT_FAIL, "updater-off");
	product = clam();
	assert_said(with(&product, "[anti-virus]\nlast_scan_max_days = 7\n"), VERDICT_FAIL,
		    "never-scanned");
	product.last_scan_at = NOW - 8 * DAY;
	assert_said(with(&product, "[anti-virus]\nlast_scan_max_days = 7\n"), VERDICT_FAIL,
		    "scan-old");
	product.last_scan_at = NOW - 7 * DAY;
	assert_said(with(&product, "[anti-virus]\nlast_scan_max_days = 7\n"), VERDICT_PASS, "ok");
}

static void folders_left_out_must_be_the_systems_or_allowed(void **state)
{
	struct plat_av_product product = clam();

	(void)state;
	product.excluded_count = 3;
	strcpy(product.excluded[0], "^/proc/");
	strcpy(product.excluded[1], "/sys");
	strcpy(product.excluded[2], "/run/user$");
	assert_said(with(&product, ""), VERDICT_PASS, "ok");
	strcpy(product.excluded[1], "^/home/");
	assert_said(with(&product, ""), VERDICT_FAIL, "excluded");
	assert_said(with(&product, "[anti-virus]\nallowed_exclusions = /home\n"), VERDICT_PASS,
		    "ok");
	strcpy(product.excluded[1], "/process"); /* not /proc */
	assert_said(with(&product, ""), VERDICT_FAIL, "excluded");
}

static void what_cannot_be_told_is_never_a_fail_or_a_pass(void **state)
{
	struct plat_av_product product = clam();

	(void)state;
	product.tried = false;
	strcpy(product.name, "ESET Endpoint Antivirus");
	product.running = product.on_access = product.auto_update = PLAT_CANNOT_TELL;
	product.signatures_at = 0;
	assert_said(with(&product, ""), VERDICT_UNKNOWN, "cannot-tell");
	assert_non_null(
		strstr(said.text, "\"message\":\"ESET Endpoint Antivirus: whether it runs"));
	product.running = PLAT_NO;
	assert_said(with(&product, ""), VERDICT_FAIL, "not-running");
}

static void an_untried_product_is_labelled(void **state)
{
	struct plat_av_product product = clam();

	(void)state;
	product.tried = false;
	strcpy(product.name, "Microsoft Defender");
	assert_said(with(&product, ""), VERDICT_PASS, "product-untried");
	assert_said(with(&product, "[anti-virus]\nproducts = defender\n"), VERDICT_PASS,
		    "product-untried");
	assert_said(with(&product, "[anti-virus]\nproducts = sophos\n"), VERDICT_FAIL,
		    "other-product");
}

static void the_best_of_several_products_counts(void **state)
{
	(void)state;
	forget();
	fake_software_reset();
	fake_software.antivirus.err.code = ERR_NONE;
	fake_software.antivirus.facts.count = 2;
	fake_software.antivirus.facts.products[0] = clam();
	fake_software.antivirus.facts.products[0].running = PLAT_NO;
	fake_software.antivirus.facts.products[1] = clam();
	strcpy(fake_software.antivirus.facts.products[1].name, "Sophos Protection for Linux");
	assert_said(checked(CONTROL_ANTI_VIRUS, "", NOW), VERDICT_PASS, "ok");
	assert_said(checked(CONTROL_ANTI_VIRUS, "[anti-virus]\nproducts = clamav\n", NOW),
		    VERDICT_FAIL, "not-running");
}

static void a_detection_is_an_event_and_stands_until_the_file_is_gone(void **state)
{
	const struct plat_detection found = {.product = "ClamAV",
					     .path = "~/game.exe",
					     .file = "/home/ann/game.exe",
					     .signature = "Win.Test.EICAR_HDB-1",
					     .at = NOW - HOUR};
	const struct fake_file file = {"/home/ann/game.exe", "x", NOW - HOUR};
	struct plat_av_product product = clam();

	(void)state;
	(void)with(&product, "");
	fake_software.detections.err.code = ERR_NONE;
	fake_software.detections.items = &found;
	fake_software.detections.count = 1;
	fake_software.detections.position = "7:100 ";
	fake_software.files.err.code = ERR_NONE;
	fake_software.files.items = &file;
	fake_software.files.count = 1;
	assert_said(checked(CONTROL_ANTI_VIRUS, "", NOW), VERDICT_FAIL, "virus-found");
	assert_string_equal(said.events, "{\"type\":\"virus-found\",\"data\":{\"product\":"
					 "\"ClamAV\",\"signature\":\"Win.Test.EICAR_HDB-1\","
					 "\"path\":\"~/game.exe\",\"at\":"
					 "\"2026-11-22T05:40:00Z\"}}\n");
	assert_null(strstr(said.text, "/home/ann")); /* nobody is named */
	/* The log has nothing new: no second event, the verdict stays. */
	fake_software.detections.count = 0;
	assert_said(checked(CONTROL_ANTI_VIRUS, "", NOW + DAY), VERDICT_FAIL, "virus-found");
	assert_string_equal(fake_software.detections.asked, "7:100 ");
	assert_string_equal(said.events, "");
	/* Removed. */
	fake_software.files.count = 0;
	fake_software.antivirus.facts.products[0].signatures_at = NOW + DAY;
	assert_said(checked(CONTROL_ANTI_VIRUS, "", NOW + DAY), VERDICT_PASS, "ok");
	/* There again, but the days are over. */
	fake_software.files.count = 1;
	fake_software.antivirus.facts.products[0].signatures_at = NOW + 7 * DAY;
	assert_said(checked(CONTROL_ANTI_VIRUS, "", NOW + 7 * DAY), VERDICT_PASS, "ok");
}

static void a_detection_dated_2099_does_not_stand_for_ever(void **state)
{
	const struct plat_detection found = {
		.product = "ClamAV", .file = "/x", .signature = "Eicar", .at = INT64_C(4070908800)};
	const struct fake_file file = {"/x", "x", NOW - HOUR};
	struct plat_av_product product = clam();

	(void)state;
	(void)with(&product, "");
	fake_software.detections.err.code = ERR_NONE;
	fake_software.detections.items = &found;
	fake_software.detections.count = 1;
	fake_software.detections.position = "7:100 ";
	fake_software.files.err.code = ERR_NONE;
	fake_software.files.items = &file;
	fake_software.files.count = 1;
	assert_said(checked(CONTROL_ANTI_VIRUS, "", NOW), VERDICT_FAIL, "virus-found");
	fake_software.detections.count = 0;
	assert_said(checked(CONTROL_ANTI_VIRUS, "", NOW + DAY), VERDICT_FAIL, "virus-found");
	fake_software.antivirus.facts.products[0].signatures_at = NOW + 8 * DAY;
	assert_said(checked(CONTROL_ANTI_VIRUS, "", NOW + 8 * DAY), VERDICT_PASS, "ok");
}

/* The last one. */
static void every_reason_was_given(void **state)
{
	static const enum control_id ids[] = {CONTROL_ANTI_VIRUS};

	(void)state;
	assert_every_row_was_said(ids, COUNT(ids));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_what_runs_is_fresh_scans_on_access_and_updates_itself),
		cmocka_unit_test(no_product_is_a_fail_but_not_in_a_container),
		cmocka_unit_test(clamd_without_clamonacc_is_a_fail_unless_the_policy_lets_it),
		cmocka_unit_test(each_fault_has_its_own_word),
		cmocka_unit_test(folders_left_out_must_be_the_systems_or_allowed),
		cmocka_unit_test(what_cannot_be_told_is_never_a_fail_or_a_pass),
		cmocka_unit_test(an_untried_product_is_labelled),
		cmocka_unit_test(the_best_of_several_products_counts),
		cmocka_unit_test(a_detection_is_an_event_and_stands_until_the_file_is_gone),
		cmocka_unit_test(a_detection_dated_2099_does_not_stand_for_ever),
		cmocka_unit_test(every_reason_was_given),
	};

	return cmocka_run_group_tests(tests, NULL, forget_all);
}
