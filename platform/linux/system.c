/* platform/system.h on Linux: sd_notify(3)'s protocol is one datagram, so no library is needed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/system.h"

#include "agent/base/text.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void plat_host_name(char out[64])
{
	char name[256] = "";

	out[0] = '\0';
	if (gethostname(name, sizeof(name) - 1) < 0)
		return;
	name[strcspn(name, ".")] = '\0';
	text_clean(out, 64, name, strlen(name));
}

void plat_service_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (!len || len >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = '\0'; /* Linux's abstract names */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* Best effort: a manager that is gone has nothing to be told. */
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

unsigned plat_service_watchdog_ms(void)
{
	const char *pid = getenv("WATCHDOG_PID"), *usec = getenv("WATCHDOG_USEC");
	int64_t number;

	if (!usec || text_int(usec, 1000, INT64_C(3600000000), &number) < 0)
		return 0;
	if (pid) {
		int64_t whose;

		if (text_int(pid, 1, INT32_MAX, &whose) < 0 || whose != getpid())
			return 0;
	}
	return (unsigned)(number / 2000);
}

bool plat_service_manager(void)
{
	struct stat st;

	/* sd_booted(3).  Only a daemon that it started itself may ask it for more. */
	return lstat("/run/systemd/system", &st) == 0 && S_ISDIR(st.st_mode) &&
	       getenv("INVOCATION_ID");
}
