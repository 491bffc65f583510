/* SPDX-License-Identifier: MIT */
/* Findings on their way to the sink. */
#include "nt/finding.h"
#include "nt/ledger.h"

#include <pthread.h>

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static finding_sink sink_fn;
static void *sink_arg;
static uint64_t reported;
/* A sink that itself breaks a rule must neither deadlock nor recurse. */
static __thread bool reporting;

void finding_set_sink(finding_sink sink, void *arg)
{
    pthread_mutex_lock(&sink_lock);
    sink_fn = sink;
    sink_arg = arg;
    pthread_mutex_unlock(&sink_lock);
}

static void deliver(const struct finding *f)
{
    __atomic_fetch_add(&reported, 1, __ATOMIC_RELAXED);
    if (reporting) {
        log_warn("%s: %s: %s", f->rule, f->subject, f->text);
        return;
    }
    reporting = true;
    pthread_mutex_lock(&sink_lock);
    if (sink_fn)
        sink_fn(sink_arg, f);
    else
        log_warn("%s: %s: %s", f->rule, f->subject, f->text);
    pthread_mutex_unlock(&sink_lock);
    reporting = false;
}

__attribute__((format(printf, 3, 0))) static void report(const char *subject, const char *rule,
                                                         const char *fmt, va_list ap)
{
    struct finding f;

    snprintf(f.rule, sizeof f.rule, "%s", rule);
    snprintf(f.subject, sizeof f.subject, "%s", subject);
    vsnprintf(f.text, sizeof f.text, fmt, ap);
    deliver(&f);
}

void finding_report(const char *rule, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report(nt_owner_name(nt_owner_current()), rule, fmt, ap);
    va_end(ap);
}

void finding_report_for(const char *subject, const char *rule, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report(subject, rule, fmt, ap);
    va_end(ap);
}

uint64_t finding_count(void)
{
    return __atomic_load_n(&reported, __ATOMIC_RELAXED);
}

void finding_reset(void)
{
    __atomic_store_n(&reported, 0, __ATOMIC_RELAXED);
}
