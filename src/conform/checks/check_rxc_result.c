/* SPDX-License-Identifier: MIT */
/* Receive checksums: what the results of right and wrong frames are. */
#include "conform/verdict.h"

static struct packet k;

static unsigned slot_of(struct rig *r)
{
    return verdict_slot(r, k.bytes, k.len);
}

/* One's complement has two zeros: a checksum that comes out as 0 (UDP: 0xffff) is right. */
static void build_zero_sum(struct rig *r, enum verdict_kind kind)
{
    static const uint8_t payload[40];
    struct frame_recipe recipe = verdict_recipe(r, kind, sizeof payload);
    uint8_t *field;
    uint32_t sum;

    recipe.payload = payload;
    packet_build(&k, &recipe);
    field = packet_checksum_field(&k);
    naive_put(field, 2, 0);
    sum = naive_sum(k.bytes + k.l4, k.len - k.l4, 0,
                    naive_pseudo(k.bytes + k.l3, k.version, k.proto, k.len - k.l4));
    naive_put(k.bytes + k.payload, 2, 0xffff - sum);
    naive_put(field, 2, k.proto == 17 ? 0xffff : 0);
}

CHECK("RXC-2", right_is_succeeded)
{
    static const uint32_t sizes[] = {20, 21, 22, 23, 64, 255, 1000, 1400, 1439, 1440};
    static const uint32_t jumbo[] = {1900, 1995, 1996, 1997, 3001, 4070, 8000, 8900};

    rig_open(r, NULL);
    VERDICT_EACH(r, kind)
    {
        unsigned ip = verdict_version(kind) == 4 && verdict_ip_listed(r) ? SLOT_IP_OK : 0;
        unsigned want = verdict_ok(kind) | ip;

        for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
            verdict_build(r, &k, kind, sizes[i]);
            about(r, "%s, %u bytes of payload, everything right", verdict_kind_name(kind),
                  sizes[i]);
            expect_slot(r, slot_of(r), want, want);
        }
        build_zero_sum(r, kind);
        about(r, "%s, its sum is zero", verdict_kind_name(kind));
        expect_slot(r, slot_of(r), want, want);
    }
    rig_reopen(r, &(struct rig_config){.mtu = 9000});
    VERDICT_EACH(r, kind)
    {
        for (unsigned i = 0; i < ARRAY_LEN(jumbo); i++) {
            if (jumbo[i] + 80 > r->main.bind.MtuSize)
                continue;
            verdict_build(r, &k, kind, jumbo[i]);
            about(r, "%s, %u bytes of payload, everything right", verdict_kind_name(kind),
                  jumbo[i]);
            expect_slot(r, slot_of(r), verdict_ok(kind), verdict_ok(kind));
        }
    }
}

/* ---- Wrong ones ----------------------------------------------------------------------------- */

/* It is indicated, and not as a good one. */
static void expect_wrong(struct rig *r, unsigned ok)
{
    unsigned slot = slot_of(r);

    expect(r, slot != (unsigned)VERDICT_NOT_INDICATED, "the frame", "indicated", "not indicated");
    expect_slot(r, slot, ok, 0);
}

static void wrong_at(struct rig *r, enum verdict_kind kind, uint32_t at, uint8_t bit)
{
    about(r, "%s, byte %u wrong", verdict_kind_name(kind), at);
    k.bytes[at] ^= bit;
    expect_wrong(r, verdict_ok(kind));
    k.bytes[at] ^= bit;
}

static void wrong_addresses(struct rig *r, enum verdict_kind kind)
{
    uint32_t from = k.l3 + (k.version == 4 ? 12 : 8), to = k.l3 + (k.version == 4 ? 20 : 40);

    for (uint32_t at = from; at < to; at++) {
        about(r, "%s, byte %u of an address wrong", verdict_kind_name(kind), at - from);
        k.bytes[at] ^= 0x10;
        packet_finish(&k, ASK_IP); /* only the transport is wrong */
        expect_wrong(r, verdict_ok(kind));
        k.bytes[at] ^= 0x10;
        packet_finish(&k, ASK_IP);
    }
}

CHECK("RXC-3", wrong_is_not_succeeded)
{
    rig_open(r, NULL);
    VERDICT_EACH(r, kind)
    {
        verdict_build(r, &k, kind, 35);
        for (uint32_t at = k.l4; at < k.len; at++)
            wrong_at(r, kind, at, (uint8_t)(1u << (at % 8)));
        for (unsigned bit = 0; bit < 16; bit++)
            wrong_at(r, kind, (uint32_t)(packet_checksum_field(&k) - k.bytes) + bit / 8,
                     (uint8_t)(1u << (bit % 8)));
        wrong_addresses(r, kind);
        if (k.version == 4) {
            about(r, "%s, IPv4 header checksum wrong", verdict_kind_name(kind));
            k.bytes[k.l3 + 8]++;
            expect_wrong(r, SLOT_IP_OK);
        }
    }
}

CHECK("RXC-4", never_both)
{
    rig_open(r, NULL);
    VERDICT_EACH(r, kind)
    {
        for (unsigned i = 0; i < 8; i++) {
            unsigned slot;

            verdict_build(r, &k, kind, 50 + i);
            k.bytes[k.len - 1] ^= i & 1 ? 1 : 0;
            if (k.version == 4)
                k.bytes[k.l3 + 8] ^= i & 2 ? 1 : 0;
            about(r, "%s, payload %s, IP header %s", verdict_kind_name(kind),
                  i & 1 ? "wrong" : "right", i & 2 ? "wrong" : "right");
            slot = slot_of(r);
            if (slot == (unsigned)VERDICT_NOT_INDICATED)
                continue;
            expect(r, (slot & SLOT_BAD & slot >> 3) == 0, "Succeeded and Failed of one kind",
                   "not both", "slot 0x%x", slot);
        }
    }
}

/* A card that judges nothing. */
CHECK("RXC-5", not_checked)
{
    bool any = false;

    rig_open(r, &(struct rig_config){.withhold = "guest_csum"});
    need(r, rig_has_wire(r), "a network card below the driver");
    for (enum verdict_kind kind = 0; kind < VERDICT_KINDS; kind++) {
        if (verdict_listed(r, kind))
            continue;
        any = true;
        about(r, "%s on a card without receive checksums", verdict_kind_name(kind));
        expect_slot(r, verdict_plain(r, kind), verdict_ok(kind) | verdict_bad(kind), 0);
    }
    if (!verdict_ip_listed(r)) {
        any = true;
        about(r, "IPv4 header on a card without receive checksums");
        expect_slot(r, verdict_plain(r, VERDICT_TCP4), SLOT_IP, 0);
    }
    need(r, any, "a kind of frame that is not checked");
}

CHECK("RXC-6", layers_apart)
{
    rig_open(r, NULL);
    need(r, verdict_ip_listed(r), "IPv4 header checksum on receive");
    VERDICT_EACH(r, kind)
    {
        unsigned plain;

        if (verdict_version(kind) != 4)
            continue;
        plain = verdict_plain(r, kind);
        verdict_build(r, &k, kind, 100);
        k.bytes[k.l3 + 8]++; /* TTL */
        about(r, "%s, only the IPv4 header wrong", verdict_kind_name(kind));
        expect_slot(r, slot_of(r), verdict_bad(kind), 0);
        verdict_build(r, &k, kind, 100);
        k.bytes[k.len - 1]++;
        about(r, "%s, only the payload wrong", verdict_kind_name(kind));
        expect_slot(r, slot_of(r), SLOT_IP, plain);
    }
}

CHECK("RXC-7", ipv6_has_no_ip_result)
{
    const size_t fields[] = {[VERDICT_TCP6] = offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv6Checksum),
                             [VERDICT_UDP6] = offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv6Checksum)};

    rig_open(r, NULL);
    verdict_need(r);
    need(r, verdict_listed(r, VERDICT_TCP6) || verdict_listed(r, VERDICT_UDP6),
         "receive checksums over IPv6");
    for (enum verdict_kind kind = VERDICT_TCP6; kind <= VERDICT_UDP6; kind++) {
        unsigned plain = verdict_plain(r, kind);

        about(r, "%s, everything right", verdict_kind_name(kind));
        expect_slot(r, plain, SLOT_IP, 0);
        verdict_build(r, &k, kind, 100);
        k.bytes[k.len - 1]++;
        about(r, "%s, payload wrong", verdict_kind_name(kind));
        expect_slot(r, slot_of(r), SLOT_IP, 0);
        rig_parameter(r, offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv4Checksum),
                      NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED);
        verdict_plain(r, VERDICT_TCP4);
        about(r, "%s, IPv4's switched off", verdict_kind_name(kind));
        expect_slot(r, verdict_plain(r, kind), SLOT_TRANSPORT, plain);
        rig_parameter(r, fields[kind], NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED);
        about(r, "%s, switched off", verdict_kind_name(kind));
        expect_slot(r, verdict_plain(r, kind), SLOT_TRANSPORT, 0);
    }
}
