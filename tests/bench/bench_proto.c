/* What the wire costs: signatures in microseconds of CPU, heartbeats in bytes and in microseconds.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/proto/deflate.h"
#include "agent/proto/heartbeat.h"
#include "agent/proto/jws.h"
#include "platform/os.h"

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

static void pack(struct bench *b, const struct heartbeat *heartbeat)
{
	struct err err;

	buf_reset(&b->json);
	buf_reset(&b->jws);
	heartbeat_encode(heartbeat, &b->json);
	must(jws_sign(JWS_HEARTBEAT, b->json.data, b->json.len, true, DEFLATE_DICT_NEWEST,
		      b->signer, &b->jws, &err) == 0,
	     "sign");
	must(jws_split(JWS_HEARTBEAT, b->jws.data, b->jws.len, &b->parts, &err) == 0, "split");
}

/* Machines that the dictionary was not made from (tests/bench/heartbeats/README.md). */
static const char *const held_out[] = {"virtual-machine", "teacher"};

static void load_held_out(const char *name, struct heartbeat *out)
{
	char path[96];
	struct buf text;
	struct err err;

	(void)snprintf(path, sizeof(path), "tests/bench/heartbeats/held-out/%s.json", name);
	buf_init(&text, 0);
	if (plat_file_read(path, HEARTBEAT_MAX_BODY, &text, &err) != 0 ||
	    heartbeat_decode(buf_text(&text), text.len, out, &err) != 0) {
		fprintf(stderr, "bench_proto: %s: %s\n", path, err.msg);
		exit(EXIT_FAILURE);
	}
	buf_clear(&text);
}

/* The same machine a quarter of an hour later: only these two say something new.  'as_base': a new
 * signature, a new list of packages; else verdicts changed too. */
static void make_delta(const struct heartbeat *full, unsigned controls, bool as_base,
		       struct heartbeat_control kept[2], struct heartbeat *out)
{
	*out = *full;
	out->full = false;
	out->seq = full->seq + 1;
	out->base_seq = full->seq;
	crypto_sha256_b64("full", 4, out->prev);
	memcpy(out->base_hash, out->prev, sizeof(out->base_hash));
	out->device[0] = out->boot[0] = out->agent[0] = out->policy_name[0] = '\0';
	out->inventory[0] = out->policy_sha256[0] = '\0';
	out->policy_serial = out->exceptions_serial = HEARTBEAT_AS_BASE;
	out->acked_time = 0;
	out->since_acked_s = -1;
	out->event_count = out->control_count = 0;
	out->controls = kept;
	for (unsigned i = 0; i < full->control_count && controls; i++) {
		const struct heartbeat_control *c = &full->controls[i];

		if (strcmp(c->id, "updates") != 0 && strcmp(c->id, "anti-virus") != 0)
			continue;
		kept[out->control_count] = *c;
		kept[out->control_count++].as_base = as_base;
	}
	must(out->control_count == controls, "two controls");
}

static size_t packed(struct bench *b, const struct heartbeat *heartbeat, const char *what,
		     const char *machine)
{
	pack(b, heartbeat);
	printf("bench heartbeat-%s-%s %zu bytes\n", what, machine, b->jws.len);
	return b->jws.len;
}

static void measure_machine(struct bench *b, const char *name, size_t *worst_full,
			    size_t *worst_delta)
{
	struct heartbeat_control kept[2];
	struct heartbeat full, heartbeat;
	size_t size;

	load_held_out(name, &full);
	heartbeat = full;
	must(full.control_count == 16 && full.event_count == 3, "16 controls and 3 events");
	heartbeat.event_count = 0;
	size = packed(b, &heartbeat, "full", name);
	*worst_full = size > *worst_full ? size : *worst_full;
	(void)packed(b, &full, "full-3-events", name);
	make_delta(&full, 2, true, kept, &heartbeat);
	size = packed(b, &heartbeat, "delta", name);
	*worst_delta = size > *worst_delta ? size : *worst_delta;
	make_delta(&full, 2, false, kept, &heartbeat);
	(void)packed(b, &heartbeat, "delta-new-verdicts", name);
	make_delta(&full, 0, false, kept, &heartbeat);
	(void)packed(b, &heartbeat, "steady", name);
	heartbeat_clear(&full);
}

/* The promises are held against the worst machine. */
static void measure_sizes(struct bench *b)
{
	size_t worst_full = 0, worst_delta = 0;

	for (size_t i = 0; i < sizeof(held_out) / sizeof(held_out[0]); i++)
		measure_machine(b, held_out[i], &worst_full, &worst_delta);
	report("heartbeat-full", (double)worst_full, "bytes", 1024);
	report("heartbeat-delta", (double)worst_delta, "bytes", 450);
}

static void measure_times(struct bench *b)
{
	struct heartbeat full;
	double verify_us;

	load_held_out(held_out[0], &full);
	pack(b, &full);
	verify_us = best_us(verify, b);
	report("es256-verify", verify_us, "us", 138);
	report("es256-sign", best_us(sign, b), "us", 60);
	/* DESIGN.md gives a whole ingest 3.5 verifications. */
	report("heartbeat-read", best_us(read_one, b) / verify_us, "verifications", 1);
	heartbeat_clear(&full);
}

/* usage: bench_proto [wire]    wire: sizes only */
int main(int argc, char **argv)
{
	bool wire = argc == 2 && strcmp(argv[1], "wire") == 0;
	struct bench b = {0};
	struct err err;

	if (argc > 1 && !wire) {
		fputs("usage: bench_proto [wire]\n", stderr);
		return EXIT_FAILURE;
	}
	must(crypto_signer_generate(&b.signer, &err) == 0, "key");
	buf_init(&b.json, 0);
	buf_init(&b.jws, 0);
	buf_init(&b.scratch, 0);
	measure_sizes(&b);
	if (!wire)
		measure_times(&b);
	buf_clear(&b.json);
	buf_clear(&b.jws);
	buf_clear(&b.scratch);
	crypto_signer_free(b.signer);
	return EXIT_SUCCESS;
}
