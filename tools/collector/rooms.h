/* Which room a new device stands in, by the pattern of its name or its subnet.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_ROOMS_H
#define CARETAKER_COLLECTOR_ROOMS_H

#include <stdbool.h>

struct err;

/* 'patterns': "ICT1-*, LIB-?"; 'subnets': "10.1.2.0/24, 2001:db8::/64". */
bool rooms_match(const char *patterns, const char *subnets, const char *device_name,
		 const char *address);
/* For what a person types: "'10.1.2.0/33' is no subnet: write 10.1.2.0/24". */
int rooms_check_subnets(const char *subnets, struct err *err);

#endif
