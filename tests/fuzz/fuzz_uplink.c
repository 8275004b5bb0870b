/* agent/proto/uplink.c: a frame that is taken makes the same frame again.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/proto/uplink.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void try_request(const uint8_t *data, size_t len)
{
	struct uplink_request request;
	struct err err = {0};
	struct buf frame;

	if (uplink_request_decode(data, len, &request, &err) != 0) {
		must(err.msg[0]);
		return;
	}
	must(request.body + request.body_len == (const char *)data + len);
	buf_init(&frame, 0);
	uplink_request_encode(&request, &frame);
	must(frame.len == len && memcmp(frame.data, data, len) == 0);
	buf_clear(&frame);
}

static void try_answer(const uint8_t *data, size_t len)
{
	struct uplink_answer answer, same;
	struct err err = {0};
	struct buf frame;

	if (uplink_answer_decode(data, len, &answer, &err) != 0) {
		must(err.msg[0]);
		return;
	}
	must(answer.body + answer.body_len == (const char *)data + len);
	must(answer.retry_after_s <= 3600);
	buf_init(&frame, 0); /* not the same bytes: the message was cleaned, the wait cut */
	uplink_answer_encode(&answer, &frame);
	must(uplink_answer_decode(frame.data, frame.len, &same, &err) == 0);
	must(strcmp(answer.message, same.message) == 0);
	buf_clear(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	try_request(data, len);
	try_answer(data, len);
	return 0;
}
