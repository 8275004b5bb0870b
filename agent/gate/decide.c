/* See decide.h; decide_medium.c is its second step.  Each step below answers or leaves it to the
 * next.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/gate/decide.h"

#include "agent/base/text.h"
#include "agent/gate/hold.h"

#include <string.h>

#define APPLE 0x05ac

struct judge {
	const struct gate_rules *rules;
	const struct gate_device *device;
	const struct gate_around *around;
	struct gate_decision *out;
	char id[GATE_ID];
	unsigned kinds; /* GATE_KIND_* of what is held */
	/* an exception for its model, or one that does not hold, and why */
	const struct gate_rule *pass, *flawed;
	const char *flaw;
};

/* Always true, so that a step may end with it: it has answered. */
static bool answer(struct judge *j, enum gate_verb verb, const char *why, int line)
{
	j->out->verb = verb;
	(void)text_copy(j->out->why, sizeof(j->out->why), why);
	j->out->line = line;
	return true;
}

static void by_hardware(struct judge *j)
{
	j->out->hardware = true;
	j->out->mode = j->rules->hardware_mode;
}

/* --- what the device is --- */

static bool stores(const struct gate_interface *interface)
{
	return interface->held == GATE_HELD_DRIVER || interface->held == GATE_HELD_STORAGE ||
	       interface->held == GATE_HELD_UNREADABLE;
}

static unsigned kind_of(const struct gate_device *device, const struct gate_interface *interface)
{
	switch (interface->held) {
	case GATE_HELD_STILL:
		/* A phone offers its pictures as a camera does; only some of them say MTP. */
		return device->vendor == APPLE || text_match("*mtp*", interface->text)
			       ? GATE_KIND_PHONE
			       : GATE_KIND_CAMERA;
	case GATE_HELD_MTP: return GATE_KIND_PHONE;
	case GATE_FREE:
	case GATE_HELD_POLICY: return 0;
	default: return device->card ? GATE_KIND_CARD : GATE_KIND_USB;
	}
}

static unsigned kinds_of(const struct gate_device *device)
{
	unsigned kinds = 0;

	for (unsigned i = 0; i < device->interface_count; i++)
		kinds |= kind_of(device, &device->interfaces[i]);
	return kinds;
}

/* A slot for cards, which nobody plugs in each time it is seen: by its driver or, where it has the
 * driver of any stick, by its name.  A stick may call itself so: it is refused as it was, and a
 * day's event tells of it. */
static bool is_card_reader(const struct gate_device *device)
{
	static const char *const names[] = {"*card*reader*", "*cardreader*", "*-crw*",
					    "*multi*card*", "*sd/mmc*"};
	static const char *const drivers[] = {"rtsx_usb", "ums_realtek", "ums_eneub6250", "ushc",
					      "vub300"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (text_match(names[i], device->model))
			return true;
	for (unsigned i = 0; i < device->interface_count; i++)
		for (unsigned k = 0; k < 2; k++)
			for (size_t n = 0; n < sizeof(drivers) / sizeof(drivers[0]); n++)
				if (strncmp(device->interfaces[i].drivers[k], drivers[n],
					    strlen(drivers[n])) == 0)
					return true;
	return false;
}

/* Driver discs in printers and network dongles; phones and cameras that charge. */
static bool is_quiet(const struct judge *j)
{
	if (!(j->kinds & ~(GATE_KIND_PHONE | GATE_KIND_CAMERA)))
		return true;
	for (unsigned i = 0; i < j->device->interface_count; i++)
		if (j->device->interfaces[i].class == 0x07 ||
		    gate_class_fits("network", &j->device->interfaces[i]))
			return true;
	return false;
}

static const struct gate_rule *find_model(const struct judge *j, enum gate_rule_kind kind)
{
	for (size_t i = 0; i < j->rules->rule_count; i++)
		if (j->rules->rules[i].kind == kind &&
		    gate_id_matches(j->rules->rules[i].what, j->id))
			return &j->rules->rules[i];
	return NULL;
}

/* --- whether an approval holds --- */

/* Whether the pattern goes by the serial: "0951:1666" and "0951:1666:*" do not. */
static bool needs_serial(const struct gate_rule *rule)
{
	const char *colon = strchr(rule->what, ':');

	colon = colon ? strchr(colon + 1, ':') : NULL;
	return rule->kind == GATE_RULE_STICK && colon && strcmp(colon, ":*") != 0;
}

/* Why this approval does not hold; NULL: it does. */
static const char *flaw(const struct judge *j, const struct gate_rule *rule)
{
	const struct gate_around *around = j->around;
	bool asked_for = rule->exception[0] && j->rules->weak_serial == GATE_WEAK_ASK;

	if (rule->until && around->now >= rule->until)
		return "approval-ended";
	if (rule->until && !around->now_known)
		return "clock-unknown";
	if (!needs_serial(rule))
		return NULL;
	/* With 'ask', whoever granted it was told that the serial tells little. */
	if (around->twin && !asked_for)
		return "twin-serial";
	if (gate_serial_is_weak(j->device) && !asked_for)
		return "weak-serial";
	return around->changed ? "changed-device" : NULL;
}

/* One without an end lasts longest. */
static bool lasts_longer(const struct gate_rule *a, const struct gate_rule *b)
{
	return a->until == 0 ? b->until != 0 : b->until != 0 && a->until > b->until;
}

static void name_exception(struct judge *j, const struct gate_rule *rule)
{
	(void)text_copy(j->out->exception, sizeof(j->out->exception), rule->exception);
}

/* Of a model, in spite of hardware's rules; without one that holds, 'flaw' and 'flawed' tell of the
 * nearest.  What the policy itself approves for good gate_hold() has let through. */
static void find_pass(struct judge *j)
{
	for (size_t i = 0; i < j->rules->rule_count; i++) {
		const struct gate_rule *rule = &j->rules->rules[i];
		const char *why;

		if (rule->kind != GATE_RULE_PASS_MODEL || gate_rule_lasts(rule) ||
		    !gate_id_matches(rule->what, j->id))
			continue;
		why = flaw(j, rule);
		if (!why && (!j->pass || lasts_longer(rule, j->pass)))
			j->pass = rule;
		if (why && (!j->flaw || strcmp(j->flaw, "approval-ended") == 0)) {
			j->flaw = why;
			j->flawed = rule;
		}
	}
}

/* --- hardware's rules --- */

static int refused_class_line(const struct judge *j)
{
	for (unsigned i = 0; i < j->device->interface_count; i++) {
		if (j->device->interfaces[i].held != GATE_HELD_POLICY)
			continue;
		for (size_t r = 0; r < j->rules->rule_count; r++)
			if (j->rules->rules[r].kind == GATE_RULE_REFUSE_CLASS &&
			    gate_class_fits(j->rules->rules[r].what, &j->device->interfaces[i]))
				return j->rules->rules[r].line;
	}
	return 0;
}

static void use_pass(struct judge *j)
{
	j->out->hardware_opens = true;
	j->out->hardware_until = j->pass->until;
}

/* Unless an exception holds: false, and the next step answers. */
static bool refuse_hardware(struct judge *j, const char *why, int line)
{
	if (j->pass) {
		use_pass(j);
		return false;
	}
	by_hardware(j);
	if (j->flawed) {
		name_exception(j, j->flawed);
		why = j->flaw;
	}
	return answer(j, GATE_REFUSE, why, line);
}

/* The exception that stands behind an answer which is not a refusal, unless storage has its own. */
static void name_pass(struct judge *j)
{
	struct gate_decision *out = j->out;

	if (!out->hardware_opens || out->verb == GATE_REFUSE)
		return;
	if (!out->exception[0])
		name_exception(j, j->pass);
	if (j->pass->until && (!out->until || j->pass->until < out->until))
		out->until = j->pass->until;
}

static bool by_refused_hardware(struct judge *j)
{
	const struct gate_rule *model = find_model(j, GATE_RULE_REFUSE_MODEL);
	bool held = false;

	for (unsigned i = 0; i < j->device->interface_count; i++)
		held |= j->device->interfaces[i].held == GATE_HELD_POLICY;
	/* A refused model's storage is refused too, unless hardware only audits: then storage's
	 * own rules, which may enforce, say more. */
	if (model && j->rules->hardware_mode != GATE_OFF && !find_model(j, GATE_RULE_ASSIST) &&
	    (held || j->kinds) && (!j->kinds || j->rules->hardware_mode == GATE_ENFORCE) &&
	    refuse_hardware(j, "refused-model", model->line))
		return true;
	if (held && j->pass)
		use_pass(j); /* the rest of what stores, too */
	if (!held || j->kinds)
		return false;
	if (refuse_hardware(j, "refused-class", refused_class_line(j)))
		return true;
	by_hardware(j);
	return answer(j, GATE_OPEN, "excepted-model", 0);
}

/* --- ports --- */

static bool port_is(const struct judge *j, enum gate_rule_kind kind, const struct gate_rule **out)
{
	*out = NULL;
	for (size_t i = 0; i < j->rules->rule_count; i++) {
		const struct gate_rule *rule = &j->rules->rules[i];

		if (rule->kind != kind)
			continue;
		if (!*out)
			*out = rule;
		if (gate_port_matches(rule->what, j->device->port)) {
			*out = rule;
			return true;
		}
	}
	return false;
}

static bool by_port(struct judge *j)
{
	const struct gate_rule *rule;

	/* What is built in has no port that anybody chose. */
	if (j->device->builtin || j->device->card || j->around->kind)
		return false;
	if (j->rules->hardware_mode != GATE_OFF && !j->around->known_since_enrolment &&
	    port_is(j, GATE_RULE_REAR_PORT, &rule) &&
	    (j->rules->hardware_mode == GATE_ENFORCE || j->rules->storage_mode == GATE_AUDIT) &&
	    refuse_hardware(j, "rear-port", rule->line))
		return true;
	if (!port_is(j, GATE_RULE_FRONT_PORT, &rule) && rule &&
	    strcmp(j->device->panel, "front") != 0)
		return answer(j, GATE_REFUSE, "wrong-port", rule->line);
	if (j->device->depth > j->rules->max_depth)
		return answer(j, GATE_REFUSE, "too-deep", j->rules->max_depth_line);
	return false;
}

/* --- approvals --- */

static bool concerns(const struct judge *j, const struct gate_rule *rule)
{
	/* Where nothing may be approved, what the policy lists does not count; an exception does.
	 */
	if (j->rules->allow == GATE_ALLOW_NONE && !rule->exception[0])
		return false;
	if (rule->kind == GATE_RULE_STICK)
		return gate_id_matches(rule->what, j->id);
	return rule->kind == GATE_RULE_PERSON && j->around->user && j->around->user[0] &&
	       text_match(rule->what, j->around->user); /* as every list of accounts */
}

/* How much it asks beside what it opens. */
static int asks(const struct gate_rule *rule)
{
	return (rule->open == GATE_OPEN_ENCRYPTED && rule->read_only ? 2 : 0) + rule->scanned;
}

/* What an approval opens, an exception's before the policy's own of the same width. */
static bool is_better(const struct gate_rule *a, const struct gate_rule *b)
{
	if (!b || a->open != b->open)
		return !b || a->open > b->open;
	if (asks(a) != asks(b))
		return asks(a) < asks(b);
	if (!a->exception[0] != !b->exception[0])
		return a->exception[0] != '\0';
	return lasts_longer(a, b);
}

/* The approval that opens most; without one, '*out_flaw' and '*out_flawed' tell of the nearest. */
static const struct gate_rule *find_approval(const struct judge *j, const char **out_flaw,
					     const struct gate_rule **out_flawed)
{
	const struct gate_rule *best = NULL;

	*out_flaw = NULL;
	*out_flawed = NULL;
	for (size_t i = 0; i < j->rules->rule_count; i++) {
		const struct gate_rule *rule = &j->rules->rules[i];
		const char *why;

		if (!concerns(j, rule))
			continue;
		why = flaw(j, rule);
		if (!why && is_better(rule, best))
			best = rule;
		/* Of several that do not hold, one that ended says the least. */
		if (why && (!*out_flaw || strcmp(*out_flaw, "approval-ended") == 0)) {
			*out_flaw = why;
			*out_flawed = rule;
		}
	}
	return best;
}

/* What the rules ask of a medium that may be used, 'approval' NULL: that any may be. */
static void set_conditions(struct judge *j, const struct gate_rule *approval)
{
	const struct gate_rules *rules = j->rules;
	struct gate_decision *out = j->out;
	bool exception = approval && approval->exception[0];

	out->encrypted = rules->encrypted;
	out->plain = rules->plain;
	out->scan = rules->scan;
	out->encrypted_line = rules->encrypted_line;
	out->scan_line = rules->scan_line;
	out->read_only = rules->read_only;
	if (!approval)
		return;
	name_exception(j, approval);
	out->until = approval->until;
	if (approval->open == GATE_OPEN_ENCRYPTED && !out->encrypted)
		out->encrypted = GATE_ENCRYPTED_ANY;
	if (approval->open == GATE_OPEN_READ_ONLY || approval->read_only)
		out->read_only = true;
	if (approval->scanned && out->scan == GATE_SCAN_NONE)
		out->scan = GATE_SCAN_FULL;
	/* An exception is made for what the policy's own conditions would refuse; that a medium is
	 * scanned first is no condition of the stick's and always holds. */
	if (exception && approval->open != GATE_OPEN_ENCRYPTED)
		out->encrypted = 0;
	if (exception && approval->open == GATE_OPEN_ANY)
		out->read_only = false;
}

/* With the conditions set: what the device itself gets. */
static bool by_conditions(struct judge *j, const char *why, int line)
{
	struct gate_decision *out = j->out;
	bool judged = out->encrypted || out->scan != GATE_SCAN_NONE || out->max_bytes;

	out->self_encrypting = (out->encrypted & GATE_ENCRYPTED_HARDWARE) &&
			       find_model(j, GATE_RULE_HARDWARE_ENCRYPTED);
	out->unlocker = out->self_encrypting && find_model(j, GATE_RULE_UNLOCKER);
	if (judged || out->read_only) {
		/* A phone shows files, not a disk: none of this can be asked of it. */
		if (!(j->kinds & ~(GATE_KIND_PHONE | GATE_KIND_CAMERA)))
			return answer(j, GATE_REFUSE, "cannot-be-judged", line);
		return answer(j, judged ? GATE_JUDGE : GATE_READ_ONLY, why, line);
	}
	return answer(j, GATE_OPEN, why, line);
}

static bool by_class_set(struct judge *j)
{
	const struct gate_rule *rule = find_model(j, GATE_RULE_CLASS_SET);

	/* A board that says MTP is none. */
	if (!rule || (j->kinds & (GATE_KIND_PHONE | GATE_KIND_CAMERA)))
		return false;
	j->out->max_bytes = rule->max_bytes;
	j->out->quiet = true;
	return answer(j, GATE_JUDGE, "class-set", rule->line);
}

static void by_approval(struct judge *j)
{
	const struct gate_rules *rules = j->rules;
	const char *why;
	const struct gate_rule *flawed, *best = find_approval(j, &why, &flawed);

	if (best) {
		set_conditions(j, best);
		(void)by_conditions(
			j, best->kind == GATE_RULE_STICK ? "approved-stick" : "approved-person",
			best->line ? best->line : rules->allow_line);
	} else if (rules->allow == GATE_ALLOW_ANY) {
		set_conditions(j, NULL);
		(void)by_conditions(j, "allowed", rules->allow_line);
	} else if (flawed) {
		name_exception(j, flawed);
		(void)answer(j, GATE_REFUSE, why,
			     strcmp(why, "weak-serial") == 0 || strcmp(why, "twin-serial") == 0
				     ? rules->weak_serial_line
				     : flawed->line);
	} else {
		(void)answer(j, GATE_REFUSE,
			     rules->allow == GATE_ALLOW_NONE ? "not-allowed" : "not-approved",
			     rules->allow_line);
	}
}

/* --- in order --- */

static bool is_counted(const struct judge *j)
{
	return j->kinds & j->rules->kinds;
}

static void decide_storage(struct judge *j)
{
	const struct gate_rules *rules = j->rules;

	j->out->mode = rules->storage_mode;
	if (rules->storage_mode == GATE_OFF) {
		(void)answer(j, GATE_PASS, "off", rules->storage_mode_line);
		return;
	}
	if (!is_counted(j)) {
		(void)answer(j, GATE_PASS, "kind-not-counted", 0);
		return;
	}
	j->out->quiet = is_quiet(j);
	if (by_port(j))
		return;
	if (rules->shut_while_locked && j->around->locked) {
		(void)answer(j, GATE_REFUSE, "screen-locked", rules->shut_while_locked_line);
		return;
	}
	if (by_class_set(j))
		return;
	by_approval(j);
	j->out->may_ask = rules->ask && j->out->verb == GATE_REFUSE;
}

void gate_decide(const struct gate_rules *rules, const struct gate_device *device,
		 const struct gate_around *around, struct gate_decision *out)
{
	struct judge j = {.rules = rules, .device = device, .around = around, .out = out};

	*out = (struct gate_decision){.verb = GATE_PASS};
	gate_device_id(device, j.id);
	j.kinds = around->kind ? around->kind : kinds_of(device);
	if (around->holds_system) {
		out->mode = rules->storage_mode;
		(void)answer(&j, j.kinds ? GATE_OPEN : GATE_PASS, "holds-system", 0);
		return;
	}
	find_pass(&j);
	if (by_refused_hardware(&j)) {
		name_pass(&j);
		return;
	}
	if (j.kinds) {
		decide_storage(&j);
		name_pass(&j);
		/* A card in it is another matter: gate_decide_medium() tells of the slot. */
		out->quiet |= out->verb == GATE_REFUSE && is_card_reader(device);
		return;
	}
	(void)answer(&j, GATE_PASS, find_model(&j, GATE_RULE_ASSIST) ? "assistive" : "free", 0);
	out->quiet = true;
}

bool gate_may_open(const struct gate_rules *rules, const struct gate_decision *decision,
		   const struct gate_interface *interface)
{
	if (!gate_waits(interface, rules))
		return true;
	if (strcmp(decision->why, "holds-system") == 0)
		return true;
	if (interface->held == GATE_HELD_POLICY)
		return decision->hardware_opens;
	if (decision->verb == GATE_REFUSE)
		return false;
	return stores(interface) || decision->verb == GATE_OPEN || decision->verb == GATE_PASS;
}
