/* SPDX-License-Identifier: MIT */
/*
 * NdisMRegisterInterruptEx: line and message interrupts, their service routines and DPCs. A
 * registration holds one vector per message (or the line); each vector has one DPC per processor
 * loop, as a DPC that is queued is not queued again.
 */
#include "ndis/private.h"

#include "nt/export.h"

struct vector;

struct vector_dpc {
    struct nt_dpc dpc;
    struct vector *vector;
    _Atomic(void *) context; /* MiniportDpcContext */
};

struct vector {
    struct ndis_interrupt *interrupt;
    struct nt_interrupt *nt;
    ULONG message;
    unsigned loop;
    struct vector_dpc dpcs[NT_MAX_LOOPS];
};

struct ndis_interrupt {
    struct ndis_handle handle;
    struct list link;
    struct ndis_adapter *adapter;
    NDIS_HANDLE context;
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS chars;
    bool messages;
    _Atomic(bool) ending;        /* nothing is queued any more */
    pthread_spinlock_t together; /* MsiSyncWithAllMessages */
    IO_INTERRUPT_MESSAGE_INFO *table;
    ULONG count;
    struct vector vectors[];
};

static void together(struct ndis_interrupt *i, bool enter)
{
    if (!i->chars.MsiSyncWithAllMessages || i->count < 2)
        return;
    if (enter)
        pthread_spin_lock(&i->together);
    else
        pthread_spin_unlock(&i->together);
}

static void dpc_run(void *arg)
{
    struct vector_dpc *d = arg;
    struct ndis_interrupt *i = d->vector->interrupt;
    NDIS_RECEIVE_THROTTLE_PARAMETERS throttle = {.MaxNblsToIndicate = NDIS_INDICATE_ALL_NBLS};
    bool throttles = i->adapter->driver->chars.MinorNdisVersion >= 20;
    void *context = atomic_exchange(&d->context, NULL);
    struct ndis_call call = ndis_call_begin(i->adapter->driver->owner);

    if (i->messages)
        i->chars.MessageInterruptDpcHandler(i->context, d->vector->message, context,
                                            throttles ? &throttle : NULL, NULL);
    else
        i->chars.InterruptDpcHandler(i->context, context, throttles ? &throttle : NULL, NULL);
    ndis_call_end(&call, "MiniportInterruptDPC");
    if (throttles && throttle.MoreNblsPending && !atomic_load(&i->ending))
        nt_dpc_queue(&d->dpc, (unsigned)(d - d->vector->dpcs));
}

/* The mask of processors, of those asked for, whose DPC was not queued already. */
static KAFFINITY queue(struct vector *v, KAFFINITY processors, void *context)
{
    unsigned loops = nt_loop_count();
    KAFFINITY queued = 0;

    for (unsigned cpu = 0; cpu < 64 && processors >> cpu; cpu++) {
        struct vector_dpc *d =
            &v->dpcs[cpu % loops]; /* the rest of the processors are threads without a queue */

        if (!(processors >> cpu & 1))
            continue;
        if (!__atomic_load_n(&d->dpc.queued, __ATOMIC_ACQUIRE))
            queued |= 1ull << cpu;
        if (context)
            atomic_store(&d->context, context);
        nt_dpc_queue(&d->dpc, cpu % loops);
    }
    return queued;
}

static unsigned this_loop(const struct vector *v)
{
    int loop = nt_thread_self()->loop;

    return loop >= 0 ? (unsigned)loop : v->loop;
}

static bool service(void *context, uint32_t message)
{
    struct vector *v = context;
    struct ndis_interrupt *i = v->interrupt;
    struct ndis_call call = ndis_call_begin(i->adapter->driver->owner);
    BOOLEAN ours, queue_default = FALSE;
    ULONG targets = 0;

    (void)message;
    together(i, true);
    if (i->messages)
        ours = i->chars.MessageInterruptHandler(i->context, v->message, &queue_default, &targets);
    else
        ours = i->chars.InterruptHandler(i->context, &queue_default, &targets);
    together(i, false);
    ndis_call_end(&call, "MiniportInterrupt");
    if (queue_default)
        queue(v, 1ull << this_loop(v), NULL);
    else if (targets)
        queue(v, targets, NULL);
    return ours != FALSE;
}

/* Messages and the line among the device's resources. */
static void count_resources(struct ndis_adapter *a, ULONG *messages, bool *line)
{
    const CM_RESOURCE_LIST *list = nt_device_resources(a->device);
    const CM_PARTIAL_RESOURCE_LIST *partial =
        list && list->Count ? &list->List[0].PartialResourceList : NULL;

    *messages = 0;
    *line = false;
    for (ULONG n = 0; partial && n < partial->Count; n++) {
        const CM_PARTIAL_RESOURCE_DESCRIPTOR *d = &partial->PartialDescriptors[n];

        if (d->Type != CmResourceTypeInterrupt)
            continue;
        if (d->Flags & CM_RESOURCE_INTERRUPT_MESSAGE)
            ++*messages;
        else
            *line = true;
    }
}

/* Waits for handlers that run. A DPC may still ask for another: it gets none. */
static void interrupt_end(struct ndis_interrupt *i)
{
    atomic_store(&i->ending, true);
    for (ULONG n = 0; n < i->count; n++)
        if (i->vectors[n].nt)
            nt_interrupt_disconnect(i->vectors[n].nt);
    for (ULONG n = 0; n < i->count; n++)
        for (unsigned loop = 0; loop < nt_loop_count() && loop < NT_MAX_LOOPS; loop++)
            nt_dpc_cancel(&i->vectors[n].dpcs[loop].dpc);
    ndis_handle_retire(&i->handle);
    pthread_spin_destroy(&i->together);
    free(i->table);
    free(i);
}

static struct ndis_interrupt *interrupt_new(struct ndis_adapter *a, NDIS_HANDLE context,
                                            const NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS *c,
                                            ULONG messages)
{
    ULONG count = messages ? messages : 1;
    struct ndis_interrupt *i = calloc(1, sizeof(*i) + count * sizeof(i->vectors[0]));

    if (!i)
        return NULL;
    i->adapter = a;
    i->context = context;
    i->messages = messages > 0;
    i->count = count;
    memcpy(&i->chars, c, MIN_OF(sizeof(i->chars), (size_t)c->Header.Size));
    pthread_spin_init(&i->together, PTHREAD_PROCESS_PRIVATE);
    for (ULONG n = 0; n < count; n++) {
        struct vector *v = &i->vectors[n];

        v->interrupt = i;
        v->message = n;
        v->loop = n % nt_loop_count();
        for (unsigned loop = 0; loop < NT_MAX_LOOPS; loop++) {
            v->dpcs[loop].vector = v;
            v->dpcs[loop].dpc.fn = dpc_run;
            v->dpcs[loop].dpc.arg = &v->dpcs[loop];
        }
    }
    return i;
}

static int make_table(struct ndis_interrupt *i)
{
    size_t entries = offsetof(IO_INTERRUPT_MESSAGE_INFO, MessageInfo) +
                     i->count * sizeof(i->table->MessageInfo[0]);

    if (!i->messages)
        return 0;
    i->table = calloc(1, MAX_OF(entries, sizeof(*i->table)));
    if (!i->table)
        return -ENOMEM;
    i->table->UnifiedIrql = nt_interrupt_irql(i->vectors[0].nt);
    i->table->MessageCount = i->count;
    for (ULONG n = 0; n < i->count; n++) {
        IO_INTERRUPT_MESSAGE_INFO_ENTRY *e = &i->table->MessageInfo[n];

        e->MessageAddress.QuadPart = 0xfee00000; /* the local APIC's window */
        e->MessageData = 0x30 + n;
        e->TargetProcessorSet = 1ull << i->vectors[n].loop;
        e->Vector = 0x30 + n;
        e->Irql = nt_interrupt_irql(i->vectors[n].nt);
        e->Mode = Latched;
    }
    return 0;
}

static int connect(struct ndis_interrupt *i)
{
    int err = 0;

    for (ULONG n = 0; n < i->count && !err; n++)
        err = nt_interrupt_connect(i->adapter->device, i->messages ? (int)n : -1,
                                   i->vectors[n].loop, service, &i->vectors[n], &i->vectors[n].nt);
    return err ? err : make_table(i);
}

static NDIS_STATUS check_characteristics(struct ndis_adapter *a,
                                         const NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS *c)
{
    if (c->Header.Type != NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT ||
        c->Header.Revision < NDIS_MINIPORT_INTERRUPT_REVISION_1)
        return NDIS_STATUS_BAD_VERSION;
    if (c->Header.Size < NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1)
        return NDIS_STATUS_BAD_CHARACTERISTICS;
    if (c->InterruptHandler && c->InterruptDpcHandler &&
        (!c->MsiSupported || (c->MessageInterruptHandler && c->MessageInterruptDpcHandler)))
        return NDIS_STATUS_SUCCESS;
    ndis_adapter_finding(a, "NT-REGISTER",
                         "NdisMRegisterInterruptEx without the handlers it needs");
    return NDIS_STATUS_BAD_CHARACTERISTICS;
}

NDIS_STATUS NTAPI
NdisMRegisterInterruptEx(NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE MiniportInterruptContext,
                         PNDIS_MINIPORT_INTERRUPT_CHARACTERISTICS MiniportInterruptCharacteristics,
                         PNDIS_HANDLE NdisInterruptHandle)
{
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS *c = MiniportInterruptCharacteristics;
    struct ndis_adapter *a = ndis_adapter_get(MiniportAdapterHandle, __func__);
    struct ndis_interrupt *i;
    NDIS_STATUS status;
    ULONG messages;
    bool line;

    if (!a || !c || !NdisInterruptHandle || !NT_PASSIVE_ONLY() || !a->device)
        return NDIS_STATUS_FAILURE;
    *NdisInterruptHandle = NULL;
    if (!a->registration_set) {
        ndis_adapter_finding(a, "INIT-3", "%s before NdisMSetMiniportAttributes", __func__);
        return NDIS_STATUS_FAILURE;
    }
    status = check_characteristics(a, c);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    count_resources(a, &messages, &line);
    if (!c->MsiSupported)
        messages = 0;
    if (!messages && !line)
        return NDIS_STATUS_RESOURCE_CONFLICT;
    i = nt_may_allocate() ? interrupt_new(a, MiniportInterruptContext, c, messages) : NULL;
    if (!i)
        return NDIS_STATUS_RESOURCES;
    /* The routine may run before we return, so everything it reads stands first. */
    c->InterruptType = messages ? NDIS_CONNECT_MESSAGE_BASED : NDIS_CONNECT_LINE_BASED;
    c->MessageInfoTable = NULL;
    nt_ledger_add(NT_RES_INTERRUPT, i, sizeof(*i), 0);
    ndis_handle_register(&i->handle, NDIS_H_INTERRUPT);
    list_push(&a->interrupts, &i->link);
    *NdisInterruptHandle = i;
    if (connect(i)) {
        *NdisInterruptHandle = NULL;
        NdisMDeregisterInterruptEx(i);
        return NDIS_STATUS_RESOURCES;
    }
    c->MessageInfoTable = i->table;
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisMRegisterInterruptEx);

VOID NTAPI NdisMDeregisterInterruptEx(NDIS_HANDLE NdisInterruptHandle)
{
    struct ndis_interrupt *i;

    if (!NT_PASSIVE_ONLY())
        return;
    i = ndis_handle_get(NdisInterruptHandle, NDIS_H_INTERRUPT, __func__);
    if (!i)
        return;
    nt_ledger_remove(NT_RES_INTERRUPT, i);
    list_unlink(&i->link);
    interrupt_end(i);
}
NT_EXPORT(NdisMDeregisterInterruptEx);

unsigned ndis_interrupt_abandon(struct ndis_adapter *a)
{
    unsigned left = 0;
    struct list *l;

    while ((l = list_shift(&a->interrupts)) != NULL) {
        struct ndis_interrupt *i = list_entry(l, struct ndis_interrupt, link);

        nt_ledger_take(NT_RES_INTERRUPT, i, NULL);
        interrupt_end(i);
        left++;
    }
    return left;
}

struct synchronized {
    struct ndis_interrupt *interrupt;
    MINIPORT_SYNCHRONIZE_INTERRUPT_HANDLER fn;
    PVOID context;
};

static bool run_synchronized(void *arg)
{
    struct synchronized *s = arg;
    bool result;

    together(s->interrupt, true);
    result = s->fn(s->context) != FALSE;
    together(s->interrupt, false);
    return result;
}

BOOLEAN NTAPI NdisMSynchronizeWithInterruptEx(
    NDIS_HANDLE NdisInterruptHandle, ULONG MessageId,
    MINIPORT_SYNCHRONIZE_INTERRUPT_HANDLER SynchronizeFunction, PVOID SynchronizeContext)
{
    struct ndis_interrupt *i = ndis_handle_get(NdisInterruptHandle, NDIS_H_INTERRUPT, __func__);
    struct synchronized s = {i, SynchronizeFunction, SynchronizeContext};

    if (!i || !SynchronizeFunction)
        return FALSE;
    if (i->messages && MessageId >= i->count) {
        finding_report("NT-INTERRUPT", "%s: message %u of %u", __func__, MessageId, i->count);
        return FALSE;
    }
    return (BOOLEAN)nt_interrupt_synchronize(i->vectors[i->messages ? MessageId : 0].nt,
                                             run_synchronized, &s);
}
NT_EXPORT(NdisMSynchronizeWithInterruptEx);

static KAFFINITY queue_dpc(NDIS_HANDLE h, ULONG message, KAFFINITY processors, PVOID context,
                           const char *what)
{
    struct ndis_interrupt *i = ndis_handle_get(h, NDIS_H_INTERRUPT, what);

    if (!i)
        return 0;
    if (i->messages && message >= i->count) {
        finding_report("NT-INTERRUPT", "%s: message %u of %u", what, message, i->count);
        return 0;
    }
    if (atomic_load(&i->ending))
        return 0;
    return queue(&i->vectors[i->messages ? message : 0], processors, context);
}

ULONG NTAPI NdisMQueueDpc(NDIS_HANDLE NdisInterruptHandle, ULONG MessageId, ULONG TargetProcessors,
                          PVOID MiniportDpcContext)
{
    return (ULONG)queue_dpc(NdisInterruptHandle, MessageId, TargetProcessors, MiniportDpcContext,
                            __func__);
}
NT_EXPORT(NdisMQueueDpc);

KAFFINITY NTAPI NdisMQueueDpcEx(NDIS_HANDLE NdisInterruptHandle, ULONG MessageId,
                                PGROUP_AFFINITY TargetProcessors, PVOID MiniportDpcContext)
{
    if (!TargetProcessors || TargetProcessors->Group != 0)
        return 0;
    return queue_dpc(NdisInterruptHandle, MessageId, TargetProcessors->Mask, MiniportDpcContext,
                     __func__);
}
NT_EXPORT(NdisMQueueDpcEx);
