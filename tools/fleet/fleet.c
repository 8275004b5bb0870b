/* See fleet.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/fleet/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "agent/proto/jws.h"
#include "platform/os.h"

#define FLEET_MAX_STATE (512u * 1024 * 1024)

static int fleet_path(const struct fleet *fleet, const char *file, char *out, size_t size,
		      struct err *err)
{
	if (snprintf(out, size, "%s/%s", fleet->dir, file) >= (int)size)
		return err_set(err, ERR_INVALID, "'%s' is too long a path", fleet->dir);
	return 0;
}

static int fleet_begin(struct fleet *fleet, const char *dir, struct err *err)
{
	memset(fleet, 0, sizeof(*fleet));
	if (!text_copy(fleet->dir, sizeof(fleet->dir), dir))
		return err_set(err, ERR_INVALID, "'%.80s...' is too long a path", dir);
	fleet->schools = calloc(FLEET_MAX_SCHOOLS, sizeof(*fleet->schools));
	if (!fleet->schools)
		return err_set(err, ERR_NOMEM, "out of memory");
	return 0;
}

static int add_school(struct fleet *fleet, const char *name, const char *code, struct err *err)
{
	struct school *school = &fleet->schools[fleet->school_count];

	if (fleet->school_count == FLEET_MAX_SCHOOLS)
		return err_set(err, ERR_INVALID, "more than %d schools", FLEET_MAX_SCHOOLS);
	school_init(school);
	fleet->school_count++;
	if (!text_copy(school->name, sizeof(school->name), name) || !name[0])
		return err_set(err, ERR_INVALID, "expected a school's name of at most %zu bytes",
			       sizeof(school->name) - 1);
	return enrol_code_parse(code, strlen(code), &school->code, err);
}

static int read_codes(struct fleet *fleet, const char *path, struct err *err)
{
	struct buf text;
	char *line, *next;
	int number = 0, ret = -1;

	buf_init(&text, 1024 * 1024);
	if (plat_file_read(path, 1024 * 1024, &text, err) < 0)
		goto out;
	for (line = text.data; line && *line; line = next) {
		char *tab, *end = strchr(line, '\n');

		number++;
		next = end ? end + 1 : NULL;
		if (end)
			*end = '\0';
		tab = strchr(line, '\t');
		if (!tab) {
			err_set(err, ERR_INVALID, "%s:%d: expected 'SCHOOL<TAB>CODE'", path,
				number);
			goto out;
		}
		*tab = '\0';
		if (add_school(fleet, line, tab + 1, err) < 0) {
			err_wrap(err, "%s:%d", path, number);
			goto out;
		}
	}
	if (fleet->school_count == 0) {
		err_set(err, ERR_INVALID, "%s: no codes in it", path);
		goto out;
	}
	ret = 0;
out:
	buf_clear(&text);
	return ret;
}

static int add_device(struct fleet *fleet, struct school *school, struct err *err)
{
	struct device *device = device_new(school, fleet->device_count, school->device_count, err);

	if (!device)
		return -1;
	fleet->devices[fleet->device_count++] = device;
	school->device_count++;
	return 0;
}

static int room_for(struct fleet *fleet, unsigned count, struct err *err)
{
	/* of pointers: NOLINTNEXTLINE(bugprone-sizeof-expression) */
	fleet->devices = calloc(count, sizeof(*fleet->devices));
	if (!fleet->devices)
		return err_set(err, ERR_NOMEM, "out of memory for %u computers", count);
	return 0;
}

int fleet_new(const char *dir, const char *codes_path, unsigned device_count, struct fleet *out,
	      struct err *err)
{
	if (fleet_begin(out, dir, err) < 0 || read_codes(out, codes_path, err) < 0 ||
	    room_for(out, device_count, err) < 0)
		goto failed;
	for (unsigned i = 0; i < device_count; i++)
		if (add_device(out, &out->schools[i % out->school_count], err) < 0)
			goto failed;
	return 0;
failed:
	fleet_clear(out);
	return -1;
}

static int read_schools(struct fleet *fleet, int64_t *out_devices, struct err *err)
{
	struct buf text;
	struct json *root = NULL;
	const struct json *schools;
	char path[600];
	int ret = -1;

	buf_init(&text, 0);
	if (fleet_path(fleet, "fleet.json", path, sizeof(path), err) < 0 ||
	    plat_file_read(path, 16 * 1024 * 1024, &text, err) < 0)
		goto out;
	if (json_parse(text.data, text.len, &root, err) < 0 ||
	    json_get_int(root, "devices", 0, FLEET_MAX_DEVICES, out_devices, err) < 0 ||
	    json_get_array(root, "schools", FLEET_MAX_SCHOOLS, &schools, err) < 0) {
		err_wrap(err, "%s", path);
		goto out;
	}
	for (const struct json *s = json_first(schools); s; s = json_next(s)) {
		const char *name, *code, *jws = NULL;
		struct keys *keys = NULL;

		if (json_get_string(s, "name", 63, &name, err) < 0 ||
		    json_get_string(s, "code", ENROL_CODE_MAX, &code, err) < 0 ||
		    json_opt_string(s, "keys", JWS_MAX, &jws, err) < 0 ||
		    add_school(fleet, name, code, err) < 0 ||
		    (jws && (keys_open_pinned(jws, strlen(jws), &keys, err) < 0 ||
			     school_take_keys(&fleet->schools[fleet->school_count - 1], keys, jws,
					      err) < 0))) {
			err_wrap(err, "%s", path);
			goto out;
		}
	}
	ret = 0;
out:
	json_free(root);
	buf_clear(&text);
	return ret;
}

static struct school *find_school(struct fleet *fleet, const char *name)
{
	for (unsigned i = 0; i < fleet->school_count; i++)
		if (!strcmp(fleet->schools[i].name, name))
			return &fleet->schools[i];
	return NULL;
}

static int read_device(struct fleet *fleet, const char *line, size_t len, struct err *err)
{
	struct json *root = NULL;
	struct school *school;
	const char *name;
	int ret = -1;

	if (json_parse(line, len, &root, err) < 0)
		return -1;
	if (json_get_string(root, "school", 63, &name, err) < 0)
		goto out;
	school = find_school(fleet, name);
	if (!school) {
		err_set(err, ERR_INVALID, "school '%.60s' is not in fleet.json", name);
		goto out;
	}
	if (add_device(fleet, school, err) < 0 ||
	    device_read(fleet->devices[fleet->device_count - 1], root, err) < 0)
		goto out;
	ret = 0;
out:
	json_free(root);
	return ret;
}

static int read_devices(struct fleet *fleet, unsigned count, struct err *err)
{
	struct buf text;
	char path[600];
	const char *line;
	int ret = -1;

	buf_init(&text, FLEET_MAX_STATE);
	if (room_for(fleet, count ? count : 1, err) < 0 ||
	    fleet_path(fleet, "devices.jsonl", path, sizeof(path), err) < 0 ||
	    plat_file_read(path, FLEET_MAX_STATE, &text, err) < 0)
		goto out;
	line = buf_text(&text);
	for (unsigned i = 0; i < count; i++) {
		const char *end = strchr(line, '\n');

		if (!end) {
			err_set(err, ERR_INVALID, "%s:%u: expected %u lines", path, i + 1, count);
			goto out;
		}
		if (read_device(fleet, line, (size_t)(end - line), err) < 0) {
			err_wrap(err, "%s:%u", path, i + 1);
			goto out;
		}
		line = end + 1;
	}
	ret = 0;
out:
	buf_clear(&text);
	return ret;
}

int fleet_load(const char *dir, struct fleet *out, struct err *err)
{
	int64_t count;

	if (fleet_begin(out, dir, err) < 0 || read_schools(out, &count, err) < 0 ||
	    read_devices(out, (unsigned)count, err) < 0) {
		fleet_clear(out);
		return -1;
	}
	return 0;
}

static int save_schools(const struct fleet *fleet, struct err *err)
{
	struct buf text;
	struct jsonw w;
	char path[600], code[ENROL_CODE_MAX];
	int ret = -1;

	buf_init(&text, 0);
	jsonw_init(&w, &text);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "devices", fleet->device_count);
	jsonw_array(&w, "schools");
	for (unsigned i = 0; i < fleet->school_count; i++) {
		const struct school *school = &fleet->schools[i];

		if (enrol_code_format(&school->code, code, sizeof(code), err) < 0)
			goto out;
		jsonw_object(&w, NULL);
		jsonw_string(&w, "name", school->name);
		jsonw_string(&w, "code", code);
		if (school->keys_jws)
			jsonw_string(&w, "keys", school->keys_jws);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	if (buf_check(&text, err) < 0 ||
	    fleet_path(fleet, "fleet.json", path, sizeof(path), err) < 0)
		goto out;
	ret = plat_file_replace(path, text.data, text.len, PLAT_FILE_PRIVATE, err);
out:
	buf_clear(&text);
	return ret;
}

int fleet_save(const struct fleet *fleet, struct err *err)
{
	struct buf text;
	char path[600];
	int ret = -1;

	buf_init(&text, FLEET_MAX_STATE);
	if (plat_dir_make(fleet->dir, PLAT_FILE_PRIVATE, err) < 0)
		goto out;
	for (unsigned i = 0; i < fleet->device_count; i++)
		if (device_write(fleet->devices[i], &text, err) < 0)
			goto out;
	if (fleet_path(fleet, "devices.jsonl", path, sizeof(path), err) < 0 ||
	    plat_file_replace(path, buf_text(&text), text.len, PLAT_FILE_PRIVATE, err) < 0)
		goto out;
	ret = save_schools(fleet, err);
out:
	buf_clear(&text);
	return ret;
}

void fleet_clear(struct fleet *fleet)
{
	for (unsigned i = 0; i < fleet->device_count; i++)
		device_free(fleet->devices[i]);
	for (unsigned i = 0; i < fleet->school_count; i++)
		school_clear(&fleet->schools[i]);
	free(fleet->devices);
	free(fleet->schools);
	memset(fleet, 0, sizeof(*fleet));
}
