/* SPDX-License-Identifier: MIT */
/* Sends: from the layers above to the member that a flow goes to, and completions back. */
#include "team.h"

/* While it is ours. */
#define NUMBER(nbl) NET_BUFFER_LIST_MINIPORT_RESERVED(nbl)[0]

struct pass { /* one chain on its way: a queue for each member, and what cannot go */
    struct team_queue to[TEAM_MEMBERS_MAX], failed;
    ULONG members;
};

static void queue_append(struct team_queue *q, struct team_queue *more)
{
    if (!more->first)
        return;
    *q->end = more->first;
    q->end = more->end;
    q->count += more->count;
    team_queue_init(more);
}

static void queue_take(struct team_queue *to, struct team_queue *from)
{
    team_queue_init(to);
    queue_append(to, from);
}

/* ---- Up again ------------------------------------------------------------------------------- */

/* They are the layers' above from here on. No lock. */
static void complete(struct team *t, struct team_queue *q, ULONG flags)
{
    ULONG count = q->count;

    if (!count)
        return;
    NdisMSendNetBufferListsComplete(t->adapter, q->first, flags);
    NdisAcquireSpinLock(&t->lock);
    t->outstanding -= count;
    NdisReleaseSpinLock(&t->lock);
    team_pause_progress(t);
}

static void fail(struct team_queue *q, NET_BUFFER_LIST *nbl, NDIS_STATUS status)
{
    NET_BUFFER_LIST_STATUS(nbl) = status;
    team_offload_unsent(nbl);
    team_queue_add(q, nbl);
}

static void fail_all(struct team_queue *to, struct team_queue *from, NDIS_STATUS status)
{
    NET_BUFFER_LIST *next;

    for (NET_BUFFER_LIST *nbl = from->first; nbl; nbl = next) {
        next = NET_BUFFER_LIST_NEXT_NBL(nbl);
        fail(to, nbl, status);
    }
    team_queue_init(from);
}

/* ---- Down ----------------------------------------------------------------------------------- */

static struct team_member *pick(struct team *t, const NET_BUFFER_LIST *nbl)
{
    ULONG i = t->count > 1 ? team_hash(NET_BUFFER_LIST_FIRST_NB(nbl)) % t->count : 0;

    return t->count ? &t->member[t->order[i]] : NULL;
}

/* Remembers what must be put back, and marks the NBL as ours. */
static BOOLEAN put_context(struct team_member *m, NET_BUFFER_LIST *nbl)
{
    struct team_nbl *c;

    if (NdisAllocateNetBufferListContext(nbl, sizeof *c, 0, TEAM_TAG) != NDIS_STATUS_SUCCESS)
        return FALSE;
    c = (struct team_nbl *)NET_BUFFER_LIST_CONTEXT_DATA_START(nbl);
    c->member = m;
    c->source = nbl->SourceHandle;
    c->large = NET_BUFFER_LIST_INFO(nbl, TcpLargeSendNetBufferListInfo);
    c->number = NUMBER(nbl);
    nbl->SourceHandle = m->binding;
    return TRUE;
}

/* Under the lock. */
static void sort_one(struct team *t, struct pass *p, NET_BUFFER_LIST *nbl)
{
    struct team_member *m = pick(t, nbl);

    if (!m) {
        fail(&p->failed, nbl, NDIS_STATUS_MEDIA_DISCONNECTED);
    } else if (!team_offload_permits(&m->ability, nbl)) {
        fail(&p->failed, nbl, NDIS_STATUS_FAILURE);
    } else if (!put_context(m, nbl)) {
        fail(&p->failed, nbl, NDIS_STATUS_RESOURCES);
    } else {
        m->sends++;
        if (!(p->members & TEAM_BIT(m))) {
            team_queue_init(&p->to[m->slot]);
            InterlockedIncrement(&m->passing);
        }
        p->members |= TEAM_BIT(m);
        team_queue_add(&p->to[m->slot], nbl);
    }
}

static void sort(struct team *t, struct pass *p, struct team_queue *q)
{
    NET_BUFFER_LIST *next;

    p->members = 0;
    team_queue_init(&p->failed);
    for (NET_BUFFER_LIST *nbl = q->first; nbl; nbl = next) {
        next = NET_BUFFER_LIST_NEXT_NBL(nbl);
        sort_one(t, p, nbl);
    }
    team_queue_init(q);
}

/* No lock: who passes is counted, and that keeps each member open. */
static void pass_down(struct team *t, struct pass *p, ULONG flags)
{
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        if (!(p->members & 1u << i))
            continue;
        NdisSendNetBufferLists(t->member[i].binding, p->to[i].first, NDIS_DEFAULT_PORT_NUMBER,
                               flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL);
        InterlockedDecrement(&t->member[i].passing);
    }
    complete(t, &p->failed,
             flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL ? NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL : 0);
}

void team_tx_settle(struct team_member *m)
{
    enum { SPINS = 100, SPIN_US = 10, SLEEPS = 1000, SLEEP_US = 1000 };
    ULONG limit = NDIS_CURRENT_IRQL() == PASSIVE_LEVEL ? SPINS + SLEEPS : SPINS;

    for (ULONG i = 0; i < limit && InterlockedCompareExchange(&m->passing, 0, 0) > 0; i++) {
        if (i < SPINS)
            NdisStallExecution(SPIN_US);
        else
            NdisMSleep(SLEEP_US);
    }
}

static void queue_of_chain(struct team_queue *q, NET_BUFFER_LIST *first)
{
    NET_BUFFER_LIST *next;

    team_queue_init(q);
    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = next) {
        next = NET_BUFFER_LIST_NEXT_NBL(nbl);
        team_queue_add(q, nbl);
    }
}

VOID NTAPI TeamSendNetBufferLists(NDIS_HANDLE MiniportAdapterContext,
                                  PNET_BUFFER_LIST NetBufferLists, NDIS_PORT_NUMBER PortNumber,
                                  ULONG SendFlags)
{
    struct team *t = MiniportAdapterContext;
    struct team_queue q;
    struct pass p;

    UNREFERENCED_PARAMETER(PortNumber);
    queue_of_chain(&q, NetBufferLists);
    p.members = 0;
    team_queue_init(&p.failed);
    NdisAcquireSpinLock(&t->lock);
    t->outstanding += q.count;
    for (NET_BUFFER_LIST *nbl = q.first; nbl; nbl = NET_BUFFER_LIST_NEXT_NBL(nbl))
        NUMBER(nbl) = (PVOID)++t->number;
    if (!t->open)
        fail_all(&p.failed, &q, NDIS_STATUS_PAUSED);
    else if (t->asleep)
        fail_all(&p.failed, &q, NDIS_STATUS_FAILURE);
    else if (t->hold || t->draining || t->held.first)
        queue_append(&t->held, &q);
    else
        sort(t, &p, &q);
    NdisReleaseSpinLock(&t->lock);
    pass_down(t, &p, SendFlags);
}

/* One thread at a time, and while it does later sends queue up behind: order. */
void team_tx_drain(struct team *t)
{
    struct team_queue q;
    struct pass p;

    NdisAcquireSpinLock(&t->lock);
    if (t->draining) {
        NdisReleaseSpinLock(&t->lock);
        return;
    }
    t->draining = TRUE;
    while (t->held.first && !t->hold) {
        queue_take(&q, &t->held);
        sort(t, &p, &q);
        NdisReleaseSpinLock(&t->lock);
        pass_down(t, &p, 0);
        NdisAcquireSpinLock(&t->lock);
    }
    t->draining = FALSE;
    NdisReleaseSpinLock(&t->lock);
}

void team_tx_close(struct team *t)
{
    struct team_queue q, failed;

    team_queue_init(&failed);
    NdisAcquireSpinLock(&t->lock);
    t->open = FALSE;
    queue_take(&q, &t->held);
    NdisReleaseSpinLock(&t->lock);
    fail_all(&failed, &q, NDIS_STATUS_PAUSED);
    complete(t, &failed, 0);
}

/* ---- Completion ----------------------------------------------------------------------------- */

/* What a resetting member gives back unsent is sent again. */
static BOOLEAN thrown_back(const NET_BUFFER_LIST *nbl)
{
    return nbl->Status == NDIS_STATUS_RESET_IN_PROGRESS ||
           nbl->Status == NDIS_STATUS_REQUEST_ABORTED;
}

/* The NBL as it came from above, but for what completion says. */
static void take_context(NET_BUFFER_LIST *nbl, BOOLEAN whole)
{
    const struct team_nbl *c = (struct team_nbl *)NET_BUFFER_LIST_CONTEXT_DATA_START(nbl);

    nbl->SourceHandle = c->source;
    if (whole) {
        NET_BUFFER_LIST_INFO(nbl, TcpLargeSendNetBufferListInfo) = c->large;
        NUMBER(nbl) = c->number;
    }
    NdisFreeNetBufferListContext(nbl, sizeof *c);
}

static void held_insert(struct team *t, NET_BUFFER_LIST *nbl)
{
    NET_BUFFER_LIST **at = &t->held.first;

    while (*at && (ULONG_PTR)NUMBER(*at) < (ULONG_PTR)NUMBER(nbl))
        at = &NET_BUFFER_LIST_NEXT_NBL(*at);
    NET_BUFFER_LIST_NEXT_NBL(nbl) = *at;
    if (!*at)
        t->held.end = &NET_BUFFER_LIST_NEXT_NBL(nbl);
    *at = nbl;
    t->held.count++;
}

/* Under the lock: what was thrown back goes to its place among what is held; or up, when we are
 * closed or later sends have gone elsewhere. Members give back what they have in any order, and one
 * by one. */
static void keep_again(struct team_member *m, struct team_queue *again, struct team_queue *done)
{
    struct team *t = m->team;
    NET_BUFFER_LIST *next;

    if (!t->open) {
        fail_all(done, again, NDIS_STATUS_PAUSED);
        return;
    }
    for (NET_BUFFER_LIST *nbl = again->first; nbl; nbl = next) {
        next = NET_BUFFER_LIST_NEXT_NBL(nbl);
        if ((ULONG_PTR)NUMBER(nbl) <= m->overtaken)
            fail(done, nbl, NDIS_STATUS_FAILURE);
        else
            held_insert(t, nbl);
    }
    team_queue_init(again);
}

void team_tx_overtake(struct team *t)
{
    ULONG_PTR last = t->held.first ? (ULONG_PTR)NUMBER(t->held.first) - 1 : t->number;

    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        if ((t->use & 1u << i) && t->member[i].sends > 0)
            t->member[i].overtaken = last;
    }
}

VOID NTAPI TeamSendNetBufferListsComplete(NDIS_HANDLE ProtocolBindingContext,
                                          PNET_BUFFER_LIST NetBufferList, ULONG SendCompleteFlags)
{
    struct team_member *m = ProtocolBindingContext;
    NDIS_HANDLE binding = m->binding;
    struct team *t = m->team;
    struct team_queue done, again;
    NET_PNP_EVENT_NOTIFICATION *event = NULL;
    NET_BUFFER_LIST *next, *announcement = NULL;
    BOOLEAN more;

    team_queue_init(&done);
    team_queue_init(&again);
    for (NET_BUFFER_LIST *nbl = NetBufferList; nbl; nbl = next) {
        BOOLEAN back = thrown_back(nbl);

        next = NET_BUFFER_LIST_NEXT_NBL(nbl);
        if (nbl == m->announcement) {
            announcement = nbl;
            continue;
        }
        take_context(nbl, back);
        team_queue_add(back ? &again : &done, nbl);
    }
    NdisAcquireSpinLock(&t->lock);
    m->sends -= done.count + again.count;
    more = again.count > 0;
    if (announcement && team_announced(m, thrown_back(announcement)))
        more = TRUE;
    if (t->switching && m->sends == 0)
        more = TRUE;
    keep_again(m, &again, &done);
    if (m->sends == 0) {
        event = m->event;
        m->event = NULL;
    }
    NdisReleaseSpinLock(&t->lock);
    complete(t, &done, SendCompleteFlags & NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
    if (event)
        NdisCompleteNetPnPEvent(binding, event, NDIS_STATUS_SUCCESS);
    if (more)
        team_update(t);
}

/* ---- Cancel --------------------------------------------------------------------------------- */

static void take_cancelled(struct team_queue *from, PVOID id, struct team_queue *to)
{
    struct team_queue q;
    NET_BUFFER_LIST *next;

    queue_take(&q, from);
    for (NET_BUFFER_LIST *nbl = q.first; nbl; nbl = next) {
        next = NET_BUFFER_LIST_NEXT_NBL(nbl);
        if (NDIS_GET_NET_BUFFER_LIST_CANCEL_ID(nbl) == id)
            fail(to, nbl, NDIS_STATUS_SEND_ABORTED);
        else
            team_queue_add(from, nbl);
    }
}

VOID NTAPI TeamCancelSend(NDIS_HANDLE MiniportAdapterContext, PVOID CancelId)
{
    struct team *t = MiniportAdapterContext;
    struct team_queue cancelled;
    ULONG members;

    team_queue_init(&cancelled);
    NdisAcquireSpinLock(&t->lock);
    take_cancelled(&t->held, CancelId, &cancelled);
    NdisReleaseSpinLock(&t->lock);
    complete(t, &cancelled, 0);
    members = team_take_members(t);
    for (ULONG i = 0; i < TEAM_MEMBERS_MAX; i++) {
        if (members & 1u << i)
            NdisCancelSendNetBufferLists(t->member[i].binding, CancelId);
    }
    team_release(t, members);
}
