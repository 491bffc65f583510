/* SPDX-License-Identifier: MIT */
/* Where faults come into large sends: on their way into NDIS, and as the card cuts them. */
#include "hosts.h"

enum { SENT = 1024 };

static struct fault_sent sent[SENT];
static unsigned sent_count;
static bool extra_asked;

enum frame_segment_error __real_frame_segment_begin(struct frame_segmenter *s,
                                                    const struct frame *f,
                                                    enum frame_id_mode id_mode);
enum frame_segment_error __wrap_frame_segment_begin(struct frame_segmenter *s,
                                                    const struct frame *f,
                                                    enum frame_id_mode id_mode);
int __real_frame_segment_next(struct frame_segmenter *s, uint8_t *header, struct frame_span *out,
                              uint32_t out_max, uint32_t *len);
int __wrap_frame_segment_next(struct frame_segmenter *s, uint8_t *header, struct frame_span *out,
                              uint32_t out_max, uint32_t *len);
uint32_t __real_frame_segment_next_copy(struct frame_segmenter *s, uint8_t *dst);
uint32_t __wrap_frame_segment_next_copy(struct frame_segmenter *s, uint8_t *dst);
VOID NTAPI __real_NdisSendNetBufferLists(NDIS_HANDLE binding, PNET_BUFFER_LIST first,
                                         NDIS_PORT_NUMBER port, ULONG flags);
VOID NTAPI __wrap_NdisSendNetBufferLists(NDIS_HANDLE binding, PNET_BUFFER_LIST first,
                                         NDIS_PORT_NUMBER port, ULONG flags);

/* ---- Into NDIS ------------------------------------------------------------------------------ */

static void copy_head(struct fault_sent *s, const NET_BUFFER *nb)
{
    uint32_t skip = nb->CurrentMdlOffset;

    for (MDL *mdl = nb->CurrentMdl; mdl; mdl = mdl->Next) {
        uint32_t bytes = MmGetMdlByteCount(mdl), n;

        s->mdls++;
        s->odd |= mdl->Next && bytes % 2;
        n = MIN_OF(bytes - MIN_OF(skip, bytes), (uint32_t)sizeof s->head - s->head_len);
        n = MIN_OF(n, s->bytes - s->head_len);
        memcpy(s->head + s->head_len,
               (uint8_t *)MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority) + skip, n);
        s->head_len += n;
        skip = 0;
    }
}

static void note_sent(const NET_BUFFER_LIST *nbl, unsigned chain)
{
    struct fault_sent *s = &sent[sent_count++ % SENT];

    memset(s, 0, sizeof *s);
    s->nbl = nbl;
    s->slot.Value = nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo];
    s->l4 = s->slot.LsoV2Transmit.TcpHeaderOffset;
    s->bytes = nbl->FirstNetBuffer->DataLength;
    s->chain = chain;
    s->checksum = nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] != NULL;
    s->tagged = nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo] != NULL;
    copy_head(s, nbl->FirstNetBuffer);
}

const struct fault_sent *sent_nbl(const NET_BUFFER_LIST *nbl)
{
    for (unsigned i = 0; i < MIN_OF(sent_count, (unsigned)SENT); i++) {
        const struct fault_sent *s = &sent[(sent_count - 1 - i) % SENT];

        if (s->nbl == nbl)
            return s;
    }
    return NULL;
}

struct fields *sent_fields(const struct fault_sent *s)
{
    static uint8_t head[sizeof s->head];
    static struct fields f;
    struct rig_seen seen = {head, s->head_len};

    memcpy(head, s->head, sizeof head);
    fields_read(&seen, &f);
    return f.l4 ? &f : NULL;
}

static void forget(const NET_BUFFER_LIST *nbl)
{
    for (unsigned i = 0; i < SENT; i++) {
        if (sent[i].nbl == nbl)
            sent[i].nbl = NULL;
    }
}

VOID NTAPI __wrap_NdisSendNetBufferLists(NDIS_HANDLE binding, PNET_BUFFER_LIST first,
                                         NDIS_PORT_NUMBER port, ULONG flags)
{
    unsigned chain = 0;
    union {
        void *object;
        __typeof__(&__real_NdisSendNetBufferLists) function;
    } host = {fault_host("NdisSendNetBufferLists")};

    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = nbl->Next)
        chain++;
    for (NET_BUFFER_LIST *nbl = first; nbl && fault; nbl = nbl->Next) {
        forget(nbl); /* it may be another's that was freed */
        if (nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] && nbl->FirstNetBuffer)
            note_sent(nbl, chain);
    }
    if (fault && fault->send)
        first = fault->send(first);
    if (host.object)
        host.function(binding, first, port, flags);
    else
        __real_NdisSendNetBufferLists(binding, first, port, flags);
}

/* ---- On the card ---------------------------------------------------------------------------- */

const struct fault_sent *sent_packet(const uint8_t *tcp)
{
    static const struct fault_sent unknown;

    for (unsigned i = 0; i < MIN_OF(sent_count, (unsigned)SENT); i++) {
        const struct fault_sent *s = &sent[(sent_count - 1 - i) % SENT];

        /* Ports and sequence number. */
        if (s->l4 + 8 <= s->head_len && memcmp(s->head + s->l4, tcp, 8) == 0)
            return s;
    }
    return &unknown;
}

static struct fault_segment segment_of(const struct frame_segmenter *s, uint8_t *bytes,
                                       uint32_t len, unsigned index)
{
    struct fault_segment g = {.bytes = bytes,
                              .len = len,
                              .index = index,
                              .count = s->segment_count,
                              .mss = s->mss,
                              .f = frame_fields(bytes, len),
                              .sent = sent_packet(s->header + s->layers.l4_offset)};

    g.v1 = g.sent->slot.Value &&
           g.sent->slot.LsoV2Transmit.Type == NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE;
    return g;
}

/* The overlying protocol cuts, too, what the driver does not take: not our business. */
static bool asked(const struct frame_segmenter *s)
{
    return fault && sent_packet(s->header + s->layers.l4_offset)->slot.Value;
}

enum frame_segment_error __wrap_frame_segment_begin(struct frame_segmenter *s,
                                                    const struct frame *f,
                                                    enum frame_id_mode id_mode)
{
    struct frame changed = *f;
    enum frame_segment_error error = __real_frame_segment_begin(s, f, id_mode);

    extra_asked = false;
    if (error || !asked(s) || !fault->cut)
        return error;
    fault->cut(&changed, &id_mode);
    return __real_frame_segment_begin(s, &changed, id_mode);
}

static bool more(const struct frame_segmenter *s)
{
    return s->next < s->segment_count || (fault->extra && !extra_asked);
}

/* A frame to be changed has to be in one piece. */
int __wrap_frame_segment_next(struct frame_segmenter *s, uint8_t *header, struct frame_span *out,
                              uint32_t out_max, uint32_t *len)
{
    if (asked(s) && (fault->segment || fault->extra) && more(s))
        return -1;
    return __real_frame_segment_next(s, header, out, out_max, len);
}

static uint32_t ask_extra(struct frame_segmenter *s, uint8_t *dst)
{
    struct fault_segment g;

    if (!asked(s) || !fault->extra || extra_asked)
        return 0;
    extra_asked = true;
    memcpy(dst, s->header, s->header_len);
    g = segment_of(s, dst, s->header_len, s->segment_count);
    if (!fault->extra(&g))
        return 0;
    frame_mend(g.bytes, g.len);
    return g.len;
}

uint32_t __wrap_frame_segment_next_copy(struct frame_segmenter *s, uint8_t *dst)
{
    uint32_t len;

    while ((len = __real_frame_segment_next_copy(s, dst)) != 0) {
        struct fault_segment g = segment_of(s, dst, len, s->next - 1);
        enum segment_fate fate = SEGMENT_GOES;

        if (asked(s) && fault->segment && g.f)
            fate = fault->segment(&g);
        if (fate == SEGMENT_LOST)
            continue;
        if (fate == SEGMENT_MEND)
            frame_mend(g.bytes, g.len);
        return g.len;
    }
    return ask_extra(s, dst);
}
