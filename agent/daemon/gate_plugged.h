/* What the gate knows of each thing that is plugged in, and what its files do for each other.  For
 * agent/daemon/gate*.c alone; everyone else has gate.h.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_DAEMON_GATE_PLUGGED_H
#define CARETAKER_DAEMON_GATE_PLUGGED_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/daemon/gate_facts.h"
#include "agent/daemon/gate_memory.h"
#include "agent/daemon/gate_record.h"
#include "agent/gate/decide.h"
#include "agent/gate/scan_ask.h"
#include "platform/gate.h"

#define GATE_PARTS_MAX 16
#define GATE_PLUGGED_MAX 256
#define GATE_PATIENCE_MS 1500 /* that whoever has files open on a medium gets to let go */

enum gate_verdict {
	VERDICT_PASSED, /* not the gate's business */
	VERDICT_REFUSED,
	VERDICT_JUDGING,
	VERDICT_READ_ONLY,
	VERDICT_OPEN,
};
const char *gate_verdict_name(enum gate_verdict verdict);

/* A disk or partition of it, as far as it is judged by itself. */
struct gate_part {
	struct plat_medium medium;
	enum gate_verdict verdict;
	char why[32];
	int line;
	bool asked;             /* a scan of it */
	bool guarded;           /* 'asked' is that each file is scanned when it is opened */
	bool file_refused;      /* one was not opened, and that is not on record yet */
	struct scan_state scan; /* how it goes */
	bool closed;       /* it was told to be: once, as each telling is an event that we hear */
	bool looked_again; /* udev was asked to: once, likewise */
	bool quiet;
	enum { PART_UNSCANNED, PART_CLEAN, PART_INFECTED, PART_UNSCANNABLE, PART_GUARDED } scanned;
	uint64_t bytes_judged; /* of the medium that was scanned: another one has another size */
};

/* What was said of it last. */
struct gate_on_record {
	enum gate_verdict verdict;
	bool enforced;
	char exception[64];
};

struct gate_plugged {
	struct gate_plugged *next;
	char place[GATE_NAME]; /* its port, or the disk's name where it hangs on no USB device */
	bool alone;            /* the latter */
	bool marked;           /* seen in this walk */
	bool judged;           /* once at least */
	struct gate_facts_shown shown;
	uint64_t print;
	unsigned number;   /* of this plugging in; 0: it has none, or nobody said */
	unsigned asked;    /* the configuration that was asked whether it is MTP, plus one */
	uint32_t says_mtp; /* a bit for each interface that is */
	bool held;         /* some interface of it is the gate's business */
	bool holds_system;
	bool locked_out;    /* it was plugged in while the screen was locked */
	bool parts_refused; /* its media were all refused: shut until something changes */
	bool settled;       /* nothing of the answer waits for udev or a scan */
	struct gate_decision decision;
	enum gate_verdict verdict; /* of the device and its media together */
	char why[32];
	int line;
	unsigned deciding; /* the part whose word 'why' is, plus one; 0: the device's own */
	struct gate_part parts[GATE_PARTS_MAX];
	unsigned part_count;
	bool was_storage; /* and nothing else, when it was plugged in before; now it types */
	bool unsaid;      /* it is open, which is put on record when something is seen in it */
	bool recorded;
	struct gate_on_record on_record; /* 'recorded' */
};

struct gate {
	char rules_path[300], memory_path[300], shown_path[300], scan_path[300];
	char enforced_path[300]; /* udev's rule closes media while this file is there */
	void (*happened)(void *ctx, const char *what);
	void *ctx;
	struct plat_gate *platform;
	struct gate_aliases aliases;
	struct gate_rules *rules;
	const char *rules_state; /* "in force", "none", "damaged" */
	uint64_t rules_identity;
	struct gate_memory memory;
	struct gate_record record;
	uint64_t record_written;      /* when 'happened' was called last */
	struct gate_earlier *earlier; /* gate_recorded.c: what a daemon before this one recorded */
	char recorded_path[300];
	bool recorded_changed;
	struct gate_plugged *plugged;
	unsigned plugged_count;
	struct gate_device device; /* the one being judged: large, and one at a time */
	char user[64];
	bool locked;       /* the screen, or nobody can tell where the rules ask (gate_seat.c) */
	bool seat_listens; /* 'seat_fd' is open */
	int seat_fd;
	bool baseline;    /* what is plugged at the first look was there before us */
	bool looked;      /* once, at everything */
	bool off;         /* the kernel's command line has caretaker.usb=off: for this boot */
	bool changed;     /* RUN/hardware.json may say something else now */
	bool gone;        /* a medium is */
	struct buf shown; /* what it says */
	size_t shown_from;
	char boot[37];
};

/* gate.c: the best-known time, and whether an end that lies ahead can be trusted to. */
int64_t gate_now(const struct gate *gate, bool *out_known);
/* Writes what has changed: what was seen, RUN/hardware.json.  Every entry of gate.h ends in it. */
void gate_finish(struct gate *gate);

/* gate_seat.c: sets 'user' and 'locked'. */
void gate_seat_take(struct gate *gate);
/* Likewise, before a look by new rules: asks first, where they want to know and nobody listens. */
void gate_seat_know(struct gate *gate);

/* gate_plugged.c: by its port, or the disk's name where it hangs on no USB device; NULL: none. */
struct gate_plugged *gate_find(const struct gate *gate, const char *place);
/* NULL: no room or no memory for one more.  It stays undecided, which is shut. */
struct gate_plugged *gate_find_or_add(struct gate *gate, const char *place);
/* Whether what has this number (0: unknown) was plugged in at another time. */
bool gate_is_other_plugging(const struct gate_plugged *plugged, unsigned number);
/* It is gone; scans of it end.  What was found at this place is freed. */
void gate_forget(struct gate *gate, const char *place);

/* gate_look.c: judges what is at this port now, or forgets what is no longer there. */
void gate_look_at_port(struct gate *gate, const char *port);
/* The others with the id of what came or went: each is the other's twin. */
void gate_look_at_twins(struct gate *gate, const char *place, const char *id);
/* The disks that hang on no USB device. */
void gate_look_at_disks(struct gate *gate);
void gate_look_at_all(struct gate *gate);

/* gate_judge.c: gate->device holds the facts.  Judges, acts, records. */
void gate_judge(struct gate *gate, struct gate_plugged *plugged);

/* gate_attempt.c: an attempt is recorded when its answer stands, and again when that changes. */
void gate_put_on_record(struct gate *gate, struct gate_plugged *plugged);
/* What was storage before types now. */
void gate_record_change(struct gate *gate, const struct gate_plugged *plugged);

/* gate_recorded.c: what is on record of what is plugged in, over a restart.  Without it all of that
 * is told of once more. */
void gate_recorded_load(struct gate *gate);
void gate_recorded_save(struct gate *gate);
/* Whether it was on record before this daemon began, and how. */
bool gate_recorded_earlier(const struct gate *gate, const struct gate_plugged *plugged,
			   struct gate_on_record *out);
/* Nothing of this place any more. */
void gate_recorded_forget(struct gate *gate, const char *place);
void gate_recorded_clear(struct gate *gate);

/* gate_act.c: reads the media of a device into 'parts', keeping what is known of them. */
void gate_read_parts(struct gate *gate, struct gate_plugged *plugged);
/* Judges each; sets the device's own verdict, 'why' and 'settled'. */
void gate_judge_parts(struct gate *gate, struct gate_plugged *plugged);
/* Brings the machine to what was decided; nothing but in enforce. */
void gate_act(struct gate *gate, struct gate_plugged *plugged);
/* The rules no longer enforce: what the gate had shut or closed is let through. */
void gate_let_all(struct gate *gate, struct gate_plugged *plugged);

/* gate_scan.c: has the medium scanned, whole or file by file. */
void gate_scan_ask(const struct gate *gate, struct gate_part *part, bool on_open);
/* How it goes; true: a file was not opened, for a reason that is new. */
bool gate_scan_read(const struct gate *gate, struct gate_part *part);
/* It is not wanted any more. */
void gate_scan_end(const struct gate *gate, struct gate_part *part);
/* Takes back what a daemon before this one asked for of media that are there no more. */
void gate_scan_sweep(struct gate *gate);

/* gate_shown.c: RUN/hardware.json. */
void gate_show(struct gate *gate);

#endif
