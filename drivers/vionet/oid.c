/* SPDX-License-Identifier: MIT */
/* OID requests: queries of what the adapter is and has counted, sets of filter, addresses, power
 * and offload. All are answered at once. */
#include "vionet.h"

enum { VENDOR_ID = 0x00ffffff, UNICAST = 0, MULTICAST = 1, BROADCAST = 2 };

static const UCHAR broadcast_address[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const char vendor_description[] = "Longshore virtio network adapter";

/* ---- Packet filter -------------------------------------------------------------------------- */

static BOOLEAN in_multicast_list(const struct vionet_adapter *a, const UCHAR *destination)
{
    for (ULONG i = 0; i < a->multicast_count; i++) {
        if (NdisEqualMemory(a->multicast[i], destination, 6))
            return TRUE;
    }
    return FALSE;
}

BOOLEAN vionet_filter_wants(const struct vionet_adapter *a, const UCHAR *destination)
{
    ULONG f = a->packet_filter;

    if (f & NDIS_PACKET_TYPE_PROMISCUOUS)
        return TRUE;
    if (!(destination[0] & 1))
        return (f & NDIS_PACKET_TYPE_DIRECTED) && NdisEqualMemory(a->mac, destination, 6);
    if (NdisEqualMemory(destination, broadcast_address, 6))
        return (f & NDIS_PACKET_TYPE_BROADCAST) != 0;
    if (f & NDIS_PACKET_TYPE_ALL_MULTICAST)
        return TRUE;
    return (f & NDIS_PACKET_TYPE_MULTICAST) && in_multicast_list(a, destination);
}

/* Other cards' frames come only to a card that can be told so. */
ULONG vionet_filters(const struct vionet_adapter *a)
{
    return NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_MULTICAST | NDIS_PACKET_TYPE_ALL_MULTICAST |
           NDIS_PACKET_TYPE_BROADCAST |
           (vionet_has(a, VIRTIO_NET_F_CTRL_RX) ? NDIS_PACKET_TYPE_PROMISCUOUS : 0);
}

/* ---- Queries -------------------------------------------------------------------------------- */

static NDIS_STATUS answer(NDIS_OID_REQUEST *r, const void *data, ULONG bytes)
{
    if (r->DATA.QUERY_INFORMATION.InformationBufferLength < bytes) {
        r->DATA.QUERY_INFORMATION.BytesNeeded = bytes;
        return NDIS_STATUS_BUFFER_TOO_SHORT;
    }
    NdisMoveMemory(r->DATA.QUERY_INFORMATION.InformationBuffer, data, bytes);
    r->DATA.QUERY_INFORMATION.BytesWritten = bytes;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS answer_ulong(NDIS_OID_REQUEST *r, ULONG v)
{
    return answer(r, &v, sizeof v);
}

/* Counters are asked for in four or eight bytes. */
static NDIS_STATUS answer_counter(NDIS_OID_REQUEST *r, ULONG64 v)
{
    ULONG low = (ULONG)v;

    if (r->DATA.QUERY_INFORMATION.InformationBufferLength >= sizeof v)
        return answer(r, &v, sizeof v);
    r->DATA.QUERY_INFORMATION.BytesNeeded = sizeof v;
    return answer(r, &low, sizeof low);
}

static ULONG64 sum(const ULONG64 v[3])
{
    return v[UNICAST] + v[MULTICAST] + v[BROADCAST];
}

/* Each side counts under its own lock. */
static void read_statistics(struct vionet_adapter *a, struct vionet_statistics *s)
{
    NdisAcquireSpinLock(&a->tx.lock);
    s->tx = a->statistics.tx;
    NdisReleaseSpinLock(&a->tx.lock);
    NdisAcquireSpinLock(&a->rx.lock);
    s->rx = a->statistics.rx;
    NdisReleaseSpinLock(&a->rx.lock);
}

static NDIS_STATUS answer_statistics(const struct vionet_statistics *s, NDIS_OID_REQUEST *r)
{
    NDIS_STATISTICS_INFO i;

    NdisZeroMemory(&i, sizeof i);
    i.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    i.Header.Revision = NDIS_STATISTICS_INFO_REVISION_1;
    i.Header.Size = NDIS_SIZEOF_STATISTICS_INFO_REVISION_1;
    i.SupportedStatistics = VIONET_STATISTICS;
    i.ifInErrors = s->rx.errors;
    i.ifHCInOctets = sum(s->rx.bytes);
    i.ifHCInUcastPkts = s->rx.frames[UNICAST];
    i.ifHCInMulticastPkts = s->rx.frames[MULTICAST];
    i.ifHCInBroadcastPkts = s->rx.frames[BROADCAST];
    i.ifHCOutOctets = sum(s->tx.bytes);
    i.ifHCOutUcastPkts = s->tx.frames[UNICAST];
    i.ifHCOutMulticastPkts = s->tx.frames[MULTICAST];
    i.ifHCOutBroadcastPkts = s->tx.frames[BROADCAST];
    i.ifOutErrors = s->tx.errors;
    i.ifOutDiscards = s->tx.discards;
    i.ifHCInUcastOctets = s->rx.bytes[UNICAST];
    i.ifHCInMulticastOctets = s->rx.bytes[MULTICAST];
    i.ifHCInBroadcastOctets = s->rx.bytes[BROADCAST];
    i.ifHCOutUcastOctets = s->tx.bytes[UNICAST];
    i.ifHCOutMulticastOctets = s->tx.bytes[MULTICAST];
    i.ifHCOutBroadcastOctets = s->tx.bytes[BROADCAST];
    return answer(r, &i, NDIS_SIZEOF_STATISTICS_INFO_REVISION_1);
}

static NDIS_STATUS answer_moderation(NDIS_OID_REQUEST *r)
{
    NDIS_INTERRUPT_MODERATION_PARAMETERS m;

    NdisZeroMemory(&m, sizeof m);
    m.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    m.Header.Revision = NDIS_INTERRUPT_MODERATION_PARAMETERS_REVISION_1;
    m.Header.Size = NDIS_SIZEOF_INTERRUPT_MODERATION_PARAMETERS_REVISION_1;
    m.InterruptModeration = NdisInterruptModerationNotSupported;
    return answer(r, &m, NDIS_SIZEOF_INTERRUPT_MODERATION_PARAMETERS_REVISION_1);
}

static NDIS_STATUS query_identity(struct vionet_adapter *a, NDIS_OID_REQUEST *r)
{
    switch (r->DATA.QUERY_INFORMATION.Oid) {
    case OID_GEN_SUPPORTED_LIST:
        return answer(r, vionet_oids, vionet_oids_bytes);
    case OID_GEN_HARDWARE_STATUS:
        return answer_ulong(r, vionet_removed(a) ? NdisHardwareStatusNotReady
                                                 : NdisHardwareStatusReady);
    case OID_GEN_VENDOR_ID:
        return answer_ulong(r, VENDOR_ID); /* no assigned number */
    case OID_GEN_VENDOR_DESCRIPTION:
        return answer(r, vendor_description, sizeof vendor_description);
    case OID_GEN_VENDOR_DRIVER_VERSION:
        return answer_ulong(r, (VIONET_MAJOR_VERSION << 16) | VIONET_MINOR_VERSION);
    case OID_GEN_DRIVER_VERSION: {
        USHORT v = (NDIS_MINIPORT_MAJOR_VERSION << 8) | NDIS_MINIPORT_MINOR_VERSION;

        return answer(r, &v, sizeof v);
    }
    case OID_GEN_MAC_OPTIONS:
        return answer_ulong(r, vionet_mac_options(a));
    case OID_802_3_PERMANENT_ADDRESS:
        return answer(r, a->permanent_mac, 6);
    case OID_802_3_CURRENT_ADDRESS:
        return answer(r, a->mac, 6);
    case OID_802_3_MULTICAST_LIST:
        return answer(r, a->multicast, a->multicast_count * 6);
    case OID_802_3_MAXIMUM_LIST_SIZE:
        return answer_ulong(r, VIONET_MULTICAST_MAX);
    case OID_PNP_QUERY_POWER:
        r->DATA.QUERY_INFORMATION.BytesWritten = 0;
        return NDIS_STATUS_SUCCESS; /* the card can go to any state at any time */
    default:
        return NDIS_STATUS_NOT_SUPPORTED;
    }
}

static NDIS_STATUS query_counters(struct vionet_adapter *a, NDIS_OID_REQUEST *r)
{
    struct vionet_statistics s;

    read_statistics(a, &s);
    switch (r->DATA.QUERY_INFORMATION.Oid) {
    case OID_GEN_XMIT_OK:
        return answer_counter(r, sum(s.tx.frames));
    case OID_GEN_RCV_OK:
        return answer_counter(r, sum(s.rx.frames));
    case OID_GEN_XMIT_ERROR:
        return answer_counter(r, s.tx.errors);
    case OID_GEN_RCV_ERROR:
        return answer_counter(r, s.rx.errors);
    case OID_GEN_RCV_NO_BUFFER: /* the card drops those unseen, and does not say how many */
        return answer_counter(r, 0);
    case OID_GEN_STATISTICS:
        return answer_statistics(&s, r);
    default:
        return NDIS_STATUS_NOT_SUPPORTED;
    }
}

static NDIS_STATUS query(struct vionet_adapter *a, NDIS_OID_REQUEST *r)
{
    ULONG total = a->mtu + VIONET_ETH_HEADER;

    switch (r->DATA.QUERY_INFORMATION.Oid) {
    case OID_GEN_MAXIMUM_LOOKAHEAD:
    case OID_GEN_MAXIMUM_FRAME_SIZE:
        return answer_ulong(r, a->mtu);
    case OID_GEN_CURRENT_LOOKAHEAD:
        return answer_ulong(r, a->lookahead);
    case OID_GEN_MAXIMUM_TOTAL_SIZE:
    case OID_GEN_TRANSMIT_BLOCK_SIZE:
    case OID_GEN_RECEIVE_BLOCK_SIZE:
        return answer_ulong(r, total);
    case OID_GEN_TRANSMIT_BUFFER_SPACE:
        return answer_ulong(r, total * a->tx.request_count);
    case OID_GEN_RECEIVE_BUFFER_SPACE:
        return answer_ulong(r, total * a->rx.buffer_count);
    case OID_GEN_CURRENT_PACKET_FILTER:
        return answer_ulong(r, a->packet_filter);
    case OID_GEN_XMIT_OK:
    case OID_GEN_RCV_OK:
    case OID_GEN_XMIT_ERROR:
    case OID_GEN_RCV_ERROR:
    case OID_GEN_RCV_NO_BUFFER:
    case OID_GEN_STATISTICS:
        return query_counters(a, r);
    case OID_GEN_INTERRUPT_MODERATION:
        return answer_moderation(r);
    case OID_GEN_VLAN_ID:
        return a->tagging & VIONET_TAG_VLAN ? answer_ulong(r, vionet_vlan(a))
                                            : NDIS_STATUS_NOT_SUPPORTED;
    default:
        return query_identity(a, r);
    }
}

/* ---- Sets ----------------------------------------------------------------------------------- */

/* A ULONG out of the request; otherwise the status that says why not. */
static NDIS_STATUS take_ulong(NDIS_OID_REQUEST *r, ULONG *v)
{
    if (r->DATA.SET_INFORMATION.InformationBufferLength < sizeof *v) {
        r->DATA.SET_INFORMATION.BytesNeeded = sizeof *v;
        return NDIS_STATUS_INVALID_LENGTH;
    }
    NdisMoveMemory(v, r->DATA.SET_INFORMATION.InformationBuffer, sizeof *v);
    r->DATA.SET_INFORMATION.BytesRead = sizeof *v;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS set_filter(struct vionet_adapter *a, NDIS_OID_REQUEST *r)
{
    ULONG filter;
    NDIS_STATUS status = take_ulong(r, &filter);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (filter & ~vionet_filters(a))
        return NDIS_STATUS_NOT_SUPPORTED;
    NdisAcquireSpinLock(&a->rx.lock);
    a->packet_filter = filter;
    NdisReleaseSpinLock(&a->rx.lock);
    return vionet_ctrl_filter(a);
}

static NDIS_STATUS set_lookahead(struct vionet_adapter *a, NDIS_OID_REQUEST *r)
{
    ULONG lookahead;
    NDIS_STATUS status = take_ulong(r, &lookahead);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (lookahead > a->mtu)
        return NDIS_STATUS_INVALID_DATA;
    a->lookahead = lookahead; /* frames are always whole */
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS set_vlan(struct vionet_adapter *a, NDIS_OID_REQUEST *r)
{
    ULONG vlan;
    NDIS_STATUS status =
        a->tagging & VIONET_TAG_VLAN ? take_ulong(r, &vlan) : NDIS_STATUS_NOT_SUPPORTED;

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (vlan > VIONET_VLAN_MAX)
        return NDIS_STATUS_INVALID_DATA;
    InterlockedExchange(&a->vlan_id, (LONG)vlan);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS set_multicast(struct vionet_adapter *a, NDIS_OID_REQUEST *r)
{
    ULONG bytes = r->DATA.SET_INFORMATION.InformationBufferLength;

    if (bytes % 6 != 0) {
        r->DATA.SET_INFORMATION.BytesNeeded = bytes / 6 * 6 + 6;
        return NDIS_STATUS_INVALID_LENGTH;
    }
    if (bytes > sizeof a->multicast) {
        r->DATA.SET_INFORMATION.BytesNeeded = sizeof a->multicast;
        return NDIS_STATUS_MULTICAST_FULL;
    }
    NdisAcquireSpinLock(&a->rx.lock);
    NdisMoveMemory(a->multicast, r->DATA.SET_INFORMATION.InformationBuffer, bytes);
    a->multicast_count = bytes / 6;
    NdisReleaseSpinLock(&a->rx.lock);
    r->DATA.SET_INFORMATION.BytesRead = bytes;
    return vionet_ctrl_filter(a);
}

static NDIS_STATUS set_power(struct vionet_adapter *a, NDIS_OID_REQUEST *r)
{
    ULONG state;
    NDIS_STATUS status = take_ulong(r, &state);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (state < NdisDeviceStateD0 || state > NdisDeviceStateD3)
        return NDIS_STATUS_INVALID_DATA;
    if (state == NdisDeviceStateD0 && a->power != NdisDeviceStateD0) {
        status = vionet_pci_negotiate(a);
        if (status == NDIS_STATUS_SUCCESS)
            status = vionet_device_start(a);
        if (status == NDIS_STATUS_SUCCESS)
            status = vionet_ctrl_mac(a);
        if (status == NDIS_STATUS_SUCCESS)
            status = vionet_ctrl_filter(a);
    } else if (state != NdisDeviceStateD0 && a->power == NdisDeviceStateD0) {
        vionet_device_stop(a, NDIS_STATUS_FAILURE);
    }
    if (status == NDIS_STATUS_SUCCESS)
        a->power = (NDIS_DEVICE_POWER_STATE)state;
    return status;
}

static NDIS_STATUS set(struct vionet_adapter *a, NDIS_OID_REQUEST *r)
{
    switch (r->DATA.SET_INFORMATION.Oid) {
    case OID_GEN_CURRENT_PACKET_FILTER:
        return set_filter(a, r);
    case OID_GEN_CURRENT_LOOKAHEAD:
        return set_lookahead(a, r);
    case OID_802_3_MULTICAST_LIST:
        return set_multicast(a, r);
    case OID_PNP_SET_POWER:
        return set_power(a, r);
    case OID_GEN_INTERRUPT_MODERATION:
        return NDIS_STATUS_INVALID_DATA; /* the card moderates by event index, always */
    case OID_GEN_VLAN_ID:
        return set_vlan(a, r);
    case OID_OFFLOAD_ENCAPSULATION:
        return vionet_offload_encapsulation(a, r);
    case OID_TCP_OFFLOAD_PARAMETERS:
        return vionet_offload_parameters(a, r);
    default:
        return NDIS_STATUS_NOT_SUPPORTED;
    }
}

NDIS_STATUS NTAPI VionetOidRequest(NDIS_HANDLE MiniportAdapterContext, PNDIS_OID_REQUEST OidRequest)
{
    struct vionet_adapter *a = MiniportAdapterContext;

    if (vionet_removed(a))
        return NDIS_STATUS_NOT_ACCEPTED;
    switch (OidRequest->RequestType) {
    case NdisRequestQueryInformation:
    case NdisRequestQueryStatistics:
        return query(a, OidRequest);
    case NdisRequestSetInformation:
        return set(a, OidRequest);
    default:
        return NDIS_STATUS_NOT_SUPPORTED;
    }
}

/* No request is ever left pending. */
VOID NTAPI VionetCancelOidRequest(NDIS_HANDLE MiniportAdapterContext, PVOID RequestId)
{
    UNREFERENCED_PARAMETER(MiniportAdapterContext);
    UNREFERENCED_PARAMETER(RequestId);
}
