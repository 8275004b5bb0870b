/* The sentences themselves, a table a control, in reason_*.c; each ends with a NULL token.
 *
 * To add one: a row in the control's table.  'wrong' says what was found in one sentence, 'todo'
 * what a technician does about it.  {member} takes the evidence's member of that name: text and
 * numbers as they are, a list joined by commas (of objects: their "name"); {member:duration}
 * seconds as "3 days", {member:date} a time as "3 May 2026", {member:count} how many a list has,
 * {member:fix is|fixes are} the first words for one, else the second.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_REASON_TABLES_H
#define CARETAKER_PROTO_REASON_TABLES_H

#include "agent/proto/reason.h"

/* Appends 'sentence' with its {members} filled in; reason_wrong() and reason_todo() by token. */
void reason_expand(const char *sentence, const struct json *evidence, struct buf *out);

extern const struct reason reason_any[]; /* tokens that every control has */

/* reason_people.c */
extern const struct reason reason_screen_lock[];
extern const struct reason reason_accounts[];
extern const struct reason reason_password_policy[];

/* reason_machine.c */
extern const struct reason reason_removable_storage[];
extern const struct reason reason_hardware[];
extern const struct reason reason_software[];
extern const struct reason reason_configuration[];
extern const struct reason reason_services[];
extern const struct reason reason_network[];
extern const struct reason reason_remote_access[];

/* reason_safeguards.c */
extern const struct reason reason_anti_virus[];
extern const struct reason reason_updates[];
extern const struct reason reason_disk_encryption[];
extern const struct reason reason_firewall[];
extern const struct reason reason_tamper[];
extern const struct reason reason_backup[];
extern const struct reason reason_filtering[];

#endif
