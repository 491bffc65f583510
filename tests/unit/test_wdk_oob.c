/* SPDX-License-Identifier: MIT */
/* Bit positions of the out-of-band values and of the offload structures, and the sizes and offsets
 * that the requirement catalogue fixes (requirements.md, Constants). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define INITGUID
#include <wdk/ndis.h>

/* Inverts one member of a zeroed object; bits FIRST to LAST of the word at AT must be set by it. */
#define ASSERT_BITS_AT(type, member, at, first, last)                                              \
    do {                                                                                           \
        type object;                                                                               \
        uint32_t word;                                                                             \
        memset(&object, 0, sizeof(object));                                                        \
        object.member = ~object.member;                                                            \
        memcpy(&word, (const char *)&object + (at), sizeof(word));                                 \
        assert_int_equal(                                                                          \
            word, (uint32_t)(((1ull << ((last) + 1)) - 1) & ~((1ull << (first)) - 1)));            \
    } while (0)
#define ASSERT_BITS(type, member, first, last) ASSERT_BITS_AT(type, member, 0, first, last)

typedef NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO checksum_info;
typedef NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO lso_info;
typedef NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO uso_info;
typedef NDIS_NET_BUFFER_LIST_8021Q_INFO vlan_info;

static void test_checksum_transmit_bits(void **state)
{
    (void)state;
    ASSERT_BITS(checksum_info, Transmit.IsIPv4, 0, 0);
    ASSERT_BITS(checksum_info, Transmit.IsIPv6, 1, 1);
    ASSERT_BITS(checksum_info, Transmit.TcpChecksum, 2, 2);
    ASSERT_BITS(checksum_info, Transmit.UdpChecksum, 3, 3);
    ASSERT_BITS(checksum_info, Transmit.IpHeaderChecksum, 4, 4);
    ASSERT_BITS(checksum_info, Transmit.Reserved, 5, 15);
    ASSERT_BITS(checksum_info, Transmit.TcpHeaderOffset, 16, 25);
}

static void test_checksum_receive_bits(void **state)
{
    (void)state;
    ASSERT_BITS(checksum_info, Receive.TcpChecksumFailed, 0, 0);
    ASSERT_BITS(checksum_info, Receive.UdpChecksumFailed, 1, 1);
    ASSERT_BITS(checksum_info, Receive.IpChecksumFailed, 2, 2);
    ASSERT_BITS(checksum_info, Receive.TcpChecksumSucceeded, 3, 3);
    ASSERT_BITS(checksum_info, Receive.UdpChecksumSucceeded, 4, 4);
    ASSERT_BITS(checksum_info, Receive.IpChecksumSucceeded, 5, 5);
    ASSERT_BITS(checksum_info, Receive.Loopback, 6, 6);
    ASSERT_BITS(checksum_info, Receive.TcpChecksumValueInvalid, 7, 7);
    ASSERT_BITS(checksum_info, Receive.IpChecksumValueInvalid, 8, 8);
}

static void test_large_send_version_1_bits(void **state)
{
    (void)state;
    ASSERT_BITS(lso_info, LsoV1Transmit.MSS, 0, 19);
    ASSERT_BITS(lso_info, LsoV1Transmit.TcpHeaderOffset, 20, 29);
    ASSERT_BITS(lso_info, LsoV1Transmit.Type, 30, 30);
    ASSERT_BITS(lso_info, LsoV1Transmit.Reserved2, 31, 31);
    ASSERT_BITS(lso_info, LsoV1TransmitComplete.TcpPayload, 0, 29);
    ASSERT_BITS(lso_info, LsoV1TransmitComplete.Type, 30, 30);
    ASSERT_BITS(lso_info, LsoV1TransmitComplete.Reserved2, 31, 31);
}

static void test_large_send_version_2_bits(void **state)
{
    (void)state;
    ASSERT_BITS(lso_info, LsoV2Transmit.MSS, 0, 19);
    ASSERT_BITS(lso_info, LsoV2Transmit.TcpHeaderOffset, 20, 29);
    ASSERT_BITS(lso_info, LsoV2Transmit.Type, 30, 30);
    ASSERT_BITS(lso_info, LsoV2Transmit.IPVersion, 31, 31);
    ASSERT_BITS(lso_info, LsoV2TransmitComplete.Reserved, 0, 29);
    ASSERT_BITS(lso_info, LsoV2TransmitComplete.Type, 30, 30);
    ASSERT_BITS(lso_info, LsoV2TransmitComplete.Reserved2, 31, 31);
    ASSERT_BITS(lso_info, Transmit.Unused, 0, 29);
    ASSERT_BITS(lso_info, Transmit.Type, 30, 30);
    assert_int_equal(NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE, 0);
    assert_int_equal(NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE, 1);
    assert_int_equal(NDIS_TCP_LARGE_SEND_OFFLOAD_IPv4, 0);
    assert_int_equal(NDIS_TCP_LARGE_SEND_OFFLOAD_IPv6, 1);
    assert_int_equal(NDIS_LARGE_SEND_OFFLOAD_MAX_HEADER_LENGTH, 128);
}

static void test_udp_segmentation_bits(void **state)
{
    (void)state;
    ASSERT_BITS(uso_info, Transmit.MSS, 0, 19);
    ASSERT_BITS(uso_info, Transmit.UdpHeaderOffset, 20, 29);
    ASSERT_BITS(uso_info, Transmit.Reserved, 30, 30);
    ASSERT_BITS(uso_info, Transmit.IPVersion, 31, 31);
}

static void test_8021q_bits(void **state)
{
    (void)state;
    ASSERT_BITS(vlan_info, TagHeader.UserPriority, 0, 2);
    ASSERT_BITS(vlan_info, TagHeader.CanonicalFormatId, 3, 3);
    ASSERT_BITS(vlan_info, TagHeader.VlanId, 4, 15);
    ASSERT_BITS(vlan_info, TagHeader.Reserved, 16, 31);
}

static void test_oob_values_fill_one_slot(void **state)
{
    (void)state;
    assert_int_equal(sizeof(checksum_info), sizeof(PVOID));
    assert_int_equal(sizeof(lso_info), sizeof(PVOID));
    assert_int_equal(sizeof(uso_info), sizeof(PVOID));
    assert_int_equal(sizeof(vlan_info), sizeof(PVOID));
    assert_int_equal(sizeof(NDIS_RSC_NBL_INFO), sizeof(PVOID));
    assert_int_equal(sizeof(NDIS_IPSEC_OFFLOAD_V1_NET_BUFFER_LIST_INFO), sizeof(PVOID));
    assert_int_equal(sizeof(NDIS_IPSEC_OFFLOAD_V2_NET_BUFFER_LIST_INFO), sizeof(PVOID));
    assert_int_equal(
        sizeof(NDIS_TCP_SEND_OFFLOADS_SUPPLEMENTAL_NET_BUFFER_LIST_INFO), sizeof(PVOID));
}

static void test_oob_slot_numbers(void **state)
{
    (void)state;
    assert_int_equal(TcpIpChecksumNetBufferListInfo, 0);
    assert_int_equal(TcpOffloadBytesTransferred, 0);
    assert_int_equal(IPsecOffloadV1NetBufferListInfo, 1);
    assert_int_equal(IPsecOffloadV2NetBufferListInfo, 1);
    assert_int_equal(TcpLargeSendNetBufferListInfo, 2);
    assert_int_equal(TcpReceiveNoPush, 2);
    assert_int_equal(ClassificationHandleNetBufferListInfo, 3);
    assert_int_equal(Ieee8021QNetBufferListInfo, 4);
    assert_int_equal(NetBufferListCancelId, 5);
    assert_int_equal(MediaSpecificInformation, 6);
    assert_int_equal(NetBufferListFrameType, 7);
    assert_int_equal(NetBufferListProtocolId, 7);
    assert_int_equal(NetBufferListHashValue, 8);
    assert_int_equal(NetBufferListHashInfo, 9);
    assert_int_equal(WfpNetBufferListInfo, 10);
    assert_int_equal(IPsecOffloadV2TunnelNetBufferListInfo, 11);
    assert_int_equal(IPsecOffloadV2HeaderNetBufferListInfo, 12);
    assert_int_equal(NetBufferListCorrelationId, 13);
    assert_int_equal(NetBufferListFilteringInfo, 14);
    assert_int_equal(MediaSpecificInformationEx, 15);
    assert_int_equal(NblOriginalInterfaceIfIndex, 16);
    assert_int_equal(TcpReceiveBytesTransferred, 17);
    assert_int_equal(TcpRecvSegCoalesceInfo, 22);
    assert_int_equal(UdpSegmentationOffloadInfo, 22);
    assert_int_equal(RscTcpTimestampDelta, 23);
    assert_int_equal(TcpSendOffloadsSupplementalNetBufferListInfo, 23);
}

static void test_checksum_offload_bits(void **state)
{
    (void)state;
    ASSERT_BITS_AT(NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv4Transmit.IpOptionsSupported, 4, 0, 1);
    ASSERT_BITS_AT(NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv4Transmit.TcpOptionsSupported, 4, 2, 3);
    ASSERT_BITS_AT(NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv4Transmit.TcpChecksum, 4, 4, 5);
    ASSERT_BITS_AT(NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv4Transmit.UdpChecksum, 4, 6, 7);
    ASSERT_BITS_AT(NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv4Transmit.IpChecksum, 4, 8, 9);
    ASSERT_BITS_AT(NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv4Receive.IpOptionsSupported, 12, 0, 1);
    ASSERT_BITS_AT(NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv4Receive.TcpOptionsSupported, 12, 2, 3);
    ASSERT_BITS_AT(NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv4Receive.TcpChecksum, 12, 4, 5);
    ASSERT_BITS_AT(NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv4Receive.UdpChecksum, 12, 6, 7);
    ASSERT_BITS_AT(NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv4Receive.IpChecksum, 12, 8, 9);
    ASSERT_BITS_AT(
        NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv6Transmit.IpExtensionHeadersSupported, 20, 0, 1);
    ASSERT_BITS_AT(NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv6Transmit.TcpOptionsSupported, 20, 2, 3);
    ASSERT_BITS_AT(NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv6Transmit.TcpChecksum, 20, 4, 5);
    ASSERT_BITS_AT(NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv6Transmit.UdpChecksum, 20, 6, 7);
    ASSERT_BITS_AT(
        NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv6Receive.IpExtensionHeadersSupported, 28, 0, 1);
    ASSERT_BITS_AT(NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv6Receive.TcpOptionsSupported, 28, 2, 3);
    ASSERT_BITS_AT(NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv6Receive.TcpChecksum, 28, 4, 5);
    ASSERT_BITS_AT(NDIS_TCP_IP_CHECKSUM_OFFLOAD, IPv6Receive.UdpChecksum, 28, 6, 7);
}

static void test_segmentation_and_connection_offload_bits(void **state)
{
    (void)state;
    ASSERT_BITS_AT(NDIS_TCP_LARGE_SEND_OFFLOAD_V1, IPv4.TcpOptions, 12, 0, 1);
    ASSERT_BITS_AT(NDIS_TCP_LARGE_SEND_OFFLOAD_V1, IPv4.IpOptions, 12, 2, 3);
    ASSERT_BITS_AT(NDIS_TCP_LARGE_SEND_OFFLOAD_V2, IPv6.IpExtensionHeadersSupported, 24, 0, 1);
    ASSERT_BITS_AT(NDIS_TCP_LARGE_SEND_OFFLOAD_V2, IPv6.TcpOptionsSupported, 24, 2, 3);
    ASSERT_BITS_AT(NDIS_UDP_SEGMENTATION_OFFLOAD, IPv4.MinSegmentCount, 8, 0, 5);
    ASSERT_BITS_AT(NDIS_UDP_SEGMENTATION_OFFLOAD, IPv4.SubMssFinalSegmentSupported, 8, 6, 6);
    ASSERT_BITS_AT(NDIS_UDP_SEGMENTATION_OFFLOAD, IPv6.IpExtensionHeadersSupported, 24, 0, 1);
    ASSERT_BITS_AT(NDIS_TCP_CONNECTION_OFFLOAD, SupportIPv4, 8, 0, 1);
    ASSERT_BITS_AT(NDIS_TCP_CONNECTION_OFFLOAD, SupportIPv6, 8, 2, 3);
    ASSERT_BITS_AT(NDIS_TCP_CONNECTION_OFFLOAD, SupportIPv6ExtensionHeaders, 8, 4, 5);
    ASSERT_BITS_AT(NDIS_TCP_CONNECTION_OFFLOAD, SupportSack, 8, 6, 7);
}

static void test_offload_layout(void **state)
{
    (void)state;
    assert_int_equal(offsetof(NDIS_OFFLOAD, Checksum), 4);
    assert_int_equal(offsetof(NDIS_OFFLOAD, LsoV1), 36);
    assert_int_equal(offsetof(NDIS_OFFLOAD, IPsecV1), 52);
    assert_int_equal(offsetof(NDIS_OFFLOAD, LsoV2), 80);
    assert_int_equal(offsetof(NDIS_OFFLOAD, Flags), 108);
    assert_int_equal(offsetof(NDIS_OFFLOAD, IPsecV2), 112);
    assert_int_equal(offsetof(NDIS_OFFLOAD, Rsc), 144);
    assert_int_equal(offsetof(NDIS_OFFLOAD, EncapsulatedPacketTaskOffloadGre), 148);
    assert_int_equal(NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1, 112);
    assert_int_equal(NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_2, 144);
    assert_int_equal(NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_3, 156);
    assert_int_equal(NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_4, 177);
    assert_int_equal(NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_5, 188);
    assert_int_equal(NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_6, 216);
    assert_int_equal(sizeof(NDIS_TCP_IP_CHECKSUM_OFFLOAD), 32);
    assert_int_equal(sizeof(NDIS_TCP_LARGE_SEND_OFFLOAD_V1), 16);
    assert_int_equal(sizeof(NDIS_IPSEC_OFFLOAD_V1), 28);
    assert_int_equal(sizeof(NDIS_TCP_LARGE_SEND_OFFLOAD_V2), 28);
    assert_int_equal(sizeof(NDIS_IPSEC_OFFLOAD_V2), 32);
    assert_int_equal(sizeof(NDIS_TCP_RECV_SEG_COALESCE_OFFLOAD), 2);
    assert_int_equal(sizeof(NDIS_ENCAPSULATED_PACKET_TASK_OFFLOAD), 8);
    assert_int_equal(sizeof(NDIS_ENCAPSULATED_PACKET_TASK_OFFLOAD_V2), 20);
    assert_int_equal(sizeof(NDIS_UDP_SEGMENTATION_OFFLOAD), 28);
}

static void test_offload_parameters_layout(void **state)
{
    (void)state;
    assert_int_equal(offsetof(NDIS_OFFLOAD_PARAMETERS, IPv4Checksum), 4);
    assert_int_equal(offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv4Checksum), 5);
    assert_int_equal(offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv4Checksum), 6);
    assert_int_equal(offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv6Checksum), 7);
    assert_int_equal(offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv6Checksum), 8);
    assert_int_equal(offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV1), 9);
    assert_int_equal(offsetof(NDIS_OFFLOAD_PARAMETERS, IPsecV1), 10);
    assert_int_equal(offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv4), 11);
    assert_int_equal(offsetof(NDIS_OFFLOAD_PARAMETERS, LsoV2IPv6), 12);
    assert_int_equal(offsetof(NDIS_OFFLOAD_PARAMETERS, TcpConnectionIPv4), 13);
    assert_int_equal(offsetof(NDIS_OFFLOAD_PARAMETERS, TcpConnectionIPv6), 14);
    assert_int_equal(offsetof(NDIS_OFFLOAD_PARAMETERS, Flags), 16);
    assert_int_equal(NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1, 20);
    assert_int_equal(NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_2, 22);
    assert_int_equal(NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_3, 26);
    assert_int_equal(NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_4, 32);
    assert_int_equal(NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_5, 34);
}

static void test_sizes_of_revisions(void **state)
{
    (void)state;
    assert_int_equal(NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1, 28);
    assert_int_equal(sizeof(NDIS_OFFLOAD_ENCAPSULATION), 28);
    assert_int_equal(NDIS_SIZEOF_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1, 40);
    assert_int_equal(NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_REVISION_1, 20);
    assert_int_equal(NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_REVISION_2, 20);
    assert_int_equal(sizeof(NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS), 60);
    assert_int_equal(NDIS_SIZEOF_STATUS_INDICATION_REVISION_1, 112);
    assert_int_equal(sizeof(NDIS_STATUS_INDICATION), 112);
    assert_int_equal(NDIS_SIZEOF_OID_REQUEST_REVISION_1, 236);
    assert_int_equal(NDIS_SIZEOF_OID_REQUEST_REVISION_2, 248);
    assert_int_equal(NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1, 28);
    assert_int_equal(NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2, 224);
    assert_int_equal(NDIS_SIZEOF_NDIS_WMI_OFFLOAD_REVISION_1, 224);
    assert_int_equal(NDIS_SIZEOF_NDIS_WMI_OFFLOAD_REVISION_2, 256);
    assert_int_equal(NDIS_SIZEOF_NDIS_WMI_OFFLOAD_REVISION_3, 268);
    assert_int_equal(NDIS_SIZEOF_NDIS_WMI_TCP_CONNECTION_OFFLOAD_REVISION_1, 32);
    assert_int_equal(sizeof(NDIS_WMI_SET_HEADER), 32);
    assert_int_equal(sizeof(NDIS_WMI_METHOD_HEADER), 32);
    assert_int_equal(sizeof(NDIS_WMI_EVENT_HEADER), 40);
    assert_int_equal(sizeof(NDIS_LINK_STATE), 40);
    assert_int_equal(sizeof(NDIS_RSC_STATISTICS_INFO), 40);
    assert_int_equal(sizeof(NDIS_STATISTICS_INFO), 152);
    assert_int_equal(NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_1, 28);
    assert_int_equal(NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_2, 40);
    assert_int_equal(NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_3, 44);
}

static void test_net_buffer_layout(void **state)
{
    (void)state;
    assert_int_equal(offsetof(NET_BUFFER, CurrentMdlOffset), 16);
    assert_int_equal(offsetof(NET_BUFFER, DataLength), 24);
    assert_int_equal(offsetof(NET_BUFFER, MdlChain), 32);
    assert_int_equal(offsetof(NET_BUFFER, DataOffset), 40);
    assert_int_equal(sizeof(NET_BUFFER), 176);
    assert_int_equal(offsetof(NET_BUFFER_LIST, NetBufferListInfo), 144);
    assert_int_equal(offsetof(NET_BUFFER_LIST, NetBufferListInfo[Ieee8021QNetBufferListInfo]),
        offsetof(NET_BUFFER_LIST, NetBufferListInfo) + 32);
    assert_int_equal(offsetof(NET_BUFFER, NdisReserved) % MEMORY_ALLOCATION_ALIGNMENT, 0);
    assert_int_equal(offsetof(NET_BUFFER_LIST, ProtocolReserved) % MEMORY_ALLOCATION_ALIGNMENT, 0);
    assert_int_equal(sizeof(NET_BUFFER_LIST_CONTEXT) % MEMORY_ALLOCATION_ALIGNMENT, 0);
}

static void test_administrator_guids(void **state)
{
    static const GUID parameters = {
        0x8ead9a22, 0x7f69, 0x4bc6, {0x94, 0x9a, 0xc8, 0x18, 0x7b, 0x07, 0x4e, 0x61}};
    static const GUID current = {
        0x45049fc6, 0x54d8, 0x40c8, {0x9c, 0x3d, 0xb0, 0x11, 0xc4, 0xe7, 0x15, 0xbc}};

    (void)state;
    assert_true(IsEqualGUID(&GUID_NDIS_TCP_OFFLOAD_PARAMETERS, &parameters));
    assert_true(IsEqualGUID(&GUID_NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &current));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checksum_transmit_bits),
        cmocka_unit_test(test_checksum_receive_bits),
        cmocka_unit_test(test_large_send_version_1_bits),
        cmocka_unit_test(test_large_send_version_2_bits),
        cmocka_unit_test(test_udp_segmentation_bits),
        cmocka_unit_test(test_8021q_bits),
        cmocka_unit_test(test_oob_values_fill_one_slot),
        cmocka_unit_test(test_oob_slot_numbers),
        cmocka_unit_test(test_checksum_offload_bits),
        cmocka_unit_test(test_segmentation_and_connection_offload_bits),
        cmocka_unit_test(test_offload_layout),
        cmocka_unit_test(test_offload_parameters_layout),
        cmocka_unit_test(test_sizes_of_revisions),
        cmocka_unit_test(test_net_buffer_layout),
        cmocka_unit_test(test_administrator_guids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
