/* See guard.h.  Requests are files: one that comes begins, one that goes ends, and one that was
 * written anew is about another medium of that name.
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
	char name[SCAN_NAME]; /* "": this place is free */
	uint64_t identity;
	bool seen; /* in this walk */
};

struct guarding {
	char run[256];
	struct plat_guard *guard;
	struct request requests[PLAT_GUARD_MEDIA];
};

static void scan_path(const struct guarding *g, const char *name, const char *ending, char out[340])
{
	(void)snprintf(out, 340, "%s/" SCAN_FOLDER "/%s%s", g->run, name, ending);
}

/* --- what is said of a medium --- */

static void tell(const struct guarding *g, const char *name, enum scan_stage stage,
		 const char *word)
{
	struct scan_state state = {.stage = stage};
	char path[340], text[SCAN_TEXT_MAX];
	struct err err;

	(void)text_copy(state.word, sizeof(state.word), word);
	scan_state_print(&state, text);
	scan_path(g, name, SCAN_STATE, path);
	if (plat_file_replace(path, text, strlen(text), PLAT_FILE_PRIVATE, &err) < 0)
		log_error("caretakerd cannot be told of '%s': %s", name, err.msg);
}

static void infected(void *ctx, const char *medium, const char *signature)
{
	log_warn("%s: no file of it is opened any more, it holds %s", medium, signature);
	tell(ctx, medium, SCAN_INFECTED, signature);
}

static void refused(void *ctx, const char *medium, const char *why)
{
	log_warn("%s: a file was not opened, it cannot be scanned: %s", medium, why);
	tell(ctx, medium, SCAN_GUARDED, why);
}

/* --- requests --- */

/* What an earlier run of ours guarded is guarded on, unless another medium was asked for since: who
 * asks takes the state away first. */
static bool guarded_before(const struct guarding *g, const char *name)
{
	struct scan_state state;
	bool guarded = false, held = false;
	char path[340];
	struct buf text;
	struct err err;

	for (unsigned i = 0; i < PLAT_GUARD_MEDIA; i++)
		held |= strcmp(plat_guard_medium(g->guard, i), name) == 0;
	scan_path(g, name, SCAN_STATE, path);
	buf_init(&text, SCAN_TEXT_MAX);
	if (held && plat_file_read(path, SCAN_TEXT_MAX - 1, &text, &err) == 0 &&
	    scan_state_parse(buf_text(&text), &state, &err) == 0)
		guarded = state.stage == SCAN_GUARDED;
	buf_clear(&text);
	return guarded;
}

static void begin(struct guarding *g, const char *name)
{
	char path[340], folder[340], why[24] = "bad-request";
	struct scan_ask ask;
	struct buf text;
	struct err err;

	scan_path(g, name, SCAN_GUARD, path);
	(void)snprintf(folder, sizeof(folder), "%s/" MOUNT_FOLDER "/%s", g->run, name);
	buf_init(&text, SCAN_TEXT_MAX);
	if (plat_file_read(path, SCAN_TEXT_MAX - 1, &text, &err) < 0 ||
	    scan_ask_parse(buf_text(&text), &ask, &err) < 0 ||
	    plat_guard_add(g->guard, name, ask.file_system, folder, why, &err) < 0) {
		log_warn("%s: stays shut: %s", name, err.msg);
		tell(g, name, SCAN_UNSCANNABLE, why);
	} else {
		log_info("%s: each file is scanned when it is opened", name);
		tell(g, name, SCAN_GUARDED, "");
	}
	buf_clear(&text);
}

static struct request *place_of(struct guarding *g, const char *name)
{
	for (unsigned i = 0; i < PLAT_GUARD_MEDIA; i++)
		if (strcmp(g->requests[i].name, name) == 0)
			return &g->requests[i];
	return NULL;
}

static void look_at(struct guarding *g, const char *name)
{
	struct request *request = place_of(g, name);
	struct plat_file_info info;
	char path[340];
	bool is_new = !request;
	struct err err;

	scan_path(g, name, SCAN_GUARD, path);
	if (plat_file_info(path, &info, &err) < 0 || !info.exists)
		return;
	if (is_new)
		request = place_of(g, "");
	if (!request) {
		log_error("%s: stays shut, more than %d media are guarded", name, PLAT_GUARD_MEDIA);
		tell(g, name, SCAN_UNSCANNABLE, "cannot-guard");
		return;
	}
	request->seen = true;
	if (!is_new && request->identity == info.identity)
		return;
	(void)text_copy(request->name, sizeof(request->name), name);
	request->identity = info.identity;
	if (!is_new || !guarded_before(g, name))
		begin(g, name);
}

static int one_file(void *ctx, const char *file, struct err *err)
{
	size_t len = strlen(file), ending = sizeof(SCAN_GUARD) - 1;
	char name[SCAN_NAME];

	(void)err;
	if (len <= ending || len - ending >= sizeof(name) ||
	    strcmp(file + len - ending, SCAN_GUARD) != 0)
		return 0;
	(void)snprintf(name, sizeof(name), "%.*s", (int)(len - ending), file);
	if (scan_name_valid(name))
		look_at(ctx, name);
	return 0;
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
		const char *medium = plat_guard_medium(g->guard, i);

		if (*medium && !place_of(g, medium)) {
			log_info("%s: is guarded no more, and opens no file", medium);
			plat_guard_drop(g->guard, medium);
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
	size_t len = strlen(file), ending = sizeof(SCAN_GUARD) - 1;
	char name[SCAN_NAME];

	(void)err;
	if (len > ending && len - ending < sizeof(name) &&
	    strcmp(file + len - ending, SCAN_GUARD) == 0) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)(len - ending), file);
		if (scan_name_valid(name))
			tell(ctx, name, SCAN_UNSCANNABLE, "cannot-guard");
	}
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
		if (*plat_guard_medium(g.guard, i))
			tell(&g, plat_guard_medium(g.guard, i), SCAN_WAITING, "");
	plat_guard_close(g.guard);
	return ret < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
