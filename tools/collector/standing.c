/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/standing.h"

enum standing standing_of(enum verdict verdict, int64_t due_at, int64_t until, int64_t now)
{
	if (verdict == VERDICT_EXCEPTED && until && now >= until)
		return STANDING_TO_FIX;
	return verdict_standing(verdict, due_at, now);
}

int64_t standing_change(enum verdict verdict, int64_t due_at, int64_t until, int64_t now)
{
	if (verdict == VERDICT_EXCEPTED)
		return until > now ? until : STANDING_NEVER;
	/* verdict_standing() is still "due by" at the very second. */
	if ((verdict == VERDICT_PASS || verdict == VERDICT_FAIL) && due_at && due_at >= now)
		return due_at + 1;
	return STANDING_NEVER;
}

enum standing standing_worse(enum standing a, enum standing b)
{
	static const unsigned rank[STANDING_COUNT] = {
		[STANDING_OVERDUE] = 6,        [STANDING_TO_FIX] = 5,
		[STANDING_CANNOT_TELL] = 4,    [STANDING_DUE_BY] = 3,
		[STANDING_ALLOWED_UNTIL] = 2,  [STANDING_OK] = 1,
		[STANDING_NOT_APPLICABLE] = 0,
	};

	return rank[a] >= rank[b] ? a : b;
}

enum store_presence standing_presence(enum store_status status, int64_t last_seen,
				      int not_seen_days, int64_t now)
{
	switch (status) {
	case STORE_WAITING: return STORE_IS_WAITING;
	case STORE_REVOKED: return STORE_IS_REVOKED;
	case STORE_RETIRED: return STORE_IS_RETIRED;
	case STORE_ACTIVE: break;
	}
	if (!last_seen)
		return STORE_NEVER_SEEN;
	return now - last_seen >= (int64_t)not_seen_days * 86400 ? STORE_NOT_SEEN : STORE_SEEN;
}

int64_t standing_presence_change(enum store_status status, int64_t last_seen, int not_seen_days,
				 int64_t now)
{
	if (standing_presence(status, last_seen, not_seen_days, now) != STORE_SEEN)
		return STANDING_NEVER;
	return last_seen + (int64_t)not_seen_days * 86400;
}
