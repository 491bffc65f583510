/* SPDX-License-Identifier: MIT */
/* Faults of an intermediate driver: at its lower edge, in what it tells, and at its upper edge. */
#include "fault.h"

/* ---- What the driver is doing --------------------------------------------------------------- */

static NDIS_PROTOCOL_DRIVER_CHARACTERISTICS lower; /* its own */
static __thread NDIS_STATUS hearing;               /* a member's status that it is in, or 0 */
static __thread bool binding_now;                  /* in its bind handler */
static __thread unsigned asking;                   /* in its request handler */
static __thread bool hardware_told;                /* last, on this thread */
static NDIS_HANDLE bindings[4];
static unsigned binding_count;

static VOID NTAPI HearStatus(NDIS_HANDLE ProtocolBindingContext,
                             PNDIS_STATUS_INDICATION StatusIndication)
{
    hearing = StatusIndication->StatusCode;
    lower.StatusHandlerEx(ProtocolBindingContext, StatusIndication);
    hearing = 0;
}

static NDIS_STATUS NTAPI Bind(NDIS_HANDLE ProtocolDriverContext, NDIS_HANDLE BindContext,
                              PNDIS_BIND_PARAMETERS BindParameters)
{
    NDIS_STATUS status;

    binding_now = true;
    status = lower.BindAdapterHandlerEx(ProtocolDriverContext, BindContext, BindParameters);
    binding_now = false;
    return status;
}

static NDIS_STATUS NTAPI RegisterLower(NDIS_HANDLE ProtocolDriverContext,
                                       PNDIS_PROTOCOL_DRIVER_CHARACTERISTICS c,
                                       PNDIS_HANDLE NdisProtocolHandle)
{
    NDIS_PROTOCOL_DRIVER_CHARACTERISTICS changed = *c;

    lower = *c;
    changed.StatusHandlerEx = HearStatus;
    changed.BindAdapterHandlerEx = Bind;
    return NdisRegisterProtocolDriver(ProtocolDriverContext, &changed, NdisProtocolHandle);
}

/* Members in the order in which they were opened. */
static NDIS_STATUS NTAPI Open(NDIS_HANDLE ProtocolHandle, NDIS_HANDLE ProtocolBindingContext,
                              PNDIS_OPEN_PARAMETERS OpenParameters, NDIS_HANDLE BindContext,
                              PNDIS_HANDLE NdisBindingHandle)
{
    NDIS_STATUS status = NdisOpenAdapterEx(ProtocolHandle, ProtocolBindingContext, OpenParameters,
                                           BindContext, NdisBindingHandle);

    if (binding_count < ARRAY_LEN(bindings))
        bindings[binding_count++] = *NdisBindingHandle;
    return status;
}

static NDIS_STATUS NTAPI Ask(NDIS_HANDLE context, PNDIS_OID_REQUEST q)
{
    NDIS_STATUS status;

    asking++;
    status = driver.OidRequestHandler(context, q);
    asking--;
    return status;
}

#define LOWER                                                                                      \
    {                                                                                              \
        "NdisRegisterProtocolDriver", (void *)RegisterLower                                        \
    }

/* ---- What it tells -------------------------------------------------------------------------- */

enum { MUTE_OWN, MUTE_FAILOVER, MUTE_MEMBERSHIP, MUTE_ENCAPSULATION, MUTE_LINK, MUTE_FOLLOWING };

static bool is_mute(const NDIS_STATUS_INDICATION *s)
{
    NDIS_STATUS code = s->StatusCode;
    bool current = code == NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG;

    switch (fault->mode) {
    case MUTE_OWN:
        return current && hearing == NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG && !asking;
    case MUTE_FAILOVER:
        return current && hearing == NDIS_STATUS_LINK_STATE;
    case MUTE_MEMBERSHIP:
        return code == NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES && !hearing && !asking;
    case MUTE_FOLLOWING:
        return current && hardware_told;
    case MUTE_ENCAPSULATION:
        return code == NDIS_STATUS_OFFLOAD_ENCASPULATION_CHANGE;
    default:
        return code == NDIS_STATUS_LINK_STATE && !hearing; /* a member goes, its link does not */
    }
}

static VOID NTAPI TellNot(NDIS_HANDLE MiniportAdapterHandle,
                          PNDIS_STATUS_INDICATION StatusIndication)
{
    if (!is_mute(StatusIndication))
        NdisMIndicateStatusEx(MiniportAdapterHandle, StatusIndication);
    hardware_told = StatusIndication->StatusCode == NDIS_STATUS_TASK_OFFLOAD_HARDWARE_CAPABILITIES;
}

#define MUTE(which)                                                                                \
    .mode = (which), .oid = Ask, .imports = {LOWER, {"NdisMIndicateStatusEx", (void *)TellNot}}

FAULT("MUX-4", mux_own_change, "a member's own change of its configuration is not told",
      .maybe = "MUX-15", MUTE(MUTE_OWN));
FAULT("MUX-5", mux_failover_untold, "a failover changes the configuration in silence",
      .also = "CFG-14", .maybe = "MUX-15,MUX-16,CFG-12,CFG-7", MUTE(MUTE_FAILOVER));
FAULT("MUX-7", mux_membership_untold, "members come and go, and the ability is not told",
      .maybe = "CFG-7,CFG-14", MUTE(MUTE_MEMBERSHIP));
FAULT("CFG-14", mux_hardware_alone, "of a failover only the hardware capabilities are told",
      .team = true, .also = "MUX-5", .maybe = "MUX-7,MUX-15,CFG-7,CFG-12", MUTE(MUTE_FOLLOWING));
FAULT("MUX-16", mux_encapsulation_untold, "a change of encapsulation is not told",
      MUTE(MUTE_ENCAPSULATION));

static void less(NDIS_OFFLOAD *o, enum fault_view view)
{
    (void)view;
    if (o->LsoV2.IPv4.Encapsulation)
        o->LsoV2.IPv4.MaxOffLoadSize--;
}
FAULT("MUX-3", mux_less_than_common, "less is offered than the members have in common",
      .offload = less, .also = "MUX-5", .maybe = "MUX-7,MUX-15");

static VOID NTAPI ForwardRaw(NDIS_HANDLE ProtocolBindingContext,
                             PNDIS_STATUS_INDICATION StatusIndication)
{
    NDIS_STATUS_INDICATION s = *StatusIndication;

    lower.StatusHandlerEx(ProtocolBindingContext, StatusIndication);
    s.SourceHandle = driver_adapter;
    if (s.StatusCode == NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG && driver_adapter && !asking &&
        ndis_adapter_state(driver_adapter) == NDIS_ADAPTER_RUNNING)
        NdisMIndicateStatusEx(driver_adapter, &s);
}

static VOID NTAPI IgnoreReset(NDIS_HANDLE ProtocolBindingContext,
                              PNDIS_STATUS_INDICATION StatusIndication)
{
    if (StatusIndication->StatusCode != NDIS_STATUS_RESET_START)
        lower.StatusHandlerEx(ProtocolBindingContext, StatusIndication);
}

static NDIS_STATUS NTAPI RegisterRaw(NDIS_HANDLE ProtocolDriverContext,
                                     PNDIS_PROTOCOL_DRIVER_CHARACTERISTICS c,
                                     PNDIS_HANDLE NdisProtocolHandle)
{
    NDIS_PROTOCOL_DRIVER_CHARACTERISTICS changed = *c;

    lower = *c;
    changed.StatusHandlerEx = fault->mode ? IgnoreReset : ForwardRaw;
    return NdisRegisterProtocolDriver(ProtocolDriverContext, &changed, NdisProtocolHandle);
}

FAULT("MUX-15", mux_raw_status, "each member's configuration is told as the team's", .oid = Ask,
      .maybe = "CFG-7", .imports = {{"NdisRegisterProtocolDriver", (void *)RegisterRaw}});
FAULT("MUX-23", mux_reset_ignored, "sends go to a member that resets", .mode = 1,
      .maybe = "MUX-8,MUX-22,GEN-32",
      .imports = {{"NdisRegisterProtocolDriver", (void *)RegisterRaw}});

/* ---- What it asks --------------------------------------------------------------------------- */

/* Answered for the member, without it. */
static NDIS_STATUS NTAPI AskNot(NDIS_HANDLE NdisBindingHandle, PNDIS_OID_REQUEST OidRequest)
{
    bool second = binding_count > 1 && NdisBindingHandle == bindings[1];
    NDIS_OID oid = OidRequest->DATA.SET_INFORMATION.Oid;

    if (OidRequest->RequestType == NdisRequestSetInformation &&
        oid == (fault->mode ? OID_TCP_OFFLOAD_PARAMETERS : OID_OFFLOAD_ENCAPSULATION) &&
        (fault->mode == 2 ? binding_now : second)) {
        OidRequest->DATA.SET_INFORMATION.BytesRead =
            OidRequest->DATA.SET_INFORMATION.InformationBufferLength;
        return NDIS_STATUS_SUCCESS;
    }
    return NdisOidRequest(NdisBindingHandle, OidRequest);
}

#define ASK_NOT                                                                                    \
    .imports = {LOWER, {"NdisOpenAdapterEx", (void *)Open}, {"NdisOidRequest", (void *)AskNot}}

FAULT("MUX-10", mux_encapsulation_one, "encapsulation is set on the first member alone", .mode = 0,
      .also = "MUX-12", ASK_NOT);
FAULT("MUX-11", mux_parameters_one, "parameters are set on the first member alone", .mode = 1,
      .also = "MUX-12", ASK_NOT);
FAULT("MUX-12", mux_late_as_it_is, "a member that joins late keeps its own parameters", .mode = 2,
      ASK_NOT);

static VOID NTAPI CancelNot(NDIS_HANDLE NdisBindingHandle, PVOID RequestId)
{
    (void)NdisBindingHandle, (void)RequestId;
}
FAULT("MUX-13", mux_cancel_lost, "a cancelled request is not cancelled at the member",
      .maybe = "GEN-27", .imports = {{"NdisCancelOidRequest", (void *)CancelNot}});
FAULT("MUX-22", mux_send_cancel_lost, "a cancel of sends does not reach the member",
      .maybe = "GEN-19", .imports = {{"NdisCancelSendNetBufferLists", (void *)CancelNot}});

/* ---- Life ----------------------------------------------------------------------------------- */

static VOID NTAPI AssociateNot(NDIS_HANDLE DriverHandle, NDIS_HANDLE ProtocolHandle)
{
    (void)DriverHandle, (void)ProtocolHandle;
}
FAULT("MUX-1", mux_not_tied, "the edges are not tied together",
      .imports = {{"NdisIMAssociateMiniport", (void *)AssociateNot}});

static unsigned started;

static void not_started(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    (void)c;
    started = 0;
}

static NDIS_STATUS NTAPI InstanceOnce(NDIS_HANDLE DriverHandle, PNDIS_STRING DriverInstance,
                                      NDIS_HANDLE DeviceContext)
{
    return started++
               ? NDIS_STATUS_FAILURE
               : NdisIMInitializeDeviceInstanceEx(DriverHandle, DriverInstance, DeviceContext);
}
FAULT("MUX-2", mux_started_once, "the instance is not started for members that come later",
      .handlers = not_started,
      .imports = {{"NdisIMInitializeDeviceInstanceEx", (void *)InstanceOnce}});

static NDIS_STATUS NTAPI DeInitializeNot(NDIS_HANDLE NdisMiniportHandle)
{
    (void)NdisMiniportHandle;
    return NDIS_STATUS_SUCCESS;
}
FAULT("MUX-25", mux_stays_up, "the virtual adapter stays when the last member goes, link up",
      .mode = MUTE_LINK, .maybe = "MUX-2",
      .imports = {LOWER,
                  {"NdisMIndicateStatusEx", (void *)TellNot},
                  {"NdisIMDeInitializeDeviceInstance", (void *)DeInitializeNot}});

static NDIS_STATUS NTAPI HaltOnSuspend(NDIS_HANDLE NdisMiniportHandle,
                                       PNDIS_MINIPORT_ADAPTER_ATTRIBUTES block)
{
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES a;

    memcpy(&a.Header, block, sizeof a.Header);
    if (a.Header.Type != NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES)
        return NdisMSetMiniportAttributes(NdisMiniportHandle, block);
    memcpy(&a, block, sizeof a);
    a.AttributeFlags &= ~(ULONG)NDIS_MINIPORT_ATTRIBUTES_NO_HALT_ON_SUSPEND;
    return NdisMSetMiniportAttributes(NdisMiniportHandle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&a);
}
FAULT("MUX-26", mux_halt_on_suspend, "NO_HALT_ON_SUSPEND is not set",
      .imports = {{"NdisMSetMiniportAttributes", (void *)HaltOnSuspend}});

static NDIS_STATUS NTAPI StackNot(NET_IFINDEX HigherLayerIfIndex, NET_IFINDEX LowerLayerIfIndex)
{
    (void)HigherLayerIfIndex, (void)LowerLayerIfIndex;
    return NDIS_STATUS_SUCCESS;
}
FAULT("MUX-27", mux_no_stack_entry, "the interface stack is not told of members",
      .imports = {{"NdisIfAddIfStackEntry", (void *)StackNot},
                  {"NdisIfDeleteIfStackEntry", (void *)StackNot}});
