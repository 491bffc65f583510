/* SPDX-License-Identifier: MIT */
/* Where control sockets stand, and under which names. */
#include "cli/control.h"

#include <ctype.h>
#include <sys/stat.h>

enum { STEM_MAX = 40 };

bool control_dir(unsigned index, char *out, size_t size)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    int n = 0;

    switch (index) {
    case 0:
        if (!runtime || runtime[0] != '/')
            return false;
        n = snprintf(out, size, "%s/longshore", runtime);
        break;
    case 1:
        n = snprintf(out, size, "/run/longshore");
        break;
    case 2:
        n = snprintf(out, size, "/tmp/longshore-%u", (unsigned)geteuid());
        break;
    default:
        return false;
    }
    return n > 0 && (size_t)n < size;
}

bool control_dir_safe(const char *dir)
{
    struct stat st;

    return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
           (st.st_uid == geteuid() || st.st_uid == 0) && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

int control_name(const char *dir, const char *adapter, unsigned attempt, char *out, size_t size)
{
    char stem[STEM_MAX + 1], suffix[24] = "";
    uint32_t hash = 0x811c9dc5u;
    bool changed = strlen(adapter) > STEM_MAX || adapter[0] == '.' || adapter[0] == '\0';
    size_t n = 0;
    int length;

    for (const char *p = adapter; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool fits = c < 0x80 && (isalnum(c) || strchr("._-", c));

        hash = (hash ^ c) * 0x01000193u;
        changed |= !fits;
        if (n < STEM_MAX) {
            stem[n] = fits && !(n == 0 && c == '.') ? (char)c : '_';
            n++;
        }
    }
    stem[n] = '\0';
    if (changed) /* two names that look alike now stay apart */
        snprintf(suffix, sizeof suffix, "-%08x", hash);
    if (attempt == 0)
        length = snprintf(out, size, "%s/%s%s.sock", dir, stem, suffix);
    else
        length = snprintf(out, size, "%s/%s%s-%d.sock", dir, stem, suffix, (int)getpid());
    return length > 0 && (size_t)length < size ? 0 : -ENAMETOOLONG;
}
