/* See decide.h: the second of the two steps, the medium.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/gate/decide.h"

#include <string.h>

#include "agent/base/text.h"

/* LUKS or BitLocker, as the rules take them, or any where they do not ask for encryption: nothing
 * in it can be scanned before it is unlocked. */
static bool is_container(const struct gate_decision *device, const struct gate_medium *medium)
{
	unsigned wanted = device->encrypted ? device->encrypted : GATE_ENCRYPTED_ANY;

	if (medium->null_cipher)
		return false;
	if (strcmp(medium->file_system, "crypto_LUKS") == 0)
		return wanted & GATE_ENCRYPTED_LUKS;
	return strcmp(medium->file_system, "BitLocker") == 0 && (wanted & GATE_ENCRYPTED_BITLOCKER);
}

static void answer_medium(struct gate_decision *out, enum gate_verb verb, const char *why)
{
	out->verb = verb;
	(void)text_copy(out->why, sizeof(out->why), why);
}

/* By another line of the policy than the device was let in by. */
static void refuse_medium(struct gate_decision *out, const char *why, int line)
{
	answer_medium(out, GATE_REFUSE, why);
	out->line = line;
}

static enum gate_verb usable(const struct gate_decision *decision)
{
	return decision->read_only ? GATE_READ_ONLY : GATE_OPEN;
}

bool gate_opens_by_file(const char *file_system)
{
	return strcmp(file_system, "vfat") == 0 || strcmp(file_system, "exfat") == 0;
}

static void decide_scanned(const struct gate_decision *device, const struct gate_medium *medium,
			   const char *why, struct gate_decision *out)
{
	if (device->scan == GATE_SCAN_NONE)
		answer_medium(out, usable(out), why);
	else if (medium->scanned == GATE_INFECTED)
		refuse_medium(out, "infected", device->scan_line);
	else if (medium->scanned == GATE_UNSCANNABLE)
		refuse_medium(out, "unscannable", device->scan_line);
	else if (medium->scanned == GATE_CLEAN)
		answer_medium(out, usable(out), why);
	else if (device->scan == GATE_SCAN_ON_OPEN && medium->scanned == GATE_GUARDED)
		answer_medium(out, GATE_READ_ONLY, why);
	else
		refuse_medium(out, "not-scanned", device->scan_line);
}

void gate_decide_medium(const struct gate_decision *device, const struct gate_medium *medium,
			struct gate_decision *out)
{
	*out = *device;
	if (device->verb == GATE_PASS || device->verb == GATE_REFUSE)
		return;
	if (medium->bytes == 0) {
		answer_medium(out, GATE_PASS, "no-medium");
		out->quiet = true;
		return;
	}
	if (device->verb != GATE_JUDGE)
		return;
	if (device->max_bytes &&
	    (medium->bytes > device->max_bytes || medium->device_bytes > device->max_bytes)) {
		answer_medium(out, GATE_REFUSE, "too-large");
		out->quiet = false;
		return;
	}
	if (medium->whole_disk) {
		answer_medium(out, GATE_PASS, "parts-decide");
		return;
	}
	if (medium->optical && device->unlocker) {
		out->read_only = true;
		answer_medium(out, GATE_READ_ONLY, "unlocker");
		return;
	}
	if (is_container(device, medium)) {
		answer_medium(out, usable(out), device->why);
		return;
	}
	/* A model that shows no CD-ROM does not encrypt one. */
	if (device->encrypted && (!device->self_encrypting || medium->optical) &&
	    !medium->unlocked) {
		if (device->plain == GATE_PLAIN_REFUSE) {
			refuse_medium(out, medium->null_cipher ? "null-cipher" : "plain",
				      device->encrypted_line);
			return;
		}
		out->read_only = true;
		decide_scanned(device, medium, "plain", out);
		return;
	}
	decide_scanned(device, medium, device->why, out);
}
