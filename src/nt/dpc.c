/* SPDX-License-Identifier: MIT */
/*
 * The DPC queues: one per loop, for nt_dpc and KDPC alike, under the loop's lock. KDPC: DpcData is
 * the loop it is queued on, ProcessorHistory the owner that initialised it (both opaque to
 * drivers).
 */
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/ledger.h"
#include "nt/loop.h"

enum { KDPC_REF = 1 };
enum { DPC_OBJECT = 19, THREADED_DPC_OBJECT = 24 };
/* KDPC.Number: this and above is processor n + this; below, wherever it is queued. */
enum { NUMBER_SET = 0x800 };

typedef uintptr_t __attribute__((may_alias)) link_word;

static link_word *link_of(nt_dpc_ref ref)
{
    if (ref & KDPC_REF)
        return (link_word *)(void *)&((KDPC *)(ref - KDPC_REF))->DpcListEntry;
    return (link_word *)(void *)&((struct nt_dpc *)ref)->next;
}

static void append(struct nt_loop *l, nt_dpc_ref ref)
{
    *link_of(ref) = 0;
    if (l->dpc_tail)
        *link_of(l->dpc_tail) = ref;
    else
        l->dpc_head = ref;
    l->dpc_tail = ref;
}

static void prepend(struct nt_loop *l, nt_dpc_ref ref)
{
    *link_of(ref) = l->dpc_head;
    l->dpc_head = ref;
    if (!l->dpc_tail)
        l->dpc_tail = ref;
}

static bool unlink_ref(struct nt_loop *l, nt_dpc_ref ref)
{
    nt_dpc_ref previous = 0;

    for (nt_dpc_ref at = l->dpc_head; at; previous = at, at = *link_of(at)) {
        if (at != ref)
            continue;
        if (previous)
            *link_of(previous) = *link_of(at);
        else
            l->dpc_head = *link_of(at);
        if (l->dpc_tail == at)
            l->dpc_tail = previous;
        return true;
    }
    return false;
}

/* A KDPC's memory is the driver's again once it is unlinked: everything is copied first. */
struct job {
    PKDEFERRED_ROUTINE routine;
    void *context, *arg1, *arg2;
    struct nt_owner *owner;
    void (*fn)(void *arg);
};

static nt_dpc_ref pop(struct nt_loop *l, struct job *job)
{
    nt_dpc_ref ref = l->dpc_head;

    if (!ref)
        return 0;
    l->dpc_head = *link_of(ref);
    if (!l->dpc_head)
        l->dpc_tail = 0;
    if (ref & KDPC_REF) {
        KDPC *k = (KDPC *)(ref - KDPC_REF);

        *job = (struct job){.routine = k->DeferredRoutine,
                            .context = k->DeferredContext,
                            .arg1 = k->SystemArgument1,
                            .arg2 = k->SystemArgument2,
                            .owner = (struct nt_owner *)(uintptr_t)k->ProcessorHistory};
        __atomic_store_n(&k->DpcData, NULL, __ATOMIC_RELEASE);
    } else {
        struct nt_dpc *d = (struct nt_dpc *)ref;

        *job = (struct job){.fn = d->fn, .context = d->arg};
        __atomic_store_n(&d->queued, 0, __ATOMIC_RELEASE);
    }
    return ref;
}

static void job_run(const struct job *job, nt_dpc_ref ref)
{
    if (ref & KDPC_REF) {
        struct nt_owner *previous = nt_owner_enter(job->owner);

        job->routine((KDPC *)(ref - KDPC_REF), job->context, job->arg1, job->arg2);
        nt_loop_check("a DPC");
        nt_owner_leave(previous);
    } else {
        job->fn(job->context);
        nt_loop_check("a DPC");
    }
}

bool nt_dpcs_run(struct nt_loop *l, unsigned budget)
{
    struct job job;
    nt_dpc_ref ref;
    bool left;

    pthread_mutex_lock(&l->lock);
    while (budget-- > 0 && (ref = pop(l, &job)) != 0) {
        l->dpc_running = ref;
        pthread_mutex_unlock(&l->lock);
        job_run(&job, ref);
        pthread_mutex_lock(&l->lock);
        l->dpc_running = 0;
        pthread_cond_broadcast(&l->changed);
    }
    left = l->dpc_head != 0;
    pthread_mutex_unlock(&l->lock);
    return left;
}

bool nt_dpcs_empty(struct nt_loop *l)
{
    bool empty;

    pthread_mutex_lock(&l->lock);
    empty = l->dpc_head == 0 && l->dpc_running == 0;
    pthread_mutex_unlock(&l->lock);
    return empty;
}

void nt_dpc_queue(struct nt_dpc *d, unsigned loop)
{
    struct nt_loop *l = nt_loop_get(loop);
    bool queued;

    if (__atomic_load_n(&d->queued, __ATOMIC_ACQUIRE))
        return;
    pthread_mutex_lock(&l->lock);
    queued = __atomic_exchange_n(&d->queued, 1, __ATOMIC_ACQ_REL) == 0;
    if (queued) {
        d->loop = (int)l->index;
        append(l, (nt_dpc_ref)d);
    }
    pthread_mutex_unlock(&l->lock);
    if (queued)
        nt_loop_kick(l);
}

/* Under the loop's lock. */
static void dequeue(struct nt_loop *l, struct nt_dpc *d)
{
    if (__atomic_load_n(&d->queued, __ATOMIC_ACQUIRE) && unlink_ref(l, (nt_dpc_ref)d))
        __atomic_store_n(&d->queued, 0, __ATOMIC_RELEASE);
}

/* It may run on one loop while it stands in the queue of another. */
void nt_dpc_cancel(struct nt_dpc *d)
{
    unsigned count = MAX_OF(nt_loop_count(), 1u);

    for (unsigned i = 0; i < count; i++) {
        struct nt_loop *l = nt_loop_get(i);

        pthread_mutex_lock(&l->lock);
        dequeue(l, d);
        while (l->dpc_running == (nt_dpc_ref)d && !nt_loop_is_self(l)) {
            pthread_cond_wait(&l->changed, &l->lock);
            dequeue(l, d); /* its last run may have queued it anew */
        }
        pthread_mutex_unlock(&l->lock);
    }
}

struct flush {
    struct nt_dpc dpc;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
};

static void flush_run(void *arg)
{
    struct flush *f = arg;

    pthread_mutex_lock(&f->lock);
    f->done = true;
    pthread_cond_signal(&f->ended);
    pthread_mutex_unlock(&f->lock);
}

static void flush_loop(unsigned loop)
{
    struct flush f = {.dpc = {.fn = flush_run, .arg = &f},
                      .lock = PTHREAD_MUTEX_INITIALIZER,
                      .ended = PTHREAD_COND_INITIALIZER};

    nt_dpc_queue(&f.dpc, loop);
    pthread_mutex_lock(&f.lock);
    while (!f.done)
        pthread_cond_wait(&f.ended, &f.lock);
    pthread_mutex_unlock(&f.lock);
    nt_dpc_cancel(&f.dpc);
}

void nt_dpcs_flush(void)
{
    for (unsigned i = 0; i < nt_loop_count(); i++)
        if (__atomic_load_n(&nt_loop_get(i)->running, __ATOMIC_ACQUIRE))
            flush_loop(i);
}

static void kdpc_init(KDPC *dpc, UCHAR type, PKDEFERRED_ROUTINE routine, void *context)
{
    memset(dpc, 0, sizeof *dpc);
    dpc->Type = type;
    dpc->Importance = MediumImportance;
    dpc->DeferredRoutine = routine;
    dpc->DeferredContext = context;
    dpc->ProcessorHistory = (KAFFINITY)(uintptr_t)nt_owner_current();
}

VOID NTAPI KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext)
{
    kdpc_init(Dpc, DPC_OBJECT, DeferredRoutine, DeferredContext);
}
NT_EXPORT(KeInitializeDpc);

VOID NTAPI KeInitializeThreadedDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine,
                                   PVOID DeferredContext)
{
    kdpc_init(Dpc, THREADED_DPC_OBJECT, DeferredRoutine, DeferredContext);
}
NT_EXPORT(KeInitializeThreadedDpc);

static unsigned target_of(const KDPC *dpc)
{
    int self = nt_thread_self()->loop;

    if (dpc->Number >= NUMBER_SET)
        return dpc->Number - NUMBER_SET;
    return self >= 0 ? (unsigned)self : 0;
}

BOOLEAN NTAPI KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)
{
    struct nt_loop *l = nt_loop_get(target_of(Dpc));
    nt_dpc_ref ref = (nt_dpc_ref)Dpc | KDPC_REF;
    PVOID none = NULL;
    bool queued;

    pthread_mutex_lock(&l->lock);
    queued = __atomic_compare_exchange_n(&Dpc->DpcData, &none, l, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_RELAXED);
    if (queued) {
        Dpc->SystemArgument1 = SystemArgument1;
        Dpc->SystemArgument2 = SystemArgument2;
        if (Dpc->Importance == HighImportance)
            prepend(l, ref);
        else
            append(l, ref);
    }
    pthread_mutex_unlock(&l->lock);
    if (queued)
        nt_loop_kick(l);
    return queued;
}
NT_EXPORT(KeInsertQueueDpc);

BOOLEAN NTAPI KeRemoveQueueDpc(PRKDPC Dpc)
{
    struct nt_loop *l = __atomic_load_n(&Dpc->DpcData, __ATOMIC_ACQUIRE);
    bool removed;

    if (!l)
        return FALSE;
    pthread_mutex_lock(&l->lock);
    removed = __atomic_load_n(&Dpc->DpcData, __ATOMIC_ACQUIRE) == l &&
              unlink_ref(l, (nt_dpc_ref)Dpc | KDPC_REF);
    if (removed)
        __atomic_store_n(&Dpc->DpcData, NULL, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&l->lock);
    return removed;
}
NT_EXPORT(KeRemoveQueueDpc);

VOID NTAPI KeSetImportanceDpc(PRKDPC Dpc, KDPC_IMPORTANCE Importance)
{
    Dpc->Importance = (UCHAR)Importance;
}
NT_EXPORT(KeSetImportanceDpc);

VOID NTAPI KeSetTargetProcessorDpc(PRKDPC Dpc, CCHAR Number)
{
    Dpc->Number = (USHORT)(NUMBER_SET + (UCHAR)Number);
}
NT_EXPORT(KeSetTargetProcessorDpc);

NTSTATUS NTAPI KeSetTargetProcessorDpcEx(PKDPC Dpc, PPROCESSOR_NUMBER ProcNumber)
{
    if (ProcNumber->Group != 0 || ProcNumber->Number >= NT_MAX_PROCESSORS)
        return STATUS_INVALID_PARAMETER;
    Dpc->Number = (USHORT)(NUMBER_SET + ProcNumber->Number);
    return STATUS_SUCCESS;
}
NT_EXPORT(KeSetTargetProcessorDpcEx);

VOID NTAPI KeFlushQueuedDpcs(VOID)
{
    if (NT_PASSIVE_ONLY())
        nt_dpcs_flush();
}
NT_EXPORT(KeFlushQueuedDpcs);
