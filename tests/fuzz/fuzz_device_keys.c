/* agent/proto/device_keys.c: the payload, signed by the organisation's online key.  What is taken
 * holds its bounds, and says the same after another trip.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "agent/proto/device_keys.h"
#include "tests/fuzz/fuzz_keys.h"

#define ORG "b3c7e0d2-91fa-4d08-8f36-52ce17a94b60"

static struct crypto_signer *online;
static struct keys set;

static void start(void)
{
	struct err err;

	online = fuzz_signer(fuzz_online_pem);
	memcpy(set.org, ORG, sizeof(ORG));
	set.online_count = 1;
	must(crypto_key_new(crypto_key_point(crypto_signer_key(online)), &set.online[0], &err) ==
	     0);
}

static void check(const struct device_keys *keys)
{
	must(keys->count >= 1 && keys->count <= DEVICE_KEYS_MAX);
	must(strcmp(keys->org, ORG) == 0 && strlen(keys->device) == UUID_LEN);
	for (unsigned i = 0; i < keys->count; i++)
		must(device_keys_find(keys, crypto_key_kid(keys->keys[i])) != NULL);
}

/* What was read, written again as the collector writes it. */
static void again(const struct device_keys *keys)
{
	struct device_keys copy = *keys, same;
	struct buf text, jws;
	struct err err;

	for (unsigned i = 0; i < keys->count; i++)
		memcpy(copy.points[i], crypto_key_point(keys->keys[i]), CRYPTO_POINT_SIZE);
	buf_init(&text, 0);
	buf_init(&jws, 0);
	device_keys_encode(&copy, &text);
	must(fuzz_sign(JWS_DEVICE_KEYS, text.data, text.len, online, &jws));
	must(device_keys_open(jws.data, jws.len, &set, &same, &err) == 0);
	check(&same);
	must(same.count == keys->count && same.at == keys->at);
	must(strcmp(same.device, keys->device) == 0);
	for (unsigned i = 0; i < keys->count; i++)
		must(strcmp(crypto_key_kid(same.keys[i]), crypto_key_kid(keys->keys[i])) == 0);
	device_keys_clear(&same);
	buf_clear(&jws);
	buf_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct device_keys keys = {.count = 0};
	struct err err = {0};
	struct buf jws;

	if (!online)
		start();
	buf_init(&jws, 0);
	if (fuzz_sign(JWS_DEVICE_KEYS, data, len, online, &jws)) {
		if (device_keys_open(jws.data, jws.len, &set, &keys, &err) == 0) {
			check(&keys);
			again(&keys);
			device_keys_clear(&keys);
		} else {
			must(err.code != ERR_NONE && err.msg[0]);
			must(keys.count == 0);
		}
	}
	buf_clear(&jws);
	return 0;
}
