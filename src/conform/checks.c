/* SPDX-License-Identifier: MIT */
/* The table of checks: the linker section in which CHECK puts each. */
#include "conform/check.h"

#include <strings.h>

extern const struct check __start_conform_checks[] __attribute__((weak));
extern const struct check __stop_conform_checks[] __attribute__((weak));

const struct check *check_at(unsigned index)
{
    /* As integers: the two symbols do not belong to one object that C knows of. */
    size_t bytes = (uintptr_t)__stop_conform_checks - (uintptr_t)__start_conform_checks;

    return index < bytes / sizeof(struct check) ? &__start_conform_checks[index] : NULL;
}

const struct check *check_find(const char *id)
{
    const struct check *c;

    for (unsigned i = 0; (c = check_at(i)) != NULL; i++) {
        if (strcasecmp(c->id, id) == 0)
            return c;
    }
    return NULL;
}
