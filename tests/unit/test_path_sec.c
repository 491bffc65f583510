/* SPDX-License-Identifier: MIT */
/* What the security guideline asks of an offload miniport, through the whole path, both builds:
 * many cards, many lies. One of each kind is the conformance suite's (group SEC). */
#include "test_path_large.h"
#include "test_path_verdict.h"

static const unsigned versions[] = {4, 6}, protocols[] = {6, 17};

enum { ADDRESSES_END = 12 };

static unsigned asked(unsigned proto)
{
    return ASK_IP | (proto == 6 ? ASK_TCP : ASK_UDP);
}

static struct packet *unfinished(unsigned version, unsigned proto, uint32_t len)
{
    struct frame_recipe r = path_recipe(version, proto, len);
    static struct packet k;

    packet_build(&k, &r);
    packet_unfinish(&k);
    return &k;
}

/* ---- SEC-1: the report is what the card can do ---------------------------------------- */

struct report {
    const char *withheld;
    bool transmit, receive, large4, large6;
};

static void expect_report(const struct report *want)
{
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &path.bind_offload.Checksum;
    const NDIS_TCP_LARGE_SEND_OFFLOAD_V2 *l = &path.bind_offload.LsoV2;

    assert_true(path.bind_has_offload);
    assert_int_equal(c->IPv4Transmit.TcpChecksum, want->transmit);
    assert_int_equal(c->IPv4Transmit.UdpChecksum, want->transmit);
    assert_int_equal(c->IPv6Transmit.TcpChecksum, want->transmit);
    assert_int_equal(c->IPv6Transmit.UdpChecksum, want->transmit);
    assert_int_equal(c->IPv4Receive.TcpChecksum, want->receive);
    assert_int_equal(c->IPv4Receive.UdpChecksum, want->receive);
    assert_int_equal(c->IPv6Receive.TcpChecksum, want->receive);
    assert_int_equal(c->IPv6Receive.UdpChecksum, want->receive);
    assert_int_equal(l->IPv4.MaxOffLoadSize != 0, want->large4);
    assert_int_equal(l->IPv6.MaxOffLoadSize != 0, want->large6);
    assert_int_equal(path.bind_offload.LsoV1.IPv4.MaxOffLoadSize != 0, want->large4);
}

/* And does it: what is reported works, the rest is refused or comes without result. */
static void expect_behaviour(const struct report *want)
{
    static struct packet k;

    for (unsigned i = 0; i < 4; i++) {
        unsigned version = versions[i / 2], proto = protocols[i % 2];

        if (want->transmit)
            expect_checksummed(unfinished(version, proto, 500), asked(proto), &(struct ask){0});
        arriving_packet(&k, version, proto, 500);
        assert_int_equal(receive_packet(&k) & TRANSPORT, want->receive ? good_bit(proto) : 0);
    }
    for (unsigned v = 0; v < 2; v++) {
        struct frame_recipe r = large_recipe(versions[v], 20000);
        struct packet *l = large_packet(&r);

        if (v == 0 ? want->large4 : want->large6)
            expect_large(l, 1400, &(struct ask){0});
        else
            expect_refused(l, large_ask(l, 1400));
    }
}

static void test_SEC_1_the_report_is_what_the_card_offers(void **state)
{
    static const struct report reports[] = {
        {NULL, true, true, true, true},
        {"csum", false, true, false, false},
        {"guest_csum", true, false, true, true},
        {"host_tso4", true, true, false, true},
        {"host_tso6", true, true, true, false},
        {"host_tso4,host_tso6", true, true, false, false},
        {"csum,guest_csum", false, false, false, false},
    };

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(reports); i++) {
        path_begin((struct path_config){.withhold = reports[i].withheld,
                                        .no_activate = i == COUNT(reports) - 1});
        if (i < COUNT(reports) - 1)
            expect_report(&reports[i]);
        expect_behaviour(&reports[i]);
        path_end();
    }
}

/* Features that change how, not what. */
static void test_SEC_1_offload_is_the_same_on_every_card(void **state)
{
    static const struct report all = {NULL, true, true, true, true};
    static const struct path_config configs[] = {{.withhold = "mrg_rxbuf"},
                                                 {.withhold = "event_idx"},
                                                 {.withhold = "indirect_desc"},
                                                 {.withhold = "indirect_desc,event_idx,mrg_rxbuf"},
                                                 {.line_only = true},
                                                 {.queue_size = 16},
                                                 {.queue_size = 16, .withhold = "indirect_desc"}};

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(configs); i++) {
        path_begin(configs[i]);
        expect_report(&all);
        expect_behaviour(&all);
        path_end();
    }
}

/* ---- SEC-5, SEC-6: lengths and offsets that lie --------------------------------------- */

/* Whatever becomes of it, it is one frame of that length, or none and a failure. */
static void expect_survived(const uint8_t *bytes, uint32_t len, const struct ask *a)
{
    static uint8_t got[PATH_FRAME];
    struct outcome o = path_ask(bytes, len, a);

    if (o.status == NDIS_STATUS_SUCCESS)
        assert_int_equal(path_wire_read(&path, got, sizeof got, 2),
                         len < SHORTEST ? SHORTEST : len);
    else
        expect_failed(o.status);
}

static void test_SEC_6_every_header_offset_of_a_checksum_request(void **state)
{
    static struct packet want;

    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        struct packet *k = unfinished(versions[v], 6, 300);

        packet_finish(&want, k, ASK_TCP | ASK_IP);
        for (unsigned at = 0; at < 1024; at++) {
            NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO i = {.Value =
                                                               ask_checksum(k, ASK_TCP | ASK_IP)};
            struct outcome o;

            i.Transmit.TcpHeaderOffset = at & 0x3ff;
            o = path_ask(k->bytes, k->len, &(struct ask){.checksum = i.Value});
            if (at == k->sh.l4)
                assert_int_equal(o.status, NDIS_STATUS_SUCCESS);
            if (o.status == NDIS_STATUS_SUCCESS)
                expect_wire(want.bytes, want.len);
            else
                expect_failed(o.status);
        }
        expect_silence();
    }
}

static void test_SEC_6_frames_cut_short(void **state)
{
    UNUSED_STATE;
    for (unsigned i = 0; i < 4; i++) {
        struct packet *k = unfinished(versions[i / 2], protocols[i % 2], 40);
        struct ask a = {.checksum = ask_checksum(k, asked(k->proto))};

        for (uint32_t len = 1; len < k->len; len++)
            expect_survived(k->bytes, len, &a);
        expect_silence();
    }
}

static void test_SEC_6_header_bytes_that_lie(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    for (unsigned i = 0; i < 4; i++) {
        memcpy(&k, unfinished(versions[i / 2], protocols[i % 2], 90), sizeof k);
        for (uint32_t at = ADDRESSES_END; at < k.sh.header_len; at++) {
            static const uint8_t values[] = {0x00, 0x01, 0x0f, 0x3c, 0x40, 0x7f, 0x80, 0xff};
            struct ask a = {.checksum = ask_checksum(&k, asked(k.proto))};
            uint8_t before = k.bytes[at];

            for (unsigned j = 0; j < COUNT(values); j++) {
                k.bytes[at] = values[j];
                expect_survived(k.bytes, k.len, &a);
            }
            k.bytes[at] = before;
        }
        expect_silence();
    }
}

/* Requests whose bits contradict the packet or each other. */
static void test_SEC_5_every_combination_of_request_bits(void **state)
{
    UNUSED_STATE;
    for (unsigned i = 0; i < 4; i++) {
        struct packet *k = unfinished(versions[i / 2], protocols[i % 2], 90);

        for (uintptr_t bits = 0; bits < 64; bits++) {
            struct ask a = {.checksum = (void *)(bits | (uintptr_t)k->sh.l4 << 16)};

            expect_survived(k->bytes, k->len, &a);
            a.checksum = (void *)bits;
            expect_survived(k->bytes, k->len, &a);
        }
        expect_silence();
    }
}

/* Random values in all three slots at once: no frame longer than the link takes, none after a
 * failure, and the path lives. */
static void test_SEC_6_random_slots(void **state)
{
    static uint8_t got[PATH_FRAME];
    uint64_t seed = 6;

    UNUSED_STATE;
    for (unsigned i = 0; i < 3000; i++) {
        struct frame_recipe r = large_recipe(versions[i % 2], i % 3 ? 3000 : 600);
        struct packet *k = large_packet(&r);
        uintptr_t v[3] = {0};
        struct outcome o;
        uint32_t n;

        for (unsigned j = 0; j < 12; j++)
            v[j / 4] = v[j / 4] << 8 | naive_random(&seed);
        if (i % 4 == 0) /* nearly right */
            v[0] = (uintptr_t)large_ask(k, 1 + naive_random(&seed) * 8u) ^ (i % 8 ? 0 : 1u << 31);
        o = path_ask(k->bytes, k->len,
                     &(struct ask){.lso = i % 5 ? (void *)v[0] : NULL,
                                   .checksum = i % 7 ? (void *)v[1] : NULL,
                                   .tag = i % 2 ? (void *)v[2] : NULL});
        if (o.status != NDIS_STATUS_SUCCESS)
            expect_failed(o.status);
        while ((n = path_wire_read(&path, got, sizeof got, 0)) != 0) {
            assert_int_equal(o.status, NDIS_STATUS_SUCCESS);
            assert_in_range(n, SHORTEST, 1518);
        }
    }
    expect_silence();
}

int main(void)
{
    const struct CMUnitTest cards[] = {
        cmocka_unit_test(test_SEC_1_the_report_is_what_the_card_offers),
        cmocka_unit_test(test_SEC_1_offload_is_the_same_on_every_card),
    };
    const struct CMUnitTest lies[] = {
        cmocka_unit_test(test_SEC_5_every_combination_of_request_bits),
        cmocka_unit_test(test_SEC_6_every_header_offset_of_a_checksum_request),
        cmocka_unit_test(test_SEC_6_frames_cut_short),
        cmocka_unit_test(test_SEC_6_header_bytes_that_lie),
        cmocka_unit_test(test_SEC_6_random_slots),
        cmocka_unit_test(test_no_rule_was_broken_and_nothing_is_left),
    };

    return path_run("SEC cards", cards, COUNT(cards), false) +
           path_run("SEC lies", lies, COUNT(lies), true);
}
