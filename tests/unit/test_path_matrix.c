/* SPDX-License-Identifier: MIT */
/*
 * Every subset of the card's offload features withheld, with both builds of the driver: what is
 * advertised is what the card offers, what is advertised works for TCP and UDP over both versions
 * of IP, what is not is refused, and frames that ask for nothing pass.
 */
#include "test_path_large.h"
#include "test_path_verdict.h"

#include <virtio/net.h>

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

static unsigned have; /* what the card of the open path offers */

/* The features stand in such an order that none requires a later one. */
static unsigned offered(unsigned withheld)
{
    unsigned left = 0;

    for (unsigned i = 0; i < COUNT(features); i++) {
        if (!(withheld >> i & 1) && (!features[i].any || features[i].any & left))
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
static NDIS_OFFLOAD promised(void)
{
    const ULONG snap = have & SNAP ? NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED : 0;
    const ULONG rx = NDIS_ENCAPSULATION_IEEE_802_3 | snap;
    const ULONG tx =
        rx | NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q | NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB;
    const ULONG most = path.bind_offload.LsoV2.IPv4.MaxOffLoadSize
                           ? path.bind_offload.LsoV2.IPv4.MaxOffLoadSize
                           : path.bind_offload.LsoV2.IPv6.MaxOffLoadSize; /* one for all */
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
    assert_true((most > 0) == ((have & (TSO4 | TSO6)) != 0));
    return o;
}

static void expect_offload(const void *got, const NDIS_OFFLOAD *want)
{
    const size_t header = sizeof want->Header;

    assert_memory_equal((const uint8_t *)got + header, (const uint8_t *)want + header,
                        NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1 - header);
}

/* The card's offer, the driver's choice; the defaults at bind, both views by OID. */
static void expect_advertised(void)
{
    const uint64_t all = card_bits(SUBSETS - 1);
    const NDIS_OFFLOAD want = promised();
    NDIS_OFFLOAD got;

    assert_int_equal(nic_offered(path.nic) & all, card_bits(have));
    assert_int_equal(nic_negotiated(path.nic) & all, card_bits(have));
    assert_true(path.bind_has_offload);
    expect_offload(&path.bind_offload, &want);
    assert_int_equal(
        path_query(&path, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, &got, sizeof got, NULL),
        NDIS_STATUS_SUCCESS);
    expect_offload(&got, &want);
    assert_int_equal(path_query(&path, OID_TCP_OFFLOAD_CURRENT_CONFIG, &got, sizeof got, NULL),
                     NDIS_STATUS_SUCCESS);
    expect_offload(&got, &want);
}

/* What is not advertised cannot be switched on (PAR-12). */
static void expect_refusals(void)
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
        assert_int_equal(path_parameter(&path, sets[i].field, sets[i].value),
                         have & sets[i].needs ? NDIS_STATUS_SUCCESS : refused);
}

/* ---- Sends ---------------------------------------------------------------------------------- */

/* One frame: finished by the protocol; then with its checksums asked for. */
static void send_frame(const struct frame_recipe *r, bool listed)
{
    const unsigned transport = r->l4_proto == 6 ? ASK_TCP : ASK_UDP;
    static struct packet k;

    packet_build(&k, r);
    expect_checksummed(&k, 0, &(struct ask){0});
    packet_unfinish(&k);
    if (listed) {
        expect_checksummed(&k, transport | (r->ip_version == 4 ? ASK_IP : 0), &(struct ask){0});
        return;
    }
    packet_finish(&k, &k, ASK_IP);
    expect_failed(
        path_ask(k.bytes, k.len, &(struct ask){.checksum = ask_checksum(&k, transport)}).status);
    expect_silence();
}

static void send_frames(unsigned version, unsigned proto)
{
    const uint32_t most = NIC_DEFAULT_MTU - (version == 4 ? 20u : 40u) - (proto == 6 ? 20u : 8u);
    const uint32_t sizes[] = {0, 1, 2, 333, most - 1, most};

    for (unsigned i = 0; i < COUNT(sizes); i++) {
        struct frame_recipe r = path_recipe(version, proto, sizes[i]);

        if (i == 3) {
            r.ip_options = version == 4 ? naive_ip4_options_40 : naive_ip6_ext_48;
            r.ip_options_len = version == 4 ? 40 : 48;
        }
        send_frame(&r, have & CSUM);
        if (i != 1)
            continue;
        r.snap = true;
        send_frame(&r, have & CSUM && have & SNAP);
    }
}

/* CWR goes in large sends only to a card that has HOST_ECN; to others never wrongly. */
static void send_large(unsigned version, unsigned lso)
{
    const bool listed = have & (version == 4 ? TSO4 : TSO6);

    for (unsigned i = 0; i < 3; i++) {
        struct frame_recipe r = large_recipe(version, 4999 + i);
        struct packet *k;

        if (lso == 2)
            r.ip_id = 0x7ffd; /* passes 0x7fff, whoever counts */
        r.tcp_flags = ACK | PSH | FIN | (i == 1 ? ECE | CWR : 0);
        r.snap = i == 2;
        k = lso == 1 ? large_packet_v1(&r) : large_packet(&r);
        if (!listed || (r.snap && !(have & SNAP)) || (i == 1 && !(have & ECN)))
            expect_refused(k, lso == 1 ? large_ask_v1(k, 1000) : large_ask(k, 1000));
        else if (lso == 1)
            expect_large_v1(k, 1000, &(struct ask){0});
        else
            expect_large(k, 1000, &(struct ask){0});
    }
}

/* ---- Receives ------------------------------------------------------------------------------- */

/* What the card can say of a frame with these faults: plain virtio says "all right" or nothing. */
static unsigned verdict_on(unsigned version, unsigned proto, bool ip_bad, bool l4_bad)
{
    unsigned v = 0;

    if (!(have & GUEST_CSUM))
        return 0;
    if (!(have & VERDICTS))
        return ip_bad || l4_bad ? 0 : good_bit(proto);
    if (version == 4)
        v = ip_bad ? IP_BAD : IP_OK;
    return v | (l4_bad ? bad_bit(proto) : good_bit(proto));
}

static void receive_frames(unsigned version, unsigned proto)
{
    static struct packet k;

    for (unsigned i = 0; i < 8; i++) {
        bool ip_bad = i & 1 && version == 4, l4_bad = i & 2;
        struct frame_recipe r = arriving(version, proto, 77 + i);
        unsigned v;

        r.snap = i & 4;
        packet_build(&k, &r);
        if (ip_bad)
            k.bytes[k.sh.l3 + 8]++; /* TTL */
        if (l4_bad)
            k.bytes[k.len - 1]++;
        v = receive_packet(&k);
        if (!r.snap)
            assert_int_equal(v, verdict_on(version, proto, ip_bad, l4_bad));
        else if (v) /* activated for 802.3: it may say nothing */
            assert_true(have & SNAP && v == verdict_on(version, proto, ip_bad, l4_bad));
    }
}

/* ---- All of it ------------------------------------------------------------------------------ */

/* The work was the card's wherever the card offers it, and it got nothing that it does not. */
static void expect_counters(void)
{
    const struct nic *nic = path.nic;

    assert_int_equal(nic_counter(nic, NIC_TX_BAD_HEADER), 0);
    assert_true((nic_counter(nic, NIC_TX_CSUM) > 0) == ((have & CSUM) != 0));
    assert_true((nic_counter(nic, NIC_TX_IPCSUM) > 0) == ((have & IPCSUM) != 0));
    assert_true((nic_counter(nic, NIC_TX_LARGE) > 0) == ((have & (TSO4 | TSO6)) != 0));
    assert_true((nic_counter(nic, NIC_RX_CSUM_GOOD) > 0) == ((have & GUEST_CSUM) != 0));
}

static void one_subset(const char *list)
{
    path_begin((struct path_config){.withhold = *list ? list : NULL});
    expect_advertised();
    for (unsigned i = 0; i < 4; i++) {
        unsigned version = i % 2 ? 6 : 4, proto = i / 2 ? 17 : 6;

        send_frames(version, proto);
        receive_frames(version, proto);
    }
    send_large(4, 1);
    send_large(4, 2);
    send_large(6, 2);
    expect_counters();
    expect_refusals();
    path_forget(&path);
    path_end();
}

static char withheld[128]; /* by name, as a card's owner writes it */

static void test_SEC_1_every_subset_of_offload_features(void **state)
{
    UNUSED_STATE;
    for (unsigned without = 0; without < SUBSETS; without++) {
        withheld[0] = '\0';
        for (unsigned i = 0; i < COUNT(features); i++) {
            if (without >> i & 1)
                snprintf(withheld + strlen(withheld), sizeof withheld - strlen(withheld), "%s%s",
                         *withheld ? "," : "", features[i].name);
        }
        have = offered(without);
        one_subset(withheld);
    }
}

/* Says which one it was. */
static int teardown(void **state)
{
    UNUSED_STATE;
    if (path_is_open)
        print_message("withheld: \"%s\"\n", withheld);
    return path_group_close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_SEC_1_every_subset_of_offload_features, teardown),
    };
    int failed = 0;

    for (int linked = 1; linked >= 0; linked--) {
        path_linked = linked;
        failed += cmocka_run_group_tests_name(linked ? "matrix, vionet.so" : "matrix, vionet.sys",
                                              tests, NULL, NULL);
    }
    return failed;
}
