/* SPDX-License-Identifier: MIT */
/* OID requests as a protocol issues them: NdisOidRequest and NdisDirectOidRequest over the
 * adapter's queue (oid.c). Completed before the call returns, the status is the return value and no
 * handler runs; else the handler runs once (GEN-26). */
#include "ndis/binding.h"

#include "nt/export.h"
#include "nt/processor.h"

enum { SUBMITTING, PENDED, DONE };

struct pending {
    struct ndis_binding *binding;
    bool direct;
    _Atomic(int) phase;
    NDIS_STATUS status;
};

static void finish(struct pending *p, NDIS_OID_REQUEST *request, NDIS_STATUS status)
{
    struct ndis_binding *b = p->binding;
    const NDIS_PROTOCOL_DRIVER_CHARACTERISTICS *c = &b->protocol->chars;
    struct ndis_call call = ndis_call_begin(b->protocol->owner);

    if (p->direct)
        c->DirectOidRequestCompleteHandler(b->protocol_context, request, status);
    else
        c->OidRequestCompleteHandler(b->protocol_context, request, status);
    ndis_call_end(&call,
                  p->direct ? "ProtocolDirectOidRequestComplete" : "ProtocolOidRequestComplete");
    atomic_fetch_sub(&b->requests_outstanding, 1);
    free(p);
}

static void done(void *arg, NDIS_OID_REQUEST *request, NDIS_STATUS status)
{
    struct pending *p = arg;

    ndis_verify_request_done(p->binding->adapter, request);
    p->status = status;
    if (atomic_exchange(&p->phase, DONE) == PENDED)
        finish(p, request, status);
}

static bool may_request(struct ndis_binding *b, const NDIS_OID_REQUEST *request)
{
    int state = atomic_load(&b->state);

    if (request->Header.Type != NDIS_OBJECT_TYPE_OID_REQUEST) {
        ndis_binding_finding(b, "NT-HEADER", "OID request with header type %#x",
                             request->Header.Type);
        return false;
    }
    return b->waits->opened && state != NDIS_BINDING_CLOSING && state != NDIS_BINDING_UNBOUND;
}

static NDIS_STATUS submit(struct ndis_binding *b, NDIS_OID_REQUEST *request, bool direct)
{
    struct pending *p;
    NDIS_STATUS status;
    int phase = SUBMITTING;

    ndis_verify_lock_free(b->adapter, direct ? "NdisDirectOidRequest" : "NdisOidRequest");
    if (!may_request(b, request))
        return NDIS_STATUS_CLOSING;
    p = nt_may_allocate() ? calloc(1, sizeof(*p)) : NULL;
    if (!p)
        return NDIS_STATUS_RESOURCES;
    p->binding = b;
    p->direct = direct;
    atomic_fetch_add(&b->requests_outstanding, 1);
    if (direct)
        ndis_oid_submit_direct(b->adapter, b, request, done, p);
    else
        ndis_oid_submit(b->adapter, b, request, done, p);
    if (atomic_compare_exchange_strong(&p->phase, &phase, PENDED))
        return NDIS_STATUS_PENDING;
    status = p->status;
    atomic_fetch_sub(&b->requests_outstanding, 1);
    free(p);
    return status;
}

NDIS_STATUS NTAPI NdisOidRequest(NDIS_HANDLE NdisBindingHandle, PNDIS_OID_REQUEST OidRequest)
{
    struct ndis_binding *b = ndis_handle_get(NdisBindingHandle, NDIS_H_BINDING, __func__);

    NT_DISPATCH_MAX();
    return b && OidRequest ? submit(b, OidRequest, false) : NDIS_STATUS_FAILURE;
}
NT_EXPORT(NdisOidRequest);

NDIS_STATUS NTAPI NdisDirectOidRequest(NDIS_HANDLE NdisBindingHandle, PNDIS_OID_REQUEST OidRequest)
{
    struct ndis_binding *b = ndis_handle_get(NdisBindingHandle, NDIS_H_BINDING, __func__);

    NT_DISPATCH_MAX();
    if (!b || !OidRequest)
        return NDIS_STATUS_FAILURE;
    return b->protocol->chars.DirectOidRequestCompleteHandler ? submit(b, OidRequest, true)
                                                              : NDIS_STATUS_NOT_SUPPORTED;
}
NT_EXPORT(NdisDirectOidRequest);

VOID NTAPI NdisCancelOidRequest(NDIS_HANDLE NdisBindingHandle, PVOID RequestId)
{
    struct ndis_binding *b = ndis_handle_get(NdisBindingHandle, NDIS_H_BINDING, __func__);

    NT_DISPATCH_MAX();
    if (b)
        ndis_oid_cancel(b->adapter, b, RequestId);
}
NT_EXPORT(NdisCancelOidRequest);

VOID NTAPI NdisCancelDirectOidRequest(NDIS_HANDLE NdisBindingHandle, PVOID RequestId)
{
    struct ndis_binding *b = ndis_handle_get(NdisBindingHandle, NDIS_H_BINDING, __func__);

    NT_DISPATCH_MAX();
    if (b)
        ndis_oid_cancel_direct(b->adapter, b, RequestId);
}
NT_EXPORT(NdisCancelDirectOidRequest);
