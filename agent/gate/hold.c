/* See hold.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/gate/hold.h"

#include "agent/base/text.h"
#include "agent/gate/rules.h"

#include <string.h>

/* Class codes of usb.org. */
enum {
	CLASS_AUDIO = 0x01,
	CLASS_COMMUNICATION = 0x02,
	CLASS_HID = 0x03,
	CLASS_STILL = 0x06,
	CLASS_PRINTER = 0x07,
	CLASS_STORAGE = 0x08,
	CLASS_HUB = 0x09,
	CLASS_DATA = 0x0a,
	CLASS_SMART_CARD = 0x0b,
	CLASS_VIDEO = 0x0e,
	CLASS_HEALTH = 0x0f,
	CLASS_AUDIO_VIDEO = 0x10,
	CLASS_WIRELESS = 0xe0,
	CLASS_MISCELLANEOUS = 0xef,
	CLASS_APPLICATION = 0xfe,
	CLASS_VENDOR = 0xff,
};

/* --- drivers that bring storage --- */

/* '-' and '_' are one in a module's name. */
static bool same_letter(char a, char b)
{
	return (a == '-' ? '_' : a) == (b == '-' ? '_' : b);
}

static bool begins(const char *name, const char *start)
{
	for (; *start; name++, start++)
		if (!*name || !same_letter(*name, *start))
			return false;
	return true;
}

bool gate_driver_stores(const char *module)
{
	static const struct {
		const char *name;
		bool family; /* and whatever begins with it */
	} drivers[] = {
		{"usb_storage", false},
		{"uas", false},
		{"ums_", true},
		{"rtsx_usb", true},
		{"ushc", false},
		{"vub300", false},
		/* A scanner's, but it makes a SCSI host and takes whatever answers there. */
		{"microtek", false},
	};

	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (begins(module, drivers[i].name) &&
		    (drivers[i].family || !module[strlen(drivers[i].name)]))
			return true;
	return false;
}

/* --- modules.alias --- */

/* One "[...]" at '*at'; on success it is behind it.  A bracket that does not close fits nothing. */
static bool bracket_fits(const char **at, const char *end, char c)
{
	const char *p = *at + 1;
	bool negated = p < end && (*p == '!' || *p == '^'), fits = false;
	const char *first = p + negated;

	for (p = first; p < end && (*p != ']' || p == first); p++) {
		char low = *p, high = low;

		if (p + 2 < end && p[1] == '-' && p[2] != ']') {
			high = p[2];
			p += 2;
		}
		fits |= (unsigned char)low <= (unsigned char)c &&
			(unsigned char)c <= (unsigned char)high;
	}
	if (p >= end)
		return false;
	*at = p + 1;
	return fits != negated;
}

bool gate_alias_matches(const char *pattern, size_t len, const char *modalias)
{
	/* Where to go on from when what follows the last '*' does not fit: one character later. */
	const char *at = pattern, *end = pattern + len, *after_star = NULL, *retry = NULL;

	while (*modalias) {
		const char *next = at + 1;

		if (at < end && *at == '*') {
			after_star = at = next;
			retry = modalias;
		} else if (at < end && *at == '[' &&
			   (next = at, bracket_fits(&next, end, *modalias))) {
			at = next;
			modalias++;
		} else if (at < end && *at != '[' && (*at == '?' || *at == *modalias)) {
			at = next;
			modalias++;
		} else if (after_star) {
			at = after_star;
			modalias = ++retry;
		} else {
			return false;
		}
	}
	while (at < end && *at == '*')
		at++;
	return at == end;
}

static void note_driver(struct gate_interface *interface, const char *module)
{
	for (size_t i = 0; i < 2; i++) {
		if (strcmp(interface->drivers[i], module) == 0)
			return;
		if (!interface->drivers[i][0]) {
			(void)text_copy(interface->drivers[i], sizeof(interface->drivers[i]),
					module);
			return;
		}
	}
}

static void try_alias(struct gate_interface *interface, const char *pattern, size_t pattern_len,
		      const char *module, size_t module_len)
{
	char name[GATE_NAME];

	/* Sixty thousand lines a kernel: the cheap question first. */
	if (pattern_len < 4 || memcmp(pattern, "usb:", 4) != 0)
		return;
	if (module_len == 0 || module_len >= sizeof(name))
		return;
	memcpy(name, module, module_len);
	name[module_len] = '\0';
	if (gate_driver_stores(name) &&
	    gate_alias_matches(pattern, pattern_len, interface->modalias))
		note_driver(interface, name);
}

void gate_alias_line(struct gate_interface *interface, const char *line, size_t len)
{
	static const char word[] = "alias ";
	const size_t word_len = sizeof(word) - 1;
	const char *pattern = line + word_len, *blank;

	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r' || line[len - 1] == ' '))
		len--;
	if (len <= word_len || memcmp(line, word, word_len) != 0)
		return;
	blank = memchr(pattern, ' ', len - word_len);
	if (blank)
		try_alias(interface, pattern, (size_t)(blank - pattern), blank + 1,
			  (size_t)(line + len - (blank + 1)));
}

void gate_alias_builtin(struct gate_interface *interface, const char *entry, size_t len)
{
	static const char word[] = ".alias=";
	const size_t word_len = sizeof(word) - 1;
	const char *dot = len ? memchr(entry, '.', len) : NULL;
	size_t left = dot ? len - (size_t)(dot - entry) : 0;

	if (left > word_len && memcmp(dot, word, word_len) == 0)
		try_alias(interface, dot + word_len, left - word_len, entry, (size_t)(dot - entry));
}

/* --- classes that a policy names --- */

static bool is_network(const struct gate_interface *i)
{
	switch (i->class) {
	case CLASS_COMMUNICATION: /* ECM, ATM, EEM, NCM, MBIM; RNDIS as Microsoft has it */
		return i->subclass == 0x06 || i->subclass == 0x07 || i->subclass == 0x0c ||
		       i->subclass == 0x0d || i->subclass == 0x0e ||
		       (i->subclass == 0x02 && i->protocol == 0xff);
	case CLASS_WIRELESS: /* RNDIS of phones */
		return i->subclass == 0x01 && i->protocol == 0x03;
	case CLASS_MISCELLANEOUS: /* RNDIS of others */ return i->subclass == 0x04;
	default: return false;
	}
}

static bool is_bluetooth(const struct gate_interface *i)
{
	return i->class == CLASS_WIRELESS && i->subclass == 0x01 && i->protocol == 0x01;
}

static bool is_wireless(const struct gate_interface *i)
{
	return i->class == CLASS_WIRELESS && !is_network(i) && !is_bluetooth(i);
}

static bool is_serial(const struct gate_interface *i)
{
	return i->class == CLASS_COMMUNICATION && i->subclass == 0x02 && i->protocol != 0xff;
}

/* AT commands: V.250, PCCA-101, GSM 07.07, 3GPP 27.07, CDMA. */
static bool is_modem(const struct gate_interface *i)
{
	return is_serial(i) && i->protocol >= 1 && i->protocol <= 6;
}

static bool is_scanner(const struct gate_interface *i)
{
	return i->class == CLASS_STILL;
}

/* PTP and MTP; Android's bridge and boot loader; Apple's multiplexer. */
static bool is_phone(const struct gate_interface *i)
{
	return i->class == CLASS_STILL ||
	       (i->class == CLASS_VENDOR && i->subclass == 0x42 &&
		(i->protocol == 0x01 || i->protocol == 0x03)) ||
	       (i->class == CLASS_VENDOR && i->subclass == 0xfe && i->protocol == 0x02);
}

/* Xbox controllers; most others are keyboards to the kernel, and those are never refused. */
static bool is_game(const struct gate_interface *i)
{
	return i->class == CLASS_VENDOR && ((i->subclass == 0x5d && i->protocol == 0x01) ||
					    (i->subclass == 0x47 && i->protocol == 0xd0));
}

/* Data interfaces go with the one that controls them, and a driver that finds its data interface
 * refused does not bind: they never wait by themselves. */
static bool is_other(const struct gate_interface *i)
{
	return (i->class == CLASS_VENDOR || i->class == CLASS_APPLICATION ||
		i->class == CLASS_MISCELLANEOUS || i->class == 0x00) &&
	       !is_phone(i) && !is_game(i) && !is_network(i);
}

static bool is_none(const struct gate_interface *i)
{
	(void)i;
	return false;
}

static const struct {
	const char *name;
	bool (*fits)(const struct gate_interface *interface);
} classes[] = {
	{"network", is_network},  {"wireless", is_wireless}, {"bluetooth", is_bluetooth},
	{"modem", is_modem},      {"printer", is_none}, /* never refused: reported by the control
							   alone */
	{"scanner", is_scanner},  {"serial", is_serial},     {"phone", is_phone},
	{"game", is_game},        {"firewire", is_none}, /* not USB */
	{"thunderbolt", is_none}, {"other", is_other},
};

bool gate_class_known(const char *name)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strcmp(classes[i].name, name) == 0)
			return true;
	return false;
}

bool gate_class_fits(const char *name, const struct gate_interface *interface)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strcmp(classes[i].name, name) == 0)
			return classes[i].fits(interface);
	return false;
}

/* --- what waits --- */

/* What people need to use a machine at all, or to hear and see it. */
static bool is_protected(uint8_t class)
{
	return class == CLASS_AUDIO || class == CLASS_HID || class == CLASS_PRINTER ||
	       class == CLASS_HUB || class == CLASS_DATA || class == CLASS_SMART_CARD ||
	       class == CLASS_VIDEO || class == CLASS_HEALTH || class == CLASS_AUDIO_VIDEO;
}

static bool says_mtp(const struct gate_interface *interface)
{
	return text_match("*mtp*", interface->text) ||
	       text_match("*media transfer*", interface->text);
}

static bool any_model(const struct gate_rules *rules, enum gate_rule_kind kind, const char *id)
{
	for (size_t i = 0; i < rules->rule_count; i++)
		if (rules->rules[i].kind == kind && gate_id_matches(rules->rules[i].what, id))
			return true;
	return false;
}

/* An exception's word has an end, and in an initramfs, or before the network is there, nobody knows
 * how late it is: what it opens waits as if there were none, and caretakerd lets it through. */
static bool passes_for_good(const struct gate_rules *rules, const char *id)
{
	for (size_t i = 0; i < rules->rule_count; i++)
		if (rules->rules[i].kind == GATE_RULE_PASS_MODEL &&
		    gate_rule_lasts(&rules->rules[i]) && gate_id_matches(rules->rules[i].what, id))
			return true;
	return false;
}

static bool refused_by_class(const struct gate_rules *rules, const struct gate_interface *interface)
{
	for (size_t i = 0; i < rules->rule_count; i++)
		if (rules->rules[i].kind == GATE_RULE_REFUSE_CLASS &&
		    gate_class_fits(rules->rules[i].what, interface))
			return true;
	return false;
}

/* Whether the policy's hardware section has it wait. */
static bool held_by_policy(const struct gate_device *device, const struct gate_interface *interface,
			   const struct gate_rules *rules)
{
	char id[GATE_ID];

	if (is_protected(interface->class) || rules->hardware_mode == GATE_OFF)
		return false;
	gate_device_id(device, id);
	if (any_model(rules, GATE_RULE_ASSIST, id))
		return false;
	if (any_model(rules, GATE_RULE_REFUSE_MODEL, id))
		return true;
	return !passes_for_good(rules, id) && refused_by_class(rules, interface);
}

/* Where the kernel's tables could not be read: models that are storage whatever they claim, the
 * commonest of usb_storage's and its relatives' lists.  Whatever is of a vendor's own class waits
 * in that case anyway; this is for what claims to be a keyboard. */
static bool is_known_storage(const struct gate_device *device)
{
	static const struct {
		uint16_t vendor, product;
	} models[] = {
		{0x0419, 0xaace}, {0x05da, 0x0094}, {0x05da, 0x0099}, {0x05da, 0x009a},
		{0x0bda, 0x0129}, {0x0bda, 0x0138}, {0x0bda, 0x0139}, {0x0bda, 0x0140},
		{0x0cf2, 0x6250}, {0x1370, 0x6828}, {0x4102, 0x1020}, {0x0424, 0x012c},
	};

	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++)
		if (device->vendor == models[i].vendor && device->product == models[i].product)
			return true;
	return false;
}

static enum gate_held judge_storage(const struct gate_device *device,
				    const struct gate_interface *interface)
{
	bool basic = interface->class == CLASS_HID || interface->class == CLASS_HUB;

	if (interface->drivers[0][0])
		return GATE_HELD_DRIVER;
	if (device->aliases_unread && is_known_storage(device))
		return GATE_HELD_DRIVER;
	if (basic)
		return GATE_FREE;
	if (interface->class == CLASS_STORAGE)
		return GATE_HELD_STORAGE;
	if (interface->class == CLASS_STILL)
		return GATE_HELD_STILL;
	if (interface->class == CLASS_VENDOR && says_mtp(interface))
		return GATE_HELD_MTP;
	if (interface->shifts)
		return GATE_HELD_STORAGE;
	if (!interface->modalias[0])
		return GATE_HELD_UNREADABLE;
	if (device->aliases_unread && !is_protected(interface->class))
		return GATE_HELD_UNREADABLE;
	return GATE_FREE;
}

void gate_hold(struct gate_device *device, const struct gate_rules *rules)
{
	for (unsigned i = 0; i < device->interface_count; i++) {
		struct gate_interface *interface = &device->interfaces[i];

		interface->held = GATE_FREE;
		if (!rules || rules->storage_mode != GATE_OFF)
			interface->held = judge_storage(device, interface);
		/* The one that refuses counts before the one that only reports. */
		if (rules && !gate_waits(interface, rules) &&
		    (interface->held == GATE_FREE || rules->hardware_mode == GATE_ENFORCE) &&
		    held_by_policy(device, interface, rules))
			interface->held = GATE_HELD_POLICY;
	}
}

bool gate_waits(const struct gate_interface *interface, const struct gate_rules *rules)
{
	if (interface->held == GATE_FREE || !rules)
		return interface->held != GATE_FREE;
	return (interface->held == GATE_HELD_POLICY ? rules->hardware_mode : rules->storage_mode) ==
	       GATE_ENFORCE;
}

const char *gate_held_name(enum gate_held held)
{
	static const char *const names[] = {
		[GATE_FREE] = "free",
		[GATE_HELD_DRIVER] = "driver",
		[GATE_HELD_STORAGE] = "class",
		[GATE_HELD_STILL] = "still",
		[GATE_HELD_MTP] = "mtp",
		[GATE_HELD_POLICY] = "policy",
		[GATE_HELD_UNREADABLE] = "unreadable",
	};

	return names[held];
}
