/* What the handlers of the people's API share: who asks, for which school, and what went wrong.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_API_PARTS_H
#define CARETAKER_COLLECTOR_API_PARTS_H

#include <stdbool.h>

#include "tools/collector/api.h"
#include "tools/collector/store_desk.h"

struct err;

/* The store could not be read: 503. */
void api_fail(struct api_answer *answer, const struct err *err);
/* False: the answer says that a token is needed, or that this one sees no 'devices'. */
bool api_authorised(const struct api_request *request, struct api_answer *answer, bool devices,
		    struct store_token *token);
/* The school that was asked for, as far as the token sees; '*out_any': all of them. */
bool api_scope(const struct api_request *request, struct api_answer *answer,
	       const struct store_token *token, struct store_school *out, bool *out_any);

/* api_requests.c */
void api_get_requests(const struct api_request *request, struct api_answer *answer);

#endif
