/* caretaker-collector worklist: what to fix, where and how, to print and to take along.
 *
 * A page a room: a box to tick for each machine, under it what is wrong there and what to do, the
 * worst first.  Each sentence is made of that machine's own evidence.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/commands.h"

#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "tools/collector/admin.h"
#include "tools/collector/report.h"
#include "tools/collector/rollup.h"
#include "tools/collector/store_desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOBS_MAX 64 /* of one machine; it has 16 controls today */

struct worklist {
	struct store_device *devices;
	size_t count, size;
};

struct one_job {
	struct store_control_row row;
	struct buf wrong, todo;
};
struct jobs {
	struct one_job jobs[JOBS_MAX];
	unsigned count;
};

static bool is_work(int standing)
{
	return standing == STANDING_OVERDUE || standing == STANDING_TO_FIX ||
	       standing == STANDING_DUE_BY || standing == STANDING_CANNOT_TELL;
}

static int take_device(void *ctx, const struct store_device *device, struct err *err)
{
	struct worklist *list = ctx;

	if (!is_work(device->standing))
		return 0;
	if (list->count == list->size) {
		size_t size = list->size ? list->size * 2 : 64;
		struct store_device *devices = realloc(list->devices, size * sizeof(*devices));
		if (!devices)
			return err_set(err, ERR_NOMEM, "out of memory");
		list->devices = devices;
		list->size = size;
	}
	list->devices[list->count++] = *device;
	return 0;
}

/* School, room, name; what stands in no room comes last. */
static int by_place(const void *left, const void *right)
{
	const struct store_device *a = left, *b = right;
	int order = strcmp(a->school_name, b->school_name);

	if (!order)
		order = !a->room - !b->room;
	if (!order)
		order = strcmp(a->room_name, b->room_name);
	if (!order)
		order = strcmp(a->name, b->name);
	return order ? order : strcmp(a->uuid, b->uuid);
}

/* As an order of work: overdue, to fix, due, cannot tell. */
static int urgency(int standing)
{
	switch (standing) {
	case STANDING_OVERDUE: return 0;
	case STANDING_TO_FIX: return 1;
	case STANDING_DUE_BY: return 2;
	default: return 3;
	}
}

static int by_urgency(const void *left, const void *right)
{
	const struct one_job *a = left, *b = right;
	int order = urgency(a->row.standing) - urgency(b->row.standing);

	if (order)
		return order;
	if (a->row.due_at != b->row.due_at)
		return a->row.due_at < b->row.due_at ? -1 : 1;
	return strcmp(a->row.id, b->row.id);
}

static int take_job(void *ctx, const struct store_control_row *row, struct err *err)
{
	struct jobs *jobs = ctx;
	struct one_job *job;

	(void)err;
	if (!is_work(row->standing) || jobs->count == JOBS_MAX)
		return 0;
	job = &jobs->jobs[jobs->count++];
	job->row = *row;
	buf_init(&job->wrong, 0);
	buf_init(&job->todo, 0);
	rollup_sentences(row->id, row->why, row->evidence, &job->wrong, &job->todo);
	job->row.evidence = NULL; /* it ends with this call */
	return 0;
}

static int read_jobs(struct admin *admin, const struct store_device *device, struct jobs *jobs)
{
	jobs->count = 0;
	if (admin->store->desk->controls(admin->store, device->id, take_job, jobs, &admin->err))
		return -1;
	qsort(jobs->jobs, jobs->count, sizeof(jobs->jobs[0]), by_urgency);
	return 0;
}

static void clear_jobs(struct jobs *jobs)
{
	for (unsigned i = 0; i < jobs->count; i++) {
		buf_clear(&jobs->jobs[i].wrong);
		buf_clear(&jobs->jobs[i].todo);
	}
	jobs->count = 0;
}

static void day_of(int64_t at, char out[TEXT_TIME_SIZE])
{
	text_time(out, at);
	out[10] = '\0';
}

/* --- text --- */

static void text_job(const struct one_job *job, struct buf *out)
{
	const struct store_control_row *row = &job->row;
	char day[TEXT_TIME_SIZE];

	day_of(row->due_at ? row->due_at : row->since, day);
	buf_addf(out, "      %s: %s%s%s\n", row->id, standing_name((enum standing)row->standing),
		 row->standing == STANDING_DUE_BY    ? " "
		 : row->standing == STANDING_OVERDUE ? ", was due by "
						     : ", since ",
		 day);
	if (job->wrong.len)
		buf_addf(out, "          %s\n", buf_text(&job->wrong));
	if (job->todo.len)
		buf_addf(out, "          %s\n", buf_text(&job->todo));
}

static void text_device(const struct store_device *d, const struct jobs *jobs, struct buf *out)
{
	char seen[TEXT_TIME_SIZE];

	buf_addf(out, "\n  [ ] %s", *d->name ? d->name : d->uuid);
	if (*d->hardware.model)
		buf_addf(out, "  %s", d->hardware.model);
	if (*d->hardware.serial)
		buf_addf(out, "  serial number %s", d->hardware.serial);
	if (d->presence == STORE_NOT_SEEN) {
		day_of(d->last_seen, seen);
		buf_addf(out, "  (not seen since %s: switch it on first)", seen);
	}
	buf_addc(out, '\n');
	for (unsigned i = 0; i < jobs->count; i++)
		text_job(&jobs->jobs[i], out);
}

static bool new_place(const struct worklist *list, size_t i)
{
	const struct store_device *d = &list->devices[i];

	return i == 0 || d[-1].school != d->school || d[-1].room != d->room;
}

static size_t same_place(const struct worklist *list, size_t i)
{
	size_t end = i + 1;

	while (end < list->count && !new_place(list, end))
		end++;
	return end - i;
}

static void text_place(const struct worklist *list, size_t i, int64_t now, struct buf *out)
{
	const struct store_device *d = &list->devices[i];
	size_t count = same_place(list, i);
	char day[TEXT_TIME_SIZE];

	day_of(now, day);
	if (i)
		buf_adds(out, "\f\n"); /* a page of its own when printed */
	buf_addf(out, "%s, %s: what to do, %s (%zu machine%s)\n", d->school_name,
		 d->room ? d->room_name : "in no room", day, count, count == 1 ? "" : "s");
}

static int print_text(struct admin *admin, const struct worklist *list, struct jobs *jobs,
		      struct buf *out)
{
	for (size_t i = 0; i < list->count; i++) {
		if (new_place(list, i))
			text_place(list, i, admin->now, out);
		if (read_jobs(admin, &list->devices[i], jobs))
			return -1;
		text_device(&list->devices[i], jobs, out);
		clear_jobs(jobs);
	}
	if (!list->count)
		buf_adds(out, "nothing to do\n");
	return buf_check(out, &admin->err);
}

/* --- JSON --- */

static void json_job(const struct one_job *job, struct jsonw *w)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "control", job->row.id);
	jsonw_string(w, "standing", standing_key((enum standing)job->row.standing));
	jsonw_time(w, "since", job->row.since);
	jsonw_time(w, "due_at", job->row.due_at);
	jsonw_string(w, "why", job->row.why);
	jsonw_string(w, "wrong", buf_text(&job->wrong));
	jsonw_string(w, "todo", buf_text(&job->todo));
	jsonw_object_end(w);
}

static int print_json(struct admin *admin, const struct worklist *list, struct jobs *jobs,
		      struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	w.indent = true;
	jsonw_object(&w, NULL);
	jsonw_time(&w, "at", admin->now);
	jsonw_array(&w, "devices");
	for (size_t i = 0; i < list->count; i++) {
		if (read_jobs(admin, &list->devices[i], jobs))
			return -1;
		jsonw_object(&w, NULL);
		report_device_members(&w, &list->devices[i]);
		jsonw_array(&w, "work");
		for (unsigned k = 0; k < jobs->count; k++)
			json_job(&jobs->jobs[k], &w);
		jsonw_array_end(&w);
		jsonw_object_end(&w);
		clear_jobs(jobs);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	buf_addc(out, '\n');
	return buf_check(out, &admin->err);
}

/* --- the command --- */

int cmd_worklist(const struct options *options)
{
	struct store_device_filter filter;
	struct worklist list = {0};
	struct jobs *jobs = NULL;
	struct admin admin;
	struct buf out;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	buf_init(&out, 0);
	jobs = calloc(1, sizeof(*jobs));
	if (!jobs) {
		admin_complain("out of memory");
		goto out;
	}
	store_device_filter_init(&filter);
	filter.status = STORE_ACTIVE;
	if (admin_place(&admin, options_get(options, "school"), NULL, options_get(options, "room"),
			&filter) ||
	    admin_audit(&admin, "worklist", "", NULL))
		goto out;
	if (admin.store->desk->devices(admin.store, &filter, take_device, &list, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	if (list.count)
		qsort(list.devices, list.count, sizeof(list.devices[0]), by_place);
	if (admin.json ? print_json(&admin, &list, jobs, &out)
		       : print_text(&admin, &list, jobs, &out)) {
		admin_fail(&admin);
		goto out;
	}
	fputs(buf_text(&out), stdout);
	ret = EXIT_DONE;
out:
	if (jobs)
		clear_jobs(jobs);
	free(jobs);
	free(list.devices);
	buf_clear(&out);
	admin_close(&admin);
	return ret;
}
