/* SPDX-License-Identifier: MIT */
/* Large sends: templates, and the frames that come of them. */
#include "conform/large.h"

bool large_advertised(const struct rig *r, enum large_kind kind)
{
    NDIS_OFFLOAD now = rig_offload(r).current;

    switch (kind) {
    case LARGE_V1:
        return now.LsoV1.IPv4.Encapsulation & NDIS_ENCAPSULATION_IEEE_802_3;
    case LARGE_V2_IP4:
        return now.LsoV2.IPv4.Encapsulation & NDIS_ENCAPSULATION_IEEE_802_3;
    default:
        return now.LsoV2.IPv6.Encapsulation & NDIS_ENCAPSULATION_IEEE_802_3;
    }
}

bool large_version2(const struct rig *r)
{
    return large_advertised(r, LARGE_V2_IP4) || large_advertised(r, LARGE_V2_IP6);
}

bool large_any(const struct rig *r)
{
    return large_advertised(r, LARGE_V1) || large_version2(r);
}

const char *large_name(enum large_kind kind)
{
    static const char *const names[] = {"LSOv1", "LSOv2 IPv4", "LSOv2 IPv6"};

    return names[kind];
}

uint32_t large_max(const struct rig *r, enum large_kind kind)
{
    NDIS_OFFLOAD now = rig_offload(r).current;

    return kind == LARGE_V1       ? now.LsoV1.IPv4.MaxOffLoadSize
           : kind == LARGE_V2_IP4 ? now.LsoV2.IPv4.MaxOffLoadSize
                                  : now.LsoV2.IPv6.MaxOffLoadSize;
}

uint32_t large_min_segments(const struct rig *r, enum large_kind kind)
{
    NDIS_OFFLOAD now = rig_offload(r).current;

    return kind == LARGE_V1       ? now.LsoV1.IPv4.MinSegmentCount
           : kind == LARGE_V2_IP4 ? now.LsoV2.IPv4.MinSegmentCount
                                  : now.LsoV2.IPv6.MinSegmentCount;
}

struct frame_recipe large_recipe(const struct rig *r, enum large_kind kind, uint32_t payload)
{
    struct frame_recipe f = packet_recipe(r, kind == LARGE_V2_IP6 ? 6 : 4, 6, payload);

    f.large_send = true;
    return f;
}

void large_build(struct packet *k, enum large_kind kind, const struct frame_recipe *recipe)
{
    packet_build(k, recipe);
    if (kind == LARGE_V1)
        naive_put(k->bytes + k->l3 + 2, 2, k->len - k->l3);
}

void *large_ask(const struct packet *k, enum large_kind kind, uint32_t mss)
{
    return kind == LARGE_V1 ? ask_lso1(mss, k->l4) : ask_lso2(k->version, mss, k->l4);
}

static void draw(struct rig *r, const struct cut *c)
{
    struct evidence_segment s[EVIDENCE_SEGMENTS];
    unsigned n = MIN_OF(c->count, (unsigned)EVIDENCE_SEGMENTS);

    for (unsigned i = 0; i < n; i++) {
        const struct fields *f = &c->field[i];

        s[i] = (struct evidence_segment){
            .seq = f->seq, .payload = f->end - f->payload, .ip_id = f->ip_id, .flags = f->flags};
    }
    about_segments(r, s, n);
}

void large_collect(struct rig *r, const struct packet *k, const struct ask *how, struct cut *out)
{
    out->template = k;
    out->payload = k->len - k->payload;
    out->outcome = packet_send(r, k, how);
    out->count = rig_wire_drain(r, out->seen, LARGE_FRAMES);
    for (unsigned i = 0; i < out->count; i++)
        fields_read(&out->seen[i], &out->field[i]);
    draw(r, out);
}

bool large_cut(struct rig *r, const struct packet *k, enum large_kind kind, uint32_t mss,
               const struct ask *how, struct cut *out)
{
    struct ask a = how ? *how : (struct ask){0};

    if (!a.lso)
        a.lso = large_ask(k, kind, mss);
    about_segments(r, NULL, 0);
    about_bytes(r, k->bytes, k->len, 0, 0);
    about(r, "%s, %u bytes of TCP data, MSS %u", large_name(kind), k->len - k->payload, mss);
    large_collect(r, k, &a, out);
    out->mss = mss;
    out->kind = kind;
    if (!out->outcome.back ||
        !expect_code(r, "NBL status of a large send", out->outcome.status, NDIS_STATUS_SUCCESS))
        return false;
    return expect(r, out->count > 0, "frames of a large send", "at least one", "none");
}

bool large_simple(struct rig *r, enum large_kind kind, uint32_t payload, uint32_t mss,
                  struct packet *k, struct cut *out)
{
    struct frame_recipe recipe = large_recipe(r, kind, payload);

    large_build(k, kind, &recipe);
    return large_cut(r, k, kind, mss, NULL, out);
}

void cut_wrong(struct rig *r, const struct cut *c, unsigned index, unsigned what)
{
    if (index < r->said.segment_count)
        r->said.segments[index].wrong |= (uint8_t)what;
    about_frame(r, &c->field[index], index, c->count);
    about(r, "%s, %u bytes of TCP data, MSS %u: frame %u of %u, %u bytes", large_name(c->kind),
          c->payload, c->mss, index + 1, c->count, c->field[index].len);
}
