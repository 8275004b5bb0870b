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

#define NOTHING_KNOWN \
	{ \
		.disks.err = UNASKED, .firewall.err = UNASKED, .accounts.err = UNASKED, \
		.password_rules.err = UNASKED, .screen_locks.err = UNASKED, \
		.listeners.err = UNASKED, .remotes.err = UNASKED, .network.err = UNASKED, \
		.hardware.err = UNASKED, \
	}

/* File scope: the fake machine is the one a test's process stands in. */
struct fake_machine fake_machine = NOTHING_KNOWN;

void fake_machine_reset(void)
{
	fake_machine = (struct fake_machine)NOTHING_KNOWN;
}

static int answer(const struct err *told, struct err *err)
{
	return told->code ? err_set(err, told->code, "%s", told->msg) : 0;
}

/* The whole answer of plat_X() where X's facts hold no list. */
#define ANSWER(of, out, err) \
	(answer(&fake_machine.of.err, err) < 0 ? -1 : (*(out) = fake_machine.of.facts, 0))

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

/* A list of the test's becomes the caller's own. */
#define OWN(items, count) ((items) = copy_of((items), (count), sizeof(*(items))))

int plat_disks(struct plat_disks *out, struct err *err)
{
	if (ANSWER(disks, out, err) < 0)
		return -1;
	OWN(out->volumes, out->count);
	return 0;
}

void plat_disks_clear(struct plat_disks *disks)
{
	free(disks->volumes);
	memset(disks, 0, sizeof(*disks));
}

int plat_firewall(struct plat_firewall *out, struct err *err)
{
	return ANSWER(firewall, out, err);
}

int plat_accounts(struct plat_accounts *out, struct err *err)
{
	if (ANSWER(accounts, out, err) < 0)
		return -1;
	OWN(out->accounts, out->count);
	OWN(out->auto_logins, out->auto_login_count);
	OWN(out->logons, out->logon_count);
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
	return ANSWER(password_rules, out, err);
}

int plat_screen_locks(struct plat_screen_locks *out, struct err *err)
{
	return ANSWER(screen_locks, out, err);
}

int plat_listeners(struct plat_listeners *out, struct err *err)
{
	if (ANSWER(listeners, out, err) < 0)
		return -1;
	OWN(out->items, out->count);
	return 0;
}

void plat_listeners_clear(struct plat_listeners *listeners)
{
	free(listeners->items);
	memset(listeners, 0, sizeof(*listeners));
}

int plat_remotes(struct plat_remotes *out, struct err *err)
{
	if (ANSWER(remotes, out, err) < 0)
		return -1;
	OWN(out->items, out->count);
	return 0;
}

void plat_remotes_clear(struct plat_remotes *remotes)
{
	free(remotes->items);
	memset(remotes, 0, sizeof(*remotes));
}

int plat_network(struct plat_network *out, struct err *err)
{
	if (ANSWER(network, out, err) < 0)
		return -1;
	OWN(out->proxies, out->proxy_count);
	OWN(out->resolvers, out->resolver_count);
	OWN(out->browsers, out->browser_count);
	OWN(out->links, out->link_count);
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
	if (ANSWER(hardware, out, err) < 0)
		return -1;
	OWN(out->drives, out->drive_count);
	OWN(out->usb, out->usb_count);
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
