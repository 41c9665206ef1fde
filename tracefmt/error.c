/*
 * Error texts: the one list of strings, and the filling of struct deja_error.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

const char *deja_strerror(enum deja_errno code)
{
	switch (code) {
	case DEJA_OK:
		return "no error";
	case DEJA_E_SYSTEM:
		return "a system call failed";
	case DEJA_E_NOT_FOUND:
		return "no such recording";
	case DEJA_E_NOT_A_RECORDING:
		return "not a recording";
	case DEJA_E_VERSION:
		return "made by a newer version of the format";
	case DEJA_E_HEADER:
		return "header damaged";
	case DEJA_E_STREAM:
		return "stream damaged";
	case DEJA_E_EVENT:
		return "an event does not decode";
	case DEJA_E_TRUNCATED:
		return "stream truncated";
	case DEJA_E_RANGE:
		return "no such stream, event or time";
	case DEJA_E_NO_MEMORY:
		return "out of memory";
	case DEJA_E_FILE:
		return "a stored file is missing or does not match its hash";
	}
	return "unknown error";
}

static void one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

int tf_fail(struct deja_error *err, enum deja_errno code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	one_line(err->message);
	return -1;
}

int tf_fail_errno(struct deja_error *err, const char *fmt, ...)
{
	int saved = errno;
	size_t len;
	va_list ap;

	if (!err)
		return -1;
	err->code = saved == ENOMEM ? DEJA_E_NO_MEMORY : DEJA_E_SYSTEM;
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	len = strlen(err->message);
	snprintf(err->message + len, sizeof(err->message) - len, ": %s",
		 strerror(saved));
	one_line(err->message);
	errno = saved;
	return -1;
}
