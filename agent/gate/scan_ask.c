/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/gate/scan_ask.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"

#define MAGIC "caretaker-scan"
#define MINUTES_MAX 240
/* Before that much was read, the pace says nothing. */
#define PACE_BYTES (1024u * 1024)

static const char *const stage_names[] = {"waiting",     "scanning", "clean",  "infected",
					  "unscannable", "stopped",  "guarded"};

bool scan_name_valid(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789-_");

	return len > 0 && len < SCAN_NAME && name[len] == '\0';
}

void scan_file_print(const struct scan_medium *medium, const char *ending, char out[SCAN_FILE])
{
	(void)snprintf(out, SCAN_FILE, "%" PRIu64 "-%s%s", medium->sequence, medium->name, ending);
}

bool scan_file_parse(const char *file, const char *ending, struct scan_medium *out)
{
	size_t len = strlen(file), tail = strlen(ending);
	char number[SCAN_FILE], *name;
	int64_t sequence;

	if (len <= tail || strcmp(file + len - tail, ending) != 0 ||
	    snprintf(number, sizeof(number), "%.*s", (int)(len - tail), file) >= SCAN_FILE)
		return false;
	name = strchr(number, '-');
	if (!name)
		return false;
	*name++ = '\0';
	/* Written in one way only: who looks for a file by its medium finds it. */
	if (number[0] == '0' || text_int(number, 1, INT64_MAX, &sequence) < 0 ||
	    !scan_name_valid(name))
		return false;
	out->sequence = (uint64_t)sequence;
	return text_copy(out->name, sizeof(out->name), name);
}

/* Cuts 'text' into at most 'max' words in 'copy'; -1 when there are more, or it is too long. */
static int words(const char *text, char copy[SCAN_TEXT_MAX], char *out[], int max)
{
	int count = 0;
	char *rest = copy, *word;

	if (!text_copy(copy, SCAN_TEXT_MAX, text))
		return -1;
	copy[strcspn(copy, "\n")] = '\0';
	while (*(rest += strspn(rest, " ")) != '\0') {
		word = rest;
		rest += strcspn(rest, " ");
		if (*rest != '\0')
			*rest++ = '\0';
		if (count == max)
			return -1;
		out[count++] = word;
	}
	return count;
}

int scan_ask_parse(const char *text, struct scan_ask *out, struct err *err)
{
	char copy[SCAN_TEXT_MAX], *word[4];
	struct scan_ask ask;
	int64_t minutes;

	if (words(text, copy, word, 4) != 4 || strcmp(word[0], MAGIC) != 0 ||
	    strcmp(word[1], "1") != 0)
		return err_set(err, ERR_INVALID, "not a request for a scan");
	if (!text_copy(ask.file_system, sizeof(ask.file_system), word[2]) ||
	    text_int(word[3], 1, MINUTES_MAX, &minutes) < 0)
		return err_set(err, ERR_INVALID, "a request for a scan of bad size");
	ask.minutes = (unsigned)minutes;
	*out = ask;
	return 0;
}

void scan_ask_print(const struct scan_ask *ask, char out[SCAN_TEXT_MAX])
{
	(void)snprintf(out, SCAN_TEXT_MAX, MAGIC " 1 %s %u\n",
		       ask->file_system[0] ? ask->file_system : "-", ask->minutes);
}

static bool number(const char *word, uint64_t *out)
{
	int64_t value;

	if (text_int(word, 0, INT64_MAX, &value) < 0)
		return false;
	*out = (uint64_t)value;
	return true;
}

int scan_state_parse(const char *text, struct scan_state *out, struct err *err)
{
	char copy[SCAN_TEXT_MAX], *word[5];
	int count = words(text, copy, word, 5);
	struct scan_state state = {.stage = SCAN_WAITING};
	bool good = count > 0;
	size_t stage = 0;

	while (good && strcmp(word[0], stage_names[stage]) != 0)
		good = ++stage < sizeof(stage_names) / sizeof(stage_names[0]);
	state.stage = (enum scan_stage)stage;
	if (good && state.stage == SCAN_SCANNING)
		good = count == 5 && number(word[1], &state.files) &&
		       number(word[2], &state.bytes) && number(word[3], &state.total_bytes) &&
		       number(word[4], &state.seconds);
	else if (good && state.stage == SCAN_CLEAN)
		good = count == 3 && number(word[1], &state.files) && number(word[2], &state.bytes);
	else if (good && (state.stage == SCAN_INFECTED || state.stage == SCAN_UNSCANNABLE ||
			  state.stage == SCAN_GUARDED))
		good = count == 2 && text_copy(state.word, sizeof(state.word), word[1]);
	else
		good = good && count == 1;
	if (!good)
		return err_set(err, ERR_INVALID, "not the state of a scan");
	*out = state;
	return 0;
}

void scan_state_print(const struct scan_state *state, char out[SCAN_TEXT_MAX])
{
	const char *name = stage_names[state->stage];
	char word[96];

	switch (state->stage) {
	case SCAN_SCANNING:
		(void)snprintf(out, SCAN_TEXT_MAX,
			       "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", name,
			       state->files, state->bytes, state->total_bytes, state->seconds);
		break;
	case SCAN_CLEAN:
		(void)snprintf(out, SCAN_TEXT_MAX, "%s %" PRIu64 " %" PRIu64 "\n", name,
			       state->files, state->bytes);
		break;
	case SCAN_INFECTED:
	case SCAN_UNSCANNABLE:
	case SCAN_GUARDED:
		(void)text_copy(word, sizeof(word),
				state->word[0]                 ? state->word
				: state->stage == SCAN_GUARDED ? "-"
							       : "unnamed");
		for (char *c = word; *c; c++) /* one word, whatever the scanner called it */
			if (*c == ' ' || *c == '\n')
				*c = '_';
		(void)snprintf(out, SCAN_TEXT_MAX, "%s %s\n", name, word);
		break;
	case SCAN_WAITING:
	case SCAN_STOPPED: (void)snprintf(out, SCAN_TEXT_MAX, "%s\n", name); break;
	}
}

int64_t scan_left_s(const struct scan_state *state)
{
	uint64_t left;

	if (state->stage != SCAN_SCANNING || state->bytes < PACE_BYTES || state->seconds == 0 ||
	    state->total_bytes == 0)
		return -1;
	if (state->bytes >= state->total_bytes)
		return 0;
	left = state->total_bytes - state->bytes;
	/* In doubles: a product of bytes and seconds may pass 64 bits. */
	return (int64_t)((double)left * (double)state->seconds / (double)state->bytes + 0.5);
}
