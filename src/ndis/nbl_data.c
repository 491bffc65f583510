/* SPDX-License-Identifier: MIT */
/* The data of a NET_BUFFER: moving its start, reaching it, copying it, and the MDLs it lies in.
 * Pages: NdisRetreatNetBufferDataStart, NdisAdvanceNetBufferDataStart, NdisGetDataBuffer,
 * NdisCopyFromNetBufferToNetBuffer, NdisCopySendNetBufferListInfo. */
#include "ndis/nbl_slab.h"

#include "nt/export.h"

/* MDLs of NDIS's own, by storage: the sizes that a header, a page and a large send need. */
enum { BARE_SPAN = 128 << 10 };
static const uint32_t mdl_sizes[] = {0, 256, 4096, 1 << 17};

static uint32_t mdl_head_bytes(size_t span)
{
    return ALIGN_UP((uint32_t)(sizeof(MDL) + sizeof(PFN_NUMBER) * ((span >> 12) + 2)), 64u);
}

static struct ndis_pool *mdl_pool(unsigned size_class)
{
    static struct ndis_pool *_Atomic pools[ARRAY_LEN(mdl_sizes)];
    struct ndis_pool *pool = atomic_load_explicit(&pools[size_class], memory_order_acquire);
    struct ndis_pool *expected = NULL;
    uint32_t bytes = mdl_sizes[size_class];

    if (likely(pool != NULL))
        return pool;
    pool = ndis_pool_new();
    if (!pool)
        return NULL;
    pool->kind = NDIS_BLOCK_MDL;
    pool->is_own = true;
    pool->side_bytes = sizeof(struct ndis_nb_side);
    pool->mdl_at = pool->side_bytes;
    pool->data_bytes = bytes;
    pool->data_at = pool->mdl_at + mdl_head_bytes(bytes ? bytes : BARE_SPAN);
    pool->stride = pool->data_at + bytes;
    if (atomic_compare_exchange_strong(&pools[size_class], &expected, pool))
        return pool;
    ndis_pool_free(pool);
    return expected;
}

static MDL *mdl_take(unsigned size_class)
{
    struct ndis_pool *pool = mdl_pool(size_class);
    struct ndis_block *b = pool ? ndis_block_take(pool) : NULL;

    if (!b)
        return NULL;
    atomic_store_explicit(&b->own, NDIS_OWN_DRIVER, memory_order_release);
    return ndis_block_at(b, pool->mdl_at);
}

MDL *ndis_mdl_new(size_t bytes)
{
    unsigned size_class = 1;
    MDL *mdl;

    while (size_class < ARRAY_LEN(mdl_sizes) && mdl_sizes[size_class] < bytes)
        size_class++;
    if (size_class == ARRAY_LEN(mdl_sizes))
        return NULL;
    mdl = mdl_take(size_class);
    if (!mdl)
        return NULL;
    MmInitializeMdl(mdl, (char *)mdl + mdl_head_bytes(mdl_sizes[size_class]), bytes);
    MmBuildMdlForNonPagedPool(mdl);
    return mdl;
}

MDL *ndis_mdl_bare(size_t span)
{
    return span <= BARE_SPAN ? mdl_take(0) : NULL;
}

void ndis_mdl_free(MDL *mdl)
{
    struct ndis_block *b = ndis_mdl_block_of(mdl);
    uint32_t own = NDIS_OWN_DRIVER;

    if (b && atomic_compare_exchange_strong(&b->own, &own, NDIS_OWN_FREE))
        ndis_block_give(b);
    else
        finding_report("NT-NBL", "MDL %p freed, which is %s", (void *)mdl,
                       b ? "free already" : "none that NDIS allocated");
}

PMDL NTAPI NdisAllocateMdl(NDIS_HANDLE NdisHandle, PVOID VirtualAddress, UINT Length)
{
    PMDL mdl;

    if (NdisHandle && !ndis_handle_is_any(NdisHandle, __func__))
        return NULL;
    mdl = IoAllocateMdl(VirtualAddress, Length, FALSE, FALSE, NULL);
    if (mdl)
        MmBuildMdlForNonPagedPool(mdl);
    return mdl;
}
NT_EXPORT(NdisAllocateMdl);

VOID NTAPI NdisFreeMdl(PMDL Mdl)
{
    IoFreeMdl(Mdl);
}
NT_EXPORT(NdisFreeMdl);

/* Data offsets. CurrentMdl is the MDL in which the data start lies; at the very end of the chain,
 * the last one. */
VOID NTAPI NdisAdjustNetBufferCurrentMdl(PNET_BUFFER NetBuffer)
{
    MDL *m = NetBuffer->MdlChain;
    ULONG offset = NetBuffer->DataOffset;

    while (m && offset >= m->ByteCount && m->Next) {
        offset -= m->ByteCount;
        m = m->Next;
    }
    NetBuffer->CurrentMdl = m;
    NetBuffer->CurrentMdlOffset = m ? offset : 0;
}
NT_EXPORT(NdisAdjustNetBufferCurrentMdl);

static MDL *retreat_mdl(ULONG needed, ULONG backfill, NET_BUFFER_ALLOCATE_MDL_HANDLER handler)
{
    ULONG bytes = needed + backfill;
    MDL *mdl;

    if (bytes < needed || !nt_may_allocate())
        return NULL;
    if (!handler)
        return ndis_mdl_new(bytes);
    mdl = handler(&bytes);
    if (mdl && mdl->ByteCount < needed) {
        finding_report("NT-NBL", "NetAllocateMdl gave %u bytes, asked for %u", mdl->ByteCount,
                       needed + backfill);
        return NULL;
    }
    if (mdl)
        mdl->MdlFlags |= MDL_NETWORK_HEADER; /* known again when it is time to free it */
    return mdl;
}

NDIS_STATUS NTAPI NdisRetreatNetBufferDataStart(PNET_BUFFER NetBuffer, ULONG DataOffsetDelta,
                                                ULONG DataBackFill,
                                                NET_BUFFER_ALLOCATE_MDL_HANDLER AllocateMdlHandler)
{
    ULONG missing;
    MDL *mdl;

    if (DataOffsetDelta > UINT32_MAX - NetBuffer->DataLength)
        return NDIS_STATUS_FAILURE;
    if (DataOffsetDelta <= NetBuffer->DataOffset) {
        NetBuffer->DataOffset -= DataOffsetDelta;
    } else {
        /* What unused space there is lies directly before the data, so only the rest needs an MDL.
         */
        missing = DataOffsetDelta - NetBuffer->DataOffset;
        mdl = retreat_mdl(missing, DataBackFill, AllocateMdlHandler);
        if (!mdl)
            return NDIS_STATUS_RESOURCES;
        mdl->Next = NetBuffer->MdlChain;
        NetBuffer->MdlChain = mdl;
        NetBuffer->DataOffset = mdl->ByteCount - missing;
    }
    NetBuffer->DataLength += DataOffsetDelta;
    NdisAdjustNetBufferCurrentMdl(NetBuffer);
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisRetreatNetBufferDataStart);

/* Frees leading MDLs that hold no used data, as far as a retreat put them there. */
static void advance_free(NET_BUFFER *nb, NET_BUFFER_FREE_MDL_HANDLER handler)
{
    while (nb->MdlChain && nb->MdlChain->Next && nb->DataOffset >= nb->MdlChain->ByteCount) {
        MDL *mdl = nb->MdlChain;
        bool own = ndis_mdl_block_of(mdl) != NULL;

        if (handler ? own || !(mdl->MdlFlags & MDL_NETWORK_HEADER) : !own)
            return;
        nb->MdlChain = mdl->Next;
        nb->DataOffset -= mdl->ByteCount;
        mdl->Next = NULL;
        mdl->MdlFlags &= (CSHORT)~MDL_NETWORK_HEADER;
        if (handler)
            handler(mdl);
        else
            ndis_mdl_free(mdl);
    }
}

VOID NTAPI NdisAdvanceNetBufferDataStart(PNET_BUFFER NetBuffer, ULONG DataOffsetDelta,
                                         BOOLEAN FreeMdl,
                                         NET_BUFFER_FREE_MDL_HANDLER FreeMdlHandler)
{
    if (DataOffsetDelta > NetBuffer->DataLength) {
        finding_report("NT-NBL", "data start of NB %p advanced by %u, past its %u bytes",
                       (void *)NetBuffer, DataOffsetDelta, NetBuffer->DataLength);
        return;
    }
    NetBuffer->DataOffset += DataOffsetDelta;
    NetBuffer->DataLength -= DataOffsetDelta;
    if (FreeMdl)
        advance_free(NetBuffer, FreeMdlHandler);
    NdisAdjustNetBufferCurrentMdl(NetBuffer);
}
NT_EXPORT(NdisAdvanceNetBufferDataStart);

NDIS_STATUS NTAPI NdisRetreatNetBufferListDataStart(
    PNET_BUFFER_LIST NetBufferList, ULONG DataOffsetDelta, ULONG DataBackFill,
    NET_BUFFER_ALLOCATE_MDL_HANDLER AllocateMdlHandler, NET_BUFFER_FREE_MDL_HANDLER FreeMdlHandler)
{
    for (NET_BUFFER *nb = NetBufferList->FirstNetBuffer; nb; nb = nb->Next) {
        NDIS_STATUS status =
            NdisRetreatNetBufferDataStart(nb, DataOffsetDelta, DataBackFill, AllocateMdlHandler);

        if (status == NDIS_STATUS_SUCCESS)
            continue;
        for (NET_BUFFER *undo = NetBufferList->FirstNetBuffer; undo != nb; undo = undo->Next)
            NdisAdvanceNetBufferDataStart(undo, DataOffsetDelta, TRUE, FreeMdlHandler);
        return status;
    }
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisRetreatNetBufferListDataStart);

VOID NTAPI NdisAdvanceNetBufferListDataStart(PNET_BUFFER_LIST NetBufferList, ULONG DataOffsetDelta,
                                             BOOLEAN FreeMdl,
                                             NET_BUFFER_FREE_MDL_HANDLER FreeMdlHandler)
{
    for (NET_BUFFER *nb = NetBufferList->FirstNetBuffer; nb; nb = nb->Next)
        NdisAdvanceNetBufferDataStart(nb, DataOffsetDelta, FreeMdl, FreeMdlHandler);
}
NT_EXPORT(NdisAdvanceNetBufferListDataStart);

/* A place in an MDL chain. */
struct place {
    const MDL *mdl;
    uint32_t offset;
};

static struct place place_at(const NET_BUFFER *nb, uint32_t offset)
{
    struct place p = {nb->CurrentMdl, nb->CurrentMdlOffset};

    while (p.mdl && offset >= p.mdl->ByteCount - MIN_OF(p.offset, p.mdl->ByteCount)) {
        offset -= p.mdl->ByteCount - MIN_OF(p.offset, p.mdl->ByteCount);
        p = (struct place){p.mdl->Next, 0};
    }
    p.offset += offset;
    return p;
}

/* The bytes that lie together at p, at most max; p moves behind them. NULL at the end of the chain
 * or when an MDL cannot be mapped. */
static uint8_t *place_span(struct place *p, uint32_t max, uint32_t *bytes)
{
    const MDL *mdl;
    uint8_t *va;

    while (p->mdl && p->offset >= p->mdl->ByteCount)
        *p = (struct place){p->mdl->Next, 0};
    mdl = p->mdl;
    va = mdl ? MmGetSystemAddressForMdlSafe((MDL *)(uintptr_t)mdl, NormalPagePriority) : NULL;
    if (!va)
        return NULL;
    va += p->offset;
    *bytes = MIN_OF(max, mdl->ByteCount - p->offset);
    p->offset += *bytes;
    return va;
}

PVOID NTAPI NdisGetDataBuffer(PNET_BUFFER NetBuffer, ULONG BytesNeeded, PVOID Storage,
                              ULONG AlignMultiple, ULONG AlignOffset)
{
    struct place p = place_at(NetBuffer, 0);
    uint32_t done = 0, bytes = 0;
    uint8_t *va;

    if (BytesNeeded == 0 || BytesNeeded > NetBuffer->DataLength)
        return NULL;
    va = place_span(&p, BytesNeeded, &bytes);
    if (va && bytes == BytesNeeded &&
        (AlignMultiple <= 1 || ((uintptr_t)va - AlignOffset) % AlignMultiple == 0))
        return va;
    if (!Storage)
        return NULL;
    for (; va; va = place_span(&p, BytesNeeded - done, &bytes)) {
        memcpy((uint8_t *)Storage + done, va, bytes);
        done += bytes;
        if (done == BytesNeeded)
            return Storage;
    }
    return NULL;
}
NT_EXPORT(NdisGetDataBuffer);

NDIS_STATUS NTAPI NdisCopyFromNetBufferToNetBuffer(PNET_BUFFER Destination, ULONG DestinationOffset,
                                                   ULONG BytesToCopy, PNET_BUFFER const Source,
                                                   ULONG SourceOffset, PULONG BytesCopied)
{
    struct place to = place_at(Destination, DestinationOffset);
    struct place from = place_at(Source, SourceOffset);
    uint32_t left = SourceOffset < Source->DataLength ? Source->DataLength - SourceOffset : 0;
    uint32_t have = 0, room = 0;
    uint8_t *in = NULL, *out = NULL;

    left = MIN_OF(left, BytesToCopy);
    *BytesCopied = 0;
    while (left) {
        uint32_t n;

        if (have == 0 && !(in = place_span(&from, left, &have)))
            return from.mdl ? NDIS_STATUS_RESOURCES : NDIS_STATUS_SUCCESS;
        if (room == 0 && !(out = place_span(&to, left, &room)))
            return to.mdl ? NDIS_STATUS_RESOURCES : NDIS_STATUS_SUCCESS;
        n = MIN_OF(have, room);
        memmove(out, in, n);
        in += n, out += n, have -= n, room -= n, left -= n;
        *BytesCopied += n;
    }
    return NDIS_STATUS_SUCCESS;
}
NT_EXPORT(NdisCopyFromNetBufferToNetBuffer);

ULONG NTAPI NdisQueryNetBufferPhysicalCount(PNET_BUFFER NetBuffer)
{
    struct place p = {NetBuffer->CurrentMdl, NetBuffer->CurrentMdlOffset};
    uint32_t left = NetBuffer->DataLength, bytes = 0;
    ULONG pages = 0;

    for (uint8_t *va; left && (va = place_span(&p, left, &bytes)); left -= bytes)
        pages += (ULONG)(ADDRESS_AND_SIZE_TO_SPAN_PAGES(va, bytes));
    return pages;
}
NT_EXPORT(NdisQueryNetBufferPhysicalCount);

/* Out-of-band information. The last of each table came after the page's list: RSC and UDP
 * segmentation need it just the same. */
static void info_copy(NET_BUFFER_LIST *to, const NET_BUFFER_LIST *from, const uint8_t *slots,
                      size_t count)
{
    for (size_t i = 0; i < count; i++)
        to->NetBufferListInfo[slots[i]] = from->NetBufferListInfo[slots[i]];
}

VOID NTAPI NdisCopySendNetBufferListInfo(PNET_BUFFER_LIST DestNetBufferList,
                                         PNET_BUFFER_LIST SrcNetBufferList)
{
    static const uint8_t slots[] = {
        TcpIpChecksumNetBufferListInfo,
        IPsecOffloadV1NetBufferListInfo,
        TcpLargeSendNetBufferListInfo,
        Ieee8021QNetBufferListInfo,
        MediaSpecificInformation,
        NetBufferListCancelId,
        NetBufferListProtocolId,
        IPsecOffloadV2TunnelNetBufferListInfo,
        IPsecOffloadV2HeaderNetBufferListInfo,
        VirtualSubnetInfo,
        NetBufferListFilteringInfo,
        UdpSegmentationOffloadInfo,
        TcpSendOffloadsSupplementalNetBufferListInfo,
    };

    info_copy(DestNetBufferList, SrcNetBufferList, slots, ARRAY_LEN(slots));
}
NT_EXPORT(NdisCopySendNetBufferListInfo);

VOID NTAPI NdisCopyReceiveNetBufferListInfo(PNET_BUFFER_LIST DestNetBufferList,
                                            PNET_BUFFER_LIST SrcNetBufferList)
{
    static const uint8_t slots[] = {
        TcpIpChecksumNetBufferListInfo,
        IPsecOffloadV1NetBufferListInfo,
        TcpReceiveNoPush,
        Ieee8021QNetBufferListInfo,
        MediaSpecificInformation,
        NetBufferListFrameType,
        NetBufferListHashValue,
        NetBufferListHashInfo,
        IPsecOffloadV2TunnelNetBufferListInfo,
        IPsecOffloadV2HeaderNetBufferListInfo,
        VirtualSubnetInfo,
        NetBufferListFilteringInfo,
        TcpRecvSegCoalesceInfo,
        RscTcpTimestampDelta,
    };

    info_copy(DestNetBufferList, SrcNetBufferList, slots, ARRAY_LEN(slots));
}
NT_EXPORT(NdisCopyReceiveNetBufferListInfo);
