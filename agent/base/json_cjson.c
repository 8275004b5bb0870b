/* See json.h.  One pass over the bytes (json_scan.h) holds the text to RFC 8259 and counts what
 * cJSON will ask for; then cJSON builds its tree in one piece of memory of exactly that size, which
 * costs one malloc() and one free() a document instead of two each value; then names are compared.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/json.h"

#include "agent/base/err.h"
#include "agent/base/json_scan.h"
#include "agent/base/text.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAFE_INTEGER 9007199254740991.0 /* 2^53 - 1 (RFC 7493 section 2.2) */
#define SHOWN_NAME_SIZE 48

/* --- memory: cJSON's allocations while a document is being parsed --- */

struct extra {
	struct extra *next;
	_Alignas(cJSON) char memory[];
};

struct document {
	cJSON root; /* what 'struct json *' of a root points at: first, so that it leads here */
	size_t size, used;
	char *last;          /* the piece that was given last */
	struct extra *extra; /* should a version of cJSON ask for more than was reckoned */
	_Alignas(cJSON) char memory[];
};

#define ALIGN_UP(n) (((n) + (_Alignof(cJSON) - 1)) & ~(_Alignof(cJSON) - 1))
#define SCRATCH_SIZE 128 /* newer versions copy each number, and free the copy */

/* cJSON's hooks have no context of their own.  Set only within json_parse(). */
static _Thread_local struct document *parsing;

static void *document_alloc(size_t size)
{
	struct extra *extra;
	char *at;

	if (!parsing)
		return malloc(size);
	if (ALIGN_UP(size) <= parsing->size - parsing->used) {
		at = parsing->memory + parsing->used;
		parsing->used += ALIGN_UP(size);
		parsing->last = at;
		return at;
	}
	extra = malloc(sizeof(*extra) + size);
	if (!extra)
		return NULL;
	extra->next = parsing->extra;
	parsing->extra = extra;
	return extra->memory;
}

/* Takes 'memory' back when it was the last to be given; the rest goes with the document. */
static void document_dealloc(void *memory)
{
	char *at = memory;

	if (!parsing)
		free(memory);
	else if (at && at == parsing->last)
		parsing->used = (size_t)(at - parsing->memory);
}

static void document_free(struct document *document)
{
	while (document && document->extra) {
		struct extra *extra = document->extra;

		document->extra = extra->next;
		free(extra);
	}
	free(document);
}

/* Before main(), so before there is a second thread that could see half of it. */
__attribute__((constructor)) static void set_hooks(void)
{
	cJSON_InitHooks(&(cJSON_Hooks){document_alloc, document_dealloc});
}

/* --- after the pass: what needs decoded names and numbers --- */

static int compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static int refuse_twice(const char *name, struct err *err)
{
	char shown[SHOWN_NAME_SIZE];

	text_clean(shown, sizeof(shown), name, strlen(name));
	return err_set(err, ERR_INVALID, "member '%s' is there twice", shown);
}

static int check_many_names(const cJSON *object, size_t count, struct err *err)
{
	const char **names = malloc(count * sizeof(*names));
	size_t n = 0;
	int ret = -1;

	if (!names)
		return err_set(err, ERR_NOMEM, "out of memory");
	for (const cJSON *member = object->child; member; member = member->next)
		names[n++] = member->string;
	qsort(names, n, sizeof(*names), compare_names);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(names[i - 1], names[i]) == 0) {
			refuse_twice(names[i], err);
			goto out;
		}
	}
	ret = 0;
out:
	free(names);
	return ret;
}

static int check_names(const cJSON *object, struct err *err)
{
	size_t count = 0;

	for (const cJSON *member = object->child; member; member = member->next)
		count++;
	if (count > 24) /* below, comparing each with each is quicker than sorting */
		return check_many_names(object, count, err);
	for (const cJSON *member = object->child; member; member = member->next) {
		for (const cJSON *other = member->next; other; other = other->next) {
			if (strcmp(member->string, other->string) == 0)
				return refuse_twice(member->string, err);
		}
	}
	return 0;
}

static int check_tree(const cJSON *value, struct err *err)
{
	if (cJSON_IsNumber(value) && !isfinite(value->valuedouble))
		return err_set(err, ERR_INVALID, "a number too large to hold");
	if (cJSON_IsObject(value) && check_names(value, err))
		return -1;
	for (const cJSON *child = value->child; child; child = child->next) {
		if ((child->child || cJSON_IsNumber(child)) && check_tree(child, err))
			return -1;
	}
	return 0;
}

int json_parse(const char *text, size_t len, struct json **out, struct err *err)
{
	struct document *document;
	struct json_size needs;
	const cJSON *root;
	size_t size;

	if (json_scan(text, len, &needs, err) < 0)
		return -1;
	/* cJSON asks for the characters between the quotes, one more and a NUL, or less. */
	size = needs.values * ALIGN_UP(sizeof(cJSON)) + needs.string_bytes +
	       needs.strings * (_Alignof(cJSON) - 1) + SCRATCH_SIZE;
	document = malloc(sizeof(*document) + size);
	if (!document)
		return err_set(err, ERR_NOMEM, "out of memory");
	document->size = size;
	document->used = 0;
	document->last = NULL;
	document->extra = NULL;
	parsing = document;
	root = cJSON_ParseWithLength(text, len);
	parsing = NULL;
	if (!root) {
		document_free(document);
		return err_set(err, ERR_INVALID, "JSON that the library cannot hold");
	}
	document->root = *root; /* no child points back at its parent */
	if (check_tree(&document->root, err)) {
		document_free(document);
		return -1;
	}
	*out = (struct json *)document;
	return 0;
}

void json_free(struct json *root)
{
	document_free((struct document *)root);
}

/* --- reading --- */

static const cJSON *item(const struct json *value)
{
	return (const cJSON *)value;
}

bool json_is_object(const struct json *value)
{
	return cJSON_IsObject(item(value));
}

bool json_is_array(const struct json *value)
{
	return cJSON_IsArray(item(value));
}

bool json_is_string(const struct json *value)
{
	return cJSON_IsString(item(value));
}

const struct json *json_get(const struct json *object, const char *name)
{
	if (!json_is_object(object))
		return NULL;
	/* cJSON_GetObjectItem() would ignore case. */
	for (const cJSON *member = item(object)->child; member; member = member->next) {
		if (strcmp(member->string, name) == 0)
			return (const struct json *)member;
	}
	return NULL;
}

/* Says what was expected of a member that is missing, of another type, or out of bounds. */
static int expected(const struct json *member, const char *name, const char *what, struct err *err)
{
	return err_set(err, ERR_INVALID, "member '%s': %sexpected %s", name,
		       member ? "" : "missing; ", what);
}

int json_get_object(const struct json *object, const char *name, const struct json **out,
		    struct err *err)
{
	const struct json *member = json_get(object, name);

	if (!json_is_object(member))
		return expected(member, name, "an object", err);
	*out = member;
	return 0;
}

int json_get_array(const struct json *object, const char *name, size_t max_count,
		   const struct json **out, struct err *err)
{
	const struct json *member = json_get(object, name);
	size_t count = 0;

	if (json_is_array(member)) {
		for (const cJSON *child = item(member)->child; child; child = child->next)
			count++;
	}
	if (!json_is_array(member) || count > max_count)
		return err_set(err, ERR_INVALID, "member '%s': %sexpected an array of at most %zu",
			       name, member ? "" : "missing; ", max_count);
	*out = member;
	return 0;
}

int json_get_string(const struct json *object, const char *name, size_t max_len, const char **out,
		    struct err *err)
{
	const struct json *member = json_get(object, name);

	if (!json_is_string(member) || strlen(item(member)->valuestring) > max_len)
		return err_set(err, ERR_INVALID,
			       "member '%s': %sexpected text of at most %zu bytes", name,
			       member ? "" : "missing; ", max_len);
	*out = item(member)->valuestring;
	return 0;
}

int json_get_int(const struct json *object, const char *name, int64_t min, int64_t max,
		 int64_t *out, struct err *err)
{
	const struct json *member = json_get(object, name);
	double value = cJSON_IsNumber(item(member)) ? item(member)->valuedouble : NAN;
	int64_t integer;

	if (isnan(value) || fabs(value) > SAFE_INTEGER || value != floor(value) ||
	    (integer = (int64_t)value) < min || integer > max)
		return err_set(err, ERR_INVALID,
			       "member '%s': %sexpected an integer from %lld to %lld", name,
			       member ? "" : "missing; ", (long long)min, (long long)max);
	*out = integer;
	return 0;
}

int json_get_bool(const struct json *object, const char *name, bool *out, struct err *err)
{
	const struct json *member = json_get(object, name);

	if (!cJSON_IsBool(item(member)))
		return expected(member, name, "true or false", err);
	*out = cJSON_IsTrue(item(member));
	return 0;
}

int json_opt_string(const struct json *object, const char *name, size_t max_len, const char **out,
		    struct err *err)
{
	return json_get(object, name) ? json_get_string(object, name, max_len, out, err) : 0;
}

int json_opt_int(const struct json *object, const char *name, int64_t min, int64_t max,
		 int64_t *out, struct err *err)
{
	return json_get(object, name) ? json_get_int(object, name, min, max, out, err) : 0;
}

int json_opt_bool(const struct json *object, const char *name, bool *out, struct err *err)
{
	return json_get(object, name) ? json_get_bool(object, name, out, err) : 0;
}

const struct json *json_first(const struct json *value)
{
	return json_is_object(value) || json_is_array(value)
		       ? (const struct json *)item(value)->child
		       : NULL;
}

const struct json *json_next(const struct json *value)
{
	return (const struct json *)item(value)->next;
}

const char *json_name(const struct json *value)
{
	return item(value)->string;
}

const char *json_string(const struct json *value)
{
	return json_is_string(value) ? item(value)->valuestring : NULL;
}

bool json_number(const struct json *value, double *out)
{
	if (!cJSON_IsNumber(item(value)))
		return false;
	*out = item(value)->valuedouble;
	return true;
}

bool json_bool(const struct json *value, bool *out)
{
	if (!cJSON_IsBool(item(value)))
		return false;
	*out = cJSON_IsTrue(item(value));
	return true;
}

int json_only(const struct json *object, const char *const names[], struct err *err)
{
	char shown[SHOWN_NAME_SIZE];

	for (const struct json *member = json_first(object); member; member = json_next(member)) {
		size_t i = 0;

		while (names[i] && strcmp(names[i], json_name(member)) != 0)
			i++;
		if (names[i])
			continue;
		text_clean(shown, sizeof(shown), json_name(member), strlen(json_name(member)));
		return err_set(err, ERR_INVALID, "member '%s' is not known", shown);
	}
	return 0;
}
