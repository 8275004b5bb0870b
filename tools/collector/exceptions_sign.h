/* The signed list of exceptions that each device is given: made anew whenever something that
 * concerns it changes, and for all when the online key does.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_EXCEPTIONS_SIGN_H
#define CARETAKER_COLLECTOR_EXCEPTIONS_SIGN_H

#include <stdint.h>

struct err;
struct identity;
struct store;
struct store_exceptions;
struct store_exception_target;
struct store_device_filter;

/* Signs the list of every active device of the filter; '*out_count' says how many.  A list without
 * exceptions is signed too when the device has had one. */
int exceptions_sign(struct store *store, const struct identity *identity,
		    const struct store_device_filter *filter, int64_t now, int64_t *out_count,
		    struct err *err);

/* Likewise for one device, by UUID: after it came, moved or was adopted. */
int exceptions_sign_device(struct store *store, const struct identity *identity, const char *uuid,
			   int64_t now, struct err *err);
/* Signs the list of one device; the caller stores it and frees '*out_list.jws', which is NULL when
 * there is nothing to say: it never had a list and has no exception. */
int exceptions_sign_one(struct store *store, const struct identity *identity,
			const struct store_exception_target *target, int64_t now,
			struct store_exceptions *out_list, struct err *err);

/* A list that ends within so many days is made anew. */
#define EXCEPTIONS_RENEW_DAYS 60

#endif
