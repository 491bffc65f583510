/* SPDX-License-Identifier: MIT */
/* What the trace has written down, and a check that stands in the way of calls. */
#include "conform/trace_int.h"

struct trace trace;

const char *trace_name(enum trace_call call)
{
    static const char *const names[TRACE_CALLS] = {
        "MiniportInitializeEx",
        "MiniportHaltEx",
        "MiniportPause",
        "MiniportRestart",
        "MiniportResetEx",
        "MiniportCheckForHangEx",
        "MiniportDevicePnPEventNotify",
        "MiniportShutdownEx",
        "MiniportDriverUnload",
        "MiniportOidRequest",
        "MiniportCancelOidRequest",
        "MiniportSendNetBufferLists",
        "MiniportCancelSend",
        "MiniportReturnNetBufferLists",
        "ProtocolBindAdapterEx",
        "ProtocolUnbindAdapterEx",
        "ProtocolNetPnPEvent",
        "ProtocolOidRequestComplete",
        "ProtocolSendNetBufferListsComplete",
        "ProtocolReceiveNetBufferLists",
        "ProtocolStatusEx",
    };

    return names[call];
}

/* ---- Entries -------------------------------------------------------------------------------- */

static void signal_change(void)
{
    pthread_cond_broadcast(&trace.rig->changed);
    pthread_mutex_unlock(&trace.rig->mutex);
}

static struct trace_entry *write_down(struct trace_entry e)
{
    static struct trace_entry beyond;
    struct ndis_adapter *a = trace.rig->adapter;
    struct trace_entry *kept = trace.count < TRACE_ENTRIES ? &trace.entry[trace.count++] : &beyond;

    e.irql = nt_thread_self()->irql;
    e.state = a ? ndis_adapter_state(a) : NDIS_ADAPTER_HALTED;
    e.sends = a ? (unsigned)atomic_load(&a->tx_inside) : 0;
    e.lent = a ? (unsigned)atomic_load(&a->rx_outside) : 0;
    e.requests = trace.inside[TRACE_OID];
    *kept = e;
    return kept;
}

struct trace_entry *trace_enter(struct trace_entry e)
{
    struct rig *r = trace.rig;
    struct trace_entry *kept;
    void (*before)(struct rig *);

    pthread_mutex_lock(&r->mutex);
    kept = write_down(e);
    trace.began[e.call]++;
    trace.inside[e.call]++;
    trace.most[e.call] = MAX_OF(trace.most[e.call], trace.inside[e.call]);
    before = trace.before[e.call];
    pthread_cond_broadcast(&r->changed);
    if (trace.hold[e.call]) {
        trace.hold[e.call] = false;
        while (!trace.go)
            pthread_cond_wait(&r->changed, &r->mutex);
    }
    pthread_mutex_unlock(&r->mutex);
    if (before)
        before(r);
    return kept;
}

NDIS_STATUS trace_leave(struct trace_entry *e, enum trace_call call, NDIS_STATUS status)
{
    pthread_mutex_lock(&trace.rig->mutex);
    e->status = status;
    e->over = true;
    trace.inside[call]--;
    trace.ended[call]++;
    signal_change();
    return status;
}

bool trace_answers(enum trace_call call, NDIS_STATUS *status)
{
    bool answer;

    pthread_mutex_lock(&trace.rig->mutex);
    answer = trace.answer[call];
    trace.answer[call] = false;
    *status = trace.answered[call];
    pthread_mutex_unlock(&trace.rig->mutex);
    return answer;
}

unsigned trace_chain_length(const NET_BUFFER_LIST *nbl)
{
    unsigned n = 0;

    for (; nbl; nbl = nbl->Next)
        n++;
    return n;
}

bool trace_keeps(NDIS_HANDLE context, NET_BUFFER_LIST *first, NDIS_PORT_NUMBER port, ULONG flags)
{
    bool keep;

    pthread_mutex_lock(&trace.rig->mutex);
    keep = trace.keep && trace.kept_count < KEPT_CHAINS;
    if (keep) {
        trace.kept[trace.kept_count].context = context;
        trace.kept[trace.kept_count].first = first;
        trace.kept[trace.kept_count].port = port;
        trace.kept[trace.kept_count++].flags = flags & ~(ULONG)NDIS_SEND_FLAGS_DISPATCH_LEVEL;
    }
    pthread_mutex_unlock(&trace.rig->mutex);
    return keep;
}

/* ---- The test protocols' -------------------------------------------------------------------- */

void trace_protocol(const struct rig_protocol *p, struct trace_entry e)
{
    if (!trace.rig)
        return;
    pthread_mutex_lock(&trace.rig->mutex);
    e.protocol = p;
    e.nbls = trace_chain_length(e.first);
    e.over = true;
    write_down(e);
    trace.began[e.call]++;
    trace.ended[e.call]++;
    signal_change();
}

/* ---- Reading -------------------------------------------------------------------------------- */

const _Atomic(unsigned) *trace_began(enum trace_call call)
{
    return &trace.began[call];
}

const _Atomic(unsigned) *trace_ended(enum trace_call call)
{
    return &trace.ended[call];
}

unsigned trace_count(void)
{
    unsigned n;

    pthread_mutex_lock(&trace.rig->mutex);
    n = trace.count;
    pthread_mutex_unlock(&trace.rig->mutex);
    return n;
}

const struct trace_entry *trace_at(unsigned index)
{
    return index < trace_count() ? &trace.entry[index] : NULL;
}

const struct trace_entry *trace_find(unsigned at, enum trace_call call)
{
    for (unsigned n = trace_count(); at < n; at++) {
        if (trace.entry[at].call == call)
            return &trace.entry[at];
    }
    return NULL;
}

unsigned trace_index(const struct trace_entry *e)
{
    return (unsigned)(e - trace.entry);
}

unsigned trace_most_inside(enum trace_call call)
{
    return trace.most[call];
}

/* ---- In the way ----------------------------------------------------------------------------- */

void trace_hold(enum trace_call call)
{
    pthread_mutex_lock(&trace.rig->mutex);
    trace.go = false;
    trace.hold[call] = true;
    pthread_mutex_unlock(&trace.rig->mutex);
}

void trace_release(struct rig *r)
{
    pthread_mutex_lock(&r->mutex);
    trace.go = true;
    signal_change();
}

void trace_answer(enum trace_call call, NDIS_STATUS status)
{
    pthread_mutex_lock(&trace.rig->mutex);
    trace.answer[call] = true;
    trace.answered[call] = status;
    pthread_mutex_unlock(&trace.rig->mutex);
}

void trace_addressing_reset(void)
{
    trace.addressing = true;
}

void trace_hang(void)
{
    trace.hang = true;
}

void trace_keep_sends(struct rig *r, bool keep)
{
    unsigned n;

    pthread_mutex_lock(&r->mutex);
    trace.keep = keep;
    n = keep ? 0 : trace.kept_count;
    trace.kept_count -= n;
    pthread_mutex_unlock(&r->mutex);
    for (unsigned i = 0; i < n; i++)
        trace.real.SendNetBufferListsHandler(trace.kept[i].context, trace.kept[i].first,
                                             trace.kept[i].port, trace.kept[i].flags);
}

void trace_before(enum trace_call call, void (*fn)(struct rig *r))
{
    pthread_mutex_lock(&trace.rig->mutex);
    trace.before[call] = fn;
    pthread_mutex_unlock(&trace.rig->mutex);
}
