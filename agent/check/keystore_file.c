/* keystore.h over two files, device.key and device.key.next (PKCS#8 PEM, 0600).
 *
 * keystore_promote() replaces device.key and then removes device.key.next: killed between the two,
 * both hold the same key, which keystore_open() sees and tidies.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/keystore.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/check/places.h"
#include "agent/proto/crypto.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_FILE "device.key"
#define NEXT_FILE "device.key.next"
#define PEM_MAX 4096

struct keystore {
	struct places *places;
	struct crypto_signer *current, *next;
};

static void wipe(struct buf *pem)
{
	if (pem->data)
		crypto_wipe(pem->data, pem->len);
	buf_clear(pem);
}

/* A disk that was mended after a power cut may leave a file of nothing.  Out of the way with it: a
 * machine whose key is gone says so and can be enrolled, one that will not start does neither. */
static int set_aside(struct places *places, const char *name, struct err *err)
{
	char as[40];

	log_error("'%s/%s' is damaged and set aside: %s", places->state, name, err->msg);
	snprintf(as, sizeof(as), "%s.damaged", name);
	return places_set_aside(places, name, as, err);
}

/* Absent: '*out' stays NULL. */
static int load(struct places *places, const char *name, struct crypto_signer **out,
		struct err *err)
{
	struct buf pem;
	int ret = 0;

	buf_init(&pem, PEM_MAX + 1);
	if (places_read(places, name, PEM_MAX, &pem, err) < 0)
		ret = err->code == ERR_NOTFOUND ? 0 : -1;
	else if (crypto_signer_from_pem(buf_text(&pem), pem.len, out, err) < 0)
		ret = err->code == ERR_INVALID ? set_aside(places, name, err)
					       : err_wrap(err, "'%s/%s'", places->state, name);
	wipe(&pem);
	return ret;
}

static int save(struct places *places, const char *name, const struct crypto_signer *signer,
		struct err *err)
{
	struct buf pem;
	int ret = -1;

	buf_init(&pem, PEM_MAX);
	if (crypto_signer_to_pem(signer, &pem, err) == 0)
		ret = places_write(places, name, buf_text(&pem), pem.len, err);
	wipe(&pem);
	return ret;
}

static bool same_key(const struct crypto_signer *a, const struct crypto_signer *b)
{
	return strcmp(crypto_key_kid(crypto_signer_key(a)), crypto_key_kid(crypto_signer_key(b))) ==
	       0;
}

int keystore_open(struct places *places, struct keystore **out, struct err *err)
{
	struct keystore *store = calloc(1, sizeof(*store));

	if (!store)
		return err_set(err, ERR_NOMEM, "out of memory");
	store->places = places;
	if (load(places, KEY_FILE, &store->current, err) < 0 ||
	    load(places, NEXT_FILE, &store->next, err) < 0)
		goto fail;
	if (store->current && store->next && same_key(store->current, store->next)) {
		if (places_remove(places, NEXT_FILE, err) < 0)
			goto fail;
		crypto_signer_free(store->next);
		store->next = NULL;
	}
	*out = store;
	return 0;
fail:
	keystore_close(store);
	return -1;
}

void keystore_close(struct keystore *store)
{
	if (!store)
		return;
	crypto_signer_free(store->current);
	crypto_signer_free(store->next);
	free(store);
}

const struct crypto_signer *keystore_current(const struct keystore *store)
{
	return store->current;
}

const struct crypto_signer *keystore_next(const struct keystore *store)
{
	return store->next;
}

static int make(struct keystore *store, const char *name, struct crypto_signer **slot,
		struct err *err)
{
	struct crypto_signer *signer;

	if (crypto_signer_generate(&signer, err) < 0)
		return -1;
	if (save(store->places, name, signer, err) < 0) {
		crypto_signer_free(signer);
		return -1;
	}
	crypto_signer_free(*slot);
	*slot = signer;
	return 0;
}

int keystore_make(struct keystore *store, struct err *err)
{
	return make(store, KEY_FILE, &store->current, err);
}

int keystore_make_next(struct keystore *store, struct err *err)
{
	return make(store, NEXT_FILE, &store->next, err);
}

int keystore_promote(struct keystore *store, struct err *err)
{
	if (!store->next)
		return 0;
	if (save(store->places, KEY_FILE, store->next, err) < 0)
		return -1;
	crypto_signer_free(store->current);
	store->current = store->next;
	store->next = NULL;
	return places_remove(store->places, NEXT_FILE, err);
}

int keystore_forget(struct keystore *store, struct err *err)
{
	if (places_remove(store->places, KEY_FILE, err) < 0 ||
	    places_remove(store->places, NEXT_FILE, err) < 0)
		return -1;
	crypto_signer_free(store->current);
	crypto_signer_free(store->next);
	store->current = store->next = NULL;
	return 0;
}
