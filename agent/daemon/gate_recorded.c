/* RUN/hardware.recorded: what was put on record of what is plugged in, so that a daemon that starts
 * anew does not tell of it as of something new.  A line for each:
 *
 *   PLACE NUMBER SEQUENCE VERDICT enforced|- EXCEPTION|-
 *
 * NUMBER being that of the plugging in, SEQUENCE the first disk's (0: none).
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/gate_plugged.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "platform/os.h"

#define FILE_MAX (GATE_PLUGGED_MAX * 256)

/* What an earlier daemon put on record, and is still plugged in as far as we know. */
struct gate_earlier {
	struct gate_earlier *next;
	char place[GATE_NAME];
	uint64_t number, sequence;
	struct gate_on_record was;
};

static uint64_t sequence_of(const struct gate_plugged *plugged)
{
	return plugged->part_count ? plugged->parts[0].medium.sequence : 0;
}

/* --- reading --- */

static bool take_verdict(const char *word, enum gate_verdict *out)
{
	for (int verdict = VERDICT_PASSED; verdict <= VERDICT_OPEN; verdict++)
		if (strcmp(word, gate_verdict_name((enum gate_verdict)verdict)) == 0) {
			*out = (enum gate_verdict)verdict;
			return true;
		}
	return false;
}

static void take_line(struct gate *gate, char *line)
{
	enum { PLACE, NUMBER, SEQUENCE, VERDICT, ENFORCED, EXCEPTION, WORDS };
	struct gate_earlier *earlier;
	const char *words[WORDS];
	int64_t number, sequence;
	enum gate_verdict verdict;
	unsigned count = 0;

	while (count < WORDS && (words[count] = gate_next_word(&line)))
		count++;
	if (count < WORDS || strlen(words[PLACE]) >= GATE_NAME ||
	    text_int(words[NUMBER], 0, UINT32_MAX, &number) < 0 ||
	    text_int(words[SEQUENCE], 0, INT64_MAX, &sequence) < 0 ||
	    !take_verdict(words[VERDICT], &verdict) ||
	    strlen(words[EXCEPTION]) >= sizeof(earlier->was.exception))
		return;
	earlier = calloc(1, sizeof(*earlier));
	if (!earlier)
		return; /* it is told of once more */
	(void)text_copy(earlier->place, sizeof(earlier->place), words[PLACE]);
	earlier->number = (uint64_t)number;
	earlier->sequence = (uint64_t)sequence;
	earlier->was.verdict = verdict;
	earlier->was.enforced = strcmp(words[ENFORCED], "enforced") == 0;
	if (strcmp(words[EXCEPTION], "-") != 0)
		(void)text_copy(earlier->was.exception, sizeof(earlier->was.exception),
				words[EXCEPTION]);
	earlier->next = gate->earlier;
	gate->earlier = earlier;
}

void gate_recorded_load(struct gate *gate)
{
	struct buf text;
	struct err err;

	buf_init(&text, FILE_MAX);
	if (plat_file_read_private(gate->recorded_path, FILE_MAX, &text, &err) == 0) {
		for (char *line = text.data, *end; line && *line; line = end) {
			end = line + strcspn(line, "\n");
			if (*end)
				*end++ = '\0';
			take_line(gate, line);
		}
	} else if (err.code != ERR_NOTFOUND) {
		log_warn("what is plugged in is put on record once more: %s", err.msg);
	}
	buf_clear(&text);
}

static struct gate_earlier *find(const struct gate *gate, const struct gate_plugged *plugged)
{
	for (struct gate_earlier *earlier = gate->earlier; earlier; earlier = earlier->next)
		if (strcmp(earlier->place, plugged->place) == 0)
			return earlier->number == plugged->number &&
					       earlier->sequence == sequence_of(plugged)
				       ? earlier
				       : NULL;
	return NULL;
}

bool gate_recorded_earlier(const struct gate *gate, const struct gate_plugged *plugged,
			   struct gate_on_record *out)
{
	const struct gate_earlier *earlier = find(gate, plugged);

	if (!earlier)
		return false;
	*out = earlier->was;
	return true;
}

/* --- writing --- */

static void write_line(struct buf *out, const struct gate_plugged *plugged,
		       const struct gate_on_record *was)
{
	buf_addf(out, "%s %" PRIu64 " %" PRIu64 " %s %s %s\n", plugged->place,
		 (uint64_t)plugged->number, sequence_of(plugged), gate_verdict_name(was->verdict),
		 was->enforced ? "enforced" : "-", was->exception[0] ? was->exception : "-");
}

void gate_recorded_save(struct gate *gate)
{
	struct buf text;
	struct err err;

	if (!gate->recorded_changed)
		return;
	gate->recorded_changed = false;
	buf_init(&text, FILE_MAX);
	for (const struct gate_plugged *plugged = gate->plugged; plugged; plugged = plugged->next) {
		const struct gate_earlier *earlier = find(gate, plugged);

		if (plugged->recorded)
			write_line(&text, plugged, &plugged->on_record);
		else if (earlier)
			write_line(&text, plugged, &earlier->was);
	}
	if (buf_check(&text, &err) < 0 || plat_file_replace(gate->recorded_path, buf_text(&text),
							    text.len, PLAT_FILE_PRIVATE, &err) < 0)
		log_warn("what is on record is not kept over a restart: %s", err.msg);
	buf_clear(&text);
}

/* --- end --- */

void gate_recorded_forget(struct gate *gate, const char *place)
{
	for (struct gate_earlier **at = &gate->earlier; *at; at = &(*at)->next) {
		struct gate_earlier *gone = *at;

		if (strcmp(gone->place, place) != 0)
			continue;
		*at = gone->next;
		free(gone);
		return;
	}
}

void gate_recorded_clear(struct gate *gate)
{
	while (gate->earlier)
		gate_recorded_forget(gate, gate->earlier->place);
}
