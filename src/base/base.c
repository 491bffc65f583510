/* SPDX-License-Identifier: MIT */
/* Logging, the failing invariant, the one-line reason, and a whole file in memory. */
#include "base/base.h"

#include <fcntl.h>
#include <sys/stat.h>

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

int base_read_file(const char *path, unsigned max_mib, char **text, size_t *bytes, struct why *why)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    cleanup_free char *all = NULL;
    struct stat st;
    size_t have = 0;

    if (fd < 0 || fstat(fd, &st) < 0)
        return why_set(why, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size > (off_t)max_mib << 20)
        return why_set(why, -EINVAL, "%s: not a file of at most %u MiB", path, max_mib);
    all = malloc((size_t)st.st_size + 1);
    if (!all)
        return why_set(why, -ENOMEM, "%s: no memory", path);
    while (have < (size_t)st.st_size) {
        ssize_t n = read(fd, all + have, (size_t)st.st_size - have);

        if (n < 0)
            return why_set(why, -errno, "%s: %s", path, strerror(errno));
        if (n == 0)
            break;
        have += (size_t)n;
    }
    *text = steal(&all);
    *bytes = have;
    return 0;
}
