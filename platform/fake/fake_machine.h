/* What a test tells the fake machine about its disks, firewall, accounts, network and hardware.
 *
 * Each answer is the struct that platform.h's function gives out, or an error when 'err.code' is
 * set.  Lists point at the test's own arrays and are copied when asked for.  fake_machine_reset()
 * gives a machine of which nothing is known: every question is ERR_UNSUPPORTED.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_FAKE_MACHINE_H
#define CARETAKER_PLATFORM_FAKE_MACHINE_H

#include "agent/base/err.h"
#include "platform/accounts.h"
#include "platform/disks.h"
#include "platform/firewall.h"
#include "platform/hardware.h"
#include "platform/network.h"
#include "platform/services.h"

struct fake_service {
	const char *name;
	struct plat_service state;
};

struct fake_machine {
	struct {
		struct err err;
		struct plat_disks facts;
	} disks;
	struct {
		struct err err;
		struct plat_firewall facts;
	} firewall;
	struct {
		struct err err;
		struct plat_accounts facts;
	} accounts;
	struct {
		struct err err;
		struct plat_password_rules facts;
	} password_rules;
	struct {
		struct err err;
		struct plat_screen_locks facts;
	} screen_locks;
	struct {
		struct err err;
		struct plat_listeners facts;
	} listeners;
	struct {
		struct err err;
		struct plat_remotes facts;
	} remotes;
	struct {
		struct err err;
		struct plat_network facts;
	} network;
	struct {
		struct err err;
		struct plat_hardware facts;
	} hardware;
	enum plat_machine machine;
	const char *machine_name;
	const struct fake_service *services; /* others are absent */
	size_t service_count;
	const char *const *programs;           /* running ones; ends with NULL; may be NULL */
	const char *const *installed_programs; /* the same */
	struct plat_place_on_net place_on_net;
	const struct plat_way_out *ways_out;
	size_t way_out_count;
	const char *const *boot_words; /* ends with NULL; may be NULL */
};
extern struct fake_machine fake_machine; /* the one machine a test stands in */

void fake_machine_reset(void);

#endif
