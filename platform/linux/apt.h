/* Asking apt, and reading what it answers.  The readers take text, so that recorded output of other
 * releases can be tested.
 *
 * apt changes nothing here: "-s" simulates, "policy" only prints.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_APT_H
#define CARETAKER_PLATFORM_LINUX_APT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct plat_updates;

/* Runs a program of the system with a bound of 'timeout_s'; its exit code must be 0.  On a tree
 * that is only looked at (plat_set_root()) nothing is run: ERR_UNSUPPORTED. */
int apt_run(const char *const *argv, unsigned timeout_s, struct buf *out, struct err *err);

/* "Inst name [installed] (candidate origins [arch])" lines of "apt-get -s dist-upgrade": what would
 * be upgraded is appended to 'out'; new packages are not fixes. */
int apt_read_simulation(char *text, struct plat_updates *out, struct err *err);

/* --- "apt-cache policy" --- */
struct apt_archive {
	char source[200]; /* "http://archive.example/debian bookworm/main amd64 Packages" */
	char origin[64], label[64], suite[64];
};
struct apt_archives {
	struct apt_archive *items;
	size_t count;
};
/* What "apt-cache policy" without a name says of the package lists. */
int apt_read_archives(char *text, struct apt_archives *out, struct err *err);
void apt_archives_clear(struct apt_archives *archives);
const struct apt_archive *apt_archive_find(const struct apt_archives *archives, const char *source);
bool apt_archive_security(const struct apt_archive *archive);

struct apt_version {
	const char *package, *version, *source; /* one call for each source of each version */
	bool installed, above_installed;
};
/* What "apt-cache policy NAME ..." says. */
void apt_read_policy(char *text, void (*each)(void *ctx, const struct apt_version *version),
		     void *ctx);
/* Runs it for names, some hundred at a time; 'name(ctx, i)' gives them. */
int apt_ask_policy(const char *(*name)(void *ctx, size_t i), size_t count,
		   void (*each)(void *ctx, const struct apt_version *version), void *ctx,
		   struct err *err);
int apt_ask_archives(struct apt_archives *out, struct err *err);

/* --- "apt-config dump" --- */
/* The value of 'name' ("APT::Periodic::Enable"); false when it is not set.  The text is kept. */
bool apt_config(const char *text, const char *name, char *out, size_t size);
/* Calls 'each' with every value of a list ("Unattended-Upgrade::Origins-Pattern::"). */
void apt_config_list(const char *text, const char *name, void (*each)(void *ctx, const char *value),
		     void *ctx);

/* --- dates --- */
/* "Sat, 21 Nov 2026 20:33:12 UTC" or "+0100"; 0 when it is none. */
int64_t apt_date(const char *text);
/* The head of a Release or InRelease file. */
struct apt_release {
	char origin[64], label[64], suite[64], codename[64];
	int64_t date, valid_until; /* 0: not said */
};
void apt_read_release(char *text, struct apt_release *out);
/* Calls 'each' with every one in /var/lib/apt/lists. */
void apt_each_release(void (*each)(void *ctx, const char *file, const struct apt_release *release),
		      void *ctx);
/* The first entry of a Debian changelog. */
struct apt_changelog {
	char version[96], urgency[24];
	int64_t date;
};
bool apt_read_changelog(char *text, struct apt_changelog *out);

#endif
