/* SPDX-License-Identifier: MIT */
/* Received NBLs on their way back down: from the binding that owned them to the miniport that lent
 * them. */
#include "ndis/binding.h"

#include "nt/export.h"
#include "nt/processor.h"

void ndis_rx_give_back(struct ndis_adapter *a, NET_BUFFER_LIST *first, uint32_t count)
{
    ULONG flags = nt_thread_self()->irql == DISPATCH_LEVEL ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL : 0;
    struct ndis_call call;
    int state;

    atomic_fetch_add(&a->rx_calls, 1);
    atomic_fetch_sub(&a->rx_outside, count);
    atomic_fetch_add_explicit(&a->rx_returned, count, memory_order_relaxed);
    state = atomic_load(&a->state);
    if (likely(state != NDIS_ADAPTER_SHUTDOWN &&
               state != NDIS_ADAPTER_HALTED)) { /* GEN-9, GEN-36 */
        call = ndis_call_begin(a->driver->owner);
        a->driver->chars.ReturnNetBufferListsHandler(a->context, first, flags);
        ndis_call_end(&call, "MiniportReturnNetBufferLists");
    }
    atomic_fetch_sub(&a->rx_calls, 1);
}

/* Shown to the binding with RESOURCES: it is the miniport's, or lent to another binding. */
static bool only_shown(const struct ndis_binding *b, struct ndis_nbl_side *s)
{
    const struct ndis_hop *top = ndis_nbl_top(s);

    return ndis_nbl_own(s) == NDIS_OWN_SHOWN || (ndis_nbl_own(s) == NDIS_OWN_LENT && top &&
                                                 top->adapter == b->adapter && top->binding != b);
}

/* Whether the binding holds this NBL, and then it no longer does. */
static bool rx_reclaim(struct ndis_binding *b, NET_BUFFER_LIST *nbl)
{
    struct ndis_adapter *a = b->adapter;
    struct ndis_nbl_side *s = ndis_nbl_side_of(nbl);
    struct ndis_hop hop;

    if (likely(s && ndis_nbl_pop(s, NDIS_OWN_LENT, a, b, &hop))) {
        s->last = a;
        ndis_verify_returned(a, nbl, &hop);
        return true;
    }
    if (!ndis_verify_tell(a, NDIS_V_OWNERSHIP))
        return false;
    if (!s)
        ndis_binding_finding(b, "GEN-22", "returned %p, which is no NET_BUFFER_LIST", (void *)nbl);
    else if (only_shown(b, s))
        ndis_binding_finding(b, "GEN-21", "returned NBL %p, which it was shown with RESOURCES",
                             (void *)nbl);
    else
        ndis_binding_finding(b, "GEN-22", "returned NBL %p, which it does not hold: it is %s",
                             (void *)nbl, ndis_own_name(ndis_nbl_own(s)));
    return false;
}

VOID NTAPI NdisReturnNetBufferLists(NDIS_HANDLE NdisBindingHandle, PNET_BUFFER_LIST NetBufferLists,
                                    ULONG ReturnFlags)
{
    struct ndis_binding *b = ndis_handle_get(NdisBindingHandle, NDIS_H_BINDING, __func__);
    struct ndis_adapter *a = b ? b->adapter : NULL;
    NET_BUFFER_LIST *next;
    NET_BUFFER_LIST *first = NULL, **tail = &first;
    uint32_t count = 0;

    if (!a)
        return;
    ndis_verify_level(a, __func__, ReturnFlags, NDIS_RETURN_FLAGS_DISPATCH_LEVEL);
    ndis_verify_lock_free(a, __func__);
    for (NET_BUFFER_LIST *nbl = NetBufferLists; nbl; nbl = next) {
        if (unlikely(!rx_reclaim(b, nbl)))
            break; /* where it leads is not the protocol's to say */
        next = nbl->Next;
        *tail = nbl;
        tail = &nbl->Next;
        count++;
    }
    if (!count)
        return;
    *tail = NULL;
    ndis_rx_give_back(a, first, count);
    atomic_fetch_sub(&b->receives_outstanding, count);
}
NT_EXPORT(NdisReturnNetBufferLists);

uint32_t ndis_rx_recover(struct ndis_binding *b)
{
    uint32_t count;
    NET_BUFFER_LIST *first = ndis_nbl_recover(NDIS_OWN_LENT, b->adapter, b, &count);

    if (!first)
        return 0;
    ndis_rx_give_back(b->adapter, first, count);
    atomic_fetch_sub(&b->receives_outstanding, count);
    return count;
}
