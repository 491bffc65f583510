/* SPDX-License-Identifier: MIT */
/* Inbound: NET_BUFFER_LISTs go to the TAP, with the adapter's checksum verdict. */
#include "tcpip/tcpip_int.h"

enum { RX_PIECES = 8, ETH_ADDRESSES = 12 };

/* One batch on its way to the TAP: frames, their pieces, and re-inserted VLAN tags. */
struct rx_batch {
    struct frame frames[PORT_BATCH];
    struct frame_span spans[PORT_BATCH][RX_PIECES + 2];
    uint8_t tags[PORT_BATCH][4];
    unsigned count;
};

/* The bytes of a NET_BUFFER as spans; false when there are too many pieces. */
static bool nb_spans(NET_BUFFER *nb, struct frame_span *spans, uint32_t *count)
{
    uint32_t left = NET_BUFFER_DATA_LENGTH(nb);
    ULONG offset = NET_BUFFER_CURRENT_MDL_OFFSET(nb);

    *count = 0;
    for (MDL *mdl = NET_BUFFER_CURRENT_MDL(nb); mdl && left > 0; mdl = mdl->Next) {
        uint32_t len = MIN_OF((uint32_t)MmGetMdlByteCount(mdl) - offset, left);
        uint8_t *va = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);

        if (len > 0) {
            if (*count == RX_PIECES || !va)
                return false;
            spans[(*count)++] = (struct frame_span){va + offset, len};
        }
        left -= len;
        offset = 0;
    }
    return left == 0;
}

/* A tag that the adapter moved to the out-of-band slot goes back behind the addresses: Linux reads
 * tags from the bytes. */
static bool restore_tag(struct rx_batch *b, struct frame *f, struct frame_span *spans,
                        const NET_BUFFER_LIST *nbl)
{
    NDIS_NET_BUFFER_LIST_8021Q_INFO q;
    uint8_t *tag = b->tags[b->count];
    uint16_t tci;

    q.Value = NET_BUFFER_LIST_INFO(nbl, Ieee8021QNetBufferListInfo);
    if (!q.Value)
        return true;
    if (spans[0].len < ETH_ADDRESSES)
        return false;
    tci = (uint16_t)((q.TagHeader.UserPriority << 13) | (q.TagHeader.CanonicalFormatId << 12) |
                     q.TagHeader.VlanId);
    memcpy(tag, (uint8_t[]){0x81, 0x00, (uint8_t)(tci >> 8), (uint8_t)tci}, 4);
    memmove(&spans[2], &spans[0], f->span_count * sizeof *spans);
    spans[0] = (struct frame_span){spans[2].data, ETH_ADDRESSES};
    spans[1] = (struct frame_span){tag, 4};
    spans[2].data += ETH_ADDRESSES;
    spans[2].len -= ETH_ADDRESSES;
    f->span_count += 2;
    f->len += 4;
    return true;
}

static void batch_flush(struct tcpip *t, struct rx_batch *b)
{
    unsigned went;

    if (b->count == 0)
        return;
    went = port_tx(t->tap, b->frames, b->count);
    tcpip_count(t, TCPIP_RX_FRAMES, went);
    if (went < b->count)
        tcpip_count(t, TCPIP_RX_NO_ROOM, b->count - went);
    b->count = 0;
}

static void batch_add(struct tcpip *t, struct rx_batch *b, const NET_BUFFER_LIST *nbl,
                      NET_BUFFER *nb)
{
    struct frame *f = &b->frames[b->count];
    struct frame_span *spans = b->spans[b->count];

    *f = (struct frame){.spans = spans, .len = NET_BUFFER_DATA_LENGTH(nb)};
    if (!tcpip_verdict_read(nbl, &f->offload)) {
        tcpip_count(t, TCPIP_RX_BAD_CHECKSUM, 1);
        return;
    }
    if (!nb_spans(nb, spans, &f->span_count) || !restore_tag(b, f, spans, nbl)) {
        tcpip_count(t, TCPIP_RX_FRAGMENTED, 1);
        return;
    }
    if (f->offload.flags & FRAME_CSUM_VALID)
        tcpip_count(t, TCPIP_RX_VERIFIED, 1);
    if (++b->count == PORT_BATCH)
        batch_flush(t, b);
}

VOID NTAPI TcpipReceiveNetBufferLists(NDIS_HANDLE ProtocolBindingContext,
                                      PNET_BUFFER_LIST NetBufferLists, NDIS_PORT_NUMBER PortNumber,
                                      ULONG NumberOfNetBufferLists, ULONG ReceiveFlags)
{
    struct tcpip *t = ProtocolBindingContext;
    struct rx_batch b;

    (void)PortNumber;
    (void)NumberOfNetBufferLists;
    b.count = 0;
    for (NET_BUFFER_LIST *nbl = NetBufferLists; nbl; nbl = NET_BUFFER_LIST_NEXT_NBL(nbl)) {
        for (NET_BUFFER *nb = NET_BUFFER_LIST_FIRST_NB(nbl); nb; nb = NET_BUFFER_NEXT_NB(nb))
            batch_add(t, &b, nbl, nb);
    }
    batch_flush(t, &b);
    if (!(ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES))
        NdisReturnNetBufferLists(t->binding, NetBufferLists,
                                 ReceiveFlags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL
                                     ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL
                                     : 0);
}
