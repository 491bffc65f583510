/* SPDX-License-Identifier: MIT */
/* Lengths and checksums in the frames of a large send. */
#include "conform/large_stack.h"

/* Sizes are such that no frame is padded: what is behind the Ethernet header is the datagram. */
static struct cut_field total_length(const struct cut *c, unsigned i)
{
    return (struct cut_field){.name = "IPv4 Total Length",
                              .wrong = SEGMENT_WRONG_HEADER,
                              .at = c->field[i].l3 + 2,
                              .bytes = 2,
                              .got = c->field[i].ip_total,
                              .want = c->field[i].len - c->field[i].l3};
}

CHECK("LSO1-15", total_length_of_every_frame)
{
    static const uint32_t sizes[] = {2600, 3100, 1999};

    rig_open(r, NULL);
    need(r, large_advertised(r, LARGE_V1) || large_advertised(r, LARGE_V2_IP4),
         "large send over IPv4");
    LARGE_EACH(r, kind)
    {
        for (unsigned i = 0; i < ARRAY_LEN(sizes) && kind != LARGE_V2_IP6; i++) {
            struct frame_recipe recipe = large_recipe(r, kind, sizes[i]);

            cut_fields(r, large_try(r, kind, &recipe, 1000), total_length);
        }
    }
}

static struct cut_field ip_sum(const struct cut *c, unsigned i)
{
    const struct fields *f = &c->field[i];

    return (struct cut_field){.name = "sum over the IPv4 header",
                              .wrong = SEGMENT_WRONG_CHECKSUM,
                              .at = f->l3 + 10,
                              .bytes = 2,
                              .got = f->l3 + f->ip_header_len <= f->len
                                         ? naive_sum(f->bytes + f->l3, f->ip_header_len, 0, 0)
                                         : 0,
                              .want = 0xffff};
}

CHECK("LSO1-16", ipv4_header_checksum_of_every_frame)
{
    static const uint16_t ids[] = {0, 0x1234, 0x7ffd};

    rig_open(r, NULL);
    need(r, large_advertised(r, LARGE_V1) || large_advertised(r, LARGE_V2_IP4),
         "large send over IPv4");
    LARGE_EACH(r, kind)
    {
        for (unsigned i = 0; i < ARRAY_LEN(ids) && kind != LARGE_V2_IP6; i++) {
            struct frame_recipe recipe = large_recipe(r, kind, 4600);

            recipe.ip_id = ids[i];
            cut_fields(r, large_try(r, kind, &recipe, 1000), ip_sum);
        }
    }
}

/* One's complement sum of the TCP header and data with the pseudo-header of that TCP length. */
static uint32_t tcp_sum(const struct fields *f, uint32_t length)
{
    uint32_t sum = naive_pseudo(f->bytes + f->l3, f->version, 6, length);

    return naive_sum(f->bytes + f->l4, f->end - f->l4, 0, sum);
}

/* The TCP length that the checksum covers, as far as it is one that a driver takes by mistake. */
static struct cut_field length_covered(const struct cut *c, unsigned i)
{
    const struct fields *f = &c->field[i];
    uint32_t own = f->end - f->l4, whole = c->template->len - c->template->l4;
    const uint32_t mistaken[] = {0,           whole,         own - (f->payload - f->l4),
                                 c->payload,  c->mss,        own * 2,
                                 own + whole, f->end - f->l3};
    struct cut_field claim = {.name = "TCP length in the checksum's pseudo-header",
                              .wrong = SEGMENT_WRONG_CHECKSUM,
                              .at = f->l4 + 16,
                              .bytes = 2,
                              .got = own,
                              .want = own};

    if (!f->l4 || tcp_sum(f, own) == 0xffff)
        return claim;
    for (unsigned j = 0; j < ARRAY_LEN(mistaken); j++) {
        if (tcp_sum(f, mistaken[j]) == 0xffff)
            claim.got = mistaken[j];
    }
    return claim;
}

static void seed_without_length(struct rig *r, const struct large_asked *a)
{
    about_bytes(r, a->nbl->bytes, a->nbl->len, a->f.l4 + 16, 2);
    expect_equal(r, "seed in the TCP checksum field", a->f.checksum,
                 naive_pseudo(a->nbl->bytes + a->f.l3, a->f.version, 6, 0));
}

CHECK("LSO1-17", the_checksum_covers_the_frames_own_length)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 4600);

        cut_fields(r, large_try(r, kind, &recipe, 1000), length_covered);
        recipe.payload_len = 3777;
        cut_fields(r, large_try(r, kind, &recipe, 900), length_covered);
    }
    large_protocol(r, seed_without_length);
}

static struct cut_field transport_sum(const struct cut *c, unsigned i)
{
    const struct fields *f = &c->field[i];

    return (struct cut_field){.name = "sum over pseudo-header, TCP header and data",
                              .wrong = SEGMENT_WRONG_CHECKSUM,
                              .at = f->l4 + 16,
                              .bytes = 2,
                              .got = f->l4 ? tcp_sum(f, f->end - f->l4) : 0,
                              .want = 0xffff};
}

CHECK("LSO1-18", tcp_checksum_with_and_without_its_slot)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        for (unsigned i = 0; i < 4; i++) {
            struct frame_recipe recipe = large_recipe(r, kind, 4677);
            struct packet *k = large_template(kind, &recipe);
            struct ask how = {.checksum = i % 2 ? ask_checksum(k, ASK_IP | ASK_TCP) : NULL};
            static struct cut c;

            if (large_cut(r, k, kind, i / 2 ? 1337 : 1000, &how, &c))
                cut_fields(r, &c, transport_sum);
        }
    }
}
