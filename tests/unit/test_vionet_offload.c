/* SPDX-License-Identifier: MIT */
/* drivers/vionet/offload.c: what the card reports, and the two OIDs that change what is on. */
#include "test_vionet_rig.h"

static struct vionet_adapter a;

static NDIS_STATUS set(NDIS_STATUS (*handler)(struct vionet_adapter *, NDIS_OID_REQUEST *),
                       const void *data, UINT bytes, NDIS_OID_REQUEST *r)
{
    void *exact = malloc(bytes ? bytes : 1);
    NDIS_STATUS status;

    memcpy(exact, data, bytes);
    memset(r, 0, sizeof *r);
    r->RequestType = NdisRequestSetInformation;
    r->DATA.SET_INFORMATION.InformationBuffer = exact;
    r->DATA.SET_INFORMATION.InformationBufferLength = bytes;
    status = handler(&a, r);
    free(exact);
    return status;
}

static NDIS_OFFLOAD_PARAMETERS parameters(void)
{
    return (NDIS_OFFLOAD_PARAMETERS){.Header = {NDIS_OBJECT_TYPE_DEFAULT,
                                                NDIS_OFFLOAD_PARAMETERS_REVISION_1,
                                                NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1}};
}

static NDIS_STATUS set_parameters(const NDIS_OFFLOAD_PARAMETERS *p)
{
    NDIS_OID_REQUEST r;

    return set(vionet_offload_parameters, p, p->Header.Size, &r);
}

static NDIS_OFFLOAD_ENCAPSULATION encapsulation(ULONG on4, ULONG on6)
{
    NDIS_OFFLOAD_ENCAPSULATION e = {.Header = {NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION,
                                               NDIS_OFFLOAD_ENCAPSULATION_REVISION_1,
                                               NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1}};

    e.IPv4.Enabled = on4;
    e.IPv6.Enabled = on6;
    if (on4 == NDIS_OFFLOAD_SET_ON) {
        e.IPv4.EncapsulationType = NDIS_ENCAPSULATION_IEEE_802_3;
        e.IPv4.HeaderSize = 14;
    }
    if (on6 == NDIS_OFFLOAD_SET_ON) {
        e.IPv6.EncapsulationType = NDIS_ENCAPSULATION_IEEE_802_3;
        e.IPv6.HeaderSize = 14;
    }
    return e;
}

static NDIS_STATUS set_encapsulation(const NDIS_OFFLOAD_ENCAPSULATION *e)
{
    NDIS_OID_REQUEST r;

    return set(vionet_offload_encapsulation, e, sizeof *e, &r);
}

/* CAP-2, CAP-3, CAP-7 to CAP-9, CAP-11, CAP-14, CAP-15, CAP-21, CAP-22, SEC-1 */
static void test_full_card_reports_everything(void **state)
{
    const ULONG tx = NDIS_ENCAPSULATION_IEEE_802_3 | NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q |
                     NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB; /* CAP-10, CAP-12 */
    NDIS_OFFLOAD o;

    (void)state;
    rig_adapter(&a, RIG_ALL);
    vionet_offload_describe(&a, TRUE, &o);
    assert_int_equal(o.Header.Type, NDIS_OBJECT_TYPE_OFFLOAD);
    assert_int_equal(o.Header.Revision, 1);
    assert_int_equal(o.Header.Size, 112);
    assert_int_equal(o.Checksum.IPv4Transmit.Encapsulation, tx);
    assert_int_equal(o.Checksum.IPv4Transmit.IpChecksum, 1);
    assert_int_equal(o.Checksum.IPv4Transmit.IpOptionsSupported, 1);
    assert_int_equal(o.Checksum.IPv4Transmit.TcpChecksum, 1);
    assert_int_equal(o.Checksum.IPv4Transmit.UdpChecksum, 1);
    assert_int_equal(o.Checksum.IPv6Transmit.IpExtensionHeadersSupported, 1);
    assert_int_equal(o.Checksum.IPv6Transmit.TcpOptionsSupported, 1);
    assert_int_equal(o.Checksum.IPv4Receive.Encapsulation, NDIS_ENCAPSULATION_IEEE_802_3);
    assert_int_equal(o.Checksum.IPv4Receive.IpChecksum, 0);
    assert_int_equal(o.Checksum.IPv4Receive.TcpChecksum, 1);
    assert_int_equal(o.Checksum.IPv6Receive.UdpChecksum, 1);
    assert_int_equal(o.LsoV1.IPv4.Encapsulation, tx); /* CAP-18, CAP-19, CAP-23 */
    assert_int_equal(o.LsoV1.IPv4.MaxOffLoadSize, 65415);
    assert_int_equal(o.LsoV1.IPv4.MinSegmentCount, 2);
    assert_int_equal(o.LsoV1.IPv4.TcpOptions, 1);
    assert_int_equal(o.LsoV1.IPv4.IpOptions, 1);
    assert_int_equal(o.LsoV2.IPv4.Encapsulation, tx);
    assert_int_equal(o.LsoV2.IPv4.MaxOffLoadSize, 65415);
    assert_int_equal(o.LsoV2.IPv4.MinSegmentCount, 2);
    assert_int_equal(o.LsoV2.IPv6.IpExtensionHeadersSupported, 1);
}

/* CAP-3, CAP-6, CAP-8, SEC-1: segmentation without checksums is not offered; nor what the card
 * lacks. */
static void test_report_follows_features(void **state)
{
    NDIS_OFFLOAD o, zero;

    (void)state;
    rig_adapter(&a, VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO4));
    vionet_offload_describe(&a, TRUE, &o);
    memset(&zero, 0, sizeof zero);
    zero.Header = o.Header;
    assert_memory_equal(&o, &zero, sizeof o);

    rig_adapter(&a, VIRTIO_FEATURE(VIRTIO_NET_F_CSUM) | VIRTIO_FEATURE(VIRTIO_NET_F_HOST_TSO6));
    vionet_offload_describe(&a, TRUE, &o);
    assert_int_equal(o.Checksum.IPv4Receive.Encapsulation, 0);
    assert_int_equal(o.LsoV2.IPv4.Encapsulation, 0);
    assert_int_equal(o.LsoV2.IPv4.MaxOffLoadSize, 0);
    assert_int_not_equal(o.LsoV2.IPv6.Encapsulation, 0);

    rig_adapter(&a, VIRTIO_FEATURE(VIRTIO_NET_F_GUEST_CSUM));
    vionet_offload_describe(&a, TRUE, &o);
    assert_int_equal(o.Checksum.IPv4Transmit.Encapsulation, 0);
    assert_int_equal(o.Checksum.IPv4Receive.TcpChecksum, 1);
}

/* INIT-13: a keyword that says off removes from the current view, not from the hardware's. */
static void test_keyword_off_stays_in_hardware_view(void **state)
{
    NDIS_OFFLOAD now, hardware;

    (void)state;
    rig_adapter(&a, RIG_ALL);
    a.offload.value[VIONET_LSO2_4] = 0;
    a.offload.value[VIONET_IP4] = 3; /* asks for more than there is: masked */
    vionet_offload_update(&a);
    vionet_offload_describe(&a, FALSE, &now);
    vionet_offload_describe(&a, TRUE, &hardware);
    assert_int_equal(now.LsoV2.IPv4.Encapsulation, 0);
    assert_int_not_equal(hardware.LsoV2.IPv4.Encapsulation, 0);
    assert_int_equal(a.offload.value[VIONET_IP4], 1);
    assert_false(a.offload.on & VIONET_ON_LSO2_4);
    assert_true(a.offload.on & VIONET_ON_LSO2_6);
}

/* PAR-1, ENC-1 */
static void test_card_without_offload_supports_neither_oid(void **state)
{
    NDIS_OFFLOAD_PARAMETERS p = parameters();
    NDIS_OFFLOAD_ENCAPSULATION e = encapsulation(1, 1);

    (void)state;
    rig_adapter(&a, 0);
    assert_int_equal(set_parameters(&p), NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(set_encapsulation(&e), NDIS_STATUS_NOT_SUPPORTED);
}

/* PAR-2 */
static void test_query_of_parameters_is_not_supported(void **state)
{
    NDIS_OID_REQUEST r = {.RequestType = NdisRequestQueryInformation};

    (void)state;
    rig_adapter(&a, RIG_ALL);
    assert_int_equal(vionet_offload_parameters(&a, &r), NDIS_STATUS_NOT_SUPPORTED);
}

/* PAR-3, PAR-8, PAR-15, PAR-16, CFG-8 to CFG-10 */
static void test_no_change_succeeds_and_indicates(void **state)
{
    NDIS_OFFLOAD_PARAMETERS p = parameters();
    NDIS_OFFLOAD before;
    NDIS_OID_REQUEST r;

    (void)state;
    rig_adapter(&a, RIG_ALL);
    vionet_offload_describe(&a, FALSE, &before);
    assert_int_equal(set(vionet_offload_parameters, &p, 20, &r), NDIS_STATUS_SUCCESS);
    assert_int_equal(r.DATA.SET_INFORMATION.BytesRead, 20);
    assert_int_equal(r.SupportedRevision, 1);
    assert_int_equal(rig_indications, 1);
    assert_memory_equal(&rig_indicated, &before, 112);
    assert_int_equal(rig_indication.StatusCode, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG);
    assert_int_equal(rig_indication.StatusBufferSize, 112);
    assert_int_equal(rig_indication.Header.Type, NDIS_OBJECT_TYPE_STATUS_INDICATION);
    assert_int_equal(rig_indication.Header.Size, 112);
    assert_ptr_equal(rig_indication.SourceHandle, a.handle);
    assert_null(rig_indication.DestinationHandle);
    assert_null(rig_indication.RequestId);
}

/* PAR-4, ENC-3 */
static void test_short_buffers_fail_with_bytes_needed(void **state)
{
    NDIS_OFFLOAD_PARAMETERS p = parameters();
    NDIS_OFFLOAD_ENCAPSULATION e = encapsulation(1, 1);
    NDIS_OID_REQUEST r;

    (void)state;
    rig_adapter(&a, RIG_ALL);
    for (UINT n = 0; n < 20; n++) {
        assert_int_equal(set(vionet_offload_parameters, &p, n, &r), NDIS_STATUS_INVALID_LENGTH);
        assert_int_equal(r.DATA.SET_INFORMATION.BytesNeeded, 20);
    }
    for (UINT n = 0; n < 28; n++) {
        assert_int_equal(set(vionet_offload_encapsulation, &e, n, &r), NDIS_STATUS_INVALID_LENGTH);
        assert_int_equal(r.DATA.SET_INFORMATION.BytesNeeded, 28);
    }
    assert_int_equal(rig_indications, 0);
}

/* PAR-5 */
static void test_newer_revision_is_read_as_far_as_known(void **state)
{
    NDIS_OFFLOAD_PARAMETERS p = parameters();
    NDIS_OID_REQUEST r;

    (void)state;
    rig_adapter(&a, RIG_ALL);
    p.Header.Revision = NDIS_OFFLOAD_PARAMETERS_REVISION_3;
    p.Header.Size = NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_3;
    p.LsoV2IPv4 = NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED;
    assert_int_equal(set(vionet_offload_parameters, &p, sizeof p, &r), NDIS_STATUS_SUCCESS);
    assert_int_equal(r.SupportedRevision, 1);
    assert_int_equal(rig_indicated.LsoV2.IPv4.Encapsulation, 0);
}

/* PAR-6, PAR-7, PAR-12, PAR-13, PAR-19, PAR-26: each refused whole, though its other fields are
 * good. */
static void test_senseless_parameters_change_nothing(void **state)
{
    static const struct {
        size_t at;
        UCHAR value;
    } rows[] = {
        {offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv4Checksum), 5},
        {offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv6Checksum), 255},
        {offsetof(NDIS_OFFLOAD_PARAMETERS, IPv4Checksum), 3}, /* no IPv4 header verdict */
        {offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv6), 3},
        {offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV1), 3},
        {offsetof(NDIS_OFFLOAD_PARAMETERS, IPsecV1), 2},
        {offsetof(NDIS_OFFLOAD_PARAMETERS, IPsecV1), 5},
        {offsetof(NDIS_OFFLOAD_PARAMETERS, TcpConnectionIPv4), 2},
        {offsetof(NDIS_OFFLOAD_PARAMETERS, TcpConnectionIPv6), 3},
        {offsetof(NDIS_OFFLOAD_PARAMETERS, Flags), 2},
        {offsetof(NDIS_OFFLOAD_PARAMETERS, Header.Type), 0xa7},
        {offsetof(NDIS_OFFLOAD_PARAMETERS, Header.Revision), 0},
        {offsetof(NDIS_OFFLOAD_PARAMETERS, Header.Size), 19},
        {offsetof(NDIS_OFFLOAD_PARAMETERS, Header.Size), 21},
    };
    struct vionet_offload before;

    (void)state;
    rig_adapter(&a, RIG_ALL);
    before = a.offload;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        NDIS_OFFLOAD_PARAMETERS p = parameters();
        NDIS_OID_REQUEST r;

        p.UDPIPv4Checksum = NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED;
        p.LsoV2IPv4 = NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED;
        ((UCHAR *)&p)[rows[i].at] = rows[i].value;
        assert_int_equal(set(vionet_offload_parameters, &p, 20, &r), NDIS_STATUS_INVALID_DATA);
        assert_memory_equal(&a.offload, &before, sizeof before);
    }
    assert_int_equal(rig_indications, 0);
}

/* PAR-9, PAR-10: each field, each value, on its own. */
static void test_checksum_fields_act_alone(void **state)
{
    static const size_t fields[] = {offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv4Checksum),
                                    offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv4Checksum),
                                    offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv6Checksum),
                                    offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv6Checksum)};

    (void)state;
    for (int f = 0; f < 4; f++) {
        for (UCHAR v = 1; v <= 4; v++) {
            NDIS_OFFLOAD_PARAMETERS p = parameters();
            UCHAR expect[VIONET_KEYWORDS];

            rig_adapter(&a, RIG_ALL);
            memcpy(expect, a.offload.value, sizeof expect);
            expect[VIONET_TCP4 + f] = (UCHAR)(v - 1);
            ((UCHAR *)&p)[fields[f]] = v;
            assert_int_equal(set_parameters(&p), NDIS_STATUS_SUCCESS);
            assert_memory_equal(a.offload.value, expect, sizeof expect);
        }
    }
}

/* PAR-11, PAR-14, LSO2-19 */
static void test_large_send_switches_are_independent(void **state)
{
    NDIS_OFFLOAD_PARAMETERS p = parameters();

    (void)state;
    rig_adapter(&a, RIG_ALL);
    p.LsoV2IPv4 = NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED;
    assert_int_equal(set_parameters(&p), NDIS_STATUS_SUCCESS);
    assert_false(a.offload.on & VIONET_ON_LSO2_4);
    assert_true(a.offload.on & VIONET_ON_LSO2_6);
    assert_true(a.offload.on & VIONET_ON_LSO1);
    p.LsoV1 = NDIS_OFFLOAD_PARAMETERS_LSOV1_DISABLED;
    p.LsoV2IPv4 = NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED;
    p.LsoV2IPv6 = NDIS_OFFLOAD_PARAMETERS_LSOV2_DISABLED;
    p.TCPIPv4Checksum = NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED; /* CAP-4, PAR-24 */
    assert_int_equal(set_parameters(&p), NDIS_STATUS_SUCCESS);
    assert_true(a.offload.on & VIONET_ON_LSO2_4);
    assert_false(a.offload.on & VIONET_ON_LSO2_6);
    assert_false(a.offload.on & VIONET_ON_LSO1);
    assert_int_equal(rig_indicated.LsoV1.IPv4.Encapsulation, 0);
    assert_int_equal(rig_indicated.LsoV2.IPv6.Encapsulation, 0);
}

/* PAR-13, PAR-26: switching off what is not there. */
static void test_absent_features_may_be_switched_off(void **state)
{
    NDIS_OFFLOAD_PARAMETERS p = parameters();

    (void)state;
    rig_adapter(&a, VIRTIO_FEATURE(VIRTIO_NET_F_CSUM));
    p.LsoV1 = p.IPsecV1 = p.LsoV2IPv4 = p.LsoV2IPv6 = p.TcpConnectionIPv4 = p.TcpConnectionIPv6 = 1;
    p.Flags = NDIS_OFFLOAD_PARAMETERS_SKIP_REGISTRY_UPDATE;
    assert_int_equal(set_parameters(&p), NDIS_STATUS_SUCCESS);
}

/* PAR-16, CAP-8: the last feature of a part takes the encapsulation with it. */
static void test_empty_part_loses_its_encapsulation(void **state)
{
    NDIS_OFFLOAD_PARAMETERS p = parameters();

    (void)state;
    rig_adapter(&a, RIG_ALL);
    p.TCPIPv6Checksum = p.UDPIPv6Checksum = NDIS_OFFLOAD_PARAMETERS_RX_ENABLED_TX_DISABLED;
    assert_int_equal(set_parameters(&p), NDIS_STATUS_SUCCESS);
    assert_int_equal(rig_indicated.Checksum.IPv6Transmit.Encapsulation, 0);
    assert_int_equal(rig_indicated.Checksum.IPv6Transmit.IpExtensionHeadersSupported, 0);
    assert_int_not_equal(rig_indicated.Checksum.IPv6Receive.Encapsulation, 0);
    assert_int_not_equal(rig_indicated.Checksum.IPv4Transmit.Encapsulation, 0);
}

/* ENC-2, ENC-5, ENC-10, ENC-14, ENC-16, ENC-17, PAR-20 */
static void test_receive_waits_for_encapsulation_per_family(void **state)
{
    const LONG rx4 = VIONET_RX_TCP4 | VIONET_RX_UDP4, rx6 = VIONET_RX_TCP6 | VIONET_RX_UDP6;
    NDIS_OFFLOAD_ENCAPSULATION e = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_NO_CHANGE);
    NDIS_OFFLOAD_PARAMETERS p = parameters();
    NDIS_OID_REQUEST r;

    (void)state;
    rig_adapter(&a, RIG_ALL);
    assert_int_equal(a.offload.on & (rx4 | rx6), 0);
    assert_int_equal(set(vionet_offload_encapsulation, &e, 28, &r), NDIS_STATUS_SUCCESS);
    assert_int_equal(r.DATA.SET_INFORMATION.BytesRead, 28);
    assert_int_equal(r.SupportedRevision, 1);
    assert_int_equal(rig_indications, 1);
    assert_int_equal(a.offload.on & (rx4 | rx6), rx4);
    p.UDPIPv4Checksum = NDIS_OFFLOAD_PARAMETERS_TX_ENABLED_RX_DISABLED;
    assert_int_equal(set_parameters(&p), NDIS_STATUS_SUCCESS);
    assert_int_equal(a.offload.on & (rx4 | rx6), VIONET_RX_TCP4);
    e = encapsulation(NDIS_OFFLOAD_SET_OFF, NDIS_OFFLOAD_SET_ON);
    assert_int_equal(set_encapsulation(&e), NDIS_STATUS_SUCCESS);
    assert_int_equal(a.offload.on & (rx4 | rx6), rx6);
    e = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_NO_CHANGE);
    assert_int_equal(set_encapsulation(&e), NDIS_STATUS_SUCCESS);
    assert_int_equal(a.offload.on & (rx4 | rx6), VIONET_RX_TCP4 | rx6);
}

/* ENC-4, ENC-6, ENC-9, ENC-12, ENC-13: both families or none. */
static void test_refused_encapsulation_changes_nothing(void **state)
{
    NDIS_OFFLOAD_ENCAPSULATION e;
    struct vionet_offload before;

    (void)state;
    rig_adapter(&a, RIG_ALL);
    before = a.offload;
    e = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);
    e.IPv6.EncapsulationType = NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED;
    e.IPv6.HeaderSize = 22;
    assert_int_equal(set_encapsulation(&e), NDIS_STATUS_INVALID_PARAMETER);
    e = encapsulation(NDIS_OFFLOAD_SET_ON, 3);
    assert_int_equal(set_encapsulation(&e), NDIS_STATUS_INVALID_DATA);
    e = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);
    e.IPv4.HeaderSize = 15;
    assert_int_equal(set_encapsulation(&e), NDIS_STATUS_INVALID_PARAMETER);
    e = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);
    e.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    assert_int_equal(set_encapsulation(&e), NDIS_STATUS_INVALID_DATA);
    e = encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);
    e.Header.Size = 29;
    assert_int_equal(set_encapsulation(&e), NDIS_STATUS_INVALID_DATA);
    assert_memory_equal(&a.offload, &before, sizeof before);
    assert_int_equal(rig_indications, 0);
}

/* ENC-7 */
static void test_leftovers_beside_off_are_ignored(void **state)
{
    NDIS_OFFLOAD_ENCAPSULATION e = encapsulation(NDIS_OFFLOAD_SET_OFF, NDIS_OFFLOAD_SET_NO_CHANGE);

    (void)state;
    rig_adapter(&a, RIG_ALL);
    e.IPv4.EncapsulationType = e.IPv6.EncapsulationType = 0xffffffff;
    e.IPv4.HeaderSize = 9999;
    assert_int_equal(set_encapsulation(&e), NDIS_STATUS_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_card_reports_everything),
        cmocka_unit_test(test_report_follows_features),
        cmocka_unit_test(test_keyword_off_stays_in_hardware_view),
        cmocka_unit_test(test_card_without_offload_supports_neither_oid),
        cmocka_unit_test(test_query_of_parameters_is_not_supported),
        cmocka_unit_test(test_no_change_succeeds_and_indicates),
        cmocka_unit_test(test_short_buffers_fail_with_bytes_needed),
        cmocka_unit_test(test_newer_revision_is_read_as_far_as_known),
        cmocka_unit_test(test_senseless_parameters_change_nothing),
        cmocka_unit_test(test_checksum_fields_act_alone),
        cmocka_unit_test(test_large_send_switches_are_independent),
        cmocka_unit_test(test_absent_features_may_be_switched_off),
        cmocka_unit_test(test_empty_part_loses_its_encapsulation),
        cmocka_unit_test(test_receive_waits_for_encapsulation_per_family),
        cmocka_unit_test(test_refused_encapsulation_changes_nothing),
        cmocka_unit_test(test_leftovers_beside_off_are_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
