/* SPDX-License-Identifier: MIT */
/*
 * Every subset of the card's offload features withheld, with both builds of the driver: what is
 * advertised is what the card offers, what is advertised works for TCP and UDP over both versions
 * of IP, what is not is refused, and frames that ask for nothing pass. And each other feature
 * withheld alone: the driver carries traffic without it, or refuses to start.
 */
#include "test_rig.h"

#include "conform/gen.h"
#include "conform/verdict.h"

#include <virtio/longshore.h>
#include <virtio/net.h>
#include <virtio/pci.h>

/* The card's offload features, and which one of them each requires (virtio 1.2 §5.1.3.1,
 * virtio/longshore.h). */
enum {
    CSUM = 1 << 0,
    GUEST_CSUM = 1 << 1,
    TSO4 = 1 << 2,
    TSO6 = 1 << 3,
    ECN = 1 << 4,
    IPCSUM = 1 << 5,
    ID15 = 1 << 6,
    SNAP = 1 << 7,
    VERDICTS = 1 << 8,
    SUBSETS = 1 << 9,
};
static const struct feature {
    const char *name;
    unsigned any; /* one of these must be there */
    unsigned bit;
} features[] = {
    {"csum", 0, VIRTIO_NET_F_CSUM},
    {"guest_csum", 0, VIRTIO_NET_F_GUEST_CSUM},
    {"host_tso4", CSUM, VIRTIO_NET_F_HOST_TSO4},
    {"host_tso6", CSUM, VIRTIO_NET_F_HOST_TSO6},
    {"host_ecn", TSO4 | TSO6, VIRTIO_NET_F_HOST_ECN},
    {"ls_ipcsum", CSUM, NIC_VENDOR_BIT + LONGSHORE_F_IPCSUM},
    {"ls_id15", TSO4, NIC_VENDOR_BIT + LONGSHORE_F_ID15},
    {"ls_snap", CSUM | GUEST_CSUM, NIC_VENDOR_BIT + LONGSHORE_F_SNAP},
    {"ls_verdicts", GUEST_CSUM, NIC_VENDOR_BIT + LONGSHORE_F_VERDICTS},
};

static char withheld[128]; /* by name, as a card's owner writes it */
static unsigned have;      /* what the card of the open rig offers */

/* The features stand in such an order that none requires a later one. */
static unsigned offered(unsigned without)
{
    unsigned left = 0;

    for (unsigned i = 0; i < COUNT(features); i++) {
        if (!(without >> i & 1) && (!features[i].any || features[i].any & left))
            left |= 1u << i;
    }
    return left;
}

static uint64_t card_bits(unsigned set)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < COUNT(features); i++) {
        if (set >> i & 1)
            bits |= (uint64_t)1 << features[i].bit;
    }
    return bits;
}

/* ---- Advertised ----------------------------------------------------------------------------- */

/* SEC-1, D-26, CAP-1 to CAP-3, CAP-7, CAP-8, CAP-14, CAP-15, CAP-19, CAP-21: what follows from the
 * features, and all else 0. */
static NDIS_OFFLOAD promised(struct rig *r)
{
    const ULONG snap = have & SNAP ? NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED : 0;
    const ULONG rx = NDIS_ENCAPSULATION_IEEE_802_3 | snap;
    const ULONG tx =
        rx | NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q | NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB;
    const NDIS_TCP_LARGE_SEND_OFFLOAD_V2 *v2 = &r->main.bind_offload.LsoV2;
    const ULONG most =
        v2->IPv4.MaxOffLoadSize ? v2->IPv4.MaxOffLoadSize : v2->IPv6.MaxOffLoadSize; /* for all */
    NDIS_OFFLOAD o;

    memset(&o, 0, sizeof o);
#define NEEDS(feature, member, value) o.member = have & (feature) ? (value) : 0
    NEEDS(CSUM, Checksum.IPv4Transmit.Encapsulation, tx);
    NEEDS(CSUM, Checksum.IPv4Transmit.IpChecksum, 1);
    NEEDS(CSUM, Checksum.IPv4Transmit.IpOptionsSupported, 1);
    NEEDS(CSUM, Checksum.IPv4Transmit.TcpChecksum, 1);
    NEEDS(CSUM, Checksum.IPv4Transmit.TcpOptionsSupported, 1);
    NEEDS(CSUM, Checksum.IPv4Transmit.UdpChecksum, 1);
    NEEDS(CSUM, Checksum.IPv6Transmit.Encapsulation, tx);
    NEEDS(CSUM, Checksum.IPv6Transmit.IpExtensionHeadersSupported, 1);
    NEEDS(CSUM, Checksum.IPv6Transmit.TcpChecksum, 1);
    NEEDS(CSUM, Checksum.IPv6Transmit.TcpOptionsSupported, 1);
    NEEDS(CSUM, Checksum.IPv6Transmit.UdpChecksum, 1);
    NEEDS(GUEST_CSUM, Checksum.IPv4Receive.Encapsulation, rx);
    NEEDS(VERDICTS, Checksum.IPv4Receive.IpChecksum, 1);
    NEEDS(VERDICTS, Checksum.IPv4Receive.IpOptionsSupported, 1);
    NEEDS(GUEST_CSUM, Checksum.IPv4Receive.TcpChecksum, 1);
    NEEDS(GUEST_CSUM, Checksum.IPv4Receive.TcpOptionsSupported, 1);
    NEEDS(GUEST_CSUM, Checksum.IPv4Receive.UdpChecksum, 1);
    NEEDS(GUEST_CSUM, Checksum.IPv6Receive.Encapsulation, rx);
    NEEDS(GUEST_CSUM, Checksum.IPv6Receive.IpExtensionHeadersSupported, 1);
    NEEDS(GUEST_CSUM, Checksum.IPv6Receive.TcpChecksum, 1);
    NEEDS(GUEST_CSUM, Checksum.IPv6Receive.TcpOptionsSupported, 1);
    NEEDS(GUEST_CSUM, Checksum.IPv6Receive.UdpChecksum, 1);
    NEEDS(TSO4, LsoV1.IPv4.Encapsulation, tx);
    NEEDS(TSO4, LsoV1.IPv4.MaxOffLoadSize, most);
    NEEDS(TSO4, LsoV1.IPv4.MinSegmentCount, 2);
    NEEDS(TSO4, LsoV1.IPv4.TcpOptions, 1);
    NEEDS(TSO4, LsoV1.IPv4.IpOptions, 1);
    NEEDS(TSO4, LsoV2.IPv4.Encapsulation, tx);
    NEEDS(TSO4, LsoV2.IPv4.MaxOffLoadSize, most);
    NEEDS(TSO4, LsoV2.IPv4.MinSegmentCount, 2);
    NEEDS(TSO6, LsoV2.IPv6.Encapsulation, tx);
    NEEDS(TSO6, LsoV2.IPv6.MaxOffLoadSize, most);
    NEEDS(TSO6, LsoV2.IPv6.MinSegmentCount, 2);
    NEEDS(TSO6, LsoV2.IPv6.IpExtensionHeadersSupported, 1);
    NEEDS(TSO6, LsoV2.IPv6.TcpOptionsSupported, 1);
#undef NEEDS
    expect_equal(r, "a MaxOffLoadSize", most > 0, (have & (TSO4 | TSO6)) != 0);
    return o;
}

static void expect_offload(struct rig *r, const char *view, const void *got,
                           const NDIS_OFFLOAD *want)
{
    const uint32_t header = sizeof want->Header;

    expect_bytes(r, view, (const uint8_t *)got + header, (const uint8_t *)want + header,
                 NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1 - header);
}

static void query_view(struct rig *r, NDIS_OID oid, NDIS_OFFLOAD *out)
{
    memset(out, 0, sizeof *out);
    expect_code(r, "query", rig_query(r, oid, out, sizeof *out, NULL), NDIS_STATUS_SUCCESS);
}

/* The card's offer, the driver's choice; the defaults at bind, both views by OID. */
static void expect_advertised(struct rig *r)
{
    const uint64_t all = card_bits(SUBSETS - 1);
    const NDIS_OFFLOAD want = promised(r);
    NDIS_OFFLOAD got;

    expect_equal(r, "features offered", nic_offered(r->nic) & all, card_bits(have));
    expect_equal(r, "features negotiated", nic_negotiated(r->nic) & all, card_bits(have));
    expect(r, r->main.bind_has_offload, "DefaultOffloadConfiguration", "set", "NULL");
    expect_offload(r, "bind parameters", &r->main.bind_offload, &want);
    query_view(r, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, &got);
    expect_offload(r, "hardware capabilities", &got, &want);
    query_view(r, OID_TCP_OFFLOAD_CURRENT_CONFIG, &got);
    expect_offload(r, "current configuration", &got, &want);
}

/* What is not advertised cannot be switched on (PAR-12). */
static void expect_refusals(struct rig *r)
{
    static const struct {
        size_t field;
        UCHAR value;
        unsigned needs;
    } sets[] = {
#define SET(f, value, needs) {offsetof(NDIS_OFFLOAD_PARAMETERS, f), value, needs}
        SET(IPv4Checksum, NDIS_OFFLOAD_PARAMETERS_TX_ENABLED_RX_DISABLED, CSUM),
        SET(IPv4Checksum, NDIS_OFFLOAD_PARAMETERS_RX_ENABLED_TX_DISABLED, VERDICTS),
        SET(TCPIPv4Checksum, NDIS_OFFLOAD_PARAMETERS_TX_ENABLED_RX_DISABLED, CSUM),
        SET(TCPIPv4Checksum, NDIS_OFFLOAD_PARAMETERS_RX_ENABLED_TX_DISABLED, GUEST_CSUM),
        SET(UDPIPv4Checksum, NDIS_OFFLOAD_PARAMETERS_TX_ENABLED_RX_DISABLED, CSUM),
        SET(UDPIPv4Checksum, NDIS_OFFLOAD_PARAMETERS_RX_ENABLED_TX_DISABLED, GUEST_CSUM),
        SET(TCPIPv6Checksum, NDIS_OFFLOAD_PARAMETERS_TX_ENABLED_RX_DISABLED, CSUM),
        SET(TCPIPv6Checksum, NDIS_OFFLOAD_PARAMETERS_RX_ENABLED_TX_DISABLED, GUEST_CSUM),
        SET(UDPIPv6Checksum, NDIS_OFFLOAD_PARAMETERS_TX_ENABLED_RX_DISABLED, CSUM),
        SET(UDPIPv6Checksum, NDIS_OFFLOAD_PARAMETERS_RX_ENABLED_TX_DISABLED, GUEST_CSUM),
        SET(LsoV1, NDIS_OFFLOAD_PARAMETERS_LSOV1_ENABLED, TSO4),
        SET(LsoV2IPv4, NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED, TSO4),
        SET(LsoV2IPv6, NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED, TSO6),
#undef SET
    };
    NDIS_STATUS refused =
        have & (CSUM | GUEST_CSUM) ? NDIS_STATUS_INVALID_DATA : NDIS_STATUS_NOT_SUPPORTED;

    for (unsigned i = 0; i < COUNT(sets); i++)
        expect_code(r, "set of a parameter", rig_parameter(r, sets[i].field, sets[i].value),
                    have & sets[i].needs ? NDIS_STATUS_SUCCESS : refused);
}

/* ---- Sends ---------------------------------------------------------------------------------- */

/* One frame: finished by the protocol; then with its checksums asked for. */
static void send_frame(struct rig *r, const struct frame_recipe *recipe, bool listed)
{
    const unsigned transport = recipe->l4_proto == 6 ? ASK_TCP : ASK_UDP;
    static struct packet k;

    packet_build(&k, recipe);
    expect_checksummed(r, &k, 0, NULL);
    packet_unfinish(&k);
    if (listed) {
        expect_checksummed(r, &k, transport | (recipe->ip_version == 4 ? ASK_IP : 0), NULL);
        return;
    }
    packet_finish(&k, ASK_IP);
    expect_failed(r, &k, &(struct ask){.checksum = ask_checksum(&k, transport)});
}

static void send_frames(struct rig *r, unsigned version, unsigned proto)
{
    const uint32_t most = NIC_DEFAULT_MTU - (version == 4 ? 20u : 40u) - (proto == 6 ? 20u : 8u);
    const uint32_t sizes[] = {0, 1, 2, 333, most - 1, most};

    for (unsigned i = 0; i < COUNT(sizes); i++) {
        struct frame_recipe f = packet_recipe(r, version, proto, sizes[i]);

        if (i == 3) {
            f.ip_options = version == 4 ? ip4_options_40 : ip6_extension_48;
            f.ip_options_len = version == 4 ? 40 : 48;
        }
        about(r, "IPv%u, protocol %u, %u bytes of payload; withheld: %s", version, proto, sizes[i],
              withheld);
        send_frame(r, &f, have & CSUM);
        if (i != 1)
            continue;
        f.snap = true;
        send_frame(r, &f, have & CSUM && have & SNAP);
    }
}

/* CWR among them, whether the card has HOST_ECN or not. */
static void send_large(struct rig *r, enum large_kind kind)
{
    const bool listed = have & (kind == LARGE_V2_IP6 ? TSO6 : TSO4);
    static struct packet k;

    for (unsigned i = 0; i < 3; i++) {
        struct frame_recipe f = large_recipe(r, kind, 4999 + i);

        if (kind != LARGE_V1)
            f.ip_id = 0x7ffd; /* passes 0x7fff, whoever counts */
        f.tcp_flags = TCP_ACK | TCP_PSH | TCP_FIN | (i == 1 ? TCP_ECE | TCP_CWR : 0);
        f.snap = i == 2;
        large_build(&k, kind, &f);
        about(r, "%s, case %u; withheld: %s", large_name(kind), i, withheld);
        if (!listed || (f.snap && !(have & SNAP)))
            expect_refused(r, &k, kind, 1000);
        else
            expect_large(r, &k, kind, 1000, NULL);
    }
}

/* ---- Receives ------------------------------------------------------------------------------- */

/* What the card can say of a frame with these faults: plain virtio says "all right" or nothing. */
static unsigned verdict_on(unsigned version, unsigned proto, bool ip_bad, bool l4_bad)
{
    unsigned good = proto == 6 ? SLOT_TCP_OK : SLOT_UDP_OK, v = 0;

    if (!(have & GUEST_CSUM))
        return 0;
    if (!(have & VERDICTS))
        return ip_bad || l4_bad ? 0 : good;
    if (version == 4)
        v = ip_bad ? SLOT_IP_BAD : SLOT_IP_OK;
    return v | (!l4_bad ? good : proto == 6 ? SLOT_TCP_BAD : SLOT_UDP_BAD);
}

static void receive_frames(struct rig *r, unsigned version, unsigned proto)
{
    static struct packet k;

    for (unsigned i = 0; i < 8; i++) {
        bool ip_bad = i & 1 && version == 4, l4_bad = i & 2;
        struct frame_recipe f = packet_recipe_in(r, version, proto, 77 + i);
        const struct rig_received *got;
        uintptr_t v;

        f.snap = i & 4;
        packet_build(&k, &f);
        if (ip_bad)
            k.bytes[k.l3 + 8]++; /* TTL */
        if (l4_bad)
            k.bytes[k.len - 1]++;
        about(r, "IPv%u, protocol %u arrives, case %u; withheld: %s", version, proto, i, withheld);
        got = rig_arrive(r, k.bytes, k.len);
        if (!expect(r, got && got->len == k.len, "the frame", "indicated whole", "it is not"))
            continue;
        expect_bytes(r, "the frame", got->data, k.bytes, k.len);
        v = got->oob[TcpIpChecksumNetBufferListInfo];
        /* LLC/SNAP while activated for 802.3: it may say nothing. */
        if (!f.snap || (v && have & SNAP))
            expect_equal(r, "checksum slot", v, verdict_on(version, proto, ip_bad, l4_bad));
        else
            expect_equal(r, "checksum slot", v, 0);
    }
    rig_forget(r);
}

/* ---- All of it ------------------------------------------------------------------------------ */

/* The work was the card's wherever the card offers it, and it got nothing that it does not. */
static void expect_counters(struct rig *r)
{
    const struct {
        enum nic_counter counter;
        const char *name;
        unsigned feature;
    } counters[] = {{NIC_TX_CSUM, "checksums", CSUM},
                    {NIC_TX_IPCSUM, "IPv4 header checksums", IPCSUM},
                    {NIC_TX_LARGE, "large sends", TSO4 | TSO6},
                    {NIC_RX_CSUM_GOOD, "good verdicts", GUEST_CSUM}};

    expect_equal(r, "bad headers at the card", nic_counter(r->nic, NIC_TX_BAD_HEADER), 0);
    for (unsigned i = 0; i < COUNT(counters); i++)
        expect_equal(r, counters[i].name, nic_counter(r->nic, counters[i].counter) > 0,
                     (have & counters[i].feature) != 0);
}

static void one_subset(struct rig *r)
{
    about(r, "withheld: %s", withheld);
    expect_advertised(r);
    for (unsigned i = 0; i < 4; i++) {
        unsigned version = i % 2 ? 6 : 4, proto = i / 2 ? 17 : 6;

        send_frames(r, version, proto);
        receive_frames(r, version, proto);
    }
    for (enum large_kind kind = LARGE_V1; kind < LARGE_KINDS; kind++)
        send_large(r, kind);
    about(r, "withheld: %s", withheld);
    expect_counters(r);
    expect_refusals(r);
}

RIG_TEST("SEC-1", every_subset_of_offload_features)
{
    rig_open(r, NULL);
    for (unsigned without = 0; without < SUBSETS; without++) {
        withheld[0] = '\0';
        for (unsigned i = 0; i < COUNT(features); i++) {
            if (without >> i & 1)
                snprintf(withheld + strlen(withheld), sizeof withheld - strlen(withheld), "%s%s",
                         *withheld ? "," : "", features[i].name);
        }
        have = offered(without);
        rig_reopen(r, &(struct rig_config){.withhold = *withheld ? withheld : NULL});
        one_subset(r);
    }
}

/* ---- Every feature alone -------------------------------------------------------------------- */

/* INIT-21: the driver cannot do without these, and says so cleanly. */
static bool needed(unsigned bit)
{
    return bit == VIRTIO_NET_F_MAC || bit == VIRTIO_F_ACCESS_PLATFORM;
}

RIG_TEST("SEC-1", each_feature_withheld_alone)
{
    unsigned tried = 0;

    for (unsigned bit = 0; bit < 64; bit++) {
        const struct rig_config config = {.withhold = nic_feature_name(bit)};
        NDIS_STATUS status = NDIS_STATUS_SUCCESS;

        if (!nic_feature_name(bit) || bit == VIRTIO_F_VERSION_1) /* no card is without that one */
            continue;
        tried++;
        rig_prepare_again(r, &config);
        about(r, "a card without %s", config.withhold);
        if (needed(bit))
            status = ndis_adapter_initialize(r->adapter);
        if (status == NDIS_STATUS_SUCCESS) {
            ndis_adapter_halt(r->adapter);
            rig_start(r);
            gen_traffic(r, 1);
        } else {
            expect_code(r, "status of initialize", status, NDIS_STATUS_FAILURE);
            expect_equal(r, "state", ndis_adapter_state(r->adapter), NDIS_ADAPTER_HALTED);
        }
    }
    expect_between(r, "features tried", tried, 15, 64);
}

int main(void)
{
    const struct rig_test *const tests[] = {&every_subset_of_offload_features,
                                            &each_feature_withheld_alone};

    return rig_tests(tests, COUNT(tests), RIG_OUR_CARD);
}
