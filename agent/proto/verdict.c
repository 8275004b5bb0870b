/* See verdict.h: names and their way back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/verdict.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static const char *const verdict_names[VERDICT_COUNT] = {
	[VERDICT_PASS] = "pass",         [VERDICT_FAIL] = "fail",
	[VERDICT_UNKNOWN] = "unknown",   [VERDICT_NOT_APPLICABLE] = "not-applicable",
	[VERDICT_EXCEPTED] = "excepted",
};

static const char *const mode_names[] = {
	[MODE_OFF] = "off",
	[MODE_AUDIT] = "audit",
	[MODE_ENFORCE] = "enforce",
};

static const struct {
	const char *name, *key;
} standings[STANDING_COUNT] = {
	[STANDING_OK] = {"ok", "ok"},
	[STANDING_TO_FIX] = {"to fix", "to_fix"},
	[STANDING_DUE_BY] = {"due by", "due_by"},
	[STANDING_OVERDUE] = {"overdue", "overdue"},
	[STANDING_CANNOT_TELL] = {"cannot tell", "cannot_tell"},
	[STANDING_ALLOWED_UNTIL] = {"allowed until", "allowed_until"},
	[STANDING_NOT_APPLICABLE] = {"not applicable", "not_applicable"},
};

static const char *const control_names[CONTROL_COUNT] = {
	[CONTROL_SCREEN_LOCK] = "screen-lock",
	[CONTROL_END_OF_DAY] = "end-of-day",
	[CONTROL_ACCOUNTS] = "accounts",
	[CONTROL_PASSWORD_POLICY] = "password-policy",
	[CONTROL_HOURS] = "hours",
	[CONTROL_REMOVABLE_STORAGE] = "removable-storage",
	[CONTROL_HARDWARE] = "hardware",
	[CONTROL_SOFTWARE] = "software",
	[CONTROL_CONFIGURATION] = "configuration",
	[CONTROL_SERVICES] = "services",
	[CONTROL_NETWORK] = "network",
	[CONTROL_REMOTE_ACCESS] = "remote-access",
	[CONTROL_ANTI_VIRUS] = "anti-virus",
	[CONTROL_UPDATES] = "updates",
	[CONTROL_CHECK_IN] = "check-in",
	[CONTROL_DISK_ENCRYPTION] = "disk-encryption",
	[CONTROL_FIREWALL] = "firewall",
	[CONTROL_TAMPER] = "tamper",
	[CONTROL_BACKUP] = "backup",
	[CONTROL_FILTERING] = "filtering",
};

static int find(const char *name, const char *const names[], int count)
{
	for (int i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

const char *verdict_name(enum verdict verdict)
{
	assert((unsigned)verdict < VERDICT_COUNT);
	return verdict_names[verdict];
}

int verdict_parse(const char *name, enum verdict *out)
{
	int i = find(name, verdict_names, VERDICT_COUNT);

	if (i < 0)
		return -1;
	*out = (enum verdict)i;
	return 0;
}

const char *mode_name(enum mode mode)
{
	assert((unsigned)mode <= MODE_ENFORCE);
	return mode_names[mode];
}

int mode_parse(const char *name, enum mode *out)
{
	int i = find(name, mode_names, MODE_ENFORCE + 1);

	if (i < 0)
		return -1;
	*out = (enum mode)i;
	return 0;
}

enum standing verdict_standing(enum verdict verdict, long long due_at, long long now)
{
	switch (verdict) {
	case VERDICT_PASS:
		if (!due_at)
			return STANDING_OK;
		/* Time alone changes this one: the device may not have said so yet. */
		return now > due_at ? STANDING_OVERDUE : STANDING_DUE_BY;
	case VERDICT_FAIL: return due_at && now > due_at ? STANDING_OVERDUE : STANDING_TO_FIX;
	case VERDICT_UNKNOWN: return STANDING_CANNOT_TELL;
	case VERDICT_NOT_APPLICABLE: return STANDING_NOT_APPLICABLE;
	case VERDICT_EXCEPTED: return STANDING_ALLOWED_UNTIL;
	}
	return STANDING_CANNOT_TELL;
}

const char *standing_name(enum standing standing)
{
	assert((unsigned)standing < STANDING_COUNT);
	return standings[standing].name;
}

const char *standing_key(enum standing standing)
{
	assert((unsigned)standing < STANDING_COUNT);
	return standings[standing].key;
}

const char *control_name(enum control_id id)
{
	assert((unsigned)id < CONTROL_COUNT);
	return control_names[id];
}

int control_parse(const char *name, enum control_id *out)
{
	int i = find(name, control_names, CONTROL_COUNT);

	if (i < 0)
		return -1;
	*out = (enum control_id)i;
	return 0;
}
