/* SPDX-License-Identifier: MIT */
/* The driver reports what the card does, lets the card do it, and does nothing beyond. */
#include "conform/large.h"
#include "conform/watch.h"

/* ---- SEC-1: the report follows the card ----------------------------------------------------- */

enum {
    SENDS = 1,    /* transport checksums on transmit */
    RECEIVES = 2, /* and on receive */
    HEADERS = 4,  /* IPv4 header checksums on receive */
    LARGE4 = 8,
    LARGE6 = 16,
    SNAP = 32,
};

static unsigned abilities(const NDIS_OFFLOAD *o)
{
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &o->Checksum;
    ULONG any = c->IPv4Transmit.Encapsulation | c->IPv4Receive.Encapsulation |
                c->IPv6Transmit.Encapsulation | c->IPv6Receive.Encapsulation |
                o->LsoV2.IPv4.Encapsulation | o->LsoV2.IPv6.Encapsulation;

    return (c->IPv4Transmit.TcpChecksum == 1 || c->IPv4Transmit.UdpChecksum == 1 ||
                    c->IPv6Transmit.TcpChecksum == 1 || c->IPv6Transmit.UdpChecksum == 1
                ? SENDS
                : 0u) |
           (c->IPv4Receive.TcpChecksum == 1 || c->IPv4Receive.UdpChecksum == 1 ||
                    c->IPv6Receive.TcpChecksum == 1 || c->IPv6Receive.UdpChecksum == 1
                ? RECEIVES
                : 0u) |
           (c->IPv4Receive.IpChecksum == 1 ? HEADERS : 0u) |
           (o->LsoV1.IPv4.Encapsulation || o->LsoV2.IPv4.Encapsulation ? LARGE4 : 0u) |
           (o->LsoV2.IPv6.Encapsulation ? LARGE6 : 0u) |
           (any & NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED ? SNAP : 0u);
}

static void expect_abilities(struct rig *r, unsigned got, unsigned want)
{
    static const char *const names[] = {"transport checksums on transmit",
                                        "transport checksums on receive",
                                        "IPv4 header checksums on receive",
                                        "large sends over IPv4",
                                        "large sends over IPv6",
                                        "LLC/SNAP"};

    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        expect_equal(r, names[i], got >> i & 1, want >> i & 1);
}

CHECK("SEC-1", report_follows_the_card)
{
    static const struct {
        const char *name;
        unsigned lost;
    } cards[] = {{"csum", SENDS | LARGE4 | LARGE6},
                 {"guest_csum", RECEIVES | HEADERS},
                 {"host_tso4", LARGE4},
                 {"host_tso6", LARGE6},
                 {"host_tso4,host_tso6", LARGE4 | LARGE6},
                 {"ls_verdicts", HEADERS},
                 {"mrg_rxbuf", 0},
                 {"event_idx", 0},
                 {"indirect_desc", 0}};
    unsigned all;

    rig_open(r, &(struct rig_config){.no_bind = true});
    need(r, rig_has_wire(r), "a network card below the driver");
    all = abilities(&watch_attributes()->hardware);
    need(r, all, "task offload");
    if (r->suite->withhold)
        skip(r, "the card is a lesser one already: compared is one that lacks nothing");
    for (unsigned i = 0; i < ARRAY_LEN(cards); i++) {
        rig_reopen(r, &(struct rig_config){.no_bind = true, .withhold = cards[i].name});
        about(r, "a card without %s", cards[i].name);
        expect_abilities(r, abilities(&watch_attributes()->hardware), all & ~cards[i].lost);
    }
}

/* ---- SEC-2: the card does the work ---------------------------------------------------------- */

static const unsigned versions[] = {4, 6}, protocols[] = {6, 17};

static bool sends_checksum(struct rig *r, unsigned version, unsigned proto)
{
    NDIS_OFFLOAD o = rig_offload(r).current;
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &o.Checksum;

    if (version == 4)
        return (proto == 6 ? c->IPv4Transmit.TcpChecksum : c->IPv4Transmit.UdpChecksum) == 1;
    return (proto == 6 ? c->IPv6Transmit.TcpChecksum : c->IPv6Transmit.UdpChecksum) == 1;
}

/* Frames that were asked for, against frames that the card says it has summed. */
static void expect_summed_by_card(struct rig *r)
{
    static struct packet k;
    struct rig_seen seen[4];

    for (unsigned i = 0; i < 4; i++) {
        unsigned version = versions[i / 2], proto = protocols[i % 2];
        struct frame_recipe recipe = packet_recipe(r, version, proto, 500);
        uint64_t before = nic_counter(r->nic, NIC_TX_CSUM);
        struct ask a = {0};

        if (!sends_checksum(r, version, proto))
            continue;
        packet_build(&k, &recipe);
        packet_unfinish(&k);
        packet_finish(&k, ASK_IP);
        a.checksum = ask_checksum(&k, proto == 6 ? ASK_TCP : ASK_UDP);
        about(r, "IPv%u %s with a transport checksum to do", version, proto == 6 ? "TCP" : "UDP");
        if (!packet_send(r, &k, &a).back || rig_wire_drain(r, seen, 4) == 0)
            continue; /* that it leaves is no subject here */
        expect_equal(r, "checksums done by the card", nic_counter(r->nic, NIC_TX_CSUM) - before, 1);
    }
}

static void expect_cut_by_card(struct rig *r)
{
    static struct packet k;
    static struct cut c;

    for (enum large_kind kind = LARGE_V1; kind < LARGE_KINDS; kind++) {
        uint64_t before = nic_counter(r->nic, NIC_TX_SEGMENTS);

        if (!large_advertised(r, kind) || !large_simple(r, kind, 9001, 1000, &k, &c))
            continue;
        expect_equal(r, "segments made by the card", nic_counter(r->nic, NIC_TX_SEGMENTS) - before,
                     c.count);
    }
}

static NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO verdict(const struct rig_received *got)
{
    return (NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO){
        .Value = (PVOID)got->oob[TcpIpChecksumNetBufferListInfo]};
}

static bool transport_marked(const struct rig_received *got)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO v = verdict(got);

    return v.Receive.TcpChecksumSucceeded || v.Receive.TcpChecksumFailed ||
           v.Receive.UdpChecksumSucceeded || v.Receive.UdpChecksumFailed;
}

static void expect_judged_by_card(struct rig *r)
{
    static struct packet k;

    for (unsigned i = 0; i < 8; i++) {
        struct frame_recipe recipe = packet_recipe_in(r, versions[i / 4], protocols[i % 2], 300);
        uint64_t before =
            nic_counter(r->nic, NIC_RX_CSUM_GOOD) + nic_counter(r->nic, NIC_RX_CSUM_WRONG);
        const struct rig_received *got;

        packet_build(&k, &recipe);
        if (i & 2)
            k.bytes[k.len - 1] ^= 0x55;
        about(r, "IPv%u %s arrives, checksum %s", k.version, k.proto == 6 ? "TCP" : "UDP",
              i & 2 ? "wrong" : "right");
        got = rig_arrive(r, k.bytes, k.len);
        if (got && transport_marked(got))
            expect_equal(r, "verdicts of the card behind the driver's",
                         nic_counter(r->nic, NIC_RX_CSUM_GOOD) +
                             nic_counter(r->nic, NIC_RX_CSUM_WRONG) - before,
                         1);
        else
            expect(r, true, "no verdict", "", "%s", "");
    }
}

CHECK("SEC-2", the_card_does_the_work)
{
    rig_open(r, NULL);
    need(r, rig_has_wire(r), "a network card below the driver");
    need(r, abilities(&watch_attributes()->hardware), "task offload");
    expect_summed_by_card(r);
    expect_cut_by_card(r);
    expect_judged_by_card(r);
    rig_reopen(r, &(struct rig_config){.withhold = "guest_csum"});
    expect_judged_by_card(r);
}

/* ---- SEC-3, SEC-4: what arrives ------------------------------------------------------------- */

static void expect_unchanged(struct rig *r, const struct rig_received *got, const uint8_t *bytes,
                             uint32_t len)
{
    if (!expect(r, got != NULL, "the frame", "indicated", "not indicated"))
        return;
    about_bytes(r, got->data, got->len, 0, 0);
    if (expect_equal(r, "bytes indicated", got->len, len))
        expect_bytes(r, "the frame", got->data, bytes, len);
    about_bytes(r, NULL, 0, 0, 0);
}

/* Changes a good IPv4 TCP or IPv6 TCP packet to what no card judges. */
static const struct odd {
    const char *what;
    unsigned version, at, value, bytes;
} odds[] = {
    {"a frame of another EtherType", 4, 12, 0x88b6, 2},
    {"an 802.3 frame that is not SNAP", 4, 12, 200, 2},
    {"IP version 5", 4, 14, 0x55, 1},
    {"IPv4 with a header of 16 bytes", 4, 14, 0x44, 1},
    {"IPv4 longer than its frame", 4, 16, 5000, 2},
    {"an IPv4 fragment", 4, 20, 0x2000, 2},
    {"a later IPv4 fragment", 4, 20, 0x0010, 2},
    {"IPv4 of another protocol", 4, 23, 132, 1},
    {"IPv6 of another protocol", 6, 20, 132, 1},
    {"IPv6 encrypted", 6, 20, 50, 1},
};

static void expect_odd(struct rig *r, const struct odd *o)
{
    static struct packet k;
    struct frame_recipe recipe = packet_recipe_in(r, o->version, 6, 200);
    const struct rig_received *got;

    packet_build(&k, &recipe);
    naive_put(k.bytes + o->at, o->bytes, o->value);
    about(r, "%s arrives", o->what);
    got = rig_arrive(r, k.bytes, k.len);
    expect_unchanged(r, got, k.bytes, k.len);
    if (got)
        expect(r, !transport_marked(got), "checksum slot", "no TCP or UDP verdict", "0x%llx",
               (unsigned long long)got->oob[TcpIpChecksumNetBufferListInfo]);
}

CHECK("SEC-3", what_the_card_cannot_judge_is_unmarked)
{
    static struct packet k;

    rig_open(r, NULL);
    need(r, rig_has_wire(r), "a network card below the driver");
    for (unsigned i = 0; i < ARRAY_LEN(odds); i++)
        expect_odd(r, &odds[i]);
    rig_reopen(r, &(struct rig_config){.withhold = "guest_csum"});
    for (unsigned i = 0; i < 8; i++) {
        struct frame_recipe recipe = packet_recipe_in(r, versions[i / 4], protocols[i % 2], 300);
        const struct rig_received *got;

        packet_build(&k, &recipe);
        if (i & 2)
            packet_unfinish(&k);
        about(r, "IPv%u %s, checksum %s, on a card that judges none", k.version,
              k.proto == 6 ? "TCP" : "UDP", i & 2 ? "wrong" : "right");
        got = rig_arrive(r, k.bytes, k.len);
        expect_unchanged(r, got, k.bytes, k.len);
        if (got)
            expect_equal(r, "checksum slot", got->oob[TcpIpChecksumNetBufferListInfo], 0);
    }
}

/* One frame, and how many others it may have become or swallowed. */
static void expect_arrives_alone(struct rig *r, const struct packet *k, const char *what)
{
    const struct rig_received *got;

    about(r, "%s arrives", what);
    got = rig_arrive(r, k->bytes, k->len);
    expect_unchanged(r, got, k->bytes, k->len);
    if (got)
        expect_equal(r, "NET_BUFFERs", got->net_buffers, 1);
}

CHECK("SEC-4", nothing_is_done_to_what_arrives)
{
    static struct packet k;
    struct frame_recipe recipe;

    rig_open(r, NULL);
    need(r, rig_has_wire(r), "a network card below the driver");
    for (unsigned i = 0; i < 4; i++) {
        recipe = packet_recipe_in(r, versions[i / 2], protocols[i % 2], 333);
        packet_build(&k, &recipe);
        k.bytes[k.len - 1] ^= 0x11;
        expect_arrives_alone(r, &k, "a packet with a wrong checksum");
    }
    recipe = packet_recipe_in(r, 4, 6, 333);
    packet_build(&k, &recipe);
    k.bytes[k.l3 + 10] ^= 0x40;
    expect_arrives_alone(r, &k, "a packet with a wrong IPv4 header checksum");
    packet_build(&k, &recipe);
    memset(k.bytes + k.len, 0xab, 17);
    k.len += 17;
    expect_arrives_alone(r, &k, "a packet with bytes behind its datagram");
    recipe.tcp_options = tcp_options_12;
    recipe.tcp_options_len = 12;
    for (unsigned i = 0; i < 4; i++) { /* in sequence, as coalescing likes them; the last twice */
        packet_build(&k, &recipe);
        expect_arrives_alone(r, &k, "a segment that continues the one before");
        recipe.seq += i < 2 ? recipe.payload_len : 0;
    }
    expect_equal(r, "frames indicated in all", r->main.received_count, 10);
}
