/* SPDX-License-Identifier: MIT */
/* Packets: made from recipes, handed down with out-of-band values, read from the wire. */
#include "conform/packet.h"

const uint8_t ip4_options_4[4] = {0x94, 4, 0, 0};
const uint8_t ip4_options_40[40] = {0x94, 4, 0, 0, 7, 35, 4, 1, 2, 3, 4, [39] = 0};
const uint8_t ip6_extension_8[8] = {0, 0, 5, 2, 0, 0, 1, 0};
/* Hop-by-hop, destination options of 16 bytes, routing with no segments left. */
const uint8_t ip6_extension_48[48] = {60, 0, 5, 2, 0, 0, 1, 0, 43,          1,
                                      1,  4, 9, 9, 9, 9, 1, 4, 8,           8,
                                      8,  8, 0, 0, 0, 2, 4, 0, [40] = 0xee, [47] = 0xdd};
const uint8_t tcp_options_12[12] = {1, 1, 8, 10, 0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe, 1, 2};
const uint8_t tcp_options_40[40] = {1, 1, 8, 10, 0xff, 0xff, 0xff, 0xff, 0,       0,
                                    0, 1, 1, 1,  5,    26,   0x80, 0x7f, [39] = 3};

/* ---- Made here ------------------------------------------------------------------------------ */

struct frame_recipe packet_recipe(const struct rig *r, unsigned version, unsigned proto,
                                  uint32_t payload)
{
    static const uint8_t src6[16] = {0xfd, 0x00, 0xa5, [13] = 0x77, [15] = 1};
    static const uint8_t dst6[16] = {0xfd, 0x00, 0xff, [12] = 0xff, [15] = 2};
    static const uint8_t src4[4] = {10, 9, 8, 7}, dst4[4] = {192, 168, 255, 3};
    static uint8_t bytes[RIG_FRAME];
    uint64_t state = 0x5eed + version + proto;
    struct frame_recipe f = {.vlan_tci = 0x6ffe,
                             .ip_version = (uint8_t)version,
                             .l4_proto = (uint8_t)proto,
                             .src_port = 40001,
                             .dst_port = 5201,
                             .ip_id = 0x1234,
                             .tos = 0xb9,
                             .ttl = 61,
                             .tcp_flags = TCP_ACK,
                             .seq = 0x89abcdef,
                             .ack = 0x13579bdf,
                             .window = 0x7531,
                             .payload = bytes,
                             .payload_len = payload};

    invariant(payload <= sizeof bytes);
    for (uint32_t i = 0; i < payload; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
        bytes[i] = (uint8_t)(state >> 56);
    }
    memcpy(f.dst_mac, r->peer, 6);
    memcpy(f.src_mac, r->mac, 6);
    memcpy(f.src_ip, version == 6 ? src6 : src4, version == 6 ? 16 : 4);
    memcpy(f.dst_ip, version == 6 ? dst6 : dst4, version == 6 ? 16 : 4);
    return f;
}

struct frame_recipe packet_recipe_in(const struct rig *r, unsigned version, unsigned proto,
                                     uint32_t payload)
{
    struct frame_recipe f = packet_recipe(r, version, proto, payload);

    memcpy(f.dst_mac, r->mac, 6);
    memcpy(f.src_mac, r->peer, 6);
    return f;
}

void packet_build(struct packet *k, const struct frame_recipe *recipe)
{
    k->version = recipe->ip_version;
    k->proto = recipe->l4_proto;
    k->snap = recipe->snap;
    k->l3 = ETH_LEN + (recipe->vlan ? 4u : 0) + (recipe->snap ? 8u : 0);
    k->l4 = k->l3 + (k->version == 4 ? 20u : 40u) + recipe->ip_options_len;
    k->payload = k->l4 + (k->proto == 6 ? 20u + recipe->tcp_options_len : 8u);
    k->len = (uint32_t)frame_build(recipe, k->bytes, sizeof k->bytes);
    invariant(k->len > 0);
    if (recipe->large_send) /* the seed of a large send: no length in it */
        naive_put(packet_checksum_field(k), 2,
                  naive_pseudo(k->bytes + k->l3, k->version, k->proto, 0));
}

uint8_t *packet_checksum_field(struct packet *k)
{
    return k->bytes + k->l4 + (k->proto == 6 ? 16 : 6);
}

void packet_unfinish(struct packet *k)
{
    naive_put(packet_checksum_field(k), 2,
              naive_pseudo(k->bytes + k->l3, k->version, k->proto, k->len - k->l4));
    if (k->version == 4)
        naive_put(k->bytes + k->l3 + 10, 2, 0xa55a);
}

void packet_finish(struct packet *k, unsigned what)
{
    uint8_t *ip = k->bytes + k->l3, *field = packet_checksum_field(k);
    uint32_t sum;

    if (what & (ASK_TCP | ASK_UDP)) {
        naive_put(field, 2, 0);
        sum = naive_pseudo(ip, k->version, k->proto, k->len - k->l4);
        sum = 0xffff - naive_sum(k->bytes + k->l4, k->len - k->l4, 0, sum);
        naive_put(field, 2, sum == 0 && k->proto == 17 ? 0xffff : sum);
    }
    if (what & ASK_IP && k->version == 4) {
        naive_put(ip + 10, 2, 0);
        naive_put(ip + 10, 2, 0xffff - naive_sum(ip, (ip[0] & 15u) * 4, 0, 0));
    }
}

/* ---- Asked ---------------------------------------------------------------------------------- */

void *ask_checksum(const struct packet *k, unsigned what)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i = {.Value = NULL};

    i.Transmit.IsIPv4 = k->version == 4;
    i.Transmit.IsIPv6 = k->version == 6;
    i.Transmit.IpHeaderChecksum = (what & ASK_IP) != 0;
    i.Transmit.TcpChecksum = (what & ASK_TCP) != 0;
    i.Transmit.UdpChecksum = (what & ASK_UDP) != 0;
    i.Transmit.TcpHeaderOffset = what & ASK_TCP ? k->l4 & 0x3ff : 0;
    return i.Value;
}

void *ask_lso1(uint32_t mss, uint32_t tcp_offset)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO i = {.Value = NULL};

    i.LsoV1Transmit.MSS = mss & 0xfffff;
    i.LsoV1Transmit.TcpHeaderOffset = tcp_offset & 0x3ff;
    i.LsoV1Transmit.Type = NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE;
    return i.Value;
}

void *ask_lso2(unsigned version, uint32_t mss, uint32_t tcp_offset)
{
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO i = {.Value = NULL};

    i.LsoV2Transmit.MSS = mss & 0xfffff;
    i.LsoV2Transmit.TcpHeaderOffset = tcp_offset & 0x3ff;
    i.LsoV2Transmit.Type = NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE;
    i.LsoV2Transmit.IPVersion =
        version == 6 ? NDIS_TCP_LARGE_SEND_OFFLOAD_IPv6 : NDIS_TCP_LARGE_SEND_OFFLOAD_IPv4;
    return i.Value;
}

void *ask_tag(unsigned priority, unsigned id)
{
    NDIS_NET_BUFFER_LIST_8021Q_INFO i = {.Value = NULL};

    i.TagHeader.UserPriority = priority & 7;
    i.TagHeader.VlanId = id & 0xfff;
    return i.Value;
}

static bool as_it_was(const NET_BUFFER_LIST *nbl, const struct packet *k, const struct ask *a)
{
    const uint8_t *data = rig_nbl_bytes(nbl);

    for (uint32_t i = 0; i < a->front; i++) {
        if (data[i] != 0xee)
            return false;
    }
    for (uint32_t i = 0; i < a->back; i++) {
        if (data[a->front + k->len + i] != 0xdd)
            return false;
    }
    return memcmp(data + a->front, k->bytes, k->len) == 0;
}

static const struct ask nothing_asked;

NET_BUFFER_LIST *packet_nbl(struct rig *r, const struct packet *k, const struct ask *how)
{
    static uint8_t padded[RIG_FRAME];
    const struct ask *a = how ? how : &nothing_asked;
    const uint8_t *bytes = k->bytes;
    NET_BUFFER_LIST *nbl;

    if (a->back) {
        invariant(k->len + a->back <= sizeof padded);
        memcpy(padded, bytes, k->len);
        memset(padded + k->len, 0xdd, a->back);
        bytes = padded;
    }
    nbl = rig_nbl(r, bytes, k->len + a->back, a->splits, a->front);
    NET_BUFFER_DATA_LENGTH(nbl->FirstNetBuffer) = k->len;
    nbl->NetBufferListInfo[TcpIpChecksumNetBufferListInfo] = a->checksum;
    nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = a->lso;
    nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo] = a->tag;
    return nbl;
}

struct outcome packet_send(struct rig *r, const struct packet *k, const struct ask *how)
{
    NET_BUFFER_LIST *nbl = packet_nbl(r, k, how);
    unsigned at = r->main.completed_count;
    struct outcome o = {0};

    o.back = rig_send(r, nbl, 1);
    if (o.back) {
        const struct rig_completed *c = &r->main.completed[at % RIG_RECORDS];

        o = (struct outcome){true, c->status, c->lso, c->checksum,
                             as_it_was(nbl, k, how ? how : &nothing_asked)};
    }
    return o;
}

/* ---- Seen ----------------------------------------------------------------------------------- */

static bool room(const struct fields *f, uint32_t at, uint32_t bytes)
{
    return at <= f->len && bytes <= f->len - at;
}

static bool read_ethernet(struct fields *f)
{
    uint32_t at = 12;

    if (!room(f, 0, ETH_LEN))
        return false;
    f->ether_type = (uint16_t)naive_get(f->bytes + at, 2);
    if (f->ether_type == 0x8100) {
        if (!room(f, at, 6))
            return false;
        f->tagged = true;
        f->tci = (uint16_t)naive_get(f->bytes + at + 2, 2);
        at += 4;
        f->ether_type = (uint16_t)naive_get(f->bytes + at, 2);
    }
    at += 2;
    if (f->ether_type <= 1500 && room(f, at, 8) && naive_get(f->bytes + at, 3) == 0xaaaa03) {
        f->snap = true;
        f->snap_len = f->ether_type;
        f->ether_type = (uint16_t)naive_get(f->bytes + at + 6, 2);
        at += 8;
    }
    f->l3 = at;
    return true;
}

static bool read_ip4(struct fields *f)
{
    const uint8_t *ip = f->bytes + f->l3;

    if (!room(f, f->l3, 20) || ip[0] >> 4 != 4)
        return false;
    f->version = 4;
    f->ip_header_len = (ip[0] & 15u) * 4;
    if (f->ip_header_len < 20 || !room(f, f->l3, f->ip_header_len))
        return false;
    f->tos = ip[1];
    f->ip_total = naive_get(ip + 2, 2);
    f->ip_id = (uint16_t)naive_get(ip + 4, 2);
    f->ip_fragment = (uint16_t)(naive_get(ip + 6, 2) & 0x3fff);
    f->ttl = ip[8];
    f->proto = ip[9];
    f->ip_good = naive_sum(ip, f->ip_header_len, 0, 0) == 0xffff;
    return true;
}

static bool read_ip6(struct fields *f)
{
    const uint8_t *ip = f->bytes + f->l3;
    uint32_t at = f->l3 + 40;

    if (!room(f, f->l3, 40) || ip[0] >> 4 != 6)
        return false;
    f->version = 6;
    f->tos = (uint8_t)(naive_get(ip, 2) >> 4);
    f->ip_total = naive_get(ip + 4, 2) + 40;
    f->ttl = ip[7];
    f->proto = ip[6];
    while ((f->proto == 0 || f->proto == 43 || f->proto == 60) && room(f, at, 8)) {
        f->proto = f->bytes[at];
        at += 8 + f->bytes[at + 1] * 8u;
    }
    f->ip_header_len = at - f->l3;
    return room(f, at, 0);
}

static bool read_transport(struct fields *f)
{
    const uint8_t *t = f->bytes + f->l3 + f->ip_header_len;
    uint32_t at = f->l3 + f->ip_header_len, sum;

    if ((f->proto != 6 && f->proto != 17) || !room(f, at, f->proto == 6 ? 20 : 8))
        return false;
    f->l4 = at;
    f->source_port = (uint16_t)naive_get(t, 2);
    f->dest_port = (uint16_t)naive_get(t + 2, 2);
    f->payload = at + 8;
    f->checksum = (uint16_t)naive_get(t + 6, 2);
    if (f->proto == 6) {
        f->seq = naive_get(t + 4, 4);
        f->ack = naive_get(t + 8, 4);
        f->tcp_header_len = (t[12] >> 4) * 4u;
        f->flags = t[13];
        f->window = (uint16_t)naive_get(t + 14, 2);
        f->checksum = (uint16_t)naive_get(t + 16, 2);
        f->urgent = (uint16_t)naive_get(t + 18, 2);
        f->payload = at + f->tcp_header_len;
    }
    if (f->payload > f->end || f->payload < at + 8)
        return false;
    sum = naive_pseudo(f->bytes + f->l3, f->version, f->proto, f->end - f->l4);
    f->transport_good = naive_sum(f->bytes + f->l4, f->end - f->l4, 0, sum) == 0xffff;
    return true;
}

bool fields_read(const struct rig_seen *seen, struct fields *f)
{
    memset(f, 0, sizeof *f);
    f->bytes = seen->bytes;
    f->len = seen->len;
    f->end = seen->len;
    if (!read_ethernet(f))
        return false;
    if (!(f->ether_type == 0x0800 ? read_ip4(f) : f->ether_type == 0x86dd ? read_ip6(f) : false))
        return false;
    if (room(f, f->l3, f->ip_total))
        f->end = f->l3 + f->ip_total;
    return read_transport(f);
}

void about_frame(struct rig *r, const struct fields *f, unsigned index, unsigned count)
{
    about(r, "frame %u of %u: %s%sIPv%u %s, %u bytes", index + 1, count, f->tagged ? "tagged " : "",
          f->snap ? "LLC/SNAP " : "", f->version,
          f->proto == 6    ? "TCP"
          : f->proto == 17 ? "UDP"
                           : "of another protocol",
          f->len);
    about_bytes(r, f->bytes, f->len, 0, 0);
}
