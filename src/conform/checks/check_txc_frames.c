/* SPDX-License-Identifier: MIT */
/* TXC: options, several NET_BUFFERs, MDLs, tags, SNAP, padding, chains. */
#include "conform/txc.h"

static const unsigned versions[] = {4, 6};

static bool lists_tcp(const struct rig *r)
{
    return txc_lists(r, 4, 6) || txc_lists(r, 6, 6);
}

/* Encapsulation of the transmit checksum of that version. */
static ULONG encapsulation(const struct rig *r, unsigned version)
{
    NDIS_OFFLOAD now = rig_offload(r).current;

    return version == 4 ? now.Checksum.IPv4Transmit.Encapsulation
                        : now.Checksum.IPv6Transmit.Encapsulation;
}

CHECK("TXC-12", udp_needs_no_header_offset)
{
    bool any = false;

    rig_open(r, NULL);
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe f = packet_recipe(r, versions[v], 17, 50);
        struct packet *k = txc_packet(&f);
        static struct packet want;
        struct rig_seen seen[4];

        if (!txc_lists(r, versions[v], 17))
            continue;
        any = true;
        memcpy(&want, k, sizeof want);
        packet_finish(&want, ASK_UDP);
        for (unsigned offset = 0; offset < 1024; offset += 341) {
            NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i = {.Value = ask_checksum(k, ASK_UDP)};
            struct ask a;

            i.Transmit.TcpHeaderOffset = offset & 0x3ff;
            a = (struct ask){.checksum = i.Value};
            about(r, "IPv%u UDP, TcpHeaderOffset %u", versions[v], offset);
            packet_send(r, k, &a);
            if (expect_equal(r, "frames that left", rig_wire_drain(r, seen, 4), 1) &&
                seen[0].len >= want.len)
                expect_bytes(r, "UDP checksum", seen[0].bytes + k->l4 + 6, want.bytes + k->l4 + 6,
                             2);
        }
    }
    need(r, any, "UDP checksum");
}

static void try_options4(struct rig *r, NDIS_OFFLOAD now)
{
    struct frame_recipe f = packet_recipe(r, 4, 6, 555);

    if (now.Checksum.IPv4Transmit.IpOptionsSupported) {
        f.ip_options = ip4_options_4;
        f.ip_options_len = sizeof ip4_options_4;
        txc_try(r, txc_packet(&f), ASK_TCP, NULL);
        f.ip_options = ip4_options_40;
        f.ip_options_len = sizeof ip4_options_40;
        txc_try(r, txc_packet(&f), ASK_TCP, NULL);
    }
    if (now.Checksum.IPv4Transmit.TcpOptionsSupported) {
        f.tcp_options = tcp_options_40;
        f.tcp_options_len = sizeof tcp_options_40;
        txc_try(r, txc_packet(&f), ASK_TCP, NULL);
    }
}

static void try_options6(struct rig *r, NDIS_OFFLOAD now)
{
    static uint8_t longest[128] = {0, 15, 1, 124}; /* destination options: one PadN */
    struct frame_recipe f = packet_recipe(r, 6, 6, 321);

    if (now.Checksum.IPv6Transmit.TcpOptionsSupported) {
        f.tcp_options = tcp_options_12;
        f.tcp_options_len = sizeof tcp_options_12;
        txc_try(r, txc_packet(&f), ASK_TCP, NULL);
    }
    if (now.Checksum.IPv6Transmit.IpExtensionHeadersSupported) {
        f.ip_options = ip6_extension_48;
        f.ip_options_len = sizeof ip6_extension_48;
        txc_try(r, txc_packet(&f), ASK_TCP, NULL);
        f.ip_options = longest;
        f.ip_options_len = sizeof longest;
        f.ip_options_proto = 60;
        txc_try(r, txc_packet(&f), ASK_TCP, NULL);
    }
}

CHECK("TXC-13", options_and_extension_headers)
{
    NDIS_OFFLOAD now;

    rig_open(r, NULL);
    need(r, lists_tcp(r), "TCP checksum");
    now = rig_offload(r).current;
    if (txc_lists(r, 4, 6))
        try_options4(r, now);
    if (txc_lists(r, 6, 6))
        try_options6(r, now);
    need(r, r->comparisons > 0, "checksums of packets with options");
}

CHECK("TXC-14", each_net_buffer_its_own)
{
    static const uint32_t lengths[] = {0, 1, 700, 701, 1400};
    static struct packet in[ARRAY_LEN(lengths)];
    struct rig_seen seen[8];

    rig_open(r, NULL);
    need(r, lists_tcp(r), "TCP checksum");
    for (unsigned v = 0; v < 2; v++) {
        NET_BUFFER_LIST *nbl = NULL;

        if (!txc_lists(r, versions[v], 6))
            continue;
        for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
            struct frame_recipe f = packet_recipe(r, versions[v], 6, lengths[i]);

            packet_build(&in[i], &f);
            packet_unfinish(&in[i]);
            if (!nbl)
                nbl = rig_nbl(r, in[0].bytes, in[0].len, NULL, 0);
            else
                rig_add_nb(r, nbl, in[i].bytes, in[i].len);
            packet_finish(&in[i], ASK_TCP);
        }
        nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = ask_checksum(&in[0], ASK_TCP);
        rig_send(r, nbl, 1);
        about(r, "IPv%u TCP, an NBL of %zu NET_BUFFERs", versions[v], ARRAY_LEN(lengths));
        if (!expect_equal(r, "frames that left", rig_wire_drain(r, seen, 8), ARRAY_LEN(lengths)))
            continue;
        for (unsigned i = 0; i < ARRAY_LEN(lengths); i++)
            expect_bytes(r, "TCP checksum", seen[i].bytes + in[i].l4 + 16,
                         in[i].bytes + in[i].l4 + 16, 2);
    }
}

/* MDLs of one size each. */
static const uint32_t *cut_up(uint32_t len, uint32_t size)
{
    static uint32_t splits[600];
    uint32_t n = 0;

    for (uint32_t at = size; at < len && n + 1 < ARRAY_LEN(splits); at += size)
        splits[n++] = size;
    splits[n] = 0;
    return splits;
}

CHECK("TXC-15", whatever_the_mdls)
{
    static const uint32_t none = UINT32_MAX;
    static const uint32_t splits[][8] = {{1, 0},
                                         {13, 1, 1, 0},
                                         {none, 14, none, 20, none, 0},
                                         {17, 7, 0},    /* inside the IP header */
                                         {39, 2, 9, 0}, /* inside the TCP header */
                                         {54, 1, 3, 5, 7, 11, 0},
                                         {60, none, none, 0}};
    static const uint32_t pieces[] = {1, 2, 3, 7, 13, 64, 255};

    rig_open(r, NULL);
    need(r, lists_tcp(r), "TCP checksum");
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe f = packet_recipe(r, versions[v], 6, 401);
        struct packet *k = txc_packet(&f);

        if (!txc_lists(r, versions[v], 6))
            continue;
        for (unsigned i = 0; i < ARRAY_LEN(splits); i++) {
            txc_try(r, k, ASK_TCP, &(struct ask){.splits = splits[i]});
            txc_try(r, k, ASK_TCP, &(struct ask){.splits = splits[i], .front = 1 + 13 * i});
        }
        for (uint32_t at = 1; at < k->payload + 4; at++)
            txc_try(r, k, ASK_TCP, &(struct ask){.splits = (uint32_t[]){at, 1, 2, 0}});
        for (unsigned i = 0; i < ARRAY_LEN(pieces); i++)
            txc_try(r, k, ASK_TCP, &(struct ask){.splits = cut_up(k->len, pieces[i])});
    }
}

CHECK("TXC-16", buffers_are_the_protocols)
{
    rig_open(r, NULL);
    need(r, lists_tcp(r) || txc_lists_ip(r), "transmit checksum");
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe f = packet_recipe(r, versions[v], 6, 333);
        struct packet *k = txc_packet(&f);
        unsigned what = (txc_lists(r, versions[v], 6) ? ASK_TCP : 0u) |
                        (versions[v] == 4 && txc_lists_ip(r) ? ASK_IP : 0u);
        struct ask a = {.checksum = ask_checksum(k, what), .front = 40};
        NET_BUFFER_LIST *nbl = rig_nbl(r, k->bytes, k->len, NULL, a.front);

        nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = a.checksum;
        about(r, "IPv%u TCP, after completion", versions[v]);
        if (rig_send(r, nbl, 1))
            expect_bytes(r, "payload", rig_nbl_bytes(nbl) + a.front + k->payload,
                         k->bytes + k->payload, k->len - k->payload);
    }
}

CHECK("TXC-17", tag_in_the_buffer)
{
    bool any = false;

    rig_open(r, NULL);
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe f = packet_recipe(r, versions[v], 6, 222);

        f.vlan = true;
        if (!txc_lists(r, versions[v], 6) ||
            !(encapsulation(r, versions[v]) & NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q))
            continue;
        any = true;
        txc_try(r, txc_packet(&f), ASK_TCP, NULL);
    }
    need(r, any, "checksum of frames with a tag in them");
}

/* The tag goes in; everything behind it is the frame with its checksum done. */
static void try_oob_tag(struct rig *r, unsigned version, const uint32_t *splits)
{
    struct frame_recipe f = packet_recipe(r, version, 6, 223);
    struct packet *k = txc_packet(&f);
    struct ask a = {
        .checksum = ask_checksum(k, ASK_TCP), .tag = ask_tag(5, 0x123), .splits = splits};
    static struct packet want;
    struct rig_seen seen[4];

    memcpy(&want, k, sizeof want);
    packet_finish(&want, ASK_TCP);
    about(r, "IPv%u TCP, tag of priority 5, VLAN 0x123 out of band, first MDL of %u bytes", version,
          splits ? *splits : k->len);
    packet_send(r, k, &a);
    if (!expect_equal(r, "frames that left", rig_wire_drain(r, seen, 4), 1) ||
        !expect_equal(r, "length of the frame", seen[0].len, k->len + 4))
        return;
    expect_bytes(r, "tag", seen[0].bytes + 12, "\x81\x00\xa1\x23", 4);
    expect_bytes(r, "TCP checksum", seen[0].bytes + 4 + k->l4 + 16, want.bytes + k->l4 + 16, 2);
}

CHECK("TXC-18", tag_out_of_band)
{
    bool any = false;

    rig_open(r, NULL);
    for (unsigned v = 0; v < 2; v++) {
        if (txc_lists(r, versions[v], 6) &&
            encapsulation(r, versions[v]) & NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB) {
            any = true;
            try_oob_tag(r, versions[v], NULL);
            for (uint32_t at = 1; at < 60; at++)
                try_oob_tag(r, versions[v], (uint32_t[]){at, 1, 0});
        }
    }
    need(r, any, "checksum of frames with a tag out of band");
}

CHECK("TXC-19", llc_snap)
{
    bool any = false;

    rig_open(r, NULL);
    for (unsigned i = 0; i < 4; i++) {
        unsigned proto = i % 2 ? 17 : 6;
        struct frame_recipe f = packet_recipe(r, versions[i / 2], proto, 99 + i);

        f.snap = true;
        if (!txc_lists(r, versions[i / 2], proto) ||
            !(encapsulation(r, versions[i / 2]) & NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED))
            continue;
        any = true;
        txc_try(r, txc_packet(&f),
                txc_transport(proto) | (versions[i / 2] == 4 && txc_lists_ip(r) ? ASK_IP : 0u),
                NULL);
    }
    need(r, any, "checksum of LLC/SNAP frames");
}

CHECK("TXC-20", padding_is_zero_and_not_summed)
{
    static const uint8_t zeros[SHORTEST];
    struct rig_seen seen[4];

    rig_open(r, NULL);
    need(r, txc_lists(r, 4, 17), "IPv4 UDP checksum");
    for (uint32_t len = 0; len < 18; len++) {
        struct frame_recipe f = packet_recipe(r, 4, 17, len);
        struct packet *k = txc_packet(&f);
        struct ask a = {.checksum = ask_checksum(k, ASK_UDP)};

        about(r, "IPv4 UDP, a frame of %u bytes", k->len);
        packet_send(r, k, &a);
        packet_finish(k, ASK_UDP);
        if (!expect_equal(r, "frames that left", rig_wire_drain(r, seen, 4), 1) ||
            seen[0].len < k->len)
            return;
        expect_bytes(r, "UDP checksum", seen[0].bytes + k->l4 + 6, k->bytes + k->l4 + 6, 2);
        if (seen[0].len <= SHORTEST)
            expect_bytes(r, "padding", seen[0].bytes + k->len, zeros, seen[0].len - k->len);
    }
}

CHECK("TXC-23", a_mixed_chain_in_order)
{
    enum { N = 24 };
    static const unsigned asked[] = {0, ASK_TCP, 0, ASK_TCP};
    static struct packet in[N];
    struct rig_seen seen[N + 4];
    NET_BUFFER_LIST *first = NULL, **tail = &first;

    rig_open(r, NULL);
    need(r, txc_lists(r, 4, 6), "IPv4 TCP checksum");
    for (unsigned i = 0; i < N; i++) {
        struct frame_recipe f = packet_recipe(r, 4, 6, i * 36);

        f.seq = i;
        packet_build(&in[i], &f);
        packet_unfinish(&in[i]);
        *tail = rig_nbl(r, in[i].bytes, in[i].len, NULL, 0);
        (*tail)->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] =
            asked[i % 4] ? ask_checksum(&in[i], asked[i % 4]) : NULL;
        tail = &(*tail)->Next;
        packet_finish(&in[i], asked[i % 4]);
    }
    rig_send(r, first, N);
    about(r, "a chain of %u NBLs, every other one asks for its checksum", (unsigned)N);
    if (!expect_equal(r, "frames that left", rig_wire_drain(r, seen, N + 4), N))
        return;
    for (unsigned i = 0; i < N; i++) {
        about(r, "NBL %u of the chain", i + 1);
        if (expect_bytes(r, "sequence number, which numbers the chain",
                         seen[i].bytes + in[i].l4 + 4, in[i].bytes + in[i].l4 + 4, 4))
            expect_bytes(r, "TCP checksum", seen[i].bytes + in[i].l4 + 16,
                         in[i].bytes + in[i].l4 + 16, 2);
    }
}
