/* SPDX-License-Identifier: MIT */
/* What the overlying protocol can get wrong when it asks for a large send. */
#include "fault.h"

typedef NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO large_slot;

/* The packet's headers, as far as they can be read: a template's length may be 0. */
static struct fields *fields_of(const struct tcpip_slot *s, const struct frame *f)
{
    static struct fields fields;
    struct rig_seen seen = {s->data, f->len};

    fields_read(&seen, &fields);
    return &fields;
}

static bool is_v1(const struct tcpip_slot *s)
{
    large_slot q = {.Value = s->nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo]};

    return q.LsoV2Transmit.Type == NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE;
}

/* What is done to each large send that was asked for. */
#define ASK_FAULT(id, name, what, ...)                                                             \
    static enum tcpip_request name##_ask(struct tcpip *t, const struct tcpip_offers *offers,       \
                                         struct tcpip_slot *s, const struct frame *f)              \
    {                                                                                              \
        enum tcpip_request q = tcpip_ask(t, offers, s, f);                                         \
        void **slot = &s->nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo];                   \
        large_slot changed = {.Value = *slot};                                                     \
                                                                                                   \
        if (*slot) {                                                                               \
            name(&changed, s, f);                                                                  \
            *slot = changed.Value;                                                                 \
        }                                                                                          \
        return q;                                                                                  \
    }                                                                                              \
    FAULT(id, name, what, .ask = name##_ask, ##__VA_ARGS__)

static void other_mss(large_slot *q, struct tcpip_slot *s, const struct frame *f)
{
    (void)s, (void)f;
    q->LsoV2Transmit.MSS -= 12;
}
ASK_FAULT("LSO1-2", other_mss, "protocol: room for options is taken off the MSS");

static void next_byte(large_slot *q, struct tcpip_slot *s, const struct frame *f)
{
    uint8_t *seq = s->data + fields_of(s, f)->l4 + 4;

    (void)q;
    naive_put(seq, 4, naive_get(seq, 4) + 1);
}
ASK_FAULT("LSO1-6", next_byte, "protocol: the sequence number is the second byte's");

static void seed_with_length(large_slot *q, struct tcpip_slot *s, const struct frame *f)
{
    struct fields *l = fields_of(s, f);

    (void)q;
    naive_put(s->data + l->l4 + 16, 2,
              naive_pseudo(s->data + l->l3, l->version, 6, f->len - l->l4));
}
ASK_FAULT("LSO1-17", seed_with_length, "protocol: the seed has the length in it");

static void v1_length_0(large_slot *q, struct tcpip_slot *s, const struct frame *f)
{
    (void)q;
    if (is_v1(s))
        naive_put(s->data + fields_of(s, f)->l3 + 2, 2, 0);
}
ASK_FAULT("LSO1-21", v1_length_0, "protocol: version 1 goes with length 0");

static void v2_length(large_slot *q, struct tcpip_slot *s, const struct frame *f)
{
    struct fields *l = fields_of(s, f);

    (void)q;
    if (!is_v1(s) && l->version == 4)
        naive_put(s->data + l->l3 + 2, 2, f->len - l->l3);
}
ASK_FAULT("LSO2-4", v2_length, "protocol: version 2 over IPv4 goes with the real length");

static void v1_for_ip6(large_slot *q, struct tcpip_slot *s, const struct frame *f)
{
    if (fields_of(s, f)->version == 6)
        q->Value = ask_lso1(q->LsoV2Transmit.MSS, q->LsoV2Transmit.TcpHeaderOffset);
}
ASK_FAULT("LSO1-22", v1_for_ip6, "protocol: version 1 is asked for over IPv6",
          .maybe = "LSO1-21,LSO1-26");

static void v1_from_ip(large_slot *q, struct tcpip_slot *s, const struct frame *f)
{
    (void)f;
    if (is_v1(s))
        q->LsoV1Transmit.TcpHeaderOffset -= 14;
}
ASK_FAULT("LSO1-23", v1_from_ip, "protocol: version 1's offset counts from the IP header");

static void v2_from_ip(large_slot *q, struct tcpip_slot *s, const struct frame *f)
{
    (void)f;
    if (!is_v1(s))
        q->LsoV2Transmit.TcpHeaderOffset -= 14;
}
ASK_FAULT("LSO2-9", v2_from_ip, "protocol: version 2's offset counts from the IP header");

static void other_version(large_slot *q, struct tcpip_slot *s, const struct frame *f)
{
    (void)f;
    if (!is_v1(s))
        q->LsoV2Transmit.IPVersion ^= 1;
}
ASK_FAULT("LSO2-2", other_version, "protocol: IPVersion is the other one");

static void high_id(large_slot *q, struct tcpip_slot *s, const struct frame *f)
{
    struct fields *l = fields_of(s, f);

    (void)q;
    if (!is_v1(s) && l->version == 4)
        s->data[l->l3 + 4] |= 0x80;
}
ASK_FAULT("LSO2-8", high_id, "protocol: Identification has all 16 bits");

/* ---- More than is offered ------------------------------------------------------------------- */

static enum tcpip_request any_count(struct tcpip *t, const struct tcpip_offers *offers,
                                    struct tcpip_slot *s, const struct frame *f)
{
    struct tcpip_offers more = *offers;

    more.lso4_min = more.lso6_min = 0;
    return tcpip_ask(t, &more, s, f);
}
FAULT("LSO1-5", any_count, "protocol: MinSegmentCount is not looked at", .ask = any_count,
      .maybe = "CAP-22,CAP-24");

static enum tcpip_request any_size(struct tcpip *t, const struct tcpip_offers *offers,
                                   struct tcpip_slot *s, const struct frame *f)
{
    struct tcpip_offers more = *offers;

    more.lso4_max = more.lso6_max = UINT32_MAX;
    return tcpip_ask(t, &more, s, f);
}
FAULT("LSO1-26", any_size, "protocol: MaxOffLoadSize is not looked at", .ask = any_size,
      .maybe = "CAP-20,CAP-24");

/* Version 2 for what tcpip would not ask for. */
static enum tcpip_request force(struct tcpip_slot *s, const struct frame *f)
{
    struct fields *l = fields_of(s, f);

    s->nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] =
        ask_lso2(l->version, f->offload.mss, l->l4);
    return TCPIP_REQUEST_DONE;
}

static enum tcpip_request any_flags(struct tcpip *t, const struct tcpip_offers *offers,
                                    struct tcpip_slot *s, const struct frame *f)
{
    uint8_t *tcp = s->data + fields_of(s, f)->l4;
    bool odd = f->offload.gso && fields_of(s, f)->proto == 6 &&
               (tcp[13] & (TCP_SYN | TCP_RST | TCP_URG) || naive_get(tcp + 18, 2));

    return odd ? force(s, f) : tcpip_ask(t, offers, s, f);
}
FAULT("LSO1-12", any_flags, "protocol: flags are not looked at", .ask = any_flags,
      .maybe = "LSO1-17,LSO1-21,LSO1-26,LSO2-4,LSO2-8");

static enum tcpip_request any_headers(struct tcpip *t, const struct tcpip_offers *offers,
                                      struct tcpip_slot *s, const struct frame *f)
{
    bool odd =
        f->offload.gso && fields_of(s, f)->payload > NDIS_LARGE_SEND_OFFLOAD_MAX_HEADER_LENGTH;

    return odd ? force(s, f) : tcpip_ask(t, offers, s, f);
}
FAULT("LSO1-27", any_headers, "protocol: headers of any length", .ask = any_headers,
      .maybe = "LSO1-17,LSO1-21,LSO1-26,LSO2-4,LSO2-8");

static enum tcpip_request udp_too(struct tcpip *t, const struct tcpip_offers *offers,
                                  struct tcpip_slot *s, const struct frame *f)
{
    bool odd = f->offload.gso && fields_of(s, f)->proto == 17;

    return odd ? force(s, f) : tcpip_ask(t, offers, s, f);
}
FAULT("LSO1-28", udp_too, "protocol: UDP is asked to be cut", .ask = udp_too,
      .maybe = "LSO1-6,LSO1-12,LSO1-17,LSO1-21,LSO1-26,LSO2-4,LSO2-8");

/* ---- Two buffers ---------------------------------------------------------------------------- */

static NET_BUFFER second[TCPIP_SLOTS];
static unsigned seconds;

static void add_buffer(large_slot *q, struct tcpip_slot *s, const struct frame *f)
{
    NET_BUFFER *nb = &second[seconds++ % ARRAY_LEN(second)];

    (void)q, (void)f;
    *nb = *s->nbl->FirstNetBuffer;
    nb->DataLength = 0;
    nb->Next = NULL;
    s->nbl->FirstNetBuffer->Next = nb;
}

static VOID NTAPI CompleteFirst(NDIS_HANDLE context, PNET_BUFFER_LIST first, ULONG flags)
{
    for (NET_BUFFER_LIST *nbl = first; nbl; nbl = nbl->Next)
        nbl->FirstNetBuffer->Next = NULL;
    protocol.SendNetBufferListsCompleteHandler(context, first, flags);
}

static void take_off(NDIS_PROTOCOL_DRIVER_CHARACTERISTICS *c)
{
    c->SendNetBufferListsCompleteHandler = CompleteFirst;
}
/* The checker of LSO2-15 sees every one of version 2, in whatever check. */
ASK_FAULT("LSO1-33", add_buffer, "protocol: a second NET_BUFFER comes along", .also = "LSO2-15",
          .protocol_handlers = take_off);
