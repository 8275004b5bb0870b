/* Which disks hold the running system and which are in use: what is mounted, swap, and the key of a
 * LUKS volume of the system's, followed through device mapper and md to the disks below.
 *
 * The host's mounts are pid 1's: the daemon's own may be a sandbox's.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_parts.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/base/text.h"
#include "platform/linux/gate_mounts.h"
#include "platform/os.h"

#define DEPTH_MAX 8 /* LUKS on LVM on md on a partition is 4 */

struct walk {
	const struct plat_gate *gate;
	struct gate_mounted *out;
	bool system;
	unsigned depth;
};

/* False: it is there already, and so is what lies below it. */
static bool note(const struct walk *walk, const char *name)
{
	struct gate_mounted *out = walk->out;

	for (unsigned i = 0; i < out->count; i++)
		if (strcmp(out->disks[i].name, name) == 0) {
			if (out->disks[i].system || !walk->system)
				return false;
			out->disks[i].system = true;
			return true;
		}
	if (out->count == GATE_DISKS || !text_copy(out->disks[out->count].name, 32, name))
		out->unsure = true;
	else
		out->disks[out->count++].system = walk->system;
	return true;
}

static bool note_disk(void *ctx, const char *name)
{
	struct walk below = *(struct walk *)ctx;
	char path[128], place[GATE_PATH], *slash;

	if (!gate_is_block(name) || below.depth++ > DEPTH_MAX) {
		below.out->unsure = true;
		return true;
	}
	if (!note(&below, name))
		return true;
	(void)snprintf(path, sizeof(path), "class/block/%s/slaves", name);
	gate_each(below.gate, path, note_disk, &below);
	/* A partition's disk holds the system as well. */
	(void)snprintf(path, sizeof(path), "class/block/%s/partition", name);
	if (!gate_has(below.gate, path))
		return true;
	(void)snprintf(path, sizeof(path), "class/block/%s", name);
	if (!gate_place(below.gate, path, place, sizeof(place)))
		return true;
	slash = strrchr(place, '/');
	*slash = '\0';
	slash = strrchr(place, '/');
	if (slash && gate_is_block(slash + 1))
		(void)note_disk(&below, slash + 1);
	return true;
}

/* By its number, as mountinfo has it. */
static bool note_number(struct walk *walk, unsigned numbers_major, unsigned numbers_minor)
{
	char path[64], place[GATE_PATH];
	const char *slash;

	if (!numbers_major)
		return false; /* no device: proc's, tmpfs's, btrfs's */
	(void)snprintf(path, sizeof(path), "dev/block/%u:%u", numbers_major, numbers_minor);
	if (!gate_place(walk->gate, path, place, sizeof(place)))
		return false;
	slash = strrchr(place, '/');
	return slash && note_disk(walk, slash + 1);
}

/* By a path below /dev, or of a file on some disk. */
static void note_path(struct walk *walk, const char *path)
{
	char whole[PATH_MAX], real[PATH_MAX];
	const char *slash;
	struct stat st;

	if (snprintf(whole, sizeof(whole), "%s%s", walk->gate->root, path) >= (int)sizeof(whole) ||
	    !realpath(whole, real))
		return;
	slash = strrchr(real, '/');
	if (strncmp(path, "/dev/", 5) == 0) {
		/* A test's are no device files: the name says which. */
		if (stat(real, &st) == 0 && S_ISBLK(st.st_mode))
			(void)note_number(walk, major(st.st_rdev), minor(st.st_rdev));
		else
			(void)note_disk(walk, slash + 1);
	} else if (walk->gate->live && stat(real, &st) == 0) {
		(void)note_number(walk, major(st.st_dev), minor(st.st_dev));
	}
}

/* --- mounts --- */

static bool holds_system(const char *point)
{
	static const char *const places[] = {
		"/",
		"/boot",
		"/boot/efi",
		"/efi",
		"/home",
		"/usr",
		"/var",
		"/opt",
		"/srv",
		"/etc",
		"/nix",
		"/cdrom", /* live systems from here on: the stick is the disk */
		"/run/live/medium",
		"/lib/live/mount/medium",
		"/run/archiso/bootmnt",
		"/run/initramfs/live",
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (strcmp(point, places[i]) == 0)
			return true;
	return strncmp(point, "/var/", 5) == 0 || strncmp(point, "/usr/", 5) == 0;
}

/* mountinfo writes blanks and backslashes as three octal digits. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *at = text; *at; at++) {
		if (at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' &&
		    at[3] >= '0' && at[3] <= '7') {
			*to++ = (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
			at += 3;
		} else {
			*to++ = *at;
		}
	}
	*to = '\0';
}

/* "98:0" */
static bool parse_numbers(const char *text, struct gate_mount *out)
{
	char *colon, *end;
	unsigned long major_number = strtoul(text, &colon, 10), minor_number;

	if (colon == text || *colon != ':')
		return false;
	minor_number = strtoul(colon + 1, &end, 10);
	if (end == colon + 1 || *end || major_number > UINT_MAX || minor_number > UINT_MAX)
		return false;
	out->major = (unsigned)major_number;
	out->minor = (unsigned)minor_number;
	return true;
}

/* "36 35 98:0 / /mnt rw,noatime shared:1 - ext4 /dev/root rw" */
static bool parse_mount(char *line, struct gate_mount *out)
{
	char *save = NULL, *word, *words[5] = {NULL};
	unsigned count = 0;

	memset(out, 0, sizeof(*out));
	for (word = strtok_r(line, " \n", &save); word && count < 5;
	     word = strtok_r(NULL, " \n", &save)) {
		words[count++] = word;
		if (count == 5)
			break;
	}
	if (count < 5 || !parse_numbers(words[2], out))
		return false;
	while ((word = strtok_r(NULL, " \n", &save)) && strcmp(word, "-") != 0)
		;
	out->type = strtok_r(NULL, " \n", &save);
	out->source = strtok_r(NULL, " \n", &save);
	if (!out->type || !out->source)
		return false;
	out->point = words[4];
	unescape(words[4]);
	unescape(out->source);
	return true;
}

/* caretaker-scan mounts media where root alone can look, and unmounts them itself: a medium is not
 * in use by that, and taking it out of use would end its scan (RUN/media) or its guard (RUN/guard).
 */
static bool is_scanned(const struct gate_mount *mount)
{
	const char *run = plat_place(PLAT_RUN);
	size_t len = strlen(run);

	return strncmp(mount->point, run, len) == 0 &&
	       (strncmp(mount->point + len, "/media/", 7) == 0 ||
		strncmp(mount->point + len, "/guard/", 7) == 0);
}

bool gate_each_mount(const struct plat_gate *gate,
		     bool (*each)(void *ctx, const struct gate_mount *mount), void *ctx)
{
	return gate_each_mount_of(gate, "1", each, ctx);
}

bool gate_each_mount_of(const struct plat_gate *gate, const char *process,
			bool (*each)(void *ctx, const struct gate_mount *mount), void *ctx)
{
	char path[GATE_PATH], *line = NULL;
	struct gate_mount mount;
	size_t size = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/proc/%s/mountinfo", gate->root, process);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (getline(&line, &size, file) >= 0)
		if (parse_mount(line, &mount) && !is_scanned(&mount) && !each(ctx, &mount))
			break;
	free(line);
	(void)fclose(file);
	return true;
}

static bool note_mount(void *ctx, const struct gate_mount *mount)
{
	struct walk *walk = ctx;

	walk->system = holds_system(mount->point);
	/* btrfs and its like have numbers of no device: their source has. */
	if (!note_number(walk, mount->major, mount->minor) &&
	    strncmp(mount->source, "/dev/", 5) == 0)
		note_path(walk, mount->source);
	return true;
}

/* --- swap and keys --- */

static void each_line(const struct plat_gate *gate, const char *name,
		      void (*each)(struct walk *walk, char *line), struct walk *walk)
{
	char path[GATE_PATH], *line = NULL;
	size_t size = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", gate->root, name);
	file = fopen(path, "re");
	if (!file)
		return;
	while (getline(&line, &size, file) >= 0)
		each(walk, line);
	free(line);
	(void)fclose(file);
}

static void note_swap(struct walk *walk, char *line)
{
	if (line[0] != '/')
		return; /* the heading */
	line[strcspn(line, " \t\n")] = '\0';
	unescape(line);
	note_path(walk, line);
}

/* "luks UUID=... /dev/disk/by-label/KEY:/file:5 luks" or "/key:UUID=..." */
static void note_key(struct walk *walk, char *line)
{
	static const struct {
		const char *tag, *folder;
	} tags[] = {{"UUID=", "by-uuid"},
		    {"LABEL=", "by-label"},
		    {"PARTUUID=", "by-partuuid"},
		    {"PARTLABEL=", "by-partlabel"}};
	char *save = NULL, *part, path[256];

	if (line[0] == '#' || !strtok_r(line, " \t\n", &save) || !strtok_r(NULL, " \t\n", &save))
		return;
	part = strtok_r(NULL, " \t\n", &save);
	if (!part)
		return;
	save = NULL;
	for (part = strtok_r(part, ":", &save); part; part = strtok_r(NULL, ":", &save)) {
		if (strncmp(part, "/dev/", 5) == 0)
			note_path(walk, part);
		for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
			size_t len = strlen(tags[i].tag);

			if (strncmp(part, tags[i].tag, len) != 0)
				continue;
			(void)snprintf(path, sizeof(path), "/dev/disk/%s/%.150s", tags[i].folder,
				       part + len);
			note_path(walk, path);
		}
	}
}

void gate_mounted(const struct plat_gate *gate, struct gate_mounted *out)
{
	struct walk walk = {.gate = gate, .out = out};

	memset(out, 0, sizeof(*out));
	if (!gate_each_mount(gate, note_mount, &walk))
		out->unsure = true;
	walk.system = true;
	each_line(gate, "proc/swaps", note_swap, &walk);
	each_line(gate, "etc/crypttab", note_key, &walk);
}
