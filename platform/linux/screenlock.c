/* The screen lock as each installed desktop is set up for everyone.
 *
 * Only system-wide settings are read: what a person chose is theirs, and a lock that people can
 * turn off is reported as such.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fcntl.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/accounts.h"
#include "platform/linux/fact.h"

static void leave_open(struct plat_screen_lock *lock, const char *setting)
{
	lock->fixed = false;
	if (!lock->open_setting[0])
		(void)text_copy(lock->open_setting, sizeof(lock->open_setting), setting);
}

/* --- dconf: GNOME, Cinnamon, MATE --- */

/* One setting: where it lies, and what it is when nobody set it. */
struct dconf_key {
	const char *folder, *name; /* "org/gnome/desktop/session", "idle-delay"; NULL: none */
	const char *value;
	char found[64];
	bool set, locked;
};

/* The last two are not of every desktop: whether the idle session blanks at all, and whether at
 * suspend ENABLED decides (true) or SUSPEND. */
enum { IDLE, ENABLED, DELAY, SUSPEND, BLANKS, SUSPEND_AS_ENABLED, KEYS };

struct dconf_desktop {
	const char *desktop;
	int idle_unit, delay_unit; /* seconds */
	struct dconf_key keys[KEYS];
};

static const struct dconf_desktop dconf_desktops[] = {
	{"gnome",
	 1,
	 1,
	 {{"org/gnome/desktop/session", "idle-delay", "300", "", false, false},
	  {"org/gnome/desktop/screensaver", "lock-enabled", "true", "", false, false},
	  {"org/gnome/desktop/screensaver", "lock-delay", "0", "", false, false},
	  /* Ubuntu's own; elsewhere GNOME locks at suspend whenever it locks at all */
	  {"org/gnome/desktop/screensaver", "ubuntu-lock-on-suspend", "true", "", false, false}}},
	{"cinnamon",
	 1,
	 1,
	 {{"org/cinnamon/desktop/session", "idle-delay", "900", "", false, false},
	  {"org/cinnamon/desktop/screensaver", "lock-enabled", "true", "", false, false},
	  {"org/cinnamon/desktop/screensaver", "lock-delay", "2", "", false, false},
	  {"org/cinnamon/settings-daemon/plugins/power", "lock-on-suspend", "true", "", false,
	   false}}},
	{"mate",
	 60,
	 60,
	 {{"org/mate/desktop/session", "idle-delay", "5", "", false, false},
	  {"org/mate/screensaver", "lock-enabled", "true", "", false, false},
	  {"org/mate/screensaver", "lock-delay", "0", "", false, false},
	  {"org/mate/power-manager", "lock-suspend", "true", "", false, false},
	  {"org/mate/screensaver", "idle-activation-enabled", "true", "", false, false},
	  {"org/mate/power-manager", "lock-use-screensaver", "true", "", false, false}}},
};

struct dconf_reading {
	struct dconf_desktop desktop;
	char folder[FACT_PATH_MAX]; /* /etc/dconf/db/local.d */
	char path[FACT_PATH_MAX];
	int64_t newest; /* of the key files */
	bool used;      /* at least one database */
	bool stale;     /* key files newer than the database that dconf reads */
};

static int64_t changed_at(const char *path)
{
	struct stat st;
	int fd = fact_open(path, O_PATH);
	int64_t when = 0;

	if (fd >= 0 && fstat(fd, &st) == 0)
		when = st.st_mtime;
	if (fd >= 0)
		(void)close(fd);
	return when;
}

static bool read_keyfile(void *ctx, const char *name)
{
	struct dconf_reading *reading = ctx;
	struct dconf_key *key;
	char value[64], *number;
	int64_t changed;
	size_t i;

	(void)snprintf(reading->path, sizeof(reading->path), "%.700s/%.255s", reading->folder,
		       name);
	changed = changed_at(reading->path);
	reading->newest = changed > reading->newest ? changed : reading->newest;
	for (i = 0; i < KEYS; i++) {
		key = &reading->desktop.keys[i];
		if (!key->name ||
		    !fact_setting(reading->path, key->folder, key->name, value, sizeof(value)))
			continue;
		number = strrchr(value, ' '); /* "uint32 300" */
		(void)text_copy(key->found, sizeof(key->found), number ? number + 1 : value);
		key->set = true;
	}
	return true;
}

static void look_at_lock(void *ctx, char *line)
{
	struct dconf_reading *reading = ctx;
	struct dconf_key *key;
	char whole[128];
	size_t i;

	for (i = 0; i < KEYS; i++) {
		key = &reading->desktop.keys[i];
		if (!key->name)
			continue;
		(void)snprintf(whole, sizeof(whole), "/%s/%s", key->folder, key->name);
		key->locked |= !strcmp(line, whole);
	}
}

static bool read_locks(void *ctx, const char *name)
{
	struct dconf_reading *reading = ctx;

	(void)snprintf(reading->path, sizeof(reading->path), "%.700s/locks/%.255s", reading->folder,
		       name);
	(void)fact_lines(reading->path, look_at_lock, reading);
	return true;
}

/* "system-db:local" */
static void look_at_profile(void *ctx, char *line)
{
	struct dconf_reading *reading = ctx;
	char database[FACT_PATH_MAX];

	if (strncmp(line, "system-db:", 10) != 0 || strchr(line + 10, '/'))
		return;
	(void)snprintf(database, sizeof(database), "/etc/dconf/db/%.200s", line + 10);
	(void)snprintf(reading->folder, sizeof(reading->folder), "%.250s.d", database);
	reading->used = true;
	reading->newest = 0;
	fact_each_file(reading->folder, read_keyfile, reading);
	(void)snprintf(reading->path, sizeof(reading->path), "%.900s/locks", reading->folder);
	fact_each_file(reading->path, read_locks, reading);
	/* dconf reads the compiled database, never the key files */
	if (reading->newest && changed_at(database) < reading->newest)
		reading->stale = true;
}

static int seconds(const char *value, int unit)
{
	int64_t number;

	return text_int(value, 0, 1000000, &number) == 0 ? (int)number * unit : 0;
}

static void read_dconf(const struct dconf_desktop *desktop, struct plat_screen_lock *lock)
{
	struct dconf_reading reading = {.desktop = *desktop};
	const char *values[KEYS];
	size_t i;

	if (!fact_lines("/etc/dconf/profile/user", look_at_profile, &reading))
		(void)fact_lines("/usr/share/dconf/profile/user", look_at_profile, &reading);
	lock->fixed = true;
	if (reading.stale)
		leave_open(lock, "dconf update has not been run");
	for (i = 0; i < KEYS; i++) {
		values[i] = reading.desktop.keys[i].set && !reading.stale
				    ? reading.desktop.keys[i].found
			    : desktop->keys[i].value ? desktop->keys[i].value
						     : "";
		/* at suspend the default is to lock: only who set otherwise is told */
		if (!reading.desktop.keys[i].locked && desktop->keys[i].name && i != SUSPEND &&
		    i != SUSPEND_AS_ENABLED)
			leave_open(lock, desktop->keys[i].name);
	}
	lock->idle_seconds = seconds(values[IDLE], desktop->idle_unit);
	lock->enabled = !strcmp(values[ENABLED], "true") && strcmp(values[BLANKS], "false") != 0;
	lock->delay_seconds = lock->enabled ? seconds(values[DELAY], desktop->delay_unit) : -1;
	lock->wakes_unlocked = !strcmp(values[SUSPEND], "false") &&
			       strcmp(values[SUSPEND_AS_ENABLED], "true") != 0;
}

/* --- KDE --- */

struct kde {
	bool inside, all_fixed, group_fixed;
	bool autolock, on_resume, autolock_fixed, timeout_fixed, grace_fixed;
	int timeout_minutes, grace_seconds;
};

/* "[$i]" behind a file's, a group's or a key's name forbids people to change it. */
static void look_at_kde(void *ctx, char *line)
{
	struct kde *kde = ctx;
	char *key, *value, *mark;
	bool fixed;

	if (*line == '[') {
		if (!strcmp(line, "[$i]"))
			kde->all_fixed = true;
		kde->inside = !strncmp(line, "[Daemon]", 8);
		if (kde->inside && strstr(line + 8, "[$i]"))
			kde->group_fixed = true;
		return;
	}
	if (!kde->inside || !fact_key_value(line, &key, &value))
		return;
	mark = strstr(key, "[$");
	fixed = mark && strchr(mark, 'i');
	if (mark)
		*mark = '\0';
	if (!strcmp(key, "Autolock")) {
		kde->autolock = strcmp(value, "false") != 0;
		kde->autolock_fixed = fixed;
	} else if (!strcmp(key, "Timeout")) {
		kde->timeout_minutes = seconds(value, 1);
		kde->timeout_fixed = fixed;
	} else if (!strcmp(key, "LockOnResume")) {
		kde->on_resume = strcmp(value, "false") != 0;
	} else if (!strcmp(key, "LockGrace")) {
		kde->grace_seconds = seconds(value, 1);
		kde->grace_fixed = fixed;
	}
}

static void read_kde(struct plat_screen_lock *lock)
{
	struct kde kde = {
		.autolock = true, .on_resume = true, .timeout_minutes = 5, .grace_seconds = 5};
	bool whole;

	(void)fact_lines("/etc/xdg/kscreenlockerrc", look_at_kde, &kde);
	whole = kde.all_fixed || kde.group_fixed;
	lock->enabled = kde.autolock && kde.timeout_minutes > 0;
	lock->idle_seconds = kde.timeout_minutes * 60;
	lock->delay_seconds = kde.grace_seconds;
	lock->wakes_unlocked = !kde.on_resume;
	lock->fixed = true;
	if (!whole && !kde.autolock_fixed)
		leave_open(lock, "Autolock");
	if (!whole && !kde.timeout_fixed)
		leave_open(lock, "Timeout");
	if (!whole && !kde.grace_fixed)
		leave_open(lock, "LockGrace");
}

/* --- XFCE: properties nested in XML --- */

struct xfce_key {
	const char *path, *value;
	char found[16];
	bool set, locked;
};

static bool attribute(const char *tag, const char *name, char *out, size_t size)
{
	char want[32];
	const char *at;

	(void)snprintf(want, sizeof(want), " %s=\"", name);
	at = strstr(tag, want);
	*out = '\0';
	if (!at)
		return false;
	at += strlen(want);
	(void)snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
	return true;
}

struct xfce {
	struct xfce_key *keys;
	size_t count;
	char path[256];
	bool locked[16]; /* by depth: a locked property locks what is in it */
	unsigned depth;
};

static void take_property(struct xfce *xfce, const char *tag)
{
	char name[64], value[16], text[64];
	size_t i, len = strlen(xfce->path);

	(void)attribute(tag, "name", name, sizeof(name));
	(void)snprintf(xfce->path + len, sizeof(xfce->path) - len, "/%s", name);
	if (xfce->depth + 1 < 16)
		xfce->depth++;
	xfce->locked[xfce->depth] = xfce->locked[xfce->depth - 1] ||
				    attribute(tag, "locked", text, sizeof(text)) ||
				    attribute(tag, "unlocked", text, sizeof(text));
	for (i = 0; i < xfce->count; i++) {
		if (strcmp(xfce->keys[i].path, xfce->path) != 0 ||
		    !attribute(tag, "value", value, sizeof(value)))
			continue;
		(void)text_copy(xfce->keys[i].found, sizeof(xfce->keys[i].found), value);
		xfce->keys[i].set = true;
		xfce->keys[i].locked = xfce->locked[xfce->depth];
	}
}

static void end_property(struct xfce *xfce)
{
	char *slash = strrchr(xfce->path, '/');

	if (slash)
		*slash = '\0';
	if (xfce->depth)
		xfce->depth--;
}

/* xfconf writes a tag a line. */
static void look_at_xml(void *ctx, char *line)
{
	struct xfce *xfce = ctx;
	char text[64];
	size_t len = strlen(line);

	if (!strncmp(line, "<channel", 8)) {
		xfce->locked[0] = attribute(line, "locked", text, sizeof(text)) ||
				  attribute(line, "unlocked", text, sizeof(text));
	} else if (!strncmp(line, "<property", 9)) {
		take_property(xfce, line);
		if (len > 2 && !strcmp(line + len - 2, "/>"))
			end_property(xfce);
	} else if (!strncmp(line, "</property", 10)) {
		end_property(xfce);
	}
}

/* Its power manager locks at suspend, and is asked not to in a file of its own. */
static bool xfce_wakes_unlocked(void)
{
	struct xfce_key key = {"/xfce4-power-manager/lock-screen-suspend-hibernate", "true", "",
			       false, false};
	struct xfce xfce = {.keys = &key, .count = 1};

	(void)fact_lines("/etc/xdg/xfce4/xfconf/xfce-perchannel-xml/xfce4-power-manager.xml",
			 look_at_xml, &xfce);
	return key.set && !strcmp(key.found, "false");
}

static void read_xfce(struct plat_screen_lock *lock)
{
	enum { SAVER, SAVER_IDLE, SAVER_DELAY, LOCK, LOCK_SAVER, LOCK_DELAY };
	struct xfce_key keys[] = {
		{"/saver/enabled", "true", "", false, false},
		{"/saver/idle-activation/enabled", "true", "", false, false},
		{"/saver/idle-activation/delay", "5", "", false, false},
		{"/lock/enabled", "true", "", false, false},
		{"/lock/saver-activation/enabled", "true", "", false, false},
		{"/lock/saver-activation/delay", "0", "", false, false},
	};
	struct xfce xfce = {.keys = keys, .count = sizeof(keys) / sizeof(*keys)};
	const char *values[sizeof(keys) / sizeof(*keys)];
	size_t i;

	(void)fact_lines("/etc/xdg/xfce4/xfconf/xfce-perchannel-xml/xfce4-screensaver.xml",
			 look_at_xml, &xfce);
	lock->fixed = true;
	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		values[i] = keys[i].set ? keys[i].found : keys[i].value;
		if (!keys[i].locked)
			leave_open(lock, keys[i].path);
	}
	lock->idle_seconds = seconds(values[SAVER_DELAY], 60);
	if (strcmp(values[SAVER], "true") != 0 || strcmp(values[SAVER_IDLE], "true") != 0)
		lock->idle_seconds = 0;
	lock->enabled = !strcmp(values[LOCK], "true") && !strcmp(values[LOCK_SAVER], "true") &&
			lock->idle_seconds > 0;
	lock->delay_seconds = lock->enabled ? seconds(values[LOCK_DELAY], 60) : -1;
	lock->wakes_unlocked = xfce_wakes_unlocked();
}

/* --- which desktops are there --- */

static struct plat_screen_lock *add(struct plat_screen_locks *locks, const char *desktop)
{
	struct plat_screen_lock *lock;
	size_t i;

	for (i = 0; i < locks->count; i++)
		if (!strcmp(locks->items[i].desktop, desktop))
			return NULL;
	if (locks->count == PLAT_SCREEN_LOCKS)
		return NULL;
	lock = &locks->items[locks->count++];
	(void)text_copy(lock->desktop, sizeof(lock->desktop), desktop);
	return lock;
}

static bool read_desktop(struct plat_screen_locks *locks, const char *session)
{
	struct plat_screen_lock *lock;
	size_t i;

	if (!strncmp(session, "ubuntu", 6) || !strncmp(session, "pop", 3))
		session = "gnome";
	for (i = 0; i < sizeof(dconf_desktops) / sizeof(*dconf_desktops); i++) {
		if (strncmp(session, dconf_desktops[i].desktop,
			    strlen(dconf_desktops[i].desktop)) != 0)
			continue;
		if ((lock = add(locks, dconf_desktops[i].desktop)))
			read_dconf(&dconf_desktops[i], lock);
		return true;
	}
	if (!strncmp(session, "plasma", 6) || !strncmp(session, "kde", 3)) {
		if ((lock = add(locks, "kde")))
			read_kde(lock);
		return true;
	}
	if (!strncmp(session, "xfce", 4) && fact_program("xfce4-screensaver", NULL, 0)) {
		if ((lock = add(locks, "xfce")))
			read_xfce(lock);
		return true;
	}
	return false;
}

static bool look_at_session(void *ctx, const char *name)
{
	struct plat_screen_locks *locks = ctx;
	char session[64];
	size_t len = strlen(name);

	if (len < 9 || strcmp(name + len - 8, ".desktop") != 0)
		return true;
	text_clean(session, sizeof(session), name, len - 8);
	/* Xsession scripts name no desktop of their own */
	if (!read_desktop(locks, session) && strcmp(session, "lightdm-xsession") != 0 &&
	    !locks->unread[0])
		(void)text_copy(locks->unread, sizeof(locks->unread), session);
	return true;
}

struct logind {
	bool locks;
	int seconds;
};

/* "15min", "900", "900s", "1h" */
static int time_span(const char *text)
{
	char *unit;
	long number = strtol(text, &unit, 10);

	if (number < 0 || number > 1000000)
		return 0;
	if (!strncmp(unit, "min", 3) || !strcmp(unit, "m"))
		return (int)number * 60;
	return (int)number * (*unit == 'h' ? 3600 : 1);
}

static void look_at_logind(void *ctx, char *line)
{
	struct logind *logind = ctx;
	char *key, *value;

	if (!fact_key_value(line, &key, &value))
		return;
	if (!strcmp(key, "IdleAction"))
		logind->locks = !strcmp(value, "lock");
	else if (!strcmp(key, "IdleActionSec"))
		logind->seconds = time_span(value);
}

static bool look_at_logind_file(void *ctx, const char *name)
{
	char path[FACT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "/etc/systemd/logind.conf.d/%s", name);
	(void)fact_lines(path, look_at_logind, ctx);
	return true;
}

int plat_screen_locks(struct plat_screen_locks *out, struct err *err)
{
	struct plat_screen_locks locks = {0};
	struct logind logind = {.seconds = 30 * 60};
	struct plat_screen_lock *lock;
	unsigned unread = fact_unread_count();

	if (!fact_is_dir("/usr/share"))
		return err_set(err, ERR_UNSUPPORTED, "no desktops: /usr/share is not there");
	fact_each("/usr/share/xsessions", look_at_session, &locks);
	fact_each("/usr/share/wayland-sessions", look_at_session, &locks);
	(void)fact_lines("/etc/systemd/logind.conf", look_at_logind, &logind);
	fact_each_file("/etc/systemd/logind.conf.d", look_at_logind_file, &logind);
	if (logind.locks && locks.count && (lock = add(&locks, "logind"))) {
		lock->enabled = lock->fixed = true;
		lock->idle_seconds = logind.seconds;
	}
	if (fact_unread(unread, err) < 0)
		return -1;
	*out = locks;
	return 0;
}
