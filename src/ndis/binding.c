/* SPDX-License-Identifier: MIT */
/* Making and unmaking one binding: ProtocolBindAdapterEx, NdisOpenAdapterEx, NdisCloseAdapterEx,
 * ProtocolUnbindAdapterEx, and the set of open bindings that the data path reads. */
#include "ndis/binding.h"

#include "nt/export.h"
#include "nt/processor.h"

enum { UNBINDING_AT_ONCE = 64 };

static _Atomic(bool) pend_always;

void ndis_set_pending(bool on)
{
    atomic_store(&pend_always, on);
}

/* The set of open bindings. */
static void set_replace(struct ndis_adapter *a)
{
    struct ndis_binding_set *set, *old;
    struct list *pos;
    unsigned n = 0;

    pthread_spin_lock(&a->lock);
    list_for_each(pos, &a->bindings) n++;
    pthread_spin_unlock(&a->lock);
    set = calloc(1, sizeof(*set) + n * sizeof(set->binding[0]));
    invariant(set != NULL);
    pthread_spin_lock(&a->lock);
    list_for_each(pos, &a->bindings) if (set->count < n) set->binding[set->count++] =
        list_entry(pos, struct ndis_binding, adapter_link);
    old = atomic_exchange_explicit(&a->open_bindings, set, memory_order_acq_rel);
    if (old) {
        old->retired_next = a->retired_sets;
        a->retired_sets = old;
    }
    pthread_spin_unlock(&a->lock);
}

static void set_add(struct ndis_binding *b)
{
    struct ndis_adapter *a = b->adapter;

    pthread_spin_lock(&a->lock);
    list_push(&a->bindings, &b->adapter_link);
    pthread_spin_unlock(&a->lock);
    set_replace(a);
}

static void set_remove(struct ndis_binding *b)
{
    struct ndis_adapter *a = b->adapter;

    pthread_spin_lock(&a->lock);
    list_unlink(&b->adapter_link);
    atomic_store(&b->packet_filter, 0);
    b->multicast_count = 0;
    pthread_spin_unlock(&a->lock);
    set_replace(a);
}

/* Waits. */
void ndis_wait_rearm(struct ndis_wait *w)
{
    pthread_mutex_lock(&w->mutex);
    w->done = false;
    w->status = NDIS_STATUS_PENDING;
    pthread_mutex_unlock(&w->mutex);
}

bool ndis_binding_expected(struct ndis_binding *b, int bit)
{
    return (atomic_fetch_and(&b->waits->expecting, ~bit) & bit) != 0;
}

/* The object. */
static struct ndis_binding *binding_new(struct ndis_adapter *a, struct ndis_protocol *p)
{
    struct ndis_binding *b = calloc(1, sizeof(*b));

    if (!b)
        return NULL;
    b->waits = calloc(1, sizeof(*b->waits));
    if (!b->waits) {
        free(b);
        return NULL;
    }
    b->adapter = a;
    b->protocol = p;
    b->connected = true;
    atomic_init(&b->state, NDIS_BINDING_OPENING);
    list_init(&b->adapter_link);
    list_init(&b->protocol_link);
    ndis_wait_init(&b->waits->bind);
    ndis_wait_init(&b->waits->unbind);
    ndis_wait_init(&b->waits->event);
    ndis_wait_init(&b->waits->close);
    ndis_handle_register(&b->handle, NDIS_H_BINDING);
    return b;
}

static void binding_retire(struct ndis_binding *b)
{
    struct ndis_adapter *a = b->adapter;

    atomic_store(&b->state, NDIS_BINDING_UNBOUND);
    if (b->handle.kind != NDIS_H_DEAD)
        ndis_handle_retire(&b->handle);
    pthread_spin_lock(&a->lock);
    b->retired_next = a->retired_bindings;
    a->retired_bindings = b;
    pthread_spin_unlock(&a->lock);
}

static void binding_free(struct ndis_binding *b)
{
    ndis_wait_fini(&b->waits->bind);
    ndis_wait_fini(&b->waits->unbind);
    ndis_wait_fini(&b->waits->event);
    ndis_wait_fini(&b->waits->close);
    free(b->waits);
    free(b);
}

/* Open. */
static bool medium_offered(const NDIS_OPEN_PARAMETERS *p, NDIS_MEDIUM medium)
{
    for (UINT i = 0; i < p->MediumArraySize; i++)
        if (p->MediumArray[i] == medium) {
            if (p->SelectedMediumIndex)
                *p->SelectedMediumIndex = i;
            return true;
        }
    return false;
}

static void open_complete(void *arg)
{
    struct ndis_binding *b = arg;
    struct ndis_call call = ndis_call_begin(b->protocol->owner);

    b->protocol->chars.OpenAdapterCompleteHandlerEx(b->protocol_context, NDIS_STATUS_SUCCESS);
    ndis_call_end(&call, "ProtocolOpenAdapterCompleteEx");
}

NDIS_STATUS NTAPI NdisOpenAdapterEx(NDIS_HANDLE NdisProtocolHandle,
                                    NDIS_HANDLE ProtocolBindingContext,
                                    PNDIS_OPEN_PARAMETERS OpenParameters, NDIS_HANDLE BindContext,
                                    PNDIS_HANDLE NdisBindingHandle)
{
    struct ndis_protocol *p = ndis_handle_get(NdisProtocolHandle, NDIS_H_PROTOCOL, __func__);
    struct ndis_binding *b = p ? ndis_handle_get(BindContext, NDIS_H_BINDING, __func__) : NULL;

    NT_PASSIVE_ONLY();
    if (!b || !OpenParameters || !NdisBindingHandle)
        return NDIS_STATUS_FAILURE;
    if (b->protocol != p || b->waits->opened || atomic_load(&b->state) != NDIS_BINDING_OPENING) {
        ndis_binding_finding(b, "GEN-44",
                             "NdisOpenAdapterEx with a BindContext that is not its own or was "
                             "used before");
        return NDIS_STATUS_FAILURE;
    }
    if (!medium_offered(OpenParameters, b->adapter->general.MediaType))
        return NDIS_STATUS_UNSUPPORTED_MEDIA;
    if (!nt_may_allocate())
        return NDIS_STATUS_RESOURCES;
    b->waits->opened = true;
    b->protocol_context = ProtocolBindingContext;
    nt_ledger_add(NT_RES_BINDING, b, sizeof(*b), 0);
    atomic_store(&b->state, NDIS_BINDING_PAUSED);
    set_add(b);
    *NdisBindingHandle = b;
    if (atomic_load(&pend_always) && nt_work_queue(open_complete, b) == 0)
        return NDIS_STATUS_PENDING;
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisOpenAdapterEx);

/* Close. Everything out comes back first; from then on nothing is called for this binding. */
static void close_finish(struct ndis_binding *b)
{
    ndis_binding_settle(b, NDIS_PAUSE_SECONDS);
    if (ndis_adapter_state(b->adapter) != NDIS_ADAPTER_HALTED)
        ndis_oid_refresh_filter(b->adapter);
}

static void close_complete(void *arg)
{
    struct ndis_binding *b = arg;
    struct ndis_call call;

    close_finish(b);
    call = ndis_call_begin(b->protocol->owner);
    b->protocol->chars.CloseAdapterCompleteHandlerEx(b->protocol_context);
    ndis_call_end(&call, "ProtocolCloseAdapterCompleteEx");
    ndis_wait_signal(&b->waits->close, NDIS_STATUS_SUCCESS);
}

static bool binding_idle(struct ndis_binding *b)
{
    return atomic_load(&b->sends_outstanding) == 0 && atomic_load(&b->receives_outstanding) == 0 &&
           atomic_load(&b->requests_outstanding) == 0;
}

NDIS_STATUS NTAPI NdisCloseAdapterEx(NDIS_HANDLE NdisBindingHandle)
{
    struct ndis_binding *b = ndis_handle_get(NdisBindingHandle, NDIS_H_BINDING, __func__);

    NT_PASSIVE_ONLY();
    if (!b)
        return NDIS_STATUS_FAILURE;
    ndis_verify_lock_free(b->adapter, __func__);
    if (!b->waits->opened || atomic_exchange(&b->waits->closing, true)) {
        ndis_binding_finding(b, "GEN-44", "NdisCloseAdapterEx of a binding that is not open");
        return NDIS_STATUS_FAILURE;
    }
    atomic_store(&b->state, NDIS_BINDING_CLOSING);
    set_remove(b);
    nt_ledger_remove(NT_RES_BINDING, b);
    ndis_handle_retire(&b->handle);
    if ((atomic_load(&pend_always) || !binding_idle(b)) && nt_work_queue(close_complete, b) == 0)
        return NDIS_STATUS_PENDING;
    close_finish(b);
    ndis_wait_signal(&b->waits->close, NDIS_STATUS_SUCCESS);
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisCloseAdapterEx);

/* Bind: a->operation is held. */
VOID NTAPI NdisCompleteBindAdapterEx(NDIS_HANDLE BindAdapterContext, NDIS_STATUS Status)
{
    struct ndis_binding *b = ndis_handle_get(BindAdapterContext, NDIS_H_BINDING, __func__);

    if (!b)
        return;
    if (ndis_binding_expected(b, NDIS_EXPECT_BIND))
        ndis_wait_signal(&b->waits->bind, Status);
    else
        ndis_binding_finding(b, "GEN-44", "NdisCompleteBindAdapterEx though no bind is pending");
}
NT_EXPORT(NdisCompleteBindAdapterEx);

VOID NTAPI NdisCompleteUnbindAdapterEx(NDIS_HANDLE UnbindContext)
{
    struct ndis_binding *b = UnbindContext;

    /* The binding handle is dead by now: the context is told apart by value. */
    if (!ndis_binding_is_unbinding(b))
        finding_report("GEN-44",
                       "NdisCompleteUnbindAdapterEx with %p though no unbind is pending there",
                       (void *)b);
    else if (ndis_binding_expected(b, NDIS_EXPECT_UNBIND))
        ndis_wait_signal(&b->waits->unbind, NDIS_STATUS_SUCCESS);
}
NT_EXPORT(NdisCompleteUnbindAdapterEx);

static NDIS_STATUS call_bind(struct ndis_binding *b)
{
    struct ndis_protocol *p = b->protocol;
    NDIS_BIND_PARAMETERS *parameters = ndis_bind_parameters(b);
    struct ndis_call call;
    NDIS_STATUS status;

    atomic_store(&b->waits->expecting, NDIS_EXPECT_BIND);
    call = ndis_call_begin(p->owner);
    status = p->chars.BindAdapterHandlerEx(p->context, b, parameters);
    ndis_call_end(&call, "ProtocolBindAdapterEx");
    if (status == NDIS_STATUS_PENDING &&
        !ndis_wait_for(&b->waits->bind, NDIS_BIND_SECONDS, &status)) {
        ndis_binding_finding(b, "GEN-44",
                             "ProtocolBindAdapterEx is pending since %d s and was not "
                             "completed",
                             NDIS_BIND_SECONDS);
        status = NDIS_STATUS_FAILURE;
    }
    atomic_store(&b->waits->expecting, 0);
    if (status == NDIS_STATUS_SUCCESS && (!b->waits->opened || atomic_load(&b->waits->closing))) {
        ndis_binding_finding(b, "GEN-44",
                             "ProtocolBindAdapterEx succeeded without an open binding");
        status = NDIS_STATUS_FAILURE;
    }
    return status;
}

/* Whatever the protocol left open is closed for it; returns when the close has completed. */
static void ensure_closed(struct ndis_binding *b, const char *after)
{
    NDIS_STATUS status;

    if (!b->waits->opened)
        return;
    if (!atomic_load(&b->waits->closing)) {
        ndis_binding_finding(b, "GEN-44", "%s ended and the binding is not closed", after);
        NdisCloseAdapterEx(b);
    }
    if (!ndis_wait_for(&b->waits->close, NDIS_SEND_SECONDS + NDIS_PAUSE_SECONDS, &status))
        log_error("ndis: closing %s on %s does not end", b->protocol->name, b->adapter->name);
}

NDIS_STATUS ndis_binding_bind(struct ndis_adapter *a, struct ndis_protocol *p,
                              struct ndis_binding **out)
{
    struct ndis_binding *b = binding_new(a, p);
    NDIS_STATUS status;

    if (!b)
        return NDIS_STATUS_RESOURCES;
    ndis_protocol_link(b);
    status = call_bind(b);
    if (status == NDIS_STATUS_SUCCESS) {
        *out = b;
        ndis_binding_restart(b);
        return status;
    }
    ensure_closed(b, "a failed ProtocolBindAdapterEx");
    ndis_protocol_unlink(b);
    binding_retire(b);
    return status;
}

static _Atomic(struct ndis_binding *)
    unbinding[UNBINDING_AT_ONCE]; /* whose unbind handler has been called and is not done */

bool ndis_binding_is_unbinding(const struct ndis_binding *b)
{
    for (unsigned i = 0; b && i < UNBINDING_AT_ONCE; i++)
        if (atomic_load(&unbinding[i]) == b)
            return true;
    return false;
}

static _Atomic(struct ndis_binding *) *unbinding_enter(struct ndis_binding *b)
{
    for (unsigned i = 0; i < UNBINDING_AT_ONCE; i++) {
        struct ndis_binding *none = NULL;

        if (atomic_compare_exchange_strong(&unbinding[i], &none, b))
            return &unbinding[i];
    }
    return NULL;
}

void ndis_binding_unbind(struct ndis_binding *b)
{
    struct ndis_protocol *p = b->protocol;
    _Atomic(struct ndis_binding *) *slot;
    struct ndis_call call;
    NDIS_STATUS status;

    ndis_binding_pause(b);
    if (atomic_load(&b->waits->closing)) {
        ndis_binding_finding(b, "GEN-44", "closed its binding outside ProtocolUnbindAdapterEx");
        goto closed;
    }
    slot = unbinding_enter(b);
    atomic_store(&b->waits->expecting, NDIS_EXPECT_UNBIND);
    call = ndis_call_begin(p->owner);
    status = p->chars.UnbindAdapterHandlerEx(b, b->protocol_context);
    ndis_call_end(&call, "ProtocolUnbindAdapterEx");
    if (status == NDIS_STATUS_PENDING &&
        !ndis_wait_for(&b->waits->unbind, NDIS_BIND_SECONDS, &status))
        ndis_binding_finding(b, "GEN-44",
                             "ProtocolUnbindAdapterEx is pending since %d s and was not "
                             "completed",
                             NDIS_BIND_SECONDS);
    else if (status != NDIS_STATUS_SUCCESS)
        ndis_binding_finding(b, "GEN-44",
                             "ProtocolUnbindAdapterEx ended with 0x%08x; it cannot fail",
                             (unsigned)status);
    atomic_store(&b->waits->expecting, 0);
    if (slot)
        atomic_store(slot, NULL);
closed:
    ensure_closed(b, "ProtocolUnbindAdapterEx");
    ndis_protocol_unlink(b);
    binding_retire(b);
}

/* Frees what was kept for readers without a lock. */
void ndis_bindings_forget(struct ndis_adapter *a)
{
    struct ndis_binding_set *set = atomic_exchange(&a->open_bindings, NULL);

    free(set);
    while ((set = a->retired_sets) != NULL) {
        a->retired_sets = set->retired_next;
        free(set);
    }
    while (a->retired_bindings) {
        struct ndis_binding *b = a->retired_bindings;

        a->retired_bindings = b->retired_next;
        binding_free(b);
    }
}
