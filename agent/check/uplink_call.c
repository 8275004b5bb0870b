/* See uplink_call.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/uplink_call.h"

#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/text.h"
#include "agent/check/config.h"
#include "agent/check/places.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

#define SPARE_MS 10000 /* for starting the uplink, beyond the network's own time */

static bool trusts_system(const struct config *config, const struct uplink_call *call)
{
	if (config->trust == CONFIG_TRUST_CODE)
		return call->trust_system;
	return config->trust == CONFIG_TRUST_SYSTEM;
}

int uplink_call(const struct places *places, const struct config *config,
		const struct uplink_call *call, struct buf *frame, struct uplink_answer *out,
		struct err *err)
{
	struct uplink_request request = {.timeout_ms = config->timeout_s * 1000};
	char socket[PLACES_PATH], program[PLACES_PATH];
	const char *host = config->collector[0] ? config->collector : call->host;
	struct buf bytes;
	int ret = -1;

	snprintf(request.url, sizeof(request.url), "https://%s%s", host, call->path);
	(void)text_copy(request.proxy, sizeof(request.proxy), config->proxy);
	request.trust_system = trusts_system(config, call);
	request.pin_count = call->pin_count;
	for (unsigned i = 0; i < call->pin_count && i < UPLINK_MAX_PINS; i++)
		memcpy(request.pins[i], call->pins[i], sizeof(request.pins[i]));
	request.body = call->body;
	request.body_len = call->body_len;

	places_path(places->run, "uplink.sock", socket);
	places_path(plat_place(PLAT_LIBEXEC), "caretaker-uplink", program);
	buf_init(&bytes, UPLINK_MAX_FRAME);
	uplink_request_encode(&request, &bytes);
	if (buf_check(&bytes, err) == 0 &&
	    plat_uplink_exchange(socket, program, bytes.data, bytes.len, UPLINK_MAX_FRAME,
				 request.timeout_ms + SPARE_MS, frame, err) == 0)
		ret = uplink_answer_decode(buf_text(frame), frame->len, out, err);
	if (ret < 0)
		err_wrap(err, "caretaker-uplink");
	buf_clear(&bytes);
	return ret;
}

/* RFC 9457.  NULL: it is none. */
static struct json *open_problem(const struct uplink_answer *answer)
{
	struct json *root;
	struct err err;

	if (strncmp(answer->content_type, "application/problem+json", 24) != 0 ||
	    json_parse(answer->body, answer->body_len, &root, &err) < 0)
		return NULL;
	if (json_is_object(root))
		return root;
	json_free(root);
	return NULL;
}

bool uplink_problem(const struct uplink_answer *answer, const char *name)
{
	static const char urn[] = "urn:caretaker:problem:";
	struct json *root = answer->result == UPLINK_ANSWERED ? open_problem(answer) : NULL;
	const char *type;
	struct err err;
	bool found = root && json_get_string(root, "type", 200, &type, &err) == 0 &&
		     strncmp(type, urn, sizeof(urn) - 1) == 0 &&
		     strcmp(type + sizeof(urn) - 1, name) == 0;

	json_free(root);
	return found;
}

/* Whoever wrote it, it is only shown. */
static bool read_problem(const struct uplink_answer *answer, char *out, size_t out_size)
{
	struct json *root = open_problem(answer);
	const char *detail = NULL;
	struct err err;
	bool found;

	if (!root)
		return false;
	found = json_get_string(root, "detail", 1000, &detail, &err) == 0 ||
		json_get_string(root, "title", 1000, &detail, &err) == 0;
	if (found)
		text_clean(out, out_size, detail, strlen(detail));
	json_free(root);
	return found;
}

void uplink_explain(const struct uplink_answer *answer, char *out, size_t out_size)
{
	char problem[160];

	if (answer->result != UPLINK_ANSWERED)
		(void)text_copy(out, out_size,
				answer->message[0] ? answer->message : "no answer came");
	else if (read_problem(answer, problem, sizeof(problem)))
		snprintf(out, out_size, "the collector answered %u: %s", answer->status, problem);
	else
		snprintf(out, out_size, "the collector, or something before it, answered %u",
			 answer->status);
}
