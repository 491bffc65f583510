/* SPDX-License-Identifier: MIT */
/* Reports that contradict themselves or the rules. A change is made in every view alike where it
 * must not look like a configuration beyond the hardware. */
#include "fault.h"

static bool large_listed(const NDIS_OFFLOAD *o)
{
    return o->LsoV1.IPv4.Encapsulation || o->LsoV2.IPv4.Encapsulation ||
           o->LsoV2.IPv6.Encapsulation;
}

static NDIS_STATUS NTAPI set_attributes_alone(NDIS_HANDLE handle,
                                              PNDIS_MINIPORT_ADAPTER_ATTRIBUTES attributes)
{
    const NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES *o = (const void *)attributes;

    if (o->Header.Type == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES &&
        o->HardwareOffloadCapabilities && !large_listed(o->HardwareOffloadCapabilities) &&
        o->HardwareOffloadCapabilities->Checksum.IPv4Transmit.Encapsulation)
        return NDIS_STATUS_FAILURE;
    return NdisMSetMiniportAttributes(handle, attributes);
}
FAULT("CAP-1", no_checksums_alone, "the adapter does not start without large send",
      .maybe = "SEC-1,SEC-5",
      .imports = {{"NdisMSetMiniportAttributes", (void *)set_attributes_alone}});

static void lso1_without_ip(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    memset(&o->LsoV2.IPv4, 0, sizeof o->LsoV2.IPv4);
    o->Checksum.IPv4Transmit.IpChecksum = 0;
}
FAULT("CAP-2", lso1_without_ip_checksum, "LSOv1 is listed without the IPv4 header checksum",
      .maybe = "PAR,KEY,LSO2-3", .offload = lso1_without_ip);

static void lso2_without_ip(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    memset(&o->LsoV1, 0, sizeof o->LsoV1);
    o->Checksum.IPv4Transmit.IpChecksum = 0;
}
FAULT("CAP-3", lso2_without_ip_checksum, "LSOv2 IPv4 is listed without the IPv4 header checksum",
      .maybe = "PAR,KEY", .offload = lso2_without_ip);

static void lso2_without_tcp6(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    o->Checksum.IPv6Transmit.TcpChecksum = 0;
    o->Checksum.IPv6Transmit.TcpOptionsSupported = 0;
    o->Checksum.IPv6Transmit.IpExtensionHeadersSupported = 0;
    if (!o->Checksum.IPv6Transmit.UdpChecksum)
        o->Checksum.IPv6Transmit.Encapsulation = 0;
}
FAULT("CAP-3", lso2_without_tcp6_checksum, "LSOv2 IPv6 is listed without the TCP checksum",
      .maybe = "PAR,KEY", .offload = lso2_without_tcp6);

static NDIS_STATUS NTAPI couple_lso(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    const NDIS_OFFLOAD_PARAMETERS *p = q->DATA.SET_INFORMATION.InformationBuffer;

    if (q->RequestType == NdisRequestSetInformation &&
        q->DATA.SET_INFORMATION.Oid == OID_TCP_OFFLOAD_PARAMETERS &&
        p->TCPIPv4Checksum == NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED &&
        p->LsoV2IPv4 == NDIS_OFFLOAD_PARAMETERS_LSOV2_ENABLED)
        return NDIS_STATUS_INVALID_DATA;
    return driver.OidRequestHandler(context, q);
}
static void install_couple_lso(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->OidRequestHandler = couple_lso;
}
FAULT("CAP-4", lso_needs_checksum_on, "LSO on with the TCP checksum off is refused",
      .maybe = "PAR,SEC-8", .handlers = install_couple_lso);

static void size_stays(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    if (!o->LsoV2.IPv6.Encapsulation)
        o->LsoV2.IPv6.MaxOffLoadSize = 60000;
}
FAULT("CAP-6", size_stays_when_off, "LSOv2 IPv6 keeps its MaxOffLoadSize when it is off",
      .maybe = "PAR,KEY", .offload = size_stays);

static void not_ethernet(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    o->LsoV2.IPv6.Encapsulation &= ~(ULONG)NDIS_ENCAPSULATION_IEEE_802_3;
}
FAULT("CAP-7", lso_without_ethernet, "LSOv2 IPv6 is listed for tagged frames only",
      .maybe = "LSO2-3", .offload = not_ethernet);

static void frames_without_feature(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    if (!o->Checksum.IPv4Receive.Encapsulation)
        o->Checksum.IPv4Receive.Encapsulation = NDIS_ENCAPSULATION_IEEE_802_3;
}
FAULT("CAP-8", encapsulation_stays, "IPv4Receive.Encapsulation stays when all of it is off",
      .also = "CAP-6", .maybe = "PAR,KEY,ENC-19", .offload = frames_without_feature);

static void options_without_checksum(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    if (!o->Checksum.IPv6Receive.Encapsulation)
        o->Checksum.IPv6Receive.TcpOptionsSupported = 1;
}
FAULT("CAP-8", options_stay, "IPv6Receive.TcpOptionsSupported stays when all of it is off",
      .also = "CAP-6", .maybe = "PAR,KEY", .offload = options_without_checksum);

static void unknown_bit(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    if (o->Checksum.IPv4Transmit.Encapsulation)
        o->Checksum.IPv4Transmit.Encapsulation |= 0x20;
}
FAULT("CAP-9", undefined_bit, "Encapsulation has bit 0x20", .offload = unknown_bit);

static void no_tags(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    o->LsoV1.IPv4.Encapsulation &= ~(ULONG)(NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q |
                                            NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB);
}
FAULT("CAP-12", lso1_without_tags, "LSOv1 is listed for frames without tags only",
      .offload = no_tags);

static void no_ip_options(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    o->Checksum.IPv4Transmit.IpOptionsSupported = 0;
}
FAULT("CAP-14", no_ip_options_listed, "the TCP checksum is listed without IP options",
      .maybe = "PAR,KEY", .offload = no_ip_options);

static void no_extensions(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    o->Checksum.IPv6Receive.IpExtensionHeadersSupported = 0;
}
FAULT("CAP-15", no_extensions_listed, "the TCP checksum is listed without extension headers",
      .maybe = "PAR,KEY,RXC-14", .offload = no_extensions);

static void udp_with_tcp(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    if (!o->Checksum.IPv4Transmit.TcpChecksum)
        o->Checksum.IPv4Transmit.UdpChecksum = 0;
    if (!o->Checksum.IPv4Transmit.UdpChecksum && !o->Checksum.IPv4Transmit.IpChecksum)
        o->Checksum.IPv4Transmit.Encapsulation = 0;
}
FAULT("CAP-16", udp_follows_tcp, "without the TCP checksum there is no UDP checksum",
      .maybe = "PAR,KEY", .offload = udp_with_tcp);

static void off_is_2(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    if (o->Checksum.IPv4Transmit.TcpOptionsSupported)
        o->Checksum.IPv4Transmit.TcpOptionsSupported = NDIS_OFFLOAD_SET_OFF;
}
FAULT("CAP-17", two_in_the_attributes, "a feature reads 2 in the attribute blocks",
      .maybe = "PAR,KEY", .offload = off_is_2);

static void three(NDIS_OFFLOAD *o, enum fault_view view)
{
    if (view == FAULT_INDICATED && o->Checksum.IPv6Receive.TcpOptionsSupported)
        o->Checksum.IPv6Receive.TcpOptionsSupported = 3;
}
FAULT("CAP-17", three_indicated, "a feature reads 3 in indications", .maybe = "ENC,PAR,RXC-14",
      .offload = three);

static void beyond_64k(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    if (o->LsoV1.IPv4.Encapsulation)
        o->LsoV1.IPv4.MaxOffLoadSize = 65537;
}
FAULT("CAP-18", lso1_beyond_64k, "LSOv1 MaxOffLoadSize is 65537", .maybe = "LSO1",
      .offload = beyond_64k);

static void size_zero(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    o->LsoV1.IPv4.MaxOffLoadSize = 0;
}
FAULT("CAP-18", lso1_of_nothing, "LSOv1 is listed with MaxOffLoadSize 0", .maybe = "LSO1",
      .offload = size_zero);

static void lso1_no_options(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    o->LsoV1.IPv4.TcpOptions = 0;
}
FAULT("CAP-19", lso1_options_unlisted, "LSOv1 is listed without TCP options", .maybe = "PAR,KEY",
      .offload = lso1_no_options);

static void lso2_zero(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    o->LsoV2.IPv4.MaxOffLoadSize = 0;
}
FAULT("CAP-20", lso2_of_nothing, "LSOv2 IPv4 is listed with MaxOffLoadSize 0",
      .maybe = "LSO1,LSO2,KEY-9", .offload = lso2_zero);

static void lso2_no_extensions(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    o->LsoV2.IPv6.IpExtensionHeadersSupported = 0;
}
FAULT("CAP-21", lso2_extensions_unlisted, "LSOv2 IPv6 is listed without extension headers",
      .maybe = "PAR,KEY", .offload = lso2_no_extensions);

static void no_minimum(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    o->LsoV1.IPv4.MinSegmentCount = 0;
}
FAULT("CAP-22", lso1_min_segments_0, "LSOv1 MinSegmentCount is 0", .offload = no_minimum);

static void lso2_only(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    memset(&o->LsoV1, 0, sizeof o->LsoV1);
}
FAULT("CAP-23", lso2_alone, "LSOv2 is listed and LSOv1 is not", .maybe = "PAR,KEY", .strict = true,
      .offload = lso2_only);
