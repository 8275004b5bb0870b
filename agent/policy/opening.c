/* See opening.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy/opening.h"

#include <stdio.h>
#include <string.h>

/* bit 0 first */
enum { ENCRYPTED = 1, READ_ONLY = 2, ANY = 4, SCANNED = 8 };
static const char *const names[] = {"encrypted", "read-only", "any", "scanned"};
#define NAMES (sizeof(names) / sizeof(names[0]))

/* The bit of the word of 'len' bytes; 0: it is none. */
static unsigned bit_of(const char *word, size_t len)
{
	for (unsigned i = 0; i < NAMES; i++)
		if (strlen(names[i]) == len && memcmp(names[i], word, len) == 0)
			return 1u << i;
	return 0;
}

int opening_parse(const char *words, struct opening *out)
{
	unsigned seen = 0;

	while (*words) {
		size_t len = strcspn(words, " ");
		unsigned bit = bit_of(words, len);

		if (!bit || seen & bit || (words[len] && !words[len + 1]))
			return -1;
		seen |= bit;
		words += len + (words[len] == ' ');
	}
	if (seen & ANY && seen & (ENCRYPTED | READ_ONLY))
		return -1;
	out->most = seen & ENCRYPTED   ? OPENING_ENCRYPTED
		    : seen & READ_ONLY ? OPENING_READ_ONLY
				       : OPENING_ANY;
	out->unsaid = !(seen & (ENCRYPTED | READ_ONLY | ANY));
	out->read_only = seen & READ_ONLY;
	out->scanned = seen & SCANNED;
	return 0;
}

void opening_print(const struct opening *opening, char out[OPENING_TEXT])
{
	bool encrypted = opening->most == OPENING_ENCRYPTED && !opening->unsaid;

	snprintf(out, OPENING_TEXT, "%s%s%s%s", encrypted ? " encrypted" : "",
		 opening->read_only ? " read-only" : "",
		 !encrypted && !opening->read_only && !opening->unsaid ? " any" : "",
		 opening->scanned ? " scanned" : "");
	memmove(out, out + (*out == ' '), strlen(out + (*out == ' ')) + 1);
}

size_t opening_split(const char *what, const char **out_words)
{
	size_t len = strcspn(what, " ");

	*out_words = what[len] ? what + len + 1 : "";
	return len;
}

void opening_bound(struct opening *opening, enum opening_most most)
{
	if (opening->most > most)
		opening->most = most;
	if (opening->most == OPENING_READ_ONLY)
		opening->read_only = true;
	opening->unsaid = false;
}
