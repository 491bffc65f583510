/* SPDX-License-Identifier: MIT */
/* The suite's own miniport: its blocks, its handlers, its life. */
#include "conform/probe.h"

#include "conform/rig_int.h"
#include "nt/finding.h"

#define PROBE_KEY  "HKEY_LOCAL_MACHINE\\SYSTEM\\LongshoreProbe"
#define PROBE_NAME "probe"

static struct probe probe;
static bool up;

/* ---- Blocks --------------------------------------------------------------------------------- */

NDIS_STATUS probe_set(struct probe *p, void *block)
{
    NDIS_STATUS status = NdisMSetMiniportAttributes(p->handle, block);

    if (p->blocks < PROBE_BLOCKS)
        p->block_status[p->blocks++] = status;
    return status;
}

NDIS_STATUS probe_set_registration(struct probe *p)
{
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES a = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
                   NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
                   NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1},
        .MiniportAdapterContext = p,
        .InterfaceType = NdisInterfaceInternal,
    };

    return probe_set(p, &a);
}

NDIS_STATUS probe_set_general(struct probe *p)
{
    static NDIS_OID oids[] = {OID_GEN_CURRENT_PACKET_FILTER, OID_OFFLOAD_ENCAPSULATION,
                              OID_TCP_OFFLOAD_PARAMETERS, OID_TCP_CONNECTION_OFFLOAD_PARAMETERS};
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES g = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
                   NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_1,
                   NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_1},
        .MediaType = NdisMedium802_3,
        .PhysicalMediumType = NdisPhysicalMedium802_3,
        .MtuSize = 1500,
        .MaxXmitLinkSpeed = 1000000000,
        .XmitLinkSpeed = 1000000000,
        .MediaConnectState = MediaConnectStateConnected,
        .LookaheadSize = 1500,
        .MacOptions = NDIS_MAC_OPTION_NO_LOOPBACK,
        .MaxMulticastListSize = 32,
        .MacAddressLength = 6,
        .PermanentMacAddress = {2, 0, 0, 0, 1, 1},
        .CurrentMacAddress = {2, 0, 0, 0, 1, 1},
        .SupportedOidList = oids,
        .SupportedOidListLength = sizeof oids,
    };

    return probe_set(p, &g);
}

NDIS_STATUS probe_set_offload(struct probe *p)
{
    NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES o = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES,
                   NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1,
                   NDIS_SIZEOF_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1},
        .DefaultOffloadConfiguration = &p->now,
        .HardwareOffloadCapabilities = &p->hardware,
    };

    if (p->connection) {
        o.DefaultTcpConnectionOffloadConfiguration = &p->connection_now;
        o.TcpConnectionOffloadHardwareCapabilities = &p->connection_hardware;
    }
    return probe_set(p, &o);
}

NDIS_OFFLOAD probe_view(const struct probe *p)
{
    static const USHORT sizes[] = {NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1,
                                   NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_2,
                                   NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_3};
    unsigned revision = p->minor == 0 ? 1 : p->minor < 30 ? 2 : 3;
    NDIS_OFFLOAD o;

    memset(&o, 0, sizeof o);
    o.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_OFFLOAD, (UCHAR)revision, sizes[revision - 1]};
    o.Checksum.IPv4Transmit.Encapsulation = NDIS_ENCAPSULATION_IEEE_802_3;
    o.Checksum.IPv4Transmit.IpChecksum = NDIS_OFFLOAD_SUPPORTED;
    o.Checksum.IPv4Transmit.TcpChecksum = NDIS_OFFLOAD_SUPPORTED;
    o.LsoV2.IPv4.Encapsulation = NDIS_ENCAPSULATION_IEEE_802_3;
    o.LsoV2.IPv4.MaxOffLoadSize = 64000;
    o.LsoV2.IPv4.MinSegmentCount = 2;
    return o;
}

NDIS_TCP_CONNECTION_OFFLOAD probe_connection_view(ULONG encapsulation, bool ipv4, bool ipv6)
{
    NDIS_TCP_CONNECTION_OFFLOAD c;

    memset(&c, 0, sizeof c);
    c.Header =
        (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_DEFAULT, NDIS_TCP_CONNECTION_OFFLOAD_REVISION_1,
                             NDIS_SIZEOF_TCP_CONNECTION_OFFLOAD_REVISION_1};
    c.Encapsulation = encapsulation;
    c.SupportIPv4 = ipv4 ? NDIS_OFFLOAD_SUPPORTED : 0;
    c.SupportIPv6 = ipv6 ? NDIS_OFFLOAD_SUPPORTED : 0;
    c.SupportSack = NDIS_OFFLOAD_SUPPORTED;
    c.TcpConnectionOffloadCapacity = 1024;
    return c;
}

void probe_indicate(struct probe *p, NDIS_STATUS code, void *buffer, ULONG bytes)
{
    NDIS_STATUS_INDICATION s = {
        .Header = {NDIS_OBJECT_TYPE_STATUS_INDICATION, NDIS_STATUS_INDICATION_REVISION_1,
                   NDIS_SIZEOF_STATUS_INDICATION_REVISION_1},
        .SourceHandle = p->handle,
        .StatusCode = code,
        .StatusBuffer = buffer,
        .StatusBufferSize = bytes,
    };

    NdisMIndicateStatusEx(p->handle, &s);
}

/* ---- Requests ------------------------------------------------------------------------------- */

/* CON-7's one routine. */
static NDIS_STATUS enable(struct probe *p, ULONG ipv4, ULONG ipv6)
{
    if (!p->connection)
        return NDIS_STATUS_NOT_SUPPORTED;
    if (p->refuse)
        return p->refuse;
    p->enables++;
    probe_indicate(p, NDIS_STATUS_OFFLOAD_PAUSE, NULL, 0);
    if (ipv4 != NDIS_OFFLOAD_SET_NO_CHANGE)
        p->ipv4 = ipv4 == NDIS_OFFLOAD_SET_ON;
    if (ipv6 != NDIS_OFFLOAD_SET_NO_CHANGE)
        p->ipv6 = ipv6 == NDIS_OFFLOAD_SET_ON;
    p->connection_now =
        probe_connection_view(p->connection_hardware.Encapsulation, p->ipv4, p->ipv6);
    probe_indicate(p, NDIS_STATUS_OFFLOAD_RESUME, &p->connection_now, sizeof p->connection_now);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS answer(struct probe *p, const NDIS_OID_REQUEST *q)
{
    const void *buffer = q->DATA.SET_INFORMATION.InformationBuffer;
    const NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS *parameters = buffer;
    const NDIS_TCP_CONNECTION_OFFLOAD *c = buffer;

    if (q->RequestType != NdisRequestSetInformation)
        return NDIS_STATUS_NOT_SUPPORTED;
    switch (q->DATA.SET_INFORMATION.Oid) {
    case OID_TCP_CONNECTION_OFFLOAD_PARAMETERS:
        return enable(p, parameters->Encapsulation.IPv4.Enabled,
                      parameters->Encapsulation.IPv6.Enabled);
    case OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES:
        return enable(p, c->SupportIPv4 ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF,
                      c->SupportIPv6 ? NDIS_OFFLOAD_SET_ON : NDIS_OFFLOAD_SET_OFF);
    case OID_OFFLOAD_ENCAPSULATION:
        memcpy(&p->encapsulation, buffer, sizeof p->encapsulation);
        /* fall through */
    case OID_TCP_OFFLOAD_PARAMETERS:
        probe_indicate(p, NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &p->now, p->now.Header.Size);
        return NDIS_STATUS_SUCCESS;
    default:
        return NDIS_STATUS_SUCCESS;
    }
}

static NDIS_STATUS NTAPI ProbeOidRequest(NDIS_HANDLE MiniportAdapterContext, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status;

    (void)MiniportAdapterContext;
    if (probe.oids < PROBE_OIDS)
        probe.seen[probe.oids] = q->DATA.SET_INFORMATION.Oid;
    probe.oids++;
    status = answer(&probe, q);
    if (status == NDIS_STATUS_SUCCESS)
        q->DATA.SET_INFORMATION.BytesRead = q->DATA.SET_INFORMATION.InformationBufferLength;
    return status;
}

/* ---- Other handlers ------------------------------------------------------------------------- */

static NDIS_STATUS NTAPI ProbeInitializeEx(NDIS_HANDLE NdisMiniportHandle,
                                           NDIS_HANDLE MiniportDriverContext,
                                           PNDIS_MINIPORT_INIT_PARAMETERS MiniportInitParameters)
{
    (void)MiniportDriverContext;
    (void)MiniportInitParameters;
    probe.handle = NdisMiniportHandle;
    if (probe.registration)
        probe_set_registration(&probe);
    if (probe.general)
        probe_set_general(&probe);
    if (probe.offload)
        probe_set_offload(&probe);
    if (probe.in_initialize)
        probe.in_initialize(&probe);
    return probe.initialize_status;
}

static VOID NTAPI ProbeHaltEx(NDIS_HANDLE MiniportAdapterContext, NDIS_HALT_ACTION HaltAction)
{
    (void)MiniportAdapterContext;
    (void)HaltAction;
    probe.halts++;
}

static NDIS_STATUS NTAPI ProbePause(NDIS_HANDLE MiniportAdapterContext,
                                    PNDIS_MINIPORT_PAUSE_PARAMETERS MiniportPauseParameters)
{
    (void)MiniportAdapterContext;
    (void)MiniportPauseParameters;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS NTAPI ProbeRestart(NDIS_HANDLE MiniportAdapterContext,
                                      PNDIS_MINIPORT_RESTART_PARAMETERS MiniportRestartParameters)
{
    (void)MiniportAdapterContext;
    (void)MiniportRestartParameters;
    return NDIS_STATUS_SUCCESS;
}

static VOID NTAPI ProbeSend(NDIS_HANDLE MiniportAdapterContext, PNET_BUFFER_LIST NetBufferList,
                            NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)
{
    (void)MiniportAdapterContext;
    (void)PortNumber;
    (void)SendFlags;
    for (NET_BUFFER_LIST *nbl = NetBufferList; nbl; nbl = nbl->Next)
        nbl->Status = NDIS_STATUS_SUCCESS;
    NdisMSendNetBufferListsComplete(probe.handle, NetBufferList, 0);
}

static VOID NTAPI ProbeReturn(NDIS_HANDLE MiniportAdapterContext, PNET_BUFFER_LIST NetBufferLists,
                              ULONG ReturnFlags)
{
    (void)MiniportAdapterContext;
    (void)NetBufferLists;
    (void)ReturnFlags;
}

static VOID NTAPI ProbeCancel(NDIS_HANDLE MiniportAdapterContext, PVOID Id)
{
    (void)MiniportAdapterContext;
    (void)Id;
}

static VOID NTAPI ProbeEvent(NDIS_HANDLE MiniportAdapterContext, PNET_DEVICE_PNP_EVENT Event)
{
    (void)MiniportAdapterContext;
    (void)Event;
}

static VOID NTAPI ProbeShutdown(NDIS_HANDLE MiniportAdapterContext, NDIS_SHUTDOWN_ACTION Action)
{
    (void)MiniportAdapterContext;
    (void)Action;
}

static VOID NTAPI ProbeUnload(PDRIVER_OBJECT DriverObject)
{
    (void)DriverObject;
    NdisMDeregisterMiniportDriver(probe.driver_handle);
}

static NTSTATUS NTAPI ProbeEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c = &probe.characteristics;

    *c = (NDIS_MINIPORT_DRIVER_CHARACTERISTICS){
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS, probe.minor ? 2 : 1,
                   probe.minor ? NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2
                               : NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1},
        .MajorNdisVersion = 6,
        .MinorNdisVersion = probe.minor,
        .InitializeHandlerEx = ProbeInitializeEx,
        .HaltHandlerEx = ProbeHaltEx,
        .UnloadHandler = ProbeUnload,
        .PauseHandler = ProbePause,
        .RestartHandler = ProbeRestart,
        .OidRequestHandler = ProbeOidRequest,
        .CancelOidRequestHandler = ProbeCancel,
        .SendNetBufferListsHandler = ProbeSend,
        .ReturnNetBufferListsHandler = ProbeReturn,
        .CancelSendHandler = ProbeCancel,
        .DevicePnPEventNotifyHandler = ProbeEvent,
        .ShutdownHandlerEx = ProbeShutdown,
    };
    return NdisMRegisterMiniportDriver(DriverObject, RegistryPath, NULL, c, &probe.driver_handle);
}

/* ---- Life ----------------------------------------------------------------------------------- */

static void sink(void *arg, const struct finding *f)
{
    if (strcmp(f->subject, PROBE_NAME) == 0)
        probe.findings++;
    else
        rig_rule_broken(arg, f);
}

struct probe *probe_prepare(struct rig *r)
{
    static const struct rig_config quiet = {.no_bind = true};

    invariant(!up);
    if (!r->prepared)
        rig_prepare(r, &quiet);
    finding_set_sink(sink, r);
    memset(&probe, 0, sizeof probe);
    probe.rig = r;
    probe.registration = probe.general = probe.offload = true;
    probe.now = probe.hardware = probe_view(&probe);
    probe.connection_hardware = probe.connection_now =
        probe_connection_view(NDIS_ENCAPSULATION_IEEE_802_3, true, true);
    probe.key = registry_open(r->registry, PROBE_KEY, true);
    if (!probe.key)
        cannot(r, "no memory");
    reg_set_sz(probe.key, "*IfType", "6");
    reg_set_sz(probe.key, "*MediaType", "0");
    reg_set_sz(probe.key, "*PhysicalMediaType", "14");
    return &probe;
}

NDIS_STATUS probe_initialize(struct probe *p)
{
    struct ndis_adapter_config config = {.key = p->key, .name = PROBE_NAME};
    struct why why = {0};

    if (nt_driver_load_entry(ProbeEntry, PROBE_NAME, &p->driver, &why) < 0)
        cannot(p->rig, "the probe could not be loaded: %s", why.text);
    config.driver = p->driver;
    if (ndis_adapter_new(&config, &p->adapter, &why) < 0)
        cannot(p->rig, "%s", why.text);
    up = true;
    protocol_register(p->rig, &p->protocol, "PROBED", true);
    return ndis_adapter_initialize(p->adapter);
}

bool probe_bind(struct probe *p)
{
    struct why why = {0};

    if (ndis_adapter_state(p->adapter) != NDIS_ADAPTER_RUNNING)
        ndis_adapter_restart(p->adapter);
    return ndis_adapter_connect(p->adapter, p->protocol.name, &why) == 0 && p->protocol.binding;
}

void probe_down(struct probe *p)
{
    if (!up)
        return;
    up = false;
    ndis_adapter_disconnect(p->adapter, p->protocol.name);
    ndis_adapter_halt(p->adapter);
    ndis_adapter_free(p->adapter);
    protocol_deregister(&p->protocol);
    nt_driver_unload(p->driver);
    finding_set_sink(rig_rule_broken, p->rig);
}

struct probe *probe_current(void)
{
    return up ? &probe : NULL;
}

void probe_close(void)
{
    probe_down(&probe);
}

/* ---- Counts --------------------------------------------------------------------------------- */

unsigned probe_got(const struct probe *p, NDIS_OID oid)
{
    unsigned n = 0;

    for (unsigned i = 0; i < MIN_OF(p->oids, (unsigned)PROBE_OIDS); i++)
        n += p->seen[i] == oid;
    return n;
}

unsigned probe_told(const struct probe *p, NDIS_STATUS code)
{
    unsigned n = 0;

    for (unsigned i = 0; i < MIN_OF(p->protocol.status_count, (unsigned)RIG_RECORDS); i++)
        n += p->protocol.status[i].code == code;
    return n;
}
