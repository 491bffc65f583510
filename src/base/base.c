/* SPDX-License-Identifier: MIT */
/* Logging, the failing invariant, and the one-line reason. */
#include "base/base.h"

static enum log_level log_threshold = LOG_WARN;

void log_set_level(enum log_level level)
{
    log_threshold = level;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    char line[1024];
    va_list ap;

    if (level > log_threshold)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    fprintf(stderr, "longshore: %s: %s\n", names[level], line);
}

int why_set(struct why *why, int err, const char *fmt, ...)
{
    va_list ap;

    if (why->text[0] != '\0')
        return err;
    va_start(ap, fmt);
    vsnprintf(why->text, sizeof why->text, fmt, ap);
    va_end(ap);
    return err;
}

void base_invariant_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "longshore: bug: %s:%d: %s does not hold\n", file, line, what);
    abort();
}
