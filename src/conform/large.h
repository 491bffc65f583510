/* SPDX-License-Identifier: MIT */
/*
 * Large sends: what the driver advertises, a template as the page wants it, and the frames that the
 * wire shows. Rows marked "both" are tried for each kind that is advertised.
 */
#pragma once

#include "conform/packet.h"

enum large_kind { LARGE_V1, LARGE_V2_IP4, LARGE_V2_IP6, LARGE_KINDS };

bool large_advertised(const struct rig *r, enum large_kind kind);
const char *large_name(enum large_kind kind);
uint32_t large_max(const struct rig *r, enum large_kind kind);          /* MaxOffLoadSize */
uint32_t large_min_segments(const struct rig *r, enum large_kind kind); /* MinSegmentCount */

/* for (kind of those advertised): LARGE_EACH(r, kind) { ... } ; SKIP when there is none. */
#define LARGE_EACH(r, kind)                                                                        \
    need(r, large_any(r), "large send offload");                                                   \
    for (enum large_kind kind = LARGE_V1; kind < LARGE_KINDS; kind++)                              \
        if (large_advertised(r, kind))
bool large_any(const struct rig *r);

/* Recipe of a template; change it, then large_build. Payload of mss * 3 + 1 by default when 0. */
struct frame_recipe large_recipe(const struct rig *r, enum large_kind kind, uint32_t payload);
/* The template: V2 has length 0 in its IP header, V1 the real one; the seed is without length. */
void large_build(struct packet *k, enum large_kind kind, const struct frame_recipe *recipe);
void *large_ask(const struct packet *k, enum large_kind kind, uint32_t mss);

enum { LARGE_FRAMES = 1100 };
/* What came of one. */
struct cut {
    struct outcome outcome;
    unsigned count; /* frames that left */
    struct rig_seen seen[LARGE_FRAMES];
    struct fields field[LARGE_FRAMES];
    uint32_t payload, mss; /* of the template */
};
/* Sends the template and reads what leaves. about() is set, and the segments' picture. how: more
 * out of band (lso is filled in), or NULL. False, after a finding, when the send was not completed
 * with success or no frame left: nothing to look at. */
bool large_cut(struct rig *r, const struct packet *k, enum large_kind kind, uint32_t mss,
               const struct ask *how, struct cut *out);
/* All of it with a plain template: payload bytes cut at mss. */
bool large_simple(struct rig *r, enum large_kind kind, uint32_t payload, uint32_t mss,
                  struct packet *k, struct cut *out);
/* Marks frame `index` of the picture wrong (SEGMENT_WRONG_...) and makes it what is talked about.
 */
void cut_wrong(struct rig *r, const struct cut *c, unsigned index, unsigned what);
