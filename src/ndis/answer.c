/* SPDX-License-Identifier: MIT */
/*
 * Requests that NDIS answers in the miniport's place, from the attributes it registered and the
 * indications it made ("NDIS OIDs" pages: those that a miniport of NDIS 6 need not handle;
 * CFG-1..6, ENC-20, CON-4, CON-9).
 */
#include "ndis/private.h"

static NDIS_STATUS copy_out(NDIS_OID_REQUEST *r, const void *data, ULONG bytes)
{
    if (r->DATA.QUERY_INFORMATION.InformationBufferLength < bytes ||
        (bytes && !r->DATA.QUERY_INFORMATION.InformationBuffer)) {
        r->DATA.QUERY_INFORMATION.BytesWritten = 0;
        r->DATA.QUERY_INFORMATION.BytesNeeded = bytes;
        return NDIS_STATUS_BUFFER_TOO_SHORT;
    }
    if (bytes)
        memcpy(r->DATA.QUERY_INFORMATION.InformationBuffer, data, bytes);
    r->DATA.QUERY_INFORMATION.BytesWritten = bytes;
    r->DATA.QUERY_INFORMATION.BytesNeeded = 0;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS number(NDIS_OID_REQUEST *r, ULONG value)
{
    return copy_out(r, &value, sizeof(value));
}

static NDIS_STATUS offload_view(struct ndis_adapter *a, NDIS_OID_REQUEST *r, bool hardware)
{
    struct ndis_offload_state s;
    const NDIS_OFFLOAD *o = hardware ? &s.hardware : &s.current;

    ndis_adapter_offload(a, &s);
    if (!s.present)
        return NDIS_STATUS_NOT_SUPPORTED;
    r->SupportedRevision = o->Header.Revision;
    return copy_out(r, o, o->Header.Size);
}

static NDIS_STATUS connection_view(struct ndis_adapter *a, NDIS_OID_REQUEST *r, bool hardware)
{
    NDIS_TCP_CONNECTION_OFFLOAD c;

    if (!ndis_connection_view(a, hardware, &c))
        return NDIS_STATUS_NOT_SUPPORTED;
    r->SupportedRevision = c.Header.Revision;
    return copy_out(r, &c, c.Header.Size);
}

static NDIS_STATUS encapsulation_view(struct ndis_adapter *a, NDIS_OID_REQUEST *r)
{
    NDIS_OFFLOAD_ENCAPSULATION e;
    bool set;

    pthread_spin_lock(&a->lock);
    e = a->encapsulation;
    set = a->encapsulation_set;
    pthread_spin_unlock(&a->lock);
    r->SupportedRevision = NDIS_OFFLOAD_ENCAPSULATION_REVISION_1;
    return set ? copy_out(r, &e, sizeof(e)) : NDIS_STATUS_INVALID_STATE; /* ENC-21 */
}

static NDIS_STATUS connection_parameters_view(struct ndis_adapter *a, NDIS_OID_REQUEST *r)
{
    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS p;
    NDIS_TCP_CONNECTION_OFFLOAD c;
    ULONG bytes;

    if (!ndis_connection_view(a, true, &c))
        return NDIS_STATUS_NOT_SUPPORTED;
    bytes = ndis_connection_parameters(a, &p);
    if (!bytes)
        return NDIS_STATUS_INVALID_STATE;
    r->SupportedRevision = p.Header.Revision;
    return copy_out(r, &p, bytes);
}

static NDIS_STATUS link_view(struct ndis_adapter *a, NDIS_OID_REQUEST *r, NDIS_OID oid)
{
    NDIS_LINK_STATE l;

    pthread_spin_lock(&a->lock);
    l = a->link;
    pthread_spin_unlock(&a->lock);
    switch (oid) {
    case OID_GEN_LINK_STATE:
        return copy_out(r, &l, NDIS_SIZEOF_LINK_STATE_REVISION_1);
    case OID_GEN_MEDIA_CONNECT_STATUS:
        return number(r, l.MediaConnectState == MediaConnectStateConnected
                             ? NdisMediaStateConnected
                             : NdisMediaStateDisconnected);
    default: /* OID_GEN_LINK_SPEED: units of 100 bit/s */
        return number(r, (ULONG)MIN_OF(l.XmitLinkSpeed / 100, (ULONG64)0xffffffff));
    }
}

static NDIS_STATUS multicast_view(struct ndis_adapter *a, struct ndis_binding *from,
                                  NDIS_OID_REQUEST *r)
{
    UCHAR list[32][6];
    ULONG count;

    if (!from)
        return copy_out(r, NULL, 0);
    pthread_spin_lock(&a->lock);
    count = from->multicast_count;
    memcpy(list, from->multicast, sizeof(list));
    pthread_spin_unlock(&a->lock);
    return copy_out(r, list, count * 6);
}

static NDIS_STATUS filter_view(struct ndis_adapter *a, struct ndis_binding *from,
                               NDIS_OID_REQUEST *r)
{
    return number(r, from ? atomic_load(&from->packet_filter) : atomic_load(&a->packet_filter));
}

static NDIS_STATUS lookahead_view(struct ndis_adapter *a, struct ndis_binding *from,
                                  NDIS_OID_REQUEST *r)
{
    ULONG own = from ? from->lookahead : a->lookahead_set;

    return number(r, own ? own : a->general.LookaheadSize);
}

static NDIS_STATUS rss_view(struct ndis_adapter *a, NDIS_OID_REQUEST *r)
{
    const NDIS_RECEIVE_SCALE_CAPABILITIES *c = a->general.RecvScaleCapabilities;

    return c ? copy_out(r, c, c->Header.Size) : NDIS_STATUS_NOT_SUPPORTED;
}

static NDIS_STATUS version_view(struct ndis_adapter *a, NDIS_OID_REQUEST *r)
{
    USHORT version =
        (USHORT)(a->driver->chars.MajorNdisVersion << 8 | a->driver->chars.MinorNdisVersion);

    return copy_out(r, &version, sizeof(version));
}

static bool answer_query(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *r,
                         NDIS_STATUS *status)
{
    const NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES *g = &a->general;
    NDIS_OID oid = r->DATA.QUERY_INFORMATION.Oid;

    switch (oid) {
    case OID_GEN_SUPPORTED_LIST:
        *status =
            copy_out(r, a->supported_oids, (ULONG)(a->supported_oid_count * sizeof(NDIS_OID)));
        return true;
    case OID_GEN_MEDIA_SUPPORTED:
    case OID_GEN_MEDIA_IN_USE:
        *status = number(r, (ULONG)g->MediaType);
        return true;
    case OID_GEN_PHYSICAL_MEDIUM:
    case OID_GEN_PHYSICAL_MEDIUM_EX:
        *status = number(r, (ULONG)g->PhysicalMediumType);
        return true;
    case OID_GEN_MAXIMUM_LOOKAHEAD:
        *status = number(r, g->LookaheadSize);
        return true;
    case OID_GEN_MAXIMUM_FRAME_SIZE:
        *status = number(r, g->MtuSize);
        return true;
    case OID_GEN_MAC_OPTIONS:
        *status = number(r, g->MacOptions);
        return true;
    case OID_GEN_LINK_STATE:
    case OID_GEN_LINK_SPEED:
    case OID_GEN_MEDIA_CONNECT_STATUS:
        *status = link_view(a, r, oid);
        return true;
    case OID_GEN_CURRENT_PACKET_FILTER:
        *status = filter_view(a, from, r);
        return true;
    case OID_GEN_CURRENT_LOOKAHEAD:
        *status = lookahead_view(a, from, r);
        return true;
    case OID_GEN_DRIVER_VERSION:
        *status = version_view(a, r);
        return true;
    case OID_GEN_RECEIVE_SCALE_CAPABILITIES:
        *status = rss_view(a, r);
        return true;
    case OID_802_3_PERMANENT_ADDRESS:
        *status = copy_out(r, g->PermanentMacAddress, g->MacAddressLength);
        return true;
    case OID_802_3_CURRENT_ADDRESS:
        *status = copy_out(r, g->CurrentMacAddress, g->MacAddressLength);
        return true;
    case OID_802_3_MAXIMUM_LIST_SIZE:
        *status = number(r, g->MaxMulticastListSize);
        return true;
    case OID_802_3_MULTICAST_LIST:
        *status = multicast_view(a, from, r);
        return true;
    case OID_TCP_OFFLOAD_CURRENT_CONFIG:
    case OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES:
        *status = offload_view(a, r, oid == OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES);
        return true;
    case OID_TCP_CONNECTION_OFFLOAD_CURRENT_CONFIG:
    case OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES:
        *status = connection_view(a, r, oid == OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES);
        return true;
    case OID_TCP_CONNECTION_OFFLOAD_PARAMETERS:
        *status = connection_parameters_view(a, r);
        return true;
    case OID_OFFLOAD_ENCAPSULATION:
        *status = encapsulation_view(a, r);
        return true;
    case OID_TCP_OFFLOAD_PARAMETERS: /* PAR-2 */
    case OID_TCP_TASK_OFFLOAD:       /* INIT-24 */
        *status = NDIS_STATUS_NOT_SUPPORTED;
        return true;
    default:
        return false;
    }
}

static bool answer_set(NDIS_OID_REQUEST *r, NDIS_STATUS *status)
{
    switch (r->DATA.SET_INFORMATION.Oid) {
    case OID_GEN_PROTOCOL_OPTIONS: /* between protocol and NDIS */
        r->DATA.SET_INFORMATION.BytesRead = r->DATA.SET_INFORMATION.InformationBufferLength;
        *status = NDIS_STATUS_SUCCESS;
        return true;
    case OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES:
        *status = NDIS_STATUS_NOT_SUPPORTED;
        return ndis_strict_; /* CON-5; else turned into a set of the parameters (CON-6) */
    case OID_TCP_OFFLOAD_CURRENT_CONFIG: /* CFG-3 */
    case OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES:
    case OID_TCP_CONNECTION_OFFLOAD_CURRENT_CONFIG:
    case OID_TCP_TASK_OFFLOAD:
    case OID_GEN_SUPPORTED_LIST:
    case OID_GEN_MAXIMUM_LOOKAHEAD:
    case OID_GEN_MAXIMUM_FRAME_SIZE:
    case OID_GEN_MAC_OPTIONS:
    case OID_GEN_LINK_STATE:
    case OID_802_3_PERMANENT_ADDRESS:
    case OID_802_3_CURRENT_ADDRESS:
    case OID_802_3_MAXIMUM_LIST_SIZE:
        *status = NDIS_STATUS_NOT_SUPPORTED;
        return true;
    default:
        return false;
    }
}

bool ndis_answer(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *r,
                 NDIS_STATUS *status)
{
    switch (r->RequestType) {
    case NdisRequestQueryInformation:
    case NdisRequestQueryStatistics:
        return answer_query(a, from, r, status);
    case NdisRequestSetInformation:
        return answer_set(r, status);
    default:
        return false;
    }
}
