/* SPDX-License-Identifier: MIT */
/* Version 2: headers found by their offset and repeated in every frame. */
#include "conform/large_stack.h"

static void version_of_the_packet(struct rig *r, const struct large_asked *a)
{
    if (a->kind != LARGE_V1)
        expect_equal(r, "IPVersion in the protocol's slot", a->slot.LsoV2Transmit.IPVersion,
                     a->from->version == 6);
}

/* The packet's version counts, whatever the slot says, or nothing leaves. */
CHECK("LSO2-2", ip_version_that_is_not_the_packets)
{
    rig_open(r, NULL);
    LARGE_EACH_V2(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 3600);
        struct packet *k = large_template(kind, &recipe);
        struct ask how = {.lso = ask_lso2(k->version == 4 ? 6 : 4, 1000, k->l4)};
        const struct cut *c = large_any_way(r, k, kind, &how);

        if (c->outcome.status != NDIS_STATUS_SUCCESS || c->count == 0) {
            expect_status(r, "NBL status, IPVersion not the packet's", c->outcome.status,
                          FAIL_SEND);
            expect_equal(r, "frames of a send that failed", c->count, 0);
            continue;
        }
        for (unsigned i = 0; i < c->count; i++) {
            const struct fields *f = &c->field[i];
            bool good = f->version == k->version && f->l3 + f->ip_total == f->len &&
                        (f->version == 6 || f->ip_good) && f->transport_good;

            if (!good)
                cut_wrong(r, c, i, SEGMENT_WRONG_HEADER);
            if (!expect(r, good, "the frame", "built by the packet's own IP version",
                        "IPv%u, IP length %u in a frame of %u bytes, checksums %s", f->version,
                        f->ip_total, f->len, f->transport_good ? "right" : "wrong"))
                break;
        }
    }
    large_protocol(r, version_of_the_packet);
}

/* ---- TcpHeaderOffset ------------------------------------------------------------------------ */

enum { OPTIONS = 1, TAG = 2, SNAP = 4, SHAPES = 8 };

static bool shape_listed(const struct rig *r, enum large_kind kind, unsigned shape)
{
    return (!(shape & OPTIONS) || large_ip_options(r, kind)) &&
           (!(shape & TAG) || large_encapsulated(r, kind, NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q)) &&
           (!(shape & SNAP) ||
            large_encapsulated(r, kind, NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED));
}

static void offset_of_version_2(struct rig *r, const struct large_asked *a)
{
    if (a->kind != LARGE_V1)
        expect_equal(r, "TcpHeaderOffset of the protocol", a->slot.LsoV2Transmit.TcpHeaderOffset,
                     a->from->l4);
}

CHECK("LSO2-9", tcp_header_found_by_its_offset)
{
    rig_open(r, NULL);
    LARGE_EACH_V2(r, kind)
    {
        for (unsigned shape = 0; shape < SHAPES; shape++) {
            struct frame_recipe recipe = large_recipe(r, kind, 4000);

            if (!shape_listed(r, kind, shape))
                continue;
            if (shape & OPTIONS) {
                recipe.ip_options = kind == LARGE_V2_IP6 ? ip6_extension_8 : ip4_options_4;
                recipe.ip_options_len = kind == LARGE_V2_IP6 ? 8 : 4;
            }
            recipe.vlan = shape & TAG;
            recipe.snap = shape & SNAP;
            cut_fields(r, large_try(r, kind, &recipe, 1000), cut_sequence);
        }
    }
    large_protocol(r, offset_of_version_2);
}

/* ---- The template --------------------------------------------------------------------------- */

CHECK("LSO2-10", bits_that_no_other_row_names)
{
    static const struct cut_range ack = {.name = "ACK",
                                         .base = CUT_TCP,
                                         .at = 13,
                                         .bytes = 1,
                                         .wrong = SEGMENT_WRONG_FLAGS,
                                         .mask = TCP_ACK};
    static const struct cut_range version = {
        .name = "IP version and header length", .base = CUT_IP, .at = 0, .bytes = 1, .mask = 0xf0};
    static const struct cut_range protocol = {
        .name = "IPv4 Protocol", .base = CUT_IP, .at = 9, .bytes = 1};

    rig_open(r, NULL);
    LARGE_EACH_V2(r, kind)
    {
        for (unsigned i = 0; i < 2; i++) {
            struct frame_recipe recipe = large_recipe(r, kind, 3600);
            const struct cut *c;

            recipe.tcp_flags = i ? 0 : TCP_ACK;
            c = large_try(r, kind, &recipe, 1000);
            cut_copied(r, c, &ack);
            cut_copied(r, c, &version);
            if (kind == LARGE_V2_IP4)
                cut_copied(r, c, &protocol);
        }
    }
}

CHECK("LSO2-11", every_ipv4_option_in_every_frame)
{
    rig_open(r, NULL);
    need(r, large_advertised(r, LARGE_V2_IP4), "large send version 2 over IPv4");
    for (uint8_t len = 4; len <= 40; len = (uint8_t)(len + 12)) {
        struct frame_recipe recipe = large_recipe(r, LARGE_V2_IP4, 3600);

        recipe.ip_options = ip4_options_40;
        recipe.ip_options_len = len;
        cut_copied(
            r, large_try(r, LARGE_V2_IP4, &recipe, 1000),
            &(struct cut_range){.name = "IPv4 options", .base = CUT_IP, .at = 20, .bytes = len});
    }
}

CHECK("LSO2-12", ipv6_extension_headers_in_every_frame)
{
    rig_open(r, NULL);
    need(r, large_advertised(r, LARGE_V2_IP6), "large send version 2 over IPv6");
    need(r, large_ip_options(r, LARGE_V2_IP6), "IpExtensionHeadersSupported with large send");
    for (unsigned i = 0; i < 2; i++) {
        struct frame_recipe recipe = large_recipe(r, LARGE_V2_IP6, 3600);

        recipe.ip_options = i ? ip6_extension_48 : ip6_extension_8;
        recipe.ip_options_len = i ? sizeof ip6_extension_48 : sizeof ip6_extension_8;
        cut_copied(r, large_try(r, LARGE_V2_IP6, &recipe, 1000),
                   &(struct cut_range){.name = "IPv6 extension headers",
                                       .base = CUT_IP,
                                       .at = 40,
                                       .bytes = recipe.ip_options_len});
    }
}

CHECK("LSO2-13", every_tcp_option_in_every_frame)
{
    rig_open(r, NULL);
    LARGE_EACH_V2(r, kind)
    {
        for (uint8_t len = 4; len <= 40 && large_tcp_options(r, kind); len = (uint8_t)(len + 12)) {
            struct frame_recipe recipe = large_recipe(r, kind, 3600);

            recipe.tcp_options = tcp_options_40;
            recipe.tcp_options_len = len;
            cut_copied(r, large_try(r, kind, &recipe, 1000),
                       &(struct cut_range){
                           .name = "TCP options", .base = CUT_TCP, .at = 20, .bytes = len});
        }
    }
    need(r, r->comparisons > 0, "TCP options with large send version 2");
}

CHECK("LSO2-14", ipv6_fields_in_every_frame)
{
    static const struct cut_range fields[] = {
        {.name = "version, traffic class, flow label", .base = CUT_IP, .at = 0, .bytes = 4},
        {.name = "next header", .base = CUT_IP, .at = 6, .bytes = 1},
        {.name = "hop limit", .base = CUT_IP, .at = 7, .bytes = 1},
    };

    rig_open(r, NULL);
    need(r, large_advertised(r, LARGE_V2_IP6), "large send version 2 over IPv6");
    for (unsigned i = 0; i < 4; i++) {
        struct frame_recipe recipe = large_recipe(r, LARGE_V2_IP6, 3600);
        struct packet *k;
        const struct cut *c;

        recipe.ttl = (uint8_t)(255 - 85 * i);
        k = large_template(LARGE_V2_IP6, &recipe);
        naive_put(k->bytes + k->l3, 4, 0x60000000 | i * 0x05555555u | 0xabcde);
        c = large_frames(r, k, LARGE_V2_IP6, 1000);
        for (unsigned j = 0; j < ARRAY_LEN(fields); j++)
            cut_copied(r, c, &fields[j]);
    }
}

/* ---- A tag from the slot -------------------------------------------------------------------- */

/* The frames of the tagged send without their tags are those of the untagged one. */
static void expect_only_a_tag_more(struct rig *r, const struct cut *c, const struct cut *plain)
{
    static uint8_t bare[RIG_FRAME];

    if (!expect_equal(r, "frames on the wire", c->count, plain->count))
        return;
    for (unsigned i = 0; i < c->count; i++) {
        uint32_t tag = c->field[i].tagged ? 4 : 0, len = c->field[i].len - tag;

        memcpy(bare, c->field[i].bytes, 12);
        memcpy(bare + 12, c->field[i].bytes + 12 + tag, len - 12);
        if (len != plain->field[i].len || memcmp(bare, plain->field[i].bytes, len) != 0)
            cut_wrong(r, c, i, SEGMENT_WRONG_HEADER);
        if (!expect_equal(r, "length of the frame without its tag", len, plain->field[i].len) ||
            !expect_bytes(r, "the frame without its tag", bare, plain->field[i].bytes, len))
            return;
    }
}

CHECK("LSO2-21", a_tag_from_the_slot_shifts_nothing)
{
    static struct cut plain, tagged;

    rig_open(r, NULL);
    LARGE_EACH_V2(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 3600);
        struct packet *k = large_template(kind, &recipe);

        if (large_encapsulated(r, kind, NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB) &&
            large_cut(r, k, kind, 1000, NULL, &plain) &&
            large_cut(r, k, kind, 1000, &(struct ask){.tag = ask_tag(5, 77)}, &tagged))
            expect_only_a_tag_more(r, &tagged, &plain);
    }
    need(r, r->comparisons > 0, "802.1Q tags out of band with large send");
}
