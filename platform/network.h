/* What listens, what reaches in from outside, and what could lead past the school's filter.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_NETWORK_H
#define CARETAKER_PLATFORM_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

struct err;

#define PLAT_ADDRESS_MAX 46 /* an IPv6 address as text, with its NUL */

/* --- listening sockets --- */
struct plat_listener {
	char protocol[4]; /* "tcp", "udp" */
	char address[PLAT_ADDRESS_MAX];
	unsigned port;
	bool loopback;    /* only this machine reaches it */
	char program[32]; /* "" when it cannot be told */
};
struct plat_listeners {
	struct plat_listener *items; /* by protocol, port, address; no two alike */
	size_t count;
};
int plat_listeners(struct plat_listeners *out, struct err *err);
void plat_listeners_clear(struct plat_listeners *listeners);

/* --- remote access --- */
enum plat_root_login {
	PLAT_ROOT_LOGIN_UNKNOWN,
	PLAT_ROOT_LOGIN_NO,
	PLAT_ROOT_LOGIN_KEYS, /* without a password only */
	PLAT_ROOT_LOGIN_YES,
};
struct plat_remote {
	char product[24]; /* "ssh", "xrdp", "vnc", "anydesk", "teamviewer" ... */
	char program[32]; /* which of its programs was found */
	bool running;     /* now, or it is started as soon as somebody connects */
	bool at_boot;     /* a unit starts it */
	/* ssh only */
	enum plat_root_login root_login;
	int password_login; /* 1 yes, 0 no, -1 not known or not ssh */
};
struct plat_remotes {
	struct plat_remote *items; /* what is installed; nothing else is listed */
	size_t count;
};
int plat_remotes(struct plat_remotes *out, struct err *err);
void plat_remotes_clear(struct plat_remotes *remotes);

/* --- ways past the filter --- */
struct plat_proxy {
	char source[24];   /* "environment", "apt", "gnome", "firefox", "chromium" ... */
	char mode[12];     /* "manual", "auto" (a script), "detect", "none", "system" */
	char address[128]; /* "host:port" or the script's URL, without a user's name or password; ""
			    */
};
struct plat_resolver {
	char address[PLAT_ADDRESS_MAX];
	char source[24]; /* "resolv.conf", "resolved" */
};
enum plat_doh {
	PLAT_DOH_UNSET, /* the browser decides */
	PLAT_DOH_OFF,
	PLAT_DOH_ON,
};
struct plat_browser_dns {
	char browser[16]; /* "firefox", "chromium", "chrome", "edge", "brave" */
	enum plat_doh doh;
	bool fixed;       /* by a policy that people cannot change */
	char server[128]; /* "" */
};
enum plat_link_kind {
	PLAT_LINK_VPN,
	PLAT_LINK_TETHER,  /* a phone or stick that brings its own network */
	PLAT_LINK_HOTSPOT, /* this machine is an access point */
};
struct plat_link {
	char name[20];
	enum plat_link_kind kind;
	char by[24]; /* driver or kind: "wireguard", "tun", "rndis_host"; "connection": set up only
		      */
	bool up;
};
struct plat_network {
	struct plat_proxy *proxies;
	size_t proxy_count;
	struct plat_resolver *resolvers; /* the real ones, behind a local stub */
	size_t resolver_count;
	bool resolver_stub; /* a stub on this machine whose own servers could not be read */
	struct plat_browser_dns *browsers; /* installed ones */
	size_t browser_count;
	struct plat_link *links; /* only of the kinds above */
	size_t link_count;
};
int plat_network(struct plat_network *out, struct err *err);
void plat_network_clear(struct plat_network *network);

/* --- where the machine is --- */
#define PLAT_ADDRESSES 16
struct plat_place_on_net {
	char addresses[PLAT_ADDRESSES][PLAT_ADDRESS_MAX]; /* its own, of links that lead outside */
	size_t address_count;
	char domains[4][120]; /* handed out by the network, for looking names up */
	size_t domain_count;
};
int plat_place_on_net(struct plat_place_on_net *out, struct err *err);

#endif
