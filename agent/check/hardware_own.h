/* A school's own tables of devices, CONF/hardware/NAME.ini, each in place of the one built in.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_HARDWARE_OWN_H
#define CARETAKER_CHECK_HARDWARE_OWN_H

#include "agent/policy/hardware_table.h"

struct err;
struct places;

/* The machine's own table, or the one built in where there is none or it cannot be read; in the
 * latter case 'refused' says why, else its code is ERR_NONE.  The caller clears '*out'. */
int hardware_own_table(const struct places *places, enum hardware_table_id id,
		       struct hardware_table *out, struct err *refused, struct err *err);

#endif
