/* See log.h.  A line is made whole and written once, so that threads and processes do not mix
 * theirs. SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/log.h"

#include "agent/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LOG_LINE_SIZE 1024

/* One log a process; set by main() before there is a second thread. */
static struct {
	const char *program;
	enum log_level level;
	bool journal;
} log_state = {"caretaker", LOG_INFO, false};

static const struct {
	const char *name;
	const char *prefix; /* sd-daemon(3) */
} levels[] = {
	[LOG_ERROR] = {"error", "<3>"},
	[LOG_WARN] = {"warning", "<4>"},
	[LOG_INFO] = {"info", "<6>"},
	[LOG_DEBUG] = {"debug", "<7>"},
};

void log_init(const char *program, enum log_level level)
{
	log_state.program = program;
	log_state.level = level;
}

void log_to_journal(bool on)
{
	log_state.journal = on;
}

void log_at(enum log_level level, const char *fmt, ...)
{
	char message[LOG_LINE_SIZE], clean[LOG_LINE_SIZE + 64], line[LOG_LINE_SIZE + 160];
	va_list ap;

	if (level > log_state.level)
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	/* A newline from a peer must not begin a line that looks like ours. */
	text_clean(clean, sizeof(clean), message, strlen(message));
	if (log_state.journal)
		snprintf(line, sizeof(line), "%s%s\n", levels[level].prefix, clean);
	else
		snprintf(line, sizeof(line), "%.64s: %s: %s\n", log_state.program,
			 levels[level].name, clean);
	(void)fwrite(line, 1, strlen(line), stderr); /* nowhere left to say that it failed */
}

bool log_allow(struct log_limit *limit, uint64_t now_s, uint32_t interval_s, uint32_t burst,
	       uint32_t *out_dropped)
{
	if (now_s < limit->interval_start_s || now_s - limit->interval_start_s >= interval_s) {
		limit->interval_start_s = now_s;
		limit->count = 0;
	}
	if (limit->count >= burst) {
		if (limit->dropped < UINT32_MAX)
			limit->dropped++;
		return false;
	}
	limit->count++;
	*out_dropped = limit->dropped;
	limit->dropped = 0;
	return true;
}
