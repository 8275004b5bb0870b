/* caretaker-gate: the USB gate without a daemon.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/gatekeeper/gatekeeper.h"

#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/options.h"
#include "platform/os.h"

#include <stddef.h>

static void begin(const struct options *options)
{
	const char *root = options_get(options, "root"), *state = options_get(options, "state");

	log_init("caretaker-gate", LOG_INFO);
	log_to_journal(plat_stderr_is_journal());
	plat_set_root(root ? root : "");
	keep_set_state(state ? state : plat_place(PLAT_STATE));
	keep_set_modules(options_get(options, "modules"));
}

static int run_hub(const struct options *options)
{
	begin(options);
	return keep_hub(options->operands[0]);
}

static int run_device(const struct options *options)
{
	begin(options);
	return keep_device(options->operands[0]);
}

static int run_plugged(const struct options *options)
{
	begin(options);
	return keep_plugged(options->operands[0]);
}

static int run_follow(const struct options *options)
{
	const char *state = options_get(options, "state");

	begin(options);
	return keep_follow(state ? state : plat_place(PLAT_STATE));
}

static int run_arm(const struct options *options)
{
	begin(options);
	return keep_arm();
}

static int run_disarm(const struct options *options)
{
	begin(options);
	return keep_disarm();
}

static int run_status(const struct options *options)
{
	begin(options);
	return keep_status();
}

static int run_aliases(const struct options *options)
{
	struct err err;

	begin(options);
	if (keep_print_aliases(options_get(options, "modules"), &err) == 0)
		return 0;
	log_error("no aliases: %s", err.msg);
	return 1;
}

static const struct option_def program_options[] = {
	{"root", 0, "DIR", "everything below this folder, for tests; runs no other program"},
	{"state", 0, "DIR", "where gate.rules is (/var/lib/caretaker)"},
	{"modules", 0, "DIR", "the kernel's module tables (/lib/modules/RELEASE)"},
	{NULL, 0, NULL, NULL},
};

static const struct command commands[] = {
	{"hub", "KERNEL", "udev: a host controller came (usb1)", NULL, 1, 1, run_hub},
	{"device", "KERNEL", "udev: a device came; opens what is not held", NULL, 1, 1, run_device},
	{"plugged", "KERNEL", "udev: whether sda, or all that dm-0 is made of, can be taken out",
	 NULL, 1, 1, run_plugged},
	{"follow", NULL, "arms or disarms as gate.rules has it", NULL, 0, 0, run_follow},
	{"arm", NULL, "begins shut from now on; refused unless the policy says enforce", NULL, 0, 0,
	 run_arm},
	{"disarm", NULL, "the kernel's defaults again; opens what is plugged in", NULL, 0, 0,
	 run_disarm},
	{"status", NULL, "whether the gate is shut; exit 0 if so", NULL, 0, 0, run_status},
	{"aliases", NULL, "prints what this kernel takes for USB storage", NULL, 0, 0, run_aliases},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static const struct program program = {
	.name = "caretaker-gate",
	.summary = "Lets USB devices through that the policy does not hold; no daemon needed.",
	.footer = "See caretaker-gate(8).",
	.options = program_options,
	.commands = commands,
};

int main(int argc, char *argv[])
{
	return options_run(&program, argc, argv);
}
