/* SPDX-License-Identifier: MIT */
/* What can go wrong with sends, whatever they ask for. */
#include "aim.h"
#include "hosts.h"

/* The chain without those for which take holds, which go to *taken. */
static NET_BUFFER_LIST *sort_out(NET_BUFFER_LIST *chain, bool (*take)(const NET_BUFFER_LIST *nbl),
                                 NET_BUFFER_LIST **taken)
{
    NET_BUFFER_LIST *rest = NULL, **tail = &rest;

    *taken = NULL;
    while (chain) {
        NET_BUFFER_LIST *next = chain->Next;

        if (take(chain)) {
            *taken = chain;
            taken = &chain->Next;
        } else {
            *tail = chain;
            tail = &chain->Next;
        }
        chain = next;
    }
    *tail = *taken = NULL;
    return rest;
}

#define SEND_HANDLER(fn)                                                                           \
    static VOID NTAPI fn(NDIS_HANDLE MiniportAdapterContext, PNET_BUFFER_LIST NetBufferList,       \
                         NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)
#define COMPLETE_FUNCTION(fn)                                                                      \
    static VOID NTAPI fn(NDIS_HANDLE MiniportAdapterHandle, PNET_BUFFER_LIST NetBufferList,        \
                         ULONG SendCompleteFlags)
#define SEND_ON(chain)                                                                             \
    driver.SendNetBufferListsHandler(MiniportAdapterContext, chain, PortNumber, SendFlags)
#define COMPLETE(chain)                                                                            \
    NdisMSendNetBufferListsComplete(MiniportAdapterHandle, chain, SendCompleteFlags)

/* ---- Completion ----------------------------------------------------------------------------- */

COMPLETE_FUNCTION(CompleteTwice)
{
    NET_BUFFER_LIST *again = aim_row(NetBufferList) == 11 ? NetBufferList : NULL;

    COMPLETE(NetBufferList);
    if (again)
        COMPLETE(again);
}
FAULT("GEN-11", completed_twice, "an NBL is completed twice",
      .imports = {{"NdisMSendNetBufferListsComplete", CompleteTwice}});

static bool is_lost(const NET_BUFFER_LIST *nbl)
{
    static bool lost;

    if (lost || aim_row(nbl) != 11)
        return false;
    lost = true;
    return true;
}
COMPLETE_FUNCTION(CompleteAllButOne)
{
    NET_BUFFER_LIST *taken, *rest = sort_out(NetBufferList, is_lost, &taken);

    if (rest)
        COMPLETE(rest);
}
FAULT("GEN-11", one_lost, "an NBL is never completed", .maybe = "GEN-2,GEN-31",
      .imports = {{"NdisMSendNetBufferListsComplete", CompleteAllButOne}});

COMPLETE_FUNCTION(CompletePending)
{
    for (NET_BUFFER_LIST *nbl = NetBufferList; nbl; nbl = nbl->Next) {
        if (aim_row(nbl) == 12 && nbl->Status != NDIS_STATUS_SUCCESS)
            nbl->Status = NDIS_STATUS_PENDING;
    }
    COMPLETE(NetBufferList);
}
FAULT("GEN-12", failure_pending, "a failed NBL is completed with NDIS_STATUS_PENDING",
      .imports = {{"NdisMSendNetBufferListsComplete", CompletePending}});

SEND_HANDLER(SendSpoilsLast)
{
    NET_BUFFER_LIST *nbl = NetBufferList, *last = nbl->Next;

    if (aim_row(nbl) != 12 || !last) {
        SEND_ON(NetBufferList);
        return;
    }
    while (last->Next) {
        nbl = last;
        last = last->Next;
    }
    nbl->Next = NULL;
    SEND_ON(NetBufferList);
    aim_complete(last, NDIS_STATUS_INVALID_LENGTH);
}
static void send_spoils_last(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = SendSpoilsLast;
}
FAULT("GEN-12", failure_spreads, "after a send that fails its neighbour fails, too",
      .handlers = send_spoils_last);

COMPLETE_FUNCTION(CompleteAndTouch)
{
    NET_BUFFER_LIST *touched = aim_row(NetBufferList) == 13 ? NetBufferList : NULL;
    static NET_BUFFER_LIST *last;

    if (last) /* that one came back a while ago */
        last->MiniportReserved[0] = (PVOID)touched;
    last = touched;
    COMPLETE(NetBufferList);
}
FAULT("GEN-13", touched_after_completion, "the driver writes into an NBL that it has completed",
      .imports = {{"NdisMSendNetBufferListsComplete", CompleteAndTouch}});

COMPLETE_FUNCTION(CompleteMoved)
{
    for (NET_BUFFER_LIST *nbl = NetBufferList; nbl; nbl = nbl->Next) {
        if (aim_row(nbl) == 14)
            nbl->FirstNetBuffer->DataOffset++;
    }
    COMPLETE(NetBufferList);
}
FAULT("GEN-14", data_moved, "DataOffset is another at completion",
      .imports = {{"NdisMSendNetBufferListsComplete", CompleteMoved}});

COMPLETE_FUNCTION(CompleteWithoutSecond)
{
    for (NET_BUFFER_LIST *nbl = NetBufferList; nbl; nbl = nbl->Next) {
        if (aim_row(nbl) == 14)
            nbl->FirstNetBuffer->Next = NULL;
    }
    COMPLETE(NetBufferList);
}
FAULT("GEN-14", second_nb_gone, "at completion an NBL has lost its second NB", .maybe = "GEN-10",
      .imports = {{"NdisMSendNetBufferListsComplete", CompleteWithoutSecond}});

/* ---- Order and number ----------------------------------------------------------------------- */

static NET_BUFFER_LIST *reversed(NET_BUFFER_LIST *chain)
{
    NET_BUFFER_LIST *out = NULL;

    while (chain) {
        NET_BUFFER_LIST *next = chain->Next;

        chain->Next = out;
        out = chain;
        chain = next;
    }
    return out;
}
SEND_HANDLER(SendReversed)
{
    SEND_ON(aim_row(NetBufferList) == 15 ? reversed(NetBufferList) : NetBufferList);
}
static void send_reversed(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = SendReversed;
}
FAULT("GEN-15", chain_reversed, "the NBLs of a chain leave in reverse", .handlers = send_reversed);

SEND_HANDLER(SendLater)
{
    static NET_BUFFER_LIST *kept;
    NET_BUFFER_LIST *first = kept;

    if (!kept && aim_row(NetBufferList) == 15) {
        kept = NetBufferList;
        return;
    }
    kept = NULL;
    SEND_ON(NetBufferList);
    if (first)
        SEND_ON(first);
}
static void send_later(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = SendLater;
}
FAULT("GEN-15", calls_swapped, "what was sent in a later call leaves first",
      .handlers = send_later);

SEND_HANDLER(SendWhatFits)
{
    NET_BUFFER_LIST *last = NetBufferList, *rest;

    for (unsigned i = 1; i < 200 && last; i++)
        last = last->Next;
    rest = last && aim_row(last) == 16 ? last->Next : NULL;
    if (rest)
        last->Next = NULL;
    SEND_ON(NetBufferList);
    if (rest)
        aim_complete(rest, NDIS_STATUS_RESOURCES);
}
static void send_what_fits(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = SendWhatFits;
}
FAULT("GEN-16", no_queue, "what does not fit the ring is refused", .handlers = send_what_fits);

/* ---- Length --------------------------------------------------------------------------------- */

COMPLETE_FUNCTION(CompleteLongOnesOtherwise)
{
    for (NET_BUFFER_LIST *nbl = NetBufferList; nbl; nbl = nbl->Next) {
        if (aim_row(nbl) == 17 && nbl->Status == NDIS_STATUS_INVALID_LENGTH)
            nbl->Status = NDIS_STATUS_FAILURE;
    }
    COMPLETE(NetBufferList);
}
FAULT("GEN-17", long_frame_fails_otherwise, "a frame too long ends with NDIS_STATUS_FAILURE",
      .imports = {{"NdisMSendNetBufferListsComplete", CompleteLongOnesOtherwise}});

static bool is_long(const NET_BUFFER_LIST *nbl)
{
    return aim_row(nbl) == 17 && nbl->FirstNetBuffer->DataLength > 1514;
}
SEND_HANDLER(SendWithoutLongOnes)
{
    NET_BUFFER_LIST *taken, *rest = sort_out(NetBufferList, is_long, &taken);

    if (rest)
        SEND_ON(rest);
    if (taken)
        aim_complete(taken, NDIS_STATUS_SUCCESS);
}
static void long_ones_vanish(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = SendWithoutLongOnes;
}
FAULT("GEN-17", long_frame_vanishes, "a frame too long ends with success and does not leave",
      .handlers = long_ones_vanish);

SEND_HANDLER(SendNothingWithLongOnes)
{
    for (const NET_BUFFER_LIST *nbl = NetBufferList; nbl; nbl = nbl->Next) {
        if (is_long(nbl)) {
            aim_complete(NetBufferList, NDIS_STATUS_INVALID_LENGTH);
            return;
        }
    }
    SEND_ON(NetBufferList);
}
static void long_ones_spoil(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = SendNothingWithLongOnes;
}
FAULT("GEN-17", long_frame_spoils_chain, "a frame too long takes its whole chain with it",
      .handlers = long_ones_spoil);

static bool is_of_ones(const uint8_t *frame)
{
    return frame[12] == 0x88 && frame[13] == 0xb6;
}

/* Those frames are of ones alone; the padding is what is not. */
static bool stale_padding(uint8_t *frame, uint32_t *len)
{
    if (*len == SHORTEST && is_of_ones(frame) && frame[SHORTEST - 1] == 0)
        frame[SHORTEST - 1] = 0xff;
    return true;
}
FAULT("GEN-18", stale_padding, "the padding ends in stale memory", .wire_out = stale_padding);

static bool no_padding(uint8_t *frame, uint32_t *len)
{
    if (*len == SHORTEST && is_of_ones(frame)) {
        while (*len > ETH_LEN && frame[*len - 1] == 0)
            (*len)--;
    }
    return true;
}
FAULT("GEN-18", no_padding, "short frames leave as they are", .wire_out = no_padding);

/* ---- Cancelling ----------------------------------------------------------------------------- */

static VOID NTAPI CancelAnother(NDIS_HANDLE MiniportAdapterContext, PVOID CancelId)
{
    driver.CancelSendHandler(MiniportAdapterContext,
                             CancelId == (PVOID)0x101 ? (PVOID)0x102 : CancelId);
}
static void cancel_another(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->CancelSendHandler = CancelAnother;
}
FAULT("GEN-19", cancels_another_id, "NBLs of another id are cancelled", .handlers = cancel_another);

static VOID NTAPI CancelNothing(NDIS_HANDLE MiniportAdapterContext, PVOID CancelId)
{
    (void)MiniportAdapterContext, (void)CancelId;
}
static void cancel_nothing(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->CancelSendHandler = CancelNothing;
}
FAULT("GEN-19", cancels_nothing, "MiniportCancelSend does nothing", .handlers = cancel_nothing);

COMPLETE_FUNCTION(CompleteCancelled)
{
    for (NET_BUFFER_LIST *nbl = NetBufferList; nbl; nbl = nbl->Next) {
        if (nbl->Status == NDIS_STATUS_SEND_ABORTED)
            nbl->Status = NDIS_STATUS_FAILURE;
    }
    COMPLETE(NetBufferList);
}
FAULT("GEN-19", cancelled_as_failure, "a cancelled NBL ends with NDIS_STATUS_FAILURE",
      .imports = {{"NdisMSendNetBufferListsComplete", CompleteCancelled}});

/* ---- Levels, locks, time -------------------------------------------------------------------- */

SEND_HANDLER(SendWaiting)
{
    if (aim_row(NetBufferList) == 38)
        NdisMSleep(100);
    SEND_ON(NetBufferList);
}
static void send_waiting(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = SendWaiting;
}
FAULT("GEN-38", waits_in_send, "the send handler sleeps, also at DISPATCH_LEVEL",
      .maybe = "NT-IRQL", .handlers = send_waiting);

SEND_HANDLER(SendLying)
{
    struct ndis_binding *b = NetBufferList->SourceHandle;

    if (aim_row(NetBufferList) != 39 || KeGetCurrentIrql() == DISPATCH_LEVEL) {
        SEND_ON(NetBufferList);
        return;
    }
    for (NET_BUFFER_LIST *nbl = NetBufferList; nbl; nbl = nbl->Next)
        nbl->Status = NDIS_STATUS_SUCCESS;
    NdisMSendNetBufferListsComplete(b->adapter, NetBufferList,
                                    NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
}
static void send_lying(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = SendLying;
}
FAULT("GEN-39", completion_lies, "a completion at PASSIVE_LEVEL says that it is at DISPATCH_LEVEL",
      .handlers = send_lying);

COMPLETE_FUNCTION(CompleteLocked)
{
    static NDIS_SPIN_LOCK lock;
    static bool made;

    if (!made)
        NdisAllocateSpinLock(&lock);
    made = true;
    NdisDprAcquireSpinLock(&lock);
    COMPLETE(NetBufferList);
    NdisDprReleaseSpinLock(&lock);
}
FAULT("GEN-40", completes_under_lock, "a spin lock is held across the send completion",
      .maybe = "GEN-9,GEN-10,NT-IRQL,NT-SPIN",
      .imports = {{"NdisMSendNetBufferListsComplete", CompleteLocked}});

static uint64_t ahead;

static uint64_t clock_ahead(void)
{
    return __real_nt_now_ns() + __atomic_load_n(&ahead, __ATOMIC_RELAXED);
}
SEND_HANDLER(SendLate)
{
    if (aim_row(NetBufferList) == 31)
        __atomic_add_fetch(&ahead, 31000000000ull, __ATOMIC_RELAXED);
    SEND_ON(NetBufferList);
}
static void send_late(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsHandler = SendLate;
}
FAULT("GEN-31", send_takes_half_a_minute, "a send ends after 31 s", .handlers = send_late,
      .hosts = {{"nt_now_ns", clock_ahead}});
