/* SPDX-License-Identifier: MIT */
/* NBL and NB pools as drivers use them, context space, and the ownership word of each NBL. Pages:
 * NdisAllocateNetBufferListPool, NdisAllocateNetBufferList, NET_BUFFER_LIST_POOL_PARAMETERS,
 * NdisAllocateNetBufferListContext. */
#include "ndis/nbl_slab.h"

#include "nt/export.h"

enum { DATA_MAX = 1 << 20, OWN_TAG = 0x7369646e /* "ndis" */ };

/* Pools. */
static uint32_t mdl_bytes(size_t span)
{
    return ALIGN_UP((uint32_t)(sizeof(MDL) + sizeof(PFN_NUMBER) * ((span >> 12) + 2)), 16u);
}

static void block_mdl_prepare(struct ndis_pool *pool, struct ndis_block *b)
{
    MDL *mdl = ndis_block_at(b, pool->mdl_at);

    MmInitializeMdl(mdl, ndis_block_at(b, pool->data_at), pool->data_bytes);
    MmBuildMdlForNonPagedPool(mdl);
}

static void nbl_poison(NET_BUFFER_LIST *nbl)
{
    nbl->Next = NDIS_NBL_POISON;
    nbl->FirstNetBuffer = NDIS_NBL_POISON;
    nbl->MiniportReserved[0] = nbl->MiniportReserved[1] = NDIS_NBL_POISON;
    nbl->Scratch = NDIS_NBL_POISON;
    nbl->SourceHandle = NDIS_NBL_POISON;
}

static bool nbl_is_poisoned(const NET_BUFFER_LIST *nbl)
{
    return nbl->Next == NDIS_NBL_POISON && nbl->FirstNetBuffer == NDIS_NBL_POISON &&
           nbl->MiniportReserved[0] == NDIS_NBL_POISON &&
           nbl->MiniportReserved[1] == NDIS_NBL_POISON && nbl->Scratch == NDIS_NBL_POISON &&
           nbl->SourceHandle == NDIS_NBL_POISON;
}

static void nbl_prepare(struct ndis_pool *pool, struct ndis_block *b)
{
    nbl_poison(ndis_block_at(b, NDIS_NBL_AT));
    if (pool->mdl_at)
        block_mdl_prepare(pool, b);
}

static uint32_t nbl_layout(struct ndis_pool *pool, bool with_nb)
{
    uint32_t at = ALIGN_UP((uint32_t)(NDIS_NBL_AT + sizeof(NET_BUFFER_LIST)), 16u);

    if (with_nb) {
        pool->nb_at = at;
        at += ALIGN_UP((uint32_t)sizeof(NET_BUFFER), 16u);
    }
    if (pool->context_bytes) {
        pool->context_at = at;
        at += (uint32_t)sizeof(NET_BUFFER_LIST_CONTEXT) + ALIGN_UP(pool->context_bytes, 16u);
    }
    if (pool->data_bytes) {
        pool->mdl_at = at;
        pool->data_at = ALIGN_UP(at + mdl_bytes(pool->data_bytes), 64u);
        at = pool->data_at + pool->data_bytes;
    }
    return ALIGN_UP(at, 64u);
}

static struct ndis_pool *nbl_pool_new(const NET_BUFFER_LIST_POOL_PARAMETERS *p)
{
    struct ndis_pool *pool = ndis_pool_new();

    if (!pool)
        return NULL;
    pool->kind = NDIS_BLOCK_NBL;
    pool->side_bytes = NDIS_NBL_AT;
    pool->context_bytes = p->ContextSize;
    pool->data_bytes = p->DataSize;
    pool->tag = p->PoolTag;
    pool->protocol_id = p->ProtocolId;
    pool->prepare = nbl_prepare;
    pool->stride = nbl_layout(pool, p->fAllocateNetBuffer || p->DataSize);
    return pool;
}

static struct ndis_pool *nb_pool_new(uint32_t tag, uint32_t data_bytes)
{
    struct ndis_pool *pool = ndis_pool_new();
    uint32_t at = ALIGN_UP((uint32_t)(NDIS_NB_AT + sizeof(NET_BUFFER)), 16u);

    if (!pool)
        return NULL;
    pool->kind = NDIS_BLOCK_NB;
    pool->side_bytes = NDIS_NB_AT;
    pool->tag = tag;
    pool->data_bytes = data_bytes;
    if (data_bytes) {
        pool->prepare = block_mdl_prepare;
        pool->mdl_at = at;
        pool->data_at = ALIGN_UP(at + mdl_bytes(data_bytes), 64u);
        at = pool->data_at + data_bytes;
    }
    pool->stride = ALIGN_UP(at, 64u);
    return pool;
}

static NDIS_HANDLE pool_hand_out(struct ndis_pool *pool, bool nbl)
{
    if (!pool)
        return NULL;
    nt_ledger_add(nbl ? NT_RES_NBL_POOL : NT_RES_NB_POOL, pool, pool->stride, pool->tag);
    ndis_handle_register(&pool->handle, nbl ? NDIS_H_NBL_POOL : NDIS_H_NB_POOL);
    return pool;
}

static void pool_take_back(struct ndis_pool *pool, bool nbl)
{
    uint64_t out;

    if (!nt_ledger_remove(nbl ? NT_RES_NBL_POOL : NT_RES_NB_POOL, pool))
        return;
    out = ndis_pool_out(pool);
    ndis_handle_retire(&pool->handle);
    if (out)
        finding_report("GEN-10", "%s pool with tag %08x freed while %llu of its blocks are out",
                       nbl ? "NBL" : "NB", pool->tag, (unsigned long long)out);
    ndis_pool_free(pool);
}

static bool pool_header_ok(const NDIS_OBJECT_HEADER *h, uint8_t min_revision, size_t min_bytes)
{
    if (h->Type == NDIS_OBJECT_TYPE_DEFAULT && h->Revision >= min_revision && h->Size >= min_bytes)
        return true;
    finding_report("NT-HEADER", "pool parameters with header type %#x revision %u size %u", h->Type,
                   h->Revision, h->Size);
    return false;
}

NDIS_HANDLE NTAPI NdisAllocateNetBufferListPool(NDIS_HANDLE NdisHandle,
                                                PNET_BUFFER_LIST_POOL_PARAMETERS Parameters)
{
    NT_DISPATCH_MAX();
    if (NdisHandle && !ndis_handle_is_any(NdisHandle, __func__))
        return NULL;
    if (!Parameters ||
        !pool_header_ok(&Parameters->Header, NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
                        NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1))
        return NULL;
    if (Parameters->ContextSize % MEMORY_ALLOCATION_ALIGNMENT || Parameters->DataSize > DATA_MAX ||
        Parameters->ContextSize > NDIS_CONTEXT_MAX || !nt_may_allocate())
        return NULL;
    return pool_hand_out(nbl_pool_new(Parameters), true);
}
NT_EXPORT(NdisAllocateNetBufferListPool);

VOID NTAPI NdisFreeNetBufferListPool(NDIS_HANDLE PoolHandle)
{
    struct ndis_pool *pool = ndis_handle_get(PoolHandle, NDIS_H_NBL_POOL, __func__);

    NT_DISPATCH_MAX();
    if (pool)
        pool_take_back(pool, true);
}
NT_EXPORT(NdisFreeNetBufferListPool);

NDIS_HANDLE NTAPI NdisAllocateNetBufferPool(NDIS_HANDLE NdisHandle,
                                            PNET_BUFFER_POOL_PARAMETERS Parameters)
{
    NT_DISPATCH_MAX();
    if (NdisHandle && !ndis_handle_is_any(NdisHandle, __func__))
        return NULL;
    if (!Parameters || !pool_header_ok(&Parameters->Header, NET_BUFFER_POOL_PARAMETERS_REVISION_1,
                                       NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1))
        return NULL;
    if (Parameters->DataSize > DATA_MAX || !nt_may_allocate())
        return NULL;
    return pool_hand_out(nb_pool_new(Parameters->PoolTag, Parameters->DataSize), false);
}
NT_EXPORT(NdisAllocateNetBufferPool);

VOID NTAPI NdisFreeNetBufferPool(NDIS_HANDLE PoolHandle)
{
    struct ndis_pool *pool = ndis_handle_get(PoolHandle, NDIS_H_NB_POOL, __func__);

    NT_DISPATCH_MAX();
    if (pool)
        pool_take_back(pool, false);
}
NT_EXPORT(NdisFreeNetBufferPool);

NDIS_HANDLE NTAPI NdisGetPoolFromNetBufferList(PNET_BUFFER_LIST NetBufferList)
{
    return NetBufferList->NdisPoolHandle;
}
NT_EXPORT(NdisGetPoolFromNetBufferList);

NDIS_HANDLE NTAPI NdisGetPoolFromNetBuffer(PNET_BUFFER NetBuffer)
{
    return NetBuffer->NdisPoolHandle;
}
NT_EXPORT(NdisGetPoolFromNetBuffer);

/* NDIS's own pools: made once, kept. */
static struct ndis_pool *own_pool(struct ndis_pool *_Atomic *slot, struct ndis_pool *(*make)(void))
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct ndis_pool *pool = atomic_load_explicit(slot, memory_order_acquire);

    if (likely(pool != NULL))
        return pool;
    pthread_mutex_lock(&lock);
    pool = atomic_load_explicit(slot, memory_order_relaxed);
    if (!pool && (pool = make())) {
        pool->is_own = true;
        atomic_store_explicit(slot, pool, memory_order_release);
    }
    pthread_mutex_unlock(&lock);
    return pool;
}

static struct ndis_pool *make_own_nbl(void)
{
    NET_BUFFER_LIST_POOL_PARAMETERS p = {.fAllocateNetBuffer = TRUE, .PoolTag = OWN_TAG};
    struct ndis_pool *pool = nbl_pool_new(&p);

    if (pool)
        ndis_handle_register(&pool->handle, NDIS_H_NBL_POOL);
    return pool;
}

static struct ndis_pool *make_own_nb(void)
{
    struct ndis_pool *pool = nb_pool_new(OWN_TAG, 0);

    if (pool)
        ndis_handle_register(&pool->handle, NDIS_H_NB_POOL);
    return pool;
}

NDIS_HANDLE ndis_own_nbl_pool(void)
{
    static struct ndis_pool *_Atomic pool;

    return own_pool(&pool, make_own_nbl);
}

NDIS_HANDLE ndis_own_nb_pool(void)
{
    static struct ndis_pool *_Atomic pool;

    return own_pool(&pool, make_own_nb);
}

/* NET_BUFFERs. */
static void nb_init(NET_BUFFER *nb, struct ndis_pool *pool)
{
    memset(nb, 0, sizeof *nb);
    nb->NdisPoolHandle = pool;
}

static void nb_set_data(NET_BUFFER *nb, MDL *chain, ULONG offset, SIZE_T length)
{
    nb->MdlChain = chain;
    nb->DataOffset = offset;
    nb->stDataLength = length;
    NdisAdjustNetBufferCurrentMdl(nb);
}

static struct ndis_block *block_take_as_driver(struct ndis_pool *pool)
{
    struct ndis_block *b = nt_may_allocate() ? ndis_block_take(pool) : NULL;

    if (b)
        atomic_store_explicit(&b->own, NDIS_OWN_DRIVER, memory_order_release);
    return b;
}

PNET_BUFFER NTAPI NdisAllocateNetBuffer(NDIS_HANDLE PoolHandle, PMDL MdlChain, ULONG DataOffset,
                                        SIZE_T DataLength)
{
    struct ndis_pool *pool = ndis_handle_get(PoolHandle, NDIS_H_NB_POOL, __func__);
    struct ndis_block *b = pool ? block_take_as_driver(pool) : NULL;
    NET_BUFFER *nb;

    if (!b)
        return NULL;
    nb = ndis_block_at(b, NDIS_NB_AT);
    nb_init(nb, pool);
    nb_set_data(nb, MdlChain, DataOffset, DataLength);
    return nb;
}
NT_EXPORT(NdisAllocateNetBuffer);

/* The whole buffer is unused data space: drivers make it used by retreating, so length 0 at its
 * end. */
PNET_BUFFER NTAPI NdisAllocateNetBufferMdlAndData(NDIS_HANDLE PoolHandle)
{
    struct ndis_pool *pool = ndis_handle_get(PoolHandle, NDIS_H_NB_POOL, __func__);
    struct ndis_block *b;
    NET_BUFFER *nb;

    if (!pool)
        return NULL;
    if (!pool->mdl_at) {
        finding_report("NT-NBL", "NdisAllocateNetBufferMdlAndData from a pool without data");
        return NULL;
    }
    b = block_take_as_driver(pool);
    if (!b)
        return NULL;
    nb = ndis_block_at(b, NDIS_NB_AT);
    nb_init(nb, pool);
    nb_set_data(nb, ndis_block_at(b, pool->mdl_at), pool->data_bytes, 0);
    return nb;
}
NT_EXPORT(NdisAllocateNetBufferMdlAndData);

VOID NTAPI NdisFreeNetBuffer(PNET_BUFFER NetBuffer)
{
    struct ndis_block *b = ndis_nb_block_of(NetBuffer);
    uint32_t own = NDIS_OWN_DRIVER;

    if (!b) {
        finding_report("NT-NBL", "NdisFreeNetBuffer of %p, which %s", (void *)NetBuffer,
                       ndis_nb_is_ours(NetBuffer) ? "belongs to its NBL" : "is no NET_BUFFER");
        return;
    }
    if (!atomic_compare_exchange_strong(&b->own, &own, NDIS_OWN_FREE)) {
        finding_report("NT-NBL", "NET_BUFFER %p freed twice", (void *)NetBuffer);
        return;
    }
    if (b->pool->mdl_at) /* the chain may have been cut or lengthened; the block's own MDL stands
                            alone again */
        block_mdl_prepare(b->pool, b);
    ndis_block_give(b);
}
NT_EXPORT(NdisFreeNetBuffer);

/* NET_BUFFER_LISTs. */
static NET_BUFFER_LIST *nbl_new(struct ndis_pool *pool, uint32_t context, uint32_t backfill)
{
    struct ndis_block *b = nt_may_allocate() ? ndis_block_take(pool) : NULL;
    struct ndis_nbl_side *s = (struct ndis_nbl_side *)b;
    NET_BUFFER_LIST *nbl;

    if (!b)
        return NULL;
    nbl = ndis_side_nbl(s);
    if (unlikely(!nbl_is_poisoned(nbl)))
        finding_report("GEN-13", "NBL %p was written to after it was freed; last with adapter %s",
                       (void *)nbl, s->last ? s->last->name : "none");
    memset(nbl, 0, sizeof *nbl); /* no out-of-band value of an earlier frame stays (RXC-19) */
    nbl->NdisPoolHandle = pool;
    nbl->NetBufferListInfo[NetBufferListProtocolId] = (PVOID)(ULONG_PTR)pool->protocol_id;
    s->last = NULL;
    if (!ndis_context_init(nbl, b, context, backfill)) {
        nbl_poison(nbl);
        ndis_block_give(b);
        return NULL;
    }
    if (pool->nb_at) {
        NET_BUFFER *nb = ndis_block_at(b, pool->nb_at);

        nb_init(nb, pool);
        if (pool->mdl_at)
            nb_set_data(nb, ndis_block_at(b, pool->mdl_at), pool->data_bytes, 0);
        nbl->FirstNetBuffer = nb;
    }
    atomic_store_explicit(&b->own, NDIS_OWN_DRIVER, memory_order_release);
    return nbl;
}

PNET_BUFFER_LIST NTAPI NdisAllocateNetBufferList(NDIS_HANDLE PoolHandle, USHORT ContextSize,
                                                 USHORT ContextBackFill)
{
    struct ndis_pool *pool = ndis_handle_get(PoolHandle, NDIS_H_NBL_POOL, __func__);

    if (!pool ||
        !ndis_context_sizes_ok(ContextSize, ContextBackFill, MEMORY_ALLOCATION_ALIGNMENT, __func__))
        return NULL;
    return nbl_new(pool, ContextSize, ContextBackFill);
}
NT_EXPORT(NdisAllocateNetBufferList);

PNET_BUFFER_LIST NTAPI NdisAllocateNetBufferAndNetBufferList(NDIS_HANDLE PoolHandle,
                                                             USHORT ContextSize,
                                                             USHORT ContextBackFill, PMDL MdlChain,
                                                             ULONG DataOffset, SIZE_T DataLength)
{
    struct ndis_pool *pool = ndis_handle_get(PoolHandle, NDIS_H_NBL_POOL, __func__);
    NET_BUFFER_LIST *nbl;

    if (!pool ||
        !ndis_context_sizes_ok(ContextSize, ContextBackFill, MEMORY_ALLOCATION_ALIGNMENT, __func__))
        return NULL;
    if (!pool->nb_at || pool->mdl_at) {
        finding_report("NT-NBL", "%s needs a pool with fAllocateNetBuffer and without data",
                       __func__);
        return NULL;
    }
    nbl = nbl_new(pool, ContextSize, ContextBackFill);
    if (nbl)
        nb_set_data(nbl->FirstNetBuffer, MdlChain, DataOffset, DataLength);
    return nbl;
}
NT_EXPORT(NdisAllocateNetBufferAndNetBufferList);

static void nbl_free_finding(NET_BUFFER_LIST *nbl, struct ndis_nbl_side *s, uint32_t own)
{
    const struct ndis_hop *top = ndis_nbl_top(s);
    const struct ndis_adapter *a = top ? top->adapter : s->last;
    const char *rule = (own & 0xf) == NDIS_OWN_SENT ? "GEN-13"
                       : own == NDIS_OWN_FREE       ? "NT-NBL"
                                                    : "GEN-20";

    finding_report(rule, "NBL %p freed while it is %s (adapter %s)", (void *)nbl,
                   ndis_own_name((enum ndis_own)(own & 0xf)), a ? a->name : "none");
}

VOID NTAPI NdisFreeNetBufferList(PNET_BUFFER_LIST NetBufferList)
{
    struct ndis_nbl_side *s = ndis_nbl_side_of(NetBufferList);
    uint32_t own = NDIS_OWN_DRIVER;

    if (!s) {
        finding_report("NT-NBL", "NdisFreeNetBufferList of %p, which is no NET_BUFFER_LIST",
                       (void *)NetBufferList);
        return;
    }
    if (!atomic_compare_exchange_strong(&s->block.own, &own, NDIS_OWN_FREE)) {
        nbl_free_finding(NetBufferList, s, own);
        return;
    }
    ndis_context_fini(NetBufferList, &s->block);
    if (s->block.pool->mdl_at)
        block_mdl_prepare(s->block.pool, &s->block);
    nbl_poison(NetBufferList);
    ndis_block_give(&s->block);
}
NT_EXPORT(NdisFreeNetBufferList);
