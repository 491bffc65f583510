/* SPDX-License-Identifier: MIT */
/*
 * Requests from above: answered by the team (answer.c), or made of every member's answer.
 *
 * NDIS hands us one at a time. A set, and a query of counters, goes to all Joined members as clones
 * of the request, each with a value made for that member; when the last one has answered, the
 * request ends. A set that a member in use refuses is taken back from those that accepted it. Other
 * queries about hardware go to the preferred member as they are.
 */
#include "team.h"

/* ---- To the members and back ---------------------------------------------------------------- */

static BOOLEAN is_offload(const NDIS_OID_REQUEST *r)
{
    return team_oid_is_set(r) && (team_oid_of(r) == OID_TCP_OFFLOAD_PARAMETERS ||
                                  team_oid_of(r) == OID_OFFLOAD_ENCAPSULATION);
}

/* The clone's buffer; FALSE: this member is not concerned. The settings of the request (or those to
 * go back to) do not change while it is out. */
static BOOLEAN make_value(struct team_member *m, NDIS_OID_REQUEST *clone)
{
    struct team *t = m->team;
    const struct team_settings *s = t->oid.undoing ? &t->settings : &t->oid.wanted;
    ULONG bytes;

    if (!team_oid_is_set(clone)) {
        if (!team_oid_is_counter(team_oid_of(clone)))
            return TRUE; /* straight into the buffer of the layers above */
        clone->DATA.QUERY_INFORMATION.Oid = OID_GEN_STATISTICS;
        clone->DATA.QUERY_INFORMATION.InformationBuffer = &m->value.statistics;
        clone->DATA.QUERY_INFORMATION.InformationBufferLength = sizeof m->value.statistics;
        return TRUE;
    }
    bytes = team_setting_value(m, team_oid_of(clone), s, &m->value);
    clone->DATA.SET_INFORMATION.InformationBuffer = &m->value;
    clone->DATA.SET_INFORMATION.InformationBufferLength = bytes;
    return bytes > 0 || team_oid_of(clone) == OID_802_3_MULTICAST_LIST;
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
    if (!team_oid_is_set(r) && !team_oid_is_counter(team_oid_of(r))) {
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
    NDIS_OID oid = team_oid_of(t->oid.request);

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
    t->oid.status = team_answer_counters(t->oid.request, counted, t->statistics);
}

static void request_end(struct team *t)
{
    NDIS_OID_REQUEST *r = t->oid.request;
    ULONG members = t->oid.members;
    NDIS_STATUS status;

    if (team_oid_is_set(r) && !settings_end(t))
        return;
    if (!team_oid_is_set(r) && team_oid_is_counter(team_oid_of(r)))
        counters_end(t);
    else if (!team_oid_is_set(r))
        judge(t, &t->oid.status);
    status = t->oid.status;
    NdisAcquireSpinLock(&t->lock);
    t->oid.request = NULL;
    NdisReleaseSpinLock(&t->lock);
    team_release(t, members);
    if (team_oid_is_set(r))
        team_update(t); /* indicates what the set has changed, before it is complete */
    NdisMOidRequestComplete(t->adapter, r, status);
}

/* ---- Requests ------------------------------------------------------------------------------- */

static NDIS_STATUS set_power(struct team *t, NDIS_OID_REQUEST *r)
{
    NDIS_DEVICE_POWER_STATE state;
    NDIS_STATUS status = team_take(r, &state, sizeof state);

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

    if (team_oid_of(r) == OID_PNP_SET_POWER)
        return set_power(t, r);
    NdisAcquireSpinLock(&t->lock);
    status = team_want(t, r, &t->oid.wanted);
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

    if (team_answer(t, r, &status))
        return status;
    members = asked = team_take_members(t);
    if (!team_oid_is_counter(team_oid_of(r)))
        asked = preferred(t, members);
    team_release(t, members & ~asked);
    if (!asked && !team_oid_is_counter(team_oid_of(r)))
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
