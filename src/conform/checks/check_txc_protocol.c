/* SPDX-License-Identifier: MIT */
/* TXC: what the overlying protocol owes the driver when it asks for a checksum. */
#include "conform/stack.h"

/* The one NBL that became of a frame without its checksum; NULL after a finding. *f: its headers.
 */
static const struct stack_nbl *asked_for(struct rig *r, unsigned version, unsigned proto,
                                         uint32_t payload, struct fields *f)
{
    static struct packet k;
    struct frame_recipe recipe = packet_recipe(r, version, proto, payload);
    struct stack_sent *sent;

    packet_build(&k, &recipe);
    about(r, "IPv%u %s, %u bytes of data, from the protocol", version, proto == 6 ? "TCP" : "UDP",
          payload);
    sent = stack_send(r, &k, STACK_CHECKSUM, 0);
    if (!expect_equal(r, "NBLs", sent->count, 1))
        return NULL;
    fields_read(&(struct rig_seen){sent->nbl[0].bytes, sent->nbl[0].len}, f);
    about_bytes(r, sent->nbl[0].bytes, sent->nbl[0].len, f->l4 + (proto == 6 ? 16 : 6), 2);
    return &sent->nbl[0];
}

static bool asks(const struct stack_nbl *n, unsigned proto)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i = {.Value = (void *)n->checksum};

    return proto == 6 ? i.Transmit.TcpChecksum : i.Transmit.UdpChecksum;
}

static void seeds(struct rig *r, unsigned proto)
{
    static const uint32_t lengths[] = {0, 1, 301, 1400};
    bool any = false;

    rig_open(r, &(struct rig_config){.no_bind = true});
    stack_bind(r);
    for (unsigned i = 0; i < 2 * ARRAY_LEN(lengths); i++) {
        struct fields f;
        const struct stack_nbl *n = asked_for(r, i % 2 ? 6 : 4, proto, lengths[i / 2], &f);
        uint32_t seed;

        if (!n || !asks(n, proto))
            continue;
        any = true;
        seed = naive_pseudo(f.bytes + f.l3, f.version, f.proto, f.end - f.l4);
        expect_equal(r, "seed in the checksum field", f.checksum, seed);
    }
    need(r, any, "a checksum that the protocol would ask for");
}

CHECK("TXC-4", tcp_seed)
{
    seeds(r, 6);
}

CHECK("TXC-5", udp_seed)
{
    seeds(r, 17);
}

/* No bit of the slot stands for a checksum that is not listed. */
static void expect_listed(struct rig *r, const struct stack_nbl *n, unsigned version)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i = {.Value = (void *)n->checksum};
    NDIS_OFFLOAD now = rig_offload(r).current;
    bool v4 = version == 4;

    expect(r,
           !i.Transmit.TcpChecksum ||
               (v4 ? now.Checksum.IPv4Transmit.TcpChecksum : now.Checksum.IPv6Transmit.TcpChecksum),
           "TcpChecksum", "clear: not listed", "set");
    expect(r,
           !i.Transmit.UdpChecksum ||
               (v4 ? now.Checksum.IPv4Transmit.UdpChecksum : now.Checksum.IPv6Transmit.UdpChecksum),
           "UdpChecksum", "clear: not listed", "set");
    expect(r, !i.Transmit.IpHeaderChecksum || (v4 && now.Checksum.IPv4Transmit.IpChecksum),
           "IpHeaderChecksum", "clear: not listed", "set");
}

CHECK("TXC-21", only_what_is_listed)
{
    static const char *const keywords[] = {"*IPChecksumOffloadIPv4", "*TCPChecksumOffloadIPv4",
                                           "*UDPChecksumOffloadIPv4", "*TCPChecksumOffloadIPv6",
                                           "*UDPChecksumOffloadIPv6"};
    static const char *off[2 * ARRAY_LEN(keywords) + 1];
    struct fields f;

    /* Every other one is off, then each direction of it: 2 is receive only. */
    for (unsigned i = 0; i < ARRAY_LEN(keywords); i++) {
        off[2 * i] = keywords[i];
        off[2 * i + 1] = (rig_random(r) & 1) ? "2" : "3";
    }
    off[1] = "2";
    rig_open(r, &(struct rig_config){.no_bind = true, .keywords = off});
    stack_bind(r);
    for (unsigned i = 0; i < 4; i++) {
        const struct stack_nbl *n = asked_for(r, i % 2 ? 6 : 4, i / 2 ? 17 : 6, 200, &f);

        if (n)
            expect_listed(r, n, i % 2 ? 6 : 4);
    }
}

CHECK_NOT_SEEN("TXC-24", slot_at_completion,
               "what a protocol reads into a slot after completion has no effect outside it");
