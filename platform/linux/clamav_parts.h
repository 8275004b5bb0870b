/* The parts that clamav.c and its detections are put together from.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_CLAMAV_PARTS_H
#define CARETAKER_PLATFORM_LINUX_CLAMAV_PARTS_H

#include <stdint.h>

struct clamd_conf;
struct plat_av_product;

/* clamav_ask.c: whether clamd runs, its version, and the signatures that it has loaded (0: none).
 */
void clamav_ask(const struct clamd_conf *conf, struct plat_av_product *out, unsigned *out_loaded,
		int64_t *out_loaded_at);

/* clamav_database.c: what counts is what clamd has loaded; the files say when that was built, to
 * the second. */
void clamav_date_signatures(const struct clamd_conf *conf, unsigned loaded, int64_t loaded_at,
			    struct plat_av_product *out);

/* clamav_logs.c: when the last scan ended; 0: no log tells of any. */
int64_t clamav_last_scan(void);

#endif
