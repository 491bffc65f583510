/* SPDX-License-Identifier: MIT */
/* Version 2: whole frames against a slow cutter, lengths, Identification, sizes above 64 KB. */
#include "conform/large_stack.h"
#include "conform/watch.h"

/* ---- The slow cutter ------------------------------------------------------------------------ */

static void number(const struct cut *c, uint8_t *bytes, unsigned i, uint32_t ip_len)
{
    const struct packet *k = c->template;
    uint8_t *ip = bytes + k->l3, *tcp = bytes + k->l4;

    naive_put(tcp + 4, 4, naive_get(tcp + 4, 4) + i * c->mss);
    tcp[13] &= (uint8_t) ~(i > 0 ? TCP_CWR : 0);
    tcp[13] &= (uint8_t) ~((i + 1) * c->mss < c->payload ? TCP_FIN | TCP_PSH : 0);
    if (k->version == 6) {
        naive_put(ip + 4, 2, ip_len - 40);
        return;
    }
    naive_put(ip + 2, 2, ip_len);
    naive_put(ip + 4, 2, (naive_get(ip + 4, 2) + i) & 0x7fff);
}

/* Frame i as the rows want it; its length. */
static uint32_t frame_due(const struct cut *c, unsigned i, struct packet *out)
{
    const struct packet *k = c->template;
    uint32_t done = i * c->mss, n = MIN_OF(c->mss, c->payload - done);

    *out = *k;
    out->len = k->payload + n;
    memcpy(out->bytes + k->payload, k->bytes + k->payload + done, n);
    number(c, out->bytes, i, out->len - k->l3);
    packet_finish(out, ASK_IP | ASK_TCP);
    return out->len;
}

static void expect_frames_due(struct rig *r, const struct cut *c)
{
    static struct packet due;

    if (!c || !expect_equal(r, "frames on the wire", c->count, cut_frames_due(c)))
        return;
    for (unsigned i = 0; i < c->count; i++) {
        uint32_t len = frame_due(c, i, &due);
        bool same = c->field[i].len == len && memcmp(c->field[i].bytes, due.bytes, len) == 0;

        if (!same)
            cut_wrong(r, c, i, SEGMENT_WRONG_HEADER);
        if (expect_equal(r, "length of the frame", c->field[i].len, len))
            expect_bytes(r, "the frame", c->field[i].bytes, due.bytes, len);
        if (!same)
            return;
    }
}

CHECK("LSO2-1", rows_of_both_versions_hold)
{
    static const uint8_t flags[] = {TCP_ACK, TCP_ACK | TCP_FIN | TCP_PSH,
                                    TCP_ACK | TCP_CWR | TCP_PSH, TCP_ACK | TCP_ECE | TCP_FIN};

    rig_open(r, NULL);
    LARGE_EACH_V2(r, kind)
    {
        for (unsigned i = 0; i < 2 * ARRAY_LEN(flags); i++) {
            struct frame_recipe recipe = large_recipe(r, kind, 3100 + i * 301);

            recipe.tcp_flags = flags[i / 2];
            if (i % 2 && large_tcp_options(r, kind)) {
                recipe.tcp_options = tcp_options_12;
                recipe.tcp_options_len = sizeof tcp_options_12;
            }
            expect_frames_due(r, large_try(r, kind, &recipe, 900 + i * 50));
        }
    }
}

/* ---- Lengths -------------------------------------------------------------------------------- */

static void length_0(struct rig *r, const struct large_asked *a)
{
    if (a->kind == LARGE_V2_IP4)
        expect_equal(r, "Total Length that the protocol writes", a->f.ip_total, 0);
}

/* Bytes in the last MDL behind the frame belong to nobody. */
CHECK("LSO2-4", ipv4_length_comes_from_the_net_buffer)
{
    static struct rig_seen seen[64];
    static const uint32_t behind[] = {0, 1, 400, 1777};

    rig_open(r, NULL);
    need(r, large_advertised(r, LARGE_V2_IP4), "large send version 2 over IPv4");
    for (unsigned i = 0; i < ARRAY_LEN(behind); i++) {
        struct frame_recipe recipe = large_recipe(r, LARGE_V2_IP4, 3600 + behind[i]);
        struct packet *k = large_template(LARGE_V2_IP4, &recipe);
        NET_BUFFER_LIST *nbl = rig_nbl(r, k->bytes, k->len, NULL, 0);
        uint32_t data = 0;
        unsigned n;

        nbl->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = large_ask(k, LARGE_V2_IP4, 1000);
        NET_BUFFER_DATA_LENGTH(nbl->FirstNetBuffer) -= behind[i];
        rig_send(r, nbl, 1);
        n = rig_wire_drain(r, seen, ARRAY_LEN(seen));
        for (unsigned j = 0; j < n; j++) {
            struct fields f;

            fields_read(&seen[j], &f);
            data += f.end - f.payload;
        }
        about(r, "LSOv2 IPv4, Total Length 0, DataLength %u, %u bytes more in the MDL",
              k->len - behind[i], behind[i]);
        expect_equal(r, "bytes of TCP data in all frames", data, 3600);
    }
    large_protocol(r, length_0);
}

/* No frame is padded here. */
static struct cut_field payload_length(const struct cut *c, unsigned i)
{
    const struct fields *f = &c->field[i];

    return (struct cut_field){.name = "IPv6 Payload Length",
                              .wrong = SEGMENT_WRONG_HEADER,
                              .at = f->l3 + 4,
                              .bytes = 2,
                              .got = f->ip_total - 40,
                              .want = f->len - f->l3 - 40};
}

CHECK("LSO2-5", ipv6_payload_length_is_each_frames_own)
{
    static const uint16_t there[] = {0, 1, 20, 5020, 0xffff};

    rig_open(r, NULL);
    need(r, large_advertised(r, LARGE_V2_IP6), "large send version 2 over IPv6");
    for (unsigned i = 0; i < 2 * ARRAY_LEN(there); i++) {
        struct frame_recipe recipe = large_recipe(r, LARGE_V2_IP6, 3600);
        struct packet *k;

        if (i % 2 && !large_ip_options(r, LARGE_V2_IP6))
            continue;
        recipe.ip_options = ip6_extension_8;
        recipe.ip_options_len = i % 2 ? sizeof ip6_extension_8 : 0;
        k = large_template(LARGE_V2_IP6, &recipe);
        naive_put(k->bytes + k->l3 + 4, 2, there[i / 2]);
        cut_fields(r, large_frames(r, k, LARGE_V2_IP6, 1000), payload_length);
    }
}

CHECK("LSO2-6", packets_above_64_kb)
{
    rig_open(r, NULL);
    LARGE_EACH_V2(r, kind)
    {
        uint32_t most = MIN_OF(large_max(r, kind), (uint32_t)RIG_FRAME - 200);
        const uint32_t sizes[] = {65536, most};

        for (unsigned i = 0; i < ARRAY_LEN(sizes) && most > 65536; i++) {
            struct frame_recipe recipe = large_recipe(r, kind, sizes[i]);

            cut_joined(r, large_try(r, kind, &recipe, 1400));
        }
    }
    need(r, r->comparisons > 0, "MaxOffLoadSize above 64 KB");
}

/* ---- Identification ------------------------------------------------------------------------- */

static struct cut_field id15(const struct cut *c, unsigned i)
{
    return cut_identification(c, i, 0x7fff);
}

static void each_id(struct rig *r, const uint16_t *ids, unsigned count)
{
    need(r, large_advertised(r, LARGE_V2_IP4), "large send version 2 over IPv4");
    for (unsigned i = 0; i < count; i++) {
        struct frame_recipe recipe = large_recipe(r, LARGE_V2_IP4, 3600);

        recipe.ip_id = ids[i];
        cut_fields(r, large_try(r, LARGE_V2_IP4, &recipe, 1000), id15);
    }
}

CHECK("LSO2-7", identification_wraps_at_7fff)
{
    rig_open(r, NULL);
    each_id(r, (const uint16_t[]){0x7ffe, 0x7fff, 0x7ffd, 0, 0x1234}, 5);
}

static void id_in_15_bits(struct rig *r, const struct large_asked *a)
{
    if (a->kind == LARGE_V2_IP4)
        expect_between(r, "Identification that the protocol writes", a->f.ip_id, 0, 0x7fff);
}

CHECK("LSO2-8", identification_of_8000_or_more)
{
    rig_open(r, NULL);
    each_id(r, (const uint16_t[]){0x8000, 0x9234, 0xfff0}, 3);
    large_protocol(r, id_in_15_bits);
}

/* ---- Counters ------------------------------------------------------------------------------- */

struct counted {
    ULONG64 frames, octets, sent;
};

static struct counted count_now(struct rig *r)
{
    struct counted c = {0};
    NDIS_STATISTICS_INFO s;

    memset(&s, 0, sizeof s);
    need(r, rig_query(r, OID_GEN_STATISTICS, &s, sizeof s, NULL) == NDIS_STATUS_SUCCESS,
         "OID_GEN_STATISTICS");
    if (watch_lists_oid(OID_GEN_XMIT_OK))
        rig_query(r, OID_GEN_XMIT_OK, &c.sent, sizeof c.sent, NULL);
    c.frames = s.ifHCOutUcastPkts;
    c.octets = s.ifHCOutOctets;
    return c;
}

static void advise_count(struct rig *r, const char *field, ULONG64 more, ULONG64 left)
{
    advise(r, more == left, field, "what left", "%llu, where %llu left", (unsigned long long)more,
           (unsigned long long)left);
}

/* The policy of udp-segmentation-offload-uso-, which LSO's pages do not repeat: advice only. */
CHECK("LSO2-22", counters_count_what_leaves)
{
    static struct rig_seen seen[16];

    rig_open(r, NULL);
    rig_need_wire(r);
    LARGE_EACH(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 3600);
        struct packet *k = large_template(kind, &recipe);
        struct counted before = count_now(r), after;
        ULONG64 octets = 0;
        unsigned n;

        packet_send(r, k, &(struct ask){.lso = large_ask(k, kind, 1000)});
        after = count_now(r); /* what drains the wire is sent and counted, too */
        n = rig_wire_drain(r, seen, ARRAY_LEN(seen));
        for (unsigned i = 0; i < n; i++)
            octets += seen[i].len;
        if (n < 2)
            continue; /* other rows say why it should be cut */
        about(r, "%s, cut into %u frames", large_name(kind), n);
        advise_count(r, "ifHCOutUcastPkts, more than before", after.frames - before.frames, n);
        advise_count(r, "ifHCOutOctets, more than before", after.octets - before.octets, octets);
        if (watch_lists_oid(OID_GEN_XMIT_OK))
            advise_count(r, "OID_GEN_XMIT_OK, more than before", after.sent - before.sent, n);
    }
    need(r, r->comparisons > 0, "large sends that leave in more than one frame");
}
