/* SPDX-License-Identifier: MIT */
/* Large sends that are switched off, too small, or contradict themselves. */
#include "conform/large.h"

static size_t switch_of(enum large_kind kind)
{
    return kind == LARGE_V1       ? offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV1)
           : kind == LARGE_V2_IP4 ? offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4)
                                  : offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv6);
}

CHECK("LSO1-36", dropped_after_a_successful_disable)
{
    bool had[LARGE_KINDS];

    rig_open(r, NULL);
    need(r, large_any(r), "large send offload");
    for (enum large_kind kind = LARGE_V1; kind < LARGE_KINDS; kind++)
        had[kind] = large_advertised(r, kind);
    for (enum large_kind kind = LARGE_V1; kind < LARGE_KINDS; kind++) {
        struct frame_recipe recipe = large_recipe(r, kind, 3600);
        struct packet *k;
        const struct cut *c;

        if (!had[kind] ||
            rig_parameter(r, switch_of(kind), NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED) !=
                NDIS_STATUS_SUCCESS)
            continue;
        k = large_template(kind, &recipe);
        c = large_any_way(r, k, kind, &(struct ask){.lso = large_ask(k, kind, 1000)});
        for (unsigned i = 0; i < c->count; i++)
            cut_wrong(r, c, i, SEGMENT_WRONG_HEADER);
        expect_equal(r, "frames of a large send that is switched off", c->count, 0);
        rig_forget(r);
    }
    need(r, r->comparisons > 0, "OID_TCP_OFFLOAD_PARAMETERS for large send");
}

/* Acknowledgements of nothing, one after another: a TCP would send again. */
static void acknowledge(struct rig *r, const struct frame_recipe *sent)
{
    struct frame_recipe ack = packet_recipe_in(r, sent->ip_version, 6, 0);
    static struct packet k;

    ack.src_port = sent->dst_port;
    ack.dst_port = sent->src_port;
    ack.tcp_flags = TCP_ACK;
    ack.ack = sent->seq;
    ack.window = 0;
    packet_build(&k, &ack);
    for (unsigned i = 0; i < 10; i++)
        rig_wire_write(r, k.bytes, k.len);
    ack.ack++;
    packet_build(&k, &ack);
    rig_arrive(r, k.bytes, k.len);
}

/* A closed window and nobody who takes anything: all of it leaves all the same, once. */
CHECK("LSO1-37", no_tcp_work_beyond_cutting)
{
    static uint8_t late[RIG_FRAME];

    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 8100);
        const struct cut *c;

        recipe.window = 0;
        c = large_try(r, kind, &recipe, 1000);
        if (!c)
            continue;
        about(r, "%s with a window of 0 and no progress", large_name(kind));
        expect_equal(r, "frames on the wire", c->count, cut_frames_due(c));
        acknowledge(r, &recipe);
    }
    expect_equal(r, "bytes of a frame that leaves later", rig_wire_read(r, late, sizeof late, 0.03),
                 0);
}

/* ---- One segment or less -------------------------------------------------------------------- */

/* Length, checksums and data of the one frame. */
static void expect_one_right(struct rig *r, const struct cut *c, const struct packet *k)
{
    const struct fields *f = &c->field[0];

    if (!expect_equal(r, "frames of one segment", c->count, 1))
        return;
    about_frame(r, f, 0, 1);
    if (!expect_equal(r, "IP length", f->ip_total, k->len - k->l3) ||
        !expect(r, k->version == 6 || f->ip_good, "IPv4 header checksum", "right", "wrong") ||
        !expect(r, f->transport_good, "TCP checksum", "right", "wrong") || !cut_joined(r, c))
        cut_wrong(r, c, 0, SEGMENT_WRONG_HEADER);
}

CHECK("LSO1-38", one_segment_or_less_is_one_right_frame_or_none)
{
    static const uint32_t sizes[] = {0, 1, 2, 7, 500, 999, 1000};

    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
            struct frame_recipe recipe = large_recipe(r, kind, sizes[i]);
            struct packet *k = large_template(kind, &recipe);
            const struct cut *c =
                large_any_way(r, k, kind, &(struct ask){.lso = large_ask(k, kind, 1000)});

            if (sizes[i] > 0 && c->outcome.status == NDIS_STATUS_SUCCESS)
                expect_one_right(r, c, k);
            else
                expect_equal(r, "frames of no data, or of a send that failed", c->count, 0);
        }
    }
}

/* ---- Requests that contradict themselves ---------------------------------------------------- */

static void refused(struct rig *r, const struct packet *k, enum large_kind kind, uint32_t mss,
                    uint32_t offset)
{
    struct ask how = {.lso = kind == LARGE_V1 ? ask_lso1(mss, offset)
                                              : ask_lso2(k->version, mss, offset)};

    /* Nothing in the slot asks for nothing. */
    if (how.lso)
        large_refused(r, k, kind, &how);
}

/* Every offset there is but the right one; nothing leaves of any. */
static void each_offset(struct rig *r, const struct packet *k, enum large_kind kind)
{
    uint8_t frame[60];

    for (uint32_t at = 0; at < 1024; at++) {
        struct ask how = {.lso =
                              kind == LARGE_V1 ? ask_lso1(400, at) : ask_lso2(k->version, 400, at)};
        struct outcome o;

        if (at == k->l4)
            continue;
        o = packet_send(r, k, &how);
        about(r, "%s, TcpHeaderOffset %u instead of %u", large_name(kind), at, k->l4);
        if (o.back)
            expect_status(r, "NBL status", o.status, FAIL_SEND);
        if (at % (RIG_RECORDS / 4) == 0)
            rig_forget(r);
    }
    rig_forget(r);
    if (rig_has_wire(r))
        expect_equal(r, "bytes of a frame that left", rig_wire_read(r, frame, sizeof frame, 0), 0);
}

/* Headers after which there is no TCP header at that offset, or none at all. */
static void each_damage(struct rig *r, struct packet *k, enum large_kind kind)
{
    const struct {
        uint32_t at, bytes, value;
    } damages[] = {{12, 2, 0x0806}, /* EtherType of ARP */
                   {12, 2, 0x05dc},
                   {k->l3, 1, k->version == 4 ? 0x65 : 0x45},
                   {k->l3, 1, 0x44},
                   {k->l3, 1, k->version == 4 ? 0x46 : 0x00},
                   {k->l4 + 12, 1, 0x00},
                   {k->l4 + 12, 1, 0x40},
                   {k->l3 + (k->version == 4 ? 9 : 6), 1, 17}};

    for (unsigned i = 0; i < ARRAY_LEN(damages); i++) {
        uint32_t was = naive_get(k->bytes + damages[i].at, damages[i].bytes);

        naive_put(k->bytes + damages[i].at, damages[i].bytes, damages[i].value);
        refused(r, k, kind, 400, k->l4);
        naive_put(k->bytes + damages[i].at, damages[i].bytes, was);
    }
}

CHECK("LSO1-39", mss_of_0_and_offsets_that_are_none)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 600);
        struct packet *k = large_template(kind, &recipe);

        refused(r, k, kind, 0, k->l4);
        each_offset(r, k, kind);
        each_damage(r, k, kind);
    }
}
