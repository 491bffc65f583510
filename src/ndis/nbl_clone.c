/* SPDX-License-Identifier: MIT */
/* NBLs derived from others without copying data: clones, fragments, reassembled ones. New MDLs
 * describe the original's used data space from its start. Pages: NdisAllocateCloneNetBufferList,
 * NdisAllocateFragmentNetBufferList, NdisAllocateReassembledNetBufferList. */
#include "ndis/nbl_slab.h"

#include "nt/export.h"

enum { MDL_SPAN = 64 << 10 };

static void mdls_free(MDL *chain)
{
    while (chain) {
        MDL *next = chain->Next;

        ndis_mdl_free(chain);
        chain = next;
    }
}

/* Appends MDLs for `length` bytes of nb from `offset` behind its data start. False: no memory, or
 * nb is shorter. */
static bool mdls_cover(const NET_BUFFER *nb, uint32_t offset, uint32_t length, MDL **tail)
{
    const MDL *from = nb->CurrentMdl;
    uint32_t at = nb->CurrentMdlOffset;

    while (length && from) {
        uint32_t have = from->ByteCount > at ? from->ByteCount - at : 0;
        uint32_t skip = MIN_OF(have, offset);
        uint32_t n = MIN_OF(MIN_OF(have - skip, length), (uint32_t)MDL_SPAN);
        char *va;

        offset -= skip;
        at += skip;
        if (n == 0) {
            from = from->Next;
            at = 0;
            continue;
        }
        va = MmGetSystemAddressForMdlSafe((MDL *)(uintptr_t)from, NormalPagePriority);
        *tail = va ? ndis_mdl_bare(n) : NULL;
        if (!*tail)
            return false;
        MmInitializeMdl(*tail, va + at, n);
        MmBuildMdlForNonPagedPool(*tail);
        tail = &(*tail)->Next;
        at += n;
        length -= n;
    }
    return length == 0;
}

/* An empty NBL of `like`'s kind. first: its own NB if it has one, else NULL. */
static NET_BUFFER_LIST *derived_new(NET_BUFFER_LIST *like, NDIS_HANDLE pool, NET_BUFFER **first)
{
    NET_BUFFER_LIST *nbl = NdisAllocateNetBufferList(pool ? pool : ndis_own_nbl_pool(), 0, 0);

    if (!nbl)
        return NULL;
    *first = nbl->FirstNetBuffer;
    nbl->FirstNetBuffer = NULL;
    nbl->Context = NULL; /* derived ones have no initial context structure */
    nbl->ParentNetBufferList = like;
    nbl->NblFlags = like->NblFlags;
    return nbl;
}

static NET_BUFFER *derived_nb(NET_BUFFER **first, NDIS_HANDLE pool)
{
    NET_BUFFER *nb = *first;

    *first = NULL;
    return nb ? nb : NdisAllocateNetBuffer(pool ? pool : ndis_own_nb_pool(), NULL, 0, 0);
}

static void nb_point(NET_BUFFER *nb, MDL *chain, ULONG offset, ULONG length)
{
    nb->MdlChain = chain;
    nb->DataOffset = offset;
    nb->stDataLength = length;
    NdisAdjustNetBufferCurrentMdl(nb);
}

static void derived_free(NET_BUFFER_LIST *nbl, bool own_mdls)
{
    NET_BUFFER *next;

    for (NET_BUFFER *nb = nbl->FirstNetBuffer; nb; nb = next) {
        next = nb->Next;
        if (own_mdls)
            mdls_free(nb->MdlChain);
        if (ndis_nb_block_of(nb))
            NdisFreeNetBuffer(nb);
    }
    nbl->FirstNetBuffer = NULL;
    NdisFreeNetBufferList(nbl);
}

PNET_BUFFER_LIST NTAPI NdisAllocateCloneNetBufferList(PNET_BUFFER_LIST OriginalNetBufferList,
                                                      NDIS_HANDLE NetBufferListPoolHandle,
                                                      NDIS_HANDLE NetBufferPoolHandle,
                                                      ULONG AllocateCloneFlags)
{
    bool own_mdls = !(AllocateCloneFlags & NDIS_CLONE_FLAGS_USE_ORIGINAL_MDLS);
    NET_BUFFER *spare, **tail;
    NET_BUFFER_LIST *nbl = derived_new(OriginalNetBufferList, NetBufferListPoolHandle, &spare);

    if (!nbl)
        return NULL;
    tail = &nbl->FirstNetBuffer;
    for (const NET_BUFFER *from = OriginalNetBufferList->FirstNetBuffer; from; from = from->Next) {
        NET_BUFFER *nb = derived_nb(&spare, NetBufferPoolHandle);
        bool ok = nb != NULL;

        if (!ok)
            goto fail;
        *tail = nb;
        tail = &nb->Next;
        if (own_mdls)
            ok = mdls_cover(from, 0, from->DataLength, &nb->MdlChain);
        else
            nb->MdlChain = from->CurrentMdl;
        if (!ok)
            goto fail;
        nb_point(nb, nb->MdlChain, own_mdls ? 0 : from->CurrentMdlOffset, from->DataLength);
    }
    return nbl;
fail:
    derived_free(nbl, own_mdls);
    return NULL;
}
NT_EXPORT(NdisAllocateCloneNetBufferList);

VOID NTAPI NdisFreeCloneNetBufferList(PNET_BUFFER_LIST CloneNetBufferList, ULONG FreeCloneFlags)
{
    derived_free(CloneNetBufferList, !(FreeCloneFlags & NDIS_CLONE_FLAGS_USE_ORIGINAL_MDLS));
}
NT_EXPORT(NdisFreeCloneNetBufferList);

/* Makes `delta` bytes before the data used space, with NDIS's own MDLs. */
static bool derived_retreat(NET_BUFFER *nb, ULONG delta, ULONG backfill)
{
    return NdisRetreatNetBufferDataStart(nb, delta, backfill, NULL) == NDIS_STATUS_SUCCESS;
}

PNET_BUFFER_LIST NTAPI NdisAllocateFragmentNetBufferList(PNET_BUFFER_LIST OriginalNetBufferList,
                                                         NDIS_HANDLE NetBufferListPool,
                                                         NDIS_HANDLE NetBufferPool,
                                                         ULONG StartOffset, ULONG MaximumLength,
                                                         ULONG DataOffsetDelta, ULONG DataBackFill,
                                                         ULONG AllocateFragmentFlags)
{
    NET_BUFFER *spare, **tail;
    NET_BUFFER_LIST *nbl;

    (void)AllocateFragmentFlags;
    nbl = MaximumLength ? derived_new(OriginalNetBufferList, NetBufferListPool, &spare) : NULL;
    if (!nbl)
        return NULL;
    tail = &nbl->FirstNetBuffer;
    for (const NET_BUFFER *from = OriginalNetBufferList->FirstNetBuffer; from; from = from->Next) {
        for (uint32_t at = StartOffset; at < from->DataLength;
             at += MIN_OF(MaximumLength, from->DataLength - at)) {
            NET_BUFFER *nb = derived_nb(&spare, NetBufferPool);
            uint32_t length = MIN_OF(MaximumLength, from->DataLength - at);

            if (!nb)
                goto fail;
            *tail = nb;
            tail = &nb->Next;
            if (!mdls_cover(from, at, length, &nb->MdlChain))
                goto fail;
            nb_point(nb, nb->MdlChain, 0, length);
            if (!derived_retreat(nb, DataOffsetDelta, DataBackFill))
                goto fail;
        }
    }
    return nbl;
fail:
    derived_free(nbl, true);
    return NULL;
}
NT_EXPORT(NdisAllocateFragmentNetBufferList);

VOID NTAPI NdisFreeFragmentNetBufferList(PNET_BUFFER_LIST FragmentNetBufferList,
                                         ULONG DataOffsetDelta, ULONG FreeFragmentFlags)
{
    (void)FreeFragmentFlags;
    NdisAdvanceNetBufferListDataStart(FragmentNetBufferList, DataOffsetDelta, TRUE, NULL);
    derived_free(FragmentNetBufferList, true);
}
NT_EXPORT(NdisFreeFragmentNetBufferList);

PNET_BUFFER_LIST NTAPI NdisAllocateReassembledNetBufferList(
    PNET_BUFFER_LIST FragmentNetBufferList, NDIS_HANDLE NetBufferAndNetBufferListPoolHandle,
    ULONG StartOffset, ULONG DataOffsetDelta, ULONG DataBackFill, ULONG AllocateReassembleFlags)
{
    NET_BUFFER *nb;
    NET_BUFFER_LIST *nbl =
        derived_new(FragmentNetBufferList, NetBufferAndNetBufferListPoolHandle, &nb);
    uint32_t total = 0;
    MDL **tail;

    (void)AllocateReassembleFlags;
    if (!nbl)
        return NULL;
    nb = derived_nb(&nb, NULL);
    if (!nb)
        goto fail;
    nbl->FirstNetBuffer = nb;
    tail = &nb->MdlChain;
    for (const NET_BUFFER *from = FragmentNetBufferList->FirstNetBuffer; from; from = from->Next) {
        uint32_t length = from->DataLength > StartOffset ? from->DataLength - StartOffset : 0;

        if (!mdls_cover(from, StartOffset, length, tail))
            goto fail;
        while (*tail)
            tail = &(*tail)->Next;
        total += length;
    }
    nb_point(nb, nb->MdlChain, 0, total);
    if (derived_retreat(nb, DataOffsetDelta, DataBackFill))
        return nbl;
fail:
    derived_free(nbl, true);
    return NULL;
}
NT_EXPORT(NdisAllocateReassembledNetBufferList);

VOID NTAPI NdisFreeReassembledNetBufferList(PNET_BUFFER_LIST ReassembledNetBufferList,
                                            ULONG DataOffsetDelta, ULONG FreeReassembleFlags)
{
    (void)FreeReassembleFlags;
    NdisAdvanceNetBufferListDataStart(ReassembledNetBufferList, DataOffsetDelta, TRUE, NULL);
    derived_free(ReassembledNetBufferList, true);
}
NT_EXPORT(NdisFreeReassembledNetBufferList);
