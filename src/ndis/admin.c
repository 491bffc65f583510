/* SPDX-License-Identifier: MIT */
/* Requests that do not come from a binding's NdisOidRequest: the administrator's, NDIS's own, and
 * clones. */
#include "ndis/private.h"

#include "nt/export.h"

enum { REQUEST_SECONDS = 12 };

struct own_request { /* outlives a waiter that gave up */
    NDIS_OID_REQUEST r;
    struct ndis_wait wait;
    _Atomic(int) holders;
    UCHAR buffer[];
};

static void own_release(struct own_request *own)
{
    if (atomic_fetch_sub(&own->holders, 1) > 1)
        return;
    ndis_wait_fini(&own->wait);
    free(own);
}

static void own_done(void *arg, NDIS_OID_REQUEST *request, NDIS_STATUS status)
{
    struct own_request *own = arg;

    (void)request;
    ndis_wait_signal(&own->wait, status);
    own_release(own);
}

static struct own_request *own_new(NDIS_REQUEST_TYPE type, NDIS_OID oid, const void *buffer,
                                   ULONG bytes)
{
    struct own_request *own = calloc(1, sizeof(*own) + bytes);

    if (!own)
        return NULL;
    own->r.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_1,
                                         NDIS_SIZEOF_OID_REQUEST_REVISION_1};
    own->r.RequestType = type;
    own->r.RequestId = own;
    if (bytes)
        memcpy(own->buffer, buffer, bytes);
    if (type == NdisRequestMethod) {
        own->r.DATA.METHOD_INFORMATION.Oid = oid;
        own->r.DATA.METHOD_INFORMATION.InformationBuffer = own->buffer;
        own->r.DATA.METHOD_INFORMATION.InputBufferLength = bytes;
        own->r.DATA.METHOD_INFORMATION.OutputBufferLength = bytes;
    } else { /* set and query begin alike */
        own->r.DATA.SET_INFORMATION.Oid = oid;
        own->r.DATA.SET_INFORMATION.InformationBuffer = own->buffer;
        own->r.DATA.SET_INFORMATION.InformationBufferLength = bytes;
    }
    ndis_wait_init(&own->wait);
    atomic_init(&own->holders, 2);
    return own;
}

/* A miniport that never completes it: GEN-31, and the request is cancelled. */
static NDIS_STATUS own_wait(struct ndis_adapter *a, struct own_request *own)
{
    NDIS_STATUS status;

    if (ndis_wait_for(&own->wait, REQUEST_SECONDS, &status))
        return status;
    ndis_oid_check_time(a);
    ndis_oid_cancel(a, NULL, own);
    return ndis_wait_for(&own->wait, 1, &status) ? status : NDIS_STATUS_REQUEST_ABORTED;
}

NDIS_STATUS ndis_oid_internal(struct ndis_adapter *a, NDIS_REQUEST_TYPE type, NDIS_OID oid,
                              void *buffer, ULONG bytes)
{
    struct own_request *own = own_new(type, oid, buffer, bytes);
    NDIS_STATUS status;

    if (!own)
        return NDIS_STATUS_RESOURCES;
    ndis_oid_submit_raw(a, &own->r, own_done, own);
    status = own_wait(a, own);
    own_release(own);
    return status;
}

static ULONG result_bytes(const NDIS_OID_REQUEST *r, NDIS_STATUS status)
{
    bool too_small = status == NDIS_STATUS_BUFFER_TOO_SHORT || status == NDIS_STATUS_INVALID_LENGTH;

    if (r->RequestType == NdisRequestMethod)
        return too_small ? r->DATA.METHOD_INFORMATION.BytesNeeded
                         : r->DATA.METHOD_INFORMATION.BytesWritten;
    if (r->RequestType == NdisRequestSetInformation)
        return too_small ? r->DATA.SET_INFORMATION.BytesNeeded : r->DATA.SET_INFORMATION.BytesRead;
    return too_small ? r->DATA.QUERY_INFORMATION.BytesNeeded
                     : r->DATA.QUERY_INFORMATION.BytesWritten;
}

NDIS_STATUS ndis_adapter_request(struct ndis_adapter *a, NDIS_REQUEST_TYPE method, NDIS_OID oid,
                                 void *buffer, ULONG *bytes)
{
    ULONG room = *bytes;
    struct own_request *own = own_new(method, oid, buffer, room);
    NDIS_STATUS status;

    if (!own)
        return NDIS_STATUS_RESOURCES;
    ndis_oid_submit(a, NULL, &own->r, own_done, own);
    status = own_wait(a, own);
    if (status != NDIS_STATUS_REQUEST_ABORTED) {
        *bytes = result_bytes(&own->r, status);
        if (method != NdisRequestSetInformation && status == NDIS_STATUS_SUCCESS && *bytes)
            memcpy(buffer, own->buffer, MIN_OF(room, *bytes));
    }
    own_release(own);
    return status;
}

/* A clone refers to the original's buffer; the driver sends it on and copies results back (MUX-13).
 */
NDIS_STATUS NTAPI NdisAllocateCloneOidRequest(NDIS_HANDLE SourceHandle,
                                              PNDIS_OID_REQUEST OidRequest, UINT PoolTag,
                                              PNDIS_OID_REQUEST *ClonedOidRequest)
{
    NDIS_OID_REQUEST *clone;

    if (!ClonedOidRequest)
        return NDIS_STATUS_FAILURE;
    *ClonedOidRequest = NULL;
    if (!NT_DISPATCH_MAX() || !OidRequest || !SourceHandle ||
        !ndis_handle_is_any(SourceHandle, __func__))
        return NDIS_STATUS_INVALID_PARAMETER;
    clone = nt_may_allocate() ? calloc(1, sizeof(*clone)) : NULL;
    if (!clone)
        return NDIS_STATUS_RESOURCES;
    memcpy(clone, OidRequest, MIN_OF(sizeof(*clone), (size_t)OidRequest->Header.Size));
    memset(clone->NdisReserved, 0, sizeof(clone->NdisReserved));
    memset(clone->MiniportReserved, 0, sizeof(clone->MiniportReserved));
    memset(clone->SourceReserved, 0, sizeof(clone->SourceReserved));
    nt_ledger_add(NT_RES_POOL_MEMORY, clone, sizeof(*clone), PoolTag);
    *ClonedOidRequest = clone;
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisAllocateCloneOidRequest);

VOID NTAPI NdisFreeCloneOidRequest(NDIS_HANDLE SourceHandle, PNDIS_OID_REQUEST Request)
{
    if (!NT_DISPATCH_MAX() || !ndis_handle_is_any(SourceHandle, __func__))
        return;
    if (nt_ledger_remove(NT_RES_POOL_MEMORY, Request))
        free(Request);
}
NT_EXPORT(NdisFreeCloneOidRequest);
