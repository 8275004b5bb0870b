/* Asking clamd whether it works and what it has loaded, where clamd.conf says that it listens.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/clamav_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/text.h"
#include "platform/antivirus.h"
#include "platform/linux/clamav.h"
#include "platform/linux/clamd_conf.h"
#include "platform/linux/fact.h"
#include "platform/os.h"

#define ANSWER_MS 10000 /* a busy clamd that loads its database answers late */

/* Where clamd may be asked: a socket of this machine, or a port on its loopback. */
struct clamd_place {
	union {
		struct sockaddr any;
		struct sockaddr_un local;
		struct sockaddr_in ipv4;
		struct sockaddr_in6 ipv6;
	} address;
	socklen_t len;
	char name[96]; /* for messages */
};

static bool local_place(const char *path, struct clamd_place *out)
{
	memset(out, 0, sizeof(*out));
	out->address.local.sun_family = AF_UNIX;
	out->len = sizeof(out->address.local);
	(void)snprintf(out->name, sizeof(out->name), "%.80s", path);
	return text_copy(out->address.local.sun_path, sizeof(out->address.local.sun_path), path);
}

/* False for an address that is not this machine's own loopback: nothing is sent over a network. */
static bool tcp_place(const char *host, int64_t port, struct clamd_place *out)
{
	struct in6_addr ipv6;
	struct in_addr ipv4;

	memset(out, 0, sizeof(*out));
	(void)snprintf(out->name, sizeof(out->name), "%.60s port %lld", host, (long long)port);
	if (!*host || !strcmp(host, "localhost") || !strcmp(host, "0.0.0.0"))
		host = "127.0.0.1";
	else if (!strcmp(host, "::"))
		host = "::1";
	if (inet_pton(AF_INET, host, &ipv4) == 1 && ntohl(ipv4.s_addr) >> 24 == IN_LOOPBACKNET) {
		out->address.ipv4.sin_family = AF_INET;
		out->address.ipv4.sin_addr = ipv4;
		out->address.ipv4.sin_port = htons((uint16_t)port);
		out->len = sizeof(out->address.ipv4);
		return true;
	}
	if (inet_pton(AF_INET6, host, &ipv6) == 1 && IN6_IS_ADDR_LOOPBACK(&ipv6)) {
		out->address.ipv6.sin6_family = AF_INET6;
		out->address.ipv6.sin6_addr = ipv6;
		out->address.ipv6.sin6_port = htons((uint16_t)port);
		out->len = sizeof(out->address.ipv6);
		return true;
	}
	return false;
}

/* Waits for what connect() left under way; false with errno. */
static bool finish_connect(int fd)
{
	struct pollfd waiting = {.fd = fd, .events = POLLOUT};
	int error = ETIMEDOUT;
	socklen_t len = sizeof(error);

	if (poll(&waiting, 1, ANSWER_MS) > 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	errno = error;
	return error == 0;
}

static int connect_clamd(const struct clamd_place *place)
{
	int fd =
		socket(place->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int saved;

	if (fd < 0)
		return -1;
	if (connect(fd, &place->address.any, place->len) < 0 &&
	    (errno != EINPROGRESS || !finish_connect(fd))) {
		saved = errno;
		(void)close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* Sends "zCOMMAND" with its NUL, reads up to the answer's NUL. */
static bool ask(const struct clamd_place *place, const char *command, size_t len, char *out,
		size_t size, const char **out_why)
{
	struct pollfd waiting = {.events = POLLIN};
	int64_t end = plat_uptime_ms() + ANSWER_MS;
	size_t have = 0;
	int fd = connect_clamd(place);
	bool ok = false;

	if (fd < 0) {
		*out_why = strerror(errno);
		return false;
	}
	waiting.fd = fd;
	*out_why = "it does not answer";
	if (send(fd, command, len, MSG_NOSIGNAL) != (ssize_t)len)
		goto out;
	while (have + 1 < size) {
		int64_t left = end - plat_uptime_ms();
		ssize_t n;

		if (left <= 0 || poll(&waiting, 1, (int)left) <= 0)
			goto out;
		n = recv(fd, out + have, size - 1 - have, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			goto out;
		have += (size_t)n;
		out[have] = '\0';
		if (memchr(out, '\0', have)) {
			ok = true;
			break;
		}
	}
out:
	(void)close(fd);
	return ok;
}

bool clamav_read_version(const char *text, char *out_product, size_t size, unsigned *out_version,
			 int64_t *out_at)
{
	const char *slash = strchr(text, '/'), *date;
	struct tm tm = {.tm_isdst = -1};
	char digits[12];
	int64_t version;

	if (strncmp(text, "ClamAV ", 7) != 0)
		return false;
	text_clean(out_product, size, text + 7,
		   slash ? (size_t)(slash - text - 7) : strlen(text + 7));
	*out_version = 0;
	*out_at = 0;
	if (!slash)
		return true;
	text_clean(digits, sizeof(digits), slash + 1, strcspn(slash + 1, "/"));
	if (text_int(digits, 1, INT32_MAX, &version) < 0)
		return true;
	date = strchr(slash + 1, '/');
	/* clamd prints its own local time. */
	if (date && strptime(date + 1, "%a %b %d %H:%M:%S %Y", &tm)) {
		*out_version = (unsigned)version;
		*out_at = mktime(&tm);
	}
	return true;
}

/* Asks at one place; false: nobody answers there. */
static bool ask_there(const struct clamd_place *place, struct plat_av_product *out,
		      unsigned *out_loaded, int64_t *out_loaded_at)
{
	const char *why = "";
	char answer[256];

	if (!ask(place, "zPING", sizeof("zPING"), answer, sizeof(answer), &why) ||
	    strcmp(answer, "PONG") != 0) {
		(void)snprintf(out->detail, sizeof(out->detail), "clamd at %.80s: %.60s",
			       place->name, why);
		return false;
	}
	out->running = PLAT_YES;
	*out->detail = '\0'; /* of a place asked before */
	if (ask(place, "zVERSION", sizeof("zVERSION"), answer, sizeof(answer), &why))
		(void)clamav_read_version(answer, out->version, sizeof(out->version), out_loaded,
					  out_loaded_at);
	return true;
}

static void ask_tcp(const struct clamd_conf *conf, struct plat_av_product *out,
		    unsigned *out_loaded, int64_t *out_loaded_at)
{
	const char *far_away = NULL;
	struct clamd_place place;
	size_t i;

	for (i = 0; i < (conf->tcp_count ? conf->tcp_count : 1); i++) {
		const char *host = conf->tcp_count ? conf->tcp[i] : "";

		if (!tcp_place(host, conf->port, &place))
			far_away = host;
		else if (ask_there(&place, out, out_loaded, out_loaded_at))
			return;
	}
	if (!far_away)
		return;
	out->running = PLAT_CANNOT_TELL;
	(void)snprintf(out->detail, sizeof(out->detail),
		       "clamd listens at %.60s, which is not the loopback: it is not asked there",
		       far_away);
}

void clamav_ask(const struct clamd_conf *conf, struct plat_av_product *out, unsigned *out_loaded,
		int64_t *out_loaded_at)
{
	const char *path = *conf->socket ? conf->socket : CLAMD_SOCKET_DEFAULT;
	struct clamd_place place;

	*out_loaded = 0;
	*out_loaded_at = 0;
	out->running = PLAT_CANNOT_TELL;
	if (!fact_live())
		return;
	out->running = PLAT_NO;
	if (*conf->socket || !conf->port) {
		if (!local_place(path, &place))
			(void)text_copy(out->detail, sizeof(out->detail),
					"the path of clamd's socket is too long");
		else if (ask_there(&place, out, out_loaded, out_loaded_at))
			return;
	}
	if (conf->port)
		ask_tcp(conf, out, out_loaded, out_loaded_at);
}
