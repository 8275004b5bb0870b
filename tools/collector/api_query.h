/* A request's query: its parameters, decoded and checked.  What is wrong with one is the answer.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_API_QUERY_H
#define CARETAKER_COLLECTOR_API_QUERY_H

#include "tools/collector/api.h"

enum api_found { API_ABSENT, API_FOUND, API_MALFORMED };

enum api_found api_query_get(const char *query, const char *name, char *out, size_t out_size);
/* False when there is a parameter that 'names' (ended by NULL) does not hold: a misspelt filter
 * would otherwise show everything, looking like an answer. */
bool api_query_known(const char *query, const char *const names[], struct api_answer *answer);
/* Always false. */
bool api_query_bad(struct api_answer *answer, const char *name, const char *expected);
/* '*out' stays as it is when the parameter is absent; false: it is not as 'expected' says. */
bool api_query_word(const struct api_request *request, struct api_answer *answer, const char *name,
		    int (*parse)(const char *, int *), const char *expected, int *out);
bool api_query_number(const struct api_request *request, struct api_answer *answer,
		      const char *name, int64_t min, int64_t max, int64_t *out);

#endif
