/* SPDX-License-Identifier: MIT */
/* TCP flags of the frames of a large send. */
#include "conform/large_stack.h"

static const struct cut *flags_cut(struct rig *r, enum large_kind kind, uint8_t flags)
{
    struct frame_recipe recipe = large_recipe(r, kind, 4600);

    recipe.tcp_flags = (uint8_t)(TCP_ACK | flags);
    return large_try(r, kind, &recipe, 1000);
}

static struct cut_field flag(const struct cut *c, unsigned i, uint8_t bit, bool set)
{
    return (struct cut_field){.name = bit == TCP_FIN   ? "FIN"
                                      : bit == TCP_PSH ? "PSH"
                                      : bit == TCP_CWR ? "CWR"
                                                       : "ECE",
                              .wrong = SEGMENT_WRONG_FLAGS,
                              .at = c->field[i].l4 + 13,
                              .bytes = 1,
                              .got = (c->field[i].flags & bit) != 0,
                              .want = set};
}

static struct cut_field fin_last(const struct cut *c, unsigned i)
{
    return flag(c, i, TCP_FIN, i + 1 == c->count);
}

static struct cut_field psh_last(const struct cut *c, unsigned i)
{
    return flag(c, i, TCP_PSH, i + 1 == c->count);
}

static struct cut_field no_fin(const struct cut *c, unsigned i)
{
    return flag(c, i, TCP_FIN, false);
}

static struct cut_field no_psh(const struct cut *c, unsigned i)
{
    return flag(c, i, TCP_PSH, false);
}

/* The last one is looked at apart. */
static struct cut_field cwr_first(const struct cut *c, unsigned i)
{
    bool last = i > 0 && i + 1 == c->count;

    return flag(c, i, TCP_CWR, last ? (c->field[i].flags & TCP_CWR) != 0 : i == 0);
}

static struct cut_field ece_all(const struct cut *c, unsigned i)
{
    return flag(c, i, TCP_ECE, true);
}

static struct cut_field no_ece(const struct cut *c, unsigned i)
{
    return flag(c, i, TCP_ECE, false);
}

CHECK("LSO1-8", fin_only_in_the_last)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        cut_fields(r, flags_cut(r, kind, TCP_FIN), fin_last);
        cut_fields(r, flags_cut(r, kind, 0), no_fin);
    }
}

CHECK("LSO1-9", psh_only_in_the_last)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        cut_fields(r, flags_cut(r, kind, TCP_PSH), psh_last);
        cut_fields(r, flags_cut(r, kind, 0), no_psh);
    }
}

CHECK("LSO1-10", cwr_in_the_first)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        const struct cut *c = flags_cut(r, kind, TCP_CWR);

        if (!cut_fields(r, c, cwr_first) || c->count < 2)
            continue;
        advise(r, !(c->field[c->count - 1].flags & TCP_CWR), "CWR in the last frame", "clear",
               "set");
    }
}

static struct cut_field ip_ecn(const struct cut *c, unsigned i)
{
    const struct packet *k = c->template;
    uint32_t tos = k->version == 4 ? k->bytes[k->l3 + 1] : naive_get(k->bytes + k->l3, 2) >> 4;

    return (struct cut_field){.name = k->version == 4 ? "DSCP and ECN" : "traffic class",
                              .wrong = SEGMENT_WRONG_HEADER,
                              .at = c->field[i].l3 + (k->version == 4),
                              .bytes = k->version == 4 ? 1 : 2,
                              .got = c->field[i].tos,
                              .want = tos & 0xff};
}

CHECK("LSO1-11", ece_and_the_ip_ecn_bits_in_every_frame)
{
    static const uint8_t tos[] = {0xb9, 0x03, 0x02, 0xfd, 0x46, 0x00};

    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        cut_fields(r, flags_cut(r, kind, TCP_ECE), ece_all);
        cut_fields(r, flags_cut(r, kind, 0), no_ece);
        for (unsigned i = 0; i < ARRAY_LEN(tos); i++) {
            struct frame_recipe recipe = large_recipe(r, kind, 2600);

            recipe.tos = tos[i];
            cut_fields(r, large_try(r, kind, &recipe, 1000), ip_ecn);
        }
    }
}

/* ---- What is never offloaded ---------------------------------------------------------------- */

/* Either refused, or the bits are in every frame. */
static void refused_or_copied(struct rig *r, struct packet *k, enum large_kind kind,
                              const struct cut_range *bits)
{
    const struct cut *c = large_any_way(r, k, kind, &(struct ask){.lso = large_ask(k, kind, 1000)});

    if (c->outcome.status != NDIS_STATUS_SUCCESS || c->count == 0) {
        expect_status(r, "NBL status of what is not cut", c->outcome.status, FAIL_SEND);
        expect_equal(r, "frames of a send that failed", c->count, 0);
        return;
    }
    cut_copied(r, c, bits);
}

static void never_asked(struct rig *r, const struct large_asked *a)
{
    bool odd =
        a->f.flags & (TCP_SYN | TCP_RST | TCP_URG) || a->f.urgent != 0 || a->f.ip_fragment & 0x3fff;

    expect(r, !odd, "large send of what is never cut", "not asked for",
           "flags 0x%02x, urgent pointer %u, fragment word 0x%04x", a->f.flags, a->f.urgent,
           a->f.ip_fragment);
}

CHECK("LSO1-12", what_is_never_offloaded_is_refused_or_copied)
{
    static const uint8_t flags[] = {TCP_SYN, TCP_RST, TCP_URG, TCP_SYN | TCP_ACK,
                                    TCP_URG | TCP_PSH | TCP_ACK};
    static const uint16_t fragment[] = {0x2000, 0x6000, 0x0001, 0x1fff};

    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 3600);
        struct packet *urgent;

        for (unsigned i = 0; i < ARRAY_LEN(flags); i++) {
            recipe.tcp_flags = flags[i];
            refused_or_copied(r, large_template(kind, &recipe), kind,
                              &(struct cut_range){"SYN, RST and URG", CUT_TCP, 13, 1,
                                                  SEGMENT_WRONG_FLAGS,
                                                  TCP_SYN | TCP_RST | TCP_URG});
        }
        recipe.tcp_flags = TCP_ACK;
        for (unsigned i = 0; i < ARRAY_LEN(fragment) && kind != LARGE_V2_IP6; i++) {
            struct packet *k = large_template(kind, &recipe);

            naive_put(k->bytes + k->l3 + 6, 2, fragment[i]);
            refused_or_copied(
                r, k, kind,
                &(struct cut_range){
                    .name = "MF and fragment offset", .base = CUT_IP, .at = 6, .bytes = 2});
        }
        urgent = large_template(kind, &recipe);
        naive_put(urgent->bytes + urgent->l4 + 18, 2, 0x1234);
        refused_or_copied(
            r, urgent, kind,
            &(struct cut_range){.name = "urgent pointer", .base = CUT_TCP, .at = 18, .bytes = 2});
    }
    large_protocol(r, never_asked);
}
