/* See school.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/fleet/school.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"

void school_init(struct school *school)
{
	memset(school, 0, sizeof(*school));
	pthread_mutex_init(&school->lock, NULL);
}

void school_clear(struct school *school)
{
	for (unsigned i = 0; i < school->keys_count; i++)
		keys_free(school->keys[i]);
	free(school->keys_jws);
	pthread_mutex_destroy(&school->lock);
	memset(school, 0, sizeof(*school));
}

const struct keys *school_keys(struct school *school)
{
	const struct keys *keys;

	pthread_mutex_lock(&school->lock);
	keys = school->keys_count ? school->keys[school->keys_count - 1] : NULL;
	pthread_mutex_unlock(&school->lock);
	return keys;
}

int school_take_keys(struct school *school, struct keys *keys, const char *jws, struct err *err)
{
	char *copy = NULL;
	int ret = 0;

	pthread_mutex_lock(&school->lock);
	if (school->keys_count && school->keys[school->keys_count - 1]->serial >= keys->serial)
		goto out;
	copy = strdup(jws);
	if (!copy || school->keys_count == SCHOOL_MAX_KEY_SETS) {
		ret = err_set(err, copy ? ERR_FULL : ERR_NOMEM,
			      "no room for another key set of '%s'", school->name);
		goto out;
	}
	free(school->keys_jws);
	school->keys_jws = copy;
	copy = NULL;
	school->keys[school->keys_count++] = keys;
	keys = NULL;
out:
	pthread_mutex_unlock(&school->lock);
	free(copy);
	keys_free(keys);
	return ret;
}
