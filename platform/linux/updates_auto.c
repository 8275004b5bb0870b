/* "Really configured" means the whole path: the package, apt's periodic settings, an origin that
 * brings security fixes, and a timer or cron job that starts it.  Each alone is found on machines
 * that never update.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/updates_auto.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/compiler.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/apt.h"
#include "platform/linux/dpkg.h"
#include "platform/linux/fact.h"
#include "platform/linux/look.h"
#include "platform/updates.h"

static void say(struct plat_updates *out, enum plat_answer answer, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

static void say(struct plat_updates *out, enum plat_answer answer, const char *fmt, ...)
{
	va_list args;

	out->automatic = answer;
	va_start(args, fmt);
	(void)vsnprintf(out->automatic_detail, sizeof(out->automatic_detail), fmt, args);
	va_end(args);
}

struct origins {
	bool security, any;
};

static void is_security_origin(void *ctx, const char *value)
{
	struct origins *origins = ctx;

	/* "origin=Debian,codename=${distro_codename},label=Debian-Security",
	 * "${distro_id}:${distro_codename}-security", "origin=*" */
	origins->any = true;
	if (text_match("*security*", value) || !strcmp(value, "*:*") || !strcmp(value, "origin=*"))
		origins->security = true;
}

static bool periodic_on(const char *config, const char *name, const char *unset)
{
	char value[32];

	if (!apt_config(config, name, value, sizeof(value)))
		(void)text_copy(value, sizeof(value), unset);
	return *value && strcmp(value, "0") != 0;
}

/* True when nothing is wrong; else says what. */
static bool settings_ok(const char *config, struct plat_updates *out)
{
	struct origins origins = {0};

	if (!periodic_on(config, "APT::Periodic::Enable", "1")) {
		say(out, PLAT_NO, "APT::Periodic::Enable is 0");
		return false;
	}
	if (!periodic_on(config, "APT::Periodic::Update-Package-Lists", "0")) {
		say(out, PLAT_NO, "APT::Periodic::Update-Package-Lists is 0");
		return false;
	}
	if (!periodic_on(config, "APT::Periodic::Unattended-Upgrade", "0")) {
		say(out, PLAT_NO, "APT::Periodic::Unattended-Upgrade is 0");
		return false;
	}
	apt_config_list(config, "Unattended-Upgrade::Origins-Pattern::", is_security_origin,
			&origins);
	apt_config_list(config, "Unattended-Upgrade::Allowed-Origins::", is_security_origin,
			&origins);
	if (!origins.security) {
		say(out, PLAT_NO, "unattended-upgrades is set up for %s",
		    origins.any ? "other archives than the security archive" : "no archive");
		return false;
	}
	return true;
}

static void look_at_start(struct plat_updates *out)
{
	static const char *const timers[] = {"apt-daily.timer", "apt-daily-upgrade.timer"};

	if (!look_has_systemd()) {
		if (fact_exists("/etc/cron.daily/apt-compat") && fact_program("cron", NULL, 0))
			say(out, PLAT_YES, "unattended-upgrades, started by cron");
		else
			say(out, PLAT_NO,
			    "nothing starts unattended-upgrades: there is no "
			    "systemd and no cron");
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		if (look_unit_masked(timers[i])) {
			say(out, PLAT_NO, "%s is masked", timers[i]);
			return;
		}
		if (!look_unit_enabled(timers[i])) {
			say(out, PLAT_NO, "%s is not enabled", timers[i]);
			return;
		}
	}
	say(out, PLAT_YES, "unattended-upgrades, started by apt-daily-upgrade.timer");
}

void updates_auto_apt(struct plat_updates *out)
{
	static const char *const argv[] = {"apt-config", "dump", NULL};
	struct dpkg_package package;
	struct buf config;
	struct err err;

	/* apt writes this stamp only after a run that succeeded. */
	out->automatic_at = look_stamp("/var/lib/apt/periodic", "upgrade-stamp");
	if (dpkg_find("unattended-upgrades", &package, &err) < 0) {
		say(out, err.code == ERR_NOTFOUND ? PLAT_NO : PLAT_CANNOT_TELL, "%s", err.msg);
		return;
	}
	buf_init(&config, 0);
	if (apt_run(argv, 30, &config, &err) < 0)
		say(out, PLAT_CANNOT_TELL, "%s", err.msg);
	else if (settings_ok(buf_text(&config), out))
		look_at_start(out);
	buf_clear(&config);
}

void updates_auto_rpm(struct plat_updates *out)
{
	static const char *const timers[] = {"dnf-automatic.timer", "dnf-automatic-install.timer",
					     "dnf5-automatic.timer"};
	char value[16];

	if (!strcmp(out->manager, "zypper")) {
		if (look_unit_enabled("transactional-update.timer"))
			say(out, PLAT_YES, "transactional-update.timer");
		else
			say(out, PLAT_CANNOT_TELL,
			    "this agent knows no way in which zypper "
			    "updates by itself here");
		return;
	}
	for (size_t i = 0; i < sizeof(timers) / sizeof(*timers); i++) {
		if (!look_unit_enabled(timers[i]) || look_unit_masked(timers[i]))
			continue;
		if (i == 1 ||
		    (fact_setting("/etc/dnf/automatic.conf", "commands", "apply_updates", value,
				  sizeof(value)) &&
		     (!strcmp(value, "yes") || !strcmp(value, "true") || !strcmp(value, "1")))) {
			say(out, PLAT_YES, "%s", timers[i]);
			return;
		}
		say(out, PLAT_NO, "%s only downloads: apply_updates is not 'yes'", timers[i]);
		return;
	}
	say(out, PLAT_NO, "dnf-automatic is not enabled");
}
