/* See err.h.  Messages that do not fit are cut, never overrun.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum err_code code_from_errno(int errnum)
{
	switch (errnum) {
	case ENOMEM: return ERR_NOMEM;
	case ENOENT:
	case ENOTDIR: return ERR_NOTFOUND;
	case EACCES:
	case EPERM:
	case EROFS: return ERR_DENIED;
	case ENOSPC:
#ifdef EDQUOT /* not every C library has quotas */
	case EDQUOT:
#endif
	case EMFILE:
	case ENFILE: return ERR_FULL;
	case ETIMEDOUT: return ERR_TIMEOUT;
	case ENOSYS:
	case ENOTSUP: return ERR_UNSUPPORTED;
	default: return ERR_IO;
	}
}

int(err_set)(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	return -1;
}

int(err_errno)(struct err *err, int errnum, const char *fmt, ...)
{
	size_t len;
	va_list ap;

	err->code = code_from_errno(errnum);
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	len = strlen(err->msg);
	snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", strerror(errnum));
	return -1;
}

int(err_wrap)(struct err *err, const char *fmt, ...)
{
	char inner[sizeof(err->msg)];
	size_t len;
	va_list ap;

	memcpy(inner, err->msg, sizeof(inner));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	len = strlen(err->msg);
	snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", inner);
	return -1;
}
