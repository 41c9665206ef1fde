/*
 * The coverage page of `deja info --coverage`: how every row of the call table is treated,
 * and how often one recording used it.
 */
#ifndef DEJA_TOOLS_COVERAGE_H
#define DEJA_TOOLS_COVERAGE_H

#include <stdbool.h>
#include <stdint.h>
#include "tools/json.h"
#include "tracefmt/calls.h"
#include "tracefmt/deja.h"

struct coverage {
	bool counted;			 /* a recording was given */
	uint64_t calls[TF_ID_FIRST + TF_CALL_MAX]; /* by event id */
	uint64_t clock_reads, signals;	 /* what crosses the boundary without a call */
};

/* Counts the events of a recording. What a truncated one holds is counted; other damage
 * ends the count: false, *err says why. */
bool coverage_count(struct coverage *c, deja_recording *rec, struct deja_error *err);
void coverage_print(const struct coverage *c);
void coverage_json(const struct coverage *c, struct json *j);

#endif
