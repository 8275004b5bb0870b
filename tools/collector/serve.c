/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/serve.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "agent/base/err.h"
#include "platform/os.h"
#include "platform/system.h"
#include "tools/collector/exceptions_sign.h"
#include "tools/collector/guesses.h"
#include "tools/collector/identity.h"
#include "tools/collector/net.h"
#include "tools/collector/store_desk.h"
#include "tools/collector/tls_openssl.h"
#include "tools/collector/worker.h"

#define WORKERS_MAX 64
#define OTHER_DESCRIPTORS 128 /* besides connections */
#define LOOK_S 5              /* at our files, the disk, the workers */
#define DAY_S 86400
#define STUCK_MS 30000 /* a thread that does not answer: the watchdog may have us */
#define RELOAD_WITHIN_S 5
#define FORGET_STEP 500
#define LISTS_STEP 200
#define HOUR_S 3600

struct serve {
	const char *config_path;
	struct shared shared;
	struct store *store;       /* the writer's */
	struct identity *identity; /* to see changes on disk */
	struct worker *workers[WORKERS_MAX];
	unsigned worker_count; /* started */
	struct event_base *base;
	struct event *events[6];
	unsigned event_count;
	unsigned descriptors;
	int64_t daily_at;
	/* forgetting old bodies: a job of our own, one at a time */
	struct job forget;
	struct job_sink sink;
	bool forgetting, forget_more;
	/* whether a store that refused takes writes again: likewise */
	struct job probe;
	struct job_sink probe_sink;
	bool probing;
	/* exceptions' lists that are missing or end soon: likewise */
	struct store *reader;
	struct job lists;
	struct job_sink lists_sink;
	struct store_exceptions list[LISTS_STEP];
	unsigned list_count;
	bool listing;
	int64_t lists_at;
	uint64_t lists_enrolments, lists_generation; /* as they were then */
};

/* --- certificates and reloading --- */

static int open_tls(const struct config *config, struct tls **out, struct err *err)
{
	char own[IDENTITY_PATH];

	if (config->certificate[0])
		return tls_open(config->certificate,
				config->certificate_key[0] ? config->certificate_key
							   : config->certificate,
				out, err);
	if (identity_path(config->data, "server.pem", own, err) < 0)
		return -1;
	return tls_open(own, own, out, err);
}

static void fit_connections(struct serve *s, struct config *config)
{
	int64_t room = (int64_t)s->descriptors - OTHER_DESCRIPTORS;

	if (config->max_connections <= room)
		return;
	log_warn("%lld connections are configured, the system lets us have %lld: raise "
		 "LimitNOFILE",
		 (long long)config->max_connections, (long long)room);
	config->max_connections = room;
}

static unsigned count_behind(const struct serve *s)
{
	unsigned behind = 0;

	for (unsigned i = 0; i < s->worker_count; i++)
		behind += atomic_load(&s->workers[i]->reload_taken) != s->shared.reloads;
	return behind;
}

/* How many workers still answer by what was before: one may be in the middle of a long answer. */
static unsigned tell_workers(struct serve *s)
{
	struct timespec until;
	unsigned behind;

	atomic_fetch_add(&s->shared.reloads, 1);
	for (unsigned i = 0; i < s->worker_count; i++)
		worker_nudge(s->workers[i]);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RELOAD_WITHIN_S;
	pthread_mutex_lock(&s->shared.lock);
	while ((behind = count_behind(s)) > 0 &&
	       pthread_cond_timedwait(&s->shared.taken, &s->shared.lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&s->shared.lock);
	return behind;
}

static void reload(struct serve *s, const char *why)
{
	struct config config = s->shared.config;
	struct identity *identity = NULL;
	struct tls *tls = NULL;
	struct err err;
	unsigned behind;
	int ret = config_read(s->config_path, &config, &err);

	/* The command line's word for the data directory holds; the certificate lies there. */
	memcpy(config.data, s->shared.config.data, sizeof(config.data));
	if (ret < 0 || open_tls(&config, &tls, &err) < 0 ||
	    identity_open(config.data, &identity, &err) < 0) {
		log_error("reload (%s) failed, going on as before: %s", why, err.msg);
		tls_free(tls);
		return;
	}
	fit_connections(s, &config);
	identity_free(s->identity);
	s->identity = identity;
	pthread_mutex_lock(&s->shared.lock);
	/* These cannot change under what is open. */
	config.devices = s->shared.config.devices;
	config.people = s->shared.config.people;
	config.workers = s->shared.config.workers;
	config.max_queued = s->shared.config.max_queued;
	s->shared.config = config;
	tls_free(s->shared.tls);
	s->shared.tls = tls;
	pthread_mutex_unlock(&s->shared.lock);
	behind = tell_workers(s);
	if (behind)
		log_warn("reloaded: %s, but %u workers are busy and will only be later", why,
			 behind);
	else
		log_info("reloaded: %s", why);
}

/* --- the slow work --- */

static void look_at_disk(struct serve *s)
{
	uint64_t least = (uint64_t)s->shared.config.min_free_mb << 20, space;
	struct err err;
	bool low;

	if (plat_disk_free(s->shared.config.data, &space, &err) < 0) {
		log_warn("cannot tell how much room is left: %s", err.msg);
		return;
	}
	atomic_store(&s->shared.stats.free_bytes, space);
	low = space < least;
	if (atomic_exchange(&s->shared.disk_low, low) == low)
		return;
	if (low)
		log_error("under %lld MB are free in '%s': heartbeats are refused for now",
			  (long long)s->shared.config.min_free_mb, s->shared.config.data);
	else
		log_info("there is room again, heartbeats are taken");
}

static int run_forget(struct job *job, struct store *store, struct err *err)
{
	struct serve *s = (struct serve *)((char *)job - offsetof(struct serve, forget));
	int64_t before = plat_now() - s->shared.config.keep_heartbeat_days * DAY_S;

	return store->live->forget_bodies(store, before, FORGET_STEP, &s->forget_more, err);
}

static void no_wake(struct job_sink *sink)
{
	(void)sink; /* looked at every few seconds */
}

static void forget_old(struct serve *s, bool begin)
{
	if (s->forgetting && job_sink_take(&s->sink)) {
		s->forgetting = false;
		begin |= s->forget_more && !s->forget.failed;
	}
	if (!begin || s->forgetting)
		return;
	s->forget_more = false;
	s->forget.run = run_forget;
	s->forget.sink = &s->sink;
	s->forgetting = writer_add(s->shared.writer, &s->forget);
}

static int run_probe(struct job *job, struct store *store, struct err *err)
{
	(void)job;
	return store->live->probe(store, plat_now(), err);
}

/* After a full disk nobody may have anything to store for hours: /healthz and /metrics would call
 * the collector sick all the while.  A commit says that it is well. */
static void probe_store(struct serve *s)
{
	if (s->probing && job_sink_take(&s->probe_sink))
		s->probing = false;
	if (s->probing || !atomic_load(&s->shared.stats.store_failing))
		return;
	s->probe.run = run_probe;
	s->probe.is_probe = true;
	s->probe.sink = &s->probe_sink;
	s->probing = writer_add(s->shared.writer, &s->probe);
}

static int run_lists(struct job *job, struct store *store, struct err *err)
{
	struct serve *s = (struct serve *)((char *)job - offsetof(struct serve, lists));

	for (unsigned i = 0; i < s->list_count; i++)
		if (store->live->put_exceptions(store, &s->list[i], err) < 0)
			return -1;
	return 0;
}

static void sign_list(struct serve *s, const struct store_exception_target *target)
{
	struct store_exceptions list;
	struct err why;

	/* One that cannot be signed for does not hold up the others. */
	if (exceptions_sign_one(s->reader, s->identity, target, plat_now(), &list, &why) < 0)
		log_error("device %s gets no list of exceptions for now: %s", target->uuid,
			  why.msg);
	else if (list.jws)
		s->list[s->list_count++] = list;
}

struct lists_due {
	struct store_exception_target targets[LISTS_STEP];
	unsigned count;
};

static int take_due(void *ctx, const struct store_exception_target *target, struct err *err)
{
	struct lists_due *due = ctx;

	(void)err;
	due->targets[due->count++] = *target;
	return 0;
}

static void take_lists_back(struct serve *s)
{
	if (!s->listing || !job_sink_take(&s->lists_sink))
		return;
	if (s->lists.failed)
		log_error("lists of exceptions were not stored, trying again: %s",
			  s->lists.err.msg);
	else if (s->list_count == LISTS_STEP)
		s->lists_at = 0; /* there may be more */
	for (unsigned i = 0; i < s->list_count; i++)
		free(s->list[i].jws);
	s->list_count = 0;
	s->listing = false;
}

/* Devices that a command let in, moved or adopted, and lists that end before long.  Looked for when
 * something happened that may ask for it, else each hour. */
static void sign_lists(struct serve *s)
{
	uint64_t enrolments = atomic_load(&s->shared.stats.enrolments);
	uint64_t generation = writer_generation(s->shared.writer);
	int64_t now = plat_now(), before = now + EXCEPTIONS_RENEW_DAYS * DAY_S;
	struct lists_due *due;
	struct err err;

	take_lists_back(s);
	if (s->listing || (enrolments == s->lists_enrolments && generation == s->lists_generation &&
			   now - s->lists_at < HOUR_S && now >= s->lists_at))
		return;
	due = calloc(1, sizeof(*due));
	if (!due)
		return; /* there is memory again later */
	s->lists_at = now;
	s->lists_enrolments = enrolments;
	s->lists_generation = generation;
	if (s->reader->desk->exceptions_due(s->reader, now, before, LISTS_STEP, take_due, due,
					    &err) < 0)
		log_error("cannot tell whose list of exceptions is to be signed: %s", err.msg);
	for (unsigned i = 0; i < due->count; i++)
		sign_list(s, &due->targets[i]);
	free(due);
	if (!s->list_count)
		return;
	s->lists.run = run_lists;
	s->lists.sink = &s->lists_sink;
	s->listing = writer_add(s->shared.writer, &s->lists);
	if (!s->listing)
		s->lists_at = 0;
	for (unsigned i = 0; !s->listing && i < s->list_count; i++)
		free(s->list[i].jws);
	s->list_count = s->listing ? s->list_count : 0;
}

static void renew(struct serve *s)
{
	bool renewed = false;
	struct err err;

	if (s->shared.config.certificate[0])
		return; /* the school's own: it renews it and sends SIGHUP */
	if (identity_server_renew(s->shared.config.data, NULL, false, plat_now(), &renewed, &err) <
	    0)
		log_error("the server certificate was not renewed, trying again tomorrow: %s",
			  err.msg);
	else if (renewed)
		log_info("the server certificate was renewed");
}

static bool alive(const struct serve *s)
{
	int64_t now = plat_uptime_ms();

	for (unsigned i = 0; i < s->worker_count; i++) {
		if (now - atomic_load(&s->workers[i]->beat_at_ms) > STUCK_MS)
			return false;
	}
	return writer_busy_ms(s->shared.writer) < STUCK_MS;
}

/* --- events --- */

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct serve *s = arg;
	int64_t now = plat_now();
	/* A clock that was set back does not put the day off for ever. */
	bool daily = now >= s->daily_at || s->daily_at > now + 2 * DAY_S;

	(void)fd;
	(void)what;
	if (daily) {
		s->daily_at = now + DAY_S;
		renew(s);
	}
	look_at_disk(s);
	probe_store(s);
	forget_old(s, daily);
	sign_lists(s);
	if (identity_changed(s->identity))
		reload(s, "the keys or certificates changed");
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (alive(arg))
		plat_service_notify("WATCHDOG=1");
}

static void on_hangup(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	plat_service_notify("RELOADING=1");
	reload(arg, "SIGHUP");
	plat_service_notify("READY=1");
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
	struct serve *s = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(s->base);
}

static int add_event(struct serve *s, evutil_socket_t fd, short what, event_callback_fn callback,
		     unsigned every_ms, struct err *err)
{
	const struct timeval every = {every_ms / 1000, (every_ms % 1000) * 1000L};
	struct event *event = event_new(s->base, fd, what, callback, s);

	if (!event || event_add(event, every_ms ? &every : NULL) != 0) {
		if (event)
			event_free(event);
		return err_set(err, ERR_NOMEM, "no memory for events");
	}
	s->events[s->event_count++] = event;
	return 0;
}

static int add_events(struct serve *s, struct err *err)
{
	unsigned watchdog_ms = plat_service_watchdog_ms();

	s->base = event_base_new();
	if (!s->base)
		return err_set(err, ERR_NOMEM, "no memory for events");
	if (add_event(s, SIGTERM, EV_SIGNAL | EV_PERSIST, on_stop, 0, err) < 0 ||
	    add_event(s, SIGINT, EV_SIGNAL | EV_PERSIST, on_stop, 0, err) < 0 ||
	    add_event(s, SIGHUP, EV_SIGNAL | EV_PERSIST, on_hangup, 0, err) < 0 ||
	    add_event(s, -1, EV_PERSIST, on_look, LOOK_S * 1000, err) < 0)
		return -1;
	return watchdog_ms ? add_event(s, -1, EV_PERSIST, on_watchdog, watchdog_ms, err) : 0;
}

/* --- starting --- */

static int open_sockets(const struct config_listen *listen, unsigned workers,
			struct worker_sockets *sockets, bool people, uint16_t *out_port,
			struct err *err)
{
	for (unsigned i = 0; i < listen->count; i++) {
		uint16_t port = 0;

		for (unsigned k = 0; k < workers; k++) {
			int fd;

			if (net_listen(listen->text[i], port, &fd, &port, err) < 0)
				return -1;
			if (people)
				sockets[k].people[sockets[k].people_count++] = fd;
			else
				sockets[k].devices[sockets[k].device_count++] = fd;
		}
		if (i == 0)
			*out_port = port;
	}
	return 0;
}

static void close_sockets(struct worker_sockets *sockets, unsigned from, unsigned to)
{
	for (unsigned k = from; k < to; k++) {
		for (unsigned i = 0; i < sockets[k].device_count; i++)
			close(sockets[k].devices[i]);
		for (unsigned i = 0; i < sockets[k].people_count; i++)
			close(sockets[k].people[i]);
	}
}

static unsigned how_many_workers(const struct config *config)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (config->workers)
		return (unsigned)config->workers;
	return cores < 1 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX : (unsigned)cores;
}

static int start_workers(struct serve *s, struct err *err)
{
	struct worker_sockets sockets[WORKERS_MAX];
	unsigned count = how_many_workers(&s->shared.config);
	uint16_t devices = 0, people = 0;

	memset(sockets, 0, sizeof(sockets));
	s->shared.worker_count = count;
	if (open_sockets(&s->shared.config.devices, count, sockets, false, &devices, err) < 0 ||
	    open_sockets(&s->shared.config.people, count, sockets, true, &people, err) < 0) {
		close_sockets(sockets, 0, count);
		return -1;
	}
	for (unsigned i = 0; i < count; i++) {
		/* It owns its sockets, whether it starts or not. */
		if (worker_start(&s->shared, i, &sockets[i], &s->workers[i], err) < 0) {
			close_sockets(sockets, i + 1, count);
			return -1;
		}
		s->worker_count++;
	}
	printf("listening devices=%u people=%u\n", devices, people);
	fflush(stdout);
	return 0;
}

static int open_parts(struct serve *s, struct err *err)
{
	struct config *config = &s->shared.config;
	struct store_site site;

	s->descriptors = net_raise_descriptors();
	fit_connections(s, config);
	if (identity_path(config->data, "store.db", s->shared.store_path, err) < 0 ||
	    identity_open(config->data, &s->identity, err) < 0 ||
	    open_tls(config, &s->shared.tls, err) < 0 ||
	    store_open(s->shared.store_path, STORE_WRITE, &s->store, err) < 0 ||
	    store_open(s->shared.store_path, STORE_READ, &s->reader, err) < 0 ||
	    s->store->live->site(s->store, &site, err) < 0 ||
	    guesses_new(&s->shared.guesses, err) < 0 ||
	    writer_start(s->store, (unsigned)config->max_queued, &s->shared.stats,
			 &s->shared.writer, err) < 0)
		return -1;
	if (strcmp(site.org, identity_org(s->identity)) != 0)
		return err_set(err, ERR_INVALID,
			       "the keys in '%s' and the store are not of one collector: restore "
			       "both from one backup",
			       config->data);
	return 0;
}

/* In mirror order; what the writer has is committed. */
static void stop(struct serve *s)
{
	atomic_store(&s->shared.stopping, true);
	for (unsigned i = 0; i < s->worker_count; i++)
		worker_nudge(s->workers[i]);
	for (unsigned i = 0; i < s->worker_count; i++)
		worker_join(s->workers[i]);
	writer_stop(s->shared.writer);
	take_lists_back(s);
	store_close(s->reader);
	store_close(s->store);
	guesses_free(s->shared.guesses);
	tls_free(s->shared.tls);
	identity_free(s->identity);
	for (unsigned i = 0; i < s->event_count; i++)
		event_free(s->events[i]);
	if (s->base)
		event_base_free(s->base);
	pthread_cond_destroy(&s->shared.taken);
	pthread_mutex_destroy(&s->shared.lock);
	free(s);
}

int serve_run(const struct serve_config *config, struct err *err)
{
	struct serve *s = calloc(1, sizeof(*s));
	pthread_condattr_t clock;
	int ret = -1;

	if (!s)
		return err_set(err, ERR_NOMEM, "no memory to serve");
	/* TLS takes and gives back 16 KiB for each record: without this glibc would return them to
	 * the kernel each time, and fault them in again. */
	(void)mallopt(M_TOP_PAD, 1 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 8 << 20);
	(void)signal(SIGPIPE, SIG_IGN); /* a peer that left is an error of its write */
	s->config_path = config->config_path;
	s->shared.config = config->config;
	s->sink.wake = s->lists_sink.wake = s->probe_sink.wake = no_wake;
	pthread_mutex_init(&s->shared.lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&s->shared.taken, &clock);
	pthread_condattr_destroy(&clock);
	atomic_init(&s->shared.stats.started_at, (uint64_t)plat_now());
	/* Signals have their handlers before anybody is told that we listen. */
	if (open_parts(s, err) < 0 || add_events(s, err) < 0 || start_workers(s, err) < 0)
		goto out;
	on_look(-1, 0, s);
	plat_service_notify("READY=1");
	event_base_dispatch(s->base);
	plat_service_notify("STOPPING=1");
	log_info("stopping: finishing what is in flight");
	ret = 0;
out:
	stop(s);
	return ret;
}
