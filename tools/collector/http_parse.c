/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/http_parse.h"

#include <string.h>
#include <strings.h>

#include "agent/base/text.h"

static int bad(struct http_problem *out, int status, const char *name, const char *title)
{
	*out = (struct http_problem){status, name, title};
	return -1;
}

static int malformed(struct http_problem *out, const char *title)
{
	return bad(out, 400, "bad-request", title);
}

/* RFC 9110 section 5.6.2. */
static bool is_token(const char *text)
{
	static const char extra[] = "!#$%&'*+-.^_`|~";

	if (!*text)
		return false;
	for (; *text; text++) {
		char c = *text;

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      strchr(extra, c)))
			return false;
	}
	return true;
}

/* Visible ASCII, blanks and tabs; other bytes are somebody's trick. */
static bool is_value(const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c < 0x20 && c != '\t') || c >= 0x7f)
			return false;
	}
	return true;
}

/* Cuts the next line off: NULL when it does not end in CRLF. */
static char *take_line(char **rest)
{
	char *line = *rest, *end = strchr(line, '\n');

	if (!end || end == line || end[-1] != '\r')
		return NULL;
	end[-1] = '\0';
	*rest = end + 1;
	return line;
}

static bool is_target(const char *target)
{
	if (target[0] != '/')
		return false;
	for (; *target; target++) {
		if (*target <= ' ' || *target >= 0x7f || *target == '#')
			return false;
	}
	return true;
}

static int request_line(char *line, struct http_head *out, bool *out_old,
			struct http_problem *problem)
{
	char *target = strchr(line, ' ');
	char *version = target ? strchr(target + 1, ' ') : NULL;
	char *query;

	if (!version)
		return malformed(problem, "the request line is not METHOD PATH HTTP/1.1");
	*target++ = '\0';
	*version++ = '\0';
	if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
		return bad(problem, 505, "version", "only HTTP/1.1 is spoken here");
	*out_old = version[7] == '0';
	if (!is_token(line) || !is_target(target))
		return malformed(problem, "the request line holds what no request line may");
	query = strchr(target, '?');
	if (query)
		*query++ = '\0';
	out->method = line;
	out->path = target;
	out->query = query ? query : "";
	return 0;
}

struct seen {
	unsigned host, length, coding, connection;
	bool close, keep;
};

static int content_length(const char *value, struct http_head *out, struct http_problem *problem)
{
	if (strlen(value) > 15 ||
	    text_int(value, 0, INT64_C(999999999999999), &out->content_length) < 0)
		return malformed(problem, "Content-Length is not a number");
	return 0;
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (*list) {
		list += strspn(list, " \t,");
		if (strncasecmp(list, word, len) == 0 && (!list[len] || strchr(" \t,", list[len])))
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

static int header(const char *name, const char *value, struct http_head *out, struct seen *seen,
		  struct http_problem *problem)
{
	if (strcasecmp(name, "Host") == 0) {
		if (!*value || strpbrk(value, " \t,/@"))
			return malformed(problem, "Host is empty or no host");
		seen->host++;
	} else if (strcasecmp(name, "Content-Length") == 0) {
		if (seen->length++)
			return malformed(problem, "there are two Content-Lengths");
		return content_length(value, out, problem);
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		seen->coding++;
		if (strcasecmp(value, "chunked") != 0)
			return bad(problem, 501, "transfer-coding",
				   "this transfer coding is not understood: send Content-Length");
	} else if (strcasecmp(name, "Connection") == 0) {
		seen->close |= has_word(value, "close");
		seen->keep |= has_word(value, "keep-alive");
	} else if (strcasecmp(name, "Expect") == 0) {
		if (strcasecmp(value, "100-continue") != 0)
			return bad(problem, 417, "expectation", "only 100-continue is understood");
		out->expect_continue = true;
	} else if (strcasecmp(name, "Content-Type") == 0) {
		out->content_type = value;
	} else if (strcasecmp(name, "Authorization") == 0) {
		out->authorization = value;
	}
	return 0;
}

static int header_line(char *line, struct http_head *out, struct seen *seen,
		       struct http_problem *problem)
{
	char *colon = strchr(line, ':'), *value, *end;

	if (line[0] == ' ' || line[0] == '\t')
		return malformed(problem, "a header line is folded");
	if (!colon)
		return malformed(problem, "a header line has no colon");
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t');)
		*--end = '\0';
	if (!is_token(line))
		return malformed(problem, "a header's name holds what no name may");
	if (!is_value(value))
		return malformed(problem, "a header's value holds control or other odd bytes");
	return header(line, value, out, seen, problem);
}

int http_parse_head(char *head, size_t len, struct http_head *out, struct http_problem *out_problem)
{
	struct http_head found = {.content_length = -1, .content_type = "", .authorization = ""};
	struct seen seen = {0};
	char *rest = head, *line;
	bool old;

	if (len < 4 || memchr(head, '\0', len) || memcmp(head + len - 4, "\r\n\r\n", 4) != 0)
		return malformed(out_problem, "the head of the request holds NUL or does not end");
	/* The last LF becomes the end of the text: the empty line is then the one that is left. */
	head[len - 1] = '\0';
	head[len - 2] = '\0';
	line = take_line(&rest);
	if (!line)
		return malformed(out_problem, "lines must end in CR LF");
	if (request_line(line, &found, &old, out_problem) < 0)
		return -1;
	for (unsigned n = 0; *rest; n++) {
		if (n == HTTP_HEADERS_MAX)
			return bad(out_problem, 431, "too-many-headers",
				   "there are over 64 headers");
		line = take_line(&rest);
		if (!line || strchr(line, '\r'))
			return malformed(out_problem, "lines must end in CR LF");
		if (header_line(line, &found, &seen, out_problem) < 0)
			return -1;
	}
	if (seen.host != 1)
		return malformed(out_problem,
				 seen.host ? "there are two Hosts" : "there is no Host");
	if (seen.coding && seen.length)
		return malformed(out_problem,
				 "both Content-Length and Transfer-Encoding were sent");
	if (seen.coding)
		return bad(out_problem, 411, "length-required",
			   "send Content-Length: chunks are not taken");
	found.keep_alive = old ? seen.keep && !seen.close : !seen.close;
	*out = found;
	return 0;
}
