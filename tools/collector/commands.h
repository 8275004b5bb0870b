/* Every command of caretaker-collector; the table is in main.c.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_COMMANDS_H
#define CARETAKER_COLLECTOR_COMMANDS_H

struct options;

int cmd_init(const struct options *options);
int cmd_kit(const struct options *options);
int cmd_serve(const struct options *options);

int cmd_school_add(const struct options *options);
int cmd_school_list(const struct options *options);
int cmd_school_export(const struct options *options);
int cmd_school_import(const struct options *options);
int cmd_school_handover(const struct options *options);
int cmd_group_add(const struct options *options);
int cmd_group_list(const struct options *options);
int cmd_room_add(const struct options *options);
int cmd_room_rules(const struct options *options);
int cmd_room_import(const struct options *options);
int cmd_room_list(const struct options *options);

int cmd_code_new(const struct options *options);
int cmd_code_list(const struct options *options);
int cmd_code_revoke(const struct options *options);
int cmd_preregister(const struct options *options);
int cmd_waiting_list(const struct options *options);
int cmd_waiting_accept(const struct options *options);
int cmd_waiting_refuse(const struct options *options);
int cmd_adopt_list(const struct options *options);
int cmd_adopt_accept(const struct options *options);

int cmd_devices(const struct options *options);
int cmd_device(const struct options *options);
int cmd_device_revoke(const struct options *options);
int cmd_device_retire(const struct options *options);
int cmd_device_move(const struct options *options);
int cmd_device_erase(const struct options *options);
int cmd_inventory(const struct options *options);
int cmd_rollup(const struct options *options);
int cmd_worklist(const struct options *options);
int cmd_export(const struct options *options);

int cmd_policy_lint(const struct options *options);
int cmd_policy_sign(const struct options *options);
int cmd_policy_publish(const struct options *options);
int cmd_policy_diff(const struct options *options);
int cmd_policy_list(const struct options *options);
int cmd_policy_show(const struct options *options);

int cmd_exceptions_add(const struct options *options);
int cmd_exceptions_list(const struct options *options);
int cmd_requests_list(const struct options *options);
int cmd_requests_approve(const struct options *options);
int cmd_requests_refuse(const struct options *options);
int cmd_requests_code(const struct options *options);
int cmd_requests_codes(const struct options *options);
int cmd_exceptions_sign(const struct options *options);
int cmd_exceptions_end(const struct options *options);

int cmd_keys_list(const struct options *options);
int cmd_keys_show(const struct options *options);
int cmd_keys_rotate_online(const struct options *options);
int cmd_keys_rotate_policy(const struct options *options);
int cmd_keys_sign(const struct options *options);
int cmd_keys_publish(const struct options *options);
int cmd_keys_renew_server(const struct options *options);

int cmd_token_new(const struct options *options);
int cmd_token_list(const struct options *options);
int cmd_token_revoke(const struct options *options);

/* What 'device --inventory' prints: an exit code. */
struct admin;
struct store_device;
/* What 'export --evidence' writes, likewise. */
int evidence_write(struct admin *admin, const struct store_device *device, const char *dir);
int inventory_print(struct admin *admin, const struct store_device *device);

int cmd_backup(const struct options *options);
int cmd_restore(const struct options *options);
int cmd_check(const struct options *options);
int cmd_audit(const struct options *options);

#endif
