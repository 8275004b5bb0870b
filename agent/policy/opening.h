/* What an approval opens, as exceptions and lists of sticks say it: "WHAT [WORD...]", the first
 * word being who or which stick, each further one narrowing what is opened of it:
 *
 *   encrypted   media that are encrypted as the policy accepts it (any way, where it asks for none)
 *   read-only   to read, never to write; alone: any medium, encrypted or not
 *   any         any medium, to read and write; not beside the two above
 *   scanned     after the anti-virus has found nothing, whatever [removable-storage] scan says
 *
 * In any order, each once, parted by one blank.  None of the first three: as much as the policy's
 * [exceptions] storage lets an exception open.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_POLICY_OPENING_H
#define CARETAKER_POLICY_OPENING_H

#include <stdbool.h>
#include <stddef.h>

#define OPENING_TEXT 40 /* with its NUL */

/* The least first; as [exceptions] storage and the gate have them. */
enum opening_most { OPENING_ENCRYPTED, OPENING_READ_ONLY, OPENING_ANY };

struct opening {
	bool unsaid;            /* no 'most': as much as the policy lets */
	enum opening_most most; /* of an 'unsaid' one: OPENING_ANY */
	bool read_only, scanned;
};

/* 'words' is what follows the first word, "" for none.  -1: it says nothing that we understand, and
 * opens nothing. */
int opening_parse(const char *words, struct opening *out);
/* The words again, in the order above; "" when there are none. */
void opening_print(const struct opening *opening, char out[OPENING_TEXT]);
/* The length of the first word of 'what'; '*out_words' is what follows the blank, or "". */
size_t opening_split(const char *what, const char **out_words);
/* No more than 'most': what may open less stays so, and to read stays to read. */
void opening_bound(struct opening *opening, enum opening_most most);

#endif
