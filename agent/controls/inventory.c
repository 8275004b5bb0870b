/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/controls/inventory.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/jsonw.h"
#include "agent/policy/policy.h"
#include "agent/proto/inventory.h"
#include "platform/platform.h"

/* At most 'most' of a kind; 'cut' counts the others. */
static void write_software(struct jsonw *w, const struct plat_software *software, size_t most,
			   size_t cut[PLAT_PACKAGE_KINDS])
{
	size_t i = 0;

	jsonw_object(w, "software");
	while (i < software->count) {
		enum plat_package_kind kind = software->packages[i].kind;
		size_t first = i;

		jsonw_array(w, plat_package_kind_name(kind));
		for (; i < software->count && software->packages[i].kind == kind; i++) {
			const struct plat_package *package = &software->packages[i];

			if (i - first >= most) {
				cut[kind]++;
				continue;
			}
			jsonw_array(w, NULL);
			jsonw_string(w, NULL, package->name);
			jsonw_string(w, NULL, package->version);
			jsonw_string(w, NULL, package->licence);
			jsonw_string(w, NULL, package->origin);
			jsonw_array_end(w);
		}
		jsonw_array_end(w);
	}
	jsonw_object_end(w);
}

static void write_drives(struct jsonw *w, const struct plat_hardware *hardware)
{
	jsonw_array(w, "drives");
	for (size_t i = 0; i < hardware->drive_count; i++) {
		const struct plat_drive *drive = &hardware->drives[i];

		jsonw_object(w, NULL);
		jsonw_string(w, "model", drive->model);
		jsonw_string(w, "serial", drive->serial);
		jsonw_int(w, "bytes", (int64_t)drive->bytes);
		jsonw_string(w, "bus", drive->bus);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

/* What belongs to the machine; what is plugged in comes and goes and is the control's business. */
static void write_hardware(struct jsonw *w, const struct plat_hardware *hardware)
{
	jsonw_object(w, "hardware");
	jsonw_string(w, "vendor", hardware->identity.vendor);
	jsonw_string(w, "model", hardware->identity.model);
	jsonw_string(w, "serial", hardware->identity.serial);
	jsonw_string(w, "uuid", hardware->identity.uuid);
	jsonw_string(w, "board", hardware->identity.board);
	jsonw_string(w, "firmware", hardware->firmware);
	jsonw_string(w, "firmware_date", hardware->firmware_date);
	jsonw_string(w, "form", hardware->form);
	jsonw_string(w, "cpu", hardware->cpu);
	jsonw_int(w, "cpu_count", hardware->cpu_count);
	jsonw_int(w, "memory_bytes", (int64_t)hardware->memory_bytes);
	write_drives(w, hardware);
	jsonw_bool(w, "battery", hardware->battery.present);
	jsonw_object_end(w);
}

static void write_more(struct jsonw *w, const size_t cut[PLAT_PACKAGE_KINDS])
{
	size_t all = 0;

	for (size_t kind = 0; kind < PLAT_PACKAGE_KINDS; kind++)
		all += cut[kind];
	if (!all)
		return;
	jsonw_object(w, "more");
	for (size_t kind = 0; kind < PLAT_PACKAGE_KINDS; kind++)
		if (cut[kind])
			jsonw_int(w, plat_package_kind_name((enum plat_package_kind)kind),
				  (int64_t)cut[kind]);
	jsonw_object_end(w);
}

/* NULL: could not be read.  'hardware' NULL with 'has_hardware' false: nobody wants it. */
static int write_body(const struct plat_software *software, const struct plat_hardware *hardware,
		      bool has_hardware, size_t most, struct buf *out, struct err *err)
{
	size_t cut[PLAT_PACKAGE_KINDS] = {0};
	struct jsonw w;

	buf_reset(out);
	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	if (software)
		write_software(&w, software, most, cut);
	else
		jsonw_null(&w, "software");
	write_more(&w, cut);
	if (hardware)
		write_hardware(&w, hardware);
	else if (has_hardware)
		jsonw_null(&w, "hardware");
	jsonw_object_end(&w);
	return buf_check(out, err);
}

int inventory_write(const struct policy *policy, const char *cache_dir, struct buf *out,
		    struct err *err)
{
	bool wants_hardware = policy_flag(policy, POLICY_HARDWARE_INVENTORY);
	struct plat_software software = {0};
	struct plat_hardware hardware = {0};
	bool has_software, has_hardware;
	size_t most = PLAT_SOFTWARE_MAX;
	struct err why;
	int ret;

	has_software = plat_software(cache_dir, &software, &why) == 0;
	has_hardware = wants_hardware && plat_hardware(&hardware, &why) == 0;
	if (has_software && most > software.count)
		most = software.count;
	/* By steps, not to the last byte: the same list is cut at the same place each time, and
	 * only machines with some ten thousand packages come here. */
	while ((ret = write_body(has_software ? &software : NULL, has_hardware ? &hardware : NULL,
				 wants_hardware, most, out, err)) == 0 &&
	       !inventory_fits(out->data, out->len) && most)
		most -= most / 8 + 1;
	if (has_software)
		plat_software_clear(&software);
	if (has_hardware)
		plat_hardware_clear(&hardware);
	return ret;
}
