/* SPDX-License-Identifier: MIT */
/* Large sends in short, and claims about every frame that comes of one. */
#include "conform/large.h"

static struct packet template;
static struct cut result;

struct packet *large_template(enum large_kind kind, const struct frame_recipe *recipe)
{
    large_build(&template, kind, recipe);
    return &template;
}

const struct cut *large_frames(struct rig *r, const struct packet *k, enum large_kind kind,
                               uint32_t mss)
{
    return large_cut(r, k, kind, mss, NULL, &result) ? &result : NULL;
}

const struct cut *large_try(struct rig *r, enum large_kind kind, const struct frame_recipe *recipe,
                            uint32_t mss)
{
    return large_frames(r, large_template(kind, recipe), kind, mss);
}

const struct cut *large_any_way(struct rig *r, const struct packet *k, enum large_kind kind,
                                const struct ask *how)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO asked = {.Value = how->lso};

    about_segments(r, NULL, 0);
    about_bytes(r, k->bytes, k->len, 0, 0);
    about(r, "%s, %u bytes of TCP data, MSS %u, TcpHeaderOffset %u", large_name(kind),
          k->len - k->payload, (unsigned)asked.LsoV2Transmit.MSS,
          (unsigned)asked.LsoV2Transmit.TcpHeaderOffset);
    large_collect(r, k, how, &result);
    result.mss = asked.LsoV2Transmit.MSS;
    result.kind = kind;
    return &result;
}

bool large_refused(struct rig *r, const struct packet *k, enum large_kind kind,
                   const struct ask *how)
{
    const struct cut *c = large_any_way(r, k, kind, how);
    bool failed = expect_status(r, "NBL status", c->outcome.status, FAIL_SEND);

    for (unsigned i = 0; i < c->count; i++)
        cut_wrong(r, c, i, SEGMENT_WRONG_HEADER);
    return expect(r, c->count == 0, "frames on the wire", "none", "%u", c->count) && failed;
}

/* ---- What is reported ----------------------------------------------------------------------- */

bool large_encapsulated(const struct rig *r, enum large_kind kind, ULONG encapsulation)
{
    NDIS_OFFLOAD now = rig_offload(r).current;
    ULONG listed = kind == LARGE_V1       ? now.LsoV1.IPv4.Encapsulation
                   : kind == LARGE_V2_IP4 ? now.LsoV2.IPv4.Encapsulation
                                          : now.LsoV2.IPv6.Encapsulation;

    return (listed & encapsulation) != 0;
}

bool large_tcp_options(const struct rig *r, enum large_kind kind)
{
    NDIS_OFFLOAD now = rig_offload(r).current;

    return kind == LARGE_V2_IP4 ||
           (kind == LARGE_V1 ? now.LsoV1.IPv4.TcpOptions == NDIS_OFFLOAD_SUPPORTED
                             : now.LsoV2.IPv6.TcpOptionsSupported == NDIS_OFFLOAD_SUPPORTED);
}

bool large_ip_options(const struct rig *r, enum large_kind kind)
{
    NDIS_OFFLOAD now = rig_offload(r).current;

    return kind == LARGE_V2_IP4 ||
           (kind == LARGE_V1
                ? now.LsoV1.IPv4.IpOptions == NDIS_OFFLOAD_SUPPORTED
                : now.LsoV2.IPv6.IpExtensionHeadersSupported == NDIS_OFFLOAD_SUPPORTED);
}

/* ---- Claims --------------------------------------------------------------------------------- */

static void show(struct rig *r, const struct cut *c, unsigned index, const struct cut_field *f)
{
    cut_wrong(r, c, index, f->wrong);
    if (f->bytes)
        about_bytes(r, c->field[index].bytes, c->field[index].len, f->at, f->bytes);
}

struct cut_field cut_sequence(const struct cut *c, unsigned i)
{
    const struct packet *k = c->template;

    return (struct cut_field){
        .name = "sequence number behind those headers",
        .wrong = SEGMENT_WRONG_SEQ,
        .at = k->l4 + 4,
        .bytes = 4,
        .got = k->l4 + 8 <= c->field[i].len ? naive_get(c->field[i].bytes + k->l4 + 4, 4) : 0,
        .want = (uint32_t)(naive_get(k->bytes + k->l4 + 4, 4) + i * c->mss)};
}

struct cut_field cut_identification(const struct cut *c, unsigned i, uint32_t mask)
{
    uint32_t first = naive_get(c->template->bytes + c->template->l3 + 4, 2);

    return (struct cut_field){.name = "IPv4 Identification",
                              .wrong = SEGMENT_WRONG_ID,
                              .at = c->field[i].l3 + 4,
                              .bytes = 2,
                              .got = c->field[i].ip_id,
                              .want = (first + i) & mask};
}

bool cut_fields(struct rig *r, const struct cut *c,
                struct cut_field (*field)(const struct cut *c, unsigned index))
{
    struct cut_field f;
    unsigned first;

    if (!c)
        return false;
    first = c->count;
    for (unsigned i = c->count; i-- > 0;) {
        f = field(c, i);
        if (f.got != f.want) {
            first = i;
            show(r, c, i, &f);
        }
    }
    if (first == c->count) {
        r->comparisons += c->count;
        return true;
    }
    f = field(c, first);
    return expect_equal(r, f.name, f.got, f.want);
}

static uint32_t base_of(const struct cut *c, const struct cut_range *range, unsigned index)
{
    return range->base == CUT_IP    ? c->field[index].l3
           : range->base == CUT_TCP ? c->field[index].l4
                                    : 0;
}

static bool same(const struct cut *c, const struct cut_range *range, unsigned index)
{
    const struct packet *k = c->template;
    uint32_t at = base_of(c, range, index) + range->at;
    uint32_t from = range->base == CUT_IP ? k->l3 : range->base == CUT_TCP ? k->l4 : 0;
    uint8_t mask = range->mask ? range->mask : 0xff;

    if (at + range->bytes > c->field[index].len)
        return false;
    for (uint32_t i = 0; i < range->bytes; i++) {
        if ((c->field[index].bytes[at + i] ^ k->bytes[from + range->at + i]) & mask)
            return false;
    }
    return true;
}

bool cut_copied(struct rig *r, const struct cut *c, const struct cut_range *range)
{
    uint32_t from, at;
    unsigned first;

    if (!c)
        return false;
    first = c->count;
    from = range->base == CUT_IP ? c->template->l3 : range->base == CUT_TCP ? c->template->l4 : 0;
    for (unsigned i = c->count; i-- > 0;) {
        if (same(c, range, i))
            continue;
        first = i;
        cut_wrong(r, c, i, range->wrong ? range->wrong : SEGMENT_WRONG_HEADER);
    }
    if (first == c->count) {
        r->comparisons += c->count;
        return true;
    }
    at = base_of(c, range, first) + range->at;
    about_bytes(r, c->field[first].bytes, c->field[first].len, at, range->bytes);
    if (at + range->bytes > c->field[first].len)
        return expect(r, false, range->name, "the template's", "the frame ends before it");
    if (range->bytes <= 4)
        return expect_equal(r, range->name, naive_get(c->field[first].bytes + at, range->bytes),
                            naive_get(c->template->bytes + from + range->at, range->bytes));
    return expect_bytes(r, range->name, c->field[first].bytes + at,
                        c->template->bytes + from + range->at, range->bytes);
}

uint32_t cut_frames_due(const struct cut *c)
{
    return (c->payload + c->mss - 1) / c->mss;
}

uint32_t cut_payload(const struct cut *c, unsigned index)
{
    return c->field[index].end - c->field[index].payload;
}

bool cut_joined(struct rig *r, const struct cut *c)
{
    const struct packet *k = c ? c->template : NULL;
    uint32_t at = k ? k->payload : 0;

    if (!c)
        return false;
    for (unsigned i = 0; i < c->count; i++) {
        const struct fields *f = &c->field[i];
        uint32_t n = cut_payload(c, i), left = k->len - at;
        uint32_t bad = 0;

        while (bad < MIN_OF(n, left) && f->bytes[f->payload + bad] == k->bytes[at + bad])
            bad++;
        r->comparisons++;
        if (bad < n) {
            cut_wrong(r, c, i, SEGMENT_WRONG_PAYLOAD);
            about_bytes(r, f->bytes, f->len, f->payload + bad, 1);
            return expect(r, false, "TCP data", "what the template has there",
                          "different from byte %u of the frame's data on, byte %u of the send's",
                          bad, at - k->payload + bad);
        }
        at += n;
    }
    about_bytes(r, NULL, 0, 0, 0);
    about(r, "%s, %u bytes of TCP data, MSS %u", large_name(c->kind), c->payload, c->mss);
    return expect_equal(r, "bytes of TCP data in all frames", at - k->payload, k->len - k->payload);
}
