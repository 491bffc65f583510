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
/* The same for those of version 2. */
#define LARGE_EACH_V2(r, kind)                                                                     \
    need(r, large_version2(r), "large send version 2");                                            \
    for (enum large_kind kind = LARGE_V2_IP4; kind < LARGE_KINDS; kind++)                          \
        if (large_advertised(r, kind))
bool large_version2(const struct rig *r);

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
    enum large_kind kind;
    const struct packet *template;
};
/* Sends the template and reads what leaves. about() is set, and the segments' picture. how: more
 * out of band (lso is filled in), or NULL. False, after a finding, when the send was not completed
 * with success or no frame left: nothing to look at. */
bool large_cut(struct rig *r, const struct packet *k, enum large_kind kind, uint32_t mss,
               const struct ask *how, struct cut *out);
/* The sending and reading alone: out's outcome, frames and template. */
void large_collect(struct rig *r, const struct packet *k, const struct ask *how, struct cut *out);
/* All of it with a plain template: payload bytes cut at mss. */
bool large_simple(struct rig *r, enum large_kind kind, uint32_t payload, uint32_t mss,
                  struct packet *k, struct cut *out);
/* Marks frame `index` of the picture wrong (SEGMENT_WRONG_...) and makes it what is talked about.
 */
void cut_wrong(struct rig *r, const struct cut *c, unsigned index, unsigned what);

/* ---- The same in short: one template and one cut at a time, kept here ----------------------- */

/* Builds the template; it may be changed before it is sent. */
struct packet *large_template(enum large_kind kind, const struct frame_recipe *recipe);
/* large_cut of it, or NULL. */
const struct cut *large_frames(struct rig *r, const struct packet *k, enum large_kind kind,
                               uint32_t mss);
/* Both. */
const struct cut *large_try(struct rig *r, enum large_kind kind, const struct frame_recipe *recipe,
                            uint32_t mss);
/* The same for what the driver may or must refuse: no claim is made about what comes of it. */
const struct cut *large_any_way(struct rig *r, const struct packet *k, enum large_kind kind,
                                const struct ask *how);
/* Expects that it fails with a status that fits and that no frame leaves. */
bool large_refused(struct rig *r, const struct packet *k, enum large_kind kind,
                   const struct ask *how);
/* LLC/SNAP, tags: whether the kind is reported for NDIS_ENCAPSULATION_... */
bool large_encapsulated(const struct rig *r, enum large_kind kind, ULONG encapsulation);
/* Options that the kind is reported for: TCP's, and IPv4's or IPv6 extension headers. */
bool large_tcp_options(const struct rig *r, enum large_kind kind);
bool large_ip_options(const struct rig *r, enum large_kind kind);

/* ---- Claims about every frame of a cut ------------------------------------------------------ */

/*
 * A field of one frame: where it stands there, what it holds, what it should. Each wrong frame is
 * marked in the picture; the finding shows the first one, with the field marked in the dump. c NULL
 * claims nothing: large_cut has said why.
 */
struct cut_field {
    const char *name;
    unsigned wrong;     /* SEGMENT_WRONG_... */
    uint32_t at, bytes; /* in the frame */
    uint64_t got, want;
};
bool cut_fields(struct rig *r, const struct cut *c,
                struct cut_field (*field)(const struct cut *c, unsigned index));
/* The sequence number, at the place where the template has it. */
struct cut_field cut_sequence(const struct cut *c, unsigned index);
/* IPv4's Identification, one more in each frame, counted in the bits of mask. */
struct cut_field cut_identification(const struct cut *c, unsigned index, uint32_t mask);

/* Header bytes that are the template's in every frame. at: from the frame's beginning, its IP or
 * its TCP header. mask: the bits of each byte that count; 0: all. */
enum cut_base { CUT_FRAME, CUT_IP, CUT_TCP };
struct cut_range {
    const char *name;
    enum cut_base base;
    uint32_t at, bytes;
    unsigned wrong;
    uint8_t mask;
};
bool cut_copied(struct rig *r, const struct cut *c, const struct cut_range *range);

/* Frames that full frames of mss and a rest make. */
uint32_t cut_frames_due(const struct cut *c);
/* TCP data of a frame, by its headers. */
uint32_t cut_payload(const struct cut *c, unsigned index);
/* The frames' TCP data in order is the template's. */
bool cut_joined(struct rig *r, const struct cut *c);
