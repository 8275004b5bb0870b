/* What ClamAV's logs and the journal tell: when the last scan ended, and what was found.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/clamav_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/text.h"
#include "platform/antivirus.h"
#include "platform/linux/apt.h"
#include "platform/linux/clamav.h"
#include "platform/linux/clamd_conf.h"
#include "platform/linux/fact.h"
#include "platform/linux/look.h"

#define LOG_TAIL (1024 * 1024)
#define LOG_DEFAULT "/var/log/clamav/clamav.log"
#define JOURNAL_MAX (8u * 1024 * 1024)
#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define DAY_S 86400

static int read_tail(const char *path, off_t from, struct buf *out, off_t *out_end)
{
	char block[8192];
	ssize_t n;
	int fd = fact_open(path, O_RDONLY | O_NONBLOCK);
	struct err err;

	*out_end = from;
	n = fd < 0 || lseek(fd, from, SEEK_SET) < 0 ? -1 : 0;
	while (n >= 0 && (n = read(fd, block, sizeof(block))) > 0) {
		buf_add(out, block, (size_t)n);
		if (out->failed)
			break;
		*out_end += n;
	}
	if (n < 0) {
		err_errno(&err, errno, "read '%s'", path);
		fact_note(&err);
	}
	if (fd >= 0)
		(void)close(fd);
	return n < 0 ? -1 : 0;
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

int64_t clamav_last_scan(void)
{
	int64_t newest = 0;

	fact_each("/var/log/clamav", one_scan_log, &newest);
	return newest;
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
	unsigned unread = fact_unread_count();
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
	if (!read.count && fact_unread(unread, err) < 0)
		return err_wrap(err, "what ClamAV found is not seen");
	*out_count = read.count;
	return buf_check(out_position, err);
}
