/* What the promises of ingest are held against, in CPU microseconds of this machine, now:
 *   es256_verify   one verification as the collector does it
 *   tls_handshake  a bare TLS 1.3 server on loopback: accept, handshake (certificate, no client's),
 *                  one small request and answer, close; the server's own CPU
 * Prints "NAME VALUE" lines.  usage: bench_costs [SECONDS]
 * SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/proto/crypto.h"

static double cpu_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static double verify_us(double seconds)
{
	struct crypto_signer *signer;
	uint8_t data[800], signature[CRYPTO_SIGNATURE_SIZE];
	struct err err;
	double from, end;
	unsigned n = 0;

	memset(data, 'x', sizeof(data));
	if (crypto_signer_generate(&signer, &err) < 0 ||
	    crypto_signer_sign(signer, data, sizeof(data), signature, &err) < 0)
		die("sign");
	from = cpu_seconds();
	do {
		for (int i = 0; i < 50; i++, n++)
			if (!crypto_key_verify(crypto_signer_key(signer), data, sizeof(data),
					       signature))
				die("verify");
		end = cpu_seconds();
	} while (end - from < seconds);
	crypto_signer_free(signer);
	return (end - from) * 1e6 / n;
}

static SSL_CTX *server_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
	SSL_CTX_use_certificate(ctx, cert);
	SSL_CTX_use_PrivateKey(ctx, key);
	SSL_CTX_set_num_tickets(ctx, 0);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

static void serve_one(SSL_CTX *ctx, int fd)
{
	SSL *ssl = SSL_new(ctx);
	char text[1024];

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1 && SSL_read(ssl, text, sizeof(text)) > 0)
		SSL_write(ssl, "ok", 2);
	SSL_shutdown(ssl);
	SSL_free(ssl);
	close(fd);
}

static void serve(int listener, unsigned count)
{
	SSL_CTX *ctx = server_context();
	struct rusage usage;
	double from;

	for (unsigned i = 0; i < 20; i++) /* warm */
		serve_one(ctx, accept(listener, NULL, NULL));
	from = cpu_seconds();
	for (unsigned i = 0; i < count; i++)
		serve_one(ctx, accept(listener, NULL, NULL));
	getrusage(RUSAGE_SELF, &usage);
	printf("tls_handshake %.1f\n", (cpu_seconds() - from) * 1e6 / count);
	fflush(stdout);
	SSL_CTX_free(ctx);
	_exit(0);
}

static void connect_once(SSL_CTX *ctx, const struct sockaddr_in *where)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	SSL *ssl = SSL_new(ctx);
	char text[1024];

	if (connect(fd, (const struct sockaddr *)where, sizeof(*where)) < 0)
		die("connect");
	SSL_set_fd(ssl, fd);
	if (SSL_connect(ssl) != 1 || SSL_write(ssl, "hello", 5) != 5 ||
	    SSL_read(ssl, text, sizeof(text)) != 2)
		die("handshake");
	SSL_shutdown(ssl);
	SSL_free(ssl);
	close(fd);
}

static void handshakes(double seconds)
{
	unsigned count = (unsigned)(seconds * 400) + 50;
	struct sockaddr_in where = {.sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(where);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SSL_CTX *ctx;
	pid_t child;

	if (bind(listener, (struct sockaddr *)&where, size) < 0 || listen(listener, 64) < 0 ||
	    getsockname(listener, (struct sockaddr *)&where, &size) < 0)
		die("listen");
	fflush(stdout);
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0)
		serve(listener, count);
	ctx = SSL_CTX_new(TLS_client_method());
	for (unsigned i = 0; i < count + 20; i++)
		connect_once(ctx, &where);
	SSL_CTX_free(ctx);
	waitpid(child, NULL, 0);
}

int main(int argc, char *argv[])
{
	double seconds = argc > 1 ? atof(argv[1]) : 2;

	signal(SIGPIPE, SIG_IGN);
	printf("es256_verify %.1f\n", verify_us(seconds));
	handshakes(seconds);
	return 0;
}
