/* SPDX-License-Identifier: MIT */
/* TXC: which checksums are computed, and that they are right for every length and header. */
#include "conform/txc.h"

static const unsigned versions[] = {4, 4, 6, 6}, protocols[] = {6, 17, 6, 17};
enum { KINDS = 4, OUTER = 20 };

static bool lists_any(const struct rig *r)
{
    for (unsigned i = 0; i < KINDS; i++) {
        if (txc_lists(r, versions[i], protocols[i]))
            return true;
    }
    return txc_lists_ip(r);
}

CHECK("TXC-1", the_slot_holds_a_value)
{
    rig_open(r, NULL);
    need(r, lists_any(r), "transmit checksum");
    for (unsigned i = 0; i < KINDS; i++) {
        if (txc_lists(r, versions[i], protocols[i])) {
            struct frame_recipe f = packet_recipe(r, versions[i], protocols[i], 104);

            /* Small values: none is an address that could be read. */
            txc_try(r, txc_packet(&f), txc_transport(protocols[i]), NULL);
        }
    }
}

/* Sends the unfinished packet with that slot value; it must leave as it is but for padding. */
static void leaves_as_given(struct rig *r, const struct packet *k, void *slot)
{
    struct rig_seen seen[4];
    struct ask a = {.checksum = slot};
    struct outcome o = packet_send(r, k, &a);
    unsigned n = rig_wire_drain(r, seen, ARRAY_LEN(seen));

    expect_code(r, "NBL status", o.status, NDIS_STATUS_SUCCESS);
    if (expect_equal(r, "frames that left", n, 1) &&
        expect_between(r, "length of the frame", seen[0].len, k->len, MAX_OF(k->len, 64u)))
        expect_bytes(r, "frame", seen[0].bytes, k->bytes, k->len);
    rig_forget(r);
}

CHECK("TXC-2", without_a_family_bit_as_given)
{
    rig_open(r, NULL);
    for (unsigned i = 0; i < KINDS; i++) {
        struct frame_recipe f = packet_recipe(r, versions[i], protocols[i], 77 + i);
        struct packet *k = txc_packet(&f);

        about(r, "IPv%u %s, every bit of the slot set but the family's", versions[i],
              protocols[i] == 6 ? "TCP" : "UDP");
        leaves_as_given(r, k, (void *)(uintptr_t)0x0022001cu);
        about(r, "an empty slot");
        leaves_as_given(r, k, NULL);
    }
}

/* The checksum fields that are not asked for are as given. */
static void others_untouched(struct rig *r, const struct packet *k, unsigned what)
{
    uint32_t field = k->l4 + (k->proto == 6 ? 16 : 6);
    struct ask a = {.checksum = ask_checksum(k, what)};
    struct rig_seen seen[4];
    struct outcome o = packet_send(r, k, &a);
    unsigned n = rig_wire_drain(r, seen, ARRAY_LEN(seen));

    about(r, "IPv%u %s, asked for %s%s", k->version, k->proto == 6 ? "TCP" : "UDP",
          what & ASK_IP ? "the IP checksum alone" : "",
          what & (ASK_TCP | ASK_UDP) ? "its own alone" : "");
    if (!o.back || !expect_equal(r, "frames that left", n, 1) || seen[0].len < k->len)
        return;
    if (!(what & (ASK_TCP | ASK_UDP)))
        expect_bytes(r, "transport checksum, not asked for", seen[0].bytes + field,
                     k->bytes + field, 2);
    if (k->version == 4 && !(what & ASK_IP))
        expect_bytes(r, "IPv4 header checksum, not asked for", seen[0].bytes + k->l3 + 10,
                     k->bytes + k->l3 + 10, 2);
    rig_forget(r);
}

CHECK("TXC-3", only_what_is_asked_for)
{
    rig_open(r, NULL);
    need(r, lists_any(r), "transmit checksum");
    for (unsigned i = 0; i < KINDS; i++) {
        struct frame_recipe f = packet_recipe(r, versions[i], protocols[i], 201);
        struct packet *k = txc_packet(&f);

        if (txc_lists(r, versions[i], protocols[i]))
            others_untouched(r, k, txc_transport(protocols[i]));
        if (versions[i] == 4 && txc_lists_ip(r))
            others_untouched(r, k, ASK_IP);
        others_untouched(r, k, 0);
    }
}

static void each_length(struct rig *r, unsigned version, unsigned proto)
{
    rig_open(r, NULL);
    need(r, txc_lists(r, version, proto), "IPv%u %s checksum", version, proto == 6 ? "TCP" : "UDP");
    for (uint32_t len = 0; len <= 1440; len += len < 66 || len >= 1436 ? 1 : 137) {
        struct frame_recipe f = packet_recipe(r, version, proto, len);

        txc_try(r, txc_packet(&f), txc_transport(proto), NULL);
    }
}

/* Two payload bytes make up for all others, so that the checksum comes out as 0. */
static void sum_of_zero(struct rig *r, unsigned version)
{
    uint8_t payload[2] = {0};
    struct frame_recipe f = packet_recipe(r, version, 17, sizeof payload);
    static struct packet k;

    f.payload = payload;
    packet_build(&k, &f);
    naive_put(k.bytes + k.payload, 2, naive_get(packet_checksum_field(&k), 2));
    packet_unfinish(&k);
    txc_try(r, &k, ASK_UDP, NULL);
}

CHECK("TXC-6", ipv4_tcp)
{
    each_length(r, 4, 6);
}

CHECK("TXC-7", ipv6_tcp)
{
    each_length(r, 6, 6);
}

CHECK("TXC-8", ipv4_udp)
{
    each_length(r, 4, 17);
    sum_of_zero(r, 4);
}

CHECK("TXC-9", ipv6_udp)
{
    each_length(r, 6, 17);
    sum_of_zero(r, 6);
}

CHECK("TXC-10", ipv4_headers_of_20_to_60)
{
    uint8_t options[40];

    rig_open(r, NULL);
    need(r, txc_lists_ip(r), "IPv4 header checksum");
    for (unsigned i = 0; i < sizeof options; i++)
        options[i] = 1; /* no operation */
    for (uint8_t len = 0;
         len <= (rig_offload(r).current.Checksum.IPv4Transmit.IpOptionsSupported ? 40 : 0);
         len = (uint8_t)(len + 4)) {
        struct frame_recipe f = packet_recipe(r, 4, 17, 33);

        f.ip_options = options;
        f.ip_options_len = len;
        txc_try(r, txc_packet(&f), ASK_IP, NULL);
    }
}

CHECK("TXC-11", garbage_in_the_ip_field)
{
    static const uint16_t there[] = {0, 1, 0xffff, 0x8000, 0x1234};

    rig_open(r, NULL);
    need(r, txc_lists_ip(r), "IPv4 header checksum");
    for (unsigned i = 0; i < ARRAY_LEN(there); i++) {
        struct frame_recipe f = packet_recipe(r, 4, 6, 100);
        struct packet *k = txc_packet(&f);

        naive_put(k->bytes + k->l3 + 10, 2, there[i]);
        txc_try(r, k, ASK_IP, NULL);
    }
}

/* ---- Tunnels -------------------------------------------------------------------------------- */

/* A finished packet with an IPv4 header before its own: IPv4 or IPv6 in IPv4 (RFC 2003, 4213). */
static void make_tunnel(const struct rig *r, unsigned inner, struct packet *k)
{
    struct frame_recipe in = packet_recipe(r, inner, 17, 200), out = packet_recipe(r, 4, 17, 0);
    static struct packet outer;
    uint8_t *ip;

    packet_build(k, &in);
    packet_build(&outer, &out);
    ip = k->bytes + k->l3;
    memmove(ip + OUTER, ip, k->len - k->l3);
    memcpy(k->bytes, outer.bytes, k->l3 + OUTER);
    k->version = 4;
    k->len += OUTER;
    k->l4 += OUTER;
    k->payload += OUTER;
    naive_put(ip + 2, 2, k->len - k->l3);
    ip[9] = inner == 4 ? 4 : 41;
    naive_put(ip + 10, 2, 0xa55a);
}

CHECK("TXC-22", a_tunnels_outer_header)
{
    static struct packet k, want;
    struct rig_seen seen[4];

    rig_open(r, NULL);
    need(r, txc_lists_ip(r), "IPv4 header checksum");
    for (unsigned inner = 4; inner <= 6; inner += 2) {
        struct outcome o;

        make_tunnel(r, inner, &k);
        memcpy(&want, &k, sizeof want);
        packet_finish(&want, ASK_IP);
        o = packet_send(r, &k, &(struct ask){.checksum = ask_checksum(&k, ASK_IP)});
        about(r, "IPv%u in IPv4, asked for the IP checksum", inner);
        expect_code(r, "NBL status", o.status, NDIS_STATUS_SUCCESS);
        if (!expect_equal(r, "frames that left", rig_wire_drain(r, seen, 4), 1) ||
            !expect_between(r, "length of the frame", seen[0].len, k.len, UINT32_MAX))
            return;
        expect_bytes(r, "checksum of the outer header", seen[0].bytes + k.l3 + 10,
                     want.bytes + k.l3 + 10, 2);
        expect_bytes(r, "inner headers, finished by the protocol", seen[0].bytes + k.l3 + OUTER,
                     want.bytes + k.l3 + OUTER, k.payload - k.l3 - OUTER);
    }
}
