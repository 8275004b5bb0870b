/* Yes, no, or "this machine cannot tell": the third is never folded into one of the others.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_ANSWER_H
#define CARETAKER_PLATFORM_ANSWER_H

enum plat_answer {
	PLAT_CANNOT_TELL, /* what a zeroed struct says */
	PLAT_NO,
	PLAT_YES,
};

#endif
