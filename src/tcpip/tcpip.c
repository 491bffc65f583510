/* SPDX-License-Identifier: MIT */
/* The protocol driver's life: registration, binding, offload activation, PnP events, status
 * indications. */
#include "tcpip/tcpip_int.h"

enum { MINIMUM_MTU = 68, LOOKAHEAD = 256 };

/* ---- Requests and other pending operations, all made at PASSIVE_LEVEL, one at a time ---- */

static NDIS_STATUS wait_done(struct tcpip *t, NDIS_STATUS status)
{
    if (status != NDIS_STATUS_PENDING)
        return status;
    KeWaitForSingleObject(&t->done, Executive, KernelMode, FALSE, NULL);
    return t->done_status;
}

static void signal_done(struct tcpip *t, NDIS_STATUS status)
{
    t->done_status = status;
    KeSetEvent(&t->done, 0, FALSE);
}

static NDIS_STATUS request_set(struct tcpip *t, NDIS_OID oid, void *buffer, ULONG bytes)
{
    NDIS_OID_REQUEST r = {
        .Header = {NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_1,
                   NDIS_SIZEOF_OID_REQUEST_REVISION_1},
        .RequestType = NdisRequestSetInformation,
    };

    r.DATA.SET_INFORMATION.Oid = oid;
    r.DATA.SET_INFORMATION.InformationBuffer = buffer;
    r.DATA.SET_INFORMATION.InformationBufferLength = bytes;
    KeClearEvent(&t->done);
    return wait_done(t, NdisOidRequest(t->binding, &r));
}

static void activated(struct tcpip *t, NDIS_STATUS status)
{
    NdisAcquireSpinLock(&t->lock);
    t->encapsulated = status == NDIS_STATUS_SUCCESS;
    NdisReleaseSpinLock(&t->lock);
    tcpip_offers_update(t);
}

static VOID NTAPI TcpipOidRequestComplete(NDIS_HANDLE ProtocolBindingContext,
                                          PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status)
{
    struct tcpip *t = ProtocolBindingContext;

    if (OidRequest == &t->activation)
        activated(t, Status);
    else
        signal_done(t, Status);
}

static VOID NTAPI TcpipOpenAdapterCompleteEx(NDIS_HANDLE ProtocolBindingContext, NDIS_STATUS Status)
{
    signal_done(ProtocolBindingContext, Status);
}

static VOID NTAPI TcpipCloseAdapterCompleteEx(NDIS_HANDLE ProtocolBindingContext)
{
    signal_done(ProtocolBindingContext, NDIS_STATUS_SUCCESS);
}

/* ---- Binding -------------------------------------------------------------------------------- */

/*
 * Activation ("OID_OFFLOAD_ENCAPSULATION"): Ethernet II, 14 bytes of header, both families. Asked
 * for once per binding, as soon as the configuration lists an offload for that encapsulation
 * (ENC-19): at bind, or when an indication switches the first one on. At most DISPATCH_LEVEL.
 */
static void activate_offload(struct tcpip *t)
{
    NDIS_OFFLOAD_ENCAPSULATION *e = &t->activation_buffer;
    NDIS_STATUS status;
    bool due;

    NdisAcquireSpinLock(&t->lock);
    due = atomic_load(&t->state) != TCPIP_UNBOUND && !t->activation_tried &&
          tcpip_config_lists_ethernet(&t->current);
    t->activation_tried |= due;
    NdisReleaseSpinLock(&t->lock);
    if (!due)
        return;
    memset(e, 0, sizeof *e);
    e->Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION,
                                     NDIS_OFFLOAD_ENCAPSULATION_REVISION_1,
                                     NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1};
    e->IPv4.Enabled = e->IPv6.Enabled = NDIS_OFFLOAD_SET_ON;
    e->IPv4.EncapsulationType = e->IPv6.EncapsulationType = NDIS_ENCAPSULATION_IEEE_802_3;
    e->IPv4.HeaderSize = e->IPv6.HeaderSize = FRAME_ETH_LEN;
    memset(&t->activation, 0, sizeof t->activation);
    t->activation.Header =
        (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_1,
                             NDIS_SIZEOF_OID_REQUEST_REVISION_1};
    t->activation.RequestType = NdisRequestSetInformation;
    t->activation.DATA.SET_INFORMATION.Oid = OID_OFFLOAD_ENCAPSULATION;
    t->activation.DATA.SET_INFORMATION.InformationBuffer = e;
    t->activation.DATA.SET_INFORMATION.InformationBufferLength =
        NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1;
    status = NdisOidRequest(t->binding, &t->activation);
    if (status != NDIS_STATUS_PENDING)
        activated(t, status);
}

static NTSTATUS NTAPI read_disable(PWSTR ValueName, ULONG ValueType, PVOID ValueData,
                                   ULONG ValueLength, PVOID Context, PVOID EntryContext)
{
    ULONG value;

    (void)ValueName;
    (void)Context;
    if (ValueType == REG_DWORD && ValueLength == sizeof value) {
        memcpy(&value, ValueData, sizeof value);
        *(bool *)EntryContext = value != 0;
    }
    return STATUS_SUCCESS;
}

bool tcpip_offload_disabled(void)
{
    static WCHAR name[] = L"DisableTaskOffload";
    bool disabled = false;
    RTL_QUERY_REGISTRY_TABLE table[2] = {
        {.QueryRoutine = read_disable, .Name = name, .EntryContext = &disabled},
    };

    RtlQueryRegistryValues(RTL_REGISTRY_SERVICES | RTL_REGISTRY_OPTIONAL, L"Tcpip\\Parameters",
                           table, NULL, NULL);
    return disabled;
}

static void set_carrier(struct tcpip *t, NDIS_MEDIA_CONNECT_STATE state)
{
    port_set_carrier(t->tap, state != MediaConnectStateDisconnected);
}

/* The TAP takes on the adapter's face. */
static NDIS_STATUS dress_tap(struct tcpip *t, const NDIS_BIND_PARAMETERS *p)
{
    int r;

    if (p->MacAddressLength != 6 || p->MtuSize < MINIMUM_MTU)
        return NDIS_STATUS_NOT_SUPPORTED;
    r = port_set_mac(t->tap, p->CurrentMacAddress);
    if (r == 0)
        r = port_set_mtu(t->tap, p->MtuSize);
    if (r < 0) {
        log_error("tcpip: the TAP refused MAC address or MTU %u: %s", p->MtuSize, strerror(-r));
        return NDIS_STATUS_FAILURE;
    }
    set_carrier(t, p->MediaConnectState);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS open_adapter(struct tcpip *t, NDIS_HANDLE bind_context,
                                const NDIS_BIND_PARAMETERS *p)
{
    static NDIS_MEDIUM media[] = {NdisMedium802_3};
    static NET_FRAME_TYPE types[] = {0x0008, 0xdd86, 0x0608}; /* IPv4, IPv6, ARP; network order */
    UINT medium;
    NDIS_OPEN_PARAMETERS o = {
        .Header = {NDIS_OBJECT_TYPE_OPEN_PARAMETERS, NDIS_OPEN_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1},
        .AdapterName = p->AdapterName,
        .MediumArray = media,
        .MediumArraySize = ARRAY_LEN(media),
        .SelectedMediumIndex = &medium,
        .FrameTypeArray = types,
        .FrameTypeArraySize = ARRAY_LEN(types),
    };

    KeClearEvent(&t->done);
    return wait_done(t, NdisOpenAdapterEx(t->protocol, t, &o, bind_context, &t->binding));
}

static void close_adapter(struct tcpip *t)
{
    atomic_store(&t->state, TCPIP_UNBOUND);
    KeClearEvent(&t->done);
    wait_done(t, NdisCloseAdapterEx(t->binding));
    t->binding = NULL;
    NdisAcquireSpinLock(&t->lock);
    t->encapsulated = false;
    t->activation_tried = false;
    memset(&t->current, 0, sizeof t->current);
    NdisReleaseSpinLock(&t->lock);
    tcpip_offers_update(t);
    port_set_carrier(t->tap, false);
}

static NDIS_STATUS start_binding(struct tcpip *t, const NDIS_BIND_PARAMETERS *p)
{
    ULONG filter =
        NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_ALL_MULTICAST | NDIS_PACKET_TYPE_BROADCAST;
    ULONG lookahead = LOOKAHEAD;
    NDIS_STATUS status = dress_tap(t, p);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (p->DefaultOffloadConfiguration) {
        bool never = tcpip_offload_disabled(); /* KEY-24: this binding never asks */

        NdisAcquireSpinLock(&t->lock);
        t->activation_tried = never;
        tcpip_config_copy(&t->current, p->DefaultOffloadConfiguration, sizeof t->current);
        NdisReleaseSpinLock(&t->lock);
        activate_offload(t);
    }
    tcpip_offers_update(t);
    request_set(t, OID_GEN_CURRENT_LOOKAHEAD, &lookahead, sizeof lookahead);
    status = request_set(t, OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof filter);
    if (status != NDIS_STATUS_SUCCESS) { /* an adapter need not know all-multicast */
        filter = NDIS_PACKET_TYPE_PROMISCUOUS;
        status = request_set(t, OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof filter);
    }
    return status;
}

static NDIS_STATUS NTAPI TcpipBindAdapterEx(NDIS_HANDLE ProtocolDriverContext,
                                            NDIS_HANDLE BindContext,
                                            PNDIS_BIND_PARAMETERS BindParameters)
{
    struct tcpip *t = ProtocolDriverContext;
    NDIS_STATUS status;

    if (t->binding) /* one TAP, one adapter */
        return NDIS_STATUS_RESOURCES;
    status = open_adapter(t, BindContext, BindParameters);
    if (status != NDIS_STATUS_SUCCESS) {
        t->binding = NULL;
        return status;
    }
    atomic_store(&t->state, TCPIP_PAUSED);
    status = start_binding(t, BindParameters);
    if (status != NDIS_STATUS_SUCCESS)
        close_adapter(t);
    return status;
}

static NDIS_STATUS NTAPI TcpipUnbindAdapterEx(NDIS_HANDLE UnbindContext,
                                              NDIS_HANDLE ProtocolBindingContext)
{
    (void)UnbindContext;
    close_adapter(ProtocolBindingContext);
    return NDIS_STATUS_SUCCESS;
}

/* ---- Events and indications ----------------------------------------------------------- */

/* No more sends; the event completes when the last one is back (GEN-45). */
static NDIS_STATUS pause_binding(struct tcpip *t, NET_PNP_EVENT_NOTIFICATION *event)
{
    atomic_store(&t->state, TCPIP_PAUSED);
    atomic_fetch_add(&t->busy, 1);
    atomic_store(&t->pause_event, event);
    if (atomic_fetch_sub(&t->busy, 1) != 1)
        return NDIS_STATUS_PENDING;
    /* Nothing outstanding: whoever takes the event back completes it. */
    return atomic_exchange(&t->pause_event, NULL) ? NDIS_STATUS_SUCCESS : NDIS_STATUS_PENDING;
}

static NDIS_STATUS NTAPI TcpipNetPnPEvent(NDIS_HANDLE ProtocolBindingContext,
                                          PNET_PNP_EVENT_NOTIFICATION NetPnPEventNotification)
{
    struct tcpip *t = ProtocolBindingContext;

    switch (NetPnPEventNotification->NetPnPEvent.NetEvent) {
    case NetEventPause:
        return pause_binding(t, NetPnPEventNotification);
    case NetEventRestart:
        atomic_store(&t->state, TCPIP_RUNNING);
        return NDIS_STATUS_SUCCESS;
    case NetEventSetPower:
    case NetEventQueryPower:
    case NetEventQueryRemoveDevice:
    case NetEventCancelRemoveDevice:
    case NetEventReconfigure:
    case NetEventBindList:
    case NetEventBindsComplete:
    case NetEventPnPCapabilities:
        return NDIS_STATUS_SUCCESS;
    default:
        return NDIS_STATUS_NOT_SUPPORTED;
    }
}

static void follow_config(struct tcpip *t, const NDIS_STATUS_INDICATION *s)
{
    if (s->StatusBufferSize < NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_1)
        return;
    NdisAcquireSpinLock(&t->lock);
    tcpip_config_copy(&t->current, s->StatusBuffer, s->StatusBufferSize);
    NdisReleaseSpinLock(&t->lock);
    tcpip_count(t, TCPIP_CONFIG_CHANGES, 1);
    tcpip_offers_update(t);
    activate_offload(t);
}

static VOID NTAPI TcpipStatusEx(NDIS_HANDLE ProtocolBindingContext,
                                PNDIS_STATUS_INDICATION StatusIndication)
{
    struct tcpip *t = ProtocolBindingContext;

    switch (StatusIndication->StatusCode) {
    case NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG:
        follow_config(t, StatusIndication);
        break;
    case NDIS_STATUS_LINK_STATE:
        if (StatusIndication->StatusBufferSize >= NDIS_SIZEOF_LINK_STATE_REVISION_1)
            set_carrier(t, ((NDIS_LINK_STATE *)StatusIndication->StatusBuffer)->MediaConnectState);
        break;
    default:
        break;
    }
}

/* ---- Life ----------------------------------------------------------------------------------- */

static NDIS_STATUS register_protocol(struct tcpip *t)
{
    WCHAR name[32];
    size_t n = MIN_OF(strlen(t->config.name), ARRAY_LEN(name) - 1);
    NDIS_PROTOCOL_DRIVER_CHARACTERISTICS c = {
        .Header = {NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
                   NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_1,
                   NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_1},
        .MajorNdisVersion = 6,
        .MinorNdisVersion = 0,
        .BindAdapterHandlerEx = TcpipBindAdapterEx,
        .UnbindAdapterHandlerEx = TcpipUnbindAdapterEx,
        .OpenAdapterCompleteHandlerEx = TcpipOpenAdapterCompleteEx,
        .CloseAdapterCompleteHandlerEx = TcpipCloseAdapterCompleteEx,
        .NetPnPEventHandler = TcpipNetPnPEvent,
        .OidRequestCompleteHandler = TcpipOidRequestComplete,
        .StatusHandlerEx = TcpipStatusEx,
        .ReceiveNetBufferListsHandler = TcpipReceiveNetBufferLists,
        .SendNetBufferListsCompleteHandler = TcpipSendNetBufferListsComplete,
    };

    for (size_t i = 0; i < n; i++)
        name[i] = (WCHAR)(unsigned char)t->config.name[i];
    c.Name = (NDIS_STRING){(USHORT)(n * sizeof(WCHAR)), (USHORT)(n * sizeof(WCHAR)), name};
    return NdisRegisterProtocolDriver(t, &c, &t->protocol);
}

int tcpip_new(const struct tcpip_config *config, struct tcpip **out, struct why *why)
{
    struct tcpip *t = calloc(1, sizeof *t);
    NDIS_STATUS status;

    if (!t)
        return why_set(why, -ENOMEM, "protocol %s: no memory", config->name);
    t->config = *config;
    t->tap = config->tap;
    NdisAllocateSpinLock(&t->lock);
    KeInitializeEvent(&t->done, SynchronizationEvent, FALSE);
    port_set_carrier(t->tap, false);
    status = register_protocol(t);
    if (status == NDIS_STATUS_SUCCESS)
        status = tcpip_slots_init(t);
    if (status != NDIS_STATUS_SUCCESS) {
        tcpip_free(t);
        return why_set(why, -ENOMEM, "protocol %s: registration failed with 0x%08x", config->name,
                       (unsigned)status);
    }
    *out = t;
    return 0;
}

void tcpip_free(struct tcpip *t)
{
    if (!t)
        return;
    if (t->protocol)
        NdisDeregisterProtocolDriver(t->protocol);
    tcpip_slots_fini(t);
    NdisFreeSpinLock(&t->lock);
    free(t);
}

bool tcpip_is_running(const struct tcpip *t)
{
    return atomic_load(&t->state) == TCPIP_RUNNING;
}

uint32_t tcpip_stack_offload(const struct tcpip *t)
{
    return atomic_load(&t->stack_offload);
}

uint64_t tcpip_counter(const struct tcpip *t, enum tcpip_counter c)
{
    return atomic_load_explicit(&t->counters[c], memory_order_relaxed);
}

const char *tcpip_counter_name(enum tcpip_counter c)
{
    static const char *const names[TCPIP_COUNTERS] = {
        [TCPIP_TX_FRAMES] = "tx_frames",           [TCPIP_TX_LARGE] = "tx_large",
        [TCPIP_TX_LARGE_BYTES] = "tx_large_bytes", [TCPIP_TX_CHECKSUM] = "tx_checksum",
        [TCPIP_TX_SOFTWARE] = "tx_software",       [TCPIP_TX_NO_SLOT] = "tx_no_slot",
        [TCPIP_TX_MALFORMED] = "tx_malformed",     [TCPIP_TX_NOT_RUNNING] = "tx_not_running",
        [TCPIP_TX_FAILED] = "tx_failed",           [TCPIP_RX_FRAMES] = "rx_frames",
        [TCPIP_RX_VERIFIED] = "rx_verified",       [TCPIP_RX_BAD_CHECKSUM] = "rx_bad_checksum",
        [TCPIP_RX_FRAGMENTED] = "rx_fragmented",   [TCPIP_RX_NO_ROOM] = "rx_no_room",
        [TCPIP_CONFIG_CHANGES] = "config_changes",
    };

    return names[c];
}
