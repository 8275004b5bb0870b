/* The packet filter of this machine: the kernel's rules, and who keeps them over a restart.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/firewall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/fact.h"
#include "platform/linux/firewall_rules.h"
#include "platform/os.h"
#include "platform/services.h"

#define RULES_MAX (8u * 1024 * 1024) /* a set of blocked addresses can be long */

/* Runs a listing; false with 'note' when it cannot be had. */
static bool listing(const char *const argv[], struct buf *out, char *note, size_t note_size)
{
	struct plat_command command = {.argv = argv, .output_max = RULES_MAX, .timeout_ms = 15000};
	struct buf said;
	struct err err;
	int status = -1;
	bool ok = false;

	buf_init(&said, 0);
	if (plat_run(&command, out, &said, &status, &err) < 0)
		(void)text_copy(note, note_size, err.msg);
	else if (status != 0)
		(void)snprintf(note, note_size, "%s ended with %d: %.80s", argv[0], status,
			       buf_text(&said));
	else
		ok = true;
	note[strcspn(note, "\n")] = '\0';
	buf_clear(&said);
	return ok;
}

static void read_nft(struct plat_firewall *out)
{
	const char *const argv[] = {"nft", "-j", "list", "ruleset", NULL};
	struct buf rules;
	struct err err;

	if (!fact_program("nft", NULL, 0)) {
		(void)text_copy(out->note, sizeof(out->note),
				"nft is not installed: the rules in force cannot be read");
		return;
	}
	buf_init(&rules, RULES_MAX + 1);
	if (listing(argv, &rules, out->note, sizeof(out->note))) {
		if (rules_judge_nft(buf_text(&rules), rules.len, &out->ipv4, &out->ipv6, &err) < 0)
			(void)text_copy(out->note, sizeof(out->note), err.msg);
		else
			(void)text_copy(out->by, sizeof(out->by), "nftables");
	}
	buf_clear(&rules);
}

static bool has_legacy_table(const char *names)
{
	char line[32];

	return fact_text(names, line, sizeof(line)); /* any table: "filter", "nat" */
}

/* Rules of the older kind are not in nft's list; a packet has to pass both. */
static void read_legacy(const char *names, const char *legacy, const char *plain,
			enum plat_filtering *found, struct plat_firewall *out)
{
	const char *program = fact_program(legacy, NULL, 0) ? legacy : plain;
	const char *const argv[] = {program, "-S", NULL};
	enum plat_filtering judged;
	struct buf rules;
	char note[160] = "";

	if (!has_legacy_table(names))
		return;
	buf_init(&rules, RULES_MAX);
	if (!fact_program(program, NULL, 0)) {
		(void)snprintf(note, sizeof(note), "%s is not installed, yet its rules are loaded",
			       program);
	} else if (listing(argv, &rules, note, sizeof(note)) && rules.len) {
		judged = rules_judge_iptables(rules.data);
		if (judged == PLAT_FILTER_CLOSED || *found == PLAT_FILTER_NONE ||
		    *found == PLAT_FILTER_UNKNOWN) {
			if (judged != PLAT_FILTER_NONE)
				(void)text_copy(out->by, sizeof(out->by), "iptables-legacy");
			if (*found != PLAT_FILTER_UNKNOWN || judged == PLAT_FILTER_CLOSED)
				*found = judged;
		}
	}
	if (*note && *found != PLAT_FILTER_CLOSED) {
		*found = PLAT_FILTER_UNKNOWN;
		(void)text_copy(out->note, sizeof(out->note), note);
	}
	buf_clear(&rules);
}

/* "fe80... 02 40 20 80 eth0": the fourth is the scope, 00 for addresses that others can reach. */
static void look_for_global(void *ctx, char *line)
{
	bool *in_use = ctx;
	char *fields[6];
	size_t i;

	for (i = 0; i < 6; i++)
		if (!(fields[i] = fact_word(&line)))
			return;
	*in_use |= !strcmp(fields[3], "00") && strcmp(fields[5], "lo") != 0;
}

static void add_manager(struct plat_firewall *out, const char *name, bool configured)
{
	struct plat_firewall_manager *manager = &out->managers[out->manager_count];
	struct plat_service service;
	struct err err;

	if (plat_service(name, &service, &err) < 0 || service.run == PLAT_SERVICE_ABSENT)
		return;
	(void)text_copy(manager->name, sizeof(manager->name), name);
	manager->enabled = configured && service.at_boot;
	manager->running = service.run == PLAT_SERVICE_RUNNING;
	out->manager_count++;
}

static void add_managers(struct plat_firewall *out)
{
	char enabled[8];

	(void)fact_setting("/etc/ufw/ufw.conf", NULL, "ENABLED", enabled, sizeof(enabled));
	add_manager(out, "ufw", !strcmp(enabled, "yes"));
	add_manager(out, "firewalld", true);
	add_manager(out, "nftables", true);
	add_manager(out, "netfilter-persistent", true);
}

int plat_firewall(struct plat_firewall *out, struct err *err)
{
	struct plat_firewall found = {.ipv4 = PLAT_FILTER_UNKNOWN, .ipv6 = PLAT_FILTER_UNKNOWN};
	unsigned unread = fact_unread_count();

	if (fact_live()) {
		read_nft(&found);
		read_legacy("/proc/net/ip_tables_names", "iptables-legacy", "iptables", &found.ipv4,
			    &found);
		read_legacy("/proc/net/ip6_tables_names", "ip6tables-legacy", "ip6tables",
			    &found.ipv6, &found);
	} else {
		(void)text_copy(found.note, sizeof(found.note),
				"the rules in force are the kernel's, not a folder's");
	}
	(void)fact_lines("/proc/net/if_inet6", look_for_global, &found.ipv6_in_use);
	add_managers(&found);
	if (fact_unread(unread, err) < 0)
		return -1;
	*out = found;
	return 0;
}
