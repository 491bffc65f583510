/* SPDX-License-Identifier: MIT */
/* The protocol edge: members come, report and go. */
#include "team.h"

static struct team_member *member_of(NDIS_HANDLE context)
{
    return context;
}

/* ---- Our own requests ----------------------------------------------------------------------- */

static NDIS_STATUS outcome(struct team_member *m, NDIS_STATUS status)
{
    if (status != NDIS_STATUS_PENDING)
        return status;
    NdisWaitEvent(&m->done, 0);
    return m->done_status;
}

NDIS_STATUS team_member_request(struct team_member *m, NDIS_REQUEST_TYPE type, NDIS_OID oid,
                                PVOID buffer, ULONG bytes)
{
    NDIS_OID_REQUEST *r = &m->own;

    NdisZeroMemory(r, sizeof *r);
    r->Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST;
    r->Header.Revision = NDIS_OID_REQUEST_REVISION_1;
    r->Header.Size = NDIS_SIZEOF_OID_REQUEST_REVISION_1;
    r->RequestType = type;
    r->RequestId = r;
    r->DATA.SET_INFORMATION.Oid = oid; /* query and set begin alike */
    r->DATA.SET_INFORMATION.InformationBuffer = buffer;
    r->DATA.SET_INFORMATION.InformationBufferLength = bytes;
    NdisResetEvent(&m->done);
    return outcome(m, NdisOidRequest(m->binding, r));
}

void team_member_count(struct team_member *m)
{
    NDIS_STATISTICS_INFO s;

    NdisZeroMemory(&s, sizeof s);
    if (team_member_request(m, NdisRequestQueryInformation, OID_GEN_STATISTICS, &s, sizeof s) !=
        NDIS_STATUS_SUCCESS)
        return;
    m->statistics = s.SupportedStatistics;
    NdisMoveMemory(m->counted, &s.ifInDiscards, sizeof m->counted);
}

VOID NTAPI TeamOpenAdapterCompleteEx(NDIS_HANDLE ProtocolBindingContext, NDIS_STATUS Status)
{
    struct team_member *m = member_of(ProtocolBindingContext);

    m->done_status = Status;
    NdisSetEvent(&m->done);
}

VOID NTAPI TeamCloseAdapterCompleteEx(NDIS_HANDLE ProtocolBindingContext)
{
    TeamOpenAdapterCompleteEx(ProtocolBindingContext, NDIS_STATUS_SUCCESS);
}

/* ---- Interface stack ------------------------------------------------------------------------ */

void team_member_stack(struct team_member *m)
{
    struct team *t = m->team;
    BOOLEAN due;

    NdisAcquireSpinLock(&t->lock);
    due = t->adapter && !m->stacked;
    m->stacked = m->stacked || due;
    NdisReleaseSpinLock(&t->lock);
    if (due)
        NdisIfAddIfStackEntry(t->if_index, m->if_index);
}

void team_member_unstack(struct team_member *m)
{
    struct team *t = &team_instance;
    BOOLEAN due;

    NdisAcquireSpinLock(&t->lock);
    due = m->stacked;
    m->stacked = FALSE;
    NdisReleaseSpinLock(&t->lock);
    if (due)
        NdisIfDeleteIfStackEntry(t->if_index, m->if_index);
}

/* ---- The virtual adapter's instance --------------------------------------------------------- */

/* The device that the notify object has made for the team. FALSE: none is named. */
static BOOLEAN read_device(struct team *t)
{
    static const NDIS_STRING value = NDIS_STRING_CONST("UpperBindings");
    NDIS_CONFIGURATION_OBJECT o;
    PNDIS_CONFIGURATION_PARAMETER p;
    NDIS_STRING name = value;
    NDIS_STATUS status;
    NDIS_HANDLE config;

    NdisZeroMemory(&o, sizeof o);
    o.Header.Type = NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT;
    o.Header.Revision = NDIS_CONFIGURATION_OBJECT_REVISION_1;
    o.Header.Size = NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1;
    o.NdisHandle = team_protocol;
    if (NdisOpenConfigurationEx(&o, &config) != NDIS_STATUS_SUCCESS)
        return FALSE;
    NdisReadConfiguration(&status, &p, config, &name, NdisParameterString);
    if (status == NDIS_STATUS_SUCCESS && p->ParameterData.StringData.Length <= sizeof t->name) {
        NdisMoveMemory(t->name, p->ParameterData.StringData.Buffer,
                       p->ParameterData.StringData.Length);
        t->device.Buffer = t->name;
        t->device.Length = p->ParameterData.StringData.Length;
        t->device.MaximumLength = sizeof t->name;
    } else {
        status = NDIS_STATUS_FAILURE;
    }
    NdisCloseConfiguration(config);
    return status == NDIS_STATUS_SUCCESS;
}

/* PASSIVE_LEVEL. It starts on NDIS's own time, and calls TeamInitializeEx. */
static void instance_start(struct team *t)
{
    BOOLEAN due;

    NdisAcquireSpinLock(&t->lock);
    due = !t->requested;
    t->requested = TRUE;
    NdisReleaseSpinLock(&t->lock);
    if (due && (!read_device(t) || NdisIMInitializeDeviceInstanceEx(team_miniport, &t->device, t) !=
                                       NDIS_STATUS_SUCCESS))
        t->requested = FALSE;
}

/* Withdraws a start that has not happened, or ends what runs: the halt is over on return. */
static void instance_stop(struct team *t)
{
    NDIS_HANDLE adapter;

    if (!t->requested)
        return;
    if (NdisIMCancelInitializeDeviceInstance(team_miniport, &t->device) != NDIS_STATUS_SUCCESS) {
        NdisAcquireSpinLock(&t->lock);
        adapter = t->adapter;
        NdisReleaseSpinLock(&t->lock);
        if (adapter)
            NdisIMDeInitializeDeviceInstance(adapter);
    }
    t->requested = FALSE;
}

/* ---- Joining -------------------------------------------------------------------------------- */

/* Under the lock. A team that runs takes only members that can do what it promised. */
static BOOLEAN suits(const struct team *t, const NDIS_BIND_PARAMETERS *p)
{
    if (p->MediaType != NdisMedium802_3 || p->MacAddressLength != 6)
        return FALSE;
    if (!t->adapter)
        return TRUE;
    return p->MtuSize >= t->mtu && (t->filters & ~p->SupportedPacketFilters) == 0 &&
           ((p->SupportedPacketFilters & NDIS_PACKET_TYPE_PROMISCUOUS) ||
            NdisEqualMemory(p->CurrentMacAddress, t->mac, 6));
}

static void describe(struct team_member *m, const NDIS_BIND_PARAMETERS *p)
{
    NdisMoveMemory(m->mac, p->CurrentMacAddress, 6);
    m->mtu = p->MtuSize;
    m->filters = p->SupportedPacketFilters;
    m->mac_options = p->MacOptions;
    m->if_index = p->BoundIfIndex;
    m->connected = p->MediaConnectState != MediaConnectStateDisconnected;
    m->xmit_speed = p->XmitLinkSpeed;
    m->rcv_speed = p->RcvLinkSpeed;
    m->powered = TRUE;
    team_offload_copy(&m->current, p->DefaultOffloadConfiguration);
    team_offload_copy(&m->hardware, p->DefaultOffloadConfiguration);
    team_offload_ability(&m->current, &m->ability);
}

static struct team_member *take_slot(struct team *t, const NDIS_BIND_PARAMETERS *p)
{
    struct team_member *m = NULL;

    NdisAcquireSpinLock(&t->lock);
    for (ULONG i = 0; suits(t, p) && !m && i < TEAM_MEMBERS_MAX; i++) {
        if (t->member[i].state != TEAM_FREE)
            continue;
        m = &t->member[i];
        NdisZeroMemory(m, sizeof *m);
        m->team = t;
        m->slot = i;
        m->state = TEAM_JOINING;
        describe(m, p);
    }
    NdisReleaseSpinLock(&t->lock);
    if (m)
        NdisInitializeEvent(&m->done);
    return m;
}

static void give_slot(struct team_member *m)
{
    struct team *t = m->team;

    team_announce_free(m);
    NdisAcquireSpinLock(&t->lock);
    m->state = TEAM_FREE;
    NdisReleaseSpinLock(&t->lock);
}

static NDIS_STATUS open_member(struct team_member *m, NDIS_HANDLE context,
                               const NDIS_BIND_PARAMETERS *p)
{
    NDIS_MEDIUM media[] = {NdisMedium802_3};
    NDIS_OPEN_PARAMETERS o;
    UINT selected;

    NdisZeroMemory(&o, sizeof o);
    o.Header.Type = NDIS_OBJECT_TYPE_OPEN_PARAMETERS;
    o.Header.Revision = NDIS_OPEN_PARAMETERS_REVISION_1;
    o.Header.Size = NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1;
    o.AdapterName = p->AdapterName;
    o.MediumArray = media;
    o.MediumArraySize = 1;
    o.SelectedMediumIndex = &selected;
    NdisResetEvent(&m->done);
    return outcome(m, NdisOpenAdapterEx(team_protocol, m, &o, context, &m->binding));
}

/* The one ability that bind parameters do not name. Later it is the member that tells. */
static void ask_hardware(struct team_member *m)
{
    struct team *t = m->team;
    NDIS_OFFLOAD o;

    NdisZeroMemory(&o, sizeof o);
    if (team_member_request(m, NdisRequestQueryInformation, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES,
                            &o, sizeof o) != NDIS_STATUS_SUCCESS)
        return;
    NdisAcquireSpinLock(&t->lock);
    team_offload_copy(&m->hardware, &o);
    NdisReleaseSpinLock(&t->lock);
}

/* FALSE: something was set meanwhile. From TRUE on the member gets every set itself. */
static BOOLEAN try_join(struct team_member *m, ULONG generation)
{
    struct team *t = m->team;
    BOOLEAN joined;

    NdisAcquireSpinLock(&t->lock);
    joined = t->generation == generation && !t->oid.request;
    if (joined) {
        m->state = TEAM_JOINED;
        team_changed(t);
    }
    NdisReleaseSpinLock(&t->lock);
    return joined;
}

static void join(struct team_member *m)
{
    struct team *t = m->team;
    struct team_settings s;
    ULONG generation;
    BOOLEAN known;

    ask_hardware(m);
    team_member_count(m);
    NdisMoveMemory(m->counted_before, m->counted, sizeof m->counted);
    for (;;) {
        NdisAcquireSpinLock(&t->lock);
        s = t->settings;
        generation = t->generation;
        known = s.parameters.Header.Size != 0; /* not before the virtual adapter is there */
        NdisReleaseSpinLock(&t->lock);
        if (known)
            team_settings_replay(m, &s);
        if (try_join(m, generation))
            break;
        NdisMSleep(1000);
    }
    team_member_stack(m);
    team_update(t);
}

/* The virtual adapter is an adapter like others to whoever wires up protocols. */
static BOOLEAN is_our_own(struct team *t, const NDIS_BIND_PARAMETERS *p)
{
    return t->device.Length && NdisEqualString(p->AdapterName, &t->device, TRUE);
}

NDIS_STATUS NTAPI TeamBindAdapterEx(NDIS_HANDLE ProtocolDriverContext, NDIS_HANDLE BindContext,
                                    PNDIS_BIND_PARAMETERS BindParameters)
{
    struct team *t = ProtocolDriverContext;
    struct team_member *m = NULL;
    NDIS_STATUS status;

    if (!is_our_own(t, BindParameters))
        m = take_slot(t, BindParameters);
    if (!m)
        return NDIS_STATUS_NOT_SUPPORTED;
    status = NDIS_STATUS_RESOURCES;
    if (team_announce_make(m, BindParameters))
        status = open_member(m, BindContext, BindParameters);
    if (status != NDIS_STATUS_SUCCESS) {
        give_slot(m);
        return status;
    }
    join(m);
    return NDIS_STATUS_SUCCESS;
}

/* ---- Leaving -------------------------------------------------------------------------------- */

/* Nothing new goes to it; what it has comes back. */
static void wait_idle(struct team_member *m)
{
    struct team *t = m->team;

    NdisAcquireSpinLock(&t->lock);
    m->state = TEAM_LEAVING;
    team_changed(t);
    NdisReleaseSpinLock(&t->lock);
    team_update(t);
    NdisAcquireSpinLock(&t->lock);
    while (m->sends || m->lent || m->requests || (t->use & TEAM_BIT(m)) ||
           InterlockedCompareExchange(&m->passing, 0, 0) > 0) {
        NdisReleaseSpinLock(&t->lock);
        NdisMSleep(200);
        NdisAcquireSpinLock(&t->lock);
    }
    NdisReleaseSpinLock(&t->lock);
}

/* What it has counted stays counted. TRUE: nobody is left. */
static BOOLEAN leave(struct team_member *m)
{
    struct team *t = m->team;
    BOOLEAN last = TRUE;

    team_member_count(m);
    NdisAcquireSpinLock(&t->lock);
    for (ULONG i = 0; i < TEAM_COUNTERS; i++)
        t->counted_gone[i] += m->counted[i] - m->counted_before[i];
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++)
        last = last && (&t->member[i] == m || t->member[i].state == TEAM_FREE);
    if (t->known_at == TEAM_BIT(m))
        t->known_at = TEAM_ELSEWHERE;
    NdisReleaseSpinLock(&t->lock);
    return last;
}

NDIS_STATUS NTAPI TeamUnbindAdapterEx(NDIS_HANDLE UnbindContext, NDIS_HANDLE ProtocolBindingContext)
{
    struct team_member *m = member_of(ProtocolBindingContext);

    UNREFERENCED_PARAMETER(UnbindContext);
    wait_idle(m);
    if (leave(m))
        instance_stop(m->team);
    team_member_unstack(m);
    NdisResetEvent(&m->done);
    outcome(m, NdisCloseAdapterEx(m->binding));
    give_slot(m);
    return NDIS_STATUS_SUCCESS;
}

/* ---- Reports -------------------------------------------------------------------------------- */

static void set_link(struct team_member *m, const NDIS_LINK_STATE *l, ULONG bytes)
{
    if (bytes < NDIS_SIZEOF_LINK_STATE_REVISION_1)
        return;
    m->connected = l->MediaConnectState == MediaConnectStateConnected;
    m->xmit_speed = l->XmitLinkSpeed;
    m->rcv_speed = l->RcvLinkSpeed;
}

static void set_offload(struct team_member *m, NDIS_OFFLOAD *view, const NDIS_STATUS_INDICATION *s)
{
    if (s->StatusBufferSize < NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1)
        return;
    team_offload_copy(view, s->StatusBuffer);
    team_offload_ability(&m->current, &m->ability);
}

static BOOLEAN reset_succeeded(NDIS_STATUS status)
{
    return status == NDIS_STATUS_SUCCESS || status == NDIS_STATUS_SOFT_ERRORS;
}

/* Recorded under the lock; what follows from it for the team, and only that, goes up. */
static BOOLEAN record(struct team_member *m, const NDIS_STATUS_INDICATION *s)
{
    switch (s->StatusCode) {
    case NDIS_STATUS_LINK_STATE:
        set_link(m, s->StatusBuffer, s->StatusBufferSize);
        return TRUE;
    case NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG:
        set_offload(m, &m->current, s);
        return TRUE;
    case NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES:
        set_offload(m, &m->hardware, s);
        return TRUE;
    case NDIS_STATUS_RESET_START:
        m->resetting = TRUE;
        return TRUE;
    case NDIS_STATUS_RESET_END:
        m->resetting = FALSE;
        m->broken = s->StatusBufferSize >= sizeof(NDIS_STATUS) &&
                    !reset_succeeded(*(const NDIS_STATUS *)s->StatusBuffer);
        return TRUE;
    default:
        return FALSE;
    }
}

VOID NTAPI TeamStatusEx(NDIS_HANDLE ProtocolBindingContext,
                        PNDIS_STATUS_INDICATION StatusIndication)
{
    struct team_member *m = member_of(ProtocolBindingContext);
    struct team *t = m->team;
    BOOLEAN news;

    NdisAcquireSpinLock(&t->lock);
    news = record(m, StatusIndication);
    if (news)
        team_changed(t);
    NdisReleaseSpinLock(&t->lock);
    if (StatusIndication->StatusCode == NDIS_STATUS_RESET_START)
        team_tx_settle(m); /* none comes late and overtakes what is thrown back */
    if (news)
        team_update(t);
}

/* ---- PnP and power -------------------------------------------------------------------------- */

static void set_running(struct team_member *m, BOOLEAN running)
{
    struct team *t = m->team;

    NdisAcquireSpinLock(&t->lock);
    m->running = running;
    team_changed(t);
    NdisReleaseSpinLock(&t->lock);
    team_update(t);
}

/* The event is complete when the member's sends are; PENDING: completion will say so. */
static NDIS_STATUS when_idle(struct team_member *m, NET_PNP_EVENT_NOTIFICATION *event)
{
    struct team *t = m->team;
    NDIS_STATUS status = NDIS_STATUS_SUCCESS;

    NdisAcquireSpinLock(&t->lock);
    if (m->sends > 0) {
        m->event = event;
        status = NDIS_STATUS_PENDING;
    }
    NdisReleaseSpinLock(&t->lock);
    return status;
}

static NDIS_STATUS set_power(struct team_member *m, NET_PNP_EVENT_NOTIFICATION *event)
{
    const NDIS_DEVICE_POWER_STATE *state = event->NetPnPEvent.Buffer;
    struct team *t = m->team;

    if (event->NetPnPEvent.BufferLength < sizeof *state)
        return NDIS_STATUS_SUCCESS;
    NdisAcquireSpinLock(&t->lock);
    m->powered = *state == NdisDeviceStateD0;
    team_changed(t);
    NdisReleaseSpinLock(&t->lock);
    team_update(t);
    return when_idle(m, event);
}

/* The binding runs once the event is complete, not before ("Restarting a Binding"): it is completed
 * first, as sends that wait for the member go on at once. */
static void restart(struct team_member *m, NET_PNP_EVENT_NOTIFICATION *event)
{
    NdisCompleteNetPnPEvent(m->binding, event, NDIS_STATUS_SUCCESS);
    set_running(m, TRUE);
    instance_start(m->team);
}

NDIS_STATUS NTAPI TeamNetPnPEvent(NDIS_HANDLE ProtocolBindingContext,
                                  PNET_PNP_EVENT_NOTIFICATION NetPnPEventNotification)
{
    struct team_member *m = member_of(ProtocolBindingContext);

    if (!m)
        return NDIS_STATUS_SUCCESS; /* for the driver, not a binding */
    switch (NetPnPEventNotification->NetPnPEvent.NetEvent) {
    case NetEventRestart:
        restart(m, NetPnPEventNotification);
        return NDIS_STATUS_PENDING;
    case NetEventPause:
        set_running(m, FALSE);
        return when_idle(m, NetPnPEventNotification);
    case NetEventSetPower:
        return set_power(m, NetPnPEventNotification);
    default:
        return NDIS_STATUS_SUCCESS;
    }
}
