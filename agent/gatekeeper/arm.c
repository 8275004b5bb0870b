/* Arming and disarming: the files by which the kernel, udev and the initramfs begin shut.
 *
 * Files first and the machine's state last, so that whatever ends us half-way, the next "follow"
 * carries on: STATE/gate.armed is written when all is done and taken away before anything changes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/gatekeeper/gatekeeper.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/gate/rules.h"
#include "pkg/udev/10-caretaker-gate.rules.h"
#include "platform/kernel.h"
#include "platform/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INITRAMFS_TIMEOUT_MS (15 * 60 * 1000)
#define UDEVADM_TIMEOUT_MS (60 * 1000)
#define FILE_MAX (1024 * 1024)

static const char modprobe_text[] =
	"# Written by \"caretaker-gate arm\": USB devices begin unauthorised; caretaker-gate(8).\n"
	"options usbcore authorized_default=0\n";

static char state_folder[KEEP_PATH / 2]; /* one process, one --state */

void keep_set_state(const char *state)
{
	(void)text_copy(state_folder, sizeof(state_folder), state);
}

const char *keep_state(void)
{
	return state_folder;
}

/* --- files --- */

static bool same_file(const char *path, const void *data, size_t len)
{
	struct err err;
	struct buf buf;
	bool same;

	buf_init(&buf, FILE_MAX);
	same = plat_file_read(path, FILE_MAX, &buf, &err) == 0 && buf.len == len &&
	       (len == 0 || memcmp(buf.data, data, len) == 0);
	buf_clear(&buf);
	return same;
}

/* The mark that all is in place, and what the kernel's parameter was before us. */
static void mark_path(char out[KEEP_PATH])
{
	keep_path(out, "%s/" GATE_ARMED_FILE, state_folder);
}

static bool is_marked(char was[16])
{
	char text[64];

	keep_attribute(text, sizeof(text), "%s/" GATE_ARMED_FILE, state_folder);
	if (strncmp(text, "was ", 4) != 0)
		return false;
	return text_copy(was, 16, text + 4);
}

/* One of the files that the helper or the kernel reads.  Before the first change the mark goes. */
static int put(const char *name, const void *data, size_t len, enum plat_file_mode mode,
	       bool *changed, struct err *err)
{
	char path[KEEP_PATH], mark[KEEP_PATH], folder[KEEP_PATH];

	keep_path(path, "%s", name);
	if (same_file(path, data, len))
		return 0;
	if (!*changed) {
		char was[16];

		*changed = true;
		/* What the parameter was has to outlive this. */
		mark_path(mark);
		if (is_marked(was)) {
			char text[32];

			snprintf(text, sizeof(text), "changing was %s\n", was);
			if (plat_file_replace(mark, text, strlen(text), PLAT_FILE_PRIVATE, err))
				return -1;
		}
	}
	keep_path(folder, "%s", name);
	*strrchr(folder, '/') = '\0';
	if (plat_dir_make(folder, PLAT_FILE_PUBLIC, err))
		return -1;
	return plat_file_replace(path, data, len, mode, err);
}

static int take_away(const char *name, bool *changed, struct err *err)
{
	char path[KEEP_PATH];

	if (!keep_exists("%s", name))
		return 0;
	*changed = true;
	keep_path(path, "%s", name);
	return plat_file_remove(path, err);
}

/* --- the rules --- */

static int read_rules(struct gate_rules **out, struct err *err)
{
	char path[KEEP_PATH];
	struct buf buf;
	int ret;

	keep_path(path, "%s/" GATE_RULES_FILE, state_folder);
	buf_init(&buf, GATE_RULES_MAX);
	ret = plat_file_read(path, GATE_RULES_MAX, &buf, err) ||
			      (gate_rules_parse(buf.data, buf.len, out, err) &&
			       err_wrap(err, "%s", path))
		      ? -1
		      : 0;
	buf_clear(&buf);
	return ret;
}

static bool is_for_helper(const struct gate_rule *rule)
{
	switch (rule->kind) {
	case GATE_RULE_REFUSE_CLASS:
	case GATE_RULE_REFUSE_MODEL:
	case GATE_RULE_ASSIST: return true;
	case GATE_RULE_PASS_MODEL: return gate_rule_lasts(rule);
	default: return false;
	}
}

/* What the helper needs of them: modes, what is refused and what assists.  Sticks, people and the
 * clock are caretakerd's; an initramfs can be read by anybody, and is not made anew for them.  Nor
 * is a model that an exception lets pass: the helper has no clock that it may trust, and would let
 * it pass for ever.  To it the model is refused, which leaves it shut until caretakerd, who knows
 * whether the exception still holds, lets it through. */
static int print_for_helper(const struct gate_rules *rules, struct buf *out, struct err *err)
{
	struct gate_rule *kept = calloc(rules->rule_count + 1, sizeof(*kept));
	struct gate_rules less = {.policy = rules->policy,
				  .policy_serial = 0,
				  .storage_mode = rules->storage_mode,
				  .hardware_mode = rules->hardware_mode,
				  .kinds = rules->kinds,
				  .scan_max_minutes = 30,
				  .max_depth = 7,
				  .rules = kept};

	if (!kept)
		return err_set(err, ERR_NOMEM, "no memory for the rules");
	for (size_t i = 0; i < rules->rule_count; i++) {
		const struct gate_rule *rule = &rules->rules[i];

		if (!is_for_helper(rule))
			continue;
		kept[less.rule_count] = *rule;
		kept[less.rule_count++].line = 0; /* moves with every edit of the policy */
	}
	gate_rules_print(&less, out);
	free(kept);
	return buf_check(out, err);
}

/* --- the system's programs --- */

static bool is_live(void)
{
	return plat_root()[0] == '\0';
}

int keep_run(const char *const argv[], unsigned timeout_ms, struct err *err)
{
	const struct plat_command command = {
		.argv = argv, .output_max = FILE_MAX, .timeout_ms = timeout_ms};
	struct buf out, said;
	int status, ret = 0;

	if (!is_live()) {
		printf("not run below a root of its own: %s\n", argv[0]);
		return 0;
	}
	buf_init(&out, 0);
	buf_init(&said, 0);
	if (plat_run(&command, &out, &said, &status, err))
		ret = -1;
	else if (status != 0)
		ret = err_set(err, ERR_IO, "%s ended with %d: %.120s", argv[0], status,
			      buf_text(&said));
	buf_clear(&out);
	buf_clear(&said);
	return ret;
}

static void reload_udev(void)
{
	struct err err;

	if (keep_run((const char *const[]){"udevadm", "control", "--reload", NULL},
		     UDEVADM_TIMEOUT_MS, &err))
		log_warn("udev reads its rules again by itself in a few seconds: %s", err.msg);
}

static void note_image(void *ctx, const char *name)
{
	bool *found = ctx;

	*found |= strncmp(name, "initrd", 6) == 0 || strncmp(name, "initramfs", 9) == 0;
}

/* Without our hook in it an initramfs would leave devices unauthorised: no keyboard for the
 * passphrase of the disk. */
static int check_initramfs(bool *out_made_by_tools, struct err *err)
{
	bool images = false;

	*out_made_by_tools = keep_exists("/usr/sbin/update-initramfs");
	if (*out_made_by_tools)
		return 0;
	keep_list(note_image, &images, "/boot");
	if (!images)
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		       "this machine's initramfs is not made by initramfs-tools (dracut is not "
		       "supported yet): armed, no keyboard would work in it; caretakerd refuses "
		       "storage, but only after the kernel has seen it");
}

static int make_initramfs(bool made_by_tools, struct err *err)
{
	if (!made_by_tools)
		return 0;
	return keep_run((const char *const[]){"update-initramfs", "-u", "-k", "all", NULL},
			INITRAMFS_TIMEOUT_MS, err);
}

static bool is_built_in(void)
{
	char path[KEEP_PATH], release[80];
	struct err err;
	struct buf buf;
	bool built_in;

	plat_kernel_release(release);
	keep_path(path, "/lib/modules/%s/modules.builtin", release);
	buf_init(&buf, FILE_MAX);
	built_in = plat_file_read(path, FILE_MAX, &buf, &err) == 0 &&
		   strstr(buf_text(&buf), "/usbcore.ko");
	buf_clear(&buf);
	return built_in;
}

/* --- arm --- */

/* The packaged rules, with the folder that this program was installed in. */
static void print_udev_rules(struct buf *out)
{
	static const char place[] = "@libexecdir@";
	const char *at = (const char *)pkg_udev_10_caretaker_gate_rules, *next;

	for (; (next = strstr(at, place)); at = next + sizeof(place) - 1) {
		buf_add(out, at, (size_t)(next - at));
		buf_adds(out, plat_place(PLAT_LIBEXEC));
	}
	buf_adds(out, at);
}

static int put_files(const struct gate_rules *rules, bool *changed, struct err *err)
{
	struct buf text, system, udev;
	int ret = -1;

	buf_init(&text, 0);
	buf_init(&system, 0);
	buf_init(&udev, 0);
	print_udev_rules(&udev);
	if (buf_check(&udev, err) == 0 && print_for_helper(rules, &text, err) == 0 &&
	    keep_system_devices(&system, err) == 0 &&
	    put(KEEP_RULES, text.data, text.len, PLAT_FILE_PRIVATE, changed, err) == 0 &&
	    put(KEEP_SYSTEM, buf_text(&system), system.len, PLAT_FILE_PRIVATE, changed, err) == 0 &&
	    put(KEEP_UDEV, udev.data, udev.len, PLAT_FILE_PUBLIC, changed, err) == 0)
		ret = 0;
	buf_clear(&text);
	buf_clear(&system);
	buf_clear(&udev);
	return ret;
}

static void read_was(char was[16])
{
	char text[64];
	const char *at;

	keep_attribute(text, sizeof(text), "%s/" GATE_ARMED_FILE, state_folder);
	at = strstr(text, "was ");
	if (at)
		(void)text_copy(was, 16, at + 4);
	else if (keep_exists(KEEP_MODPROBE) || keep_exists(KEEP_UDEV))
		(void)text_copy(was, 16, "-1"); /* the mark is lost: what it is now is ours */
	else
		keep_attribute(was, 16, KEEP_PARAMETER);
}

static int write_mark(const char *word, const char *was, struct err *err)
{
	char path[KEEP_PATH], text[64];

	mark_path(path);
	snprintf(text, sizeof(text), "%swas %s\n", word, was);
	return plat_file_replace(path, text, strlen(text), PLAT_FILE_PRIVATE, err);
}

/* The kernel as it is now: controllers that come and devices that come find the gate shut.  What
 * is open stays so: caretakerd judges what was plugged in before. */
static void shut_live(bool changed)
{
	if (changed)
		reload_udev();
	if (keep_is_off()) {
		log_warn("caretaker.usb=off on the kernel's command line: nothing is shut until "
			 "the next start");
		return;
	}
	keep_hub_defaults("0", NULL);
	(void)keep_write("0", KEEP_PARAMETER);
	keep_cards_default(false);
}

static int arm(const struct gate_rules *rules, struct err *err)
{
	char was[16], marked[16];
	bool by_tools, changed = false;

	if (check_initramfs(&by_tools, err))
		return -1;
	read_was(was);
	if (!is_marked(marked)) {
		changed = true;
		if (write_mark("changing ", was, err))
			return -1;
	}
	if (put_files(rules, &changed, err))
		return -1;
	shut_live(changed);
	if (keep_bluetooth_files(!gate_rules_open_to_all(rules), err))
		log_warn("files can still be sent over Bluetooth: %s", err->msg);
	/* Last of all files: without the rules above it would shut keyboards out. */
	if (put(KEEP_MODPROBE, modprobe_text, sizeof(modprobe_text) - 1, PLAT_FILE_PUBLIC, &changed,
		err))
		return -1;
	if (is_built_in())
		log_warn("usbcore is built into this kernel: add usbcore.authorized_default=0 to "
			 "its command line, or what is plugged in at the start comes through");
	if (!changed)
		return 0;
	if (make_initramfs(by_tools, err) || write_mark("", was, err))
		return -1;
	log_info("armed: storage that the policy does not allow stays shut, at the next start too");
	return 0;
}

int keep_arm(void)
{
	struct gate_rules *rules = NULL;
	struct err err;
	int ret = 1;

	if (read_rules(&rules, &err))
		log_error("not armed: %s", err.msg);
	else if (!gate_rules_enforce(rules))
		log_error("not armed: neither removable-storage nor hardware is in mode enforce");
	else if (arm(rules, &err))
		log_error("not armed: %s", err.msg);
	else
		ret = 0;
	gate_rules_free(rules);
	return ret;
}

/* --- disarm --- */

static bool is_armed_at_all(void)
{
	return keep_exists(KEEP_UDEV) || keep_exists(KEEP_MODPROBE) || keep_exists(KEEP_RULES) ||
	       keep_exists("%s/" GATE_ARMED_FILE, state_folder);
}

static int disarm(struct err *err)
{
	char was[16], mark[KEEP_PATH];
	bool changed = false, by_tools = keep_exists("/usr/sbin/update-initramfs");

	if (!is_armed_at_all())
		return 0;
	read_was(was);
	/* The kernel's option first: a power cut now leaves a machine whose keyboards work. */
	if (take_away(KEEP_MODPROBE, &changed, err) || take_away(KEEP_UDEV, &changed, err))
		return -1;
	reload_udev();
	(void)keep_write(was, KEEP_PARAMETER);
	keep_hub_defaults("1", strcmp(was, "0") == 0 ? "0" : "1");
	keep_open_all();
	if (keep_bluetooth_files(false, err))
		log_warn("files cannot be sent over Bluetooth yet: %s", err->msg);
	if (take_away(KEEP_RULES, &changed, err) || take_away(KEEP_SYSTEM, &changed, err) ||
	    make_initramfs(by_tools, err))
		return -1;
	mark_path(mark);
	if (plat_file_remove(mark, err))
		return -1;
	log_info("disarmed: the kernel's defaults are back, and what is plugged in is open");
	return 0;
}

int keep_disarm(void)
{
	struct err err;

	if (disarm(&err) == 0)
		return 0;
	log_error("not wholly disarmed, try again: %s", err.msg);
	return 1;
}

int keep_follow(const char *state)
{
	struct gate_rules *rules = NULL;
	char request[KEEP_PATH];
	struct err err;
	int ret;

	keep_set_state(state);
	/* First: what is asked for from now on is for the next one. */
	keep_path(request, "%s/" GATE_REQUEST_FILE, state_folder);
	if (plat_file_remove(request, &err)) {
		log_error("the gate stays as it is: %s", err.msg);
		return 1;
	}
	if (read_rules(&rules, &err)) {
		/* None at all is the time before an enrolment and after its end (generalise).
		 * Rules that cannot be read open nothing. */
		if (err.code == ERR_NOTFOUND)
			return keep_disarm();
		log_error("the gate stays as it is: %s", err.msg);
		return 1;
	}
	ret = gate_rules_enforce(rules) ? keep_arm() : keep_disarm();
	gate_rules_free(rules);
	return ret;
}

/* --- status --- */

static void count_shut(void *ctx, const char *name)
{
	char text[8];
	unsigned *count = ctx;

	if (!strchr(name, ':'))
		return;
	keep_attribute(text, sizeof(text), KEEP_USB "/%s/authorized", name);
	*count += strcmp(text, "0") == 0;
}

static void count_open_hubs(void *ctx, const char *name)
{
	char text[8];
	unsigned *count = ctx;

	keep_attribute(text, sizeof(text), KEEP_USB "/%s/interface_authorized_default", name);
	*count += strcmp(text, "1") == 0;
}

int keep_status(void)
{
	unsigned shut = 0, open_hubs = 0;
	char was[16], system[4096];
	bool marked = is_marked(was), armed = is_armed_at_all(), off = keep_is_off();

	keep_list(count_shut, &shut, KEEP_USB);
	keep_list(count_open_hubs, &open_hubs, KEEP_USB);
	keep_attribute(system, sizeof(system), KEEP_SYSTEM);
	printf("gate             %s\n", marked  ? "armed"
					: armed ? "half armed: run it again"
						: "open");
	printf("boot word        %s\n",
	       off ? "caretaker.usb=off: open until the next start" : "none");
	printf("open controllers %u\n", open_hubs);
	printf("shut interfaces  %u\n", shut);
	printf("shut cards       %u\n", keep_count_shut_cards());
	printf("Bluetooth files  %s\n",
	       keep_shuts_bluetooth_files() ? "shut" : "as the system has it");
	for (char *at = system, *line; (line = keep_cut(&at, "\n"));)
		if (*line)
			printf("system disk      %s\n", line);
	return marked && !off && open_hubs == 0 ? 0 : 1;
}
