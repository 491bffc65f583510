/* SPDX-License-Identifier: MIT */
/* Offloads put to use, one packet at a time. */
#include "conform/promise.h"

#include "conform/watch.h"

enum { SEEN_MAX = 8, PAYLOAD = 301, LARGE_PAYLOAD = 3001, MSS = 1000 };

/* An option of 124 bytes whose type says: skip it when unknown (RFC 8200 §4.2, RFC 4727). */
const uint8_t promise_extension_128[128] = {0, 15, 0x1e, 124, 1, 2, 3, [127] = 0xe7};

unsigned promise_transmit(const struct rig *r, unsigned version, unsigned proto)
{
    NDIS_OFFLOAD o = rig_offload(r).current;
    unsigned tcp =
        version == 4 ? o.Checksum.IPv4Transmit.TcpChecksum : o.Checksum.IPv6Transmit.TcpChecksum;
    unsigned udp =
        version == 4 ? o.Checksum.IPv4Transmit.UdpChecksum : o.Checksum.IPv6Transmit.UdpChecksum;
    unsigned ip = version == 4 && o.Checksum.IPv4Transmit.IpChecksum == NDIS_OFFLOAD_SUPPORTED;

    if ((proto == 6 ? tcp : udp) != NDIS_OFFLOAD_SUPPORTED)
        return 0;
    return (proto == 6 ? ASK_TCP : ASK_UDP) | (ip ? ASK_IP : 0u);
}

uint32_t promise_transmit_frames(const struct rig *r, unsigned version)
{
    NDIS_OFFLOAD o = rig_offload(r).current;

    return version == 4 ? o.Checksum.IPv4Transmit.Encapsulation
                        : o.Checksum.IPv6Transmit.Encapsulation;
}

unsigned promise_receive(const struct rig *r, unsigned version, unsigned proto)
{
    NDIS_OFFLOAD o = rig_offload(r).current;
    unsigned tcp =
        version == 4 ? o.Checksum.IPv4Receive.TcpChecksum : o.Checksum.IPv6Receive.TcpChecksum;
    unsigned udp =
        version == 4 ? o.Checksum.IPv4Receive.UdpChecksum : o.Checksum.IPv6Receive.UdpChecksum;
    unsigned ip = version == 4 && o.Checksum.IPv4Receive.IpChecksum == NDIS_OFFLOAD_SUPPORTED;

    if ((proto == 6 ? tcp : udp) != NDIS_OFFLOAD_SUPPORTED)
        return 0;
    return (proto == 6 ? ASK_TCP : ASK_UDP) | (ip ? ASK_IP : 0u);
}

uint32_t promise_receive_frames(const struct rig *r, unsigned version)
{
    NDIS_OFFLOAD o = rig_offload(r).current;

    return version == 4 ? o.Checksum.IPv4Receive.Encapsulation
                        : o.Checksum.IPv6Receive.Encapsulation;
}

uint32_t promise_large_frames(const struct rig *r, enum large_kind kind)
{
    NDIS_OFFLOAD o = rig_offload(r).current;

    return kind == LARGE_V1       ? o.LsoV1.IPv4.Encapsulation
           : kind == LARGE_V2_IP4 ? o.LsoV2.IPv4.Encapsulation
                                  : o.LsoV2.IPv6.Encapsulation;
}

uint16_t promise_tag(void *tag)
{
    ULONG options = watch_attributes()->general.MacOptions;
    NDIS_NET_BUFFER_LIST_8021Q_INFO i = {.Value = tag};

    return (uint16_t)((options & NDIS_MAC_OPTION_8021P_PRIORITY
                           ? (unsigned)i.TagHeader.UserPriority << 13
                           : 0u) |
                      (options & NDIS_MAC_OPTION_8021Q_VLAN ? (unsigned)i.TagHeader.VlanId : 0u));
}

/* ---- Out ------------------------------------------------------------------------------------ */

static bool judge_tag(struct rig *r, const struct fields *f, const struct packet *k, void *tag)
{
    uint16_t want = tag ? promise_tag(tag) : 0;

    if (k->l3 >= ETH_LEN + 4 && naive_get(k->bytes + 12, 2) == 0x8100)
        want = (uint16_t)naive_get(k->bytes + 14, 2);
    if (!want)
        return true;
    return expect(r, f->tagged, "802.1Q header", "there", "no tag") &&
           expect_equal(r, "tag", f->tci, want);
}

static bool judge_sums(struct rig *r, const struct fields *f, unsigned what)
{
    bool ok = true;

    if (what & ASK_IP)
        ok &= expect(r, f->ip_good, "IPv4 header checksum", "right", "wrong");
    if (what & (ASK_TCP | ASK_UDP))
        ok &= expect(r, f->transport_good, what & ASK_TCP ? "TCP checksum" : "UDP checksum",
                     "right", "0x%04x, which is wrong", f->checksum);
    return ok;
}

bool promise_send(struct rig *r, const struct frame_recipe *recipe, unsigned what, void *tag)
{
    static struct packet k;
    struct rig_seen seen[SEEN_MAX];
    struct ask a = {.tag = tag};
    struct outcome o;
    struct fields f;
    unsigned count;
    bool sums;

    packet_build(&k, recipe);
    packet_unfinish(&k);
    if (!(what & ASK_IP))
        packet_finish(&k, ASK_IP);
    a.checksum = ask_checksum(&k, what);
    about(r, "IPv%u %s of %u bytes, IP header of %u, %s header of %u%s%s", k.version,
          k.proto == 6 ? "TCP" : "UDP", k.len, k.l4 - k.l3, k.proto == 6 ? "TCP" : "UDP",
          k.payload - k.l4,
          recipe->vlan ? ", tagged"
          : tag        ? ", tag out of band"
                       : "",
          recipe->snap ? ", LLC/SNAP" : "");
    o = packet_send(r, &k, &a);
    count = rig_wire_drain(r, seen, SEEN_MAX);
    if (!o.back || !expect_code(r, "NBL status", o.status, NDIS_STATUS_SUCCESS) ||
        !expect_equal(r, "frames on the wire", count, 1))
        return false;
    about_bytes(r, seen[0].bytes, seen[0].len, 0, 0);
    if (!expect(r, fields_read(&seen[0], &f), "frame", "a TCP or UDP packet", "something else"))
        return false;
    sums = judge_sums(r, &f, what);
    return judge_tag(r, &f, &k, tag) && sums;
}

bool promise_cut(struct rig *r, enum large_kind kind, const struct frame_recipe *recipe,
                 uint32_t mss, void *tag)
{
    static struct packet k;
    static struct cut c;
    unsigned what = ASK_TCP | (kind == LARGE_V2_IP6 ? 0u : ASK_IP);
    bool ok;

    large_build(&k, kind, recipe);
    if (!large_cut(r, &k, kind, mss, &(struct ask){.tag = tag}, &c))
        return false;
    ok = expect_equal(r, "segments", c.count, (recipe->payload_len + mss - 1) / mss);
    for (unsigned i = 0; i < c.count && ok; i++) {
        const struct fields *f = &c.field[i];

        about_frame(r, f, i, c.count);
        ok = expect_equal(r, "IP header length", f->ip_header_len, k.l4 - k.l3) &&
             expect_equal(r, "TCP header length", f->tcp_header_len, k.payload - k.l4) &&
             judge_tag(r, f, &k, tag) && judge_sums(r, f, what);
        if (!ok)
            cut_wrong(r, &c, i, SEGMENT_WRONG_HEADER);
    }
    return ok;
}

/* ---- In ------------------------------------------------------------------------------------- */

static bool succeeded(const struct rig_received *d, unsigned what)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i = {
        .Value = (void *)d->oob[TcpIpChecksumNetBufferListInfo]};

    return (!(what & ASK_IP) || i.Receive.IpChecksumSucceeded) &&
           (!(what & ASK_TCP) || i.Receive.TcpChecksumSucceeded) &&
           (!(what & ASK_UDP) || i.Receive.UdpChecksumSucceeded);
}

bool promise_arrival(struct rig *r, const struct frame_recipe *recipe, unsigned what)
{
    static struct packet k;
    const struct rig_received *d;
    bool ok;

    packet_build(&k, recipe);
    about(r, "an arriving IPv%u %s packet, IP header of %u bytes%s%s", k.version,
          k.proto == 6 ? "TCP" : "UDP", k.l4 - k.l3, recipe->vlan ? ", tagged" : "",
          recipe->snap ? ", LLC/SNAP" : "");
    about_bytes(r, k.bytes, k.len, 0, 0);
    d = rig_arrive(r, k.bytes, k.len);
    if (!expect(r, d != NULL, "reception", "indicated", "nothing came"))
        return false;
    ok = expect(r, succeeded(d, what), "verdict on right checksums", "Succeeded for each",
                "checksum slot 0x%llx", (unsigned long long)d->oob[TcpIpChecksumNetBufferListInfo]);
    packet_checksum_field(&k)[0] ^= 0x55;
    d = rig_arrive(r, k.bytes, k.len);
    if (!d)
        return ok; /* whether it may be dropped is for another row */
    return expect(r, !succeeded(d, what & (ASK_TCP | ASK_UDP)),
                  "verdict on a wrong transport checksum", "not Succeeded", "checksum slot 0x%llx",
                  (unsigned long long)d->oob[TcpIpChecksumNetBufferListInfo]) &&
           ok;
}

/* ---- All of it ------------------------------------------------------------------------------ */

static const struct flow {
    unsigned version, proto;
} flows[] = {{4, 6}, {4, 17}, {6, 6}, {6, 17}};

bool promise_plain_send(struct rig *r, unsigned version, unsigned proto)
{
    struct frame_recipe f = packet_recipe(r, version, proto, PAYLOAD);
    unsigned what = promise_transmit(r, version, proto);
    bool works;

    hush(r, true);
    works = what && promise_send(r, &f, what, NULL);
    hush(r, false);
    return works;
}

bool promise_plain_cut(struct rig *r, enum large_kind kind)
{
    struct frame_recipe f = large_recipe(r, kind, LARGE_PAYLOAD);
    bool works;

    hush(r, true);
    works = large_advertised(r, kind) && promise_cut(r, kind, &f, MSS, NULL);
    hush(r, false);
    return works;
}

bool promise_plain_arrival(struct rig *r, unsigned version, unsigned proto)
{
    struct frame_recipe f = packet_recipe_in(r, version, proto, PAYLOAD);
    unsigned what = promise_receive(r, version, proto);
    bool works;

    hush(r, true);
    works = what && promise_arrival(r, &f, what);
    hush(r, false);
    return works;
}

static void out_flow(struct rig *r, const struct flow *w, promise_dress dress, void *tag,
                     struct promises *n)
{
    struct frame_recipe f = packet_recipe(r, w->version, w->proto, PAYLOAD);

    if (dress)
        dress(&f);
    n->tried++;
    n->kept += promise_send(r, &f, promise_transmit(r, w->version, w->proto), tag);
}

static void out_large(struct rig *r, enum large_kind kind, promise_dress dress, void *tag,
                      struct promises *n)
{
    struct frame_recipe f = large_recipe(r, kind, LARGE_PAYLOAD);

    if (dress)
        dress(&f);
    n->tried++;
    n->kept += promise_cut(r, kind, &f, MSS, tag);
}

void promise_all_out(struct rig *r, uint32_t frames, promise_dress dress, void *tag,
                     struct promises *n)
{
    for (unsigned i = 0; i < ARRAY_LEN(flows); i++) {
        const struct flow *w = &flows[i];

        if (promise_transmit(r, w->version, w->proto) &&
            (promise_transmit_frames(r, w->version) & frames) &&
            ((!dress && !tag) || promise_plain_send(r, w->version, w->proto)))
            out_flow(r, w, dress, tag, n);
    }
    for (enum large_kind kind = LARGE_V1; kind < LARGE_KINDS; kind++) {
        if ((promise_large_frames(r, kind) & frames) &&
            ((!dress && !tag) || promise_plain_cut(r, kind)))
            out_large(r, kind, dress, tag, n);
    }
}

void promise_all_in(struct rig *r, uint32_t frames, promise_dress dress, struct promises *n)
{
    for (unsigned i = 0; i < ARRAY_LEN(flows); i++) {
        const struct flow *w = &flows[i];
        struct frame_recipe f = packet_recipe_in(r, w->version, w->proto, PAYLOAD);
        unsigned what = promise_receive(r, w->version, w->proto);

        if (!what || !(promise_receive_frames(r, w->version) & frames) ||
            (dress && !promise_plain_arrival(r, w->version, w->proto)))
            continue;
        if (dress)
            dress(&f);
        n->tried++;
        n->kept += promise_arrival(r, &f, what);
    }
}
