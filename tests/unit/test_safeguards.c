/* software.c, configuration.c, backup.c, filtering.c, inventory.c: facts of a fake machine, and
 * what is said of them. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/controls_helpers.h"

#include "agent/controls/hash.h"
#include "agent/controls/inventory.h"
#include "agent/proto/crypto.h"
#include "agent/proto/inventory.h"
#include "agent/proto/jws.h"
#include "platform/fake/fake_machine.h"
#include "platform/fake/fake_software.h"

#define HASH_OF_XXX "cd2eb0837c9b4c962c22d2ff8b5441b7b45805887f051d39bf133b583baf6860" /* "xxx" */
#define HASH_OF_X "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"   /* "x" */

static int fresh(void **state)
{
	(void)state;
	forget();
	fake_software_reset();
	fake_machine_reset();
	return 0;
}

/* --- software --- */

#define PACKAGE(kind_, name_, origin_, from_) \
	{ \
		.kind = kind_, .name = name_, .version = "1", .licence = "MIT", .origin = origin_, \
		.from_archive = from_ \
	}

static const struct said *software(struct plat_package *packages, size_t count, const char *policy)
{
	fake_software.software.err.code = ERR_NONE;
	fake_software.software.facts.packages = packages;
	fake_software.software.facts.count = count;
	return checked(CONTROL_SOFTWARE, policy, NOW);
}

static void software_is_judged_by_name_source_and_place(void **state)
{
	static struct plat_package good = PACKAGE(PLAT_DPKG, "bash", "Debian", PLAT_YES),
				   banned = PACKAGE(PLAT_DPKG, "wireshark-qt", "Debian", PLAT_YES),
				   nowhere = PACKAGE(PLAT_DPKG, "game", "", PLAT_NO),
				   kernel = PACKAGE(PLAT_DPKG, "linux-image-6.1.0-9-amd64", "",
						    PLAT_NO),
				   ours = PACKAGE(PLAT_DPKG, "caretaker", "", PLAT_NO),
				   vendor = PACKAGE(PLAT_DPKG, "chrome", "Google LLC", PLAT_YES),
				   home = PACKAGE(PLAT_PIP, "requests", "home", PLAT_NO),
				   tool = PACKAGE(PLAT_APPIMAGE, "~/Downloads/Wireshark.AppImage",
						  "home", PLAT_NO),
				   unknown = PACKAGE(PLAT_DPKG, "x", "", PLAT_CANNOT_TELL);
	static const struct {
		struct plat_package *package;
		const char *policy;
		enum verdict verdict;
		const char *why;
	} cases[] = {
		{&good, "", VERDICT_PASS, "ok"},
		{&banned, "", VERDICT_FAIL, "banned"},
		{&banned, "[software]\nspared = wireshark-*\n", VERDICT_PASS, "ok"},
		{&nowhere, "", VERDICT_FAIL, "not-approved"},
		{&nowhere, "[software]\napproved = game\n", VERDICT_PASS, "ok"},
		{&nowhere, "[software]\nallowed_sources = *\n", VERDICT_PASS, "ok"},
		{&kernel, "", VERDICT_PASS, "ok"},
		{&ours, "", VERDICT_PASS, "ok"},
		{&vendor, "", VERDICT_FAIL, "foreign-source"},
		{&vendor, "[software]\nallowed_sources = Debian, Google*\n", VERDICT_PASS, "ok"},
		{&home, "", VERDICT_FAIL, "in-home"},
		{&home, "[software]\nin_home_allowed = yes\n", VERDICT_PASS, "ok"},
		{&tool, "[software]\nin_home_allowed = yes\n", VERDICT_FAIL, "banned"},
		{&unknown, "", VERDICT_UNKNOWN, "cannot-tell"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_said(software(cases[i].package, 1, cases[i].policy), cases[i].verdict,
			    cases[i].why);
}

static void a_thousand_banned_packages_fit_into_the_evidence(void **state)
{
	static struct plat_package many[1000];
	static char names[1000][120];

	(void)state;
	for (size_t i = 0; i < COUNT(many); i++) {
		(void)snprintf(names[i], sizeof(names[i]), "wireshark-%0100zu", i);
		many[i] = (struct plat_package){.name = names[i], .origin = "Debian"};
	}
	assert_said(software(many, COUNT(many), ""), VERDICT_FAIL, "banned");
	assert_non_null(strstr(said.text, "\"banned_count\":1000"));
	assert_true(strlen(said.text) < 5000);
}

/* --- the inventory --- */

static void write_inventory(const char *policy_text, struct buf *out)
{
	struct policy *policy;

	assert_works(policy_parse("test.ini", policy_text, strlen(policy_text), &policy, &err));
	buf_reset(out);
	assert_works(inventory_write(policy, NULL, out, &err));
	policy_free(policy);
}

static void the_inventory_has_no_times_and_says_null_for_what_is_not_known(void **state)
{
	struct plat_package package = PACKAGE(PLAT_DPKG, "bash", "Debian", PLAT_YES);
	struct buf body;

	(void)state;
	buf_init(&body, 0);
	write_inventory("", &body);
	assert_string_equal(body.data, "{\"v\":1,\"software\":null,\"hardware\":null}");
	fake_software.software.err.code = ERR_NONE;
	fake_software.software.facts.packages = &package;
	fake_software.software.facts.count = 1;
	write_inventory("", &body);
	assert_string_equal(body.data, "{\"v\":1,\"software\":{\"dpkg\":[[\"bash\",\"1\",\"MIT\","
				       "\"Debian\"]]},\"hardware\":null}");
	buf_clear(&body);
}

static void the_inventory_leaves_the_hardware_out_when_the_policy_says_so(void **state)
{
	struct buf body;

	(void)state;
	buf_init(&body, 0);
	fake_machine.hardware.err.code = ERR_NONE;
	(void)strcpy(fake_machine.hardware.facts.identity.model, "ThinkPad L14");
	(void)strcpy(fake_machine.hardware.facts.identity.serial, "PF2ABCDE");
	write_inventory("", &body);
	assert_non_null(strstr(body.data, "\"serial\":\"PF2ABCDE\""));
	write_inventory("[hardware]\ninventory = no\n", &body);
	assert_string_equal(body.data, "{\"v\":1,\"software\":null}");
	buf_clear(&body);
}

/* Names that do not pack: what a list of so many would need at worst. */
static void an_inventory_too_long_to_send_is_cut_and_says_by_how_much(void **state)
{
	static struct plat_package many[PLAT_SOFTWARE_MAX];
	static char names[PLAT_SOFTWARE_MAX][48];
	static const size_t in_home = 3;
	struct inventory inventory = {.device = "6f1cb9a4-3c0e-4b57-9a55-0d9e8a7c41f2", .at = NOW};
	struct inventory read;
	struct crypto_signer *signer = NULL;
	struct buf body, payload, jws;
	struct json *root = NULL;
	const struct json *software, *list;
	size_t kept = 0;
	int64_t more;
	char hash[HASH_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(many); i++) {
		crypto_sha256_b64(&i, sizeof(i), hash);
		(void)snprintf(names[i], sizeof(names[i]), "%05zu-%.40s", i, hash);
		many[i] = (struct plat_package)PACKAGE(i < COUNT(many) - in_home ? PLAT_DPKG
										 : PLAT_PIP,
						       names[i], "Debian", PLAT_YES);
	}
	fake_software.software.err.code = ERR_NONE;
	fake_software.software.facts.packages = many;
	fake_software.software.facts.count = COUNT(many);
	buf_init(&body, 0);
	buf_init(&payload, 0);
	buf_init(&jws, 0);
	write_inventory("", &body);
	inventory.body = body.data;
	inventory.body_len = body.len;
	inventory_encode(&inventory, &payload);
	assert_works(crypto_signer_generate(&signer, &err));
	assert_works(
		jws_sign(JWS_INVENTORY, payload.data, payload.len, true, 0, signer, &jws, &err));
	assert_true(jws.len > JWS_MAX * 3 / 4); /* as much as there is room for, or nearly */
	assert_works(inventory_decode(payload.data, payload.len, &read, &err));
	assert_works(json_parse(body.data, body.len, &root, &err));
	software = json_get(root, "software");
	for (list = json_first(json_get(software, "dpkg")); list; list = json_next(list))
		kept++;
	assert_works(
		json_get_int(json_get(root, "more"), "dpkg", 1, PLAT_SOFTWARE_MAX, &more, &err));
	assert_int_equal(kept + (size_t)more, COUNT(many) - in_home);
	/* The short lists are whole. */
	assert_null(json_get(json_get(root, "more"), "pip"));
	assert_non_null(strstr(body.data, names[COUNT(many) - 1]));
	json_free(root);
	crypto_signer_free(signer);
	buf_clear(&body);
	buf_clear(&payload);
	buf_clear(&jws);
}

/* --- configuration --- */

static const struct said *configuration(const char *policy)
{
	return checked(CONTROL_CONFIGURATION, policy, NOW);
}

static void configuration_compares_packages_units_and_files(void **state)
{
	static const struct fake_package packages[] = {{"bash", "5.2"}};
	static const struct fake_file files[] = {{"/etc/a", "x", NOW}};
	static const struct fake_service services[] = {
		{"cups", {.run = PLAT_SERVICE_RUNNING}},
		{"ssh", {.run = PLAT_SERVICE_STOPPED}},
		{"odd", {.run = PLAT_SERVICE_UNKNOWN}},
	};
	static const struct {
		const char *policy;
		enum verdict verdict;
		const char *why;
	} cases[] = {
		{"", VERDICT_NOT_APPLICABLE, "nothing-required"},
		{"[configuration]\nrequired_packages = bash\n", VERDICT_PASS, "ok"},
		{"[configuration]\nrequired_packages = bash, zsh\n", VERDICT_FAIL,
		 "package-missing"},
		{"[configuration]\nrequired_units = cups\n", VERDICT_PASS, "ok"},
		{"[configuration]\nrequired_units = cups, ssh\n", VERDICT_FAIL, "unit-stopped"},
		{"[configuration]\nrequired_units = odd\n", VERDICT_UNKNOWN, "cannot-tell"},
		{"[configuration]\nfiles = /etc/a=" HASH_OF_X "\n", VERDICT_PASS, "ok"},
		{"[configuration]\nfiles = /etc/a=0000000000000000000000000000000000000000000000000"
		 "000000000000000\n",
		 VERDICT_FAIL, "file-changed"},
		{"[configuration]\nfiles = /etc/b=" HASH_OF_X "\n", VERDICT_FAIL, "file-missing"},
		{"[configuration]\nbrowser_policies = /etc/b=" HASH_OF_X "\n", VERDICT_FAIL,
		 "browser-policy"},
		{"[configuration]\nbrowser_policies_only = yes\n", VERDICT_UNKNOWN, "cannot-tell"},
	};

	(void)state;
	fake_software.packages.err.code = fake_software.files.err.code = ERR_NONE;
	fake_software.packages.items = packages;
	fake_software.packages.count = COUNT(packages);
	fake_software.files.items = files;
	fake_software.files.count = COUNT(files);
	fake_machine.services = services;
	fake_machine.service_count = COUNT(services);
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_said(configuration(cases[i].policy), cases[i].verdict, cases[i].why);
}

static void a_browser_policy_that_nobody_named_is_found(void **state)
{
	static const struct plat_browser_file files[] = {
		{"firefox", "/etc/firefox/policies/policies.json", (char *)"x", 1},
		{"chrome", "/etc/opt/chrome/policies/managed/mine.json", (char *)"{}", 2},
	};
	static const struct fake_file on_disk = {"/etc/firefox/policies/policies.json", "x", NOW};
	static const char policy[] = "[configuration]\nbrowser_policies_only = yes\n"
				     "browser_policies = /etc/firefox/policies/policies.json="
				     "\n";
	char whole[400];

	(void)state;
	(void)snprintf(whole, sizeof(whole), "%.*s%s\n", (int)strlen(policy) - 1, policy,
		       HASH_OF_X);
	fake_software.browsers.err.code = fake_software.files.err.code = ERR_NONE;
	fake_software.browsers.items = files;
	fake_software.browsers.count = 1;
	fake_software.files.items = &on_disk;
	fake_software.files.count = 1;
	assert_said(configuration(whole), VERDICT_PASS, "ok");
	fake_software.browsers.count = 2;
	assert_said(configuration(whole), VERDICT_FAIL, "browser-policy");
	assert_non_null(strstr(said.text, "managed/mine.json"));
}

/* --- backup --- */

static const struct said *backup(const char *policy)
{
	return checked(CONTROL_BACKUP, policy, NOW);
}

static void a_backup_is_believed_by_what_it_left(void **state)
{
	static const struct fake_file files[] = {{"/b/new", "x", NOW - HOUR},
						 {"/b/old", "x", NOW - 50 * HOUR}};
	static const struct fake_unit units[] = {
		{"good", {.succeeded_at = NOW - HOUR}},
		{"bad", {.succeeded_at = 0, .failed_at = NOW - HOUR}},
		{"idle", {.succeeded_at = 0}},
	};
	static const struct {
		const char *policy;
		enum verdict verdict;
		const char *why;
	} cases[] = {
		{"", VERDICT_NOT_APPLICABLE, "not-asked"},
		{"[backup]\nfiles = /b/new\n", VERDICT_PASS, "ok"},
		{"[backup]\nfiles = /b/*\n", VERDICT_PASS, "ok"},
		{"[backup]\nfiles = /b/old\n", VERDICT_FAIL, "old"},
		{"[backup]\nfiles = /b/none\n", VERDICT_FAIL, "never"},
		{"[backup]\noff_site_files = /b/old\n", VERDICT_PASS, "ok"},
		{"[backup]\noff_site_files = /b/old\noff_site_max_age_hours = 49\n", VERDICT_FAIL,
		 "off-site-old"},
		{"[backup]\nunits = good\n", VERDICT_PASS, "ok"},
		{"[backup]\nunits = bad\n", VERDICT_FAIL, "failed"},
		{"[backup]\nunits = idle\n", VERDICT_FAIL, "never"},
		{"[backup]\nunits = nosuch\n", VERDICT_FAIL, "never"},
		{"[backup]\nfiles = /b/new\nencrypted_required = yes\n", VERDICT_UNKNOWN,
		 "cannot-tell"},
	};

	(void)state;
	fake_software.files.err.code = fake_software.units.err.code = ERR_NONE;
	fake_software.sync.err.code = ERR_NONE;
	fake_software.files.items = files;
	fake_software.files.count = COUNT(files);
	fake_software.units.items = units;
	fake_software.units.count = COUNT(units);
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_said(backup(cases[i].policy), cases[i].verdict, cases[i].why);
}

static void a_units_success_is_remembered_over_a_restart(void **state)
{
	static struct fake_unit unit = {"good", {.succeeded_at = NOW - HOUR}};

	(void)state;
	fake_software.units.err.code = fake_software.sync.err.code = ERR_NONE;
	fake_software.units.items = &unit;
	fake_software.units.count = 1;
	assert_said(backup("[backup]\nunits = good\n"), VERDICT_PASS, "ok");
	unit.runs.succeeded_at = 0; /* systemd has forgotten */
	assert_said(backup("[backup]\nunits = good\n"), VERDICT_PASS, "ok");
	unit.runs.failed_at = NOW - 60;
	assert_said(backup("[backup]\nunits = good\n"), VERDICT_FAIL, "failed");
}

static void where_a_backup_lies_is_looked_up_by_the_longest_mount(void **state)
{
	static const struct fake_file file = {"/srv/b", "x", NOW};
	static struct plat_volume volumes[] = {
		{.place = "/", .encryption = PLAT_ENCRYPTED},
		{.place = "/srv", .encryption = PLAT_PLAIN},
	};
	static const char policy[] = "[backup]\nfiles = /srv/b\nencrypted_required = yes\n";

	(void)state;
	fake_software.files.err.code = fake_software.sync.err.code = ERR_NONE;
	fake_software.files.items = &file;
	fake_software.files.count = 1;
	fake_machine.disks.err.code = ERR_NONE;
	fake_machine.disks.facts.volumes = volumes;
	fake_machine.disks.facts.count = 2;
	assert_said(backup(policy), VERDICT_FAIL, "plain");
	volumes[1].encryption = PLAT_ENCRYPTED;
	assert_said(backup(policy), VERDICT_PASS, "ok");
	fake_machine.disks.facts.count = 1;
	assert_said(backup(policy), VERDICT_PASS, "ok");
}

static void a_sync_client_must_run_for_whoever_is_there(void **state)
{
	static const char policy[] = "[backup]\nsync_clients = nextcloud\n";
	static struct plat_logon somebody = {.name = "ann"};
	struct plat_sync_clients *all = &fake_software.sync.facts;

	(void)state;
	fake_software.sync.err.code = ERR_NONE;
	assert_said(backup(policy), VERDICT_FAIL, "sync-missing");
	all->count = 1;
	strcpy(all->clients[0].name, "nextcloud");
	all->clients[0].running = PLAT_YES;
	assert_said(backup(policy), VERDICT_PASS, "ok");
	all->clients[0].synced_at = NOW - 73 * HOUR;
	assert_said(backup(policy), VERDICT_FAIL, "sync-unhealthy");
	all->clients[0].synced_at = NOW;
	all->clients[0].running = PLAT_NO;
	fake_machine.accounts.err.code = ERR_NONE;
	fake_machine.accounts.facts.logons_known = true;
	assert_said(backup(policy), VERDICT_PASS, "ok"); /* nobody is logged in */
	fake_machine.accounts.facts.logons = &somebody;
	fake_machine.accounts.facts.logon_count = 1;
	assert_said(backup(policy), VERDICT_FAIL, "sync-missing");
	assert_said(backup("[backup]\nsync_clients = unheard-of\n"), VERDICT_UNKNOWN,
		    "cannot-tell");
}

/* --- filtering --- */

static const struct said *filtering(const char *policy)
{
	return checked(CONTROL_FILTERING, policy, NOW);
}

static void wired(void)
{
	fake_software.wifi.err.code = ERR_NONE;
	memset(&fake_software.wifi.facts, 0, sizeof(fake_software.wifi.facts));
}

static void the_filters_client_must_be_installed_and_run(void **state)
{
	static const struct fake_package packages[] = {{"smoothwall-client", "1"}};
	static const char *const programs[] = {"filterd", NULL};
	static const struct {
		const char *policy;
		enum verdict verdict;
		const char *why;
	} cases[] = {
		{"", VERDICT_NOT_APPLICABLE, "not-asked"},
		{"[filtering]\npackages = smoothwall-client\nprograms = filter*\n", VERDICT_PASS,
		 "ok"},
		{"[filtering]\npackages = senso\n", VERDICT_FAIL, "client-missing"},
		{"[filtering]\nprograms = monitord\n", VERDICT_FAIL, "client-stopped"},
		{"[filtering]\nunits = filter\n", VERDICT_FAIL, "client-missing"},
		{"[filtering]\nca_sha256 = " HASH_OF_X "\n", VERDICT_UNKNOWN, "cannot-tell"},
	};

	(void)state;
	wired();
	fake_software.packages.err.code = ERR_NONE;
	fake_software.packages.items = packages;
	fake_software.packages.count = 1;
	fake_software.programs = programs;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_said(filtering(cases[i].policy), cases[i].verdict, cases[i].why);
}

static void an_extension_must_be_forced_in_each_browser_of_its_kind(void **state)
{
	static const char policy[] =
		"[filtering]\nextensions = abcdefghijklmnopabcdefghijklmnop, filter@school\n";
	static struct plat_browser_dns browsers[] = {{.browser = "chromium"},
						     {.browser = "firefox"}};
	static struct plat_browser_file files[] = {
		{.browser = "chromium",
		 .text = (char *)"{\"ExtensionInstallForcelist\":"
				 "[\"abcdefghijklmnopabcdefghijklmnop;https://u.example\"]}"},
		{.browser = "firefox",
		 .text = (char *)"{\"policies\":{\"ExtensionSettings\":{\"filter@school\":"
				 "{\"installation_mode\":\"force_installed\"}}}}"},
	};

	(void)state;
	wired();
	fake_software.browsers.err.code = ERR_NONE;
	fake_software.browsers.items = files;
	fake_machine.network.err.code = ERR_NONE;
	fake_machine.network.facts.browsers = browsers;
	fake_machine.network.facts.browser_count = 2;
	fake_software.browsers.count = 2;
	assert_said(filtering(policy), VERDICT_PASS, "ok");
	fake_software.browsers.count = 1;
	assert_said(filtering(policy), VERDICT_FAIL, "extension-missing");
	assert_string_equal(said.wrong, "The filter's extension is not forced in firefox.");
	fake_machine.network.facts.browser_count = 1; /* no Firefox here */
	assert_said(filtering(policy), VERDICT_PASS, "ok");
	files[0].text = (char *)"{\"ExtensionSettings\":{\"abcdefghijklmnopabcdefghijklmnop\":"
				"{\"installation_mode\":\"allowed\"}}}";
	assert_said(filtering(policy), VERDICT_FAIL, "extension-missing");
	files[0].text = (char *)"{ broken";
	assert_said(filtering(policy), VERDICT_FAIL, "extension-missing");
}

static void the_proxy_must_be_the_one_that_the_policy_names(void **state)
{
	static const char policy[] = "[filtering]\nproxy_required = yes\n"
				     "[network]\nproxy = proxy.school.example:3128\n";
	static struct plat_proxy proxy = {.address = "proxy.school.example:3128"};

	(void)state;
	wired();
	fake_machine.network.err.code = ERR_NONE;
	assert_said(filtering(policy), VERDICT_FAIL, "proxy-missing");
	fake_machine.network.facts.proxies = &proxy;
	fake_machine.network.facts.proxy_count = 1;
	assert_said(filtering(policy), VERDICT_PASS, "ok");
	strcpy(proxy.address, "http://proxy.school.example:3128/");
	assert_said(filtering(policy), VERDICT_PASS, "ok");
	strcpy(proxy.address, "proxy.school.example:31280");
	assert_said(filtering(policy), VERDICT_FAIL, "proxy-missing");
}

static void wifi_in_use_must_be_secured_well_enough(void **state)
{
	static const struct {
		const char *security, *policy;
		enum verdict verdict;
		const char *why;
	} cases[] = {
		{"wpa2", "", VERDICT_NOT_APPLICABLE, "not-asked"},
		{"open", "", VERDICT_FAIL, "open-wifi"},
		{"wep", "", VERDICT_FAIL, "open-wifi"},
		{"wpa", "", VERDICT_FAIL, "weak-wifi"},
		{"wpa2", "[filtering]\nwifi_minimum = wpa3\n", VERDICT_FAIL, "weak-wifi"},
		{"open", "[filtering]\nwifi_minimum = open\n", VERDICT_NOT_APPLICABLE, "not-asked"},
		{"", "", VERDICT_UNKNOWN, "cannot-tell"},
	};

	(void)state;
	wired();
	fake_software.wifi.facts.present = fake_software.wifi.facts.connected = true;
	for (size_t i = 0; i < COUNT(cases); i++) {
		strcpy(fake_software.wifi.facts.security, cases[i].security);
		assert_said(filtering(cases[i].policy), cases[i].verdict, cases[i].why);
	}
}

static bool note_hash(void *ctx, const char *hex)
{
	(void)strcat(ctx, hex);
	(void)strcat(ctx, "\n");
	return true;
}

static void the_filters_certificate_must_be_trusted(void **state)
{
	(void)state;
	fake_software.wifi.err.code = ERR_NONE;
	fake_software.certificates.err.code = ERR_NONE;
	fake_software.certificates.pem = "-----BEGIN CERTIFICATE-----\neA==\n"
					 "-----END CERTIFICATE-----\n";
	/* SHA-256 of "x" */
	assert_said(checked(CONTROL_FILTERING,
			    "[filtering]\nca_sha256 = 2d711642b726b04401627ca9fbac32f5c8530fb1903cc"
			    "4db02258717921a4881\n",
			    NOW),
		    VERDICT_PASS, "ok");
	assert_said(checked(CONTROL_FILTERING,
			    "[filtering]\nca_sha256 = 2d711642b726b04401627ca9fbac32f5c8530fb1903cc"
			    "4db02258717921a4882\n",
			    NOW),
		    VERDICT_FAIL, "certificate-missing");
}

static void hashes_each_certificate_of_a_bundle_and_passes_over_damage(void **state)
{
	char got[512] = "";

	(void)state;
	hash_certificates("# school\n-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----\n"
			  "-----BEGIN CERTIFICATE-----\n?!\n-----END CERTIFICATE-----\n"
			  "-----BEGIN CERTIFICATE-----\r\ne\nA==\n-----END CERTIFICATE-----\n"
			  "-----BEGIN CERTIFICATE-----eHh4-----END CERTIFICATE-----\n"
			  "-----BEGIN CERTIFICATE-----\neA==\n",
			  note_hash, got);
	assert_string_equal(got, HASH_OF_X "\n" HASH_OF_X "\n" HASH_OF_XXX "\n");
}

/* The last one. */
static void every_reason_of_these_controls_was_given(void **state)
{
	static const enum control_id ids[] = {CONTROL_SOFTWARE, CONTROL_CONFIGURATION,
					      CONTROL_BACKUP, CONTROL_FILTERING};

	(void)state;
	assert_every_row_was_said(ids, COUNT(ids));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(software_is_judged_by_name_source_and_place, fresh),
		cmocka_unit_test_setup(a_thousand_banned_packages_fit_into_the_evidence, fresh),
		cmocka_unit_test_setup(
			the_inventory_has_no_times_and_says_null_for_what_is_not_known, fresh),
		cmocka_unit_test_setup(
			the_inventory_leaves_the_hardware_out_when_the_policy_says_so, fresh),
		cmocka_unit_test_setup(an_inventory_too_long_to_send_is_cut_and_says_by_how_much,
				       fresh),
		cmocka_unit_test_setup(configuration_compares_packages_units_and_files, fresh),
		cmocka_unit_test_setup(a_browser_policy_that_nobody_named_is_found, fresh),
		cmocka_unit_test_setup(a_backup_is_believed_by_what_it_left, fresh),
		cmocka_unit_test_setup(a_units_success_is_remembered_over_a_restart, fresh),
		cmocka_unit_test_setup(where_a_backup_lies_is_looked_up_by_the_longest_mount,
				       fresh),
		cmocka_unit_test_setup(a_sync_client_must_run_for_whoever_is_there, fresh),
		cmocka_unit_test_setup(the_filters_client_must_be_installed_and_run, fresh),
		cmocka_unit_test_setup(an_extension_must_be_forced_in_each_browser_of_its_kind,
				       fresh),
		cmocka_unit_test_setup(the_proxy_must_be_the_one_that_the_policy_names, fresh),
		cmocka_unit_test_setup(wifi_in_use_must_be_secured_well_enough, fresh),
		cmocka_unit_test_setup(the_filters_certificate_must_be_trusted, fresh),
		cmocka_unit_test(hashes_each_certificate_of_a_bundle_and_passes_over_damage),
		cmocka_unit_test(every_reason_of_these_controls_was_given),
	};

	return cmocka_run_group_tests(tests, NULL, forget_all);
}
