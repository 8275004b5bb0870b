/* The controls by name; each lives in the file called after it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CONTROLS_TABLE_H
#define CARETAKER_CONTROLS_TABLE_H

#include "agent/controls/control.h"

extern const struct control control_screen_lock;
extern const struct control control_accounts;
extern const struct control control_password_policy;
extern const struct control control_removable_storage;
extern const struct control control_hardware;
extern const struct control control_software;
extern const struct control control_configuration;
extern const struct control control_services;
extern const struct control control_network;
extern const struct control control_remote_access;
extern const struct control control_anti_virus;
extern const struct control control_updates;
extern const struct control control_disk_encryption;
extern const struct control control_firewall;
extern const struct control control_tamper;
extern const struct control control_backup;
extern const struct control control_filtering;

#endif
