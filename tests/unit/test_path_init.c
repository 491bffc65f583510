/* SPDX-License-Identifier: MIT */
/* What vionet tells NDIS at initialize, and what NDIS hands out of it: capabilities, queries, cards
 * with features withheld. The blocks themselves are the conformance suite's (group INIT); the
 * runtime's part is test_ndis_attributes' and test_ndis_offload's. */
#include "test_path_config.h"

/* ---- The blocks ----------------------------------------------------------------------------- */

/* CAP-2, 3, 7, 8, 9, 14, 15, 17, 18, 19, 21, 22 hold of what vionet reports. */
static void test_CAP_3_7_8_9_14_15_21_22_combinations_are_legal(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});
    const NDIS_OFFLOAD *h = &watch.hardware;
    const ULONG encapsulations[] = {h->Checksum.IPv4Transmit.Encapsulation,
                                    h->Checksum.IPv4Receive.Encapsulation,
                                    h->Checksum.IPv6Transmit.Encapsulation,
                                    h->Checksum.IPv6Receive.Encapsulation,
                                    h->LsoV1.IPv4.Encapsulation,
                                    h->LsoV2.IPv4.Encapsulation,
                                    h->LsoV2.IPv6.Encapsulation};

    for (unsigned i = 0; i < ARRAY_LEN(encapsulations); i++) {
        assert_true(encapsulations[i] & NDIS_ENCAPSULATION_IEEE_802_3);
        assert_int_equal(encapsulations[i] & ~0x1fu, 0);
    }
    assert_true(h->LsoV1.IPv4.MaxOffLoadSize > 0 && h->LsoV1.IPv4.MaxOffLoadSize <= 0x10000);
    assert_true(h->LsoV1.IPv4.MinSegmentCount >= 1);
    assert_int_equal(h->LsoV1.IPv4.TcpOptions, 1); /* CAP-19 */
    assert_int_equal(h->LsoV1.IPv4.IpOptions, 1);
    assert_int_equal(h->Checksum.IPv4Transmit.IpChecksum, 1);
    assert_int_equal(h->Checksum.IPv4Transmit.TcpChecksum, 1);
    assert_int_equal(h->Checksum.IPv6Transmit.TcpChecksum, 1);
    assert_int_equal(h->Checksum.IPv4Transmit.IpOptionsSupported, 1);
    assert_int_equal(h->Checksum.IPv6Transmit.TcpOptionsSupported, 1);
    assert_int_equal(h->Checksum.IPv6Transmit.IpExtensionHeadersSupported, 1);
    assert_int_equal(h->LsoV2.IPv6.TcpOptionsSupported, 1);
    assert_int_equal(h->LsoV2.IPv6.IpExtensionHeadersSupported, 1);
    assert_true(h->LsoV2.IPv4.MaxOffLoadSize > 0 && h->LsoV2.IPv6.MaxOffLoadSize > 0);
    assert_true(h->LsoV2.IPv4.MinSegmentCount >= 1 && h->LsoV2.IPv6.MinSegmentCount >= 1);
    watch_close(p);
}

/* INIT-11, CFG-1, 2, 4, 5: NDIS answers from its own copies, which are what the driver said;
 * nothing reaches the driver. */
static void test_CFG_1_2_4_5_queries_give_what_the_driver_said(void **state)
{
    static const NDIS_OID oids[] = {OID_TCP_OFFLOAD_CURRENT_CONFIG,
                                    OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES};
    struct path *p = watch_open(state, (struct path_config){.no_activate = true});

    for (unsigned i = 0; i < 2; i++) {
        NDIS_OFFLOAD o;
        ULONG bytes;
        int at;

        memset(&o, 0xee, sizeof o);
        assert_int_equal(path_query(p, oids[i], &o, 111, &bytes), NDIS_STATUS_BUFFER_TOO_SHORT);
        assert_int_equal(bytes, 112);
        assert_int_equal(path_query(p, oids[i], &o, 112, &bytes), NDIS_STATUS_SUCCESS);
        assert_int_equal(bytes, 112);
        assert_true(same(&o, i ? &watch.hardware : &watch.now));
        at = watch_find(0, WATCH_OID, oids[i]);
        assert_true(at >= 0 && !watch.event[at].reached);
        assert_int_equal(path_set(p, oids[i], &o, 112), NDIS_STATUS_NOT_SUPPORTED); /* CFG-3 */
    }
    watch_close(p);
}

static void test_INIT_17_bind_parameters_hold_the_default(void **state)
{
    struct path *p = watch_open(state, (struct path_config){0});

    assert_true(p->bind_has_offload);
    assert_true(same(&p->bind_offload, &watch.now));
    assert_memory_equal(p->bind.CurrentMacAddress, card_mac, 6);
    assert_int_equal(p->bind.MtuSize, 1500);
    watch_close(p);
}

/* ---- Before activation ---------------------------------------------------------------------- */

/* INIT-14, ENC-17, RXC-1 */
static void test_INIT_14_ENC_17_no_verdict_before_activation(void **state)
{
    struct path *p = watch_open(state, (struct path_config){.no_activate = true});

    assert_true(watch.now.Checksum.IPv4Receive.UdpChecksum);
    for (unsigned i = 0; i < 8; i++)
        arrive(p, i, 100);
    assert_true(path_wait(p, &p->received_count, 8, 2));
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(p->received[i].oob[TcpIpChecksumNetBufferListInfo], 0);
    assert_int_equal(path_activate(p, NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_NO_CHANGE),
                     NDIS_STATUS_SUCCESS);
    arrive(p, 8, 100);
    assert_true(path_wait(p, &p->received_count, 9, 2));
    assert_int_not_equal(p->received[8].oob[TcpIpChecksumNetBufferListInfo], 0);
    watch_close(p);
}

/* ---- What the card has not, the driver does not offer --------------------------------------- */

/* SEC-1, CAP-1, CAP-6: the report is what the driver can do and the card has. */
static void assert_report(uint64_t offered)
{
    bool tx = offered & VIRTIO_FEATURE(VIRTIO_NET_F_CSUM),
         rx = offered & VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_CSUM),
         snap = offered & NIC_VENDOR(LONGSHORE_F_SNAP);
    const NDIS_OFFLOAD *h = &watch.hardware;

    assert_int_equal(h->Checksum.IPv4Transmit.IpChecksum, tx);
    assert_int_equal(h->Checksum.IPv4Transmit.TcpChecksum, tx);
    assert_int_equal(h->Checksum.IPv4Transmit.UdpChecksum, tx);
    assert_int_equal(h->Checksum.IPv6Transmit.TcpChecksum, tx);
    assert_int_equal(h->Checksum.IPv6Transmit.UdpChecksum, tx);
    assert_int_equal(h->Checksum.IPv4Transmit.Encapsulation != 0, tx);
    assert_int_equal(h->Checksum.IPv4Receive.IpChecksum,
                     (offered & NIC_VENDOR(LONGSHORE_F_VERDICTS)) != 0);
    assert_int_equal(h->Checksum.IPv4Receive.IpOptionsSupported,
                     (offered & NIC_VENDOR(LONGSHORE_F_VERDICTS)) != 0);
    assert_int_equal(
        (h->Checksum.IPv4Transmit.Encapsulation & NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED) != 0,
        tx && snap);
    assert_int_equal(
        (h->Checksum.IPv6Receive.Encapsulation & NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED) != 0,
        rx && snap);
    assert_int_equal(h->Checksum.IPv4Receive.TcpChecksum, rx);
    assert_int_equal(h->Checksum.IPv4Receive.UdpChecksum, rx);
    assert_int_equal(h->Checksum.IPv6Receive.TcpChecksum, rx);
    assert_int_equal(h->Checksum.IPv6Receive.UdpChecksum, rx);
    assert_int_equal(h->Checksum.IPv6Receive.Encapsulation != 0, rx);
    assert_int_equal(h->LsoV2.IPv4.Encapsulation != 0,
                     (offered & VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO4)) != 0);
    assert_int_equal(h->LsoV2.IPv6.Encapsulation != 0,
                     (offered & VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO6)) != 0);
    assert_true(same(&watch.now, h));
}

/* INIT-21: the driver cannot do without these, and says so cleanly. */
static bool needed(unsigned bit)
{
    return bit == VIRTIO_NET_F_MAC || bit == VIRTIO_F_ACCESS_PLATFORM;
}

static void test_SEC_1_report_follows_each_withheld_feature(void **state)
{
    unsigned tried = 0;

    for (unsigned bit = 0; bit < 64; bit++) {
        struct path *p;
        NDIS_STATUS status;

        if (!nic_feature_name(bit) || bit == VIRTIO_F_VERSION_1) /* no card is without that one */
            continue;
        p = watch_prepare(state, (struct path_config){.withhold = nic_feature_name(bit)});
        tried++;
        if (needed(bit)) {
            status = ndis_adapter_initialize(p->adapter);
            if (status != NDIS_STATUS_SUCCESS) {
                assert_int_equal(status, NDIS_STATUS_FAILURE);
                assert_int_equal(ndis_adapter_state(p->adapter), NDIS_ADAPTER_HALTED);
            }
        } else {
            path_start(p);
            assert_report(nic_offered(p->nic));
            assert_traffic(p);
        }
        watch_close(p);
    }
    assert_true(tried >= 15);
}

/* INIT-16, ENC-1, PAR-1: a card without any offload. */
static void test_ENC_1_PAR_1_without_offload_both_requests_are_refused(void **state)
{
    struct path *p =
        watch_open(state, (struct path_config){.withhold = "csum,guest_csum", .no_activate = true});

    assert_report(nic_offered(p->nic));
    assert_int_equal(path_activate(p, NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON),
                     NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(path_parameter(p, offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4),
                                    NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED),
                     NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(watch_find(0, WATCH_STATUS, (uint32_t)NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG),
                     -1);
    assert_traffic(p);
    watch_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PATH_BOTH(test_CAP_3_7_8_9_14_15_21_22_combinations_are_legal),
        PATH_BOTH(test_CFG_1_2_4_5_queries_give_what_the_driver_said),
        PATH_BOTH(test_INIT_17_bind_parameters_hold_the_default),
        PATH_BOTH(test_INIT_14_ENC_17_no_verdict_before_activation),
        PATH_BOTH(test_SEC_1_report_follows_each_withheld_feature),
        PATH_BOTH(test_ENC_1_PAR_1_without_offload_both_requests_are_refused),
    };

    return path_run(tests);
}
