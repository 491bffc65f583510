/* SPDX-License-Identifier: MIT */
/* A miniport without hardware: entry, life, and sends, which go nowhere and succeed. */
#include "soft.h"

const UCHAR soft_mac[6] = {0x02, 0, 0, 0x50, 0xf7, 0x01};
static NDIS_HANDLE soft_driver;

/* ---- The one fault -------------------------------------------------------------------------- */

#ifdef SOFT_MISSING
DECLSPEC_IMPORT ULONG64 NTAPI LongshoreTestMissingFunction(ULONG64 a, ULONG64 b);
#define MISSING() (LongshoreTestMissingFunction(1, 2) != 0)
#else
#define MISSING() FALSE
#endif

BOOLEAN soft_errs(int at)
{
    static volatile ULONG spins, *volatile nowhere;

    if (at != SOFT_AT)
        return FALSE;
    while (SOFT_DOES == SOFT_DOES_HANG)
        spins = spins + 1;
    if (SOFT_DOES == SOFT_DOES_CRASH)
        *nowhere = 1;
    return SOFT_DOES == SOFT_DOES_FAIL || MISSING();
}

/* ---- Attributes ----------------------------------------------------------------------------- */

static NDIS_STATUS set_registration(struct soft_adapter *a)
{
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES r;

    NdisZeroMemory(&r, sizeof r);
    r.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES;
    r.Header.Revision = NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
    r.Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
    r.MiniportAdapterContext = a;
    r.AttributeFlags =
        NDIS_MINIPORT_ATTRIBUTES_SURPRISE_REMOVE_OK | NDIS_MINIPORT_ATTRIBUTES_NDIS_WDM;
    r.InterfaceType = NdisInterfaceInternal;
    return NdisMSetMiniportAttributes(a->handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&r);
}

static NDIS_STATUS set_general(struct soft_adapter *a)
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
    g.MtuSize = g.LookaheadSize = SOFT_MTU;
    g.MaxXmitLinkSpeed = g.MaxRcvLinkSpeed = SOFT_SPEED_MBIT * 1000000ull;
    g.XmitLinkSpeed = g.RcvLinkSpeed = SOFT_SPEED_MBIT * 1000000ull;
    g.MediaConnectState = MediaConnectStateConnected;
    g.MediaDuplexState = MediaDuplexStateFull;
    g.PowerManagementCapabilities = &power;
    g.MacOptions = SOFT_MAC_OPTIONS;
    g.SupportedPacketFilters = SOFT_FILTERS;
    g.MaxMulticastListSize = SOFT_MULTICAST_MAX;
    g.MacAddressLength = 6;
    NdisMoveMemory(g.PermanentMacAddress, soft_mac, 6);
    NdisMoveMemory(g.CurrentMacAddress, soft_mac, 6);
    g.AccessType = NET_IF_ACCESS_BROADCAST;
    g.DirectionType = NET_IF_DIRECTION_SENDRECEIVE;
    g.ConnectionType = NET_IF_CONNECTION_DEDICATED;
    g.IfType = IF_TYPE_ETHERNET_CSMACD;
    g.IfConnectorPresent = FALSE;
    g.SupportedStatistics = SOFT_STATISTICS;
    g.SupportedOidList = (PNDIS_OID)(ULONG_PTR)soft_oids;
    g.SupportedOidListLength = soft_oids_bytes;
    return NdisMSetMiniportAttributes(a->handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&g);
}

/* What the claiming build lists, in both blocks. */
static void describe_offload(NDIS_OFFLOAD *o)
{
    NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &o->Checksum;

    NdisZeroMemory(o, sizeof *o);
    o->Header.Type = NDIS_OBJECT_TYPE_OFFLOAD;
    o->Header.Revision = NDIS_OFFLOAD_REVISION_1;
    o->Header.Size = NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1;
    c->IPv4Transmit.Encapsulation = c->IPv6Transmit.Encapsulation = NDIS_ENCAPSULATION_IEEE_802_3;
    c->IPv4Transmit.IpChecksum = NDIS_OFFLOAD_SUPPORTED;
    c->IPv4Transmit.IpOptionsSupported = c->IPv4Transmit.TcpOptionsSupported =
        NDIS_OFFLOAD_SUPPORTED;
    c->IPv4Transmit.TcpChecksum = c->IPv4Transmit.UdpChecksum = NDIS_OFFLOAD_SUPPORTED;
    c->IPv6Transmit.IpExtensionHeadersSupported = c->IPv6Transmit.TcpOptionsSupported =
        NDIS_OFFLOAD_SUPPORTED;
    c->IPv6Transmit.TcpChecksum = c->IPv6Transmit.UdpChecksum = NDIS_OFFLOAD_SUPPORTED;
    o->LsoV2.IPv4.Encapsulation = o->LsoV2.IPv6.Encapsulation = NDIS_ENCAPSULATION_IEEE_802_3;
    o->LsoV2.IPv4.MaxOffLoadSize = o->LsoV2.IPv6.MaxOffLoadSize = 64000;
    o->LsoV2.IPv4.MinSegmentCount = o->LsoV2.IPv6.MinSegmentCount = 2;
    o->LsoV2.IPv6.IpExtensionHeadersSupported = o->LsoV2.IPv6.TcpOptionsSupported =
        NDIS_OFFLOAD_SUPPORTED;
}

static NDIS_STATUS set_offload(struct soft_adapter *a)
{
    NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES o;
    NDIS_OFFLOAD both;

    if (!SOFT_CLAIMS)
        return NDIS_STATUS_SUCCESS;
    describe_offload(&both);
    NdisZeroMemory(&o, sizeof o);
    o.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES;
    o.Header.Revision = NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1;
    o.Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1;
    o.DefaultOffloadConfiguration = &both;
    o.HardwareOffloadCapabilities = &both;
    return NdisMSetMiniportAttributes(a->handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&o);
}

/* ---- Life ----------------------------------------------------------------------------------- */

static void adapter_free(struct soft_adapter *a)
{
    NdisFreeSpinLock(&a->lock);
    NdisFreeMemory(a, 0, 0);
}

static NDIS_STATUS NTAPI SoftInitializeEx(NDIS_HANDLE NdisMiniportHandle,
                                          NDIS_HANDLE MiniportDriverContext,
                                          PNDIS_MINIPORT_INIT_PARAMETERS MiniportInitParameters)
{
    struct soft_adapter *a;
    NDIS_STATUS status;

    UNREFERENCED_PARAMETER(MiniportDriverContext);
    UNREFERENCED_PARAMETER(MiniportInitParameters);
    if (soft_errs(SOFT_AT_INITIALIZE))
        return NDIS_STATUS_FAILURE;
    a = NdisAllocateMemoryWithTagPriority(NdisMiniportHandle, sizeof *a, SOFT_TAG,
                                          NormalPoolPriority);
    if (!a)
        return NDIS_STATUS_RESOURCES;
    NdisZeroMemory(a, sizeof *a);
    a->handle = NdisMiniportHandle;
    a->lookahead = SOFT_MTU;
    NdisAllocateSpinLock(&a->lock);
    status = set_registration(a);
    if (status == NDIS_STATUS_SUCCESS)
        status = set_general(a);
    if (status == NDIS_STATUS_SUCCESS)
        status = set_offload(a);
    if (status == NDIS_STATUS_SUCCESS)
        return NDIS_STATUS_SUCCESS;
    adapter_free(a);
    return status == NDIS_STATUS_RESOURCES ? status : NDIS_STATUS_FAILURE;
}

static VOID NTAPI SoftHaltEx(NDIS_HANDLE MiniportAdapterContext, NDIS_HALT_ACTION HaltAction)
{
    UNREFERENCED_PARAMETER(HaltAction);
    if (!soft_errs(SOFT_AT_HALT))
        adapter_free(MiniportAdapterContext);
}

static NDIS_STATUS NTAPI SoftPause(NDIS_HANDLE MiniportAdapterContext,
                                   PNDIS_MINIPORT_PAUSE_PARAMETERS MiniportPauseParameters)
{
    struct soft_adapter *a = MiniportAdapterContext;

    UNREFERENCED_PARAMETER(MiniportPauseParameters);
    InterlockedExchange(&a->running, FALSE);
    return NDIS_STATUS_SUCCESS; /* no send is ever left pending */
}

static NDIS_STATUS NTAPI SoftRestart(NDIS_HANDLE MiniportAdapterContext,
                                     PNDIS_MINIPORT_RESTART_PARAMETERS MiniportRestartParameters)
{
    struct soft_adapter *a = MiniportAdapterContext;

    UNREFERENCED_PARAMETER(MiniportRestartParameters);
    InterlockedExchange(&a->running, TRUE);
    return NDIS_STATUS_SUCCESS;
}

static VOID NTAPI SoftDevicePnPEventNotify(NDIS_HANDLE MiniportAdapterContext,
                                           PNET_DEVICE_PNP_EVENT NetDevicePnPEvent)
{
    struct soft_adapter *a = MiniportAdapterContext;

    if (NetDevicePnPEvent->DevicePnPEvent == NdisDevicePnPEventSurpriseRemoved)
        InterlockedExchange(&a->removed, TRUE);
}

static VOID NTAPI SoftShutdownEx(NDIS_HANDLE MiniportAdapterContext,
                                 NDIS_SHUTDOWN_ACTION ShutdownAction)
{
    UNREFERENCED_PARAMETER(MiniportAdapterContext);
    UNREFERENCED_PARAMETER(ShutdownAction);
}

/* ---- Sends ---------------------------------------------------------------------------------- */

/* A large send is longer; only the claiming build is asked for one. */
static NDIS_STATUS send_status(struct soft_adapter *a, NET_BUFFER_LIST *nbl)
{
    if (soft_is(&a->removed))
        return NDIS_STATUS_FAILURE;
    if (!soft_is(&a->running))
        return NDIS_STATUS_PAUSED;
    for (NET_BUFFER *nb = NET_BUFFER_LIST_FIRST_NB(nbl); nb; nb = NET_BUFFER_NEXT_NB(nb)) {
        if (NET_BUFFER_DATA_LENGTH(nb) > SOFT_MTU + SOFT_HEADER &&
            !NET_BUFFER_LIST_INFO(nbl, TcpLargeSendNetBufferListInfo))
            return NDIS_STATUS_INVALID_LENGTH;
    }
    return NDIS_STATUS_SUCCESS;
}

static VOID NTAPI SoftSendNetBufferLists(NDIS_HANDLE MiniportAdapterContext,
                                         PNET_BUFFER_LIST NetBufferList,
                                         NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)
{
    struct soft_adapter *a = MiniportAdapterContext;
    ULONG64 frames = 0, bytes = 0;

    UNREFERENCED_PARAMETER(PortNumber);
    if (soft_errs(SOFT_AT_SEND))
        return;
    for (NET_BUFFER_LIST *nbl = NetBufferList; nbl; nbl = NET_BUFFER_LIST_NEXT_NBL(nbl)) {
        NET_BUFFER_LIST_STATUS(nbl) = send_status(a, nbl);
        if (NET_BUFFER_LIST_STATUS(nbl) != NDIS_STATUS_SUCCESS)
            continue;
        for (NET_BUFFER *nb = NET_BUFFER_LIST_FIRST_NB(nbl); nb; nb = NET_BUFFER_NEXT_NB(nb)) {
            frames++;
            bytes += NET_BUFFER_DATA_LENGTH(nb);
        }
    }
    NdisAcquireSpinLock(&a->lock);
    a->frames += frames;
    a->bytes += bytes;
    NdisReleaseSpinLock(&a->lock);
    NdisMSendNetBufferListsComplete(
        a->handle, NetBufferList,
        SendFlags & NDIS_SEND_FLAGS_DISPATCH_LEVEL ? NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL : 0);
}

static VOID NTAPI SoftCancelSend(NDIS_HANDLE MiniportAdapterContext, PVOID CancelId)
{
    UNREFERENCED_PARAMETER(MiniportAdapterContext);
    UNREFERENCED_PARAMETER(CancelId);
}

/* Nothing is ever received. */
static VOID NTAPI SoftReturnNetBufferLists(NDIS_HANDLE MiniportAdapterContext,
                                           PNET_BUFFER_LIST NetBufferLists, ULONG ReturnFlags)
{
    UNREFERENCED_PARAMETER(MiniportAdapterContext);
    UNREFERENCED_PARAMETER(NetBufferLists);
    UNREFERENCED_PARAMETER(ReturnFlags);
}

/* ---- Entry ---------------------------------------------------------------------------------- */

static VOID NTAPI SoftUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    NdisMDeregisterMiniportDriver(soft_driver);
}

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS c;

    if (soft_errs(SOFT_AT_ENTRY))
        return STATUS_UNSUCCESSFUL;
    NdisZeroMemory(&c, sizeof c);
    c.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS;
    c.Header.Revision = NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1;
    c.Header.Size = NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1;
    c.MajorNdisVersion = NDIS_MINIPORT_MAJOR_VERSION;
    c.MinorNdisVersion = NDIS_MINIPORT_MINOR_VERSION;
    c.MajorDriverVersion = 1;
    c.InitializeHandlerEx = SoftInitializeEx;
    c.HaltHandlerEx = SoftHaltEx;
    c.UnloadHandler = SoftUnload;
    c.PauseHandler = SoftPause;
    c.RestartHandler = SoftRestart;
    c.OidRequestHandler = SoftOidRequest;
    c.CancelOidRequestHandler = SoftCancelOidRequest;
    c.SendNetBufferListsHandler = SoftSendNetBufferLists;
    c.CancelSendHandler = SoftCancelSend;
    c.ReturnNetBufferListsHandler = SoftReturnNetBufferLists;
    c.DevicePnPEventNotifyHandler = SoftDevicePnPEventNotify;
    c.ShutdownHandlerEx = SoftShutdownEx;
    return NdisMRegisterMiniportDriver(DriverObject, RegistryPath, NULL, &c, &soft_driver);
}
