/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/rooms.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"

/* Takes the next item of a comma-separated list, without blanks around it. */
static const char *next_item(const char *list, char *out, size_t out_size)
{
	size_t len;

	list += strspn(list, ", \t\r\n");
	len = strcspn(list, ",");
	if (!len)
		return NULL;
	snprintf(out, out_size, "%.*s", (int)len, list);
	for (size_t end = strlen(out); end && strchr(" \t\r\n", out[end - 1]);)
		out[--end] = '\0';
	return list + len;
}

struct subnet {
	int family;
	uint8_t address[16];
	unsigned bits;
};

static bool parse(const char *text, struct subnet *out)
{
	char copy[INET6_ADDRSTRLEN + 8];
	char *slash;
	int64_t bits;

	if (!text_copy(copy, sizeof(copy), text))
		return false;
	slash = strchr(copy, '/');
	if (slash)
		*slash++ = '\0';
	out->family = strchr(copy, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(out->family, copy, out->address) != 1)
		return false;
	out->bits = out->family == AF_INET ? 32 : 128;
	if (slash) {
		if (text_int(slash, 0, out->bits, &bits) < 0)
			return false;
		out->bits = (unsigned)bits;
	}
	return true;
}

static bool within(const struct subnet *net, const struct subnet *host)
{
	unsigned bytes = net->bits / 8, rest = net->bits % 8;

	if (net->family != host->family || memcmp(net->address, host->address, bytes) != 0)
		return false;
	return !rest || !((net->address[bytes] ^ host->address[bytes]) >> (8 - rest));
}

bool rooms_match(const char *patterns, const char *subnets, const char *device_name,
		 const char *address)
{
	char item[128];
	struct subnet net, host;

	while (device_name[0] && (patterns = next_item(patterns, item, sizeof(item)))) {
		if (text_match(item, device_name))
			return true;
	}
	/* A listener on [::] sees IPv4 as ::ffff:10.1.2.3. */
	if (strncmp(address, "::ffff:", 7) == 0 && strchr(address, '.'))
		address += 7;
	if (!parse(address, &host))
		return false;
	while ((subnets = next_item(subnets, item, sizeof(item)))) {
		if (parse(item, &net) && within(&net, &host))
			return true;
	}
	return false;
}

int rooms_check_subnets(const char *subnets, struct err *err)
{
	char item[128];
	struct subnet net;

	while ((subnets = next_item(subnets, item, sizeof(item)))) {
		if (!parse(item, &net))
			return err_set(
				err, ERR_INVALID,
				"'%s' is no subnet: write it like 10.1.2.0/24 or 2001:db8::/64",
				item);
	}
	return 0;
}
