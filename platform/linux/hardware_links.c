/* The links by which this machine may reach a network, and the USB device that each of them is.
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/hardware.h"
#include "platform/os.h"

#define NET "/sys/class/net"

/* ".../usb1/1-3/1-3.2/1-3.2:1.0/net/eth1": the port is in the interface's name.  False: the link is
 * of no device (a bridge, a tunnel, loopback). */
static bool read_device(const char *name, char *port, size_t port_size)
{
	char path[PATH_MAX], real[PATH_MAX];
	const char *last, *colon;

	*port = '\0';
	if (snprintf(path, sizeof(path), "%s" NET "/%s/device", plat_root(), name) >=
		    (int)sizeof(path) ||
	    !realpath(path, real))
		return false;
	last = strrchr(real, '/');
	colon = last ? strchr(last, ':') : NULL;
	if (strstr(real, "/usb") && colon && isdigit((unsigned char)last[1]) &&
	    (size_t)(colon - last) <= port_size)
		(void)snprintf(port, port_size, "%.*s", (int)(colon - last - 1), last + 1);
	return true;
}

/* What says "unknown" (some drivers never tell) may be up. */
static bool is_up(const char *name)
{
	char path[PATH_MAX], state[16] = "";
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s" NET "/%.64s/operstate", plat_root(), name);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(state, sizeof(state), file))
		state[0] = '\0';
	(void)fclose(file); /* was only read */
	state[strcspn(state, "\n")] = '\0';
	return strcmp(state, "up") == 0 || strcmp(state, "unknown") == 0;
}

int plat_ways_out(struct plat_way_out *out, size_t max, size_t *out_count, struct err *err)
{
	char path[PATH_MAX];
	struct dirent *entry;
	size_t count = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s" NET, plat_root());
	dir = opendir(path);
	if (!dir)
		return err_errno(err, errno, "open '%s'", path);
	while (count < max && (entry = readdir(dir))) {
		struct plat_way_out *way = &out[count];

		if (entry->d_name[0] == '.' ||
		    !read_device(entry->d_name, way->port, sizeof(way->port)))
			continue;
		text_clean(way->name, sizeof(way->name), entry->d_name, strlen(entry->d_name));
		way->up = is_up(entry->d_name);
		count++;
	}
	(void)closedir(dir);
	*out_count = count;
	return 0;
}
