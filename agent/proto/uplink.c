/* See uplink.h.  Numbers are big-endian; the fields follow the header in the order of its lengths.
 *
 *   request  "CTQ1" trust:1 pins:1 url:2 proxy:2 timeout:4 body:4
 *   answer   "CTA1" result:1 zero:1 status:2 retry:4 content_type:2 message:2 body:4
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/uplink.h"

#include <assert.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"

#define MAGIC_LEN 4
#define REQUEST_MAGIC "CTQ1"
#define ANSWER_MAGIC "CTA1"
#define REQUEST_HEADER 18
#define ANSWER_HEADER 20
#define PIN_SIZE 32

static void put(struct buf *out, uint32_t value, int bytes)
{
	while (bytes-- > 0)
		buf_addc(out, (char)(value >> (8 * bytes)));
}

/* What is left of a frame; its length was checked against the sum of its fields before. */
struct reader {
	const uint8_t *p;
};

static uint32_t get(struct reader *r, int bytes)
{
	uint32_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | *r->p++;
	return value;
}

/* Addresses and media types: what a header line or a URL can hold. */
static bool printable(const uint8_t *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return true;
}

static int get_text(struct reader *r, const char *what, size_t len, char *out, struct err *err)
{
	if (!printable(r->p, len))
		return err_set(err, ERR_INVALID, "uplink frame: %s: expected printable ASCII",
			       what);
	memcpy(out, r->p, len);
	out[len] = '\0';
	r->p += len;
	return 0;
}

static int start(struct reader *r, const void *frame, size_t len, const char *magic, size_t header,
		 struct err *err)
{
	if (len < header)
		return err_set(err, ERR_INVALID,
			       "uplink frame: %zu bytes, its header alone has %zu", len, header);
	if (memcmp(frame, magic, MAGIC_LEN) != 0)
		return err_set(err, ERR_INVALID, "uplink frame: expected '%s' at its start", magic);
	r->p = (const uint8_t *)frame + MAGIC_LEN;
	return 0;
}

static int check_field(const char *what, size_t len, size_t max, struct err *err)
{
	if (len <= max)
		return 0;
	return err_set(err, ERR_INVALID, "uplink frame: %s: %zu bytes, at most %zu are taken", what,
		       len, max);
}

static int check_sum(size_t len, size_t want, struct err *err)
{
	if (len == want)
		return 0;
	return err_set(err, ERR_INVALID, "uplink frame: %zu bytes, its fields make %zu", len, want);
}

void uplink_request_encode(const struct uplink_request *request, struct buf *out)
{
	size_t url_len = strlen(request->url), proxy_len = strlen(request->proxy);

	assert(request->pin_count <= UPLINK_MAX_PINS);
	assert(request->body_len <= UPLINK_MAX_BODY);
	buf_adds(out, REQUEST_MAGIC);
	put(out, request->trust_system, 1);
	put(out, request->pin_count, 1);
	put(out, (uint32_t)url_len, 2);
	put(out, (uint32_t)proxy_len, 2);
	put(out, request->timeout_ms, 4);
	put(out, (uint32_t)request->body_len, 4);
	buf_add(out, request->url, url_len);
	buf_add(out, request->proxy, proxy_len);
	buf_add(out, request->pins, request->pin_count * sizeof(request->pins[0]));
	buf_add(out, request->body, request->body_len);
}

int uplink_request_decode(const void *frame, size_t len, struct uplink_request *out,
			  struct err *err)
{
	struct uplink_request request = {0};
	size_t url_len, proxy_len, pins_len;
	uint32_t trust;
	struct reader r;

	if (start(&r, frame, len, REQUEST_MAGIC, REQUEST_HEADER, err) != 0)
		return -1;
	trust = get(&r, 1);
	request.pin_count = get(&r, 1);
	url_len = get(&r, 2);
	proxy_len = get(&r, 2);
	request.timeout_ms = get(&r, 4);
	request.body_len = get(&r, 4);
	pins_len = (size_t)request.pin_count * PIN_SIZE;
	if (trust > 1)
		return err_set(err, ERR_INVALID, "uplink frame: trust: expected 0 or 1");
	if (check_field("url", url_len, UPLINK_MAX_URL - 1, err) != 0 ||
	    check_field("proxy", proxy_len, UPLINK_MAX_PROXY - 1, err) != 0 ||
	    check_field("pins", pins_len, sizeof(request.pins), err) != 0 ||
	    check_field("body", request.body_len, UPLINK_MAX_BODY, err) != 0 ||
	    check_sum(len, REQUEST_HEADER + url_len + proxy_len + pins_len + request.body_len,
		      err) != 0 ||
	    get_text(&r, "url", url_len, request.url, err) != 0 ||
	    get_text(&r, "proxy", proxy_len, request.proxy, err) != 0)
		return -1;
	request.trust_system = trust;
	memcpy(request.pins, r.p, pins_len);
	request.body = (const char *)r.p + pins_len;
	*out = request;
	return 0;
}

void uplink_answer_encode(const struct uplink_answer *answer, struct buf *out)
{
	size_t type_len = strlen(answer->content_type), message_len = strlen(answer->message);

	assert(answer->body_len <= UPLINK_MAX_BODY);
	buf_adds(out, ANSWER_MAGIC);
	put(out, answer->result, 1);
	put(out, 0, 1);
	put(out, answer->status, 2);
	put(out, answer->retry_after_s, 4);
	put(out, (uint32_t)type_len, 2);
	put(out, (uint32_t)message_len, 2);
	put(out, (uint32_t)answer->body_len, 4);
	buf_add(out, answer->content_type, type_len);
	buf_add(out, answer->message, message_len);
	buf_add(out, answer->body, answer->body_len);
}

int uplink_answer_decode(const void *frame, size_t len, struct uplink_answer *out, struct err *err)
{
	struct uplink_answer answer = {0};
	uint32_t result, zero;
	size_t type_len, message_len;
	struct reader r;

	if (start(&r, frame, len, ANSWER_MAGIC, ANSWER_HEADER, err) != 0)
		return -1;
	result = get(&r, 1);
	zero = get(&r, 1);
	answer.status = (uint16_t)get(&r, 2);
	answer.retry_after_s = get(&r, 4);
	type_len = get(&r, 2);
	message_len = get(&r, 2);
	answer.body_len = get(&r, 4);
	if (result > UPLINK_FAILED)
		return err_set(err, ERR_INVALID, "uplink frame: result: expected 0 to %d",
			       UPLINK_FAILED);
	if (zero != 0)
		return err_set(err, ERR_INVALID, "uplink frame: expected 0 after the result");
	if (check_field("content type", type_len, sizeof(answer.content_type) - 1, err) != 0 ||
	    check_field("message", message_len, sizeof(answer.message) - 1, err) != 0 ||
	    check_field("body", answer.body_len, UPLINK_MAX_BODY, err) != 0 ||
	    check_sum(len, ANSWER_HEADER + type_len + message_len + answer.body_len, err) != 0 ||
	    get_text(&r, "content type", type_len, answer.content_type, err) != 0)
		return -1;
	answer.result = (enum uplink_result)result;
	if (answer.retry_after_s > 3600) /* whoever sent it: a wait is never longer */
		answer.retry_after_s = 3600;
	text_clean(answer.message, sizeof(answer.message), (const char *)r.p, message_len);
	answer.body = (const char *)r.p + message_len;
	*out = answer;
	return 0;
}
