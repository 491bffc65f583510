/* SPDX-License-Identifier: MIT */
/* Headers of the frames of a large send: what is copied, and options. */
#include "conform/large.h"

/* Four frames, the last one long enough not to be padded. */
static const struct cut *plain_cut(struct rig *r, enum large_kind kind)
{
    struct frame_recipe recipe = large_recipe(r, kind, 3600);

    return large_try(r, kind, &recipe, 1000);
}

CHECK("LSO1-7", tcp_fields_as_in_the_template)
{
    static const struct cut_range fields[] = {
        {.name = "source and destination port", .base = CUT_TCP, .at = 0, .bytes = 4},
        {.name = "acknowledgment number", .base = CUT_TCP, .at = 8, .bytes = 4},
        {.name = "data offset and reserved bits", .base = CUT_TCP, .at = 12, .bytes = 1},
        {.name = "window", .base = CUT_TCP, .at = 14, .bytes = 2},
    };

    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 3600);
        struct packet *k = large_template(kind, &recipe);
        const struct cut *c;

        k->bytes[k->l4 + 12] |= 0x0e; /* reserved */
        c = large_frames(r, k, kind, 1000);
        for (unsigned i = 0; i < ARRAY_LEN(fields); i++)
            cut_copied(r, c, &fields[i]);
    }
}

/* The options stand behind the header's fixed part, whatever the data offset says. */
CHECK("LSO1-13", tcp_options_unaltered)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 3600);

        if (!large_tcp_options(r, kind))
            continue;
        recipe.tcp_options = tcp_options_12;
        recipe.tcp_options_len = sizeof tcp_options_12;
        cut_copied(r, large_try(r, kind, &recipe, 1000),
                   &(struct cut_range){.name = "TCP options (timestamp)",
                                       .base = CUT_TCP,
                                       .at = 20,
                                       .bytes = sizeof tcp_options_12});
    }
    need(r, r->comparisons > 0, "TCP options with large send");
}

CHECK("LSO1-14", ipv4_options_unaltered)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 3600);

        if (kind == LARGE_V2_IP6 || !large_ip_options(r, kind))
            continue;
        recipe.ip_options = ip4_options_4;
        recipe.ip_options_len = sizeof ip4_options_4;
        cut_copied(r, large_try(r, kind, &recipe, 1000),
                   &(struct cut_range){.name = "IPv4 options (router alert)",
                                       .base = CUT_IP,
                                       .at = 20,
                                       .bytes = sizeof ip4_options_4});
    }
    need(r, r->comparisons > 0, "IPv4 options with large send");
}

CHECK("LSO1-19", ip_and_ethernet_fields_as_in_the_template)
{
    static const struct cut_range both[] = {
        {.name = "destination MAC address", .base = CUT_FRAME, .at = 0, .bytes = 6},
        {.name = "source MAC address", .base = CUT_FRAME, .at = 6, .bytes = 6},
        {.name = "EtherType", .base = CUT_FRAME, .at = 12, .bytes = 2},
    };
    static const struct cut_range ip4[] = {
        {.name = "DF", .base = CUT_IP, .at = 6, .bytes = 1, .mask = 0x40},
        {.name = "TTL", .base = CUT_IP, .at = 8, .bytes = 1},
        {.name = "source address", .base = CUT_IP, .at = 12, .bytes = 4},
        {.name = "destination address", .base = CUT_IP, .at = 16, .bytes = 4},
    };
    static const struct cut_range ip6[] = {
        {.name = "hop limit", .base = CUT_IP, .at = 7, .bytes = 1},
        {.name = "source address", .base = CUT_IP, .at = 8, .bytes = 16},
        {.name = "destination address", .base = CUT_IP, .at = 24, .bytes = 16},
    };

    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        const struct cut *c = plain_cut(r, kind);

        for (unsigned i = 0; i < ARRAY_LEN(both); i++)
            cut_copied(r, c, &both[i]);
        for (unsigned i = 0; i < ARRAY_LEN(ip4) && kind != LARGE_V2_IP6; i++)
            cut_copied(r, c, &ip4[i]);
        for (unsigned i = 0; i < ARRAY_LEN(ip6) && kind == LARGE_V2_IP6; i++)
            cut_copied(r, c, &ip6[i]);
        if (kind != LARGE_V2_IP6) {
            struct frame_recipe recipe = large_recipe(r, kind, 2600);
            struct packet *k = large_template(kind, &recipe);

            k->bytes[k->l3 + 6] &= (uint8_t)~0x40;
            cut_copied(r, large_frames(r, k, kind, 1000), &ip4[0]);
        }
    }
}

/* ---- Identification ------------------------------------------------------------------------- */

static struct cut_field one_more(const struct cut *c, unsigned i)
{
    return cut_identification(c, i, 0xffff);
}

/* Wrapped at 0x7fff or at 0xffff. */
static struct cut_field one_more_wrapped(const struct cut *c, unsigned i)
{
    struct cut_field f = one_more(c, i);

    if (f.got == (f.want & 0x7fff))
        f.want = f.got;
    return f;
}

/* How many frames before this one have its number. */
static struct cut_field distinct(const struct cut *c, unsigned i)
{
    struct cut_field f = {.name = "earlier frames with the same Identification",
                          .wrong = SEGMENT_WRONG_ID,
                          .at = c->field[i].l3 + 4,
                          .bytes = 2};

    for (unsigned j = 0; j < i; j++)
        f.got += c->field[j].ip_id == c->field[i].ip_id;
    return f;
}

CHECK("LSO1-20", identification_of_version_1)
{
    static const uint16_t first[] = {0x1234, 0, 0x7ffe, 0x7fff, 0xfffe, 0xffff};

    rig_open(r, NULL);
    need(r, large_advertised(r, LARGE_V1), "large send version 1");
    for (unsigned i = 0; i < ARRAY_LEN(first); i++) {
        struct frame_recipe recipe = large_recipe(r, LARGE_V1, 4600);
        const struct cut *c;

        recipe.ip_id = first[i];
        c = large_try(r, LARGE_V1, &recipe, 1000);
        cut_fields(r, c, i < 2 ? one_more : one_more_wrapped);
        cut_fields(r, c, distinct);
    }
}

/* ---- LLC/SNAP, tags ------------------------------------------------------------------------- */

static struct cut_field tag(const struct cut *c, unsigned i)
{
    return (struct cut_field){.name = "802.1Q TCI (65536: no tag)",
                              .wrong = SEGMENT_WRONG_HEADER,
                              .at = 12,
                              .bytes = 4,
                              .got = c->field[i].tagged ? c->field[i].tci : 0x10000,
                              .want = 3u << 13 | 0x345};
}

CHECK("LSO1-34", every_frame_has_the_tag)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 3600);
        struct packet *k = large_template(kind, &recipe);
        static struct cut c;

        if (large_encapsulated(r, kind, NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB) &&
            large_cut(r, k, kind, 1000, &(struct ask){.tag = ask_tag(3, 0x345)}, &c))
            cut_fields(r, &c, tag);
        recipe.vlan = true;
        recipe.vlan_tci = 3u << 13 | 0x345;
        if (large_encapsulated(r, kind, NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q))
            cut_fields(r, large_try(r, kind, &recipe, 1000), tag);
    }
    need(r, r->comparisons > 0, "802.1Q tags with large send");
}

static struct cut_field snap_length(const struct cut *c, unsigned i)
{
    const struct fields *f = &c->field[i];

    /* All that is behind the field; no frame is padded here. */
    return (struct cut_field){.name = "802.3 length",
                              .wrong = SEGMENT_WRONG_HEADER,
                              .at = 12,
                              .bytes = 2,
                              .got = f->snap_len,
                              .want = f->len - ETH_LEN};
}

CHECK("LSO1-35", every_snap_frame_has_its_own_length)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 3600);

        recipe.snap = true;
        if (large_encapsulated(r, kind, NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED))
            cut_fields(r, large_try(r, kind, &recipe, 1000), snap_length);
    }
    need(r, r->comparisons > 0, "LLC/SNAP with large send");
}
