/* Does something filter what comes in?  Judged from the rules in force, not from what is installed.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_FIREWALL_H
#define CARETAKER_PLATFORM_FIREWALL_H

#include <stdbool.h>
#include <stddef.h>

struct err;

enum plat_filtering {
	PLAT_FILTER_NONE,   /* no rule looks at what comes in */
	PLAT_FILTER_OPEN,   /* rules, but a packet that none of them names is let in */
	PLAT_FILTER_CLOSED, /* what no rule lets in is dropped or rejected */
	PLAT_FILTER_UNKNOWN,
};

/* A program that keeps rules: "ufw", "firewalld", "nftables" (its unit). */
struct plat_firewall_manager {
	char name[16];
	bool enabled; /* its configuration says on, at boot too */
	bool running; /* its service is up, or did its work at boot */
};
#define PLAT_FIREWALL_MANAGERS 4

struct plat_firewall {
	enum plat_filtering ipv4, ipv6;
	bool ipv6_in_use; /* an address that others can reach, loopback and link-local aside */
	char by[24];      /* where the rules were read: "nftables", "iptables-legacy" */
	char note[160];   /* why it cannot be told: "nft is not installed"; "" */
	struct plat_firewall_manager managers[PLAT_FIREWALL_MANAGERS];
	size_t manager_count;
};

/* The rules cannot be read: both are PLAT_FILTER_UNKNOWN with 'note', not an error. */
int plat_firewall(struct plat_firewall *out, struct err *err);

#endif
