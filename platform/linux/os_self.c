/* Places, clocks and ourselves of platform/os.h on Linux.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/os.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "installed.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* --- places --- */

/* One process, one place and one root: set before anything else is asked. */
static char libexec[PATH_MAX] = INSTALLED_LIBEXEC;
static bool installed = true;
static pthread_once_t libexec_once = PTHREAD_ONCE_INIT;
static char root[PATH_MAX];

static void find_libexec(void)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (len <= 0)
		return;
	self[len] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return;
	*slash = '\0';
	if (strcmp(self, INSTALLED_BIN) == 0 || strcmp(self, INSTALLED_SBIN) == 0 ||
	    strcmp(self, INSTALLED_LIBEXEC) == 0)
		return;
	installed = false;
	memcpy(libexec, self, (size_t)(slash - self) + 1);
}

const char *plat_place(enum plat_place place)
{
	switch (place) {
	case PLAT_CONF: return INSTALLED_CONF;
	case PLAT_STATE: return "/var/lib/caretaker";
	case PLAT_RUN: return "/run/caretaker";
	case PLAT_SHARE: return INSTALLED_SHARE;
	case PLAT_BIN: return INSTALLED_BIN;
	case PLAT_SBIN: return INSTALLED_SBIN;
	case PLAT_UNITS: return INSTALLED_UNITS;
	case PLAT_LIBEXEC: break;
	}
	(void)pthread_once(&libexec_once, find_libexec);
	return libexec;
}

bool plat_installed(void)
{
	(void)pthread_once(&libexec_once, find_libexec);
	return installed;
}

void plat_set_root(const char *path)
{
	size_t len;

	(void)text_copy(root, sizeof(root), path); /* a path too long to open, cut or whole */
	len = strlen(root);
	while (len > 0 && root[len - 1] == '/')
		root[--len] = '\0';
}

const char *plat_root(void)
{
	return root;
}

/* --- clocks --- */

static int64_t clock_ms(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now); /* fails only for clocks that are not there */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t plat_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

int64_t plat_now_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

int64_t plat_uptime_ms(void)
{
	return clock_ms(CLOCK_BOOTTIME); /* CLOCK_MONOTONIC stops in sleep */
}

int64_t plat_local_day(int64_t at)
{
	time_t when = (time_t)at;
	struct tm here, midnight = {.tm_mday = 1, .tm_year = 70};

	if (localtime_r(&when, &here)) {
		midnight.tm_year = here.tm_year;
		midnight.tm_mon = here.tm_mon;
		midnight.tm_mday = here.tm_mday;
	}
	return timegm(&midnight) / 86400; /* whole days, before 1970 as well */
}

int64_t plat_local_day_end(int64_t day)
{
	/* mktime() finds the month that the day lies in, and whether summer time is on. */
	struct tm tm = {.tm_year = 70, .tm_hour = 23, .tm_min = 59, .tm_sec = 59, .tm_isdst = -1};

	tm.tm_mday = (int)(1 + day);
	return mktime(&tm);
}

void plat_pause_ms(unsigned ms)
{
	const struct timespec pause = {ms / 1000, (long)(ms % 1000) * 1000000};

	(void)nanosleep(&pause, NULL); /* cut short: looks a little early */
}

int plat_boot_id(char out[37], struct err *err)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	struct buf text;
	int ret = -1;

	buf_init(&text, 64);
	if (plat_file_read(path, 63, &text, err)) {
		err->code = ERR_UNSUPPORTED;
	} else if (text.len < 36 || strspn(text.data, "0123456789abcdef-") != 36) {
		err_set(err, ERR_UNSUPPORTED, "'%s' holds no UUID", path);
	} else {
		memcpy(out, text.data, 36);
		out[36] = '\0';
		ret = 0;
	}
	buf_clear(&text);
	return ret;
}

/* --- ourselves --- */

bool plat_is_admin(void)
{
	return geteuid() == 0;
}

int plat_random(void *out, size_t len, struct err *err)
{
	unsigned char *at = out;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "random bytes");
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

void plat_uuid(char out[37])
{
	unsigned char bytes[16];
	char hex[33];
	struct err err;

	if (plat_random(bytes, sizeof(bytes), &err))
		abort(); /* a name that is not random could be somebody else's */
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	text_hex(hex, bytes, sizeof(bytes));
	snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

void plat_protect_process(void)
{
	const struct rlimit none = {0, 0};

	/* Best effort each: neither can fail where it matters, and work goes on without. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
}

static int keep_file_access(void)
{
	const unsigned bit = 1u << CAP_DAC_OVERRIDE;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{.effective = bit, .permitted = bit}};

	return (int)syscall(SYS_capset, &header, data); /* glibc has no wrapper */
}

int plat_act_as_owner(const char *folder, struct err *err)
{
	struct stat st;

	if (geteuid() != 0)
		return 0;
	if (stat(folder, &st))
		return errno == ENOENT ? 0 : err_errno(err, errno, "stat '%s'", folder);
	if (st.st_uid == 0)
		return 0;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setgroups(1, &st.st_gid) ||
	    setresgid(st.st_gid, st.st_gid, st.st_gid) ||
	    setresuid(st.st_uid, st.st_uid, st.st_uid) || keep_file_access())
		return err_errno(err, errno, "act as user %u, whose '%s' is", (unsigned)st.st_uid,
				 folder);
	return 0;
}

bool plat_stderr_is_journal(void)
{
	/* "DEVICE:INODE" of the journal's socket; inherited by shells whose stderr is a terminal,
	 * so both are compared (systemd.exec(5)). */
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st))
		return false;
	snprintf(ours, sizeof(ours), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	return strcmp(ours, stream) == 0;
}
