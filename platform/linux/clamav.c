/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/clamav.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/text.h"
#include "platform/antivirus.h"
#include "platform/linux/apt.h"
#include "platform/linux/clamd_conf.h"
#include "platform/linux/fact.h"
#include "platform/linux/look.h"
#include "platform/os.h"

#define ANSWER_MS 10000 /* a busy clamd that loads its database answers late */
#define LOG_TAIL (1024 * 1024)
#define LOG_DEFAULT "/var/log/clamav/clamav.log"
#define JOURNAL_MAX (8u * 1024 * 1024)
#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define DAY_S 86400

/* --- asking clamd --- */

/* Where clamd may be asked: a socket of this machine, or a port on its loopback. */
struct clamd_place {
	union {
		struct sockaddr any;
		struct sockaddr_un local;
		struct sockaddr_in ipv4;
		struct sockaddr_in6 ipv6;
	} address;
	socklen_t len;
	char name[96]; /* for messages */
};

static bool local_place(const char *path, struct clamd_place *out)
{
	memset(out, 0, sizeof(*out));
	out->address.local.sun_family = AF_UNIX;
	out->len = sizeof(out->address.local);
	(void)snprintf(out->name, sizeof(out->name), "%.80s", path);
	return text_copy(out->address.local.sun_path, sizeof(out->address.local.sun_path), path);
}

/* False for an address that is not this machine's own loopback: nothing is sent over a network. */
static bool tcp_place(const char *host, int64_t port, struct clamd_place *out)
{
	struct in6_addr ipv6;
	struct in_addr ipv4;

	memset(out, 0, sizeof(*out));
	(void)snprintf(out->name, sizeof(out->name), "%.60s port %lld", host, (long long)port);
	if (!*host || !strcmp(host, "localhost") || !strcmp(host, "0.0.0.0"))
		host = "127.0.0.1";
	else if (!strcmp(host, "::"))
		host = "::1";
	if (inet_pton(AF_INET, host, &ipv4) == 1 && ntohl(ipv4.s_addr) >> 24 == IN_LOOPBACKNET) {
		out->address.ipv4.sin_family = AF_INET;
		out->address.ipv4.sin_addr = ipv4;
		out->address.ipv4.sin_port = htons((uint16_t)port);
		out->len = sizeof(out->address.ipv4);
		return true;
	}
	if (inet_pton(AF_INET6, host, &ipv6) == 1 && IN6_IS_ADDR_LOOPBACK(&ipv6)) {
		out->address.ipv6.sin6_family = AF_INET6;
		out->address.ipv6.sin6_addr = ipv6;
		out->address.ipv6.sin6_port = htons((uint16_t)port);
		out->len = sizeof(out->address.ipv6);
		return true;
	}
	return false;
}

/* Waits for what connect() left under way; false with errno. */
static bool finish_connect(int fd)
{
	struct pollfd waiting = {.fd = fd, .events = POLLOUT};
	int error = ETIMEDOUT;
	socklen_t len = sizeof(error);

	if (poll(&waiting, 1, ANSWER_MS) > 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	errno = error;
	return error == 0;
}

static int connect_clamd(const struct clamd_place *place)
{
	int fd =
		socket(place->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int saved;

	if (fd < 0)
		return -1;
	if (connect(fd, &place->address.any, place->len) < 0 &&
	    (errno != EINPROGRESS || !finish_connect(fd))) {
		saved = errno;
		(void)close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* Sends "zCOMMAND" with its NUL, reads up to the answer's NUL. */
static bool ask(const struct clamd_place *place, const char *command, size_t len, char *out,
		size_t size, const char **out_why)
{
	struct pollfd waiting = {.events = POLLIN};
	int64_t end = plat_uptime_ms() + ANSWER_MS;
	size_t have = 0;
	int fd = connect_clamd(place);
	bool ok = false;

	if (fd < 0) {
		*out_why = strerror(errno);
		return false;
	}
	waiting.fd = fd;
	*out_why = "it does not answer";
	if (send(fd, command, len, MSG_NOSIGNAL) != (ssize_t)len)
		goto out;
	while (have + 1 < size) {
		int64_t left = end - plat_uptime_ms();
		ssize_t n;

		if (left <= 0 || poll(&waiting, 1, (int)left) <= 0)
			goto out;
		n = recv(fd, out + have, size - 1 - have, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			goto out;
		have += (size_t)n;
		out[have] = '\0';
		if (memchr(out, '\0', have)) {
			ok = true;
			break;
		}
	}
out:
	(void)close(fd);
	return ok;
}

bool clamav_read_version(const char *text, char *out_product, size_t size, unsigned *out_version,
			 int64_t *out_at)
{
	const char *slash = strchr(text, '/'), *date;
	struct tm tm = {.tm_isdst = -1};
	char digits[12];
	int64_t version;

	if (strncmp(text, "ClamAV ", 7) != 0)
		return false;
	text_clean(out_product, size, text + 7,
		   slash ? (size_t)(slash - text - 7) : strlen(text + 7));
	*out_version = 0;
	*out_at = 0;
	if (!slash)
		return true;
	text_clean(digits, sizeof(digits), slash + 1, strcspn(slash + 1, "/"));
	if (text_int(digits, 1, INT32_MAX, &version) < 0)
		return true;
	date = strchr(slash + 1, '/');
	/* clamd prints its own local time. */
	if (date && strptime(date + 1, "%a %b %d %H:%M:%S %Y", &tm)) {
		*out_version = (unsigned)version;
		*out_at = mktime(&tm);
	}
	return true;
}

/* --- databases --- */

static bool header_field(const char *head, size_t len, unsigned want, char *out, size_t size)
{
	const char *at = head, *end = head + len;

	while (want--) {
		at = memchr(at, ':', (size_t)(end - at));
		if (!at)
			return false;
		at++;
	}
	len = 0;
	/* The date holds blanks; the last field is padded with them. */
	while (at + len < end && at[len] != ':' && isprint((unsigned char)at[len]))
		len++;
	text_clean(out, size, at, len);
	for (len = strlen(out); len && out[len - 1] == ' ';)
		out[--len] = '\0';
	return *out != '\0';
}

static int64_t build_date(const char *text)
{
	struct tm tm = {0};
	const char *zone = strptime(text, "%d %b %Y %H-%M", &tm);
	int64_t offset = 0;

	if (!zone)
		return 0;
	zone += strspn(zone, " ");
	if (*zone && text_int(zone + 1, 0, 1400, &offset) == 0)
		offset = (offset / 100 * 60 + offset % 100) * 60;
	return (int64_t)timegm(&tm) - (*zone == '-' ? -offset : offset);
}

bool clamav_read_header(const char *head, size_t len, int64_t *out_built, unsigned *out_version)
{
	char date[64], version[16], seconds[24];
	int64_t number, built = 0;

	if (len < 32 || memcmp(head, "ClamAV-VDB:", 11) != 0)
		return false;
	if (!header_field(head, len, 1, date, sizeof(date)) ||
	    !header_field(head, len, 2, version, sizeof(version)) ||
	    text_int(version, 0, INT32_MAX, &number) < 0)
		return false;
	/* The ninth field is the same in Unix seconds; old databases lack it. */
	if (header_field(head, len, 8, seconds, sizeof(seconds)))
		(void)text_int(seconds, 1, INT64_MAX / 2, &built);
	if (!built)
		built = build_date(date);
	if (!built)
		return false;
	*out_built = built;
	*out_version = (unsigned)number;
	return true;
}

struct databases {
	const char *dir;
	int64_t daily_at, main_at;
	unsigned daily_version, main_version;
};

static bool one_database(void *ctx, const char *name)
{
	struct databases *all = ctx;
	bool daily = text_match("daily.c?d", name);
	char path[FACT_PATH_MAX], head[512];
	unsigned version;
	int64_t built;
	ssize_t n;
	int fd;

	if (!daily && !text_match("main.c?d", name))
		return true;
	(void)snprintf(path, sizeof(path), "%s/%s", all->dir, name);
	fd = fact_open(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return true;
	n = read(fd, head, sizeof(head));
	(void)close(fd);
	if (n <= 0 || !clamav_read_header(head, (size_t)n, &built, &version))
		return true;
	if (daily && built > all->daily_at) {
		all->daily_at = built;
		all->daily_version = version;
	} else if (!daily && built > all->main_at) {
		all->main_at = built;
		all->main_version = version;
	}
	return true;
}

/* What counts is what clamd has loaded; the files say when that was built, to the second. */
static void date_signatures(const struct clamd_conf *conf, unsigned loaded, int64_t loaded_at,
			    struct plat_av_product *out)
{
	struct databases files = {.dir = conf->database};

	fact_each(conf->database, one_database, &files);
	if (!files.daily_at) {
		files.daily_at = files.main_at;
		files.daily_version = files.main_version;
	}
	if (out->running == PLAT_YES && !loaded) {
		/* clamd runs with signatures of others only, or with none. */
		(void)text_copy(out->detail, sizeof(out->detail),
				"clamd has loaded no official signatures");
		return;
	}
	if (out->running == PLAT_YES && loaded != files.daily_version) {
		out->signatures_at = loaded_at;
		(void)snprintf(out->signatures, sizeof(out->signatures), "%u", loaded);
		(void)snprintf(out->detail, sizeof(out->detail),
			       "clamd works with signatures %u; %u lie on the disk", loaded,
			       files.daily_version);
		return;
	}
	out->signatures_at = files.daily_at;
	if (files.daily_at)
		(void)snprintf(out->signatures, sizeof(out->signatures), "%u", files.daily_version);
}

/* --- updater and scans --- */

static void look_at_updater(struct plat_av_product *out)
{
	static const char *const units[] = {"clamav-freshclam.service",
					    "clamav-freshclam-once.timer",
					    "clamav-freshclam-daemon.service"};

	if (!fact_program("freshclam", NULL, 0)) {
		out->auto_update = PLAT_NO;
		return;
	}
	out->auto_update = PLAT_NO;
	if (fact_exists("/etc/cron.d/clamav-freshclam") || fact_process_runs("freshclam"))
		out->auto_update = PLAT_YES;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (look_unit_enabled(units[i]) && !look_unit_masked(units[i]))
			out->auto_update = PLAT_YES;
}

static int read_tail(const char *path, off_t from, struct buf *out, off_t *out_end)
{
	char block[8192];
	ssize_t n;
	int fd = fact_open(path, O_RDONLY | O_NONBLOCK);

	if (fd < 0)
		return -1;
	*out_end = from;
	if (lseek(fd, from, SEEK_SET) < 0)
		from = -1;
	while (from >= 0 && (n = read(fd, block, sizeof(block))) > 0) {
		buf_add(out, block, (size_t)n);
		if (out->failed)
			break;
		*out_end += n;
	}
	(void)close(fd);
	return from >= 0 ? 0 : -1;
}

static void scan_end(int64_t *newest, const char *text)
{
	struct tm tm;
	int64_t at;

	/* clamscan and clamdscan close their log with "End Date:   2026:11:20 12:00:00". */
	for (; (text = strstr(text, "End Date:")); text++) {
		memset(&tm, 0, sizeof(tm));
		tm.tm_isdst = -1;
		if (!strptime(text + 9 + strspn(text + 9, " "), "%Y:%m:%d %H:%M:%S", &tm))
			continue;
		at = mktime(&tm);
		if (at > *newest)
			*newest = at;
	}
}

static bool one_scan_log(void *ctx, const char *name)
{
	int64_t *newest = ctx;
	char path[FACT_PATH_MAX];
	struct stat st;
	struct buf text;
	off_t end;

	(void)snprintf(path, sizeof(path), "/var/log/clamav/%s", name);
	if (!text_match("*.log", name) || !look_stat(path, &st) || !S_ISREG(st.st_mode))
		return true;
	buf_init(&text, LOG_TAIL);
	if (read_tail(path, st.st_size > LOG_TAIL / 4 ? st.st_size - LOG_TAIL / 4 : 0, &text,
		      &end) == 0)
		scan_end(newest, buf_text(&text));
	buf_clear(&text);
	return true;
}

/* Asks at one place; false: nobody answers there. */
static bool ask_there(const struct clamd_place *place, struct plat_av_product *out,
		      unsigned *out_loaded, int64_t *out_loaded_at)
{
	const char *why = "";
	char answer[256];

	if (!ask(place, "zPING", sizeof("zPING"), answer, sizeof(answer), &why) ||
	    strcmp(answer, "PONG") != 0) {
		(void)snprintf(out->detail, sizeof(out->detail), "clamd at %.80s: %.60s",
			       place->name, why);
		return false;
	}
	out->running = PLAT_YES;
	*out->detail = '\0'; /* of a place asked before */
	if (ask(place, "zVERSION", sizeof("zVERSION"), answer, sizeof(answer), &why))
		(void)clamav_read_version(answer, out->version, sizeof(out->version), out_loaded,
					  out_loaded_at);
	return true;
}

static void ask_tcp(const struct clamd_conf *conf, struct plat_av_product *out,
		    unsigned *out_loaded, int64_t *out_loaded_at)
{
	const char *far_away = NULL;
	struct clamd_place place;
	size_t i;

	for (i = 0; i < (conf->tcp_count ? conf->tcp_count : 1); i++) {
		const char *host = conf->tcp_count ? conf->tcp[i] : "";

		if (!tcp_place(host, conf->port, &place))
			far_away = host;
		else if (ask_there(&place, out, out_loaded, out_loaded_at))
			return;
	}
	if (!far_away)
		return;
	out->running = PLAT_CANNOT_TELL;
	(void)snprintf(out->detail, sizeof(out->detail),
		       "clamd listens at %.60s, which is not the loopback: it is not asked there",
		       far_away);
}

static void ask_daemon(const struct clamd_conf *conf, struct plat_av_product *out,
		       unsigned *out_loaded, int64_t *out_loaded_at)
{
	const char *path = *conf->socket ? conf->socket : CLAMD_SOCKET_DEFAULT;
	struct clamd_place place;

	*out_loaded = 0;
	*out_loaded_at = 0;
	out->running = PLAT_CANNOT_TELL;
	if (!fact_live())
		return;
	out->running = PLAT_NO;
	if (*conf->socket || !conf->port) {
		if (!local_place(path, &place))
			(void)text_copy(out->detail, sizeof(out->detail),
					"the path of clamd's socket is too long");
		else if (ask_there(&place, out, out_loaded, out_loaded_at))
			return;
	}
	if (conf->port)
		ask_tcp(conf, out, out_loaded, out_loaded_at);
}

bool clamav_product(struct plat_av_product *out)
{
	struct clamd_conf conf;
	unsigned loaded = 0;
	int64_t loaded_at = 0;
	bool daemon = fact_program("clamd", NULL, 0);

	if (!daemon && !fact_program("clamscan", NULL, 0))
		return false;
	memset(out, 0, sizeof(*out));
	(void)text_copy(out->name, sizeof(out->name), "ClamAV");
	out->tried = true;
	clamd_conf_read(out, &conf);
	if (daemon) {
		ask_daemon(&conf, out, &loaded, &loaded_at);
		/* clamonacc hands clamd what is opened; it ends by itself when it has no folder to
		 * watch. */
		out->on_access = out->running == PLAT_CANNOT_TELL ? PLAT_CANNOT_TELL
				 : out->running == PLAT_YES && fact_process_runs("clamonacc")
					 ? PLAT_YES
					 : PLAT_NO;
	} else {
		out->running = out->on_access = PLAT_NO;
		(void)text_copy(out->detail, sizeof(out->detail),
				"only clamscan is installed: it scans nothing by itself");
	}
	date_signatures(&conf, loaded, loaded_at, out);
	look_at_updater(out);
	fact_each("/var/log/clamav", one_scan_log, &out->last_scan_at);
	return true;
}

/* --- detections --- */

bool clamav_read_detection(const char *line, struct plat_detection *out)
{
	size_t len = strlen(line);
	const char *arrow = strstr(line, " -> "), *colon = NULL, *end;
	struct tm tm = {.tm_isdst = -1};

	memset(out, 0, sizeof(*out));
	if (len < 8 || strcmp(line + len - 6, " FOUND") != 0)
		return false;
	/* "Sat Nov 21 10:00:00 2026 -> ": only with LogTime, and only at the line's begin. */
	if (arrow && arrow - line == 24 && strptime(line, "%a %b %d %H:%M:%S %Y", &tm)) {
		out->at = mktime(&tm);
		line = arrow + 4;
	}
	end = line + strlen(line) - 6;
	for (const char *at = line; (at = strstr(at, ": ")) && at < end; at++)
		colon = at; /* the last one: a path may hold ": " too */
	if (!colon || colon == line || end <= colon + 2)
		return false;
	text_clean(out->signature, sizeof(out->signature), colon + 2, (size_t)(end - colon - 2));
	/* "Eicar(44d88612fea8a8f36de82e1278abb02f:68)": the file's hash is nobody's business. */
	if (strchr(out->signature, '(') && out->signature[strlen(out->signature) - 1] == ')')
		*strchr(out->signature, '(') = '\0';
	if (strncmp(line, "fd[", 3) != 0 && strncmp(line, "instream(", 9) != 0)
		text_clean(out->path, sizeof(out->path), line, (size_t)(colon - line));
	(void)text_copy(out->product, sizeof(out->product), "ClamAV");
	return *out->signature != '\0';
}

struct log_read {
	int64_t since; /* lines before it are passed over; 0: none are */
	struct plat_detection *out;
	size_t count;
	bool with_streams; /* clamd's "fd[10]: x FOUND" counts; clamonacc's own log names the file
			    */
};

/* Reads whole lines; returns how many bytes of 'text' are done with. */
static size_t read_lines(struct log_read *read, char *text, size_t len)
{
	size_t done = 0;

	while (done < len && read->count < PLAT_DETECTIONS_MAX) {
		char *line = text + done, *end = memchr(line, '\n', len - done);
		struct plat_detection *found = &read->out[read->count];

		if (!end)
			break; /* still being written */
		*end = '\0';
		done = (size_t)(end - text) + 1;
		if (!clamav_read_detection(line, found))
			continue;
		if (read->since && found->at < read->since)
			continue;
		if (!*found->path && !read->with_streams)
			continue;
		(void)text_copy(found->file, sizeof(found->file), found->path);
		look_tilde(found->path, sizeof(found->path), found->file);
		read->count++;
	}
	return done;
}

/* "INODE:OFFSET " as this file writes it; false when it is not that. */
static bool read_position(const char *text, unsigned long long *out_inode,
			  unsigned long long *out_offset)
{
	char *end;

	*out_inode = strtoull(text, &end, 10);
	if (!*out_inode || *end != ':')
		return false;
	*out_offset = strtoull(end + 1, &end, 10);
	return *end == ' ' || !*end;
}

/* One log from where it was left.  "LOG.1" is looked at when the log was turned over meanwhile. */
static void read_log(struct log_read *read, const char *path, const char *position, int64_t now,
		     struct buf *out_position)
{
	unsigned long long inode = 0, offset = 0;
	char old[FACT_PATH_MAX];
	struct stat st, old_st;
	struct buf text;
	off_t from = 0, end;

	if (!look_stat(path, &st) || !S_ISREG(st.st_mode)) {
		buf_adds(out_position, "0:0 ");
		return;
	}
	read->since = 0;
	buf_init(&text, LOG_TAIL);
	if (!read_position(position, &inode, &offset)) {
		/* The first time: only what is new, so that a log of years is not told at once. */
		read->since = now - DAY_S;
		from = st.st_size > LOG_TAIL ? st.st_size - LOG_TAIL : 0;
	} else if (inode == (unsigned long long)st.st_ino && (off_t)offset <= st.st_size) {
		from = (off_t)offset;
	} else {
		(void)snprintf(old, sizeof(old), "%s.1", path);
		if (look_stat(old, &old_st) && (unsigned long long)old_st.st_ino == inode &&
		    read_tail(old, (off_t)offset, &text, &end) == 0 && text.len)
			(void)read_lines(read, text.data, text.len);
		buf_reset(&text);
	}
	if (read_tail(path, from, &text, &end) == 0 && text.len)
		from += (off_t)read_lines(read, text.data, text.len);
	buf_addf(out_position, "%llu:%llu ", (unsigned long long)st.st_ino,
		 (unsigned long long)from);
	buf_clear(&text);
}

/* --- the journal: where LogSyslog goes, and what clamd says when it has no log of its own --- */

static bool has_log(const struct clamd_conf *conf)
{
	return *conf->log || (!conf->syslog && fact_exists(LOG_DEFAULT));
}

/* One entry of "journalctl -o json"; false when it is none. */
static bool read_entry(const char *line, size_t len, char cursor[CURSOR_MAX],
		       struct plat_detection *out, bool *out_found)
{
	const char *message = NULL, *time = NULL, *there = NULL;
	struct json *root = NULL;
	int64_t micros;
	struct err err;
	bool ok = false;

	if (json_parse(line, len, &root, &err) < 0)
		return false;
	if (json_get_string(root, "__CURSOR", CURSOR_MAX - 1, &there, &err) < 0 ||
	    strpbrk(there, " \t\n"))
		goto out;
	(void)text_copy(cursor, CURSOR_MAX, there);
	ok = true;
	/* A message that is no text (an array of bytes) is not of clamd's making. */
	if (json_opt_string(root, "MESSAGE", 4096, &message, &err) < 0 || !message ||
	    !clamav_read_detection(message, out))
		goto out;
	*out_found = true;
	if (!out->at && json_opt_string(root, "__REALTIME_TIMESTAMP", 24, &time, &err) == 0 &&
	    time && text_int(time, 0, INT64_MAX, &micros) == 0)
		out->at = micros / 1000000;
out:
	json_free(root);
	return ok;
}

void clamav_read_journal(const char *text, bool with_streams, struct plat_detection *out,
			 size_t *count, char cursor[CURSOR_MAX])
{
	while (*text && *count < PLAT_DETECTIONS_MAX) {
		size_t len = strcspn(text, "\n");
		struct plat_detection *one = &out[*count];
		bool found = false;

		if (read_entry(text, len, cursor, one, &found) && found &&
		    (*one->path || with_streams)) {
			(void)text_copy(one->file, sizeof(one->file), one->path);
			look_tilde(one->path, sizeof(one->path), one->file);
			(*count)++;
		}
		text += len + (text[len] == '\n');
	}
}

/* "-1day" for the first time, as with a log; afterwards from where it was left. */
static int ask_journal(const char *cursor, struct buf *out, struct err *err)
{
	char from[CURSOR_MAX + 16];
	/* Debian, Ubuntu; Fedora; built from source.  More lines than that in a quarter of an hour
	 * are no clamd's. */
	const char *argv[] = {"journalctl",
			      "--quiet",
			      "--no-pager",
			      "--output=json",
			      "--output-fields=MESSAGE",
			      "--lines=5000",
			      "--unit=clamav-daemon.service",
			      "--unit=clamd@*.service",
			      "--unit=clamd.service",
			      from,
			      NULL};

	(void)snprintf(from, sizeof(from), "%s%s", *cursor ? "--after-cursor=" : "--since=-1day",
		       cursor);
	return apt_run(argv, 20, out, err);
}

/* What the third word of the position says; "" and "-" are no cursor. */
static void cursor_of(const char *position, char cursor[CURSOR_MAX])
{
	const char *at = position;
	size_t len;

	*cursor = '\0';
	for (int i = 0; at && i < 2; i++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	len = at ? strcspn(at, " ") : 0;
	if (len > 1 && len < CURSOR_MAX)
		text_clean(cursor, CURSOR_MAX, at, len);
}

static int read_journal(struct log_read *read, const char *position, struct buf *out_position,
			struct err *err)
{
	char cursor[CURSOR_MAX];
	struct buf text;
	int ret;

	cursor_of(position, cursor);
	buf_init(&text, JOURNAL_MAX);
	/* journalctl succeeds with nothing to show where nobody keeps a journal. */
	if (fact_exists(JOURNAL_SOCKET))
		ret = ask_journal(cursor, &text, err);
	else
		ret = err_set(err, ERR_UNSUPPORTED, "there is no journal of systemd here");
	if (ret == 0)
		clamav_read_journal(buf_text(&text), read->with_streams, read->out, &read->count,
				    cursor);
	else
		err_wrap(err, "clamd keeps no log of its own, and what it found is not seen");
	buf_addf(out_position, "%s ", *cursor ? cursor : "-");
	buf_clear(&text);
	return ret;
}

int clamav_detections(const char *position, int64_t now, struct plat_detection *out,
		      size_t *out_count, struct buf *out_position, struct err *err)
{
	static const char on_access[] = "/var/log/clamav/clamonacc.log";
	struct log_read read = {.out = out};
	struct clamd_conf conf;
	const char *second;

	clamd_conf_read(NULL, &conf);
	if (!position)
		position = "";
	second = strchr(position, ' ');
	read.with_streams = !fact_exists(on_access);
	read_log(&read, *conf.log ? conf.log : LOG_DEFAULT, position, now, out_position);
	read.with_streams = true;
	read_log(&read, on_access, second ? second + 1 : "", now, out_position);
	read.with_streams = !fact_exists(on_access);
	/* What the logs held is told first; a journal that cannot be read is said the next time. */
	if (conf.found && !has_log(&conf) && read_journal(&read, position, out_position, err) < 0 &&
	    !read.count)
		return -1;
	*out_count = read.count;
	return buf_check(out_position, err);
}
