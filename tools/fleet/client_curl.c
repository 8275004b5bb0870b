/* See client.h: libcurl, one easy handle a client, kept so that its connection is.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/proto/pin.h"
#include "tools/fleet/client.h"

#define CLIENT_TIMEOUT_MS 30000L
#define CLIENT_MAX_ANSWER (1024u * 1024)

struct client {
	CURL *curl;
	struct curl_slist *headers;
	struct pin pin;
};

int client_global_start(struct err *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, ERR_IO, "libcurl does not start");
	return 0;
}

void client_global_stop(void)
{
	curl_global_cleanup();
}

static size_t take(char *data, size_t size, size_t count, void *ctx)
{
	struct buf *out = ctx;
	struct err err;

	buf_add(out, data, size * count);
	return buf_check(out, &err) == 0 ? size * count : 0;
}

static CURLcode use_pin(CURL *curl, void *ssl_ctx, void *ctx)
{
	(void)curl;
	pin_install(ctx, ssl_ctx);
	return CURLE_OK;
}

int client_new(bool reconnect, struct client **out, struct err *err)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return err_set(err, ERR_NOMEM, "out of memory for a connection");
	client->curl = curl_easy_init();
	client->headers = curl_slist_append(NULL, "Content-Type: application/jose");
	if (!client->curl || !client->headers) {
		client_free(client);
		return err_set(err, ERR_NOMEM, "out of memory for a connection");
	}
	curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, client->headers);
	curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(client->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, CLIENT_TIMEOUT_MS);
	curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(client->curl, CURLOPT_FORBID_REUSE, reconnect ? 1L : 0L);
	curl_easy_setopt(client->curl, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	curl_easy_setopt(client->curl, CURLOPT_SSL_CTX_FUNCTION, use_pin);
	curl_easy_setopt(client->curl, CURLOPT_SSL_CTX_DATA, &client->pin);
	*out = client;
	return 0;
}

void client_free(struct client *client)
{
	if (!client)
		return;
	curl_easy_cleanup(client->curl);
	curl_slist_free_all(client->headers);
	free(client);
}

int client_post(struct client *client, const struct enrol_code *code, const char *path,
		const void *body, size_t len, struct buf *out, long *out_status, struct err *err)
{
	char url[ENROL_HOST_MAX + 64], words[CURL_ERROR_SIZE] = "";
	CURLcode rc;

	buf_reset(out);
	out->max = CLIENT_MAX_ANSWER;
	snprintf(url, sizeof(url), "https://%s%s", code->host, path);
	if (!code->trust_system) {
		/* Reading the system's store would cost more than the handshake. */
		curl_easy_setopt(client->curl, CURLOPT_CAINFO, NULL);
		curl_easy_setopt(client->curl, CURLOPT_CAPATH, NULL);
		pin_set(&client->pin, (const uint8_t(*)[CRYPTO_HASH_SIZE]) & code->ca, 1);
	}
	curl_easy_setopt(client->curl, CURLOPT_URL, url);
	curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, out);
	curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, words);
	rc = curl_easy_perform(client->curl);
	curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, NULL);
	if (rc != CURLE_OK)
		return err_set(err, rc == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_IO,
			       "post to '%s': %s", url, words[0] ? words : curl_easy_strerror(rc));
	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, out_status);
	return 0;
}
