/* SPDX-License-Identifier: MIT */
/*
 * NdisMRegisterScatterGatherDma: scatter-gather lists of NET_BUFFERs, and memory shared with the
 * device.
 *
 * A list covers the data from the beginning of CurrentMdl (NdisMAllocateNetBufferSGList page). MDLs
 * that follow each other in memory become one element; each element is one mapping of the device's
 * DMA map, so freeing the list is unmapping its elements. The list's Reserved word keeps count and
 * origin, sealed, as the rest of it is the driver's to scribble on.
 */
#include "ndis/private.h"

#include "nt/export.h"

#include <sys/mman.h>

enum { ELEMENTS_MAX = 4096, ELEMENTS_USUAL = 64 };

#define SEAL      0x5347000000000000ull
#define SEAL_MASK 0xffff000000000000ull
#define OURS      0x100000000ull /* the list is our allocation */

struct ndis_dma {
    struct ndis_handle handle;
    struct list link;
    struct ndis_adapter *adapter;
    MINIPORT_PROCESS_SG_LIST_HANDLER process;
    MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE_HANDLER shared_complete;
    _Atomic(int64_t) outstanding;
};

struct span {
    uint8_t *va;
    size_t bytes;
};

/* The next run of contiguous memory of the chain; false at its end. *left: data bytes still to
 * cover. */
static bool next_span(const MDL **mdl, size_t *left, struct span *s)
{
    s->va = NULL;
    s->bytes = 0;
    for (; *mdl && *left; *mdl = (*mdl)->Next) {
        uint8_t *va = (*mdl)->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL)
                          ? (*mdl)->MappedSystemVa
                          : (uint8_t *)(*mdl)->StartVa + (*mdl)->ByteOffset;
        size_t bytes = MIN_OF((size_t)(*mdl)->ByteCount, *left);

        if (!bytes)
            continue;
        if (s->bytes && va != s->va + s->bytes)
            return true;
        if (!s->bytes)
            s->va = va;
        s->bytes += bytes;
        *left -= bytes;
    }
    return s->bytes > 0;
}

static size_t sg_bytes(size_t elements)
{
    return offsetof(SCATTER_GATHER_LIST, Elements) + elements * sizeof(SCATTER_GATHER_ELEMENT);
}

/* Elements that the data needs; 0 when there is none, the chain is shorter than it says, or
 * absurdly long. */
static ULONG count_elements(const NET_BUFFER *nb)
{
    size_t left = (size_t)nb->CurrentMdlOffset + nb->DataLength;
    const MDL *mdl = nb->CurrentMdl;
    struct span s;
    ULONG n = 0;

    while (n <= ELEMENTS_MAX && next_span(&mdl, &left, &s))
        n++;
    return left || n > ELEMENTS_MAX ? 0 : n;
}

static void unmap(struct ndis_dma *d, const SCATTER_GATHER_LIST *l, ULONG count)
{
    for (ULONG i = 0; i < count; i++)
        nt_dma_unmap(d->adapter->device, (uint64_t)l->Elements[i].Address.QuadPart);
}

static bool fill(struct ndis_dma *d, SCATTER_GATHER_LIST *l, const NET_BUFFER *nb,
                 bool device_writes)
{
    size_t left = (size_t)nb->CurrentMdlOffset + nb->DataLength;
    const MDL *mdl = nb->CurrentMdl;
    struct span s;
    ULONG n = 0;

    while (next_span(&mdl, &left, &s)) {
        uint64_t address = nt_dma_map(d->adapter->device, s.va, s.bytes, device_writes);

        if (!address) {
            unmap(d, l, n);
            return false;
        }
        l->Elements[n].Address.QuadPart = (LONGLONG)address;
        l->Elements[n].Length = (ULONG)s.bytes;
        l->Elements[n].Reserved = 0;
        n++;
    }
    l->NumberOfElements = n;
    return true;
}

static void process(struct ndis_dma *d, SCATTER_GATHER_LIST *l, PVOID context)
{
    struct nt_thread *t = nt_thread_self();
    uint8_t irql = t->irql;
    struct ndis_call call;

    t->irql = MAX_OF(irql, (uint8_t)DISPATCH_LEVEL);
    call = ndis_call_begin(d->adapter->driver->owner);
    d->process(nt_device_pdo(d->adapter->device), NULL, l, context);
    ndis_call_end(&call, "MiniportProcessSGList");
    t->irql = irql;
}

NDIS_STATUS NTAPI NdisMAllocateNetBufferSGList(NDIS_HANDLE NdisMiniportDmaHandle,
                                               PNET_BUFFER NetBuffer, PVOID Context, ULONG Flags,
                                               PVOID ScatterGatherListBuffer,
                                               ULONG ScatterGatherListBufferSize)
{
    struct ndis_dma *d = ndis_handle_get(NdisMiniportDmaHandle, NDIS_H_DMA, __func__);
    SCATTER_GATHER_LIST *l = ScatterGatherListBuffer;
    bool own = false;
    ULONG count;

    if (!d || !NetBuffer || !NT_DISPATCH_MAX())
        return NDIS_STATUS_FAILURE;
    if (!nt_may_allocate())
        return NDIS_STATUS_RESOURCES;
    count = count_elements(NetBuffer);
    if (!count) {
        ndis_adapter_finding(d->adapter, "NT-SGLIST",
                             "a NET_BUFFER whose MDLs do not hold its %u + %u bytes",
                             NetBuffer->CurrentMdlOffset, NetBuffer->DataLength);
        return NDIS_STATUS_FAILURE;
    }
    if (!l || ScatterGatherListBufferSize < sg_bytes(count)) {
        l = malloc(sg_bytes(count));
        own = true;
    }
    if (!l)
        return NDIS_STATUS_RESOURCES;
    if (!fill(d, l, NetBuffer, !(Flags & NDIS_SG_LIST_WRITE_TO_DEVICE))) {
        if (own)
            free(l);
        return NDIS_STATUS_RESOURCES;
    }
    l->Reserved = SEAL | (own ? OURS : 0) | count;
    atomic_fetch_add_explicit(&d->outstanding, 1, memory_order_relaxed);
    process(d, l, Context);
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisMAllocateNetBufferSGList);

VOID NTAPI NdisMFreeNetBufferSGList(NDIS_HANDLE NdisMiniportDmaHandle, PSCATTER_GATHER_LIST pSGL,
                                    PNET_BUFFER NetBuffer)
{
    struct ndis_dma *d = ndis_handle_get(NdisMiniportDmaHandle, NDIS_H_DMA, __func__);
    ULONG count;

    (void)NetBuffer;
    if (!d || !pSGL || !NT_DISPATCH_MAX())
        return;
    count = (ULONG)pSGL->Reserved;
    if ((pSGL->Reserved & SEAL_MASK) != SEAL || count > ELEMENTS_MAX ||
        pSGL->NumberOfElements != count) {
        ndis_adapter_finding(d->adapter, "NT-SGLIST",
                             "%s of a list that is freed already or was overwritten", __func__);
        return;
    }
    unmap(d, pSGL, count);
    atomic_fetch_sub_explicit(&d->outstanding, 1, memory_order_relaxed);
    if (pSGL->Reserved & OURS) {
        pSGL->Reserved = 0;
        free(pSGL);
    } else {
        pSGL->Reserved = 0;
    }
}
NT_EXPORT(NdisMFreeNetBufferSGList);

static NDIS_STATUS check_description(struct ndis_adapter *a, const NDIS_SG_DMA_DESCRIPTION *p)
{
    if (!a->registration_set) {
        ndis_adapter_finding(a, "INIT-3",
                             "NdisMRegisterScatterGatherDma before NdisMSetMiniportAttributes");
        return NDIS_STATUS_FAILURE;
    }
    if (!a->device || !(a->registration.AttributeFlags & NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER))
        return NDIS_STATUS_NOT_SUPPORTED;
    if (p->Header.Revision != NDIS_SG_DMA_DESCRIPTION_REVISION_1)
        return NDIS_STATUS_BAD_VERSION;
    if (p->Header.Type != NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION ||
        p->Header.Size < NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1 || !p->ProcessSGListHandler)
        return NDIS_STATUS_FAILURE;
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS NTAPI NdisMRegisterScatterGatherDma(NDIS_HANDLE MiniportAdapterHandle,
                                                PNDIS_SG_DMA_DESCRIPTION DmaDescription,
                                                PNDIS_HANDLE NdisMiniportDmaHandle)
{
    struct ndis_adapter *a = ndis_adapter_get(MiniportAdapterHandle, __func__);
    ULONG pages;
    struct ndis_dma *d;
    NDIS_STATUS status;

    if (!a || !DmaDescription || !NdisMiniportDmaHandle || !NT_PASSIVE_ONLY())
        return NDIS_STATUS_FAILURE;
    *NdisMiniportDmaHandle = NULL;
    status = check_description(a, DmaDescription);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    d = nt_may_allocate() ? calloc(1, sizeof(*d)) : NULL;
    if (!d)
        return NDIS_STATUS_RESOURCES;
    d->adapter = a;
    d->process = DmaDescription->ProcessSGListHandler;
    d->shared_complete = DmaDescription->SharedMemAllocateCompleteHandler;
    pages = DmaDescription->MaximumPhysicalMapping / 4096 + 2;
    DmaDescription->ScatterGatherListSize =
        (ULONG)sg_bytes(MIN_OF(MAX_OF(pages, (ULONG)ELEMENTS_USUAL), (ULONG)ELEMENTS_MAX));
    nt_ledger_add(NT_RES_DMA_CHANNEL, d, sizeof(*d), 0);
    ndis_handle_register(&d->handle, NDIS_H_DMA);
    list_push(&a->dma_channels, &d->link);
    *NdisMiniportDmaHandle = d;
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisMRegisterScatterGatherDma);

static void channel_free(struct ndis_dma *d)
{
    int64_t left = atomic_load(&d->outstanding);

    if (left)
        ndis_adapter_finding(d->adapter, "GEN-9", "%lld scatter-gather lists are left",
                             (long long)left);
    ndis_handle_retire(&d->handle);
    free(d);
}

VOID NTAPI NdisMDeregisterScatterGatherDma(NDIS_HANDLE NdisMiniportDmaHandle)
{
    struct ndis_dma *d;

    if (!NT_PASSIVE_ONLY())
        return;
    d = ndis_handle_get(NdisMiniportDmaHandle, NDIS_H_DMA, __func__);
    if (!d)
        return;
    nt_ledger_remove(NT_RES_DMA_CHANNEL, d);
    list_unlink(&d->link);
    channel_free(d);
}
NT_EXPORT(NdisMDeregisterScatterGatherDma);

struct shared { /* NdisMAllocateSharedMemory */
    struct list link;
    void *va;
    size_t bytes;
    uint64_t address;
    ULONG length;
};

static void shared_free(struct ndis_adapter *a, struct shared *s)
{
    if (s->address)
        nt_dma_unmap(a->device, s->address);
    if (s->va)
        munmap(s->va, s->bytes);
    free(s);
}

static struct shared *shared_new(struct ndis_adapter *a, ULONG length)
{
    struct shared *s = nt_may_allocate() && length ? calloc(1, sizeof(*s)) : NULL;
    void *va;

    if (!s)
        return NULL;
    s->length = length;
    s->bytes = ALIGN_UP((size_t)length, (size_t)4096);
    va = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    s->va = va == MAP_FAILED ? NULL : va;
    s->address = s->va ? nt_dma_map(a->device, s->va, s->bytes, true) : 0;
    if (!s->address) {
        shared_free(a, s);
        return NULL;
    }
    nt_ledger_add(NT_RES_SHARED_MEMORY, s->va, length, 0);
    pthread_spin_lock(&a->lock);
    list_push(&a->shared_memory, &s->link);
    pthread_spin_unlock(&a->lock);
    return s;
}

VOID NTAPI NdisMAllocateSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length,
                                     BOOLEAN Cached, PVOID *VirtualAddress,
                                     PNDIS_PHYSICAL_ADDRESS PhysicalAddress)
{
    struct ndis_adapter *a = ndis_adapter_get(MiniportAdapterHandle, __func__);
    struct shared *s;

    (void)Cached;
    *VirtualAddress = NULL;
    PhysicalAddress->QuadPart = 0;
    if (!a || !NT_PASSIVE_ONLY() || !a->device)
        return;
    if (list_empty(&a->dma_channels)) {
        ndis_adapter_finding(a, "NT-DMA", "%s before NdisMRegisterScatterGatherDma", __func__);
        return;
    }
    s = shared_new(a, Length);
    if (!s)
        return;
    *VirtualAddress = s->va;
    PhysicalAddress->QuadPart = (LONGLONG)s->address;
}
NT_EXPORT(NdisMAllocateSharedMemory);

static struct shared *shared_take(struct ndis_adapter *a, const void *va)
{
    struct shared *found = NULL;
    struct list *pos;

    pthread_spin_lock(&a->lock);
    list_for_each(pos, &a->shared_memory)
    {
        struct shared *s = list_entry(pos, struct shared, link);

        if (s->va == va) {
            list_unlink(&s->link);
            found = s;
            break;
        }
    }
    pthread_spin_unlock(&a->lock);
    return found;
}

VOID NTAPI NdisMFreeSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length, BOOLEAN Cached,
                                 PVOID VirtualAddress, NDIS_PHYSICAL_ADDRESS PhysicalAddress)
{
    struct ndis_adapter *a = ndis_adapter_get(MiniportAdapterHandle, __func__);
    struct shared *s = a && NT_PASSIVE_ONLY() ? shared_take(a, VirtualAddress) : NULL;

    (void)Cached;
    if (!a)
        return;
    if (!s) {
        ndis_adapter_finding(a, "NT-DMA", "%s of %p, which is no shared memory of this adapter",
                             __func__, VirtualAddress);
        return;
    }
    if (s->length != Length || (uint64_t)PhysicalAddress.QuadPart != s->address)
        ndis_adapter_finding(a, "NT-DMA", "%s with length %u at 0x%llx; it was %u at 0x%llx",
                             __func__, Length, (unsigned long long)PhysicalAddress.QuadPart,
                             s->length, (unsigned long long)s->address);
    nt_ledger_remove(NT_RES_SHARED_MEMORY, s->va);
    shared_free(a, s);
}
NT_EXPORT(NdisMFreeSharedMemory);

struct async { /* NdisMAllocateSharedMemoryAsyncEx */
    struct ndis_adapter *adapter;
    MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE_HANDLER complete;
    ULONG length;
    PVOID context;
};

static void async_work(void *arg)
{
    struct async *work = arg;
    struct ndis_adapter *a = work->adapter;
    struct ndis_call call = ndis_call_begin(a->driver->owner);
    struct shared *s = shared_new(a, work->length);
    NDIS_PHYSICAL_ADDRESS address = {.QuadPart = s ? (LONGLONG)s->address : 0};

    work->complete(a->context, s ? s->va : NULL, &address, work->length, work->context);
    ndis_call_end(&call, "MiniportSharedMemoryAllocateComplete");
    free(work);
    atomic_fetch_sub(&a->shared_pending, 1);
}

NDIS_STATUS NTAPI NdisMAllocateSharedMemoryAsyncEx(NDIS_HANDLE MiniportDmaHandle, ULONG Length,
                                                   BOOLEAN Cached, PVOID Context)
{
    struct ndis_dma *d = ndis_handle_get(MiniportDmaHandle, NDIS_H_DMA, __func__);
    struct async *work;

    (void)Cached;
    if (!d || !NT_DISPATCH_MAX() || !d->shared_complete)
        return NDIS_STATUS_FAILURE;
    work = nt_may_allocate() ? calloc(1, sizeof(*work)) : NULL;
    if (!work)
        return NDIS_STATUS_RESOURCES;
    *work = (struct async){d->adapter, d->shared_complete, Length, Context};
    atomic_fetch_add(&d->adapter->shared_pending, 1);
    if (!nt_work_queue(async_work, work))
        return NDIS_STATUS_PENDING;
    atomic_fetch_sub(&d->adapter->shared_pending, 1);
    free(work);
    return NDIS_STATUS_RESOURCES;
}
NT_EXPORT(NdisMAllocateSharedMemoryAsyncEx);

void ndis_dma_drain(struct ndis_adapter *a)
{
    while (atomic_load(&a->shared_pending))
        usleep(200);
}

unsigned ndis_dma_abandon(struct ndis_adapter *a)
{
    unsigned left = 0;
    struct list *l;

    while ((l = list_shift(&a->shared_memory)) != NULL) {
        struct shared *s = list_entry(l, struct shared, link);

        nt_ledger_take(NT_RES_SHARED_MEMORY, s->va, NULL);
        shared_free(a, s);
        left++;
    }
    while ((l = list_shift(&a->dma_channels)) != NULL) {
        struct ndis_dma *d = list_entry(l, struct ndis_dma, link);

        nt_ledger_take(NT_RES_DMA_CHANNEL, d, NULL);
        channel_free(d);
        left++;
    }
    return left;
}
