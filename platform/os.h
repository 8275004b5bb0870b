/* Files, processes, clocks: what every program asks of the operating system.
 *
 * Paths are UTF-8, '/' or the OS's own separator.  Everything written here survives a power cut in
 * one piece: a file is the old one or the new one.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_OS_H
#define CARETAKER_PLATFORM_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

/* --- where things are: never hard-coded elsewhere --- */
enum plat_place {
	PLAT_CONF,  /* /etc/caretaker; like those that are not of the system, as 'make' was told */
	PLAT_STATE, /* /var/lib/caretaker */
	PLAT_RUN,   /* /run/caretaker */
	PLAT_SHARE, /* /usr/share/caretaker */
	PLAT_BIN,   /* /usr/bin */
	PLAT_SBIN,  /* /usr/sbin */
	PLAT_UNITS, /* /usr/lib/systemd/system: what starts the services */
	PLAT_LIBEXEC, /* programs that other programs start: /usr/libexec/caretaker, or beside the
		       * running program where that one is not installed (a build tree) */
};
const char *plat_place(enum plat_place place);
/* Does the running program lie where it was to be installed? */
bool plat_installed(void);

/* The folder that facts are read below: "" for this machine; a test or an inspected image gives its
 * own.  Set once, before anything else is asked. */
void plat_set_root(const char *root); /* copied; a trailing '/' is dropped */
const char *plat_root(void);

/* --- files --- */
enum plat_file_mode {
	PLAT_FILE_PUBLIC,  /* everyone reads: 0644 */
	PLAT_FILE_PRIVATE, /* root alone: 0600 */
};

/* Reads a whole regular file of at most 'max' bytes into 'out' (appended).  ERR_NOTFOUND when there
 * is none, ERR_INVALID when it is larger or not a regular file. */
int plat_file_read(const char *path, size_t max, struct buf *out, struct err *err);
/* The same for a secret of ours: follows no final symlink, and refuses (ERR_DENIED, saying what to
 * do) a file that somebody else owns, writes or reads. */
int plat_file_read_private(const char *path, size_t max, struct buf *out, struct err *err);
/* Writes beside, syncs, renames over, syncs the folder.  What is beside is named ".NAME.new"; a
 * power cut may leave it, the next write takes it over.  On failure the old file stays, but for a
 * folder that cannot be synced: then the new one is there, until a power cut at least. */
int plat_file_replace(const char *path, const void *data, size_t len, enum plat_file_mode mode,
		      struct err *err);
int plat_file_remove(const char *path, struct err *err); /* absent is fine; syncs the folder */
struct plat_file_info {
	bool exists, is_dir;
	uint64_t size;
	int64_t changed_at; /* unix seconds */
	uint64_t identity;  /* another when the file was replaced or written */
};
/* Absent is no error: 'exists' is false.  Follows symlinks. */
int plat_file_info(const char *path, struct plat_file_info *out, struct err *err);
/* Makes the folder and its parents; private: 0700, else 0755 (parents always).  One that is there
 * is left as it is. */
int plat_dir_make(const char *path, enum plat_file_mode mode, struct err *err);
/* Calls 'each' with every entry's name, sorted by bytes; each may return -1 to stop.  ERR_NOTFOUND
 * when there is no such folder. */
int plat_dir_list(const char *path, int (*each)(void *ctx, const char *name, struct err *err),
		  void *ctx, struct err *err);
/* One process at a time: takes the lock file, or ERR_DENIED ("... is running").  Freed by
 * plat_unlock() or by the process's end.  'wait_ms' 0: at once. */
struct plat_lock;
int plat_lock(const char *path, unsigned wait_ms, struct plat_lock **out, struct err *err);
void plat_unlock(struct plat_lock *lock);
/* Free bytes for us where 'path' lies. */
int plat_disk_free(const char *path, uint64_t *out, struct err *err);

/* --- clocks --- */
int64_t plat_now(void); /* the wall clock, unix seconds; may be wrong */
int64_t plat_now_ms(void);
int64_t plat_uptime_ms(void); /* since boot, sleep included; never goes backwards */
int plat_boot_id(char out[37], struct err *err); /* a UUID that each boot makes new */
/* Days of the calendar on this machine's wall, counted from 1970-01-01: the one that 'at' falls on,
 * and the moment of the last second of one. */
int64_t plat_local_day(int64_t at);
int64_t plat_local_day_end(int64_t day);
void plat_pause_ms(unsigned ms); /* for a program that a person waits for */

/* --- processes --- */
struct plat_command {
	const char *const *argv; /* argv[0] is looked up in the system's own folders only;
				  * an absolute path is taken as it is */
	const void *input;       /* NULL: none */
	size_t input_len;
	size_t output_max;
	unsigned timeout_ms; /* then it and its process group are killed: ERR_TIMEOUT */
};
/* Runs a command with an empty environment (PATH, LC_ALL=C.UTF-8) and waits.  '*out_status' is its
 * exit code (128 + signal).  A missing program is ERR_NOTFOUND; one that writes more than
 * 'output_max' is killed: ERR_INVALID.  stderr goes to 'out_error', cut at 4 KiB; may be NULL. What
 * it leaves running in the background is not waited for. */
int plat_run(const struct plat_command *command, struct buf *out, struct buf *out_error,
	     int *out_status, struct err *err);

/* Talks to the uplink: connects to its socket, or starts the program at 'program' with one end
 * of a pair as its standard input and output when there is no socket; sends 'request', shuts its
 * side, reads the whole answer of at most 'max'.  'socket_path' may be NULL: starts the program. */
int plat_uplink_exchange(const char *socket_path, const char *program, const void *request,
			 size_t len, size_t max, unsigned timeout_ms, struct buf *out,
			 struct err *err);

/* --- ourselves --- */
bool plat_is_admin(void);
int plat_random(void *out, size_t len, struct err *err);
void plat_uuid(char out[37]); /* random, version 4 */
/* No core dump, no ptrace: for programs that hold a key. */
void plat_protect_process(void);
/* Root turns into whoever owns 'folder' for good, so that what it makes there is theirs; it keeps
 * no right but to reach every file.  Nothing happens to others, when 'folder' is root's, or when
 * there is none. */
int plat_act_as_owner(const char *folder, struct err *err);
/* For log_to_journal(). */
bool plat_stderr_is_journal(void);

#endif
