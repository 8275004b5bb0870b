/* Has somebody interfered with Caretaker or with the other safeguards?  (Clause 29.)
 *
 * Whoever is root can deceive this: it finds who is careless or in a hurry, and the chain of
 * heartbeats shows a machine that fell silent.  The signed policy is checked by its signature
 * whenever it is read.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/base/version.h"
#include "agent/controls/memory.h"
#include "agent/controls/people.h"
#include "agent/controls/table.h"
#include "agent/policy/policy.h"
#include "agent/proto/crypto.h"
#include "platform/hardware.h"
#include "platform/os.h"
#include "platform/services.h"
#include "platform/software.h"

#define DAY_S 86400
#define FILE_MAX_BYTES (64u * 1024 * 1024)

static void tell(struct control_result *result, const char *type, const char *member,
		 const char *what)
{
	struct buf data;
	struct jsonw w;

	buf_init(&data, 0);
	jsonw_init(&w, &data);
	jsonw_object(&w, NULL);
	jsonw_string(&w, member, what);
	jsonw_object_end(&w);
	control_event(result, type, &data);
	buf_clear(&data);
}

/* What was seen keeps the verdict for the policy's days, then only the event remains. */
static bool still_counts(const struct control_input *input, int64_t seen)
{
	return seen &&
	       input->now - seen < policy_number(input->policy, POLICY_TAMPER_FAIL_DAYS) * DAY_S;
}

/* --- our own files --- */

#define PATH_SIZE 160

static const struct {
	enum plat_place in;
	const char *name;
} files[] = {
	{PLAT_BIN, "caretaker"},
	{PLAT_SBIN, "caretakerd"},
	{PLAT_LIBEXEC, "caretaker-check"},
	{PLAT_LIBEXEC, "caretaker-scan"},
	{PLAT_LIBEXEC, "caretaker-uplink"},
	{PLAT_UNITS, "caretakerd.service"},
	{PLAT_UNITS, "caretaker-check.service"},
	{PLAT_UNITS, "caretaker-check.path"},
	{PLAT_UNITS, "caretaker-poll.service"},
	{PLAT_UNITS, "caretaker-poll.path"},
	{PLAT_UNITS, "caretaker-scan.service"},
	{PLAT_UNITS, "caretaker-scan.path"},
	{PLAT_UNITS, "caretaker-uplink.socket"},
	{PLAT_UNITS, "caretaker-uplink@.service"},
};
#define FILE_COUNT (sizeof(files) / sizeof(*files))

static void path_of(size_t i, char out[PATH_SIZE])
{
	(void)snprintf(out, PATH_SIZE, "%s/%s", plat_place(files[i].in), files[i].name);
}

static bool file_hash(const char *path, char out[CRYPTO_HASH_B64_LEN + 1])
{
	struct buf bytes;
	struct err err;
	bool ok;

	buf_init(&bytes, FILE_MAX_BYTES);
	ok = plat_file_read(path, FILE_MAX_BYTES, &bytes, &err) == 0;
	if (ok)
		crypto_sha256_b64(bytes.data, bytes.len, out);
	buf_clear(&bytes);
	return ok;
}

/* Installed by hand, what was first seen of a version is what counts. */
static void judge_file(const struct control_input *input, const char *path, struct names *changed)
{
	char name[PATH_SIZE + 32], stamp[PATH_SIZE + 32], hash[CRYPTO_HASH_B64_LEN + 1];
	const char *slash = strrchr(path, '/');
	struct plat_file_info info;
	const char *known;
	struct err err;

	(void)snprintf(name, sizeof(name), "tamper/%s%s", CARETAKER_VERSION, path);
	(void)snprintf(stamp, sizeof(stamp), "tamper/id/%s%s", CARETAKER_VERSION, path);
	known = memory_text(input->memory, name);
	if (plat_file_info(path, &info, &err) < 0)
		return; /* not told: neither there nor gone */
	if (!info.exists) {
		if (known)
			names_add(changed, slash + 1);
		return;
	}
	if (known && memory_number(input->memory, stamp, 0) == (int64_t)info.identity)
		return; /* not written since */
	if (!file_hash(path, hash))
		return;
	if (known && strcmp(known, hash) != 0) {
		names_add(changed, slash + 1);
		return;
	}
	if (!known)
		memory_set_text(input->memory, name, hash);
	memory_set_number(input->memory, stamp, (int64_t)info.identity);
}

static void take_changed(void *ctx, const char *path)
{
	const char *slash = strrchr(path, '/');
	char name[64];

	text_clean(name, sizeof(name), slash ? slash + 1 : path, strlen(slash ? slash + 1 : path));
	names_add(ctx, name);
}

/* Another number once any of the files was written. */
static int64_t all_identities(void)
{
	struct plat_file_info info;
	uint64_t sum = 0;
	char path[PATH_SIZE];
	struct err err;

	for (size_t i = 0; i < FILE_COUNT; i++) {
		path_of(i, path);
		if (plat_file_info(path, &info, &err) == 0)
			sum = (sum ^ (info.exists ? info.identity : 0)) * 0x9E3779B97F4A7C15u + i;
	}
	return (int64_t)(sum >> 1);
}

/* The package manager's own list is what our files are held against: an upgrade brings a new one.
 * It is asked when a file was written, once a day, and as long as something is wrong. */
static int ask_manager(const struct control_input *input, struct names *changed, struct err *err)
{
	int64_t seen = all_identities();
	int64_t asked = memory_time(input->memory, "tamper/verified-at");

	if (asked && input->now - asked < DAY_S &&
	    memory_number(input->memory, "tamper/verified", 0) == seen)
		return 0;
	if (plat_package_verify("caretaker", take_changed, changed, err) < 0)
		return -1;
	memory_set_number(input->memory, "tamper/verified", seen);
	memory_set_number(input->memory, "tamper/verified-at", changed->count ? 0 : input->now);
	return 0;
}

/* False: it cannot be told now. */
static bool find_changed(const struct control_input *input, struct names *changed, struct jsonw *w,
			 struct control_result *result)
{
	char path[PATH_SIZE];
	struct err err;

	if (!plat_installed()) {
		jsonw_string(w, "files_by", "nothing: Caretaker runs from where it was built");
		return false;
	}
	if (ask_manager(input, changed, &err) == 0) {
		jsonw_string(w, "files_by", "package manager");
		return true;
	}
	if (err.code == ERR_UNSUPPORTED) {
		jsonw_string(w, "files_by", err.msg); /* between two versions */
		return false;
	}
	if (err.code != ERR_NOTFOUND) {
		jsonw_string(w, "message", err.msg);
		control_say(result, VERDICT_UNKNOWN, "cannot-tell");
		return false;
	}
	jsonw_string(w, "files_by", "first seen");
	for (size_t i = 0; i < FILE_COUNT; i++) {
		path_of(i, path);
		judge_file(input, path, changed);
	}
	return true;
}

static void judge_files(const struct control_input *input, struct jsonw *w,
			struct control_result *result)
{
	struct names changed = {0};

	if (!find_changed(input, &changed, w, result))
		return;
	names_write(&changed, w, "changed");
	if (!changed.count) {
		memory_set_number(input->memory, "tamper/files-told", 0);
		return;
	}
	if (!memory_number(input->memory, "tamper/files-told", 0))
		tell(result, "files-changed", "file", changed.items[0]);
	memory_set_number(input->memory, "tamper/files-told", 1);
	control_say(result, VERDICT_FAIL, "file-changed");
}

/* Where the daemon is installed as a service, it runs and starts at boot. */
static void judge_unit(struct jsonw *w, struct control_result *result)
{
	struct plat_service service;
	struct err err;

	if (plat_service("caretakerd", &service, &err) < 0 || service.run == PLAT_SERVICE_ABSENT ||
	    service.run == PLAT_SERVICE_UNKNOWN)
		return;
	if (service.run == PLAT_SERVICE_RUNNING && service.at_boot && !service.masked)
		return;
	jsonw_array(w, "units");
	jsonw_string(w, NULL, "caretakerd");
	jsonw_array_end(w);
	control_say(result, VERDICT_FAIL, "unit-stopped");
}

/* --- the clock --- */

static void judge_clock(const struct control_input *input, struct jsonw *w,
			struct control_result *result)
{
	int64_t now = plat_now();
	int64_t last = memory_number(input->memory, "tamper/clock", 0);
	int64_t most = policy_number(input->policy, POLICY_TAMPER_CLOCK_BACK_MAX_SECONDS);
	char text[24];

	memory_set_number(input->memory, "tamper/clock", now);
	if (last && last - now > most) {
		memory_set_number(input->memory, "tamper/clock-back", last - now);
		/* by the best known time, or the fault would outlive or never reach its end */
		memory_set_number(input->memory, "tamper/clock-back-at", input->now);
		(void)snprintf(text, sizeof(text), "%lld", (long long)(last - now));
		tell(result, "clock-back", "seconds", text);
	}
	if (!still_counts(input, memory_time(input->memory, "tamper/clock-back-at")))
		return;
	jsonw_int(w, "back_s", memory_number(input->memory, "tamper/clock-back", 0));
	control_say(result, VERDICT_FAIL, "clock-back");
}

/* --- safeguards --- */

/* Services that stay: one that works and ends (a timer's) would look stopped most of the time. */
static const struct safeguard {
	const char *kind, *service;
} safeguards[] = {
	{"anti-virus", "clamav-daemon"},
	{"anti-virus", "clamav-clamonacc"},
	{"anti-virus", "clamav-freshclam"},
	{"anti-virus", "sophos-spl"},
	{"anti-virus", "sav-protect"},
	{"anti-virus", "mdatp"},
	{"firewall", "ufw"},
	{"firewall", "firewalld"},
	{"firewall", "nftables"},
	{"firewall", "netfilter-persistent"},
	{"updates", "unattended-upgrades"},
};

static void judge_service(const struct control_input *input, const char *service,
			  struct names *stopped, struct control_result *result)
{
	char ran[96], since[96];
	struct plat_service state;
	struct err err;
	int64_t when;

	(void)snprintf(ran, sizeof(ran), "tamper/ran/%.64s", service);
	(void)snprintf(since, sizeof(since), "tamper/stopped/%.64s", service);
	if (plat_service(service, &state, &err) < 0 || state.run == PLAT_SERVICE_UNKNOWN)
		return;
	if (state.run == PLAT_SERVICE_RUNNING) {
		memory_set_number(input->memory, ran, input->now);
		memory_set_number(input->memory, since, 0);
		return;
	}
	if (!memory_number(input->memory, ran, 0))
		return; /* it never ran: nobody stopped it */
	when = memory_time(input->memory, since);
	if (!when) {
		when = input->now;
		memory_set_number(input->memory, since, when);
		tell(result, "safeguard-stopped", "service", service);
	}
	if (still_counts(input, when))
		names_add(stopped, service);
}

static void judge_safeguards(const struct control_input *input, struct jsonw *w,
			     struct control_result *result)
{
	const struct policy *policy = input->policy;
	struct names stopped = {0};
	size_t i;

	for (i = 0; i < sizeof(safeguards) / sizeof(*safeguards); i++)
		if (policy_lists(policy, POLICY_TAMPER_SAFEGUARDS, safeguards[i].kind))
			judge_service(input, safeguards[i].service, &stopped, result);
	if (policy_lists(policy, POLICY_TAMPER_SAFEGUARDS, "filtering"))
		for (i = 0; i < policy_count(policy, POLICY_FILTERING_UNITS); i++)
			judge_service(input, policy_item(policy, POLICY_FILTERING_UNITS, i),
				      &stopped, result);
	for (i = 0; i < policy_count(policy, POLICY_TAMPER_UNITS); i++)
		judge_service(input, policy_item(policy, POLICY_TAMPER_UNITS, i), &stopped, result);
	names_write(&stopped, w, "stopped");
	if (stopped.count)
		control_say(result, VERDICT_FAIL, "safeguard-stopped");
}

static void judge_start(struct jsonw *w, struct control_result *result)
{
	struct err err;
	bool off;

	if (plat_boot_word(PLAT_USB_OFF, &off, &err) < 0 || !off)
		return;
	jsonw_string(w, "started_with", PLAT_USB_OFF);
	control_say(result, VERDICT_FAIL, "started-with-usb-off");
}

static int run(const struct control_input *input, struct jsonw *evidence,
	       struct control_result *result, struct err *err)
{
	(void)err;
	judge_files(input, evidence, result);
	judge_unit(evidence, result);
	judge_start(evidence, result);
	judge_safeguards(input, evidence, result);
	judge_clock(input, evidence, result);
	control_say(result, VERDICT_PASS, "ok");
	return 0;
}

const struct control control_tamper = {.id = CONTROL_TAMPER, .run = run};
