/* See platform/kernel.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/kernel.h"

#include "agent/base/err.h"
#include "agent/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

int plat_kernel_write(const char *path, const char *text, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), failed;
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return err_errno(err, errno, "open '%s'", path);
	n = write(fd, text, len);
	failed = errno;
	close(fd);
	return n == (ssize_t)len ? 0 : err_errno(err, n < 0 ? failed : EIO, "write '%s'", path);
}

int plat_kernel_place(const char *path, char *out, size_t out_size, struct err *err)
{
	char real[PATH_MAX];

	if (!realpath(path, real))
		return err_errno(err, errno, "follow '%s'", path);
	return text_copy(out, out_size, real)
		       ? 0
		       : err_set(err, ERR_INVALID, "'%s' leads to a path too long", path);
}

int plat_kernel_block(const char *path, char out[24], struct err *err)
{
	struct stat st;
	dev_t number;

	if (stat(path, &st))
		return err_errno(err, errno, "stat '%s'", path);
	number = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	snprintf(out, 24, "%u:%u", major(number), minor(number));
	return 0;
}

void plat_kernel_release(char out[80])
{
	struct utsname name;

	(void)uname(&name); /* cannot fail with memory of our own */
	(void)text_copy(out, 80, name.release);
}
