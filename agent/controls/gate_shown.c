/* See gate_shown.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/controls/gate_shown.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/controls/control.h"
#include "platform/os.h"

#define SHOWN_MAX (256 * 1024)
#define DEVICES_MAX 256

int gate_shown_read(const struct control_input *input, struct json **out,
		    const struct json **out_devices, struct err *err)
{
	struct json *root = NULL;
	char path[512];
	struct buf text;
	int64_t v;
	int ret = -1;

	if (snprintf(path, sizeof(path), "%s/hardware.json",
		     input->run_dir ? input->run_dir : plat_place(PLAT_RUN)) >= (int)sizeof(path))
		return err_set(err, ERR_INVALID, "the run folder's name is too long");
	buf_init(&text, SHOWN_MAX + 1);
	if (plat_file_read(path, SHOWN_MAX, &text, err) < 0)
		goto out;
	if (json_parse(buf_text(&text), text.len, &root, err) < 0 ||
	    json_get_int(root, "v", 1, 1, &v, err) < 0 ||
	    json_get_array(root, "devices", DEVICES_MAX, out_devices, err) < 0) {
		json_free(root);
		err_wrap(err, "'%s'", path);
		goto out;
	}
	*out = root;
	ret = 0;
out:
	buf_clear(&text);
	return ret;
}

const struct json *gate_shown_at(const struct json *devices, const char *port)
{
	for (const struct json *d = devices ? json_first(devices) : NULL; d; d = json_next(d))
		if (strcmp(gate_shown_text(d, "port"), port) == 0)
			return d;
	return NULL;
}

const char *gate_shown_text(const struct json *device, const char *name)
{
	const char *text = device ? json_string(json_get(device, name)) : NULL;

	return text ? text : "";
}

bool gate_shown_shut(const struct json *device)
{
	bool enforced = false;
	struct err err;

	return device && strcmp(gate_shown_text(device, "verdict"), "refused") == 0 &&
	       json_opt_bool(device, "enforced", &enforced, &err) == 0 && enforced;
}
