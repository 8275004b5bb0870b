/* ClamAV as a product: what it is set up to do, and whether it does.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/clamav.h"

#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/antivirus.h"
#include "platform/linux/clamav_parts.h"
#include "platform/linux/clamd_conf.h"
#include "platform/linux/fact.h"
#include "platform/linux/look.h"

static void look_at_updater(struct plat_av_product *out)
{
	static const char *const units[] = {"clamav-freshclam.service",
					    "clamav-freshclam-once.timer",
					    "clamav-freshclam-daemon.service"};

	if (!fact_program("freshclam", NULL, 0)) {
		out->auto_update = PLAT_NO;
		return;
	}
	out->auto_update = PLAT_NO;
	if (fact_exists("/etc/cron.d/clamav-freshclam") || fact_process_runs("freshclam"))
		out->auto_update = PLAT_YES;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (look_unit_enabled(units[i]) && !look_unit_masked(units[i]))
			out->auto_update = PLAT_YES;
}

bool clamav_product(struct plat_av_product *out)
{
	struct clamd_conf conf;
	unsigned loaded = 0;
	int64_t loaded_at = 0;
	bool daemon = fact_program("clamd", NULL, 0);
	unsigned unread = fact_unread_count();
	struct err why;

	if (!daemon && !fact_program("clamscan", NULL, 0))
		return false;
	memset(out, 0, sizeof(*out));
	(void)text_copy(out->name, sizeof(out->name), "ClamAV");
	out->tried = true;
	clamd_conf_read(out, &conf);
	if (fact_unread(unread, &why) < 0) {
		/* What it leaves out, and where it is to be asked, is not known. */
		out->running = out->on_access = PLAT_CANNOT_TELL;
		(void)text_copy(out->detail, sizeof(out->detail), why.msg);
	} else if (daemon) {
		clamav_ask(&conf, out, &loaded, &loaded_at);
		/* clamonacc hands clamd what is opened; it ends by itself when it has no folder to
		 * watch. */
		out->on_access = out->running == PLAT_CANNOT_TELL ? PLAT_CANNOT_TELL
				 : out->running == PLAT_YES && fact_process_runs("clamonacc")
					 ? PLAT_YES
					 : PLAT_NO;
	} else {
		out->running = out->on_access = PLAT_NO;
		(void)text_copy(out->detail, sizeof(out->detail),
				"only clamscan is installed: it scans nothing by itself");
	}
	clamav_date_signatures(&conf, loaded, loaded_at, out);
	look_at_updater(out);
	out->last_scan_at = clamav_last_scan();
	return true;
}
