/* caretakerd: decides when this machine is checked.  It never leaves memory, so it is small: libuv
 * and libudev, no network, no keys, nothing from outside but file and device events.
 *
 * The work is caretaker-check's.  Under systemd this program writes RUN/request-check, which
 * caretaker-check.path watches: it needs no right to start units.  Else it starts the program. When
 * a check has ended is seen by RUN/next, which every check writes last.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/options.h"
#include "agent/base/text.h"
#include "agent/daemon/gate.h"
#include "agent/daemon/locks.h"
#include "agent/daemon/schedule.h"
#include "agent/daemon/watch.h"
#include "agent/gate/rules.h"
#include "agent/gate/scan_ask.h"
#include "platform/os.h"
#include "platform/system.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define SEAT_FILE "/run/systemd/seats/seat0" /* logind writes it at each change of user */
#define RUN_MAX_S 1200 /* the unit's own limit is shorter: longer than that, its end was missed */

struct daemon {
	uv_loop_t *loop;
	uv_timer_t timer, watchdog, gate_timer;
	uv_signal_t term, interrupt, hup, fast;
	uv_poll_t devices_poll;
	uv_process_t child;
	struct plat_devices *devices;
	struct gate *gate; /* NULL: what is plugged in cannot be judged here */
	struct schedule schedule;
	struct watch watch;
	struct locks locks;
	struct log_limit event_limit;
	char conf[256], state[256], run[256], config_path[300], next_path[300], check[512];
	char rules_path[300], scan_folder[300];
	bool own_folders; /* a test's: the programs are told */
	bool managed;     /* a service manager starts the check */
	bool child_runs, stopping;
};

static void arm(struct daemon *d);

static int64_t now_ms(void)
{
	return plat_uptime_ms();
}

static uint16_t spread(void)
{
	uint16_t value = 0;
	struct err err;

	(void)plat_random(&value, sizeof(value), &err); /* zero: no spread this time */
	return value;
}

/* --- the end of a check --- */

/* "after 300": when the check wants the next one; "somebody waits" for an approval. */
static int64_t read_wanted(const struct daemon *d, bool *out_waits)
{
	int64_t wanted = 0;
	struct buf text;
	struct err err;

	*out_waits = false;
	buf_init(&text, 64);
	if (plat_file_read(d->next_path, 60, &text, &err) == 0 && text.len > 6 &&
	    strncmp(text.data, "after ", 6) == 0) {
		*out_waits = strstr(text.data, "\nsomebody waits\n") != NULL;
		text.data[strcspn(text.data, "\n")] = '\0';
		if (text_int(text.data + 6, 0, 86400, &wanted) < 0)
			wanted = 0;
	}
	buf_clear(&text);
	return wanted;
}

static void somebody_waits(struct daemon *d)
{
	log_info("somebody waits for an approval: asking every %d s for %d minutes",
		 SCHEDULE_FAST_S, SCHEDULE_FAST_SPAN_S / 60);
	schedule_fast(&d->schedule, now_ms());
	arm(d);
}

static void check_ended(struct daemon *d)
{
	bool waits;
	int64_t wanted = read_wanted(d, &waits);

	if (d->schedule.running)
		schedule_ended(&d->schedule, now_ms(), wanted, spread());
	arm(d);
	if (waits) /* the run took a person's request, whoever began it */
		somebody_waits(d);
}

static void on_child_end(uv_process_t *process, int64_t status, int signal)
{
	struct daemon *d = process->data;

	d->child_runs = false;
	uv_close((uv_handle_t *)process, NULL);
	if (status || signal)
		log_warn("caretaker-check ended with %s %d, the next check comes as usual",
			 signal ? "signal" : "exit code", signal ? signal : (int)status);
	check_ended(d);
}

/* --- starting one --- */

static void request(struct daemon *d, enum schedule_task task)
{
	const char *name = task == SCHEDULE_POLL ? "request-poll" : "request-check";
	char path[300], text[32];
	struct err err;

	snprintf(path, sizeof(path), "%s/%s", d->run, name);
	snprintf(text, sizeof(text), "%lld\n", (long long)now_ms());
	if (plat_file_replace(path, text, strlen(text), PLAT_FILE_PRIVATE, &err) == 0)
		return;
	log_error("a check could not be asked for, trying again at the next: %s", err.msg);
	check_ended(d);
}

static void spawn(struct daemon *d, enum schedule_task task)
{
	const char *command = task == SCHEDULE_POLL ? "poll" : "run";
	const char *args[] = {d->check, "--state", d->state, "--conf", d->conf,
			      "--run",  d->run,    command,  NULL};
	uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE},
					 {.flags = UV_INHERIT_FD, .data.fd = 2},
					 {.flags = UV_INHERIT_FD, .data.fd = 2}};
	uv_process_options_t options = {
		.exit_cb = on_child_end,
		.file = d->check,
		.args = (char **)(uintptr_t)args, /* libuv's type is older than const */
		.stdio = stdio,
		.stdio_count = 3,
	};
	int ret;

	d->child.data = d;
	ret = uv_spawn(d->loop, &d->child, &options);
	if (ret == 0) {
		d->child_runs = true;
		return;
	}
	log_error("cannot start '%s', trying again at the next check: %s", d->check,
		  uv_strerror(ret));
	uv_close((uv_handle_t *)&d->child, NULL);
	check_ended(d);
}

static void start(struct daemon *d, enum schedule_task task)
{
	schedule_started(&d->schedule, now_ms());
	if (d->managed)
		request(d, task);
	else
		spawn(d, task);
}

static void on_timer(uv_timer_t *timer)
{
	struct daemon *d = timer->data;
	enum schedule_task task;

	if (d->schedule.running) {
		/* Only a managed check can be missed: its unit was killed before it wrote RUN/next.
		 */
		log_warn("a check did not say that it ended within %d s", RUN_MAX_S);
		check_ended(d);
	} else if (schedule_next(&d->schedule, now_ms(), &task) == 0 && !d->child_runs) {
		start(d, task);
	}
	arm(d);
}

static void arm(struct daemon *d)
{
	enum schedule_task task;
	int64_t wait;

	if (d->stopping)
		return;
	wait = schedule_next(&d->schedule, now_ms(), &task);
	if (wait < 0)
		wait = (int64_t)RUN_MAX_S * 1000;
	else if (d->child_runs)
		wait = 1000; /* it has written RUN/next and is about to end */
	uv_update_time(d->loop);
	(void)uv_timer_start(&d->timer, on_timer, (uint64_t)wait,
			     0); /* cannot fail: has a callback */
}

/* --- what happens --- */

static void something_happened(struct daemon *d, const char *what)
{
	uint32_t dropped;

	if (log_allow(&d->event_limit, (uint64_t)now_ms() / 1000, 3600, 10, &dropped))
		log_debug("%s: a check follows (%u like it before)", what, dropped);
	schedule_event(&d->schedule, now_ms());
	arm(d);
}

/* What a check writes itself; all else may have changed just after the check looked at it. */
static bool own_file(const struct daemon *d, const char *path)
{
	size_t len = strlen(d->state);

	return strncmp(path, d->state, len) == 0 && path[len] == '/';
}

/* --- the storage gate --- */

static void arm_gate(struct daemon *d);

static void on_gate_timer(uv_timer_t *timer)
{
	struct daemon *d = timer->data;

	gate_tick(d->gate);
	arm_gate(d);
}

static void arm_gate(struct daemon *d)
{
	int64_t wait = d->gate && !d->stopping ? gate_wait_ms(d->gate) : -1;

	if (wait < 0) {
		(void)uv_timer_stop(&d->gate_timer);
		return;
	}
	uv_update_time(d->loop);
	(void)uv_timer_start(&d->gate_timer, on_gate_timer, (uint64_t)wait, 0);
}

static void on_lock(void *ctx)
{
	arm_gate(ctx);
}

static void on_gate_record(void *ctx, const char *what)
{
	something_happened(ctx, what);
}

static void take_rules(struct daemon *d)
{
	gate_rules_changed(d->gate);
	locks_listen(&d->locks);
}

/* True when the file is the gate's: no check follows from that alone. */
static bool gate_file(struct daemon *d, const char *path)
{
	size_t len = strlen(d->scan_folder);

	if (!d->gate)
		return false;
	if (strcmp(path, d->rules_path) == 0)
		take_rules(d);
	else if (strncmp(path, d->scan_folder, len) == 0 && path[len] == '/')
		gate_scan_changed(d->gate);
	else if (strcmp(path, SEAT_FILE) == 0)
		gate_seat_changed(d->gate);
	else
		return false;
	arm_gate(d);
	return true;
}

static void open_gate(struct daemon *d, const char *sysfs)
{
	struct err err;

	/* With folders of its own it is a test's: the machine's devices are none of its business.
	 */
	if (d->own_folders && !sysfs)
		return;
	if (gate_new(&d->gate, d->state, d->run, sysfs, on_gate_record, d, &err) < 0)
		log_error("what is plugged in is not judged, what waits stays shut: %s", err.msg);
}

static void on_file(void *ctx, const char *path)
{
	struct daemon *d = ctx;

	if (gate_file(d, path))
		return;
	if (strcmp(path, d->next_path) == 0)
		check_ended(d);
	else if (!d->schedule.running || !own_file(d, path))
		something_happened(d, path);
}

static void on_devices(uv_poll_t *poll, int status, int events)
{
	struct daemon *d = poll->data;
	struct plat_device_event event;
	bool concerns = false;
	int more;

	(void)events;
	if (status < 0)
		return;
	while ((more = plat_devices_next(d->devices, &event)) > 0) {
		concerns |= event.concerns;
		if (d->gate)
			gate_device_event(d->gate, &event);
	}
	if (more < 0 && d->gate)
		gate_look(d->gate);
	arm_gate(d);
	if (concerns || more < 0)
		something_happened(d, "a device came or went");
}

#ifdef SIGUSR1
static void on_fast(uv_signal_t *handle, int signal)
{
	struct daemon *d = handle->data;

	(void)signal;
	somebody_waits(d);
}
#endif

static void watch_files(struct daemon *d);

static void on_reload(uv_signal_t *handle, int signal)
{
	struct daemon *d = handle->data;
	struct settings settings;
	struct err err;

	(void)signal;
	if (settings_read(d->config_path, &settings, &err) < 0) {
		log_error("the configuration stays as it was: %s", err.msg);
		return;
	}
	d->schedule.settings = settings;
	watch_forget(&d->watch);
	watch_files(d);
	log_info("configuration read again; a check follows");
	something_happened(d, "reload");
}

static void on_watchdog(uv_timer_t *timer)
{
	(void)timer;
	plat_service_notify("WATCHDOG=1");
}

static void on_stop(uv_signal_t *handle, int signal)
{
	struct daemon *d = handle->data;

	(void)signal;
	d->stopping = true;
	plat_service_notify("STOPPING=1");
	uv_stop(d->loop);
}

/* --- start and stop --- */

static void watch_files(struct daemon *d)
{
	static const char *const system_files[] = {
		"/etc/passwd",
		"/etc/shadow",
		"/etc/group",
		"/etc/sudoers",
		"/etc/resolv.conf",
		"/var/lib/dpkg/status",
		"/etc/nftables.conf",
		"/etc/ssh/sshd_config",
		"/run/reboot-required",
		"/etc/gdm3/daemon.conf",
		"/etc/lightdm/lightdm.conf",
	};
	static const char *const own_state[] = {"device.key", "device.json", "policy.jws",
						"keys.jws"};
	char path[512];

	/* A folder that is not there has nothing to watch. */
	for (size_t i = 0; i < sizeof(system_files) / sizeof(system_files[0]); i++)
		(void)watch_add(&d->watch, d->loop, system_files[i]);
	for (size_t i = 0; i < sizeof(own_state) / sizeof(own_state[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", d->state, own_state[i]);
		(void)watch_add(&d->watch, d->loop, path);
	}
	(void)watch_add(&d->watch, d->loop, d->config_path);
	(void)watch_add(&d->watch, d->loop, SEAT_FILE); /* without logind nobody sits here */
	if (!watch_add(&d->watch, d->loop, d->rules_path))
		log_warn("'%s' cannot be watched: new rules hold from the next start", d->state);
	snprintf(path, sizeof(path), "%s/*", d->scan_folder);
	(void)watch_add(&d->watch, d->loop, path);
	snprintf(path, sizeof(path), "%s/caretaker-check.ini", d->conf);
	(void)watch_add(&d->watch, d->loop, path);
	for (unsigned i = 0; i < d->schedule.settings.watch_count; i++)
		if (!watch_add(&d->watch, d->loop, d->schedule.settings.watch[i]))
			log_warn("'%s' is not watched: its folder is not there",
				 d->schedule.settings.watch[i]);
	if (!watch_add(&d->watch, d->loop, d->next_path))
		log_warn("'%s' cannot be watched: the end of a check is noticed late", d->run);
}

static void watch_devices(struct daemon *d)
{
	struct err err;
	int fd;

	if (plat_devices_open(&d->devices, &fd, &err) < 0) {
		log_warn("devices that come and go are seen at the next check only: %s", err.msg);
		return;
	}
	if (uv_poll_init(d->loop, &d->devices_poll, fd) < 0)
		return;
	d->devices_poll.data = d;
	(void)uv_poll_start(&d->devices_poll, UV_READABLE, on_devices);
}

static void watch_signals(struct daemon *d)
{
	const struct {
		uv_signal_t *handle;
		int signal;
		uv_signal_cb callback;
	} all[] = {
		{&d->term, SIGTERM, on_stop},
		{&d->interrupt, SIGINT, on_stop},
#ifdef SIGHUP
		{&d->hup, SIGHUP, on_reload},
#endif
#ifdef SIGUSR1
		{&d->fast, SIGUSR1, on_fast},
#endif
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		all[i].handle->data = d;
		if (uv_signal_init(d->loop, all[i].handle) < 0 ||
		    uv_signal_start(all[i].handle, all[i].callback, all[i].signal) < 0)
			log_warn("signal %d is not heard", all[i].signal);
	}
}

static int take_folder(char *out, size_t size, const struct options *options, const char *name,
		       enum plat_place place, struct err *err)
{
	const char *path = options_get(options, name);

	if (!text_copy(out, size, path ? path : plat_place(place)))
		return err_set(err, ERR_INVALID, "--%s: the path is too long", name);
	return 0;
}

static int set_up(struct daemon *d, const struct options *options, struct err *err)
{
	struct settings settings;

	if (take_folder(d->conf, sizeof(d->conf), options, "conf", PLAT_CONF, err) < 0 ||
	    take_folder(d->state, sizeof(d->state), options, "state", PLAT_STATE, err) < 0 ||
	    take_folder(d->run, sizeof(d->run), options, "run", PLAT_RUN, err) < 0)
		return -1;
	d->own_folders = options_has(options, "state") || options_has(options, "run") ||
			 options_has(options, "conf");
	d->managed = !d->own_folders && plat_service_manager();
	snprintf(d->config_path, sizeof(d->config_path), "%s/caretakerd.ini", d->conf);
	snprintf(d->next_path, sizeof(d->next_path), "%s/next", d->run);
	snprintf(d->rules_path, sizeof(d->rules_path), "%s/" GATE_RULES_FILE, d->state);
	snprintf(d->scan_folder, sizeof(d->scan_folder), "%s/" SCAN_FOLDER, d->run);
	snprintf(d->check, sizeof(d->check), "%s/caretaker-check", plat_place(PLAT_LIBEXEC));
	if (settings_read(d->config_path, &settings, err) < 0 ||
	    plat_dir_make(d->run, PLAT_FILE_PUBLIC, err) < 0 ||
	    plat_dir_make(d->state, PLAT_FILE_PRIVATE, err) < 0)
		return -1;
	d->loop = uv_default_loop();
	if (!d->loop)
		return err_set(err, ERR_NOMEM, "the event loop cannot be made");
	schedule_init(&d->schedule, &settings, now_ms(), spread());
	return 0;
}

static void stop(struct daemon *d)
{
	/* A check may be ended at any instant; the next one finds everything in order. */
	if (d->child_runs)
		(void)uv_process_kill(&d->child, SIGTERM);
	watch_close(&d->watch);
	plat_devices_close(d->devices);
	gate_free(d->gate);
}

static int serve(const struct options *options)
{
	/* One loop, one daemon, the process's life long. */
	static struct daemon d;
	unsigned watchdog_ms = plat_service_watchdog_ms();
	struct err err;

	if (options_has(options, "verbose"))
		log_init("caretakerd", LOG_DEBUG);
	if (set_up(&d, options, &err) < 0) {
		log_error("%s", err.msg);
		return EXIT_FAILURE;
	}
	watch_init(&d.watch, on_file, &d);
	(void)uv_timer_init(d.loop, &d.timer); /* these never fail */
	(void)uv_timer_init(d.loop, &d.watchdog);
	(void)uv_timer_init(d.loop, &d.gate_timer);
	d.timer.data = d.gate_timer.data = &d;
	watch_signals(&d);
	/* Listening comes before looking: what happens in between is in both. */
	watch_devices(&d);
	open_gate(&d, options_get(options, "sysfs"));
	watch_files(&d);
	locks_init(&d.locks, d.loop, d.gate, on_lock, &d);
	if (d.gate)
		take_rules(&d);
	arm_gate(&d);
	if (watchdog_ms)
		(void)uv_timer_start(&d.watchdog, on_watchdog, watchdog_ms, watchdog_ms);
	arm(&d);
	plat_service_notify("READY=1");
	log_info("ready: a check every %u s, and when something happens",
		 d.schedule.settings.interval_s);
	(void)uv_run(d.loop, UV_RUN_DEFAULT);
	stop(&d);
	log_info("ended");
	return EXIT_SUCCESS;
}

static const struct option_def program_options[] = {
	{"conf", 0, "DIR", "configuration (/etc/caretaker)"},
	{"state", 0, "DIR", "the agent's state (/var/lib/caretaker)"},
	{"run", 0, "DIR", "status files (/run/caretaker)"},
	{"sysfs", 0, "DIR", "devices as they are there, for tests (/sys)"},
	{"verbose", 'v', NULL, "say more"},
	{NULL, 0, NULL, NULL},
};

static const struct command commands[] = {
	{"", NULL, "Watches this machine and has it checked: regularly and when something happens.",
	 NULL, 0, 0, serve},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static const struct program program = {
	.name = "caretakerd",
	.summary = "Watches this machine and has it checked.",
	.footer =
		"SIGHUP reads the configuration again, SIGUSR1 asks the collector every 5 s for 10 "
		"minutes.",
	.options = program_options,
	.commands = commands,
};

int main(int argc, char *argv[])
{
	log_init("caretakerd", LOG_INFO);
	log_to_journal(plat_stderr_is_journal());
	return options_run(&program, argc, argv);
}
