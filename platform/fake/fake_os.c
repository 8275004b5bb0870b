/* See fake_os.h: what is reset, places, clocks and ourselves; files and processes are beside.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/fake/fake_os.h"

#include "platform/fake/fake_parts.h"
#include "platform/os.h"

#include "agent/base/err.h"
#include "agent/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_PATH 256

/* The one machine of a test's process. */
static struct {
	const char *libexec; /* NULL: as installed */
	int64_t now, uptime_ms;
	unsigned boots;
	char root[FAKE_PATH];
	bool not_admin;
	uint64_t random;
	int64_t zone_s;
} machine = {.now = FAKE_NOW, .uptime_ms = 3600000};

void fake_reset(void)
{
	fake_files_reset();
	fake_processes_reset();
	memset(&machine, 0, sizeof(machine));
	machine.now = FAKE_NOW;
	machine.uptime_ms = 3600000;
}

void fake_set_libexec(const char *path)
{
	machine.libexec = path;
}

void fake_must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fake platform: %s\n", what);
	abort();
}

int fake_why(struct err *err, enum err_code code, const char *what, const char *path)
{
	static const char *const why[] = {
		[ERR_NOMEM] = "out of memory",
		[ERR_IO] = "input/output error",
		[ERR_NOTFOUND] = "no such file or directory",
		[ERR_DENIED] = "permission denied",
		[ERR_FULL] = "no space left on device",
		[ERR_TIMEOUT] = "timed out",
		[ERR_AUTH] = "refused",
	};
	const char *reason = code < sizeof(why) / sizeof(why[0]) && why[code] ? why[code] : "fails";

	return err_set(err, code, "%s '%s': %s", what, path, reason);
}

/* --- places --- */

const char *plat_place(enum plat_place place)
{
	switch (place) {
	case PLAT_CONF: return "/etc/caretaker";
	case PLAT_STATE: return "/var/lib/caretaker";
	case PLAT_RUN: return "/run/caretaker";
	case PLAT_SHARE: return "/usr/share/caretaker";
	case PLAT_BIN: return "/usr/bin";
	case PLAT_SBIN: return "/usr/sbin";
	case PLAT_UNITS: return "/usr/lib/systemd/system";
	case PLAT_LIBEXEC: break;
	}
	return machine.libexec ? machine.libexec : "/usr/libexec/caretaker";
}

bool plat_installed(void)
{
	return !machine.libexec;
}

void plat_set_root(const char *root)
{
	size_t len;

	fake_must(text_copy(machine.root, sizeof(machine.root), root), "a root too long");
	len = strlen(machine.root);
	while (len > 0 && machine.root[len - 1] == '/')
		machine.root[--len] = '\0';
}

const char *plat_root(void)
{
	return machine.root;
}

/* --- clocks --- */

void fake_set_now(int64_t unix_s)
{
	machine.now = unix_s;
}

void fake_advance(int64_t seconds)
{
	machine.now += seconds;
	machine.uptime_ms += seconds * 1000;
}

void fake_wait(unsigned ms)
{
	machine.uptime_ms += ms;
}

void fake_boot(void)
{
	machine.boots++;
	machine.uptime_ms = 0;
	fake_files_boot();
}

int64_t plat_now(void)
{
	return machine.now;
}

int64_t plat_now_ms(void)
{
	return machine.now * 1000;
}

int64_t plat_uptime_ms(void)
{
	return machine.uptime_ms;
}

void fake_set_zone(int64_t seconds_east)
{
	machine.zone_s = seconds_east;
}

int64_t plat_local_day(int64_t at)
{
	int64_t here = at + machine.zone_s;

	return here / 86400 - (here % 86400 < 0);
}

int64_t plat_local_day_end(int64_t day)
{
	return (day + 1) * 86400 - 1 - machine.zone_s;
}

void plat_pause_ms(unsigned ms)
{
	machine.now += ms / 1000;
	machine.uptime_ms += ms;
}

int plat_boot_id(char out[37], struct err *err)
{
	(void)err; /* the fake machine always knows */
	snprintf(out, 37, "b0070000-0000-4000-8000-%012x", machine.boots);
	return 0;
}

/* --- ourselves --- */

void fake_set_admin(bool admin)
{
	machine.not_admin = !admin;
}

bool plat_is_admin(void)
{
	return !machine.not_admin;
}

void fake_seed(uint64_t seed)
{
	machine.random = seed;
}

int plat_random(void *out, size_t len, struct err *err)
{
	unsigned char *at = out;

	(void)err;
	for (size_t i = 0; i < len; i++) { /* splitmix64 */
		uint64_t z = machine.random += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		at[i] = (unsigned char)(z >> 56);
	}
	return 0;
}

void plat_uuid(char out[37])
{
	unsigned char bytes[16];
	char hex[33];
	struct err err;

	(void)plat_random(bytes, sizeof(bytes), &err);
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	text_hex(hex, bytes, sizeof(bytes));
	snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

void plat_protect_process(void)
{
	/* A fake machine has no cores to dump. */
}

int plat_act_as_owner(const char *folder, struct err *err)
{
	(void)folder;
	(void)err;
	return 0; /* a fake machine's files have no owners */
}

bool plat_stderr_is_journal(void)
{
	return false;
}
