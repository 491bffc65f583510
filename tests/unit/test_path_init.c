/* SPDX-License-Identifier: MIT */
/* What NDIS hands out of vionet's report at bind time, and what vionet reports on cards with
 * features withheld. The report itself and the queries are the conformance suite's (groups INIT,
 * CAP, CFG); the runtime's part is test_ndis_attributes' and test_ndis_offload's. */
#include "test_path_config.h"

/* ---- At bind time ---------------------------------------------------------------------------- */

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
        PATH_BOTH(test_INIT_17_bind_parameters_hold_the_default),
        PATH_BOTH(test_INIT_14_ENC_17_no_verdict_before_activation),
        PATH_BOTH(test_SEC_1_report_follows_each_withheld_feature),
        PATH_BOTH(test_ENC_1_PAR_1_without_offload_both_requests_are_refused),
    };

    return path_run(tests);
}
