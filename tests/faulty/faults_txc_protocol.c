/* SPDX-License-Identifier: MIT */
/* What the overlying protocol can get wrong when it asks for checksums. */
#include "fault.h"

/* The seed of a large send, for all: no length in it. */
static void drop_length(struct tcpip_slot *s, uint32_t len, unsigned proto)
{
    struct fields *f = frame_fields(s->data, len);

    if (f && f->proto == proto && s->nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo])
        naive_put(s->data + f->l4 + (proto == 6 ? 16 : 6), 2,
                  naive_pseudo(s->data + f->l3, f->version, f->proto, 0));
}

static enum tcpip_request seed_tcp(struct tcpip *t, const struct tcpip_offers *offers,
                                   struct tcpip_slot *s, const struct frame *f)
{
    enum tcpip_request q = tcpip_ask(t, offers, s, f);

    if (!s->nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo])
        drop_length(s, f->len, 6);
    return q;
}
static enum tcpip_request seed_udp(struct tcpip *t, const struct tcpip_offers *offers,
                                   struct tcpip_slot *s, const struct frame *f)
{
    enum tcpip_request q = tcpip_ask(t, offers, s, f);

    drop_length(s, f->len, 17);
    return q;
}
FAULT("TXC-4", tcp_seed_without_length, "the TCP seed lacks the length", .ask = seed_tcp);
FAULT("TXC-5", udp_seed_without_length, "the UDP seed lacks the length", .ask = seed_udp);

static enum tcpip_request ask_ip(struct tcpip *t, const struct tcpip_offers *offers,
                                 struct tcpip_slot *s, const struct frame *f)
{
    struct tcpip_offers more = *offers;

    more.ip4 = offers->tcp4 || offers->udp4;
    return tcpip_ask(t, &more, s, f);
}
FAULT("TXC-21", asks_unlisted, "the IP checksum is asked for although only others are listed",
      .ask = ask_ip, .maybe = "CAP-24,PAR-28,PAR-25");
