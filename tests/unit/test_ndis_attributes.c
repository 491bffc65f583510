/* SPDX-License-Identifier: MIT */
/* NdisMSetMiniportAttributes: order, headers, copies. src/ndis/attributes.c. */
#include "test_ndis_rig.h"

static void initialize(NDIS_STATUS expected)
{
    rig_up(NULL);
    assert_int_equal(ndis_adapter_initialize(rig.adapter), expected);
}

static void test_general_attributes_are_needed(void **state)
{
    (void)state;
    mp.no_general = true;
    initialize(NDIS_STATUS_FAILURE);
    assert_int_equal(rig_found("INIT-4"), 1);
    assert_int_equal(mp.halts, 1);
    assert_int_equal(mp.halt_action, NdisHaltDeviceInitializationFailed);
    rig_down();
}

static void test_general_before_registration_is_refused(void **state)
{
    (void)state;
    mp.no_registration = true;
    initialize(NDIS_STATUS_FAILURE);
    assert_int_equal(mp.attributes_status[0], NDIS_STATUS_FAILURE);
    assert_int_equal(rig_found("INIT-3"), 1);
    rig_down();
}

static void test_offload_before_general_is_refused(void **state)
{
    (void)state;
    mp.no_general = true;
    mp.offload = true;
    rig_offload(&mp.now);
    rig_offload(&mp.hardware);
    initialize(NDIS_STATUS_FAILURE);
    assert_int_equal(mp.attributes_status[1], NDIS_STATUS_FAILURE);
    assert_int_equal(rig_found("INIT-3"), 1);
    rig_down();
}

static NDIS_OBJECT_HEADER wrong;

static void set_wrong(NDIS_HANDLE h)
{
    NDIS_MINIPORT_ADAPTER_ATTRIBUTES block;

    memset(&block, 0, sizeof(block));
    memcpy(&block, &wrong, sizeof(wrong));
    (void)h;
    rig_attribute(&block);
}

static NDIS_STATUS refused(UCHAR type, UCHAR revision, USHORT size)
{
    NDIS_STATUS status;

    memset(&mp, 0, sizeof(mp));
    mp.in_init = set_wrong;
    wrong = (NDIS_OBJECT_HEADER){type, revision, size};
    initialize(NDIS_STATUS_SUCCESS);
    status = mp.attributes_status[2];
    rig_down();
    return status;
}

/* INIT-2 */
static void test_bad_headers_are_refused(void **state)
{
    (void)state;
    assert_int_equal(refused(NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES, 0, 40),
                     NDIS_STATUS_BAD_VERSION);
    assert_int_equal(refused(NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES, 9, 40),
                     NDIS_STATUS_BAD_VERSION);
    assert_int_equal(refused(NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES, 1, 39),
                     NDIS_STATUS_FAILURE);
    assert_int_equal(refused(NDIS_OBJECT_TYPE_DEFAULT, 1, 40), NDIS_STATUS_FAILURE);
    assert_int_equal(refused(NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES, 1, 20),
                     NDIS_STATUS_FAILURE);
}

static void test_attributes_outside_initialize_are_refused(void **state)
{
    (void)state;
    initialize(NDIS_STATUS_SUCCESS);
    assert_int_equal(rig_set_general(), NDIS_STATUS_FAILURE);
    assert_int_equal(rig_found("INIT-1"), 1);
    rig_down();
}

static void set_at_dispatch(NDIS_HANDLE h)
{
    (void)h;
    nt_thread_self()->irql = 2;
    rig_set_general();
    nt_thread_self()->irql = 0;
}

static void test_attributes_at_dispatch_level_are_a_violation(void **state)
{
    (void)state;
    mp.in_init = set_at_dispatch;
    initialize(NDIS_STATUS_SUCCESS);
    assert_int_equal(mp.attributes_status[2], NDIS_STATUS_FAILURE);
    assert_int_equal(rig_found("INIT-5"), 1);
    rig_down();
}

static void test_ndis_keeps_its_own_copies(void **state)
{
    struct ndis_offload_state before, after;
    NDIS_OID list[8];
    ULONG bytes = sizeof(list);

    (void)state;
    mp.offload = true;
    rig_offload(&mp.now);
    rig_offload(&mp.hardware);
    initialize(NDIS_STATUS_SUCCESS);
    ndis_adapter_offload(rig.adapter, &before);
    memset(&mp.now, 0xee, sizeof(mp.now));
    memset(&mp.hardware, 0xee, sizeof(mp.hardware));
    rig_supported[0] = 0xdead;
    ndis_adapter_offload(rig.adapter, &after);
    assert_true(after.present);
    assert_memory_equal(&before.current, &after.current, sizeof(before.current));
    assert_memory_equal(&before.hardware, &after.hardware, sizeof(before.hardware));
    assert_int_equal(ndis_adapter_request(rig.adapter, NdisRequestQueryInformation,
                                          OID_GEN_SUPPORTED_LIST, list, &bytes),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(list[0], OID_GEN_CURRENT_PACKET_FILTER);
    rig_supported[0] = OID_GEN_CURRENT_PACKET_FILTER;
    rig_down();
}

static void test_offload_block_may_be_left_out(void **state)
{
    struct ndis_offload_state s;
    NDIS_OFFLOAD o;
    ULONG bytes = sizeof(o);

    (void)state;
    initialize(NDIS_STATUS_SUCCESS);
    ndis_adapter_offload(rig.adapter, &s);
    assert_false(s.present);
    assert_int_equal(ndis_adapter_request(rig.adapter, NdisRequestQueryInformation,
                                          OID_TCP_OFFLOAD_CURRENT_CONFIG, &o, &bytes),
                     NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(rig.findings, 0);
    rig_down();
}

static void test_failed_allocation_gives_resources(void **state)
{
    (void)state;
    rig_up(NULL);
    nt_fail_at(nt_driver_owner(rig.driver), 1);
    ndis_adapter_initialize(rig.adapter);
    assert_int_equal(mp.attributes_status[0], NDIS_STATUS_RESOURCES);
    rig_down();
}

/* The three checksums of a family in every combination, large sends of any size or none. */
static void test_CAP_16_CAP_20_any_subset_is_accepted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        struct ndis_offload_state s;

        memset(&mp, 0, sizeof(mp));
        mp.offload = true;
        rig_offload(&mp.now);
        mp.now.Checksum.IPv4Transmit.IpChecksum = i & 1;
        mp.now.Checksum.IPv4Transmit.TcpChecksum = i >> 1 & 1;
        mp.now.Checksum.IPv4Transmit.UdpChecksum = i >> 2 & 1;
        memset(&mp.now.LsoV2, 0, sizeof(mp.now.LsoV2));
        if ((i & 11) == 11) { /* large sends need the TCP and the IPv4 header checksum */
            mp.now.LsoV2.IPv4.Encapsulation = NDIS_ENCAPSULATION_IEEE_802_3;
            mp.now.LsoV2.IPv4.MaxOffLoadSize = 0x100000;
            mp.now.LsoV2.IPv4.MinSegmentCount = 2;
        }
        mp.hardware = mp.now;
        initialize(NDIS_STATUS_SUCCESS);
        ndis_adapter_offload(rig.adapter, &s);
        assert_memory_equal(&s.current, &mp.now, 112);
        assert_memory_equal(&s.hardware, &mp.now, 112);
        assert_int_equal(rig.findings, 0);
        rig_down();
    }
}

static void test_CAP_17_features_are_zero_or_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct ndis_offload_state s;
        NDIS_OFFLOAD *o = i & 1 ? &mp.now : &mp.hardware;

        memset(&mp, 0, sizeof(mp));
        mp.offload = true;
        rig_offload(&mp.now);
        rig_offload(&mp.hardware);
        o->Checksum.IPv6Receive.UdpChecksum = i / 2 ? 3 : 2;
        o->LsoV2.IPv6.TcpOptionsSupported = i / 2 ? 3 : 2;
        initialize(NDIS_STATUS_SUCCESS);
        assert_int_equal(rig_found("CAP-17"), 1);
        ndis_adapter_offload(rig.adapter, &s);
        assert_int_equal(s.current.Checksum.IPv6Receive.UdpChecksum, 0);
        assert_int_equal(s.hardware.Checksum.IPv6Receive.UdpChecksum, 0);
        assert_int_equal(s.hardware.LsoV2.IPv6.TcpOptionsSupported, 0);
        assert_int_equal(s.current.Checksum.IPv4Transmit.TcpChecksum, 1);
        rig_down();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_general_attributes_are_needed),
        RIG_TEST(test_general_before_registration_is_refused),
        RIG_TEST(test_offload_before_general_is_refused),
        RIG_TEST(test_bad_headers_are_refused),
        RIG_TEST(test_attributes_outside_initialize_are_refused),
        RIG_TEST(test_attributes_at_dispatch_level_are_a_violation),
        RIG_TEST(test_ndis_keeps_its_own_copies),
        RIG_TEST(test_offload_block_may_be_left_out),
        RIG_TEST(test_failed_allocation_gives_resources),
        RIG_TEST(test_CAP_16_CAP_20_any_subset_is_accepted),
        RIG_TEST(test_CAP_17_features_are_zero_or_one),
    };

    return RIG_MAIN(tests);
}
