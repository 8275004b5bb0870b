/* caretaker-check: runs the controls, signs what they say, believes what is signed, and exits.
 *
 * Root, short-lived, a unit of its own: caretakerd starts it each quarter of an hour and when
 * something happened.  It has no network: caretaker-uplink carries its bytes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/options.h"
#include "agent/base/text.h"
#include "agent/check/agent.h"
#include "agent/check/enrol.h"
#include "agent/check/gate_rules.h"
#include "agent/check/hardware_asks.h"
#include "agent/check/inventory_file.h"
#include "agent/check/keystore.h"
#include "agent/check/run.h"
#include "agent/check/ship.h"
#include "agent/check/status.h"
#include "platform/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 3 /* of checking again with a policy that just came */

static int fail(const struct err *err)
{
	log_error("%s", err->msg);
	return EXIT_FAILURE;
}

static int start(const struct options *options, struct agent *agent, struct err *err)
{
	memset(agent, 0, sizeof(*agent));
	if (options_has(options, "verbose"))
		log_init("caretaker-check", LOG_DEBUG);
	if (options_has(options, "root"))
		plat_set_root(options_get(options, "root"));
	if (places_init(&agent->places, options_get(options, "conf"), options_get(options, "state"),
			options_get(options, "run"), err) < 0)
		return -1;
	return agent_open(agent, err);
}

/* What everybody may see is written whatever happened before. */
static int finish(struct agent *agent, const struct ship_outcome *outcome, int ret, struct err *err)
{
	struct err late;

	places_keep_reserve(&agent->places);
	if (status_write(agent, &late) < 0 || status_write_next(agent, outcome, &late) < 0) {
		if (ret == 0)
			*err = late;
		else
			log_error("%s", late.msg);
		ret = -1;
	}
	agent_close(agent);
	return ret < 0 ? fail(err) : EXIT_SUCCESS;
}

/* Goes on with an enrolment that is under way. */
static int go_on_enrolling(struct agent *agent, bool now, struct err *err)
{
	enum enrol_result result;

	if (!enrol_pending(agent) || (!now && ship_must_wait(agent)))
		return 0;
	if (enrol_again(agent, &result, err) < 0)
		return -1;
	if (result == ENROL_DONE)
		log_info("enrolled as device %s", agent->identity.device);
	else if (result == ENROL_WAITING)
		log_info("waiting for a technician to accept this machine");
	else
		log_warn("not enrolled yet: %s", agent->state.trouble);
	return 0;
}

/* Heartbeats, then what the acknowledgement asked for beside them. */
static int ship_all(struct agent *agent, const struct ship_request *request,
		    struct ship_outcome *outcome, struct err *err)
{
	if (ship(agent, request, outcome, err) < 0 || gate_rules_refresh(agent, err) < 0)
		return -1;
	if (outcome->delivered)
		inventory_file_follow(agent, outcome->need_inventory);
	return 0;
}

/* What the gate refused and let in, and what people ask for, goes with the next heartbeat; without
 * it the rest goes.  True: somebody waits for an approval. */
static bool take_hardware(struct agent *agent)
{
	bool waits = false;
	struct err err;

	if (hardware_events_take(agent, &agent->hardware_seen, &err) < 0 ||
	    hardware_asks_take(agent, &waits, &err) < 0)
		log_error("trying again at the next check: %s", err.msg);
	/* At once: what comes next may wait for a network that is not there. */
	if (agent->codes.opened && gate_rules_refresh(agent, &err) < 0)
		log_error("a code opens nothing before the next check: %s", err.msg);
	return waits;
}

static int check_and_ship(struct agent *agent, const struct options *options,
			  struct ship_outcome *outcome, struct err *err)
{
	struct ship_request request = {
		.full = options_has(options, "full"),
		.now = options_has(options, "now"),
	};

	bool waits = take_hardware(agent);

	gate_rules_follow(agent);
	for (int round = 0; round < ROUNDS_MAX; round++) {
		/* The gate first: controls take minutes on a slow machine. */
		if (gate_rules_refresh(agent, err) < 0 || run_controls(agent, err) < 0)
			return -1;
		if (options_has(options, "no-ship") || !agent_enrolled(agent))
			return 0;
		if (ship_all(agent, &request, outcome, err) < 0)
			return -1;
		if (!outcome->policy_changed)
			break;
		request.full = false;
	}
	outcome->somebody_waits = waits;
	return 0;
}

static int run(const struct options *options)
{
	struct ship_outcome outcome = {0};
	struct agent agent;
	struct err err;
	int ret = 0;

	if (start(options, &agent, &err) < 0)
		return fail(&err);
	if (!options_has(options, "no-ship"))
		ret = go_on_enrolling(&agent, options_has(options, "now"), &err);
	if (ret == 0)
		ret = check_and_ship(&agent, options, &outcome, &err);
	return finish(&agent, &outcome, ret, &err);
}

/* A heartbeat without checking again: somebody waits for an approval. */
static int poll_collector(const struct options *options)
{
	const struct ship_request request = {.now = true};
	struct ship_outcome outcome = {0};
	struct agent agent;
	struct err err;
	bool waits;
	int ret = 0;

	if (start(options, &agent, &err) < 0)
		return fail(&err);
	waits = take_hardware(&agent);
	if (agent_enrolled(&agent))
		ret = ship_all(&agent, &request, &outcome, &err);
	if (ret == 0 && outcome.policy_changed) {
		ret = run_controls(&agent, &err);
		if (ret == 0)
			ret = ship_all(&agent, &request, &outcome, &err);
	}
	outcome.somebody_waits = waits;
	return finish(&agent, &outcome, ret, &err);
}

static int tell_enrolled(const struct agent *agent, enum enrol_result result)
{
	char school[3 * sizeof(agent->identity.school)]; /* as its collector calls it */

	text_clean(school, sizeof(school), agent->identity.school, strlen(agent->identity.school));
	switch (result) {
	case ENROL_DONE:
		printf("This machine is enrolled with %s%s%s as device %s.\n", agent->identity.host,
		       school[0] ? " for " : "", school, agent->identity.device);
		return EXIT_SUCCESS;
	case ENROL_WAITING:
		printf("This machine is registered with %s and waits for a technician's yes.\n"
		       "Nothing more is to be done here.\n",
		       agent->identity.host);
		return EXIT_SUCCESS;
	case ENROL_LATER: break;
	}
	fprintf(stderr,
		"caretaker-check: not enrolled yet: %s\n"
		"It is tried again at every check; to use another code, enrol with that one.\n",
		agent->state.trouble);
	return EXIT_FAILURE;
}

static int enrol_command(const struct options *options)
{
	struct ship_outcome outcome = {0};
	enum enrol_result result;
	struct agent agent;
	struct err err;
	int code;

	if (start(options, &agent, &err) < 0)
		return fail(&err);
	if (enrol(&agent, options->operands[0], &result, &err) < 0 ||
	    gate_rules_refresh(&agent, &err) < 0)
		return finish(&agent, &outcome, -1, &err);
	code = tell_enrolled(&agent, result);
	if (finish(&agent, &outcome, 0, &err) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	return code;
}

static int generalise(const struct options *options)
{
	struct ship_outcome outcome = {0};
	struct agent agent;
	struct err err;

	if (start(options, &agent, &err) < 0)
		return fail(&err);
	if (agent_forget(&agent, &err) < 0)
		return finish(&agent, &outcome, -1, &err);
	printf("This machine's key and spool are gone: it can be cloned.\n"
	       "Each copy is enrolled by itself: sudo caretaker enrol CODE\n");
	return finish(&agent, &outcome, 0, &err);
}

static int rotate_key(const struct options *options)
{
	struct ship_outcome outcome = {0};
	struct agent agent;
	struct err err;
	int ret = 0;

	if (start(options, &agent, &err) < 0)
		return fail(&err);
	if (!agent_enrolled(&agent))
		ret = err_set(&err, ERR_INVALID,
			      "this machine is not enrolled: it has no key to rotate");
	else if (!keystore_next(agent.keys))
		ret = keystore_make_next(agent.keys, &err);
	if (ret == 0)
		printf("A new key was made.  It takes over when the collector has acknowledged "
		       "it.\n");
	return finish(&agent, &outcome, ret, &err);
}

static const struct option_def run_options[] = {
	{"full", 0, NULL, "send a full heartbeat, whatever changed"},
	{"no-ship", 0, NULL, "check only, send nothing"},
	{"now", 0, NULL, "send also before the time to try again"},
	{NULL, 0, NULL, NULL},
};

static const struct option_def program_options[] = {
	{"conf", 0, "DIR", "configuration (/etc/caretaker)"},
	{"state", 0, "DIR", "keys, spool, what was acknowledged (/var/lib/caretaker)"},
	{"run", 0, "DIR", "status file and the uplink's socket (/run/caretaker)"},
	{"root", 0, "DIR", "read facts below DIR instead of /"},
	{"verbose", 'v', NULL, "say more"},
	{NULL, 0, NULL, NULL},
};

static const struct command commands[] = {
	{"run", NULL, "checks this machine and sends a heartbeat", run_options, 0, 0, run},
	{"poll", NULL, "sends a heartbeat without checking again", NULL, 0, 0, poll_collector},
	{"enrol", "CODE", "enrols this machine with a collector", NULL, 1, 1, enrol_command},
	{"enroll", "CODE", "the same", NULL, 1, 1, enrol_command},
	{"generalise", NULL, "forgets key, spool and enrolment, before cloning", NULL, 0, 0,
	 generalise},
	{"generalize", NULL, "the same", NULL, 0, 0, generalise},
	{"rotate-key", NULL, "makes a new signing key that takes over once acknowledged", NULL, 0,
	 0, rotate_key},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static const struct program program = {
	.name = "caretaker-check",
	.summary =
		"Checks this machine, signs what was found, and takes what the collector signed.",
	.footer = "Exit code: 0 done (also when the collector was not reached), 1 it failed, 2 "
		  "usage.\n"
		  "'caretaker status' shows what was found.",
	.options = program_options,
	.commands = commands,
};

int main(int argc, char *argv[])
{
	log_init("caretaker-check", LOG_INFO);
	log_to_journal(plat_stderr_is_journal());
	plat_protect_process();
	return options_run(&program, argc, argv);
}
