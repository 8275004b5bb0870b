/* Anti-virus of other makers, by the commands their documentation names.  For platform/linux alone.
 *
 * None of them could be run here: what is read follows their documentation's samples, and the
 * product is marked untried.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_AV_VENDORS_H
#define CARETAKER_PLATFORM_LINUX_AV_VENDORS_H

#include <stdbool.h>
#include <stdint.h>

struct plat_av_product;

/* False: it is not installed. */
bool av_defender(int64_t now, struct plat_av_product *out);
bool av_sophos(struct plat_av_product *out);
/* The i-th product of the rest that is installed; of those only presence can be told. */
bool av_other(unsigned i, struct plat_av_product *out);
unsigned av_other_count(void);

/* The output of "mdatp health". */
void av_read_mdatp(char *text, int64_t now, struct plat_av_product *out);

#endif
