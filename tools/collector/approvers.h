/* May this role grant an exception there?  [exceptions] approvers and office_max_days of every
 * policy that is to hold where the exception is to.  The office opens removable storage scanned and
 * read-only alone.
 *
 * The command line knows no log-ins: whoever may run it acts for themselves, as 'admin', or says
 * for whom by --role.  Where no policy names approvers, nobody is left out.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_APPROVERS_H
#define CARETAKER_COLLECTOR_APPROVERS_H

#include <stdint.h>

struct admin;
struct options;
struct store_device_filter;
struct store_exception;

/* For an exception whose 'control', 'what', 'until' and 'approved' are set, at the devices of
 * 'filter'; writes the role that was said behind the name of who approved.  -1 after a complaint.
 */
int approvers_check(struct admin *admin, const struct options *options,
		    const struct store_device_filter *filter, struct store_exception *row);

#endif
