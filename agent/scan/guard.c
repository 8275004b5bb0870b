/* See guard.h.  Requests are files, each of one medium and its disk's own number: one that comes
 * begins, one that goes ends, and one that was written anew begins anew.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/scan/guard.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/gate/scan_ask.h"
#include "platform/guard.h"
#include "platform/os.h"
#include "platform/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOUNT_FOLDER \
	"guard" /* below RUN; platform/linux knows it too: no medium is in use by it \
		 */

struct request {
	struct scan_medium medium; /* no name: this place is free */
	uint64_t identity;
	bool seen; /* in this walk */
};

struct guarding {
	char run[256];
	struct plat_guard *guard;
	struct request requests[PLAT_GUARD_MEDIA];
};

static void scan_path(const struct guarding *g, const struct scan_medium *medium,
		      const char *ending, char out[340])
{
	char file[SCAN_FILE];

	scan_file_print(medium, ending, file);
	(void)snprintf(out, 340, "%s/" SCAN_FOLDER "/%s", g->run, file);
}

static struct plat_guard_medium to_guard(const struct scan_medium *medium)
{
	struct plat_guard_medium out = {.sequence = medium->sequence};

	(void)text_copy(out.name, sizeof(out.name), medium->name);
	return out;
}

static bool is_same(const struct plat_guard_medium *guarded, const struct scan_medium *medium)
{
	return guarded && guarded->sequence == medium->sequence &&
	       strcmp(guarded->name, medium->name) == 0;
}

/* --- what is said of a medium --- */

static void tell(const struct guarding *g, const struct scan_medium *medium, enum scan_stage stage,
		 const char *word)
{
	struct scan_state state = {.stage = stage};
	char path[340], text[SCAN_TEXT_MAX];
	struct err err;

	(void)text_copy(state.word, sizeof(state.word), word);
	scan_state_print(&state, text);
	scan_path(g, medium, SCAN_STATE, path);
	if (plat_file_replace(path, text, strlen(text), PLAT_FILE_PRIVATE, &err) < 0)
		log_error("caretakerd cannot be told of '%s': %s", medium->name, err.msg);
}

static void tell_of(const struct guarding *g, const struct plat_guard_medium *guarded,
		    enum scan_stage stage, const char *word)
{
	struct scan_medium medium = {.sequence = guarded->sequence};

	(void)text_copy(medium.name, sizeof(medium.name), guarded->name);
	tell(g, &medium, stage, word);
}

static void infected(void *ctx, const struct plat_guard_medium *medium, const char *signature)
{
	log_warn("%s: no file of it is opened any more, it holds %s", medium->name, signature);
	tell_of(ctx, medium, SCAN_INFECTED, signature);
}

static void refused(void *ctx, const struct plat_guard_medium *medium, const char *why)
{
	log_warn("%s: a file was not opened, it cannot be scanned: %s", medium->name, why);
	tell_of(ctx, medium, SCAN_GUARDED, why);
}

/* --- requests --- */

/* What an earlier run of ours guarded is guarded on, unless it was asked for anew since: who asks
 * takes the state away first. */
static bool guarded_before(const struct guarding *g, const struct scan_medium *medium)
{
	struct scan_state state;
	bool guarded = false, held = false;
	char path[340];
	struct buf text;
	struct err err;

	for (unsigned i = 0; i < PLAT_GUARD_MEDIA; i++)
		held |= is_same(plat_guard_medium(g->guard, i), medium);
	scan_path(g, medium, SCAN_STATE, path);
	buf_init(&text, SCAN_TEXT_MAX);
	if (held && plat_file_read(path, SCAN_TEXT_MAX - 1, &text, &err) == 0 &&
	    scan_state_parse(buf_text(&text), &state, &err) == 0)
		guarded = state.stage == SCAN_GUARDED;
	buf_clear(&text);
	return guarded;
}

static void begin(struct guarding *g, const struct scan_medium *medium)
{
	char path[340], folder[340], why[24] = "bad-request";
	struct plat_guard_medium guarded = to_guard(medium);
	struct scan_ask ask;
	struct buf text;
	struct err err;

	scan_path(g, medium, SCAN_GUARD, path);
	(void)snprintf(folder, sizeof(folder), "%s/" MOUNT_FOLDER "/%s", g->run, medium->name);
	buf_init(&text, SCAN_TEXT_MAX);
	if (plat_file_read(path, SCAN_TEXT_MAX - 1, &text, &err) < 0 ||
	    scan_ask_parse(buf_text(&text), &ask, &err) < 0 ||
	    plat_guard_add(g->guard, &guarded, ask.file_system, folder, why, &err) < 0) {
		log_warn("%s: stays shut: %s", medium->name, err.msg);
		tell(g, medium, SCAN_UNSCANNABLE, why);
	} else {
		log_info("%s: each file is scanned when it is opened", medium->name);
		tell(g, medium, SCAN_GUARDED, "");
	}
	buf_clear(&text);
}

static struct request *place_of(struct guarding *g, const struct scan_medium *medium)
{
	for (unsigned i = 0; i < PLAT_GUARD_MEDIA; i++)
		if (g->requests[i].medium.sequence == medium->sequence &&
		    strcmp(g->requests[i].medium.name, medium->name) == 0)
			return &g->requests[i];
	return NULL;
}

static void look_at(struct guarding *g, const struct scan_medium *medium)
{
	static const struct scan_medium none = {0};
	struct request *request = place_of(g, medium);
	struct plat_file_info info;
	char path[340];
	bool is_new = !request;
	struct err err;

	scan_path(g, medium, SCAN_GUARD, path);
	if (plat_file_info(path, &info, &err) < 0 || !info.exists)
		return;
	if (is_new)
		request = place_of(g, &none);
	if (!request) {
		log_error("%s: stays shut, more than %d media are guarded", medium->name,
			  PLAT_GUARD_MEDIA);
		tell(g, medium, SCAN_UNSCANNABLE, "cannot-guard");
		return;
	}
	request->seen = true;
	if (!is_new && request->identity == info.identity)
		return;
	request->medium = *medium;
	request->identity = info.identity;
	if (!is_new || !guarded_before(g, medium))
		begin(g, medium);
}

static int one_file(void *ctx, const char *file, struct err *err)
{
	struct scan_medium medium;

	(void)err;
	if (scan_file_parse(file, SCAN_GUARD, &medium))
		look_at(ctx, &medium);
	return 0;
}

static bool is_asked(const struct guarding *g, const struct plat_guard_medium *medium)
{
	for (unsigned i = 0; i < PLAT_GUARD_MEDIA; i++)
		if (is_same(medium, &g->requests[i].medium))
			return true;
	return false;
}

static void changed(void *ctx)
{
	struct guarding *g = ctx;
	char path[300];
	struct err err;

	for (unsigned i = 0; i < PLAT_GUARD_MEDIA; i++)
		g->requests[i].seen = false;
	(void)snprintf(path, sizeof(path), "%s/" SCAN_FOLDER, g->run);
	if (plat_dir_list(path, one_file, g, &err) < 0) {
		log_error("requests cannot be read, what is guarded stays so: %s", err.msg);
		return;
	}
	for (unsigned i = 0; i < PLAT_GUARD_MEDIA; i++)
		if (!g->requests[i].seen)
			memset(&g->requests[i], 0, sizeof(g->requests[i]));
	for (unsigned i = 0; i < PLAT_GUARD_MEDIA; i++) {
		const struct plat_guard_medium *medium = plat_guard_medium(g->guard, i);

		if (medium && !is_asked(g, medium)) {
			log_info("%s: is guarded no more, and opens no file", medium->name);
			plat_guard_drop(g->guard, medium->name);
		}
	}
}

/* --- */

static int make_folders(const struct guarding *g, struct err *err)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/" SCAN_FOLDER, g->run);
	if (plat_dir_make(path, PLAT_FILE_PRIVATE, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/" MOUNT_FOLDER, g->run);
	if (plat_dir_make(path, PLAT_FILE_PRIVATE, err) < 0)
		return -1;
	plat_scan_sweep(path);
	return 0;
}

static int refuse_all(void *ctx, const char *file, struct err *err)
{
	struct scan_medium medium;

	(void)err;
	if (scan_file_parse(file, SCAN_GUARD, &medium))
		tell(ctx, &medium, SCAN_UNSCANNABLE, "cannot-guard");
	return 0;
}

/* False: what is there cannot be guarded on this machine, and is told so. */
static bool open_guard(struct guarding *g, const struct plat_guard_told *told, const char *folder,
		       struct err *err)
{
	struct err other;

	if (plat_guard_open(&g->guard, told, err) == 0)
		return true;
	log_error("no file is scanned when it is opened, and no medium opens: %s", err->msg);
	(void)plat_dir_list(folder, refuse_all, g, &other); /* else they stay shut, unsaid */
	return false;
}

int guard_serve(const char *run)
{
	struct guarding g = {0};
	const struct plat_guard_told told = {
		.ctx = &g, .changed = changed, .infected = infected, .refused = refused};
	char path[300];
	struct err err;
	int ret;

	if (!text_copy(g.run, sizeof(g.run), run)) {
		log_error("--run: the path is too long");
		return EXIT_FAILURE;
	}
	(void)snprintf(path, sizeof(path), "%s/" SCAN_FOLDER, run);
	if (make_folders(&g, &err) < 0) {
		log_error("%s", err.msg);
		return EXIT_FAILURE;
	}
	if (!open_guard(&g, &told, path, &err))
		return err.code == ERR_UNSUPPORTED ? EXIT_SUCCESS : EXIT_FAILURE;
	ret = plat_guard_run(g.guard, path, &err);
	if (ret < 0)
		log_error("%s", err.msg);
	/* The media were unmounted: whoever asked for them is to begin again. */
	for (unsigned i = 0; ret == 0 && i < PLAT_GUARD_MEDIA; i++)
		if (plat_guard_medium(g.guard, i))
			tell_of(&g, plat_guard_medium(g.guard, i), SCAN_WAITING, "");
	plat_guard_close(g.guard);
	return ret < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
