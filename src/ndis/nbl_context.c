/* SPDX-License-Identifier: MIT */
/* Context space of NBLs: what the pool has ready in the block, and more on demand. Pages:
 * NET_BUFFER_LIST_CONTEXT, NdisAllocateNetBufferListContext. */
#include "ndis/nbl_slab.h"

#include "nt/export.h"

/* Context space that did not fit into the block: made at need, freed when its last byte is given
 * back. */
struct context_more {
    bool from_allocate; /* NdisAllocateNetBufferList itself made it: goes with the NBL */
    NET_BUFFER_LIST_CONTEXT context;
};

static struct context_more *context_new(uint32_t size, uint32_t offset, uint32_t tag)
{
    struct context_more *more = NULL;

    if (size > NDIS_CONTEXT_MAX || !nt_may_allocate())
        return NULL;
    more = aligned_alloc(16, ALIGN_UP(sizeof *more + size, 16));
    if (!more)
        return NULL;
    memset(more, 0, sizeof *more + size);
    more->context.Size = (USHORT)size;
    more->context.Offset = (USHORT)offset;
    nt_ledger_add(NT_RES_POOL_MEMORY, more, size, tag);
    return more;
}

static void context_free(NET_BUFFER_LIST *nbl)
{
    struct context_more *more = CONTAINER_OF(nbl->Context, struct context_more, context);

    nbl->Context = nbl->Context->Next;
    nt_ledger_remove(NT_RES_POOL_MEMORY, more);
    free(more);
}

static NET_BUFFER_LIST_CONTEXT *context_of_block(const struct ndis_block *b)
{
    return b->pool->context_at ? ndis_block_at(b, b->pool->context_at) : NULL;
}

bool ndis_context_init(NET_BUFFER_LIST *nbl, struct ndis_block *b, uint32_t size, uint32_t backfill)
{
    NET_BUFFER_LIST_CONTEXT *inner = context_of_block(b);
    struct context_more *more;

    if (inner) {
        inner->Next = NULL;
        inner->Size = (USHORT)b->pool->context_bytes;
        inner->Offset = inner->Size;
        nbl->Context = inner;
    }
    if (size + backfill == 0)
        return true;
    if (inner && size + backfill <= inner->Size) {
        inner->Offset = (USHORT)(inner->Size - size);
        return true;
    }
    more = context_new(size + backfill, backfill, b->pool->tag);
    if (!more)
        return false;
    more->from_allocate = true;
    more->context.Next = nbl->Context;
    nbl->Context = &more->context;
    return true;
}

void ndis_context_fini(NET_BUFFER_LIST *nbl, const struct ndis_block *b)
{
    const NET_BUFFER_LIST_CONTEXT *inner = context_of_block(b);

    while (nbl->Context && nbl->Context != inner) {
        if (!CONTAINER_OF(nbl->Context, struct context_more, context)->from_allocate)
            finding_report("GEN-10", "NBL %p freed with %u bytes of context space still allocated",
                           (void *)nbl, nbl->Context->Size);
        context_free(nbl);
    }
}

bool ndis_context_sizes_ok(USHORT size, USHORT backfill, uint32_t unit, const char *call)
{
    if ((size | backfill) % unit == 0)
        return true;
    finding_report("NT-NBL", "%s: context sizes %u and %u are not multiples of %u", call, size,
                   backfill, unit);
    return false;
}

NDIS_STATUS NTAPI NdisAllocateNetBufferListContext(PNET_BUFFER_LIST NetBufferList,
                                                   USHORT ContextSize, USHORT ContextBackFill,
                                                   ULONG PoolTag)
{
    NET_BUFFER_LIST_CONTEXT *c = NetBufferList->Context;
    struct context_more *more;

    if (!ndis_context_sizes_ok(ContextSize, ContextBackFill, sizeof(void *), __func__))
        return NDIS_STATUS_FAILURE;
    if (c && c->Offset >= ContextSize) {
        c->Offset = (USHORT)(c->Offset - ContextSize);
        return NDIS_STATUS_SUCCESS;
    }
    more = context_new((uint32_t)ContextSize + ContextBackFill, ContextBackFill, PoolTag);
    if (!more)
        return NDIS_STATUS_RESOURCES;
    more->context.Next = c;
    NetBufferList->Context = &more->context;
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisAllocateNetBufferListContext);

VOID NTAPI NdisFreeNetBufferListContext(PNET_BUFFER_LIST NetBufferList, USHORT ContextSize)
{
    const struct ndis_nbl_side *s = ndis_nbl_side_of(NetBufferList);
    NET_BUFFER_LIST_CONTEXT *c = s ? NetBufferList->Context : NULL;

    if (!c || c->Size - c->Offset < ContextSize) {
        finding_report("NT-NBL", "NdisFreeNetBufferListContext of %u bytes, more than NBL %p has",
                       ContextSize, (void *)NetBufferList);
        return;
    }
    c->Offset = (USHORT)(c->Offset + ContextSize);
    if (c->Offset == c->Size && c != context_of_block(&s->block))
        context_free(NetBufferList);
}
NT_EXPORT(NdisFreeNetBufferListContext);
