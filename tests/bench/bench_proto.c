/* What the wire costs: signatures in microseconds of CPU, heartbeats in bytes and in microseconds.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/proto/jws.h"
#include "tests/sample_heartbeat.h"

#define ROUNDS 5
#define ROUND_S 0.1

struct bench {
	struct crypto_signer *signer;
	struct buf json, jws, scratch;
	struct jws parts;
};

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench_proto: %s failed\n", what);
	exit(EXIT_FAILURE);
}

/* The best of some rounds: what else the machine does only ever makes it slower. */
static double best_us(void (*once)(struct bench *), struct bench *bench)
{
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		double start = cpu_s(), now;
		unsigned count = 0;

		do {
			once(bench);
			count++;
			now = cpu_s();
		} while (now - start < ROUND_S);
		if ((now - start) / count < best)
			best = (now - start) / count;
	}
	return best * 1e6;
}

static void report(const char *name, double value, const char *unit, double limit)
{
	printf("bench %s %.1f %s goal <= %.0f %s\n", name, value, unit, limit,
	       value <= limit ? "met" : "missed");
}

static void verify(struct bench *b)
{
	must(jws_verify(&b->parts, crypto_signer_key(b->signer)), "verify");
}

static void sign(struct bench *b)
{
	uint8_t signature[CRYPTO_SIGNATURE_SIZE];
	struct err err;

	must(crypto_signer_sign(b->signer, b->json.data, b->json.len, signature, &err) == 0,
	     "sign");
}

/* All but the signature: split, inflate, decode. */
static void read_one(struct bench *b)
{
	struct heartbeat heartbeat;
	struct err err;
	struct jws parts;

	buf_reset(&b->scratch);
	must(jws_split(JWS_HEARTBEAT, b->jws.data, b->jws.len, &parts, &err) == 0, "split");
	must(jws_payload(&parts, &b->scratch, &err) == 0, "payload");
	must(heartbeat_decode(b->scratch.data, b->scratch.len, &heartbeat, &err) == 0, "decode");
	heartbeat_clear(&heartbeat);
}

static void fill(struct bench *b, bool full, bool events)
{
	struct heartbeat heartbeat;
	struct err err;

	sample_heartbeat(&heartbeat, full);
	if (!events)
		heartbeat.event_count = 0;
	buf_reset(&b->json);
	buf_reset(&b->jws);
	heartbeat_encode(&heartbeat, &b->json);
	must(jws_sign(JWS_HEARTBEAT, b->json.data, b->json.len, true, 1, b->signer, &b->jws,
		      &err) == 0,
	     "sign");
	must(jws_split(JWS_HEARTBEAT, b->jws.data, b->jws.len, &b->parts, &err) == 0, "split");
}

int main(void)
{
	struct bench b = {0};
	double verify_us;
	struct err err;

	must(crypto_signer_generate(&b.signer, &err) == 0, "key");
	buf_init(&b.json, 0);
	buf_init(&b.jws, 0);
	buf_init(&b.scratch, 0);
	fill(&b, false, false);
	report("heartbeat-delta", (double)b.jws.len, "bytes", 450);
	fill(&b, true, false);
	report("heartbeat-full", (double)b.jws.len, "bytes", 1024);
	fill(&b, true, true);
	report("heartbeat-full-3-events", (double)b.jws.len, "bytes", 1024);
	verify_us = best_us(verify, &b);
	report("es256-verify", verify_us, "us", 138);
	report("es256-sign", best_us(sign, &b), "us", 60);
	/* DESIGN.md gives a whole ingest 3.5 verifications. */
	report("heartbeat-read", best_us(read_one, &b) / verify_us, "verifications", 1);
	buf_clear(&b.json);
	buf_clear(&b.jws);
	buf_clear(&b.scratch);
	crypto_signer_free(b.signer);
	return EXIT_SUCCESS;
}
