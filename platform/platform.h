/* Everything the agent may ask of the operating system, by subject.
 *
 * platform/linux, platform/windows and platform/fake each implement every function; the Makefile
 * links exactly one.  Each answers one complete question in portable types.  A question this
 * machine cannot answer is ERR_UNSUPPORTED, which a control reports as "unknown" with why.
 * A fact's struct is filled whole or not at all; lists are heap memory that the fact's _clear
 * frees. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_PLATFORM_H
#define CARETAKER_PLATFORM_PLATFORM_H

#include "platform/os.h"        /* files, processes, clocks */
#include "platform/antivirus.h" /* products, signatures, scans, detections */
#include "platform/updates.h"   /* pending fixes, end of life, reboot */
#include "platform/software.h"  /* packages and programs installed */
#include "platform/safeguards.h" /* filter and monitor clients, backups, sync clients, files by hash */
#include "platform/disks.h"      /* file systems, encryption, swap */
#include "platform/firewall.h"
#include "platform/accounts.h" /* accounts, log-ins, passwords, screen lock */
#include "platform/network.h"  /* listening sockets, proxies, DNS, VPN, Wi-Fi, remote access */
#include "platform/hardware.h" /* what the machine is */
#include "platform/system.h"   /* being a service: name, manager, devices that come and go */
#include "platform/services.h" /* services and running programs */

#endif
