/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/buf.h"
#include "agent/base/options.h"

/* What the last command was given, in words. */
static struct buf seen;

static void note_option(const struct options *options, const char *name)
{
	const char *value = options_get(options, name);

	if (value)
		buf_addf(&seen, " %s=%s", name, value);
}

static int note(const struct options *options, const char *command)
{
	buf_reset(&seen);
	buf_adds(&seen, command);
	note_option(options, "state");
	for (int i = 0; i < options->operand_count; i++)
		buf_addf(&seen, " <%s>", options->operands[i]);
	return 7;
}

static int run_status(const struct options *options)
{
	return note(options, "status");
}

static int run_code_new(const struct options *options)
{
	int ret = note(options, "code new");

	note_option(options, "uses");
	if (options_has(options, "json"))
		buf_adds(&seen, " json");
	return ret;
}

static int run_code_list(const struct options *options)
{
	return note(options, "code list");
}

static const struct option_def program_options[] = {
	{"state", 's', "DIR", "where state is kept"},
	{"verbose", 'v', NULL, "say more"},
	{NULL, 0, NULL, NULL},
};
static const struct option_def new_options[] = {
	{"uses", 'u', "N", "how often it may be used"},
	{"json", 'j', NULL, "for programs"},
	{NULL, 0, NULL, NULL},
};
static const struct command commands[] = {
	{"status", NULL, "how it stands", NULL, 0, 0, run_status},
	{"code new", "SCHOOL [GROUP]", "make a code", new_options, 1, 2, run_code_new},
	{"code list", "[FILE]...", "list codes", NULL, 0, -1, run_code_list},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};
static const struct program program = {"prog", "Does what a test asks.", "exit codes: some",
				       program_options, commands};

/* Runs the program with the words of 'line'. */
static int run(const struct program *which, const char *line)
{
	static char words[200];
	char *argv[24] = {"prog"};
	int argc = 1;

	snprintf(words, sizeof(words), "%s", line);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	buf_reset(&seen);
	return options_run(which, argc, argv);
}

static void runs_the_command_with_its_options_and_operands(void **state)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{"status", "status"},
		{"--state /x status", "status state=/x"},
		{"status --state=/x", "status state=/x"},
		{"-s/x status", "status state=/x"},
		{"-vs /x status", "status state=/x"},
		{"status --state= ", "status state="},
		{"status --state a --state b", "status state=b"},
		{"code new oak", "code new <oak>"},
		{"code new --uses 3 oak -j lab", "code new <oak> <lab> uses=3 json"},
		{"code new oak -u3", "code new <oak> uses=3"},
		{"code new -- --oak", "code new <--oak>"},
		{"code new - -- -j", "code new <-> <-j>"},
		{"code list", "code list"},
		{"code list a b c d", "code list <a> <b> <c> <d>"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(run(&program, cases[i].line), 7);
		assert_string_equal(buf_text(&seen), cases[i].want);
	}
}

static void says_what_is_wrong_and_exits_2(void **state)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{"", "prog: expected a command\ntry 'prog --help'\n"},
		{"stauts", "prog: unknown command 'stauts'; did you mean 'status'?\ntry 'prog "
			   "--help'\n"},
		{"frobnicate", "prog: unknown command 'frobnicate'\ntry 'prog --help'\n"},
		{"code", "prog: 'code' needs one of: new, list\ntry 'prog --help'\n"},
		{"code nwe",
		 "prog: unknown command 'code nwe'; did you mean 'code new'?\ntry 'prog "
		 "--help'\n"},
		{"code frobnicate", "prog: 'code' has no command 'frobnicate'; it has: new, list\n"
				    "try 'prog --help'\n"},
		{"cod new", "prog: unknown command 'cod new'; did you mean 'code new'?\ntry 'prog "
			    "--help'\n"},
		{"status --stat x", "prog: unknown option '--stat'; did you mean '--state'?\ntry "
				    "'prog status --help'\n"},
		{"status --frob=3", "prog: unknown option '--frob'\ntry 'prog status --help'\n"},
		{"status -x", "prog: unknown option '-x'\ntry 'prog status --help'\n"},
		{"status --json", "prog: unknown option '--json'\ntry 'prog status --help'\n"},
		{"status --state", "prog: option '--state' needs a value: DIR\ntry 'prog status "
				   "--help'\n"},
		{"status -s", "prog: option '-s' needs a value: DIR\ntry 'prog status --help'\n"},
		{"status --verbose=1", "prog: option '--verbose' takes no value\ntry 'prog status "
				       "--help'\n"},
		{"status x", "prog: unexpected 'x'\ntry 'prog status --help'\n"},
		{"code new", "prog: expected SCHOOL [GROUP]\ntry 'prog code new --help'\n"},
		{"code new a b c", "prog: unexpected 'c'\ntry 'prog code new --help'\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct capture capture = capture_begin(stderr);
		int got = run(&program, cases[i].line);

		assert_string_equal(capture_end(&capture), cases[i].want);
		assert_int_equal(got, EXIT_USAGE);
		assert_string_equal(buf_text(&seen), "");
	}
}

static void cleans_what_it_repeats(void **state)
{
	struct capture capture = capture_begin(stderr);

	(void)state;
	assert_int_equal(run(&program, "\x1b[2J"), EXIT_USAGE);
	assert_string_equal(capture_end(&capture),
			    "prog: unknown command '\xef\xbf\xbd[2J'\ntry 'prog --help'\n");
}

static const char *printed(const char *line)
{
	struct capture capture = capture_begin(stdout);
	int got = run(&program, line);
	const char *text = capture_end(&capture);

	assert_int_equal(got, 0);
	assert_string_equal(buf_text(&seen), "");
	return text;
}

static void prints_help(void **state)
{
	static const char *const asked[] = {"--help", "-h", "help", "--state x --help"};

	(void)state;
	for (size_t i = 0; i < COUNT(asked); i++)
		assert_string_equal(printed(asked[i]),
				    "usage: prog [OPTION]... COMMAND ...\n"
				    "\n"
				    "Does what a test asks.\n"
				    "\n"
				    "commands:\n"
				    "  status                    how it stands\n"
				    "  code new                  make a code\n"
				    "  code list                 list codes\n"
				    "\n"
				    "options of every command:\n"
				    "  -s, --state DIR           where state is kept\n"
				    "  -v, --verbose             say more\n"
				    "\n"
				    "'prog COMMAND --help' tells more; 'prog --version' prints the "
				    "version\n"
				    "\n"
				    "exit codes: some\n");
}

static void prints_help_of_a_command_without_its_operands(void **state)
{
	static const char *const asked[] = {"code new --help", "help code new", "code new -h",
					    "--help code new"};

	(void)state;
	for (size_t i = 0; i < COUNT(asked); i++)
		assert_string_equal(printed(asked[i]),
				    "usage: prog code new [OPTION]... SCHOOL [GROUP]\n"
				    "\n"
				    "make a code\n"
				    "\n"
				    "options:\n"
				    "  -u, --uses N              how often it may be used\n"
				    "  -j, --json                for programs\n"
				    "\n"
				    "options of every command:\n"
				    "  -s, --state DIR           where state is kept\n"
				    "  -v, --verbose             say more\n"
				    "\n"
				    "exit codes: some\n");
}

static void prints_its_version(void **state)
{
	(void)state;
	assert_string_equal(printed("--version"), "prog " CARETAKER_VERSION "\n");
	assert_string_equal(printed("status --version"), "prog " CARETAKER_VERSION "\n");
}

static void needs_no_command_where_a_program_has_none(void **state)
{
	static const struct command only[] = {
		{"", "[FILE]...", "does it", new_options, 0, -1, run_code_new},
		{NULL, NULL, NULL, NULL, 0, 0, NULL},
	};
	static const struct program plain = {"prog", "Does one thing.", NULL, program_options,
					     only};
	struct capture capture;

	(void)state;
	assert_int_equal(run(&plain, "status -j --state x"), 7);
	assert_string_equal(buf_text(&seen), "code new state=x <status> json");
	capture = capture_begin(stderr);
	assert_int_equal(run(&plain, "--jsn"), EXIT_USAGE);
	assert_string_equal(
		capture_end(&capture),
		"prog: unknown option '--jsn'; did you mean '--json'?\ntry 'prog --help'\n");
	capture = capture_begin(stdout);
	assert_int_equal(run(&plain, "--help"), 0);
	assert_non_null(
		strstr(capture_end(&capture), "usage: prog [OPTION]... [FILE]...\n\ndoes it\n"));
}

static int init(void **state)
{
	(void)state;
	buf_init(&seen, 0);
	return 0;
}

static int clear(void **state)
{
	(void)state;
	buf_clear(&seen);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_the_command_with_its_options_and_operands),
		cmocka_unit_test(says_what_is_wrong_and_exits_2),
		cmocka_unit_test(cleans_what_it_repeats),
		cmocka_unit_test(prints_help),
		cmocka_unit_test(prints_help_of_a_command_without_its_operands),
		cmocka_unit_test(prints_its_version),
		cmocka_unit_test(needs_no_command_where_a_program_has_none),
	};

	return cmocka_run_group_tests(tests, init, clear);
}
