/* The parts that plat_network() is put together from.  Each returns false without memory.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_NETWORK_PARTS_H
#define CARETAKER_PLATFORM_LINUX_NETWORK_PARTS_H

#include <stdbool.h>

#include "platform/network.h"

/* network_browsers.c: proxies and DNS over HTTPS, by policy files and people's own settings. */
bool browsers_find(struct plat_network *network);
/* network_links.c */
bool links_find(struct plat_network *network);

/* network.c: adds one; the address loses its scheme and any name and password. */
bool network_add_proxy(struct plat_network *network, const char *source, const char *mode,
		       const char *address);

#endif
