/* GET /api/v1/requests: who waits for an approval, and what was answered.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/api_parts.h"

#include "agent/base/err.h"
#include "agent/base/jsonw.h"
#include "tools/collector/api_query.h"
#include "tools/collector/requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int state_word(const char *word, int *out)
{
	for (int i = REQUEST_OPEN; i <= REQUEST_REFUSED; i++) {
		if (strcmp(word, request_state_name((enum request_state)i)) == 0) {
			*out = i;
			return 0;
		}
	}
	return -1;
}

static void write_request(struct jsonw *w, const struct request *r)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "reference", r->reference);
	jsonw_time(w, "at", r->at);
	jsonw_string(w, "device", r->uuid);
	jsonw_string(w, "name", r->device_name);
	jsonw_string(w, "school", r->school_name);
	jsonw_string(w, "what", r->what);
	jsonw_string(w, "kind", r->kind);
	jsonw_string(w, "maker", r->maker);
	jsonw_string(w, "model", r->model);
	jsonw_string(w, "why", r->why);
	jsonw_string(w, "user", r->user);
	jsonw_string(w, "reason", r->reason);
	jsonw_string(w, "state", request_state_name(r->state));
	jsonw_time(w, "answered_at", r->answered_at);
	jsonw_string(w, "exception", r->exception[0] ? r->exception : NULL);
	jsonw_object_end(w);
}

void api_get_requests(const struct api_request *request, struct api_answer *answer)
{
	static const char *const names[] = {"school", "state", NULL};
	struct request *requests = NULL;
	struct store_school school = {0};
	struct store_token token;
	unsigned shown = 0;
	size_t count = 0;
	int state = -1;
	struct jsonw w;
	struct err err;
	bool any;

	if (!api_authorised(request, answer, true, &token) ||
	    !api_query_known(request->query, names, answer) ||
	    !api_scope(request, answer, &token, &school, &any) ||
	    !api_query_word(request, answer, "state", state_word, "open, approved or refused",
			    &state))
		return;
	if (requests_load(request->store, request->now, &requests, &count, &err)) {
		api_fail(answer, &err);
		return;
	}
	jsonw_init(&w, &answer->body);
	jsonw_object(&w, NULL);
	jsonw_array(&w, "requests");
	for (size_t i = 0; i < count; i++) {
		if ((!any && requests[i].school != school.id) ||
		    (state >= 0 && (int)requests[i].state != state))
			continue;
		write_request(&w, &requests[i]);
		shown++;
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	buf_addc(&answer->body, '\n');
	free(requests);
	snprintf(answer->audit_action, sizeof(answer->audit_action), "look at requests");
	snprintf(answer->audit_object, sizeof(answer->audit_object), "%s",
		 any ? "all schools" : school.name);
	snprintf(answer->audit_detail, sizeof(answer->audit_detail), "{\"requests\":%u}", shown);
}
