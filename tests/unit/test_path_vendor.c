/* SPDX-License-Identifier: MIT */
/*
 * What a plain virtio card lacks and Longshore's has (virtio/longshore.h; D-26), through the whole
 * path: each test runs on both kinds of card with both builds of the driver.
 */
#include "test_path_large.h"
#include "test_path_verdict.h"

static const unsigned versions[] = {4, 6}, protocols[] = {6, 17};

enum {
    SNAP = NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED,
    SNAP_HEADER = 22,
};

static void close_clean(void)
{
    path_forget(&path);
    path_end();
}

/* ---- Receive -------------------------------------------------------------------------------- */

static void test_RXC_3_6_each_layer_fails_by_itself(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    path_begin((struct path_config){0});
    for (unsigned i = 0; i < 16; i++) {
        unsigned version = versions[i % 2], proto = protocols[i / 2 % 2], want = 0;
        bool ip_bad = i & 4 && version == 4, l4_bad = i & 8;

        arriving_packet(&k, version, proto, 123);
        if (ip_bad)
            k.bytes[k.sh.l3 + 8]++; /* TTL */
        if (l4_bad)
            k.bytes[k.len - 1]++;
        if (!path_plain && version == 4)
            want |= ip_bad ? IP_BAD : IP_OK;
        if (l4_bad)
            want |= path_plain ? 0 : bad_bit(proto);
        else if (!path_plain || !ip_bad) /* a plain card says one thing for both */
            want |= good_bit(proto);
        assert_int_equal(receive_packet(&k), want);
    }
    close_clean();
}

/* RXC-10, RXC-11, RXC-14: what keeps its header's verdict, and nothing else. */
static void test_RXC_10_11_14_header_verdict_alone(void **state)
{
    unsigned ip = path_plain ? 0 : IP_OK;
    static struct packet k;

    UNUSED_STATE;
    path_begin((struct path_config){0});
    for (unsigned i = 0; i < 2; i++) {
        struct frame_recipe r = arriving(4, protocols[i], 200);

        packet_build(&k, &r);
        naive_put(k.bytes + k.sh.l3 + 6, 2, 0x2000);
        packet_finish(&k, &k, ASK_IP);
        assert_int_equal(receive_packet(&k), ip);
        k.bytes[k.sh.l3 + 8]++;
        assert_int_equal(receive_packet(&k), path_plain ? 0 : IP_BAD);
        r.ip_options = naive_ip4_options_40;
        r.ip_options_len = 40;
        packet_build(&k, &r);
        assert_int_equal(receive_packet(&k), path_plain ? 0 : IP_OK | good_bit(protocols[i]));
        k.bytes[k.len - 1]++;
        assert_int_equal(receive_packet(&k), path_plain ? 0 : IP_OK | bad_bit(protocols[i]));
    }
    arriving_packet(&k, 4, 17, 99);
    naive_put(packet_field(&k), 2, 0);
    assert_int_equal(receive_packet(&k), ip);
    close_clean();
}

/* RXC-8, PAR-9, PAR-12: values 3 and 4 are the receive ones. */
static void test_RXC_8_PAR_12_ip_checksum_on_receive_by_its_own_parameter(void **state)
{
    const size_t field = offsetof(NDIS_OFFLOAD_PARAMETERS, IPv4Checksum);

    UNUSED_STATE;
    path_begin((struct path_config){0});
    assert_int_equal(path.bind_offload.Checksum.IPv4Receive.IpChecksum, !path_plain);
    assert_int_equal(path.bind_offload.Checksum.IPv4Receive.IpOptionsSupported, !path_plain);
    for (UCHAR v = 1; v <= 4; v++) {
        NDIS_STATUS want = path_plain && v > 2 ? NDIS_STATUS_INVALID_DATA : NDIS_STATUS_SUCCESS;

        assert_int_equal(path_parameter(&path, field, v), want);
        assert_int_equal(verdict_now(4, 6), TCP_OK | (v > 2 && !path_plain ? IP_OK : 0));
        assert_int_equal(verdict_now(6, 17), UDP_OK);
    }
    close_clean();
}

/* ---- Transmit ------------------------------------------------------------------------------- */

/* SEC-2, D-26: the card's work where it can; a patch of the header where it cannot. */
static void test_TXC_10_who_sums_the_ipv4_header(void **state)
{
    static struct packet k;
    uint8_t options[40];
    uint64_t summed;

    UNUSED_STATE;
    path_begin((struct path_config){0});
    naive_fill(options, sizeof options, 10);
    for (uint8_t len = 0; len <= 40; len += 4) {
        for (unsigned i = 0; i < 4; i++) {
            struct frame_recipe r = path_recipe(4, protocols[i % 2], i & 2 ? 1000 : 3);

            r.ip_options = options;
            r.ip_options_len = len;
            packet_build(&k, &r);
            packet_unfinish(&k);
            expect_checksummed(&k, ASK_IP, &(struct ask){0});
            expect_checksummed(&k, ASK_IP | (i % 2 ? ASK_UDP : ASK_TCP), &(struct ask){0});
        }
    }
    summed = nic_counter(path.nic, NIC_TX_IPCSUM);
    assert_int_equal(summed, path_plain ? 0 : 11 * 4 * 2);
    close_clean();
}

static void test_TXC_19_LSO1_35_llc_snap_as_listed(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    path_begin((struct path_config){0});
    for (unsigned i = 0; i < 8; i++) {
        unsigned version = versions[i % 2], proto = protocols[i / 2 % 2];
        struct frame_recipe r = path_recipe(version, proto, 700);
        const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &path.bind_offload.Checksum;
        ULONG listed = version == 4 ? c->IPv4Transmit.Encapsulation : c->IPv6Transmit.Encapsulation;
        struct ask a = {.front = i & 4 ? 3 : 0};

        assert_int_equal((listed & SNAP) != 0, !path_plain);
        r.snap = true;
        packet_build(&k, &r);
        packet_unfinish(&k);
        if (path_plain) {
            a.checksum = ask_checksum(&k, ASK_IP | (proto == 6 ? ASK_TCP : ASK_UDP));
            expect_failed(path_ask(k.bytes, k.len, &a).status);
            expect_silence();
        } else {
            expect_checksummed(&k, ASK_IP | (proto == 6 ? ASK_TCP : ASK_UDP), &a);
        }
    }
    for (unsigned i = 0; i < 40; i++) {
        struct frame_recipe r = large_recipe(versions[i % 2], 1 + i * 333);
        const NDIS_TCP_LARGE_SEND_OFFLOAD_V2 *l = &path.bind_offload.LsoV2;
        struct packet *big;

        r.snap = true;
        big = large_packet(&r);
        assert_int_equal(((i % 2 ? l->IPv6.Encapsulation : l->IPv4.Encapsulation) & SNAP) != 0,
                         !path_plain);
        if (path_plain)
            expect_refused(big, large_ask(big, 1000));
        else /* one segment, too */
            expect_large(big, 1000, &(struct ask){0});
    }
    close_clean();
}

static NDIS_STATUS activate_snap(ULONG header)
{
    NDIS_OFFLOAD_ENCAPSULATION e = {
        .Header = {NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION, 1,
                   NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1},
        .IPv4 = {NDIS_OFFLOAD_SET_ON, SNAP, header},
        .IPv6 = {NDIS_OFFLOAD_SET_ON, SNAP, header},
    };

    return path_set(&path, OID_OFFLOAD_ENCAPSULATION, &e,
                    NDIS_SIZEOF_OFFLOAD_ENCAPSULATION_REVISION_1);
}

static void test_ENC_13_RXC_21_llc_snap_is_activated_where_listed(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    path_begin((struct path_config){.no_activate = true});
    assert_int_equal(activate_snap(14), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(activate_snap(SNAP_HEADER + 1), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(activate_snap(SNAP_HEADER),
                     path_plain ? NDIS_STATUS_INVALID_PARAMETER : NDIS_STATUS_SUCCESS);
    assert_int_equal(activate_snap(SNAP_HEADER + 4),
                     path_plain ? NDIS_STATUS_INVALID_PARAMETER : NDIS_STATUS_SUCCESS);
    for (unsigned i = 0; i < 4; i++) {
        struct frame_recipe r = arriving(versions[i / 2], protocols[i % 2], 500);
        unsigned ip = versions[i / 2] == 4 ? IP_OK : 0;

        r.snap = true;
        packet_build(&k, &r);
        assert_int_equal(receive_packet(&k), path_plain ? 0 : good_bit(protocols[i % 2]) | ip);
        k.bytes[k.len - 1]++;
        assert_int_equal(receive_packet(&k), path_plain ? 0 : bad_bit(protocols[i % 2]) | ip);
    }
    close_clean();
}

/* ---- Identification ------------------------------------------------------------------------- */

static struct frame_recipe wrapping(uint32_t bytes, uint16_t id)
{
    struct frame_recipe r = large_recipe(4, bytes);

    r.ip_id = id;
    r.tcp_flags = FIN | PSH | CWR | ECE | ACK;
    return r;
}

/* On any card: around the wrap, every length and place of it; flags and sequence go on. */
static void test_LSO2_7_wraps_at_7fff_whoever_counts(void **state)
{
    static const uint32_t sizes[] = {2, 1999, 2000, 2001, 3000, 5001, 9999, 65415};

    UNUSED_STATE;
    path_begin((struct path_config){0});
    for (unsigned i = 0; i < COUNT(sizes); i++) {
        for (uint16_t back = 1; back <= 8; back++) {
            struct frame_recipe r = wrapping(sizes[i], (uint16_t)(0x8000 - back));

            expect_large(large_packet(&r), 1000, &(struct ask){0});
            r.ip_id |= 0x8000; /* LSO2-8 */
            expect_large(large_packet(&r), 1000, &(struct ask){0});
        }
    }
    close_clean();
}

static void test_LSO2_7_with_options_and_payload_in_pieces(void **state)
{
    static uint32_t splits[400];

    UNUSED_STATE;
    path_begin((struct path_config){0});
    for (unsigned i = 0; i < 24; i++) {
        struct frame_recipe r = wrapping(20000 + i, (uint16_t)(0x7ffa + i % 6));
        struct packet *k;
        uint32_t n = 0;

        r.ip_options = naive_ip4_options_40;
        r.ip_options_len = i % 2 ? 12 : 0;
        r.tcp_options = naive_tcp_options_12;
        r.tcp_options_len = i % 3 ? 12 : 0;
        k = large_packet(&r);
        splits[n++] = (uint32_t)k->sh.header_len;
        while (n < 350)
            splits[n++] = 59 + i;
        splits[n] = 0;
        expect_large(k, i % 5 ? 1337 : 1000, &(struct ask){.splits = i % 4 ? splits : NULL});
    }
    close_clean();
}

static void test_LSO2_7_with_a_tag_in_its_slot(void **state)
{
    static uint8_t segment[PATH_FRAME], frame[2000];

    UNUSED_STATE;
    path_begin((struct path_config){0});
    for (unsigned i = 0; i < 4; i++) {
        struct frame_recipe r = wrapping(5001, (uint16_t)(0x7fff - i));
        struct packet *k = large_packet(&r);

        assert_int_equal(large_send(k, 1000, &(struct ask){.tag = ask_tag(3, 77)}).status,
                         NDIS_STATUS_SUCCESS);
        for (size_t n = 0; n < 6; n++) {
            uint32_t len = (uint32_t)naive_segment(k->bytes, k->len, &k->sh, 1000, 15, n, segment);

            memcpy(frame, segment, 12);
            naive_put(frame + 12, 4, 0x81000000u | 3u << 13 | 77);
            memcpy(frame + 16, segment + 12, len - 12);
            expect_wire(frame, len + 4);
        }
        expect_nothing_more();
    }
    close_clean();
}

/* Twice around, in segments of one byte: as bad as it gets. The wire is read along the way. */
static void test_LSO2_7_twice_in_one_send(void **state)
{
    struct frame_recipe r = wrapping(33000, 0x7fff);
    struct packet *k;
    struct ask a = {0};
    static uint8_t got[PATH_FRAME];
    uint32_t n = 0, len;
    NET_BUFFER_LIST *nbl;

    UNUSED_STATE;
    path_begin((struct path_config){0});
    k = large_packet(&r);
    a.lso = large_ask(k, 1);
    nbl = ask_nbl(k->bytes, k->len, &a);
    NdisSendNetBufferLists(path.binding, nbl, NDIS_DEFAULT_PORT_NUMBER, 0);
    while ((len = path_wire_read(&path, got, sizeof got, 0.5)) > 0) {
        assert_int_equal(len, SHORTEST);
        assert_int_equal(naive_get(got + k->sh.l3 + 4, 2), (0x7fff + n) & 0x7fff);
        assert_int_equal(naive_get(got + k->sh.l4 + 4, 4), (uint32_t)(r.seq + n));
        assert_int_equal(naive_transport(got, &k->sh, k->sh.header_len + 1, 6), 0xffff);
        n++;
    }
    assert_true(path_wait(&path, &path.completed_count, 1, 5));
    assert_int_equal(path.completed[0].status, NDIS_STATUS_SUCCESS);
    assert_int_equal(n, 33000);
    close_clean();
}

/* LSO1-29, LSO1-32: in line with what goes before and after, on every kind of ring. */
static void test_LSO2_7_in_order_on_every_ring(void **state)
{
    static const struct path_config rings[] = {
        {.withhold = PLAIN},
        {.withhold = PLAIN ",indirect_desc"},
        {.withhold = PLAIN ",indirect_desc,event_idx", .queue_size = 16},
        {.withhold = PLAIN ",event_idx", .queue_size = 8},
        {.withhold = "ls_id15"},
    };
    enum { N = 30 };
    static struct packet in[N];

    UNUSED_STATE;
    for (unsigned ring = 0; ring < COUNT(rings); ring++) {
        NET_BUFFER_LIST *first = NULL, **tail = &first;

        path_begin(rings[ring]);
        for (unsigned i = 0; i < N; i++) {
            struct frame_recipe r = wrapping(3000 + i * 100, (uint16_t)(0x7ffe + i % 3));
            struct ask a = {0};

            large_build(&in[i], &r);
            a.lso = large_ask(&in[i], 1000);
            *tail = ask_nbl(in[i].bytes, in[i].len, &a);
            tail = &(*tail)->Next;
        }
        path_send(&path, first, N);
        assert_int_equal(path.completed_count, N);
        for (unsigned i = 0; i < N; i++) {
            assert_int_equal(path.completed[i].status, NDIS_STATUS_SUCCESS);
            expect_segments(&in[i], 1000);
        }
        expect_nothing_more();
        assert_int_equal(nic_counter(path.nic, NIC_TX_BAD_HEADER), 0);
        close_clean();
    }
}

/* ---- Any card in between -------------------------------------------------------------------- */

/* SEC-1, and that everything works with every subset of the four. */
static void test_SEC_1_every_subset_of_the_vendors_features(void **state)
{
    static const char *const names[] = {"ls_ipcsum", "ls_id15", "ls_snap", "ls_verdicts"};
    static struct packet k;

    UNUSED_STATE;
    if (path_plain)
        return; /* each subset is tried once */
    for (unsigned without = 0; without < 16; without++) {
        const NDIS_OFFLOAD *o = &path.bind_offload;
        struct frame_recipe r = wrapping(7000, 0x7ffd);
        char list[80] = "";

        for (unsigned i = 0; i < 4; i++)
            if (without >> i & 1)
                snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", *list ? "," : "",
                         names[i]);
        path_begin((struct path_config){.withhold = without ? list : NULL});
        assert_int_equal(nic_negotiated(path.nic) & NIC_VENDOR_MASK,
                         NIC_VENDOR_MASK & ~((uint64_t)without << NIC_VENDOR_BIT));
        assert_int_equal(o->Checksum.IPv4Transmit.IpChecksum, 1);
        assert_int_equal(o->Checksum.IPv4Receive.IpChecksum, !(without & 8));
        assert_int_equal((o->LsoV2.IPv4.Encapsulation & SNAP) != 0, !(without & 4));
        assert_int_equal((o->Checksum.IPv6Receive.Encapsulation & SNAP) != 0, !(without & 4));
        expect_large(large_packet(&r), 1000, &(struct ask){0});
        for (unsigned i = 0; i < 4; i++) {
            unsigned version = versions[i / 2], proto = protocols[i % 2];
            struct frame_recipe small = path_recipe(version, proto, 500);

            packet_build(&k, &small);
            packet_unfinish(&k);
            expect_checksummed(&k, ASK_IP | (proto == 6 ? ASK_TCP : ASK_UDP), &(struct ask){0});
            assert_int_equal(verdict_now(version, proto), good_bits(version, proto));
            arriving_packet(&k, version, proto, 77);
            k.bytes[k.len - 1]++;
            assert_int_equal(receive_packet(&k) & TRANSPORT, without & 8 ? 0 : bad_bit(proto));
        }
        close_clean();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_RXC_3_6_each_layer_fails_by_itself),
        cmocka_unit_test(test_RXC_10_11_14_header_verdict_alone),
        cmocka_unit_test(test_RXC_8_PAR_12_ip_checksum_on_receive_by_its_own_parameter),
        cmocka_unit_test(test_TXC_10_who_sums_the_ipv4_header),
        cmocka_unit_test(test_TXC_19_LSO1_35_llc_snap_as_listed),
        cmocka_unit_test(test_ENC_13_RXC_21_llc_snap_is_activated_where_listed),
        cmocka_unit_test(test_LSO2_7_wraps_at_7fff_whoever_counts),
        cmocka_unit_test(test_LSO2_7_with_options_and_payload_in_pieces),
        cmocka_unit_test(test_LSO2_7_with_a_tag_in_its_slot),
        cmocka_unit_test(test_LSO2_7_twice_in_one_send),
        cmocka_unit_test(test_LSO2_7_in_order_on_every_ring),
        cmocka_unit_test(test_SEC_1_every_subset_of_the_vendors_features),
    };

    return path_run("vendor", tests, COUNT(tests), false);
}
