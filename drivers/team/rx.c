/* SPDX-License-Identifier: MIT */
/* Receives: from a member to the layers above, as far as the team's address and filter want them,
 * and back to that member. */
#include "team.h"

struct gate { /* what decides over a chain, as it was when the chain came */
    UCHAR mac[6];
    ULONG filter, rx_on, turn;
    BOOLEAN primary; /* the member may hand up multicast */
};

/* FALSE: nothing goes up now. Else `count` NBLs are counted as lent. */
static BOOLEAN gate_enter(struct team_member *m, ULONG count, struct gate *g)
{
    struct team *t = m->team;
    BOOLEAN open;

    NdisAcquireSpinLock(&t->lock);
    open = t->open && !t->asleep && m->state == TEAM_JOINED && t->settings.filter;
    if (open) {
        NdisMoveMemory(g->mac, t->mac, 6);
        g->filter = t->settings.filter;
        g->rx_on = t->rx_on;
        g->turn = t->rx_turn;
        t->rx_inside[g->turn]++;
        g->primary = (t->use & TEAM_BIT(m)) != 0;
        t->lent += count;
        m->lent += count;
    }
    NdisReleaseSpinLock(&t->lock);
    return open;
}

static void gate_leave(struct team_member *m, ULONG count)
{
    struct team *t = m->team;

    if (!count)
        return;
    NdisAcquireSpinLock(&t->lock);
    t->lent -= count;
    m->lent -= count;
    NdisReleaseSpinLock(&t->lock);
    team_pause_progress(t);
}

/* Nothing is indicated any more with what the gate said. */
static void gate_pass(struct team *t, const struct gate *g)
{
    BOOLEAN last;

    NdisAcquireSpinLock(&t->lock);
    last = --t->rx_inside[g->turn] == 0 && t->rx_awaited && g->turn != t->rx_turn;
    NdisReleaseSpinLock(&t->lock);
    if (last)
        team_update(t);
}

/* By kind of address; NDIS looks into the multicast list of each binding itself. Multicast that we
 * sent ourselves comes back when another member hangs on the same network. */
static BOOLEAN wanted(const struct gate *g, const UCHAR *header)
{
    static const UCHAR broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    ULONG kinds = NDIS_PACKET_TYPE_MULTICAST | NDIS_PACKET_TYPE_ALL_MULTICAST;

    if (NdisEqualMemory(header + 6, g->mac, 6))
        return FALSE;
    if ((g->filter & NDIS_PACKET_TYPE_PROMISCUOUS) && g->primary)
        return TRUE;
    if (!(header[0] & 1))
        return (g->filter & NDIS_PACKET_TYPE_DIRECTED) && NdisEqualMemory(header, g->mac, 6);
    if (NdisEqualMemory(header, broadcast, 6))
        kinds = NDIS_PACKET_TYPE_BROADCAST;
    return g->primary && (g->filter & kinds);
}

/* Looks at a frame; TRUE: it goes up, with its verdict as it may be shown. */
static BOOLEAN admit(const struct gate *g, NET_BUFFER_LIST *nbl)
{
    PVOID *verdict = &NET_BUFFER_LIST_INFO(nbl, TcpIpChecksumNetBufferListInfo);
    NET_BUFFER *nb = NET_BUFFER_LIST_FIRST_NB(nbl);
    ULONG bytes =
        NET_BUFFER_DATA_LENGTH(nb) < TEAM_SNAP_HEADER ? TEAM_ETH_HEADER : TEAM_SNAP_HEADER;
    UCHAR storage[TEAM_SNAP_HEADER];
    const UCHAR *header = NULL;

    if (NET_BUFFER_DATA_LENGTH(nb) >= bytes)
        header = NdisGetDataBuffer(nb, bytes, storage, 1, 0);
    if (!header || !wanted(g, header))
        return FALSE;
    if (*verdict)
        *verdict = team_offload_verdict(*verdict, header, bytes, g->rx_on);
    return TRUE;
}

static BOOLEAN put_context(struct team_member *m, NET_BUFFER_LIST *nbl)
{
    struct team_nbl *c;

    if (NdisAllocateNetBufferListContext(nbl, sizeof *c, 0, TEAM_TAG) != NDIS_STATUS_SUCCESS)
        return FALSE;
    c = (struct team_nbl *)NET_BUFFER_LIST_CONTEXT_DATA_START(nbl);
    c->member = m;
    c->source = nbl->SourceHandle;
    nbl->SourceHandle = m->team->adapter;
    return TRUE;
}

/* Shown only: they are the member's again when this returns, and so is their chain. */
static void show(struct team_member *m, const struct gate *g, NET_BUFFER_LIST *first, ULONG flags)
{
    NET_BUFFER_LIST *next;

    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = next) {
        PVOID verdict = NET_BUFFER_LIST_INFO(nbl, TcpIpChecksumNetBufferListInfo);
        NDIS_HANDLE source = nbl->SourceHandle;

        next = NET_BUFFER_LIST_NEXT_NBL(nbl);
        if (!admit(g, nbl))
            continue;
        NET_BUFFER_LIST_NEXT_NBL(nbl) = NULL;
        nbl->SourceHandle = m->team->adapter;
        NdisMIndicateReceiveNetBufferLists(m->team->adapter, nbl, NDIS_DEFAULT_PORT_NUMBER, 1,
                                           flags);
        nbl->SourceHandle = source;
        NET_BUFFER_LIST_INFO(nbl, TcpIpChecksumNetBufferListInfo) = verdict;
        NET_BUFFER_LIST_NEXT_NBL(nbl) = next;
    }
}

static void lend(struct team_member *m, const struct gate *g, NET_BUFFER_LIST *first, ULONG flags)
{
    ULONG dispatch = flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL;
    struct team_queue up, back;
    NET_BUFFER_LIST *next;

    team_queue_init(&up);
    team_queue_init(&back);
    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = next) {
        next = NET_BUFFER_LIST_NEXT_NBL(nbl);
        team_queue_add(admit(g, nbl) && put_context(m, nbl) ? &up : &back, nbl);
    }
    if (back.first)
        NdisReturnNetBufferLists(m->binding, back.first,
                                 dispatch ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL : 0);
    gate_leave(m, back.count);
    if (up.first)
        NdisMIndicateReceiveNetBufferLists(m->team->adapter, up.first, NDIS_DEFAULT_PORT_NUMBER,
                                           up.count, dispatch);
}

VOID NTAPI TeamReceiveNetBufferLists(NDIS_HANDLE ProtocolBindingContext,
                                     PNET_BUFFER_LIST NetBufferLists, NDIS_PORT_NUMBER PortNumber,
                                     ULONG NumberOfNetBufferLists, ULONG ReceiveFlags)
{
    BOOLEAN shown = (ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES) != 0;
    ULONG dispatch = ReceiveFlags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL;
    struct team_member *m = ProtocolBindingContext;
    struct gate g;

    UNREFERENCED_PARAMETER(PortNumber);
    if (!gate_enter(m, NumberOfNetBufferLists, &g)) {
        if (!shown)
            NdisReturnNetBufferLists(m->binding, NetBufferLists,
                                     dispatch ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL : 0);
    } else if (shown) {
        show(m, &g, NetBufferLists, dispatch | NDIS_RECEIVE_FLAGS_RESOURCES);
        gate_pass(m->team, &g);
        gate_leave(m, NumberOfNetBufferLists);
    } else {
        lend(m, &g, NetBufferLists, dispatch);
        gate_pass(m->team, &g);
    }
}

static struct team_member *take_context(NET_BUFFER_LIST *nbl)
{
    const struct team_nbl *c = (struct team_nbl *)NET_BUFFER_LIST_CONTEXT_DATA_START(nbl);
    struct team_member *m = c->member;

    nbl->SourceHandle = c->source;
    NdisFreeNetBufferListContext(nbl, sizeof *c);
    return m;
}

VOID NTAPI TeamReturnNetBufferLists(NDIS_HANDLE MiniportAdapterContext,
                                    PNET_BUFFER_LIST NetBufferLists, ULONG ReturnFlags)
{
    struct team *t = MiniportAdapterContext;
    struct team_queue back[TEAM_MEMBERS_MAX];
    NET_BUFFER_LIST *next;

    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++)
        team_queue_init(&back[i]);
    for (NET_BUFFER_LIST *nbl = NetBufferLists; nbl; nbl = next) {
        next = NET_BUFFER_LIST_NEXT_NBL(nbl);
        team_queue_add(&back[take_context(nbl)->slot], nbl);
    }
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        if (!back[i].first)
            continue;
        NdisReturnNetBufferLists(t->member[i].binding, back[i].first,
                                 ReturnFlags & NDIS_RETURN_FLAGS_DISPATCH_LEVEL);
        gate_leave(&t->member[i], back[i].count);
    }
}
