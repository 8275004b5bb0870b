/* Sentences for the safeguards: see reason_tables.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/reason_tables.h"

#include <stddef.h>

const struct reason reason_anti_virus[] = {
	{"none", "No anti-virus was found on this machine.",
	 "Install the school's anti-virus (ClamAV: 'apt install clamav-daemon clamav-freshclam')."},
	{"not-running", "{product} is installed but not running.",
	 "Start it and see that it starts by itself (ClamAV: 'systemctl enable --now "
	 "clamav-daemon')."},
	{"not-on-access", "{product} does not scan files as people open them.",
	 "Switch on-access scanning on (ClamAV: set OnAccessIncludePath and start clamonacc)."},
	{"signatures-old",
	 "The virus signatures of {product} are {signature_age_s:duration} old; the policy allows "
	 "{signature_max_s:duration}.",
	 "See why {product} does not update itself (ClamAV: 'systemctl status clamav-freshclam')."},
	{"signatures-missing", "{product} has no virus signatures.",
	 "Let it fetch them (ClamAV: 'systemctl restart clamav-freshclam')."},
	{"updater-off", "{product} does not fetch new signatures by itself.",
	 "Switch its updater on (ClamAV: 'systemctl enable --now clamav-freshclam')."},
	{"scan-old", "The last full scan was on {last_scan:date}.",
	 "Run a full scan, and plan one a week."},
	{"never-scanned", "This machine was never scanned as a whole.",
	 "Run a full scan, and plan one a week."},
	{"virus-found", "{product} found: {detections}.",
	 "Take the machine off the network, clean it, and find out where it came from."},
	{"excluded", "{product} leaves out folders that the policy does not allow: {excluded}.",
	 "Remove these exclusions from its settings."},
	{"container", "This is a container: what people open is scanned on its host.",
	 "Check the host."},
	{"other-product", "The policy asks for {product_wanted}; found: {product}.",
	 "Install {product_wanted}, or name {product} in the policy."},
	{"product-untried",
	 "{product} is there; Caretaker's reading of it was never tried on a "
	 "real one.",
	 "Check its state by hand, and report how it went."},
	{NULL, NULL, NULL},
};

const struct reason reason_updates[] = {
	{"current", "All security fixes are installed.", "Nothing to do."},
	{"pending",
	 "{pending_count} security {pending_count:fix waits,|fixes wait, the first} due by "
	 "{due_at:date}: {pending}.",
	 "Install what waits (Debian, Ubuntu: 'apt upgrade')."},
	{"overdue", "{overdue_count} security {overdue_count:fix is|fixes are} overdue: {overdue}.",
	 "Install what is overdue now (Debian, Ubuntu: 'apt upgrade')."},
	{"end-of-life", "{release} has had no security fixes since {ended:date}.",
	 "Move the machine to a release that does."},
	{"ends-soon", "{release} gets no security fixes after {ends:date}.",
	 "Plan the move to a newer release."},
	{"release-unknown", "How long this release of the system is looked after is not known.",
	 "Check when its support ends, or install the package distro-info-data."},
	{"not-automatic", "Security fixes are not installed by themselves: {automatic_by}.",
	 "Install and switch on unattended-upgrades ('dpkg-reconfigure -plow "
	 "unattended-upgrades')."},
	{"automatic-unknown",
	 "Whether security fixes are installed by themselves is not known: {automatic_by}.",
	 "Check by hand how this machine is updated."},
	{"automatic-fails", "Automatic updates last succeeded on {last_success:date}.",
	 "See /var/log/unattended-upgrades for why they fail."},
	{"automatic-never", "Automatic updates are set up but have never succeeded.",
	 "Run 'unattended-upgrade --debug' and see what it says."},
	{"lists-old", "The lists of packages are {lists_age_s:duration} old.",
	 "Fetch them (Debian, Ubuntu: 'apt update') and see why that does not happen by itself."},
	{"lists-missing", "This machine has no lists of packages, so missing fixes cannot be seen.",
	 "Fetch them (Debian, Ubuntu: 'apt update') and see why that does not happen by itself."},
	{"no-security-source", "No source of security fixes is set up.",
	 "Add the security archive of {release} to the package sources."},
	{"reboot-pending", "A restart has been needed since {reboot_since:date}: {reboot_why}.",
	 "Restart the machine."},
	{NULL, NULL, NULL},
};

const struct reason reason_disk_encryption[] = {
	{"plain", "Not encrypted: {plain}.",
	 "Save the data and set the disk up anew with encryption (LUKS), or name the place in the "
	 "policy."},
	{"swap-plain", "The swap space is not encrypted: {swap}.",
	 "Put swap on an encrypted disk, or use a random key for it in /etc/crypttab."},
	{"no-disks", "No file system that could hold data lies on a disk of this machine.",
	 "Nothing to do."},
	{"below-unknown", "What lies below {unknown} cannot be seen from here.",
	 "Check on the host that the disk is encrypted."},
	{"not-portable",
	 "This machine cannot be carried; the policy asks for encryption of those that can.",
	 "Nothing to do."},
	{NULL, NULL, NULL},
};

const struct reason reason_firewall[] = {
	{"none", "No firewall is on: nothing filters what comes in.",
	 "Switch one on (Debian, Ubuntu: 'apt install ufw' and 'ufw enable')."},
	{"accepts-all", "The firewall {product} is on but lets everything in.",
	 "Set its default for incoming connections to deny."},
	{"not-at-boot", "The firewall {product} is on now but not after a restart.",
	 "Switch it on for good: 'systemctl enable {product}'."},
	{"ipv6-open", "IPv6 is in use and nothing filters what comes in over it.",
	 "Let the firewall cover IPv6 too (ufw: IPV6=yes in /etc/default/ufw; nftables: a table of "
	 "family inet)."},
	{"boot-not-known",
	 "The firewall filters now; what puts its rules back after a restart is not known.",
	 "Keep the rules with ufw, firewalld or nftables.service, or look after a restart."},
	{"host-decides", "This is a container ({container}): its host decides what comes in.",
	 "Check the firewall of the host."},
	{NULL, NULL, NULL},
};

const struct reason reason_tamper[] = {
	{"file-changed", "Caretaker's own files were changed: {changed}.",
	 "Install the package anew ('apt install --reinstall caretaker') and find out who did it."},
	{"unit-stopped", "Caretaker's service was stopped or switched off: {units}.",
	 "Switch it on: 'systemctl enable --now caretakerd'."},
	{"clock-back", "The clock went back by {back_s:duration}.",
	 "See that the time is set by itself (NTP) and that the battery of the clock is good."},
	{"safeguard-stopped", "Safeguards were stopped: {stopped}.",
	 "Start them again and find out who stopped them."},
	{"started-with-usb-off",
	 "The machine was started with '{started_with}': the gate for USB storage is open.",
	 "Restart it without that word, and find out who added it to the boot loader."},
	{NULL, NULL, NULL},
};

const struct reason reason_backup[] = {
	{"old", "Too long since the last backup: {late}.", "See why the backup does not run."},
	{"off-site-old", "Too long since the last copy off site: {off_site_late}.",
	 "See why the copy off site does not run."},
	{"never", "There is no sign that this backup ever ran: {missing}.",
	 "Set the backup up, or correct the file or unit that the policy names."},
	{"failed", "The backup's last run failed: {failed}.",
	 "See why: 'journalctl -u' with the name of the service."},
	{"plain", "The backup lies on a disk that is not encrypted: {plain}.",
	 "Move it to an encrypted disk."},
	{"sync-missing", "The sync client is missing or not running: {sync_missing}.",
	 "Start it and sign in, so that files are kept on the school's storage."},
	{"sync-unhealthy", "The sync client has not been in step for too long: {sync_late}.",
	 "Open it and see what it waits for."},
	{"not-asked", "The policy names no backup to look at.",
	 "Nothing to do; name a file, a unit or a sync client in [backup] when there is one."},
	{NULL, NULL, NULL},
};

const struct reason reason_filtering[] = {
	{"client-missing", "The school's filter client is not installed: {missing}.",
	 "Install it."},
	{"client-stopped", "The school's filter client is not running: {stopped}.",
	 "Start it and see that it starts by itself."},
	{"certificate-missing", "The filter's certificate is not trusted on this machine.",
	 "Install the school's CA certificate (Debian, Ubuntu: 'update-ca-certificates')."},
	{"extension-missing", "The filter's extension is not forced in {browsers}.",
	 "Add it to the browser's policy."},
	{"proxy-missing", "The filter's proxy is not set.", "Set the proxy to {proxy_wanted}."},
	{"open-wifi", "The Wi-Fi in use is not secured.",
	 "Use the school's secured Wi-Fi and forget the open one."},
	{"weak-wifi",
	 "The Wi-Fi in use is secured by {wifi} only; the policy asks for {wifi_minimum}.",
	 "Set the access points to {wifi_minimum} or better."},
	{"not-asked", "The policy names no filter to look at.",
	 "Nothing to do; name the filter in [filtering] when there is one."},
	{NULL, NULL, NULL},
};
