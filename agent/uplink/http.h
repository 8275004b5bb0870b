/* One HTTPS POST, for the uplink (http_curl.c is the one place with libcurl).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_UPLINK_HTTP_H
#define CARETAKER_UPLINK_HTTP_H

#include "agent/proto/uplink.h"

struct buf;

/* Always answers: what went wrong is in '*out', in words for a technician.  The answer's body lies
 * in 'body', which the caller initialised with UPLINK_MAX_BODY and clears. */
void http_post(const struct uplink_request *request, struct buf *body, struct uplink_answer *out);

#endif
