/* Why the gate did what it did with a device: its tokens (agent/gate/decide.h, caretaker-scan) as a
 * clause that follows "because".
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/reason.h"

#include <string.h>

static const struct {
	const char *token, *words;
} table[] = {
	/* a device */
	{"free", "the policy does not control it"},
	{"assistive", "it helps somebody to use the computer"},
	{"off", "the policy does not control storage"},
	{"kind-not-counted", "the policy does not count this kind as storage"},
	{"not-allowed", "the school allows no storage"},
	{"not-approved", "nobody approved it"},
	{"approval-ended", "its approval has ended"},
	{"clock-unknown", "its approval has an end, and this computer cannot tell the time"},
	{"weak-serial", "it has no serial number that tells it from others"},
	{"twin-serial", "another device with the same serial number is plugged in"},
	{"changed-device", "it is not the device that was approved, though it says so"},
	{"wrong-port", "storage works in the front ports only"},
	{"rear-port", "nothing new is plugged in at the rear"},
	{"too-deep", "it is behind more hubs than storage may be"},
	{"screen-locked", "it was plugged in while the screen was locked"},
	{"refused-class", "the policy refuses its kind"},
	{"refused-model", "the policy refuses its model"},
	{"cannot-be-judged", "it shows files, not a disk that could be checked"},
	{"holds-system", "the system lies on it"},
	{"allowed", "the policy allows it"},
	{"approved-stick", "it is approved"},
	{"approved-person", "the person who uses it is approved"},
	{"was-storage", "it was storage before, and a keyboard or pointer is in it now"},
	{"class-set", "it is a board for lessons"},
	/* a medium */
	{"no-medium", "nothing is in it"},
	{"parts-decide", "each of its parts is judged by itself"},
	{"plain", "it is not encrypted"},
	{"null-cipher", "its encryption encrypts nothing"},
	{"not-scanned", "it is not scanned yet"},
	{"infected", "the anti-virus found something on it"},
	{"unscannable", "the anti-virus could not look at all of it"},
	{"too-large", "it is larger than the board that it claims to be"},
	{"unlocker", "it holds the program that unlocks the stick"},
};

const char *reason_storage(const char *token)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (strcmp(table[i].token, token) == 0)
			return table[i].words;
	return NULL;
}
