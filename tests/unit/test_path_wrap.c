/* SPDX-License-Identifier: MIT */
/*
 * Identification around its wrap at 0x7fff (LSO2-7, LSO2-8). On a card that counts in 16 bits
 * vionet cuts a large send in two before that, and again: at every length and place, with all that
 * a send may have, on every kind of ring.
 */
#include "test_rig.h"

static struct packet k;

static struct frame_recipe wrapping(const struct rig *r, uint32_t bytes, unsigned id)
{
    struct frame_recipe f = large_recipe(r, LARGE_V2_IP4, bytes);

    f.ip_id = (uint16_t)id;
    f.tcp_flags = TCP_FIN | TCP_PSH | TCP_CWR | TCP_ECE | TCP_ACK;
    return f;
}

static bool expect_wrapped(struct rig *r, const struct frame_recipe *f, uint32_t mss,
                           const struct ask *how)
{
    about(r, "%u bytes, MSS %u, Identification 0x%04x", f->payload_len, mss, f->ip_id);
    large_build(&k, LARGE_V2_IP4, f);
    return expect_large(r, &k, LARGE_V2_IP4, mss, how);
}

RIG_TEST("LSO2-7", every_length_and_place)
{
    static const uint32_t sizes[] = {2, 1999, 2000, 2001, 3000, 5001, 9999, 65415};

    rig_open(r, NULL);
    for (unsigned i = 0; i < COUNT(sizes); i++) {
        for (unsigned back = 1; back <= 8; back++) {
            struct frame_recipe f = wrapping(r, sizes[i], 0x8000 - back);

            expect_wrapped(r, &f, 1000, NULL);
            f.ip_id |= 0x8000; /* LSO2-8 */
            expect_wrapped(r, &f, 1000, NULL);
        }
    }
}

RIG_TEST("LSO2-7", with_options_and_payload_in_pieces)
{
    static uint32_t splits[400];

    rig_open(r, NULL);
    for (unsigned i = 0; i < 24; i++) {
        struct frame_recipe f = wrapping(r, 20000 + i, 0x7ffa + i % 6);
        uint32_t n = 0;

        f.ip_options = ip4_options_40;
        f.ip_options_len = i % 2 ? 12 : 0;
        f.tcp_options = tcp_options_12;
        f.tcp_options_len = i % 3 ? 12 : 0;
        splits[n++] = 54u + f.ip_options_len + f.tcp_options_len;
        while (n < 350)
            splits[n++] = 59 + i;
        splits[n] = 0;
        expect_wrapped(r, &f, i % 5 ? 1337 : 1000,
                       &(struct ask){.splits = i % 4 ? splits : NULL, .back = i % 3});
    }
}

RIG_TEST("LSO2-7", with_a_tag_in_its_slot)
{
    rig_open(r, NULL);
    for (unsigned i = 0; i < 4; i++) {
        struct frame_recipe f = wrapping(r, 5001, 0x7fff - i);
        struct ask a = {.tag = ask_tag(3, 77)};

        large_build(&k, LARGE_V2_IP4, &f);
        a.lso = large_ask(&k, LARGE_V2_IP4, 1000);
        expect_code(r, "NBL status", send_one(r, &k, &a).status, NDIS_STATUS_SUCCESS);
        expect_segments(r, &k, LARGE_V2_IP4, 1000, 3u << 13 | 77);
        expect_nothing_more(r);
    }
}

/* Twice around, in segments of one byte: as bad as it gets. The wire is read along the way. */
RIG_TEST("LSO2-7", twice_in_one_send)
{
    enum { BYTES = 33000, FIRST = 0x7fff };
    static uint8_t got[RIG_FRAME];
    struct frame_recipe f;
    struct ask a = {0};
    struct fields s;
    uint32_t n = 0, len;

    rig_open(r, NULL);
    f = wrapping(r, BYTES, FIRST);
    large_build(&k, LARGE_V2_IP4, &f);
    a.lso = large_ask(&k, LARGE_V2_IP4, 1);
    rig_send_only(r, packet_nbl(r, &k, &a));
    for (; n < BYTES && (len = rig_wire_read(r, got, sizeof got, 2)) > 0; n++) {
        fields_read(&(struct rig_seen){got, len}, &s);
        about_frame(r, &s, n, BYTES);
        if (!expect_equal(r, "length", len, SHORTEST) ||
            !expect_equal(r, "Identification", s.ip_id, (FIRST + n) & 0x7fff) ||
            !expect_equal(r, "sequence number", s.seq, (uint32_t)(f.seq + n)) ||
            !expect(r, s.ip_good && s.transport_good, "checksums", "right", "wrong"))
            return;
    }
    expect_equal(r, "frames", n, BYTES);
    expect_nothing_more(r);
    expect(r, rig_wait(r, &r->main.completed_count, 1, 5), "the NBL", "completed", "it is not");
    expect_code(r, "its status", r->main.completed[0].status, NDIS_STATUS_SUCCESS);
}

/* LSO1-29, LSO1-32: in line with what goes before and after. */
RIG_TEST("LSO2-7", in_order_on_every_ring)
{
    static const struct rig_config rings[] = {
        {.withhold = "ls_id15"},
        {.withhold = "ls_id15,indirect_desc"},
        {.withhold = "ls_id15,indirect_desc,event_idx", .queue_size = 16},
        {.withhold = "ls_id15,event_idx", .queue_size = 8},
    };
    enum { N = 30 };
    static struct packet in[N];

    rig_open(r, NULL);
    for (unsigned ring = 0; ring < COUNT(rings); ring++) {
        NET_BUFFER_LIST *first = NULL, **tail = &first;

        rig_reopen(r, &rings[ring]);
        about(r, "ring of %u, without %s", rings[ring].queue_size, rings[ring].withhold);
        for (unsigned i = 0; i < N; i++) {
            struct frame_recipe f = wrapping(r, 3000 + i * 100, 0x7ffe + i % 3);
            struct ask a = {0};

            large_build(&in[i], LARGE_V2_IP4, &f);
            a.lso = large_ask(&in[i], LARGE_V2_IP4, 1000);
            *tail = packet_nbl(r, &in[i], &a);
            tail = &(*tail)->Next;
        }
        rig_send(r, first, N);
        for (unsigned i = 0; i < N; i++) {
            expect_code(r, "NBL status", r->main.completed[i].status, NDIS_STATUS_SUCCESS);
            if (!expect_segments(r, &in[i], LARGE_V2_IP4, 1000, 0))
                return;
        }
        expect_nothing_more(r);
        expect_equal(r, "bad headers at the card", nic_counter(r->nic, NIC_TX_BAD_HEADER), 0);
    }
}

int main(void)
{
    const struct rig_test *const tests[] = {
        &every_length_and_place, &with_options_and_payload_in_pieces, &with_a_tag_in_its_slot,
        &twice_in_one_send, &in_order_on_every_ring};

    return rig_tests(tests, COUNT(tests), RIG_BOTH_CARDS);
}
