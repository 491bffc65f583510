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

/* A closed window and nobody who answers: all of it leaves all the same, once. */
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
        about(r, "%s with a window of 0 and no answer", large_name(kind));
        expect_equal(r, "frames on the wire", c->count, cut_frames_due(c));
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

CHECK("LSO1-39", mss_of_0_and_offsets_that_are_none)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 600);
        struct packet *k = large_template(kind, &recipe);
        const uint32_t offsets[] = {0,          1,         13,         14,          k->l3,
                                    k->l4 - 1,  k->l4 + 1, k->l4 + 4,  k->l4 + 20,  k->l4 - 20,
                                    k->len - 1, k->len,    k->len + 1, k->len - 20, 1023};
        uint8_t at = kind == LARGE_V2_IP6 ? 6 : 9;

        refused(r, k, kind, 0, k->l4);
        for (unsigned i = 0; i < ARRAY_LEN(offsets); i++)
            refused(r, k, kind, 400, offsets[i]);
        k->bytes[k->l3 + at] = 17; /* UDP there */
        refused(r, k, kind, 400, k->l4);
        k->bytes[k->l3 + at] = 6;
        k->bytes[k->l4 + 12] = 0x10; /* a header of 4 bytes */
        refused(r, k, kind, 400, k->l4);
    }
}
