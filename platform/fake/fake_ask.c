/* platform/ask.h of the fake machine.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/fake/fake_ask.h"

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* File scope: the fake machine is the one a test's process stands in. */
struct fake_ask fake_asks[FAKE_ASKS];
unsigned fake_ask_count;

int plat_ask_put(const char *folder, const void *frame, size_t len, struct err *err)
{
	struct fake_ask *to = &fake_asks[fake_ask_count];

	(void)folder;
	if (fake_ask_count == FAKE_ASKS || len > sizeof(to->frame))
		return err_set(err, ERR_FULL, "leave a request: no space");
	memset(to, 0, sizeof(*to));
	to->account = "ann";
	memcpy(to->frame, frame, len);
	to->len = len;
	fake_ask_count++;
	return 0;
}

int plat_ask_each(const char *folder, size_t size, unsigned max,
		  void (*each)(void *ctx, const struct plat_ask *ask, const void *frame), void *ctx,
		  struct err *err)
{
	unsigned taken = 0;
	struct plat_ask ask;

	(void)folder;
	(void)err;
	for (unsigned i = 0; i < fake_ask_count; i++) {
		if (fake_asks[i].removed)
			continue;
		if (fake_asks[i].len != size || taken == max) {
			fake_asks[i].removed = 1;
			continue;
		}
		taken++;
		(void)text_copy(ask.account, sizeof(ask.account), fake_asks[i].account);
		(void)snprintf(ask.name, sizeof(ask.name), "%u", i);
		each(ctx, &ask, fake_asks[i].frame);
	}
	return 0;
}

void plat_ask_remove(const char *folder, const char *name)
{
	unsigned long i = strtoul(name, NULL, 10);

	(void)folder;
	if (i < fake_ask_count)
		fake_asks[i].removed = 1;
}
