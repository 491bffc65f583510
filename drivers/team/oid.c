/* SPDX-License-Identifier: MIT */
/*
 * Requests from above: answered here, or made of every member's answer.
 *
 * NDIS hands us one at a time. A set, and a query of counters, goes to all Joined members as clones
 * of the request, each with a value made for that member; when the last one has answered, the
 * request ends. A set that a member in use refuses is taken back from those that accepted it. Other
 * queries about hardware go to the preferred member as they are.
 */
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

static NDIS_OID oid_of(const NDIS_OID_REQUEST *r)
{
    return r->DATA.QUERY_INFORMATION.Oid;
}

static BOOLEAN is_set(const NDIS_OID_REQUEST *r)
{
    return r->RequestType == NdisRequestSetInformation;
}

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

static BOOLEAN is_counter(NDIS_OID oid)
{
    return oid == OID_GEN_STATISTICS || oid == OID_GEN_XMIT_OK || oid == OID_GEN_RCV_OK ||
           oid == OID_GEN_XMIT_ERROR || oid == OID_GEN_RCV_ERROR;
}

/* counted: in the order of NDIS_STATISTICS_INFO; frames are unicast, multicast, broadcast. */
static NDIS_STATUS answer_counted(NDIS_OID_REQUEST *r, const ULONG64 *counted, ULONG valid)
{
    switch (oid_of(r)) {
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

/* FALSE: the preferred member is asked. */
static BOOLEAN answer_query(struct team *t, NDIS_OID_REQUEST *r, NDIS_STATUS *status)
{
    switch (oid_of(r)) {
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

static NDIS_STATUS take(NDIS_OID_REQUEST *r, PVOID to, ULONG bytes)
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
    NDIS_STATUS status = take(r, to, bytes);
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
static NDIS_STATUS want(const struct team *t, NDIS_OID_REQUEST *r, struct team_settings *w)
{
    NDIS_STATUS status;

    *w = t->settings;
    switch (oid_of(r)) {
    case OID_GEN_CURRENT_PACKET_FILTER:
        status = take(r, &w->filter, sizeof w->filter);
        return status == NDIS_STATUS_SUCCESS && (w->filter & ~t->filters)
                   ? NDIS_STATUS_NOT_SUPPORTED
                   : status;
    case OID_GEN_CURRENT_LOOKAHEAD:
        status = take(r, &w->lookahead, sizeof w->lookahead);
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

/* ---- To the members and back ---------------------------------------------------------------- */

static BOOLEAN is_offload(const NDIS_OID_REQUEST *r)
{
    return is_set(r) &&
           (oid_of(r) == OID_TCP_OFFLOAD_PARAMETERS || oid_of(r) == OID_OFFLOAD_ENCAPSULATION);
}

/* The clone's buffer; FALSE: this member is not concerned. The settings of the request (or those to
 * go back to) do not change while it is out. */
static BOOLEAN make_value(struct team_member *m, NDIS_OID_REQUEST *clone)
{
    struct team *t = m->team;
    const struct team_settings *s = t->oid.undoing ? &t->settings : &t->oid.wanted;
    ULONG bytes;

    if (!is_set(clone)) {
        if (!is_counter(oid_of(clone)))
            return TRUE; /* straight into the buffer of the layers above */
        clone->DATA.QUERY_INFORMATION.Oid = OID_GEN_STATISTICS;
        clone->DATA.QUERY_INFORMATION.InformationBuffer = &m->value.statistics;
        clone->DATA.QUERY_INFORMATION.InformationBufferLength = sizeof m->value.statistics;
        return TRUE;
    }
    bytes = team_setting_value(m, oid_of(clone), s, &m->value);
    clone->DATA.SET_INFORMATION.InformationBuffer = &m->value;
    clone->DATA.SET_INFORMATION.InformationBufferLength = bytes;
    return bytes > 0 || oid_of(clone) == OID_802_3_MULTICAST_LIST;
}

static void request_end(struct team *t);

static void answered(struct team *t)
{
    BOOLEAN last;

    NdisAcquireSpinLock(&t->lock);
    last = --t->oid.pending == 0;
    NdisReleaseSpinLock(&t->lock);
    if (last)
        request_end(t);
}

static void member_answered(struct team_member *m, NDIS_OID_REQUEST *clone, NDIS_STATUS status)
{
    struct team *t = m->team;
    NDIS_OID_REQUEST *r = t->oid.request;

    m->result = status;
    if (!is_set(r) && !is_counter(oid_of(r))) {
        r->DATA.QUERY_INFORMATION.BytesWritten = clone->DATA.QUERY_INFORMATION.BytesWritten;
        r->DATA.QUERY_INFORMATION.BytesNeeded = clone->DATA.QUERY_INFORMATION.BytesNeeded;
        r->SupportedRevision = clone->SupportedRevision;
    }
    NdisAcquireSpinLock(&t->lock);
    m->clone = NULL;
    NdisReleaseSpinLock(&t->lock);
    NdisFreeCloneOidRequest(m->binding, clone);
    answered(t);
}

static void send_clone(struct team_member *m)
{
    struct team *t = m->team;
    NDIS_OID_REQUEST *clone;
    NDIS_STATUS status = NdisAllocateCloneOidRequest(m->binding, t->oid.request, TEAM_TAG, &clone);

    m->result = status;
    if (status != NDIS_STATUS_SUCCESS || !make_value(m, clone)) {
        if (status == NDIS_STATUS_SUCCESS)
            NdisFreeCloneOidRequest(m->binding, clone);
        answered(t);
        return;
    }
    NdisAcquireSpinLock(&t->lock);
    m->clone = clone;
    NdisReleaseSpinLock(&t->lock);
    status = NdisOidRequest(m->binding, clone);
    if (status != NDIS_STATUS_PENDING)
        member_answered(m, clone, status);
}

VOID NTAPI TeamOidRequestComplete(NDIS_HANDLE ProtocolBindingContext, PNDIS_OID_REQUEST OidRequest,
                                  NDIS_STATUS Status)
{
    struct team_member *m = ProtocolBindingContext;

    if (OidRequest != &m->own) {
        member_answered(m, OidRequest, Status);
        return;
    }
    m->done_status = Status;
    NdisSetEvent(&m->done);
}

/* To those of `to`. One answer is the sender's, so that none of theirs is the last before all are
 * asked. */
static void send_to(struct team *t, ULONG to)
{
    NdisAcquireSpinLock(&t->lock);
    t->oid.pending = 1;
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++)
        t->oid.pending += to >> i & 1;
    NdisReleaseSpinLock(&t->lock);
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        if (to & 1u << i)
            send_clone(&t->member[i]);
    }
    answered(t);
}

/* ---- The end -------------------------------------------------------------------------------- */

/* The members that accepted, and the status of the request: a member out of use may refuse what
 * concerns offload, and is then left out of it. */
static ULONG judge(struct team *t, NDIS_STATUS *status)
{
    BOOLEAN offload = is_offload(t->oid.request);
    ULONG accepted = 0;

    *status = NDIS_STATUS_SUCCESS;
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        const struct team_member *m = &t->member[i];

        if (!(t->oid.members & 1u << i))
            continue;
        if (m->result == NDIS_STATUS_SUCCESS)
            accepted |= 1u << i;
        else if (!offload || (t->use & 1u << i))
            *status = m->result;
    }
    return accepted;
}

/* Under the lock. A member that was not asked for want of any offload has not accepted. */
static void settings_commit(struct team *t, ULONG accepted)
{
    NDIS_OID oid = oid_of(t->oid.request);

    t->settings = t->oid.wanted;
    t->generation++;
    t->tell = is_offload(t->oid.request);
    t->encapsulation_known = oid == OID_OFFLOAD_ENCAPSULATION;
    for (ULONG i = 0; oid == OID_OFFLOAD_ENCAPSULATION && i < TEAM_MEMBERS_MAX; i++) {
        struct team_member *m = &t->member[i];

        if (t->oid.members & 1u << i)
            m->encapsulated = (accepted & 1u << i) && team_offload_any(&m->hardware);
    }
}

/* FALSE: members are being put back, and their answers come here again (perhaps they have). */
static BOOLEAN settings_end(struct team *t)
{
    NDIS_OID_REQUEST *r = t->oid.request;
    ULONG accepted = 0;
    BOOLEAN undo = FALSE;

    NdisAcquireSpinLock(&t->lock);
    if (!t->oid.undoing) {
        accepted = judge(t, &t->oid.status);
        undo = t->oid.status != NDIS_STATUS_SUCCESS && accepted;
        if (t->oid.status == NDIS_STATUS_SUCCESS)
            settings_commit(t, accepted);
    }
    t->oid.undoing = undo;
    t->quiet = undo;
    NdisReleaseSpinLock(&t->lock);
    if (undo) {
        send_to(t, accepted);
        return FALSE;
    }
    if (t->oid.status == NDIS_STATUS_SUCCESS) {
        r->DATA.SET_INFORMATION.BytesRead = r->DATA.SET_INFORMATION.InformationBufferLength;
        if (is_offload(r))
            r->SupportedRevision = 1;
    }
    return TRUE;
}

static void counters_end(struct team *t)
{
    ULONG64 counted[TEAM_COUNTERS];

    NdisAcquireSpinLock(&t->lock);
    NdisMoveMemory(counted, t->counted_gone, sizeof counted);
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        struct team_member *m = &t->member[i];

        if (!(t->oid.members & 1u << i))
            continue;
        if (m->result == NDIS_STATUS_SUCCESS)
            NdisMoveMemory(m->counted, &m->value.statistics.ifInDiscards, sizeof m->counted);
        for (ULONG c = 0; c < TEAM_COUNTERS; c++)
            counted[c] += m->counted[c] - m->counted_before[c];
    }
    NdisReleaseSpinLock(&t->lock);
    t->oid.status = answer_counted(t->oid.request, counted, t->statistics);
}

static void request_end(struct team *t)
{
    NDIS_OID_REQUEST *r = t->oid.request;
    ULONG members = t->oid.members;
    NDIS_STATUS status;

    if (is_set(r) && !settings_end(t))
        return;
    if (!is_set(r) && is_counter(oid_of(r)))
        counters_end(t);
    else if (!is_set(r))
        judge(t, &t->oid.status);
    status = t->oid.status;
    NdisAcquireSpinLock(&t->lock);
    t->oid.request = NULL;
    NdisReleaseSpinLock(&t->lock);
    team_release(t, members);
    if (is_set(r))
        team_update(t); /* indicates what the set has changed, before it is complete */
    NdisMOidRequestComplete(t->adapter, r, status);
}

/* ---- Requests ------------------------------------------------------------------------------- */

static NDIS_STATUS set_power(struct team *t, NDIS_OID_REQUEST *r)
{
    NDIS_DEVICE_POWER_STATE state;
    NDIS_STATUS status = take(r, &state, sizeof state);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    NdisAcquireSpinLock(&t->lock);
    t->asleep = state != NdisDeviceStateD0;
    NdisReleaseSpinLock(&t->lock);
    team_update(t); /* an announcement may be due */
    r->DATA.SET_INFORMATION.BytesRead = sizeof state;
    return NDIS_STATUS_SUCCESS;
}

static ULONG preferred(struct team *t, ULONG members)
{
    ULONG one = 0;

    NdisAcquireSpinLock(&t->lock);
    for (ULONG i = TEAM_MEMBERS_MAX; i-- > 0;) {
        if (members & 1u << i && (!one || (t->use & 1u << i) || !(t->use & one)))
            one = 1u << i;
    }
    NdisReleaseSpinLock(&t->lock);
    return one;
}

static NDIS_STATUS begin(struct team *t, ULONG members)
{
    NdisAcquireSpinLock(&t->lock);
    t->oid.members = members;
    t->oid.undoing = FALSE;
    t->oid.status = NDIS_STATUS_SUCCESS;
    NdisReleaseSpinLock(&t->lock);
    send_to(t, members);
    return NDIS_STATUS_PENDING;
}

/* From here on no member joins with the settings of before. */
static NDIS_STATUS set(struct team *t, NDIS_OID_REQUEST *r)
{
    NDIS_STATUS status;

    if (oid_of(r) == OID_PNP_SET_POWER)
        return set_power(t, r);
    NdisAcquireSpinLock(&t->lock);
    status = want(t, r, &t->oid.wanted);
    if (status == NDIS_STATUS_SUCCESS) {
        t->oid.request = r;
        t->quiet = is_offload(r);
    }
    NdisReleaseSpinLock(&t->lock);
    return status == NDIS_STATUS_SUCCESS ? begin(t, team_take_members(t)) : status;
}

static NDIS_STATUS query(struct team *t, NDIS_OID_REQUEST *r)
{
    NDIS_STATUS status;
    ULONG members, asked;

    if (answer_query(t, r, &status))
        return status;
    members = asked = team_take_members(t);
    if (!is_counter(oid_of(r)))
        asked = preferred(t, members);
    team_release(t, members & ~asked);
    if (!asked && !is_counter(oid_of(r)))
        return NDIS_STATUS_NOT_SUPPORTED;
    NdisAcquireSpinLock(&t->lock);
    t->oid.request = r;
    NdisReleaseSpinLock(&t->lock);
    return begin(t, asked);
}

NDIS_STATUS NTAPI TeamOidRequest(NDIS_HANDLE MiniportAdapterContext, PNDIS_OID_REQUEST OidRequest)
{
    struct team *t = MiniportAdapterContext;

    switch (OidRequest->RequestType) {
    case NdisRequestQueryInformation:
    case NdisRequestQueryStatistics:
        return query(t, OidRequest);
    case NdisRequestSetInformation:
        return set(t, OidRequest);
    default:
        return NDIS_STATUS_NOT_SUPPORTED;
    }
}

VOID NTAPI TeamCancelOidRequest(NDIS_HANDLE MiniportAdapterContext, PVOID RequestId)
{
    struct team *t = MiniportAdapterContext;
    ULONG asked = 0;

    NdisAcquireSpinLock(&t->lock);
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        struct team_member *m = &t->member[i];

        if (!m->clone || m->clone->RequestId != RequestId)
            continue;
        asked |= 1u << i;
        m->requests++;
    }
    NdisReleaseSpinLock(&t->lock);
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        if (asked & 1u << i)
            NdisCancelOidRequest(t->member[i].binding, RequestId);
    }
    team_release(t, asked);
}
