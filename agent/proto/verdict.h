/* The words everyone uses: verdicts, modes, and which people read.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_VERDICT_H
#define CARETAKER_PROTO_VERDICT_H

enum verdict {
	VERDICT_PASS,
	VERDICT_FAIL,
	VERDICT_UNKNOWN, /* cannot tell: never a fail, never a pass */
	VERDICT_NOT_APPLICABLE,
	VERDICT_EXCEPTED,
};
#define VERDICT_COUNT 5

enum mode {
	MODE_OFF,
	MODE_AUDIT,
	MODE_ENFORCE,
};

const char *verdict_name(enum verdict verdict);         /* "not-applicable" */
int verdict_parse(const char *name, enum verdict *out); /* -1: none of them */
const char *mode_name(enum mode mode);
int mode_parse(const char *name, enum mode *out);

/* What people read and roll-ups count.  A pass with a due date is "due by"; a fail whose due date
 * has passed is "overdue". */
enum standing {
	STANDING_OK,
	STANDING_TO_FIX,
	STANDING_DUE_BY,
	STANDING_OVERDUE,
	STANDING_CANNOT_TELL,
	STANDING_ALLOWED_UNTIL,
	STANDING_NOT_APPLICABLE,
};
#define STANDING_COUNT 7
/* 'due_at' is 0 where there is none. */
enum standing verdict_standing(enum verdict verdict, long long due_at, long long now);
const char *standing_name(enum standing standing); /* "to fix" */
const char *standing_key(enum standing standing);  /* "to_fix", for JSON and SQL */

/* Every control there is, in the order people read them.  Ids never change. */
enum control_id {
	CONTROL_SCREEN_LOCK,
	CONTROL_END_OF_DAY,
	CONTROL_ACCOUNTS,
	CONTROL_PASSWORD_POLICY,
	CONTROL_HOURS,
	CONTROL_REMOVABLE_STORAGE,
	CONTROL_HARDWARE,
	CONTROL_SOFTWARE,
	CONTROL_CONFIGURATION,
	CONTROL_SERVICES,
	CONTROL_NETWORK,
	CONTROL_REMOTE_ACCESS,
	CONTROL_ANTI_VIRUS,
	CONTROL_UPDATES,
	CONTROL_CHECK_IN,
	CONTROL_DISK_ENCRYPTION,
	CONTROL_FIREWALL,
	CONTROL_TAMPER,
	CONTROL_BACKUP,
	CONTROL_FILTERING,
};
#define CONTROL_COUNT 20
const char *control_name(enum control_id id); /* "anti-virus" */
int control_parse(const char *name, enum control_id *out);

#endif
