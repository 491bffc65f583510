/* SPDX-License-Identifier: MIT */
/* The table of exports: the linker section, sorted once. */
#include "nt/export.h"
#include "base/base.h"

#include <pthread.h>

extern const struct nt_export __start_nt_exports[] __attribute__((weak));
extern const struct nt_export __stop_nt_exports[] __attribute__((weak));

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const struct nt_export **sorted;
static size_t sorted_count;

static int by_name(const void *a, const void *b)
{
    const struct nt_export *const *x = a;
    const struct nt_export *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static void sort_exports(void)
{
    /* As integers: the two symbols do not belong to one object that C knows of. */
    size_t bytes = (uintptr_t)__stop_nt_exports - (uintptr_t)__start_nt_exports;
    size_t count = bytes / sizeof(struct nt_export);

    if (count == 0)
        return;
    sorted = malloc(count * sizeof *sorted);
    invariant(sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &__start_nt_exports[i];
    qsort(sorted, count, sizeof *sorted, by_name);
    for (size_t i = 1; i < count; i++)
        invariant(strcmp(sorted[i - 1]->name, sorted[i]->name) != 0);
    sorted_count = count;
}

nt_function nt_export_find(const char *name)
{
    const struct nt_export wanted = {name, NULL};
    const struct nt_export *key = &wanted;
    const struct nt_export **found;

    pthread_once(&once, sort_exports);
    if (sorted_count == 0)
        return NULL;
    found = bsearch(&key, sorted, sorted_count, sizeof *sorted, by_name);
    return found ? (*found)->function : NULL;
}
