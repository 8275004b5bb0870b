/* Are a package's files as the package manager has them?  Asked of dpkg and rpm themselves.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/software.h"

#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/linux/dpkg.h"
#include "platform/linux/fact.h"
#include "platform/os.h"

#define ANSWER_MAX (256u * 1024)
#define TIMEOUT_MS 60000

/* dpkg writes the same lines as rpm: "??5??????   /usr/bin/x", "S.5....T.  c /etc/x" (a file of
 * settings), "missing     /usr/bin/x".  Another owner or time alone is no other file. */
static bool read_line(char *line, char **out_path)
{
	bool missing = !strncmp(line, "missing", 7);
	char *flags = fact_word(&line), *word = fact_word(&line);

	if (word && strlen(word) == 1) { /* "c" settings, "d" documentation, "g" made later */
		if (*word != 'a' && *word != 'l' && *word != 'r')
			return false;
		word = fact_word(&line);
	}
	if (!word || *word != '/' || (!missing && (strlen(flags) < 3 || flags[2] != '5')))
		return false;
	*out_path = word;
	return true;
}

/* What a small system may leave out as it is set up (dpkg's path-exclude). */
static bool is_paper(const char *path)
{
	static const char *const folders[] = {"/usr/share/doc/", "/usr/share/man/",
					      "/usr/share/locale/", "/usr/share/lintian/"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (!strncmp(path, folders[i], strlen(folders[i])))
			return true;
	return false;
}

void software_read_verify(char *text, void (*each)(void *ctx, const char *path), void *ctx)
{
	char *line, *path;

	while ((line = fact_line(&text)))
		if (read_line(line, &path) && !is_paper(path))
			each(ctx, path);
}

/* Runs a program whose exit code says little: rpm ends with the number of lines. */
static int answer_of(const char *const *argv, struct buf *said, struct buf *trouble, int *status,
		     struct err *err)
{
	struct plat_command command = {
		.argv = argv, .output_max = ANSWER_MAX, .timeout_ms = TIMEOUT_MS};

	if (!fact_live())
		return err_set(err, ERR_UNSUPPORTED, "'%s' is not run on a tree that is only read",
			       argv[0]);
	if (plat_run(&command, said, trouble, status, err) < 0) {
		if (err->code == ERR_NOTFOUND) /* the program: says nothing of the package */
			err->code = ERR_IO;
		return -1;
	}
	return 0;
}

/* Between the old files and the new ones dpkg calls a package "half-installed" or "unpacked". */
static int dpkg_settled(const char *package, struct err *err)
{
	const char *argv[] = {"dpkg-query", "--show", "--showformat=${db:Status-Status}",
			      "--",         package,  NULL};
	struct buf said, trouble;
	int status, ret;

	buf_init(&said, 0);
	buf_init(&trouble, 0);
	ret = answer_of(argv, &said, &trouble, &status, err);
	if (ret == 0 && (status != 0 || !strcmp(buf_text(&said), "not-installed") ||
			 !strcmp(buf_text(&said), "config-files")))
		ret = err_set(err, ERR_NOTFOUND, "package '%.60s' is not installed", package);
	else if (ret == 0 && strcmp(buf_text(&said), "installed") != 0)
		ret = err_set(err, ERR_UNSUPPORTED, "package '%.60s' is being installed: %.40s",
			      package, buf_text(&said));
	buf_clear(&said);
	buf_clear(&trouble);
	return ret;
}

static int verify(const char *const *argv, void (*each)(void *ctx, const char *path), void *ctx,
		  struct err *err)
{
	struct buf said, trouble;
	char first[128];
	int status, ret;

	buf_init(&said, 0);
	buf_init(&trouble, 0);
	ret = answer_of(argv, &said, &trouble, &status, err);
	if (ret == 0 && trouble.len && status != 0) {
		text_clean(first, sizeof(first), buf_text(&trouble),
			   strcspn(buf_text(&trouble), "\n"));
		ret = err_set(err, ERR_IO, "'%s' ended with %d: %s", argv[0], status, first);
	} else if (ret == 0 && said.len) {
		software_read_verify(said.data, each, ctx);
	}
	buf_clear(&said);
	buf_clear(&trouble);
	return ret;
}

int plat_package_verify(const char *package, void (*each)(void *ctx, const char *path), void *ctx,
			struct err *err)
{
	const char *dpkg[] = {"dpkg", "--verify", package, NULL};
	const char *rpm[] = {"rpm", "-V", "--nodeps", "--noscripts", "--", package, NULL};
	char version[96];

	if (dpkg_present())
		return dpkg_settled(package, err) < 0 ? -1 : verify(dpkg, each, ctx, err);
	if (plat_package_find(package, version, err) < 0) {
		/* Neither manager: nobody owns any file. */
		if (err->code == ERR_UNSUPPORTED && fact_live())
			err->code = ERR_NOTFOUND;
		return -1;
	}
	return verify(rpm, each, ctx, err);
}
