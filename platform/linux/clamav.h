/* ClamAV: its daemon, its databases, its logs.  For platform/linux alone; the readers take text, so
 * that recorded files can be tested.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_CLAMAV_H
#define CARETAKER_PLATFORM_LINUX_CLAMAV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct plat_av_product;
struct plat_detection;

/* False: ClamAV is not installed. */
bool clamav_product(struct plat_av_product *out);

/* The first 512 bytes of a .cvd or .cld: when it was built, and its version. */
bool clamav_read_header(const char *head, size_t len, int64_t *out_built, unsigned *out_version);
/* "ClamAV 1.4.6/27000/Sat Nov 21 09:12:33 2026": clamd's answer to VERSION.  Without a database the
 * last two are missing: version 0 and time 0. */
bool clamav_read_version(const char *text, char *out_product, size_t size, unsigned *out_version,
			 int64_t *out_at);
/* One line of clamd's or clamonacc's log: "[time -> ]path: signature FOUND".  The path is written
 * as it stands, "" when clamd was handed a stream. */
bool clamav_read_detection(const char *line, struct plat_detection *out);

/* Lines of "journalctl -o json": appends what was found, up to PLAT_DETECTIONS_MAX in all; 'cursor'
 * (of CURSOR_MAX bytes) becomes that of the last entry that was read. */
#define CURSOR_MAX 256
void clamav_read_journal(const char *text, bool with_streams, struct plat_detection *out,
			 size_t *count, char cursor[CURSOR_MAX]);

/* As plat_antivirus_detections(), for ClamAV's logs. */
int clamav_detections(const char *position, int64_t now, struct plat_detection *out,
		      size_t *out_count, struct buf *out_position, struct err *err);

#endif
