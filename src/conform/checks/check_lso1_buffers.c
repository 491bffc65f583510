/* SPDX-License-Identifier: MIT */
/* How a large send is handed down: MDLs, sizes, header offsets; order among several. */
#include "conform/large_stack.h"

/* The frames of the same send out of one buffer, to compare with. */
static struct cut whole;

static void expect_same_frames(struct rig *r, const struct cut *c, const struct cut *as)
{
    bool same = expect_equal(r, "frames on the wire", c->count, as->count);

    for (unsigned i = 0; same && i < c->count; i++) {
        same = c->seen[i].len == as->seen[i].len &&
               memcmp(c->seen[i].bytes, as->seen[i].bytes, c->seen[i].len) == 0;
        if (!same)
            cut_wrong(r, c, i, SEGMENT_WRONG_HEADER | SEGMENT_WRONG_PAYLOAD);
        if (expect_equal(r, "length of the frame", c->seen[i].len, as->seen[i].len))
            expect_bytes(r, "the frame, as out of one buffer", c->seen[i].bytes, as->seen[i].bytes,
                         c->seen[i].len);
    }
}

static void try_splits(struct rig *r, const struct packet *k, enum large_kind kind,
                       const struct ask *how)
{
    static struct cut c;

    if (large_cut(r, k, kind, 1337, how, &c))
        expect_same_frames(r, &c, &whole);
}

static void headers_first(struct rig *r, const struct large_asked *a)
{
    expect(r, a->nbl->first_mdl >= a->from->payload, "the protocol's first MDL", "all headers",
           "%u of %u bytes", a->nbl->first_mdl, a->from->payload);
}

CHECK("LSO1-24", headers_in_an_mdl_of_their_own)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 9000);
        struct packet *k = large_template(kind, &recipe);
        const uint32_t splits[][6] = {
            {k->payload, 0}, {k->payload, UINT32_MAX, 0}, {k->payload, 4096, 4096, 0}};

        if (!large_cut(r, k, kind, 1337, NULL, &whole))
            continue;
        for (unsigned i = 0; i < ARRAY_LEN(splits); i++)
            try_splits(r, k, kind, &(struct ask){.splits = splits[i]});
    }
    large_protocol(r, headers_first);
}

/* Headers and a few bytes more, then pieces of one size. */
static const uint32_t *pieces(const struct packet *k, uint32_t size)
{
    static uint32_t splits[2000];
    uint32_t n = 0;

    splits[n++] = k->payload + 3;
    while (n < (k->len - k->payload) / size)
        splits[n++] = size;
    splits[n] = 0;
    return splits;
}

CHECK("LSO1-25", payload_in_pieces_of_any_length)
{
    static const uint32_t sizes[] = {7, 61, 256, 333, 1459, 4095};

    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 7001);
        struct packet *k = large_template(kind, &recipe);

        if (!large_cut(r, k, kind, 1337, NULL, &whole))
            continue;
        for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
            try_splits(r, k, kind, &(struct ask){.splits = pieces(k, sizes[i])});
        for (unsigned front = 1; front < 8; front++)
            try_splits(r, k, kind, &(struct ask){.front = front});
        try_splits(r, k, kind, &(struct ask){.front = 4091, .splits = (uint32_t[]){8192, 0}});
    }
}

/* ---- Sizes ---------------------------------------------------------------------------------- */

static uint32_t data_in_all(const struct cut *c)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < c->count; i++)
        n += cut_payload(c, i);
    return n;
}

static void not_too_much(struct rig *r, const struct large_asked *a)
{
    expect_between(r, "TCP data that the protocol hands down", a->nbl->len - a->from->payload, 1,
                   a->max);
}

CHECK("LSO1-26", the_largest_size_in_force)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        uint32_t most = kind == LARGE_V2_IP6 ? 65535 - 20 : 65535 - 40;
        struct frame_recipe recipe;
        const struct cut *c;

        /* Beyond 64 KB: LSO2-6. */
        recipe = large_recipe(r, kind, MIN_OF(large_max(r, kind), most));
        for (uint32_t mss = 1400; mss > 500; mss -= 700) {
            c = large_try(r, kind, &recipe, mss);
            if (c)
                expect_equal(r, "bytes of TCP data in all frames", data_in_all(c), c->payload);
        }
    }
    large_protocol(r, not_too_much);
}

static void short_headers(struct rig *r, const struct large_asked *a)
{
    expect_between(r, "header bytes that the protocol hands down", a->from->payload, 1,
                   NDIS_LARGE_SEND_OFFLOAD_MAX_HEADER_LENGTH);
}

CHECK("LSO1-27", headers_of_more_than_128_bytes)
{
    rig_open(r, NULL);
    LARGE_EACH(r, kind)
    {
        struct frame_recipe recipe = large_recipe(r, kind, 3600);
        struct packet *k;

        recipe.ip_options = kind == LARGE_V2_IP6 ? ip6_extension_48 : ip4_options_40;
        recipe.ip_options_len = kind == LARGE_V2_IP6 ? 48 : 40;
        recipe.tcp_options = tcp_options_40;
        for (recipe.tcp_options_len = 28; recipe.tcp_options_len <= 40;
             recipe.tcp_options_len = (uint8_t)(recipe.tcp_options_len + 4)) {
            k = large_template(kind, &recipe);
            if (k->payload > NDIS_LARGE_SEND_OFFLOAD_MAX_HEADER_LENGTH)
                large_refused(r, k, kind, &(struct ask){.lso = large_ask(k, kind, 1000)});
        }
    }
    large_protocol(r, short_headers);
}

/* ---- Version 1's own ------------------------------------------------------------------------ */

static void real_length(struct rig *r, const struct large_asked *a)
{
    if (a->kind == LARGE_V1)
        expect_equal(r, "Total Length that the protocol writes", a->f.ip_total,
                     a->nbl->len - a->f.l3);
}

/* More than the buffer has: nobody can take that from there. */
static void too_long(struct rig *r)
{
    struct frame_recipe recipe = large_recipe(r, LARGE_V1, 3600);
    struct packet *k = large_template(LARGE_V1, &recipe);
    const uint32_t lengths[] = {k->len - k->l3 + 1, k->len, k->len + 1460, 0xffff};

    for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
        naive_put(k->bytes + k->l3 + 2, 2, lengths[i]);
        large_refused(r, k, LARGE_V1, &(struct ask){.lso = large_ask(k, LARGE_V1, 1000)});
    }
}

/* More bytes in the buffer than the IPv4 header speaks of: they are no data. */
CHECK("LSO1-21", version_1_takes_the_length_from_the_ip_header)
{
    rig_open(r, NULL);
    need(r, large_advertised(r, LARGE_V1), "large send version 1");
    for (uint32_t behind = 0; behind < 200; behind += 57) {
        struct frame_recipe recipe = large_recipe(r, LARGE_V1, 3600);
        struct packet *k = large_template(LARGE_V1, &recipe);
        struct ask how = {.lso = large_ask(k, LARGE_V1, 1000)};
        const struct cut *c;

        naive_put(k->bytes + k->l3 + 2, 2, k->len - k->l3 - behind);
        c = large_any_way(r, k, LARGE_V1, &how);
        about(r, "LSOv1, %u bytes behind the IPv4 packet in the buffer", behind);
        if (c->outcome.status == NDIS_STATUS_SUCCESS || behind == 0)
            expect_equal(r, "bytes of TCP data in all frames", data_in_all(c), 3600 - behind);
        else
            expect_equal(r, "frames of a send that failed", c->count, 0);
    }
    too_long(r);
    large_protocol(r, real_length);
}

static void version_1_is_ip4(struct rig *r, const struct large_asked *a)
{
    if (a->kind == LARGE_V1)
        expect_equal(r, "IP version of the protocol's packet", a->f.version, 4);
}

CHECK("LSO1-22", no_version_1_on_ipv6)
{
    rig_open(r, NULL);
    need(r, large_advertised(r, LARGE_V1), "large send version 1");
    for (uint32_t payload = 2600; payload < 6000; payload += 1500) {
        struct frame_recipe recipe = large_recipe(r, LARGE_V2_IP6, payload);
        struct packet *k = large_template(LARGE_V2_IP6, &recipe);

        naive_put(k->bytes + k->l3 + 4, 2, k->len - k->l3 - 40);
        large_refused(r, k, LARGE_V1, &(struct ask){.lso = ask_lso1(1000, k->l4)});
    }
    large_protocol(r, version_1_is_ip4);
}

static void offset_of_version_1(struct rig *r, const struct large_asked *a)
{
    if (a->kind == LARGE_V1)
        expect_equal(r, "TcpHeaderOffset of the protocol", a->slot.LsoV1Transmit.TcpHeaderOffset,
                     a->from->l4);
}

/* A header that begins elsewhere than at 34: options of 8 bytes, a tag. */
CHECK("LSO1-23", version_1_finds_the_tcp_header_by_its_offset)
{
    static const uint8_t options[8] = {0x94, 4, 0, 0, 1, 1, 1, 1};
    const struct cut *c;

    rig_open(r, NULL);
    need(r, large_advertised(r, LARGE_V1), "large send version 1");
    for (unsigned i = 0; i < 4; i++) {
        struct frame_recipe recipe = large_recipe(r, LARGE_V1, 4000);

        if ((i & 1 && !large_ip_options(r, LARGE_V1)) ||
            (i & 2 && !large_encapsulated(r, LARGE_V1, NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q)))
            continue;
        recipe.vlan = i & 2;
        recipe.ip_options = options;
        recipe.ip_options_len = i & 1 ? sizeof options : 0;
        c = large_try(r, LARGE_V1, &recipe, 1000);
        cut_fields(r, c, cut_sequence);
    }
    large_protocol(r, offset_of_version_1);
}

/* ---- Order ---------------------------------------------------------------------------------- */

enum { CHAIN = 30, FIRST_PORT = 20000 };

/* Large and small ones by turns, told apart by their source port. */
static NET_BUFFER_LIST *mixed_chain(struct rig *r)
{
    static struct packet k;
    NET_BUFFER_LIST *first = NULL, **tail = &first;
    enum large_kind kind = LARGE_V1;

    for (unsigned i = 0; i < CHAIN; i++) {
        bool large = i % 3 != 2;
        struct frame_recipe recipe;

        do
            kind = (kind + 1) % LARGE_KINDS;
        while (!large_advertised(r, kind));
        recipe = large_recipe(r, kind, large ? 1500 + i * 271 : 64 + i * 20);
        recipe.src_port = (uint16_t)(FIRST_PORT + i);
        recipe.large_send = large;
        large_build(&k, kind, &recipe);
        if (!large)
            packet_build(&k, &recipe);
        *tail = rig_nbl(r, k.bytes, k.len, NULL, 0);
        if (large)
            (*tail)->NetBufferListInfo[TcpLargeSendNetBufferListInfo] = large_ask(&k, kind, 1400);
        tail = &(*tail)->Next;
    }
    return first;
}

/* Each frame is of the same NBL as the one before or of a later one, and goes on where it ended. */
static bool in_order(const struct fields *f, const struct fields *before)
{
    if (f->source_port == before->source_port)
        return f->seq == before->seq + (before->end - before->payload);
    return f->source_port > before->source_port;
}

CHECK("LSO1-29", frames_leave_in_the_order_of_their_nbls)
{
    static struct rig_seen seen[LARGE_FRAMES];
    static struct fields f, before;
    unsigned count;

    rig_open(r, NULL);
    need(r, large_any(r), "large send offload");
    rig_send(r, mixed_chain(r), CHAIN);
    count = rig_wire_drain(r, seen, LARGE_FRAMES);
    for (unsigned i = 0; i < count; i++) {
        fields_read(&seen[i], &f);
        about_frame(r, &f, i, count);
        if (i > 0 &&
            !expect(r, in_order(&f, &before), "order of frames (source port, sequence number)",
                    "the same NBL's next bytes, or a later NBL",
                    "NBL %u, 0x%08x after NBL %u, 0x%08x with %u bytes",
                    f.source_port - FIRST_PORT + 1u, f.seq, before.source_port - FIRST_PORT + 1u,
                    before.seq, before.end - before.payload))
            break;
        before = f;
    }
    expect(r, count >= CHAIN, "frames on the wire", "at least one of each NBL", "%u", count);
}
