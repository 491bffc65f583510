/* SPDX-License-Identifier: MIT */
/*
 * Receives: from the miniport up to every binding whose packet filter takes the frame, and back.
 *
 * All bindings that take an NBL but the last are shown it with NDIS_RECEIVE_FLAGS_RESOURCES; the
 * last one owns it until it returns it. So each NBL has one owner and is returned once (GEN-22),
 * and one protocol alone gets whole chains as they came. What nobody takes goes back at once.
 *
 * A binding's receives_outstanding is raised by one for the length of an indication, before its
 * state is looked at: whoever pauses or closes it sets the state first and waits for the count,
 * after which no handler of it runs (GEN-44).
 */
#include "ndis/binding.h"

#include "nt/export.h"
#include "nt/processor.h"

enum { RX_BINDINGS = 64 };

struct rx_hearer {
    struct ndis_binding *binding;
    uint32_t filter;
};

struct rx_call { /* one indication */
    struct ndis_adapter *adapter;
    NDIS_PORT_NUMBER port;
    ULONG flags;
    bool resources;
    unsigned hearers;
    uint64_t only; /* the bit, if every NBL goes to the same one binding; else 0 */
    struct rx_hearer hearer[RX_BINDINGS];
};

struct rx_chain {
    NET_BUFFER_LIST *first, **tail;
    uint32_t count;
};

static void chain_init(struct rx_chain *c)
{
    *c = (struct rx_chain){.tail = &c->first};
}

static void chain_add(struct rx_chain *c, NET_BUFFER_LIST *nbl)
{
    *c->tail = nbl;
    c->tail = &nbl->Next;
    c->count++;
}

/* Bindings. except: one that must not hear (loopback), or NULL. */
static void rx_hearers_begin(struct rx_call *call, const struct ndis_binding *except)
{
    const struct ndis_binding_set *set =
        atomic_load_explicit(&call->adapter->open_bindings, memory_order_acquire);

    call->hearers = 0;
    for (unsigned i = 0; set && i < set->count && call->hearers < RX_BINDINGS; i++) {
        struct ndis_binding *b = set->binding[i];
        uint32_t filter = atomic_load_explicit(&b->packet_filter, memory_order_relaxed);

        if (b == except || filter == 0)
            continue;
        atomic_fetch_add(&b->receives_outstanding, 1);
        if (atomic_load(&b->state) == NDIS_BINDING_RUNNING)
            call->hearer[call->hearers++] = (struct rx_hearer){b, filter};
        else
            atomic_fetch_sub(&b->receives_outstanding, 1);
    }
}

static void rx_hearers_end(const struct rx_call *call)
{
    for (unsigned i = 0; i < call->hearers; i++)
        atomic_fetch_sub(&call->hearer[i].binding->receives_outstanding, 1);
}

/* Packet filters. */
static bool destination_of(NET_BUFFER *nb, uint8_t mac[6])
{
    const uint8_t *at = NdisGetDataBuffer(nb, 6, mac, 1, 0);

    if (!at)
        return false;
    if (at != mac)
        memcpy(mac, at, 6);
    return true;
}

/* The list is changed by OIDs only; the lock is taken for multicast frames alone. */
static bool multicast_listed(struct ndis_binding *b, const uint8_t mac[6])
{
    bool found = false;

    pthread_spin_lock(&b->adapter->lock);
    for (uint32_t i = 0; i < b->multicast_count && !found; i++)
        found = memcmp(b->multicast[i], mac, 6) == 0;
    pthread_spin_unlock(&b->adapter->lock);
    return found;
}

static bool filter_takes(const struct rx_hearer *h, const uint8_t mac[6], uint32_t kind)
{
    if (h->filter & (kind | NDIS_PACKET_TYPE_PROMISCUOUS))
        return true;
    return kind == NDIS_PACKET_TYPE_ALL_MULTICAST && (h->filter & NDIS_PACKET_TYPE_MULTICAST) &&
           multicast_listed(h->binding, mac);
}

static uint64_t rx_interested(const struct rx_call *call, NET_BUFFER *nb)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint64_t bits = 0;
    uint8_t mac[6];
    uint32_t kind = 0;

    if (!destination_of(nb, mac))
        return 0;
    if (!(mac[0] & 1))
        kind = memcmp(mac, call->adapter->general.CurrentMacAddress, 6) ? 0
                                                                        : NDIS_PACKET_TYPE_DIRECTED;
    else
        kind =
            memcmp(mac, broadcast, 6) ? NDIS_PACKET_TYPE_ALL_MULTICAST : NDIS_PACKET_TYPE_BROADCAST;
    for (unsigned i = 0; i < call->hearers; i++)
        if (filter_takes(&call->hearer[i], mac, kind))
            bits |= 1ull << i;
    return bits;
}

static unsigned last_bit(uint64_t bits)
{
    return 63u - (unsigned)__builtin_clzll(bits);
}

/* Up to a binding. */
static void rx_show(const struct rx_call *call, unsigned i, const struct rx_chain *run, bool own)
{
    struct ndis_binding *b = call->hearer[i].binding;
    ULONG flags = call->flags;
    struct ndis_call c;

    if (own)
        atomic_fetch_add(&b->receives_outstanding, run->count);
    else
        flags |= NDIS_RECEIVE_FLAGS_RESOURCES;
    *run->tail = NULL;
    c = ndis_call_begin(b->protocol->owner);
    b->protocol->chars.ReceiveNetBufferListsHandler(b->protocol_context, run->first, call->port,
                                                    run->count, flags);
    ndis_call_end(&c, "ProtocolReceiveNetBufferLists");
}

static struct ndis_nbl_side *side(const NET_BUFFER_LIST *nbl)
{
    return (struct ndis_nbl_side *)(uintptr_t)nbl - 1;
}

/* Of an NBL that this indication holds. */
static struct ndis_hop *hop_of(const NET_BUFFER_LIST *nbl)
{
    return ndis_nbl_top(side(nbl));
}

/* Shows one binding all that it takes, in order, in runs of NBLs that it owns or does not own.
 * Owned ones leave the walk, as they are the binding's from then on. */
static void rx_show_one(const struct rx_call *call, unsigned i, NET_BUFFER_LIST **walk)
{
    NET_BUFFER_LIST **link = walk, *nbl;
    struct rx_chain run;
    bool own = false;

    chain_init(&run);
    while ((nbl = *link) != NULL) {
        struct ndis_hop *hop = hop_of(nbl);
        bool owns = !call->resources && last_bit(hop->interested) == i;

        if (!(hop->interested >> i & 1)) {
            link = &hop->walk_next;
            continue;
        }
        if (run.count && owns != own) {
            rx_show(call, i, &run, own);
            chain_init(&run);
        }
        own = owns;
        if (owns)
            *link = hop->walk_next;
        else
            link = &hop->walk_next;
        chain_add(&run, nbl);
    }
    if (run.count)
        rx_show(call, i, &run, own);
}

/* Taking NBLs from the miniport. Whether it may indicate this one now. */
static bool rx_take(struct rx_call *call, NET_BUFFER_LIST *nbl, struct ndis_nbl_side *s,
                    uint64_t interested)
{
    struct ndis_hop hop = {
        .adapter = call->adapter, .interested = interested, .given_next = nbl->Next};
    const struct ndis_hop *top = ndis_nbl_top(s);
    enum ndis_own kind = call->resources ? NDIS_OWN_SHOWN : NDIS_OWN_LENT;
    enum ndis_own own = ndis_nbl_own(s);
    const char *wrong = NULL;

    if (own == NDIS_OWN_SENT || (top && top->adapter == call->adapter))
        wrong = ndis_own_name(own);
    else if (own == NDIS_OWN_SHOWN && kind == NDIS_OWN_LENT)
        wrong = "only shown to the driver that now indicates it without RESOURCES";
    if (likely(!wrong)) {
        if (interested && !call->resources)
            hop.binding = call->hearer[last_bit(interested)].binding;
        hop.shape = ndis_nbl_shape(nbl);
        if (likely(ndis_nbl_push(s, kind, &hop)))
            return true;
        wrong = ndis_own_name(own);
    }
    if (ndis_verify_tell(call->adapter, NDIS_V_OWNERSHIP))
        ndis_adapter_finding(call->adapter, own == NDIS_OWN_SHOWN ? "GEN-21" : "GEN-20",
                             "indicated NBL %p, which is %s", (void *)nbl, wrong);
    return false;
}

struct rx_sorted {
    struct rx_chain wanted, unwanted;
    uint32_t seen; /* NBLs in the miniport's chain */
};

/* Follows the miniport's chain; ends at a pointer that is no NBL. */
static void rx_sort(struct rx_call *call, NET_BUFFER_LIST *first, struct rx_sorted *out)
{
    NET_BUFFER_LIST *next;
    uint64_t all = 0;
    bool mixed = false;

    chain_init(&out->wanted);
    chain_init(&out->unwanted);
    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = next) {
        struct ndis_nbl_side *s = ndis_nbl_side_of(nbl);
        uint64_t interested = 0;

        if (unlikely(!s || ndis_nbl_own(s) == NDIS_OWN_FREE)) {
            ndis_adapter_finding(call->adapter, s ? "GEN-20" : "GEN-23",
                                 "indicated chain leads to %p, which is "
                                 "%s",
                                 (void *)nbl, s ? "free" : "no NET_BUFFER_LIST");
            break;
        }
        next = nbl->Next;
        out->seen++;
        if (ndis_verify_indicated(call->adapter, nbl))
            interested = rx_interested(call, nbl->FirstNetBuffer);
        if (unlikely(!rx_take(call, nbl, s, interested)))
            continue;
        mixed |= all && all != interested;
        all |= interested;
        chain_add(interested ? &out->wanted : &out->unwanted, nbl);
    }
    *out->wanted.tail = *out->unwanted.tail = NULL;
    call->only = !mixed && (all & (all - 1)) == 0 ? all : 0;
}

static void rx_check_count(struct ndis_adapter *a, uint32_t seen, ULONG said)
{
    if (likely(seen == said) || !ndis_verify_tell(a, NDIS_V_COUNT))
        return;
    ndis_adapter_finding(a, "GEN-23", "indicated %u NBLs and said NumberOfNetBufferLists is %u",
                         seen, said);
}

static void walk_begin(NET_BUFFER_LIST *first)
{
    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = nbl->Next)
        hop_of(nbl)->walk_next = nbl->Next;
}

static void rx_show_all(const struct rx_call *call, struct rx_chain *wanted)
{
    NET_BUFFER_LIST *walk = wanted->first;

    if (likely(call->only && !call->resources)) { /* the chain goes up as it is */
        rx_show(call, last_bit(call->only), wanted, true);
        return;
    }
    walk_begin(walk);
    for (unsigned i = 0; walk && i < call->hearers; i++)
        rx_show_one(call, i, &walk);
}

/* After an indication with RESOURCES: every NBL is the miniport's again, chained as it was. */
static void rx_unshow_one(struct ndis_adapter *a, NET_BUFFER_LIST *nbl)
{
    struct ndis_hop hop;

    if (!ndis_nbl_pop(side(nbl), NDIS_OWN_SHOWN, a, NULL, &hop))
        return;
    nbl->Next = hop.given_next;
    ndis_verify_returned(a, nbl, &hop);
}

static void rx_unshow(struct ndis_adapter *a, const struct rx_sorted *sorted)
{
    NET_BUFFER_LIST *next;

    for (NET_BUFFER_LIST *nbl = sorted->wanted.first; nbl; nbl = next) {
        next = hop_of(nbl)->walk_next;
        rx_unshow_one(a, nbl);
    }
    for (NET_BUFFER_LIST *nbl = sorted->unwanted.first; nbl; nbl = next) {
        next = nbl->Next;
        rx_unshow_one(a, nbl);
    }
}

static void rx_return_unwanted(struct ndis_adapter *a, const struct rx_chain *unwanted)
{
    struct ndis_hop hop;

    for (NET_BUFFER_LIST *nbl = unwanted->first; nbl; nbl = nbl->Next)
        ndis_nbl_pop(side(nbl), NDIS_OWN_LENT, a, NULL, &hop);
    if (unwanted->first)
        ndis_rx_give_back(a, unwanted->first, unwanted->count);
}

VOID NTAPI NdisMIndicateReceiveNetBufferLists(NDIS_HANDLE MiniportAdapterHandle,
                                              PNET_BUFFER_LIST NetBufferList,
                                              NDIS_PORT_NUMBER PortNumber,
                                              ULONG NumberOfNetBufferLists, ULONG ReceiveFlags)
{
    struct ndis_adapter *a = ndis_adapter_get(MiniportAdapterHandle, __func__);
    const struct ndis_observer *o = ndis_observer_;
    struct rx_sorted sorted = {.seen = 0};
    struct rx_call call;
    uint32_t count;

    if (!a)
        return;
    call.adapter = a;
    call.port = PortNumber;
    call.flags = ndis_verify_level(a, __func__, ReceiveFlags, NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL);
    call.resources = (ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES) != 0;
    ndis_verify_lock_free(a, __func__);
    ndis_verify_may_indicate(a);
    if (o && o->receive && ndis_nbl_side_of(NetBufferList))
        o->receive(o->arg, a, NetBufferList, call.flags);
    rx_hearers_begin(&call, NULL);
    rx_sort(&call, NetBufferList, &sorted);
    rx_check_count(a, sorted.seen, NumberOfNetBufferLists);
    count = sorted.wanted.count + sorted.unwanted.count;
    atomic_fetch_add_explicit(&a->rx_nbls, count, memory_order_relaxed);
    if (!call.resources)
        atomic_fetch_add(&a->rx_outside, count);
    if (sorted.wanted.first)
        rx_show_all(&call, &sorted.wanted);
    if (call.resources) {
        rx_unshow(a, &sorted);
        atomic_fetch_add_explicit(&a->rx_returned, count, memory_order_relaxed);
    } else {
        rx_return_unwanted(a, &sorted.unwanted);
    }
    rx_hearers_end(&call);
}
NT_EXPORT(NdisMIndicateReceiveNetBufferLists);

/* Loopback: one NBL per frame, over the sender's own MDLs, shown before the miniport gets them. */
static void loopback_add(struct rx_call *call, const NET_BUFFER_LIST *from, NET_BUFFER *nb,
                         struct rx_chain *chain)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO csum = {.Value = NULL};
    uint64_t bits = rx_interested(call, nb);
    struct ndis_hop hop = {.adapter = call->adapter, .interested = bits};
    NET_BUFFER_LIST *nbl;

    if (!bits)
        return;
    nbl = NdisAllocateNetBufferAndNetBufferList(ndis_own_nbl_pool(), 0, 0, nb->MdlChain,
                                                nb->DataOffset, nb->DataLength);
    if (!nbl)
        return;
    csum.Receive.Loopback = 1;
    nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = csum.Value;
    nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo] =
        from->NetBufferListInfo[Ieee8021QNetBufferListInfo];
    nbl->NblFlags = NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET;
    nbl->SourceHandle = call->adapter;
    ndis_nbl_push(side(nbl), NDIS_OWN_SHOWN, &hop);
    chain_add(chain, nbl);
}

static void loopback_free(struct ndis_adapter *a, NET_BUFFER_LIST *first)
{
    struct ndis_hop hop;

    while (first) {
        NET_BUFFER_LIST *next = hop_of(first)->walk_next;

        ndis_nbl_pop(side(first), NDIS_OWN_SHOWN, a, NULL, &hop);
        NdisFreeNetBufferList(first);
        first = next;
    }
}

static void loopback_show(struct rx_call *call, NET_BUFFER_LIST *first)
{
    struct nt_owner *previous = nt_owner_enter(NULL);
    struct rx_chain chain;
    NET_BUFFER_LIST *walk;

    chain_init(&chain);
    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = nbl->Next)
        for (NET_BUFFER *nb = nbl->FirstNetBuffer; nb; nb = nb->Next)
            loopback_add(call, nbl, nb, &chain);
    *chain.tail = NULL;
    walk = chain.first;
    walk_begin(walk);
    for (unsigned i = 0; walk && i < call->hearers; i++)
        rx_show_one(call, i, &walk);
    loopback_free(call->adapter, chain.first);
    nt_owner_leave(previous);
}

void ndis_rx_loopback(struct ndis_binding *from, NET_BUFFER_LIST *first, ULONG send_flags)
{
    struct ndis_adapter *a = from->adapter;
    const struct ndis_binding_set *set =
        atomic_load_explicit(&a->open_bindings, memory_order_acquire);
    bool to_self = (send_flags & NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK) != 0;
    struct rx_call call;

    if (likely(!set || (set->count < 2 && !to_self)) ||
        !(a->general.MacOptions & NDIS_MAC_OPTION_NO_LOOPBACK))
        return;
    call.adapter = a;
    call.port = NDIS_DEFAULT_PORT_NUMBER;
    call.flags = nt_thread_self()->irql == DISPATCH_LEVEL ? NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL : 0;
    call.resources = true;
    rx_hearers_begin(&call, to_self ? NULL : from);
    if (call.hearers)
        loopback_show(&call, first);
    rx_hearers_end(&call);
}
