/* SPDX-License-Identifier: MIT */
/* What the team answers of itself, and its judgement of sets: no member is asked here. */
#include "team.h"

enum { VENDOR_ID = 0x00ffffff, RCV_OK = 3, XMIT_OK = 7, RCV_ERROR = 1, XMIT_ERROR = 10 };

static const char vendor_description[] = "Longshore team adapter";

const NDIS_OID team_oids[] = {
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
    OID_802_3_PERMANENT_ADDRESS,
    OID_802_3_CURRENT_ADDRESS,
    OID_802_3_MULTICAST_LIST,
    OID_802_3_MAXIMUM_LIST_SIZE,
    OID_PNP_SET_POWER,
    OID_PNP_QUERY_POWER,
    OID_OFFLOAD_ENCAPSULATION,
    OID_TCP_OFFLOAD_PARAMETERS,
};
const ULONG team_oids_bytes = sizeof team_oids;

/* ---- Answers -------------------------------------------------------------------------------- */

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

static NDIS_STATUS answer_statistics(NDIS_OID_REQUEST *r, const ULONG64 *counted, ULONG valid)
{
    NDIS_STATISTICS_INFO i;

    NdisZeroMemory(&i, sizeof i);
    i.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    i.Header.Revision = NDIS_STATISTICS_INFO_REVISION_1;
    i.Header.Size = NDIS_SIZEOF_STATISTICS_INFO_REVISION_1;
    i.SupportedStatistics = valid;
    NdisMoveMemory(&i.ifInDiscards, counted, TEAM_COUNTERS * sizeof *counted);
    return answer(r, &i, NDIS_SIZEOF_STATISTICS_INFO_REVISION_1);
}

BOOLEAN team_oid_is_counter(NDIS_OID oid)
{
    return oid == OID_GEN_STATISTICS || oid == OID_GEN_XMIT_OK || oid == OID_GEN_RCV_OK ||
           oid == OID_GEN_XMIT_ERROR || oid == OID_GEN_RCV_ERROR;
}

/* Frames are unicast, multicast, broadcast. */
NDIS_STATUS team_answer_counters(NDIS_OID_REQUEST *r, const ULONG64 *counted, ULONG valid)
{
    switch (team_oid_of(r)) {
    case OID_GEN_STATISTICS:
        return answer_statistics(r, counted, valid);
    case OID_GEN_RCV_OK:
        return answer_counter(r, counted[RCV_OK] + counted[RCV_OK + 1] + counted[RCV_OK + 2]);
    case OID_GEN_XMIT_OK:
        return answer_counter(r, counted[XMIT_OK] + counted[XMIT_OK + 1] + counted[XMIT_OK + 2]);
    case OID_GEN_RCV_ERROR:
        return answer_counter(r, counted[RCV_ERROR]);
    default:
        return answer_counter(r, counted[XMIT_ERROR]);
    }
}

static NDIS_STATUS query_power(NDIS_OID_REQUEST *r)
{
    r->DATA.QUERY_INFORMATION.BytesWritten = r->DATA.QUERY_INFORMATION.InformationBufferLength;
    return NDIS_STATUS_SUCCESS;
}

BOOLEAN team_answer(struct team *t, NDIS_OID_REQUEST *r, NDIS_STATUS *status)
{
    switch (team_oid_of(r)) {
    case OID_GEN_HARDWARE_STATUS:
        *status = answer_ulong(r, NdisHardwareStatusReady);
        return TRUE;
    case OID_GEN_MAXIMUM_TOTAL_SIZE:
    case OID_GEN_TRANSMIT_BLOCK_SIZE:
    case OID_GEN_RECEIVE_BLOCK_SIZE:
        *status = answer_ulong(r, t->mtu + TEAM_ETH_HEADER);
        return TRUE;
    case OID_GEN_RCV_NO_BUFFER: /* the team has no buffers of its own */
        *status = answer_counter(r, 0);
        return TRUE;
    case OID_GEN_VENDOR_ID:
        *status = answer_ulong(r, VENDOR_ID);
        return TRUE;
    case OID_GEN_VENDOR_DESCRIPTION:
        *status = answer(r, vendor_description, sizeof vendor_description);
        return TRUE;
    case OID_GEN_VENDOR_DRIVER_VERSION:
        *status = answer_ulong(r, TEAM_MAJOR_VERSION << 16 | TEAM_MINOR_VERSION);
        return TRUE;
    case OID_PNP_QUERY_POWER:
        *status = query_power(r);
        return TRUE;
    default:
        return FALSE;
    }
}

/* ---- Sets: judging -------------------------------------------------------------------------- */

NDIS_STATUS team_take(NDIS_OID_REQUEST *r, PVOID to, ULONG bytes)
{
    if (r->DATA.SET_INFORMATION.InformationBufferLength < bytes ||
        !r->DATA.SET_INFORMATION.InformationBuffer) {
        r->DATA.SET_INFORMATION.BytesNeeded = bytes;
        return NDIS_STATUS_INVALID_LENGTH;
    }
    NdisMoveMemory(to, r->DATA.SET_INFORMATION.InformationBuffer, bytes);
    return NDIS_STATUS_SUCCESS;
}

/* The same with a header; type as documented for it. */
static NDIS_STATUS take_object(NDIS_OID_REQUEST *r, PVOID to, ULONG bytes, UCHAR type)
{
    NDIS_STATUS status = team_take(r, to, bytes);
    const NDIS_OBJECT_HEADER *h = to;

    if (status == NDIS_STATUS_SUCCESS &&
        (h->Type != type || h->Revision == 0 || h->Size < bytes ||
         h->Size > r->DATA.SET_INFORMATION.InformationBufferLength))
        return NDIS_STATUS_INVALID_DATA;
    return status;
}

static NDIS_STATUS want_multicast(NDIS_OID_REQUEST *r, struct team_settings *w)
{
    ULONG bytes = r->DATA.SET_INFORMATION.InformationBufferLength;

    if (bytes % 6 != 0) {
        r->DATA.SET_INFORMATION.BytesNeeded = bytes / 6 * 6 + 6;
        return NDIS_STATUS_INVALID_LENGTH;
    }
    if (bytes > sizeof w->multicast) {
        r->DATA.SET_INFORMATION.BytesNeeded = sizeof w->multicast;
        return NDIS_STATUS_MULTICAST_FULL;
    }
    NdisMoveMemory(w->multicast, r->DATA.SET_INFORMATION.InformationBuffer, bytes);
    w->multicast_count = bytes / 6;
    return NDIS_STATUS_SUCCESS;
}

static BOOLEAN anybody_offers(const struct team *t)
{
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        if (t->member[i].state == TEAM_JOINED && team_offload_any(&t->member[i].hardware))
            return TRUE;
    }
    return FALSE;
}

static NDIS_STATUS want_parameters(const struct team *t, NDIS_OID_REQUEST *r,
                                   struct team_settings *w)
{
    NDIS_OFFLOAD_PARAMETERS p;
    NDIS_STATUS status;

    if (!anybody_offers(t))
        return NDIS_STATUS_NOT_SUPPORTED;
    status =
        take_object(r, &p, NDIS_SIZEOF_OFFLOAD_PARAMETERS_REVISION_1, NDIS_OBJECT_TYPE_DEFAULT);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    return team_offload_parameters(&w->parameters, &p, &t->report.hardware)
               ? NDIS_STATUS_SUCCESS
               : NDIS_STATUS_INVALID_DATA;
}

/* A family that is left alone stays as it is; what types there are members know. */
static NDIS_STATUS want_encapsulation(const struct team *t, NDIS_OID_REQUEST *r,
                                      struct team_settings *w)
{
    NDIS_OFFLOAD_ENCAPSULATION e;
    NDIS_STATUS status;

    if (!team_offload_any(&t->report.hardware))
        return NDIS_STATUS_NOT_SUPPORTED;
    status = take_object(r, &e, NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1,
                         NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (e.IPv4.Enabled > NDIS_OFFLOAD_SET_OFF || e.IPv6.Enabled > NDIS_OFFLOAD_SET_OFF)
        return NDIS_STATUS_INVALID_DATA;
    if (e.IPv4.Enabled != NDIS_OFFLOAD_SET_NO_CHANGE)
        NdisMoveMemory(&w->encapsulation.IPv4, &e.IPv4, sizeof e.IPv4);
    if (e.IPv6.Enabled != NDIS_OFFLOAD_SET_NO_CHANGE)
        NdisMoveMemory(&w->encapsulation.IPv6, &e.IPv6, sizeof e.IPv6);
    return NDIS_STATUS_SUCCESS;
}

/* Under the lock. The new settings, or why not. */
NDIS_STATUS team_want(const struct team *t, NDIS_OID_REQUEST *r, struct team_settings *w)
{
    NDIS_STATUS status;

    *w = t->settings;
    switch (team_oid_of(r)) {
    case OID_GEN_CURRENT_PACKET_FILTER:
        status = team_take(r, &w->filter, sizeof w->filter);
        return status == NDIS_STATUS_SUCCESS && (w->filter & ~t->filters)
                   ? NDIS_STATUS_NOT_SUPPORTED
                   : status;
    case OID_GEN_CURRENT_LOOKAHEAD:
        status = team_take(r, &w->lookahead, sizeof w->lookahead);
        return status == NDIS_STATUS_SUCCESS && w->lookahead > t->mtu ? NDIS_STATUS_INVALID_DATA
                                                                      : status;
    case OID_802_3_MULTICAST_LIST:
        return want_multicast(r, w);
    case OID_TCP_OFFLOAD_PARAMETERS:
        return want_parameters(t, r, w);
    case OID_OFFLOAD_ENCAPSULATION:
        return want_encapsulation(t, r, w);
    default:
        return NDIS_STATUS_NOT_SUPPORTED;
    }
}
