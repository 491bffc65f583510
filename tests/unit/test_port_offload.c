/* SPDX-License-Identifier: MIT */
/* port/offload.c: virtio_net_hdr in and out, honest and hostile. */
#include "test_port_env.h"

#include <linux/virtio_net.h>

#include "port/ops.h"

#define N          VIRTIO_NET_HDR_F_NEEDS_CSUM
#define V          VIRTIO_NET_HDR_F_DATA_VALID
#define T4         VIRTIO_NET_HDR_GSO_TCPV4
#define T6         VIRTIO_NET_HDR_GSO_TCPV6
#define ECN        VIRTIO_NET_HDR_GSO_ECN
#define GSO_UDP_L4 5 /* newer than some installed headers */

enum kind { TCP4, TCP6, UDP4, UDP6, TCP4_VLAN, TCP4_OPTIONS, FRAGMENT, ARP, KINDS };

static uint8_t payload[1000];

static void make(enum kind kind, struct env_frame *f)
{
    static const uint8_t options[4] = {1, 1, 1, 0};
    struct frame_recipe r = {
        .dst_mac = {2, 0, 0, 0, 0, 1},
        .src_mac = {2, 0, 0, 0, 0, 2},
        .vlan = kind == TCP4_VLAN,
        .vlan_tci = 7,
        .ip_version = kind == TCP6 || kind == UDP6 ? 6 : 4,
        .l4_proto = kind == UDP4 || kind == UDP6 ? 17 : 6,
        .src_ip = {10, 0, 0, 1},
        .dst_ip = {10, 0, 0, 2},
        .src_port = 1000,
        .dst_port = 2000,
        .ttl = 64,
        .tcp_flags = 0x10,
        .payload = payload,
        .payload_len = sizeof payload,
    };

    if (kind == TCP4_OPTIONS) {
        r.ip_options = options;
        r.ip_options_len = sizeof options;
    }
    env_built(f, &r);
    if (kind == FRAGMENT)
        f->bytes[20] = 0x20; /* more fragments */
    if (kind == ARP)
        f->bytes[13] = 0x06;
}

struct row {
    const char *what;
    enum kind kind;
    struct virtio_net_hdr hdr;
    bool accepted;
};

/* flags, gso_type, hdr_len, gso_size, csum_start, csum_offset. TCP4 is 1054 bytes long, UDP4 1042.
 */
static const struct row rows[] = {
    {"nothing asked", TCP4, {0, 0, 0, 0, 0, 0}, true},
    {"nothing asked, other fields rubbish", TCP4, {0, 0, 9999, 9999, 9999, 9999}, true},
    {"verified", TCP4, {V, 0, 0, 0, 0, 0}, true},
    {"verified, of a frame we cannot read", ARP, {V, 0, 0, 0, 0, 0}, true},
    {"TCP checksum", TCP4, {N, 0, 0, 0, 34, 16}, true},
    {"TCP checksum over IPv6", TCP6, {N, 0, 0, 0, 54, 16}, true},
    {"UDP checksum", UDP4, {N, 0, 0, 0, 34, 6}, true},
    {"UDP checksum over IPv6", UDP6, {N, 0, 0, 0, 54, 6}, true},
    {"behind a VLAN tag", TCP4_VLAN, {N, 0, 0, 0, 38, 16}, true},
    {"behind IP options", TCP4_OPTIONS, {N, 0, 0, 0, 38, 16}, true},
    {"inner header of a tunnel", UDP4, {N, 0, 0, 0, 100, 16}, true},
    {"large send", TCP4, {N, T4, 54, 400, 34, 16}, true},
    {"large send, ECN", TCP4, {N, T4 | ECN, 54, 400, 34, 16}, true},
    {"large send, no hint", TCP4, {N, T4, 0, 400, 34, 16}, true},
    {"large send of one segment", TCP4, {N, T4, 54, 1460, 34, 16}, true},
    {"large send over IPv6", TCP6, {N, T6, 74, 400, 54, 16}, true},
    {"large send behind a VLAN tag", TCP4_VLAN, {N, T4, 58, 400, 38, 16}, true},

    {"unknown flag", TCP4, {0x80, 0, 0, 0, 0, 0}, false},
    {"coalescing info, never agreed on", TCP4, {VIRTIO_NET_HDR_F_RSC_INFO, 0, 0, 0, 2, 0}, false},
    {"checksum start in the Ethernet header", TCP4, {N, 0, 0, 0, 0, 16}, false},
    {"checksum start in the IP header", TCP4, {N, 0, 0, 0, 20, 16}, false},
    {"checksum start of an untagged frame", TCP4_VLAN, {N, 0, 0, 0, 34, 16}, false},
    {"checksum start of an optionless frame", TCP4_OPTIONS, {N, 0, 0, 0, 34, 16}, false},
    {"checksum field is another protocol's", TCP4, {N, 0, 0, 0, 34, 6}, false},
    {"checksum field is another protocol's", UDP4, {N, 0, 0, 0, 34, 16}, false},
    {"checksum field half outside", TCP4, {N, 0, 0, 0, 1053, 0}, false},
    {"checksum field wholly outside", TCP4, {N, 0, 0, 0, 34, 1020}, false},
    {"sums wrap at 16 bits", TCP4, {N, 0, 0, 0, 0xffff, 0xffff}, false},
    {"checksum of a fragment", FRAGMENT, {N, 0, 0, 0, 34, 16}, false},
    {"checksum of no IP packet", ARP, {N, 0, 0, 0, 34, 16}, false},
    {"large send without a checksum", TCP4, {0, T4, 54, 400, 34, 16}, false},
    {"large send already verified", TCP4, {V, T4, 54, 400, 34, 16}, false},
    {"large send in pieces of nothing", TCP4, {N, T4, 54, 0, 34, 16}, false},
    {"large send of the other IP version", TCP4, {N, T6, 54, 400, 34, 16}, false},
    {"large send of the other IP version", TCP6, {N, T4, 74, 400, 54, 16}, false},
    {"large send of UDP", UDP4, {N, T4, 42, 400, 34, 6}, false},
    {"large send of a fragment", FRAGMENT, {N, T4, 54, 400, 34, 16}, false},
    {"large send, inner checksum", TCP4, {N, T4, 54, 400, 80, 16}, false},
    {"headers longer than the frame", TCP4, {N, T4, 1055, 400, 34, 16}, false},
    {"UDP fragmentation, never agreed on",
     UDP4,
     {N, VIRTIO_NET_HDR_GSO_UDP, 42, 400, 34, 6},
     false},
    {"UDP segmentation, never agreed on", UDP4, {N, GSO_UDP_L4, 42, 400, 34, 6}, false},
    {"ECN of nothing", TCP4, {N, ECN, 0, 0, 34, 16}, false},
    {"unknown segmentation", TCP4, {N, 0x7f, 54, 400, 34, 16}, false},
};

static void test_each_header_is_held_against_its_frame(void **state)
{
    static struct env_frame f;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct frame_offload o;

        make(rows[i].kind, &f);
        if (port_offload_from_vnet(&rows[i].hdr, &f.frame, &o) != rows[i].accepted)
            fail_msg("row %zu (%s): %s", i, rows[i].what,
                     rows[i].accepted ? "refused" : "accepted");
    }
}

static void test_an_accepted_header_survives_the_round_trip(void **state)
{
    static struct env_frame f;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct frame_offload first, second;
        struct virtio_net_hdr hdr;

        if (!rows[i].accepted)
            continue;
        make(rows[i].kind, &f);
        assert_true(port_offload_from_vnet(&rows[i].hdr, &f.frame, &first));
        f.frame.offload = first;
        assert_true(port_offload_to_vnet(&f.frame, &hdr));
        if (rows[i].hdr.flags) {
            assert_int_equal(hdr.flags, rows[i].hdr.flags);
            assert_int_equal(hdr.gso_type, rows[i].hdr.gso_type);
            assert_int_equal(hdr.gso_size, rows[i].hdr.gso_size);
            assert_int_equal(hdr.csum_start, rows[i].hdr.csum_start);
            assert_int_equal(hdr.csum_offset, rows[i].hdr.csum_offset);
        }
        assert_true(port_offload_from_vnet(&hdr, &f.frame, &second));
        assert_memory_equal(&first, &second, sizeof first);
    }
}

static void test_the_header_length_hint_is_measured_not_believed(void **state)
{
    static struct env_frame f;
    struct virtio_net_hdr hdr = {N, T4, 20, 400, 34, 16};
    struct frame_offload o;

    (void)state;
    make(TCP4, &f);
    assert_true(port_offload_from_vnet(&hdr, &f.frame, &o));
    assert_int_equal(o.header_len, 54);
}

static void test_headers_in_one_byte_pieces_read_the_same(void **state)
{
    static struct env_frame f;
    static struct frame_span spans[2000];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct frame_offload whole, cut;
        bool accepted;

        make(rows[i].kind, &f);
        accepted = port_offload_from_vnet(&rows[i].hdr, &f.frame, &whole);
        for (uint32_t b = 0; b < f.frame.len; b++)
            spans[b] = (struct frame_span){f.bytes + b, 1};
        f.frame.spans = spans;
        f.frame.span_count = f.frame.len;
        assert_int_equal(port_offload_from_vnet(&rows[i].hdr, &f.frame, &cut), accepted);
        if (accepted)
            assert_memory_equal(&whole, &cut, sizeof whole);
    }
}

static void test_requests_the_kernel_has_no_words_for_are_refused(void **state)
{
    static struct env_frame f;
    struct virtio_net_hdr hdr;

    (void)state;
    make(TCP4, &f);
    f.frame.offload = (struct frame_offload){.flags = FRAME_IPCSUM_NEEDED};
    assert_false(port_offload_to_vnet(&f.frame, &hdr));
    f.frame.offload = (struct frame_offload){.gso = FRAME_GSO_TCP4, .mss = 100};
    assert_false(port_offload_to_vnet(&f.frame, &hdr));
    f.frame.offload = (struct frame_offload){
        .flags = FRAME_CSUM_NEEDED, .gso = FRAME_GSO_TCP4, .csum_start = 34, .csum_offset = 16};
    assert_false(port_offload_to_vnet(&f.frame, &hdr));
    f.frame.offload =
        (struct frame_offload){.flags = FRAME_CSUM_NEEDED, .csum_start = 1050, .csum_offset = 16};
    assert_false(port_offload_to_vnet(&f.frame, &hdr));
    f.frame.offload = (struct frame_offload){.flags = FRAME_CSUM_BAD | FRAME_IPCSUM_VALID};
    assert_true(port_offload_to_vnet(&f.frame, &hdr));
    assert_int_equal(hdr.flags, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_header_is_held_against_its_frame),
        cmocka_unit_test(test_an_accepted_header_survives_the_round_trip),
        cmocka_unit_test(test_the_header_length_hint_is_measured_not_believed),
        cmocka_unit_test(test_headers_in_one_byte_pieces_read_the_same),
        cmocka_unit_test(test_requests_the_kernel_has_no_words_for_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
