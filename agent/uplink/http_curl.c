/* See http.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/uplink/http.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/base/version.h"
#include "agent/uplink/tls.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CONNECT_MAX_MS 20000L
#define TIMEOUT_MAX_MS 600000L
#define RETRY_MAX_S 3600

struct transfer {
	CURL *curl;
	struct curl_slist *headers;
	struct tls tls;
	struct buf *body;
	bool too_long;
	char error[CURL_ERROR_SIZE];
	char host[UPLINK_MAX_URL]; /* for messages */
};

static void say(struct uplink_answer *out, enum uplink_result result, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

static void say(struct uplink_answer *out, enum uplink_result result, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	out->result = result;
	text_clean(out->message, sizeof(out->message), text, strlen(text));
}

/* "https://HOST:PORT/path" -> "HOST:PORT"; -1 when it is no https URL. */
static int take_host(const char *url, char *out, size_t out_size)
{
	static const char scheme[] = "https://";
	size_t len;

	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return -1;
	url += sizeof(scheme) - 1;
	len = strcspn(url, "/?#");
	if (len == 0 || len >= out_size || memchr(url, '@', len))
		return -1;
	memcpy(out, url, len);
	out[len] = '\0';
	return 0;
}

/* --- libcurl's callbacks --- */

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;

	if (t->body->len + size * count > UPLINK_MAX_BODY) {
		t->too_long = true;
		return 0; /* ends the transfer */
	}
	buf_add(t->body, data, size * count);
	return t->body->failed ? 0 : size * count;
}

static CURLcode take_ssl_ctx(CURL *curl, void *ssl_ctx, void *arg)
{
	(void)curl;
	tls_install(arg, ssl_ctx);
	return CURLE_OK;
}

/* --- setting up --- */

/* curl_easy_setopt fails only for options this libcurl was built without. */
static int set_up(struct transfer *t, const struct uplink_request *request)
{
	CURL *c = t->curl;
	/* To curl 0 is no limit at all: nothing asks for that. */
	bool bounded = request->timeout_ms > 0 && request->timeout_ms < TIMEOUT_MAX_MS;
	long timeout = bounded ? (long)request->timeout_ms : TIMEOUT_MAX_MS;
	long connect = timeout < CONNECT_MAX_MS ? timeout : CONNECT_MAX_MS;
	bool ok = true;

	t->headers = curl_slist_append(NULL, "Content-Type: application/jose");
	/* Without the first, curl asks leave for bodies over a mebibyte; proxies answer it badly.
	 */
	if (!t->headers || !curl_slist_append(t->headers, "Expect:") ||
	    !curl_slist_append(t->headers, "Accept: application/jose, application/problem+json"))
		return -1;
	ok &= !curl_easy_setopt(c, CURLOPT_URL, request->url);
#if LIBCURL_VERSION_NUM >= 0x075500
	ok &= !curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
#else
	ok &= !curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTPS);
#endif
	ok &= !curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	ok &= !curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	ok &= !curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, timeout);
	ok &= !curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, connect);
	ok &= !curl_easy_setopt(c, CURLOPT_POST, 1L);
	ok &= !curl_easy_setopt(c, CURLOPT_POSTFIELDS, request->body);
	ok &= !curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)request->body_len);
	ok &= !curl_easy_setopt(c, CURLOPT_HTTPHEADER, t->headers);
	ok &= !curl_easy_setopt(c, CURLOPT_USERAGENT, "caretaker-uplink/" CARETAKER_VERSION);
	ok &= !curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	ok &= !curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	ok &= !curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->error);
	ok &= !curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	ok &= !curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, take_ssl_ctx);
	ok &= !curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, &t->tls);
	/* Or curl fails where there is no store (a small system), though nobody would ask it. */
	if (!request->trust_system)
		ok &= !curl_easy_setopt(c, CURLOPT_CAINFO, NULL) &&
		      !curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	ok &= !curl_easy_setopt(c, CURLOPT_PROXYAUTH, (long)CURLAUTH_ANY);
	if (request->proxy[0])
		ok &= !curl_easy_setopt(c, CURLOPT_PROXY, request->proxy);
	return ok ? 0 : -1;
}

/* --- what came of it --- */

static void say_certificate(const struct transfer *t, struct uplink_answer *out)
{
	const char *issuer = t->tls.issuer[0] ? t->tls.issuer : "somebody unknown";

	if (!t->tls.refused)
		say(out, UPLINK_WRONG_CERTIFICATE, "%s shows a certificate for another name: %s",
		    t->host, t->error);
	else if (t->tls.trust_system)
		say(out, UPLINK_WRONG_CERTIFICATE,
		    "%s shows a certificate by '%s' that this system does not trust (%s): add its "
		    "CA "
		    "to the system, or set trust = pinned",
		    t->host, issuer, t->tls.why);
	else
		say(out, UPLINK_WRONG_CERTIFICATE,
		    "'%s' is opening TLS: by-pass %s there or set trust = system", issuer, t->host);
}

static void say_failure(const struct transfer *t, CURLcode code, struct uplink_answer *out)
{
	long connect_code = 0;

	(void)curl_easy_getinfo(t->curl, CURLINFO_HTTP_CONNECTCODE, &connect_code);
	if (connect_code == 407) {
		say(out, UPLINK_PROXY_AUTH,
		    "the proxy wants a log-in: set proxy = http://NAME:PASSWORD@HOST:PORT");
		return;
	}
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		say(out, UPLINK_NO_NAME, "the name of %s is not known here", t->host);
		break;
	case CURLE_COULDNT_RESOLVE_PROXY:
		say(out, UPLINK_NO_NAME, "the proxy's name is not known here");
		break;
	case CURLE_COULDNT_CONNECT:
		say(out, UPLINK_NO_CONNECTION, "%s takes no connection: %s", t->host, t->error);
		break;
	case CURLE_OPERATION_TIMEDOUT:
		say(out, UPLINK_TIMEOUT, "%s did not answer in time: %s", t->host, t->error);
		break;
	case CURLE_PEER_FAILED_VERIFICATION: say_certificate(t, out); break;
	default:
		if (t->tls.refused)
			say_certificate(t, out);
		else if (t->too_long)
			say(out, UPLINK_FAILED, "%s answered more than %d bytes", t->host,
			    UPLINK_MAX_BODY);
		else if (connect_code >= 300)
			say(out, UPLINK_FAILED, "the proxy does not let us through to %s (%ld)",
			    t->host, connect_code);
		else
			say(out, UPLINK_FAILED, "%s: %s", t->host,
			    t->error[0] ? t->error : curl_easy_strerror(code));
		break;
	}
}

static bool is_type(const char *content_type, const char *type)
{
	size_t len = strlen(type);

	return strncmp(content_type, type, len) == 0 &&
	       (content_type[len] == '\0' || content_type[len] == ';' || content_type[len] == ' ');
}

static void take_type(struct uplink_answer *out, const char *type)
{
	size_t n = 0;

	for (; type && *type && n < sizeof(out->content_type) - 1; type++)
		if (*type >= 0x20 && *type <= 0x7e)
			out->content_type[n++] = *type;
	out->content_type[n] = '\0';
}

/* Free Wi-Fi answers every address with its own page, or sends us to it.  204 has no page. */
static bool is_portal(const struct uplink_answer *out)
{
	return out->status / 100 == 3 || out->status == 511 ||
	       (out->status / 100 == 2 && out->status != 204 &&
		!is_type(out->content_type, "application/jose"));
}

static void say_answer(const struct transfer *t, struct uplink_answer *out)
{
	long status = 0;
	char *type = NULL;
	curl_off_t retry = 0;

	(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(t->curl, CURLINFO_CONTENT_TYPE, &type);
	(void)curl_easy_getinfo(t->curl, CURLINFO_RETRY_AFTER, &retry);
	out->status = (uint16_t)(status > 0 && status < 1000 ? status : 0);
	take_type(out, type);
	if (retry > 0)
		out->retry_after_s = (uint32_t)(retry < RETRY_MAX_S ? retry : RETRY_MAX_S);
	if (status == 407) {
		say(out, UPLINK_PROXY_AUTH,
		    "the proxy wants a log-in: set proxy = http://NAME:PASSWORD@HOST:PORT");
	} else if (is_portal(out)) {
		say(out, UPLINK_PORTAL,
		    "a log-in page of the network answered instead of %s: log in there first",
		    t->host);
	} else {
		out->result = UPLINK_ANSWERED;
		out->body = buf_text(t->body);
		out->body_len = t->body->len;
	}
}

void http_post(const struct uplink_request *request, struct buf *body, struct uplink_answer *out)
{
	struct transfer t = {.body = body};
	CURLcode code;

	memset(out, 0, sizeof(*out));
	if (take_host(request->url, t.host, sizeof(t.host)) < 0) {
		say(out, UPLINK_FAILED, "'%.100s' is no https:// address", request->url);
		return;
	}
	if (!request->trust_system && request->pin_count == 0) {
		say(out, UPLINK_FAILED,
		    "no CA is pinned and trust is not system: nobody to believe");
		return;
	}
	tls_init(&t.tls, request);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == 0)
		t.curl = curl_easy_init();
	if (!t.curl || set_up(&t, request) < 0) {
		say(out, UPLINK_FAILED, "libcurl could not be set up: is it built with OpenSSL?");
	} else {
		code = curl_easy_perform(t.curl);
		tls_outcome(&t.tls);
		if (code == CURLE_OK)
			say_answer(&t, out);
		else
			say_failure(&t, code, out);
	}
	curl_slist_free_all(t.headers);
	curl_easy_cleanup(t.curl);
	curl_global_cleanup();
}
