/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/controls/people.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "agent/policy/policy.h"
#include "agent/proto/crypto.h"
#include "platform/network.h"

enum { SHOW_NEVER, SHOW_PSEUDONYM, SHOW_NAME }; /* as in schema.def */
enum { USED_BY_STAFF, USED_BY_PUPILS };

void names_add(struct names *names, const char *name)
{
	size_t i;

	for (i = 0; i < names->count && i < NAMES_MAX; i++)
		if (!strcmp(names->items[i], name))
			return;
	if (names->count < NAMES_MAX)
		(void)text_copy(names->items[names->count], sizeof(names->items[0]), name);
	names->count++;
}

void names_write(const struct names *names, struct jsonw *w, const char *member)
{
	char more[32];
	size_t i;

	if (!names->count)
		return;
	jsonw_array(w, member);
	for (i = 0; i < names->count && i < NAMES_MAX; i++)
		jsonw_string(w, NULL, names->items[i]);
	if (names->count > NAMES_MAX) {
		(void)snprintf(more, sizeof(more), "%zu more", names->count - NAMES_MAX);
		jsonw_string(w, NULL, more);
	}
	jsonw_array_end(w);
}

bool people_is_pupil(const struct policy *policy, const char *account, bool admin)
{
	switch (policy_choice(policy, POLICY_POLICY_USED_BY)) {
	case USED_BY_STAFF: return false;
	case USED_BY_PUPILS:
		return !admin && !policy_lists(policy, POLICY_ACCOUNTS_STAFF_ACCOUNTS, account) &&
		       !policy_lists(policy, POLICY_ACCOUNTS_ADMINISTRATORS, account);
	default: return policy_lists(policy, POLICY_ACCOUNTS_PUPIL_ACCOUNTS, account);
	}
}

/* The school's name is the salt: the same person is the same pseudonym on each of its machines and
 * another elsewhere.  It keeps names off screens and reports; who knows all names can find one. */
static void pseudonym(const struct policy *policy, const char *account, char out[PEOPLE_NAME_MAX])
{
	char text[256], hex[2 * CRYPTO_HASH_SIZE + 1];
	uint8_t hash[CRYPTO_HASH_SIZE];
	int len;

	len = snprintf(text, sizeof(text), "caretaker pseudonym%c%.100s%c%.100s", 0,
		       policy_text(policy, POLICY_NOTICES_SCHOOL_NAME), 0, account);
	crypto_sha256(text, (size_t)len, hash);
	text_hex(hex, hash, sizeof(hash));
	(void)snprintf(out, PEOPLE_NAME_MAX, "person-%.8s", hex);
}

void people_name(const struct policy *policy, const char *account, bool admin,
		 char out[PEOPLE_NAME_MAX])
{
	bool pupil = people_is_pupil(policy, account, admin);

	switch (policy_choice(policy, pupil ? POLICY_PRIVACY_PUPILS : POLICY_PRIVACY_USERS)) {
	case SHOW_NAME: text_clean(out, PEOPLE_NAME_MAX, account, strlen(account)); break;
	case SHOW_PSEUDONYM: pseudonym(policy, account, out); break;
	default: (void)text_copy(out, PEOPLE_NAME_MAX, pupil ? "a pupil" : "a member of staff");
	}
}

bool place_at_school(const struct policy *policy)
{
	const char *domain = policy_text(policy, POLICY_NETWORK_SCHOOL_DOMAIN);
	struct plat_place_on_net place;
	bool network = !policy_count(policy, POLICY_NETWORK_SCHOOL_NETWORKS);
	bool name = !*domain;
	struct err err;
	size_t i;

	if (network && name)
		return true;
	if (plat_place_on_net(&place, &err) < 0)
		return false; /* rather too little is told than too much */
	for (i = 0; i < place.address_count; i++)
		network |= policy_lists(policy, POLICY_NETWORK_SCHOOL_NETWORKS, place.addresses[i]);
	for (i = 0; i < place.domain_count; i++)
		name |= text_match(domain, place.domains[i]);
	return network && name;
}
