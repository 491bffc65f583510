/* SPDX-License-Identifier: MIT */
/* OID requests of the software miniport: what every NDIS 6.0 Ethernet miniport must answer. */
#include "soft.h"

const NDIS_OID soft_oids[] = {
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
    OID_802_3_PERMANENT_ADDRESS,
    OID_802_3_CURRENT_ADDRESS,
    OID_802_3_MULTICAST_LIST,
    OID_802_3_MAXIMUM_LIST_SIZE,
    OID_PNP_SET_POWER,
    OID_PNP_QUERY_POWER,
#if SOFT_CLAIMS
    OID_OFFLOAD_ENCAPSULATION,
    OID_TCP_OFFLOAD_PARAMETERS,
#endif
};
const ULONG soft_oids_bytes = sizeof soft_oids;

static const char vendor_description[] = "Longshore software miniport";

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

/* Four bytes or eight, as the caller has room for. */
static NDIS_STATUS answer_counter(NDIS_OID_REQUEST *r, ULONG64 v)
{
    if (r->DATA.QUERY_INFORMATION.InformationBufferLength >= sizeof v)
        return answer(r, &v, sizeof v);
    r->DATA.QUERY_INFORMATION.BytesNeeded = sizeof v;
    return answer_ulong(r, (ULONG)v);
}

static NDIS_STATUS answer_statistics(struct soft_adapter *a, NDIS_OID_REQUEST *r)
{
    NDIS_STATISTICS_INFO i;

    NdisZeroMemory(&i, sizeof i);
    i.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    i.Header.Revision = NDIS_STATISTICS_INFO_REVISION_1;
    i.Header.Size = NDIS_SIZEOF_STATISTICS_INFO_REVISION_1;
    i.SupportedStatistics = SOFT_STATISTICS;
    NdisAcquireSpinLock(&a->lock);
    i.ifHCOutUcastPkts = a->frames;
    i.ifHCOutOctets = a->bytes;
    NdisReleaseSpinLock(&a->lock);
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

static NDIS_STATUS query_fixed(NDIS_OID_REQUEST *r)
{
    static const USHORT version = (NDIS_MINIPORT_MAJOR_VERSION << 8) | NDIS_MINIPORT_MINOR_VERSION;

    switch (r->DATA.QUERY_INFORMATION.Oid) {
    case OID_GEN_SUPPORTED_LIST:
        return answer(r, soft_oids, sizeof soft_oids);
    case OID_GEN_HARDWARE_STATUS:
        return answer_ulong(r, NdisHardwareStatusReady);
    case OID_GEN_MAXIMUM_LOOKAHEAD:
    case OID_GEN_MAXIMUM_FRAME_SIZE:
        return answer_ulong(r, SOFT_MTU);
    case OID_GEN_MAXIMUM_TOTAL_SIZE:
    case OID_GEN_TRANSMIT_BLOCK_SIZE:
    case OID_GEN_RECEIVE_BLOCK_SIZE:
    case OID_GEN_TRANSMIT_BUFFER_SPACE:
    case OID_GEN_RECEIVE_BUFFER_SPACE:
        return answer_ulong(r, SOFT_MTU + SOFT_HEADER);
    case OID_GEN_VENDOR_ID:
        return answer_ulong(r, 0x00ffffff); /* no assigned number */
    case OID_GEN_VENDOR_DESCRIPTION:
        return answer(r, vendor_description, sizeof vendor_description);
    case OID_GEN_VENDOR_DRIVER_VERSION:
        return answer_ulong(r, 1 << 16);
    case OID_GEN_DRIVER_VERSION:
        return answer(r, &version, sizeof version);
    case OID_GEN_MAC_OPTIONS:
        return answer_ulong(r, SOFT_MAC_OPTIONS);
    case OID_GEN_INTERRUPT_MODERATION:
        return answer_moderation(r);
    case OID_802_3_PERMANENT_ADDRESS:
    case OID_802_3_CURRENT_ADDRESS:
        return answer(r, soft_mac, 6);
    case OID_802_3_MAXIMUM_LIST_SIZE:
        return answer_ulong(r, SOFT_MULTICAST_MAX);
    case OID_PNP_QUERY_POWER:
        return NDIS_STATUS_SUCCESS;
    default:
        return NDIS_STATUS_NOT_SUPPORTED;
    }
}

static NDIS_STATUS query(struct soft_adapter *a, NDIS_OID_REQUEST *r)
{
    ULONG64 frames;

    switch (r->DATA.QUERY_INFORMATION.Oid) {
    case OID_GEN_CURRENT_LOOKAHEAD:
        return answer_ulong(r, a->lookahead);
    case OID_GEN_CURRENT_PACKET_FILTER:
        return answer_ulong(r, a->filter);
    case OID_802_3_MULTICAST_LIST:
        return answer(r, a->multicast, a->multicast_count * 6);
    case OID_GEN_XMIT_OK:
        NdisAcquireSpinLock(&a->lock);
        frames = a->frames;
        NdisReleaseSpinLock(&a->lock);
        return answer_counter(r, frames);
    case OID_GEN_RCV_OK:
    case OID_GEN_XMIT_ERROR:
    case OID_GEN_RCV_ERROR:
    case OID_GEN_RCV_NO_BUFFER:
        return answer_counter(r, 0);
    case OID_GEN_STATISTICS:
        return answer_statistics(a, r);
    default:
        return query_fixed(r);
    }
}

/* ---- Sets ----------------------------------------------------------------------------------- */

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

static NDIS_STATUS set_multicast(struct soft_adapter *a, NDIS_OID_REQUEST *r)
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
    NdisMoveMemory(a->multicast, r->DATA.SET_INFORMATION.InformationBuffer, bytes);
    a->multicast_count = bytes / 6;
    r->DATA.SET_INFORMATION.BytesRead = bytes;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS set(struct soft_adapter *a, NDIS_OID_REQUEST *r)
{
    NDIS_STATUS status;
    ULONG v;

    switch (r->DATA.SET_INFORMATION.Oid) {
    case OID_GEN_CURRENT_PACKET_FILTER:
        status = take_ulong(r, &v);
        if (status == NDIS_STATUS_SUCCESS && (v & ~(ULONG)SOFT_FILTERS))
            return NDIS_STATUS_NOT_SUPPORTED;
        if (status == NDIS_STATUS_SUCCESS)
            a->filter = v;
        return status;
    case OID_GEN_CURRENT_LOOKAHEAD:
        status = take_ulong(r, &v);
        if (status == NDIS_STATUS_SUCCESS && v > SOFT_MTU)
            return NDIS_STATUS_INVALID_DATA;
        if (status == NDIS_STATUS_SUCCESS)
            a->lookahead = v;
        return status;
    case OID_802_3_MULTICAST_LIST:
        return set_multicast(a, r);
    case OID_PNP_SET_POWER:
        status = take_ulong(r, &v);
        if (status == NDIS_STATUS_SUCCESS && (v < NdisDeviceStateD0 || v > NdisDeviceStateD3))
            return NDIS_STATUS_INVALID_DATA;
        return status;
    case OID_GEN_INTERRUPT_MODERATION:
        return NDIS_STATUS_INVALID_DATA; /* there is no interrupt */
    case OID_OFFLOAD_ENCAPSULATION:
    case OID_TCP_OFFLOAD_PARAMETERS:
        r->DATA.SET_INFORMATION.BytesRead = r->DATA.SET_INFORMATION.InformationBufferLength;
        return SOFT_CLAIMS ? NDIS_STATUS_SUCCESS : NDIS_STATUS_NOT_SUPPORTED;
    default:
        return NDIS_STATUS_NOT_SUPPORTED;
    }
}

/* NDIS sends one request at a time. */
NDIS_STATUS NTAPI SoftOidRequest(NDIS_HANDLE MiniportAdapterContext, PNDIS_OID_REQUEST OidRequest)
{
    struct soft_adapter *a = MiniportAdapterContext;

    if (soft_errs(SOFT_AT_OID))
        return NDIS_STATUS_FAILURE;
    if (soft_is(&a->removed))
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

VOID NTAPI SoftCancelOidRequest(NDIS_HANDLE MiniportAdapterContext, PVOID RequestId)
{
    UNREFERENCED_PARAMETER(MiniportAdapterContext);
    UNREFERENCED_PARAMETER(RequestId);
}
