/* What systemd itself says of a unit.  For services.c alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_SERVICES_BUS_H
#define CARETAKER_PLATFORM_LINUX_SERVICES_BUS_H

#include "platform/services.h"

/* PLAT_SERVICE_UNKNOWN when systemd does not answer. */
enum plat_service_run bus_unit_run(const char *unit);

#endif
