/* The parts that plat_accounts() and plat_password_rules() are put together from.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_ACCOUNTS_PARTS_H
#define CARETAKER_PLATFORM_LINUX_ACCOUNTS_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/accounts.h"

struct account_ids {
	int64_t uid, gid;
};

/* accounts.c */
struct plat_account *account_named(struct plat_accounts *accounts, const char *name);
void account_make_admin(struct plat_account *account, const char *by, bool unasked);
void account_each_member(struct plat_accounts *accounts, const struct account_ids *ids,
			 const char *group, void (*each)(struct plat_account *account, void *ctx),
			 void *ctx);

/* sudoers.c: whom sudo lets do everything. */
void sudoers_apply(struct plat_accounts *accounts, const struct account_ids *ids);

/* logins.c: automatic log-ins and guest sessions of what is installed.  False: out of memory. */
bool logins_find(struct plat_accounts *accounts);

/* passwords.c */
bool login_defs(const char *key, char *out, size_t size);
/* "sssd" or "winbind" where accounts come from a directory; "". */
void domain_of(char *out, size_t size);

#endif
