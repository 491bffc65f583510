/* SPDX-License-Identifier: MIT */
/*
 * The few words every room under src/ shares: cleanup attributes, the invariant, logging.
 *
 * Errors, once for all rooms. (1) The environment failed: a negative errno, forwarded unchanged.
 * (2) A documented condition: a positive enum named in the room's header, which the caller must
 * handle. (3) A driver broke its contract: a finding (nt/finding.h); a peer sent rubbish: a counter
 * named for the cause. Nothing aborts but invariant(), and that only for our own bugs.
 */
#pragma once

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define MIN_OF(a, b)                    ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b)                    ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a)                  (((x) + ((a)-1)) & ~((__typeof__(x))(a)-1))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Always on. Only for what no input and no driver can cause. */
#define invariant(x)                                                                               \
    do {                                                                                           \
        if (unlikely(!(x)))                                                                        \
            base_invariant_failed(#x, __FILE__, __LINE__);                                         \
    } while (0)

__attribute__((noreturn, cold)) void base_invariant_failed(const char *what, const char *file,
                                                           int line);

/* Locals that free themselves: `cleanup_free char *text = NULL;`. steal() hands one over. */
#define cleanup(fn)    __attribute__((cleanup(fn)))
#define cleanup_free   cleanup(base_freep)
#define cleanup_close  cleanup(base_closep)
#define cleanup_fclose cleanup(base_fclosep)
#define steal(pp)                                                                                  \
    ({                                                                                             \
        __typeof__(pp) steal_at_ = (pp);                                                           \
        __typeof__(*steal_at_) steal_v_ = *steal_at_;                                              \
        *steal_at_ = NULL;                                                                         \
        steal_v_;                                                                                  \
    })

static inline void base_freep(void *p)
{
    void **pp = p;
    free(*pp);
    *pp = NULL;
}

static inline void base_closep(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void base_fclosep(FILE **f)
{
    if (*f)
        fclose(*f);
}

/* Logging: one line to stderr, prefixed with its level. Nothing on the data path logs. */
enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *fmt, ...);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/*
 * Text for the user about why an operation on a named thing failed: the one-line error the CLI
 * prints. Filled by whoever first knows the name; carried up beside the negative errno. Never NULL
 * in calls that take it.
 */
struct why {
    char text[512];
};

/* Writes the text if none stands there yet, and returns err, so that `return why_set(why, -ENOENT,
 * ...)` works. */
__attribute__((format(printf, 3, 4))) int why_set(struct why *why, int err, const char *fmt, ...);

/* A whole regular file of at most max_mib MiB, for the caller to free; -EINVAL for any other, with
 * one line in why that names it. */
int base_read_file(const char *path, unsigned max_mib, char **text, size_t *bytes, struct why *why);
