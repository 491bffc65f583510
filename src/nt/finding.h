/* SPDX-License-Identifier: MIT */
/*
 * A finding: a rule that a driver broke, with evidence. Reported to one sink, from any thread at
 * any IRQL; never an abort. The rule is a requirement id ("GEN-11") or "NT-<WORD>" for kernel rules
 * that the catalogue does not number.
 */
#pragma once

#include "base/base.h"

struct finding {
    char rule[16];
    char subject[48]; /* driver or adapter that broke it: the thread's current owner */
    char text[400];
};

typedef void (*finding_sink)(void *arg, const struct finding *f);

/* The sink may be called on any thread, one call at a time. NULL: findings are logged as warnings.
 */
void finding_set_sink(finding_sink sink, void *arg);

__attribute__((format(printf, 2, 3))) void finding_report(const char *rule, const char *fmt, ...);

/* The same for a broken rule that shows on another thread than the driver's: its name is given. */
__attribute__((format(printf, 3, 4))) void finding_report_for(const char *subject, const char *rule,
                                                              const char *fmt, ...);

/* Number of findings reported since start (or the last reset, which tests use). */
uint64_t finding_count(void);
void finding_reset(void);
