/* The frames between whoever has bytes to carry and caretaker-uplink, which has the network.
 *
 * Fixed header, then fields with stated lengths; every length is checked against its bound before a
 * byte is used, on both sides.  One request, one answer, then the connection ends.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_UPLINK_H
#define CARETAKER_PROTO_UPLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

#define UPLINK_MAX_URL 512
#define UPLINK_MAX_PROXY 512
#define UPLINK_MAX_PINS 8
#define UPLINK_MAX_BODY (1024 * 1024 + 4096)
#define UPLINK_MAX_FRAME (UPLINK_MAX_BODY + 4096)

struct uplink_request {
	char url[UPLINK_MAX_URL];
	char proxy[UPLINK_MAX_PROXY]; /* "": as the environment of the unit says */
	bool trust_system;
	unsigned pin_count;
	uint8_t pins[UPLINK_MAX_PINS][32];
	uint32_t timeout_ms;
	const char *body; /* application/jose; in the frame's memory after decoding */
	size_t body_len;
};

enum uplink_result {
	UPLINK_ANSWERED, /* an HTTP answer came: see status */
	UPLINK_NO_NAME,  /* the host's name does not resolve */
	UPLINK_NO_CONNECTION,
	UPLINK_TIMEOUT,
	UPLINK_WRONG_CERTIFICATE, /* message names the issuer and what to do */
	UPLINK_PORTAL,            /* a captive portal answered: wait it out */
	UPLINK_PROXY_AUTH,        /* the proxy wants a log-in */
	UPLINK_FAILED,
};

struct uplink_answer {
	enum uplink_result result;
	uint16_t status;        /* HTTP */
	uint32_t retry_after_s; /* 0: not said; already cut to one hour */
	char content_type[64];
	char message[256]; /* for people when result is not UPLINK_ANSWERED; cleaned */
	const char *body;
	size_t body_len;
};

void uplink_request_encode(const struct uplink_request *request, struct buf *out);
int uplink_request_decode(const void *frame, size_t len, struct uplink_request *out,
			  struct err *err);
void uplink_answer_encode(const struct uplink_answer *answer, struct buf *out);
int uplink_answer_decode(const void *frame, size_t len, struct uplink_answer *out, struct err *err);

#endif
