/* Why the gate did what it did with a device: its tokens (agent/gate/decide.h, caretaker-scan) as a
 * clause that follows "because", and what whoever holds the device can do about it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/reason.h"

#include <string.h>

static const struct {
	const char *token, *words, *todo; /* NULL: nothing but to ask */
} table[] = {
	/* a device */
	{"free", "the policy does not control it", NULL},
	{"assistive", "it helps somebody to use the computer", NULL},
	{"off", "the policy does not control storage", NULL},
	{"kind-not-counted", "the policy does not count this kind as storage", NULL},
	{"no-rules", "the school's rules on this computer cannot be read",
	 "show it to whoever looks after the computers"},
	{"not-allowed", "the school allows no storage", NULL},
	{"not-approved", "nobody approved it", NULL},
	{"approval-ended", "its approval has ended", "ask for it again"},
	{"clock-unknown", "its approval has an end, and this computer cannot tell the time",
	 "connect this computer to the network: it asks the time there"},
	{"weak-serial", "it has no serial number that tells it from others", "use another stick"},
	{"twin-serial", "another device with the same serial number is plugged in",
	 "pull one of the two out"},
	{"changed-device", "it is not the device that was approved, though it says so",
	 "use another stick, and show this one to whoever approved it"},
	{"wrong-port", "storage works in the front ports only", "plug it into a port at the front"},
	{"rear-port", "nothing new is plugged in at the rear", "plug it in at the front"},
	{"too-deep", "it is behind more hubs than storage may be",
	 "plug it into the computer itself, not into a hub"},
	{"screen-locked", "it was plugged in while the screen was locked",
	 "unlock the screen: then it is looked at again"},
	{"refused-class", "the policy refuses its kind", NULL},
	{"refused-model", "the policy refuses its model", NULL},
	{"excepted-model", "an exception lets its model be used", NULL},
	{"cannot-be-judged", "it shows files, not a disk that could be checked",
	 "copy the files onto a stick that the school allows, or send them another way"},
	{"holds-system", "the system lies on it", NULL},
	{"allowed", "the policy allows it", NULL},
	{"approved-stick", "it is approved", NULL},
	{"approved-person", "the person who uses it is approved", NULL},
	{"was-storage", "it was storage before, and a keyboard or pointer is in it now",
	 "pull it out unless you know why"},
	{"class-set", "it is a board for lessons", NULL},
	/* a medium */
	{"no-medium", "nothing is in it", NULL},
	{"parts-decide", "each of its parts is judged by itself", NULL},
	{"plain", "it is not encrypted", "use one that is"},
	{"null-cipher", "its encryption encrypts nothing, or its header is damaged",
	 "have it encrypted anew"},
	{"not-scanned", "it is not scanned yet", "leave it plugged in"},
	{"infected", "the anti-virus found something on it",
	 "use it nowhere, and show it to whoever looks after the computers"},
	{"unscannable", "the anti-virus could not look at all of it",
	 "show it to whoever looks after the computers"},
	/* a file of a medium of which each is scanned when it is opened */
	{"file-too-large", "a file on it is larger than the anti-virus reads",
	 "have it copied by whoever looks after the computers"},
	{"no-scanner", "the anti-virus does not answer",
	 "show it to whoever looks after the computers"},
	{"scanner-failed", "the anti-virus could not read a file on it",
	 "show it to whoever looks after the computers"},
	{"took-too-long", "the anti-virus took too long over a file on it",
	 "show it to whoever looks after the computers"},
	{"too-large", "it is larger than the board that it claims to be",
	 "if it is no such board, ask for it as for any stick"},
	{"unlocker", "it holds the program that unlocks the stick", NULL},
};

#define COUNT (sizeof(table) / sizeof(*table))

static size_t find(const char *token)
{
	size_t i = 0;

	while (i < COUNT && strcmp(table[i].token, token) != 0)
		i++;
	return i;
}

const char *reason_storage(const char *token)
{
	size_t i = find(token);

	return i < COUNT ? table[i].words : NULL;
}

const char *reason_storage_todo(const char *token)
{
	size_t i = find(token);

	return i < COUNT ? table[i].todo : NULL;
}
