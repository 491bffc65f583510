/* SPDX-License-Identifier: MIT */
/* The table of catalogue.def, and looking things up in it. */
#include "conform/catalogue.h"

#include <strings.h>

#define GROUP(name, title)
#define ROW(id, tier, who, basis, source, text) {id, NULL, tier, who, basis, source, text},
static struct requirement rows[] = {
#include "conform/catalogue.def"
};
#undef GROUP
#undef ROW

/* A group's row in this list stands where its rows begin. */
#define GROUP(name, title)                      {name, title},
#define ROW(id, tier, who, basis, source, text) {NULL, NULL},
static const struct {
    const char *name, *title;
} lines[] = {
#include "conform/catalogue.def"
};
#undef GROUP
#undef ROW

enum { GROUPS_MAX = 32 };
static struct requirement_group groups[GROUPS_MAX];
static unsigned group_count;

__attribute__((constructor)) static void catalogue_link(void)
{
    unsigned row = 0;

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        if (lines[i].name) {
            invariant(group_count < GROUPS_MAX);
            groups[group_count++] =
                (struct requirement_group){lines[i].name, lines[i].title, row, 0};
            continue;
        }
        invariant(group_count > 0);
        rows[row++].group = groups[group_count - 1].name;
        groups[group_count - 1].count++;
    }
}

unsigned catalogue_count(void)
{
    return ARRAY_LEN(rows);
}

const struct requirement *catalogue_at(unsigned index)
{
    return index < ARRAY_LEN(rows) ? &rows[index] : NULL;
}

const struct requirement *catalogue_find(const char *id)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcasecmp(rows[i].id, id) == 0)
            return &rows[i];
    }
    return NULL;
}

unsigned catalogue_index(const struct requirement *q)
{
    return (unsigned)(q - rows);
}

unsigned catalogue_group_count(void)
{
    return group_count;
}

const struct requirement_group *catalogue_group_at(unsigned index)
{
    return index < group_count ? &groups[index] : NULL;
}
