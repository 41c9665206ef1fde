/*
 * How the format library fills a struct deja_error. Tools only (stdio).
 */
#ifndef DEJA_TRACEFMT_ERROR_H
#define DEJA_TRACEFMT_ERROR_H

#include "deja.h"

/* Fills *err (which may be NULL) with a code and one line. Always returns -1, so that a
 * failure is one statement. Control characters in the text become '?': names come from
 * recordings that nobody vouches for. */
int tf_fail(struct deja_error *err, enum deja_errno code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for a failed system call: DEJA_E_SYSTEM, or DEJA_E_NO_MEMORY for ENOMEM; the
 * text of errno is appended. errno is preserved. */
int tf_fail_errno(struct deja_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
