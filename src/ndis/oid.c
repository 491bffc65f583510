/* SPDX-License-Identifier: MIT */
/*
 * OID requests on their way to a miniport. Ordinary ones queue, and reach it one at a time at
 * PASSIVE_LEVEL (GEN-25): on the thread that issued them when that may wait, else on a passive
 * worker. Direct ones go straight through. What NDIS answers itself never gets here (answer.c).
 *
 * a->lock guards the queue and current_request. A request is finished by whoever makes both true:
 * the handler has returned, and a status is known.
 */
#include "ndis/private.h"

#include "nt/export.h"

enum { OID_SECONDS = 12, NESTED_MAX = 4 };

struct ndis_oid {
    struct list link;
    struct ndis_adapter *adapter;
    NDIS_OID_REQUEST *request; /* the issuer's */
    NDIS_OID_REQUEST *sent;    /* the miniport's: the same, or copy */
    NDIS_OID_REQUEST copy;
    struct ndis_binding *from;
    ndis_oid_done done;
    void *arg;
    struct ndis_keywords *keywords;
    struct ndis_combined *combined;
    NDIS_TCP_CONNECTION_OFFLOAD_PARAMETERS connection; /* CON-6 */
    uint64_t sent_ns;
    NDIS_STATUS status;
    bool raw;       /* NDIS's own: past keywords and combining */
    bool returned;  /* the handler has */
    bool completed; /* status is known */
    bool reached, late;
    bool was_current;
};

static __thread unsigned nested;
static _Atomic(NDIS_OID) refused_oid;
static _Atomic(NDIS_STATUS) refusal;

void ndis_set_refusal(NDIS_OID oid, NDIS_STATUS status)
{
    atomic_store(&refusal, status);
    atomic_store(&refused_oid, oid);
}

static bool is_set(const NDIS_OID_REQUEST *r)
{
    return r->RequestType == NdisRequestSetInformation;
}

static bool is_query(const NDIS_OID_REQUEST *r)
{
    return r->RequestType == NdisRequestQueryInformation ||
           r->RequestType == NdisRequestQueryStatistics;
}

static bool takes_requests(struct ndis_adapter *a)
{
    switch (ndis_adapter_state(a)) {
    case NDIS_ADAPTER_PAUSED:
    case NDIS_ADAPTER_RESTARTING:
    case NDIS_ADAPTER_RUNNING:
    case NDIS_ADAPTER_PAUSING:
        return true;
    default:
        return false;
    }
}

static void observe(struct ndis_adapter *a, const NDIS_OID_REQUEST *r, NDIS_STATUS status,
                    bool reached)
{
    const struct ndis_observer *o = ndis_observer_;

    if (o && o->oid)
        o->oid(o->arg, a, r, status, reached);
}

/* GEN-27, CFG-20: what the miniport must have filled in. */
static void judge_result(struct ndis_adapter *a, const NDIS_OID_REQUEST *r, NDIS_STATUS status)
{
    const __typeof__(r->DATA.SET_INFORMATION) *s = &r->DATA.SET_INFORMATION;
    const __typeof__(r->DATA.QUERY_INFORMATION) *q = &r->DATA.QUERY_INFORMATION;
    bool too_small = status == NDIS_STATUS_BUFFER_TOO_SHORT || status == NDIS_STATUS_INVALID_LENGTH;
    ULONG oid = s->Oid;

    if (status == NDIS_STATUS_INDICATION_REQUIRED &&
        (oid == OID_OFFLOAD_ENCAPSULATION || (oid >> 24) == 0xfc))
        ndis_adapter_finding(a, "CFG-20", "OID 0x%08x ended in NDIS_STATUS_INDICATION_REQUIRED",
                             oid);
    if (is_set(r) && status == NDIS_STATUS_SUCCESS && s->InformationBufferLength && !s->BytesRead)
        ndis_adapter_finding(a, "GEN-27", "set of OID 0x%08x succeeded with BytesRead 0", oid);
    if (is_set(r) && s->BytesRead > s->InformationBufferLength)
        ndis_adapter_finding(a, "GEN-27", "set of OID 0x%08x read %u of %u bytes", oid,
                             s->BytesRead, s->InformationBufferLength);
    /* The buffer of OID_PNP_QUERY_POWER is a question: its page has nothing to be written. */
    if (is_query(r) && status == NDIS_STATUS_SUCCESS && q->InformationBufferLength &&
        !q->BytesWritten && oid != OID_PNP_QUERY_POWER)
        ndis_adapter_finding(a, "GEN-27", "query of OID 0x%08x succeeded with BytesWritten 0", oid);
    if (is_query(r) && q->BytesWritten > q->InformationBufferLength)
        ndis_adapter_finding(a, "GEN-27", "query of OID 0x%08x wrote %u bytes into %u", oid,
                             q->BytesWritten, q->InformationBufferLength);
    if (too_small && !(is_set(r) ? s->BytesNeeded : is_query(r) ? q->BytesNeeded : 1))
        ndis_adapter_finding(a, "GEN-27", "OID 0x%08x: a bad length without BytesNeeded", oid);
}

/* What NDIS remembers of a set that the miniport accepted. */
static void record(struct ndis_adapter *a, const NDIS_OID_REQUEST *r)
{
    const void *buffer = r->DATA.SET_INFORMATION.InformationBuffer;
    ULONG bytes = r->DATA.SET_INFORMATION.InformationBufferLength;

    if (!is_set(r) || !buffer)
        return;
    if (r->DATA.SET_INFORMATION.Oid == OID_TCP_CONNECTION_OFFLOAD_PARAMETERS)
        ndis_connection_record(a, buffer, bytes);
    if (r->DATA.SET_INFORMATION.Oid != OID_OFFLOAD_ENCAPSULATION ||
        bytes < sizeof(a->encapsulation))
        return;
    pthread_spin_lock(&a->lock);
    ndis_encapsulation_merge(&a->encapsulation, buffer, a->encapsulation_set);
    a->encapsulation_set = true;
    pthread_spin_unlock(&a->lock);
}

static void copy_back(struct ndis_oid *o)
{
    if (o->sent == o->request)
        return;
    o->request->DATA.SET_INFORMATION.BytesNeeded = o->copy.DATA.SET_INFORMATION.BytesNeeded;
    if (o->status == NDIS_STATUS_SUCCESS)
        o->request->DATA.SET_INFORMATION.BytesRead =
            o->request->DATA.SET_INFORMATION.InformationBufferLength;
}

/* a->lock held: the next request may go to the miniport. */
static void end_current(struct ndis_adapter *a, struct ndis_oid *o)
{
    a->current_request = NULL;
    o->was_current = true;
    atomic_fetch_add(&a->finishing, 1);
}

static void finish(struct ndis_oid *o)
{
    struct ndis_adapter *a = o->adapter;
    bool ok = o->status == NDIS_STATUS_SUCCESS;

    if (o->reached) {
        judge_result(a, o->sent, o->status);
        copy_back(o);
        if (ok)
            record(a, o->sent);
    }
    if (o->combined)
        ndis_filter_done(a, o->from, o->request->DATA.SET_INFORMATION.Oid, o->combined, ok);
    if (o->keywords)
        ndis_keywords_done(a, o->keywords, ok);
    if (o->was_current)
        atomic_fetch_sub(&a->finishing, 1);
    observe(a, o->request, o->status, o->reached);
    o->done(o->arg, o->request, o->status);
    free(o->combined);
    free(o);
}

static void finish_with(struct ndis_oid *o, NDIS_STATUS status)
{
    o->status = status;
    finish(o);
}

/* The miniport sees a combined setting in a request of NDIS's own. */
static NDIS_STATUS combine(struct ndis_oid *o)
{
    NDIS_STATUS status;

    o->combined = calloc(1, sizeof(*o->combined));
    if (!o->combined)
        return NDIS_STATUS_RESOURCES;
    status = ndis_filter_take(o->adapter, o->from, o->request, o->combined);
    if (status != NDIS_STATUS_SUCCESS) {
        free(o->combined);
        o->combined = NULL;
        return status;
    }
    o->copy = *o->request;
    o->copy.DATA.SET_INFORMATION.InformationBufferLength = o->combined->bytes;
    o->copy.DATA.SET_INFORMATION.InformationBuffer =
        o->copy.DATA.SET_INFORMATION.Oid == OID_802_3_MULTICAST_LIST ? (void *)o->combined->list
                                                                     : (void *)&o->combined->value;
    o->sent = &o->copy;
    return status;
}

/* CON-6: the porting summary's way to switch connection offload, as the set that today's reference
 * names. */
static NDIS_STATUS translate_connection(struct ndis_oid *o)
{
    NDIS_STATUS status = ndis_connection_translate(o->adapter, o->request, &o->connection);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    o->copy = *o->request;
    o->copy.DATA.SET_INFORMATION.Oid = OID_TCP_CONNECTION_OFFLOAD_PARAMETERS;
    o->copy.DATA.SET_INFORMATION.InformationBuffer = &o->connection;
    o->copy.DATA.SET_INFORMATION.InformationBufferLength = o->connection.Header.Size;
    o->sent = &o->copy;
    return status;
}

static NDIS_STATUS prepare(struct ndis_oid *o)
{
    o->sent = o->request;
    if (o->raw || !is_set(o->request))
        return NDIS_STATUS_SUCCESS;
    if (o->request->DATA.SET_INFORMATION.Oid == OID_TCP_CONNECTION_OFFLOAD_HARDWARE_CAPABILITIES)
        return translate_connection(o);
    if (ndis_filter_is_combined(o->request))
        return combine(o);
    if (o->request->DATA.SET_INFORMATION.Oid == OID_TCP_OFFLOAD_PARAMETERS)
        return ndis_keywords_apply(o->adapter, o->request, &o->keywords);
    return NDIS_STATUS_SUCCESS;
}

static void clear_results(NDIS_OID_REQUEST *r)
{
    if (is_set(r)) {
        r->DATA.SET_INFORMATION.BytesRead = 0;
        r->DATA.SET_INFORMATION.BytesNeeded = 0;
    } else if (is_query(r)) {
        r->DATA.QUERY_INFORMATION.BytesWritten = 0;
        r->DATA.QUERY_INFORMATION.BytesNeeded = 0;
    }
}

/* After the handler returned `status`: whether the request is finished now. `list`: unlink it from
 * there. */
static bool returned(struct ndis_oid *o, NDIS_STATUS status, const char *handler)
{
    struct ndis_adapter *a = o->adapter;
    bool twice = false, finished;

    pthread_spin_lock(&a->lock);
    o->returned = true;
    if (status != NDIS_STATUS_PENDING) {
        twice = o->completed;
        if (!twice)
            o->status = status;
        o->completed = true;
    }
    finished = o->completed;
    if (finished && a->current_request == o)
        end_current(a, o);
    if (finished)
        list_unlink(&o->link);
    pthread_spin_unlock(&a->lock);
    if (twice)
        ndis_adapter_finding(a, "GEN-26", "%s returned 0x%08x for OID 0x%08x after completing it",
                             handler, (unsigned)status, o->sent->DATA.SET_INFORMATION.Oid);
    return finished;
}

static void deliver(struct ndis_oid *o)
{
    struct ndis_adapter *a = o->adapter;
    NDIS_STATUS status = prepare(o);
    struct ndis_call call;

    if (status == NDIS_STATUS_SUCCESS && atomic_load(&a->removed))
        status = NDIS_STATUS_NOT_ACCEPTED;
    if (is_set(o->request) && o->request->DATA.SET_INFORMATION.Oid == atomic_load(&refused_oid))
        status = atomic_load(&refusal);
    if (status == NDIS_STATUS_SUCCESS) {
        clear_results(o->sent);
        o->reached = true;
        pthread_spin_lock(&a->lock); /* from here on its time is watched */
        o->sent_ns = nt_now_ns();
        pthread_spin_unlock(&a->lock);
        call = ndis_call_begin(a->driver->owner);
        status = a->driver->chars.OidRequestHandler(a->context, o->sent);
        ndis_call_end(&call, "MiniportOidRequest");
    }
    if (returned(o, status, "MiniportOidRequest"))
        finish(o);
}

static struct ndis_oid *take_next(struct ndis_adapter *a)
{
    struct ndis_oid *o = NULL;
    struct list *first;

    pthread_spin_lock(&a->lock);
    if (!a->current_request && !atomic_load(&a->resetting) &&
        (first = list_shift(&a->requests)) != NULL) {
        o = list_entry(first, struct ndis_oid, link);
        a->current_request = o;
    }
    pthread_spin_unlock(&a->lock);
    return o;
}

static bool waiting(struct ndis_adapter *a)
{
    bool any;

    pthread_spin_lock(&a->lock);
    any = !a->current_request && !list_empty(&a->requests) && !atomic_load(&a->resetting);
    pthread_spin_unlock(&a->lock);
    return any;
}

static void pump_work(void *arg)
{
    struct ndis_adapter *a = arg;

    ndis_oid_pump(a);
    atomic_fetch_sub(&a->oid_workers, 1);
}

static void pump_later(struct ndis_adapter *a)
{
    if (!waiting(a))
        return;
    atomic_fetch_add(&a->oid_workers, 1);
    if (nt_work_queue(pump_work, a)) {
        atomic_fetch_sub(&a->oid_workers, 1);
        log_error("ndis: %s: no worker to hand on requests", a->name);
    }
}

void ndis_oid_pump(struct ndis_adapter *a)
{
    struct nt_thread *t = nt_thread_self();
    struct ndis_oid *o;

    if (t->irql || t->locks_held || t->loop >= 0 || nested >= NESTED_MAX) {
        pump_later(a);
        return;
    }
    nested++;
    while ((o = take_next(a)) != NULL)
        deliver(o);
    nested--;
}

static struct ndis_oid *oid_new(struct ndis_adapter *a, struct ndis_binding *from,
                                NDIS_OID_REQUEST *request, ndis_oid_done done, void *arg)
{
    struct ndis_oid *o = nt_may_allocate() ? calloc(1, sizeof(*o)) : NULL;

    if (!o)
        return NULL;
    *o = (struct ndis_oid){
        .adapter = a, .request = request, .sent = request, .from = from, .done = done, .arg = arg};
    list_init(&o->link);
    return o;
}

static void enqueue(struct ndis_oid *o)
{
    struct ndis_adapter *a =
        o->adapter; /* once in the queue, o may be finished by another thread */

    pthread_spin_lock(&a->lock);
    list_push(&a->requests, &o->link);
    pthread_spin_unlock(&a->lock);
    ndis_oid_pump(a);
}

static NDIS_STATUS refuse(struct ndis_adapter *a, const NDIS_OID_REQUEST *request)
{
    if (atomic_load(&a->removed))
        return NDIS_STATUS_NOT_ACCEPTED;
    if (!takes_requests(a))
        return NDIS_STATUS_INVALID_STATE;
    if (request->Header.Type != NDIS_OBJECT_TYPE_OID_REQUEST || !request->Header.Revision ||
        request->Header.Size < NDIS_SIZEOF_OID_REQUEST_REVISION_1)
        return NDIS_STATUS_INVALID_PARAMETER;
    return NDIS_STATUS_SUCCESS;
}

void ndis_oid_submit(struct ndis_adapter *a, struct ndis_binding *from, NDIS_OID_REQUEST *request,
                     ndis_oid_done done, void *arg)
{
    NDIS_STATUS status = refuse(a, request);
    struct ndis_oid *o;

    if (status != NDIS_STATUS_SUCCESS || ndis_answer(a, from, request, &status)) {
        observe(a, request, status, false);
        done(arg, request, status);
        return;
    }
    o = oid_new(a, from, request, done, arg);
    if (o)
        enqueue(o);
    else
        done(arg, request, NDIS_STATUS_RESOURCES);
}

void ndis_oid_submit_raw(struct ndis_adapter *a, NDIS_OID_REQUEST *request, ndis_oid_done done,
                         void *arg)
{
    NDIS_STATUS status = refuse(a, request);
    struct ndis_oid *o = status == NDIS_STATUS_SUCCESS ? calloc(1, sizeof(*o)) : NULL;

    if (!o) {
        done(arg, request, status == NDIS_STATUS_SUCCESS ? NDIS_STATUS_RESOURCES : status);
        return;
    }
    *o = (struct ndis_oid){
        .adapter = a, .request = request, .sent = request, .done = done, .arg = arg, .raw = true};
    list_init(&o->link);
    enqueue(o);
}

VOID NTAPI NdisMOidRequestComplete(NDIS_HANDLE MiniportAdapterHandle, PNDIS_OID_REQUEST OidRequest,
                                   NDIS_STATUS Status)
{
    struct ndis_adapter *a = ndis_adapter_get(MiniportAdapterHandle, __func__);
    struct ndis_oid *o;
    bool known, finished = false;

    if (!a || !NT_DISPATCH_MAX())
        return;
    ndis_verify_lock_free(a, __func__);
    if (Status == NDIS_STATUS_PENDING) {
        ndis_adapter_finding(a, "GEN-26", "NdisMOidRequestComplete with NDIS_STATUS_PENDING");
        Status = NDIS_STATUS_FAILURE;
    }
    pthread_spin_lock(&a->lock);
    o = a->current_request;
    known = o && o->reached && o->sent == OidRequest && !o->completed;
    if (known) {
        o->completed = true;
        o->status = Status;
        finished = o->returned;
        if (finished)
            end_current(a, o);
    }
    pthread_spin_unlock(&a->lock);
    if (!known) {
        ndis_adapter_finding(a, "GEN-26",
                             "NdisMOidRequestComplete of a request that is not outstanding (%p)",
                             (void *)OidRequest);
        return;
    }
    if (finished) {
        finish(o);
        pump_later(a);
    }
}
NT_EXPORT(NdisMOidRequestComplete);

void ndis_oid_submit_direct(struct ndis_adapter *a, struct ndis_binding *from,
                            NDIS_OID_REQUEST *request, ndis_oid_done done, void *arg)
{
    NDIS_STATUS status = refuse(a, request);
    struct ndis_call call;
    struct ndis_oid *o;

    if (status == NDIS_STATUS_SUCCESS && !a->driver->chars.DirectOidRequestHandler)
        status = NDIS_STATUS_NOT_SUPPORTED;
    o = status == NDIS_STATUS_SUCCESS ? oid_new(a, from, request, done, arg) : NULL;
    if (!o) {
        status = status == NDIS_STATUS_SUCCESS ? NDIS_STATUS_RESOURCES : status;
        observe(a, request, status, false);
        done(arg, request, status);
        return;
    }
    o->reached = true;
    clear_results(request);
    pthread_spin_lock(&a->lock);
    list_push(&a->direct, &o->link);
    pthread_spin_unlock(&a->lock);
    call = ndis_call_begin(a->driver->owner);
    status = a->driver->chars.DirectOidRequestHandler(a->context, request);
    ndis_call_end(&call, "MiniportDirectOidRequest");
    if (returned(o, status, "MiniportDirectOidRequest"))
        finish(o);
}

VOID NTAPI NdisMDirectOidRequestComplete(NDIS_HANDLE MiniportAdapterHandle,
                                         PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status)
{
    struct ndis_adapter *a = ndis_adapter_get(MiniportAdapterHandle, __func__);
    struct ndis_oid *found = NULL;
    bool finished = false;
    struct list *pos;

    if (!a || !NT_DISPATCH_MAX())
        return;
    ndis_verify_lock_free(a, __func__);
    pthread_spin_lock(&a->lock);
    list_for_each(pos, &a->direct)
    {
        struct ndis_oid *o = list_entry(pos, struct ndis_oid, link);

        if (o->request != OidRequest || o->completed)
            continue;
        found = o;
        o->completed = true;
        o->status = Status;
        finished = o->returned;
        if (finished)
            list_unlink(&o->link);
        break;
    }
    pthread_spin_unlock(&a->lock);
    if (!found || Status == NDIS_STATUS_PENDING)
        ndis_adapter_finding(a, "GEN-26", "NdisMDirectOidRequestComplete of %p with 0x%08x: %s",
                             (void *)OidRequest, (unsigned)Status,
                             found ? "pending is no result" : "not outstanding");
    if (finished)
        finish(found);
}
NT_EXPORT(NdisMDirectOidRequestComplete);

static bool wanted(const struct ndis_oid *o, const struct ndis_binding *from, PVOID id)
{
    return o->from == from && o->request->RequestId == id;
}

/* Unlinks from the queue what `all` or the cancel id says, and completes it. */
static void abort_queued(struct ndis_adapter *a, struct ndis_binding *from, PVOID id, bool all,
                         NDIS_STATUS status)
{
    struct list gone, *pos, *next;

    list_init(&gone);
    pthread_spin_lock(&a->lock);
    list_for_each_safe(pos, next, &a->requests)
    {
        struct ndis_oid *o = list_entry(pos, struct ndis_oid, link);

        if (all || wanted(o, from, id)) {
            list_unlink(&o->link);
            list_push(&gone, &o->link);
        }
    }
    pthread_spin_unlock(&a->lock);
    while ((pos = list_shift(&gone)) != NULL)
        finish_with(list_entry(pos, struct ndis_oid, link), status);
}

void ndis_oid_abort_all(struct ndis_adapter *a)
{
    abort_queued(a, NULL, NULL, true, NDIS_STATUS_NOT_ACCEPTED);
}

void ndis_oid_cancel(struct ndis_adapter *a, struct ndis_binding *from, PVOID request_id)
{
    struct ndis_call call;
    bool at_miniport;

    abort_queued(a, from, request_id, false, NDIS_STATUS_REQUEST_ABORTED);
    pthread_spin_lock(&a->lock);
    at_miniport = a->current_request && a->current_request->reached &&
                  wanted(a->current_request, from, request_id);
    pthread_spin_unlock(&a->lock);
    if (!at_miniport)
        return;
    call = ndis_call_begin(a->driver->owner);
    a->driver->chars.CancelOidRequestHandler(a->context, request_id);
    ndis_call_end(&call, "MiniportCancelOidRequest");
}

void ndis_oid_cancel_direct(struct ndis_adapter *a, struct ndis_binding *from, PVOID request_id)
{
    struct ndis_call call;

    (void)from;
    if (!a->driver->chars.CancelDirectOidRequestHandler || !takes_requests(a))
        return;
    call = ndis_call_begin(a->driver->owner);
    a->driver->chars.CancelDirectOidRequestHandler(a->context, request_id);
    ndis_call_end(&call, "MiniportCancelDirectOidRequest");
}

void ndis_oid_check_time(struct ndis_adapter *a)
{
    uint64_t limit = (uint64_t)(OID_SECONDS * ndis_time_factor * 1e9), now = nt_now_ns();
    struct ndis_oid *o;
    NDIS_OID oid = 0;

    pthread_spin_lock(&a->lock);
    o = a->current_request;
    if (o && o->sent_ns && !o->late && now > o->sent_ns + limit) {
        o->late = true;
        oid = o->sent->DATA.SET_INFORMATION.Oid;
    }
    pthread_spin_unlock(&a->lock);
    if (oid)
        ndis_adapter_finding(a, "GEN-31", "OID 0x%08x is at the miniport for more than %d s", oid,
                             OID_SECONDS);
}

static bool idle(struct ndis_adapter *a)
{
    bool nothing;

    pthread_spin_lock(&a->lock);
    nothing = !a->current_request && list_empty(&a->requests) && list_empty(&a->direct);
    pthread_spin_unlock(&a->lock);
    return nothing && !atomic_load(&a->oid_workers);
}

/* Halt must not find a request outstanding (GEN-8). One that the miniport keeps is taken from it.
 */
void ndis_oid_drain(struct ndis_adapter *a)
{
    uint64_t until = nt_now_ns() + (uint64_t)(OID_SECONDS * ndis_time_factor * 1e9);
    struct ndis_oid *o;

    while (!idle(a) && nt_now_ns() < until)
        usleep(200);
    abort_queued(a, NULL, NULL, true, NDIS_STATUS_REQUEST_ABORTED);
    pthread_spin_lock(&a->lock);
    o = a->current_request       ? a->current_request
        : list_empty(&a->direct) ? NULL
                                 : list_entry(a->direct.next, struct ndis_oid, link);
    if (o && !o->returned)
        o = NULL; /* still inside its handler */
    if (o) {
        list_unlink(&o->link);
        if (a->current_request == o)
            end_current(a, o);
    }
    pthread_spin_unlock(&a->lock);
    if (!o)
        return;
    ndis_adapter_finding(a, "GEN-31", "OID 0x%08x was never completed",
                         o->sent->DATA.SET_INFORMATION.Oid);
    finish_with(o, NDIS_STATUS_REQUEST_ABORTED);
}
