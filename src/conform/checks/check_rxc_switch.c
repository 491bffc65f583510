/* SPDX-License-Identifier: MIT */
/* Receive checksums: when there are results at all. */
#include "conform/verdict.h"

static const struct {
    enum verdict_kind kind;
    size_t field;
} ip4[] = {{VERDICT_TCP4, offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv4Checksum)},
           {VERDICT_UDP4, offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv4Checksum)}};

/* Right and wrong frames of the family have no result at all. */
static void expect_silence(struct rig *r, unsigned version, const char *when)
{
    static struct packet k;

    for (enum verdict_kind kind = 0; kind < VERDICT_KINDS; kind++) {
        if (verdict_version(kind) != version)
            continue;
        for (unsigned wrong = 0; wrong < 2; wrong++) {
            verdict_build(r, &k, kind, 77);
            k.bytes[k.len - 1] ^= wrong ? 0x40 : 0;
            about(r, "%s, %s, %s", verdict_kind_name(kind), wrong ? "wrong" : "right", when);
            expect_slot(r, verdict_slot(r, k.bytes, k.len), ~(unsigned)SLOT_LOOPBACK, 0);
        }
    }
}

CHECK("RXC-1", nothing_before_activation)
{
    const ULONG same = NDIS_OFFLOAD_SET_NO_CHANGE;

    rig_open(r, &(struct rig_config){.no_activate = true});
    verdict_need(r);
    expect_silence(r, 4, "before OID_OFFLOAD_ENCAPSULATION");
    expect_silence(r, 6, "before OID_OFFLOAD_ENCAPSULATION");
    rig_activate(r, NDIS_OFFLOAD_SET_ON, same);
    expect_silence(r, 6, "when it was set on for IPv4 only");
    rig_again(r);
    rig_activate(r, same, NDIS_OFFLOAD_SET_ON);
    expect_silence(r, 4, "when it was set on for IPv6 only");
}

/* ---- Each by its own setting ---------------------------------------------------------------- */

/* off: which of ip4[] is switched off on receive; the other speaks as before. */
static void one_off(struct rig *r, unsigned off, const unsigned *before)
{
    for (unsigned i = 0; i < ARRAY_LEN(ip4); i++) {
        enum verdict_kind kind = ip4[i].kind;

        about(r, "%s, receive off for %s", verdict_kind_name(kind),
              verdict_kind_name(ip4[off].kind));
        expect_slot(r, verdict_plain(r, kind), verdict_ok(kind) | verdict_bad(kind),
                    i == off ? 0 : before[i]);
    }
}

/* Off on receive; on transmit what the hardware has. */
static UCHAR receive_off(const struct rig *r, enum verdict_kind kind)
{
    NDIS_OFFLOAD able = rig_offload(r).hardware;
    ULONG transmit = kind == VERDICT_TCP4 ? able.Checksum.IPv4Transmit.TcpChecksum
                                          : able.Checksum.IPv4Transmit.UdpChecksum;

    return transmit ? NDIS_OFFLOAD_PARAMETERS_TX_ENABLED_RX_DISABLED
                    : NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED;
}

static UCHAR receive_on(const struct rig *r, enum verdict_kind kind)
{
    return receive_off(r, kind) == NDIS_OFFLOAD_PARAMETERS_TX_ENABLED_RX_DISABLED
               ? NDIS_OFFLOAD_PARAMETERS_TX_RX_ENABLED
               : NDIS_OFFLOAD_PARAMETERS_RX_ENABLED_TX_DISABLED;
}

static void header_off(struct rig *r, const unsigned *before)
{
    rig_parameter(r, offsetof(NDIS_OFFLOAD_PARAMETERS, IPv4Checksum),
                  NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED);
    for (unsigned i = 0; i < ARRAY_LEN(ip4); i++) {
        about(r, "%s, IPv4 header checksum off", verdict_kind_name(ip4[i].kind));
        expect_slot(r, verdict_plain(r, ip4[i].kind), SLOT_IP | SLOT_TRANSPORT,
                    before[i] & SLOT_TRANSPORT);
    }
}

CHECK("RXC-8", each_by_its_own_setting)
{
    unsigned before[ARRAY_LEN(ip4)];
    bool ip;

    rig_open(r, NULL);
    verdict_need(r);
    need(r, verdict_listed(r, VERDICT_TCP4) || verdict_listed(r, VERDICT_UDP4),
         "receive checksums over IPv4");
    ip = verdict_ip_listed(r);
    for (unsigned i = 0; i < ARRAY_LEN(ip4); i++)
        before[i] = verdict_plain(r, ip4[i].kind);
    for (unsigned i = 0; i < ARRAY_LEN(ip4); i++) {
        if (!verdict_listed(r, ip4[i].kind))
            continue;
        rig_parameter(r, ip4[i].field, receive_off(r, ip4[i].kind));
        one_off(r, i, before);
        rig_parameter(r, ip4[i].field, receive_on(r, ip4[i].kind));
        verdict_plain(r, VERDICT_TCP4);
    }
    if (ip)
        header_off(r, before);
}

/* ---- Off ------------------------------------------------------------------------------------ */

static void all_parameters(struct rig *r, UCHAR value)
{
    NDIS_OFFLOAD_PARAMETERS o = rig_parameters();

    o.IPv4Checksum = o.TCPIPv4Checksum = o.UDPIPv4Checksum = value;
    o.TCPIPv6Checksum = o.UDPIPv6Checksum = value;
    rig_set(r, OID_TCP_OFFLOAD_PARAMETERS, &o, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1);
}

CHECK("RXC-9", nothing_after_off)
{
    const ULONG on = NDIS_OFFLOAD_SET_ON, off = NDIS_OFFLOAD_SET_OFF;

    rig_open(r, NULL);
    verdict_need(r);
    all_parameters(r, NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED);
    expect_silence(r, 4, "after all parameters were set off");
    expect_silence(r, 6, "after all parameters were set off");
    rig_again(r);
    rig_activate(r, off, NDIS_OFFLOAD_SET_NO_CHANGE);
    expect_silence(r, 4, "after encapsulation was set off");
    rig_activate(r, on, off);
    expect_silence(r, 6, "after encapsulation was set off");
    rig_activate(r, off, off);
    expect_silence(r, 4, "after encapsulation was set off for both");
    expect_silence(r, 6, "after encapsulation was set off for both");
}
