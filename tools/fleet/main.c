/* caretaker-fleet: simulated schools full of computers, with real keys and real signatures.
 * SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/jsonw.h"
#include "agent/base/options.h"
#include "agent/base/text.h"
#include "platform/os.h"
#include "platform/terminal.h"
#include "tools/fleet/client.h"
#include "tools/fleet/fleet.h"
#include "tools/fleet/load.h"

static const struct option_def program_options[] = {
	{"state", 's', "DIR", "the folder that keeps the fleet between runs (./fleet)"},
	{"json", 'j', NULL, "results as JSON"},
	{"quiet", 'q', NULL, "no progress"},
	{0},
};

static const struct option_def enrol_options[] = {
	{"codes", 0, "FILE", "a school a line: NAME, a tab, its enrolment code"},
	{"devices", 'n', "N", "computers in all, spread over the schools (60)"},
	{"connections", 'c', "N", "connections at once (8)"},
	{0},
};

static const struct option_def run_options[] = {
	{"scenario", 0, "FILE", "what the computers report (built in: conf/fleet.ini)"},
	{"beats", 'b', "N", "heartbeats of each computer, then end (with neither: until Ctrl-C)"},
	{"for", 0, "SECONDS", "end after so long"},
	{"every", 0, "SECONDS", "each computer reports that often"},
	{"rate", 'r', "N", "heartbeats a second in all (as fast as answers come)"},
	{"full-percent", 0, "P", "how many of a hundred heartbeats are full without need (0)"},
	{"connections", 'c', "N", "connections at once (8)"},
	{"reconnect", 0, NULL, "a new TLS connection for each heartbeat"},
	{0},
};

static int fail(const struct err *err)
{
	fprintf(stderr, "caretaker-fleet: %s\n", err->msg);
	return EXIT_FAILURE;
}

static int number(const struct options *options, const char *name, int64_t min, int64_t max,
		  int64_t fallback, int64_t *out, struct err *err)
{
	const char *text = options_get(options, name);

	*out = fallback;
	if (text && text_int(text, min, max, out) < 0)
		return err_set(err, ERR_INVALID,
			       "--%s '%.40s': expected a number from %lld to %lld", name, text,
			       (long long)min, (long long)max);
	return 0;
}

static const char *state_dir(const struct options *options)
{
	const char *dir = options_get(options, "state");

	return dir ? dir : "fleet";
}

/* A line that rewrites itself is for a person at a terminal. */
static bool shows_progress(const struct options *options)
{
	return !options_has(options, "quiet") && !options_has(options, "json") &&
	       plat_stdout_colours();
}

static void show_progress(uint64_t done, uint64_t failed, double seconds)
{
	fprintf(stderr, "\r%llu done, %llu failed, %.0f a second ", (unsigned long long)done,
		(unsigned long long)failed, (double)done / seconds);
}

static void show_json(const struct load_result *result)
{
	struct buf text;
	struct jsonw w;

	buf_init(&text, 0);
	jsonw_init(&w, &text);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "sent", (int64_t)result->sent);
	jsonw_int(&w, "acknowledged", (int64_t)result->acknowledged);
	jsonw_int(&w, "refused", (int64_t)result->refused);
	jsonw_int(&w, "failed", (int64_t)result->failed);
	jsonw_int(&w, "enrolled", (int64_t)result->enrolled);
	jsonw_int(&w, "waiting", (int64_t)result->waiting);
	jsonw_int(&w, "bytes", (int64_t)result->bytes);
	jsonw_int(&w, "milliseconds", (int64_t)(result->seconds * 1000));
	jsonw_int(&w, "p50_us", (int64_t)latency_percentile(&result->latency, 500));
	jsonw_int(&w, "p90_us", (int64_t)latency_percentile(&result->latency, 900));
	jsonw_int(&w, "p99_us", (int64_t)latency_percentile(&result->latency, 990));
	jsonw_int(&w, "max_us", (int64_t)result->latency.max_us);
	if (result->first_error[0])
		jsonw_string(&w, "first_error", result->first_error);
	jsonw_object_end(&w);
	printf("%s\n", buf_text(&text));
	buf_clear(&text);
}

static void show_text(const struct load_result *result)
{
	if (result->enrolled || result->waiting)
		printf("    %llu enrolled, %llu waiting for a technician's yes",
		       (unsigned long long)result->enrolled, (unsigned long long)result->waiting);
	else
		printf("    %llu heartbeats acknowledged",
		       (unsigned long long)result->acknowledged);
	printf(", %llu failed, in %.1f s", (unsigned long long)result->failed, result->seconds);
	if (result->latency.count)
		printf("; answers: half within %.1f ms, 99 of 100 within %.1f ms, all within %.1f "
		       "ms",
		       (double)latency_percentile(&result->latency, 500) / 1e3,
		       (double)latency_percentile(&result->latency, 990) / 1e3,
		       (double)result->latency.max_us / 1e3);
	printf("\n");
	if (result->first_error[0])
		printf("    the first failure: %s\n", result->first_error);
}

static int report(const struct options *options, const struct load_result *result)
{
	if (shows_progress(options))
		fprintf(stderr, "\r\033[K");
	if (options_has(options, "json"))
		show_json(result);
	else
		show_text(result);
	return result->failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void on_signal(int signal)
{
	(void)signal;
	load_stop(); /* sets a flag, NOLINT(bugprone-signal-handler,cert-sig30-c) */
}

static void set_up_signals(void)
{
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
}

static int run_enrol(const struct options *options)
{
	const char *codes = options_get(options, "codes");
	struct load_options load = {0};
	struct load_result result;
	struct fleet fleet = {0};
	int64_t devices, connections;
	struct err err;
	int ret = EXIT_FAILURE;

	if (!codes) {
		fprintf(stderr, "caretaker-fleet: --codes FILE is needed: a school a line, NAME, a "
				"tab, its "
				"enrolment code\n");
		return EXIT_USAGE;
	}
	if (number(options, "devices", 1, FLEET_MAX_DEVICES, 60, &devices, &err) < 0 ||
	    number(options, "connections", 1, 1000, 8, &connections, &err) < 0 ||
	    client_global_start(&err) < 0)
		return fail(&err);
	load.threads = (unsigned)connections;
	if (fleet_new(state_dir(options), codes, (unsigned)devices, &fleet, &err) < 0 ||
	    load_enrol(&fleet, &load, &result, &err) < 0 || fleet_save(&fleet, &err) < 0)
		ret = fail(&err);
	else
		ret = report(options, &result);
	fleet_clear(&fleet);
	client_global_stop();
	return ret;
}

static int read_scenario(const struct options *options, struct scenario **out, struct err *err)
{
	const char *path = options_get(options, "scenario");
	struct buf text;
	int ret;

	if (!path)
		return scenario_default(out, err);
	buf_init(&text, 0);
	ret = plat_file_read(path, 64 * 1024, &text, err);
	if (ret == 0)
		ret = scenario_parse(path, buf_text(&text), text.len, out, err);
	buf_clear(&text);
	return ret;
}

static int read_load(const struct options *options, const struct fleet *fleet,
		     struct load_options *out, struct err *err)
{
	int64_t every, rate, full, connections;

	if (number(options, "beats", 1, 1000000000, 0, &out->beats, err) < 0 ||
	    number(options, "for", 1, 1000000, 0, &out->seconds, err) < 0 ||
	    number(options, "every", 1, 86400, 0, &every, err) < 0 ||
	    number(options, "rate", 1, 1000000, 0, &rate, err) < 0 ||
	    number(options, "full-percent", 0, 100, 0, &full, err) < 0 ||
	    number(options, "connections", 1, 1000, 8, &connections, err) < 0)
		return -1;
	if (every && rate)
		return err_set(err, ERR_INVALID, "--every and --rate say the same thing: give one");
	out->rate = every ? (double)fleet->device_count / (double)every : (double)rate;
	out->full_percent = (unsigned)full;
	out->threads = (unsigned)connections;
	out->reconnect = options_has(options, "reconnect");
	if (shows_progress(options))
		out->progress = show_progress;
	return 0;
}

static int run_run(const struct options *options)
{
	struct scenario *scenario = NULL;
	struct load_options load = {0};
	struct load_result result;
	struct fleet fleet = {0};
	struct err err;
	int ret = EXIT_FAILURE;

	if (client_global_start(&err) < 0)
		return fail(&err);
	set_up_signals();
	if (read_scenario(options, &scenario, &err) < 0 ||
	    fleet_load(state_dir(options), &fleet, &err) < 0 ||
	    read_load(options, &fleet, &load, &err) < 0 ||
	    load_run(&fleet, scenario, &load, &result, &err) < 0 || fleet_save(&fleet, &err) < 0)
		ret = fail(&err);
	else
		ret = report(options, &result);
	fleet_clear(&fleet);
	free(scenario);
	client_global_stop();
	return ret;
}

static const struct command commands[] = {
	{"enrol", NULL, "make computers and enrol them", enrol_options, 0, 0, run_enrol},
	{"run", NULL, "let them report as the scenario says", run_options, 0, 0, run_run},
	{0},
};

int main(int argc, char *argv[])
{
	static const struct program program = {
		.name = "caretaker-fleet",
		.summary =
			"simulated schools full of computers, for trying and measuring a collector",
		.footer = "Exit status: 0 when every request was answered well, 1 when one was "
			  "not, 2 for wrong "
			  "usage.\n",
		.options = program_options,
		.commands = commands,
	};

	return options_run(&program, argc, argv);
}
