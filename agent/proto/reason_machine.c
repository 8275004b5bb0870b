/* Sentences for controls about hardware, software and the network: see reason_tables.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/reason_tables.h"

#include <stddef.h>

const struct reason reason_removable_storage[] = {
	{"gate-off",
	 "Storage is to be refused, but the gate is not shut: {gate}. What is plugged in works.",
	 "See why caretakerd does not do it: 'systemctl status caretakerd', then plug anew."},
	{"gate-late",
	 "Storage is refused only after the kernel has seen it: the gate is not shut beforehand.",
	 "See what keeps it from that: 'journalctl -u caretaker-gate', then restart."},
	{"let-by", "Storage that nobody approved can be used: {devices}.",
	 "Take it away, and see why the gate did not refuse it: 'journalctl -u caretakerd'."},
	{"bluetooth", "Files can be sent over Bluetooth, as onto a stick: by {program}.",
	 "Remove bluez-obexd, or see who set its mode: 'dpkg-statoverride --list', "
	 "'journalctl -u caretaker-gate'."},
	{"no-scanner", "Media are scanned before they open, and no ClamAV answers: they stay shut.",
	 "Install clamav-daemon, or see why it does not run: 'systemctl status clamav-daemon'."},
	{"too-small",
	 "Media are scanned before they open, and {memory_mib} MiB of memory are too little for "
	 "ClamAV, which needs 3 GiB: they stay shut.",
	 "Scan them on another machine, and give such machines a policy with scan = no that takes "
	 "approved media only."},
	{"not-approved", "Storage that the policy does not allow is connected: {devices}.",
	 "Take it away, or approve it at the collector before this control is enforced."},
	{"would-refuse",
	 "{count} {count:connection|connections} of storage would have been refused since "
	 "{since:date}.",
	 "Look at who needs them before you set this control to enforce."},
	{"not-watched", "What is plugged in is not watched: caretakerd does not run.",
	 "Start it: 'systemctl enable --now caretakerd'."},
	{"no-hardware", "This is a container ({container}): its hardware is the host's.",
	 "Nothing to do."},
	{NULL, NULL, NULL},
};

const struct reason reason_hardware[] = {
	{"not-approved", "Hardware that the policy does not allow is connected: {devices}.",
	 "Take it away, or allow its class in the policy."},
	{"battery-worn", "The battery holds {battery_percent} % of what it did when new.",
	 "Plan for a new battery."},
	{"no-serial", "The firmware names no serial number that identifies this machine.",
	 "Note the number on the case in the asset register."},
	{"new-device", "Hardware was plugged in that nobody approved: {devices}.",
	 "Take it away, or add it to approved_devices in the policy."},
	{"no-hardware", "This is a container ({container}): its hardware is the host's.",
	 "Nothing to do."},
	{NULL, NULL, NULL},
};

const struct reason reason_software[] = {
	{"banned", "Software that the policy forbids is installed: {banned}.",
	 "Remove it, and find out why it was wanted."},
	{"not-approved", "Software that no known source offers is installed: {not_approved}.",
	 "Remove it, or approve it in the policy."},
	{"foreign-source", "Software comes from sources that the policy does not name: {sources}.",
	 "Remove the source, or name it in the policy."},
	{"in-home", "Programs lie in people's home folders: {in_home}.",
	 "Remove them, and install what is needed for everyone."},
	{NULL, NULL, NULL},
};

const struct reason reason_configuration[] = {
	{"package-missing", "Required packages are missing: {missing}.",
	 "Install them: 'apt install' with these names."},
	{"unit-stopped", "Required services are not running: {stopped}.",
	 "Start them: 'systemctl enable --now' with these names."},
	{"file-changed", "Files are not as the policy has them: {changed}.",
	 "Put the school's version back, or update the policy if the change was meant."},
	{"file-missing", "Files that the policy names are missing: {missing_files}.",
	 "Put them back."},
	{"browser-policy", "The browser's policy is not the school's: {browsers}.",
	 "Put the school's policy file back for {browsers}."},
	{"nothing-required", "The policy requires no package, file or browser policy.",
	 "Nothing to do; name some in [configuration] when there are."},
	{NULL, NULL, NULL},
};

const struct reason reason_services[] = {
	{"listening", "Programs listen on ports that the policy does not allow: {extra}.",
	 "Stop and disable each service, or allow its port in the policy."},
	{NULL, NULL, NULL},
};

const struct reason reason_network[] = {
	{"proxy", "A proxy is set that the policy does not name: {proxies}.",
	 "Remove the setting, or name the proxy in the policy."},
	{"no-proxy", "The school's proxy is not set.", "Set the proxy to {proxy_wanted}."},
	{"dns", "Names are looked up at servers that the policy does not name: {dns_extra}.",
	 "Set the school's DNS servers, or name these in the policy."},
	{"dns-over-https", "{browsers} may look names up past the school's DNS (DNS over HTTPS).",
	 "Switch it off by the browser's policy."},
	{"vpn", "A VPN is set up that the policy does not allow: {vpns}.",
	 "Remove it, or name it in the policy."},
	{"tethering", "The machine goes online through a phone: {interfaces}.",
	 "Disconnect the phone and use the school's network."},
	{"hotspot", "The machine offers a hotspot: {interfaces}.", "Switch the hotspot off."},
	{"bypass-program", "Programs made to get past the filter are there: {bypass}.",
	 "Remove them, and find out why they were wanted."},
	{NULL, NULL, NULL},
};

const struct reason reason_remote_access[] = {
	{"not-allowed", "Remote access that the policy does not allow is running: {running}.",
	 "Stop and remove it, or allow it in the policy."},
	{"installed", "Remote access that the policy does not allow is installed: {installed}.",
	 "Remove it, or allow it in the policy."},
	{"root-login", "Remote log-in as 'root' is possible.",
	 "Set 'PermitRootLogin no' in /etc/ssh/sshd_config."},
	{"password-login", "Remote log-in takes a password alone.",
	 "Set 'PasswordAuthentication no' in /etc/ssh/sshd_config and use keys."},
	{NULL, NULL, NULL},
};
