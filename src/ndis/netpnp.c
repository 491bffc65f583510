/* SPDX-License-Identifier: MIT */
/* What NDIS tells open bindings: pause and restart, other PnP events, status indications. Pages:
 * "Pausing a Binding", "Restarting a Binding", ProtocolNetPnPEvent, NdisCompleteNetPnPEvent. */
#include "ndis/binding.h"

#include "nt/export.h"
#include "nt/processor.h"

/* Keeps a binding whose sends or receives do not come back from holding up its adapter for ever. */
struct watchdog {
    struct ndis_binding *binding;
    pthread_t thread;
    bool running;
    _Atomic(bool) done;
};

static void *watchdog_main(void *arg)
{
    struct watchdog *w = arg;
    struct ndis_binding *b = w->binding;
    uint64_t until = nt_now_ns() + (uint64_t)(NDIS_SEND_SECONDS * ndis_time_factor * 1e9);
    int64_t left;

    while (!atomic_load(&w->done) && nt_now_ns() < until)
        usleep(500);
    left = atomic_load(&b->sends_outstanding);
    if (atomic_load(&w->done) || left <= 0)
        return NULL;
    ndis_adapter_finding(b->adapter, "GEN-11", "%lld sends of %s were not completed within %.1f s",
                         (long long)left, b->protocol->name, NDIS_SEND_SECONDS * ndis_time_factor);
    ndis_tx_recover(b);
    return NULL;
}

/* Started only when there is something to watch. */
static void watchdog_begin(struct watchdog *w, struct ndis_binding *b)
{
    w->binding = b;
    atomic_init(&w->done, false);
    w->running = atomic_load(&b->sends_outstanding) > 0 &&
                 pthread_create(&w->thread, NULL, watchdog_main, w) == 0;
}

static void watchdog_end(struct watchdog *w)
{
    atomic_store(&w->done, true);
    if (w->running)
        pthread_join(w->thread, NULL);
}

static bool settled_within(struct ndis_binding *b, double seconds)
{
    uint64_t until = nt_now_ns() + (uint64_t)(seconds * ndis_time_factor * 1e9);

    while (atomic_load(&b->sends_outstanding) > 0 || atomic_load(&b->receives_outstanding) > 0 ||
           (atomic_load(&b->state) == NDIS_BINDING_CLOSING &&
            atomic_load(&b->requests_outstanding) > 0)) {
        if (nt_now_ns() >= until)
            return false;
        usleep(200);
    }
    return true;
}

void ndis_binding_settle(struct ndis_binding *b, double seconds)
{
    int64_t sends, receives;

    if (settled_within(b, seconds))
        return;
    sends = atomic_load(&b->sends_outstanding);
    receives = atomic_load(&b->receives_outstanding);
    if (sends > 0) {
        ndis_adapter_finding(b->adapter, "GEN-11", "%lld sends of %s were not completed",
                             (long long)sends, b->protocol->name);
        ndis_tx_recover(b);
    }
    if (receives > 0) {
        ndis_binding_finding(b, "GEN-22", "%lld received NBLs were not returned",
                             (long long)receives);
        ndis_rx_recover(b);
    }
    if (sends <= 0 && receives <= 0)
        ndis_adapter_finding(b->adapter, "GEN-26", "%lld requests of %s were not completed",
                             (long long)atomic_load(&b->requests_outstanding), b->protocol->name);
}

/* Events. */
static void event_fill(struct ndis_binding *b, NET_PNP_EVENT_CODE code, void *buffer, ULONG bytes)
{
    NET_PNP_EVENT_NOTIFICATION *e = &b->waits->notification;

    memset(e, 0, sizeof(*e));
    e->Header =
        (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_DEFAULT, NET_PNP_EVENT_NOTIFICATION_REVISION_1,
                             NDIS_SIZEOF_NET_PNP_EVENT_NOTIFICATION_REVISION_1};
    e->PortNumber = NDIS_DEFAULT_PORT_NUMBER;
    e->NetPnPEvent.NetEvent = code;
    e->NetPnPEvent.Buffer = buffer;
    e->NetPnPEvent.BufferLength = bytes;
}

/* The binding's state follows the protocol's answer before anybody else runs: it may send from the
 * next instruction on. */
static void event_ended(struct ndis_binding *b, NDIS_STATUS status)
{
    NET_PNP_EVENT_CODE code = b->waits->notification.NetPnPEvent.NetEvent;
    int64_t sends =
        atomic_load(&b->sends_owed); /* those inside its handler are back, as it sees it */
    int expected;

    if (code == NetEventRestart && status == NDIS_STATUS_SUCCESS) {
        expected = NDIS_BINDING_RESTARTING;
        b->pause_done = false;
        atomic_compare_exchange_strong(&b->state, &expected, NDIS_BINDING_RUNNING);
    } else if (code == NetEventPause) {
        if (sends > 0)
            ndis_binding_finding(b, "GEN-45", "completed the pause with %lld sends outstanding",
                                 (long long)sends);
        expected = NDIS_BINDING_PAUSING;
        b->pause_done = true;
        atomic_compare_exchange_strong(&b->state, &expected, NDIS_BINDING_PAUSED);
    }
}

/* Sends the notification that stands filled in, and waits for the answer. */
static NDIS_STATUS event_send(struct ndis_binding *b, double seconds)
{
    struct ndis_binding_waits *w = b->waits;
    struct ndis_call call;
    NDIS_STATUS status;

    ndis_wait_rearm(&w->event);
    atomic_fetch_or(&w->expecting, NDIS_EXPECT_EVENT);
    call = ndis_call_begin(b->protocol->owner);
    status = b->protocol->chars.NetPnPEventHandler(b->protocol_context, &w->notification);
    ndis_call_end(&call, "ProtocolNetPnPEvent");
    if (status != NDIS_STATUS_PENDING) {
        if (!ndis_binding_expected(b, NDIS_EXPECT_EVENT))
            ndis_binding_finding(b, "GEN-45",
                                 "NdisCompleteNetPnPEvent for an event that did not pend");
        else
            event_ended(b, status);
        return status;
    }
    if (ndis_wait_for(&w->event, seconds, &status))
        return status;
    ndis_binding_finding(b, "GEN-45", "PnP event %u is pending since %.1f s and was not completed",
                         w->notification.NetPnPEvent.NetEvent, seconds * ndis_time_factor);
    ndis_binding_expected(b, NDIS_EXPECT_EVENT);
    event_ended(b, NDIS_STATUS_FAILURE);
    return NDIS_STATUS_FAILURE;
}

VOID NTAPI NdisCompleteNetPnPEvent(NDIS_HANDLE NdisBindingHandle,
                                   PNET_PNP_EVENT_NOTIFICATION NetPnPEventNotification,
                                   NDIS_STATUS Status)
{
    struct ndis_binding *b = ndis_handle_get(NdisBindingHandle, NDIS_H_BINDING, __func__);

    if (!b)
        return;
    NT_DISPATCH_MAX();
    if (NetPnPEventNotification != &b->waits->notification ||
        !ndis_binding_expected(b, NDIS_EXPECT_EVENT)) {
        ndis_binding_finding(b, "GEN-45",
                             "NdisCompleteNetPnPEvent though that event is not pending");
        return;
    }
    event_ended(b, Status);
    ndis_wait_signal(&b->waits->event, Status);
}
NT_EXPORT(NdisCompleteNetPnPEvent);

void ndis_binding_restart(struct ndis_binding *b)
{
    NDIS_PROTOCOL_RESTART_PARAMETERS *p = &b->waits->restart;
    int expected = NDIS_BINDING_PAUSED;
    NDIS_STATUS status;

    if (!atomic_compare_exchange_strong(&b->state, &expected, NDIS_BINDING_RESTARTING))
        return;
    memset(p, 0, sizeof(*p));
    p->Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_PROTOCOL_RESTART_PARAMETERS,
                                     NDIS_PROTOCOL_RESTART_PARAMETERS_REVISION_1,
                                     NDIS_SIZEOF_PROTOCOL_RESTART_PARAMETERS_REVISION_1};
    p->BoundIfIndex = b->adapter->index;
    p->BoundIfNetluid.Info.NetLuidIndex = b->adapter->index & 0xffffff;
    p->BoundIfNetluid.Info.IfType = b->adapter->general.IfType;
    event_fill(b, NetEventRestart, p, sizeof(*p));
    status = event_send(b, NDIS_PAUSE_SECONDS);
    if (status == NDIS_STATUS_SUCCESS)
        return;
    expected = NDIS_BINDING_RESTARTING;
    atomic_compare_exchange_strong(&b->state, &expected, NDIS_BINDING_PAUSED);
    log_warn("ndis: %s fails to restart on %s: 0x%08x", b->protocol->name, b->adapter->name,
             (unsigned)status);
}

void ndis_binding_pause(struct ndis_binding *b)
{
    static NDIS_PROTOCOL_PAUSE_PARAMETERS parameters = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NDIS_PROTOCOL_PAUSE_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_PROTOCOL_PAUSE_PARAMETERS_REVISION_1},
        .PauseReason = NDIS_PAUSE_NDIS_INTERNAL,
    };
    int expected = NDIS_BINDING_RUNNING;
    struct watchdog dog;

    if (!atomic_compare_exchange_strong(&b->state, &expected, NDIS_BINDING_PAUSING))
        return;
    atomic_store(&b->adapter->rescuable, true);
    watchdog_begin(&dog, b);
    event_fill(b, NetEventPause, &parameters, sizeof(parameters));
    event_send(b, NDIS_SEND_SECONDS + NDIS_PAUSE_SECONDS);
    watchdog_end(&dog);
    ndis_binding_settle(b, NDIS_PAUSE_SECONDS);
    pthread_mutex_lock(&b->adapter->rescue); /* a reset under way ends first */
    atomic_store(&b->adapter->rescuable, false);
    pthread_mutex_unlock(&b->adapter->rescue);
}

/* For each open binding, with its count raised so that it does not close meanwhile. */
static void each_open(struct ndis_adapter *a, void (*fn)(struct ndis_binding *b, void *arg),
                      void *arg)
{
    const struct ndis_binding_set *set =
        atomic_load_explicit(&a->open_bindings, memory_order_acquire);

    for (unsigned i = 0; set && i < set->count; i++) {
        struct ndis_binding *b = set->binding[i];
        int state;

        atomic_fetch_add(&b->receives_outstanding, 1);
        state = atomic_load(&b->state);
        if (state != NDIS_BINDING_CLOSING && state != NDIS_BINDING_UNBOUND)
            fn(b, arg);
        atomic_fetch_sub(&b->receives_outstanding, 1);
    }
}

static void status_one(struct ndis_binding *b, void *arg)
{
    const NDIS_STATUS_INDICATION *s = arg;
    NDIS_STATUS_INDICATION copy = *s;
    struct ndis_call call;

    if (s->DestinationHandle && s->DestinationHandle != b)
        return;
    call = ndis_call_begin(b->protocol->owner);
    b->protocol->chars.StatusHandlerEx(b->protocol_context, &copy);
    ndis_call_end(&call, "ProtocolStatusEx");
}

void ndis_bindings_status(struct ndis_adapter *a, const NDIS_STATUS_INDICATION *s)
{
    each_open(a, status_one, (void *)(uintptr_t)s);
}

void ndis_bindings_pnp(struct ndis_adapter *a, NET_PNP_EVENT_NOTIFICATION *e)
{
    const struct ndis_binding_set *set =
        atomic_load_explicit(&a->open_bindings, memory_order_acquire);

    for (unsigned i = 0; set && i < set->count; i++) {
        struct ndis_binding *b = set->binding[i];
        int state = atomic_load(&b->state);

        if (state == NDIS_BINDING_CLOSING || state == NDIS_BINDING_UNBOUND)
            continue;
        b->waits->notification = *e;
        event_send(b, NDIS_PAUSE_SECONDS);
    }
}
