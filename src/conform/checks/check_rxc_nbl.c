/* SPDX-License-Identifier: MIT */
/* Receive checksums: what cannot be judged, the bytes, and slots that are clean. */
#include "conform/verdict.h"

static struct packet k;

static const uint16_t other_types[] = {0x0806, 0x8863, 0x88cc, 0xffff, 0x0600};

/* It is indicated, and of these bits it has none. */
static void expect_unjudged(struct rig *r, const uint8_t *frame, uint32_t len, unsigned bits)
{
    unsigned slot = verdict_slot(r, frame, len);

    expect(r, slot != (unsigned)VERDICT_NOT_INDICATED, "the frame", "indicated", "not indicated");
    expect_slot(r, slot, bits, 0);
}

struct damage {
    enum verdict_kind kind;
    bool l4; /* at counts from the transport header, else from the IP header */
    uint8_t at, bytes;
    uint16_t value;
    const char *what;
};

static void damaged(struct rig *r)
{
    static const struct damage damages[] = {
        {VERDICT_TCP4, false, 0, 1, 0x44, "IPv4 header length 16"},
        {VERDICT_TCP4, false, 0, 1, 0x40, "IPv4 header length 0"},
        {VERDICT_TCP4, false, 0, 1, 0x55, "IP version 5"},
        {VERDICT_TCP4, false, 0, 1, 0x65, "IP version 6 under EtherType 0x0800"},
        {VERDICT_TCP6, false, 0, 1, 0x45, "IP version 4 under EtherType 0x86dd"},
        {VERDICT_TCP6, false, 0, 1, 0x00, "IP version 0"},
        {VERDICT_TCP4, false, 2, 2, 0, "Total Length 0"},
        {VERDICT_TCP4, false, 2, 2, 19, "Total Length 19"},
        {VERDICT_TCP4, false, 2, 2, 39, "Total Length 39"},
        {VERDICT_UDP4, false, 2, 2, 27, "Total Length 27"},
        {VERDICT_UDP4, false, 2, 2, 0xffff, "Total Length 65535"},
        {VERDICT_TCP4, false, 9, 1, 132, "protocol SCTP"},
        {VERDICT_UDP4, false, 9, 1, 1, "protocol ICMP"},
        {VERDICT_TCP6, false, 6, 1, 132, "next header SCTP"},
        {VERDICT_UDP6, false, 6, 1, 59, "next header none"},
        {VERDICT_TCP6, false, 6, 1, 50, "next header ESP"},
        {VERDICT_TCP6, false, 4, 2, 0, "Payload Length 0"},
        {VERDICT_TCP6, false, 4, 2, 19, "Payload Length 19"},
        {VERDICT_UDP6, false, 4, 2, 0xffff, "Payload Length 65535"},
        {VERDICT_UDP4, true, 4, 2, 7, "UDP length 7"},
        {VERDICT_UDP4, true, 4, 2, 0xffff, "UDP length 65535"},
        {VERDICT_UDP6, true, 4, 2, 0xffff, "UDP length 65535"},
        {VERDICT_UDP6, true, 4, 2, 1, "UDP length 1"},
    };

    for (unsigned i = 0; i < ARRAY_LEN(damages); i++) {
        const struct damage *d = &damages[i];

        verdict_build(r, &k, d->kind, 30);
        naive_put(k.bytes + (d->l4 ? k.l4 : k.l3) + d->at, d->bytes, d->value);
        about(r, "%s, %s", verdict_kind_name(d->kind), d->what);
        expect_unjudged(r, k.bytes, k.len, SLOT_TRANSPORT | (d->l4 ? 0u : (unsigned)SLOT_IP_OK));
    }
}

/* A chain of extension headers that leads out of the frame. */
static void endless(struct rig *r)
{
    static const uint8_t kinds[] = {0, 43, 44, 60};

    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        for (unsigned len = 0; len < 256; len += 15) {
            verdict_build(r, &k, VERDICT_TCP6, 40);
            k.bytes[k.l3 + 6] = kinds[i];
            k.bytes[k.l4] = kinds[i]; /* the transport's place */
            k.bytes[k.l4 + 1] = (uint8_t)len;
            about(r, "IPv6 extension header %u of length field %u, followed by another", kinds[i],
                  len);
            expect_unjudged(r, k.bytes, k.len, SLOT_OK | SLOT_BAD);
        }
    }
}

CHECK("RXC-13", cannot_be_judged)
{
    rig_open(r, NULL);
    verdict_need(r);
    damaged(r);
    endless(r);
    for (enum verdict_kind kind = 0; kind < VERDICT_KINDS; kind++) {
        verdict_build(r, &k, kind, 30);
        for (uint32_t len = ETH_LEN; len < k.len; len++) {
            about(r, "%s, cut off behind %u of %u bytes", verdict_kind_name(kind), len, k.len);
            expect_unjudged(r, k.bytes, len, SLOT_TRANSPORT);
        }
    }
    for (unsigned i = 0; i < ARRAY_LEN(other_types); i++) {
        verdict_build(r, &k, VERDICT_TCP4, 100);
        naive_put(k.bytes + 12, 2, other_types[i]);
        about(r, "EtherType 0x%04x", other_types[i]);
        expect_unjudged(r, k.bytes, k.len, SLOT_OK | SLOT_BAD);
    }
}

/* ---- The bytes ------------------------------------------------------------------------------ */

static void expect_whole(struct rig *r)
{
    const struct rig_received *got = verdict_arrive(r, k.bytes, k.len);

    if (!got)
        return;
    about_bytes(r, got->data, got->len, 0, 0);
    if (expect_equal(r, "length", got->len, k.len))
        expect_bytes(r, "the frame as it is indicated", got->data, k.bytes, k.len);
}

CHECK("RXC-16", as_received)
{
    static const uint32_t sizes[] = {0, 1, 5, 18, 100, 999, 1440, 1996, 4070, 8930};
    uint32_t limit;

    rig_open(r, &(struct rig_config){.mtu = 9000});
    limit = r->main.bind.MtuSize + ETH_LEN;
    VERDICT_EACH(r, kind)
    {
        for (unsigned i = 0; i < ARRAY_LEN(sizes) * 2; i++) {
            verdict_build(r, &k, kind, sizes[i / 2]);
            if (k.len > limit)
                continue;
            if (i & 1)
                *packet_checksum_field(&k) ^= 0x80;
            if (k.len < SHORTEST) {
                memset(k.bytes + k.len, 0xa7, SHORTEST - k.len);
                k.len = SHORTEST;
            }
            about(r, "%s, %u bytes, checksum %s", verdict_kind_name(kind), k.len,
                  i & 1 ? "wrong" : "right");
            expect_whole(r);
        }
    }
}

/* ---- Slots ---------------------------------------------------------------------------------- */

/* Right and wrong frames of each kind, and one that is no IP. */
static void expect_never(struct rig *r, unsigned bits)
{
    rig_open(r, NULL);
    need(r, rig_has_wire(r), "a network card below the driver");
    for (unsigned i = 0; i <= VERDICT_KINDS * 2; i++) {
        enum verdict_kind kind = (enum verdict_kind)(i / 2 % VERDICT_KINDS);

        verdict_build(r, &k, kind, 64);
        k.bytes[k.len - 1] ^= i & 1;
        if (i == VERDICT_KINDS * 2)
            naive_put(k.bytes + 12, 2, 0x88b6);
        about(r, "%s, %s", verdict_kind_name(kind), i & 1 ? "wrong" : "right");
        expect_slot(r, verdict_slot(r, k.bytes, k.len), bits, 0);
    }
}

CHECK("RXC-17", no_loopback)
{
    expect_never(r, SLOT_LOOPBACK);
}

CHECK("RXC-18", no_value_invalid)
{
    expect_never(r, SLOT_TCP_INVALID | SLOT_IP_INVALID);
}

/* Bulks of right frames and of such as have no result take turns, until every NBL that a driver may
 * reasonably have has carried both. */
CHECK("RXC-19", clean_slots)
{
    enum { ROUNDS = 14, BULK = 30 };

    rig_open(r, NULL);
    verdict_need(r);
    for (unsigned n = 0; n < ROUNDS * BULK * 2; n++) {
        bool plain = n / BULK % 2 == 0;
        unsigned before = r->main.received_count;
        const struct rig_received *got;

        if (n % BULK == 0) { /* half of the bulks are kept, and come back in one */
            rig_return_held(r);
            r->main.hold_receives = n / BULK % 4 >= 2;
        }
        verdict_build(r, &k, (enum verdict_kind)(n % VERDICT_KINDS), 40 + n % 100);
        if (!plain)
            naive_put(k.bytes + 12, 2, 0x88b6);
        rig_wire_write(r, k.bytes, k.len);
        if (!rig_wait(r, &r->main.received_count, before + 1, 2))
            cannot(r, "frame %u was not indicated", n);
        got = &r->main.received[before % RIG_RECORDS];
        if (plain)
            continue;
        about(r, "frame %u, EtherType 0x88b6", n + 1);
        expect_slot(r, (unsigned)got->oob[TcpIpChecksumNetBufferListInfo], SLOT_OK | SLOT_BAD, 0);
    }
}
