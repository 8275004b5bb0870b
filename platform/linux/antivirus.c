/* Every anti-virus product that is installed, one after the other.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/antivirus.h"

#include <string.h>

#include "agent/base/err.h"
#include "platform/linux/av_vendors.h"
#include "platform/linux/clamav.h"
#include "platform/os.h"

int plat_antivirus(struct plat_antivirus *out, struct err *err)
{
	int64_t now = plat_now();

	(void)err;
	memset(out, 0, sizeof(*out));
	if (clamav_product(&out->products[out->count]))
		out->count++;
	if (av_defender(now, &out->products[out->count]))
		out->count++;
	if (av_sophos(&out->products[out->count]))
		out->count++;
	for (unsigned i = 0; i < av_other_count() && out->count < PLAT_AV_MAX; i++)
		if (av_other(i, &out->products[out->count]))
			out->count++;
	return 0;
}

int plat_antivirus_detections(const char *position, struct plat_detection *out, size_t *out_count,
			      struct buf *out_position, struct err *err)
{
	return clamav_detections(position, plat_now(), out, out_count, out_position, err);
}
