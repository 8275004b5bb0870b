/* See hardware_own.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/hardware_own.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/check/places.h"
#include "platform/os.h"

#include <stdio.h>

#define TABLE_MAX (64 * 1024)

int hardware_own_table(const struct places *places, enum hardware_table_id id,
		       struct hardware_table *out, struct err *refused, struct err *err)
{
	char name[64], path[PLACES_PATH];
	struct err own = {ERR_NONE, ""};
	struct buf text;
	int ret = -1;

	snprintf(name, sizeof(name), "hardware/%s", hardware_table_file(id));
	places_path(places->conf, name, path);
	buf_init(&text, TABLE_MAX + 1);
	if (plat_file_read(path, TABLE_MAX, &text, &own) == 0)
		ret = hardware_table_parse(id, path, buf_text(&text), text.len, out, &own);
	buf_clear(&text);
	if (ret == 0 || own.code == ERR_NOTFOUND)
		own = (struct err){ERR_NONE, ""};
	*refused = own;
	return ret == 0 ? 0 : hardware_table_builtin(id, out, err);
}
