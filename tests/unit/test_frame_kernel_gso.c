/* SPDX-License-Identifier: MIT */
/*
 * The Linux kernel as witness: the same large send goes to frame_segment_*() and, through a TAP
 * with a virtio_net_hdr, to the kernel, which bridges it to a second TAP without TSO and so must
 * cut it itself. Both results are compared byte for byte.
 *
 * Runs in a network namespace of its own. Skips, with the reason, only where the system forbids
 * one, or forbids TAPs.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare */
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "test_frame_naive.h"

enum { MAX_SEND = 65535 + 128, MAX_SEGMENTS = 900, WAIT_MS = 2000 };

static int tap_in = -1, tap_out = -1;
static char forbidden[128];

static uint8_t whole[MAX_SEND], payload[MAX_SEND], ours[MAX_SEND], theirs[MAX_SEND];

/* ---- The kernel's side ---------------------------------------------------------------------- */

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    if (fd < 0)
        return false;
    bool done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return done;
}

static bool enter_namespace(void)
{
    unsigned uid = geteuid(), gid = getegid();
    if (unshare(CLONE_NEWNET) == 0)
        return true;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        snprintf(forbidden, sizeof(forbidden), "no network namespace: %s", strerror(errno));
        return false;
    }
    char map[64];
    snprintf(map, sizeof(map), "0 %u 1", uid);
    bool done = write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/uid_map", map);
    snprintf(map, sizeof(map), "0 %u 1", gid);
    if (done && write_file("/proc/self/gid_map", map))
        return true;
    snprintf(forbidden, sizeof(forbidden), "no user namespace: %s", strerror(errno));
    return false;
}

static int open_tap(const char *name, short extra)
{
    struct ifreq request = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | extra)};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    if (fd < 0) {
        snprintf(forbidden, sizeof(forbidden), "/dev/net/tun: %s", strerror(errno));
        return -1;
    }
    strcpy(request.ifr_name, name);
    if (ioctl(fd, TUNSETIFF, &request) == 0)
        return fd;
    print_error("%s: %s\n", name, strerror(errno));
    close(fd);
    return -1;
}

static int make_bridge(void)
{
    return system("set -e; ip link add lsbr type bridge mcast_snooping 0;"
                  "ip link set lsbr mtu 9000;"
                  "for i in lsin lsout; do ip link set $i mtu 9000 master lsbr up; done;"
                  "ip link set lsbr up");
}

static void drain(void)
{
    while (read(tap_out, theirs, sizeof(theirs)) > 0)
        continue;
}

/* Next frame that carries our source address, or 0 after the wait. The kernel has talk of its own.
 */
static size_t receive(uint8_t *frame, size_t size, int wait_ms)
{
    const uint8_t ours_mac[6] = {0x02, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5};
    struct pollfd p = {.fd = tap_out, .events = POLLIN};
    while (poll(&p, 1, wait_ms) > 0) {
        ssize_t n = read(tap_out, frame, size);
        if (n >= 14 && memcmp(frame + 6, ours_mac, 6) == 0)
            return (size_t)n;
    }
    return 0;
}

static void transmit(const struct virtio_net_hdr *header, const uint8_t *frame, size_t len)
{
    static uint8_t both[sizeof(*header) + MAX_SEND];
    memcpy(both, header, sizeof(*header));
    memcpy(both + sizeof(*header), frame, len);
    assert_int_equal(write(tap_in, both, sizeof(*header) + len), sizeof(*header) + len);
}

/* Ports of a new bridge take a moment until they forward. */
static int wait_for_bridge(void)
{
    struct frame_recipe r = naive_recipe(4);
    struct virtio_net_hdr none = {0};
    size_t len = frame_build(&r, whole, sizeof(whole));
    for (unsigned i = 0; i < 50; i++) {
        uint8_t frame[2048];
        transmit(&none, whole, len);
        if (receive(frame, sizeof(frame), 100) == len)
            return 0;
    }
    print_error("the bridge does not forward\n");
    return -1;
}

static int set_up(void **state)
{
    UNUSED_STATE;
    naive_fill(payload, sizeof(payload), 17);
    if (!enter_namespace())
        return 0; /* each test skips */
    tap_in = open_tap("lsin", IFF_VNET_HDR);
    tap_out = open_tap("lsout", 0);
    if (forbidden[0])
        return 0;
    if (tap_in < 0 || tap_out < 0 || ioctl(tap_out, TUNSETOFFLOAD, 0) != 0)
        return -1;
    return make_bridge() == 0 ? wait_for_bridge() : -1;
}

static int tear_down(void **state)
{
    UNUSED_STATE;
    close(tap_in);
    close(tap_out);
    return 0;
}

/* ---- One comparison ------------------------------------------------------------------------- */

/* The send as virtio wants it: real IP length and checksum, pseudo-header sum with length in the
 * TCP checksum field. */
static size_t build_whole(struct frame_recipe r, uint32_t payload_len)
{
    r.payload = payload;
    r.payload_len = payload_len;
    struct shape sh = naive_shape(&r);
    size_t len = frame_build(&r, whole, sizeof(whole));
    assert_int_equal(len, sh.header_len + payload_len);
    uint8_t *field = whole + sh.l4 + 16;
    naive_put(field, 2, 0);
    uint32_t all = naive_transport(whole, &sh, len, 6);
    uint32_t data = naive_sum(whole + sh.l4, len - sh.l4, 0, 0);
    naive_put(field, 2, (all + 0xffff - data) % 0xffff);
    return len;
}

static void transmit_whole(const struct frame_recipe *r, size_t len, uint16_t mss)
{
    struct shape sh = naive_shape(r);
    bool v4 = r->ip_version == 4, cut = len - sh.header_len > mss;
    uint8_t type = v4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
    struct virtio_net_hdr header = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = cut ? (uint8_t)(type | (r->tcp_flags & 0x80 ? VIRTIO_NET_HDR_GSO_ECN : 0)) : 0,
        .hdr_len = (uint16_t)sh.header_len,
        .gso_size = cut ? mss : 0,
        .csum_start = (uint16_t)sh.l4,
        .csum_offset = 16,
    };
    drain();
    transmit(&header, whole, len);
}

/* By rule: the kernel counts 16 bits; with 15 only the Identification and the header checksum may
 * differ. */
static void assert_15_bit(const struct shape *sh, const uint8_t *got, size_t len)
{
    static uint8_t expected[MAX_SEND];
    memcpy(expected, theirs, len);
    if (sh->version == 4) {
        uint8_t *ip = expected + sh->l3;
        ip[4] &= 0x7f;
        naive_put(ip + 10, 2, 0);
        naive_put(ip + 10, 2, 0xffff - naive_ip_header(expected, sh));
    }
    assert_memory_equal(got, expected, len);
}

static void compare(const struct frame_recipe *r, uint32_t payload_len, uint16_t mss)
{
    if (forbidden[0]) {
        print_message("skipped: %s\n", forbidden);
        skip();
    }
    size_t len = build_whole(*r, payload_len);
    struct shape sh = naive_shape(r);
    struct frame_span span = {whole, (uint32_t)len};
    struct frame frame = {
        .spans = &span,
        .span_count = 1,
        .len = (uint32_t)len,
        .offload = {.gso = sh.version == 4 ? FRAME_GSO_TCP4 : FRAME_GSO_TCP6, .mss = mss},
    };
    struct frame_segmenter all, low;
    assert_int_equal(frame_segment_begin(&all, &frame, FRAME_ID_16BIT), FRAME_SEGMENT_OK);
    assert_int_equal(frame_segment_begin(&low, &frame, FRAME_ID_15BIT), FRAME_SEGMENT_OK);
    assert_in_range(all.segment_count, 1, MAX_SEGMENTS);

    transmit_whole(r, len, mss);
    for (uint32_t k = 0; k < all.segment_count; k++) {
        size_t got = receive(theirs, sizeof(theirs), WAIT_MS);
        assert_int_equal(frame_segment_next_copy(&all, ours), got);
        assert_memory_equal(ours, theirs, got);
        assert_int_equal(frame_segment_next_copy(&low, ours), got);
        assert_15_bit(&sh, ours, got);
    }
    assert_int_equal(receive(theirs, sizeof(theirs), 0), 0);
}

static struct frame_recipe with(unsigned version, uint8_t flags, const uint8_t *tcp,
                                uint8_t tcp_len)
{
    struct frame_recipe r = naive_recipe(version);
    r.tcp_flags = flags;
    r.tcp_options = tcp;
    r.tcp_options_len = tcp_len;
    return r;
}

/* ---- Tests: both versions, kernel and we agree on every byte -------------------------------- */

static void sizes_and_mss(unsigned version)
{
    static const uint16_t mss[] = {88, 536, 1301, 1448, 1449, 8948};
    static const uint32_t sizes[] = {2, 1449, 2897, 5001, 9000, 28960, 64001};
    struct frame_recipe r = with(version, 0x18, naive_tcp_options_12, 12);
    for (size_t m = 0; m < COUNT(mss); m++)
        for (size_t n = 0; n < COUNT(sizes); n++)
            compare(&r, sizes[n], mss[m]);
}

static void test_kernel_agrees_ipv4_timestamps_sizes_and_mss(void **state)
{
    UNUSED_STATE;
    sizes_and_mss(4);
}

static void test_kernel_agrees_ipv6_timestamps_sizes_and_mss(void **state)
{
    UNUSED_STATE;
    sizes_and_mss(6);
}

static void test_kernel_agrees_largest_sends(void **state)
{
    UNUSED_STATE;
    struct frame_recipe r = with(4, 0x10, NULL, 0);
    compare(&r, 65535 - 40, 1460);
    r = with(6, 0x10, NULL, 0);
    compare(&r, 65535 - 20, 1440);
}

static void test_kernel_agrees_on_flags(void **state)
{
    UNUSED_STATE;
    static const uint8_t flags[] = {0x10, 0x11, 0x18, 0x19, 0x50, 0x90, 0xd0, 0xd8, 0xd9};
    for (unsigned version = 4; version <= 6; version += 2) {
        for (size_t i = 0; i < COUNT(flags); i++) {
            struct frame_recipe r = with(version, flags[i], naive_tcp_options_12, 12);
            compare(&r, 4345, 1448);
            compare(&r, 2895, 1448);
            compare(&r, 1448, 1448);
        }
    }
}

static void test_kernel_agrees_on_tcp_options(void **state)
{
    UNUSED_STATE;
    for (unsigned version = 4; version <= 6; version += 2) {
        struct frame_recipe r = with(version, 0x18, naive_tcp_options_40, 40);
        compare(&r, 10001, 1420);
        r = with(version, 0x18, NULL, 0);
        compare(&r, 10001, 1460);
    }
}

static void test_kernel_agrees_on_ipv4_options(void **state)
{
    UNUSED_STATE;
    struct frame_recipe r = with(4, 0x18, naive_tcp_options_12, 12);
    r.ip_options = naive_ip4_options_4;
    r.ip_options_len = 4;
    compare(&r, 10001, 1444);
    r.ip_options = naive_ip4_options_40;
    r.ip_options_len = 40;
    compare(&r, 10001, 1401);
}

static void test_kernel_agrees_on_ipv6_extension_headers(void **state)
{
    UNUSED_STATE;
    struct frame_recipe r = with(6, 0x18, naive_tcp_options_12, 12);
    r.ip_options = naive_ip6_ext_8;
    r.ip_options_len = 8;
    compare(&r, 10001, 1420);
    r.ip_options = naive_ip6_ext_48;
    r.ip_options_len = 48;
    compare(&r, 10001, 1381);
}

static void test_kernel_agrees_on_tagged_frames(void **state)
{
    UNUSED_STATE;
    for (unsigned version = 4; version <= 6; version += 2) {
        struct frame_recipe r = with(version, 0xd9, naive_tcp_options_12, 12);
        r.vlan = true;
        compare(&r, 10001, 1448);
    }
}

static void test_kernel_agrees_on_wrapping_numbers(void **state)
{
    UNUSED_STATE;
    for (unsigned version = 4; version <= 6; version += 2) {
        struct frame_recipe r = with(version, 0x18, naive_tcp_options_12, 12);
        r.seq = 0xfffffa00;
        r.ip_id = 0xfffe;
        compare(&r, 10001, 1448);
        r.ip_id = 0x7ffe;
        compare(&r, 10001, 1448);
    }
}

/* Payload that sums to each end of the range: both write the same one of the two zeros. */
static void test_kernel_agrees_on_checksum_edges(void **state)
{
    UNUSED_STATE;
    struct frame_recipe r = with(4, 0x10, NULL, 0);
    for (uint32_t v = 0; v < 0x10000; v += 127) {
        naive_put(payload, 2, v);
        naive_put(payload + 100, 2, v);
        r.ip_id = (uint16_t)v;
        compare(&r, 201, 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernel_agrees_ipv4_timestamps_sizes_and_mss),
        cmocka_unit_test(test_kernel_agrees_ipv6_timestamps_sizes_and_mss),
        cmocka_unit_test(test_kernel_agrees_largest_sends),
        cmocka_unit_test(test_kernel_agrees_on_flags),
        cmocka_unit_test(test_kernel_agrees_on_tcp_options),
        cmocka_unit_test(test_kernel_agrees_on_ipv4_options),
        cmocka_unit_test(test_kernel_agrees_on_ipv6_extension_headers),
        cmocka_unit_test(test_kernel_agrees_on_tagged_frames),
        cmocka_unit_test(test_kernel_agrees_on_wrapping_numbers),
        cmocka_unit_test(test_kernel_agrees_on_checksum_edges),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
