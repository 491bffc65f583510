/* SPDX-License-Identifier: MIT */
/* What can go wrong with the headers of a large send's frames: lengths, checksums, options,
 * Identification, what is copied. */
#include "fault.h"

/* Every frame of version 2 is part of LSO2-1, which compares whole frames, and PAR-24 looks at
 * lengths and checksums with the checksum offload off. */
#define SEGMENT_FAULT(id, name, what, ...)                                                         \
    FAULT(id, name, what, .maybe = "LSO2-1,PAR-24", .segment = name, ##__VA_ARGS__)

static uint8_t *ip_of(struct fault_segment *s)
{
    return s->bytes + s->f->l3;
}

static uint8_t *tcp_of(struct fault_segment *s)
{
    return s->bytes + s->f->l4;
}

/* Where the IP header was when it was handed down: a tag from the slot is not there yet. */
static uint32_t l3_of(const struct fault_segment *s)
{
    return s->f->l3 - (s->sent->tagged ? 4 : 0);
}

/* ---- Lengths -------------------------------------------------------------------------------- */

static enum segment_fate whole_length(struct fault_segment *s)
{
    if (s->f->version == 4 && s->sent->slot.Value)
        naive_put(ip_of(s) + 2, 2, s->sent->bytes - l3_of(s));
    return SEGMENT_MEND;
}
/* Padding then looks like data. */
FAULT("LSO1-15", whole_length, "each frame has the large packet's Total Length", .also = "LSO2-20",
      .maybe = "LSO1-3,LSO1-4,LSO2-1,PAR-24", .segment = whole_length);

static enum segment_fate template_length(struct fault_segment *s)
{
    uint32_t there = s->sent->slot.Value ? naive_get(s->sent->head + l3_of(s) + 4, 2) : 0;

    if (s->f->version == 6 && there)
        naive_put(ip_of(s) + 4, 2, there);
    return SEGMENT_GOES;
}
SEGMENT_FAULT("LSO2-5", template_length, "a Payload Length in the template is repeated");

static enum segment_fate first_snap_length(struct fault_segment *s)
{
    static uint32_t first;

    if (s->f->snap && s->index == 0)
        first = s->f->snap_len;
    if (s->f->snap)
        naive_put(s->bytes + (s->f->tagged ? 16 : 12), 2, first);
    return SEGMENT_GOES;
}
SEGMENT_FAULT("LSO1-35", first_snap_length, "the first frame's 802.3 length is repeated");

/* ---- Checksums ------------------------------------------------------------------------------ */

static enum segment_fate stale_ip_sum(struct fault_segment *s)
{
    static uint32_t first;

    if (s->f->version == 4 && s->index == 0)
        first = naive_get(ip_of(s) + 10, 2);
    if (s->f->version == 4)
        naive_put(ip_of(s) + 10, 2, first);
    return SEGMENT_GOES;
}
SEGMENT_FAULT("LSO1-16", stale_ip_sum, "the first frame's IPv4 checksum is repeated");

/* With that TCP length in the pseudo-header. */
static void sum_with(struct fault_segment *s, uint32_t length)
{
    uint8_t *field = tcp_of(s) + 16;
    uint32_t sum = naive_pseudo(ip_of(s), s->f->version, 6, length);

    naive_put(field, 2, 0);
    naive_put(field, 2, 0xffff - naive_sum(tcp_of(s), s->f->end - s->f->l4, 0, sum));
}

static enum segment_fate no_length(struct fault_segment *s)
{
    sum_with(s, 0);
    return SEGMENT_GOES;
}
SEGMENT_FAULT("LSO1-17", no_length, "the checksum has no TCP length in it", .also = "LSO1-18");

static enum segment_fate whole_in_sum(struct fault_segment *s)
{
    if (s->sent->slot.Value)
        sum_with(s, s->sent->bytes - s->sent->l4);
    return SEGMENT_GOES;
}
SEGMENT_FAULT("LSO1-17", whole_in_sum, "the checksum has the large packet's TCP length in it",
              .also = "LSO1-18");

static enum segment_fate last_sum(struct fault_segment *s)
{
    if (s->index + 1 == s->count)
        tcp_of(s)[16] ^= 0x5a;
    return SEGMENT_GOES;
}
SEGMENT_FAULT("LSO1-18", last_sum, "the last frame's TCP checksum is wrong");

static enum segment_fate sum_beside_slot(struct fault_segment *s)
{
    tcp_of(s)[17] ^= s->sent->checksum ? 0x5a : 0;
    return SEGMENT_GOES;
}
SEGMENT_FAULT("LSO1-18", sum_beside_slot, "TCP checksums are wrong when their slot is set, too");

/* ---- Options -------------------------------------------------------------------------------- */

static enum segment_fate advance_timestamp(struct fault_segment *s)
{
    uint8_t *option = tcp_of(s) + 20;

    if (s->f->tcp_header_len >= 32 && naive_get(option, 4) == 0x0101080a)
        naive_put(option + 4, 4, naive_get(option + 4, 4) + s->index);
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-13", advance_timestamp, "the timestamp is advanced from frame to frame",
              .also = "LSO2-13");

static enum segment_fate options_first(struct fault_segment *s)
{
    if (s->index > 0)
        memset(tcp_of(s) + 20, 1, s->f->tcp_header_len - 20);
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-13", options_first, "TCP options stand in the first frame only",
              .also = "LSO2-13");

static enum segment_fate long_options_first(struct fault_segment *s)
{
    if (s->index > 0 && s->f->tcp_header_len > 32)
        memset(tcp_of(s) + 32, 1, s->f->tcp_header_len - 32);
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO2-13", long_options_first, "after the first frame, 12 bytes of TCP options");

static enum segment_fate ip_options_first(struct fault_segment *s)
{
    if (s->f->version == 4 && s->index > 0)
        memset(ip_of(s) + 20, 1, s->f->ip_header_len - 20);
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-14", ip_options_first, "IPv4 options stand in the first frame only",
              .also = "LSO2-11");

static enum segment_fate some_ip_options(struct fault_segment *s)
{
    if (s->f->version == 4 && s->index > 0 && s->f->ip_header_len > 24)
        memset(ip_of(s) + 24, 1, s->f->ip_header_len - 24);
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO2-11", some_ip_options, "after the first frame, one IPv4 option of several");

static enum segment_fate extensions_first(struct fault_segment *s)
{
    if (s->f->version == 6 && s->index > 0 && s->f->ip_header_len > 40)
        ip_of(s)[44] ^= 1;
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO2-12", extensions_first, "extension headers differ after the first frame");

/* ---- What is copied ------------------------------------------------------------------------- */

static enum segment_fate lower_ttl(struct fault_segment *s)
{
    if (s->f->version == 4)
        ip_of(s)[8] = (uint8_t)(s->f->ttl - s->index);
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-19", lower_ttl, "TTL goes down from frame to frame");

static enum segment_fate df_first(struct fault_segment *s)
{
    if (s->f->version == 4 && s->index > 0)
        ip_of(s)[6] &= (uint8_t)~0x40;
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO1-19", df_first, "DF is set in the first frame only");

static enum segment_fate other_mac(struct fault_segment *s)
{
    s->bytes[11] ^= s->index ? 0x80 : 0;
    return SEGMENT_GOES;
}
SEGMENT_FAULT("LSO1-19", other_mac, "another source MAC address after the first frame");

static enum segment_fate flow_label_first(struct fault_segment *s)
{
    if (s->f->version == 6 && s->index > 0) {
        ip_of(s)[1] &= 0xf0;
        naive_put(ip_of(s) + 2, 2, 0);
    }
    return SEGMENT_GOES;
}
SEGMENT_FAULT("LSO2-14", flow_label_first, "the flow label stands in the first frame only");

static enum segment_fate lower_hop_limit(struct fault_segment *s)
{
    if (s->f->version == 6)
        ip_of(s)[7] = (uint8_t)(s->f->ttl - s->index);
    return SEGMENT_GOES;
}
SEGMENT_FAULT("LSO2-14", lower_hop_limit, "the hop limit goes down from frame to frame",
              .also = "LSO1-19");

static enum segment_fate traffic_class_first(struct fault_segment *s)
{
    if (s->f->version == 6 && s->index > 0) {
        ip_of(s)[0] = 0x60;
        ip_of(s)[1] &= 0x0f;
    }
    return SEGMENT_GOES;
}
SEGMENT_FAULT("LSO2-14", traffic_class_first, "the traffic class stands in the first frame only",
              .also = "LSO1-11");

static enum segment_fate slot_priority_first(struct fault_segment *s)
{
    if (s->f->tagged && s->sent->tagged && s->index > 0)
        s->bytes[14] &= 0x0f;
    return SEGMENT_GOES;
}
FAULT("LSO1-34", slot_priority_first, "after the first frame, the slot's tag lacks priority",
      .maybe = "LSO2-1,CAP-10,CAP-11", .segment = slot_priority_first);

static enum segment_fate buffer_vlan_first(struct fault_segment *s)
{
    if (s->f->tagged && !s->sent->tagged && s->index > 0)
        s->bytes[15] = 0;
    return SEGMENT_GOES;
}
FAULT("LSO1-34", buffer_vlan_first, "after the first frame, the buffer's tag has another id",
      .maybe = "LSO2-1,CAP-10,CAP-11", .segment = buffer_vlan_first);

/* ---- Identification ------------------------------------------------------------------------- */

static enum segment_fate same_id(struct fault_segment *s)
{
    static uint32_t first;

    if (s->v1 && s->index == 0)
        first = s->f->ip_id;
    if (s->v1)
        naive_put(ip_of(s) + 4, 2, first);
    return SEGMENT_MEND;
}
FAULT("LSO1-20", same_id, "version 1: all frames have the same Identification", .also = "LSO2-20",
      .segment = same_id);

static enum segment_fate next_id(struct fault_segment *s)
{
    if (s->v1)
        naive_put(ip_of(s) + 4, 2, s->f->ip_id + 1u);
    return SEGMENT_MEND;
}
FAULT("LSO1-20", next_id, "version 1: the first frame's Identification is one too high",
      .also = "LSO2-20", .segment = next_id);

static void count_16_bits(struct frame *f, enum frame_id_mode *mode)
{
    (void)f;
    *mode = FRAME_ID_16BIT;
}
FAULT("LSO2-7", count_16_bits, "Identification counts on to 0x8000", .also = "LSO2-20",
      .cut = count_16_bits);

static enum segment_fate keep_top_bit(struct fault_segment *s)
{
    if (s->f->version == 4 && !s->v1 && s->sent->slot.Value)
        ip_of(s)[4] |= s->sent->head[l3_of(s) + 4] & 0x80;
    return SEGMENT_MEND;
}
SEGMENT_FAULT("LSO2-8", keep_top_bit, "the template's Identification is taken as it is");

/* ---- The packet's version ------------------------------------------------------------------- */

static NET_BUFFER_LIST *right_version(NET_BUFFER_LIST *chain)
{
    for (NET_BUFFER_LIST *nbl = chain; nbl; nbl = nbl->Next) {
        const struct fault_sent *s = sent_nbl(nbl);
        NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO q = {.Value = s ? s->slot.Value : NULL};
        struct fields *f = s ? sent_fields(s) : NULL;

        if (!f || q.LsoV2Transmit.Type != NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE)
            continue;
        q.LsoV2Transmit.IPVersion = f->version == 6;
        nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = q.Value;
    }
    return chain;
}

/* As the slot would have it: the length where the other version keeps it. */
static enum segment_fate other_version(struct fault_segment *s)
{
    if (s->v1 || !s->sent->slot.Value ||
        s->sent->slot.LsoV2Transmit.IPVersion == (s->f->version == 6))
        return SEGMENT_GOES;
    naive_put(ip_of(s) + 2, 2, s->f->version == 4 ? 0 : s->f->ip_total);
    naive_put(ip_of(s) + 4, 2, s->f->version == 4 ? s->f->ip_total : 0);
    return SEGMENT_GOES;
}
FAULT("LSO2-2", other_version, "IP headers are filled in by the slot's version",
      .segment = other_version, .send = right_version);
