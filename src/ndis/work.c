/* SPDX-License-Identifier: MIT */
/* NDIS I/O work items: NdisAllocateIoWorkItem, NdisQueueIoWorkItem, NdisFreeIoWorkItem. The routine
 * runs at PASSIVE_LEVEL on a worker and may queue or free its own item. */
#include "ndis/adapter.h"

#include "nt/export.h"
#include "nt/processor.h"

struct ndis_work_item {
    struct ndis_handle handle;
    struct nt_owner *owner;
    NDIS_IO_WORKITEM_ROUTINE routine;
    PVOID context;
    _Atomic(bool) queued;
};

static void work_run(void *arg)
{
    struct ndis_work_item *w = arg;
    NDIS_IO_WORKITEM_ROUTINE routine = w->routine;
    PVOID context = w->context;
    struct ndis_call call = ndis_call_begin(w->owner);

    atomic_store(&w->queued, false); /* from here on the routine may do with it what it likes */
    routine(context, w);
    ndis_call_end(&call, "an NDIS work item");
}

NDIS_HANDLE NTAPI NdisAllocateIoWorkItem(NDIS_HANDLE NdisObjectHandle)
{
    struct ndis_work_item *w;

    NT_DISPATCH_MAX();
    if (!NdisObjectHandle || !ndis_handle_is_any(NdisObjectHandle, __func__))
        return NULL;
    w = nt_may_allocate() ? calloc(1, sizeof(*w)) : NULL;
    if (!w)
        return NULL;
    w->owner = nt_owner_current();
    ndis_handle_register(&w->handle, NDIS_H_WORK_ITEM);
    nt_ledger_add(NT_RES_WORK_ITEM, w, sizeof(*w), 0);
    return w;
}
NT_EXPORT(NdisAllocateIoWorkItem);

VOID NTAPI NdisQueueIoWorkItem(NDIS_HANDLE NdisIoWorkItemHandle, NDIS_IO_WORKITEM_ROUTINE Routine,
                               PVOID WorkItemContext)
{
    struct ndis_work_item *w = ndis_handle_get(NdisIoWorkItemHandle, NDIS_H_WORK_ITEM, __func__);
    int err;

    NT_DISPATCH_MAX();
    if (!w)
        return;
    if (atomic_exchange(&w->queued, true)) {
        finding_report("NT-WORKITEM", "work item %p queued while it is queued", (void *)w);
        return;
    }
    w->routine = Routine;
    w->context = WorkItemContext;
    err = nt_work_queue(work_run, w);
    if (err) {
        atomic_store(&w->queued, false);
        log_error("ndis: work item %p is lost: %s", (void *)w, strerror(-err));
    }
}
NT_EXPORT(NdisQueueIoWorkItem);

VOID NTAPI NdisFreeIoWorkItem(NDIS_HANDLE NdisIoWorkItemHandle)
{
    struct ndis_work_item *w = ndis_handle_get(NdisIoWorkItemHandle, NDIS_H_WORK_ITEM, __func__);

    NT_DISPATCH_MAX();
    if (!w || !nt_ledger_remove(NT_RES_WORK_ITEM, w))
        return;
    ndis_handle_retire(&w->handle);
    if (atomic_load(&w->queued)) {
        finding_report("NT-WORKITEM", "work item %p freed while it is queued", (void *)w);
        return; /* its memory stays: the worker will still look at it */
    }
    free(w);
}
NT_EXPORT(NdisFreeIoWorkItem);
