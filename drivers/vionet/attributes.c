/* SPDX-License-Identifier: MIT */
/* What the adapter tells NDIS at initialize: general and offload attributes; and what the registry
 * tells the adapter. */
#include "vionet.h"

enum { JUMBO_MIN = 1514 };

const NDIS_OID vionet_oids[] = {
    OID_GEN_SUPPORTED_LIST,
    OID_GEN_HARDWARE_STATUS,
    OID_GEN_MAXIMUM_LOOKAHEAD,
    OID_GEN_CURRENT_LOOKAHEAD,
    OID_GEN_MAXIMUM_FRAME_SIZE,
    OID_GEN_MAXIMUM_TOTAL_SIZE,
    OID_GEN_TRANSMIT_BUFFER_SPACE,
    OID_GEN_RECEIVE_BUFFER_SPACE,
    OID_GEN_TRANSMIT_BLOCK_SIZE,
    OID_GEN_RECEIVE_BLOCK_SIZE,
    OID_GEN_VENDOR_ID,
    OID_GEN_VENDOR_DESCRIPTION,
    OID_GEN_VENDOR_DRIVER_VERSION,
    OID_GEN_DRIVER_VERSION,
    OID_GEN_CURRENT_PACKET_FILTER,
    OID_GEN_MAC_OPTIONS,
    OID_GEN_XMIT_OK,
    OID_GEN_RCV_OK,
    OID_GEN_XMIT_ERROR,
    OID_GEN_RCV_ERROR,
    OID_GEN_RCV_NO_BUFFER,
    OID_GEN_STATISTICS,
    OID_GEN_INTERRUPT_MODERATION,
    OID_GEN_VLAN_ID,
    OID_802_3_PERMANENT_ADDRESS,
    OID_802_3_CURRENT_ADDRESS,
    OID_802_3_MULTICAST_LIST,
    OID_802_3_MAXIMUM_LIST_SIZE,
    OID_PNP_SET_POWER,
    OID_PNP_QUERY_POWER,
    OID_OFFLOAD_ENCAPSULATION,
    OID_TCP_OFFLOAD_PARAMETERS,
};
const ULONG vionet_oids_bytes = sizeof vionet_oids;

/* ---- Registry ------------------------------------------------------------------------------- */

static const struct keyword {
    NDIS_STRING name;
    ULONG max;
} keywords[VIONET_KEYWORDS] = {
    {NDIS_STRING_CONST("*IPChecksumOffloadIPv4"), 3},
    {NDIS_STRING_CONST("*TCPChecksumOffloadIPv4"), 3},
    {NDIS_STRING_CONST("*UDPChecksumOffloadIPv4"), 3},
    {NDIS_STRING_CONST("*TCPChecksumOffloadIPv6"), 3},
    {NDIS_STRING_CONST("*UDPChecksumOffloadIPv6"), 3},
    {NDIS_STRING_CONST("*LsoV2IPv4"), 1},
    {NDIS_STRING_CONST("*LsoV2IPv6"), 1},
    {NDIS_STRING_CONST("*LsoV1IPv4"), 1}, /* not in the INF: KEY-9 */
};

/* FALSE: absent, unreadable or beyond max (KEY-20, KEY-21). */
static BOOLEAN read_number(NDIS_HANDLE config, NDIS_STRING name, ULONG max, ULONG *v)
{
    PNDIS_CONFIGURATION_PARAMETER p;
    NDIS_STATUS status;

    NdisReadConfiguration(&status, &p, config, &name, NdisParameterInteger);
    if (status != NDIS_STATUS_SUCCESS || p->ParameterType != NdisParameterInteger ||
        p->ParameterData.IntegerData > max)
        return FALSE;
    *v = p->ParameterData.IntegerData;
    return TRUE;
}

/* Default is "on". A keyword of its own wins over that of its group (KEY-12). */
static void read_offloads(struct vionet_adapter *a, NDIS_HANDLE config)
{
    static const NDIS_STRING all4 = NDIS_STRING_CONST("*TCPUDPChecksumOffloadIPv4");
    static const NDIS_STRING all6 = NDIS_STRING_CONST("*TCPUDPChecksumOffloadIPv6");
    UCHAR *value = a->offload.value;
    ULONG v;

    if (read_number(config, all4, 3, &v))
        value[VIONET_IP4] = value[VIONET_TCP4] = value[VIONET_UDP4] = (UCHAR)v;
    if (read_number(config, all6, 3, &v))
        value[VIONET_TCP6] = value[VIONET_UDP6] = (UCHAR)v;
    for (ULONG i = 0; i < VIONET_KEYWORDS; i++) {
        if (read_number(config, keywords[i].name, keywords[i].max, &v))
            value[i] = (UCHAR)v;
    }
}

/* *JumboPacket has the Ethernet header in it, and cannot ask for more than the card takes. */
static void read_sizes(struct vionet_adapter *a, NDIS_HANDLE config)
{
    static const NDIS_STRING receive = NDIS_STRING_CONST("*ReceiveBuffers");
    static const NDIS_STRING transmit = NDIS_STRING_CONST("*TransmitBuffers");
    static const NDIS_STRING jumbo = NDIS_STRING_CONST("*JumboPacket");
    ULONG v;

    read_number(config, receive, VIONET_QUEUE_MAX, &a->rx_buffers);
    read_number(config, transmit, VIONET_QUEUE_MAX, &a->tx_buffers);
    if (read_number(config, jumbo, VIONET_MAX_MTU + VIONET_ETH_HEADER, &v)) {
        if (v < JUMBO_MIN)
            v = JUMBO_MIN;
        if (a->mtu > v - VIONET_ETH_HEADER)
            a->mtu = v - VIONET_ETH_HEADER;
    }
}

static void read_tagging(struct vionet_adapter *a, NDIS_HANDLE config)
{
    static const NDIS_STRING tag = NDIS_STRING_CONST("*PriorityVLANTag");
    static const NDIS_STRING vlan = NDIS_STRING_CONST("VlanId");
    ULONG v;

    if (read_number(config, tag, VIONET_TAG_PRIORITY | VIONET_TAG_VLAN, &v))
        a->tagging = (UCHAR)v;
    if ((a->tagging & VIONET_TAG_VLAN) && read_number(config, vlan, VIONET_VLAN_MAX, &v))
        InterlockedExchange(&a->vlan_id, (LONG)v);
}

/* An administrator's address: locally administered unicast only. */
static void read_address(struct vionet_adapter *a, NDIS_HANDLE config)
{
    NDIS_STATUS status;
    PVOID address;
    UINT bytes;

    if (!vionet_has(a, VIRTIO_NET_F_CTRL_MAC_ADDR))
        return; /* the card knows its own address only */
    NdisReadNetworkAddress(&status, &address, &bytes, config);
    if (status == NDIS_STATUS_SUCCESS && bytes == 6 && (((PUCHAR)address)[0] & 3) == 2)
        NdisMoveMemory(a->mac, address, 6);
}

void vionet_read_configuration(struct vionet_adapter *a)
{
    NDIS_CONFIGURATION_OBJECT o;
    NDIS_HANDLE config;

    NdisZeroMemory(&o, sizeof o);
    o.Header.Type = NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT;
    o.Header.Revision = NDIS_CONFIGURATION_OBJECT_REVISION_1;
    o.Header.Size = NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1;
    o.NdisHandle = a->handle;
    a->tagging = VIONET_TAG_PRIORITY | VIONET_TAG_VLAN;
    a->rx_buffers = a->tx_buffers = VIONET_QUEUE_MAX;
    if (NdisOpenConfigurationEx(&o, &config) == NDIS_STATUS_SUCCESS) {
        read_offloads(a, config);
        read_sizes(a, config);
        read_tagging(a, config);
        read_address(a, config);
        NdisCloseConfiguration(config);
    }
    vionet_offload_update(a);
}

/* ---- Attributes ----------------------------------------------------------------------------- */

ULONG vionet_mac_options(const struct vionet_adapter *a)
{
    return NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA | NDIS_MAC_OPTION_TRANSFERS_NOT_PEND |
           NDIS_MAC_OPTION_NO_LOOPBACK |
           (a->tagging & VIONET_TAG_PRIORITY ? NDIS_MAC_OPTION_8021P_PRIORITY : 0) |
           (a->tagging & VIONET_TAG_VLAN ? NDIS_MAC_OPTION_8021Q_VLAN : 0);
}

static NDIS_STATUS set_general(struct vionet_adapter *a)
{
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES g;
    NDIS_PNP_CAPABILITIES power;
    ULONG64 speed = VIONET_LINK_SPEED_GBIT * 1000000000ull;

    NdisZeroMemory(&power, sizeof power);
    NdisZeroMemory(&g, sizeof g);
    g.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES;
    g.Header.Revision = NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_1;
    g.Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_1;
    g.MediaType = NdisMedium802_3;
    g.PhysicalMediumType = NdisPhysicalMedium802_3;
    g.MtuSize = a->mtu;
    g.MaxXmitLinkSpeed = g.MaxRcvLinkSpeed = speed;
    g.XmitLinkSpeed = g.RcvLinkSpeed = a->link_up ? speed : NDIS_LINK_SPEED_UNKNOWN;
    g.MediaConnectState = a->link_up ? MediaConnectStateConnected : MediaConnectStateDisconnected;
    g.MediaDuplexState = MediaDuplexStateFull;
    g.LookaheadSize = a->lookahead = a->mtu;
    g.PowerManagementCapabilities = &power;
    g.MacOptions = vionet_mac_options(a);
    g.SupportedPacketFilters = vionet_filters(a);
    g.MaxMulticastListSize = VIONET_MULTICAST_MAX;
    g.MacAddressLength = 6;
    NdisMoveMemory(g.PermanentMacAddress, a->permanent_mac, 6);
    NdisMoveMemory(g.CurrentMacAddress, a->mac, 6);
    g.AccessType = NET_IF_ACCESS_BROADCAST;
    g.DirectionType = NET_IF_DIRECTION_SENDRECEIVE;
    g.ConnectionType = NET_IF_CONNECTION_DEDICATED;
    g.IfType = IF_TYPE_ETHERNET_CSMACD;
    g.IfConnectorPresent = TRUE;
    g.SupportedStatistics = VIONET_STATISTICS;
    g.SupportedOidList = (PNDIS_OID)(ULONG_PTR)vionet_oids;
    g.SupportedOidListLength = vionet_oids_bytes;
    return NdisMSetMiniportAttributes(a->handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&g);
}

static NDIS_STATUS set_offload(struct vionet_adapter *a)
{
    NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES o;
    NDIS_OFFLOAD current, hardware;

    vionet_offload_describe(a, FALSE, &current);
    vionet_offload_describe(a, TRUE, &hardware);
    NdisZeroMemory(&o, sizeof o);
    o.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES;
    o.Header.Revision = NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1;
    o.Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1;
    o.DefaultOffloadConfiguration = &current;
    o.HardwareOffloadCapabilities = &hardware;
    return NdisMSetMiniportAttributes(a->handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&o);
}

NDIS_STATUS vionet_set_attributes(struct vionet_adapter *a)
{
    NDIS_STATUS status = set_general(a);

    return status == NDIS_STATUS_SUCCESS ? set_offload(a) : status;
}
