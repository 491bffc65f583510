/* SPDX-License-Identifier: MIT */
/*
 * What a check's process tells the suite: records of one size on a pipe, each at most PIPE_BUF, so
 * that none is torn and what was said before a crash is not lost. Text is cut to fit.
 */
#pragma once

#include "conform/check.h"

#include <limits.h>

enum evidence_kind {
    EVIDENCE_FINDING,
    EVIDENCE_WARNING,
    EVIDENCE_NOTE,
    EVIDENCE_SKIP,   /* text: the reason */
    EVIDENCE_CANNOT, /* text: the reason */
    EVIDENCE_END,    /* the check came to its end; comparisons is valid */
};

enum { EVIDENCE_BYTES = 256, EVIDENCE_SEGMENTS = 48 };

struct evidence {
    uint32_t kind;
    uint32_t comparisons;
    char id[16]; /* requirement, or NT-... for a kernel rule */
    char about[240];
    char field[80], expected[240], got[240];
    char text[420];                   /* whole sentence, where the three above do not say it */
    uint32_t bytes_total, bytes_from; /* a dump of bytes[0..bytes_len), which start at bytes_from */
    uint16_t bytes_len, mark_at, mark_len, segment_count;
    uint8_t bytes[EVIDENCE_BYTES];
    struct evidence_segment segments[EVIDENCE_SEGMENTS];
};
_Static_assert(sizeof(struct evidence) <= PIPE_BUF, "a record is written in one piece");
