/* SPDX-License-Identifier: MIT */
/* What a driver can get wrong about a large send that it is handed. */
#include "fault.h"

static uint8_t *data_of(const NET_BUFFER_LIST *nbl)
{
    const NET_BUFFER *nb = nbl->FirstNetBuffer;

    return (uint8_t *)MmGetSystemAddressForMdlSafe(nb->CurrentMdl, NormalPagePriority) +
           nb->CurrentMdlOffset;
}

static bool is_v1(const struct fault_sent *s)
{
    return s->slot.LsoV2Transmit.Type == NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE;
}

/* In the same place in both versions. */
static void set_mss(NET_BUFFER_LIST *nbl, uint32_t mss)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO q = {
        .Value = nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo]};

    q.LsoV2Transmit.MSS = mss & 0xfffff;
    nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = q.Value;
}

static void set_offset(NET_BUFFER_LIST *nbl, uint32_t offset)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO q = {
        .Value = nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo]};

    q.LsoV2Transmit.TcpHeaderOffset = offset & 0x3ff;
    nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = q.Value;
}

/* What is done to each large send of a chain. The driver refuses an MSS of 0. */
#define SEND_FAULT(id, name, what, ...)                                                            \
    static NET_BUFFER_LIST *name##_chain(NET_BUFFER_LIST *chain)                                   \
    {                                                                                              \
        for (NET_BUFFER_LIST *nbl = chain; nbl; nbl = nbl->Next) {                                 \
            const struct fault_sent *s = sent_nbl(nbl);                                            \
                                                                                                   \
            if (s)                                                                                 \
                name(nbl, s);                                                                      \
        }                                                                                          \
        return chain;                                                                              \
    }                                                                                              \
    FAULT(id, name, what, .send = name##_chain, ##__VA_ARGS__)

/* ---- The slot ------------------------------------------------------------------------------- */

static NET_BUFFER_LIST *stale_slot(NET_BUFFER_LIST *chain)
{
    static uint32_t bytes;
    static void *slot;

    for (NET_BUFFER_LIST *nbl = chain; nbl; nbl = nbl->Next) {
        void **at = &nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo];

        if (*at) {
            slot = *at;
            bytes = nbl->FirstNetBuffer->DataLength;
        } else if (nbl->FirstNetBuffer->DataLength == bytes) {
            *at = slot;
        }
    }
    return chain;
}
FAULT("LSO1-1", stale_slot, "the slot of the send before still counts", .send = stale_slot);

static void clear_flags(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    if (s->l4 >= 34 && s->l4 + 20 < s->bytes)
        data_of(nbl)[s->l4 + 13] &= (uint8_t) ~(TCP_SYN | TCP_RST | TCP_URG);
}
SEND_FAULT("LSO1-12", clear_flags, "SYN, RST and URG are cleared and the packet is cut");

static void clear_fragment(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    struct fields *f = sent_fields(s);
    uint8_t *word;

    if (!f || f->version != 4)
        return;
    word = data_of(nbl) + f->l3 + 6;
    naive_put(word, 2, naive_get(word, 2) & 0xc000);
}
SEND_FAULT("LSO1-12", clear_fragment, "a fragment is cut as if it were none");

static void length_of_buffer(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    struct fields *f = sent_fields(s);

    if (f && f->version == 4 && is_v1(s))
        naive_put(data_of(nbl) + f->l3 + 2, 2, s->bytes - f->l3);
}
SEND_FAULT("LSO1-21", length_of_buffer, "version 1: the length is the buffer's");

static void v1_on_ip6(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    if (is_v1(s) && naive_get(s->head + 12, 2) == 0x86dd)
        nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] =
            ask_lso2(6, s->slot.LsoV1Transmit.MSS, s->l4);
}
SEND_FAULT("LSO1-22", v1_on_ip6, "version 1 on IPv6 is cut");

/* ---- Where the TCP header is ---------------------------------------------------------------- */

static void v1_at_34(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    struct fields *f = sent_fields(s);

    if (f && is_v1(s) && f->l4 == s->l4)
        set_offset(nbl, 34);
}
SEND_FAULT("LSO1-23", v1_at_34, "version 1: the TCP header is always at 34", .also = "LSO1-14",
           .maybe = "LSO1-22,LSO1-34,LSO1-35,CAP");

static void v2_without_options(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    struct fields *f = sent_fields(s);

    if (f && !is_v1(s) && f->l4 == s->l4)
        set_offset(nbl, f->version == 4 ? 34 : 54);
}
SEND_FAULT("LSO2-9", v2_without_options, "version 2: the TCP header is always at 34 or 54",
           .also = "LSO1-14,LSO2-5,LSO2-11,LSO2-12", .maybe = "LSO1-34,LSO1-35,CAP");

/* ---- Buffers and sizes ---------------------------------------------------------------------- */

static void headers_alone(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    struct fields *f = sent_fields(s);

    if (f && s->mdls > 1 && MmGetMdlByteCount(nbl->FirstNetBuffer->CurrentMdl) == f->payload)
        set_mss(nbl, 0);
}
SEND_FAULT("LSO1-24", headers_alone, "the first MDL must hold some of the data");

static void many_mdls(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    if (s->mdls > 16)
        set_mss(nbl, 0);
}
SEND_FAULT("LSO1-25", many_mdls, "more than 16 MDLs are refused");

static enum segment_fate odd_pieces(struct fault_segment *s)
{
    s->bytes[s->f->l4 + 17] ^= s->sent->odd ? 0x5a : 0;
    return SEGMENT_GOES;
}
FAULT("LSO1-25", odd_pieces, "an MDL of odd length makes the checksum wrong",
      .segment = odd_pieces);

static void less_than_most(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    if (s->bytes > 65000)
        set_mss(nbl, 0);
}
SEND_FAULT("LSO1-26", less_than_most, "MaxOffLoadSize itself is refused", .maybe = "CAP-20");

static void all_of_the_mdl(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    NET_BUFFER *nb = nbl->FirstNetBuffer;

    if (!is_v1(s) && naive_get(s->head + 12, 2) == 0x0800 && !nb->CurrentMdl->Next)
        nb->DataLength = MmGetMdlByteCount(nb->CurrentMdl) - nb->CurrentMdlOffset;
}
SEND_FAULT("LSO2-4", all_of_the_mdl, "the length is the MDL's", .maybe = "LSO1-26");

/* A tag from the slot counts as part of the frame that was handed down. */
static void count_tag(struct frame *f, enum frame_id_mode *mode)
{
    uint8_t head[192];
    struct rig_seen seen = {head, (uint32_t)frame_pull(f, 0, head, sizeof head)};
    struct fields fields;

    (void)mode;
    fields_read(&seen, &fields);
    if (fields.l4 && sent_packet(head + fields.l4)->tagged)
        f->offload.mss = (uint16_t)(f->offload.mss - 4);
}
FAULT("LSO2-21", count_tag, "a tag from the slot counts against the MSS", .cut = count_tag);

/* ---- Order ---------------------------------------------------------------------------------- */

static NET_BUFFER_LIST *small_ones_first(NET_BUFFER_LIST *chain)
{
    NET_BUFFER_LIST *large = NULL, **large_tail = &large, *small = NULL, **small_tail = &small;

    for (NET_BUFFER_LIST *nbl = chain, *next; nbl; nbl = next) {
        next = nbl->Next;
        nbl->Next = NULL;
        if (sent_nbl(nbl)) {
            *large_tail = nbl;
            large_tail = &nbl->Next;
        } else {
            *small_tail = nbl;
            small_tail = &nbl->Next;
        }
    }
    *small_tail = large;
    return small;
}
FAULT("LSO1-29", small_ones_first, "large sends wait until the small ones are gone",
      .send = small_ones_first);

/* ---- Too small, or contradicting itself ----------------------------------------------------- */

static void as_it_is(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    struct fields *f = sent_fields(s);

    if (f && f->l4 == s->l4 && s->bytes - f->payload <= s->slot.LsoV2Transmit.MSS)
        nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = NULL;
}
SEND_FAULT("LSO1-38", as_it_is, "data of one segment leaves as the template is");

static void some_mss(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    if (s->slot.LsoV2Transmit.MSS == 0)
        set_mss(nbl, 536);
}
SEND_FAULT("LSO1-39", some_mss, "MSS 0 stands for 536");

static void right_offset(NET_BUFFER_LIST *nbl, const struct fault_sent *s)
{
    struct fields *f = sent_fields(s);

    if (f && f->proto == 6)
        set_offset(nbl, f->l4);
}
SEND_FAULT("LSO1-39", right_offset, "TcpHeaderOffset is not looked at");
