/* Runs controls on the machine it stands in, for system tests: what a control says in a chroot or
 * namespace where nothing else of ours is installed.
 *
 * usage: facts [--policy FILE] [--state DIR] [--now UNIX] [--root DIR] CONTROL...
 * Prints a line of JSON a control.  What controls remember is kept in DIR/memory.json.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "agent/controls/control.h"
#include "agent/controls/inventory.h"
#include "agent/controls/memory.h"
#include "agent/policy/policy.h"
#include "platform/os.h"

static void write_events(struct jsonw *w, const char *lines)
{
	jsonw_array(w, "events");
	while (*lines) {
		size_t len = strcspn(lines, "\n");

		if (len)
			jsonw_raw(w, NULL, lines, len);
		lines += len + (lines[len] == '\n');
	}
	jsonw_array_end(w);
}

static void print_result(enum control_id id, const struct control_result *result)
{
	struct buf line, wrong, todo;
	struct json *evidence = NULL;
	struct jsonw w;
	struct err err;

	buf_init(&line, 0);
	buf_init(&wrong, 0);
	buf_init(&todo, 0);
	if (json_parse(buf_text(&result->evidence), result->evidence.len, &evidence, &err) < 0)
		fprintf(stderr, "facts: evidence of '%s': %s\n", control_name(id), err.msg);
	reason_wrong(id, result->why, evidence, &wrong);
	reason_todo(id, result->why, evidence, &todo);
	jsonw_init(&w, &line);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "id", control_name(id));
	jsonw_string(&w, "verdict", verdict_name(result->verdict));
	jsonw_string(&w, "why", result->why);
	jsonw_bool(&w, "known", reason_known(id, result->why));
	jsonw_int(&w, "due_at", result->due_at);
	jsonw_string(&w, "wrong", buf_text(&wrong));
	jsonw_string(&w, "todo", buf_text(&todo));
	jsonw_raw(&w, "evidence", buf_text(&result->evidence), result->evidence.len);
	write_events(&w, buf_text(&result->events));
	jsonw_object_end(&w);
	puts(buf_text(&line));
	json_free(evidence);
	buf_clear(&line);
	buf_clear(&wrong);
	buf_clear(&todo);
}

static int run_control(const char *name, const struct control_input *input, struct err *err)
{
	struct control_result result;
	const struct control *control;
	enum control_id id;

	if (control_parse(name, &id) < 0 || !(control = control_find(id)))
		return err_set(err, ERR_INVALID, "there is no control '%s'", name);
	control_result_init(&result);
	control_run(control, input, &result);
	print_result(id, &result);
	control_result_clear(&result);
	return 0;
}

static int print_inventory(const struct policy *policy, const char *cache_dir, struct err *err)
{
	struct buf body;
	int ret;

	buf_init(&body, 0);
	ret = inventory_write(policy, cache_dir, &body, err);
	if (ret == 0)
		puts(buf_text(&body));
	buf_clear(&body);
	return ret;
}

static int load_policy(const char *path, struct policy **out, struct err *err)
{
	struct buf text;
	int ret;

	if (!path)
		return policy_default(out, err);
	buf_init(&text, 0);
	ret = plat_file_read(path, 65536, &text, err);
	if (ret == 0)
		ret = policy_parse(path, buf_text(&text), text.len, out, err);
	buf_clear(&text);
	return ret;
}

static int load_memory(const char *path, int64_t now, struct memory **out, struct err *err)
{
	struct buf text;
	int ret;

	buf_init(&text, 0);
	ret = plat_file_read(path, 4u << 20, &text, err);
	if (ret == 0)
		ret = memory_read(text.data, text.len, now, out, err);
	else if (err->code == ERR_NOTFOUND)
		ret = memory_new(now, out, err);
	buf_clear(&text);
	return ret;
}

static int run_all(char *names[], const char *policy_path, const char *state, int64_t now,
		   struct err *err)
{
	struct control_input input = {.now = now, .cache_dir = state};
	struct policy *policy = NULL;
	char memory_path[512];
	struct buf text;
	int ret = -1;

	buf_init(&text, 0);
	(void)snprintf(memory_path, sizeof(memory_path), "%s/memory.json", state);
	if (load_policy(policy_path, &policy, err) < 0 ||
	    load_memory(memory_path, now, &input.memory, err) < 0)
		goto out;
	input.policy = policy;
	for (; *names; names++)
		if (!strcmp(*names, "inventory") ? print_inventory(policy, state, err) < 0
						 : run_control(*names, &input, err) < 0)
			goto out;
	if (memory_write(input.memory, &text, err) < 0)
		goto out;
	ret = plat_file_replace(memory_path, text.data, text.len, PLAT_FILE_PRIVATE, err);
out:
	buf_clear(&text);
	memory_free(input.memory);
	policy_free(policy);
	return ret;
}

int main(int argc, char *argv[])
{
	const char *policy = NULL, *state = "/tmp";
	int64_t now = plat_now();
	struct err err;

	(void)argc;
	for (argv++; argv[0] && argv[1] && !strncmp(argv[0], "--", 2); argv += 2) {
		if (!strcmp(argv[0], "--policy"))
			policy = argv[1];
		else if (!strcmp(argv[0], "--state"))
			state = argv[1];
		else if (!strcmp(argv[0], "--root"))
			plat_set_root(argv[1]);
		else if (strcmp(argv[0], "--now") != 0 || text_int(argv[1], 0, INT64_MAX / 2, &now))
			break;
	}
	if (!*argv || !strncmp(*argv, "--", 2)) {
		fputs("usage: facts [--policy FILE] [--state DIR] [--now UNIX] [--root DIR] "
		      "CONTROL...\n",
		      stderr);
		return 2;
	}
	if (run_all(argv, policy, state, now, &err) < 0) {
		fprintf(stderr, "facts: %s\n", err.msg);
		return 1;
	}
	return 0;
}
