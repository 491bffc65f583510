/* SPDX-License-Identifier: MIT */
/* What can go wrong between NDIS and protocols: whose sends they are, loopback, binding. */
#include "aim.h"
#include "hosts.h"

/* ---- Sends ----------------------------------------------------------------------------------- */

static VOID NTAPI SendAsTheFirst(NDIS_HANDLE binding, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                                 ULONG flags)
{
    static NDIS_HANDLE whose;

    if (aim_row(first) == 24 && !whose)
        whose = binding;
    __real_NdisSendNetBufferLists(aim_row(first) == 24 ? whose : binding, first, port, flags);
}
FAULT("GEN-24", sends_of_the_first, "sends of every protocol come back to the first one",
      .hosts = {{"NdisSendNetBufferLists", SendAsTheFirst}});

static VOID NTAPI SendWithSource(NDIS_HANDLE binding, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                                 ULONG flags)
{
    if (aim_row(first) == 24)
        first->SourceHandle = first;
    __real_NdisSendNetBufferLists(binding, first, port, flags);
}
FAULT("GEN-24", source_of_another, "a protocol sends with a SourceHandle that is not its binding",
      .hosts = {{"NdisSendNetBufferLists", SendWithSource}});

/* A protocol that writes into what it has sent. */
static VOID NTAPI SendAndTouch(NDIS_HANDLE binding, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                               ULONG flags)
{
    const struct ndis_binding *b = binding;
    NET_BUFFER *nb = first->FirstNetBuffer;
    bool ours = aim_row(first) == 13 && strcmp(b->protocol->name, "TCPIP") == 0;
    uint8_t *data = MmGetSystemAddressForMdlSafe(nb->CurrentMdl, NormalPagePriority);

    __real_NdisSendNetBufferLists(binding, first, port, flags);
    if (ours)
        data[nb->CurrentMdlOffset + 60] ^= 1;
}
FAULT("GEN-13", protocol_touches, "the protocol writes into an NBL that it has sent",
      .hosts = {{"NdisSendNetBufferLists", SendAndTouch}});

static VOID NTAPI SendWithLie(NDIS_HANDLE binding, PNET_BUFFER_LIST first, NDIS_PORT_NUMBER port,
                              ULONG flags)
{
    __real_NdisSendNetBufferLists(binding, first, port,
                                  aim_row(first) == 39 ? flags | NDIS_SEND_FLAGS_DISPATCH_LEVEL
                                                       : flags);
}
FAULT("GEN-39", protocol_lies, "a protocol that sends at PASSIVE_LEVEL says it is DISPATCH_LEVEL",
      .hosts = {{"NdisSendNetBufferLists", SendWithLie}});

static void no_loopback(struct ndis_binding *from, NET_BUFFER_LIST *first, ULONG send_flags)
{
    (void)from, (void)first, (void)send_flags;
}
FAULT("GEN-43", no_loopback, "NDIS loops nothing back",
      .hosts = {{"ndis_rx_loopback", no_loopback}});

static void loopback_to_all(struct ndis_binding *from, NET_BUFFER_LIST *first, ULONG send_flags)
{
    __real_ndis_rx_loopback(from, first, send_flags | NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK);
}
FAULT("GEN-43", loopback_unasked, "the sender hears itself unasked", .maybe = "GEN-5,GEN-22,RXC",
      .hosts = {{"ndis_rx_loopback", loopback_to_all}});

/* ---- Binding -------------------------------------------------------------------------------- */

static VOID NTAPI ReceiveLocked(NDIS_HANDLE ProtocolBindingContext, PNET_BUFFER_LIST NetBufferLists,
                                NDIS_PORT_NUMBER PortNumber, ULONG NumberOfNetBufferLists,
                                ULONG ReceiveFlags)
{
    static KSPIN_LOCK lock;

    KeAcquireSpinLockAtDpcLevel(&lock);
    protocol.ReceiveNetBufferListsHandler(ProtocolBindingContext, NetBufferLists, PortNumber,
                                          NumberOfNetBufferLists, ReceiveFlags);
    KeReleaseSpinLockFromDpcLevel(&lock);
}
static void receive_locked(NDIS_PROTOCOL_DRIVER_CHARACTERISTICS *c)
{
    c->ReceiveNetBufferListsHandler = ReceiveLocked;
}
FAULT("GEN-40", protocol_returns_under_lock, "the protocol returns NBLs with a spin lock held",
      .protocol_handlers = receive_locked);

static NDIS_STATUS NTAPI CloseAndCall(NDIS_HANDLE binding)
{
    struct ndis_binding *b = binding;
    NDIS_STATUS_INDICATION s = {
        .Header = {NDIS_OBJECT_TYPE_STATUS_INDICATION, NDIS_STATUS_INDICATION_REVISION_1,
                   NDIS_SIZEOF_STATUS_INDICATION_REVISION_1},
        .SourceHandle = b->adapter,
        .StatusCode = NDIS_STATUS_RESET_START,
    };
    NDIS_STATUS status = __real_NdisCloseAdapterEx(binding);

    b->protocol->chars.StatusHandlerEx(b->protocol_context, &s);
    return status;
}
FAULT("GEN-44", called_after_close, "NDIS calls a protocol after its binding was closed",
      .hosts = {{"NdisCloseAdapterEx", CloseAndCall}});

static NDIS_STATUS NTAPI UnbindFails(NDIS_HANDLE UnbindContext, NDIS_HANDLE ProtocolBindingContext)
{
    protocol.UnbindAdapterHandlerEx(UnbindContext, ProtocolBindingContext);
    return NDIS_STATUS_FAILURE;
}
static void unbind_fails(NDIS_PROTOCOL_DRIVER_CHARACTERISTICS *c)
{
    c->UnbindAdapterHandlerEx = UnbindFails;
}
FAULT("GEN-44", unbind_fails, "ProtocolUnbindAdapterEx ends with a failure",
      .protocol_handlers = unbind_fails);

static NDIS_STATUS NTAPI PauseIsNothing(NDIS_HANDLE ProtocolBindingContext,
                                        PNET_PNP_EVENT_NOTIFICATION NetPnPEventNotification)
{
    if (NetPnPEventNotification->NetPnPEvent.NetEvent == NetEventPause)
        return NDIS_STATUS_SUCCESS;
    return protocol.NetPnPEventHandler(ProtocolBindingContext, NetPnPEventNotification);
}
static void pause_is_nothing(NDIS_PROTOCOL_DRIVER_CHARACTERISTICS *c)
{
    c->NetPnPEventHandler = PauseIsNothing;
}
FAULT("GEN-45", protocol_sends_while_paused, "the protocol sends on after a pause event",
      .protocol_handlers = pause_is_nothing);
