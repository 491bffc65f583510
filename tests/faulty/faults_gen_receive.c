/* SPDX-License-Identifier: MIT */
/* What can go wrong with receives. */
#include "aim.h"
#include "hosts.h"

#define INDICATE_FUNCTION(fn)                                                                      \
    static VOID NTAPI fn(NDIS_HANDLE MiniportAdapterHandle, PNET_BUFFER_LIST NetBufferList,        \
                         NDIS_PORT_NUMBER PortNumber, ULONG NumberOfNetBufferLists,                \
                         ULONG ReceiveFlags)
#define INDICATE(number)                                                                           \
    NdisMIndicateReceiveNetBufferLists(MiniportAdapterHandle, NetBufferList, PortNumber, number,   \
                                       ReceiveFlags)

/* ---- Indications ---------------------------------------------------------------------------- */

static uint8_t *start_of(const NET_BUFFER_LIST *nbl)
{
    NET_BUFFER *nb = nbl->FirstNetBuffer;

    return (uint8_t *)MmGetSystemAddressForMdlSafe(nb->CurrentMdl, NormalPagePriority) +
           nb->CurrentMdlOffset;
}
INDICATE_FUNCTION(IndicateAndScribble)
{
    static uint8_t *lent, *scribbled;
    bool ours = aim_row(NetBufferList) == 20 && !(ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES);

    if (!lent && ours) {
        lent = start_of(NetBufferList);
    } else if (lent && !scribbled) {
        scribbled = lent;
        scribbled[50] ^= 0xff;
    }
    INDICATE(NumberOfNetBufferLists);
}
FAULT("GEN-20", lent_frame_changed, "the driver writes into a frame that it has lent",
      .imports = {{"NdisMIndicateReceiveNetBufferLists", IndicateAndScribble}});

INDICATE_FUNCTION(IndicateTwice)
{
    static unsigned times;
    bool again = aim_row(NetBufferList) == 20 && !NetBufferList->Next && times++ == 0;

    INDICATE(NumberOfNetBufferLists);
    if (again)
        INDICATE(NumberOfNetBufferLists);
}
FAULT("GEN-20", lent_frame_reused, "an NBL is indicated again while it is lent",
      .imports = {{"NdisMIndicateReceiveNetBufferLists", IndicateTwice}});

/* The miniport half of NDIS returns what was only shown; the driver does not mind. */
static NET_BUFFER_LIST *shown;

INDICATE_FUNCTION(IndicateAndReturn)
{
    struct ndis_adapter *a = MiniportAdapterHandle;
    bool ours = (ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES) && aim_row(NetBufferList) == 21;

    INDICATE(NumberOfNetBufferLists);
    if (!ours)
        return;
    shown = NetBufferList;
    a->driver->chars.ReturnNetBufferListsHandler(a->context, NetBufferList,
                                                 NDIS_RETURN_FLAGS_DISPATCH_LEVEL);
    shown = NULL;
}
static VOID NTAPI ReturnNotShown(NDIS_HANDLE MiniportAdapterContext,
                                 PNET_BUFFER_LIST NetBufferLists, ULONG ReturnFlags)
{
    if (NetBufferLists != shown)
        driver.ReturnNetBufferListsHandler(MiniportAdapterContext, NetBufferLists, ReturnFlags);
}
static void return_not_shown(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->ReturnNetBufferListsHandler = ReturnNotShown;
}
FAULT("GEN-21", shown_frames_returned, "NDIS returns NBLs that were only shown",
      .handlers = return_not_shown,
      .imports = {{"NdisMIndicateReceiveNetBufferLists", IndicateAndReturn}});

static NDIS_HANDLE tcpip_binding(NDIS_HANDLE context)
{
    return ((struct tcpip *)context)->binding;
}
static VOID NTAPI ReceiveAndReturnAll(NDIS_HANDLE ProtocolBindingContext,
                                      PNET_BUFFER_LIST NetBufferLists, NDIS_PORT_NUMBER PortNumber,
                                      ULONG NumberOfNetBufferLists, ULONG ReceiveFlags)
{
    protocol.ReceiveNetBufferListsHandler(ProtocolBindingContext, NetBufferLists, PortNumber,
                                          NumberOfNetBufferLists, ReceiveFlags);
    if (ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES)
        NdisReturnNetBufferLists(tcpip_binding(ProtocolBindingContext), NetBufferLists,
                                 NDIS_RETURN_FLAGS_DISPATCH_LEVEL);
}
static void receive_and_return_all(NDIS_PROTOCOL_DRIVER_CHARACTERISTICS *c)
{
    c->ReceiveNetBufferListsHandler = ReceiveAndReturnAll;
}
FAULT("GEN-21", protocol_returns_shown, "the protocol returns NBLs that it was only shown",
      .protocol_handlers = receive_and_return_all);

static VOID NTAPI ReceiveAndReturnTwice(NDIS_HANDLE ProtocolBindingContext,
                                        PNET_BUFFER_LIST NetBufferLists,
                                        NDIS_PORT_NUMBER PortNumber, ULONG NumberOfNetBufferLists,
                                        ULONG ReceiveFlags)
{
    protocol.ReceiveNetBufferListsHandler(ProtocolBindingContext, NetBufferLists, PortNumber,
                                          NumberOfNetBufferLists, ReceiveFlags);
    if (!(ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES))
        NdisReturnNetBufferLists(tcpip_binding(ProtocolBindingContext), NetBufferLists,
                                 NDIS_RETURN_FLAGS_DISPATCH_LEVEL);
}
static void receive_and_return_twice(NDIS_PROTOCOL_DRIVER_CHARACTERISTICS *c)
{
    c->ReceiveNetBufferListsHandler = ReceiveAndReturnTwice;
}
FAULT("GEN-22", protocol_returns_twice, "the protocol returns received NBLs twice",
      .protocol_handlers = receive_and_return_twice);

/* What comes back while the adapter is not running is forgotten. */
static VOID NTAPI ReturnWhenRunning(NDIS_HANDLE binding, PNET_BUFFER_LIST first, ULONG flags)
{
    const struct ndis_binding *b = binding;

    if (atomic_load(&b->state) != NDIS_BINDING_RUNNING && aim_row(first) == 22) {
        ndis_set_time_factor(0.01); /* NDIS waits for it, and reports it then */
        return;
    }
    __real_NdisReturnNetBufferLists(binding, first, flags);
}
FAULT("GEN-22", lost_in_pause, "NBLs that come back during a pause are lost", .maybe = "GEN-2",
      .hosts = {{"NdisReturnNetBufferLists", ReturnWhenRunning}});

INDICATE_FUNCTION(IndicateOneMore)
{
    INDICATE(NumberOfNetBufferLists + 1);
}
FAULT("GEN-23", wrong_count, "NumberOfNetBufferLists is one too many",
      .imports = {{"NdisMIndicateReceiveNetBufferLists", IndicateOneMore}});

INDICATE_FUNCTION(IndicateWithoutSource)
{
    NetBufferList->SourceHandle = NULL;
    INDICATE(NumberOfNetBufferLists);
}
FAULT("GEN-23", no_source, "SourceHandle is not the adapter's",
      .imports = {{"NdisMIndicateReceiveNetBufferLists", IndicateWithoutSource}});

/* ---- The packet filter ---------------------------------------------------------------------- */

static NDIS_STATUS NTAPI OidKeepsFilter(NDIS_HANDLE MiniportAdapterContext,
                                        PNDIS_OID_REQUEST OidRequest)
{
    const ULONG *filter = OidRequest->DATA.SET_INFORMATION.InformationBuffer;

    if (OidRequest->RequestType == NdisRequestSetInformation &&
        OidRequest->DATA.SET_INFORMATION.Oid == OID_GEN_CURRENT_PACKET_FILTER && *filter == 0) {
        OidRequest->DATA.SET_INFORMATION.BytesRead = sizeof *filter;
        return NDIS_STATUS_SUCCESS;
    }
    return driver.OidRequestHandler(MiniportAdapterContext, OidRequest);
}
static void keeps_filter(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->OidRequestHandler = OidKeepsFilter;
}
FAULT("GEN-30", filter_not_cleared, "a packet filter of 0 does not stop indications",
      .handlers = keeps_filter);

static NDIS_STATUS NTAPI RestartListens(NDIS_HANDLE MiniportAdapterContext,
                                        PNDIS_MINIPORT_RESTART_PARAMETERS Parameters)
{
    static ULONG filter = NDIS_PACKET_TYPE_DIRECTED;
    NDIS_OID_REQUEST q = rig_request(NdisRequestSetInformation, OID_GEN_CURRENT_PACKET_FILTER,
                                     &filter, sizeof filter);
    static bool once;

    if (!once)
        driver.OidRequestHandler(MiniportAdapterContext, &q);
    once = true;
    return driver.RestartHandler(MiniportAdapterContext, Parameters);
}
static void listens(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->RestartHandler = RestartListens;
}
FAULT("GEN-30", filter_from_the_start, "frames are indicated before a protocol sets the filter",
      .handlers = listens);
