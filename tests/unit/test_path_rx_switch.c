/* SPDX-License-Identifier: MIT */
/* Receive checksum results (RXC) through the whole path, both builds: when there are any, and NBLs
 * used again. */
#include "test_path_verdict.h"

static const unsigned versions[] = {4, 6}, protocols[] = {6, 17};
static const size_t fields[] = {offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv4Checksum),
                                offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv4Checksum),
                                offsetof(NDIS_OFFLOAD_PARAMETERS, TCPIPv6Checksum),
                                offsetof(NDIS_OFFLOAD_PARAMETERS, UDPIPv6Checksum)};
static const char *const keywords[] = {"*TCPChecksumOffloadIPv4", "*UDPChecksumOffloadIPv4",
                                       "*TCPChecksumOffloadIPv6", "*UDPChecksumOffloadIPv6"};

enum { KINDS = 4, ALL = 0xf };

/* on: a bit for each kind, in the order of the fields. Good ones say so, bad ones never. */
static void expect_results(unsigned on)
{
    static struct packet k;

    for (unsigned i = 0; i < KINDS; i++) {
        unsigned v = verdict_now(versions[i / 2], protocols[i % 2]);

        assert_int_equal(v & TRANSPORT, on >> i & 1 ? good_bit(protocols[i % 2]) : 0);
        arriving_packet(&k, versions[i / 2], protocols[i % 2], 77);
        k.bytes[k.len - 1] ^= 0x40;
        v = receive_packet(&k);
        assert_int_equal(v & ANY_OK & TRANSPORT, 0);
        if (!(on >> i & 1))
            assert_int_equal(v & TRANSPORT, 0);
    }
}

static void parameter(unsigned kind, UCHAR value)
{
    assert_int_equal(path_parameter(&path, fields[kind], value), NDIS_STATUS_SUCCESS);
}

static void encapsulation(ULONG four, ULONG six)
{
    assert_int_equal(path_activate(&path, four, six), NDIS_STATUS_SUCCESS);
}

static void test_RXC_1_no_result_before_activation(void **state)
{
    const ULONG on = NDIS_OFFLOAD_SET_ON, same = NDIS_OFFLOAD_SET_NO_CHANGE;

    UNUSED_STATE;
    path_begin((struct path_config){.no_activate = true});
    for (unsigned i = 0; i < KINDS; i++)
        assert_int_equal(verdict_now(versions[i / 2], protocols[i % 2]), 0);
    expect_results(0);
    encapsulation(on, same);
    expect_results(0x3);
    encapsulation(same, on);
    expect_results(ALL);
    path_end();
}

static void test_RXC_1_only_ipv6_is_activated(void **state)
{
    UNUSED_STATE;
    path_begin((struct path_config){.no_activate = true});
    encapsulation(NDIS_OFFLOAD_SET_NO_CHANGE, NDIS_OFFLOAD_SET_ON);
    expect_results(0xc);
    path_end();
}

static void test_RXC_5_a_card_without_receive_checksums(void **state)
{
    UNUSED_STATE;
    path_begin((struct path_config){.withhold = "guest_csum"});
    assert_int_equal(path.bind_offload.Checksum.IPv4Receive.TcpChecksum, 0);
    assert_int_equal(path.bind_offload.Checksum.IPv6Receive.UdpChecksum, 0);
    for (unsigned i = 0; i < KINDS; i++)
        assert_int_equal(verdict_now(versions[i / 2], protocols[i % 2]), 0);
    expect_results(0);
    path_end();
}

static void test_RXC_8_each_kind_by_its_own_parameter(void **state)
{
    UNUSED_STATE;
    path_begin((struct path_config){0});
    for (unsigned i = 0; i < KINDS; i++) {
        parameter(i, NDIS_OFFLOAD_PARAMETERS_TX_ENABLED_RX_DISABLED);
        expect_results(ALL & ~(1u << i));
        parameter(i, NDIS_OFFLOAD_PARAMETERS_RX_ENABLED_TX_DISABLED);
        expect_results(ALL);
        parameter(i, NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED);
        expect_results(ALL & ~(1u << i)); /* RXC-9 */
        parameter(i, NDIS_OFFLOAD_PARAMETERS_TX_RX_ENABLED);
        expect_results(ALL);
    }
    path_end();
}

static void test_RXC_8_each_kind_by_its_own_keyword(void **state)
{
    UNUSED_STATE;
    for (unsigned i = 0; i < KINDS; i++) {
        const char *off[] = {keywords[i], "1", NULL}; /* transmit only */

        path_begin((struct path_config){.keywords = off});
        expect_results(ALL & ~(1u << i));
        path_end();
    }
}

static void test_RXC_9_no_result_after_encapsulation_is_set_off(void **state)
{
    const ULONG on = NDIS_OFFLOAD_SET_ON, off = NDIS_OFFLOAD_SET_OFF,
                same = NDIS_OFFLOAD_SET_NO_CHANGE;

    UNUSED_STATE;
    path_begin((struct path_config){0});
    expect_results(ALL);
    encapsulation(off, same);
    expect_results(0xc);
    encapsulation(on, off);
    expect_results(0x3);
    encapsulation(off, off);
    expect_results(0);
    encapsulation(on, on);
    expect_results(ALL);
    path_end();
}

/* A configured kind stays silent while its family is off, and an active one obeys at once. */
static void test_RXC_9_both_gates_together(void **state)
{
    UNUSED_STATE;
    path_begin((struct path_config){.no_activate = true});
    parameter(0, NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED);
    expect_results(0);
    encapsulation(NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_ON);
    expect_results(0xe);
    parameter(0, NDIS_OFFLOAD_PARAMETERS_TX_RX_ENABLED);
    expect_results(ALL);
    path_end();
}

/* ---- Frames over several buffers, NBLs used again ------------------------------------- */

static void test_RXC_16_large_frames_come_whole(void **state)
{
    static const uint32_t sizes[] = {1900, 1995, 1996, 1997, 3001, 4070, 8000, 8930};
    static struct packet k;

    UNUSED_STATE;
    path_begin((struct path_config){.mtu = 9000});
    for (unsigned i = 0; i < COUNT(sizes) * KINDS; i++) {
        unsigned version = versions[i / 2 % 2], proto = protocols[i % 2];

        arriving_packet(&k, version, proto, sizes[i / KINDS]);
        assert_int_equal(receive_packet(&k), good_bits(version, proto));
        k.bytes[k.len - 1] ^= 1;
        assert_int_equal(receive_packet(&k) & good_bit(proto), 0);
    }
    path_end();
}

/* Frame number i of a sequence in which neighbours differ; the bits that it may and must have. */
static unsigned varied(struct packet *k, unsigned i, unsigned *may)
{
    unsigned version = versions[i / 3 % 2], proto = protocols[i % 2], must;

    arriving_packet(k, version, proto, 30 + i % 100);
    if (i % 5 == 1) {
        k->bytes[k->len - 1] ^= 0x20;
        *may = good_bits(version, proto) & IP_OK; /* that header is right */
        must = *may;
        *may |= ANY_BAD & ~(unsigned)IP_BAD;
        return must;
    }
    if (i % 5 == 3) {
        naive_put(k->bytes + 12, 2, 0x88b5);
        return *may = 0;
    }
    return *may = good_bits(version, proto);
}

static void test_RXC_19_no_result_of_an_earlier_frame(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    path_begin((struct path_config){0});
    for (unsigned i = 0; i < 1500; i++) {
        unsigned may, must = varied(&k, i, &may), v = receive_packet(&k);

        assert_int_equal(v & must, must);
        assert_int_equal(v & ~may, 0);
    }
    path_end();
}

/* The same with frames held and given back in bulk, so that they come back in another order. */
static void test_RXC_19_held_nbls(void **state)
{
    enum { BULK = 120, ROUNDS = 6 };
    static struct packet k;

    UNUSED_STATE;
    path_begin((struct path_config){0});
    path.hold_receives = true;
    for (unsigned round = 0; round < ROUNDS; round++) {
        path.received_count = 0;
        for (unsigned i = 0; i < BULK; i++) {
            unsigned may;

            varied(&k, i + round, &may);
            path_wire_write(&path, k.bytes, k.len);
        }
        assert_true(path_wait(&path, &path.received_count, BULK, 5));
        for (unsigned i = 0; i < BULK; i++) {
            unsigned may, must = varied(&k, i + round, &may);
            unsigned v = judge_slot(&path.received[i], k.bytes, k.len);

            assert_int_equal(v & must, must);
            assert_int_equal(v & ~may, 0);
        }
        path_return_held(&path);
    }
    path.hold_receives = false;
    path_end();
}

/* All slots but checksum and frame type are zero on an untagged frame, whatever came before. */
static void test_RXC_19_other_slots_are_clean(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    path_begin((struct path_config){0});
    for (unsigned i = 0; i < 600; i++) {
        struct frame_recipe r = arriving(4, 6, 50);

        r.vlan = i % 3 == 1; /* a buffer that had a tag is next used without */
        r.vlan_tci = 0xe001;
        packet_build(&k, &r);
        path.received_count = 0;
        path_wire_write(&path, k.bytes, k.len);
        assert_true(path_wait(&path, &path.received_count, 1, 5));
        for (unsigned slot = 0; !r.vlan && slot < MaxNetBufferListInfo; slot++) {
            if (slot != TcpIpChecksumNetBufferListInfo && slot != NetBufferListFrameType)
                assert_int_equal(path.received[0].oob[slot], 0);
        }
    }
    path_end();
}

int main(void)
{
    const struct CMUnitTest switched[] = {
        cmocka_unit_test(test_RXC_1_no_result_before_activation),
        cmocka_unit_test(test_RXC_1_only_ipv6_is_activated),
        cmocka_unit_test(test_RXC_5_a_card_without_receive_checksums),
        cmocka_unit_test(test_RXC_8_each_kind_by_its_own_parameter),
        cmocka_unit_test(test_RXC_8_each_kind_by_its_own_keyword),
        cmocka_unit_test(test_RXC_9_no_result_after_encapsulation_is_set_off),
        cmocka_unit_test(test_RXC_9_both_gates_together),
        cmocka_unit_test(test_RXC_16_large_frames_come_whole),
        cmocka_unit_test(test_RXC_19_no_result_of_an_earlier_frame),
        cmocka_unit_test(test_RXC_19_held_nbls),
        cmocka_unit_test(test_RXC_19_other_slots_are_clean),
    };

    return path_run("RXC switched", switched, COUNT(switched), false);
}
