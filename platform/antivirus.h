/* Anti-virus products on this machine: what each says of itself when asked by its own interface.
 *
 * A product is asked (clamd's socket, a vendor's command), never judged by its files alone.  Fresh
 * signatures and scanning on access are facts of their own: clamd without clamonacc scans nothing
 * that people open.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_ANTIVIRUS_H
#define CARETAKER_PLATFORM_ANTIVIRUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/answer.h"

struct buf;
struct err;

#define PLAT_AV_MAX 8

#define PLAT_AV_EXCLUDED_MAX 32

struct plat_av_product {
	char name[48];              /* "ClamAV" */
	char version[64];           /* as the product says it; "" when it did not answer */
	bool tried;                 /* false: read from recorded output only, never seen running */
	enum plat_answer running;   /* answers when asked */
	enum plat_answer on_access; /* scans what people open */
	enum plat_answer auto_update; /* fetches signatures by itself */
	int64_t signatures_at;        /* when they were built; 0: not known */
	char signatures[64];          /* their version, as shown to people */
	int64_t last_scan_at;         /* the last scan that ended; 0: not known */
	/* folders left out of scanning, as they are configured */
	char excluded[PLAT_AV_EXCLUDED_MAX][96];
	size_t excluded_count;
	char detail[160]; /* why something above cannot be told, or what is wrong */
};

struct plat_antivirus {
	struct plat_av_product products[PLAT_AV_MAX];
	size_t count; /* 0: no product is installed */
};

int plat_antivirus(struct plat_antivirus *out, struct err *err);

/* What products found since 'position' (text that this function wrote before; NULL or "": only what
 * comes from now on, plus the last day).  At most PLAT_DETECTIONS_MAX at a time: the position then
 * stands before what is left.  Paths have the home folder written "~". */
#define PLAT_DETECTIONS_MAX 50
struct plat_detection {
	char product[48];
	char path[512]; /* as it may be told: a home folder is "~"; "" when only its content was
			   seen */
	char file[512]; /* the same for this machine alone, to look whether it is still there */
	char signature[128];
	int64_t at; /* 0: the log gives no time */
};
int plat_antivirus_detections(const char *position, struct plat_detection *out, size_t *out_count,
			      struct buf *out_position, struct err *err);

#endif
