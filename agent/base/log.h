/* One line to stderr for people who keep the machine; journald adds time and unit.
 *
 * Only a process's own folder logs (daemon/, check/, uplink/, collector/ ...): a library function
 * returns 'struct err' instead.  Lines start with the syslog level in angle brackets when stderr is
 * a journal (sd-daemon(3) "<4>"), else with the program's and the level's name.  Control characters
 * in a message are replaced: a line is one line, of at most 1 KiB.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_BASE_LOG_H
#define CARETAKER_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/compiler.h"

enum log_level {
	LOG_ERROR, /* a person must act */
	LOG_WARN,  /* we carried on */
	LOG_INFO,  /* a change of state */
	LOG_DEBUG, /* free */
};

/* 'program' is kept, not copied.  Lines below 'level' are dropped. */
void log_init(const char *program, enum log_level level);
/* Which of the two ways: a main calls log_to_journal(plat_stderr_is_journal()).  Off at first. */
void log_to_journal(bool on);
void log_at(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

/* What can repeat per request or device is rate limited: at most 'burst' lines each 'interval_s'
 * seconds of 'now_s' (any clock; one that goes back starts a new interval).  Zeroed to begin with.
 */
struct log_limit {
	uint64_t interval_start_s;
	uint32_t count;
	uint32_t dropped;
};

/* True when the line may be written; '*out_dropped' is how many were kept back since the last. */
bool log_allow(struct log_limit *limit, uint64_t now_s, uint32_t interval_s, uint32_t burst,
	       uint32_t *out_dropped);

#endif
