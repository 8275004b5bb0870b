/* Scanning one medium with this system's anti-virus before anyone may use it.
 *
 * What is on the medium is hostile: it is mounted where root alone can look, read-only, without
 * programs, devices or set-user-id, and each file is handed over by descriptor, never by name.  A
 * file that the scanner would pass over (too large for it, unreadable) makes the medium
 * unscannable: scanners answer "clean" for what they did not read. SPDX-License-Identifier:
 * Apache-2.0 */
#ifndef CARETAKER_PLATFORM_SCAN_H
#define CARETAKER_PLATFORM_SCAN_H

#include <stdbool.h>
#include <stdint.h>

struct err;

enum plat_scan_verdict {
	PLAT_SCAN_CLEAN,
	PLAT_SCAN_INFECTED,
	PLAT_SCAN_UNSCANNABLE, /* it stays shut; 'why' says what stood in the way */
	PLAT_SCAN_STOPPED, /* pulled out, another in its place, or 'go_on' said no: there is nothing
			      to say of it */
};

struct plat_scan_progress {
	uint64_t files, bytes; /* handed to the scanner so far */
	uint64_t total_bytes;  /* in use on the medium, as its file system says; 0: not said */
};

struct plat_scan {
	const char *medium;      /* a block device's name: "sda1" */
	uint64_t sequence;       /* its disk's own number (plat_medium): what has another, or a name
				    that changed hands meanwhile, is not what was asked about */
	const char *file_system; /* as libblkid names it: "vfat" */
	const char *folder;      /* where to mount; made, and removed when it is done */
	unsigned max_ms;         /* then it is unscannable */
	/* Called at each file and at least once a second; false ends the scan. */
	bool (*go_on)(void *ctx, const struct plat_scan_progress *progress);
	void *ctx;
};

struct plat_scan_result {
	enum plat_scan_verdict verdict;
	/* UNSCANNABLE: "no-scanner", "file-system", "file-too-large", "unreadable",
	 * "too-many-files", "took-too-long", "scanner-failed" */
	char why[24];
	char detail[128]; /* for the log: what the scanner or the system said; cleaned, no file name
			   */
	char signature[96]; /* INFECTED: the scanner's name of it, cleaned */
	struct plat_scan_progress done;
};

/* Mounts, scans, unmounts.  Never fails: whatever stands in the way makes it unscannable. */
void plat_scan_medium(const struct plat_scan *scan, struct plat_scan_result *out);
/* The same for a folder that is there already; 'medium', 'sequence', 'file_system' and
 * 'folder' of 'scan' are not looked at. */
void plat_scan_folder(const char *path, const struct plat_scan *scan, struct plat_scan_result *out);
/* Unmounts what a scan that was killed left below 'parent'. */
void plat_scan_sweep(const char *parent);

#endif
