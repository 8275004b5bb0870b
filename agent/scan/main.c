/* caretaker-scan: scans media before anyone may use them, when caretakerd asks
 * (agent/gate/scan_ask.h); guard.c scans each file when it is opened.
 *
 * Short-lived: started by caretaker-scan.path when there is something to scan, gone when there is
 * not.  One medium after the other: two scans at once on a school's machine take longer than one
 * after the other.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/options.h"
#include "agent/base/text.h"
#include "agent/gate/scan_ask.h"
#include "agent/scan/guard.h"
#include "platform/os.h"
#include "platform/scan.h"
#include "platform/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEDIA_FOLDER "media" /* below RUN: where media are mounted, root's alone */

struct job {
	char run[256];
	struct scan_medium medium;
	char ask_path[340], state_path[340];
	uint64_t asked; /* the request's identity: written anew it is another */
	int64_t began_ms, told_ms;
};

/* --- saying how it goes --- */

static void tell(const struct job *job, const struct scan_state *state)
{
	char text[SCAN_TEXT_MAX];
	struct err err;

	scan_state_print(state, text);
	if (plat_file_replace(job->state_path, text, strlen(text), PLAT_FILE_PRIVATE, &err) < 0)
		log_error("caretakerd cannot be told how the scan goes: %s", err.msg);
}

static bool wanted(const struct job *job)
{
	struct plat_file_info info;
	struct err err;

	return plat_file_info(job->ask_path, &info, &err) == 0 && info.exists &&
	       info.identity == job->asked;
}

static bool go_on(void *ctx, const struct plat_scan_progress *progress)
{
	struct job *job = ctx;
	int64_t now = plat_uptime_ms();

	if (now - job->told_ms >= 1000) {
		struct scan_state state = {.stage = SCAN_SCANNING,
					   .files = progress->files,
					   .bytes = progress->bytes,
					   .total_bytes = progress->total_bytes,
					   .seconds = (uint64_t)(now - job->began_ms) / 1000};

		job->told_ms = now;
		tell(job, &state);
		return wanted(job);
	}
	return true;
}

/* --- one medium --- */

static void result_state(const struct plat_scan_result *result, struct scan_state *out)
{
	memset(out, 0, sizeof(*out));
	switch (result->verdict) {
	case PLAT_SCAN_CLEAN:
		out->stage = SCAN_CLEAN;
		out->files = result->done.files;
		out->bytes = result->done.bytes;
		break;
	case PLAT_SCAN_INFECTED:
		out->stage = SCAN_INFECTED;
		(void)text_copy(out->word, sizeof(out->word), result->signature);
		break;
	case PLAT_SCAN_UNSCANNABLE:
		out->stage = SCAN_UNSCANNABLE;
		(void)text_copy(out->word, sizeof(out->word), result->why);
		break;
	case PLAT_SCAN_STOPPED: out->stage = SCAN_STOPPED; break;
	}
}

static void log_result(const char *name, const struct plat_scan_result *result)
{
	switch (result->verdict) {
	case PLAT_SCAN_CLEAN:
		log_info("%s: clean, %llu files", name, (unsigned long long)result->done.files);
		break;
	case PLAT_SCAN_INFECTED:
		log_warn("%s: stays shut, it holds %s", name, result->signature);
		break;
	case PLAT_SCAN_UNSCANNABLE:
		log_warn("%s: stays shut, it cannot be scanned: %s", name, result->detail);
		break;
	case PLAT_SCAN_STOPPED:
		log_info("%s: went away, or the scan is no longer wanted", name);
		break;
	}
}

static void scan_job(struct job *job, const struct scan_ask *ask, struct scan_state *out)
{
	char folder[340];
	struct plat_scan scan = {.medium = job->medium.name,
				 .sequence = job->medium.sequence,
				 .file_system = ask->file_system,
				 .folder = folder,
				 .max_ms = ask->minutes * 60 * 1000,
				 .go_on = go_on,
				 .ctx = job};
	struct plat_scan_result result;
	struct scan_state state = {.stage = SCAN_SCANNING};

	(void)snprintf(folder, sizeof(folder), "%s/" MEDIA_FOLDER "/%s", job->run,
		       job->medium.name);
	job->began_ms = job->told_ms = plat_uptime_ms();
	tell(job, &state);
	plat_scan_medium(&scan, &result);
	log_result(job->medium.name, &result);
	result_state(&result, out);
}

static void scan_path(const char *run, const struct scan_medium *medium, const char *ending,
		      char out[340])
{
	char file[SCAN_FILE];

	scan_file_print(medium, ending, file);
	(void)snprintf(out, 340, "%s/" SCAN_FOLDER "/%s", run, file);
}

static int read_ask(struct job *job, struct scan_ask *out, struct err *err)
{
	struct plat_file_info info;
	struct buf text;
	int ret = -1;

	if (plat_file_info(job->ask_path, &info, err) < 0)
		return -1;
	job->asked = info.identity;
	buf_init(&text, SCAN_TEXT_MAX);
	if (plat_file_read(job->ask_path, SCAN_TEXT_MAX - 1, &text, err) == 0)
		ret = scan_ask_parse(buf_text(&text), out, err);
	buf_clear(&text);
	return ret;
}

/* Answers one request.  Whatever becomes of it, the request is gone afterwards: it would start this
 * program again and again.  False when it cannot be taken away.  One that was taken back meanwhile
 * is not answered, and one that was written anew is the next to be. */
static bool answer(const char *run, const struct scan_medium *medium)
{
	struct job job = {.medium = *medium};
	struct scan_ask ask;
	struct scan_state state = {.stage = SCAN_UNSCANNABLE, .word = "bad-request"};
	struct err err;

	(void)text_copy(job.run, sizeof(job.run), run);
	scan_path(run, medium, SCAN_ASK, job.ask_path);
	scan_path(run, medium, SCAN_STATE, job.state_path);
	if (read_ask(&job, &ask, &err) < 0)
		log_error("%s: stays shut, the request is damaged: %s", medium->name, err.msg);
	else
		scan_job(&job, &ask, &state);
	if (!wanted(&job)) {
		(void)plat_file_remove(job.state_path, &err); /* nobody reads it */
		return true;
	}
	tell(&job, &state);
	if (plat_file_remove(job.ask_path, &err) == 0)
		return true;
	log_error("'%s' stays: %s", job.ask_path, err.msg);
	return false;
}

/* --- all of them --- */

struct asked {
	char run[256];
	struct scan_medium media[64]; /* more wait for the next round */
	unsigned count;
};

static int note_ask(void *ctx, const char *file, struct err *err)
{
	struct asked *asked = ctx;
	size_t len = strlen(file), ending = strlen(SCAN_ASK);
	char path[540];

	if (len <= ending || strcmp(file + len - ending, SCAN_ASK) != 0 || file[0] == '.' ||
	    asked->count == sizeof(asked->media) / sizeof(asked->media[0]))
		return 0;
	if (scan_file_parse(file, SCAN_ASK, &asked->media[asked->count])) {
		asked->count++;
		return 0;
	}
	log_error("a request that names no medium by its number is taken away");
	(void)snprintf(path, sizeof(path), "%s/" SCAN_FOLDER "/%s", asked->run, file);
	(void)plat_file_remove(path, err); /* what stays is said again at the next start */
	return 0;
}

static void tell_waiting(const struct asked *asked)
{
	struct scan_state waiting = {.stage = SCAN_WAITING};
	struct job job = {0};

	for (unsigned i = 1; i < asked->count; i++) {
		scan_path(asked->run, &asked->media[i], SCAN_STATE, job.state_path);
		tell(&job, &waiting);
	}
}

static int serve(const struct options *options)
{
	const char *given = options_get(options, "run");
	char path[300], lock_path[300];
	struct asked asked = {0};
	struct plat_lock *lock = NULL;
	bool going = true;
	struct err err;

	if (!text_copy(asked.run, sizeof(asked.run), given ? given : plat_place(PLAT_RUN))) {
		log_error("--run: the path is too long");
		return EXIT_USAGE;
	}
	(void)snprintf(path, sizeof(path), "%s/" SCAN_FOLDER, asked.run);
	(void)snprintf(lock_path, sizeof(lock_path), "%s/" SCAN_FOLDER "/lock", asked.run);
	if (plat_dir_make(path, PLAT_FILE_PRIVATE, &err) < 0 ||
	    plat_lock(lock_path, 0, &lock, &err) < 0) {
		log_error("%s", err.msg);
		return EXIT_FAILURE;
	}
	(void)snprintf(path, sizeof(path), "%s/" MEDIA_FOLDER, asked.run);
	if (plat_dir_make(path, PLAT_FILE_PRIVATE, &err) < 0)
		log_error("%s", err.msg); /* and each medium will say that it cannot be mounted */
	plat_scan_sweep(path);
	(void)snprintf(path, sizeof(path), "%s/" SCAN_FOLDER, asked.run);
	do {
		asked.count = 0;
		if (plat_dir_list(path, note_ask, &asked, &err) < 0)
			log_error("requests cannot be read: %s", err.msg);
		tell_waiting(&asked);
	} while (asked.count && (going = answer(asked.run, &asked.media[0])));
	plat_unlock(lock);
	return going ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int try_folder(const struct options *options)
{
	struct plat_scan scan = {.max_ms = 240 * 60 * 1000};
	struct plat_scan_result result;

	plat_scan_folder(options->operands[0], &scan, &result);
	switch (result.verdict) {
	case PLAT_SCAN_CLEAN:
		printf("clean: %llu files, %llu bytes\n", (unsigned long long)result.done.files,
		       (unsigned long long)result.done.bytes);
		return EXIT_SUCCESS;
	case PLAT_SCAN_INFECTED: printf("infected: %s\n", result.signature); return EXIT_FAILURE;
	case PLAT_SCAN_UNSCANNABLE:
	case PLAT_SCAN_STOPPED: break;
	}
	printf("unscannable: %s: %s\n", result.why, result.detail);
	return EXIT_FAILURE;
}

static int guard_media(const struct options *options)
{
	const char *run = options_get(options, "run");

	return guard_serve(run ? run : plat_place(PLAT_RUN));
}

static const struct option_def program_options[] = {
	{"run", 0, "DIR", "where requests and answers lie (/run/caretaker)"},
	{NULL, 0, NULL, NULL},
};

static const struct command commands[] = {
	{"try", "FOLDER", "Says what a stick that holds FOLDER would be found to be.", NULL, 1, 1,
	 try_folder},
	{"run", NULL, "Scans what caretakerd asks for.", NULL, 0, 0, serve},
	{"guard", NULL, "Scans each file of the media that caretakerd names when it is opened.",
	 NULL, 0, 0, guard_media},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static const struct program program = {
	.name = "caretaker-scan",
	.summary = "Scans removable media before anyone may use them.",
	.footer = "Exit codes of 'try': 0 clean, 1 infected or unscannable, 2 wrong usage.",
	.options = program_options,
	.commands = commands,
};

int main(int argc, char *argv[])
{
	log_init("caretaker-scan", LOG_INFO);
	log_to_journal(plat_stderr_is_journal());
	return options_run(&program, argc, argv);
}
