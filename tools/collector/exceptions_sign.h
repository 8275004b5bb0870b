/* The signed list of exceptions that each device is given: made anew whenever something that
 * concerns it changes, and for all when the online key does.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_EXCEPTIONS_SIGN_H
#define CARETAKER_COLLECTOR_EXCEPTIONS_SIGN_H

#include <stdint.h>

struct err;
struct identity;
struct store;
struct store_device_filter;

/* Signs the list of every active device of the filter; '*out_count' says how many.  A list without
 * exceptions is signed too when the device has had one. */
int exceptions_sign(struct store *store, const struct identity *identity,
		    const struct store_device_filter *filter, int64_t now, int64_t *out_count,
		    struct err *err);

#endif
