/* What PAM asks of a new password, and what it does after wrong guesses.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/accounts_parts.h"
#include "platform/linux/fact.h"

struct definition {
	const char *key;
	char *out;
	size_t size;
	bool found;
};

static void look_for_definition(void *ctx, char *line)
{
	struct definition *want = ctx;
	char *key = fact_word(&line), *value = fact_word(&line);

	if (key && value && !strcmp(key, want->key))
		want->found = text_copy(want->out, want->size, value);
}

bool login_defs(const char *key, char *out, size_t size)
{
	struct definition want = {.key = key, .out = out, .size = size};

	*out = '\0';
	if (!fact_lines("/etc/login.defs", look_for_definition, &want))
		(void)fact_lines("/usr/etc/login.defs", look_for_definition, &want);
	return want.found;
}

struct sources {
	bool sss, winbind;
};

static void look_at_nsswitch(void *ctx, char *line)
{
	struct sources *sources = ctx;

	if (strncmp(line, "passwd:", 7) != 0)
		return;
	sources->sss |= strstr(line, "sss") != NULL;
	sources->winbind |= strstr(line, "winbind") != NULL;
}

/* Debian's nsswitch may name sss with no sssd set up: only a configured one counts. */
void domain_of(char *out, size_t size)
{
	struct sources sources = {0};

	*out = '\0';
	(void)fact_lines("/etc/nsswitch.conf", look_at_nsswitch, &sources);
	if (sources.sss && (fact_exists("/etc/sssd/sssd.conf") || fact_is_dir("/etc/sssd/conf.d")))
		(void)text_copy(out, size, "sssd");
	else if (sources.winbind && fact_exists("/etc/samba/smb.conf"))
		(void)text_copy(out, size, "winbind");
}

struct quality {
	int min_length, min_classes;
	int lower, upper, digit, other; /* credits: negative is required, positive shortens */
	bool dictionary, enforcing;
};

static void set_quality(struct quality *quality, const char *key, const char *value)
{
	int64_t number;

	if (text_int(value, -100, 1000, &number) < 0)
		return;
	if (!strcmp(key, "minlen"))
		quality->min_length = (int)number;
	else if (!strcmp(key, "minclass"))
		quality->min_classes = (int)number;
	else if (!strcmp(key, "lcredit"))
		quality->lower = (int)number;
	else if (!strcmp(key, "ucredit"))
		quality->upper = (int)number;
	else if (!strcmp(key, "dcredit"))
		quality->digit = (int)number;
	else if (!strcmp(key, "ocredit"))
		quality->other = (int)number;
	else if (!strcmp(key, "dictcheck"))
		quality->dictionary = number != 0;
	else if (!strcmp(key, "enforcing"))
		quality->enforcing = number != 0;
}

static void take_quality(void *ctx, char *line)
{
	char *key, *value;

	if (fact_key_value(line, &key, &value))
		set_quality(ctx, key, value);
}

static bool take_quality_file(void *ctx, const char *name)
{
	char path[FACT_PATH_MAX];
	size_t len = strlen(name);

	if (len > 5 && !strcmp(name + len - 5, ".conf")) {
		(void)snprintf(path, sizeof(path), "/etc/security/pwquality.conf.d/%s", name);
		(void)fact_lines(path, take_quality, ctx);
	}
	return true;
}

struct stack {
	struct plat_password_rules *rules;
	struct quality quality;
	bool password, guesses; /* a file of each kind was read */
};

static void use_quality(struct stack *stack, const char *module)
{
	struct plat_password_rules *rules = stack->rules;
	const struct quality *q = &stack->quality;
	const int credits[] = {q->lower, q->upper, q->digit, q->other};
	size_t i;

	if (!q->enforcing)
		return; /* it warns and lets pass */
	(void)text_copy(rules->quality_by, sizeof(rules->quality_by), module);
	rules->min_length = q->min_length;
	for (i = 0; i < 4; i++)
		if (credits[i] > 0)
			rules->min_length -= credits[i];
	/* the module takes nothing shorter, whatever it is told */
	rules->min_length = rules->min_length < 6 ? 6 : rules->min_length;
	rules->min_classes = q->min_classes;
	rules->need_lower = q->lower < 0;
	rules->need_upper = q->upper < 0;
	rules->need_digit = q->digit < 0;
	rules->need_other = q->other < 0;
	rules->refuse_common = q->dictionary;
}

/* "password requisite pam_pwquality.so retry=3 minlen=12"; the control may be "[success=1 ...]". */
static char *module_of(char **line, const char *type)
{
	char *word = fact_word(line);

	if (!word || (strcmp(word + (*word == '-'), type) != 0))
		return NULL;
	word = fact_word(line);
	if (word && *word == '[')
		while (word && word[strlen(word) - 1] != ']')
			word = fact_word(line);
	return word ? fact_word(line) : NULL;
}

static void take_password_line(void *ctx, char *line)
{
	struct stack *stack = ctx;
	char *module = module_of(&line, "password"), *word, *key, *value;
	bool unix_only, quality;

	if (!module)
		return;
	quality = strstr(module, "pam_pwquality.so") || strstr(module, "pam_cracklib.so");
	unix_only = strstr(module, "pam_unix.so") && !*stack->rules->quality_by;
	if (unix_only) { /* its own check, where nothing stronger stands before it */
		stack->quality = (struct quality){.min_length = 6, .enforcing = true};
	}
	while ((word = fact_word(&line)))
		if ((quality || unix_only) && fact_key_value(word, &key, &value))
			set_quality(&stack->quality, key, value);
	if (quality)
		use_quality(stack, strstr(module, "cracklib") ? "pam_cracklib" : "pam_pwquality");
	if (unix_only) {
		(void)text_copy(stack->rules->quality_by, sizeof(stack->rules->quality_by),
				"pam_unix");
		stack->rules->min_length = stack->quality.min_length;
	}
}

static void set_lockout(struct plat_password_rules *rules, const char *key, const char *value)
{
	int64_t number;

	if (!strcmp(key, "unlock_time") && !strcmp(value, "never"))
		rules->lockout_seconds = 0;
	else if (text_int(value, 0, 1000000000, &number) < 0)
		return;
	else if (!strcmp(key, "deny"))
		rules->lockout_tries = (int)number;
	else if (!strcmp(key, "unlock_time"))
		rules->lockout_seconds = (int)number;
}

static void take_lockout(void *ctx, char *line)
{
	char *key, *value;

	if (fact_key_value(line, &key, &value))
		set_lockout(ctx, key, value);
}

static void take_auth_line(void *ctx, char *line)
{
	struct stack *stack = ctx;
	char *module = module_of(&line, "auth"), *word, *key, *value;
	bool authfail = false;

	if (!module || (!strstr(module, "pam_faillock.so") && !strstr(module, "pam_tally2.so")))
		return;
	if (!stack->rules->lockout && strstr(module, "pam_tally2.so")) {
		stack->rules->lockout_tries = -1;
		stack->rules->lockout_seconds = 0;
		authfail = true;
	}
	while ((word = fact_word(&line))) {
		authfail |= !strcmp(word, "authfail") || !strcmp(word, "preauth");
		if (fact_key_value(word, &key, &value))
			set_lockout(stack->rules, key, value);
	}
	stack->rules->lockout |= authfail;
}

static bool take_first(const char *const *files, void (*each)(void *ctx, char *line), void *ctx)
{
	for (; *files; files++)
		if (fact_lines(*files, each, ctx))
			return true;
	return false;
}

int plat_password_rules(struct plat_password_rules *out, struct err *err)
{
	/* Debian and SUSE, Fedora, others */
	static const char *const password[] = {"/etc/pam.d/common-password",
					       "/etc/pam.d/system-auth", "/etc/pam.d/passwd", NULL};
	static const char *const auth[] = {"/etc/pam.d/common-auth", "/etc/pam.d/system-auth",
					   "/etc/pam.d/login", NULL};
	struct plat_password_rules rules = {
		.max_days = -1, .lockout_tries = 3, .lockout_seconds = 600};
	struct stack stack = {.rules = &rules,
			      .quality = {.min_length = 8, .dictionary = true, .enforcing = true}};
	unsigned unread = fact_unread_count();
	char days[16];
	int64_t number;

	domain_of(rules.domain, sizeof(rules.domain));
	(void)fact_lines("/etc/security/pwquality.conf", take_quality, &stack.quality);
	fact_each_file("/etc/security/pwquality.conf.d", take_quality_file, &stack.quality);
	if (!take_first(password, take_password_line, &stack)) {
		if (fact_unread(unread, err) < 0)
			return -1;
		return err_set(err, ERR_UNSUPPORTED,
			       "no password rules of PAM: /etc/pam.d/common-password and "
			       "system-auth are not there");
	}
	(void)fact_lines("/etc/security/faillock.conf", take_lockout, &rules);
	(void)take_first(auth, take_auth_line, &stack);
	if (rules.lockout && rules.lockout_tries == 0)
		rules.lockout = false; /* deny = 0 counts and never locks */
	if (!rules.lockout)
		rules.lockout_tries = rules.lockout_seconds = -1;
	if (login_defs("PASS_MAX_DAYS", days, sizeof(days)) &&
	    text_int(days, 0, 99998, &number) == 0)
		rules.max_days = (int)number;
	if (fact_unread(unread, err) < 0)
		return -1;
	*out = rules;
	return 0;
}
