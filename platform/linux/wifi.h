/* Reading what network managers say of the Wi-Fi in use.  For platform/linux alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_WIFI_H
#define CARETAKER_PLATFORM_LINUX_WIFI_H

#include <stddef.h>

/* "nmcli -t -f IN-USE,SECURITY device wifi list" and "wpa_cli status": "wpa3" ... "open"; "" when
 * neither says. */
void wifi_read_nmcli(char *text, char *out, size_t size);
void wifi_read_wpa_status(char *text, char *out, size_t size);

#endif
