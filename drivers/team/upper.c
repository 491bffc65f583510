/* SPDX-License-Identifier: MIT */
/* The miniport edge: life of the virtual adapter. */
#include "team.h"

/* ---- Attributes ----------------------------------------------------------------------------- */

static NDIS_STATUS set_registration(struct team *t, NDIS_HANDLE adapter)
{
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES r;

    NdisZeroMemory(&r, sizeof r);
    r.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES;
    r.Header.Revision = NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
    r.Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
    r.MiniportAdapterContext = t;
    r.AttributeFlags = NDIS_MINIPORT_ATTRIBUTES_NDIS_WDM |
                       NDIS_MINIPORT_ATTRIBUTES_NO_HALT_ON_SUSPEND |
                       NDIS_MINIPORT_ATTRIBUTES_SURPRISE_REMOVE_OK;
    r.InterfaceType = NdisInterfaceInternal;
    return NdisMSetMiniportAttributes(adapter, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&r);
}

/* What all members can do; with that the team's life begins. The address is the first one's. */
static ULONG describe_members(struct team *t)
{
    ULONG options = ~0u;

    t->mtu = t->filters = t->statistics = ~0u;
    for (ULONG i = TEAM_MEMBERS_MAX; i-- > 0;) {
        const struct team_member *m = &t->member[i];

        if (m->state != TEAM_JOINED)
            continue;
        NdisMoveMemory(t->mac, m->mac, 6);
        options &= m->mac_options;
        t->filters &= m->filters;
        t->statistics &= m->statistics;
        if (m->mtu < t->mtu)
            t->mtu = m->mtu;
    }
    return options | NDIS_MAC_OPTION_NO_LOOPBACK;
}

static NDIS_STATUS set_general(struct team *t, NDIS_HANDLE adapter, ULONG mac_options,
                               const struct team_report *r)
{
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES g;
    NDIS_PNP_CAPABILITIES power;

    NdisZeroMemory(&power, sizeof power);
    NdisZeroMemory(&g, sizeof g);
    g.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES;
    g.Header.Revision = NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_1;
    g.Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_1;
    g.MediaType = NdisMedium802_3;
    g.PhysicalMediumType = NdisPhysicalMediumUnspecified;
    g.MtuSize = g.LookaheadSize = t->mtu;
    g.XmitLinkSpeed = g.MaxXmitLinkSpeed = r->connected ? r->xmit_speed : NDIS_LINK_SPEED_UNKNOWN;
    g.RcvLinkSpeed = g.MaxRcvLinkSpeed = r->connected ? r->rcv_speed : NDIS_LINK_SPEED_UNKNOWN;
    g.MediaConnectState = r->connected ? MediaConnectStateConnected : MediaConnectStateDisconnected;
    g.MediaDuplexState = MediaDuplexStateFull;
    g.PowerManagementCapabilities = &power;
    g.MacOptions = mac_options;
    g.SupportedPacketFilters = t->filters;
    g.MaxMulticastListSize = TEAM_MULTICAST_MAX;
    g.MacAddressLength = 6;
    NdisMoveMemory(g.PermanentMacAddress, t->mac, 6);
    NdisMoveMemory(g.CurrentMacAddress, t->mac, 6);
    g.AccessType = NET_IF_ACCESS_BROADCAST;
    g.DirectionType = NET_IF_DIRECTION_SENDRECEIVE;
    g.ConnectionType = NET_IF_CONNECTION_DEDICATED;
    g.IfType = IF_TYPE_ETHERNET_CSMACD;
    g.IfConnectorPresent = FALSE;
    g.SupportedStatistics = t->statistics;
    g.ContextBackFillSize = sizeof(struct team_nbl);
    g.SupportedOidList = (PNDIS_OID)(ULONG_PTR)team_oids;
    g.SupportedOidListLength = team_oids_bytes;
    return NdisMSetMiniportAttributes(adapter, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&g);
}

static NDIS_STATUS set_offload(NDIS_HANDLE adapter, struct team_report *r)
{
    NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES o;

    NdisZeroMemory(&o, sizeof o);
    o.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES;
    o.Header.Revision = NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1;
    o.Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1;
    o.DefaultOffloadConfiguration = &r->current;
    o.HardwareOffloadCapabilities = &r->hardware;
    return NdisMSetMiniportAttributes(adapter, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&o);
}

static NDIS_STATUS set_attributes(struct team *t, NDIS_HANDLE adapter)
{
    struct team_report report;
    NDIS_STATUS status;
    ULONG mac_options;

    NdisAcquireSpinLock(&t->lock);
    mac_options = describe_members(t);
    team_first_report(t, &report);
    NdisReleaseSpinLock(&t->lock);
    if (t->mtu == ~0u)
        return NDIS_STATUS_ADAPTER_NOT_READY; /* the last member left meanwhile */
    status = set_general(t, adapter, mac_options, &report);
    return status == NDIS_STATUS_SUCCESS ? set_offload(adapter, &report) : status;
}

/* ---- Initialize and halt -------------------------------------------------------------------- */

/* Keywords are in force from here on, on every member. */
static void settings_begin(struct team *t, NDIS_HANDLE adapter)
{
    ULONG members;

    team_settings_read(t, adapter);
    members = team_take_members(t);
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        if (members & 1u << i)
            team_settings_replay(&t->member[i], &t->settings);
    }
    team_release(t, members);
}

/* The interface stack: we stand on each member. */
static void stack_members(struct team *t)
{
    ULONG members = team_take_members(t);

    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        if (members & 1u << i)
            team_member_stack(&t->member[i]);
    }
    team_release(t, members);
}

NDIS_STATUS NTAPI TeamInitializeEx(NDIS_HANDLE NdisMiniportHandle,
                                   NDIS_HANDLE MiniportDriverContext,
                                   PNDIS_MINIPORT_INIT_PARAMETERS MiniportInitParameters)
{
    struct team *t = MiniportInitParameters->IMDeviceInstanceContext;
    NDIS_STATUS status;

    UNREFERENCED_PARAMETER(MiniportDriverContext);
    status = set_registration(t, NdisMiniportHandle);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    t->if_index = MiniportInitParameters->IfIndex;
    settings_begin(t, NdisMiniportHandle);
    status = set_attributes(t, NdisMiniportHandle);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    NdisAcquireSpinLock(&t->lock);
    t->adapter = NdisMiniportHandle;
    NdisReleaseSpinLock(&t->lock);
    stack_members(t);
    team_update(t); /* what happened since the attributes were made */
    return NDIS_STATUS_SUCCESS;
}

/* Nobody indicates anything for the adapter once this has returned. */
static void detach(struct team *t)
{
    NdisAcquireSpinLock(&t->lock);
    t->adapter = NULL;
    while (t->updating) {
        NdisReleaseSpinLock(&t->lock);
        NdisMSleep(100);
        NdisAcquireSpinLock(&t->lock);
    }
    NdisZeroMemory(&t->settings, sizeof t->settings);
    t->generation++;
    t->rx_on = 0;
    t->asleep = FALSE;
    NdisReleaseSpinLock(&t->lock);
}

VOID NTAPI TeamHaltEx(NDIS_HANDLE MiniportAdapterContext, NDIS_HALT_ACTION HaltAction)
{
    struct team *t = MiniportAdapterContext;

    UNREFERENCED_PARAMETER(HaltAction);
    detach(t);
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++)
        team_member_unstack(&t->member[i]);
}

/* ---- Pause and restart ---------------------------------------------------------------------- */

void team_pause_progress(struct team *t)
{
    BOOLEAN done;

    NdisAcquireSpinLock(&t->lock);
    done = t->pausing && t->outstanding == 0 && t->lent == 0;
    if (done)
        t->pausing = FALSE;
    NdisReleaseSpinLock(&t->lock);
    if (done)
        NdisMPauseComplete(t->adapter);
}

NDIS_STATUS NTAPI TeamPause(NDIS_HANDLE MiniportAdapterContext,
                            PNDIS_MINIPORT_PAUSE_PARAMETERS MiniportPauseParameters)
{
    struct team *t = MiniportAdapterContext;
    BOOLEAN idle;

    UNREFERENCED_PARAMETER(MiniportPauseParameters);
    team_tx_close(t);
    NdisAcquireSpinLock(&t->lock);
    idle = t->outstanding == 0 && t->lent == 0;
    t->pausing = !idle;
    NdisReleaseSpinLock(&t->lock);
    return idle ? NDIS_STATUS_SUCCESS : NDIS_STATUS_PENDING;
}

NDIS_STATUS NTAPI TeamRestart(NDIS_HANDLE MiniportAdapterContext,
                              PNDIS_MINIPORT_RESTART_PARAMETERS MiniportRestartParameters)
{
    struct team *t = MiniportAdapterContext;

    UNREFERENCED_PARAMETER(MiniportRestartParameters);
    NdisAcquireSpinLock(&t->lock);
    t->open = TRUE;
    NdisReleaseSpinLock(&t->lock);
    team_update(t); /* an announcement may be due */
    return NDIS_STATUS_SUCCESS;
}

/* ---- Removal and shutdown: there is no device ----------------------------------------------- */

VOID NTAPI TeamDevicePnPEventNotify(NDIS_HANDLE MiniportAdapterContext,
                                    PNET_DEVICE_PNP_EVENT NetDevicePnPEvent)
{
    UNREFERENCED_PARAMETER(MiniportAdapterContext);
    UNREFERENCED_PARAMETER(NetDevicePnPEvent);
}

VOID NTAPI TeamShutdownEx(NDIS_HANDLE MiniportAdapterContext, NDIS_SHUTDOWN_ACTION ShutdownAction)
{
    UNREFERENCED_PARAMETER(MiniportAdapterContext);
    UNREFERENCED_PARAMETER(ShutdownAction);
}
