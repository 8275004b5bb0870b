/* Are the drives that may hold personal data encrypted?  (Clauses 15, 27.)
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/controls/people.h"
#include "agent/controls/table.h"
#include "agent/policy/policy.h"
#include "platform/disks.h"
#include "platform/hardware.h"

enum { MACHINES_ALL, MACHINES_PORTABLE }; /* as in schema.def */

struct found {
	struct names plain, swap, unknown;
	size_t encrypted;
};

static bool can_be_carried(void)
{
	struct plat_hardware hardware;
	struct err err;
	bool carried;

	if (plat_hardware(&hardware, &err) < 0)
		return true; /* not known: as if it could */
	carried = hardware.battery.present || !strcmp(hardware.form, "laptop") ||
		  !strcmp(hardware.form, "convertible") || !strcmp(hardware.form, "tablet");
	plat_hardware_clear(&hardware);
	return carried;
}

static bool matters(const struct policy *policy, const struct plat_volume *volume)
{
	if (volume->role == PLAT_VOLUME_SWAP)
		return policy_flag(policy, POLICY_DISK_ENCRYPTION_SWAP_REQUIRED);
	if (volume->removable && volume->role != PLAT_VOLUME_SYSTEM &&
	    !policy_flag(policy, POLICY_DISK_ENCRYPTION_REMOVABLE_REQUIRED))
		return false;
	return !policy_lists(policy, POLICY_DISK_ENCRYPTION_LEFT_OUT, volume->place);
}

static const char *encryption_word(const struct plat_volume *volume)
{
	switch (volume->encryption) {
	case PLAT_ENCRYPTED: return volume->how;
	case PLAT_NULL_CIPHER: return "null cipher";
	case PLAT_ENCRYPTION_UNKNOWN: return "unknown";
	case PLAT_PLAIN: break;
	}
	return "none";
}

static void write_volume(struct jsonw *w, const struct plat_volume *volume, bool counts)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "name", volume->place);
	if (volume->device[0])
		jsonw_string(w, "device", volume->device);
	jsonw_string(w, "type", volume->type);
	jsonw_string(w, "encryption", encryption_word(volume));
	if (!counts)
		jsonw_bool(w, "left_out", true);
	if (volume->note[0])
		jsonw_string(w, "note", volume->note);
	jsonw_object_end(w);
}

static bool excepted(const struct control_input *input, struct control_result *result,
		     const struct plat_volume *volume)
{
	const char *shown = volume->role == PLAT_VOLUME_SWAP ? volume->device : volume->place;

	if (volume->encryption == PLAT_ENCRYPTED)
		return false;
	return (volume->place[0] && control_excepts(input, result, volume->place, shown)) ||
	       (volume->device[0] && control_excepts(input, result, volume->device, shown));
}

static void judge(const struct plat_volume *volume, struct found *found)
{
	switch (volume->encryption) {
	case PLAT_ENCRYPTED: found->encrypted++; break;
	case PLAT_ENCRYPTION_UNKNOWN: names_add(&found->unknown, volume->place); break;
	case PLAT_NULL_CIPHER:
	case PLAT_PLAIN:
		if (volume->role == PLAT_VOLUME_SWAP)
			names_add(&found->swap, volume->device);
		else
			names_add(&found->plain, volume->place);
	}
}

/* In a container the few real devices are the host's, mounted for single files. */
static bool lies_on_a_host(const struct plat_disks *disks)
{
	size_t i;

	for (i = 0; i < disks->count; i++)
		if (disks->volumes[i].role == PLAT_VOLUME_SYSTEM &&
		    !strcmp(disks->volumes[i].type, "overlay"))
			return true;
	return false;
}

static void say(const struct found *found, size_t counted, struct control_result *result)
{
	if (found->plain.count)
		control_say(result, VERDICT_FAIL, "plain");
	if (found->swap.count)
		control_say(result, VERDICT_FAIL, "swap-plain");
	if (found->unknown.count)
		control_say(result, VERDICT_UNKNOWN, "below-unknown");
	if (counted)
		control_say(result, VERDICT_PASS, "ok");
	else
		control_say(result, VERDICT_NOT_APPLICABLE, "no-disks");
}

static int run(const struct control_input *input, struct jsonw *evidence,
	       struct control_result *result, struct err *err)
{
	const struct policy *policy = input->policy;
	struct found found = {0};
	struct plat_disks disks;
	size_t i, counted = 0;
	bool host, counts;

	if (policy_choice(policy, POLICY_DISK_ENCRYPTION_MACHINES) == MACHINES_PORTABLE &&
	    !can_be_carried()) {
		control_say(result, VERDICT_NOT_APPLICABLE, "not-portable");
		return 0;
	}
	if (plat_disks(&disks, err) < 0)
		return -1;
	host = lies_on_a_host(&disks);
	jsonw_array(evidence, "volumes");
	for (i = 0; i < disks.count; i++) {
		if (host && disks.volumes[i].role != PLAT_VOLUME_SYSTEM)
			continue;
		counts = matters(policy, &disks.volumes[i]);
		write_volume(evidence, &disks.volumes[i], counts);
		if (!counts)
			continue;
		counted++;
		if (!excepted(input, result, &disks.volumes[i]))
			judge(&disks.volumes[i], &found);
	}
	jsonw_array_end(evidence);
	plat_disks_clear(&disks);
	names_write(&found.plain, evidence, "plain");
	names_write(&found.swap, evidence, "swap");
	names_write(&found.unknown, evidence, "unknown");
	say(&found, counted, result);
	return 0;
}

const struct control control_disk_encryption = {.id = CONTROL_DISK_ENCRYPTION, .run = run};
