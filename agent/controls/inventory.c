/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/controls/inventory.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/jsonw.h"
#include "platform/platform.h"

static void write_software(struct jsonw *w, const struct plat_software *software)
{
	size_t i = 0;

	jsonw_object(w, "software");
	while (i < software->count) {
		enum plat_package_kind kind = software->packages[i].kind;

		jsonw_array(w, plat_package_kind_name(kind));
		for (; i < software->count && software->packages[i].kind == kind; i++) {
			const struct plat_package *package = &software->packages[i];

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

int inventory_write(const char *cache_dir, struct buf *out, struct err *err)
{
	struct plat_software software;
	struct plat_hardware hardware;
	struct err why;
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	if (plat_software(cache_dir, &software, &why) == 0) {
		write_software(&w, &software);
		plat_software_clear(&software);
	} else {
		jsonw_null(&w, "software");
	}
	if (plat_hardware(&hardware, &why) == 0) {
		write_hardware(&w, &hardware);
		plat_hardware_clear(&hardware);
	} else {
		jsonw_null(&w, "hardware");
	}
	jsonw_object_end(&w);
	return buf_check(out, err);
}
