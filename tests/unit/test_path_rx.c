/* SPDX-License-Identifier: MIT */
/* Receive checksum results (RXC) through the whole path, both builds of the driver: frames. */
#include "test_path_verdict.h"

static const unsigned versions[] = {4, 6}, protocols[] = {6, 17};

#define EACH_KIND(i, version, proto)                                                               \
    for (unsigned i = 0, version = 4, proto = 6; i < 4;                                            \
         i++, version = versions[i / 2 % 2], proto = protocols[i % 2])

static void test_RXC_2_right_checksums_are_marked_succeeded(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    assert_true(path.bind_has_offload);
    assert_int_equal(path.bind_offload.Checksum.IPv4Receive.TcpChecksum, 1);
    assert_int_equal(path.bind_offload.Checksum.IPv4Receive.UdpChecksum, 1);
    assert_int_equal(path.bind_offload.Checksum.IPv6Receive.TcpChecksum, 1);
    assert_int_equal(path.bind_offload.Checksum.IPv6Receive.UdpChecksum, 1);
    EACH_KIND(i, version, proto)
    {
        for (uint32_t len = 20; len <= 1440; len += len < 40 || len >= 1430 ? 1 : 139) {
            arriving_packet(&k, version, proto, len);
            assert_int_equal(receive_packet(&k), good_bits(version, proto));
        }
    }
}

/* One's complement has two zeros: a checksum that comes out as 0 (UDP: 0xffff) is right. */
static void test_RXC_2_sum_of_zero(void **state)
{
    static struct packet k;
    uint8_t payload[40] = {0};

    UNUSED_STATE;
    EACH_KIND(i, version, proto)
    {
        struct frame_recipe r = arriving(version, proto, sizeof payload);
        uint32_t sum;

        r.payload = payload;
        packet_build(&k, &r);
        naive_put(packet_field(&k), 2, 0);
        sum = naive_transport(k.bytes, &k.sh, k.len, k.proto);
        naive_put(k.bytes + k.sh.header_len, 2, 0xffff - sum);
        if (proto == 17)
            naive_put(packet_field(&k), 2, 0xffff);
        assert_int_equal(receive_packet(&k), good_bits(version, proto));
    }
}

static void test_RXC_3_wrong_checksums_are_never_marked_succeeded(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    EACH_KIND(i, version, proto)
    {
        arriving_packet(&k, version, proto, 64);
        for (uint32_t at = (uint32_t)k.sh.l4; at < k.len; at++) {
            uint8_t bit = (uint8_t)(1u << (at % 8));

            k.bytes[at] ^= bit;
            assert_int_equal(receive_packet(&k) & good_bit(proto), 0);
            k.bytes[at] ^= bit;
        }
        for (unsigned bit = 0; bit < 16; bit++) {
            naive_put(packet_field(&k), 2, naive_get(packet_field(&k), 2) ^ 1u << bit);
            assert_int_equal(receive_packet(&k) & good_bit(proto), 0);
            naive_put(packet_field(&k), 2, naive_get(packet_field(&k), 2) ^ 1u << bit);
        }
    }
}

static void test_RXC_3_wrong_addresses_are_in_the_sum(void **state)
{
    static struct packet k, bad;

    UNUSED_STATE;
    EACH_KIND(i, version, proto)
    {
        uint32_t from = version == 4 ? 12 : 8, to = version == 4 ? 20 : 40;

        arriving_packet(&k, version, proto, 64);
        for (uint32_t at = from; at < to; at++) {
            packet_finish(&bad, &k, 0);
            bad.bytes[bad.sh.l3 + at] ^= 0x10;
            packet_finish(&bad, &bad, ASK_IP); /* only the transport is wrong */
            assert_int_equal(receive_packet(&bad) & (good_bit(proto) | IP_BAD), 0);
        }
    }
}

static void test_RXC_6_ip_and_transport_are_judged_apart(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    for (unsigned i = 0; i < 2; i++) {
        arriving_packet(&k, 4, protocols[i], 100);
        k.bytes[k.sh.l3 + 8]++; /* TTL: the IP header only */
        assert_int_equal(receive_packet(&k) & (IP_OK | TCP_BAD | UDP_BAD), 0);
        arriving_packet(&k, 4, protocols[i], 100);
        k.bytes[k.len - 1]++;
        assert_int_equal(receive_packet(&k) & (good_bit(protocols[i]) | IP_BAD), 0);
    }
}

static void test_RXC_7_ipv6_has_no_ip_result(void **state)
{
    UNUSED_STATE;
    assert_int_equal(verdict_now(6, 6), TCP_OK);
    assert_int_equal(verdict_now(6, 17), UDP_OK);
}

/* ---- Fragments, and UDP without ------------------------------------------------------- */

static void test_RXC_10_ipv4_fragments_have_no_transport_result(void **state)
{
    static const uint16_t words[] = {0x2000, 0x2001, 0x0001, 0x1fff, 0x3fff, 0x00b9};
    static struct packet k;

    UNUSED_STATE;
    for (unsigned p = 0; p < 2; p++) {
        for (unsigned i = 0; i < COUNT(words); i++) {
            arriving_packet(&k, 4, protocols[p], 200);
            naive_put(k.bytes + k.sh.l3 + 6, 2, words[i]);
            packet_finish(&k, &k, ASK_IP);
            assert_int_equal(receive_packet(&k) & (TRANSPORT | IP_BAD), 0);
        }
    }
}

static void test_RXC_10_ipv6_fragments_have_no_transport_result(void **state)
{
    static const uint16_t words[] = {0x0001, 0x0008, 0x0009, 0xfff8};
    static struct packet k;

    UNUSED_STATE;
    for (unsigned p = 0; p < 2; p++) {
        for (unsigned i = 0; i < COUNT(words); i++) {
            uint8_t header[8] = {0, 0, (uint8_t)(words[i] >> 8), (uint8_t)words[i], 1, 2, 3, 4};
            struct frame_recipe r = arriving(6, protocols[p], 200);

            r.ip_options = header;
            r.ip_options_len = sizeof header;
            r.ip_options_proto = 44;
            packet_build(&k, &r);
            assert_int_equal(receive_packet(&k), 0);
        }
    }
}

static void test_RXC_11_ipv4_udp_without_checksum_is_not_failed(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    arriving_packet(&k, 4, 17, 99);
    naive_put(packet_field(&k), 2, 0);
    assert_int_equal(receive_packet(&k) & TRANSPORT, 0); /* nor has anybody verified it */
}

static void test_RXC_12_ipv6_udp_without_checksum_is_not_succeeded(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    arriving_packet(&k, 6, 17, 99);
    naive_put(packet_field(&k), 2, 0);
    assert_int_equal(receive_packet(&k) & UDP_OK, 0);
}

/* ---- What cannot be judged (also SEC-3, SEC-6) ---------------------------------------- */

struct damage {
    unsigned version, proto;
    bool l4; /* at counts from the transport header, else from the IP header */
    uint8_t at, bytes;
    uint16_t value;
};

static void test_RXC_13_headers_that_contradict_themselves(void **state)
{
    static const struct damage damages[] = {
        {4, 6, false, 0, 1, 0x44},                           /* header of 16 bytes */
        {4, 6, false, 0, 1, 0x40},                           /* of none */
        {4, 6, false, 0, 1, 0x55},                           /* version */
        {4, 6, false, 0, 1, 0x65},                           /* IPv6 under IPv4's EtherType */
        {6, 6, false, 0, 1, 0x45},                           /* and the reverse */
        {6, 6, false, 0, 1, 0x00},   {4, 6, false, 2, 2, 0}, /* total length */
        {4, 6, false, 2, 2, 19},     {4, 6, false, 2, 2, 39},
        {4, 17, false, 2, 2, 27},    {4, 17, false, 2, 2, 0xffff},
        {4, 6, false, 9, 1, 132}, /* other transports */
        {4, 17, false, 9, 1, 1},     {6, 6, false, 6, 1, 132},
        {6, 17, false, 6, 1, 59},    {6, 6, false, 6, 1, 50},
        {6, 6, false, 4, 2, 0}, /* payload length */
        {6, 6, false, 4, 2, 19},     {6, 17, false, 4, 2, 0xffff},
        {4, 17, true, 4, 2, 7}, /* UDP length */
        {4, 17, true, 4, 2, 0xffff}, {6, 17, true, 4, 2, 0xffff},
        {6, 17, true, 4, 2, 1},
    };
    static struct packet k;

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(damages); i++) {
        const struct damage *d = &damages[i];

        arriving_packet(&k, d->version, d->proto, 30);
        naive_put(k.bytes + (d->l4 ? k.sh.l4 : k.sh.l3) + d->at, d->bytes, d->value);
        assert_int_equal(receive_packet(&k) & (TRANSPORT | (d->l4 ? 0u : (unsigned)IP_OK)), 0);
    }
}

static void test_RXC_13_frames_that_end_too_early(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    EACH_KIND(i, version, proto)
    {
        arriving_packet(&k, version, proto, 30);
        for (uint32_t len = ETH; len < k.len; len++)
            assert_int_equal(receive(k.bytes, len) & TRANSPORT, 0);
    }
}

static void test_RXC_13_extension_headers_beyond_the_frame(void **state)
{
    static const uint8_t kinds[] = {0, 43, 44, 60};
    static struct packet k;

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(kinds); i++) {
        for (unsigned len = 0; len < 256; len += 15) {
            arriving_packet(&k, 6, 6, 40);
            k.bytes[k.sh.l3 + 6] = kinds[i];
            k.bytes[k.sh.l4] = kinds[i]; /* the transport's place: a chain without end */
            k.bytes[k.sh.l4 + 1] = (uint8_t)len;
            assert_int_equal(receive_packet(&k), 0);
        }
    }
}

static void test_RXC_13_no_ip(void **state)
{
    static const uint16_t types[] = {0x0806, 0x88b5, 0x8863, 0x88cc, 0xffff, 0x0600};
    static struct packet k;

    UNUSED_STATE;
    for (unsigned i = 0; i < COUNT(types); i++) {
        arriving_packet(&k, 4, 6, 100);
        naive_put(k.bytes + 12, 2, types[i]);
        assert_int_equal(receive_packet(&k), 0);
    }
}

/* ---- Options, padding ----------------------------------------------------------------------- */

static void check_options(unsigned version, bool supported)
{
    static const struct {
        const uint8_t *bytes;
        uint8_t len;
    } four[] = {{naive_ip4_options_4, 4}, {naive_ip4_options_40, 40}};
    static const struct {
        const uint8_t *bytes;
        uint8_t len;
    } six[] = {{naive_ip6_ext_8, 8}, {naive_ip6_ext_48, 48}};
    static struct packet k;

    for (unsigned p = 0; p < 2; p++) {
        for (unsigned i = 0; i < 2; i++) {
            struct frame_recipe r = arriving(version, protocols[p], 345);
            unsigned v;

            r.ip_options = version == 4 ? four[i].bytes : six[i].bytes;
            r.ip_options_len = version == 4 ? four[i].len : six[i].len;
            packet_build(&k, &r);
            v = receive_packet(&k);
            if (supported)
                assert_int_equal(v, good_bits(version, protocols[p]));
            else
                assert_int_equal(v, 0);
            k.bytes[k.len - 1] ^= 1;
            assert_int_equal(receive_packet(&k) & TRANSPORT & ANY_OK, 0);
        }
    }
}

static void test_RXC_14_ipv4_options_as_reported(void **state)
{
    UNUSED_STATE;
    check_options(4, path.bind_offload.Checksum.IPv4Receive.IpOptionsSupported == 1);
}

static void test_RXC_14_ipv6_extension_headers_as_reported(void **state)
{
    UNUSED_STATE;
    check_options(6, path.bind_offload.Checksum.IPv6Receive.IpExtensionHeadersSupported == 1);
}

static void test_RXC_14_tcp_options_as_reported(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    for (unsigned v = 0; v < 2; v++) {
        bool supported = v == 0 ? path.bind_offload.Checksum.IPv4Receive.TcpOptionsSupported
                                : path.bind_offload.Checksum.IPv6Receive.TcpOptionsSupported;
        struct frame_recipe r = arriving(versions[v], 6, 345);

        r.tcp_options = naive_tcp_options_40;
        r.tcp_options_len = sizeof naive_tcp_options_40;
        packet_build(&k, &r);
        if (supported)
            assert_int_equal(receive_packet(&k), good_bits(versions[v], 6));
        else
            assert_int_equal(receive_packet(&k) & TRANSPORT, 0);
    }
}

static void test_RXC_15_padding_does_not_count(void **state)
{
    static struct packet k;

    UNUSED_STATE;
    for (unsigned p = 0; p < 2; p++) {
        for (uint32_t len = 0; len <= 40; len++) {
            for (unsigned v = 0; v < 2; v++) {
                arriving_packet(&k, versions[v], protocols[p], len);
                memset(k.bytes + k.len, len % 2 ? 0xa7 : 0, SHORTEST);
                k.len = k.len < SHORTEST ? SHORTEST : k.len + len % 7;
                assert_int_equal(receive_packet(&k), good_bits(versions[v], protocols[p]));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest frames[] = {
        cmocka_unit_test(test_RXC_2_right_checksums_are_marked_succeeded),
        cmocka_unit_test(test_RXC_2_sum_of_zero),
        cmocka_unit_test(test_RXC_3_wrong_checksums_are_never_marked_succeeded),
        cmocka_unit_test(test_RXC_3_wrong_addresses_are_in_the_sum),
        cmocka_unit_test(test_RXC_6_ip_and_transport_are_judged_apart),
        cmocka_unit_test(test_RXC_7_ipv6_has_no_ip_result),
        cmocka_unit_test(test_RXC_10_ipv4_fragments_have_no_transport_result),
        cmocka_unit_test(test_RXC_10_ipv6_fragments_have_no_transport_result),
        cmocka_unit_test(test_RXC_11_ipv4_udp_without_checksum_is_not_failed),
        cmocka_unit_test(test_RXC_12_ipv6_udp_without_checksum_is_not_succeeded),
        cmocka_unit_test(test_RXC_13_headers_that_contradict_themselves),
        cmocka_unit_test(test_RXC_13_frames_that_end_too_early),
        cmocka_unit_test(test_RXC_13_extension_headers_beyond_the_frame),
        cmocka_unit_test(test_RXC_13_no_ip),
        cmocka_unit_test(test_RXC_14_ipv4_options_as_reported),
        cmocka_unit_test(test_RXC_14_ipv6_extension_headers_as_reported),
        cmocka_unit_test(test_RXC_14_tcp_options_as_reported),
        cmocka_unit_test(test_RXC_15_padding_does_not_count),
        cmocka_unit_test(test_no_rule_was_broken_and_nothing_is_left),
    };

    return path_run("RXC frames", frames, COUNT(frames), true);
}
