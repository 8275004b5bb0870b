/* Answers as a test told it (fake_machine.h).
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/fake/fake_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNASKED \
	{ \
		.code = ERR_UNSUPPORTED, .msg = "the fake machine was told nothing" \
	}

static const struct fake_machine nothing_known = {
	.disks.err = UNASKED,
	.firewall.err = UNASKED,
	.accounts.err = UNASKED,
	.password_rules.err = UNASKED,
	.screen_locks.err = UNASKED,
	.listeners.err = UNASKED,
	.remotes.err = UNASKED,
	.network.err = UNASKED,
	.hardware.err = UNASKED,
};

/* File scope: the fake machine is the one a test's process stands in. */
struct fake_machine fake_machine = {
	.disks.err = UNASKED,
	.firewall.err = UNASKED,
	.accounts.err = UNASKED,
	.password_rules.err = UNASKED,
	.screen_locks.err = UNASKED,
	.listeners.err = UNASKED,
	.remotes.err = UNASKED,
	.network.err = UNASKED,
	.hardware.err = UNASKED,
};

void fake_machine_reset(void)
{
	fake_machine = nothing_known;
}

static int answer(const struct err *told, struct err *err)
{
	return told->code ? err_set(err, told->code, "%s", told->msg) : 0;
}

static void *copy_of(const void *items, size_t count, size_t size)
{
	void *copy;

	if (!count)
		return NULL;
	copy = malloc(count * size);
	if (!copy)
		abort(); /* a test without memory has nothing to test */
	memcpy(copy, items, count * size);
	return copy;
}
#define COPY(items, count) copy_of((items), (count), sizeof(*(items)))

int plat_disks(struct plat_disks *out, struct err *err)
{
	const struct plat_disks *facts = &fake_machine.disks.facts;

	if (answer(&fake_machine.disks.err, err) < 0)
		return -1;
	*out = *facts;
	out->volumes = COPY(facts->volumes, facts->count);
	return 0;
}

void plat_disks_clear(struct plat_disks *disks)
{
	free(disks->volumes);
	memset(disks, 0, sizeof(*disks));
}

int plat_firewall(struct plat_firewall *out, struct err *err)
{
	if (answer(&fake_machine.firewall.err, err) < 0)
		return -1;
	*out = fake_machine.firewall.facts;
	return 0;
}

int plat_accounts(struct plat_accounts *out, struct err *err)
{
	const struct plat_accounts *facts = &fake_machine.accounts.facts;

	if (answer(&fake_machine.accounts.err, err) < 0)
		return -1;
	*out = *facts;
	out->accounts = COPY(facts->accounts, facts->count);
	out->auto_logins = COPY(facts->auto_logins, facts->auto_login_count);
	out->logons = COPY(facts->logons, facts->logon_count);
	return 0;
}

void plat_accounts_clear(struct plat_accounts *accounts)
{
	free(accounts->accounts);
	free(accounts->auto_logins);
	free(accounts->logons);
	memset(accounts, 0, sizeof(*accounts));
}

int plat_password_rules(struct plat_password_rules *out, struct err *err)
{
	if (answer(&fake_machine.password_rules.err, err) < 0)
		return -1;
	*out = fake_machine.password_rules.facts;
	return 0;
}

int plat_screen_locks(struct plat_screen_locks *out, struct err *err)
{
	if (answer(&fake_machine.screen_locks.err, err) < 0)
		return -1;
	*out = fake_machine.screen_locks.facts;
	return 0;
}

int plat_listeners(struct plat_listeners *out, struct err *err)
{
	const struct plat_listeners *facts = &fake_machine.listeners.facts;

	if (answer(&fake_machine.listeners.err, err) < 0)
		return -1;
	out->items = COPY(facts->items, facts->count);
	out->count = facts->count;
	return 0;
}

void plat_listeners_clear(struct plat_listeners *listeners)
{
	free(listeners->items);
	memset(listeners, 0, sizeof(*listeners));
}

int plat_remotes(struct plat_remotes *out, struct err *err)
{
	const struct plat_remotes *facts = &fake_machine.remotes.facts;

	if (answer(&fake_machine.remotes.err, err) < 0)
		return -1;
	out->items = COPY(facts->items, facts->count);
	out->count = facts->count;
	return 0;
}

void plat_remotes_clear(struct plat_remotes *remotes)
{
	free(remotes->items);
	memset(remotes, 0, sizeof(*remotes));
}

int plat_network(struct plat_network *out, struct err *err)
{
	const struct plat_network *facts = &fake_machine.network.facts;

	if (answer(&fake_machine.network.err, err) < 0)
		return -1;
	*out = *facts;
	out->proxies = COPY(facts->proxies, facts->proxy_count);
	out->resolvers = COPY(facts->resolvers, facts->resolver_count);
	out->browsers = COPY(facts->browsers, facts->browser_count);
	out->links = COPY(facts->links, facts->link_count);
	return 0;
}

void plat_network_clear(struct plat_network *network)
{
	free(network->proxies);
	free(network->resolvers);
	free(network->browsers);
	free(network->links);
	memset(network, 0, sizeof(*network));
}

int plat_hardware_identity(struct plat_identity *out, struct err *err)
{
	if (answer(&fake_machine.hardware.err, err) < 0)
		return -1;
	*out = fake_machine.hardware.facts.identity;
	return 0;
}

int plat_hardware(struct plat_hardware *out, struct err *err)
{
	const struct plat_hardware *facts = &fake_machine.hardware.facts;

	if (answer(&fake_machine.hardware.err, err) < 0)
		return -1;
	*out = *facts;
	out->drives = COPY(facts->drives, facts->drive_count);
	out->usb = COPY(facts->usb, facts->usb_count);
	return 0;
}

void plat_hardware_clear(struct plat_hardware *hardware)
{
	free(hardware->drives);
	free(hardware->usb);
	memset(hardware, 0, sizeof(*hardware));
}

int plat_ways_out(struct plat_way_out *out, size_t max, size_t *out_count, struct err *err)
{
	(void)err;
	*out_count = fake_machine.way_out_count < max ? fake_machine.way_out_count : max;
	if (*out_count)
		memcpy(out, fake_machine.ways_out, *out_count * sizeof(*out));
	return 0;
}

enum plat_machine plat_machine(char *name, size_t name_size)
{
	(void)snprintf(name, name_size, "%s",
		       fake_machine.machine_name ? fake_machine.machine_name : "");
	return fake_machine.machine;
}

static bool holds(const char *const *words, const char *word)
{
	for (; words && *words; words++)
		if (!strcmp(*words, word))
			return true;
	return false;
}

int plat_boot_word(const char *word, bool *out, struct err *err)
{
	(void)err;
	*out = holds(fake_machine.boot_words, word);
	return 0;
}

int plat_service(const char *name, struct plat_service *out, struct err *err)
{
	size_t i;

	(void)err;
	memset(out, 0, sizeof(*out));
	for (i = 0; i < fake_machine.service_count; i++)
		if (!strcmp(fake_machine.services[i].name, name))
			*out = fake_machine.services[i].state;
	return 0;
}

int plat_program_runs(const char *program, bool *out, struct err *err)
{
	(void)err;
	*out = holds(fake_machine.programs, program);
	return 0;
}

int plat_each_program(bool (*each)(void *ctx, const char *name, bool running), void *ctx,
		      struct err *err)
{
	const char *const *lists[] = {fake_machine.programs, fake_machine.installed_programs};
	size_t i, n;

	(void)err;
	for (i = 0; i < 2; i++)
		for (n = 0; lists[i] && lists[i][n]; n++)
			if (!each(ctx, lists[i][n], i == 0))
				return 0;
	return 0;
}

int plat_place_on_net(struct plat_place_on_net *out, struct err *err)
{
	(void)err;
	*out = fake_machine.place_on_net;
	return 0;
}
