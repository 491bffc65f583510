/* SPDX-License-Identifier: MIT */
/* *PriorityVLANTag, VlanId, OID_GEN_VLAN_ID (KEY-15 to KEY-18) and the keywords of sizes (KEY-27,
 * KEY-28), through the whole path, both builds. */
#include "test_path_large.h"
#include "test_path_verdict.h"

enum { PRIORITY = NDIS_MAC_OPTION_8021P_PRIORITY, VLAN = NDIS_MAC_OPTION_8021Q_VLAN };

static const char *const digits[] = {"0", "1", "2", "3"};

/* The frame with a tag behind the addresses. */
static uint32_t tagged(const uint8_t *frame, uint32_t len, unsigned tci, uint8_t *out)
{
    memcpy(out, frame, 12);
    naive_put(out + 12, 2, 0x8100);
    naive_put(out + 14, 2, tci);
    memcpy(out + 16, frame + 12, len - 12);
    return len + 4;
}

static ULONG mac_options(void)
{
    ULONG v = 0;

    assert_int_equal(path_query(&path, OID_GEN_MAC_OPTIONS, &v, sizeof v, NULL),
                     NDIS_STATUS_SUCCESS);
    return v & (PRIORITY | VLAN);
}

static unsigned allowed(unsigned value, unsigned tci)
{
    return (value & 1 ? tci & 0xe000 : 0) | (value & 2 ? tci & 0xfff : 0);
}

static const unsigned tcis[] = {0x6abc, 0xe000, 0x0001, 0x0ffe};

static void sends(unsigned value)
{
    struct frame_recipe r = path_recipe(4, 6, 300), large = large_recipe(4, 3000);
    static struct packet k, want;
    static uint8_t frame[2000], segment[2000];

    for (unsigned i = 0; i < COUNT(tcis); i++) {
        unsigned tci = allowed(value, tcis[i]);
        struct ask a = {.tag = ask_tag(tcis[i] >> 13, tcis[i])};
        struct packet *big = large_packet(&large);

        packet_build(&k, &r);
        packet_unfinish(&k);
        packet_finish(&want, &k, ASK_IP | ASK_TCP);
        a.checksum = ask_checksum(&k, ASK_IP | ASK_TCP);
        assert_int_equal(path_ask(k.bytes, k.len, &a).status, NDIS_STATUS_SUCCESS);
        if (tci)
            expect_wire(frame, tagged(want.bytes, want.len, tci, frame));
        else
            expect_wire(want.bytes, want.len);
        a = (struct ask){.tag = a.tag, .lso = large_ask(big, 1400)};
        assert_int_equal(large_send(big, 1400, &a).status, NDIS_STATUS_SUCCESS);
        for (size_t n = 0; n < 3; n++) {
            uint32_t len =
                (uint32_t)naive_segment(big->bytes, big->len, &big->sh, 1400, 15, n, segment);

            if (tci)
                expect_wire(frame, tagged(segment, len, tci, frame));
            else
                expect_wire(segment, len);
        }
        expect_nothing_more();
    }
}

/* Received frames lose their tag always, and its slot has what is enabled. */
static void receives(unsigned value)
{
    static struct packet k;
    static uint8_t frame[2000];

    for (unsigned i = 0; i < COUNT(tcis); i++) {
        unsigned tci = allowed(value, tcis[i]);
        struct path_received *r = &path.received[0];
        uint32_t len;

        arriving_packet(&k, 4, 6, 100);
        len = tagged(k.bytes, k.len, tcis[i], frame);
        path.received_count = 0;
        path_wire_write(&path, frame, len);
        assert_true(path_wait(&path, &path.received_count, 1, 5));
        assert_int_equal(r->len, k.len);
        assert_memory_equal(r->data, k.bytes, k.len);
        assert_ptr_equal(r->oob[Ieee8021QNetBufferListInfo], ask_tag(tci >> 13, tci));
    }
    path.received_count = 0;
}

/* KEY-15, KEY-16, KEY-17 */
static void test_KEY_15_16_17_each_value_of_the_keyword(void **state)
{
    UNUSED_STATE;
    for (unsigned v = 0; v < 4; v++) {
        const char *words[] = {"*PriorityVLANTag", digits[v], NULL};

        path_begin((struct path_config){.keywords = words});
        assert_int_equal(mac_options(), (v & 1 ? PRIORITY : 0) | (v & 2 ? VLAN : 0));
        sends(v);
        receives(v);
        path_end();
    }
}

/* Default 3; rubbish is the default (KEY-21). CAP-12: tagged frames are offloaded in both forms. */
static void test_KEY_15_default_is_both(void **state)
{
    static const char *const values[] = {"4", "x", "", "-1"};
    const ULONG both =
        NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q | NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB;

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(values); i++) {
        const char *words[] = {"*PriorityVLANTag", values[i], NULL};

        path_begin((struct path_config){.keywords = words});
        assert_int_equal(mac_options(), PRIORITY | VLAN);
        assert_int_equal(path.bind_offload.Checksum.IPv4Transmit.Encapsulation & both, both);
        assert_int_equal(path.bind_offload.LsoV1.IPv4.Encapsulation & both, both);
        assert_int_equal(path.bind_offload.LsoV2.IPv6.Encapsulation & both, both);
        path_end();
    }
}

/* ---- VlanId --------------------------------------------------------------------------------- */

/* Whether a frame with this tag (-1: none) is indicated. */
static bool heard(int tci)
{
    static struct packet k;
    static uint8_t frame[2000];
    uint32_t len;

    arriving_packet(&k, 4, 17, 100);
    len = tci < 0 ? k.len : tagged(k.bytes, k.len, (unsigned)tci, frame);
    path.received_count = 0;
    path_wire_write(&path, tci < 0 ? k.bytes : frame, len);
    return path_wait(&path, &path.received_count, 1, 0.1);
}

static NDIS_STATUS set_vlan(ULONG id)
{
    return path_set(&path, OID_GEN_VLAN_ID, &id, sizeof id);
}

static ULONG get_vlan(void)
{
    ULONG id = 12345;

    assert_int_equal(path_query(&path, OID_GEN_VLAN_ID, &id, sizeof id, NULL), NDIS_STATUS_SUCCESS);
    return id;
}

static void member_of(unsigned vlan)
{
    struct frame_recipe r = path_recipe(4, 6, 300);
    static uint8_t frame[2000];
    static struct packet k;

    assert_int_equal(get_vlan(), vlan);
    assert_int_equal(heard((int)vlan), true);
    assert_int_equal(heard((int)(vlan ^ 1)), !vlan);
    assert_int_equal(heard(0x6000), !vlan);
    assert_int_equal(heard(-1), !vlan);
    packet_build(&k, &r);
    assert_int_equal(path_ask(k.bytes, k.len, &(struct ask){0}).status, NDIS_STATUS_SUCCESS);
    if (vlan)
        expect_wire(frame, tagged(k.bytes, k.len, vlan, frame));
    else
        expect_wire(k.bytes, k.len);
    /* A frame that names its VLAN keeps it, in the slot and in the buffer. */
    path_ask(k.bytes, k.len, &(struct ask){.tag = ask_tag(2, 77)});
    expect_wire(frame, tagged(k.bytes, k.len, 2 << 13 | 77, frame));
    r.vlan = true;
    packet_build(&k, &r);
    path_ask(k.bytes, k.len, &(struct ask){0});
    expect_wire(k.bytes, k.len);
}

static void test_KEY_18_vlan_id(void **state)
{
    static const char *const words[] = {"VlanId", "1234", NULL};
    static const char *const off[] = {"VlanId", "1234", "*PriorityVLANTag", "1", NULL};
    static const char *const far[] = {"VlanId", "4095", NULL};
    ULONG id;

    UNUSED_STATE;
    path_begin((struct path_config){.keywords = words});
    member_of(1234);
    assert_int_equal(set_vlan(5), NDIS_STATUS_SUCCESS);
    member_of(5);
    assert_int_equal(set_vlan(4095), NDIS_STATUS_INVALID_DATA);
    assert_int_equal(path_set(&path, OID_GEN_VLAN_ID, &id, 3), NDIS_STATUS_INVALID_LENGTH);
    member_of(5);
    assert_int_equal(set_vlan(0), NDIS_STATUS_SUCCESS);
    member_of(0);
    path_end();
    path_begin((struct path_config){.keywords = off});
    assert_int_equal(set_vlan(5), NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(path_query(&path, OID_GEN_VLAN_ID, &id, sizeof id, NULL),
                     NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(heard(-1), true);
    path_end();
    path_begin((struct path_config){.keywords = far});
    member_of(0);
    path_end();
}

/* ---- Sizes ---------------------------------------------------------------------------------- */

static void test_KEY_28_the_fewest_buffers(void **state)
{
    static const char *const values[] = {"0", "1", "2", "999", "x"};
    static struct packet k;

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(values); i++) {
        const char *words[] = {"*ReceiveBuffers", values[i], "*TransmitBuffers", values[i], NULL};

        path_begin((struct path_config){.keywords = words, .mtu = i & 1 ? 9000 : 0});
        for (unsigned n = 0; n < 20; n++) {
            struct frame_recipe large = large_recipe(n & 1 ? 6 : 4, 20000);
            struct frame_recipe r = path_recipe(4, 17, 200);

            expect_large(large_packet(&large), 1400, &(struct ask){0});
            packet_build(&k, &r);
            packet_unfinish(&k);
            expect_checksummed(&k, ASK_UDP | ASK_IP, &(struct ask){0});
            arriving_packet(&k, n & 1 ? 6 : 4, 6, i & 1 ? 8000 : 1000);
            path.received_count = 0;
            path_wire_write(&path, k.bytes, k.len);
            assert_true(path_wait(&path, &path.received_count, 1, 5));
            assert_memory_equal(path.received[0].data, k.bytes, k.len);
        }
        path_end();
    }
}

/* A frame is as long as the keyword says, and no longer than the card takes. */
static void test_KEY_27_jumbo_packet(void **state)
{
    static const struct {
        const char *value;
        uint16_t card;
        uint32_t mtu;
    } rows[] = {{"1514", 9000, 1500}, {"9014", 9000, 9000}, {"4088", 9000, 4074},
                {"9014", 1500, 1500}, {"100", 9000, 1500},  {"junk", 9000, 9000}};

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(rows); i++) {
        const char *words[] = {"*JumboPacket", rows[i].value, NULL};
        struct frame_recipe r = large_recipe(4, 30000);
        uint32_t mss = rows[i].mtu - 40;

        path_begin((struct path_config){.keywords = words, .mtu = rows[i].card});
        assert_int_equal(path.bind.MtuSize, rows[i].mtu);
        expect_large(large_packet(&r), mss, &(struct ask){0});
        expect_refused(large_packet(&r), large_ask(large_packet(&r), mss + 1));
        path_end();
    }
}

int main(void)
{
    const struct CMUnitTest keywords[] = {
        cmocka_unit_test(test_KEY_15_16_17_each_value_of_the_keyword),
        cmocka_unit_test(test_KEY_15_default_is_both),
        cmocka_unit_test(test_KEY_18_vlan_id),
        cmocka_unit_test(test_KEY_28_the_fewest_buffers),
        cmocka_unit_test(test_KEY_27_jumbo_packet),
    };

    return path_run("VLAN and other keywords", keywords, COUNT(keywords), false);
}
