/* caretaker-uplink: the one program with network.  Takes one frame on standard input (a socket from
 * systemd, or a pair from caretaker-check), carries it, answers with one frame, exits.
 *
 * It holds no key and no file; what it carries is signed at both ends, so it need not be believed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/options.h"
#include "agent/proto/uplink.h"
#include "agent/uplink/http.h"
#include "platform/os.h"

#include <stdio.h>
#include <stdlib.h>

static int read_frame(struct buf *out, struct err *err)
{
	char piece[16384];
	size_t n;

	while ((n = fread(piece, 1, sizeof(piece), stdin)) > 0)
		buf_add(out, piece, n);
	if (ferror(stdin))
		return err_set(err, ERR_IO, "cannot read the request");
	return buf_check(out, err);
}

static int carry(const struct options *options)
{
	struct uplink_request request;
	struct uplink_answer answer;
	struct buf frame, body, reply;
	struct err err = {0};
	int code = EXIT_FAILURE;

	(void)options;
	buf_init(&frame, UPLINK_MAX_FRAME);
	buf_init(&body, UPLINK_MAX_BODY);
	buf_init(&reply, UPLINK_MAX_FRAME);
	if (read_frame(&frame, &err) < 0 ||
	    uplink_request_decode(buf_text(&frame), frame.len, &request, &err) < 0) {
		log_error("refused what was sent to this program: %s", err.msg);
		goto out;
	}
	http_post(&request, &body, &answer);
	if (answer.result != UPLINK_ANSWERED)
		log_debug("not delivered: %s", answer.message); /* caretaker-check says it aloud */
	uplink_answer_encode(&answer, &reply);
	if (buf_check(&reply, &err) < 0)
		log_error("the answer cannot be handed over: %s", err.msg);
	else if (fwrite(reply.data, 1, reply.len, stdout) != reply.len || fflush(stdout) != 0)
		log_error("caretaker-check went away before the answer");
	else
		code = EXIT_SUCCESS;
out:
	buf_clear(&frame);
	buf_clear(&body);
	buf_clear(&reply);
	return code;
}

static const struct command commands[] = {
	{"", NULL, "Carries one request from standard input to the collector and its answer back.",
	 NULL, 0, 0, carry},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static const struct program program = {
	.name = "caretaker-uplink",
	.summary = "The one program of Caretaker with network access.",
	.footer = "Proxies: https_proxy and no_proxy in the unit's environment, or proxy = in "
		  "caretaker-check.ini.",
	.commands = commands,
};

int main(int argc, char *argv[])
{
	log_init("caretaker-uplink", LOG_INFO);
	log_to_journal(plat_stderr_is_journal());
	return options_run(&program, argc, argv);
}
