/* SPDX-License-Identifier: MIT */
/* Work items: IoQueueWorkItem and ExQueueWorkItem, on the passive workers. */
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/ledger.h"
#include "nt/processor.h"
#include "nt/worker.h"

#include <wdk/ntddk.h>

struct _IO_WORKITEM {
    struct nt_work work;
    PVOID io_object;
    PIO_WORKITEM_ROUTINE routine;
    PIO_WORKITEM_ROUTINE_EX routine_ex;
    PVOID context;
    int queued; /* atomic */
};

PIO_WORKITEM NTAPI IoAllocateWorkItem(PDEVICE_OBJECT DeviceObject)
{
    PIO_WORKITEM item;

    NT_DISPATCH_MAX();
    item = nt_may_allocate() ? calloc(1, sizeof *item) : NULL;
    if (!item)
        return NULL;
    item->io_object = DeviceObject;
    nt_ledger_add(NT_RES_WORK_ITEM, item, sizeof *item, 0);
    return item;
}
NT_EXPORT(IoAllocateWorkItem);

VOID NTAPI IoFreeWorkItem(PIO_WORKITEM IoWorkItem)
{
    NT_DISPATCH_MAX();
    if (!nt_ledger_remove(NT_RES_WORK_ITEM, IoWorkItem))
        return;
    if (__atomic_load_n(&IoWorkItem->queued, __ATOMIC_ACQUIRE)) {
        /* Kept: the worker will run it. */
        finding_report("NT-WORK", "frees work item %p, which is queued", (void *)IoWorkItem);
        return;
    }
    free(IoWorkItem);
}
NT_EXPORT(IoFreeWorkItem);

ULONG NTAPI IoSizeofWorkItem(VOID)
{
    return (ULONG)sizeof(struct _IO_WORKITEM);
}
NT_EXPORT(IoSizeofWorkItem);

VOID NTAPI IoInitializeWorkItem(PVOID IoObject, PIO_WORKITEM IoWorkItem)
{
    memset(IoWorkItem, 0, sizeof *IoWorkItem);
    IoWorkItem->io_object = IoObject;
}
NT_EXPORT(IoInitializeWorkItem);

VOID NTAPI IoUninitializeWorkItem(PIO_WORKITEM IoWorkItem)
{
    if (__atomic_load_n(&IoWorkItem->queued, __ATOMIC_ACQUIRE))
        finding_report("NT-WORK", "uninitializes work item %p, which is queued",
                       (void *)IoWorkItem);
}
NT_EXPORT(IoUninitializeWorkItem);

/* The item is the driver's again when its routine starts: it may free it or queue it anew. */
static void run_io(struct nt_work *w)
{
    PIO_WORKITEM item = CONTAINER_OF(w, struct _IO_WORKITEM, work);
    PIO_WORKITEM_ROUTINE routine = item->routine;
    PIO_WORKITEM_ROUTINE_EX routine_ex = item->routine_ex;
    PVOID io_object = item->io_object;
    PVOID context = item->context;

    __atomic_store_n(&item->queued, 0, __ATOMIC_RELEASE);
    if (routine_ex)
        routine_ex(io_object, context, item);
    else
        routine(io_object, context);
}

static bool claim(PIO_WORKITEM item)
{
    NT_DISPATCH_MAX();
    if (__atomic_exchange_n(&item->queued, 1, __ATOMIC_ACQ_REL) == 0)
        return true;
    finding_report("NT-WORK", "queues work item %p, which is queued already", (void *)item);
    return false;
}

VOID NTAPI IoQueueWorkItem(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE WorkerRoutine,
                           WORK_QUEUE_TYPE QueueType, PVOID Context)
{
    (void)QueueType;
    if (!claim(IoWorkItem))
        return;
    IoWorkItem->routine = WorkerRoutine;
    IoWorkItem->routine_ex = NULL;
    IoWorkItem->context = Context;
    nt_work_post(&IoWorkItem->work, run_io);
}
NT_EXPORT(IoQueueWorkItem);

VOID NTAPI IoQueueWorkItemEx(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE_EX WorkerRoutine,
                             WORK_QUEUE_TYPE QueueType, PVOID Context)
{
    (void)QueueType;
    if (!claim(IoWorkItem))
        return;
    IoWorkItem->routine_ex = WorkerRoutine;
    IoWorkItem->context = Context;
    nt_work_post(&IoWorkItem->work, run_io);
}
NT_EXPORT(IoQueueWorkItemEx);

_Static_assert(offsetof(struct nt_work, fn) <= sizeof(LIST_ENTRY), "a node without fn fits");

VOID NTAPI ExQueueWorkItem(PWORK_QUEUE_ITEM WorkItem, WORK_QUEUE_TYPE QueueType)
{
    (void)QueueType;
    NT_DISPATCH_MAX();
    nt_work_post_item(&WorkItem->List);
}
NT_EXPORT(ExQueueWorkItem);

void nt_work_item_run(void *list)
{
    PWORK_QUEUE_ITEM item = CONTAINING_RECORD(list, WORK_QUEUE_ITEM, List);

    item->List.Flink = NULL;
    item->WorkerRoutine(item->Parameter);
}
