/* SPDX-License-Identifier: MIT */
/*
 * The catalogue: every requirement with its id, sentence and source, in one table (catalogue.def).
 * What the sources say is ours to word; where they disagree, the catalogue has decided.
 */
#pragma once

#include "base/base.h"

struct requirement {
    const char *id, *group;
    unsigned tier;      /* 1 first conformance gate, 2 second, 3 optional or later */
    const char *who;    /* MP, NDIS, PR, MUX, FLT, ADM: whose duty it is */
    const char *basis;  /* S summary, D documented, H header, V derived, P project policy */
    const char *source; /* names of Microsoft's pages, or an RFC */
    const char *text;
};

struct requirement_group {
    const char *name, *title;
    unsigned first, count; /* rows of the catalogue */
};

unsigned catalogue_count(void);
const struct requirement *catalogue_at(unsigned index);
/* By id, in any case; NULL when there is none. */
const struct requirement *catalogue_find(const char *id);
unsigned catalogue_index(const struct requirement *q);

unsigned catalogue_group_count(void);
const struct requirement_group *catalogue_group_at(unsigned index);
