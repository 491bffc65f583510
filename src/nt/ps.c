/* SPDX-License-Identifier: MIT */
/* System threads, thread objects, and references to kernel objects. */
#include "nt/ps.h"
#include "nt/export.h"
#include "nt/finding.h"
#include "nt/handle.h"
#include "nt/ledger.h"
#include "nt/loop.h"
#include "nt/worker.h"

#include <setjmp.h>
#include <sys/syscall.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static struct nt_kthread *all_threads;
static unsigned running; /* system threads */

/* Of a system thread: its object, made by the creator; and the way out of PsTerminateSystemThread.
 */
static __thread struct nt_kthread *own_object;
static __thread jmp_buf *way_out;

static struct nt_kthread *object_new(int refs)
{
    struct nt_kthread *k = calloc(1, sizeof *k);

    if (!k)
        return NULL;
    nt_dispatch_init(&k->header, NT_THREAD, sizeof *k, 0);
    k->refs = refs;
    k->priority = 8; /* what system threads start with */
    pthread_mutex_lock(&lock);
    k->next = all_threads;
    all_threads = k;
    pthread_mutex_unlock(&lock);
    return k;
}

/* Changes the count of a thread object; returns it, or -1 for any other object. */
static LONG_PTR object_count(const void *object, int change)
{
    struct nt_kthread *dead = NULL;
    LONG_PTR refs = -1;

    pthread_mutex_lock(&lock);
    for (struct nt_kthread **at = &all_threads; *at; at = &(*at)->next) {
        struct nt_kthread *k = *at;

        if (k != object)
            continue;
        k->refs += change;
        refs = k->refs;
        if (refs == 0) {
            *at = k->next;
            dead = k;
        }
        break;
    }
    pthread_mutex_unlock(&lock);
    free(dead);
    return refs;
}

void *nt_kthread_new(void)
{
    return own_object ? own_object : object_new(1);
}

void nt_kthread_end(void *kthread)
{
    struct nt_kthread *k = kthread;

    nt_dispatch_lock();
    nt_dispatch_set(&k->header, 1);
    nt_dispatch_unlock();
    object_count(k, -1);
    if (own_object != k)
        return;
    pthread_mutex_lock(&lock);
    running--;
    pthread_cond_broadcast(&ended);
    pthread_mutex_unlock(&lock);
}

struct start {
    PKSTART_ROUTINE routine;
    void *context;
    struct nt_owner *owner;
    struct nt_kthread *object;
};

static void run(const struct start *s)
{
    jmp_buf out;
    struct nt_owner *previous = nt_owner_enter(s->owner);

    way_out = &out;
    if (setjmp(out) == 0)
        s->routine(s->context);
    way_out = NULL;
    nt_passive_check("a system thread");
    nt_owner_leave(previous);
}

static void *thread_main(void *arg)
{
    const struct start s = *(struct start *)arg;

    free(arg);
    own_object = s.object;
    nt_thread_attach();
    run(&s);
    nt_ledger_take(NT_RES_THREAD, s.object, NULL);
    return NULL; /* the end of the attachment signals the object */
}

static int launch(struct start *s)
{
    pthread_t thread;
    int err;

    pthread_mutex_lock(&lock);
    running++;
    pthread_mutex_unlock(&lock);
    nt_ledger_add(NT_RES_THREAD, s->object, 0, 0);
    err = nt_pthread_create(&thread, thread_main, s);
    if (!err)
        return pthread_detach(thread);
    nt_ledger_take(NT_RES_THREAD, s->object, NULL);
    pthread_mutex_lock(&lock);
    running--;
    pthread_mutex_unlock(&lock);
    return err;
}

bool nt_system_threads_wait(uint64_t timeout_ns)
{
    struct timespec at;
    bool none;

    clock_gettime(CLOCK_REALTIME, &at);
    timeout_ns += (uint64_t)at.tv_nsec;
    at.tv_sec += (time_t)(timeout_ns / 1000000000u);
    at.tv_nsec = (long)(timeout_ns % 1000000000u);
    pthread_mutex_lock(&lock);
    while (running > 0 && pthread_cond_timedwait(&ended, &lock, &at) == 0)
        ;
    none = running == 0;
    pthread_mutex_unlock(&lock);
    return none;
}

static void handle_closed(void *object)
{
    object_count(object, -1);
}

NTSTATUS NTAPI PsCreateSystemThread(PHANDLE ThreadHandle, ULONG DesiredAccess,
                                    POBJECT_ATTRIBUTES ObjectAttributes, HANDLE ProcessHandle,
                                    PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine,
                                    PVOID StartContext)
{
    struct start *s;
    void *handle;

    (void)DesiredAccess;
    (void)ObjectAttributes;
    (void)ProcessHandle;
    NT_PASSIVE_ONLY();
    if (ClientId)
        *ClientId = (CLIENT_ID){NULL, NULL};
    s = nt_may_allocate() ? calloc(1, sizeof *s) : NULL;
    if (!s)
        return STATUS_INSUFFICIENT_RESOURCES;
    /* One reference is the thread's, one the handle's. */
    *s = (struct start){StartRoutine, StartContext, nt_owner_current(), object_new(2)};
    handle = s->object ? nt_handle_new(NT_HANDLE_THREAD, s->object, handle_closed) : NULL;
    if (!handle) {
        object_count(s->object, -2);
        free(s);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    *ThreadHandle = handle; /* before the thread runs: it may look */
    if (launch(s) != 0) {
        object_count(s->object, -1);
        nt_handle_close(handle);
        free(s);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}
NT_EXPORT(PsCreateSystemThread);

/* Returns only when it was not a system thread that called. */
NTSTATUS NTAPI PsTerminateSystemThread(NTSTATUS ExitStatus)
{
    (void)ExitStatus;
    if (way_out)
        longjmp(*way_out, 1);
    finding_report("NT-THREAD", "PsTerminateSystemThread called on a thread of the system");
    return STATUS_INVALID_PARAMETER;
}
NT_EXPORT(PsTerminateSystemThread);

HANDLE NTAPI PsGetCurrentProcessId(VOID)
{
    return ULongToPtr((ULONG)getpid());
}
NT_EXPORT(PsGetCurrentProcessId);

HANDLE NTAPI PsGetCurrentThreadId(VOID)
{
    return ULongToPtr((ULONG)syscall(SYS_gettid));
}
NT_EXPORT(PsGetCurrentThreadId);

PKTHREAD NTAPI KeGetCurrentThread(VOID)
{
    return nt_thread_self()->kthread;
}
NT_EXPORT(KeGetCurrentThread);
NT_EXPORT_AS(PsGetCurrentThread, KeGetCurrentThread);

KPRIORITY NTAPI KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority)
{
    struct nt_kthread *k = (struct nt_kthread *)Thread;

    return __atomic_exchange_n(&k->priority, Priority, __ATOMIC_RELAXED);
}
NT_EXPORT(KeSetPriorityThread);

KPRIORITY NTAPI KeQueryPriorityThread(PKTHREAD Thread)
{
    struct nt_kthread *k = (struct nt_kthread *)Thread;

    return __atomic_load_n(&k->priority, __ATOMIC_RELAXED);
}
NT_EXPORT(KeQueryPriorityThread);

/* Object types are told apart by address only. */
static char thread_type, event_type, file_type;
static POBJECT_TYPE type_pointers[] = {(POBJECT_TYPE)(void *)&thread_type,
                                       (POBJECT_TYPE)(void *)&event_type,
                                       (POBJECT_TYPE)(void *)&file_type};
POBJECT_TYPE *PsThreadType = &type_pointers[0];
POBJECT_TYPE *ExEventObjectType = &type_pointers[1];
POBJECT_TYPE *IoFileObjectType = &type_pointers[2];
NT_EXPORT_AS(PsThreadType, &PsThreadType);
NT_EXPORT_AS(ExEventObjectType, &ExEventObjectType);
NT_EXPORT_AS(IoFileObjectType, &IoFileObjectType);

NTSTATUS NTAPI ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess,
                                         POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                         PVOID *Object,
                                         POBJECT_HANDLE_INFORMATION HandleInformation)
{
    void *object = nt_handle_object(Handle, NT_HANDLE_THREAD);

    (void)AccessMode;
    NT_PASSIVE_ONLY();
    *Object = NULL;
    if (!object)
        return STATUS_INVALID_HANDLE;
    if (ObjectType && ObjectType != *PsThreadType)
        return STATUS_OBJECT_TYPE_MISMATCH;
    object_count(object, 1);
    *Object = object;
    if (HandleInformation)
        *HandleInformation = (OBJECT_HANDLE_INFORMATION){.GrantedAccess = DesiredAccess};
    return STATUS_SUCCESS;
}
NT_EXPORT(ObReferenceObjectByHandle);

NTSTATUS NTAPI ObReferenceObjectByPointer(PVOID Object, ACCESS_MASK DesiredAccess,
                                          POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode)
{
    (void)DesiredAccess;
    (void)ObjectType;
    (void)AccessMode;
    object_count(Object, 1);
    return STATUS_SUCCESS;
}
NT_EXPORT(ObReferenceObjectByPointer);

/* Objects other than threads live as long as who made them says: their count is not kept. */
LONG_PTR NTAPI ObfReferenceObject(PVOID Object)
{
    LONG_PTR refs = object_count(Object, 1);

    return refs < 0 ? 1 : refs;
}
NT_EXPORT(ObfReferenceObject);

LONG_PTR NTAPI ObfDereferenceObject(PVOID Object)
{
    LONG_PTR refs = object_count(Object, -1);

    return refs < 0 ? 1 : refs;
}
NT_EXPORT(ObfDereferenceObject);
