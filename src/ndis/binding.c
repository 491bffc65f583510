/* SPDX-License-Identifier: MIT */
/* Binding and unbinding: connections, ProtocolBindAdapterEx with its parameters, NdisOpenAdapterEx, NdisCloseAdapterEx, and the set of open
 * bindings that the data path reads. */
#include "ndis/binding.h"

#include "nt/export.h"
#include "nt/processor.h"

#include <strings.h>

enum { SNAPSHOT = 64 };

struct connection {
    struct connection *next;
    struct ndis_adapter *adapter;
    struct ndis_protocol *protocol;
    struct ndis_binding *binding; /* NULL: not bound now */
};

bool ndis_binding_pend_;
static pthread_mutex_t connections_lock = PTHREAD_MUTEX_INITIALIZER;
static struct connection *connections;

/* Connections. A binding pointer found here stays valid while the adapter's operation lock is held. */
static unsigned bindings_of(struct ndis_adapter *a, struct ndis_binding **out)
{
    unsigned n = 0;

    pthread_mutex_lock(&connections_lock);
    for (struct connection *c = connections; c && n < SNAPSHOT; c = c->next)
        if (c->adapter == a && c->binding)
            out[n++] = c->binding;
    pthread_mutex_unlock(&connections_lock);
    return n;
}

static struct connection *connection_find(struct ndis_adapter *a, const char *protocol)
{
    struct connection *c;

    pthread_mutex_lock(&connections_lock);
    for (c = connections; c; c = c->next)
        if (c->adapter == a && strcasecmp(c->protocol->name, protocol) == 0)
            break;
    pthread_mutex_unlock(&connections_lock);
    return c;
}

static struct connection *connection_new(struct ndis_adapter *a, struct ndis_protocol *p)
{
    struct connection *c = calloc(1, sizeof(*c));
    struct connection **end;

    if (!c)
        return NULL;
    c->adapter = a;
    c->protocol = p;
    pthread_mutex_lock(&connections_lock);
    for (end = &connections; *end; end = &(*end)->next)
        ;
    *end = c;
    pthread_mutex_unlock(&connections_lock);
    return c;
}

static void connection_free(struct connection *c)
{
    pthread_mutex_lock(&connections_lock);
    for (struct connection **at = &connections; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    pthread_mutex_unlock(&connections_lock);
    free(c);
}

static void connection_set(struct connection *c, struct ndis_binding *b)
{
    pthread_mutex_lock(&connections_lock);
    c->binding = b;
    pthread_mutex_unlock(&connections_lock);
}

/* The set of open bindings. */
static void set_replace(struct ndis_adapter *a)
{
    struct ndis_binding_set *set, *old;
    struct list *pos;
    unsigned n = 0;

    pthread_spin_lock(&a->lock);
    list_for_each (pos, &a->bindings)
        n++;
    pthread_spin_unlock(&a->lock);
    set = calloc(1, sizeof(*set) + n * sizeof(set->binding[0]));
    invariant(set != NULL);
    pthread_spin_lock(&a->lock);
    list_for_each (pos, &a->bindings)
        if (set->count < n)
            set->binding[set->count++] = list_entry(pos, struct ndis_binding, adapter_link);
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

/* Bind parameters (NDIS_BIND_PARAMETERS). */
static void wide(NDIS_STRING *s, WCHAR *text, size_t room, const char *ascii)
{
    size_t n = 0;

    for (; ascii[n] && n + 1 < room; n++)
        text[n] = (WCHAR)(unsigned char)ascii[n];
    text[n] = 0;
    *s = (NDIS_STRING){.Length = (USHORT)(n * sizeof(WCHAR)),
                       .MaximumLength = (USHORT)((n + 1) * sizeof(WCHAR)), .Buffer = text};
}

static void names_fill(struct ndis_binding *b)
{
    struct ndis_binding_waits *w = b->waits;
    const char *guid = strrchr(b->adapter->ndis_name, '\\');
    char section[256];

    snprintf(section, sizeof(section), "%s\\Parameters\\Adapters\\%s", b->protocol->name,
             guid ? guid + 1 : b->adapter->ndis_name);
    wide(&w->adapter_name, w->adapter_text, ARRAY_LEN(w->adapter_text), b->adapter->ndis_name);
    wide(&w->section_name, w->section_text, ARRAY_LEN(w->section_text), section);
}

static void link_fill(NDIS_BIND_PARAMETERS *p, const struct ndis_adapter *a)
{
    const NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES *g = &a->general;

    p->MaxXmitLinkSpeed = g->MaxXmitLinkSpeed;
    p->MaxRcvLinkSpeed = g->MaxRcvLinkSpeed;
    p->XmitLinkSpeed = a->link.XmitLinkSpeed;
    p->RcvLinkSpeed = a->link.RcvLinkSpeed;
    p->MediaConnectState = a->link.MediaConnectState;
    p->MediaDuplexState = a->link.MediaDuplexState;
}

static void interface_fill(NDIS_BIND_PARAMETERS *p, const struct ndis_adapter *a)
{
    const NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES *g = &a->general;
    NET_LUID luid = {.Value = 0};

    luid.Info.IfType = g->IfType;
    luid.Info.NetLuidIndex = a->index & 0xffffff;
    p->BoundIfNetluid = p->LowestIfNetluid = luid;
    p->BoundIfIndex = p->LowestIfIndex = a->index;
    p->AccessType = g->AccessType;
    p->DirectionType = g->DirectionType;
    p->ConnectionType = g->ConnectionType;
    p->IfType = g->IfType;
    p->IfConnectorPresent = g->IfConnectorPresent;
    p->CompartmentId = NET_IF_COMPARTMENT_ID_PRIMARY;
}

static NDIS_BIND_PARAMETERS *parameters_fill(struct ndis_binding *b)
{
    struct ndis_binding_waits *w = b->waits;
    struct ndis_adapter *a = b->adapter;
    const NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES *g = &a->general;
    NDIS_BIND_PARAMETERS *p = &w->parameters;

    memset(p, 0, sizeof(*p));
    p->Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_BIND_PARAMETERS, NDIS_BIND_PARAMETERS_REVISION_4,
                                     NDIS_SIZEOF_NDIS_BIND_PARAMETERS_REVISION_4};
    names_fill(b);
    p->ProtocolSection = &w->section_name;
    p->AdapterName = p->BoundAdapterName = &w->adapter_name;
    p->PhysicalDeviceObject = a->device ? nt_device_pdo(a->device) : NULL;
    pthread_spin_lock(&a->lock);
    link_fill(p, a);
    w->connection_offload = a->connection_hardware;
    p->TcpConnectionOffloadCapabilities = a->connection_present ? &w->connection_offload : NULL;
    pthread_spin_unlock(&a->lock);
    p->MediaType = g->MediaType;
    p->PhysicalMediumType = g->PhysicalMediumType;
    p->MtuSize = g->MtuSize;
    p->LookaheadSize = g->LookaheadSize;
    p->SupportedPacketFilters = g->SupportedPacketFilters;
    p->MaxMulticastListSize = g->MaxMulticastListSize;
    p->MacAddressLength = g->MacAddressLength;
    memcpy(p->CurrentMacAddress, g->CurrentMacAddress, sizeof(p->CurrentMacAddress));
    p->PowerManagementCapabilities = g->PowerManagementCapabilities;
    p->RcvScaleCapabilities = g->RecvScaleCapabilities;
    p->DataBackFillSize = g->DataBackFillSize;
    p->ContextBackFillSize = g->ContextBackFillSize;
    p->MacOptions = g->MacOptions;
    interface_fill(p, a);
    ndis_offload_bind_parameters(a, p, &w->offload);
    return p;
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

NDIS_STATUS NTAPI NdisOpenAdapterEx(NDIS_HANDLE NdisProtocolHandle, NDIS_HANDLE ProtocolBindingContext,
                                    PNDIS_OPEN_PARAMETERS OpenParameters, NDIS_HANDLE BindContext,
                                    PNDIS_HANDLE NdisBindingHandle)
{
    struct ndis_protocol *p = ndis_handle_get(NdisProtocolHandle, NDIS_H_PROTOCOL, __func__);
    struct ndis_binding *b = p ? ndis_handle_get(BindContext, NDIS_H_BINDING, __func__) : NULL;

    NT_PASSIVE_ONLY();
    if (!b || !OpenParameters || !NdisBindingHandle)
        return NDIS_STATUS_FAILURE;
    if (b->protocol != p || b->waits->opened || atomic_load(&b->state) != NDIS_BINDING_OPENING) {
        ndis_binding_finding(b, "GEN-44", "NdisOpenAdapterEx with a BindContext that is not its own or was "
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
    if (ndis_binding_pend_ && nt_work_queue(open_complete, b) == 0)
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
    if ((ndis_binding_pend_ || !binding_idle(b)) && nt_work_queue(close_complete, b) == 0)
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
        finding_report("GEN-44", "NdisCompleteUnbindAdapterEx with %p though no unbind is pending there",
                       (void *)b);
    else if (ndis_binding_expected(b, NDIS_EXPECT_UNBIND))
        ndis_wait_signal(&b->waits->unbind, NDIS_STATUS_SUCCESS);
}
NT_EXPORT(NdisCompleteUnbindAdapterEx);

static NDIS_STATUS call_bind(struct ndis_binding *b)
{
    struct ndis_protocol *p = b->protocol;
    NDIS_BIND_PARAMETERS *parameters = parameters_fill(b);
    struct ndis_call call;
    NDIS_STATUS status;

    atomic_store(&b->waits->expecting, NDIS_EXPECT_BIND);
    call = ndis_call_begin(p->owner);
    status = p->chars.BindAdapterHandlerEx(p->context, b, parameters);
    ndis_call_end(&call, "ProtocolBindAdapterEx");
    if (status == NDIS_STATUS_PENDING && !ndis_wait_for(&b->waits->bind, NDIS_BIND_SECONDS, &status)) {
        ndis_binding_finding(b, "GEN-44", "ProtocolBindAdapterEx is pending since %d s and was not "
                             "completed", NDIS_BIND_SECONDS);
        status = NDIS_STATUS_FAILURE;
    }
    atomic_store(&b->waits->expecting, 0);
    if (status == NDIS_STATUS_SUCCESS && (!b->waits->opened || atomic_load(&b->waits->closing))) {
        ndis_binding_finding(b, "GEN-44", "ProtocolBindAdapterEx succeeded without an open binding");
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

static NDIS_STATUS bind(struct connection *c)
{
    struct ndis_binding *b = binding_new(c->adapter, c->protocol);
    NDIS_STATUS status;

    if (!b)
        return NDIS_STATUS_RESOURCES;
    ndis_protocol_link(b);
    connection_set(c, b);
    status = call_bind(b);
    if (status == NDIS_STATUS_SUCCESS) {
        ndis_binding_restart(b);
        return status;
    }
    ensure_closed(b, "a failed ProtocolBindAdapterEx");
    connection_set(c, NULL);
    ndis_protocol_unlink(b);
    binding_retire(b);
    return status;
}

static _Atomic(struct ndis_binding *) unbinding[SNAPSHOT]; /* whose unbind handler has been called and is not done */

bool ndis_binding_is_unbinding(const struct ndis_binding *b)
{
    for (unsigned i = 0; b && i < SNAPSHOT; i++)
        if (atomic_load(&unbinding[i]) == b)
            return true;
    return false;
}

static _Atomic(struct ndis_binding *) *unbinding_enter(struct ndis_binding *b)
{
    for (unsigned i = 0; i < SNAPSHOT; i++) {
        struct ndis_binding *none = NULL;

        if (atomic_compare_exchange_strong(&unbinding[i], &none, b))
            return &unbinding[i];
    }
    return NULL;
}

static void unbind(struct connection *c)
{
    struct ndis_binding *b = c->binding;
    struct ndis_protocol *p = c->protocol;
    _Atomic(struct ndis_binding *) *slot;
    struct ndis_call call;
    NDIS_STATUS status;

    if (!b)
        return;
    ndis_binding_pause(b);
    slot = unbinding_enter(b);
    atomic_store(&b->waits->expecting, NDIS_EXPECT_UNBIND);
    call = ndis_call_begin(p->owner);
    status = p->chars.UnbindAdapterHandlerEx(b, b->protocol_context);
    ndis_call_end(&call, "ProtocolUnbindAdapterEx");
    if (status == NDIS_STATUS_PENDING &&
        !ndis_wait_for(&b->waits->unbind, NDIS_BIND_SECONDS, &status))
        ndis_binding_finding(b, "GEN-44", "ProtocolUnbindAdapterEx is pending since %d s and was not "
                             "completed", NDIS_BIND_SECONDS);
    else if (status != NDIS_STATUS_SUCCESS)
        ndis_binding_finding(b, "GEN-44", "ProtocolUnbindAdapterEx ended with 0x%08x; it cannot fail",
                             (unsigned)status);
    atomic_store(&b->waits->expecting, 0);
    if (slot)
        atomic_store(slot, NULL);
    ensure_closed(b, "ProtocolUnbindAdapterEx");
    connection_set(c, NULL);
    ndis_protocol_unlink(b);
    binding_retire(b);
}

/* What the adapter and the machine ask for. */
void ndis_bindings_start(struct ndis_adapter *a)
{
    struct connection *todo[SNAPSHOT];
    unsigned n = 0;

    pthread_mutex_lock(&connections_lock);
    for (struct connection *c = connections; c && n < SNAPSHOT; c = c->next)
        if (c->adapter == a)
            todo[n++] = c;
    pthread_mutex_unlock(&connections_lock);
    for (unsigned i = 0; i < n; i++) {
        if (todo[i]->binding)
            ndis_binding_restart(todo[i]->binding);
        else if (bind(todo[i]) != NDIS_STATUS_SUCCESS)
            log_warn("ndis: %s does not bind to %s", todo[i]->protocol->name, a->name);
    }
}

void ndis_bindings_pause(struct ndis_adapter *a)
{
    struct ndis_binding *b[SNAPSHOT];
    unsigned n = bindings_of(a, b);

    while (n--)
        ndis_binding_pause(b[n]);
}

void ndis_bindings_unbind(struct ndis_adapter *a)
{
    struct connection *todo[SNAPSHOT];
    unsigned n = 0;

    pthread_mutex_lock(&connections_lock);
    for (struct connection *c = connections; c && n < SNAPSHOT; c = c->next)
        if (c->adapter == a && c->binding)
            todo[n++] = c;
    pthread_mutex_unlock(&connections_lock);
    while (n--)
        unbind(todo[n]);
}

int ndis_binding_connect(struct ndis_adapter *a, const char *protocol, struct why *why)
{
    struct ndis_protocol *p = ndis_protocol_find(protocol);
    struct connection *c;
    NDIS_STATUS status;

    if (!p)
        return why_set(why, -ENOENT, "%s: no protocol of that name has registered", protocol);
    if (connection_find(a, protocol))
        return why_set(why, -EEXIST, "%s: connected to %s already", protocol, a->name);
    c = connection_new(a, p);
    if (!c)
        return why_set(why, -ENOMEM, "%s: no memory to connect it to %s", protocol, a->name);
    if (ndis_adapter_state(a) != NDIS_ADAPTER_RUNNING)
        return 0;
    status = bind(c);
    if (status == NDIS_STATUS_SUCCESS)
        return 0;
    connection_free(c);
    return why_set(why, -ECANCELED, "%s: binding to %s failed with status 0x%08x", protocol, a->name,
                   (unsigned)status);
}

void ndis_binding_disconnect(struct ndis_adapter *a, const char *protocol)
{
    struct connection *c = connection_find(a, protocol);

    if (!c)
        return;
    unbind(c);
    connection_free(c);
}

void ndis_bindings_of_protocol_end(struct ndis_protocol *p)
{
    struct ndis_adapter *a;

    do {
        a = NULL;
        pthread_mutex_lock(&connections_lock);
        for (struct connection *c = connections; c && !a; c = c->next)
            if (c->protocol == p)
                a = c->adapter;
        pthread_mutex_unlock(&connections_lock);
        if (a)
            ndis_adapter_disconnect(a, p->name);
    } while (a);
}

void ndis_bindings_fini(struct ndis_adapter *a)
{
    struct connection **at = &connections;
    struct ndis_binding_set *set = atomic_exchange(&a->open_bindings, NULL);

    pthread_mutex_lock(&connections_lock);
    while (*at) {
        struct connection *c = *at;

        if (c->adapter != a) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        free(c);
    }
    pthread_mutex_unlock(&connections_lock);
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

/* A protocol's own wish to leave: carried out on a worker. */
static void unbind_later(void *arg)
{
    struct ndis_binding *b = arg;
    struct ndis_adapter *a = b->adapter;
    struct connection *c;

    pthread_mutex_lock(&a->operation);
    c = connection_find(a, b->protocol->name);
    if (c && c->binding == b) {
        unbind(c);
        connection_free(c);
    }
    pthread_mutex_unlock(&a->operation);
}

NDIS_STATUS NTAPI NdisUnbindAdapter(NDIS_HANDLE NdisBindingHandle)
{
    struct ndis_binding *b = ndis_handle_get(NdisBindingHandle, NDIS_H_BINDING, __func__);

    NT_PASSIVE_ONLY();
    if (!b)
        return NDIS_STATUS_FAILURE;
    return nt_work_queue(unbind_later, b) == 0 ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES;
}
NT_EXPORT(NdisUnbindAdapter);
