/* caretaker-collector: the table of its commands.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/log.h"
#include "agent/base/options.h"
#include "platform/os.h"
#include "tools/collector/admin.h"
#include "tools/collector/commands.h"
#include "tools/collector/serve.h"

#include <stdio.h>
#include <string.h>

static const struct option_def every[] = {
	{"data", 'd', "DIR", "the data directory (" CONFIG_DATA ")"},
	{"config", 'c', "FILE", "the configuration (" CONFIG_FILE ")"},
	{"who", 0, "NAME", "who acts, for the audit trail (you)"},
	{"json", 0, NULL, "prints JSON where a list or a device is shown"},
	{NULL, 0, NULL, NULL},
};

static const struct option_def init_options[] = {
	{"host", 0, "NAME[:PORT]", "as devices reach this collector (this machine's name:8443)"},
	{"names", 0, "LIST", "further names and addresses for the server certificate"},
	{"title", 0, "TEXT", "what the CA calls itself (Caretaker collector)"},
	{"kit", 0, "FILE", "writes the recovery kit there instead of printing it"},
	{"recover", 0, "FILE", "makes a lost collector again from its recovery kit"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def kit_options[] = {
	{"kit", 0, "FILE", "writes it there instead of printing it"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def serve_options[] = {
	{"devices", 0, "ADDR", "where devices connect: [::]:8443; port 0: any free one"},
	{"people", 0, "ADDR", "where people connect: 127.0.0.1:8444"},
	{"workers", 0, "N", "event loops (one a core)"},
	{"debug", 0, NULL, "logs more"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def school_add_options[] = {
	{"audit-days", 0, "N", "nothing is enforced for N days after its first device (14)"},
	{"not-seen-days", 0, "N", "a device counts as not seen after N days (7)"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def school_option[] = {
	{"school", 's', "NAME", "of this school (may be left out when there is one)"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def room_options[] = {
	{"school", 's', "NAME", "of this school (may be left out when there is one)"},
	{"names", 0, "LIST", "device names that stand there: \"ICT1-*, LIB-?\""},
	{"subnets", 0, "LIST", "addresses that stand there: \"10.1.2.0/24\""},
	{NULL, 0, NULL, NULL},
};
static const struct option_def code_options[] = {
	{"school", 's', "NAME", "of this school (may be left out when there is one)"},
	{"group", 'g', "NAME", "devices come into this group (default)"},
	{"room", 'r', "NAME", "and into this room"},
	{"uses", 0, "N", "how many devices may use it (1); 0: any number"},
	{"days", 0, "N", "it ends in N days (14)"},
	{"until", 0, "DAY", "it ends with this day"},
	{"shared", 0, NULL, "no secret (in an MDM): devices wait for a yes"},
	{"trust-system", 0, NULL, "TLS by the system's certificates: behind a proxy that opens it"},
	{"host", 0, "NAME:PORT", "another address than the collector's own"},
	{"note", 0, "TEXT", "what it is for"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def code_list_options[] = {
	{"show", 0, NULL, "with --json: the codes themselves too (goes into the audit trail)"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def bulk_options[] = {
	{"all", 0, NULL, "all of them"},
	{"school", 's', "NAME", "with --all: of this school"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def sign_options[] = {
	{"key", 'k', "FILE", "the policy key (policy.key of the data directory)"},
	{"serial", 0, "N", "its number, above all this key signed"},
	{"org", 0, "UUID", "for which collector (this one's)"},
	{"output", 'o', "FILE", "writes the signed policy there (standard output)"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def publish_options[] = {
	{"school", 's', "NAME", "to this school"},
	{"group", 'g', "NAME", "to this group (all of the school's)"},
	{"all", 0, NULL, "to every school"},
	{"key", 'k', "FILE", "the policy key, for a file that is not signed yet"},
	{NULL, 0, NULL, NULL},
};

static const struct option_def devices_options[] = {
	{"school", 's', "NAME", "of this school"},
	{"group", 'g', "NAME", "of this group"},
	{"room", 'r', "NAME", "in this room"},
	{"status", 0, "WORD", "waiting, active, revoked or retired"},
	{"presence", 0, "WORD", "seen, not_seen or never_seen"},
	{"standing", 0, "WORD", "ok, to_fix, due_by, overdue, cannot_tell, allowed_until"},
	{"control", 0, "NAME", "with --standing: of this control"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def why_options[] = {
	{"why", 0, "TEXT", "kept with the device"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def move_options[] = {
	{"group", 'g', "NAME", "into this group of its school"},
	{"room", 'r', "NAME", "into this room; '' out of its room"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def yes_options[] = {
	{"yes", 0, NULL, "really"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def rollup_options[] = {
	{"by", 0, "WORD", "school, room, group or control (school)"},
	{"school", 's', "NAME", "of this school alone"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def device_options[] = {
	{"inventory", 0, NULL, "its newest inventory instead, as JSON"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def inventory_options[] = {
	{"school", 's', "NAME", "of this school alone"},
	{"program", 0, "NAME", "which devices have it, in what version; * and ? for any letters"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def worklist_options[] = {
	{"school", 's', "NAME", "of this school alone"},
	{"room", 'r', "NAME", "in this room alone"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def export_options[] = {
	{"keys", 0, NULL, "its public keys instead, as JWK, a line each"},
	{"evidence", 0, "DIR", "into DIR, with our signed word whose keys they are"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def token_options[] = {
	{"role", 0, "ROLE", "technician, admin, or viewer: counts alone (technician)"},
	{"school", 's', "NAME", "for this school alone"},
	{"days", 0, "N", "it ends in N days (never)"},
	{"until", 0, "DAY", "it ends with this day"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def restore_options[] = {
	{"kit", 0, "FILE", "puts the policy key and the CA's key back too"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def audit_options[] = {
	{"last", 0, "N", "so many lines, the newest first (50); 0: all"},
	{NULL, 0, NULL, NULL},
};

static const struct option_def school_export_options[] = {
	{"to", 0, "FILE", "what 'keys show' prints at the collector it moves to"},
	{"key", 'k', "FILE", "the policy key (policy.key of the data directory)"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def school_import_options[] = {
	{"name", 0, "NAME", "under another name"},
	{"key", 'k', "FILE", "the policy key (policy.key of the data directory)"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def exception_options[] = {
	{"device", 0, "DEVICE", "for this device"},
	{"group", 'g', "NAME", "for this group"},
	{"school", 's', "NAME", "for this school, or where the group is"},
	{"what", 0, "TEXT", "what of the control (all of it)"},
	{"reason", 0, "TEXT", "why"},
	{"asked", 0, "NAME", "who asked"},
	{"approved", 0, "NAME", "who approved"},
	{"role", 0, "ROLE", "whose word it is: approver, office, technician or admin (admin)"},
	{"days", 0, "N", "it ends in N days"},
	{"until", 0, "DAY", "it ends with this day"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def exception_list_options[] = {
	{"all", 0, NULL, "those that ended too"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def request_list_options[] = {
	{"all", 0, NULL, "those that were answered too"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def request_approve_options[] = {
	{"device", 0, "DEVICE", "the device that asked, where several did"},
	{"group", 'g', "NAME", "for every device of this group, not only the one that asked"},
	{"open", 0, "WHAT", "encrypted, read-only or any (as far as the policy lets it)"},
	{"read-only", 0, NULL, "to read, never to write; with --open encrypted, encrypted media"},
	{"scanned", 0, NULL,
	 "after the anti-virus has found nothing on it, whatever the policy says"},
	{"reason", 0, "TEXT", "why (the person's own)"},
	{"asked", 0, "NAME", "who asked (the person, as the device names them)"},
	{"approved", 0, "NAME", "who approved (you)"},
	{"role", 0, "ROLE", "whose word it is: approver, office, technician or admin (admin)"},
	{"days", 0, "N", "it ends in N days (1)"},
	{"until", 0, "DAY", "it ends with this day"},
	{"until-end-of-day", 0, NULL, "it ends with today, at 23:59:59 of the schools' time zone"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def request_refuse_options[] = {
	{"device", 0, "DEVICE", "the device that asked, where several did"},
	{"reason", 0, "TEXT", "why not"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def phone_code_options[] = {
	{"until", 0, "DAY", "up to the end of this day, by the machine's own calendar (today)"},
	{"reason", 0, "TEXT", "why"},
	{"asked", 0, "NAME", "who asked"},
	{"approved", 0, "NAME", "who approved (you)"},
	{"role", 0, "ROLE", "whose word it is: approver, office, technician or admin (admin)"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def output_option[] = {
	{"output", 'o', "FILE", "writes it there (standard output)"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def rotate_online_options[] = {
	{"key", 'k', "FILE", "the policy key (policy.key of the data directory)"},
	{"draft", 0, "FILE", "writes the unsigned sets there, for \"keys sign\""},
	{"drop-old", 0, NULL, "the old key was stolen: no device believes it any longer"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def rotate_policy_options[] = {
	{"key", 'k', "FILE", "the old policy key (policy.key of the data directory)"},
	{"new-key", 0, "FILE", "writes the new one there, not into the data directory"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def keys_sign_options[] = {
	{"key", 'k', "FILE", "the policy key (policy.key of the data directory)"},
	{"output", 'o', "FILE", "writes the signed sets there (standard output)"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def renew_options[] = {
	{"names", 0, "LIST", "names and addresses (those it has)"},
	{NULL, 0, NULL, NULL},
};

static const struct command commands[] = {
	{"init", NULL, "makes a collector: keys, certificates, store", init_options, 0, 0,
	 cmd_init},
	{"kit", NULL, "prints the recovery kit again", kit_options, 0, 0, cmd_kit},
	{"serve", NULL, "serves devices and people", serve_options, 0, 0, cmd_serve},

	{"school add", "NAME", "adds a school with a group 'default'", school_add_options, 1, 1,
	 cmd_school_add},
	{"school list", NULL, "lists schools", NULL, 0, 0, cmd_school_list},
	{"school export", "NAME FILE", "packs a school for another collector",
	 school_export_options, 2, 2, cmd_school_export},
	{"school import", "FILE", "takes a school in", school_import_options, 1, 1,
	 cmd_school_import},
	{"school handover", "NAME FILE", "sends an exported school's devices over, shows how far",
	 NULL, 2, 2, cmd_school_handover},
	{"group add", "NAME", "adds a group: devices with one policy", school_option, 1, 1,
	 cmd_group_add},
	{"group list", NULL, "lists groups", school_option, 0, 0, cmd_group_list},
	{"room add", "NAME", "adds a room", room_options, 1, 1, cmd_room_add},
	{"room rules", "NAME", "changes which devices stand in a room", room_options, 1, 1,
	 cmd_room_rules},
	{"room import", "CSV", "places devices by serial number: columns serial, room",
	 school_option, 1, 1, cmd_room_import},
	{"room list", NULL, "lists rooms", school_option, 0, 0, cmd_room_list},

	{"code new", NULL, "makes an enrolment code and prints the command for a device",
	 code_options, 0, 0, cmd_code_new},
	{"code list", NULL, "lists codes", code_list_options, 0, 0, cmd_code_list},
	{"code revoke", "CODE...", "ends codes; devices they enrolled stay", NULL, 1, -1,
	 cmd_code_revoke},
	{"preregister", "CSV", "serial numbers that may enrol at once: serial[, name, group, room]",
	 school_option, 1, 1, cmd_preregister},
	{"waiting list", NULL, "devices that wait for a yes", NULL, 0, 0, cmd_waiting_list},
	{"waiting accept", "[DEVICE]...", "lets them in", bulk_options, 0, -1, cmd_waiting_accept},
	{"waiting refuse", "[DEVICE]...", "turns them away", bulk_options, 0, -1,
	 cmd_waiting_refuse},
	{"adopt list", NULL, "machines that came back under a new key", NULL, 0, 0, cmd_adopt_list},
	{"adopt accept", "[DEVICE]...", "gives them their history", bulk_options, 0, -1,
	 cmd_adopt_accept},

	{"rollup", NULL, "how the machines stand and what to fix first", rollup_options, 0, 0,
	 cmd_rollup},
	{"worklist", NULL, "what to fix, where and how, by room: to print", worklist_options, 0, 0,
	 cmd_worklist},
	{"devices", NULL, "lists devices", devices_options, 0, 0, cmd_devices},
	{"device", "DEVICE", "one device: verdicts, chain, policy, events", device_options, 1, 1,
	 cmd_device},
	{"device revoke", "DEVICE...", "believes its key no longer", why_options, 1, -1,
	 cmd_device_revoke},
	{"device retire", "DEVICE...", "it left the school; its history is kept", why_options, 1,
	 -1, cmd_device_retire},
	{"device move", "DEVICE...", "into another group or room", move_options, 1, -1,
	 cmd_device_move},
	{"device erase", "DEVICE", "removes what it reported; the chain still verifies",
	 yes_options, 1, 1, cmd_device_erase},
	{"inventory", NULL, "software with its licences, by how many devices have it",
	 inventory_options, 0, 0, cmd_inventory},
	{"export", "DEVICE", "its heartbeats, a line each, as 'caretaker verify' reads them",
	 export_options, 1, 1, cmd_export},

	{"policy lint", "FILE", "checks a policy", NULL, 1, 1, cmd_policy_lint},
	{"policy sign", "FILE", "signs a policy; needs the policy key alone", sign_options, 1, 1,
	 cmd_policy_sign},
	{"policy publish", "FILE", "publishes a signed policy, or signs and publishes one",
	 publish_options, 1, 1, cmd_policy_publish},
	{"policy diff", "A B", "what differs, by meaning; A and B are files or serials", NULL, 2, 2,
	 cmd_policy_diff},
	{"policy list", NULL, "policies and who really runs them", NULL, 0, 0, cmd_policy_list},
	{"policy show", "SERIAL", "prints a published policy", NULL, 1, 1, cmd_policy_show},

	{"exceptions add", "CONTROL", "allows something for a time", exception_options, 1, 1,
	 cmd_exceptions_add},
	{"exceptions list", NULL, "lists what is allowed", exception_list_options, 0, 0,
	 cmd_exceptions_list},
	{"exceptions end", "EXCEPTION", "ends one now", NULL, 1, 1, cmd_exceptions_end},
	{"exceptions sign", NULL, "signs every device's list again", NULL, 0, 0,
	 cmd_exceptions_sign},

	{"requests list", NULL, "lists what people asked for at their machines",
	 request_list_options, 0, 0, cmd_requests_list},
	{"requests approve", "REFERENCE", "allows it for a time", request_approve_options, 1, 1,
	 cmd_requests_approve},
	{"requests refuse", "REFERENCE", "answers no", request_refuse_options, 1, 1,
	 cmd_requests_refuse},
	{"requests code", "DEVICE CHALLENGE",
	 "a one-time code to read out over the phone, for a machine without a network",
	 phone_code_options, 2, 2, cmd_requests_code},
	{"requests codes", NULL, "lists such codes: read out, used, ended", NULL, 0, 0,
	 cmd_requests_codes},

	{"keys list", NULL, "lists the key sets devices follow", NULL, 0, 0, cmd_keys_list},
	{"keys show", NULL, "prints our public keys, for 'school export' elsewhere", output_option,
	 0, 0, cmd_keys_show},
	{"keys rotate-online", NULL, "makes a new online key", rotate_online_options, 0, 0,
	 cmd_keys_rotate_online},
	{"keys rotate-policy", NULL, "makes a new policy key", rotate_policy_options, 0, 0,
	 cmd_keys_rotate_policy},
	{"keys sign", "DRAFT", "signs drafted key sets; needs the policy key alone",
	 keys_sign_options, 1, 1, cmd_keys_sign},
	{"keys publish", "SIGNED", "puts signed key sets in force", NULL, 1, 1, cmd_keys_publish},
	{"keys renew-server", NULL, "makes a new server certificate now", renew_options, 0, 0,
	 cmd_keys_renew_server},

	{"token new", "NAME", "makes a token for the people's API", token_options, 1, 1,
	 cmd_token_new},
	{"token list", NULL, "lists tokens", NULL, 0, 0, cmd_token_list},
	{"token revoke", "NAME", "ends a token", NULL, 1, 1, cmd_token_revoke},

	{"backup", "DIR", "copies store and keys while serve runs", NULL, 1, 1, cmd_backup},
	{"restore", "DIR", "makes a collector from a backup, with a new epoch", restore_options, 1,
	 1, cmd_restore},
	{"check", NULL, "checks the store and the roll-up's counters", NULL, 0, 0, cmd_check},
	{"audit", NULL, "who did and looked at what", audit_options, 0, 0, cmd_audit},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static int serve_listen(struct config_listen *listen, const char *text)
{
	if (!text)
		return 0;
	if (strlen(text) >= sizeof(listen->text[0]))
		return admin_complain("the address '%.60s...' is too long", text);
	memset(listen, 0, sizeof(*listen));
	if (*text) { /* "": nowhere */
		snprintf(listen->text[0], sizeof(listen->text[0]), "%s", text);
		listen->count = 1;
	}
	return 0;
}

int cmd_serve(const struct options *options)
{
	struct serve_config serve = {.config_path = options_get(options, "config")};
	struct admin admin;

	if (admin_open(&admin, options, ADMIN_CONFIG) ||
	    serve_listen(&admin.config.devices, options_get(options, "devices")) ||
	    serve_listen(&admin.config.people, options_get(options, "people")) ||
	    admin_number(options, "workers", 0, 64, &admin.config.workers))
		return EXIT_FAILED;
	plat_protect_process();
	log_init("caretaker-collector", options_has(options, "debug") ? LOG_DEBUG : LOG_INFO);
	log_to_journal(plat_stderr_is_journal());
	serve.config = admin.config;
	if (serve_run(&serve, &admin.err)) {
		log_error("%s", admin.err.msg);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

int main(int argc, char *argv[])
{
	static const struct program program = {
		.name = "caretaker-collector",
		.summary = "Takes the heartbeats of a school's machines and says what needs doing.",
		.footer = "Exit: 0 done, 1 not done (the message says why), 2 wrong usage.",
		.options = every,
		.commands = commands,
	};

	return options_run(&program, argc, argv);
}
