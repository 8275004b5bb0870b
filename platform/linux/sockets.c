/* Which sockets wait for others, and whose they are.
 * SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/fact.h"
#include "platform/network.h"

struct owned {
	unsigned long inode;
	char program[32];
};

struct sockets {
	struct plat_listeners *out;
	struct owned *owners;
	size_t owner_count;
	const char *protocol;
	char pid[16], program[64];
	bool ipv6, failed;
};

/* 150 bytes a socket: some 80,000 of them. */
#define SOCKET_TABLE_MAX (12 * 1024 * 1024)

#define TCP_LISTENING "0A"
#define UDP_UNCONNECTED "07"

/* Each word of 32 bits is written as the machine holds it. */
static void address_text(const char *hex, bool ipv6, char *out)
{
	unsigned words[4] = {0};
	size_t i, count = ipv6 ? 4 : 1;
	char part[9];

	for (i = 0; i < count; i++) {
		(void)snprintf(part, sizeof(part), "%.8s", hex + i * 8);
		words[i] = (unsigned)strtoul(part, NULL, 16);
	}
	if (!inet_ntop(ipv6 ? AF_INET6 : AF_INET, words, out, PLAT_ADDRESS_MAX))
		*out = '\0';
}

static bool is_loopback(const char *address)
{
	return !strncmp(address, "127.", 4) || !strcmp(address, "::1") ||
	       !strncmp(address, "::ffff:127.", 11);
}

static const char *owner_of(const struct sockets *sockets, unsigned long inode)
{
	size_t i;

	for (i = 0; i < sockets->owner_count; i++)
		if (sockets->owners[i].inode == inode)
			return sockets->owners[i].program;
	return "";
}

/* "0: 0100007F:0019 00000000:0000 0A ... uid timeout inode" */
static void take_socket(struct sockets *sockets, char *line)
{
	struct plat_listener *slot, found = {0};
	char *fields[10], *colon;
	bool udp = !strcmp(sockets->protocol, "udp");
	size_t i;

	for (i = 0; i < 10; i++)
		if (!(fields[i] = fact_word(&line)))
			return;
	colon = strchr(fields[1], ':');
	if (!colon || strlen(fields[1]) != (sockets->ipv6 ? 37u : 13u) ||
	    strcmp(fields[3], udp ? UDP_UNCONNECTED : TCP_LISTENING) != 0)
		return;
	found.port = (unsigned)strtoul(colon + 1, NULL, 16);
	address_text(fields[1], sockets->ipv6, found.address);
	found.loopback = is_loopback(found.address);
	(void)text_copy(found.protocol, sizeof(found.protocol), sockets->protocol);
	(void)text_copy(found.program, sizeof(found.program),
			owner_of(sockets, strtoul(fields[9], NULL, 10)));
	slot = fact_append(&sockets->out->items, &sockets->out->count, sizeof(*slot));
	if (slot)
		*slot = found;
	else
		sockets->failed = true;
}

/* fd/7 -> "socket:[12345]" */
static bool take_fd(void *ctx, const char *name)
{
	struct sockets *sockets = ctx;
	struct owned *owned;
	char path[64], target[64];

	(void)snprintf(path, sizeof(path), "/proc/%.15s/fd/%.15s", sockets->pid, name);
	if (!fact_link(path, target, sizeof(target)) || strncmp(target, "socket:[", 8) != 0)
		return true;
	owned = fact_append(&sockets->owners, &sockets->owner_count, sizeof(*owned));
	if (!owned) {
		sockets->failed = true;
		return false;
	}
	owned->inode = strtoul(target + 8, NULL, 10);
	(void)snprintf(owned->program, sizeof(owned->program), "%.31s", sockets->program);
	return true;
}

static bool take_process(void *ctx, const char *pid, const char *program)
{
	struct sockets *sockets = ctx;
	char path[64];

	(void)text_copy(sockets->pid, sizeof(sockets->pid), pid);
	text_clean(sockets->program, sizeof(sockets->program), program, strlen(program));
	(void)snprintf(path, sizeof(path), "/proc/%.15s/fd", pid);
	fact_each(path, take_fd, sockets);
	return !sockets->failed;
}

static int by_port(const void *a, const void *b)
{
	const struct plat_listener *one = a, *other = b;
	int order = strcmp(one->protocol, other->protocol);

	if (!order)
		order = (one->port > other->port) - (one->port < other->port);
	return order ? order : strcmp(one->address, other->address);
}

static void drop_doubles(struct plat_listeners *listeners)
{
	size_t i, kept = 0;

	for (i = 0; i < listeners->count; i++)
		if (!kept || by_port(&listeners->items[kept - 1], &listeners->items[i]) != 0)
			listeners->items[kept++] = listeners->items[i];
	listeners->count = kept;
}

/* A table that is there but cannot be read whole (too many sockets) must not look like none. */
static int read_table(const char *path, struct sockets *sockets, bool *any, struct err *err)
{
	struct buf text;
	struct err why;
	char *cursor, *line;
	int ret = 0;

	buf_init(&text, 0);
	if (fact_read(path, SOCKET_TABLE_MAX, &text, &why) < 0) {
		if (why.code != ERR_NOTFOUND)
			ret = err_set(err, ERR_UNSUPPORTED, "list sockets: %.200s", why.msg);
		goto out;
	}
	*any = true;
	cursor = text.data;
	while ((line = fact_line(&cursor)))
		take_socket(sockets, line);
out:
	buf_clear(&text);
	return ret;
}

int plat_listeners(struct plat_listeners *out, struct err *err)
{
	static const struct {
		const char *path, *protocol;
		bool ipv6;
	} tables[] = {{"/proc/net/tcp", "tcp", false},
		      {"/proc/net/tcp6", "tcp", true},
		      {"/proc/net/udp", "udp", false},
		      {"/proc/net/udp6", "udp", true}};
	struct plat_listeners found = {0};
	struct sockets sockets = {.out = &found};
	bool any = false;
	size_t i;
	int ret = 0;

	fact_each_process(take_process, &sockets);
	for (i = 0; i < sizeof(tables) / sizeof(*tables) && ret == 0; i++) {
		sockets.protocol = tables[i].protocol;
		sockets.ipv6 = tables[i].ipv6;
		ret = read_table(tables[i].path, &sockets, &any, err);
	}
	free(sockets.owners);
	if (ret < 0 || !any || sockets.failed) {
		plat_listeners_clear(&found);
		if (ret < 0)
			return -1;
		return any ? err_set(err, ERR_NOMEM, "list sockets: out of memory")
			   : err_set(err, ERR_UNSUPPORTED,
				     "no list of sockets: /proc/net/tcp is not there");
	}
	if (found.count)
		qsort(found.items, found.count, sizeof(*found.items), by_port);
	drop_doubles(&found);
	*out = found;
	return 0;
}

void plat_listeners_clear(struct plat_listeners *listeners)
{
	free(listeners->items);
	memset(listeners, 0, sizeof(*listeners));
}
