/* See shape.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy/shape.h"

#include "agent/base/buf.h"
#include "agent/base/text.h"
#include "agent/policy/opening.h"
#include "agent/proto/verdict.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789";
static const char hex_digits[] = "0123456789abcdefABCDEF";

static bool only(const char *text, const char *set)
{
	return *text && !text[strspn(text, set)];
}

/* The part of 'text' before the first 'mark', into 'out'; what follows the mark is returned, or
 * NULL when there is no mark or the part does not fit. */
static const char *split(const char *text, char mark, char *out, size_t out_size)
{
	const char *at = strchr(text, mark);
	size_t len = at ? (size_t)(at - text) : 0;

	if (!at || len >= out_size)
		return NULL;
	memcpy(out, text, len);
	out[len] = '\0';
	return at + 1;
}

/* --- words, names, paths --------------------------------------------------------------------- */

static bool is_name(const char *item)
{
	return !strpbrk(item, " \t*?/\\=");
}

static bool is_account(const char *item)
{
	return !strpbrk(item, ":/");
}

static bool is_control(const char *item)
{
	enum control_id id;

	return control_parse(item, &id) == 0;
}

/* Absolute, as Linux or Windows writes it, and without a way up ("..") that would let a path mean
 * another than it says. */
static bool is_path(const char *item)
{
	bool drive = strlen(item) > 2 && item[1] == ':' && (item[2] == '\\' || item[2] == '/');
	const char *at = item;

	if (item[0] != '/' && !drive && strncmp(item, "~/", 2) != 0)
		return false;
	while ((at = strstr(at, "..")) != NULL) {
		bool begins = strchr("/\\", at[-1]) != NULL;
		bool ends = !at[2] || at[2] == '/' || at[2] == '\\';

		if (begins && ends)
			return false;
		at += 2;
	}
	return true;
}

static bool is_sha256(const char *item)
{
	return strlen(item) == 64 && only(item, hex_digits);
}

static bool is_path_sha256(const char *item)
{
	const char *equals = strrchr(item, '=');
	char path[256];

	if (!equals || (size_t)(equals - item) >= sizeof(path) || !is_sha256(equals + 1))
		return false;
	memcpy(path, item, (size_t)(equals - item));
	path[equals - item] = '\0';
	return is_path(path) && !strpbrk(path, "*?");
}

static bool is_path_or_hash(const char *item)
{
	return is_sha256(item) || is_path(item);
}

static bool is_url(const char *item)
{
	const char *rest = strncmp(item, "https://", 8) == 0  ? item + 8
			   : strncmp(item, "http://", 7) == 0 ? item + 7
							      : "";

	return *rest && *rest != '/' && !strpbrk(item, " \t");
}

static bool is_proxy(const char *item)
{
	char host[200];
	const char *port = split(item, ':', host, sizeof(host));
	int64_t number;

	if (strcmp(item, "none") == 0)
		return true;
	return port && *host && !strpbrk(host, " /@") && text_int(port, 1, 65535, &number) == 0;
}

/* --- devices --------------------------------------------------------------------------------- */

/* Four hex digits, in which '*' and '?' may stand. */
static bool is_usb_id(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > 4 || text[strspn(text, "0123456789abcdefABCDEF*?")])
		return false;
	return len == 4 || strchr(text, '*');
}

static bool is_usb(const char *item)
{
	char vendor[8], product[8];
	const char *rest = split(item, ':', vendor, sizeof(vendor)), *serial;

	if (!rest || !is_usb_id(vendor))
		return false;
	serial = split(rest, ':', product, sizeof(product));
	if (!serial)
		return is_usb_id(rest);
	return is_usb_id(product) && *serial;
}

/* An item without a serial number means every device of the model. */
static bool usb_matches(const char *item, const char *text)
{
	const char *vendor_end = strchr(text, ':'), *item_vendor_end = strchr(item, ':');
	const char *model_end = vendor_end ? strchr(vendor_end + 1, ':') : NULL;
	bool any_serial = item_vendor_end && !strchr(item_vendor_end + 1, ':');
	char model[16];

	if (!any_serial || !model_end)
		return text_match(item, text);
	if ((size_t)(model_end - text) >= sizeof(model))
		return false;
	memcpy(model, text, (size_t)(model_end - text));
	model[model_end - text] = '\0';
	return text_match(item, model);
}

/* A stick, and what of it is opened. */
static bool is_stick(const char *item)
{
	struct opening opening;
	const char *words;
	size_t len = opening_split(item, &words);
	char usb[200];

	if (len >= sizeof(usb) || opening_parse(words, &opening) < 0 ||
	    (!opening.unsaid && opening.most == OPENING_ANY))
		return false;
	memcpy(usb, item, len);
	usb[len] = '\0';
	return is_usb(usb);
}

static bool stick_matches(const char *item, const char *text)
{
	char usb[200];

	snprintf(usb, sizeof(usb), "%.*s", (int)strcspn(item, " "), item);
	return usb_matches(usb, text);
}

/* Bus-port.port, as in /sys/bus/usb/devices: 1-3, 2-1.4, 1-4.*. */
static bool is_port_path(const char *item)
{
	char bus[8];
	const char *ports = split(item, '-', bus, sizeof(bus));

	return ports && only(bus, digits) && only(ports, "0123456789.*?") && *ports != '.' &&
	       !strstr(ports, "..");
}

/* --- the network ----------------------------------------------------------------------------- */

struct port_range {
	char protocol[4];
	int64_t first, last;
};

static bool port_range_parse(const char *item, struct port_range *out)
{
	char first[8];
	const char *ports = split(item, '/', out->protocol, sizeof(out->protocol)), *last;

	if (!ports || (strcmp(out->protocol, "tcp") != 0 && strcmp(out->protocol, "udp") != 0))
		return false;
	last = split(ports, '-', first, sizeof(first));
	if (!last) {
		if (text_int(ports, 1, 65535, &out->first))
			return false;
		out->last = out->first;
		return true;
	}
	return text_int(first, 1, 65535, &out->first) == 0 &&
	       text_int(last, out->first, 65535, &out->last) == 0;
}

static bool is_port(const char *item)
{
	struct port_range range;

	return port_range_parse(item, &range);
}

static bool port_matches(const char *item, const char *text)
{
	struct port_range want, seen;

	return port_range_parse(item, &want) && port_range_parse(text, &seen) &&
	       strcmp(want.protocol, seen.protocol) == 0 && want.first <= seen.first &&
	       seen.last <= want.last;
}

/* IPv4 addresses lie in ::ffff:0:0/96, as the kernel maps them. */
struct network {
	unsigned char address[16];
	unsigned bits;
};

/* Reads a number of 'base' up to 'max' with no more than 'max_digits'; NULL when there is none. */
static const char *number(const char *at, const char *set, unsigned max_digits, unsigned long max,
			  unsigned long *out)
{
	size_t len = strspn(at, set);

	if (len == 0 || len > max_digits)
		return NULL;
	*out = strtoul(at, NULL, set == digits ? 10 : 16);
	return *out <= max ? at + len : NULL;
}

static const char *v4_parse(const char *at, unsigned char out[4])
{
	for (int i = 0; i < 4; i++) {
		unsigned long byte;

		if (i > 0 && *at++ != '.')
			return NULL;
		at = number(at, digits, 3, 255, &byte);
		if (!at)
			return NULL;
		out[i] = (unsigned char)byte;
	}
	return at;
}

/* Groups of hex up to the end, a '/' or a '%'; "::" once; the last two may be an IPv4 address. */
static const char *v6_parse(const char *at, unsigned char out[16])
{
	unsigned char bytes[16] = {0};
	size_t count = 0, gap = SIZE_MAX;

	if (at[0] == ':' && at[1] != ':')
		return NULL;
	while (*at && *at != '/' && *at != '%') {
		unsigned long group;
		const char *v4 = count <= 12 ? v4_parse(at, bytes + count) : NULL;

		if (at[0] == ':' && at[1] == ':') {
			if (gap != SIZE_MAX)
				return NULL;
			gap = count;
			at += 2;
			continue;
		}
		if (v4 && (!*v4 || *v4 == '/')) {
			count += 4;
			at = v4;
			break;
		}
		at = count <= 14 ? number(at, hex_digits, 4, 0xffff, &group) : NULL;
		if (!at)
			return NULL;
		bytes[count++] = (unsigned char)(group >> 8);
		bytes[count++] = (unsigned char)group;
		if (*at == ':' && at[1] != ':' && (!*++at || !strchr(hex_digits, *at)))
			return NULL;
	}
	if (gap == SIZE_MAX ? count != 16 : count > 14)
		return NULL;
	memset(out, 0, 16);
	if (gap == SIZE_MAX)
		gap = count;
	memcpy(out, bytes, gap);
	memcpy(out + 16 - (count - gap), bytes + gap, count - gap);
	return at;
}

static bool network_parse(const char *item, struct network *out)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
	unsigned char v4[4];
	const char *rest = v4_parse(item, v4);
	unsigned base = 0;
	int64_t bits;

	if (rest) {
		base = 96;
		memcpy(out->address, mapped, sizeof(mapped));
		memcpy(out->address + sizeof(mapped), v4, sizeof(v4));
	} else {
		rest = v6_parse(item, out->address);
		if (!rest)
			return false;
		if (*rest == '%') /* an interface: fe80::1%eth0 */
			rest += strcspn(rest, "/");
	}
	out->bits = 128;
	if (!*rest)
		return true;
	if (*rest != '/' || text_int(rest + 1, 0, 128 - base, &bits))
		return false;
	out->bits = base + (unsigned)bits;
	return true;
}

static bool is_network(const char *item)
{
	struct network network;

	return network_parse(item, &network);
}

static bool network_matches(const char *item, const char *text)
{
	struct network want, seen;
	unsigned whole, rest;

	if (!network_parse(item, &want) || !network_parse(text, &seen) || seen.bits < want.bits)
		return false;
	whole = want.bits / 8;
	rest = want.bits % 8;
	if (memcmp(want.address, seen.address, whole) != 0)
		return false;
	return !rest || !((want.address[whole] ^ seen.address[whole]) >> (8 - rest));
}

/* --- days ------------------------------------------------------------------------------------ */

static bool day_parse(const char *text, int *out)
{
	char time[32];
	int64_t unused;

	/* Whatever makes a date wrong is checked there. */
	snprintf(time, sizeof(time), "%.10sT00:00:00Z", text);
	if (strlen(text) != 10 || text_time_parse(time, &unused))
		return false;
	*out = (int)(strtol(text, NULL, 10) * 10000 + strtol(text + 5, NULL, 10) * 100 +
		     strtol(text + 8, NULL, 10));
	return true;
}

bool shape_period(const char *item, int *first, int *last)
{
	char day[16];
	const char *dots = strstr(item, "..");

	if (!dots) {
		if (!day_parse(item, first))
			return false;
		*last = *first;
		return true;
	}
	if (dots != item + 10)
		return false;
	memcpy(day, item, 10);
	day[10] = '\0';
	return day_parse(day, first) && day_parse(dots + 2, last) && *first <= *last;
}

static bool is_period(const char *item)
{
	int first, last;

	return shape_period(item, &first, &last);
}

/* --- the table ------------------------------------------------------------------------------- */

static bool is_any(const char *item)
{
	(void)item;
	return true;
}

static const struct shape {
	const char *name;
	bool (*holds)(const char *item);
	bool (*matches)(const char *item, const char *text);
	const char *expected;
} shapes[] = {
	{"<account>", is_account, text_match, "an account's name, in which '*' and '?' may stand"},
	{"<control>", is_control, text_match, "a control's name such as removable-storage"},
	{"<line>", is_any, text_match, "text"},
	{"<name>", is_name, text_match, "a name without blanks, '/', '=' or wildcards"},
	{"<network>", is_network, network_matches,
	 "an address or network such as 10.20.0.0/16 or 2001:db8::/48"},
	{"<path-or-hash>", is_path_or_hash, text_match,
	 "an absolute path without '..', or a SHA-256 of 64 hexadecimal digits"},
	{"<path=sha256>", is_path_sha256, text_match,
	 "PATH=SHA256: an absolute path without wildcards, and 64 hexadecimal digits"},
	{"<path>", is_path, text_match, "an absolute path without '..', such as /srv/data"},
	{"<pattern>", is_any, text_match, "a name, in which '*' and '?' may stand"},
	{"<period>", is_period, text_match,
	 "a day such as 2026-10-26, or first..last such as 2026-09-02..2026-12-18"},
	{"<port-path>", is_port_path, text_match,
	 "a USB port as the kernel names it, such as 1-3 or 1-4.*"},
	{"<port>", is_port, port_matches, "a port such as tcp/22 or udp/5000-5010"},
	{"<proxy>", is_proxy, text_match, "HOST:PORT or none"},
	{"<sha256>", is_sha256, text_match, "a SHA-256 of 64 hexadecimal digits, without colons"},
	{"<stick>", is_stick, stick_matches,
	 "VENDOR:PRODUCT or VENDOR:PRODUCT:SERIAL, such as 0951:1666:60A44C41*, and after it what "
	 "it "
	 "is bound to: encrypted, read-only, scanned"},
	{"<url>", is_url, text_match, "an address that begins with https:// or http://"},
	{"<usb>", is_usb, usb_matches,
	 "VENDOR:PRODUCT or VENDOR:PRODUCT:SERIAL, such as 0951:1666:60A44C41*"},
};

static const struct shape *shape_find(const char *choices)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		if (strcmp(shapes[i].name, choices) == 0)
			return &shapes[i];
	}
	return NULL;
}

/* --- words ----------------------------------------------------------------------------------- */

#define WORDS_MAX 16
#define WORDS_SIZE 192

struct words {
	char text[WORDS_SIZE];
	const char *word[WORDS_MAX + 1]; /* ends with NULL, as text_nearest() wants it */
	size_t count;
};

static void words_init(struct words *words, const char *choices)
{
	char *at = words->text;

	words->count = 0;
	(void)text_copy(words->text, sizeof(words->text),
			choices); /* ours; a test holds the size */
	while (at && words->count < WORDS_MAX) {
		char *comma = strchr(at, ',');

		words->word[words->count++] = at;
		if (comma)
			*comma++ = '\0';
		at = comma;
	}
	words->word[words->count] = NULL;
}

int shape_word(const char *choices, const char *word)
{
	struct words words = {.count = 0};

	words_init(&words, choices);
	for (size_t i = 0; i < words.count; i++) {
		if (strcmp(words.word[i], word) == 0)
			return (int)i;
	}
	return -1;
}

bool shape_nearest(const char *choices, const char *word, char *out, size_t out_size)
{
	struct words words = {.count = 0};
	const char *near;

	if (!*choices || shape_find(choices))
		return false;
	words_init(&words, choices);
	near = text_nearest(word, words.word);
	return near && text_copy(out, out_size, near);
}

bool shape_holds(const char *choices, const char *item)
{
	const struct shape *shape = shape_find(choices);

	if (shape)
		return shape->holds(item);
	return !*choices || shape_word(choices, item) >= 0;
}

void shape_expected(const char *choices, struct buf *out)
{
	const struct shape *shape = shape_find(choices);
	struct words words = {.count = 0};

	if (shape || !*choices) {
		buf_adds(out, shape ? shape->expected : "text");
		return;
	}
	words_init(&words, choices);
	for (size_t i = 0; i < words.count; i++) {
		if (i)
			buf_adds(out, i + 1 < words.count ? ", " : " or ");
		buf_adds(out, words.word[i]);
	}
}

bool shape_matches(const char *choices, const char *item, const char *text)
{
	const struct shape *shape = shape_find(choices);

	return shape ? shape->matches(item, text) : text_match(item, text);
}
