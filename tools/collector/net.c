/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/net.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/err.h"

#define BACKLOG 1024

static int split(const char *address, char host[128], char port[16], struct err *err)
{
	const char *colon = strrchr(address, ':');
	size_t len;

	if (!colon || !colon[1] || strlen(colon + 1) > 5)
		return err_set(err, ERR_INVALID,
			       "'%s' is no address: write 127.0.0.1:8443 or [::]:8443", address);
	len = (size_t)(colon - address);
	snprintf(port, 16, "%s", colon + 1);
	if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
		address++;
		len -= 2;
	}
	snprintf(host, 128, "%.*s", (int)len, address);
	return 0;
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int address_of(int fd, union address *out)
{
	socklen_t len = sizeof(*out);

	memset(out, 0, sizeof(*out));
	return getsockname(fd, &out->any, &len);
}

bool net_is_loopback(int fd)
{
	union address at;
	const uint8_t *ip;

	if (address_of(fd, &at) < 0)
		return false;
	if (at.any.sa_family == AF_INET)
		return ntohl(at.v4.sin_addr.s_addr) >> 24 == 127;
	if (at.any.sa_family != AF_INET6)
		return false;
	ip = at.v6.sin6_addr.s6_addr;
	return IN6_IS_ADDR_LOOPBACK(&at.v6.sin6_addr) ||
	       (IN6_IS_ADDR_V4MAPPED(&at.v6.sin6_addr) && ip[12] == 127);
}

static uint16_t port_of(int fd)
{
	union address at;

	if (address_of(fd, &at) < 0)
		return 0;
	return ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
}

static int open_one(const struct addrinfo *info, int *out_fd)
{
	int one = 1, zero = 0;
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (info->ai_family == AF_INET6) /* [::] takes IPv4 too */
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	/* The kernel deals connections out to the workers. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0 ||
	    bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	*out_fd = fd;
	return 0;
}

int net_listen(const char *address, uint16_t port, int *out_fd, uint16_t *out_port, struct err *err)
{
	const struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	char host[128], service[16];
	struct addrinfo *found;
	int code, ret;

	if (split(address, host, service, err) < 0)
		return -1;
	if (port)
		snprintf(service, sizeof(service), "%u", port);
	code = getaddrinfo(host[0] ? host : NULL, service, &hints, &found);
	if (code)
		return err_set(err, ERR_INVALID, "listen on '%s': %s", address, gai_strerror(code));
	ret = open_one(found, out_fd);
	if (ret < 0)
		err_errno(err, errno, "listen on '%s'", address);
	else
		*out_port = port_of(*out_fd);
	freeaddrinfo(found);
	return ret;
}

unsigned net_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	if (limit.rlim_cur < limit.rlim_max) {
		struct rlimit most = {limit.rlim_max, limit.rlim_max};

		if (setrlimit(RLIMIT_NOFILE, &most) == 0)
			limit = most;
	}
	return limit.rlim_cur > 1000000 ? 1000000 : (unsigned)limit.rlim_cur;
}
