/* See gate_memory.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/gate_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/os.h"

#define FILE_MAX (GATE_MEMORY_MAX * 320)

static void draw_reference(char out[GATE_REFERENCE])
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	unsigned char bytes[GATE_REFERENCE - 1] = {0};
	struct err err;

	(void)plat_random(bytes, sizeof(bytes), &err); /* without: "000000", and ids tell */
	for (size_t i = 0; i < sizeof(bytes); i++)
		out[i] = digits[bytes[i] % 32];
	out[sizeof(bytes)] = '\0';
}

static struct gate_known *make_room(struct gate_memory *memory)
{
	struct gate_known *oldest = NULL, *more;

	if (memory->count < GATE_MEMORY_MAX) {
		more = realloc(memory->known, (memory->count + 1) * sizeof(*more));
		if (!more)
			return NULL;
		memory->known = more;
		return &more[memory->count++];
	}
	for (size_t i = 0; i < memory->count; i++) {
		struct gate_known *known = &memory->known[i];

		if (!oldest || (oldest->baseline && !known->baseline) ||
		    (oldest->baseline == known->baseline && known->used < oldest->used))
			oldest = known;
	}
	free(oldest->id);
	return oldest;
}

struct gate_known *gate_memory_known(struct gate_memory *memory, const char *id)
{
	for (size_t i = 0; i < memory->count; i++)
		if (strcmp(memory->known[i].id, id) == 0)
			return &memory->known[i];
	return NULL;
}

struct gate_known *gate_memory_find(struct gate_memory *memory, const char *id)
{
	struct gate_known *known = gate_memory_known(memory, id);
	size_t size = strlen(id) + 1;
	char *copy;

	if (!known) {
		copy = malloc(size);
		known = copy ? make_room(memory) : NULL;
		if (!known) {
			free(copy);
			return NULL;
		}
		*known = (struct gate_known){.id = memcpy(copy, id, size)};
		draw_reference(known->reference);
		memory->changed = true;
	}
	known->used = ++memory->uses;
	return known;
}

/* --- the file --- */

char *gate_next_word(char **cursor)
{
	char *word = *cursor;

	word += strspn(word, " ");
	if (!*word)
		return NULL;
	*cursor = word + strcspn(word, " ");
	if (**cursor)
		*(*cursor)++ = '\0';
	return word;
}

static void take_line(struct gate_memory *memory, char *line)
{
	enum { ID, REFERENCE, WAS, PRINT, APPROVAL, DAY, NUMBER, WORDS };
	char *words[WORDS];
	struct gate_known *known;
	unsigned char print[8];
	int64_t day, number;

	for (unsigned i = 0; i < WORDS; i++) {
		words[i] = gate_next_word(&line);
		if (!words[i])
			return;
	}
	if (strlen(words[ID]) >= GATE_ID || strlen(words[REFERENCE]) != GATE_REFERENCE - 1 ||
	    strlen(words[APPROVAL]) >= sizeof(known->approval) ||
	    text_hex_decode(words[PRINT], print, sizeof(print)) < 0 ||
	    text_int(words[DAY], 0, INT32_MAX, &day) < 0 ||
	    text_int(words[NUMBER], 0, UINT32_MAX, &number) < 0 ||
	    gate_memory_known(memory, words[ID]))
		return;
	known = gate_memory_find(memory, words[ID]);
	if (!known)
		return;
	(void)text_copy(known->reference, sizeof(known->reference), words[REFERENCE]);
	known->baseline = strstr(words[WAS], "baseline");
	known->stored = strstr(words[WAS], "stored");
	for (size_t i = 0; i < sizeof(print); i++)
		known->print = known->print << 8 | print[i];
	if (strcmp(words[APPROVAL], "-") != 0)
		(void)text_copy(known->approval, sizeof(known->approval), words[APPROVAL]);
	known->day = day;
	known->count = (uint32_t)number;
}

void gate_memory_load(struct gate_memory *memory, const char *path)
{
	char *line, *end;
	struct buf text;
	struct err err;

	memset(memory, 0, sizeof(*memory));
	buf_init(&text, FILE_MAX);
	if (plat_file_read(path, FILE_MAX, &text, &err) < 0) {
		memory->fresh = err.code == ERR_NOTFOUND;
		buf_clear(&text);
		return;
	}
	buf_addc(&text, '\0');
	for (line = text.data; line && *line; line = end) {
		end = line + strcspn(line, "\n");
		if (*end)
			*end++ = '\0';
		take_line(memory, line);
	}
	buf_clear(&text);
	memory->changed = false;
}

static int by_use(const void *a, const void *b)
{
	const struct gate_known *one = a, *other = b;

	return (one->used > other->used) - (one->used < other->used);
}

int gate_memory_save(struct gate_memory *memory, const char *path, struct err *err)
{
	static const char *const was[2][2] = {{"-", "baseline"}, {"stored", "baseline,stored"}};
	struct buf text;
	int ret;

	if (!memory->changed)
		return 0;
	if (memory->count)
		qsort(memory->known, memory->count, sizeof(*memory->known), by_use);
	buf_init(&text, FILE_MAX);
	for (size_t i = 0; i < memory->count; i++) {
		const struct gate_known *known = &memory->known[i];

		buf_addf(&text, "%s %s %s %016llx %s %lld %lu\n", known->id, known->reference,
			 was[known->stored][known->baseline], (unsigned long long)known->print,
			 known->approval[0] ? known->approval : "-", (long long)known->day,
			 (unsigned long)known->count);
	}
	ret = buf_check(&text, err) < 0
		      ? -1
		      : plat_file_replace(path, buf_text(&text), text.len, PLAT_FILE_PRIVATE, err);
	buf_clear(&text);
	if (ret == 0)
		memory->changed = false;
	return ret;
}

void gate_memory_clear(struct gate_memory *memory)
{
	for (size_t i = 0; i < memory->count; i++)
		free(memory->known[i].id);
	free(memory->known);
	memset(memory, 0, sizeof(*memory));
}

void gate_memory_forget(struct gate_memory *memory)
{
	gate_memory_clear(memory);
	memory->changed = true;
}
