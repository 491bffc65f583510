/* SPDX-License-Identifier: MIT */
/*
 * Sends: from a protocol's binding down into the miniport, and completions back to the bindings
 * they came from.
 *
 * A chain is counted into tx_calls and the binding's sends_outstanding before the states are looked
 * at; whoever pauses sets the state first and waits for the counts afterwards. So either the sender
 * sees the pause, or the pauser sees the send.
 */
#include "ndis/binding.h"

#include "nt/export.h"
#include "nt/processor.h"

static bool at_dispatch(void)
{
    return nt_thread_self()->irql == DISPATCH_LEVEL;
}

static void call_send_complete(struct ndis_binding *b, NET_BUFFER_LIST *first)
{
    ULONG flags = at_dispatch() ? NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL : 0;
    struct ndis_call call = ndis_call_begin(b->protocol->owner);

    b->protocol->chars.SendNetBufferListsCompleteHandler(b->protocol_context, first, flags);
    ndis_call_end(&call, "ProtocolSendNetBufferListsComplete");
}

void ndis_tx_fail_chain(struct ndis_binding *b, NET_BUFFER_LIST *first, NDIS_STATUS status,
                        bool dispatch)
{
    struct nt_thread *t = nt_thread_self();
    uint8_t irql = t->irql;

    for (NET_BUFFER_LIST **link = &first; *link; link = &(*link)->Next) {
        struct ndis_nbl_side *s = ndis_nbl_side_of(*link);

        if (!s || ndis_nbl_own(s) == NDIS_OWN_FREE) {
            ndis_binding_finding(b, "NT-NBL",
                                 "a chain given to NdisSendNetBufferLists leads to %p, which is "
                                 "%s",
                                 (void *)*link, s ? "free" : "no NET_BUFFER_LIST");
            *link = NULL;
            break;
        }
        (*link)->Status = status;
        (*link)->SourceHandle = b;
    }
    if (!first)
        return;
    if (dispatch && irql < DISPATCH_LEVEL)
        t->irql = DISPATCH_LEVEL;
    call_send_complete(b, first);
    t->irql = irql;
}

/* Whether NBL number n of a chain may be sent; hands it over. A pointer that is no NBL ends the
 * chain. */
static bool tx_take(struct ndis_binding *b, NET_BUFFER_LIST *nbl, uint64_t now)
{
    struct ndis_nbl_side *s = ndis_nbl_side_of(nbl);
    struct ndis_hop hop = {.adapter = b->adapter, .binding = b, .since_ns = now};
    enum ndis_own own;

    if (unlikely(!s)) {
        ndis_binding_finding(b, "NT-NBL",
                             "a chain given to NdisSendNetBufferLists leads to %p, which is "
                             "no NET_BUFFER_LIST",
                             (void *)nbl);
        return false;
    }
    own = ndis_nbl_own(s);
    if (likely(own != NDIS_OWN_FREE)) {
        ndis_verify_sent(b, nbl);
        nbl->Status =
            NDIS_STATUS_PENDING; /* so that a miniport which sets none is noticed (GEN-12) */
        hop.shape = ndis_nbl_shape(nbl);
        if (likely(ndis_nbl_push(s, NDIS_OWN_SENT, &hop)))
            return true;
    }
    ndis_binding_finding(b, "GEN-13", "NBL %p sent while it is %s", (void *)nbl,
                         ndis_own_name(own));
    return false;
}

/* Hands the chain over NBL by NBL; what cannot be sent ends it. *first: what is left to send. */
static uint32_t tx_take_chain(struct ndis_binding *b, NET_BUFFER_LIST **first)
{
    uint64_t now = nt_now_ns();
    NET_BUFFER_LIST **link = first;
    uint32_t count = 0;

    while (*link) {
        if (unlikely(!tx_take(b, *link, now))) {
            *link = NULL;
            break;
        }
        count++;
        link = &(*link)->Next;
    }
    return count;
}

/* Not while the miniport resets, and no more once the device is gone: NDIS completes those sends
 * itself. */
static NDIS_STATUS tx_may_send(struct ndis_binding *b, struct ndis_adapter *a)
{
    if (likely(atomic_load(&b->state) == NDIS_BINDING_RUNNING &&
               atomic_load(&a->state) == NDIS_ADAPTER_RUNNING)) {
        if (unlikely(atomic_load(&a->removed)))
            return NDIS_STATUS_FAILURE;
        return unlikely(atomic_load(&a->resetting)) ? NDIS_STATUS_RESET_IN_PROGRESS
                                                    : NDIS_STATUS_SUCCESS;
    }
    if (unlikely(atomic_load(&ndis_racing)) && atomic_load(&b->state) == NDIS_BINDING_RUNNING &&
        (atomic_load(&a->state) == NDIS_ADAPTER_PAUSING ||
         atomic_load(&a->state) == NDIS_ADAPTER_PAUSED))
        return NDIS_STATUS_SUCCESS;
    if (atomic_load(&b->state) == NDIS_BINDING_PAUSED && b->pause_done &&
        ndis_verify_tell(a, NDIS_V_STATE))
        ndis_binding_finding(b, "GEN-45",
                             "send on a binding whose pause the protocol has completed");
    return NDIS_STATUS_PAUSED;
}

static void tx_hand_down(struct ndis_binding *b, NET_BUFFER_LIST *first, NDIS_PORT_NUMBER port,
                         ULONG flags)
{
    struct ndis_adapter *a = b->adapter;
    const struct ndis_observer *o = ndis_observer_;
    struct ndis_call call;

    if (o && o->send)
        o->send(o->arg, a, first);
    ndis_rx_loopback(b, first, flags);
    call = ndis_call_begin(a->driver->owner);
    a->driver->chars.SendNetBufferListsHandler(a->context, first, port, flags);
    ndis_call_end(&call, "MiniportSendNetBufferLists");
}

VOID NTAPI NdisSendNetBufferLists(NDIS_HANDLE NdisBindingHandle, PNET_BUFFER_LIST NetBufferLists,
                                  NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)
{
    struct ndis_binding *b = ndis_handle_get(NdisBindingHandle, NDIS_H_BINDING, __func__);
    struct ndis_adapter *a = b ? b->adapter : NULL;
    NDIS_STATUS status;
    uint32_t count;
    ULONG flags;

    if (!a || !NetBufferLists)
        return;
    flags = ndis_verify_level(a, __func__, SendFlags, NDIS_SEND_FLAGS_DISPATCH_LEVEL);
    ndis_verify_lock_free(a, __func__);
    atomic_fetch_add(&a->tx_calls, 1);
    atomic_fetch_add(&b->sends_outstanding, 1);
    status = tx_may_send(b, a);
    if (unlikely(status != NDIS_STATUS_SUCCESS)) {
        ndis_tx_fail_chain(b, NetBufferLists, status, at_dispatch());
    } else {
        count = tx_take_chain(b, &NetBufferLists);
        atomic_fetch_add(&b->sends_outstanding, count);
        atomic_fetch_add(&b->sends_owed, count);
        atomic_fetch_add(&a->tx_inside, count);
        atomic_fetch_add_explicit(&a->tx_nbls, count, memory_order_relaxed);
        if (likely(count))
            tx_hand_down(b, NetBufferLists, PortNumber, flags);
    }
    atomic_fetch_sub(&b->sends_outstanding, 1);
    atomic_fetch_sub(&a->tx_calls, 1);
}
NT_EXPORT(NdisSendNetBufferLists);

/* Completion. Takes one NBL back; false after a finding. */
static bool tx_reclaim(struct ndis_adapter *a, NET_BUFFER_LIST *nbl, struct ndis_hop *hop,
                       uint64_t now)
{
    struct ndis_nbl_side *s = ndis_nbl_side_of(nbl);

    if (likely(s && ndis_nbl_pop(s, NDIS_OWN_SENT, a, NULL, hop))) {
        s->last = a;
        ndis_verify_completed(a, nbl, hop, now);
        return true;
    }
    if (!ndis_verify_tell(a, NDIS_V_OWNERSHIP))
        return false;
    if (!s)
        ndis_adapter_finding(a, "GEN-11", "completed %p, which is no NET_BUFFER_LIST", (void *)nbl);
    else if (ndis_nbl_own(s) != NDIS_OWN_SENT)
        ndis_adapter_finding(a, "GEN-11", "completed NBL %p, which it does not hold%s: it is %s",
                             (void *)nbl, s->last == a ? " (completed before)" : "",
                             ndis_own_name(ndis_nbl_own(s)));
    else
        ndis_adapter_finding(a, "GEN-11", "completed NBL %p, which was not sent to it",
                             (void *)nbl);
    return false;
}

/* The first NBL at or after *at that the adapter really held; NULL at the end. What it did not hold
 * is skipped, as long as it leads on. */
static NET_BUFFER_LIST *tx_next(struct ndis_adapter *a, NET_BUFFER_LIST **at, struct ndis_hop *hop,
                                uint64_t now)
{
    unsigned skips = 64;

    while (*at && skips--) {
        NET_BUFFER_LIST *nbl = *at;
        const struct ndis_nbl_side *s = ndis_nbl_side_of(nbl);

        if (likely(tx_reclaim(a, nbl, hop, now))) {
            *at = nbl->Next;
            nbl->Next = NULL;
            return nbl;
        }
        *at = s && ndis_nbl_own(s) != NDIS_OWN_FREE ? __atomic_load_n(&nbl->Next, __ATOMIC_RELAXED)
                                                    : NULL;
    }
    return NULL;
}

static void tx_deliver(struct ndis_adapter *a, struct ndis_binding *b, NET_BUFFER_LIST *first,
                       uint32_t count)
{
    const struct ndis_observer *o = ndis_observer_;

    atomic_fetch_sub(&a->tx_inside, count);
    atomic_fetch_sub(&b->sends_owed, count);
    atomic_fetch_add_explicit(&a->tx_completed, count, memory_order_relaxed);
    if (o && o->send_complete)
        o->send_complete(o->arg, a, first);
    call_send_complete(b, first);
    atomic_fetch_sub(&b->sends_outstanding, count);
}

VOID NTAPI NdisMSendNetBufferListsComplete(NDIS_HANDLE MiniportAdapterHandle,
                                           PNET_BUFFER_LIST NetBufferList, ULONG SendCompleteFlags)
{
    struct ndis_adapter *a = ndis_adapter_get(MiniportAdapterHandle, __func__);
    NET_BUFFER_LIST *at = NetBufferList, *next;
    struct ndis_hop hop;
    uint64_t now;

    if (!a)
        return;
    ndis_verify_level(a, __func__, SendCompleteFlags, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
    ndis_verify_lock_free(a, __func__);
    now = nt_now_ns();
    next = tx_next(a, &at, &hop, now);
    while (next) { /* a run of NBLs of one binding at a time */
        struct ndis_binding *b = hop.binding;
        NET_BUFFER_LIST *first = next, *last = next;
        uint32_t count = 1;

        while ((next = tx_next(a, &at, &hop, now)) != NULL && hop.binding == b) {
            last->Next = next;
            last = next;
            count++;
        }
        tx_deliver(a, b, first, count);
    }
}
NT_EXPORT(NdisMSendNetBufferListsComplete);

uint32_t ndis_tx_recover(struct ndis_binding *b)
{
    uint32_t count;
    NET_BUFFER_LIST *first = ndis_nbl_recover(NDIS_OWN_SENT, b->adapter, b, &count);

    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = nbl->Next) {
        nbl->Status = NDIS_STATUS_FAILURE;
        nbl->SourceHandle = b;
    }
    if (first)
        tx_deliver(b->adapter, b, first, count);
    return count;
}

VOID NTAPI NdisCancelSendNetBufferLists(NDIS_HANDLE NdisBindingHandle, PVOID CancelId)
{
    struct ndis_binding *b = ndis_handle_get(NdisBindingHandle, NDIS_H_BINDING, __func__);
    struct ndis_adapter *a = b ? b->adapter : NULL;
    struct ndis_call call;

    if (!a)
        return;
    NT_DISPATCH_MAX();
    ndis_verify_lock_free(a, __func__);
    atomic_fetch_add(&a->tx_calls, 1);
    if (atomic_load(&a->state) == NDIS_ADAPTER_RUNNING ||
        atomic_load(&a->state) == NDIS_ADAPTER_PAUSING) {
        call = ndis_call_begin(a->driver->owner);
        a->driver->chars.CancelSendHandler(a->context, CancelId);
        ndis_call_end(&call, "MiniportCancelSend");
    }
    atomic_fetch_sub(&a->tx_calls, 1);
}
NT_EXPORT(NdisCancelSendNetBufferLists);

static bool drained(struct ndis_adapter *a)
{
    return atomic_load(&a->tx_inside) == 0 && atomic_load(&a->rx_outside) == 0 &&
           atomic_load(&a->tx_calls) == 0 && atomic_load(&a->rx_calls) == 0;
}

static bool drained_within(struct ndis_adapter *a, double seconds)
{
    uint64_t until = nt_now_ns() + (uint64_t)(seconds * 1e9);

    while (!drained(a)) {
        if (nt_now_ns() >= until)
            return false;
        usleep(200);
    }
    return true;
}

/* Called when the miniport says it has paused: then nothing may be left, but for threads on their
 * way out. */
void ndis_tx_drain(struct ndis_adapter *a)
{
    enum { LIMIT_SECONDS = 10 };
    long long sends, receives;

    if (drained_within(a, 0.05))
        return;
    sends = atomic_load(&a->tx_inside);
    receives = atomic_load(&a->rx_outside);
    if (sends > 0)
        ndis_adapter_finding(a, "GEN-2",
                             "paused while it holds %lld sends that it has not completed", sends);
    if (receives > 0)
        ndis_adapter_finding(
            a, "GEN-2", "paused while %lld NBLs that it indicated have not come back", receives);
    if (drained_within(a, LIMIT_SECONDS * ndis_time_factor))
        return;
    if (atomic_load(&a->tx_inside) > 0)
        ndis_adapter_finding(a, "GEN-11", "%lld sends were never completed",
                             (long long)atomic_load(&a->tx_inside));
    if (atomic_load(&a->rx_outside) > 0)
        finding_report("GEN-22", "%s: %lld received NBLs were never returned", a->name,
                       (long long)atomic_load(&a->rx_outside));
}
