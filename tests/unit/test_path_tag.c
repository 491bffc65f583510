/* SPDX-License-Identifier: MIT */
/* 802.1Q tags and LLC/SNAP with offload (TXC, LSO, RXC), through the whole path, both builds. */
#include "test_path_large.h"
#include "test_path_verdict.h"

static const unsigned versions[] = {4, 6}, protocols[] = {6, 17};
static const struct {
    unsigned priority, id;
} tags[] = {{0, 1}, {7, 0}, {3, 4094}, {0, 4095}, {5, 0x0ff}, {1, 1}};

enum {
    TAG_BYTES = 4,
    ADDRESSES = 12,
    P_AND_Q = NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q,
    IN_OOB = NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB,
    SNAP = NDIS_ENCAPSULATION_IEEE_LLC_SNAP_ROUTED
};

/* The frame with a tag behind the addresses; returns its length. */
static uint32_t tagged(const uint8_t *frame, uint32_t len, unsigned tci, uint8_t *out)
{
    memcpy(out, frame, ADDRESSES);
    naive_put(out + ADDRESSES, 2, 0x8100);
    naive_put(out + ADDRESSES + 2, 2, tci);
    memcpy(out + ADDRESSES + TAG_BYTES, frame + ADDRESSES, len - ADDRESSES);
    return len + TAG_BYTES;
}

static unsigned tci_of(unsigned i)
{
    return tags[i].priority << 13 | tags[i].id;
}

static ULONG transmit_encapsulation(unsigned version)
{
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &path.bind_offload.Checksum;

    return version == 4 ? c->IPv4Transmit.Encapsulation : c->IPv6Transmit.Encapsulation;
}

static ULONG receive_encapsulation(unsigned version)
{
    const NDIS_TCP_IP_CHECKSUM_OFFLOAD *c = &path.bind_offload.Checksum;

    return version == 4 ? c->IPv4Receive.Encapsulation : c->IPv6Receive.Encapsulation;
}

static void test_TXC_18_tag_in_its_slot(void **state)
{
    static const uint32_t sizes[] = {0, 1, 2, 100, 1440};
    static struct packet k, want;
    static uint8_t frame[2000];

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(tags) * COUNT(sizes) * 4; i++) {
        unsigned tag = i / 4 % COUNT(tags), version = versions[i / 2 % 2], proto = protocols[i % 2];
        struct frame_recipe r = path_recipe(version, proto, sizes[i / 4 / COUNT(tags)]);
        unsigned what = ASK_IP | (proto == 6 ? ASK_TCP : ASK_UDP);
        struct ask a = {.tag = ask_tag(tags[tag].priority, tags[tag].id)};
        uint32_t len;

        assert_true(transmit_encapsulation(version) & IN_OOB);
        packet_build(&k, &r);
        packet_unfinish(&k);
        packet_finish(&want, &k, what);
        a.checksum = ask_checksum(&k, what);
        assert_int_equal(path_ask(k.bytes, k.len, &a).status, NDIS_STATUS_SUCCESS);
        len = tagged(want.bytes, want.len, tci_of(tag), frame);
        expect_wire(frame, len);
        a.checksum = NULL; /* tagged, and nothing else */
        assert_int_equal(path_ask(k.bytes, k.len, &a).status, NDIS_STATUS_SUCCESS);
        expect_wire(frame, tagged(k.bytes, k.len, tci_of(tag), frame));
    }
}

static void test_TXC_18_tag_of_0_is_none(void **state)
{
    struct frame_recipe r = path_recipe(4, 6, 100);
    static struct packet k;

    UNUSED_STATE;
    packet_build(&k, &r);
    packet_unfinish(&k);
    expect_checksummed(&k, ASK_IP | ASK_TCP, &(struct ask){.tag = ask_tag(0, 0)});
}

static void test_TXC_18_header_split_at_every_byte(void **state)
{
    struct frame_recipe r = path_recipe(4, 6, 300);
    static struct packet k, want;
    static uint8_t frame[2000];
    uint32_t len;

    UNUSED_STATE;
    packet_build(&k, &r);
    packet_unfinish(&k);
    packet_finish(&want, &k, ASK_IP | ASK_TCP);
    len = tagged(want.bytes, want.len, 0x6abc, frame);
    for (uint32_t at = 1; at < k.sh.header_len + 2; at++) {
        const uint32_t splits[] = {at, 1, 0};
        struct ask a = {.tag = ask_tag(3, 0xabc), .splits = splits, .front = at % 5};

        a.checksum = ask_checksum(&k, ASK_IP | ASK_TCP);
        path_ask(k.bytes, k.len, &a);
        expect_wire(frame, len);
    }
}

/* What is not reported may be refused, or done right; what is reported is done. */
static void check_unreported(const struct packet *k, unsigned what, ULONG flag)
{
    static struct packet want;
    struct outcome o;

    o = path_ask(k->bytes, k->len, &(struct ask){.checksum = ask_checksum(k, what)});
    if (transmit_encapsulation(k->sh.version) & flag)
        assert_int_equal(o.status, NDIS_STATUS_SUCCESS);
    packet_finish(&want, k, what);
    if (o.status == NDIS_STATUS_SUCCESS)
        expect_wire(want.bytes, want.len);
    else
        expect_failed(o.status);
    expect_silence();
}

static void test_TXC_17_tag_in_the_buffer(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(tags) * 4; i++) {
        unsigned proto = protocols[i % 2];
        struct frame_recipe r = path_recipe(versions[i / 2 % 2], proto, 1440);

        r.vlan = true;
        r.vlan_tci = (uint16_t)tci_of(i / 4);
        packet_build(&k, &r);
        packet_unfinish(&k);
        check_unreported(&k, ASK_IP | (proto == 6 ? ASK_TCP : ASK_UDP), P_AND_Q);
    }
}

static void test_TXC_19_llc_snap(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    for (unsigned i = 0; i < 4; i++) {
        unsigned proto = protocols[i % 2];
        struct frame_recipe r = path_recipe(versions[i / 2], proto, 700);

        r.snap = true;
        packet_build(&k, &r);
        packet_unfinish(&k);
        check_unreported(&k, ASK_IP | (proto == 6 ? ASK_TCP : ASK_UDP), SNAP);
    }
}

/* Also LSO2-21, CAP-11. */
static void test_LSO1_34_tag_in_its_slot_on_every_frame(void **state)
{
    static uint8_t segment[PATH_FRAME], frame[2000];

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(tags) * 2; i++) {
        struct frame_recipe r = large_recipe(versions[i % 2], 10001);
        struct packet *k = large_packet(&r);
        struct ask a = {.tag = ask_tag(tags[i / 2].priority, tags[i / 2].id)};
        size_t count = naive_count(10001, 1440);

        assert_int_equal(large_send(k, 1440, &a).status, NDIS_STATUS_SUCCESS);
        for (size_t n = 0; n < count; n++) {
            uint32_t len = (uint32_t)naive_segment(k->bytes, k->len, &k->sh, 1440, 15, n, segment);

            expect_wire(frame, tagged(segment, len, tci_of(i / 2), frame));
        }
        expect_nothing_more();
    }
}

/* LSO1-34, LSO1-35: what is not reported may be refused, or done right. */
static void test_LSO1_34_tag_in_the_buffer_and_llc_snap(void **state)
{
    UNUSED_STATE;
    for (unsigned i = 0; i < 6; i++) {
        ULONG all = i % 2 ? path.bind_offload.LsoV2.IPv6.Encapsulation
                          : path.bind_offload.LsoV2.IPv4.Encapsulation;
        struct frame_recipe r = large_recipe(versions[i % 2], 10001);
        struct packet *k;

        r.vlan = i / 2 != 1;
        r.snap = i / 2 != 0;
        k = large_packet(&r);
        if ((!r.vlan || all & P_AND_Q) && (!r.snap || all & SNAP))
            expect_large(k, 1400, &(struct ask){0});
        else
            expect_right_or_refused(k, 1400);
    }
}

/* Either in the data or in the slot, never in both; no result unless reported for this kind. */
static void test_RXC_20_tagged_frames(void **state)
{
    static struct packet k;
    static uint8_t frame[2000];

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(tags) * 8; i++) {
        unsigned tag = i / 8, version = versions[i / 2 % 2], proto = protocols[i % 2], v;
        bool good = i / 4 % 2;
        struct path_received *r = &path.received[0];
        uint32_t len;

        arriving_packet(&k, version, proto, 100 + i);
        if (!good)
            k.bytes[k.len - 1] ^= 1;
        len = tagged(k.bytes, k.len, tci_of(tag), frame);
        path.received_count = 0;
        path_wire_write(&path, frame, len);
        assert_true(path_wait(&path, &path.received_count, 1, 5));
        if (r->len == len) {
            v = judge_slot(r, frame, len);
            assert_int_equal(r->oob[Ieee8021QNetBufferListInfo], 0);
        } else {
            v = judge_slot(r, k.bytes, k.len);
            assert_ptr_equal(r->oob[Ieee8021QNetBufferListInfo],
                             ask_tag(tags[tag].priority, tags[tag].id));
        }
        if (receive_encapsulation(version) & (P_AND_Q | IN_OOB))
            assert_int_equal(v & (ANY_OK & TRANSPORT), good ? good_bit(proto) : 0);
        else
            assert_int_equal(v, 0);
    }
    path.received_count = 0;
}

static void test_RXC_21_llc_snap(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    for (unsigned i = 0; i < 4; i++) {
        struct frame_recipe r = arriving(versions[i / 2], protocols[i % 2], 500);
        unsigned v;

        r.snap = true;
        packet_build(&k, &r);
        v = receive_packet(&k);
        if (receive_encapsulation(versions[i / 2]) & SNAP)
            assert_int_equal(v & (ANY_OK & TRANSPORT), good_bit(protocols[i % 2]));
        else
            assert_int_equal(v, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tagging[] = {
        cmocka_unit_test(test_TXC_17_tag_in_the_buffer),
        cmocka_unit_test(test_TXC_18_tag_in_its_slot),
        cmocka_unit_test(test_TXC_18_tag_of_0_is_none),
        cmocka_unit_test(test_TXC_18_header_split_at_every_byte),
        cmocka_unit_test(test_TXC_19_llc_snap),
        cmocka_unit_test(test_LSO1_34_tag_in_its_slot_on_every_frame),
        cmocka_unit_test(test_LSO1_34_tag_in_the_buffer_and_llc_snap),
        cmocka_unit_test(test_RXC_20_tagged_frames),
        cmocka_unit_test(test_RXC_21_llc_snap),
        cmocka_unit_test(test_no_rule_was_broken_and_nothing_is_left),
    };

    return path_run("tags", tagging, COUNT(tagging), true);
}
