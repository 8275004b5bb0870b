/* See identity.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/identity.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "agent/check/places.h"
#include "agent/proto/member.h"
#include "platform/hardware.h"

#include <string.h>

#define IDENTITY_MAX 8192

static void write_hardware(const struct enrol_hardware *hardware, struct jsonw *w)
{
	jsonw_object(w, "hardware");
	jsonw_string(w, "serial", hardware->serial);
	jsonw_string(w, "uuid", hardware->uuid);
	jsonw_string(w, "board", hardware->board);
	jsonw_string(w, "vendor", hardware->vendor);
	jsonw_string(w, "model", hardware->model);
	jsonw_object_end(w);
}

int identity_save(const struct identity *identity, struct places *places, struct err *err)
{
	struct jsonw w;
	struct buf out;
	int ret = -1;

	buf_init(&out, IDENTITY_MAX);
	jsonw_init(&w, &out);
	w.indent = true; /* people look into this one */
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "device", identity->device);
	jsonw_bool(&w, "waiting", identity->waiting);
	jsonw_string(&w, "org", identity->org);
	jsonw_string(&w, "host", identity->host);
	jsonw_bool(&w, "trust_system", identity->trust_system);
	jsonw_string(&w, "school", identity->school);
	jsonw_string(&w, "group", identity->group);
	jsonw_int(&w, "enrolled_at", identity->enrolled_at);
	jsonw_int(&w, "audit_until", identity->audit_until);
	jsonw_string(&w, "root", identity->root);
	write_hardware(&identity->hardware, &w);
	jsonw_object_end(&w);
	if (buf_check(&out, err) == 0)
		ret = places_write(places, IDENTITY_FILE, out.data, out.len, err);
	buf_clear(&out);
	return ret;
}

static int read_hardware(const struct json *root, struct enrol_hardware *out, struct err *err)
{
	const struct json *hardware;

	if (json_get_object(root, "hardware", &hardware, err) < 0 ||
	    member_text(hardware, "serial", out->serial, sizeof(out->serial), err) < 0 ||
	    member_text(hardware, "uuid", out->uuid, sizeof(out->uuid), err) < 0 ||
	    member_text(hardware, "board", out->board, sizeof(out->board), err) < 0 ||
	    member_text(hardware, "vendor", out->vendor, sizeof(out->vendor), err) < 0 ||
	    member_text(hardware, "model", out->model, sizeof(out->model), err) < 0)
		return -1;
	return 0;
}

static int read_identity(const struct json *root, struct identity *out, struct err *err)
{
	int64_t v;

	if (!json_is_object(root))
		return err_set(err, ERR_INVALID, "expected an object");
	if (json_get_int(root, "v", 1, 1, &v, err) < 0 ||
	    member_text(root, "device", out->device, sizeof(out->device), err) < 0 ||
	    json_get_bool(root, "waiting", &out->waiting, err) < 0 ||
	    member_text(root, "org", out->org, sizeof(out->org), err) < 0 ||
	    member_text(root, "host", out->host, sizeof(out->host), err) < 0 ||
	    json_get_bool(root, "trust_system", &out->trust_system, err) < 0 ||
	    member_text(root, "school", out->school, sizeof(out->school), err) < 0 ||
	    member_text(root, "group", out->group, sizeof(out->group), err) < 0 ||
	    json_get_int(root, "enrolled_at", -MEMBER_INT_MAX, MEMBER_INT_MAX, &out->enrolled_at,
			 err) < 0 ||
	    json_get_int(root, "audit_until", -MEMBER_INT_MAX, MEMBER_INT_MAX, &out->audit_until,
			 err) < 0 ||
	    member_text(root, "root", out->root, sizeof(out->root), err) < 0 ||
	    read_hardware(root, &out->hardware, err) < 0)
		return -1;
	return 0;
}

int identity_load(const struct places *places, struct identity *out, struct err *err)
{
	struct identity identity = {0};
	struct json *root = NULL;
	struct buf text;
	int ret = 0;

	buf_init(&text, IDENTITY_MAX + 1);
	if (places_read(places, IDENTITY_FILE, IDENTITY_MAX, &text, err) < 0)
		ret = err->code == ERR_NOTFOUND ? 0 : -1;
	else if (json_parse(buf_text(&text), text.len, &root, err) < 0 ||
		 read_identity(root, &identity, err) < 0)
		ret = err_wrap(err, "'%s/" IDENTITY_FILE "' is damaged, enrol this machine again",
			       places->state);
	if (ret == 0)
		*out = identity;
	json_free(root);
	buf_clear(&text);
	return ret;
}

static void take(char *out, size_t size, const char *text)
{
	if (text[0] && !enrol_placeholder(text))
		text_clean(out, size, text, strlen(text));
}

void identity_hardware(struct enrol_hardware *out)
{
	struct plat_identity found;
	struct err err;

	memset(out, 0, sizeof(*out));
	if (plat_hardware_identity(&found, &err) < 0)
		return; /* a container, or firmware that says nothing: identifies nothing */
	take(out->serial, sizeof(out->serial), found.serial);
	take(out->uuid, sizeof(out->uuid), found.uuid);
	take(out->board, sizeof(out->board), found.board);
	text_clean(out->vendor, sizeof(out->vendor), found.vendor, strlen(found.vendor));
	text_clean(out->model, sizeof(out->model), found.model, strlen(found.model));
}

static bool differs(const char *then, const char *now)
{
	return then[0] && now[0] && strcmp(then, now) != 0;
}

bool identity_moved(const struct identity *identity, const struct enrol_hardware *now)
{
	return identity->device[0] && differs(identity->hardware.serial, now->serial) &&
	       differs(identity->hardware.uuid, now->uuid);
}
