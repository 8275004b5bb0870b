/* Every control, in the order of enum control_id.  What is not listed here this agent does not
 * check: the collector shows it as "cannot tell", never as passed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/controls/table.h"

#include <stddef.h>

const struct control *const control_table[] = {
	&control_screen_lock,     &control_accounts,
	&control_password_policy, &control_removable_storage,
	&control_hardware,        &control_software,
	&control_configuration,   &control_services,
	&control_network,         &control_remote_access,
	&control_anti_virus,      &control_updates,
	&control_disk_encryption, &control_firewall,
	&control_tamper,          &control_backup,
	&control_filtering,       NULL,
};
