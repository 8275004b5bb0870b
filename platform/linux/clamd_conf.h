/* clamd.conf(5), as far as it matters here.  For platform/linux alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_CLAMD_CONF_H
#define CARETAKER_PLATFORM_LINUX_CLAMD_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plat_av_product;

#define CLAMD_TCP_MAX 4
#define CLAMD_SOCKET_DEFAULT "/var/run/clamav/clamd.ctl"

struct clamd_conf {
	bool found;
	char socket[108], log[256], database[256];
	char tcp[CLAMD_TCP_MAX][64]; /* TCPAddr: where it listens; none: everywhere */
	size_t tcp_count;
	int64_t port; /* TCPSocket; 0: it listens at no port */
	bool syslog;
	bool on_access_paths;
	/* MaxFileSize and MaxScanSize in bytes: clamd answers OK for a file over either, unread.
	 * 0: no limit but libclamav's own.  Where the file does not say, the lowest default that
	 * any version had: 25 and 100 MiB. */
	uint64_t file_max, scan_max;
	struct plat_av_product *product;
};

/* What is excluded goes into 'product', which may be NULL. */
void clamd_conf_read(struct plat_av_product *product, struct clamd_conf *out);

#endif
