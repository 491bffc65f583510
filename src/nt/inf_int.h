/* SPDX-License-Identifier: MIT */
/* An INF in memory: sections of lines of fields, strings already put in (inf_parse.c); what inf.c
 * and inf_apply.c look up in it. */
#pragma once

#include "nt/inf.h"

struct inf_line {
    unsigned number; /* in the file */
    char *key;       /* before =; NULL if there is none */
    char **fields;
    unsigned field_count;
};

struct inf_section {
    char *name;
    struct inf_line *lines;
    unsigned line_count;
};

struct inf {
    char *file;
    struct inf_section *sections;
    unsigned section_count;
};

/* Names compare without case. NULL when absent; fields past the end are "". */
const struct inf_section *inf_section_find(const struct inf *inf, const char *name);
/* The next line with that key after `after` (NULL: the first). */
const struct inf_line *inf_line_find(const struct inf_section *s, const char *key,
                                     const struct inf_line *after);
const char *inf_field(const struct inf_line *line, unsigned index);
/* Decimal or 0x...; false for anything else. Empty is 0. */
bool inf_number(const char *text, uint32_t *out);
